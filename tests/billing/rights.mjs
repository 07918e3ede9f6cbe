// The rights that a restricted Stripe key needs according to parley(8); the suites give their keys no more.
import fs from 'node:fs'

export const RIGHTS = [...fs.readFileSync(new URL('../../man/parley.8.in', import.meta.url), 'utf8').matchAll(/^\.BR? "?([a-z_]+)_(read|write)"?$/gm)]
    .map(m => `${m[1]}_${m[2]}`)
