// The fake Stripe, proved with Stripe's own client: a walk through all that billing uses. Time is in fake_time.test.mjs, what goes wrong in
// fake_faults.test.mjs.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import Stripe from 'stripe'
import { catalog, client, DAY, HOUR, items, refusal, sessionFor, startWalk, subscriber, upgradeTo } from './fake/walk.mjs'

let fake, stripe, plans, stop

before(async () => {
    ;({ fake, stripe, stop } = await startWalk())
    plans = await catalog(stripe)
})
after(() => stop())

describe('catalog', () => {
    test('a product may have an id of the caller\'s choice, which cannot be used twice', async () => {
        assert.equal(plans.starter.product.id, 'starter')
        const error = await refusal(stripe.products.create({ id: 'starter', name: 'Again' }))
        assert.deepEqual([error.statusCode, error.code, error.type], [400, 'resource_already_exists', 'StripeInvalidRequestError'])
        const changed = await stripe.products.update('starter', { metadata: { rank: '1' } })
        assert.deepEqual(changed.metadata, { plan: 'starter', rank: '1' })
        assert.deepEqual((await stripe.products.update('starter', { metadata: { rank: '' } })).metadata, { plan: 'starter' })
    })

    test('prices are found by lookup key, with product expanded and tiers only on request', async () => {
        const found = await stripe.prices.list({ lookup_keys: ['starter_v1', 'pro_usage_v1'], active: true, expand: ['data.product', 'data.tiers'] })
        assert.deepEqual(found.data.map(price => price.lookup_key).sort(), ['pro_usage_v1', 'starter_v1'])
        const usage = found.data.find(price => price.lookup_key === 'pro_usage_v1')
        assert.equal(usage.product.name, 'Pro')
        assert.deepEqual(usage.tiers.map(tier => [tier.up_to, String(tier.unit_amount_decimal)]), [[50000, '0'], [null, '0.398']])
        assert.equal((await stripe.prices.retrieve(usage.id)).tiers, undefined)
    })

    test('a lookup key moves only with transfer_lookup_key, and amounts cannot be changed', async () => {
        const params = { product: 'starter', currency: 'usd', unit_amount: 5900, recurring: { interval: 'month' }, lookup_key: 'starter_v1' }
        assert.equal((await refusal(stripe.prices.create(params))).param, 'lookup_key')
        const moved = await stripe.prices.create({ ...params, transfer_lookup_key: true })
        assert.equal((await stripe.prices.retrieve(plans.starter.base.id)).lookup_key, null)
        assert.equal((await stripe.prices.update(plans.starter.base.id, { lookup_key: 'starter_v1', transfer_lookup_key: true })).lookup_key, 'starter_v1')
        assert.equal((await stripe.prices.retrieve(moved.id)).lookup_key, null)
        const error = await refusal(stripe.prices.update(moved.id, { unit_amount: 1 }))
        assert.equal(error.code, 'parameter_unknown')
        fake.violations.pop()
    })

    test('metered prices need a meter, and tiers exclude transform_quantity', async () => {
        const metered = { product: 'starter', currency: 'usd', recurring: { interval: 'month', usage_type: 'metered' } }
        assert.equal((await refusal(stripe.prices.create({ ...metered, unit_amount: 1 }))).param, 'recurring[meter]')
        const tiers = [{ up_to: 'inf', unit_amount: 1 }]
        const both = { ...metered, recurring: { interval: 'month' }, billing_scheme: 'tiered', tiers_mode: 'graduated', tiers, transform_quantity: { divide_by: 2, round: 'up' } }
        assert.equal((await refusal(stripe.prices.create(both))).param, 'transform_quantity')
    })
})

describe('customers', () => {
    test('customers can be created, found by address, changed and deleted', async () => {
        const made = await stripe.customers.create({ email: 'a@example.com', name: 'A', metadata: { tenant_id: '1' } })
        assert.deepEqual((await stripe.customers.list({ email: 'a@example.com' })).data.map(one => one.id), [made.id])
        const changed = await stripe.customers.update(made.id, { name: '', metadata: { tenant_id: null, x: 'y' } })
        assert.deepEqual([changed.name, changed.metadata], [null, { x: 'y' }])
        assert.deepEqual({ ...(await stripe.customers.del(made.id)) }, { id: made.id, object: 'customer', deleted: true })
        assert.equal((await stripe.customers.retrieve(made.id)).deleted, true)
        const error = await refusal(stripe.customers.update(made.id, { name: 'B' }))
        assert.deepEqual([error.statusCode, error.code], [404, 'resource_missing'])
    })

    test('lists are newest first, and the official client reads their pages', async () => {
        const made = []
        for (let i = 0; i < 7; i++) made.push((await stripe.customers.create({ email: 'many@example.com', name: String(i) })).id)
        const page = await stripe.customers.list({ email: 'many@example.com', limit: 3 })
        assert.deepEqual([page.has_more, page.data.map(one => one.name)], [true, ['6', '5', '4']])
        const walked = []
        for await (const one of stripe.customers.list({ email: 'many@example.com', limit: 3 })) walked.push(one.id)
        assert.deepEqual(walked, made.toReversed())
        const back = await stripe.customers.list({ email: 'many@example.com', limit: 2, ending_before: made[3] })
        assert.deepEqual([back.has_more, back.data.map(one => one.name)], [true, ['5', '4']])
        assert.equal((await refusal(stripe.customers.list({ limit: 101 }))).param, 'limit')
    })
})

describe('checkout', () => {
    test('the subscription exists only after payment', async () => {
        const customer = await stripe.customers.create({ email: 'c@example.com' })
        const session = await sessionFor(stripe, customer, plans.starter, { subscription_data: { metadata: { tenant: '7' } }, metadata: { attempt: '1' } })
        assert.deepEqual([session.status, session.payment_status, session.subscription, session.amount_total, session.ui_mode], ['open', 'unpaid', null, 4900, 'hosted_page'])
        assert.equal(session.expires_at - session.created, DAY)
        assert.deepEqual((await stripe.subscriptions.list({ customer: customer.id, status: 'all' })).data, [])
        assert.equal(fake.control.pay(session.id, { card: 'fail' }), 'declined')
        assert.equal(fake.control.pay(session.id, { card: '3ds' }), 'action')
        assert.deepEqual((await stripe.subscriptions.list({ customer: customer.id, status: 'all' })).data, [])
        assert.equal(fake.control.pay(session.id, { card: '3ds', confirmed: true }), 'complete')
        const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ['subscription', 'line_items', 'invoice'] })
        assert.deepEqual([done.status, done.payment_status, done.url, done.subscription.status, done.invoice.status], ['complete', 'paid', null, 'active', 'paid'])
        assert.deepEqual([done.subscription.metadata, done.metadata], [{ tenant: '7' }, { attempt: '1' }])
        assert.deepEqual(done.line_items.data.map(line => line.quantity), [1, null])
    })

    test('its page has plain forms that a browser can use', async () => {
        const customer = await stripe.customers.create({ email: 'page@example.com' })
        const session = await sessionFor(stripe, customer, plans.starter, { success_url: 'http://127.0.0.1:1/ok?s={CHECKOUT_SESSION_ID}' })
        const press = action => fetch(session.url, { method: 'POST', body: new URLSearchParams({ action }), redirect: 'manual' })
        const html = await (await fetch(session.url)).text()
        for (const text of ['<form method="post"', '>Pay<', '>Fail card<', 'href="https://e.com/c">Go back']) assert.ok(html.includes(text), text)
        assert.match(await (await press('fail')).text(), /declined/)
        assert.match(await (await press('3ds')).text(), /Complete authentication/)
        const paid = await press('pay')
        assert.deepEqual([paid.status, paid.headers.get('location')], [303, `http://127.0.0.1:1/ok?s=${session.id}`])
        assert.match(await (await fetch(session.url)).text(), /complete/)
        const orphan = await sessionFor(stripe, customer, plans.starter)
        await stripe.customers.del(customer.id)
        const refused = await fetch(orphan.url, { method: 'POST', body: new URLSearchParams({ action: 'pay' }) })
        assert.equal(refused.status, 400)
        assert.match(await refused.text(), /role="alert">No such customer/)
    })

    test('a trial may begin without a card, and ends as configured without one', async () => {
        const more = {
            payment_method_collection: 'if_required',
            subscription_data: { trial_period_days: 14, trial_settings: { end_behavior: { missing_payment_method: 'pause' } } },
        }
        const { session, sub } = await subscriber(fake, stripe, plans.starter, more, { card: null })
        assert.deepEqual([session.payment_status, session.amount_total, sub.status, sub.trial_end - sub.trial_start], ['no_payment_required', 0, 'trialing', 14 * DAY])
        assert.equal(items(sub).base.current_period_end, sub.trial_end)
        assert.equal((await stripe.invoices.retrieve(sub.latest_invoice)).total, 0)
    })

    test('a coupon of 100 % needs no payment; a promotion code is typed on the page', async () => {
        const free = await stripe.coupons.create({ percent_off: 100, duration: 'forever' })
        const gift = await subscriber(fake, stripe, plans.starter, { discounts: [{ coupon: free.id }], payment_method_collection: 'if_required' }, { card: null })
        assert.deepEqual([gift.session.payment_status, gift.sub.status], ['no_payment_required', 'active'])
        const half = await stripe.coupons.create({ percent_off: 50, duration: 'once' })
        await stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon: half.id }, code: 'HALF' })
        const customer = await stripe.customers.create({})
        const session = await sessionFor(stripe, customer, plans.starter, { allow_promotion_codes: true })
        assert.equal(fake.control.pay(session.id, { code: 'NONE' }), 'code refused')
        assert.equal(fake.control.pay(session.id, { code: 'half' }), 'complete')
        const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ['invoice'] })
        assert.deepEqual([done.amount_total, done.invoice.total, done.total_details.amount_discount], [2450, 2450, 2450])
    })

    test('a delayed payment method leaves a session complete but unpaid, then paid or failed', async () => {
        const { session } = await subscriber(fake, stripe, plans.starter, {}, { card: 'async' })
        assert.deepEqual([session.status, session.payment_status], ['complete', 'unpaid'])
        fake.control.settle(session.id, true)
        assert.equal((await stripe.checkout.sessions.retrieve(session.id)).payment_status, 'paid')
        const other = await subscriber(fake, stripe, plans.starter, {}, { card: 'async' })
        fake.control.settle(other.session.id, false)
        assert.equal((await stripe.subscriptions.retrieve(other.sub.id)).status, 'past_due')
        const types = (await stripe.events.list({ types: ['checkout.session.async_payment_succeeded', 'checkout.session.async_payment_failed'] })).data.map(event => event.type)
        assert.deepEqual(types, ['checkout.session.async_payment_failed', 'checkout.session.async_payment_succeeded'])
    })

    test('invalid sessions are refused', async () => {
        const customer = await stripe.customers.create({})
        const wrong = async more => (await refusal(sessionFor(stripe, customer, plans.starter, more))).param
        assert.equal(await wrong({ line_items: [{ price: plans.starter.usage.id, quantity: 1 }] }), 'line_items[0][quantity]')
        assert.equal(await wrong({ line_items: [{ price: plans.starter.base.id }] }), 'line_items[0][quantity]')
        assert.equal(await wrong({ expires_at: fake.now() + 60 }), 'expires_at')
        assert.equal(await wrong({ automatic_tax: { enabled: true } }), 'customer_update')
        assert.equal(await wrong({ customer_email: 'x@example.com' }), 'customer_email')
        const session = await sessionFor(stripe, customer, plans.starter)
        assert.equal((await stripe.checkout.sessions.expire(session.id)).status, 'expired')
        assert.equal((await refusal(stripe.checkout.sessions.expire(session.id))).statusCode, 400)
    })

    test('taxes are added when automatic tax is on', async () => {
        fake.control.policy({ taxPercent: 19 })
        const { session, sub } = await subscriber(fake, stripe, plans.starter, { automatic_tax: { enabled: true }, customer_update: { address: 'auto' } })
        fake.control.policy({ taxPercent: 0 })
        const invoice = await stripe.invoices.retrieve(sub.latest_invoice)
        assert.deepEqual([session.amount_total, invoice.total, invoice.total_excluding_tax, invoice.total_taxes[0].amount], [5831, 5831, 4900, 931])
    })
})

describe('changes of a subscription', () => {
    test('an upgrade is invoiced at once, as the preview said', async () => {
        const { customer, sub } = await subscriber(fake, stripe, plans.starter)
        await fake.advance(10 * DAY)
        const change = upgradeTo(sub, plans.pro)
        const preview = await stripe.invoices.createPreview({
            customer: customer.id,
            subscription: sub.id,
            subscription_details: { items: change.items, proration_behavior: 'always_invoice', proration_date: fake.now() },
        })
        const changed = await stripe.subscriptions.update(sub.id, { ...change, metadata: { plan: 'pro' } })
        assert.deepEqual([changed.pending_update, items(changed).base.price.id, items(changed).usage.price.id], [null, plans.pro.base.id, plans.pro.usage.id])
        const invoice = await stripe.invoices.retrieve(changed.latest_invoice)
        assert.deepEqual([invoice.total, invoice.status, invoice.billing_reason], [preview.total, 'paid', 'subscription_update'])
        const left = items(sub).base.current_period_end - fake.now()
        const whole = items(sub).base.current_period_end - items(sub).base.current_period_start
        assert.deepEqual(invoice.lines.data.map(line => line.amount), [-Math.round((4900 * left) / whole), Math.round((19900 * left) / whole), 0])
        assert.ok(invoice.lines.data.filter(line => line.amount).every(line => line.parent.subscription_item_details.proration))
        assert.equal(items(changed).base.current_period_end, items(sub).base.current_period_end)
    })

    test('with a failing card an upgrade waits, is applied once paid, or expires after 23 hours', async () => {
        const { customer, sub } = await subscriber(fake, stripe, plans.starter)
        fake.control.card(customer.id, 'fail')
        const waiting = await stripe.subscriptions.update(sub.id, upgradeTo(sub, plans.pro))
        assert.deepEqual([waiting.status, items(waiting).base.price.id], ['active', plans.starter.base.id])
        assert.deepEqual(waiting.pending_update.subscription_items.map(item => item.price.id), [plans.pro.base.id, plans.pro.usage.id])
        assert.equal(waiting.pending_update.expires_at, fake.now() + 23 * HOUR)
        assert.equal((await refusal(stripe.invoices.pay(waiting.latest_invoice))).type, 'StripeCardError')
        fake.control.card(customer.id, 'ok')
        await stripe.invoices.pay(waiting.latest_invoice)
        const applied = await stripe.subscriptions.retrieve(sub.id)
        assert.deepEqual([applied.pending_update, items(applied).base.price.id], [null, plans.pro.base.id])
        fake.control.card(customer.id, 'fail')
        const again = await stripe.subscriptions.update(sub.id, { ...upgradeTo(applied, plans.starter), items: [{ id: items(applied).base.id, quantity: 2 }] })
        await fake.advance(23 * HOUR + 1)
        const expired = await stripe.subscriptions.retrieve(sub.id)
        assert.deepEqual([expired.pending_update, items(expired).base.quantity, (await stripe.invoices.retrieve(again.latest_invoice)).status], [null, 1, 'void'])
        const types = fake.events.filter(event => event.data.object.id === sub.id).map(event => event.type)
        for (const type of ['customer.subscription.pending_update_applied', 'customer.subscription.pending_update_expired']) assert.ok(types.includes(type), type)
    })

    test('voiding its invoice discards a waiting upgrade', async () => {
        const { customer, sub } = await subscriber(fake, stripe, plans.starter)
        fake.control.card(customer.id, 'fail')
        const waiting = await stripe.subscriptions.update(sub.id, upgradeTo(sub, plans.pro))
        await stripe.invoices.voidInvoice(waiting.latest_invoice)
        const after = await stripe.subscriptions.retrieve(sub.id)
        assert.deepEqual([after.pending_update, after.status, items(after).base.price.id], [null, 'active', plans.starter.base.id])
    })

    test('a waiting upgrade expires with its period', async () => {
        const { customer, sub } = await subscriber(fake, stripe, plans.starter)
        const end = items(sub).base.current_period_end
        await fake.advance(end - fake.now() - HOUR)
        fake.control.card(customer.id, 'fail')
        const waiting = await stripe.subscriptions.update(sub.id, upgradeTo(sub, plans.pro))
        assert.equal(waiting.pending_update.expires_at, end)
        await fake.advance(HOUR)
        const after = await stripe.subscriptions.retrieve(sub.id)
        assert.deepEqual([after.pending_update, items(after).base.price.id], [null, plans.starter.base.id])
        assert.deepEqual((await stripe.invoices.list({ subscription: sub.id })).data.map(i => [i.billing_reason, i.status]), [['subscription_cycle', 'draft'], ['subscription_update', 'void'], ['subscription_create', 'paid']])
    })

    test('usage on a waiting upgrade\'s invoice is discarded when it expires; once paid, usage in between is billed at the old price', async () => {
        for (const paid of [false, true]) {
            const { customer, sub } = await subscriber(fake, stripe, plans.starter)
            const use = value => stripe.billing.meterEvents.create({ event_name: 'conv', payload: { stripe_customer_id: customer.id, value } })
            const usageOn = invoice => invoice.lines.data.filter(l => [plans.starter, plans.pro].some(p => p.usage.id === l.pricing.price_details.price))
                .map(l => [l.pricing.price_details.price === plans.pro.usage.id ? 'pro' : 'starter', l.quantity])
            await fake.advance(10 * DAY)
            await use('70')
            await fake.advance(HOUR)
            fake.control.card(customer.id, 'fail')
            const waiting = await stripe.subscriptions.update(sub.id, upgradeTo(sub, plans.pro))
            assert.deepEqual(usageOn(await stripe.invoices.retrieve(waiting.latest_invoice)), [['starter', 70]])
            await fake.advance(HOUR)
            await use('4')
            await fake.advance(HOUR)
            fake.control.card(customer.id, 'ok')
            if (paid) await stripe.invoices.pay(waiting.latest_invoice)
            await fake.advance(DAY)
            await use('10')
            await fake.advance(22 * DAY)
            const [renewal] = (await stripe.invoices.list({ subscription: sub.id })).data
            assert.deepEqual([renewal.billing_reason, ...usageOn(renewal)], paid ? ['subscription_cycle', ['starter', 4], ['pro', 10]] : ['subscription_cycle', ['starter', 14]])
        }
    })

    test('a subscription gets at most ten invoices a minute', async () => {
        const { sub } = await subscriber(fake, stripe, plans.starter)
        const change = quantity => stripe.subscriptions.update(sub.id, { items: [{ id: items(sub).base.id, quantity }], proration_behavior: 'always_invoice' })
        for (let quantity = 2; quantity <= 10; quantity++) await change(quantity)
        const error = await refusal(change(11))
        assert.deepEqual([error.type, error.headers['stripe-rate-limited-reason']], ['StripeRateLimitError', 'resource-specific'])
        await fake.advance(60)
        await change(11)
    })

    test('always_invoice alone changes the plan although the card fails, and the subscription is past due', async () => {
        const { customer, sub } = await subscriber(fake, stripe, plans.starter)
        fake.control.card(customer.id, 'fail')
        const { payment_behavior: _, ...change } = upgradeTo(sub, plans.pro)
        const changed = await stripe.subscriptions.update(sub.id, change)
        assert.deepEqual([changed.status, items(changed).base.price.id], ['past_due', plans.pro.base.id])
        const other = await subscriber(fake, stripe, plans.starter)
        fake.control.card(other.customer.id, 'fail')
        const error = await refusal(stripe.subscriptions.update(other.sub.id, { ...upgradeTo(other.sub, plans.pro), payment_behavior: 'error_if_incomplete' }))
        assert.deepEqual([error.statusCode, error.code, error.decline_code], [402, 'card_declined', 'generic_decline'])
        assert.equal(items(await stripe.subscriptions.retrieve(other.sub.id)).base.price.id, plans.starter.base.id)
        assert.equal((await stripe.invoices.list({ subscription: other.sub.id })).data.length, 1, 'no invoice is saved')
        fake.control.card(other.customer.id, '3ds')
        const asks = await refusal(stripe.subscriptions.update(other.sub.id, { ...upgradeTo(other.sub, plans.pro), payment_behavior: 'error_if_incomplete' }))
        assert.deepEqual([asks.statusCode, asks.code], [402, 'subscription_payment_intent_requires_action'])
    })

    test('a price without the id of its item is added, so that two are paid', async () => {
        const { sub } = await subscriber(fake, stripe, plans.starter)
        const changed = await stripe.subscriptions.update(sub.id, { items: [{ price: plans.pro.base.id }] })
        assert.equal(changed.items.data.length, 3)
        assert.match((await refusal(stripe.subscriptions.update(sub.id, { items: [{ price: plans.pro.base.id }] }))).message, /same plan/)
        const mended = await stripe.subscriptions.update(sub.id, { items: [{ id: changed.items.data[2].id, deleted: true }], proration_behavior: 'none' })
        assert.equal(mended.items.data.length, 2)
    })

    test('a change of the price sets the quantity to 1', async () => {
        const { sub } = await subscriber(fake, stripe, plans.starter)
        const id = items(sub).base.id
        await stripe.subscriptions.update(sub.id, { items: [{ id, quantity: 3 }], proration_behavior: 'none' })
        assert.equal(items(await stripe.subscriptions.update(sub.id, { items: [{ id, price: plans.pro.base.id }], proration_behavior: 'none' })).base.quantity, 1)
    })

    test('a subscription can be cancelled at the end of its period, at a given time, or immediately with its usage', async () => {
        const { customer, sub } = await subscriber(fake, stripe, plans.starter)
        const ending = await stripe.subscriptions.update(sub.id, { cancel_at_period_end: true })
        assert.deepEqual([ending.cancel_at_period_end, ending.cancel_at, ending.status], [true, items(sub).base.current_period_end, 'active'])
        const undone = await stripe.subscriptions.update(sub.id, { cancel_at_period_end: false })
        assert.deepEqual([undone.cancel_at_period_end, undone.cancel_at, undone.canceled_at], [false, null, null])
        const later = await stripe.subscriptions.update(sub.id, { cancel_at: fake.now() + 5 * DAY })
        assert.deepEqual([later.cancel_at_period_end, later.cancel_at], [false, fake.now() + 5 * DAY])
        await stripe.subscriptions.update(sub.id, { cancel_at: '' })
        const late = { items: [{ id: items(sub).base.id, quantity: 9 }] }
        assert.equal((await refusal(stripe.subscriptions.update(sub.id, { ...late, cancel_at: 1000 }))).param, 'cancel_at')
        assert.equal((await refusal(stripe.subscriptions.update(sub.id, { ...late, trial_end: 1000 }))).param, 'trial_end')
        assert.equal(items(await stripe.subscriptions.retrieve(sub.id)).base.quantity, 1) // nothing of it was done
        await stripe.billing.meterEvents.create({ event_name: 'conv', payload: { stripe_customer_id: customer.id, value: '11000' } })
        await fake.advance(DAY)
        const ended = await stripe.subscriptions.cancel(sub.id, { invoice_now: true, prorate: false })
        assert.deepEqual([ended.status, ended.ended_at, ended.cancellation_details.reason], ['canceled', fake.now(), 'cancellation_requested'])
        assert.equal((await stripe.invoices.retrieve(ended.latest_invoice)).total, 490)
        assert.equal((await refusal(stripe.subscriptions.update(sub.id, { cancel_at_period_end: true }))).statusCode, 400)
        const silent = await subscriber(fake, stripe, plans.starter)
        await stripe.billing.meterEvents.create({ event_name: 'conv', payload: { stripe_customer_id: silent.customer.id, value: '11000' } })
        const gone = await stripe.subscriptions.cancel(silent.sub.id)
        assert.equal(gone.latest_invoice, silent.sub.latest_invoice) // without invoice_now usage is never billed
    })

    test('a subscription, or its collection, can be paused and resumed', async () => {
        const { sub } = await subscriber(fake, stripe, plans.starter)
        const paused = await stripe.subscriptions.pause(sub.id, { type: 'subscription' })
        assert.deepEqual([paused.status, paused.status_details.paused.subscription.type], ['paused', 'pause_requested'])
        const resumed = await stripe.subscriptions.resume(sub.id, { billing_cycle_anchor: { type: 'now' } })
        assert.deepEqual([resumed.status, items(resumed).base.current_period_start], ['active', fake.now()])
        const held = await stripe.subscriptions.update(sub.id, { pause_collection: { behavior: 'void' } })
        assert.deepEqual([held.status, held.pause_collection.behavior], ['active', 'void'])
        assert.equal((await stripe.subscriptions.update(sub.id, { pause_collection: '' })).pause_collection, null)
        const now = await stripe.subscriptions.update(sub.id, { billing_cycle_anchor: { type: 'now' } })
        assert.equal(now.billing_cycle_anchor, fake.now())
        assert.equal((await refusal(stripe.subscriptions.update(sub.id, { billing_cycle_anchor: 'now' }))).type, 'StripeInvalidRequestError')
        fake.violations.pop()
    })

    test('a subscription made directly is incomplete until its first invoice is paid, or expires after 23 hours', async () => {
        const customer = await stripe.customers.create({ email: 'd@example.com' })
        const params = { customer: customer.id, items: [{ price: plans.starter.base.id }] }
        assert.equal((await refusal(stripe.subscriptions.create(params))).code, 'resource_missing')
        const open = await stripe.subscriptions.create({ ...params, payment_behavior: 'default_incomplete', expand: ['latest_invoice'] })
        assert.deepEqual([open.status, open.latest_invoice.status, open.billing_mode.type], ['incomplete', 'open', 'flexible'])
        fake.control.card(customer.id, 'ok')
        await stripe.invoices.pay(open.latest_invoice.id)
        assert.equal((await stripe.subscriptions.retrieve(open.id)).status, 'active')
        fake.control.card(customer.id, 'fail')
        const failing = await stripe.subscriptions.create(params)
        assert.equal(failing.status, 'incomplete')
        await fake.advance(23 * HOUR + 1)
        assert.equal((await stripe.subscriptions.retrieve(failing.id)).status, 'incomplete_expired')
        const all = await stripe.subscriptions.list({ customer: customer.id, status: 'all' })
        assert.deepEqual(all.data.map(sub => sub.status), ['incomplete_expired', 'active'])
        assert.equal((await stripe.subscriptions.list({ customer: customer.id, status: 'ended' })).data.length, 1)
    })

    test('a schedule changes the plan at the end of the period without proration', async () => {
        const { customer, sub } = await subscriber(fake, stripe, plans.pro)
        await stripe.billing.meterEvents.create({ event_name: 'conv', payload: { stripe_customer_id: customer.id, value: '50500' } })
        const schedule = await stripe.subscriptionSchedules.create({ from_subscription: sub.id })
        const current = schedule.phases[0]
        const planned = await stripe.subscriptionSchedules.update(schedule.id, {
            end_behavior: 'release',
            proration_behavior: 'none',
            phases: [
                { start_date: current.start_date, end_date: current.end_date, items: [{ price: plans.pro.base.id, quantity: 1 }, { price: plans.pro.usage.id }] },
                { proration_behavior: 'create_prorations', duration: { interval: 'month' }, items: [{ price: plans.starter.base.id, quantity: 1 }, { price: plans.starter.usage.id }] },
            ],
        })
        assert.deepEqual([planned.status, planned.phases.length, planned.phases[1].start_date], ['active', 2, items(sub).base.current_period_end])
        assert.match((await refusal(stripe.subscriptions.update(sub.id, { cancel_at_period_end: true }))).message, /managed by the subscription schedule/)
        await fake.advance({ to: current.end_date + 2 * HOUR })
        const changed = await stripe.subscriptions.retrieve(sub.id, { expand: ['latest_invoice'] })
        assert.deepEqual([items(changed).base.price.id, items(changed).base.id], [plans.starter.base.id, items(sub).base.id])
        // the ended period by its own price (500 over at 0.398), the new one by the new
        assert.deepEqual(changed.latest_invoice.lines.data.map(line => line.amount).sort((a, b) => a - b), [0, 199, 4900])
        await fake.advance(32 * DAY)
        assert.equal((await stripe.subscriptionSchedules.retrieve(schedule.id)).status, 'released')
        assert.equal((await stripe.subscriptions.retrieve(sub.id)).schedule, null)
    })

    test('a schedule can be released or cancelled', async () => {
        const { sub } = await subscriber(fake, stripe, plans.starter)
        const schedule = await stripe.subscriptionSchedules.create({ from_subscription: sub.id })
        assert.equal((await refusal(stripe.subscriptionSchedules.create({ from_subscription: sub.id }))).param, 'from_subscription')
        const released = await stripe.subscriptionSchedules.release(schedule.id)
        assert.deepEqual([released.status, released.released_subscription], ['released', sub.id])
        const other = await stripe.subscriptionSchedules.create({ from_subscription: sub.id })
        assert.equal((await stripe.subscriptionSchedules.cancel(other.id)).status, 'canceled')
        assert.equal((await stripe.subscriptions.retrieve(sub.id)).status, 'canceled')
    })
})

describe('invoices', () => {
    test('an invoice has a page, a PDF and its actions', async () => {
        const { customer, sub } = await subscriber(fake, stripe, plans.starter)
        const invoice = await stripe.invoices.retrieve(sub.latest_invoice, { expand: ['payments.data.payment.payment_intent'] })
        const intent = invoice.payments.data[0].payment.payment_intent
        assert.deepEqual([intent.status, intent.amount], ['succeeded', 4900])
        assert.match(await (await fetch(invoice.hosted_invoice_url)).text(), /paid/)
        const pdf = await fetch(invoice.invoice_pdf)
        assert.deepEqual([pdf.headers.get('content-type'), (await pdf.text()).slice(0, 5)], ['application/pdf', '%PDF-'])
        assert.equal((await refusal(stripe.invoices.pay(invoice.id))).code, 'invoice_already_paid')
        assert.equal((await refusal(stripe.invoices.voidInvoice(invoice.id))).statusCode, 400)
        fake.control.card(customer.id, 'fail')
        const { payment_behavior: _, ...change } = upgradeTo(sub, plans.pro)
        const due = await stripe.subscriptions.update(sub.id, change)
        const open = await stripe.invoices.retrieve(due.latest_invoice)
        assert.deepEqual([open.status, open.attempt_count, open.next_payment_attempt], ['open', 1, fake.now() + 3 * DAY])
        assert.equal((await stripe.invoices.markUncollectible(open.id)).status, 'uncollectible')
        assert.equal((await stripe.invoices.pay(open.id, { paid_out_of_band: true })).status, 'paid')
        assert.equal((await stripe.subscriptions.retrieve(sub.id)).status, 'active')
    })

    test('the next invoice can be previewed where there is one', async () => {
        const { customer, sub } = await subscriber(fake, stripe, plans.starter)
        await stripe.billing.meterEvents.create({ event_name: 'conv', payload: { stripe_customer_id: customer.id, value: '10003' } })
        const next = await stripe.invoices.createPreview({ subscription: sub.id })
        assert.deepEqual([next.total, next.billing_reason, next.lines.data.length], [4901, 'upcoming', 3])
        await stripe.subscriptions.cancel(sub.id)
        assert.equal((await refusal(stripe.invoices.createPreview({ subscription: sub.id }))).code, 'invoice_upcoming_none')
        const fresh = await stripe.invoices.createPreview({ customer: customer.id, subscription_details: { items: [{ price: plans.pro.base.id }, { price: plans.pro.usage.id }] } })
        assert.equal(fresh.total, 19900)
    })

    test('payments can be refunded and disputed', async () => {
        const { sub } = await subscriber(fake, stripe, plans.starter)
        const [payment] = (await stripe.invoicePayments.list({ invoice: sub.latest_invoice })).data
        const intent = await stripe.paymentIntents.retrieve(payment.payment.payment_intent)
        await stripe.refunds.create({ charge: intent.latest_charge, amount: 900 })
        const charge = await stripe.charges.retrieve(intent.latest_charge)
        assert.deepEqual([charge.amount_refunded, charge.refunded, charge.customer], [900, false, sub.customer])
        const dispute = fake.control.dispute(charge.id)
        assert.equal((await stripe.disputes.retrieve(dispute.id)).charge, charge.id)
        fake.control.closeDispute(dispute.id, true)
        const types = (await stripe.events.list({ types: ['charge.refunded', 'charge.dispute.created', 'charge.dispute.closed'] })).data
        assert.deepEqual(types.map(event => event.type), ['charge.dispute.closed', 'charge.dispute.created', 'charge.refunded'])
        assert.deepEqual(types[2].data.previous_attributes, { amount_refunded: 0 })
    })
})

describe('the portal', () => {
    let configuration

    before(async () => {
        configuration = await stripe.billingPortal.configurations.create({
            features: {
                invoice_history: { enabled: true },
                payment_method_update: { enabled: true },
                subscription_cancel: { enabled: true, mode: 'at_period_end' },
                customer_update: { enabled: true, allowed_updates: ['email', 'address'] },
            },
        })
    })

    test('portal configurations can be created and changed', async () => {
        const changed = await stripe.billingPortal.configurations.update(configuration.id, { features: { subscription_cancel: { enabled: true, mode: 'immediately' } } })
        assert.deepEqual([changed.features.subscription_cancel.mode, changed.features.invoice_history.enabled, changed.is_default], ['immediately', true, false])
        await stripe.billingPortal.configurations.update(configuration.id, { features: { subscription_cancel: { enabled: true, mode: 'at_period_end' } } })
        assert.deepEqual((await stripe.billingPortal.configurations.list({ active: true })).data.map(one => one.id), [configuration.id])
    })

    test('a portal session\'s page changes the card, cancels and renews', async () => {
        const { customer, sub } = await subscriber(fake, stripe, plans.starter)
        const params = { customer: customer.id, return_url: 'https://e.com/b' }
        assert.match((await refusal(stripe.billingPortal.sessions.create(params))).message, /until you save your customer portal settings/)
        const session = await stripe.billingPortal.sessions.create({ ...params, configuration: configuration.id })
        const html = await (await fetch(session.url)).text()
        for (const text of ['Update card', 'Cancel subscription', 'href="https://e.com/b">Return', 'Invoices']) assert.ok(html.includes(text), text)
        const press = (url, action) => fetch(url, { method: 'POST', body: new URLSearchParams({ action }), redirect: 'manual' })
        await press(session.url, `cancel:${sub.id}`)
        assert.equal((await stripe.subscriptions.retrieve(sub.id)).cancel_at_period_end, true)
        await press(session.url, `renew:${sub.id}`)
        assert.equal((await stripe.subscriptions.retrieve(sub.id)).cancel_at, null)
        await press(session.url, 'card:fail')
        const method = (await stripe.customers.retrieve(customer.id, { expand: ['invoice_settings.default_payment_method'] })).invoice_settings.default_payment_method
        assert.equal(method.card.last4, '0341')
        const flow = await stripe.billingPortal.sessions.create({
            ...params,
            configuration: configuration.id,
            flow_data: { type: 'subscription_cancel', subscription_cancel: { subscription: sub.id }, after_completion: { type: 'redirect', redirect: { return_url: 'https://e.com/done' } } },
        })
        assert.equal((await press(flow.url, `cancel:${sub.id}`)).headers.get('location'), 'https://e.com/done')
        await fake.advance(2 * HOUR)
        assert.equal((await fetch(session.url)).status, 410)
    })

    test("a portal session is refused for another customer's subscription", async () => {
        const { sub } = await subscriber(fake, stripe, plans.starter)
        const stranger = await stripe.customers.create({})
        const flow_data = { type: 'subscription_cancel', subscription_cancel: { subscription: sub.id } }
        assert.equal((await refusal(stripe.billingPortal.sessions.create({ customer: stranger.id, configuration: configuration.id, flow_data }))).code, 'resource_missing')
    })
})

describe('meters', () => {
    test('meter events count once for an identifier within 24 hours', async () => {
        const customer = await stripe.customers.create({})
        const send = (identifier, value = '1', more = {}) => stripe.billing.meterEvents.create({ event_name: 'conv', identifier, payload: { stripe_customer_id: customer.id, value }, ...more })
        const start = fake.now() - (fake.now() % 60)
        const sum = async () => (await stripe.billing.meters.listEventSummaries(plans.meter.id, { customer: customer.id, start_time: start, end_time: start + 3 * DAY })).data[0].aggregated_value
        const event = await send('m-1', '5')
        assert.deepEqual([event.identifier, event.payload.value], ['m-1', '5'])
        const again = await refusal(send('m-1', '5'))
        assert.deepEqual([again.statusCode, again.message, again.headers['stripe-should-retry']], [400, 'An event already exists with identifier m-1.', 'false'])
        assert.equal(await sum(), 5)
        await fake.advance(DAY + 1)
        await send('m-1', '5')
        assert.equal(await sum(), 10)
        await send('m-2', '7')
        await stripe.billing.meterEventAdjustments.create({ event_name: 'conv', type: 'cancel', cancel: { identifier: 'm-2' } })
        assert.equal(await sum(), 10)
        const error = await refusal(stripe.billing.meters.listEventSummaries(plans.meter.id, { customer: customer.id, start_time: start + 1, end_time: start + DAY }))
        assert.equal(error.param, 'start_time')
        const hourly = await stripe.billing.meters.listEventSummaries(plans.meter.id, { customer: customer.id, start_time: start - (start % HOUR), end_time: start - (start % HOUR) + 2 * DAY, value_grouping_window: 'hour' })
        assert.deepEqual(hourly.data.map(one => one.aggregated_value), [5, 5])
    })

    test('an event name has one meter, which can be switched off and on', async () => {
        assert.equal((await refusal(stripe.billing.meters.create({ display_name: 'x', event_name: 'conv', default_aggregation: { formula: 'sum' } }))).param, 'event_name')
        const other = await stripe.billing.meters.create({ display_name: 'x', event_name: 'other', default_aggregation: { formula: 'count' } })
        assert.equal((await stripe.billing.meters.deactivate(other.id)).status, 'inactive')
        assert.equal((await stripe.billing.meters.reactivate(other.id)).status, 'active')
        assert.equal((await stripe.billing.meters.update(other.id, { display_name: 'y' })).display_name, 'y')
        assert.equal((await stripe.billing.meters.list({ status: 'active' })).data.length, 2)
    })
})

describe('keys, versions, words', () => {
    test('unknown keys are refused, restricted keys have their rights, test and live are separate', async () => {
        assert.deepEqual([(await refusal(client(fake, 'pk_test_x').customers.list())).type], ['StripeAuthenticationError'])
        fake.control.key('rk_test_narrow', { rights: ['customer_read', 'product_write'] })
        const narrow = client(fake, 'rk_test_narrow')
        await narrow.customers.list()
        await narrow.products.retrieve('starter')
        const denied = await refusal(narrow.customers.create({}))
        assert.deepEqual([denied.type, denied.statusCode], ['StripePermissionError', 403])
        assert.match(denied.message, /rak_customer_write/)
        const live = client(fake, 'sk_live_walk')
        const customer = await live.customers.create({})
        assert.equal(customer.livemode, true)
        assert.match((await refusal(stripe.customers.retrieve(customer.id))).message, /similar object exists in live mode/)
    })

    test('only the pinned version is accepted', async () => {
        const ask = headers => fetch(`${fake.url}/v1/account`, { headers: { Authorization: 'Bearer sk_test_x', ...headers } })
        assert.equal((await ask({})).status, 400)
        assert.equal((await ask({ 'Stripe-Version': '2024-06-20' })).status, 400)
        assert.equal((await ask({ 'Stripe-Version': fake.w.version })).status, 200)
        assert.equal((await stripe.accounts.retrieveCurrent()).id, 'acct_fake')
        assert.equal((await ask({ 'Stripe-Version': fake.w.version, Authorization: '' })).status, 401)
    })

    test("unknown event types are refused and kept", async () => {
        const customer = await stripe.customers.create({})
        const post = async (path, body) => {
            const headers = { Authorization: 'Bearer sk_test_x', 'Stripe-Version': fake.w.version, 'Content-Type': 'application/x-www-form-urlencoded' }
            return (await (await fetch(fake.url + path, { method: 'POST', headers, body })).json()).error
        }
        const bad = [
            ['/v1/customers', 'emial=x', 'parameter_unknown', 'emial'],
            ['/v1/checkout/sessions', `customer=${customer.id}&mode=subscription&payment_method_types[0]=card`, 'parameter_unknown', 'payment_method_types'],
            ['/v1/checkout/sessions', `customer=${customer.id}&mode=subscription&ui_mode=hosted`, undefined, 'ui_mode'],
            ['/v1/checkout/sessions', `line_items[0][price]=x&line_items[0][quantity]=many`, 'parameter_invalid_integer', 'line_items[0][quantity]'],
            ['/v1/billing/meter_events', 'payload[value]=1', 'parameter_missing', 'event_name'],
            ['/v1/subscriptions/sub_x', 'items[0][id]=si_1&items[0][prise]=x', 'parameter_unknown', 'items[0][prise]'],
        ]
        for (const [path, body, code, param] of bad) {
            const error = await post(path, body)
            assert.deepEqual([error.type, error.param], ['invalid_request_error', param], `${path} ${body}: ${JSON.stringify(error)}`)
            if (code && code !== 'parameter_invalid_integer') assert.equal(error.code, code)
        }
        assert.equal(fake.violations.length, bad.length)
        fake.violations.length = 0
        assert.equal((await post('/v1/nothing', '')).message.slice(0, 24), 'Unrecognized request URL')
    })

    test('expand: unknown fields and more than four levels are refused', async () => {
        const { sub } = await subscriber(fake, stripe, plans.starter)
        const full = await stripe.subscriptions.retrieve(sub.id, { expand: ['customer', 'latest_invoice.payments', 'items.data.price.product'] })
        assert.deepEqual([full.customer.object, full.latest_invoice.payments.object, full.items.data[0].price.product.object], ['customer', 'list', 'product'])
        assert.equal((await refusal(stripe.subscriptions.retrieve(sub.id, { expand: ['nothing'] }))).param, 'expand')
        assert.match((await refusal(stripe.subscriptions.retrieve(sub.id, { expand: ['a.b.c.d.e'] }))).message, /4 levels/)
    })
})

test('form bodies are parsed as the official client sends them', async () => {
    const last = () => fake.requests.at(-1)
    const sent = []
    const body = async promise => {
        await promise.catch(() => {})
        sent.push(`${last().method} ${last().path}${last().query ? `?${last().query}` : ''} ${last().body}`.trim())
    }
    await body(
        stripe.checkout.sessions.create({
            mode: 'subscription',
            line_items: [{ price: 'price_a', quantity: 1 }, { price: 'price_m' }],
            customer: 'cus_1',
            client_reference_id: 'tenant_7',
            subscription_data: { metadata: { tenant: '7' }, trial_period_days: 14 },
            success_url: 'https://e.com/s?session_id={CHECKOUT_SESSION_ID}',
            cancel_url: 'https://e.com/c',
            allow_promotion_codes: true,
        }),
    )
    await body(stripe.billing.meterEvents.create({ event_name: 'conv', identifier: 'c-1', timestamp: 1700000000, payload: { stripe_customer_id: 'cus_1', value: '1' } }))
    await body(
        stripe.subscriptions.update('sub_1', {
            items: [{ id: 'si_1', price: 'price_b' }],
            proration_behavior: 'always_invoice',
            payment_behavior: 'pending_if_incomplete',
            metadata: { a: null },
        }),
    )
    await body(
        stripe.billingPortal.sessions.create({
            customer: 'cus_1',
            return_url: 'https://e.com/b',
            flow_data: { type: 'subscription_cancel', subscription_cancel: { subscription: 'sub_1' } },
        }),
    )
    await body(
        stripe.invoices.createPreview({
            customer: 'cus_1',
            subscription: 'sub_1',
            subscription_details: { items: [{ id: 'si_1', price: 'price_b' }], proration_date: 1700000000 },
        }),
    )
    await body(stripe.prices.list({ lookup_keys: ['starter_v1', 'pro_v1'], active: true, expand: ['data.product'] }))
    await body(stripe.subscriptions.list({ customer: 'cus_1', status: 'all', limit: 100, starting_after: 'sub_0' }))
    await body(stripe.events.list({ types: ['invoice.paid', 'customer.subscription.updated'], created: { gte: 1700000000 }, limit: 100 }))
    await body(stripe.subscriptions.cancel('sub_1', { invoice_now: true, prorate: true }))
    const golden = [
        'POST /v1/checkout/sessions mode=subscription&line_items[0][price]=price_a&line_items[0][quantity]=1&line_items[1][price]=price_m&customer=cus_1&client_reference_id=tenant_7&subscription_data[metadata][tenant]=7&subscription_data[trial_period_days]=14&success_url=https%3A%2F%2Fe.com%2Fs%3Fsession_id%3D%7BCHECKOUT_SESSION_ID%7D&cancel_url=https%3A%2F%2Fe.com%2Fc&allow_promotion_codes=true',
        'POST /v1/billing/meter_events event_name=conv&identifier=c-1&timestamp=1700000000&payload[stripe_customer_id]=cus_1&payload[value]=1',
        'POST /v1/subscriptions/sub_1 items[0][id]=si_1&items[0][price]=price_b&proration_behavior=always_invoice&payment_behavior=pending_if_incomplete&metadata[a]=',
        'POST /v1/billing_portal/sessions customer=cus_1&return_url=https%3A%2F%2Fe.com%2Fb&flow_data[type]=subscription_cancel&flow_data[subscription_cancel][subscription]=sub_1',
        'POST /v1/invoices/create_preview customer=cus_1&subscription=sub_1&subscription_details[items][0][id]=si_1&subscription_details[items][0][price]=price_b&subscription_details[proration_date]=1700000000',
        'GET /v1/prices?lookup_keys[0]=starter_v1&lookup_keys[1]=pro_v1&active=true&expand[0]=data.product',
        'GET /v1/subscriptions?customer=cus_1&status=all&limit=100&starting_after=sub_0',
        'GET /v1/events?types[0]=invoice.paid&types[1]=customer.subscription.updated&created[gte]=1700000000&limit=100',
        'DELETE /v1/subscriptions/sub_1?invoice_now=true&prorate=true',
    ]
    assert.deepEqual(sent, golden)
    assert.ok(Stripe.API_VERSION === undefined || Stripe.API_VERSION === fake.w.version)
})
