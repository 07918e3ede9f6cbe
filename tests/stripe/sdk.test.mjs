// The official client compared with ours: the same signatures pass, in both directions, and the same parameters give the same bytes.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import http from 'node:http'
import { after, before, test } from 'node:test'
import Stripe from 'stripe'
import { startInstall } from '../lib/install.mjs'
import { Cli } from './cli.mjs'

const T = 1700000000
let install, cli, server, seen, stripe

before(async () => {
    server = http.createServer((req, res) => {
        let body = ''
        req.setEncoding('utf8').on('data', text => { body += text }).on('end', () => {
            seen.push({ method: req.method, url: req.url, body, headers: req.headers })
            res.setHeader('content-type', 'application/json')
            res.end('{"id":"x_1","object":"x","data":[],"has_more":false}')
        })
    })
    await new Promise(ok => server.listen(0, '127.0.0.1', ok))
    const { port } = server.address()
    stripe = new Stripe('sk_test_x', { host: '127.0.0.1', port, protocol: 'http', telemetry: false })
    install = await startInstall({ programs: false, config: { stripe_secret_key: 'sk_test_x', stripe_api_base: `http://127.0.0.1:${port}` } })
    cli = new Cli(install.env)
})
after(async () => {
    await cli?.end()
    server?.closeAllConnections()
    server?.close()
    await install?.stop()
})

const call = job => cli.call(job)
const check = (secrets, header, body, now = T * 1000) => call({ op: 'check', secrets, header, body, now })

const bodies = ['{}', '', '{"id":"evt_1","object":"event"}', '{"id":"evt_ü日本😀"}', ' {"a":1}\r\n', '\u0001\u007f', 'x'.repeat(300_000)]

test('our client accepts what the official client signs', async () => {
    for (const payload of bodies) {
        const secret = `whsec_${randomBytes(16).toString('hex')}`
        const header = stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp: T })
        assert.equal((await check(secret, header, payload)).ok, true)
        assert.equal((await check(`whsec_x ${secret}`, header, payload)).ok, true)
        assert.equal((await check('whsec_x', header, payload)).code, 'signature_wrong')
        assert.equal((await check(secret, header, `${payload} `)).code, 'signature_wrong')
        assert.equal((await check(secret, header, payload, (T + 301) * 1000)).code, 'signature_expired')
    }
    const payload = bodies[2]
    const v0 = stripe.webhooks.generateTestHeaderString({ payload, secret: 'whsec_a', timestamp: T, scheme: 'v0' })
    assert.equal((await check('whsec_a', v0, payload)).code, 'signature_malformed')
})

test('the official client accepts what ours signs', async () => {
    for (const body of bodies.filter(b => b.startsWith('{'))) {
        const { header } = await call({ op: 'sign', secret: 'whsec_abc', t: T, body })
        const event = stripe.webhooks.constructEvent(body, header, 'whsec_abc', 300, undefined, T * 1000)
        assert.deepEqual(event, JSON.parse(body))
        assert.throws(() => stripe.webhooks.constructEvent(`${body} `, header, 'whsec_abc', 300, undefined, T * 1000))
    }
})

test('where the official client refuses a header, ours does', async () => {
    const payload = bodies[2]
    const good = stripe.webhooks.generateTestHeaderString({ payload, secret: 'whsec_a', timestamp: T })
    const digest = good.split('v1=')[1]
    const headers = [good, `${good},v1=00`, `v1=00,${good}`, good.replace(',', ', '), good.replace('v1', 'V1'), good.replace('v1', 'v0'), good.toUpperCase(), '', ',',
        `v1=${digest}`, `t=${T}`, `t=x,v1=${digest}`, `t=,v1=${digest}`, `t=${T},v1=${digest.slice(1)}`, `t=${T},v1=${digest}0`, `t=${T},v1=${digest.toUpperCase()}`,
        `t=${T + 1},v1=${digest}`, `t=${T},v2=${digest}`, `${good},v0=${digest}`, `${good},x=y`, `${good},`]
    for (const header of headers) {
        let theirs = true
        try { stripe.webhooks.constructEvent(payload, header, 'whsec_a', 300, undefined, T * 1000) } catch { theirs = false }
        const ours = (await check('whsec_a', header, payload)).ok
        assert.equal(ours, theirs, `${header}: ours ${ours}, theirs ${theirs}`)
    }
})

test('the same parameters give the same request', async () => {
    const form = [['mode', 'subscription'], ['line_items[0][price]', 'price_a'], ['line_items[0][quantity]', 1], ['line_items[1][price]', 'price_m'], ['customer', 'cus_1'],
        ['subscription_data[metadata][who]', "Zoë & Söhne (1*2)! 'x' ~ + / ? %"], ['subscription_data[trial_period_days]', 14],
        ['success_url', 'https://e.com/s?session_id={CHECKOUT_SESSION_ID}'], ['allow_promotion_codes', true], ['metadata[gone]', '']]
    const pairs = [
        [() => stripe.checkout.sessions.create({
            mode: 'subscription', line_items: [{ price: 'price_a', quantity: 1 }, { price: 'price_m' }], customer: 'cus_1',
            subscription_data: { metadata: { who: "Zoë & Söhne (1*2)! 'x' ~ + / ? %" }, trial_period_days: 14 },
            success_url: 'https://e.com/s?session_id={CHECKOUT_SESSION_ID}', allow_promotion_codes: true, metadata: { gone: null },
        }), { op: 'post', path: '/v1/checkout/sessions', key: 'sdk:1', form }],
        [() => stripe.billing.meterEvents.create({ event_name: 'conv', identifier: 'c-1', timestamp: T, payload: { stripe_customer_id: 'cus_1', value: '1' } }),
            { op: 'post', path: '/v1/billing/meter_events', key: 'sdk:2', form: [['event_name', 'conv'], ['identifier', 'c-1'], ['timestamp', T], ['payload[stripe_customer_id]', 'cus_1'], ['payload[value]', '1']] }],
        [() => stripe.subscriptions.list({ customer: 'cus_1', status: 'all', limit: 100, starting_after: 'sub_0' }),
            { op: 'get', path: '/v1/subscriptions', form: [['customer', 'cus_1'], ['status', 'all'], ['limit', 100], ['starting_after', 'sub_0']] }],
        [() => stripe.prices.list({ lookup_keys: ['starter_v1', 'pro_v1'], active: true, expand: ['data.product'] }),
            { op: 'get', path: '/v1/prices', form: [['lookup_keys[0]', 'starter_v1'], ['lookup_keys[1]', 'pro_v1'], ['active', true], ['expand[0]', 'data.product']] }],
        [() => stripe.subscriptions.cancel('sub_1', { invoice_now: true, prorate: true }),
            { op: 'delete', path: '/v1/subscriptions/sub_1', form: [['invoice_now', true], ['prorate', true]] }],
        [() => stripe.customers.create({}), { op: 'post', path: '/v1/customers', key: 'sdk:3', form: [] }],
    ]
    const raw = text => text.replaceAll('%5B', '[').replaceAll('%5D', ']') // brackets may be written either way
    for (const [theirs, ours] of pairs) {
        seen = []
        await theirs()
        assert.equal((await call(ours)).ok, true)
        const [a, b] = seen
        assert.deepEqual([b.method, raw(b.url), raw(b.body)], [a.method, raw(a.url), raw(a.body)])
        for (const name of ['stripe-version', 'content-length', 'accept', 'authorization'])
            assert.equal(b.headers[name], a.headers[name], `${ours.path}: ${name}`)
        assert.equal(Boolean(b.headers['idempotency-key']), b.method === 'POST')
    }
})
