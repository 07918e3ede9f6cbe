// Rare states of a subscription, and hostile input: from Stripe's events through hook, worker and mirror to a tenant's rights.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { until } from '../lib/install.mjs'
import { snapshot } from './hook.mjs'
import { startSite } from './site.mjs'

const HOUR = 3600, DAY = 86400
let site, fake

before(async () => {
    site = await startSite({ fake: { now: Math.floor(Date.now() / 1000) - 200 * DAY } })
    fake = site.fake
})
after(() => site?.stop())
beforeEach(() => { fake.faults.clear() })

const at = seconds => new Date(seconds * 1000).toISOString().replace('T', ' ').replace('Z', '')
const plan = async tenant => JSON.parse(await site.parley.run('tenant', 'entitlements', tenant, '--json'))
const renewal = sub => fake.get(sub).items.data[0].current_period_end
/** Bring a subscription over the end of its period with a card that fails, so that it is past due. */
async function unable({ customer, sub }) {
    fake.control.card(customer, 'fail')
    await fake.advance({ to: renewal(sub) + 2 * HOUR })
    await site.pump()
    assert.equal((await site.mirror(sub)).status, 'past_due')
    return fake.get(sub).latest_invoice
}

test('a checkout\'s event may arrive after its subscription\'s', async () => {
    const tenant = await site.tenant(), customer = await site.customer(tenant)
    const session = await site.stripe.checkout.sessions.create({
        mode: 'subscription', customer, client_reference_id: tenant, success_url: 'https://e.com/s', cancel_url: 'https://e.com/c',
        line_items: [{ price: await site.price('starter', 'base'), quantity: 1 }, { price: await site.price('starter', 'usage') }],
        subscription_data: { metadata: { tenant } },
    })
    await site.sql(`INSERT INTO checkout_attempt SELECT b.tenant_id, UNHEX(MD5('${session.id}')), p.plan_terms_id, '${session.id}', 0, 'open', NOW(3),
        NOW(3) + INTERVAL 1 DAY FROM billing_customer b JOIN plan p ON p.plan = 'starter' WHERE b.stripe_customer_id = '${customer}'`)
    fake.control.pay(session.id, { card: 'ok' })
    const { subscription: sub } = fake.get(session.id)
    const of = type => fake.events.findLast(e => e.type === type && [sub, session.id].includes(e.data.object.id))
    await site.deliverAndWait(site.event('customer.subscription.updated', sub))
    assert.equal((await site.mirror(sub)).status, 'active')
    assert.equal((await site.row('checkout_attempt', `stripe_session_id = '${session.id}'`)).state, 'open')
    await site.deliverAndWait(of('checkout.session.completed'), of('customer.subscription.created'))
    assert.equal((await site.row('checkout_attempt', `stripe_session_id = '${session.id}'`)).state, 'complete')
    assert.equal((await site.mirror(sub)).status, 'active')
    assert.equal((await site.sql(`SELECT COUNT(*) AS n FROM subscription_mirror WHERE stripe_customer_id = '${customer}'`))[0].n, '1')
    await site.pump()
})

test('an incomplete subscription grants nothing and expires after 23 hours', async () => {
    const tenant = await site.tenant(), customer = await site.customer(tenant, { card: 'fail' })
    const { id: sub } = await site.subscribe(customer, 'professional', { metadata: { tenant } })
    await site.pump()
    assert.equal((await site.mirror(sub)).status, 'incomplete')
    assert.equal((await plan(tenant)).plan, 'free')
    await fake.advance(23 * HOUR + 60)
    await site.pump()
    const row = await site.mirror(sub)
    assert.deepEqual([row.status, row.first_failed_at], ['incomplete_expired', null])
    assert.deepEqual([(await plan(tenant)).plan, (await plan(tenant)).state], ['free', 'free'])
    assert.equal(await site.alarm('two_live', tenant), undefined)
})

test('an unpaid subscription is active again when its old invoice is paid', async () => {
    fake.control.policy({ afterRetries: 'unpaid' })
    const one = await site.paying()
    await site.pump()
    const invoice = await unable(one)
    await fake.advance(20 * DAY)
    await site.pump()
    assert.equal((await site.mirror(one.sub)).status, 'unpaid')
    assert.deepEqual([(await plan(one.tenant)).plan, (await plan(one.tenant)).state], ['free', 'suspended'])
    fake.control.card(one.customer, 'ok')
    await site.stripe.invoices.pay(invoice)
    await site.pump()
    const row = await site.mirror(one.sub)
    assert.deepEqual([row.status, row.first_failed_at, (await site.invoice(invoice)).status], ['active', null, 'paid'])
    assert.deepEqual([(await plan(one.tenant)).plan, (await plan(one.tenant)).state], ['starter', 'live'])
    fake.control.policy({ afterRetries: 'past_due' })
})

test('an invoice paid outside Stripe counts as paid', async () => {
    const one = await site.paying()
    await site.pump()
    const invoice = await unable(one)
    await site.stripe.invoices.pay(invoice, { paid_out_of_band: true })
    await site.pump()
    const row = await site.mirror(one.sub)
    assert.deepEqual([row.status, row.first_failed_at, (await site.invoice(invoice)).status], ['active', null, 'paid'])
    assert.equal((await site.invoice(invoice)).amount_remaining, '0')
})

test('a paused subscription grants nothing until it is resumed', async () => {
    const { tenant, sub } = await site.paying('professional')
    await site.pump()
    await site.stripe.subscriptions.pause(sub, { type: 'subscription' })
    await site.pump()
    assert.equal((await site.mirror(sub)).status, 'paused')
    assert.deepEqual([(await plan(tenant)).plan, (await plan(tenant)).state], ['free', 'paused'])
    await site.stripe.subscriptions.resume(sub, { billing_cycle_anchor: { type: 'now' } })
    await site.pump()
    assert.equal((await site.mirror(sub)).status, 'active')
    assert.equal((await plan(tenant)).plan, 'professional')
})

test('a renewal invoice is a draft for an hour, and its period is not the subscription\'s', async () => {
    const { sub } = await site.paying()
    await site.pump()
    await fake.advance({ to: renewal(sub) + 60 })
    await site.pump()
    const { latest_invoice: invoice, items } = fake.get(sub), shown = fake.get(invoice)
    const draft = await site.mirror(sub)
    assert.equal(shown.status, 'draft')
    assert.deepEqual([await site.invoice(invoice), draft.status, draft.first_failed_at], [undefined, 'active', null], 'a draft invoice is not shown')
    assert.notEqual(shown.period_end, items.data[0].current_period_end)
    assert.deepEqual([draft.period_start, draft.period_end], [at(items.data[0].current_period_start), at(items.data[0].current_period_end)])
    await fake.advance(HOUR + 60)
    await site.pump()
    assert.equal((await site.invoice(invoice)).status, 'paid')
    assert.equal((await site.mirror(sub)).period_end, draft.period_end)
})

test('a subscription whose end has passed grants nothing although its status is still active', async () => {
    const { tenant, sub } = await site.paying()
    await site.pump()
    fake.control.distort(sub, { set: { cancel_at: Math.floor(Date.now() / 1000) - 60 } })
    await site.deliverAndWait(site.event('customer.subscription.updated', sub))
    assert.equal((await site.mirror(sub)).status, 'active')
    assert.equal((await plan(tenant)).plan, 'free')
    fake.control.distort(sub, null)
    await site.deliverAndWait(site.event('customer.subscription.updated', sub))
    assert.equal((await plan(tenant)).plan, 'starter')
})

test('a subscription of the other mode grants nothing, even after the key is changed', async () => {
    const { tenant, sub } = await site.paying()
    await site.pump()
    assert.equal((await plan(tenant)).plan, 'starter')
    site.parley.configure({ stripe_secret_key: 'sk_live_of_somebody' })
    assert.equal((await plan(tenant)).plan, 'free')
    site.parley.hup()
    const event = site.event('customer.subscription.updated', sub)
    await until('the other key', async () => {
        const probe = site.event('customer.subscription.updated', sub)
        await site.send(probe)
        return (await site.settled(probe, 'ignored', 1500))
    }, 20000)
    await site.send(event)
    await site.settled(event, 'ignored')
    assert.match((await site.alarm('event_livemode', 'webhook')).words, /test-mode event, but the key is a live key/)
    site.parley.configure({ stripe_secret_key: 'rk_test_site' })
    site.parley.hup()
    await site.parley.run('billing', 'replay', event.id) // nothing is lost by it
    await site.settled(event, 'done', 20000)
    assert.equal((await plan(tenant)).plan, 'starter')
})

// ---- harm ----

test('ids and texts crafted to inject SQL, paths or markup have no effect', async () => {
    const { sub } = await site.paying()
    await site.pump()
    const asked = fake.requests.length
    const ids = [`${sub}/../../customers`, `${sub}?expand[0]=customer`, '..', "sub_1'OR'1'='1", 'sub_1";DROP-TABLE`tenant`;--', '%2e%2e%2fcustomers', `sub_${'9'.repeat(240)}`]
    const sent = ids.map(id => snapshot('customer.subscription.updated', { id, object: 'subscription' }))
    sent.push(snapshot("invoice.paid'--", { id: "in_1'--", object: 'invoice' }, { id: "evt_1'OR'1'='1" }), snapshot('customer.subscription.updated', { id: sub, object: "subscription'--" }))
    await site.send(...sent)
    for (const event of sent)
        await until(`${event.id} to be processed`, async () => { const row = await site.stored(event.id.replaceAll("'", "''")); return row.state !== 'pending' || row.last_error })
    const paths = fake.requests.slice(asked).map(r => r.path)
    assert.ok(paths.length >= 6, paths.join())
    for (const path of paths) assert.match(path, /^\/v1\/(subscriptions|invoices)\/[^/?]+$/, path)
    assert.equal((await site.mirror(sub)).status, 'active')
    assert.equal((await site.sql("SELECT COUNT(*) AS n FROM subscription_mirror WHERE stripe_subscription_id LIKE '%DROP%' OR stripe_subscription_id LIKE '%OR%'"))[0].n, '0')
    await site.sql(`DELETE FROM stripe_event WHERE state = 'pending' AND last_error <> ''`)
})

test('a customer\'s own texts are stored unchanged and never interpreted', async () => {
    const name = 'Robert\'); DROP TABLE tenant;-- &items[0][price]=x <b>"%s%n" 🙂'
    const tenant = (await site.parley.run('tenant', 'create', name)).trim(), thief = await site.tenant()
    const customer = await site.customer(tenant)
    const { id: sub } = await site.subscribe(customer, 'starter', {
        description: name.slice(0, 200), metadata: { tenant, plan_terms: "terms_'; DROP", "x' OR 1=1": thief, role: 'base' },
    })
    await site.pump()
    assert.equal((await site.mirror(sub)).status, 'active')
    assert.equal((await plan(tenant)).plan, 'starter')
    assert.equal((await plan(thief)).plan, 'free')
    assert.equal(JSON.parse(await site.parley.run('tenant', 'show', tenant, '--json')).name, name)
})
