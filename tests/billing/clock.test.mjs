// The clock of the machine ran ahead and is set right again: nothing waits for the time that was, nothing is granted or charged for it.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Testbed } from './testbed.mjs'
import { snapshot } from './hook.mjs'

const HOUR = 3600, DAY = 86400
let bed, fake, ops

before(async () => {
    bed = await Testbed.open()
    ;({ fake, ops } = bed)
})
beforeEach(() => bed.reset())
after(() => bed?.close())

const at = seconds => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')
const setClock = seconds => ops.call({ op: 'clock', ms: (fake.now() + seconds) * 1000 })
const mirror = async sub => (await bed.install.sql(`SELECT * FROM subscription_mirror WHERE stripe_subscription_id = '${sub}'`))[0]

/** Stored as hooks.fcgi stores it, by a clock that is `seconds` off. */
async function receive(sub, off) {
    const event = snapshot('customer.subscription.updated', { id: sub, object: 'subscription' }), now = at(fake.now() + off)
    await bed.install.sql(`INSERT INTO stripe_event (event_id, type, object_type, object_id, api_version, livemode, created_at, received_at, due_at, payload)
        VALUES ('${event.id}', '${event.type}', 'subscription', '${sub}', '${event.api_version}', 0, '${now}', '${now}', '${now}', '{}')`)
    return async () => (await bed.install.sql(`SELECT state FROM stripe_event WHERE event_id = '${event.id}'`))[0].state
}

test('events received under a wrong clock are processed under the right one, and what it wrote is overwritten', async () => {
    const tenant = await bed.buyer('starter'), [{ id: sub }] = bed.subscriptions(tenant)
    await setClock(30 * DAY)
    await bed.refresh('subscription', sub) // fetched a month from now
    const lost = await receive(sub, 30 * DAY)
    await bed.install.sql(`INSERT INTO stripe_lease (name, holder, until) VALUES ('${sub}', '0123456789abcdef', '${at(fake.now() + 30 * DAY + 60)}')`) // whose holder died
    await setClock(0)
    await bed.sdk('POST', `/v1/subscriptions/${sub}`, { cancel_at_period_end: true })
    assert.equal((await ops.call({ op: 'events' })).ok, true)
    assert.equal(await lost(), 'done')
    const row = await mirror(sub)
    assert.ok(row.cancel_at_period_end === '1' || row.cancel_at)
    assert.equal((await bed.state(tenant)).state, 'ending')
    const soon = await receive(sub, 2 * HOUR) // a clock that is hours off is caught up with
    await ops.call({ op: 'events' })
    assert.equal(await soon(), 'pending')
    await bed.tick(2 * HOUR)
    await ops.call({ op: 'events' })
    assert.equal(await soon(), 'done')
})

test('rights and the period follow the corrected clock', async () => {
    const tenant = await bed.buyer('professional'), [sub] = bed.subscriptions(tenant)
    const usage = () => ops.call({ op: 'usage', tenant })
    const now = await usage()
    await setClock(-3 * DAY) // before the period began
    assert.deepEqual(bed.pick(await bed.state(tenant), 'plan', 'state'), { plan: 'professional', state: 'live' })
    assert.deepEqual(bed.pick(await usage(), 'start', 'end', 'billable'), bed.pick(now, 'start', 'end', 'billable'))
    await setClock(40 * DAY) // a period that has not begun
    assert.notEqual((await usage()).start, now.start)
    await setClock(0)
    assert.deepEqual(await usage(), now)
    fake.control.card(sub.customer, 'fail')
    await bed.tick(sub.items.data[0].current_period_end - fake.now() + 2 * HOUR)
    await bed.refreshAll(tenant)
    assert.equal((await bed.state(tenant)).state, 'grace')
    await setClock(20 * DAY)
    assert.equal((await bed.state(tenant)).state, 'suspended')
    await setClock(0)
    assert.equal((await bed.state(tenant)).state, 'grace', 'the state is derived, so nothing has to be undone')
    await setClock(-DAY)
    assert.equal((await bed.state(tenant)).state, 'grace')
})

test('a checkout and a plan change that began under a wrong clock are completed', async () => {
    const tenant = await bed.tenant()
    await setClock(10 * DAY)
    const refused = await ops.call({ op: 'begin', tenant, plan: 'starter' })
    assert.equal(refused.code, 'billing_unavailable', 'Stripe takes no session that ends so late')
    assert.equal((await bed.alarms(tenant))[0].kind, 'stripe_refused')
    await setClock(0)
    const begun = await ops.call({ op: 'begin', tenant, plan: 'starter' })
    assert.equal(begun.ok, true, begun.message)
    const open = bed.sessions(tenant).filter(s => s.status === 'open')
    assert.equal(open.length, 1)
    assert.equal(bed.customers(tenant).length, 1)
    assert.equal(fake.control.pay(open[0].id), 'complete')
    assert.equal((await ops.call({ op: 'return', tenant, session: open[0].id })).outcome, 'done')
    const shown = await ops.call({ op: 'preview', tenant, plan: 'professional' })
    await setClock(-2 * DAY)
    const early = await ops.call({ op: 'apply', tenant, plan: 'professional', proration: shown.proration })
    await setClock(0)
    const done = early.ok ? early : await ops.call({ op: 'apply', tenant, plan: 'professional', proration: shown.proration })
    assert.ok(done.ok, `${early.code}: ${done.code} ${done.message}`)
    const [sub] = bed.subscriptions(tenant)
    assert.equal(fake.all('invoice').filter(i => i.customer === sub.customer).length, 2, 'bought and changed once')
    assert.deepEqual(bed.pick(await bed.state(tenant), 'plan', 'state'), { plan: 'professional', state: 'live' })
})
