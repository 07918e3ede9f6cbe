// What Stripe tells becomes rows here: in whatever order it comes, how often, and whatever dies on the way.
// Runs for about 45 s.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { childrenOf, until } from '../lib/install.mjs'
import fs from 'node:fs'
import { startHouse } from './house.mjs'
import { snapshot, thin } from './hook.mjs'

const DAY = 86400
let house, fake

before(async () => {
    house = await startHouse({ fake: { now: Math.floor(Date.now() / 1000) - 400 * DAY } })
    fake = house.fake
})
after(() => house?.stop())
beforeEach(() => { fake.faults.clear() })

const worker = () => childrenOf(house.parley.pid('serve')).find(pid => fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'parley-worker')
const gets = id => fake.requests.filter(r => r.method === 'GET' && r.path.includes(id)).length
const at = seconds => new Date(seconds * 1000).toISOString().replace('T', ' ').replace('Z', '')
const events = (type, id) => fake.events.filter(e => e.type === type && e.data?.object?.id === id)

// ---- in any order ----

test('a new subscription: tenant, terms, period, invoice', async () => {
    const { tenant, sub } = await house.paying('professional')
    const began = Date.now()
    await house.pump()
    assert.ok(Date.now() - began < 3000)
    const row = await house.mirror(sub), shown = fake.get(sub)
    assert.equal(row.status, 'active')
    assert.equal(row.period_end, at(shown.items.data[0].current_period_end))
    assert.equal(row.items, '2')
    assert.equal(row.base_price_id, await house.price('professional', 'base'))
    assert.equal((await house.sql(`SELECT COUNT(*) AS n FROM subscription_mirror m JOIN plan p ON p.plan_terms_id = m.plan_terms_id
        WHERE m.stripe_subscription_id = '${sub}' AND p.plan = 'professional'`))[0].n, '1')
    assert.equal((await house.invoice(shown.latest_invoice)).status, 'paid')
    assert.match(JSON.parse(await house.parley.run('tenant', 'show', tenant, '--json')).plan, /^(free|professional)$/)
})

test('from the hook to the row it takes less than a second when the worker is idle', async () => {
    const { sub } = await house.paying()
    for (let i = 0; i < 3; i++) {
        await sleep(300 + 250 * i)
        const event = house.event('customer.subscription.updated', sub), began = Date.now()
        await house.told(event)
        assert.ok(Date.now() - began < 1000, `${Date.now() - began} ms`)
    }
})

test('one look serves all that wait: two ids of one change, and the same id twice', async () => {
    const { sub } = await house.paying()
    await house.pump()
    fake.faults.add({ kind: 'slow', ms: 400, method: 'GET', path: `/v1/subscriptions/${sub}` })
    const first = house.event('customer.subscription.updated', sub)
    await house.send(first) // its look is slow: the others wait for the next one
    await sleep(150)
    const n = gets(sub)
    const more = [1, 2, 3, 4].map(() => house.event('customer.subscription.updated', sub))
    await house.send(...more, more[0])
    for (const e of [first, ...more]) await house.settled(e)
    assert.equal(gets(sub) - n, 1)
    assert.equal((await house.sql(`SELECT COUNT(*) AS n FROM stripe_event WHERE object_id = '${sub}' AND state <> 'done'`))[0].n, '0')
})

test('updated before created, deleted before updated', async () => {
    const { sub } = await house.paying()
    await house.stripe.subscriptions.update(sub, { cancel_at_period_end: true })
    const updated = events('customer.subscription.updated', sub), created = events('customer.subscription.created', sub)
    await house.told(updated.at(-1))
    assert.equal((await house.mirror(sub)).status, 'active')
    await house.told(created[0]) // says incomplete, of long ago
    const row = await house.mirror(sub)
    assert.equal(row.status, 'active')
    assert.ok(row.cancel_at_period_end === '1' || row.cancel_at)
    await house.stripe.subscriptions.cancel(sub)
    await house.told(events('customer.subscription.deleted', sub)[0])
    assert.equal((await house.mirror(sub)).status, 'canceled')
    await house.told(updated[0])
    assert.equal((await house.mirror(sub)).status, 'canceled')
})

test('an invoice before its subscription is known', async () => {
    const { tenant, sub } = await house.paying()
    const paid = fake.events.findLast(e => e.type === 'invoice.paid')
    await house.told(paid)
    assert.equal((await house.mirror(sub)).status, 'active')
    const n = await house.sql(`SELECT COUNT(*) AS n FROM invoice_mirror i JOIN subscription_mirror s USING (stripe_subscription_id)
        WHERE s.stripe_subscription_id = '${sub}' AND i.tenant_id = s.tenant_id AND i.status = 'paid'`)
    assert.equal(n[0].n, '1', tenant)
})

test('a customer nobody knows is kept, told, and found when there is a workspace', async () => {
    const customer = await house.customer(null), { id: sub } = await house.subscribe(customer)
    await house.pump()
    assert.equal((await house.mirror(sub)).tenant_id, null)
    assert.ok(await house.alarm('unknown_customer', sub))
    const tenant = await house.tenant()
    await house.sql(`INSERT INTO billing_customer SELECT tenant_id, '${customer}', 0, NOW(3), NULL FROM tenant ORDER BY tenant_id DESC LIMIT 1`)
    await house.parley.run('billing', 'sync', sub)
    assert.notEqual((await house.mirror(sub)).tenant_id, null, tenant)
    assert.equal(await house.alarm('unknown_customer', sub), undefined)
})

test('metadata moves no subscription', async () => {
    const { sub } = await house.paying(), thief = await house.tenant()
    await house.pump()
    const before = (await house.sql(`SELECT HEX(tenant_id) AS t FROM subscription_mirror WHERE stripe_subscription_id = '${sub}'`))[0].t
    await house.stripe.subscriptions.update(sub, { metadata: { tenant: thief } })
    await house.pump()
    assert.equal((await house.sql(`SELECT HEX(tenant_id) AS t FROM subscription_mirror WHERE stripe_subscription_id = '${sub}'`))[0].t, before)
    assert.ok(await house.alarm('tenant_mismatch', sub))
})

// ---- what is not ours ----

test('events of live mode, of other accounts and versions grant nothing and are told', async () => {
    const { sub } = await house.paying(), n = gets(sub)
    const strange = [
        [house.event('customer.subscription.updated', sub, { livemode: true }), 'event_livemode', 'webhook'],
        [house.event('customer.subscription.updated', sub, { account: 'acct_other' }), 'event_account', 'acct_other'],
        [thin('v1.customer.subscription.updated', { id: sub, type: 'subscription', url: '' }, { context: 'org_1' }), 'event_account', 'org_1'],
        [house.event('customer.subscription.updated', sub, { api_version: '2024-06-20' }), 'event_version', '2024-06-20'],
        [house.event('customer.subscription.updated', sub, { api_version: '2099-01-01.zebra' }), 'event_version', '2099-01-01.zebra'],
    ]
    for (const [event, kind, object] of strange) {
        await house.send(event)
        await house.settled(event, 'ignored')
        assert.ok(await house.alarm(kind, object), kind)
    }
    assert.equal(await house.mirror(sub), undefined)
    assert.equal(gets(sub), n)
    await house.pump()
})

test('thin events say as much', async () => {
    const { sub } = await house.paying()
    await house.told(thin('v1.customer.subscription.updated', { id: sub, type: 'subscription', url: `/v1/subscriptions/${sub}` }))
    assert.equal((await house.mirror(sub)).status, 'active')
    await house.pump()
})

test('what there is nothing to look at for is ignored', async () => {
    const asked = fake.requests.length
    for (const [type, object] of [['customer.updated', { id: 'cus_x', object: 'customer' }], ['charge.succeeded', { id: 'ch_x', object: 'charge' }],
        ['payment_method.attached', { id: 'pm_x', object: 'payment_method' }], ['balance.available', { object: 'balance' }],
        ['invoice.upcoming', { object: 'invoice', parent: null }], ['something.new', { id: 'thing_1', object: 'thing' }]]) {
        const event = snapshot(type, object)
        await house.send(event)
        await house.settled(event, 'ignored')
    }
    assert.equal(fake.requests.length, asked)
})

test('an invoice that is to come has no id: its subscription is looked at', async () => {
    const { sub } = await house.paying()
    await house.pump()
    await house.stripe.subscriptions.update(sub, { cancel_at_period_end: true })
    await house.told(snapshot('invoice.upcoming', { object: 'invoice', parent: { type: 'subscription_details', subscription_details: { subscription: sub } } }))
    const row = await house.mirror(sub)
    assert.ok(row.cancel_at_period_end === '1' || row.cancel_at)
    await house.pump()
})

test('a secret that was rolled: both sign, both count', async () => {
    const { sub } = await house.paying()
    const endpoint = fake.all('webhook_endpoint')[0].id
    const fresh = fake.control.rollSecret(endpoint, 3600)
    await house.pump() // the fake signs with both
    assert.equal((await house.mirror(sub)).status, 'active')
    const old = house.signing
    await house.secrets([fresh.secret ?? fresh, ...old.slice(1)])
    const other = await house.paying()
    await house.pump()
    assert.equal((await house.mirror(other.sub)).status, 'active')
})

// ---- what dies on the way ----

/** Locks a row in a connection of its own until it is let go. */
async function holding(query) {
    const child = spawn('mariadb', ['--no-defaults', `--socket=${house.parley.socket}`, '--unbuffered', '--batch', 'parley'])
    let out = ''
    child.stdout.setEncoding('utf8').on('data', t => { out += t })
    child.stdin.write(`BEGIN; ${query}; SELECT 'held' AS x;\n`)
    await until('the lock', () => out.includes('held'))
    return () => new Promise(ok => { child.on('close', ok); child.stdin.end('ROLLBACK;\n') })
}

test('a worker that dies while it looks, and one that dies before it commits', async () => {
    for (const when of ['looking', 'writing']) {
        const { sub } = await house.paying()
        await house.pump()
        await house.stripe.subscriptions.cancel(sub)
        const event = events('customer.subscription.deleted', sub)[0]
        let letGo = async () => {}
        if (when === 'looking') fake.faults.add({ kind: 'slow', ms: 2000, method: 'GET', path: `/v1/subscriptions/${sub}` })
        else letGo = await holding(`SELECT * FROM subscription_mirror WHERE stripe_subscription_id = '${sub}' FOR UPDATE`)
        await house.send(event)
        await until('the claim', async () => (await house.stored(event)).attempts === '1')
        await until('the look', () => fake.requests.some(r => r.method === 'GET' && r.path.includes(sub)) || when === 'looking')
        await sleep(200)
        const pid = worker()
        process.kill(pid, 'SIGKILL')
        await until('its end', () => worker() !== pid)
        await letGo()
        fake.faults.clear()
        assert.equal((await house.mirror(sub)).status, 'active')
        const row = await house.stored(event)
        assert.equal(row.state, 'pending')
        assert.ok(new Date(row.due_at.replace(' ', 'T') + 'Z') > new Date()) // for as long as its lease
        await house.sql(`UPDATE stripe_event SET due_at = NOW(3) WHERE event_id = '${event.id}'; DELETE FROM stripe_lease WHERE name = '${sub}'`)
        await house.settled(event)
        assert.equal((await house.mirror(sub)).status, 'canceled')
        await house.pump()
    }
})

test('somebody else who looks at the object just now is waited for', async () => {
    const { sub } = await house.paying()
    await house.pump()
    await house.sql(`INSERT INTO stripe_lease (name, holder, until) VALUES ('${sub}', UNHEX(MD5('x')), NOW(3) + INTERVAL 60 SECOND)
        ON DUPLICATE KEY UPDATE holder = VALUES(holder), until = VALUES(until)`)
    const event = house.event('customer.subscription.updated', sub)
    await house.send(event)
    await sleep(500)
    const row = await house.stored(event)
    assert.deepEqual([row.state, row.attempts], ['pending', '0'])
    const busy = await house.parley.tryRun('billing', 'sync', sub)
    assert.equal(busy.status, 1)
    await house.sql(`DELETE FROM stripe_lease WHERE name = '${sub}'`)
    await house.settled(event)
})

test('the database goes away in the middle', async () => {
    const { sub } = await house.paying()
    fake.faults.add({ kind: 'slow', ms: 800, method: 'GET', path: `/v1/subscriptions/${sub}` })
    const event = house.event('customer.subscription.updated', sub)
    await house.send(event)
    await sleep(300)
    await house.parley.kill('database')
    await sleep(1000)
    await house.parley.restart('database')
    await house.sql(`UPDATE stripe_event SET due_at = NOW(3) WHERE state = 'pending'; DELETE FROM stripe_lease WHERE name = '${sub}'`)
    await house.settled(event, 'done', 30000)
    assert.equal((await house.mirror(sub)).status, 'active')
    await house.pump()
})

test('a poison event holds up nobody, gives up in the end, and can be served again', async () => {
    const bad = await house.paying(), good = await house.paying()
    fake.control.distort(bad.sub, { set: { object: 'surprise' } })
    const poison = house.event('customer.subscription.updated', bad.sub, { data: { object: { id: bad.sub, object: 'subscription' } } })
    await house.send(poison)
    await house.told(house.event('customer.subscription.updated', good.sub))
    assert.equal((await house.mirror(good.sub)).status, 'active')
    const row = await until('the first failure', async () => { const r = await house.stored(poison); return r.last_error && r })
    assert.deepEqual([row.state, row.attempts], ['pending', '1'])
    assert.match(row.last_error, /no subscription/)
    const waits = new Date(row.due_at.replace(' ', 'T') + 'Z') - Date.now()
    assert.ok(waits > 5000 && waits <= 10000, `${waits}`)
    await house.sql(`UPDATE stripe_event SET due_at = NOW(3), attempts = 9 WHERE event_id = '${poison.id}'`)
    await house.settled(poison, 'dead')
    assert.ok(await house.alarm('event_dead', poison.id))
    assert.match(await house.parley.run('billing', 'events'), new RegExp(poison.id))
    assert.match(await house.parley.run('billing', 'alarms'), /event_dead/)
    fake.control.distort(bad.sub, null)
    await house.parley.run('billing', 'replay', poison.id)
    await house.settled(poison)
    assert.equal((await house.mirror(bad.sub)).status, 'active')
    assert.equal(await house.alarm('event_dead', poison.id), undefined)
    assert.equal((await house.parley.tryRun('billing', 'replay', 'evt_none')).status, 1)
    await house.pump()
})

test('an event that gave up is served by the next look at its object', async () => {
    const { sub } = await house.paying()
    await house.pump()
    const event = house.event('customer.subscription.updated', sub)
    await house.sql(`INSERT INTO stripe_event (event_id, type, object_type, object_id, api_version, livemode, created_at, received_at, state, due_at, payload)
        VALUES ('${event.id}', '${event.type}', 'subscription', '${sub}', '', 0, NOW(3), NOW(3), 'dead', NOW(3), '{}')`)
    await house.told(house.event('customer.subscription.updated', sub))
    assert.equal((await house.stored(event)).state, 'done')
})

test('replayed after three days it says what is true now', async () => {
    const { sub } = await house.paying()
    await house.pump()
    const old = events('customer.subscription.created', sub)[0]
    await house.sql(`UPDATE stripe_event SET received_at = received_at - INTERVAL 3 DAY, created_at = created_at - INTERVAL 3 DAY WHERE event_id = '${old.id}'`)
    await fake.advance(3 * DAY)
    await house.stripe.subscriptions.cancel(sub)
    await house.parley.run('billing', 'replay', old.id)
    await house.settled(old)
    assert.equal((await house.mirror(sub)).status, 'canceled')
    await house.pump()
})

test('while Stripe is away events wait, other work goes on, and none gives up', async () => {
    const { sub } = await house.paying()
    const event = house.event('customer.subscription.updated', sub)
    house.parley.configure({ stripe_api_base: 'http://127.0.0.1:9' })
    house.parley.hup()
    await sleep(300)
    await house.send(event)
    await until('a try', async () => (await house.stored(event)).last_error !== '')
    await house.sql(`UPDATE stripe_event SET attempts = 50 WHERE event_id = '${event.id}'`)
    await house.sql(`UPDATE stripe_event SET due_at = NOW(3) WHERE event_id = '${event.id}'`)
    await house.sql("INSERT INTO job (job_id, kind, state, due_at, payload, created_at) VALUES (UNHEX(MD5('job of the outage')), 'cleanup', 'ready', NOW(3), '{}', NOW(3))")
    await until('a job meanwhile', async () => (await house.sql("SELECT state FROM job WHERE job_id = UNHEX(MD5('job of the outage'))"))[0].state === 'done')
    await until('another try', async () => Number((await house.stored(event)).attempts) > 50, 20000)
    assert.equal((await house.stored(event)).state, 'pending')
    house.parley.configure({ stripe_api_base: fake.url })
    house.parley.hup()
    await until('its turn', async () => {
        await house.sql(`UPDATE stripe_event SET due_at = NOW(3) WHERE event_id = '${event.id}' AND last_error <> ''`)
        await sleep(500)
        return (await house.stored(event)).state === 'done'
    }, 40000)
    await house.pump()
})

test('without a key events wait; parley work --once serves them too', async () => {
    const { sub } = await house.paying()
    house.parley.configure({ stripe_secret_key: null })
    house.parley.hup()
    await sleep(300)
    const event = house.event('customer.subscription.updated', sub)
    await house.send(event)
    await sleep(1500)
    assert.deepEqual([(await house.stored(event)).state, (await house.stored(event)).attempts], ['pending', '0'])
    house.parley.configure({ stripe_secret_key: 'rk_test_house' }) // the running worker has not heard of it
    await house.parley.run('work', '--once')
    assert.equal((await house.stored(event)).state, 'done')
    assert.equal((await house.mirror(sub)).status, 'active')
    house.parley.hup()
    await house.pump()
})

// ---- subscriptions ----

test('two live subscriptions are both kept, told, and forgotten when one is over', async () => {
    const { tenant, customer, sub } = await house.paying()
    const second = fake.control.secondSubscription(customer)
    await house.pump()
    assert.equal((await house.mirror(sub)).status, 'active')
    assert.equal((await house.mirror(second.id)).status, 'active')
    assert.match((await house.alarm('two_live', tenant)).words, /2 subscriptions/)
    await house.stripe.subscriptions.cancel(second.id)
    await house.pump()
    assert.equal(await house.alarm('two_live', tenant), undefined)
})

test('a status nobody knows keeps the last one', async () => {
    const { sub } = await house.paying()
    await house.pump()
    const known = (await house.mirror(sub)).known_at
    fake.control.distort(sub, { set: { status: 'hibernating' } })
    await house.told(house.event('customer.subscription.updated', sub))
    const row = await house.mirror(sub)
    assert.deepEqual([row.status, row.known_status, row.known_at], ['hibernating', 'active', known])
    assert.ok(await house.alarm('unknown_status', sub))
    fake.control.distort(sub, null)
    await house.told(house.event('customer.subscription.updated', sub))
    assert.equal(await house.alarm('unknown_status', sub), undefined)
})

test('a price nobody here made grants nothing and is told', async () => {
    const { customer, tenant } = await house.paying(), product = await house.stripe.products.create({ name: 'Odd' })
    const price = await house.stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 100, recurring: { interval: 'month' } })
    const sub = await house.stripe.subscriptions.create({ customer, items: [{ price: price.id }], metadata: { tenant } })
    await house.pump()
    const row = await house.mirror(sub.id)
    assert.deepEqual([row.status, row.plan_terms_id, row.base_price_id], ['active', null, price.id])
    assert.ok(await house.alarm('unknown_price', sub.id))
    await house.stripe.subscriptions.cancel(sub.id)
    await house.pump()
    assert.equal(await house.alarm('unknown_price', sub.id), undefined)
})

test('items in another order, one without a quantity, one too many', async () => {
    const { sub } = await house.paying()
    await house.pump()
    const before = await house.mirror(sub)
    fake.control.swapItems(sub)
    await house.pump()
    const swapped = await house.mirror(sub)
    assert.deepEqual([swapped.base_item_id, swapped.usage_item_id], [before.base_item_id, before.usage_item_id])
    fake.control.distort(sub, { remove: ['items.data.0.quantity', 'items.data.1.quantity', 'pause_collection'], expand: ['customer', 'latest_invoice'] })
    await house.told(house.event('customer.subscription.updated', sub))
    const bare = await house.mirror(sub)
    assert.deepEqual([bare.base_item_id, bare.stripe_customer_id, bare.latest_invoice_id], [before.base_item_id, before.stripe_customer_id, before.latest_invoice_id])
    fake.control.distort(sub, null)
    await house.stripe.subscriptions.update(sub, { items: [{ price: await house.price('professional', 'base'), quantity: 1 }] }) // without its id: one more
    await house.pump()
    assert.equal((await house.mirror(sub)).items, '3')
    assert.ok(await house.alarm('extra_items', sub))
    await house.stripe.subscriptions.cancel(sub)
    await house.pump()
    assert.equal(await house.alarm('extra_items', sub), undefined)
})

test('cancel at the end and its undoing; pause of collection', async () => {
    const { sub } = await house.paying()
    await house.stripe.subscriptions.update(sub, { cancel_at_period_end: true })
    await house.pump()
    const ending = await house.mirror(sub)
    assert.ok(ending.cancel_at_period_end === '1' || ending.cancel_at)
    await house.stripe.subscriptions.update(sub, { cancel_at_period_end: false, pause_collection: { behavior: 'void' } })
    await house.pump()
    const back = await house.mirror(sub)
    assert.deepEqual([back.cancel_at_period_end, back.cancel_at, back.collection_paused, back.status], ['0', null, '1', 'active'])
})

test('a downgrade that is planned stands in the row until it is undone', async () => {
    const { sub } = await house.paying('professional')
    await house.pump()
    const schedule = await house.stripe.subscriptionSchedules.create({ from_subscription: sub })
    const now = schedule.phases[0]
    const items = [{ price: await house.price('starter', 'base'), quantity: 1 }, { price: await house.price('starter', 'usage') }]
    await house.stripe.subscriptionSchedules.update(schedule.id, { phases: [
        { start_date: now.start_date, end_date: now.end_date, items: now.items.map(i => ({ price: i.price, ...(i.quantity ? { quantity: i.quantity } : {}) })) },
        { start_date: now.end_date, items, duration: { interval: 'month', interval_count: 1 } }] })
    await house.told(house.event('customer.subscription.updated', sub))
    const row = await house.mirror(sub)
    assert.equal(row.schedule_id, schedule.id)
    assert.equal(row.next_at, at(now.end_date))
    assert.equal((await house.sql(`SELECT t.plan FROM subscription_mirror m JOIN plan_terms t ON t.plan_terms_id = m.next_terms_id
        WHERE m.stripe_subscription_id = '${sub}'`))[0].plan, 'starter')
    await house.stripe.subscriptionSchedules.release(schedule.id)
    await house.told(snapshot('subscription_schedule.released', { id: schedule.id, object: 'subscription_schedule' }))
    const undone = await house.mirror(sub)
    assert.deepEqual([undone.schedule_id, undone.next_terms_id, undone.next_at], [null, null, null])
    await house.pump()
})

test('the customer is deleted at Stripe', async () => {
    const { customer, sub } = await house.paying()
    await house.pump()
    fake.control.deleteCustomer(customer)
    await house.told(snapshot('customer.deleted', { id: customer, object: 'customer' }))
    assert.equal((await house.mirror(sub)).status, 'canceled')
    assert.ok((await house.row('billing_customer', `stripe_customer_id = '${customer}'`)).deleted_at)
    await house.pump()
})

test('a workspace that is deleted while its money is open', async () => {
    const { sub } = await house.paying()
    await house.sql(`UPDATE tenant t JOIN billing_customer b USING (tenant_id) SET t.state = 'deleted' WHERE b.stripe_customer_id = '${fake.get(sub).customer}'`)
    await house.pump()
    assert.ok(await house.alarm('tenant_deleted_money_open', sub))
    await house.stripe.subscriptions.cancel(sub)
    await house.pump()
    assert.equal(await house.alarm('tenant_deleted_money_open', sub), undefined)
})

// ---- dunning ----

test('past_due counts from the oldest invoice; failures after it move nothing; a payment ends it', async () => {
    const { customer, sub } = await house.paying()
    await house.pump()
    fake.control.card(customer, 'fail')
    await fake.advance({ to: fake.get(sub).items.data[0].current_period_end + 2 * 3600 })
    await house.pump()
    const row = await house.mirror(sub), invoice = fake.get(sub).latest_invoice
    assert.equal(row.status, 'past_due')
    assert.equal(row.first_failed_at, (await house.invoice(invoice)).finalized_at)
    for (let i = 0; i < 2; i++) {
        await fake.advance(4 * DAY)
        await house.pump()
        const later = await house.mirror(sub)
        assert.deepEqual([later.status, later.first_failed_at], ['past_due', row.first_failed_at])
        assert.ok(Number((await house.invoice(invoice)).attempt_count) > 1)
    }
    fake.control.card(customer, 'ok')
    await house.stripe.invoices.pay(invoice)
    await house.pump()
    const paid = await house.mirror(sub)
    assert.deepEqual([paid.status, paid.first_failed_at], ['active', null])
    assert.equal((await house.invoice(invoice)).status, 'paid')
})

test('the date is right also when the subscription is told of before its invoice', async () => {
    const { customer, sub } = await house.paying()
    await house.pump()
    fake.control.card(customer, 'fail')
    await fake.advance({ to: fake.get(sub).items.data[0].current_period_end + 2 * 3600 })
    await house.told(events('customer.subscription.updated', sub).at(-1))
    const row = await house.mirror(sub), invoice = fake.get(fake.get(sub).latest_invoice)
    assert.equal(row.first_failed_at, at(invoice.status_transitions.finalized_at))
    await house.pump()
    assert.equal((await house.mirror(sub)).first_failed_at, row.first_failed_at)
})

test('after the last retry: unpaid, canceled', async () => {
    for (const afterRetries of ['unpaid', 'canceled']) {
        fake.control.policy({ afterRetries })
        const { customer, sub } = await house.paying()
        await house.pump()
        fake.control.card(customer, 'fail')
        await fake.advance({ to: fake.get(sub).items.data[0].current_period_end + 2 * 3600 })
        await house.pump()
        const since = (await house.mirror(sub)).first_failed_at
        await fake.advance(20 * DAY)
        await house.pump()
        const row = await house.mirror(sub)
        assert.equal(row.status, afterRetries)
        assert.equal(row.first_failed_at, afterRetries === 'unpaid' ? since : null)
    }
    fake.control.policy({ afterRetries: 'past_due' })
})

// ---- invoices ----

test('voided, uncollectible, deleted while a draft', async () => {
    const { customer, sub } = await house.paying()
    await house.pump()
    fake.control.card(customer, 'fail')
    await fake.advance({ to: fake.get(sub).items.data[0].current_period_end + 2 * 3600 })
    await house.pump()
    const invoice = fake.get(sub).latest_invoice
    await house.stripe.invoices.markUncollectible(invoice)
    await house.pump()
    assert.equal((await house.invoice(invoice)).status, 'uncollectible')
    await house.stripe.invoices.voidInvoice(invoice)
    await house.pump()
    assert.equal((await house.invoice(invoice)).status, 'void')
    await house.sql(`INSERT INTO invoice_mirror (stripe_invoice_id, stripe_customer_id, livemode, status, currency, total, amount_due, amount_paid,
        amount_remaining, created_at, fetched_at) VALUES ('in_deleted', '${customer}', 0, 'draft', 'USD', 1, 1, 0, 1, NOW(3), NOW(3))`)
    await house.told(snapshot('invoice.updated', { id: 'in_deleted', object: 'invoice' }))
    assert.equal((await house.invoice('in_deleted')).status, 'deleted')
})

test('an invoice that cannot be finalized while the subscription stays active', async () => {
    const { customer, sub } = await house.paying()
    await house.pump()
    fake.control.finalizationFails(customer)
    await fake.advance({ to: fake.get(sub).items.data[0].current_period_end + 2 * 3600 })
    await house.pump()
    const invoice = fake.get(sub).latest_invoice, row = await house.invoice(invoice)
    assert.deepEqual([row.status, row.finalization_failed], ['draft', '1'])
    assert.equal((await house.mirror(sub)).status, 'active')
    assert.ok(await house.alarm('finalization_failed', invoice))
    fake.control.finalizationFails(customer, false)
    await house.stripe.invoices.finalizeInvoice(invoice)
    await house.pump()
    assert.equal(await house.alarm('finalization_failed', invoice), undefined)
})

test('refunds and disputes are told, with customer and invoice', async () => {
    const { customer, sub } = await house.paying(), invoice = fake.get(sub).latest_invoice
    await house.pump()
    const charge = fake.all('charge').find(c => c.customer === customer).id
    fake.control.refund({ charge, amount: 1000 })
    await house.pump()
    const refund = await house.alarm('refund', charge)
    assert.match(refund.words, /\$10\.00 of \$49\.00/)
    assert.match(refund.words, new RegExp(`customer ${customer}, invoice ${invoice}`))
    assert.notEqual(refund.tenant_id, null)
    const dispute = fake.control.dispute(charge)
    await house.pump()
    const told = await house.alarm('dispute', dispute.id)
    assert.match(told.words, /\$49\.00 is disputed \(fraudulent\)/)
    fake.control.closeDispute(dispute.id, true)
    await house.pump()
    assert.equal(await house.alarm('dispute', dispute.id), undefined)
})

// ---- checkouts ----

async function checkout(tenant, customer, more = {}) {
    const session = await house.stripe.checkout.sessions.create({
        mode: 'subscription', customer, client_reference_id: tenant, success_url: 'https://e.com/s', cancel_url: 'https://e.com/c',
        line_items: [{ price: await house.price('starter', 'base'), quantity: 1 }, { price: await house.price('starter', 'usage') }],
        subscription_data: { metadata: { tenant } }, ...more,
    })
    await house.sql(`INSERT INTO checkout_attempt SELECT b.tenant_id, UNHEX(MD5('${session.id}')), p.plan_terms_id, '${session.id}', 0, 'open', NOW(3),
        NOW(3) + INTERVAL 1 DAY FROM billing_customer b JOIN plan p ON p.plan = 'starter' WHERE b.stripe_customer_id = '${customer}'`)
        .catch(async error => { throw new Error(`${error.message}: ${JSON.stringify(await house.sql('SHOW COLUMNS FROM checkout_attempt'))}`) })
    return session.id
}
const attempt = session => house.row('checkout_attempt', `stripe_session_id = '${session}'`)

test('a checkout that is paid, one that expires, one whose payment comes later', async () => {
    const tenant = await house.tenant(), customer = await house.customer(tenant)
    const expired = await checkout(tenant, customer)
    await house.stripe.checkout.sessions.expire(expired)
    await house.pump()
    assert.equal((await attempt(expired)).state, 'expired')
    const paid = await checkout(tenant, customer)
    assert.equal(fake.control.pay(paid, { card: 'ok' }), 'complete')
    const completed = fake.events.find(e => e.type === 'checkout.session.completed' && e.data.object.id === paid)
    await house.told(completed) // alone: the subscription follows
    assert.equal((await attempt(paid)).state, 'complete')
    assert.equal((await house.mirror(fake.get(paid).subscription)).status, 'active')
    await house.pump()
    const other = await house.tenant(), payer = await house.customer(other, { card: null })
    const late = await checkout(other, payer)
    assert.equal(fake.control.pay(late, { card: 'async' }), 'complete')
    await house.pump()
    assert.equal((await attempt(late)).state, 'open')
    fake.control.settle(late, false)
    await house.pump()
    assert.equal((await attempt(late)).state, 'failed')
})

test('a checkout that names another workspace moves nothing and is told', async () => {
    const tenant = await house.tenant(), customer = await house.customer(tenant), thief = await house.tenant()
    const session = await checkout(tenant, customer, { client_reference_id: thief })
    fake.control.pay(session, { card: 'ok' })
    await house.pump()
    assert.ok(await house.alarm('checkout_mismatch', session))
    const owner = await house.sql(`SELECT b.stripe_customer_id AS c FROM subscription_mirror m JOIN billing_customer b USING (tenant_id)
        WHERE m.stripe_subscription_id = '${fake.get(session).subscription}'`)
    assert.deepEqual(owner.map(o => o.c), [customer])
})

// ---- catalog, meter ----

test('prices and products that are changed in the dashboard', async () => {
    const price = await house.price('enterprise', 'base')
    fake.control.edit(price, { active: false })
    await house.told(snapshot('price.updated', fake.get(price)))
    assert.match((await house.alarm('price_changed', price)).words, /enterprise.*switched off/)
    fake.control.edit(price, { active: true, unit_amount: 1 })
    await house.told(snapshot('price.updated', fake.get(price)))
    assert.match((await house.alarm('price_changed', price)).words, /costs something else/)
    fake.control.edit(price, { unit_amount: 99900 })
    await house.told(snapshot('price.updated', fake.get(price)))
    assert.equal(await house.alarm('price_changed', price), undefined)
    const product = fake.get(price).product
    fake.control.edit(product, { active: false })
    await house.told(snapshot('product.updated', fake.get(product)))
    assert.ok(await house.alarm('product_changed', product))
    fake.control.edit(product, { active: true })
    await house.told(snapshot('product.updated', fake.get(product)))
    assert.equal(await house.alarm('product_changed', product), undefined)
    await house.pump()
})

test('usage that the meter did not take is told', async () => {
    await house.stripe.billing.meterEvents.create({ event_name: 'parley_conversation', identifier: 'use_none_of_ours', payload: { stripe_customer_id: 'cus_nobody', value: '1' } })
    await house.pump()
    const rows = await house.sql("SELECT * FROM billing_alarm WHERE kind = 'meter_error' AND open_key IS NOT NULL")
    assert.equal(rows.length, 1)
    assert.match(rows[0].words, /customer_not_found/)
    await house.stripe.billing.meterEvents.create({ event_name: 'no_such_meter', payload: { stripe_customer_id: 'cus_nobody', value: '1' } })
    await house.pump()
    assert.equal((await house.sql("SELECT * FROM billing_alarm WHERE kind = 'meter_error' AND open_key IS NOT NULL")).length, 2)
})

test('a crowd of events is served in order of arrival, none is lost', async () => {
    const subs = []
    for (let i = 0; i < 12; i++) subs.push((await house.paying()).sub)
    fake.control.delivery({ duplicate: 0.5, twin: 0.5, reorder: true, parallel: 8 })
    await house.pump()
    fake.control.delivery({ duplicate: 0, twin: 0, reorder: false })
    for (const sub of subs) assert.equal((await house.mirror(sub)).status, 'active')
    assert.equal((await house.sql("SELECT COUNT(*) AS n FROM stripe_event WHERE state IN ('pending', 'dead')"))[0].n, '0')
})
