// Helpers of the fake's own tests: the official client on it, a catalog, a customer who has paid.
import assert from 'node:assert/strict'
import http from 'node:http'
import Stripe from 'stripe'
import { startFake } from './index.mjs'

export const DAY = 86400
export const HOUR = 3600
export const at = text => Date.parse(text) / 1000
export const day = seconds => new Date(seconds * 1000).toISOString().slice(0, 10)

/** The official client on a fake */
export const client = (fake, key = 'sk_test_walk', more = {}) =>
    new Stripe(key, { host: '127.0.0.1', port: fake.port, protocol: 'http', maxNetworkRetries: 0, telemetry: false, ...more })

/** A fake with a client on it; stop() asserts that every request was valid */
export async function startWalk(options = {}) {
    const fake = await startFake({ now: at('2027-01-31T10:00:00Z'), seed: 3, ...options })
    const stop = async () => {
        await fake.stop()
        for (const event of fake.events) assert.deepEqual(fake.w.answers.check(event), [], event.type)
        assert.deepEqual([fake.violations, fake.shapeErrors, fake.broken.map(one => one.stack)], [[], [], []])
    }
    return { fake, stripe: client(fake), stop }
}

/** Starter and Pro as Parley sells them: a fee, and a graduated price of the same product for usage */
export async function catalog(stripe) {
    const meter = await stripe.billing.meters.create({ display_name: 'Conversations', event_name: 'conv', default_aggregation: { formula: 'sum' } })
    const plan = async (id, name, fee, included, over, currency = 'usd') => {
        const product = await stripe.products.create({ id, name, metadata: { plan: id } })
        const month = { interval: 'month' }
        const base = await stripe.prices.create({ product: product.id, currency, unit_amount: fee, recurring: month, lookup_key: `${id}_v1`, metadata: { plan: id } })
        const usage = await stripe.prices.create({
            product: product.id,
            currency,
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
    return {
        meter,
        plan,
        starter: await plan('starter', 'Starter', 4900, 10000, '0.49'),
        pro: await plan('pro', 'Pro', 19900, 50000, '0.398'),
    }
}

export const sessionFor = (stripe, customer, plan, more = {}) =>
    stripe.checkout.sessions.create({
        mode: 'subscription',
        customer: customer.id,
        client_reference_id: 'tenant_7',
        line_items: [{ price: plan.base.id, quantity: 1 }, { price: plan.usage.id }],
        success_url: 'https://e.com/s?session_id={CHECKOUT_SESSION_ID}',
        cancel_url: 'https://e.com/c',
        ...more,
    })

/** A customer who has paid for a plan through checkout */
export async function subscriber(fake, stripe, plan, more = {}, pay = {}) {
    const customer = await stripe.customers.create({ email: 'owner@example.com', metadata: { tenant_id: '7' } })
    const { id } = await sessionFor(stripe, customer, plan, more)
    assert.equal(fake.control.pay(id, pay), 'complete')
    const session = await stripe.checkout.sessions.retrieve(id)
    return { customer, session, sub: await stripe.subscriptions.retrieve(session.subscription) }
}

export const items = sub => ({
    base: sub.items.data.find(item => item.price.recurring.usage_type === 'licensed'),
    usage: sub.items.data.find(item => item.price.recurring.usage_type === 'metered'),
})

/** An upgrade as Parley asks for it */
export const upgradeTo = (sub, plan) => ({
    items: [
        { id: items(sub).base.id, price: plan.base.id },
        { id: items(sub).usage.id, price: plan.usage.id },
    ],
    proration_behavior: 'always_invoice',
    payment_behavior: 'pending_if_incomplete',
})

/** A place that takes webhooks: {url, got: [{body, signature}], answer, stop} */
export async function listener() {
    const got = []
    const place = { got, answer: () => 200 }
    const server = http.createServer(async (req, res) => {
        const chunks = []
        for await (const chunk of req) chunks.push(chunk)
        const one = { body: Buffer.concat(chunks).toString(), signature: req.headers['stripe-signature'] }
        got.push(one)
        res.writeHead(place.answer(one, got.length)).end()
    })
    await new Promise(ok => server.listen(0, '127.0.0.1', ok))
    place.url = `http://127.0.0.1:${server.address().port}/hook`
    place.stop = () => new Promise(ok => server.close(ok))
    return place
}

/** The error a promise is refused with */
export async function refusal(promise) {
    try {
        await promise
    } catch (error) {
        return error
    }
    throw new assert.AssertionError({ message: 'it was not refused' })
}
