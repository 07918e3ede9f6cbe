// Counted conversations reach the meter exactly once, whatever is lost on the way: the C against the fake Stripe, on one virtual clock.
// Runs for about 20 s.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import { until } from '../lib/install.mjs'
import { bytes, Testbed } from './testbed.mjs'
import { summed } from '../stripe/fake/meters.mjs'
import { Ops } from './ops.mjs'
import { RIGHTS } from './rights.mjs'

const HOUR = 3600, DAY = 86400, PATH = '/v1/billing/meter_events'
let bed, fake, ops

before(async () => {
    bed = await Testbed.open()
    ;({ fake, ops } = bed)
    fake.w.policy.meterLatency = 20 // two concurrent events of one customer would be noticed
})
beforeEach(async () => {
    await bed.reset()
    await bed.install.sql('DELETE FROM meter_outbox; DELETE FROM billing_alarm; UPDATE usage_counter SET reported = used, unsent_since = NULL')
    for (const what of [fake.requests, fake.violations]) what.length = 0
})
after(async () => { await bed?.close() })

const at = seconds => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')

/** n conversations are counted now, as the journal counts them */
async function count(tenant, n, { customer } = {}) {
    const usage = await ops.call({ op: 'usage', tenant }), now = at(fake.now())
    assert.equal(usage.ok, true, usage.message)
    const start = at(usage.start / 1000), owner = customer ?? bed.customers(tenant).at(-1)?.id
    if (n === 0)
        return void await bed.install.sql(`INSERT INTO usage_counter (tenant_id, period_start, billable, period_end, used, stripe_customer_id)
            VALUES (UNHEX('${bytes(tenant)}'), '${start}', 1, '${at(usage.end / 1000)}', 0, '${owner}')`)
    const ids = Array.from({ length: n }, () => `(UNHEX('${bytes(tenant)}'), UNHEX('${(fake.now() * 1000).toString(16).padStart(12, '0')}7${randomBytes(9).toString('hex').slice(0, 3)}8${randomBytes(9).toString('hex').slice(0, 15)}'), '${start}', ${+usage.billable}, '${now}')`)
    await bed.install.sql(`INSERT INTO usage_ledger (tenant_id, conversation_id, period_start, billable, counted_at) VALUES ${ids.join(',')};
        INSERT INTO usage_counter (tenant_id, period_start, billable, period_end, used, stripe_customer_id, stripe_subscription_id, unsent_since)
        VALUES (UNHEX('${bytes(tenant)}'), '${start}', ${+usage.billable}, '${at(usage.end / 1000)}', ${n}, ${usage.billable ? `'${owner}'` : 'NULL'},
        (SELECT stripe_subscription_id FROM subscription_mirror WHERE stripe_customer_id = '${owner}' ORDER BY created_at DESC LIMIT 1),
        ${usage.billable ? `'${now}'` : 'NULL'}) ON DUPLICATE KEY UPDATE used = used + ${n}, unsent_since = IF(billable = 1, COALESCE(unsent_since, '${now}'), NULL)`)
    return usage
}

async function collect() {
    const { ok, rows, message } = await ops.call({ op: 'collect' })
    assert.equal(ok, true, message)
    return rows
}
async function send(who = ops) {
    const { ok, steps, message } = await who.call({ op: 'send' })
    assert.equal(ok, true, message)
    return steps
}
/** Again and again for so many seconds, as the worker would */
async function sendFor(seconds, step = 600) {
    for (let t = 0; t < seconds; t += step) {
        await bed.tick(Math.min(step, seconds - t))
        await send()
    }
}
const rows = tenant => bed.rows(tenant, `SELECT LOWER(HEX(meter_outbox_id)) AS id, state, quantity, attempts, last_error, stripe_customer_id AS customer,
    event_at, first_sent_at FROM meter_outbox WHERE tenant_id = ? ORDER BY meter_outbox_id`)
const states = async tenant => (await rows(tenant)).map(r => `${r.state} ${r.quantity}`)
const posts = () => fake.requests.filter(r => r.path === PATH)
const fieldsOf = request => Object.fromEntries(new URLSearchParams(String(request.body)))
const alarms = async kind => bed.install.sql(`SELECT object, words, times FROM billing_alarm WHERE kind = '${kind}' AND closed_at IS NULL`)
/** The meter's total for a customer */
const counted = customer => Number(summed(fake.w, fake.w.all('billing.meter')[0], customer, 0, Infinity)) / 1e12

/** A tenant on a plan: {tenant, customer} */
async function buyer(plan = 'starter') {
    const tenant = await bed.buyer(plan)
    return { tenant, customer: bed.customers(tenant)[0].id }
}

test('counted usage is reported once, with the fields that Stripe requires', async () => {
    const { tenant, customer } = await buyer()
    await count(tenant, 7)
    assert.equal(await collect(), 1)
    await send()
    assert.deepEqual(await states(tenant), ['sent 7'])
    const [one] = posts(), fields = fieldsOf(one)
    assert.equal(posts().length, 1)
    assert.deepEqual(Object.keys(fields), ['event_name', 'identifier', 'timestamp', 'payload[stripe_customer_id]', 'payload[value]'])
    assert.deepEqual([fields.event_name, fields.timestamp, fields['payload[stripe_customer_id]'], fields['payload[value]']],
        ['parley_conversation', String(fake.now()), customer, '7'])
    assert.match(fields.identifier, /^use_[0-9a-z]{26}$/)
    assert.equal(one.idempotencyKey, `meter:${fields.identifier}`)
    assert.equal(counted(customer), 7)
    assert.equal(await collect(), 0)
    assert.equal(await send(), 0)
    await bed.tick(300)
    await count(tenant, 3)
    await collect()
    await send()
    assert.equal(counted(customer), 10)
})

test('usage on FREE is never sent', async () => {
    const tenant = await bed.tenant()
    await count(tenant, 50)
    assert.equal(await collect(), 0)
    await send()
    assert.equal(posts().length, 0)
})

test('only one row of a customer is in flight across all processes', async () => {
    const { tenant, customer } = await buyer()
    const other = await bed.secondOps()
    for (let i = 0; i < 12; i++) {
        await count(tenant, 1)
        await collect()
    }
    for (let i = 0; i < 50 && (await rows(tenant)).some(r => r.state !== 'sent'); i++) await Promise.all([send(), send(other)])
    assert.deepEqual(await states(tenant), Array(12).fill('sent 1'))
    assert.deepEqual(posts().map(r => r.status), Array(12).fill(200))
    assert.equal(counted(customer), 12)
})

test('a row whose sender was killed before marking it is sent again with the same key and counted once', async () => {
    const { tenant, customer } = await buyer()
    await count(tenant, 5)
    await collect()
    fake.faults.add({ kind: 'slow', method: 'POST', path: PATH, ms: 800 })
    const victim = new Ops(bed.install.env)
    const gone = victim.gone
    await victim.call({ op: 'no_sleeps' })
    await victim.call({ op: 'clock', ms: fake.now() * 1000 })
    victim.call({ op: 'send' }).catch(() => {}) // it never answers
    await until('the request', () => posts().length === 1)
    victim.child.kill('SIGKILL')
    await gone
    assert.deepEqual(await states(tenant), ['unknown 5'])
    await until('the execution', () => counted(customer) === 5)
    assert.equal(await send(), 0, 'the dead one holds the customer for a while')
    await bed.tick(121)
    await send()
    assert.deepEqual(await states(tenant), ['sent 5'])
    const keys = posts().map(r => r.idempotencyKey)
    assert.ok(keys.length >= 2 && new Set(keys).size === 1, keys.join())
    assert.equal(new Set(posts().map(r => fieldsOf(r).identifier)).size, 1)
    assert.equal(counted(customer), 5)
})

test('after a lost answer the same identifier is sent again within a day', async () => {
    const { tenant, customer } = await buyer()
    await count(tenant, 4)
    await collect()
    fake.faults.add({ kind: 'dropAfter', method: 'POST', path: PATH, times: 10 })
    await send()
    assert.deepEqual(await states(tenant), ['unknown 4'])
    fake.faults.clear()
    await sendFor(2 * HOUR)
    assert.deepEqual(await states(tenant), ['sent 4'])
    assert.equal(counted(customer), 4)
    assert.equal(fake.requests.filter(r => r.path.includes('event_summaries')).length, 0, 'no read was spent on it')
})

test('a refusal because Stripe already has the identifier counts as sent', async () => {
    const { tenant, customer } = await buyer()
    await count(tenant, 4)
    await collect()
    fake.faults.add({ kind: 'dropAfter', method: 'POST', path: PATH, times: 10 })
    await send()
    fake.faults.clear()
    const maps = Object.values(fake.idempotency).filter(one => one instanceof Map)
    assert.ok(maps.some(one => one.size), 'the fake keeps its keys elsewhere now')
    for (const one of maps) one.clear()
    await sendFor(HOUR)
    assert.deepEqual(await states(tenant), ['sent 4'])
    assert.deepEqual(await alarms('meter_rejected'), [])
    assert.equal(counted(customer), 4)
})

test('an unanswered row older than a day is looked up in the meter and not sent again when counted', async () => {
    const { tenant, customer } = await buyer()
    await count(tenant, 6)
    await collect()
    fake.faults.add({ kind: 'error500After', method: 'POST', path: PATH }) // Stripe keeps that 500 under the key
    await sendFor(22 * HOUR, 2 * HOUR)
    assert.deepEqual(await states(tenant), ['unknown 6'])
    assert.equal(counted(customer), 6)
    await bed.tick(4 * HOUR)
    fake.requests.length = 0
    await send()
    assert.deepEqual(await states(tenant), ['sent 6'])
    assert.equal(posts().length, 0)
    const looks = fake.requests.filter(r => r.path.includes('event_summaries'))
    assert.equal(looks.length, 1)
    await sendFor(30 * HOUR, 5 * HOUR)
    assert.equal(counted(customer), 6)
})

test('an unanswered row older than a day is looked up in the meter and sent when not counted', async () => {
    const { tenant, customer } = await buyer()
    await count(tenant, 9)
    await collect()
    fake.faults.add({ kind: 'badGateway', method: 'POST', path: PATH, times: 1000 })
    await sendFor(24 * HOUR, 2 * HOUR)
    assert.deepEqual(await states(tenant), ['unknown 9'])
    assert.equal(counted(customer), 0)
    fake.faults.clear()
    await sendFor(HOUR)
    assert.deepEqual(await states(tenant), ['sent 9'])
    assert.equal(counted(customer), 9)
    assert.equal(new Set(posts().map(r => fieldsOf(r).identifier)).size, 1)
    const [row] = await rows(tenant)
    assert.equal(Date.parse(`${row.event_at.replace(' ', 'T')}Z`) / 1000, Number(fieldsOf(posts()[0]).timestamp), 'stamped when it was counted')
})

test('other rows of the customer are sent in the meantime and do not confuse the lookup', async () => {
    const { tenant, customer } = await buyer()
    await count(tenant, 2)
    await collect()
    fake.faults.add({ kind: 'error500After', method: 'POST', path: PATH })
    await send()
    for (let i = 0; i < 13; i++) {
        await bed.tick(2 * HOUR)
        await count(tenant, 10 + i)
        await collect()
        await send()
    }
    const total = 2 + 13 * 10 + 78
    assert.deepEqual((await states(tenant)).filter(s => !s.startsWith('sent')), [])
    assert.equal(counted(customer), total)
    assert.deepEqual(await alarms('meter_unknown'), [])
})

test('a row whose outcome cannot be determined is left alone, with an alarm', async () => {
    const { tenant, customer } = await buyer()
    for (const n of [3, 4]) {
        await count(tenant, n)
        await collect() // both in one minute
    }
    fake.faults.add({ kind: 'error500After', method: 'POST', path: PATH }).add({ kind: 'badGateway', method: 'POST', path: PATH, times: 1000 })
    await sendFor(29 * HOUR, 2 * HOUR) // both are older than a day by now
    fake.faults.clear()
    fake.requests.length = 0
    await sendFor(8 * HOUR, HOUR)
    assert.deepEqual(await states(tenant), ['unknown 3', 'unknown 4'])
    assert.equal(posts().length, 0)
    const [alarm, ...more] = await alarms('meter_unknown')
    assert.equal(more.length, 0)
    assert.equal(alarm.object, customer)
    assert.match(alarm.words, /the meter has 3/)
    assert.equal(counted(customer), 3)
})

test('a row older than 35 days is never sent and raises an alarm', async () => {
    const { tenant, customer } = await buyer()
    await count(tenant, 8)
    await collect()
    await bed.tick(35 * DAY + 1)
    await send()
    assert.deepEqual(await states(tenant), ['rejected 8'])
    assert.equal(posts().length, 0)
    const [alarm] = await alarms('meter_rejected')
    assert.equal(alarm.object, customer)
    assert.match(alarm.words, /8 conversations .* 35 days/)
    await bed.refreshAll(tenant)
})

test('usage collected after its period\'s end is stamped inside the period and billed with it', async () => {
    const { tenant, customer } = await buyer()
    await bed.tick(HOUR)
    const at = fake.now()
    const { end } = await count(tenant, 10500)
    await bed.tick(end / 1000 - fake.now() + 20 * 60)
    await collect()
    await send()
    assert.equal(Number(fieldsOf(posts()[0]).timestamp), at)
    await bed.tick(2 * HOUR)
    const [renewal] = fake.all('invoice').filter(i => i.customer === customer && i.billing_reason === 'subscription_cycle')
    const usage = renewal.lines.data.filter(l => l.amount === 245) // 500 beyond at 0.49 cents
    assert.equal(usage.length, 1, JSON.stringify(renewal.lines.data.map(l => [l.description, l.amount])))
    await bed.refreshAll(tenant)
})

test('an error event from the meter marks the row rejected and raises an alarm', async () => {
    const { tenant, customer } = await buyer()
    await count(tenant, 5)
    fake.control.deleteCustomer(customer)
    await collect()
    await send()
    assert.deepEqual(await states(tenant), ['sent 5'], 'Stripe took it at first')
    const event = fake.w.thinEvents.map(kept => kept.event ?? kept).findLast(e => e.type === 'v1.billing.meter.error_report_triggered')
    const text = JSON.stringify(event).replaceAll('\\', '\\\\').replaceAll("'", "\\'")
    for (let i = 0; i < 2; i++) { // twice
        await bed.install.sql(`INSERT INTO stripe_event (event_id, type, object_type, object_id, thin, livemode, created_at, received_at, due_at, payload)
            VALUES ('${event.id}', '${event.type}', 'billing.meter', '${event.related_object.id}', 1, 0, '${at(fake.now())}', '${at(fake.now())}', '${at(fake.now())}', '${text}')
            ON DUPLICATE KEY UPDATE state = 'pending', due_at = VALUES(due_at)`)
        const served = await ops.call({ op: 'events' })
        assert.equal(served.ok, true, served.message)
    }
    const [row] = await rows(tenant)
    assert.deepEqual([row.state, row.customer], ['rejected', customer])
    assert.match(row.last_error, /meter_event_customer_not_found/)
    const [alarm] = await alarms('meter_rejected')
    assert.deepEqual([alarm.object, alarm.times], [customer, '1'])
})

test('when a customer is replaced each row goes to the customer it was counted under', async () => {
    const { tenant, customer } = await buyer()
    await count(tenant, 3)
    const [sub] = bed.subscriptions(tenant)
    const ended = await ops.call({ op: 'end', tenant })
    assert.equal(ended.ok, true, ended.message)
    await count(tenant, 4, { customer }).catch(() => {}) // after the end it is FREE: nothing to bill
    await bed.tick(60)
    fake.control.deleteCustomer(customer)
    await bed.refresh('customer', customer)
    const begun = await ops.call({ op: 'begin', tenant, plan: 'starter' })
    assert.equal(begun.ok, true, begun.message)
    const session = bed.session(begun.url)
    fake.control.pay(session.id)
    assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, 'done')
    assert.notEqual(session.customer, customer)
    await count(tenant, 6, { customer: session.customer })
    await collect()
    await send()
    assert.deepEqual((await rows(tenant)).map(r => [r.customer, r.quantity, r.state]), [[customer, '3', 'sent'], [session.customer, '6', 'sent']])
    assert.equal(counted(session.customer), 6)
    assert.equal(counted(customer), 3)
    assert.equal(fake.get(sub.id)?.status ?? 'canceled', 'canceled')
})

test('an upgrade in the middle of a period keeps what was used', async () => {
    const { tenant, customer } = await buyer()
    await count(tenant, 9000)
    const before = await ops.call({ op: 'usage', tenant })
    assert.deepEqual([before.used, before.included, before.limit], [9000, 10000, 10000])
    const applied = await ops.call({ op: 'apply', tenant, plan: 'professional' })
    assert.equal(applied.ok, true, applied.message)
    const since = await ops.call({ op: 'usage', tenant })
    assert.deepEqual([since.used, since.included, since.limit, since.start, since.billable], [9000, 50000, 50000, before.start, true])
    await count(tenant, 100)
    await collect()
    await send()
    assert.equal(counted(customer), 9100)
    assert.equal((await ops.call({ op: 'usage', tenant })).used, 9100)
})

test('a moved billing day opens a period early, and nothing is counted twice or left out', async () => {
    const { tenant, customer } = await buyer()
    const before = await count(tenant, 10100)
    await bed.tick(5 * DAY)
    await collect()
    await send()
    const [sub] = bed.subscriptions(tenant)
    await bed.sdk('POST', `/v1/subscriptions/${sub.id}`, { 'billing_cycle_anchor[type]': 'now', proration_behavior: 'none' })
    await bed.tick(60)
    await bed.refreshAll(tenant)
    const since = await ops.call({ op: 'usage', tenant })
    assert.deepEqual([since.used, since.start > before.start, since.start < before.end, since.billable], [0, true, true, true])
    await count(tenant, 7)
    await collect()
    await send()
    assert.equal(counted(customer), 10107)
    const [old, fresh] = await bed.rows(tenant, 'SELECT used, reported FROM usage_counter WHERE tenant_id = ? AND billable = 1 ORDER BY period_start')
    assert.deepEqual([old, fresh], [{ used: '10100', reported: '10100' }, { used: '7', reported: '7' }])
})

test('a counter that was set back never sends a negative quantity or bills twice', async () => {
    const { tenant, customer } = await buyer()
    await count(tenant, 10)
    await collect()
    await send()
    await bed.rows(tenant, 'UPDATE usage_counter SET used = 6 WHERE tenant_id = ? AND billable = 1')
    for (const n of [1, 3, 2]) {
        await count(tenant, n)
        await collect()
        await send()
    }
    assert.deepEqual(await states(tenant), ['sent 10', 'sent 2'])
    await bed.rows(tenant, `UPDATE usage_counter SET unsent_since = '${at(fake.now())}' WHERE tenant_id = ?`) // nothing grew
    assert.equal(await collect(), 0)
    assert.equal(counted(customer), 12)
    assert.ok(posts().every(r => Number(fieldsOf(r)['payload[value]']) > 0))
})

test('usage counted by a fast clock is not sent with a future time that Stripe refuses', async () => {
    const { tenant, customer } = await buyer()
    const right = fake.now()
    await ops.call({ op: 'clock', ms: (right + 3 * HOUR) * 1000 })
    await count(tenant, 0)
    await bed.rows(tenant, `UPDATE usage_counter SET used = 5, unsent_since = '${at(right + 3 * HOUR)}' WHERE tenant_id = ? AND billable = 1`)
    assert.equal(await collect(), 1)
    await ops.call({ op: 'clock', ms: right * 1000 }) // and is set right
    await send()
    assert.equal((await ops.call({ op: 'flush', tenant })).code, 'meter_unsent', 'a flush is refused as well')
    assert.equal(posts().length, 0)
    await ops.call({ op: 'watch' })
    for (let i = 0; i < 8; i++) {
        await bed.tick(HOUR / 2)
        await send()
    }
    assert.deepEqual(await states(tenant), ['sent 5'])
    assert.equal(counted(customer), 5)
    for (const r of posts()) assert.ok(Number(fieldsOf(r).timestamp) <= r.at + 300, 'at most five minutes ahead')
})

test('unlimited plans are reported too, and have no limit', async () => {
    const { tenant, customer } = await buyer('enterprise')
    await count(tenant, 2500)
    const usage = await ops.call({ op: 'usage', tenant })
    assert.ok(usage.included > 1e15 && usage.limit > 1e15)
    await collect()
    await send()
    assert.equal(counted(customer), 2500)
})

test('a missing right, a rate limit or a locked object loses and rejects nothing', async () => {
    const { tenant, customer } = await buyer()
    await count(tenant, 1)
    await collect()
    fake.control.key(bed.key, { rights: ['customer_write'] })
    await send()
    assert.deepEqual(await states(tenant), ['pending 1'])
    assert.match((await rows(tenant))[0].last_error, /billing_meter_event/)
    await count(tenant, 2)
    await collect()
    await send()
    assert.equal(posts().length, 1, 'no second request follows immediately')
    fake.control.key(bed.key, { rights: RIGHTS })
    await sendFor(30 * 60)
    assert.deepEqual(await states(tenant), ['sent 1', 'sent 2'])
    fake.faults.add({ kind: 'rateLimited', method: 'POST', path: PATH, times: 6 }).add({ kind: 'lockTimeout', method: 'POST', path: PATH, times: 6 })
    await count(tenant, 4)
    await collect()
    await sendFor(HOUR)
    assert.deepEqual(await states(tenant), ['sent 1', 'sent 2', 'sent 4'])
    assert.equal(counted(customer), 7)
    assert.deepEqual(await alarms('meter_rejected'), [])
})

test('a refused row is marked rejected with Stripe\'s message and an alarm, and others are sent', async () => {
    const one = await buyer(), two = await buyer()
    for (const { tenant } of [one, two]) await count(tenant, 3)
    await collect()
    fake.faults.add({ kind: 'retryFalse', method: 'POST', path: PATH, status: 400 })
    await send()
    const all = [...await rows(one.tenant), ...await rows(two.tenant)]
    assert.deepEqual(all.map(r => r.state).sort(), ['rejected', 'sent'])
    assert.match(all.find(r => r.state === 'rejected').last_error, /Do not try again/)
    assert.equal((await alarms('meter_rejected')).length, 1)
    assert.equal(counted(one.customer) + counted(two.customer), 3)
})

test('rows for which Stripe repeats a stored error delay no other customer', async () => {
    const stuck = [await buyer(), await buyer()], { tenant, customer } = await buyer()
    for (const one of stuck) {
        await bed.tick(20)
        await count(one.tenant, 1)
        await collect()
        fake.faults.add({ kind: 'error500After', method: 'POST', path: PATH })
        await send()
        assert.deepEqual(await states(one.tenant), ['unknown 1'])
    }
    await bed.tick(10 * 60)
    await count(tenant, 3)
    await collect()
    await send()
    assert.deepEqual(await states(tenant), ['sent 3'], 'it is sent although the other rows were due before it')
    for (const one of stuck) assert.deepEqual(await states(one.tenant), ['unknown 1'])
    assert.equal(counted(customer), 3)
})

test('an alarm is open while the meter lags', async () => {
    const { tenant } = await buyer()
    const watch = async () => assert.equal((await ops.call({ op: 'watch' })).ok, true)
    await count(tenant, 1)
    await collect()
    fake.faults.add({ kind: 'dropBefore', method: 'POST', path: PATH, times: 1000 })
    await sendFor(25 * 60)
    await watch()
    assert.deepEqual(await alarms('meter_lag'), [])
    await sendFor(6 * 60, 60)
    for (let i = 0; i < 3; i++) await watch()
    const [alarm, ...more] = await alarms('meter_lag')
    assert.equal(more.length, 0)
    assert.match(alarm.words, /for 31 minutes/)
    fake.faults.clear()
    await sendFor(HOUR)
    await watch()
    assert.deepEqual(await alarms('meter_lag'), [])
})

test('differing sums are drift, even if they agree again later', async () => {
    const { tenant, customer } = await buyer()
    const { start, end } = await count(tenant, 5)
    await collect()
    await send()
    const compare = async () => {
        const done = await ops.call({ op: 'compare', customer, from: start, to: end })
        assert.equal(done.ok, true, done.message)
    }
    await compare()
    assert.deepEqual(await alarms('meter_drift'), [])
    await bed.sdk('POST', PATH, { event_name: 'parley_conversation', identifier: `stray-${customer}`, 'payload[stripe_customer_id]': customer, 'payload[value]': '2' })
    await compare()
    const [alarm] = await alarms('meter_drift')
    assert.equal(alarm.object, `${customer} ${at(start / 1000).slice(0, 10)}`)
    assert.match(alarm.words, /has 7 .* 5 were sent/)
    assert.equal((await ops.call({ op: 'compare', customer, from: start - 28 * DAY * 1000, to: start - 60_000 })).ok, true)
    assert.equal((await alarms('meter_drift')).length, 1, 'another period that agrees says nothing about this one')
    await bed.sdk('POST', '/v1/billing/meter_event_adjustments', { event_name: 'parley_conversation', type: 'cancel', 'cancel[identifier]': `stray-${customer}` })
    await compare()
    assert.deepEqual(await alarms('meter_drift'), [])
    await bed.sdk('POST', '/v1/billing/meter_event_adjustments', { event_name: 'parley_conversation', type: 'cancel', 'cancel[identifier]': fieldsOf(posts()[0]).identifier })
    await compare()
    assert.deepEqual(await alarms('meter_drift'), [], 'the meter catches up after a while')
    await bed.tick(16 * 60)
    await compare()
    assert.equal((await alarms('meter_drift')).length, 1)
})

test('usage lost by the meter is found, reported, and sent again while it can be billed', async () => {
    const { tenant, customer } = await buyer()
    const lose = request => bed.sdk('POST', '/v1/billing/meter_event_adjustments', { event_name: 'parley_conversation', type: 'cancel', 'cancel[identifier]': fieldsOf(request).identifier })
    let period
    const report = async n => {
        period = await count(tenant, n)
        await collect()
        await send()
        return posts().at(-1)
    }
    const compare = async () => {
        const done = await ops.call({ op: 'compare', customer, from: period.start, to: period.end })
        assert.equal(done.ok, true, done.message)
    }
    await report(5)
    await bed.tick(600)
    const lost = await report(3)
    await bed.tick(600)
    await report(4)
    await lose(lost)
    assert.equal(counted(customer), 9)
    await bed.tick(20 * HOUR)
    await report(2) // there is always something fresh
    await compare()
    assert.match((await alarms('meter_drift'))[0].words, /has 9 .* 12 were sent/)
    assert.deepEqual((await states(tenant)).sort(), ['sent 2', 'sent 3', 'sent 4', 'sent 5'], 'it may come yet')
    await bed.tick(5 * HOUR)
    await report(1)
    await compare()
    assert.deepEqual((await states(tenant)).sort(), ['pending 3', 'sent 1', 'sent 2', 'sent 4', 'sent 5'])
    await send()
    assert.equal(counted(customer), 15)
    assert.notEqual(fieldsOf(posts().at(-1)).identifier, fieldsOf(lost).identifier)
    assert.equal(fieldsOf(posts().at(-1)).timestamp, fieldsOf(lost).timestamp, 'stamped when it was counted')
    await compare()
    assert.deepEqual([await alarms('meter_drift'), await alarms('meter_rejected')], [[], []])
    await lose(posts().at(-1)) // a second time: that is for a person to see
    await bed.tick(25 * HOUR)
    await compare()
    assert.deepEqual((await states(tenant)).sort(), ['rejected 3', 'sent 1', 'sent 2', 'sent 4', 'sent 5'])
    assert.match((await alarms('meter_rejected'))[0].words, /3 conversations were not billed .* does not have it/)
    const late = await report(6)
    await lose(late)
    const ended = period
    await bed.tick(ended.end / 1000 - fake.now() + 26 * HOUR)
    period = ended
    await compare()
    assert.ok((await states(tenant)).includes('rejected 6'), 'its invoice is final')
    assert.ok(fake.requests.filter(r => r.path.includes('event_summaries')).length < 130)
    await bed.refreshAll(tenant)
})

test('a flush before an end sends all rows of the workspace, also those that wait for a retry', async () => {
    const one = await buyer(), two = await buyer()
    await count(one.tenant, 2)
    await collect()
    fake.faults.add({ kind: 'lockTimeout', method: 'POST', path: PATH, times: 6 })
    await send()
    await count(one.tenant, 3)
    await count(two.tenant, 4)
    const done = await ops.call({ op: 'flush', tenant: one.tenant })
    assert.deepEqual([done.ok, done.sent], [true, true], done.message)
    assert.equal(counted(one.customer), 5)
    assert.deepEqual(await rows(two.tenant), [])
    const nothing = await ops.call({ op: 'flush', tenant: one.tenant })
    assert.deepEqual([nothing.ok, nothing.sent], [true, false])
    await count(one.tenant, 1)
    fake.faults.add({ kind: 'badGateway', method: 'POST', path: PATH, times: 100 })
    const failed = await ops.call({ op: 'flush', tenant: one.tenant })
    assert.equal(failed.code, 'meter_unsent')
    fake.faults.clear()
    await sendFor(HOUR)
    assert.equal(counted(one.customer), 6)
})

test('with random faults and many tenants every conversation is metered once', async () => {
    const all = []
    for (let i = 0; i < 6; i++) all.push({ ...await buyer(i % 2 ? 'starter' : 'professional'), used: 0 })
    const seed = Number(process.env.SEED ?? 4)
    fake.faults.byChance({
        path: PATH, seed,
        rates: { dropBefore: 0.08, dropAfter: 0.08, error500Before: 0.05, error500After: 0.05, badGateway: 0.05, badGatewayAfter: 0.05, rateLimited: 0.05, truncated: 0.04, inUse: 0.03 },
    })
    const other = await bed.secondOps()
    for (let round = 0; round < 40; round++) {
        for (const one of all) {
            const n = (round * 7 + all.indexOf(one) * 3) % 5
            if (n) await count(one.tenant, n)
            one.used += n
        }
        await collect()
        await Promise.all([send(), send(other)])
        await bed.tick(15 * 60)
    }
    fake.faults.clear()
    await sendFor(30 * HOUR, HOUR)
    await collect() // usage that was counted while a row waited
    await send()
    for (const { tenant, customer, used } of all) {
        assert.equal(counted(customer), used, `seed ${seed}`)
        assert.ok((await rows(tenant)).every(r => r.state === 'sent'))
    }
    assert.deepEqual(await alarms('meter_rejected'), [])
})

test('usage on no invoice raises one alarm: ended at once in the dashboard, with an invoice that came too early, and without one', async () => {
    const late = await buyer(), none = await buyer(), within = await buyer(), ours = await buyer()
    await bed.tick(2 * HOUR)
    const all = [late, none, within, ours]
    for (const one of all) one.sub = fake.all('subscription').find(sub => sub.customer === one.customer).id
    await count(late.tenant, 400)
    await collect()
    await send()
    await count(late.tenant, 10100)
    for (const one of [none, ours]) await count(one.tenant, 10500)
    await count(within.tenant, 20)
    await bed.tick(60)
    assert.equal((await ops.call({ op: 'end', tenant: ours.tenant })).ok, true) // ours flushes first
    for (const one of [late, within]) await bed.dashboard('DELETE', `/v1/subscriptions/${one.sub}?invoice_now=true`)
    await bed.dashboard('DELETE', `/v1/subscriptions/${none.sub}`)
    await bed.tick(60)
    await collect()
    await send()
    for (const one of all) await bed.refreshAll(one.tenant)
    for (const invoice of fake.all('invoice')) if (all.some(one => one.customer === invoice.customer)) await bed.refresh('invoice', invoice.id)
    const audit = async () => assert.equal((await ops.call({ op: 'audit' })).ok, true)
    await audit()
    assert.deepEqual(await alarms('usage_unbilled'), [], 'an invoice may be a draft for an hour')
    await bed.tick(3 * HOUR)
    await audit()
    await audit()
    const told = new Map((await alarms('usage_unbilled')).map(a => [a.object, a]))
    assert.deepEqual([...told.keys()].sort(), [late.sub, none.sub].sort())
    assert.match(told.get(late.sub).words, /^Of the 10500 conversations since \d{4}-\d\d-\d\d \(the plan includes 10000\) 10100 are on no invoice: they reached Stripe after it/)
    assert.match(told.get(none.sub).words, /the subscription ended without one/)
    assert.deepEqual([...told.values()].map(a => a.times), ['1', '1'])
    await bed.install.sql("UPDATE billing_alarm SET closed_at = last_at, open_key = NULL WHERE kind = 'usage_unbilled'")
    await audit()
    assert.deepEqual(await alarms('usage_unbilled'), [], 'the operator closed it')
})
