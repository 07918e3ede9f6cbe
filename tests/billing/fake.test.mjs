// The fake Stripe, proved with Stripe's own client.
import assert from 'node:assert/strict'
import http from 'node:http'
import { after, before, describe, test } from 'node:test'
import Stripe from 'stripe'
import { startFake } from './fake/index.mjs'

const DAY = 86400
const at = text => Date.parse(text) / 1000
const day = seconds => new Date(seconds * 1000).toISOString().slice(0, 10)

/** The official client on a fake */
export const client = (fake, key = 'sk_test_walk', more = {}) =>
    new Stripe(key, { host: '127.0.0.1', port: fake.port, protocol: 'http', maxNetworkRetries: 0, telemetry: false, ...more })

/** Starter and Pro as Parley sells them: a fee, and a graduated price of the same product for usage */
async function catalog(stripe) {
    const meter = await stripe.billing.meters.create({ display_name: 'Conversations', event_name: 'conv', default_aggregation: { formula: 'sum' } })
    const plan = async (id, name, fee, included, over) => {
        const product = await stripe.products.create({ id, name, metadata: { plan: id } })
        const month = { interval: 'month' }
        const base = await stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: fee, recurring: month, lookup_key: `${id}_v1`, metadata: { plan: id } })
        const usage = await stripe.prices.create({
            product: product.id,
            currency: 'usd',
            billing_scheme: 'tiered',
            tiers_mode: 'graduated',
            tiers: [
                { up_to: included, unit_amount: 0 },
                { up_to: 'inf', unit_amount_decimal: Stripe.Decimal.from(over) },
            ],
            recurring: { ...month, usage_type: 'metered', meter: meter.id },
            lookup_key: `${id}_usage_v1`,
        })
        return { product, base, usage }
    }
    return { meter, starter: await plan('starter', 'Starter', 4900, 10000, '0.49'), pro: await plan('pro', 'Pro', 19900, 50000, '0.398') }
}

/** A customer who has paid for a plan through checkout */
async function subscriber(fake, stripe, plan, more = {}) {
    const customer = await stripe.customers.create({ email: 'owner@example.com', metadata: { tenant_id: '7' } })
    const session = await stripe.checkout.sessions.create({
        mode: 'subscription',
        customer: customer.id,
        client_reference_id: 'tenant_7',
        line_items: [{ price: plan.base.id, quantity: 1 }, { price: plan.usage.id }],
        success_url: 'https://e.com/s?session_id={CHECKOUT_SESSION_ID}',
        cancel_url: 'https://e.com/c',
        ...more,
    })
    assert.equal(fake.control.pay(session.id), 'complete')
    const done = await stripe.checkout.sessions.retrieve(session.id)
    return { customer, session: done, sub: await stripe.subscriptions.retrieve(done.subscription) }
}

describe('a walk with the official client', () => {
    let fake, stripe, plans

    before(async () => {
        fake = await startFake({ now: at('2027-01-31T10:00:00Z'), seed: 3 })
        stripe = client(fake)
        plans = await catalog(stripe)
    })

    after(async () => {
        assert.deepEqual(fake.violations, [])
        assert.deepEqual(fake.shapeErrors, [])
        assert.deepEqual(fake.broken, [])
        await fake.stop()
    })

    test('a subscription exists only after payment, and its periods keep to the 31st', async () => {
        const { customer, session, sub } = await subscriber(fake, stripe, plans.starter)
        assert.equal(session.payment_status, 'paid')
        assert.equal(sub.status, 'active')
        assert.equal(sub.current_period_end, undefined)
        await stripe.billing.meterEvents.create({ event_name: 'conv', identifier: 'c-1', payload: { stripe_customer_id: customer.id, value: '10101' } })
        const ends = []
        for (let month = 0; month < 12; month++) {
            const { items } = await stripe.subscriptions.retrieve(sub.id)
            ends.push(day(items.data[0].current_period_end))
            await fake.advance({ to: items.data[0].current_period_end + 2 * 3600 })
        }
        assert.deepEqual(ends.slice(0, 4), ['2027-02-28', '2027-03-31', '2027-04-30', '2027-05-31'])
        const [first, second] = (await stripe.invoices.list({ customer: customer.id, limit: 100 })).data.reverse()
        assert.equal(first.billing_reason, 'subscription_create')
        assert.equal(second.total, 4900 + 49) // 101 over at 0.49: 49.49 is 49
        assert.equal(second.parent.subscription_details.subscription, sub.id)
    })
})
