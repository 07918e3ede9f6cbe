// Plan changes, driven through the C library against the fake Stripe: what they cost, when they take effect, how they are undone.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { until } from '../lib/install.mjs'
import { Testbed } from './testbed.mjs'

const DAY = 86400

let bed, fake, ops

before(async () => {
    bed = await Testbed.open()
    ;({ fake, ops } = bed)
})
beforeEach(() => bed.reset())
after(() => bed?.close())

const preview = async (tenant, plan) => {
    const shown = await ops.call({ op: 'preview', tenant, plan })
    assert.equal(shown.ok, true, `${shown.code}: ${shown.message}`)
    return shown
}
const apply = (tenant, plan, more = {}) => ops.call({ op: 'apply', tenant, plan, ...more })
async function change(tenant, plan, more = {}) {
    const done = await apply(tenant, plan, { proration: (await preview(tenant, plan)).proration, ...more })
    assert.equal(done.ok, true, `${done.code}: ${done.message}`)
}
const items = sub => Object.fromEntries(sub.items.data.map(i => [i.price.metadata.role, `${i.price.metadata.plan}${i.quantity ?? ''}`]))
const now = async tenant => bed.pick(await bed.state(tenant), 'plan', 'state')
const changes = tenant => bed.rows(tenant, 'SELECT kind, state FROM plan_change WHERE tenant_id = ? ORDER BY plan_change_id')

test('an upgrade is previewed, paid and applied immediately to both items', async () => {
    const tenant = await bed.buyer('starter')
    await bed.tick(10 * DAY)
    const shown = await preview(tenant, 'professional')
    assert.deepEqual(bed.pick(shown, 'kind', 'from', 'to', 'currency', 'next'), { kind: 'upgrade', from: 'starter', to: 'professional', currency: 'USD', next: 19900 })
    assert.ok(shown.due > 5000 && shown.due < 15000, `${shown.due}`)
    assert.equal(shown.lines.reduce((sum, l) => sum + l.amount, 0), shown.due)
    assert.ok(shown.lines.every(l => l.words.length))
    await bed.tick(1800) // half an hour later it still costs the amount shown
    const done = await apply(tenant, 'professional', { proration: shown.proration })
    assert.equal(done.ok, true, done.message)
    const [sub] = bed.subscriptions(tenant)
    assert.deepEqual(items(sub), { base: 'professional1', usage: 'professional' })
    assert.equal(sub.items.data.length, 2)
    const invoice = fake.get(sub.latest_invoice)
    assert.deepEqual([invoice.status, invoice.amount_paid], ['paid', shown.due])
    assert.deepEqual(await now(tenant), { plan: 'professional', state: 'live' })
    assert.deepEqual(await changes(tenant), [{ kind: 'upgrade', state: 'done' }])
    const [audit] = await bed.rows(tenant, "SELECT detail FROM audit WHERE tenant_id = ? AND what = 'billing.upgrade'")
    assert.deepEqual(JSON.parse(audit.detail), { subscription: sub.id, outcome: 'done', from: 'starter', to: 'professional' })
    assert.equal((await apply(tenant, 'professional')).code, 'same_plan')
})

test('an upgrade whose card fails changes nothing until its invoice is paid', async () => {
    const tenant = await bed.buyer('starter')
    const [customer] = bed.customers(tenant)
    await bed.tick(DAY)
    fake.control.card(customer.id, 'fail')
    const needed = await apply(tenant, 'professional', { proration: (await preview(tenant, 'professional')).proration })
    assert.equal(needed.code, 'payment_needed')
    assert.equal(needed.status, 'plan_limit')
    const [sub] = bed.subscriptions(tenant)
    assert.equal(needed.url, fake.get(sub.latest_invoice).hosted_invoice_url)
    assert.ok(sub.pending_update)
    assert.deepEqual(items(sub), { base: 'starter1', usage: 'starter' })
    assert.deepEqual(await now(tenant), { plan: 'starter', state: 'live' })
    const again = await apply(tenant, 'enterprise', { proration: fake.now() * 1000 + 1 })
    assert.equal(again.code, 'payment_needed', 'one at a time')
    assert.equal(again.url, needed.url)
    fake.control.card(customer.id, 'ok')
    await bed.sdk('POST', `/v1/invoices/${sub.latest_invoice}/pay`, {})
    await bed.refreshAll(tenant)
    assert.deepEqual(await now(tenant), { plan: 'professional', state: 'live' })
    assert.deepEqual(items(bed.subscriptions(tenant)[0]), { base: 'professional1', usage: 'professional' })
})

test('an unpaid upgrade expires or can be undone', async () => {
    for (const back of ['expire', 'undo']) {
        const tenant = await bed.buyer('starter')
        fake.control.card(bed.customers(tenant)[0].id, '3ds')
        assert.equal((await apply(tenant, 'professional', { proration: (await preview(tenant, 'professional')).proration })).code, 'payment_needed')
        const [{ latest_invoice: invoice }] = bed.subscriptions(tenant)
        if (back === 'expire') await bed.tick(24 * 3600)
        else assert.equal((await ops.call({ op: 'undo', tenant })).ok, true)
        await bed.refreshAll(tenant)
        const [sub] = bed.subscriptions(tenant)
        assert.equal(sub.pending_update, null, back)
        assert.equal(fake.get(invoice).status, 'void', back)
        assert.deepEqual(await now(tenant), { plan: 'starter', state: 'live' })
        fake.control.card(bed.customers(tenant)[0].id, 'ok')
        await change(tenant, 'professional')
        assert.deepEqual(await now(tenant), { plan: 'professional', state: 'live' })
    }
})

test('a waiting upgrade ends with its period; undoing it then leaves the renewal unchanged', async () => {
    const tenant = await bed.buyer('starter')
    const [{ items: { data: [{ current_period_end: end }] } }] = bed.subscriptions(tenant), [customer] = bed.customers(tenant)
    await bed.tick(end - fake.now() - 3600)
    fake.control.card(customer.id, 'fail')
    assert.equal((await apply(tenant, 'professional', { proration: (await preview(tenant, 'professional')).proration })).code, 'payment_needed')
    await bed.tick(3 * 3600)
    const invoices = () => Object.fromEntries(fake.all('invoice').filter(i => i.customer === customer.id).map(i => [i.billing_reason, i.status]))
    const ended = { subscription_create: 'paid', subscription_update: 'void', subscription_cycle: 'open' }
    assert.deepEqual(invoices(), ended, 'Stripe voids the invoice of the upgrade at the end of the period')
    assert.equal((await ops.call({ op: 'undo', tenant })).code, 'nothing_planned')
    assert.deepEqual(invoices(), ended)
    const [sub] = bed.subscriptions(tenant)
    assert.deepEqual([sub.status, sub.pending_update], ['past_due', null])
    assert.deepEqual(await now(tenant), { plan: 'starter', state: 'grace' })
})

test('a forged proration time that would lower the price is refused', async () => {
    const tenant = await bed.buyer('starter')
    await bed.tick(DAY)
    const at = fake.now() * 1000
    for (const proration of [at + 3600_000 - 1000, at + 61_000, at - 3601_000, 0, Number.MAX_SAFE_INTEGER])
        assert.equal((await apply(tenant, 'professional', { proration })).code, 'preview_old', `${proration}`)
    assert.equal((await apply(tenant, 'professional', { proration: at + 59_000 })).ok, true, 'clocks of two hosts may differ')
})

test('after an unpaid upgrade the next invoice has all conversations of the period, also those within the plan', async () => {
    for (const card of ['fail', '3ds']) {
        const tenant = await bed.buyer('starter')
        const [sub] = bed.subscriptions(tenant)
        await bed.tick(10 * DAY)
        await bed.usage(tenant, sub, 9000)
        fake.control.card(sub.customer, card)
        const refused = await apply(tenant, 'professional', { proration: (await preview(tenant, 'professional')).proration })
        assert.equal(refused.status, 'plan_limit', refused.message)
        assert.match(refused.code, /^stripe_card_/)
        assert.match(refused.message, /Use another card/, 'the message says what to do')
        assert.deepEqual(fake.all('invoice').filter(i => i.customer === sub.customer).map(i => i.billing_reason), ['subscription_create'], 'no invoice is given up with usage on it')
        assert.deepEqual(await now(tenant), { plan: 'starter', state: 'live' })
        await bed.sdk('POST', '/v1/billing/meter_events', { event_name: 'parley_conversation', 'payload[stripe_customer_id]': sub.customer, 'payload[value]': '3000', identifier: tenant })
        await bed.tick(22 * DAY)
        const renewal = fake.all('invoice').findLast(i => i.customer === sub.customer)
        assert.deepEqual(renewal.lines.data.filter(l => l.pricing.price_details.price === bed.price('starter', 'usage').id).map(l => l.quantity), [10000, 2000], '12,000 conversations, 2,000 of them beyond the plan')
    }
})

test('an upgrade with unbilled overage is either paid or not made at all', async () => {
    const tenant = await bed.buyer('starter')
    const [sub] = bed.subscriptions(tenant)
    await bed.usage(tenant, sub, 10100)
    fake.control.card(sub.customer, 'fail')
    const { proration } = await preview(tenant, 'professional')
    const refused = await apply(tenant, 'professional', { proration })
    assert.equal(refused.code, 'stripe_card_declined', refused.message)
    assert.equal(bed.subscriptions(tenant)[0].pending_update, null, 'no invoice holds the usage and is given up later')
    assert.deepEqual(items(bed.subscriptions(tenant)[0]), { base: 'starter1', usage: 'starter' })
    fake.control.card(sub.customer, 'ok')
    assert.equal((await apply(tenant, 'professional', { proration })).ok, true)
    assert.deepEqual(await now(tenant), { plan: 'professional', state: 'live' })
})

test('an upgrade bills the old plan\'s overage at its price, including usage not yet sent; then the new plan applies', async () => {
    const tenant = await bed.buyer('starter')
    const [sub] = bed.subscriptions(tenant)
    await bed.tick(10 * DAY)
    await bed.usage(tenant, sub, 10100)
    await change(tenant, 'professional')
    const [after] = bed.subscriptions(tenant), lines = fake.get(after.latest_invoice).lines.data
    assert.deepEqual(lines.filter(l => l.pricing.price_details.price === bed.price('starter', 'usage').id).map(l => [l.quantity, l.amount]), [[10000, 0], [100, 49]])
    assert.equal(fake.get(after.latest_invoice).status, 'paid')
    const [{ used, reported }] = await bed.rows(tenant, 'SELECT used, reported FROM usage_counter WHERE tenant_id = ?')
    assert.deepEqual([used, reported], ['10100', '10100'])
    const state = await ops.call({ op: 'usage', tenant })
    assert.deepEqual([state.used, state.included], [10100, 50000], 'usage is not reset')
    await bed.sdk('POST', '/v1/billing/meter_events', { event_name: 'parley_conversation', 'payload[stripe_customer_id]': sub.customer, 'payload[value]': '300', identifier: tenant })
    await bed.tick(22 * DAY)
    const renewal = fake.all('invoice').findLast(i => i.customer === sub.customer)
    assert.deepEqual([renewal.billing_reason, renewal.total], ['subscription_cycle', 19900], '300 of 50,000, none of them twice')
})

test('an upgrade is refused when pending usage cannot reach the meter first', async () => {
    const tenant = await bed.buyer('starter')
    const [sub] = bed.subscriptions(tenant)
    await bed.usage(tenant, sub, 10100)
    const { proration } = await preview(tenant, 'professional')
    fake.faults.add({ kind: 'dropBefore', method: 'POST', path: '/v1/billing/meter_events', times: 9 })
    assert.equal((await apply(tenant, 'professional', { proration })).code, 'meter_unsent')
    assert.deepEqual(items(bed.subscriptions(tenant)[0]), { base: 'starter1', usage: 'starter' })
    assert.deepEqual(await changes(tenant), [])
})

test('a downgrade takes effect at the end of the paid period', async () => {
    const tenant = await bed.buyer('professional')
    const bots = await bed.bots(tenant, 7)
    const shown = await preview(tenant, 'starter')
    assert.deepEqual(bed.pick(shown, 'kind', 'due', 'next', 'bots_have', 'bots_keep'), { kind: 'downgrade', due: 0, next: 4900, bots_have: 7, bots_keep: 5 })
    const [before] = bed.subscriptions(tenant)
    assert.equal(shown.at, before.items.data[0].current_period_end * 1000)
    const tooMany = await apply(tenant, 'starter', { proration: shown.proration, keep: bots.slice(0, 6) })
    assert.deepEqual(bed.pick(tooMany, 'code', 'pointer'), { code: 'bots_too_many', pointer: 'keep' })
    const [stranger] = await bed.bots(await bed.tenant(), 1)
    assert.equal((await apply(tenant, 'starter', { proration: shown.proration, keep: [stranger] })).code, 'bot_unknown')
    assert.equal(bed.subscriptions(tenant)[0].schedule, null, 'the refused request planned nothing')
    const done = await apply(tenant, 'starter', { proration: shown.proration, keep: bots.slice(2) })
    assert.equal(done.ok, true, done.message)
    assert.deepEqual(await bed.kept(tenant), bots.slice(2))
    assert.deepEqual(await now(tenant), { plan: 'professional', state: 'live' })
    const [mirror] = await bed.rows(tenant, 'SELECT schedule_id IS NOT NULL s, next_terms_id IS NOT NULL t FROM subscription_mirror WHERE tenant_id = ?')
    assert.deepEqual(mirror, { s: '1', t: '1' })
    assert.equal((await apply(tenant, 'starter', { proration: fake.now() * 1000 })).code, 'same_plan', 'planned already')
    await bed.tick(31 * DAY)
    await bed.refreshAll(tenant)
    const [sub] = bed.subscriptions(tenant)
    assert.deepEqual(items(sub), { base: 'starter1', usage: 'starter' })
    assert.equal(sub.metadata.plan_terms, bed.price('starter', 'base').metadata.plan_terms)
    assert.equal(sub.metadata.tenant, tenant)
    assert.deepEqual(await now(tenant), { plan: 'starter', state: 'live' })
    const invoices = fake.all('invoice').filter(i => i.customer === sub.customer)
    assert.deepEqual(invoices.map(i => i.amount_due).toSorted((a, b) => b - a), [19900, 4900], 'no proration, no credit')
    await bed.tick(31 * DAY)
    await bed.refreshAll(tenant)
    assert.equal(bed.subscriptions(tenant)[0].schedule, null, 'the schedule lets go after a month')
    assert.deepEqual(await now(tenant), { plan: 'starter', state: 'live' })
})

test('usage under the larger plan is billed at its terms', async () => {
    const tenant = await bed.buyer('professional')
    const [sub] = bed.subscriptions(tenant)
    await bed.sdk('POST', '/v1/billing/meter_events', { event_name: 'parley_conversation', 'payload[stripe_customer_id]': sub.customer, 'payload[value]': '50100', identifier: tenant })
    await change(tenant, 'starter')
    await bed.tick(31 * DAY + 7200)
    const renewal = fake.all('invoice').findLast(i => i.customer === sub.customer)
    assert.equal(renewal.total, 4900 + 40, '100 beyond 50,000 at $0.00398 and the new month, not 40,100 beyond 10,000')
})

test('a coupon outlives a planned downgrade', async () => {
    bed.install.configure({ stripe_promotion_codes: 'on' })
    const coupon = await bed.sdk('POST', '/v1/coupons', { percent_off: 50, duration: 'forever' })
    await bed.sdk('POST', '/v1/promotion_codes', { 'promotion[type]': 'coupon', 'promotion[coupon]': coupon.id, code: 'HALF' })
    const tenant = await bed.tenant()
    const session = bed.session((await ops.call({ op: 'begin', tenant, plan: 'professional' })).url)
    fake.control.pay(session.id, { code: 'HALF' })
    await ops.call({ op: 'return', tenant, session: session.id })
    await change(tenant, 'starter')
    await bed.tick(31 * DAY)
    const [sub] = bed.subscriptions(tenant)
    assert.deepEqual(items(sub), { base: 'starter1', usage: 'starter' })
    assert.equal(fake.get(sub.latest_invoice).total, 2450)
})

test('a downgrade during the trial leaves the trial unchanged', async () => {
    bed.install.configure({ stripe_trial_days: 14 })
    const tenant = await bed.buyer('professional')
    const [before] = bed.subscriptions(tenant)
    fake.control.card(before.customer, 'ok') // given in the meantime
    await change(tenant, 'starter')
    const [sub] = bed.subscriptions(tenant)
    assert.deepEqual([sub.status, sub.trial_end], ['trialing', before.trial_end])
    await bed.tick(15 * DAY)
    await bed.refreshAll(tenant)
    assert.deepEqual(await now(tenant), { plan: 'starter', state: 'live' })
})

test('a planned downgrade can be undone, or replaced by an upgrade or a cancellation', async () => {
    const tenant = await bed.buyer('professional')
    assert.equal((await ops.call({ op: 'undo', tenant })).code, 'nothing_planned')
    await change(tenant, 'starter')
    assert.equal((await apply(tenant, 'professional')).code, 'same_plan', 'that is undo')
    assert.equal((await ops.call({ op: 'undo', tenant })).ok, true)
    assert.equal(bed.subscriptions(tenant)[0].schedule, null)
    await change(tenant, 'starter')
    await change(tenant, 'enterprise') // the plan to have less is let go of
    assert.deepEqual(await now(tenant), { plan: 'enterprise', state: 'live' })
    assert.equal(bed.subscriptions(tenant)[0].schedule, null)
    await change(tenant, 'starter')
    await change(tenant, 'professional') // another downgrade in its place
    await change(tenant, 'free')
    const [sub] = bed.subscriptions(tenant)
    assert.deepEqual([sub.schedule, sub.cancel_at_period_end], [null, true])
    assert.deepEqual(await now(tenant), { plan: 'enterprise', state: 'ending' })
    await change(tenant, 'starter') // who plans another plan stays
    assert.equal(bed.subscriptions(tenant)[0].cancel_at_period_end, false)
    await bed.tick(31 * DAY)
    await bed.refreshAll(tenant)
    assert.deepEqual(await now(tenant), { plan: 'starter', state: 'live' })
    assert.equal(fake.all('subscription').filter(s => s.metadata.tenant === tenant).length, 1)
})

test('a cancellation ends with the period and can be undone, in both of Stripe\'s forms', async () => {
    for (const cancelAtOnly of [false, true]) {
        fake.control.policy({ cancelAtOnly })
        const tenant = await bed.buyer('starter')
        const shown = await preview(tenant, 'free')
        assert.deepEqual(bed.pick(shown, 'kind', 'due', 'next'), { kind: 'cancel', due: 0, next: 0 })
        await change(tenant, 'free')
        assert.deepEqual(await now(tenant), { plan: 'starter', state: 'ending' })
        assert.equal((await apply(tenant, 'free', { proration: fake.now() * 1000 })).code, 'same_plan')
        assert.equal((await ops.call({ op: 'undo', tenant })).ok, true)
        assert.deepEqual(await now(tenant), { plan: 'starter', state: 'live' })
        await bed.tick(31 * DAY)
        await bed.refreshAll(tenant)
        assert.deepEqual(await now(tenant), { plan: 'starter', state: 'live' }, 'renewed')
        await change(tenant, 'free')
        await change(tenant, 'professional') // an upgrade replaces the cancellation
        assert.deepEqual(await now(tenant), { plan: 'professional', state: 'live' })
        await change(tenant, 'free')
        await bed.tick(31 * DAY)
        await bed.refreshAll(tenant)
        assert.equal((await now(tenant)).plan, 'free')
        assert.equal((await ops.call({ op: 'begin', tenant, plan: 'starter' })).ok, true, 'and may come back')
    }
    fake.control.policy({ cancelAtOnly: false })
})

test('a preview that is too old, or older than a plan change, is refused', async () => {
    const tenant = await bed.buyer('starter')
    const { proration } = await preview(tenant, 'professional')
    await bed.tick(3601)
    assert.equal((await apply(tenant, 'professional', { proration })).code, 'preview_old')
    assert.equal((await apply(tenant, 'professional', { proration: 0 })).code, 'preview_old')
    assert.equal((await apply(tenant, 'professional', { proration: fake.now() * 1000 + 7 * 3600_000 })).code, 'preview_old')
    const second = await preview(tenant, 'enterprise')
    await bed.tick(60)
    await change(tenant, 'professional')
    assert.equal((await apply(tenant, 'enterprise', { proration: second.proration })).code, 'plan_changed')
    assert.deepEqual(items(bed.subscriptions(tenant)[0]), { base: 'professional1', usage: 'professional' })
})

test('of two owners who change the plan at once one succeeds and the other sees the change', async () => {
    const tenant = await bed.buyer('starter')
    const other = await bed.secondOps()
    const { proration } = await preview(tenant, 'professional')
    const two = await Promise.all([ops, other].map(o => o.call({ op: 'apply', tenant, plan: 'professional', proration })))
    assert.deepEqual(two.map(r => r.code ?? 'done').toSorted(), ['done', 'same_plan'])
    const [sub] = bed.subscriptions(tenant)
    assert.equal(fake.all('invoice').filter(i => i.customer === sub.customer).length, 2, 'the purchase and one change')
    assert.deepEqual(items(sub), { base: 'professional1', usage: 'professional' })
})

test('a change whose answer was lost is carried out once when repeated', async () => {
    for (const kind of ['dropAfter', 'error500After', 'truncated', 'error500Before', 'badGateway']) {
        const tenant = await bed.buyer('starter')
        const { proration } = await preview(tenant, 'professional')
        fake.faults.add({ kind, method: 'POST', path: '/v1/subscriptions/', times: 9 })
        const lost = await apply(tenant, 'professional', { proration })
        fake.faults.clear()
        assert.equal(lost.ok, false, kind)
        assert.ok(['asked', 'failed'].includes((await changes(tenant))[0].state))
        const again = await apply(tenant, 'professional', { proration: fake.now() * 1000 + 1 })
        assert.ok(again.ok || again.code === 'same_plan', `${kind}: ${again.code} ${again.message}`)
        assert.deepEqual(await now(tenant), { plan: 'professional', state: 'live' }, kind)
        const [sub] = bed.subscriptions(tenant)
        assert.deepEqual(items(sub), { base: 'professional1', usage: 'professional' })
        assert.equal(fake.all('invoice').filter(i => i.customer === sub.customer).length, 2, kind)
    }
})

test('a downgrade interrupted at any of its calls can be repeated', async () => {
    for (const path of ['/v1/subscription_schedules', { regexp: '^/v1/subscription_schedules/[^/]+$' }]) {
        const tenant = await bed.buyer('professional')
        fake.faults.add({ kind: 'dropAfter', method: 'POST', path: path.regexp ?? path ? path : path, times: 9 })
        assert.equal((await apply(tenant, 'starter', { proration: fake.now() * 1000 })).ok, false)
        fake.faults.clear()
        await bed.refreshAll(tenant)
        await change(tenant, 'starter').catch(error => assert.match(error.message, /same_plan/)) // or it was done after all
        await bed.tick(31 * DAY)
        await bed.refreshAll(tenant)
        assert.deepEqual(await now(tenant), { plan: 'starter', state: 'live' })
        assert.equal(bed.subscriptions(tenant)[0].items.data.length, 2)
    }
})

test('a subscriber on older terms keeps them, sees them, and moves to the new ones at a renewal', async () => {
    const tenant = await bed.buyer('starter'), second = await bed.buyer('starter')
    await ops.call({ op: 'plan', plan: 'starter', price: 5900 })
    await ops.call({ op: 'setup' })
    assert.equal((await bed.state(tenant)).price, 4900)
    await bed.tick(31 * DAY)
    await bed.refreshAll(tenant)
    const [sub] = bed.subscriptions(tenant)
    assert.equal(fake.get(sub.latest_invoice).total, 4900, 'an older price renews')
    assert.deepEqual(bed.pick(await preview(tenant, 'starter'), 'kind', 'due', 'next'), { kind: 'move', due: 0, next: 5900 })
    const moved = await ops.call({ op: 'move', tenant, cli: true })
    assert.equal(moved.ok, true, moved.message)
    const moveAgain = async () => {
        const refused = await ops.call({ op: 'move', tenant, cli: true })
        assert.equal(refused.code, 'same_plan')
        return refused.message
    }
    assert.match(await moveAgain(), /already planned/)
    assert.match((await bed.install.tryRun('--json', 'billing', 'move', tenant)).stderr, /same_plan/)
    const log = await bed.install.sql("SELECT object FROM operator_log WHERE what = 'terms.moved'")
    assert.deepEqual(log, [{ object: tenant }])
    await change(second, 'professional') // and older terms can be left for another plan
    await change(second, 'starter')
    await bed.tick(31 * DAY)
    for (const t of [tenant, second]) {
        await bed.refreshAll(t)
        assert.deepEqual(bed.pick(await bed.state(t), 'plan', 'state', 'price'), { plan: 'starter', state: 'live', price: 5900 })
    }
    assert.match(await moveAgain(), /has the current terms/)
    await ops.call({ op: 'plan', plan: 'starter', price: 4900 })
    await ops.call({ op: 'setup' })
})

test('an immediate cancellation bills usage and leaves nothing else to pay', async () => {
    const tenant = await bed.buyer('starter')
    const [sub] = bed.subscriptions(tenant)
    await bed.tick(3600)
    await bed.usage(tenant, sub, 10100)
    await change(tenant, 'free') // already planned; now it is to be immediate
    const ending = ops.call({ op: 'end', tenant, cli: true })
    await until('the usage at the meter', async () => (await bed.rows(tenant, "SELECT state FROM meter_outbox WHERE tenant_id = ? AND state = 'sent'")).length)
    await fake.advance(5) // as long as it waits
    const ended = await ending
    assert.equal(ended.ok, true, ended.message)
    await bed.tick()
    const [over] = bed.subscriptions(tenant)
    assert.equal(over.status, 'canceled')
    const last = fake.all('invoice').filter(i => i.customer === sub.customer).at(-1)
    assert.equal(last.total, 49, '100 conversations beyond the plan, at $0.0049')
    assert.equal((await now(tenant)).plan, 'free')
    assert.equal((await ops.call({ op: 'end', tenant, cli: true })).ok, true, 'again: nothing to do')
    assert.equal(fake.all('invoice').filter(i => i.customer === sub.customer).at(-1).id, last.id)
})

test('an immediate cancellation also ends a planned downgrade and an open checkout', async () => {
    const tenant = await bed.buyer('professional')
    await change(tenant, 'starter')
    const [{ id, schedule }] = bed.subscriptions(tenant), from = fake.requests.length
    assert.equal((await ops.call({ op: 'end', tenant })).ok, true)
    assert.equal(bed.subscriptions(tenant)[0].status, 'canceled')
    assert.deepEqual(fake.requests.slice(from).filter(r => r.method !== 'GET').map(r => `${r.method} ${r.path}`),
        [`POST /v1/subscription_schedules/${schedule}/release`, `DELETE /v1/subscriptions/${id}`])
    const session = bed.session((await ops.call({ op: 'begin', tenant, plan: 'starter' })).url)
    assert.equal((await ops.call({ op: 'end', tenant })).ok, true)
    assert.equal(fake.get(session.id).status, 'expired')
    await bed.tick(62 * DAY)
    assert.equal(bed.subscriptions(tenant).length, 1, 'no schedule starts another subscription')
})

test('while an invoice is unpaid an upgrade is refused and a cancellation is not', async () => {
    const tenant = await bed.buyer('starter')
    fake.control.card(bed.customers(tenant)[0].id, 'fail')
    await bed.tick(31 * DAY + 7200)
    await bed.refreshAll(tenant)
    const [sub] = bed.subscriptions(tenant)
    assert.equal(sub.status, 'past_due')
    await bed.refresh('invoice', sub.latest_invoice)
    const refused = await apply(tenant, 'professional', { proration: fake.now() * 1000 })
    assert.equal(refused.code, 'payment_needed')
    assert.equal(refused.url, fake.get(sub.latest_invoice).hosted_invoice_url)
    assert.equal((await ops.call({ op: 'preview', tenant, plan: 'professional' })).code, 'payment_needed')
    await change(tenant, 'free')
    assert.equal(bed.subscriptions(tenant)[0].cancel_at_period_end, true)
})

test('with two live subscriptions a change is refused, and ending the workspace cancels both', async () => {
    const tenant = await bed.buyer('starter')
    fake.control.secondSubscription(bed.customers(tenant)[0].id)
    await bed.refreshAll(tenant)
    assert.equal((await bed.state(tenant)).two_live, true)
    assert.equal((await apply(tenant, 'professional', { proration: fake.now() * 1000 })).code, 'two_subscriptions')
    assert.equal((await ops.call({ op: 'end', tenant })).ok, true)
    assert.deepEqual(bed.subscriptions(tenant).map(s => s.status), ['canceled', 'canceled'])
})

test('with a missing item or a foreign price no change adds a price', async () => {
    const dear = await bed.sdk('POST', '/v1/prices', { product: 'parley_starter', currency: 'usd', unit_amount: 7700, 'recurring[interval]': 'month' })
    const spoil = {
        missing: sub => { sub.items.data = sub.items.data.filter(i => fake.w.byId.get(i.price).recurring.usage_type === 'licensed') },
        edited: sub => { sub.items.data.find(i => fake.w.byId.get(i.price).recurring.usage_type === 'licensed').price = dear.id },
    }
    for (const [name, how] of Object.entries(spoil)) {
        const tenant = await bed.buyer('starter')
        const [{ id }] = bed.subscriptions(tenant)
        how(fake.w.byId.get(id))
        await bed.refreshAll(tenant)
        const from = fake.requests.length
        for (const plan of ['professional', 'starter', 'enterprise']) {
            const refused = await apply(tenant, plan, { proration: fake.now() * 1000 })
            assert.equal(refused.ok, false, `${name} ${plan}`)
            assert.ok(['unknown_price', 'same_plan'].includes(refused.code), `${name} ${plan}: ${refused.code}`)
        }
        assert.deepEqual(fake.requests.slice(from).filter(r => r.method === 'POST'), [], name)
        await change(tenant, 'free')
        assert.equal(bed.subscriptions(tenant)[0].cancel_at_period_end, true, 'to leave is always possible')
    }
})

test('items are recognised in either order', async () => {
    const tenant = await bed.buyer('starter')
    fake.control.swapItems(bed.subscriptions(tenant)[0].id)
    await change(tenant, 'professional')
    assert.deepEqual(items(bed.subscriptions(tenant)[0]), { base: 'professional1', usage: 'professional' })
    await change(tenant, 'starter')
    await bed.tick(31 * DAY)
    assert.deepEqual(items(bed.subscriptions(tenant)[0]), { base: 'starter1', usage: 'starter' })
})

test('amounts in a currency without decimals are right', async () => {
    await ops.call({ op: 'plan', plan: 'starter', currency: 'JPY', price: 7000 })
    await ops.call({ op: 'plan', plan: 'professional', currency: 'JPY', price: 30000 })
    assert.equal((await ops.call({ op: 'setup' })).ok, true)
    const tenant = await bed.buyer('starter')
    const bought = fake.all('invoice').findLast(i => i.customer === bed.customers(tenant)[0].id)
    assert.deepEqual([bought.currency, bought.amount_paid], ['jpy', 7000])
    const shown = await preview(tenant, 'professional')
    assert.deepEqual(bed.pick(shown, 'currency', 'next', 'due'), { currency: 'JPY', next: 30000, due: 23000 })
    assert.equal((await ops.call({ op: 'preview', tenant, plan: 'enterprise' })).code, 'currency_differs')
    assert.equal((await apply(tenant, 'enterprise', { proration: fake.now() * 1000 })).code, 'currency_differs')
    await change(tenant, 'professional')
    assert.equal(fake.all('invoice').findLast(i => i.customer === bed.customers(tenant)[0].id).amount_paid, 23000)
    await ops.call({ op: 'plan', plan: 'starter', currency: 'USD', price: 4900 })
    await ops.call({ op: 'plan', plan: 'professional', currency: 'USD', price: 19900 })
    await ops.call({ op: 'setup' })
})

test('a workspace without a subscription cannot change it', async () => {
    const tenant = await bed.tenant()
    assert.deepEqual(bed.pick(await preview(tenant, 'starter'), 'kind', 'due', 'from'), { kind: 'buy', due: 4900, from: 'free' })
    assert.equal((await preview(tenant, 'free')).kind, 'none')
    assert.equal((await apply(tenant, 'starter')).code, 'not_subscribed')
    assert.equal((await apply(tenant, 'free')).code, 'same_plan')
    assert.equal((await ops.call({ op: 'undo', tenant })).code, 'nothing_planned')
    assert.equal((await ops.call({ op: 'move', tenant, cli: true })).code, 'not_subscribed')
    assert.equal((await ops.call({ op: 'preview', tenant, plan: 'gold' })).code, 'plan_unknown')
})

test('an owner chooses which of the workspace\'s own bots stay active', async () => {
    const tenant = await bed.tenant()
    const bots = await bed.bots(tenant, 3), [stranger] = await bed.bots(await bed.tenant(), 1)
    assert.equal((await ops.call({ op: 'keep', tenant, keep: [bots[2], bots[2]] })).ok, true)
    assert.deepEqual(await bed.kept(tenant), [bots[2]])
    assert.equal((await ops.call({ op: 'keep', tenant, keep: [bots[0], stranger] })).code, 'bot_unknown')
    assert.deepEqual(await bed.kept(tenant), [bots[2]])
    assert.equal((await ops.call({ op: 'keep', tenant, keep: [] })).ok, true)
    assert.deepEqual(await bed.kept(tenant), [])
})

test('a workspace with an open invoice or subscription cannot be deleted until it is closed', async () => {
    const { install } = bed
    const tenant = await bed.buyer('starter')
    const key = await install.run('key', 'create', '--tenant', tenant)
    const [sub] = bed.subscriptions(tenant)
    await bed.tick(60)
    const refused = await install.tryRun('--json', 'tenant', 'delete', tenant)
    assert.equal(refused.status, 1)
    assert.match(refused.stderr, /subscription_live/)
    fake.faults.add({ kind: 'dropBefore', method: 'DELETE', times: 9 })
    assert.equal((await install.tryRun('tenant', 'delete', tenant, '--cancel-now')).status, 1)
    fake.faults.clear()
    assert.equal((await now(tenant)).plan, 'starter', 'nothing is deleted while a subscription runs')
    assert.equal(await install.run('tenant', 'delete', tenant, '--cancel-now'), tenant)
    assert.equal(fake.get(sub.id).status, 'canceled')
    assert.ok(!(await install.run('--json', 'tenant', 'list')).includes(tenant))
    assert.equal((await install.tryRun('tenant', 'show', tenant)).status, 1)
    const [{ revoked }] = await bed.rows(tenant, 'SELECT COUNT(*) revoked FROM api_key WHERE tenant_id = ? AND revoked_at IS NOT NULL')
    assert.equal(revoked, '1', `the key ${key.slice(0, 4)}... is unknown from now on`)
    const books = await bed.rows(tenant, 'SELECT status FROM subscription_mirror WHERE tenant_id = ?')
    assert.deepEqual(books, [{ status: 'canceled' }], 'the books stay')
    assert.equal((await install.tryRun('tenant', 'delete', tenant)).status, 1, 'once')
})

test('deleting a workspace makes its open checkout impossible to pay', async () => {
    const { install } = bed
    const tenant = await bed.tenant(), quick = await bed.tenant()
    const session = bed.session((await ops.call({ op: 'begin', tenant, plan: 'starter' })).url)
    const other = bed.session((await ops.call({ op: 'begin', tenant: quick, plan: 'starter' })).url)
    await bed.install.sql(`UPDATE checkout_attempt SET expires_at = '2099-01-01' WHERE stripe_session_id IN ('${session.id}', '${other.id}')`)
    assert.equal(await install.run('tenant', 'delete', tenant), tenant)
    assert.equal(fake.get(session.id).status, 'expired')
    fake.control.pay(other.id) // a moment before
    assert.match((await install.tryRun('--json', 'tenant', 'delete', quick)).stderr, /subscription_live/)
    assert.equal(await install.run('tenant', 'delete', quick, '--cancel-now'), quick)
    assert.deepEqual(bed.subscriptions(quick).map(s => s.status), ['canceled'])
})

test('parley billing status prints the state of a workspace', async () => {
    const { install } = bed
    const status = async () => JSON.parse(await install.run('--json', 'billing', 'status'))
    assert.deepEqual(bed.pick(await status(), 'mode', 'ready', 'missing', 'webhook_secrets', 'events_dead'), { mode: 'test', ready: false, missing: '', webhook_secrets: false, events_dead: 0 })
    install.configure({ stripe_webhook_secrets: 'whsec_x' })
    assert.equal((await status()).ready, true)
    install.configure({ stripe_webhook_secrets: null, stripe_secret_key: null })
    assert.equal((await status()).mode, 'off')
    install.configure({ stripe_secret_key: bed.key })
})
