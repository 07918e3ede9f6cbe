// Changes of plan at their limits: how long a price holds, what is recorded when the outcome is not known, how many bots stay, and what a
// subscription that is not paid may still do. Journeys through a change are in change.test.mjs.
// Runs for about 20 s.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { bytes, Testbed } from './testbed.mjs'

const DAY = 86400

let bed, fake, ops

before(async () => {
    bed = await Testbed.open()
    ;({ fake, ops } = bed)
})
beforeEach(() => bed.reset())
after(() => bed?.close())

const preview = (tenant, plan) => ops.call({ op: 'preview', tenant, plan })
const apply = (tenant, plan, proration) => ops.call({ op: 'apply', tenant, plan, proration })
const changes = tenant => bed.rows(tenant, 'SELECT kind, state FROM plan_change WHERE tenant_id = ? ORDER BY plan_change_id')
const nowMs = () => fake.now() * 1000

test('the price of a preview holds for one hour, and a clock may be a minute ahead', async () => {
    for (const ms of [-3600_000, 60_000]) {
        const tenant = await bed.buyer('starter')
        await bed.tick(DAY)
        const done = await apply(tenant, 'professional', nowMs() + ms)
        assert.equal(done.ok, true, `${ms}: ${done.code}`)
    }
    const tenant = await bed.buyer('starter'), [sub] = bed.subscriptions(tenant)
    await bed.tick(60)
    const start = sub.items.data[0].current_period_start * 1000
    assert.equal((await apply(tenant, 'professional', start - 1)).code, 'preview_old', 'before the period')
    assert.equal((await apply(tenant, 'professional', start)).ok, true, 'the first moment of the period')
})

test('a change whose outcome is not known is recorded as asked, a refused one as failed', async () => {
    for (const kind of ['dropAfter', 'badGateway']) {
        const tenant = await bed.buyer('starter')
        fake.faults.add({ kind, method: 'POST', path: '/v1/subscriptions/', times: 9 })
        assert.equal((await apply(tenant, 'professional', nowMs())).ok, false)
        fake.faults.clear()
        assert.deepEqual(await changes(tenant), [{ kind: 'upgrade', state: 'asked' }], kind)
    }
    const tenant = await bed.buyer('starter'), [sub] = bed.subscriptions(tenant)
    await bed.usage(tenant, sub, 10)
    fake.control.card(sub.customer, 'fail')
    assert.equal((await apply(tenant, 'professional', nowMs())).code, 'stripe_card_declined')
    assert.deepEqual(await changes(tenant), [{ kind: 'upgrade', state: 'failed' }])
})

test('an outcome that cannot be recorded is an error, unless Stripe refused the change: then its reason is reported', async () => {
    const tenant = await bed.buyer('starter'), [sub] = bed.subscriptions(tenant)
    await bed.usage(tenant, sub, 10)
    await bed.install.sql("CREATE TRIGGER no_outcome BEFORE UPDATE ON plan_change FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'test'")
    try {
        fake.control.card(sub.customer, 'fail')
        assert.equal((await apply(tenant, 'professional', nowMs())).code, 'stripe_card_declined')
        fake.control.card(sub.customer, 'ok')
        const done = await apply(tenant, 'professional', nowMs())
        assert.deepEqual([done.ok, done.code], [false, 'internal'])
        assert.notEqual(done.message, '')
        assert.equal((await bed.state(tenant)).plan, 'professional', 'Stripe has made the change')
    } finally {
        await bed.install.sql('DROP TRIGGER no_outcome')
    }
})

test('a change at the end of the period, and its taking back, are recorded as done', async () => {
    const tenant = await bed.buyer('professional')
    for (const [plan, kind] of [['starter', 'downgrade'], ['free', 'cancel']]) {
        const done = await apply(tenant, plan, nowMs())
        assert.equal(done.ok, true, done.message)
        const from = fake.requests.length
        assert.equal((await ops.call({ op: 'undo', tenant })).ok, true)
        assert.deepEqual((await changes(tenant)).slice(-2), [{ kind, state: 'done' }, { kind: 'undo', state: 'done' }])
        const terms = await bed.rows(tenant, `SELECT kind, HEX(from_terms_id) \`from\`, HEX(to_terms_id) \`to\` FROM plan_change
            WHERE tenant_id = ? ORDER BY plan_change_id DESC LIMIT 2`)
        const of = name => bytes(bed.price(name, 'base').metadata.plan_terms).toUpperCase(), present = of('professional')
        assert.deepEqual(terms, [{ kind: 'undo', from: present, to: null }, { kind, from: present, to: plan === 'free' ? null : of(plan) }])
        assert.deepEqual(fake.requests.slice(from).filter(r => r.path.startsWith('/v1/invoices/')), [], 'no invoice is asked for')
    }
})

test('an upgrade that waits is taken back only when its own invoice is known', async () => {
    const tenant = await bed.buyer('starter'), [{ customer }] = bed.subscriptions(tenant)
    fake.control.card(customer, 'fail')
    assert.equal((await apply(tenant, 'professional', nowMs())).code, 'payment_needed')
    const [{ latest_invoice: invoice }] = bed.subscriptions(tenant), from = fake.requests.length
    await bed.install.sql(`DELETE FROM invoice_mirror WHERE stripe_invoice_id = '${invoice}'`) // as if its event were late
    fake.faults.add({ kind: 'dropBefore', method: 'GET', times: 99 })
    const unknown = await ops.call({ op: 'undo', tenant })
    fake.faults.clear()
    assert.deepEqual([unknown.status, unknown.code], ['conflict', 'invoice_unknown'])
    assert.deepEqual(fake.requests.slice(from).filter(r => r.method === 'POST'), [])
    assert.equal(fake.get(invoice).status, 'open')
    fake.faults.add({ kind: 'dropBefore', method: 'GET', path: '/v1/subscriptions/', times: 99 }) // the invoice alone can be fetched
    const done = await ops.call({ op: 'undo', tenant })
    fake.faults.clear()
    assert.equal(done.ok, true, done.message)
    assert.equal(fake.get(invoice).status, 'void')
    assert.deepEqual(await bed.install.sql(`SELECT status FROM invoice_mirror WHERE stripe_invoice_id = '${invoice}'`), [{ status: 'void' }])
})

test('an end is taken back in the field in which Stripe stores it', async () => {
    for (const [cancelAtOnly, sent] of [[false, 'cancel_at_period_end=false'], [true, 'cancel_at=']]) {
        fake.control.policy({ cancelAtOnly })
        const tenant = await bed.buyer('starter'), [{ id }] = bed.subscriptions(tenant)
        assert.equal((await apply(tenant, 'free', nowMs())).ok, true)
        assert.equal((await ops.call({ op: 'undo', tenant })).ok, true)
        assert.equal(String(fake.requests.findLast(r => r.method === 'POST' && r.path === `/v1/subscriptions/${id}`).body), sent)
    }
    fake.control.policy({ cancelAtOnly: false })
})

test('an upgrade gives the meter five seconds to count what was sent, and waits for nothing else', async () => {
    const tenant = await bed.buyer('starter'), [sub] = bed.subscriptions(tenant)
    await bed.usage(tenant, sub, 10)
    const sent = await apply(tenant, 'professional', nowMs())
    assert.deepEqual([sent.ok, sent.slept], [true, 5000], sent.message)
    const idle = await apply(await bed.buyer('starter'), 'professional', nowMs())
    assert.deepEqual([idle.ok, idle.slept], [true, undefined], idle.message)
})

test('usage within the plan does not hold up an upgrade while the meter cannot be reached', async () => {
    const tenant = await bed.buyer('starter'), [sub] = bed.subscriptions(tenant)
    await bed.usage(tenant, sub, 10000) // all that the plan includes: an invoice without it is right, too
    fake.faults.add({ kind: 'dropBefore', method: 'POST', path: '/v1/billing/meter_events', times: 99 })
    const done = await apply(tenant, 'professional', nowMs())
    assert.equal(done.ok, true, done.message)
    assert.equal((await bed.state(tenant)).plan, 'professional')
})

test('bots that stay: as many as the larger of the new and the assigned plan allows, unless an override says another number', async () => {
    const tenant = await bed.buyer('professional'), keep = async () => (await preview(tenant, 'starter')).bots_keep
    const override = (name, value, expires) => bed.install.sql(`REPLACE INTO tenant_override (tenant_id, entitlement, value, reason, expires_at, created_at)
        VALUES (UNHEX('${bytes(tenant)}'), '${name}', ${value}, 'test', ${expires}, '2027-01-01')`)
    const at = seconds => `FROM_UNIXTIME(${fake.now() + seconds})`
    assert.equal(await keep(), 5)
    await override('members', 99, 'NULL')
    await override('bots', 3, at(0))
    assert.equal(await keep(), 5, 'of something else, or over')
    await override('bots', 3, at(1))
    assert.equal(await keep(), 3, 'for a moment yet')
    await override('bots', 7, 'NULL')
    assert.equal(await keep(), 7, 'without an end')
    await override('bots', 3, at(0))
    await bed.install.run('tenant', 'plan', tenant, 'free')
    assert.equal(await keep(), 5, 'the assigned plan is smaller')
    await bed.install.run('tenant', 'plan', tenant, 'starter')
    assert.equal((await preview(tenant, 'free')).bots_keep, 5, 'the assigned plan still holds after the subscription')
})

test('bots are chosen with a downgrade or a cancellation; any other change leaves an earlier choice as it is', async () => {
    const tenant = await bed.buyer('professional'), bots = await bed.bots(tenant, 7)
    for (const [plan, keep, kept] of [
        ['starter', bots.slice(2), bots.slice(2)],
        ['free', [], bots.slice(2)],
        ['free', [bots[6]], [bots[6]]],
        ['enterprise', bots.slice(0, 2), [bots[6]]],
    ]) {
        const done = await ops.call({ op: 'apply', tenant, plan, keep, proration: nowMs() })
        assert.equal(done.ok, true, done.message)
        assert.deepEqual(await bed.kept(tenant), kept, `${plan} with ${keep.length}`)
        if (plan === 'free') assert.equal((await ops.call({ op: 'undo', tenant })).ok, true)
    }
})

test('while an invoice is not paid, the same plan and the end can be previewed, another plan cannot', async () => {
    const tenant = await bed.buyer('starter'), [sub] = bed.subscriptions(tenant)
    fake.control.card(sub.customer, 'fail')
    await bed.tick(31 * DAY + 7200)
    await bed.refreshAll(tenant)
    assert.equal(bed.subscriptions(tenant)[0].status, 'past_due')
    assert.equal((await preview(tenant, 'starter')).kind, 'none')
    assert.equal((await preview(tenant, 'free')).kind, 'cancel')
    assert.equal((await preview(tenant, 'professional')).code, 'payment_needed')
    const [{ latest_invoice: invoice }] = bed.subscriptions(tenant)
    await bed.refresh('invoice', invoice)
    assert.equal((await apply(tenant, 'professional', nowMs())).url, fake.get(invoice).hosted_invoice_url)
    fake.control.edit(invoice, { status: 'uncollectible' })
    await bed.refresh('invoice', invoice)
    const refused = await apply(tenant, 'professional', nowMs())
    assert.deepEqual([refused.code, refused.url], ['payment_needed', ''], 'a page that nothing can be paid on is not shown')
})

test('an operator cannot move a subscription with a price that Parley did not create', async () => {
    const tenant = await bed.buyer('starter'), [{ id }] = bed.subscriptions(tenant)
    const dear = await bed.sdk('POST', '/v1/prices', { product: 'parley_starter', currency: 'usd', unit_amount: 7700, 'recurring[interval]': 'month' })
    fake.w.byId.get(id).items.data.find(i => fake.w.byId.get(i.price).recurring.usage_type === 'licensed').price = dear.id
    await bed.refreshAll(tenant)
    assert.equal((await ops.call({ op: 'move', tenant, cli: true })).code, 'unknown_price')
    assert.deepEqual(await changes(tenant), [])
})

test('an end that Stripe does not answer is not recorded as done, and can be repeated', async () => {
    const tenant = await bed.buyer('starter'), [{ id }] = bed.subscriptions(tenant)
    const audits = () => bed.rows(tenant, "SELECT detail FROM audit WHERE tenant_id = ? AND what = 'billing.ended'")
    fake.faults.add({ kind: 'badGateway', method: 'DELETE', path: '/v1/subscriptions/', times: 9 })
    const refused = await ops.call({ op: 'end', tenant })
    assert.match(refused.code, /^stripe_/)
    assert.notEqual(refused.message, '')
    fake.faults.clear()
    const [unknown] = await changes(tenant)
    assert.equal(unknown.kind, 'end')
    assert.notEqual(unknown.state, 'done')
    assert.deepEqual(await audits(), [])
    assert.equal(bed.subscriptions(tenant)[0].status, 'active')
    assert.equal((await ops.call({ op: 'end', tenant })).ok, true)
    assert.deepEqual(await changes(tenant), [unknown, { kind: 'end', state: 'done' }], 'each try has a row of its own')
    assert.deepEqual((await audits()).map(row => JSON.parse(row.detail)), [{ subscription: id }])
    assert.equal((await bed.state(tenant)).plan, 'free')
})

test('a subscription that was ended at Stripe without any event does not hold up the end', async () => {
    const tenant = await bed.buyer('starter'), [{ id, customer }] = bed.subscriptions(tenant)
    fake.control.deleteCustomer(customer)
    const answers = fake.requests.length
    assert.equal((await ops.call({ op: 'end', tenant })).ok, true)
    const asked = fake.requests.slice(answers).filter(r => r.method === 'DELETE')
    assert.deepEqual(asked.map(r => [r.path, r.status]), [[`/v1/subscriptions/${id}`, 400]], 'Stripe knows it as ended: resource_missing')
    assert.deepEqual(await changes(tenant), [{ kind: 'end', state: 'done' }])
    assert.equal((await bed.state(tenant)).plan, 'free')
    assert.equal((await ops.call({ op: 'end', tenant })).ok, true)
    assert.equal(fake.requests.slice(answers).filter(r => r.method === 'DELETE').length, 1, 'what has ended is left alone')
})

test('who asks for the present plan while a change is planned is told how to keep it', async () => {
    const tenant = await bed.buyer('professional')
    const same = async () => {
        const { code, message } = await apply(tenant, 'professional', nowMs())
        assert.equal(code, 'same_plan')
        return message
    }
    assert.doesNotMatch(await same(), /undo/)
    for (const plan of ['starter', 'free']) {
        assert.equal((await apply(tenant, plan, nowMs())).ok, true)
        assert.match(await same(), /undo the planned change/, plan)
        assert.equal((await ops.call({ op: 'undo', tenant })).ok, true)
    }
})
