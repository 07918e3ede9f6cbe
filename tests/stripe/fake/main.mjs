// The fake as a program: node tests/stripe/fake/main.mjs [--port N] [--now SECONDS] [--seed N] [--deliver manual]
// It prints {"url", "port", "seed", "version"} and stays. Its knobs: POST /_control/<name> (control.mjs).
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { pinnedVersion, startFake } from './index.mjs'

const usage = 'node tests/stripe/fake/main.mjs [--port N] [--now SECONDS] [--seed N] [--deliver manual] [--any-version]'
const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' }, port: { type: 'string' }, now: { type: 'string' }, seed: { type: 'string' }, deliver: { type: 'string' }, 'any-version': { type: 'boolean' } } })
if (values.help) {
    console.log(usage)
    process.exit(0)
}
const number = text => (text === undefined ? undefined : Number(text))
const fake = await startFake({
    port: number(values.port) ?? 0,
    now: number(values.now),
    seed: number(values.seed) ?? randomInt(1, 2 ** 31), // another one each time: an install must not meet old ids again
    deliver: values.deliver ?? 'auto',
    policy: { anyVersion: Boolean(values['any-version']) },
})
console.log(JSON.stringify({ url: fake.url, port: fake.port, seed: fake.seed, version: pinnedVersion }))
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => fake.stop().then(() => process.exit(0)))
