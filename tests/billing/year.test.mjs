// After a year of tenants with random faults on both sides all accounts agree to the last unit. The suite runs some months of a few
// tenants with one seed; `./dev year` runs 200 tenants for 365 days with a new seed.
//   SEED=7 YEAR_TENANTS=200 YEAR_DAYS=365 node --test tests/billing/year.test.mjs      the same year again
// Runs for about 40 s.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DAY, Year } from './year.mjs'

const seed = Number(process.env.SEED ?? 7)
const tenants = Number(process.env.YEAR_TENANTS ?? 40)
const days = Number(process.env.YEAR_DAYS ?? 122)
const year = new Year({ seed, tenants, start: Date.UTC(2027, 2, 1, 9, 30) / 1000 }) // the 29th of February is in it

before(async () => {
    process.stdout.write(`# year: SEED=${seed}\n`)
    await year.open()
})
after(async () => {
    process.stdout.write(`# year: ${JSON.stringify(year.summary())}\n`)
    await year.close()
})

test('ledger, counters, meter and invoices agree, mirrors equal Stripe, and every tenant has exactly its rights', async () => {
    const end = year.start + days * DAY
    for (let month = 1; year.now < end; month++) {
        year.faults(true)
        const until = Math.min(end, year.start + month * 61 * DAY)
        while (year.now < until) await year.step(DAY / 2 + year.random.below(DAY))
        await year.heal()
        await year.audit()
    }
    assert.deepEqual(year.fake.violations, [], 'every request fitted the types of the API')
    assert.deepEqual(year.fake.broken, [])
    assert.ok(year.granted > 0 && year.crashes > 0 && year.billed > 0 && year.overage > 0, 'conversations were granted and billed, and the driver was killed')
})
