// What goes wrong on purpose: faults of requests, the idempotency layer, deliveries, and the knobs of the fake Stripe.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import http from 'node:http'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from '../lib/install.mjs'
import { KINDS } from './fake/faults.mjs'
import { signatureHeader } from './fake/deliver.mjs'
import { catalog, client, DAY, HOUR, items, listener, refusal, sessionFor, startWalk, subscriber, upgradeTo } from './fake/walk.mjs'

/** One raw request: {status, headers, text} or {error} */
const raw = (fake, method, where, body = '', headers = {}) =>
    new Promise(ok => {
        const all = { Authorization: 'Bearer sk_test_x', 'Stripe-Version': fake.w.version, 'Content-Type': 'application/x-www-form-urlencoded', ...headers }
        const request = http.request(fake.url + where, { method, headers: { ...all, 'Content-Length': Buffer.byteLength(body) } }, answer => {
            const chunks = []
            answer.on('data', chunk => chunks.push(chunk))
            answer.on('error', error => ok({ status: answer.statusCode, error: error.code, text: Buffer.concat(chunks).toString() }))
            answer.on('end', () => ok({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(chunks).toString(), complete: answer.complete }))
        })
        request.on('error', error => ok({ error: error.code }))
        request.end(body)
    })

const customers = fake => fake.all('customer').length

describe('idempotency', () => {
    let fake, stripe, stop
    before(async () => ({ fake, stripe, stop } = await startWalk()))
    after(() => stop())

    test('the first answer is repeated, with a header that says so', async () => {
        const first = await stripe.customers.create({ email: 'i@example.com' }, { idempotencyKey: 'cust:1' })
        const second = await stripe.customers.create({ email: 'i@example.com' }, { idempotencyKey: 'cust:1' })
        assert.equal(second.id, first.id)
        assert.deepEqual([first.lastResponse.headers['idempotent-replayed'], second.lastResponse.headers['idempotent-replayed']], [undefined, 'true'])
        assert.equal(second.lastResponse.headers['idempotency-key'], 'cust:1')
        assert.equal(second.lastResponse.headers['original-request'], first.lastResponse.requestId)
        await stripe.customers.update(first.id, { name: 'Later' })
        assert.equal((await stripe.customers.create({ email: 'i@example.com' }, { idempotencyKey: 'cust:1' })).name, null) // as it was then
    })

    test('a key used with other parameters or another path is refused', async () => {
        await stripe.customers.create({ email: 'm@example.com' }, { idempotencyKey: 'm' })
        const other = await refusal(stripe.customers.create({ email: 'n@example.com' }, { idempotencyKey: 'm' }))
        assert.deepEqual([other.type, other.statusCode], ['StripeIdempotencyError', 400])
        assert.equal((await refusal(stripe.coupons.create({ percent_off: 5 }, { idempotencyKey: 'm' }))).type, 'StripeIdempotencyError')
        assert.equal((await refusal(stripe.customers.create({}, { idempotencyKey: 'x'.repeat(256) }))).statusCode, 400)
        const live = await client(fake, 'sk_live_x').customers.create({ email: 'n@example.com' }, { idempotencyKey: 'm' })
        assert.equal(live.livemode, true) // keys of test and live mode are separate
    })

    test('a result is kept for 24 hours; then the same key is a new request', async () => {
        const first = await stripe.customers.create({}, { idempotencyKey: 'day' })
        await fake.advance(DAY - 1)
        assert.equal((await stripe.customers.create({}, { idempotencyKey: 'day' })).id, first.id)
        await fake.advance(1)
        assert.notEqual((await stripe.customers.create({}, { idempotencyKey: 'day' })).id, first.id)
    })

    test('a repeat while the first request still runs gets 409', async () => {
        fake.faults.add({ kind: 'slow', ms: 200, path: '/v1/customers' })
        const running = stripe.customers.create({}, { idempotencyKey: 'run' })
        await until('the first request', () => fake.requests.some(r => r.idempotencyKey === 'run'))
        const twice = await refusal(stripe.customers.create({}, { idempotencyKey: 'run' }))
        assert.deepEqual([twice.statusCode, twice.code], [409, 'idempotency_key_in_use'])
        const made = await running
        assert.equal((await stripe.customers.create({}, { idempotencyKey: 'run' })).id, made.id)
    })

    test('a call refused before execution is not kept, an executed one is', async () => {
        const bad = await raw(fake, 'POST', '/v1/customers', 'nonsense=1', { 'Idempotency-Key': 'b' })
        assert.equal(bad.status, 400)
        fake.violations.pop()
        assert.equal((await raw(fake, 'POST', '/v1/customers', 'email=b', { 'Idempotency-Key': 'b' })).status, 200)
        const gone = await refusal(stripe.subscriptions.update('sub_none', { description: 'x' }, { idempotencyKey: 'gone' }))
        const again = await refusal(stripe.subscriptions.update('sub_none', { description: 'x' }, { idempotencyKey: 'gone' }))
        assert.deepEqual([gone.statusCode, again.statusCode, again.headers['idempotent-replayed']], [404, 404, 'true'])
        for (const kind of ['rateLimited', 'lockTimeout', 'error500Before', 'inUse', 'badGateway', 'redirect']) {
            fake.faults.add({ kind, path: '/v1/customers' })
            assert.notEqual((await raw(fake, 'POST', '/v1/customers', 'email=c', { 'Idempotency-Key': kind })).status, 200, kind)
            const next = await raw(fake, 'POST', '/v1/customers', 'email=c', { 'Idempotency-Key': kind })
            assert.deepEqual([next.status, next.headers['idempotent-replayed']], [200, undefined], kind)
        }
    })

    test('a 500 after commit is repeated for its key, and the object exists', async () => {
        const count = customers(fake)
        fake.faults.add({ kind: 'error500After', path: '/v1/customers' })
        for (let i = 0; i < 3; i++) {
            const error = await refusal(stripe.customers.create({ metadata: { tenant_id: '500' } }, { idempotencyKey: '500' }))
            assert.deepEqual([error.type, error.statusCode, error.headers['idempotent-replayed']], ['StripeAPIError', 500, i ? 'true' : undefined])
        }
        assert.equal(customers(fake), count + 1)
        assert.equal(fake.all('customer').at(-1).metadata.tenant_id, '500')
    })
})

describe('faults', () => {
    let fake, stripe, stop
    before(async () => ({ fake, stripe, stop } = await startWalk()))
    after(() => stop())

    const post = (key, rule) => {
        fake.faults.add({ path: '/v1/customers', ...rule })
        return raw(fake, 'POST', '/v1/customers', 'email=f%40example.com', { 'Idempotency-Key': key })
    }

    test('a connection cut before the commit leaves nothing; one cut after it leaves the result under the key', async () => {
        const count = customers(fake)
        assert.equal((await post('d1', { kind: 'dropBefore' })).error, 'ECONNRESET')
        assert.equal(customers(fake), count)
        assert.equal((await post('d2', { kind: 'dropAfter' })).error, 'ECONNRESET')
        assert.equal(customers(fake), count + 1)
        const told = await raw(fake, 'POST', '/v1/customers', 'email=f%40example.com', { 'Idempotency-Key': 'd2' })
        assert.deepEqual([told.headers['idempotent-replayed'], JSON.parse(told.text).id], ['true', fake.all('customer').at(-1).id])
    })

    test('each kind of fault has the status and headers that Stripe documents', async () => {
        const json = answer => JSON.parse(answer.text).error
        const gateway = await post('k1', { kind: 'badGateway' })
        assert.deepEqual([gateway.status, gateway.headers['content-type'], gateway.text.slice(0, 6)], [502, 'text/html', '<html>'])
        const after502 = await post('k1a', { kind: 'badGatewayAfter' })
        assert.equal(after502.status, 502)
        assert.equal((await raw(fake, 'POST', '/v1/customers', 'email=f%40example.com', { 'Idempotency-Key': 'k1a' })).headers['idempotent-replayed'], 'true')
        const limited = await post('k2', { kind: 'rateLimited', reason: 'endpoint-rate' })
        assert.deepEqual([limited.status, limited.headers['stripe-rate-limited-reason'], json(limited).code], [429, 'endpoint-rate', 'rate_limit'])
        const locked = await post('k3', { kind: 'lockTimeout' })
        assert.deepEqual([locked.status, locked.headers['stripe-rate-limited-reason'], locked.headers['stripe-should-retry'], json(locked).code], [429, undefined, 'true', 'lock_timeout'])
        const truncated = await post('k4', { kind: 'truncated' })
        assert.ok(truncated.error && truncated.text.length > 0 && truncated.text.length < 2000)
        assert.throws(() => JSON.parse(truncated.text), SyntaxError)
        const invalid = await post('k5', { kind: 'invalidJson' })
        assert.equal(invalid.status, 200)
        assert.throws(() => JSON.parse(invalid.text), SyntaxError)
        assert.ok((await post('k6', { kind: 'huge' })).text.length > 20 << 20)
        const elsewhere = await post('k7', { kind: 'redirect', to: 'http://127.0.0.1:9/' })
        assert.deepEqual([elsewhere.status, elsewhere.headers.location], [302, 'http://127.0.0.1:9/'])
        assert.deepEqual((({ status, headers }) => [status, headers['stripe-should-retry']])(await post('k8', { kind: 'retryTrue' })), [400, 'true'])
        assert.deepEqual((({ status, headers }) => [status, headers['stripe-should-retry']])(await post('k9', { kind: 'retryFalse' })), [500, 'false'])
        const begun = performance.now()
        assert.equal((await post('k10', { kind: 'slow', ms: 120 })).status, 200)
        assert.ok(performance.now() - begun >= 115)
    })

    test('a rule lets its first requests pass, then hits as many as it says, only on its path', async () => {
        fake.faults.add({ kind: 'error500Before', method: 'GET', path: /^\/v1\/customers$/, skip: 1, times: 2 })
        const statuses = []
        for (let i = 0; i < 5; i++) statuses.push((await raw(fake, 'GET', '/v1/customers')).status)
        assert.deepEqual(statuses, [200, 500, 500, 200, 200])
        assert.throws(() => fake.faults.add({ kind: 'explosion' }), /no fault is named/)
    })

    test('the official client survives them with its retries, and makes one customer', async () => {
        const patient = client(fake, 'sk_test_x', { maxNetworkRetries: 2 })
        for (const kind of ['dropBefore', 'dropAfter', 'error500Before', 'badGatewayAfter', 'lockTimeout', 'inUse', 'retryTrue']) {
            const count = customers(fake)
            fake.faults.add({ kind, method: 'POST', path: '/v1/customers' })
            const made = await patient.customers.create({ name: kind })
            assert.deepEqual([made.name, customers(fake)], [kind, count + 1], kind)
        }
        fake.faults.add({ kind: 'rateLimited', path: '/v1/customers' })
        assert.equal((await refusal(patient.customers.create({}))).type, 'StripeRateLimitError') // a plain 429 is not tried again
    })

    test('the same seed makes the same faults, and the client gets through all of them', async () => {
        const run = async seed => {
            const other = await startWalk({ seed: 9 })
            other.fake.faults.byChance({ seed, method: 'POST', rates: { dropBefore: 0.1, dropAfter: 0.1, error500Before: 0.1, lockTimeout: 0.1 } })
            const patient = client(other.fake, 'sk_test_x', { maxNetworkRetries: 8 })
            patient._requestSender._getSleepTimeInMS = () => 1
            for (let i = 0; i < 25; i++) await patient.customers.create({ name: String(i) })
            const names = other.fake.all('customer').map(one => one.name)
            assert.deepEqual(names, Array.from({ length: 25 }, (_, i) => String(i)))
            const faults = other.fake.requests.map(one => one.fault)
            await other.stop()
            return faults
        }
        const [one, same, another] = [await run(4), await run(4), await run(5)]
        assert.deepEqual(one, same)
        assert.notDeepEqual(one, another)
        assert.ok(new Set(one).size >= 4, `faults of few kinds: ${[...new Set(one)]}`)
    })

    test('every kind of fault can occur at random', async () => {
        const other = await startWalk()
        for (const kind of KINDS) {
            other.fake.faults.clear()
            other.fake.faults.byChance({ rates: { [kind]: 1 }, path: '/v1/products' })
            await raw(other.fake, 'POST', '/v1/products', 'name=x')
            assert.equal(other.fake.requests.at(-1).fault, kind)
        }
        await other.stop()
    })

    test('one meter event at a time for a customer, one change at a time for an object', async () => {
        const plans = await catalog(stripe)
        const { customer, sub } = await subscriber(fake, stripe, plans.starter)
        const send = i => stripe.billing.meterEvents.create({ event_name: 'conv', identifier: `c-${i}`, payload: { stripe_customer_id: customer.id, value: '1' } })
        fake.control.policy({ meterLatency: 60 })
        const both = await Promise.allSettled([send(1), send(2)])
        fake.control.policy({ meterLatency: 1 })
        const refused = both.filter(one => one.status === 'rejected').map(one => [one.reason.statusCode, one.reason.headers['stripe-rate-limited-reason']])
        assert.deepEqual(refused, [[429, 'resource-specific']])
        fake.faults.add({ kind: 'slow', ms: 100, path: `/v1/subscriptions/${sub.id}` })
        const changes = await Promise.allSettled([1, 2].map(i => stripe.subscriptions.update(sub.id, { description: String(i) })))
        assert.deepEqual(changes.filter(one => one.status === 'rejected').map(one => one.reason.code), ['lock_timeout'])
    })
})

describe('meter events that do not count', () => {
    test('errors of the meter are reported by thin events only', async () => {
        const { fake, stripe, stop } = await startWalk({ policy: { meterSeconds: 60 } })
        const { meter } = await catalog(stripe)
        const place = await listener()
        const destination = await stripe.v2.core.eventDestinations.create({
            name: 'meter errors',
            type: 'webhook_endpoint',
            event_payload: 'thin',
            enabled_events: ['v1.billing.meter.error_report_triggered', 'v1.billing.meter.no_meter_found'],
            webhook_endpoint: { url: place.url },
            include: ['webhook_endpoint.signing_secret', 'webhook_endpoint.url'],
        })
        const secret = destination.webhook_endpoint.signing_secret
        const customer = await stripe.customers.create({})
        const send = (identifier, more = {}, payload = {}) =>
            stripe.billing.meterEvents.create({ event_name: 'conv', identifier, payload: { stripe_customer_id: customer.id, value: '1', ...payload }, ...more })
        await send('good')
        await send('old', { timestamp: fake.now() - 35 * DAY - 1 })
        await send('just', { timestamp: fake.now() - 35 * DAY })
        await send('future', { timestamp: fake.now() + 301 })
        await send('soon', { timestamp: fake.now() + 300 })
        await send('nobody', {}, { stripe_customer_id: 'cus_nobody' })
        await send('word', {}, { value: 'many' })
        await send('long', {}, { value: '1234567890123456' })
        await send('meterless', { event_name: 'nothing' })
        await stripe.billing.meterEvents.create({ event_name: 'conv', identifier: 'unnamed', payload: { value: '1' } })
        assert.equal(place.got.length, 0) // a 2xx came for all of them
        await fake.advance(60)
        const told = {}
        for (const { body, signature } of place.got) {
            const notification = stripe.parseEventNotification(body, signature, secret, undefined, undefined, fake.now() * 1000)
            const event = await notification.fetchEvent()
            const [reason] = event.data.reason.error_types
            told[reason.sample_errors[0].request.identifier] = reason.code
            if (event.type === 'v1.billing.meter.error_report_triggered') assert.equal((await notification.fetchRelatedObject()).id, meter.id)
        }
        assert.deepEqual(told, {
            old: 'timestamp_too_far_in_past',
            future: 'timestamp_in_future',
            nobody: 'meter_event_customer_not_found',
            word: 'meter_event_invalid_value',
            long: 'meter_event_value_too_many_digits',
            meterless: 'no_meter',
            unnamed: 'meter_event_no_customer_defined',
        })
        const start = fake.now() - (fake.now() % 60) - 36 * DAY
        const sums = await stripe.billing.meters.listEventSummaries(meter.id, { customer: customer.id, start_time: start, end_time: start + 40 * DAY })
        assert.equal(sums.data[0].aggregated_value, 3)
        const listed = []
        for await (const one of stripe.v2.core.eventDestinations.list({ limit: 1, include: ['webhook_endpoint.url'] })) listed.push(one.webhook_endpoint.url)
        assert.deepEqual(listed, [place.url])
        assert.equal((await stripe.v2.core.eventDestinations.disable(destination.id)).status, 'disabled')
        await send('unheard', {}, { value: 'x' })
        await fake.advance(60)
        assert.equal(place.got.length, 7)
        await place.stop()
        await stop()
    })
})

describe('deliveries', () => {
    let fake, stripe, stop, place, endpoint
    const started = async (options, events = ['customer.created', 'customer.updated']) => {
        ;({ fake, stripe, stop } = await startWalk({ deliver: 'manual', ...options }))
        place = await listener()
        endpoint = await stripe.webhookEndpoints.create({ url: place.url, enabled_events: events, api_version: fake.w.version })
    }
    const finish = async () => {
        await place.stop()
        await stop()
    }
    const ids = () => place.got.map(one => JSON.parse(one.body).id)
    const verify = ({ body, signature }, secret = endpoint.secret) => stripe.webhooks.constructEvent(body, signature, secret, 300, undefined, fake.now() * 1000)

    test('events are signed as the official client expects, and sent once to each subscribed endpoint', async () => {
        await started()
        assert.match(endpoint.secret, /^whsec_/)
        assert.equal((await stripe.webhookEndpoints.retrieve(endpoint.id)).secret, undefined)
        const customer = await stripe.customers.create({ name: 'Zoë' })
        await stripe.products.create({ name: 'unheard' })
        const sent = await fake.control.pump()
        assert.deepEqual(sent.map(one => [one.type, one.status]), [['customer.created', 200]])
        const event = verify(place.got[0])
        assert.deepEqual([event.data.object.id, event.data.object.name, event.api_version, event.pending_webhooks], [customer.id, 'Zoë', fake.w.version, 1])
        assert.match(event.request.id, /^req_/)
        assert.throws(() => verify(place.got[0], 'whsec_other'), /No signatures found/)
        await stripe.webhookEndpoints.update(endpoint.id, { disabled: true })
        await stripe.customers.create({})
        assert.deepEqual(await fake.control.pump(), [])
        assert.equal((await stripe.webhookEndpoints.del(endpoint.id)).deleted, true)
        await finish()
    })

    test('the signature of the documented example verifies', () => {
        const t = 1700000000
        const body = '{"id":"evt_1","object":"event","type":"invoice.paid","data":{"object":{}}}'
        assert.equal(signatureHeader(['whsec_abc'], t, body), `t=${t},v1=b0d5127f3986d08e4606c9dec0ee4b52695c7998af53ee18949a2c57804f900a`)
        assert.equal(signatureHeader(['whsec_t'], t, '{"id":"evt_ü","object":"event"}').slice(-64), '25eb2654ce0e49194edde9b801aa8659ee25abfa66e53c23fa4de9184713fd3f')
    })

    test('deliveries can be duplicated, twinned, reordered, delayed and dropped', async () => {
        await started()
        fake.control.delivery({ duplicate: 1 })
        await stripe.customers.create({})
        await fake.control.pump()
        assert.deepEqual([place.got.length, new Set(ids()).size], [2, 1])
        fake.control.delivery({ duplicate: 0, twin: 1 })
        place.got.length = 0
        await stripe.customers.create({})
        await fake.control.pump()
        assert.deepEqual([place.got.length, new Set(ids()).size, new Set(place.got.map(one => JSON.parse(one.body).data.object.id)).size], [2, 2, 1])
        fake.control.delivery({ twin: 0, reorder: true, parallel: 1 })
        place.got.length = 0
        for (let i = 0; i < 12; i++) await stripe.customers.create({ name: String(i) })
        await fake.control.pump()
        const order = place.got.map(one => JSON.parse(one.body).data.object.name)
        assert.notDeepEqual(order, order.toSorted((a, b) => a - b))
        fake.control.delivery({ reorder: false, delay: [60, 60] })
        place.got.length = 0
        await stripe.customers.create({})
        assert.deepEqual(await fake.control.pump(), [])
        await fake.advance(60)
        assert.equal((await fake.control.pump()).length, 1)
        fake.control.delivery({ delay: null, drop: 1 })
        await stripe.customers.create({ name: 'dropped' })
        assert.deepEqual(await fake.control.pump(), [])
        const undelivered = await stripe.events.list({ delivery_success: false })
        assert.deepEqual(undelivered.data.map(event => event.data.object.name), ['dropped'])
        fake.control.delivery({ drop: 0 })
        await fake.control.resend(undelivered.data[0].id)
        assert.equal(ids().at(-1), undelivered.data[0].id)
        await finish()
    })

    test('deliveries can have wrong, old or v0 signatures, and several secrets', async () => {
        await started()
        const one = async () => {
            await stripe.customers.create({})
            await fake.control.pump()
            return place.got.at(-1)
        }
        fake.control.delivery({ wrongSignature: 1 })
        const wrong = await one()
        assert.throws(() => verify(wrong), /No signatures found/)
        fake.control.delivery({ wrongSignature: 0, oldTimestamp: 1 })
        const old = await one()
        assert.throws(() => verify(old), /tolerance/)
        fake.control.delivery({ oldTimestamp: 0, v0Only: true })
        const only = await one()
        assert.throws(() => verify(only), /expected scheme/)
        fake.control.delivery({ v0Only: false, v0: true })
        const both = await one()
        assert.match(both.signature, /^t=\d+,v1=[0-9a-f]{64},v0=[0-9a-f]{64}$/)
        verify(both)
        fake.control.delivery({ v0: false })
        const fresh = fake.control.rollSecret(endpoint.id, HOUR)
        const rolled = await one()
        assert.equal(rolled.signature.match(/v1=/g).length, 2)
        verify(rolled)
        verify(rolled, fresh)
        await fake.advance(HOUR)
        const later = await one()
        verify(later, fresh)
        assert.throws(() => verify(later))
        await finish()
    })

    test('a delivery is retried until it is acknowledged; a redirect is a failure', async () => {
        await started({ deliver: 'auto' })
        place.answer = (one, n) => [500, 302, 200][n - 1] ?? 200
        await stripe.customers.create({})
        await fake.control.pump()
        const [event] = (await stripe.events.list({ delivery_success: false })).data
        assert.equal(event.pending_webhooks, 1)
        await fake.advance(59)
        assert.equal(place.got.length, 1)
        await fake.advance(1)
        assert.equal(place.got.length, 2)
        await fake.advance(HOUR)
        assert.deepEqual([place.got.length, new Set(ids()).size], [3, 1])
        assert.notEqual(place.got[0].signature, place.got[2].signature)
        verify(place.got[2])
        assert.deepEqual((await stripe.events.list({ delivery_success: false })).data, [])
        await fake.advance(3 * DAY)
        assert.deepEqual([place.got.length, fake.delivery.log.map(one => one.status)], [3, [500, 302, 200]])
        await finish()
    })

    test('a failing endpoint that wants invoice.created holds invoices back, for 72 hours', async () => {
        await started({ deliver: 'auto' }, ['invoice.created'])
        const plans = await catalog(stripe)
        const { sub } = await subscriber(fake, stripe, plans.starter)
        await fake.control.pump()
        place.answer = () => 500
        await fake.advance({ to: items(sub).base.current_period_end + 3 * HOUR })
        const { latest_invoice: id } = await stripe.subscriptions.retrieve(sub.id)
        assert.equal((await stripe.invoices.retrieve(id)).status, 'draft')
        place.answer = () => 200
        await fake.advance(73 * HOUR)
        assert.equal((await stripe.invoices.retrieve(id)).status, 'paid')
        await finish()
    })

    test('another api_version gives objects another shape', async () => {
        await started({}, ['customer.subscription.created'])
        const plans = await catalog(stripe)
        fake.control.delivery({ apiVersion: '2024-06-20' })
        await subscriber(fake, stripe, plans.starter)
        await fake.control.pump()
        const event = verify(place.got[0])
        assert.deepEqual([event.api_version, typeof event.data.object.current_period_end, event.data.object.items.data[0].current_period_end], ['2024-06-20', 'number', undefined])
        await finish()
    })

    test('the first payment sends its events in order, and the thin ones as well', async () => {
        await started({}, ['checkout.session.completed', 'customer.subscription.created', 'customer.subscription.updated', 'invoice.paid', 'invoice.finalized'])
        const thin = await listener()
        const destination = await stripe.v2.core.eventDestinations.create({
            name: 'thin',
            type: 'webhook_endpoint',
            event_payload: 'thin',
            enabled_events: ['v1.customer.subscription.created', 'v1.invoice.paid', 'v1.customer.subscription.item_price_changed', 'v1.customer.subscription.past_due'],
            webhook_endpoint: { url: thin.url },
            include: ['webhook_endpoint.signing_secret'],
        })
        const plans = await catalog(stripe)
        const { sub } = await subscriber(fake, stripe, plans.starter)
        fake.control.delivery({ parallel: 1 })
        await fake.control.pump()
        assert.deepEqual(place.got.map(one => verify(one).type), ['invoice.finalized', 'invoice.paid', 'customer.subscription.created', 'checkout.session.completed'])
        const notes = thin.got.map(one => stripe.parseEventNotification(one.body, one.signature, destination.webhook_endpoint.signing_secret, undefined, undefined, fake.now() * 1000))
        assert.deepEqual(notes.map(one => one.type), ['v1.invoice.paid', 'v1.customer.subscription.created'])
        assert.equal((await notes[1].fetchRelatedObject()).id, sub.id)
        assert.equal((await stripe.events.retrieve(notes[1].snapshot_event)).type, 'customer.subscription.created')
        fake.control.card(sub.customer, 'fail')
        const { payment_behavior: _, ...change } = upgradeTo(sub, plans.pro)
        await stripe.subscriptions.update(sub.id, change)
        await fake.control.pump()
        assert.deepEqual(thin.got.slice(2).map(one => JSON.parse(one.body).type).sort(), ['v1.customer.subscription.item_price_changed', 'v1.customer.subscription.past_due'])
        assert.throws(() => stripe.webhooks.constructEvent(thin.got[0].body, thin.got[0].signature, destination.webhook_endpoint.signing_secret, 300, undefined, fake.now() * 1000), /thin/)
        await thin.stop()
        await finish()
    })
})

describe('knobs', () => {
    let fake, stripe, stop, plans
    before(async () => {
        ;({ fake, stripe, stop } = await startWalk())
        plans = await catalog(stripe)
    })
    after(() => stop())

    test('the dashboard can edit a price, swap items, add a subscription and delete a customer', async () => {
        const { customer, sub } = await subscriber(fake, stripe, plans.starter)
        fake.control.edit(plans.starter.base.id, { nickname: 'renamed', unit_amount: 5100, unit_amount_decimal: '5100' })
        assert.equal(items(await stripe.subscriptions.retrieve(sub.id)).base.price.unit_amount, 5100)
        assert.equal(fake.events.at(-1).type, 'price.updated')
        fake.control.edit(plans.starter.base.id, { nickname: null, unit_amount: 4900, unit_amount_decimal: '4900' })
        const swapped = fake.control.swapItems(sub.id)
        assert.deepEqual(swapped.items.data.map(item => item.id), sub.items.data.map(item => item.id).reverse())
        const second = fake.control.secondSubscription(customer.id)
        assert.deepEqual([second.status, second.customer], ['active', customer.id])
        assert.equal((await stripe.subscriptions.list({ customer: customer.id })).data.length, 2)
        assert.equal(fake.control.deleteCustomer(customer.id).deleted, true)
        assert.deepEqual((await stripe.subscriptions.list({ customer: customer.id })).data, [])
    })

    test('answers can have an unknown status, and missing, null or expanded fields', async () => {
        const { customer, sub } = await subscriber(fake, stripe, plans.starter)
        fake.control.distort(sub.id, { set: { status: 'hibernating', 'items.data': [] }, remove: ['schedule'], expand: ['customer'] })
        const spoiled = await stripe.subscriptions.retrieve(sub.id)
        assert.deepEqual([spoiled.status, spoiled.items.data, 'schedule' in spoiled, spoiled.customer.id], ['hibernating', [], false, customer.id])
        fake.control.distort(sub.id, null)
        assert.equal((await stripe.subscriptions.retrieve(sub.id)).status, 'active')
    })

    test('a pending update with a good card is applied immediately, and one that waits is voided', async () => {
        const { customer, sub } = await subscriber(fake, stripe, plans.starter)
        fake.control.card(customer.id, 'fail', { times: 1 })
        const first = await stripe.subscriptions.update(sub.id, upgradeTo(sub, plans.pro))
        assert.ok(first.pending_update)
        const second = await stripe.subscriptions.update(sub.id, upgradeTo(sub, plans.pro))
        assert.deepEqual([second.pending_update, items(second).base.price.id], [null, plans.pro.base.id])
        assert.equal((await stripe.invoices.retrieve(first.latest_invoice)).status, 'void')
    })

    test('unknown names of settings and deliveries are refused', () => {
        assert.throws(() => fake.control.policy({ afterRetry: 'x' }), /no setting/)
        assert.throws(() => fake.control.delivery({ dupe: 1 }), /delivery has no/)
    })

    test('run as a program, the fake takes the same controls over HTTP', async () => {
        const main = path.join(path.dirname(fileURLToPath(import.meta.url)), 'fake/main.mjs')
        const child = spawn(process.execPath, [main, '--now', '1800000000', '--seed', '5', '--deliver', 'manual'], { stdio: ['ignore', 'pipe', 'inherit'] })
        const line = await new Promise(ok => child.stdout.once('data', ok))
        const { url, port, version } = JSON.parse(line)
        const control = async (name, ...given) => (await fetch(`${url}/_control/${name}`, { method: 'POST', body: JSON.stringify(given) })).json()
        const look = async name => (await fetch(`${url}/_control/${name}`)).json()
        const other = client({ port })
        const otherPlans = await catalog(other)
        const customer = await other.customers.create({})
        const session = await sessionFor(other, customer, otherPlans.starter)
        assert.equal(await control('pay', session.id), 'complete')
        assert.equal(await control('advance', 32 * DAY), 1800000000 + 32 * DAY)
        assert.equal(await look('now'), 1800000000 + 32 * DAY)
        assert.equal((await other.invoices.list({ customer: customer.id })).data.length, 2)
        await control('fault', { kind: 'error500Before', path: '/v1/customers' })
        assert.equal((await refusal(other.customers.list())).statusCode, 500)
        assert.match((await control('nothing')).error, /no knob/)
        assert.match((await control('edit', 'nobody', {})).error, /the fake has no/)
        assert.deepEqual([await look('violations'), await look('shapeErrors')], [[], []])
        assert.equal((await look('state')).customer[0].id, customer.id)
        assert.ok((await look('requests')).length > 10)
        assert.equal(version, fake.w.version)
        child.kill()
        await new Promise(ok => child.once('exit', ok))
    })
})
