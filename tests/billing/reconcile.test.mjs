// Reconciliation: our records and Stripe's agree again whatever was lost on the way, and the operator is notified.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { until } from '../lib/install.mjs'
import { startSite } from './site.mjs'

let site, fake

// Stripe's clock is some minutes slow, so that no event is so recent that it may still be in delivery.
before(async () => {
    site = await startSite({ fake: { now: Math.floor(Date.now() / 1000) - 600 } })
    fake = site.fake
    await hourly()
})
after(() => site?.stop())
beforeEach(() => { fake.faults.clear() })

const report = async (...how) => JSON.parse(await site.parley.run('billing', 'reconcile', '--json', ...how))
const hourly = () => report()
const nightly = () => report('--nightly')
/** All deliveries are lost from here on, until it is called with false. */
const lost = (on = true) => fake.control.delivery({ drop: on ? 1 : 0 })
const forgetDeliveries = () => { fake.delivery.queue = [] }

test('lost events are fetched each hour and processed', async () => {
    lost()
    const { sub } = await site.paying()
    lost(false)
    assert.equal(await site.mirror(sub), undefined)
    const first = await hourly()
    assert.ok(first.drifted >= 3, JSON.stringify(first))
    await site.idle()
    assert.equal((await site.mirror(sub)).status, 'active')
    assert.equal((await site.invoice(fake.get(sub).latest_invoice)).status, 'paid')
    assert.ok(await site.alarm('missed_events', 'webhook'))
    const again = await hourly()
    assert.deepEqual([again.drifted, again.mended], [0, 0])
})

test('an event in the account\'s own API version is processed once it was fetched', async () => {
    fake.control.delivery({ drop: 1, apiVersion: '2024-06-20' })
    const { sub } = await site.paying()
    fake.control.delivery({ drop: 0, apiVersion: null })
    await hourly()
    await site.idle()
    assert.equal((await site.mirror(sub)).status, 'active')
})

test('a checkout that ended without an event is completed', async () => {
    const tenant = await site.tenant(), customer = await site.customer(tenant)
    const session = await site.stripe.checkout.sessions.create({
        mode: 'subscription', customer, client_reference_id: tenant, success_url: 'https://e.com/s', cancel_url: 'https://e.com/c',
        line_items: [{ price: await site.price('starter', 'base'), quantity: 1 }, { price: await site.price('starter', 'usage') }],
        subscription_data: { metadata: { tenant } },
    })
    await site.sql(`INSERT INTO checkout_attempt SELECT b.tenant_id, UNHEX(MD5('${session.id}')), p.plan_terms_id, '${session.id}', 0, 'open',
        NOW(3) - INTERVAL 2 HOUR, NOW(3) + INTERVAL 1 DAY FROM billing_customer b JOIN plan p ON p.plan = 'starter' WHERE b.stripe_customer_id = '${customer}';
        INSERT INTO checkout_attempt SELECT b.tenant_id, UNHEX(MD5('never')), p.plan_terms_id, NULL, 0, 'creating',
        NOW(3) - INTERVAL 2 DAY, NOW(3) - INTERVAL 1 DAY FROM billing_customer b JOIN plan p ON p.plan = 'starter' WHERE b.stripe_customer_id = '${customer}'`)
    lost()
    fake.control.pay(session.id, { card: 'ok' })
    lost(false)
    await hourly()
    await site.idle()
    assert.equal((await site.row('checkout_attempt', `stripe_session_id = '${session.id}'`)).state, 'complete')
    assert.equal((await site.row('checkout_attempt', "checkout_attempt_id = UNHEX(MD5('never'))")).state, 'expired')
    assert.equal((await site.mirror(fake.get(session.id).subscription)).status, 'active')
})

test('a subscription whose period ended without an event is refreshed every hour', async () => {
    const { sub } = await site.paying()
    await site.pump()
    await site.sql(`UPDATE subscription_mirror SET period_end = NOW(3) - INTERVAL 3 HOUR WHERE stripe_subscription_id = '${sub}'`)
    const r = await hourly()
    assert.equal(r.mended, 1)
    assert.equal((await site.mirror(sub)).period_end.slice(0, 10), new Date(fake.get(sub).items.data[0].current_period_end * 1000).toISOString().slice(0, 10))
    assert.match((await site.alarm('drift', sub)).words, /period's end was/)
})

test('the nightly run reports and repairs a mirror that drifted', async () => {
    const one = await site.paying(), two = await site.paying()
    await site.pump()
    assert.deepEqual(await nightly().then(r => [r.drifted, r.mended]), [0, 0])
    await site.sql(`UPDATE subscription_mirror SET status = 'past_due', known_status = 'past_due', items = 7, first_failed_at = NOW(3) WHERE stripe_subscription_id = '${one.sub}';
        DELETE FROM subscription_mirror WHERE stripe_subscription_id = '${two.sub}';
        UPDATE invoice_mirror SET status = 'open', amount_remaining = 5 WHERE stripe_invoice_id = '${fake.get(one.sub).latest_invoice}'`)
    const r = await nightly()
    assert.deepEqual([r.drifted, r.mended], [3, 3])
    const row = await site.mirror(one.sub)
    assert.deepEqual([row.status, row.items, row.first_failed_at], ['active', '2', null])
    assert.equal((await site.mirror(two.sub)).status, 'active')
    assert.match((await site.alarm('drift', one.sub)).words, /status was "past_due", is "active"; number of items was 7, is 2/)
    assert.match((await site.alarm('drift', two.sub)).words, /it was missing/)
    assert.match((await site.alarm('drift', fake.get(one.sub).latest_invoice)).words, /status was "open", is "paid"; amount to be paid was 5, is 0/)
    assert.deepEqual(await nightly().then(x => [x.drifted, x.mended]), [0, 0])
})

test('an object that an undelivered event names is not reported as drift', async () => {
    const { sub } = await site.paying()
    await site.pump()
    await site.stripe.subscriptions.update(sub, { cancel_at_period_end: true })
    const event = site.event('customer.subscription.updated', sub)
    await site.sql(`INSERT INTO stripe_event (event_id, type, object_type, object_id, api_version, livemode, created_at, received_at, state, due_at, payload)
        VALUES ('${event.id}', '${event.type}', 'subscription', '${sub}', '', 0, NOW(3), NOW(3), 'pending', NOW(3) + INTERVAL 1 HOUR, '{}')`)
    const r = await nightly()
    assert.deepEqual([r.drifted, r.mended], [0, 1])
    assert.equal(await site.alarm('drift', sub), undefined)
    assert.equal((await site.stored(event)).state, 'done')
    forgetDeliveries()
})

test('a mirror row that Stripe does not know is reported', async () => {
    await site.sql(`INSERT INTO subscription_mirror (stripe_subscription_id, stripe_customer_id, livemode, status, created_at, fetched_at)
        VALUES ('sub_of_nowhere', 'cus_x', 0, 'active', NOW(3), NOW(3)), ('sub_of_live_mode', 'cus_x', 1, 'active', NOW(3), NOW(3))`)
    await nightly()
    assert.ok(await site.alarm('gone', 'sub_of_nowhere'))
    assert.equal(await site.alarm('gone', 'sub_of_live_mode'), undefined)
    await site.sql("DELETE FROM subscription_mirror WHERE stripe_customer_id = 'cus_x'")
})

test('a second live subscription without an event is found', async () => {
    const { tenant, customer, sub } = await site.paying()
    await site.pump()
    lost()
    const second = fake.control.secondSubscription(customer)
    lost(false)
    await nightly()
    assert.ok(await site.alarm('two_live', tenant))
    assert.equal((await site.mirror(second.id)).status, 'active')
    assert.equal((await site.mirror(sub)).status, 'active')
})

test('a price that was switched off is reported', async () => {
    const price = await site.price('professional', 'usage')
    lost()
    fake.control.edit(price, { active: false })
    await nightly()
    assert.ok(await site.alarm('price_changed', price))
    fake.control.edit(price, { active: true })
    lost(false)
    await nightly()
    assert.equal(await site.alarm('price_changed', price), undefined)
})

/** A customer with usage counted in the period that runs, all of it in rows of the outbox. */
async function user() {
    const { tenant, customer, sub } = await site.paying()
    await site.pump()
    const item = fake.get(sub).items.data[0]
    await site.sql(`INSERT INTO usage_counter (tenant_id, period_start, billable, period_end, used, reported, stripe_subscription_id, stripe_customer_id)
        SELECT tenant_id, FROM_UNIXTIME(${item.current_period_start}), 1, FROM_UNIXTIME(${item.current_period_end}), 10, 10, '${sub}', '${customer}'
        FROM billing_customer WHERE stripe_customer_id = '${customer}'`)
    return { tenant, customer, start: item.current_period_start }
}

test('usage that the meter counts differently is reported', async () => {
    const { tenant, customer } = await user()
    await site.stripe.billing.meterEvents.create({ event_name: 'parley_conversation', identifier: 'stray', payload: { stripe_customer_id: customer, value: '3' } })
    await nightly()
    const rows = await site.sql(`SELECT kind, object, words FROM billing_alarm WHERE kind = 'meter_drift' AND open_key IS NOT NULL`)
    assert.equal(rows.length, 1, `${tenant}: ${JSON.stringify(rows)}`)
    assert.match(rows[0].object, new RegExp(customer))
})

test('usage without an answer is settled by asking the meter', async () => {
    const there = await user(), gone = await user(), other = await user()
    for (const [who, n] of [[there, 0], [gone, 1], [other, 2]]) // other: of the other mode, none of this key's business
        await site.sql(`INSERT INTO meter_outbox (tenant_id, meter_outbox_id, stripe_customer_id, period_start, quantity, event_at, state, created_at, first_sent_at, due_at)
            SELECT tenant_id, UNHEX('019ab0000000700080000000000000${n}0'), '${who.customer}', FROM_UNIXTIME(${who.start}), 7, FROM_UNIXTIME(${fake.now()}), 'unknown',
            NOW(3), NOW(3) - INTERVAL 1 DAY, NOW(3) + INTERVAL 1 DAY FROM billing_customer WHERE stripe_customer_id = '${who.customer}'`)
    await site.sql(`UPDATE billing_customer SET livemode = 1 WHERE stripe_customer_id = '${other.customer}'`)
    await site.stripe.billing.meterEvents.create({ event_name: 'parley_conversation', identifier: 'seven', timestamp: fake.now(), payload: { stripe_customer_id: there.customer, value: '7' } })
    const asked = fake.requests.length
    await nightly()
    const outbox = customer => site.row('meter_outbox', `stripe_customer_id = '${customer}'`)
    assert.equal((await outbox(there.customer)).state, 'sent')
    await until('it to be sent again', async () => (await outbox(gone.customer)).state === 'sent')
    assert.equal((await outbox(other.customer)).state, 'unknown')
    assert.ok(!fake.requests.slice(asked).some(r => JSON.stringify(r.query).includes(other.customer)))
    await site.sql(`DELETE FROM meter_outbox; DELETE FROM usage_counter WHERE stripe_customer_id = '${other.customer}'`)
})

test('when the reads are used up, the next night continues', async () => {
    const today = new Date().toISOString().slice(0, 10)
    const before = (await site.row('stripe_call', `idem_key = 'reads:${today}'`)).attempts
    const spent = n => site.sql(`UPDATE stripe_call SET attempts = ${n} WHERE idem_key = 'reads:${today}'`)
    const compared = () => fake.requests.filter(r => r.path.endsWith('/event_summaries')).map(r => r.query.customer ?? JSON.stringify(r.query))
    const night = async () => {
        fake.requests.length = 0
        return { ...await nightly(), compared: compared() }
    }
    const whole = await night()
    const all = whole.compared.length
    assert.ok(all >= 2 && !whole.cut_short, JSON.stringify(whole))
    assert.equal(whole.reads, fake.requests.length)
    const seen = []
    for (let i = 0; i < all; i++) {
        await spent(8000 - (whole.reads - all + 1)) // enough for one customer
        const part = await night()
        assert.deepEqual([part.cut_short, part.compared.length], [true, 1])
        seen.push(...part.compared)
    }
    assert.deepEqual(seen.toSorted(), whole.compared.toSorted())
    assert.match((await site.alarm('reads_short', 'stripe')).words, /8000 reads .* stripe_reads_month/)
    await spent(before)
    await nightly()
    assert.equal(await site.alarm('reads_short', 'stripe'), undefined)
})

test('a failed nightly run is repeated within the hour', async () => {
    const { sub } = await site.paying()
    await site.pump()
    const queue = name => site.sql(`INSERT INTO job (job_id, kind, state, due_at, payload, created_at) VALUES (UNHEX(MD5('${name}')), 'reconcile_hourly', 'ready', NOW(3), '{}', NOW(3))`)
    const done = name => until('the job', async () => (await site.row('job', `job_id = UNHEX(MD5('${name}'))`)).state === 'done', 30000)
    await nightly()
    await site.sql(`UPDATE subscription_mirror SET items = 9 WHERE stripe_subscription_id = '${sub}'`)
    await queue('an hour')
    await done('an hour')
    assert.equal(await site.alarm('drift', sub), undefined, 'last night it ran')
    await site.sql("UPDATE stripe_setup SET updated_at = NOW(3) - INTERVAL 26 HOUR WHERE name = 'reconciled:night'")
    fake.faults.add({ kind: 'badGateway', method: 'GET', path: '/v1/subscriptions', times: 1000 }) // Stripe is away for a while still
    await queue('the next hour')
    const put = await until('its failure', async () => { const j = await site.row('job', "job_id = UNHEX(MD5('the next hour'))"); return j.error && j }, 60000)
    assert.equal(put.state, 'ready', put.error)
    fake.faults.clear()
    await site.sql("UPDATE job SET due_at = NOW(3) WHERE job_id = UNHEX(MD5('the next hour'))")
    await done('the next hour')
    assert.match((await site.alarm('drift', sub)).words, /number of items was 9, is 2/)
})

test('a run stays within the reads that Stripe allows', async () => {
    const today = new Date().toISOString().slice(0, 10)
    await site.sql(`INSERT INTO stripe_call (idem_key, method, path, params, state, attempts, created_at, first_sent_at)
        VALUES ('reads:${today}', 'GET', '', REPEAT('\\0', 32), 'done', 9000, NOW(3), NOW(3)) ON DUPLICATE KEY UPDATE attempts = 9000`)
    const night = await nightly()
    assert.deepEqual([night.cut_short, night.reads], [true, 0])
    await site.sql(Array.from({ length: 24 }, (_, i) => `INSERT INTO invoice_mirror (stripe_invoice_id, stripe_customer_id, livemode, status, currency, total, amount_due, amount_paid,
        amount_remaining, created_at, fetched_at) VALUES ('in_payment${i}', 'cus_x', 0, 'paid', 'usd', 1, 1, 1, 0, NOW(3), NOW(3))`).join(';'))
    assert.equal((await nightly()).cut_short, false, 'payments grant more')
    await site.sql(`DELETE FROM invoice_mirror WHERE stripe_invoice_id LIKE 'in_payment%'; UPDATE stripe_call SET attempts = 9000 WHERE idem_key = 'reads:${today}'`)
    assert.equal((await hourly()).cut_short, false)
    await site.sql(`UPDATE stripe_call SET attempts = 9800 WHERE idem_key = 'reads:${today}'`)
    assert.equal((await hourly()).cut_short, true)
    await site.sql(`UPDATE stripe_call SET attempts = 10 WHERE idem_key = 'reads:${today}'`)
})

test('when Stripe is unreachable or gives odd answers the run ends with a message, and the next run does the work', async () => {
    const { sub } = await site.paying()
    await site.pump()
    await site.sql(`UPDATE subscription_mirror SET status = 'past_due' WHERE stripe_subscription_id = '${sub}'`)
    fake.faults.add({ kind: 'badGateway', method: 'GET', path: '/v1/subscriptions', times: 20 })
    const failed = await site.parley.tryRun('billing', 'reconcile', '--nightly')
    assert.equal(failed.status, 1)
    assert.doesNotMatch(failed.stderr, /[rs]k_test/)
    fake.faults.clear()
    fake.control.distort(sub, { set: { object: 'odd' } }) // one that cannot be read holds up no other
    const other = await site.paying()
    lost()
    await nightly()
    lost(false)
    assert.ok(await site.alarm('unreadable', sub))
    assert.equal((await site.mirror(other.sub)).status, 'active')
    fake.control.distort(sub, null)
    await nightly()
    assert.equal((await site.mirror(sub)).status, 'active')
})

test('the worker runs the hourly and the nightly reconciliation', async () => {
    await until('the jobs', async () => (await site.sql("SELECT COUNT(DISTINCT kind) AS n FROM job WHERE kind LIKE 'reconcile_%' AND state = 'done'"))[0].n === '2')
})
