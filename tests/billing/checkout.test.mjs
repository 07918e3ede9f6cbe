// What owners do about money, driven through the C against the fake Stripe: buying, and coming back from Stripe's page. Changes: change.test.mjs
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Testbed } from './testbed.mjs'
import { RIGHTS } from './rights.mjs'

let bed, fake, ops

before(async () => {
    bed = await Testbed.open()
    ;({ fake, ops } = bed)
})
beforeEach(() => bed.reset())
after(() => bed?.close())

const attempts = tenant => bed.rows(tenant, 'SELECT state, stripe_session_id session FROM checkout_attempt WHERE tenant_id = ? ORDER BY checkout_attempt_id')

test('buying a plan creates a customer and a checkout, which is paid and returns', async () => {
    const tenant = await bed.tenant({ email: 'owner@one.example', name: 'One & Söhne' })
    const begun = await ops.call({ op: 'begin', tenant, plan: 'starter' })
    assert.equal(begun.ok, true, begun.message)
    const session = bed.session(begun.url)
    const [customer] = bed.customers(tenant)
    assert.deepEqual([customer.email, customer.name], ['owner@one.example', 'One & Söhne'])
    assert.equal(session.customer, customer.id)
    assert.equal(session.client_reference_id, tenant)
    assert.equal(session.success_url, 'https://parley.example/app/billing/return?session={CHECKOUT_SESSION_ID}')
    assert.equal(session.cancel_url, 'https://parley.example/app/billing/plans?canceled=1')
    assert.equal((await bed.state(tenant)).plan, 'free', 'a checkout that is open grants nothing')
    assert.equal(fake.control.pay(session.id), 'complete')
    assert.equal((await bed.state(tenant)).plan, 'free', 'nothing is granted before the session was fetched')
    assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, 'done')
    assert.deepEqual(bed.pick(await bed.state(tenant), 'plan', 'state', 'price'), { plan: 'starter', state: 'live', price: 4900 })
    const [sub] = bed.subscriptions(tenant)
    assert.equal(sub.metadata.tenant, tenant)
    assert.match(sub.metadata.plan_terms, /^terms_/)
    assert.equal(sub.items.data.length, 2)
    assert.deepEqual((await attempts(tenant)).map(a => a.state), ['complete'])
    const reads = fake.requests.length
    assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, 'done')
    assert.equal(fake.requests.length, reads, 'loaded again, the page asks nothing of Stripe')
    const audit = await bed.rows(tenant, 'SELECT what FROM audit WHERE tenant_id = ? ORDER BY audit_id')
    assert.deepEqual(audit.map(a => a.what), ['billing.customer_made', 'billing.checkout'])
})

test('a double click makes one session', async () => {
    const tenant = await bed.tenant()
    const other = await bed.secondOps()
    const two = await Promise.all([ops, other].map(o => o.call({ op: 'begin', tenant, plan: 'starter' })))
    assert.deepEqual(two.map(r => r.ok), [true, true], JSON.stringify(two))
    assert.equal(two[0].url, two[1].url)
    assert.equal(bed.sessions(tenant).length, 1)
    assert.equal(bed.customers(tenant).length, 1)
    assert.equal((await attempts(tenant)).length, 1)
})

test('when a second tab buys another plan the first checkout cannot be paid any more', async () => {
    const tenant = await bed.tenant()
    const first = bed.session((await ops.call({ op: 'begin', tenant, plan: 'starter' })).url)
    const second = bed.session((await ops.call({ op: 'begin', tenant, plan: 'professional' })).url)
    assert.notEqual(first.id, second.id)
    assert.equal(fake.get(first.id).status, 'expired')
    assert.throws(() => fake.control.pay(first.id))
    assert.equal((await ops.call({ op: 'return', tenant, session: first.id })).outcome, 'expired')
    fake.control.pay(second.id)
    assert.equal((await ops.call({ op: 'return', tenant, session: second.id })).outcome, 'done')
    assert.equal((await bed.state(tenant)).plan, 'professional')
})

test('after a payment whose event has not arrived another purchase is refused and the payment recorded', async () => {
    const tenant = await bed.tenant()
    const first = bed.session((await ops.call({ op: 'begin', tenant, plan: 'starter' })).url)
    fake.control.pay(first.id)
    for (const plan of ['starter', 'professional']) {
        const refused = await ops.call({ op: 'begin', tenant, plan })
        assert.equal(refused.code, 'subscribed', refused.message)
    }
    assert.equal((await bed.state(tenant)).plan, 'starter')
    assert.equal(bed.subscriptions(tenant).length, 1)
    assert.equal(bed.sessions(tenant).length, 1)
})

test('a sale is refused while a live subscription exists that was made at Stripe without any event', async () => {
    const tenant = await bed.buyer('starter'), [customer] = bed.customers(tenant)
    await bed.dashboard('DELETE', `/v1/subscriptions/${bed.subscriptions(tenant)[0].id}`)
    await bed.refreshAll(tenant)
    assert.equal((await bed.state(tenant)).plan, 'free')
    const sessions = bed.sessions(tenant).length
    const made = fake.control.secondSubscription(customer.id, ['base', 'usage'].map(role => bed.price('professional', role).id))
    const refused = await ops.call({ op: 'begin', tenant, plan: 'starter' })
    assert.equal(refused.code, 'subscribed', 'no checkout attempt of ours led to this subscription: only Stripe knows it')
    assert.equal(bed.sessions(tenant).length, sessions, 'no second checkout is offered')
    assert.equal(made.status, 'active')
    assert.equal((await bed.state(tenant)).plan, 'professional', 'the refusal fetched the subscription')
})

test('a workspace with a subscription changes it instead of buying', async () => {
    const tenant = await bed.buyer('starter')
    const from = fake.requests.length
    assert.equal((await ops.call({ op: 'begin', tenant, plan: 'professional' })).code, 'subscribed')
    assert.equal(fake.requests.length, from, 'the mirror knows')
})

test('the return address proves nothing', async () => {
    const tenant = await bed.tenant(), thief = await bed.tenant()
    const session = bed.session((await ops.call({ op: 'begin', tenant, plan: 'enterprise' })).url)
    const from = fake.requests.length
    for (const forged of ['cs_test_nothing', '', '../v1/customers', `${session.id}\n`, 'x'.repeat(3000), "' OR 1=1 --"])
        assert.deepEqual(await ops.call({ op: 'return', tenant: thief, session: forged }), { outcome: 'unknown', ok: true })
    assert.deepEqual(await ops.call({ op: 'return', tenant: thief, session: session.id }), { outcome: 'unknown', ok: true })
    assert.equal(fake.requests.length, from, "another workspace's session is not even fetched")
    assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, 'open', 'not paid')
    fake.control.pay(session.id)
    assert.equal((await ops.call({ op: 'return', tenant: thief, session: session.id })).outcome, 'unknown')
    assert.equal((await bed.state(thief)).plan, 'free')
})

test('a session that names another workspace or customer is not used, and the operator gets an alarm', async () => {
    for (const patch of [{ client_reference_id: await bed.tenant() }, { customer: bed.customers(await bed.buyer('starter'))[0].id }]) {
        const tenant = await bed.tenant()
        const session = bed.session((await ops.call({ op: 'begin', tenant, plan: 'starter' })).url)
        fake.control.pay(session.id)
        fake.control.edit(session.id, patch)
        assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, 'unknown')
        assert.equal((await bed.state(tenant)).plan, 'free')
        assert.equal((await bed.alarms(tenant))[0].kind, 'checkout_mismatch')
    }
})

test('an expired session is replaced by a new one', async () => {
    const tenant = await bed.tenant()
    const first = bed.session((await ops.call({ op: 'begin', tenant, plan: 'starter' })).url)
    await bed.tick(25 * 3600)
    assert.equal((await ops.call({ op: 'return', tenant, session: first.id })).outcome, 'expired')
    const second = bed.session((await ops.call({ op: 'begin', tenant, plan: 'starter' })).url)
    assert.notEqual(first.id, second.id)
    assert.equal(second.status, 'open')
})

test('a delayed payment grants nothing before it arrives', async () => {
    fake.control.policy({ asyncStatus: 'incomplete' })
    const tenant = await bed.tenant()
    const session = bed.session((await ops.call({ op: 'begin', tenant, plan: 'starter' })).url)
    fake.control.pay(session.id, { card: 'async' })
    fake.control.policy({ asyncStatus: 'active' })
    assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, 'paying')
    assert.equal((await bed.state(tenant)).plan, 'free')
    assert.equal((await ops.call({ op: 'begin', tenant, plan: 'professional' })).code, 'subscribed', 'not bought twice meanwhile')
    const [sub] = bed.subscriptions(tenant)
    fake.control.edit(sub.id, { status: 'incomplete_expired' })
    assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, 'expired')
    assert.equal((await bed.state(tenant)).plan, 'free')
    assert.equal((await ops.call({ op: 'begin', tenant, plan: 'starter' })).ok, true, 'and may try again')
})

test('a delayed payment of an active subscription succeeds or fails', async () => {
    for (const [succeeds, outcome, state] of [[true, 'done', 'live'], [false, 'paying', 'grace']]) {
        const tenant = await bed.tenant()
        const session = bed.session((await ops.call({ op: 'begin', tenant, plan: 'starter' })).url)
        fake.control.pay(session.id, { card: 'async' })
        assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, 'paying')
        fake.control.settle(session.id, succeeds)
        await bed.refreshAll(tenant)
        assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, outcome)
        assert.equal((await bed.state(tenant)).state, state)
    }
})

test('a card may need confirmation or be declined', async () => {
    const tenant = await bed.tenant()
    const session = bed.session((await ops.call({ op: 'begin', tenant, plan: 'starter' })).url)
    assert.equal(fake.control.pay(session.id, { card: 'fail' }), 'declined')
    assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, 'open')
    assert.equal(fake.control.pay(session.id, { card: '3ds' }), 'action')
    assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, 'open')
    assert.equal((await bed.state(tenant)).plan, 'free')
    assert.equal(fake.control.pay(session.id, { card: '3ds', confirmed: true }), 'complete')
    assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, 'done')
})

test('a trial needs no card, is given once, and ends without one', async () => {
    bed.install.configure({ stripe_trial_days: 14 })
    const tenant = await bed.tenant()
    const session = bed.session((await ops.call({ op: 'begin', tenant, plan: 'starter' })).url)
    assert.equal(session.payment_method_collection, 'if_required')
    fake.control.pay(session.id, { card: null })
    assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, 'done')
    assert.deepEqual(bed.pick(await bed.state(tenant), 'plan', 'state'), { plan: 'starter', state: 'trial' })
    await bed.tick(15 * 86400)
    const [sub] = bed.subscriptions(tenant)
    assert.equal(sub.status, 'canceled')
    await bed.refresh('subscription', sub.id)
    assert.equal((await bed.state(tenant)).plan, 'free')
    const again = bed.session((await ops.call({ op: 'begin', tenant, plan: 'starter' })).url)
    assert.equal(again.payment_method_collection, 'always')
    fake.control.pay(again.id)
    await ops.call({ op: 'return', tenant, session: again.id })
    assert.deepEqual(bed.pick(await bed.state(tenant), 'plan', 'state'), { plan: 'starter', state: 'live' }, 'no second trial')
})

test('a promotion code for the full price buys the plan without a payment', async () => {
    bed.install.configure({ stripe_promotion_codes: 'on' })
    const tenant = await bed.tenant()
    const coupon = await bed.sdk('POST', '/v1/coupons', { percent_off: 100, duration: 'once' })
    await bed.sdk('POST', '/v1/promotion_codes', { 'promotion[type]': 'coupon', 'promotion[coupon]': coupon.id, code: 'GIFT' })
    const session = bed.session((await ops.call({ op: 'begin', tenant, plan: 'starter' })).url)
    assert.equal(session.allow_promotion_codes, true)
    fake.control.pay(session.id, { code: 'GIFT' })
    assert.equal(fake.get(session.id).payment_status, 'no_payment_required')
    assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, 'done')
    assert.equal((await bed.state(tenant)).plan, 'starter')
})

test('taxes are collected as configured', async () => {
    bed.install.configure({ stripe_automatic_tax: 'on' })
    await ops.call({ op: 'setup' })
    const tenant = await bed.tenant()
    const session = bed.session((await ops.call({ op: 'begin', tenant, plan: 'starter' })).url)
    assert.equal(session.automatic_tax.enabled, true)
    const sent = decodeURIComponent(String(fake.requests.findLast(r => r.path === '/v1/checkout/sessions').body))
    assert.match(sent, /customer_update\[address\]=auto/)
})

test('plans that are not for sale are refused', async () => {
    const tenant = await bed.tenant()
    const code = async plan => (await ops.call({ op: 'begin', tenant, plan })).code
    assert.equal(await code('free'), 'plan_not_sold')
    assert.equal(await code('gold'), 'plan_unknown')
    assert.equal(await code(''), 'plan_unknown')
    await ops.call({ op: 'plan', plan: 'enterprise', public: false })
    assert.equal(await code('enterprise'), 'plan_not_sold')
    await ops.call({ op: 'plan', plan: 'enterprise', public: true })
    assert.equal(bed.customers(tenant).length, 0, 'and Stripe was not troubled')
})

test('after a lost answer there is one customer and one session', async () => {
    for (const path of ['/v1/customers', '/v1/checkout/sessions'])
        for (const kind of ['dropAfter', 'error500After', 'badGatewayAfter', 'truncated', 'error500Before', 'lockTimeout']) {
            const tenant = await bed.tenant()
            fake.faults.add({ kind, method: 'POST', path, times: 9 })
            const first = await ops.call({ op: 'begin', tenant, plan: 'starter' })
            fake.faults.clear()
            const second = first.ok ? first : await ops.call({ op: 'begin', tenant, plan: 'starter' })
            assert.equal(second.ok, true, `${kind} ${path}: ${first.code}, then ${second.code} ${second.message}`)
            assert.equal(bed.customers(tenant).length, 1, `${kind} ${path}: customers`)
            const open = (await attempts(tenant)).filter(a => a.state === 'open')
            assert.deepEqual(open.map(a => a.session), [bed.session(second.url).id], `${kind} ${path}`)
            assert.ok(!/cus_|cs_test|https?:/.test(first.message ?? ''), first.message)
        }
})

test('after an unknown outcome the customer is adopted even if its data changed in between', async () => {
    const tenant = await bed.tenant({ email: 'a@adopt.example' })
    fake.faults.add({ kind: 'dropAfter', method: 'POST', path: '/v1/customers', times: 9 })
    assert.equal((await ops.call({ op: 'customer', tenant })).ok, false)
    fake.faults.clear()
    assert.equal(bed.customers(tenant).length, 1)
    await bed.rename(tenant, 'Another name') // other parameters under the same key
    await bed.tick(30 * 3600)                // and the key forgotten by Stripe
    const made = await ops.call({ op: 'customer', tenant })
    assert.equal(made.customer, bed.customers(tenant)[0].id, made.message)
    assert.equal(bed.customers(tenant).length, 1)
    assert.equal((await ops.call({ op: 'customer', tenant })).customer, made.customer)
})

test('a customer deleted in the dashboard is replaced by a new one', async () => {
    const tenant = await bed.buyer('starter')
    const [old] = bed.customers(tenant), [sub] = bed.subscriptions(tenant)
    fake.control.deleteCustomer(old.id)
    await bed.refresh('subscription', sub.id)
    assert.equal((await bed.state(tenant)).plan, 'free')
    const portal = await ops.call({ op: 'portal', tenant })
    assert.equal(portal.code, 'no_customer', portal.message)
    const begun = await ops.call({ op: 'begin', tenant, plan: 'starter' })
    assert.equal(begun.ok, true, begun.message)
    assert.notEqual(bed.session(begun.url).customer, old.id)
})

test('when the customer is deleted during a checkout another one is created', async () => {
    const tenant = await bed.tenant()
    const { customer } = await ops.call({ op: 'customer', tenant })
    fake.control.deleteCustomer(customer)
    const begun = await ops.call({ op: 'begin', tenant, plan: 'starter' })
    assert.equal(begun.ok, true, begun.message)
    assert.notEqual(bed.session(begun.url).customer, customer)
})

test("Stripe's page for cards and invoices", async () => {
    const stranger = await bed.tenant()
    assert.equal((await ops.call({ op: 'portal', tenant: stranger })).code, 'no_customer')
    const tenant = await bed.buyer('starter')
    const home = await ops.call({ op: 'portal', tenant }), card = await ops.call({ op: 'portal', tenant, card: true })
    assert.equal(home.ok, true, home.message)
    const made = fake.requests.filter(r => r.path === '/v1/billing_portal/sessions').slice(-2).map(r => new URLSearchParams(String(r.body)))
    const [portal] = fake.all('billing_portal.configuration')
    assert.deepEqual(made.map(f => f.get('configuration')), [portal.id, portal.id])
    assert.deepEqual(made.map(f => f.get('customer')), [bed.customers(tenant)[0].id, bed.customers(tenant)[0].id])
    assert.deepEqual(made.map(f => f.get('flow_data[type]')), [null, 'payment_method_update'])
    assert.equal(made[0].get('return_url'), 'https://parley.example/app/billing')
    const kept = await bed.install.sql('SELECT * FROM stripe_call')
    assert.ok(!JSON.stringify(kept).includes(home.url) && !JSON.stringify(kept).includes(card.url), 'the address is not stored')
    assert.ok(!ops.log.includes(home.url), 'nor logged')
})

test('a failure that only the operator can fix raises an alarm, and the owner sees no detail', async () => {
    const tenant = await bed.tenant()
    fake.control.key(bed.key, { rights: ['customer_write', 'subscription_read'] })
    const refused = await ops.call({ op: 'begin', tenant, plan: 'starter' })
    fake.control.key(bed.key, { rights: RIGHTS })
    assert.equal(refused.code, 'billing_unavailable')
    assert.ok(!refused.message.includes('checkout_session'), refused.message)
    const [alarm] = await bed.alarms(tenant)
    assert.equal(alarm.kind, 'stripe_refused')
    assert.match(alarm.words, /checkout_session_write/)
    assert.ok(!alarm.words.includes(bed.key))
})

test('a lease left by a killed process refuses a second checkout until it expires', async () => {
    const tenant = await bed.tenant()
    await bed.install.sql(`INSERT INTO stripe_lease (name, holder, until) VALUES ('tenant:${tenant}', '0123456789abcdef', FROM_UNIXTIME(${fake.now() + 60}))`)
    const busy = await ops.call({ op: 'begin', tenant, plan: 'starter' })
    assert.equal(busy.code, 'billing_busy')
    assert.equal(bed.customers(tenant).length, 0)
})
