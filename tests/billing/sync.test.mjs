// Events from Stripe become rows, in whatever order and however often they arrive, and whatever fails on the way.
// Runs for about 45 s.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, beforeEach, test } from 'node:test'
import { childrenOf, until } from '../lib/install.mjs'
import fs from 'node:fs'
import { startSite } from './site.mjs'
import { snapshot, thin } from './hook.mjs'

const DAY = 86400
let site, fake

before(async () => {
    site = await startSite({ fake: { now: Math.floor(Date.now() / 1000) - 400 * DAY } })
    fake = site.fake
})
after(() => site?.stop())
beforeEach(() => { fake.faults.clear() })

const worker = () => childrenOf(site.parley.pid('serve')).find(pid => fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'parley-worker')
const gets = id => fake.requests.filter(r => r.method === 'GET' && r.path.includes(id)).length
/** The settings are read again, by the worker too. */
async function reload() {
    const count = () => site.parley.log('serve').match(/"program":"worker","event":"reloaded"/g)?.length ?? 0, before = count()
    site.parley.hup()
    await until('the new settings', () => count() > before)
}
const at = seconds => new Date(seconds * 1000).toISOString().replace('T', ' ').replace('Z', '')
const events = (type, id) => fake.events.filter(e => e.type === type && e.data?.object?.id === id)

// ---- in any order ----

test('a new subscription is mirrored with its tenant, terms, period and invoice', async () => {
    const { tenant, sub } = await site.paying('professional')
    const began = Date.now()
    await site.pump()
    assert.ok(Date.now() - began < 10000)
    const row = await site.mirror(sub), shown = fake.get(sub)
    assert.equal(row.status, 'active')
    assert.equal(row.period_end, at(shown.items.data[0].current_period_end))
    assert.equal(row.items, '2')
    assert.equal(row.base_price_id, await site.price('professional', 'base'))
    assert.equal((await site.sql(`SELECT COUNT(*) AS n FROM subscription_mirror m JOIN plan p ON p.plan_terms_id = m.plan_terms_id
        WHERE m.stripe_subscription_id = '${sub}' AND p.plan = 'professional'`))[0].n, '1')
    assert.equal((await site.invoice(shown.latest_invoice)).status, 'paid')
    assert.match(JSON.parse(await site.parley.run('tenant', 'show', tenant, '--json')).plan, /^(free|professional)$/)
})

test('an idle worker processes each event', async () => { // ./dev bench measures how soon
    const { sub } = await site.paying()
    for (let i = 0; i < 3; i++) await site.deliverAndWait(site.event('customer.subscription.updated', sub))
})

test('one refresh processes all waiting events: two ids of one change, and the same id twice', async () => {
    const { sub } = await site.paying()
    await site.pump()
    fake.faults.add({ kind: 'slow', ms: 400, method: 'GET', path: `/v1/subscriptions/${sub}` })
    const first = site.event('customer.subscription.updated', sub), before = gets(sub)
    await site.send(first) // its refresh is slow: the others wait for the next one
    await until('the refresh', () => gets(sub) > before)
    const n = gets(sub)
    const more = [1, 2, 3, 4].map(() => site.event('customer.subscription.updated', sub))
    await site.send(...more, more[0])
    for (const e of [first, ...more]) await site.settled(e)
    assert.equal(gets(sub) - n, 1)
    assert.equal((await site.sql(`SELECT COUNT(*) AS n FROM stripe_event WHERE object_id = '${sub}' AND state <> 'done'`))[0].n, '0')
})

test('events may arrive as updated before created, or deleted before updated', async () => {
    const { sub } = await site.paying()
    await site.stripe.subscriptions.update(sub, { cancel_at_period_end: true })
    const updated = events('customer.subscription.updated', sub), created = events('customer.subscription.created', sub)
    await site.deliverAndWait(updated.at(-1))
    assert.equal((await site.mirror(sub)).status, 'active')
    await site.deliverAndWait(created[0]) // an outdated event that says incomplete
    const row = await site.mirror(sub)
    assert.equal(row.status, 'active')
    assert.ok(row.cancel_at_period_end === '1' || row.cancel_at)
    await site.stripe.subscriptions.cancel(sub)
    await site.deliverAndWait(events('customer.subscription.deleted', sub)[0])
    assert.equal((await site.mirror(sub)).status, 'canceled')
    await site.deliverAndWait(updated[0])
    assert.equal((await site.mirror(sub)).status, 'canceled')
})

test('an invoice may arrive before its subscription', async () => {
    const { tenant, sub } = await site.paying()
    const paid = fake.events.findLast(e => e.type === 'invoice.paid')
    await site.deliverAndWait(paid)
    assert.equal((await site.mirror(sub)).status, 'active')
    const n = await site.sql(`SELECT COUNT(*) AS n FROM invoice_mirror i JOIN subscription_mirror s USING (stripe_subscription_id)
        WHERE s.stripe_subscription_id = '${sub}' AND i.tenant_id = s.tenant_id AND i.status = 'paid'`)
    assert.equal(n[0].n, '1', tenant)
})

test('an unknown customer is kept, reported, and found once its workspace exists', async () => {
    const customer = await site.customer(null), { id: sub } = await site.subscribe(customer)
    await site.pump()
    assert.equal((await site.mirror(sub)).tenant_id, null)
    assert.ok(await site.alarm('unknown_customer', sub))
    const tenant = await site.tenant()
    await site.sql(`INSERT INTO billing_customer SELECT tenant_id, '${customer}', 0, NOW(3), NULL FROM tenant ORDER BY tenant_id DESC LIMIT 1`)
    await site.parley.run('billing', 'sync', sub)
    assert.notEqual((await site.mirror(sub)).tenant_id, null, tenant)
    assert.equal(await site.alarm('unknown_customer', sub), undefined)
})

test('changed metadata does not move a subscription to another workspace', async () => {
    const { sub } = await site.paying(), thief = await site.tenant()
    await site.pump()
    const before = (await site.sql(`SELECT HEX(tenant_id) AS t FROM subscription_mirror WHERE stripe_subscription_id = '${sub}'`))[0].t
    await site.stripe.subscriptions.update(sub, { metadata: { tenant: thief } })
    await site.pump()
    assert.equal((await site.sql(`SELECT HEX(tenant_id) AS t FROM subscription_mirror WHERE stripe_subscription_id = '${sub}'`))[0].t, before)
    assert.ok(await site.alarm('tenant_mismatch', sub))
})

// ---- events that are not ours ----

test('events of live mode, of other accounts and versions grant nothing and raise alarms', async () => {
    const { sub } = await site.paying(), n = gets(sub)
    const strange = [
        [site.event('customer.subscription.updated', sub, { livemode: true }), 'event_livemode', 'webhook'],
        [site.event('customer.subscription.updated', sub, { account: 'acct_other' }), 'event_account', 'acct_other'],
        [thin('v1.customer.subscription.updated', { id: sub, type: 'subscription', url: '' }, { context: 'org_1' }), 'event_account', 'org_1'],
        [site.event('customer.subscription.updated', sub, { api_version: '2024-06-20' }), 'event_version', '2024-06-20'],
        [site.event('customer.subscription.updated', sub, { api_version: '2099-01-01.zebra' }), 'event_version', '2099-01-01.zebra'],
    ]
    for (const [event, kind, object] of strange) {
        await site.send(event)
        await site.settled(event, 'ignored')
        assert.ok(await site.alarm(kind, object), kind)
    }
    assert.equal(await site.mirror(sub), undefined)
    assert.equal(gets(sub), n)
    await site.pump()
})

test('thin events alone suffice', async () => {
    const { sub } = await site.paying()
    await site.deliverAndWait(thin('v1.customer.subscription.updated', { id: sub, type: 'subscription', url: `/v1/subscriptions/${sub}` }))
    assert.equal((await site.mirror(sub)).status, 'active')
    await site.pump()
})

test('events about objects that are not mirrored are ignored', async () => {
    const asked = fake.requests.length
    for (const [type, object] of [['customer.updated', { id: 'cus_x', object: 'customer' }], ['charge.succeeded', { id: 'ch_x', object: 'charge' }],
        ['payment_method.attached', { id: 'pm_x', object: 'payment_method' }], ['balance.available', { object: 'balance' }],
        ['invoice.upcoming', { object: 'invoice', parent: null }], ['something.new', { id: 'thing_1', object: 'thing' }]]) {
        const event = snapshot(type, object)
        await site.send(event)
        await site.settled(event, 'ignored')
    }
    assert.equal(fake.requests.length, asked)
})

test('an upcoming invoice has no id, so its subscription is fetched', async () => {
    const { sub } = await site.paying()
    await site.pump()
    await site.stripe.subscriptions.update(sub, { cancel_at_period_end: true })
    await site.deliverAndWait(snapshot('invoice.upcoming', { object: 'invoice', parent: { type: 'subscription_details', subscription_details: { subscription: sub } } }))
    const row = await site.mirror(sub)
    assert.ok(row.cancel_at_period_end === '1' || row.cancel_at)
    await site.pump()
})

test('while a secret is being rolled both secrets are accepted', async () => {
    const { sub } = await site.paying()
    const endpoint = fake.all('webhook_endpoint')[0].id
    const fresh = fake.control.rollSecret(endpoint, 3600)
    await site.pump() // the fake signs with both
    assert.equal((await site.mirror(sub)).status, 'active')
    const old = site.signing
    await site.secrets([fresh.secret ?? fresh, ...old.slice(1)])
    const other = await site.paying()
    await site.pump()
    assert.equal((await site.mirror(other.sub)).status, 'active')
})

// ---- what dies on the way ----

/** Locks a row in a connection of its own until it is let go. */
async function holding(query) {
    const child = spawn('mariadb', ['--no-defaults', `--socket=${site.parley.socket}`, '--unbuffered', '--batch', 'parley'])
    let out = ''
    child.stdout.setEncoding('utf8').on('data', t => { out += t })
    child.stdin.write(`BEGIN; ${query}; SELECT 'held' AS x;\n`)
    await until('the lock', () => out.includes('held'))
    return () => new Promise(ok => { child.on('close', ok); child.stdin.end('ROLLBACK;\n') })
}

const waitsForLock = async () => (await site.sql("SELECT COUNT(*) AS n FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"))[0].n !== '0'

test('events survive a worker killed while it fetches or before it commits', async () => {
    for (const when of ['looking', 'writing']) {
        const { sub } = await site.paying()
        await site.pump()
        await site.stripe.subscriptions.cancel(sub)
        const event = events('customer.subscription.deleted', sub)[0], before = gets(sub)
        let letGo = async () => {}
        if (when === 'looking') fake.faults.add({ kind: 'slow', ms: 2000, method: 'GET', path: `/v1/subscriptions/${sub}` })
        else letGo = await holding(`SELECT * FROM subscription_mirror WHERE stripe_subscription_id = '${sub}' FOR UPDATE`)
        await site.send(event)
        await until('the claim', async () => (await site.stored(event)).attempts === '1')
        await until('the refresh', () => gets(sub) > before)
        if (when === 'writing') await until('the lock to be waited for', waitsForLock)
        const pid = worker()
        process.kill(pid, 'SIGKILL')
        await until('its end', () => worker() !== pid)
        await letGo()
        fake.faults.clear()
        assert.equal((await site.mirror(sub)).status, 'active')
        const row = await site.stored(event)
        assert.equal(row.state, 'pending')
        assert.ok(new Date(row.due_at.replace(' ', 'T') + 'Z') > new Date()) // for as long as its lease
        await site.sql(`UPDATE stripe_event SET due_at = NOW(3) WHERE event_id = '${event.id}'; DELETE FROM stripe_lease WHERE name = '${sub}'`)
        await site.settled(event)
        assert.equal((await site.mirror(sub)).status, 'canceled')
        await site.pump()
    }
})

test('a refresh waits for another process that is refreshing the same object', async () => {
    const { sub } = await site.paying(), other = await site.paying()
    await site.pump()
    await site.sql(`INSERT INTO stripe_lease (name, holder, until) VALUES ('${sub}', UNHEX(MD5('x')), NOW(3) + INTERVAL 60 SECOND)
        ON DUPLICATE KEY UPDATE holder = VALUES(holder), until = VALUES(until)`)
    const event = site.event('customer.subscription.updated', sub)
    await site.send(event)
    await site.deliverAndWait(site.event('customer.subscription.updated', other.sub)) // the worker has passed the first event
    const row = await site.stored(event)
    assert.deepEqual([row.state, row.attempts], ['pending', '0'])
    const busy = await site.parley.tryRun('billing', 'sync', sub)
    assert.equal(busy.status, 1)
    await site.sql(`DELETE FROM stripe_lease WHERE name = '${sub}'`)
    await site.settled(event)
})

test('events survive a database outage during processing', async () => {
    const { sub } = await site.paying()
    fake.faults.add({ kind: 'slow', ms: 800, method: 'GET', path: `/v1/subscriptions/${sub}` })
    const event = site.event('customer.subscription.updated', sub)
    const before = gets(sub)
    await site.send(event)
    await until('the call', () => gets(sub) > before)
    await site.parley.kill('database')
    await until('the answer', () => fake.requests.findLast(r => r.method === 'GET' && r.path.includes(sub)).status)
    await site.parley.restart('database')
    await site.sql(`UPDATE stripe_event SET due_at = NOW(3) WHERE state = 'pending'; DELETE FROM stripe_lease WHERE name = '${sub}'`)
    await site.settled(event, 'done', 30000)
    assert.equal((await site.mirror(sub)).status, 'active')
    await site.pump()
})

test('a poison event delays no other, becomes a dead letter, and can be replayed', async () => {
    const bad = await site.paying(), good = await site.paying()
    fake.control.distort(bad.sub, { set: { object: 'surprise' } })
    const poison = site.event('customer.subscription.updated', bad.sub, { data: { object: { id: bad.sub, object: 'subscription' } } })
    await site.send(poison)
    await site.deliverAndWait(site.event('customer.subscription.updated', good.sub))
    assert.equal((await site.mirror(good.sub)).status, 'active')
    const row = await until('the first failure', async () => { const r = await site.stored(poison); return r.last_error && r })
    assert.deepEqual([row.state, row.attempts], ['pending', '1'])
    assert.match(row.last_error, /not a subscription/)
    const waits = new Date(row.due_at.replace(' ', 'T') + 'Z') - Date.now()
    assert.ok(waits > 5000 && waits <= 10000, `${waits}`)
    await site.sql(`UPDATE stripe_event SET due_at = NOW(3), attempts = 9 WHERE event_id = '${poison.id}'`)
    await site.settled(poison, 'dead')
    assert.ok(await site.alarm('event_dead', poison.id))
    assert.match(await site.parley.run('billing', 'events'), new RegExp(poison.id))
    assert.match(await site.parley.run('billing', 'alarms'), /event_dead/)
    fake.control.distort(bad.sub, null)
    await site.parley.run('billing', 'replay', poison.id)
    await site.settled(poison)
    assert.equal((await site.mirror(bad.sub)).status, 'active')
    assert.equal(await site.alarm('event_dead', poison.id), undefined)
    assert.equal((await site.parley.tryRun('billing', 'replay', 'evt_none')).status, 1)
    await site.pump()
})

test('a dead letter is processed by the next refresh of its object', async () => {
    const { sub } = await site.paying()
    await site.pump()
    const event = site.event('customer.subscription.updated', sub)
    await site.sql(`INSERT INTO stripe_event (event_id, type, object_type, object_id, api_version, livemode, created_at, received_at, state, due_at, payload)
        VALUES ('${event.id}', '${event.type}', 'subscription', '${sub}', '', 0, NOW(3), NOW(3), 'dead', NOW(3), '{}')`)
    await site.deliverAndWait(site.event('customer.subscription.updated', sub))
    assert.equal((await site.stored(event)).state, 'done')
})

test('an event replayed after three days shows the current state', async () => {
    const { sub } = await site.paying()
    await site.pump()
    const old = events('customer.subscription.created', sub)[0]
    await site.sql(`UPDATE stripe_event SET received_at = received_at - INTERVAL 3 DAY, created_at = created_at - INTERVAL 3 DAY WHERE event_id = '${old.id}'`)
    await fake.advance(3 * DAY)
    await site.stripe.subscriptions.cancel(sub)
    await site.parley.run('billing', 'replay', old.id)
    await site.settled(old)
    assert.equal((await site.mirror(sub)).status, 'canceled')
    await site.pump()
})

test('while Stripe is unreachable events wait, other work continues, and no event becomes a dead letter', async () => {
    const { sub } = await site.paying()
    const event = site.event('customer.subscription.updated', sub)
    site.parley.configure({ stripe_api_base: 'http://127.0.0.1:9' })
    await reload()
    await site.send(event)
    await until('a try', async () => (await site.stored(event)).last_error !== '')
    await site.sql(`UPDATE stripe_event SET attempts = 50 WHERE event_id = '${event.id}'`)
    await site.sql(`UPDATE stripe_event SET due_at = NOW(3) WHERE event_id = '${event.id}'`)
    await site.sql("INSERT INTO job (job_id, kind, state, due_at, payload, created_at) VALUES (UNHEX(MD5('job of the outage')), 'cleanup', 'ready', NOW(3), '{}', NOW(3))")
    await until('a job meanwhile', async () => (await site.sql("SELECT state FROM job WHERE job_id = UNHEX(MD5('job of the outage'))"))[0].state === 'done')
    await until('another try', async () => Number((await site.stored(event)).attempts) > 50, 20000)
    assert.equal((await site.stored(event)).state, 'pending')
    site.parley.configure({ stripe_api_base: fake.url })
    site.parley.hup()
    await until('its turn', async () => {
        await site.sql(`UPDATE stripe_event SET due_at = NOW(3) WHERE event_id = '${event.id}' AND last_error <> ''`)
        return (await site.stored(event)).state === 'done'
    }, 40000)
    await site.pump()
})

test('without a key events wait; parley work --once processes them too', async () => {
    const { sub } = await site.paying()
    site.parley.configure({ stripe_secret_key: null })
    await reload()
    const event = site.event('customer.subscription.updated', sub)
    await site.send(event)
    const job = "job_id = UNHEX(MD5('job without a key'))"
    await site.sql("INSERT INTO job (job_id, kind, state, due_at, payload, created_at) VALUES (UNHEX(MD5('job without a key')), 'cleanup', 'ready', NOW(3), '{}', NOW(3))")
    await until('a later job', async () => (await site.sql(`SELECT state FROM job WHERE ${job}`))[0].state === 'done')
    assert.deepEqual([(await site.stored(event)).state, (await site.stored(event)).attempts], ['pending', '0'])
    site.parley.configure({ stripe_secret_key: 'rk_test_site' }) // the running worker has not loaded it
    await site.parley.run('work', '--once')
    assert.equal((await site.stored(event)).state, 'done')
    assert.equal((await site.mirror(sub)).status, 'active')
    site.parley.hup()
    await site.pump()
})

// ---- subscriptions ----

test('two live subscriptions are both kept and raise an alarm, which closes when one ends', async () => {
    const { tenant, customer, sub } = await site.paying()
    const second = fake.control.secondSubscription(customer)
    await site.pump()
    assert.equal((await site.mirror(sub)).status, 'active')
    assert.equal((await site.mirror(second.id)).status, 'active')
    assert.match((await site.alarm('two_live', tenant)).words, /2 subscriptions/)
    await site.stripe.subscriptions.cancel(second.id)
    await site.pump()
    assert.equal(await site.alarm('two_live', tenant), undefined)
})

test('an unknown status keeps the last known one', async () => {
    const { sub } = await site.paying()
    await site.pump()
    const known = (await site.mirror(sub)).known_at
    fake.control.distort(sub, { set: { status: 'hibernating' } })
    await site.deliverAndWait(site.event('customer.subscription.updated', sub))
    const row = await site.mirror(sub)
    assert.deepEqual([row.status, row.known_status, row.known_at], ['hibernating', 'active', known])
    assert.ok(await site.alarm('unknown_status', sub))
    fake.control.distort(sub, null)
    await site.deliverAndWait(site.event('customer.subscription.updated', sub))
    assert.equal(await site.alarm('unknown_status', sub), undefined)
})

test('a price that Parley did not create grants nothing and raises an alarm', async () => {
    const { customer, tenant } = await site.paying(), product = await site.stripe.products.create({ name: 'Odd' })
    const price = await site.stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 100, recurring: { interval: 'month' } })
    const sub = await site.stripe.subscriptions.create({ customer, items: [{ price: price.id }], metadata: { tenant } })
    await site.pump()
    const row = await site.mirror(sub.id)
    assert.deepEqual([row.status, row.plan_terms_id, row.base_price_id], ['active', null, price.id])
    assert.ok(await site.alarm('unknown_price', sub.id))
    await site.stripe.subscriptions.cancel(sub.id)
    await site.pump()
    assert.equal(await site.alarm('unknown_price', sub.id), undefined)
})

test('items may be in any order or lack a quantity; an additional one raises an alarm', async () => {
    const { sub } = await site.paying()
    await site.pump()
    const before = await site.mirror(sub)
    fake.control.swapItems(sub)
    await site.pump()
    const swapped = await site.mirror(sub)
    assert.deepEqual([swapped.base_item_id, swapped.usage_item_id], [before.base_item_id, before.usage_item_id])
    fake.control.distort(sub, { remove: ['items.data.0.quantity', 'items.data.1.quantity', 'pause_collection'], expand: ['customer', 'latest_invoice'] })
    await site.deliverAndWait(site.event('customer.subscription.updated', sub))
    const bare = await site.mirror(sub)
    assert.deepEqual([bare.base_item_id, bare.stripe_customer_id, bare.latest_invoice_id], [before.base_item_id, before.stripe_customer_id, before.latest_invoice_id])
    fake.control.distort(sub, null)
    await site.stripe.subscriptions.update(sub, { items: [{ price: await site.price('professional', 'base'), quantity: 1 }] }) // without its id: one more
    await site.pump()
    assert.equal((await site.mirror(sub)).items, '3')
    assert.ok(await site.alarm('extra_items', sub))
    await site.stripe.subscriptions.cancel(sub)
    await site.pump()
    assert.equal(await site.alarm('extra_items', sub), undefined)
})

test('a cancellation, its undoing and a pause of collection are mirrored', async () => {
    const { sub } = await site.paying()
    await site.stripe.subscriptions.update(sub, { cancel_at_period_end: true })
    await site.pump()
    const ending = await site.mirror(sub)
    assert.ok(ending.cancel_at_period_end === '1' || ending.cancel_at)
    await site.stripe.subscriptions.update(sub, { cancel_at_period_end: false, pause_collection: { behavior: 'void' } })
    await site.pump()
    const back = await site.mirror(sub)
    assert.deepEqual([back.cancel_at_period_end, back.cancel_at, back.collection_paused, back.status], ['0', null, '1', 'active'])
})

test('a planned downgrade is in the row until it is undone', async () => {
    const { sub } = await site.paying('professional')
    await site.pump()
    const schedule = await site.stripe.subscriptionSchedules.create({ from_subscription: sub })
    const now = schedule.phases[0]
    const items = [{ price: await site.price('starter', 'base'), quantity: 1 }, { price: await site.price('starter', 'usage') }]
    await site.stripe.subscriptionSchedules.update(schedule.id, { phases: [
        { start_date: now.start_date, end_date: now.end_date, items: now.items.map(i => ({ price: i.price, ...(i.quantity ? { quantity: i.quantity } : {}) })) },
        { start_date: now.end_date, items, duration: { interval: 'month', interval_count: 1 } }] })
    await site.deliverAndWait(site.event('customer.subscription.updated', sub))
    const row = await site.mirror(sub)
    assert.equal(row.schedule_id, schedule.id)
    assert.equal(row.next_at, at(now.end_date))
    assert.equal((await site.sql(`SELECT t.plan FROM subscription_mirror m JOIN plan_terms t ON t.plan_terms_id = m.next_terms_id
        WHERE m.stripe_subscription_id = '${sub}'`))[0].plan, 'starter')
    await site.stripe.subscriptionSchedules.release(schedule.id)
    await site.deliverAndWait(snapshot('subscription_schedule.released', { id: schedule.id, object: 'subscription_schedule' }))
    const undone = await site.mirror(sub)
    assert.deepEqual([undone.schedule_id, undone.next_terms_id, undone.next_at], [null, null, null])
    await site.pump()
})

test('a customer deleted at Stripe loses its subscription', async () => {
    const { customer, sub } = await site.paying()
    await site.pump()
    fake.control.deleteCustomer(customer)
    await site.deliverAndWait(snapshot('customer.deleted', { id: customer, object: 'customer' }))
    assert.equal((await site.mirror(sub)).status, 'canceled')
    assert.ok((await site.row('billing_customer', `stripe_customer_id = '${customer}'`)).deleted_at)
    await site.pump()
})

test('a workspace deleted with an open subscription raises an alarm', async () => {
    const { sub } = await site.paying()
    await site.sql(`UPDATE tenant t JOIN billing_customer b USING (tenant_id) SET t.state = 'deleted' WHERE b.stripe_customer_id = '${fake.get(sub).customer}'`)
    await site.pump()
    assert.ok(await site.alarm('tenant_deleted_money_open', sub))
    await site.stripe.subscriptions.cancel(sub)
    await site.pump()
    assert.equal(await site.alarm('tenant_deleted_money_open', sub), undefined)
})

// ---- dunning ----

test('past_due counts from the oldest unpaid invoice, unchanged by later failures, until a payment', async () => {
    const { customer, sub } = await site.paying()
    await site.pump()
    fake.control.card(customer, 'fail')
    await fake.advance({ to: fake.get(sub).items.data[0].current_period_end + 2 * 3600 })
    await site.pump()
    const row = await site.mirror(sub), invoice = fake.get(sub).latest_invoice
    assert.equal(row.status, 'past_due')
    assert.equal(row.first_failed_at, (await site.invoice(invoice)).finalized_at)
    for (let i = 0; i < 2; i++) {
        await fake.advance(4 * DAY)
        await site.pump()
        const later = await site.mirror(sub)
        assert.deepEqual([later.status, later.first_failed_at], ['past_due', row.first_failed_at])
        assert.ok(Number((await site.invoice(invoice)).attempt_count) > 1)
    }
    fake.control.card(customer, 'ok')
    await site.stripe.invoices.pay(invoice)
    await site.pump()
    const paid = await site.mirror(sub)
    assert.deepEqual([paid.status, paid.first_failed_at], ['active', null])
    assert.equal((await site.invoice(invoice)).status, 'paid')
})

test('the past_due date is right even when the subscription is reported before its invoice', async () => {
    const { customer, sub } = await site.paying()
    await site.pump()
    fake.control.card(customer, 'fail')
    await fake.advance({ to: fake.get(sub).items.data[0].current_period_end + 2 * 3600 })
    await site.deliverAndWait(events('customer.subscription.updated', sub).at(-1))
    const row = await site.mirror(sub), invoice = fake.get(fake.get(sub).latest_invoice)
    assert.equal(row.first_failed_at, at(invoice.status_transitions.finalized_at))
    await site.pump()
    assert.equal((await site.mirror(sub)).first_failed_at, row.first_failed_at)
})

test('after the last retry a subscription is unpaid or canceled', async () => {
    for (const afterRetries of ['unpaid', 'canceled']) {
        fake.control.policy({ afterRetries })
        const { customer, sub } = await site.paying()
        await site.pump()
        fake.control.card(customer, 'fail')
        await fake.advance({ to: fake.get(sub).items.data[0].current_period_end + 2 * 3600 })
        await site.pump()
        const since = (await site.mirror(sub)).first_failed_at
        await fake.advance(20 * DAY)
        await site.pump()
        const row = await site.mirror(sub)
        assert.equal(row.status, afterRetries)
        assert.equal(row.first_failed_at, afterRetries === 'unpaid' ? since : null)
    }
    fake.control.policy({ afterRetries: 'past_due' })
})

// ---- invoices ----

test('voided, uncollectible and deleted draft invoices are mirrored', async () => {
    const { customer, sub } = await site.paying()
    await site.pump()
    fake.control.card(customer, 'fail')
    await fake.advance({ to: fake.get(sub).items.data[0].current_period_end + 2 * 3600 })
    await site.pump()
    const invoice = fake.get(sub).latest_invoice
    await site.stripe.invoices.markUncollectible(invoice)
    await site.pump()
    assert.equal((await site.invoice(invoice)).status, 'uncollectible')
    await site.stripe.invoices.voidInvoice(invoice)
    await site.pump()
    assert.equal((await site.invoice(invoice)).status, 'void')
    await site.sql(`INSERT INTO invoice_mirror (stripe_invoice_id, stripe_customer_id, livemode, status, currency, total, amount_due, amount_paid,
        amount_remaining, created_at, fetched_at) VALUES ('in_deleted', '${customer}', 0, 'draft', 'USD', 1, 1, 0, 1, NOW(3), NOW(3))`)
    await site.deliverAndWait(snapshot('invoice.updated', { id: 'in_deleted', object: 'invoice' }))
    assert.equal((await site.invoice('in_deleted')).status, 'deleted')
})

test('an invoice that cannot be finalized raises an alarm while the subscription stays active', async () => {
    const { customer, sub } = await site.paying()
    await site.pump()
    fake.control.finalizationFails(customer)
    await fake.advance({ to: fake.get(sub).items.data[0].current_period_end + 2 * 3600 })
    await site.pump()
    const invoice = fake.get(sub).latest_invoice, row = await site.invoice(invoice)
    assert.deepEqual([row.status, row.finalization_failed], ['draft', '1'])
    assert.equal((await site.mirror(sub)).status, 'active')
    assert.ok(await site.alarm('finalization_failed', invoice))
    fake.control.finalizationFails(customer, false)
    await site.stripe.invoices.finalizeInvoice(invoice)
    await site.pump()
    assert.equal(await site.alarm('finalization_failed', invoice), undefined)
})

test('refunds and disputes raise alarms with customer and invoice', async () => {
    const { customer, sub } = await site.paying(), invoice = fake.get(sub).latest_invoice
    await site.pump()
    const charge = fake.all('charge').find(c => c.customer === customer).id
    fake.control.refund({ charge, amount: 1000 })
    await site.pump()
    const refund = await site.alarm('refund', charge)
    assert.match(refund.words, /\$10\.00 of \$49\.00/)
    assert.match(refund.words, new RegExp(`customer ${customer}, invoice ${invoice}`))
    assert.notEqual(refund.tenant_id, null)
    const dispute = fake.control.dispute(charge)
    await site.pump()
    const told = await site.alarm('dispute', dispute.id)
    assert.match(told.words, /\$49\.00 is disputed \(fraudulent\)/)
    fake.control.closeDispute(dispute.id, true)
    await site.pump()
    assert.equal(await site.alarm('dispute', dispute.id), undefined)
})

// ---- checkouts ----

async function checkout(tenant, customer, more = {}) {
    const session = await site.stripe.checkout.sessions.create({
        mode: 'subscription', customer, client_reference_id: tenant, success_url: 'https://e.com/s', cancel_url: 'https://e.com/c',
        line_items: [{ price: await site.price('starter', 'base'), quantity: 1 }, { price: await site.price('starter', 'usage') }],
        subscription_data: { metadata: { tenant } }, ...more,
    })
    await site.sql(`INSERT INTO checkout_attempt SELECT b.tenant_id, UNHEX(MD5('${session.id}')), p.plan_terms_id, '${session.id}', 0, 'open', NOW(3),
        NOW(3) + INTERVAL 1 DAY FROM billing_customer b JOIN plan p ON p.plan = 'starter' WHERE b.stripe_customer_id = '${customer}'`)
        .catch(async error => { throw new Error(`${error.message}: ${JSON.stringify(await site.sql('SHOW COLUMNS FROM checkout_attempt'))}`) })
    return session.id
}
const attempt = session => site.row('checkout_attempt', `stripe_session_id = '${session}'`)

test('checkouts that are paid, expire or are paid later are recorded', async () => {
    const tenant = await site.tenant(), customer = await site.customer(tenant)
    const expired = await checkout(tenant, customer)
    await site.stripe.checkout.sessions.expire(expired)
    await site.pump()
    assert.equal((await attempt(expired)).state, 'expired')
    const paid = await checkout(tenant, customer)
    assert.equal(fake.control.pay(paid, { card: 'ok' }), 'complete')
    const completed = fake.events.find(e => e.type === 'checkout.session.completed' && e.data.object.id === paid)
    await site.deliverAndWait(completed) // alone: the subscription's event follows
    assert.equal((await attempt(paid)).state, 'complete')
    assert.equal((await site.mirror(fake.get(paid).subscription)).status, 'active')
    await site.pump()
    const other = await site.tenant(), payer = await site.customer(other, { card: null })
    const late = await checkout(other, payer)
    assert.equal(fake.control.pay(late, { card: 'async' }), 'complete')
    await site.pump()
    assert.equal((await attempt(late)).state, 'open')
    fake.control.settle(late, false)
    await site.pump()
    assert.equal((await attempt(late)).state, 'failed')
})

test('a checkout that names another workspace changes nothing and raises an alarm', async () => {
    const tenant = await site.tenant(), customer = await site.customer(tenant), thief = await site.tenant()
    const session = await checkout(tenant, customer, { client_reference_id: thief })
    fake.control.pay(session, { card: 'ok' })
    await site.pump()
    assert.ok(await site.alarm('checkout_mismatch', session))
    const owner = await site.sql(`SELECT b.stripe_customer_id AS c FROM subscription_mirror m JOIN billing_customer b USING (tenant_id)
        WHERE m.stripe_subscription_id = '${fake.get(session).subscription}'`)
    assert.deepEqual(owner.map(o => o.c), [customer])
})

// ---- catalog, meter ----

test('changes of prices and products in the dashboard raise alarms', async () => {
    const price = await site.price('enterprise', 'base')
    fake.control.edit(price, { active: false })
    await site.deliverAndWait(snapshot('price.updated', fake.get(price)))
    assert.match((await site.alarm('price_changed', price)).words, /enterprise.*deactivated/)
    fake.control.edit(price, { active: true, unit_amount: 1 })
    await site.deliverAndWait(snapshot('price.updated', fake.get(price)))
    assert.match((await site.alarm('price_changed', price)).words, /its amount was changed/)
    fake.control.edit(price, { unit_amount: 99900 })
    await site.deliverAndWait(snapshot('price.updated', fake.get(price)))
    assert.equal(await site.alarm('price_changed', price), undefined)
    const product = fake.get(price).product
    fake.control.edit(product, { active: false })
    await site.deliverAndWait(snapshot('product.updated', fake.get(product)))
    assert.ok(await site.alarm('product_changed', product))
    fake.control.edit(product, { active: true })
    await site.deliverAndWait(snapshot('product.updated', fake.get(product)))
    assert.equal(await site.alarm('product_changed', product), undefined)
    await site.pump()
})

test('usage that the meter rejected raises an alarm', async () => {
    await site.stripe.billing.meterEvents.create({ event_name: 'parley_conversation', identifier: 'use_none_of_ours', payload: { stripe_customer_id: 'cus_nobody', value: '1' } })
    await site.pump()
    const rows = await site.sql("SELECT * FROM billing_alarm WHERE kind = 'meter_error' AND open_key IS NOT NULL")
    assert.equal(rows.length, 1)
    assert.match(rows[0].words, /customer_not_found/)
    await site.stripe.billing.meterEvents.create({ event_name: 'no_such_meter', payload: { stripe_customer_id: 'cus_nobody', value: '1' } })
    await site.pump()
    assert.equal((await site.sql("SELECT * FROM billing_alarm WHERE kind = 'meter_error' AND open_key IS NOT NULL")).length, 2)
})

test('many events are processed in order of arrival, and none is lost', async () => {
    const subs = []
    for (let i = 0; i < 12; i++) subs.push((await site.paying()).sub)
    fake.control.delivery({ duplicate: 0.5, twin: 0.5, reorder: true, parallel: 8 })
    await site.pump()
    fake.control.delivery({ duplicate: 0, twin: 0, reorder: false })
    for (const sub of subs) assert.equal((await site.mirror(sub)).status, 'active')
    assert.equal((await site.sql("SELECT COUNT(*) AS n FROM stripe_event WHERE state IN ('pending', 'dead')"))[0].n, '0')
})
