// The Stripe client against the fake Stripe: whatever fails on the way, a call takes effect once.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { startInstall } from '../lib/install.mjs'
import { Cli } from './cli.mjs'
import { pinnedVersion, startFake } from './fake/index.mjs'
import { KINDS } from './fake/faults.mjs'

const KEY = 'rk_test_parley'
const HOUR = 3600
const SEED = Number(process.env.SEED ?? 20261123)

let install, cli, fake

before(async () => {
    fake = await startFake({ now: Date.UTC(2027, 0, 31, 10) / 1000, seed: SEED })
    install = await startInstall({ programs: false, config: { stripe_secret_key: KEY, stripe_api_base: fake.url } })
    cli = new Cli(install.env)
})
after(async () => {
    await cli?.end()
    if (fake) {
        assert.deepEqual(fake.broken, [])
        assert.deepEqual(fake.shapeErrors, [])
        await fake.stop()
    }
    await install?.stop()
})
beforeEach(async () => {
    fake.faults.clear()
    await tick()
})

/** Both clocks together, by so many seconds */
async function tick(seconds = 0) {
    await fake.advance(seconds)
    await cli.call({ op: 'clock', ms: fake.now() * 1000 })
}

let serial = 0
const customer = (key, more = {}) => cli.call({ op: 'post', path: '/v1/customers', key, form: [['email', `${key}@example.com`], ['metadata[tenant]', key]], ...more })
const made = key => fake.all('customer').filter(c => c.metadata.tenant === key)
const rows = where => install.sql(`SELECT idem_key, state, object_id, error_code FROM stripe_call WHERE ${where}`)

test('the client takes a customer through checkout, change and cancellation', async () => {
    const post = async (path, form) => {
        const got = await cli.call({ op: 'post', path, form, key: `walk:${++serial}` })
        assert.equal(got.ok, true, `${path}: ${got.message}`)
        return got.body
    }
    const product = await post('/v1/products', [['name', 'Starter'], ['metadata[plan]', 'starter']])
    const meter = await post('/v1/billing/meters', [['display_name', 'Conversations'], ['event_name', 'conv'], ['default_aggregation[formula]', 'sum']])
    const price = await post('/v1/prices', [['product', product.id], ['currency', 'usd'], ['unit_amount', 4900], ['recurring[interval]', 'month'], ['lookup_key', 'starter_v1']])
    const usage = await post('/v1/prices', [['product', product.id], ['currency', 'usd'], ['billing_scheme', 'tiered'], ['tiers_mode', 'graduated'],
        ['tiers[0][up_to]', 10000], ['tiers[0][unit_amount]', 0], ['tiers[1][up_to]', 'inf'], ['tiers[1][unit_amount_decimal]', '0.49'],
        ['recurring[interval]', 'month'], ['recurring[usage_type]', 'metered'], ['recurring[meter]', meter.id]])
    const cus = await post('/v1/customers', [['email', 'o@example.com'], ['name', "Zoë & Söhne (1*2)! 'x'"]])
    assert.equal(cus.name, "Zoë & Söhne (1*2)! 'x'")
    const session = await post('/v1/checkout/sessions', [['mode', 'subscription'], ['customer', cus.id], ['line_items[0][price]', price.id], ['line_items[0][quantity]', 1],
        ['line_items[1][price]', usage.id], ['subscription_data[metadata][tenant]', '7'], ['allow_promotion_codes', true],
        ['success_url', 'https://e.com/s?session_id={CHECKOUT_SESSION_ID}'], ['cancel_url', 'https://e.com/c']])
    assert.match(session.url, /^http/)
    assert.doesNotMatch(cli.log, new RegExp(session.url.slice(session.url.lastIndexOf('/'))))
    assert.equal(fake.control.pay(session.id), 'complete')
    const paid = await cli.call({ op: 'get', path: `/v1/checkout/sessions/${session.id}`, form: [['expand[0]', 'subscription'], ['expand[1]', 'customer']] })
    assert.equal(paid.customer, cus.id) // an object this time
    const sub = paid.body.subscription
    assert.deepEqual([sub.status, sub.metadata.tenant], ['active', '7'])
    const later = await post(`/v1/subscriptions/${sub.id}`, [['cancel_at_period_end', true], ['metadata[tenant]', '']])
    assert.deepEqual([later.cancel_at_period_end || Boolean(later.cancel_at), later.metadata], [true, {}])
    await post('/v1/billing/meter_events', [['event_name', 'conv'], ['identifier', 'c:1'], ['payload[stripe_customer_id]', cus.id], ['payload[value]', '3']])
    const gone = await cli.call({ op: 'delete', path: `/v1/subscriptions/${sub.id}`, form: [['invoice_now', true], ['prorate', true]] })
    assert.equal(gone.body.status, 'canceled')
    const deleted = await cli.call({ op: 'delete', path: `/v1/customers/${cus.id}`, form: [] })
    assert.equal(deleted.deleted, true)
    assert.equal((await cli.call({ op: 'get', path: `/v1/customers/${cus.id}` })).deleted, true)
    assert.equal((await cli.call({ op: 'get', path: '/v1/subscriptions/sub_none' })).code, 'stripe_resource_missing')
    assert.deepEqual(fake.violations, [])
})

for (const kind of KINDS) {
    test(`${kind}, once and permanently: the call takes effect once`, async () => {
        for (const times of [1, 2, 7]) {
            const key = `${kind}:${times}`
            fake.faults.add({ kind, method: 'POST', path: '/v1/customers', times, ms: kind === 'slow' ? 900 : undefined })
            const first = await customer(key, { deadline: kind === 'slow' ? 1500 : 20000 })
            const [row] = await rows(`idem_key = '${key}'`)
            assert.equal(row.state === 'done', first.ok, `${key}: ${row.state} ${first.code}`)
            if (row.state === 'failed') assert.equal(made(key).length, 0, `${key}: failed means that nothing was done`)
            fake.faults.clear()
            if (kind === 'error500After' && !first.ok) { // Stripe repeats this for a day: then we ask for the object
                assert.equal((await customer(key)).code, 'stripe_error')
                await tick(24 * HOUR)
                const sent = fake.requests.length
                assert.equal((await customer(key)).code, 'stripe_unknown')
                assert.equal(fake.requests.length, sent)
                assert.equal((await cli.call({ op: 'settle', key, object: made(key)[0].id })).ok, true)
            }
            const again = await customer(key)
            assert.equal(again.ok, true, `${key}: ${again.message}`)
            assert.equal(made(key).length, 1, key)
            assert.equal(again.object_id, made(key)[0].id)
            assert.deepEqual((await rows(`idem_key = '${key}'`)).map(r => [r.state, r.object_id]), [['done', made(key)[0].id]])
        }
    })
}

test(`with random faults each of 150 calls takes effect once (SEED=${SEED})`, async () => {
    const rates = Object.fromEntries(KINDS.filter(k => k !== 'huge' && k !== 'slow').map(k => [k, 0.04]))
    fake.faults.byChance({ rates, method: 'POST', seed: SEED })
    const keys = Array.from({ length: 150 }, (_, i) => `chance:${i}`)
    const open = new Set(keys)
    for (let round = 0; round < 6 && open.size; round++) {
        for (const key of [...open]) if ((await customer(key)).ok) open.delete(key)
        await tick(HOUR)
    }
    fake.faults.clear()
    for (const key of [...open]) { // a 500 that Stripe repeats: looked up after a day
        await tick(24 * HOUR)
        const got = await customer(key)
        if (got.ok) continue
        assert.equal(got.code, 'stripe_unknown', `${key}: ${got.message}`)
        await cli.call({ op: 'settle', key, object: made(key)[0]?.id ?? '' })
        assert.equal((await customer(key)).ok, true)
    }
    for (const key of keys) assert.equal(made(key).length, 1, key)
    assert.equal((await rows("idem_key LIKE 'chance:%' AND state = 'done'")).length, 150)
})

test('reads succeed through faults', async () => {
    await customer('read:1')
    const path = `/v1/customers/${made('read:1')[0].id}`
    for (const kind of KINDS.filter(k => !['redirect', 'huge', 'retryFalse', 'slow'].includes(k))) {
        fake.faults.add({ kind, method: 'GET', path: '/v1/customers', times: 2 })
        const got = await cli.call({ op: 'get', path })
        assert.equal(got.ok, true, `${kind}: ${got.code} ${got.message}`)
        fake.faults.clear()
    }
    const before = fake.requests.length
    fake.faults.add({ kind: 'retryFalse', method: 'GET', path: '/v1/customers' })
    assert.equal((await cli.call({ op: 'get', path })).ok, false)
    assert.equal(fake.requests.length, before + 1)
})

test('a list read while customers are created misses none of the older ones', async () => {
    for (let i = 0; i < 25; i++) await customer(`list:${i}`)
    const late = []
    const headers = { authorization: 'Bearer sk_test_x', 'content-type': 'application/x-www-form-urlencoded', 'stripe-version': pinnedVersion }
    const adding = setInterval(() => {
        if (late.length < 20) late.push(fetch(`${fake.url}/v1/customers`, { method: 'POST', headers, body: `metadata[late]=${late.length}` }))
    }, 1)
    const before = new Set(fake.all('customer').map(c => c.id))
    const got = await cli.call({ op: 'list', path: '/v1/customers', form: [['limit', 3]] })
    clearInterval(adding)
    assert.ok((await Promise.all(late)).every(r => r.ok))
    const ids = got.items.map(i => i.id)
    assert.equal(new Set(ids).size, ids.length)
    for (const id of before) assert.ok(ids.includes(id), id)
})

test('missing rights and invalid keys give messages for the operator', async () => {
    try {
        fake.control.key(KEY, { rights: ['customer_read'] })
        const denied = await customer('right:1')
        assert.equal(denied.code, 'stripe_right_missing')
        assert.match(denied.message, /rak_customer_write/)
        assert.equal((await rows("idem_key = 'right:1'"))[0].state, 'failed')
        fake.control.key(KEY, { revoked: true })
        assert.equal((await customer('right:1')).code, 'stripe_key_refused')
    } finally {
        fake.control.key(KEY, {})
    }
    assert.equal((await customer('right:1')).ok, true) // once the right is there, the same key works
    assert.equal(made('right:1').length, 1)
})

test('a declined card gives a message for the payer', async () => {
    await customer('card:1')
    const cus = made('card:1')[0].id
    fake.control.card(cus, 'fail')
    const price = fake.all('price').find(p => p.lookup_key === 'starter_v1').id
    const got = await cli.call({ op: 'post', path: '/v1/subscriptions', key: 'card:sub', form: [['customer', cus], ['items[0][price]', price], ['payment_behavior', 'error_if_incomplete']] })
    assert.deepEqual([got.ok, got.card, got.default], [false, true, 'plan_limit'])
    assert.match(got.message, /card/)
})
