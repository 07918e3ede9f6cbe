// What a restricted key of Stripe's has to be allowed, as parley(8) says it: the suites give their keys no more than that.
import fs from 'node:fs'

export const RIGHTS = [...fs.readFileSync(new URL('../../man/parley.8.in', import.meta.url), 'utf8').matchAll(/^\.BR? "?([a-z_]+)_(read|write)"?$/gm)]
    .map(m => `${m[1]}_${m[2]}`)
