// For ./dev mutate: after the first failure of a test file the rest of it is not run. Hooks that clean up still run.
import { afterEach, beforeEach } from 'node:test'

let failed = false
beforeEach(() => { if (failed) throw new Error('an earlier test has failed') })
afterEach(t => { failed ||= !t.passed })
