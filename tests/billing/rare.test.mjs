// Lives of a subscription that are rare, and input that means harm: Stripe's facts through hook, worker and mirror to what a tenant may.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { until } from '../lib/install.mjs'
import { snapshot } from './hook.mjs'
import { startHouse } from './house.mjs'

const HOUR = 3600, DAY = 86400
let house, fake

before(async () => {
    house = await startHouse({ fake: { now: Math.floor(Date.now() / 1000) - 200 * DAY } })
    fake = house.fake
})
after(() => house?.stop())
beforeEach(() => { fake.faults.clear() })

const at = seconds => new Date(seconds * 1000).toISOString().replace('T', ' ').replace('Z', '')
const plan = async tenant => JSON.parse(await house.parley.run('tenant', 'entitlements', tenant, '--json'))
const renewal = sub => fake.get(sub).items.data[0].current_period_end
/** Bring a subscription over the end of its period with a card that fails, so that it is past due. */
async function unable({ customer, sub }) {
    fake.control.card(customer, 'fail')
    await fake.advance({ to: renewal(sub) + 2 * HOUR })
    await house.pump()
    assert.equal((await house.mirror(sub)).status, 'past_due')
    return fake.get(sub).latest_invoice
}

test('a checkout that is told of after its subscription', async () => {
    const tenant = await house.tenant(), customer = await house.customer(tenant)
    const session = await house.stripe.checkout.sessions.create({
        mode: 'subscription', customer, client_reference_id: tenant, success_url: 'https://e.com/s', cancel_url: 'https://e.com/c',
        line_items: [{ price: await house.price('starter', 'base'), quantity: 1 }, { price: await house.price('starter', 'usage') }],
        subscription_data: { metadata: { tenant } },
    })
    await house.sql(`INSERT INTO checkout_attempt SELECT b.tenant_id, UNHEX(MD5('${session.id}')), p.plan_terms_id, '${session.id}', 0, 'open', NOW(3),
        NOW(3) + INTERVAL 1 DAY FROM billing_customer b JOIN plan p ON p.plan = 'starter' WHERE b.stripe_customer_id = '${customer}'`)
    fake.control.pay(session.id, { card: 'ok' })
    const { subscription: sub } = fake.get(session.id)
    const of = type => fake.events.findLast(e => e.type === type && [sub, session.id].includes(e.data.object.id))
    await house.told(house.event('customer.subscription.updated', sub))
    assert.equal((await house.mirror(sub)).status, 'active')
    assert.equal((await house.row('checkout_attempt', `stripe_session_id = '${session.id}'`)).state, 'open')
    await house.told(of('checkout.session.completed'), of('customer.subscription.created'))
    assert.equal((await house.row('checkout_attempt', `stripe_session_id = '${session.id}'`)).state, 'complete')
    assert.equal((await house.mirror(sub)).status, 'active')
    assert.equal((await house.sql(`SELECT COUNT(*) AS n FROM subscription_mirror WHERE stripe_customer_id = '${customer}'`))[0].n, '1')
    await house.pump()
})

test('incomplete, and expired after 23 hours', async () => {
    const tenant = await house.tenant(), customer = await house.customer(tenant, { card: 'fail' })
    const { id: sub } = await house.subscribe(customer, 'professional', { metadata: { tenant } })
    await house.pump()
    assert.equal((await house.mirror(sub)).status, 'incomplete')
    assert.equal((await plan(tenant)).plan, 'free')
    await fake.advance(23 * HOUR + 60)
    await house.pump()
    const row = await house.mirror(sub)
    assert.deepEqual([row.status, row.first_failed_at], ['incomplete_expired', null])
    assert.deepEqual([(await plan(tenant)).plan, (await plan(tenant)).state], ['free', 'free'])
    assert.equal(await house.alarm('two_live', tenant), undefined)
})

test('unpaid, and the old invoice is paid after all', async () => {
    fake.control.policy({ afterRetries: 'unpaid' })
    const one = await house.paying()
    await house.pump()
    const invoice = await unable(one)
    await fake.advance(20 * DAY)
    await house.pump()
    assert.equal((await house.mirror(one.sub)).status, 'unpaid')
    assert.deepEqual([(await plan(one.tenant)).plan, (await plan(one.tenant)).state], ['free', 'suspended'])
    fake.control.card(one.customer, 'ok')
    await house.stripe.invoices.pay(invoice)
    await house.pump()
    const row = await house.mirror(one.sub)
    assert.deepEqual([row.status, row.first_failed_at, (await house.invoice(invoice)).status], ['active', null, 'paid'])
    assert.deepEqual([(await plan(one.tenant)).plan, (await plan(one.tenant)).state], ['starter', 'live'])
    fake.control.policy({ afterRetries: 'past_due' })
})

test('paid otherwise than through Stripe', async () => {
    const one = await house.paying()
    await house.pump()
    const invoice = await unable(one)
    await house.stripe.invoices.pay(invoice, { paid_out_of_band: true })
    await house.pump()
    const row = await house.mirror(one.sub)
    assert.deepEqual([row.status, row.first_failed_at, (await house.invoice(invoice)).status], ['active', null, 'paid'])
    assert.equal((await house.invoice(invoice)).amount_remaining, '0')
})

test('paused, and resumed', async () => {
    const { tenant, sub } = await house.paying('professional')
    await house.pump()
    await house.stripe.subscriptions.pause(sub, { type: 'subscription' })
    await house.pump()
    assert.equal((await house.mirror(sub)).status, 'paused')
    assert.deepEqual([(await plan(tenant)).plan, (await plan(tenant)).state], ['free', 'paused'])
    await house.stripe.subscriptions.resume(sub, { billing_cycle_anchor: { type: 'now' } })
    await house.pump()
    assert.equal((await house.mirror(sub)).status, 'active')
    assert.equal((await plan(tenant)).plan, 'professional')
})

test('a renewal is a draft for an hour; an invoice\'s period is not the subscription\'s', async () => {
    const { sub } = await house.paying()
    await house.pump()
    await fake.advance({ to: renewal(sub) + 60 })
    await house.pump()
    const { latest_invoice: invoice, items } = fake.get(sub), shown = fake.get(invoice)
    const draft = await house.mirror(sub)
    assert.equal(shown.status, 'draft')
    assert.deepEqual([await house.invoice(invoice), draft.status, draft.first_failed_at], [undefined, 'active', null], 'nobody sees an invoice that may change')
    assert.notEqual(shown.period_end, items.data[0].current_period_end)
    assert.deepEqual([draft.period_start, draft.period_end], [at(items.data[0].current_period_start), at(items.data[0].current_period_end)])
    await fake.advance(HOUR + 60)
    await house.pump()
    assert.equal((await house.invoice(invoice)).status, 'paid')
    assert.equal((await house.mirror(sub)).period_end, draft.period_end)
})

test('an end that lies in the past grants nothing, though the status is active still', async () => {
    const { tenant, sub } = await house.paying()
    await house.pump()
    fake.control.distort(sub, { set: { cancel_at: Math.floor(Date.now() / 1000) - 60 } })
    await house.told(house.event('customer.subscription.updated', sub))
    assert.equal((await house.mirror(sub)).status, 'active')
    assert.equal((await plan(tenant)).plan, 'free')
    fake.control.distort(sub, null)
    await house.told(house.event('customer.subscription.updated', sub))
    assert.equal((await plan(tenant)).plan, 'starter')
})

test('a subscription of the other mode grants nothing, also when the key is changed', async () => {
    const { tenant, sub } = await house.paying()
    await house.pump()
    assert.equal((await plan(tenant)).plan, 'starter')
    house.parley.configure({ stripe_secret_key: 'sk_live_of_somebody' })
    assert.equal((await plan(tenant)).plan, 'free')
    house.parley.hup()
    const event = house.event('customer.subscription.updated', sub)
    await until('the other key', async () => {
        const probe = house.event('customer.subscription.updated', sub)
        await house.send(probe)
        return (await house.settled(probe, 'ignored', 1500))
    }, 20000)
    await house.send(event)
    await house.settled(event, 'ignored')
    assert.match((await house.alarm('event_livemode', 'webhook')).words, /test mode, the key is of live mode/)
    house.parley.configure({ stripe_secret_key: 'rk_test_house' })
    house.parley.hup()
    await house.parley.run('billing', 'replay', event.id) // nothing is lost by it
    await house.settled(event, 'done', 20000)
    assert.equal((await plan(tenant)).plan, 'starter')
})

// ---- harm ----

test('ids and words that are made to break out stay where they are', async () => {
    const { sub } = await house.paying()
    await house.pump()
    const asked = fake.requests.length
    const ids = [`${sub}/../../customers`, `${sub}?expand[0]=customer`, '..', "sub_1'OR'1'='1", 'sub_1";DROP-TABLE`tenant`;--', '%2e%2e%2fcustomers', `sub_${'9'.repeat(240)}`]
    const sent = ids.map(id => snapshot('customer.subscription.updated', { id, object: 'subscription' }))
    sent.push(snapshot("invoice.paid'--", { id: "in_1'--", object: 'invoice' }, { id: "evt_1'OR'1'='1" }), snapshot('customer.subscription.updated', { id: sub, object: "subscription'--" }))
    await house.send(...sent)
    for (const event of sent)
        await until(`${event.id} to be looked at`, async () => { const row = await house.stored(event.id.replaceAll("'", "''")); return row.state !== 'pending' || row.last_error })
    const paths = fake.requests.slice(asked).map(r => r.path)
    assert.ok(paths.length >= 6, paths.join())
    for (const path of paths) assert.match(path, /^\/v1\/(subscriptions|invoices)\/[^/?]+$/, path)
    assert.equal((await house.mirror(sub)).status, 'active')
    assert.equal((await house.sql("SELECT COUNT(*) AS n FROM subscription_mirror WHERE stripe_subscription_id LIKE '%DROP%' OR stripe_subscription_id LIKE '%OR%'"))[0].n, '0')
    await house.sql(`DELETE FROM stripe_event WHERE state = 'pending' AND last_error <> ''`)
})

test('words of a customer are carried as they are, and say nothing to us', async () => {
    const name = 'Robert\'); DROP TABLE tenant;-- &items[0][price]=x <b>"%s%n" 🙂'
    const tenant = (await house.parley.run('tenant', 'create', name)).trim(), thief = await house.tenant()
    const customer = await house.customer(tenant)
    const { id: sub } = await house.subscribe(customer, 'starter', {
        description: name.slice(0, 200), metadata: { tenant, plan_terms: "terms_'; DROP", "x' OR 1=1": thief, role: 'base' },
    })
    await house.pump()
    assert.equal((await house.mirror(sub)).status, 'active')
    assert.equal((await plan(tenant)).plan, 'starter')
    assert.equal((await plan(thief)).plan, 'free')
    assert.equal(JSON.parse(await house.parley.run('tenant', 'show', tenant, '--json')).name, name)
})
