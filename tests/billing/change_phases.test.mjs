// What a change at the end of the period says to Stripe: a phase describes the subscription completely, so whatever is left out of it ends
// with the phase before: a discount, a tax rate, an item that was added by hand.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Testbed } from './testbed.mjs'

let bed, fake, ops

before(async () => {
    bed = await Testbed.open()
    ;({ fake, ops } = bed)
})
beforeEach(() => bed.reset())
after(() => bed?.close())

const apply = (tenant, plan) => ops.call({ op: 'apply', tenant, plan, proration: fake.now() * 1000 })
const sentTo = path => fake.requests.filter(r => r.method === 'POST' && path.test(r.path))
const form = request => Object.fromEntries(new URLSearchParams(String(request.body)))
const PHASES = /^\/v1\/subscription_schedules\/[^/]+$/, RELEASE = /^\/v1\/subscription_schedules\/[^/]+\/release$/

/** Plans a change while Stripe shows the schedule of the subscription as `how` spoils it; returns the answer and what was sent. */
async function planned(tenant, plan, how) {
    const from = fake.requests.length
    fake.control.distort('subscription_schedule', how)
    try {
        const done = await apply(tenant, plan)
        const sent = path => sentTo(path).filter(r => fake.requests.indexOf(r) >= from)
        return { done, phases: sent(PHASES).map(form), releases: sent(RELEASE) }
    } finally {
        fake.control.distort('subscription_schedule', null)
    }
}

test('both phases repeat the discounts and taxes of the subscription', async () => {
    const coupon = await bed.sdk('POST', '/v1/coupons', { percent_off: 10, duration: 'forever' })
    const code = await bed.sdk('POST', '/v1/promotion_codes', { 'promotion[type]': 'coupon', 'promotion[coupon]': coupon.id, code: `PHASES${fake.requests.length}` })
    const tenant = await bed.buyer('professional'), [sub] = bed.subscriptions(tenant)
    const { current_period_start: start, current_period_end: end } = sub.items.data[0]
    const { done, phases: [sent] } = await planned(tenant, 'starter', shown => {
        shown.phases[0].discounts = [
            { coupon: null, discount: null, promotion_code: code.id },
            { coupon: null, discount: null, promotion_code: null },
            { coupon: { id: coupon.id, object: 'coupon' }, discount: null, promotion_code: null },
        ]
        shown.phases[0].automatic_tax = { enabled: true, liability: { type: 'self' } }
        shown.phases[0].default_tax_rates = [{ id: 'txr_one', object: 'tax_rate' }, 'txr_two']
        shown.phases[0].trial_end = start + 60
    })
    assert.equal(done.ok, true, done.message)
    const both = n => ({
        [`phases[${n}][discounts][0][promotion_code]`]: code.id,
        [`phases[${n}][discounts][2][coupon]`]: coupon.id,
        [`phases[${n}][automatic_tax][enabled]`]: 'true',
        [`phases[${n}][default_tax_rates][0]`]: 'txr_one',
        [`phases[${n}][default_tax_rates][1]`]: 'txr_two',
    })
    const items = (n, plan) => Object.fromEntries(sub.items.data.flatMap((item, i) => {
        const role = item.price.metadata.role
        return [[`phases[${n}][items][${i}][price]`, bed.price(plan, role).id], ...role === 'base' ? [[`phases[${n}][items][${i}][quantity]`, '1']] : []]
    }))
    assert.deepEqual(sent, {
        end_behavior: 'release',
        'phases[0][start_date]': `${start}`,
        'phases[0][end_date]': `${end}`,
        'phases[0][trial_end]': `${start + 60}`,
        'phases[0][proration_behavior]': 'none',
        ...items(0, 'professional'), ...both(0),
        'phases[1][duration][interval]': 'month',
        'phases[1][duration][interval_count]': '1',
        'phases[1][proration_behavior]': 'create_prorations',
        ...items(1, 'starter'), ...both(1),
        'phases[1][metadata][plan_terms]': bed.price('starter', 'base').metadata.plan_terms,
    })
})

test('without discount, tax or trial the phases mention none; automatic tax that is off stays off', async () => {
    const plain = await planned(await bed.buyer('professional'), 'starter', () => {})
    assert.deepEqual(Object.keys(plain.phases[0]).filter(name => /discount|tax|trial/.test(name)), [])
    const off = await planned(await bed.buyer('professional'), 'starter', shown => { shown.phases[0].automatic_tax = { enabled: false, liability: null } })
    assert.deepEqual([0, 1].map(n => off.phases[0][`phases[${n}][automatic_tax][enabled]`]), ['false', 'false'])
})

test('the phase that Stripe calls the current one is repeated, wherever it is in the list', async () => {
    const tenant = await bed.buyer('professional'), [sub] = bed.subscriptions(tenant)
    const { current_period_start: start } = sub.items.data[0]
    const { done, phases: [sent] } = await planned(tenant, 'starter', shown => {
        shown.phases.unshift({ ...structuredClone(shown.phases[0]), start_date: start - 86400, end_date: start })
    })
    assert.equal(done.ok, true, done.message)
    assert.equal(sent['phases[0][start_date]'], `${start}`)
})

test('items that were added by hand stay in both phases: with their quantity, and a metered one without', async () => {
    const tenant = await bed.buyer('professional')
    const extra = await bed.sdk('POST', '/v1/prices', { product: 'parley_starter', currency: 'usd', unit_amount: 500, 'recurring[interval]': 'month' })
    const metered = bed.price('enterprise', 'usage').id
    const { done, phases: [sent] } = await planned(tenant, 'starter', shown => { shown.phases[0].items.push({ price: extra.id, quantity: 3 }, { price: metered }) })
    assert.equal(done.ok, true, done.message)
    const item = (n, i) => [sent[`phases[${n}][items][${i}][price]`], sent[`phases[${n}][items][${i}][quantity]`]]
    for (const n of [0, 1]) assert.deepEqual([item(n, 2), item(n, 3)], [[extra.id, '3'], [metered, undefined]])
})

test('a schedule in which an item is missing or doubled is let go, and nothing is planned', async () => {
    const tenant = await bed.buyer('professional')
    const base = bed.price('professional', 'base').id, usage = bed.price('professional', 'usage').id
    const of = price => item => item.price === price
    for (const [what, spoiled] of [
        ['no base item', items => items.filter(item => item.price !== base)],
        ['no usage item', items => items.filter(item => item.price !== usage)],
        ['two base items', items => [...items, items.find(of(base))]],
        ['two usage items', items => [...items, items.find(of(usage))]],
        ['two base items, no usage item', items => items.map(() => items.find(of(base)))],
    ]) {
        const { done, phases, releases } = await planned(tenant, 'starter', shown => { shown.phases[0].items = spoiled(shown.phases[0].items) })
        assert.equal(done.code, 'unknown_price', what)
        assert.deepEqual(phases, [], what)
        assert.equal(releases.length, 1, what)
        assert.equal(bed.subscriptions(tenant)[0].schedule, null, what)
    }
    const states = await bed.rows(tenant, 'SELECT kind, state FROM plan_change WHERE tenant_id = ?')
    assert.deepEqual(new Set(states.map(row => `${row.kind} ${row.state}`)), new Set(['downgrade failed']))
})

test('a preview of more lines than fit sums up the last ones, and still adds up', async () => {
    const tenant = await bed.buyer('starter'), [sub] = bed.subscriptions(tenant)
    const base = sub.items.data.find(item => item.price.metadata.role === 'base')
    await bed.tick(86400)
    const previewed = async () => {
        const shown = await ops.call({ op: 'preview', tenant, plan: 'professional' })
        assert.equal(shown.ok, true, shown.message)
        assert.equal(shown.lines.reduce((sum, line) => sum + line.amount, 0), shown.due)
        return shown.lines
    }
    const few = (await previewed()).length
    for (let quantity = 2; few + 2 * (quantity - 1) <= 20; quantity++) await bed.sdk('POST', `/v1/subscriptions/${sub.id}`, { 'items[0][id]': base.id, 'items[0][quantity]': `${quantity}` })
    const full = await previewed()
    assert.ok(full.length >= 19 && full.every(line => line.words !== '...'), `${full.length} lines, all of them in words`)
    for (const quantity of [20, 1, 21]) await bed.sdk('POST', `/v1/subscriptions/${sub.id}`, { 'items[0][id]': base.id, 'items[0][quantity]': `${quantity}` })
    const over = await previewed()
    assert.equal(over.length, 20)
    assert.deepEqual(over.map(line => line.words === '...'), [...Array(19).fill(false), true])
})
