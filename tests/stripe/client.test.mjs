// The Stripe client against a server that follows a script, and against the official client's signatures.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startInstall, until } from '../lib/install.mjs'
import { Cli } from './cli.mjs'

const KEY = 'rk_test_51SECRETsecret'
const VERSION = '2026-10-28.endive'
const HOUR = 3600_000
const T0 = Date.UTC(2026, 10, 23, 12)

let install, cli, server, script, seen, base, connections

/** Answers from the script, one a request; a function may use the socket freely. */
function onRequest(req, res) {
    const chunks = []
    req.on('data', c => chunks.push(c)).on('error', () => {}).on('end', async () => {
        const request = { method: req.method, url: req.url, headers: req.headers, raw: req.rawHeaders, body: Buffer.concat(chunks).toString(), socket: req.socket }
        seen.push(request)
        const next = script.shift() ?? { json: { id: 'obj_1', object: 'thing' } }
        if (typeof next === 'function') return next(req, res, request)
        const body = next.body ?? JSON.stringify(next.json ?? { error: next.error })
        res.writeHead(next.status ?? 200, { 'content-type': 'application/json', 'request-id': `req_${seen.length}`, ...next.headers })
        res.end(body)
    })
}

const reset = (req, res) => { req.socket.resetAndDestroy(); res.destroy() }
const hang = () => {}
const allClosed = () => until('the end of all connections', () => new Promise(ok => server.getConnections((error, n) => ok(n === 0))))
const short = (req, res) => { // half of an answer
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
    res.write('{"id":"obj_1","object":')
    setTimeout(() => req.socket.destroy(), 20)
}
const error = (status, code, more = {}, headers = {}) => ({
    status, headers, error: { type: status === 402 ? 'card_error' : 'invalid_request_error', code, message: `Words of Stripe about ${code}.`, ...more },
})

let keys = 0
const post = (more = {}) => cli.call({ op: 'post', path: '/v1/customers', form: [['email', 'a@b.c']], key: `k:${++keys}`, ...more })
const get = (more = {}) => cli.call({ op: 'get', path: '/v1/customers/cus_1', ...more })
const clock = ms => cli.call({ op: 'clock', ms })
const row = async key => (await install.sql(`SELECT state, http_status, object_id, request_id, error_code, error, attempts, method, path,
    first_sent_at, finished_at FROM stripe_call WHERE idem_key = '${key}'`))[0]

before(async () => {
    server = http.createServer({ keepAliveTimeout: 60000 }, onRequest)
    server.on('connection', () => { connections++ })
    await new Promise(ok => server.listen(0, '127.0.0.1', ok))
    base = `http://127.0.0.1:${server.address().port}`
    install = await startInstall({ programs: false, config: { stripe_secret_key: KEY, stripe_api_base: base, database_connections: 2 } })
    connections = 0
    cli = new Cli(install.env)
})
after(async () => {
    await cli?.end()
    server?.closeAllConnections()
    server?.close()
    await install?.stop()
})
beforeEach(async () => {
    script = []
    seen = []
    install.configure({ stripe_secret_key: KEY, stripe_api_base: base })
    await clock(T0)
})

// ---- requests ----

test('one odd value in an answer does not cost the rest', async () => {
    for (const odd of ['98765432109876543210', '"\\ud83d"', '"\\u0000"', '1,"odd":2', 'NaN']) {
        script.push({ body: `\ufeff{"id":"cus_1","object":"customer","metadata":{"odd":${odd}}}` })
        const got = await get()
        assert.deepEqual([got.ok, got.id ?? got.body?.id], [true, 'cus_1'], JSON.stringify(got))
    }
})

test('a POST has the headers and body that the official client sends', async () => {
    const got = await post({ path: '/v1/checkout/sessions', key: 'co:1', form: [['mode', 'subscription'], ['line_items[0][quantity]', 1], ['a[b]', "!*()' é"], ['x', true]] })
    assert.equal(got.ok, true)
    assert.deepEqual([got.object_id, got.status, got.request_id, got.replayed], ['obj_1', 200, 'req_1', false])
    const [r] = seen
    assert.equal(r.method, 'POST')
    assert.equal(r.url, '/v1/checkout/sessions')
    assert.equal(r.body, 'mode=subscription&line_items[0][quantity]=1&a[b]=%21%2A%28%29%27%20%C3%A9&x=true')
    assert.equal(r.headers.authorization, `Bearer ${KEY}`)
    assert.equal(r.headers['stripe-version'], VERSION)
    assert.equal(r.headers['content-type'], 'application/x-www-form-urlencoded')
    assert.equal(r.headers['idempotency-key'], 'co:1')
    assert.equal(r.headers['content-length'], String(r.body.length))
    assert.equal(r.headers.accept, 'application/json')
    assert.match(r.headers['user-agent'], /^Parley\//)
})

test('an empty POST has a length; GET and DELETE carry parameters in the address and no key', async () => {
    await post({ form: [] })
    await get({ form: [['expand[0]', 'data.product'], ['active', true]] })
    await cli.call({ op: 'delete', path: '/v1/subscriptions/sub_1', form: [['invoice_now', true], ['prorate', true]] })
    assert.equal(seen[0].headers['content-length'], '0')
    assert.equal(seen[1].url, '/v1/customers/cus_1?expand[0]=data.product&active=true')
    assert.equal(seen[2].method, 'DELETE')
    assert.equal(seen[2].url, '/v1/subscriptions/sub_1?invoice_now=true&prorate=true')
    for (const r of seen.slice(1)) {
        assert.equal(r.headers['idempotency-key'], undefined)
        assert.equal(r.headers['content-type'], undefined)
        assert.equal(r.body, '')
    }
})

test('calls to /v2 send JSON', async () => {
    const json = { event_name: 'conv', timestamp: '2026-11-23T05:52:20.123Z', payload: { value: '1' } }
    const got = await post({ path: '/v2/billing/meter_events', json })
    assert.equal(got.ok, true)
    assert.equal(seen[0].headers['content-type'], 'application/json')
    assert.deepEqual(JSON.parse(seen[0].body), json)
    assert.ok(seen[0].headers['idempotency-key'])
})

test('an id from outside stays within one segment of the path', async () => {
    const path = async (pattern, id) => (await cli.call({ op: 'path', pattern, id })).path
    assert.equal(await path('/v1/subscriptions/%/pause', 'sub_1'), '/v1/subscriptions/sub_1/pause')
    assert.equal(await path('/v1/subscriptions/%', 'sub_1/../../x?y#z&a b'), '/v1/subscriptions/sub_1%2F..%2F..%2Fx%3Fy%23z%26a%20b')
    assert.equal(await path('/v1/subscriptions/%', '..'), '/v1/subscriptions/%00')
    for (const path of ['/v1/../admin', '/v3/x', '//evil', 'https://evil/v1/', '/v1/x?y=1', '/v1/x y', '/v1//x', '/v1/x\r\nA: b', '']) {
        assert.equal((await get({ path })).code, 'stripe_path', path)
        assert.equal((await post({ path })).code, 'stripe_path', path)
    }
    assert.equal(seen.length, 0)
})

test('connections are reused', async () => {
    await get()
    const before = connections
    for (let i = 0; i < 5; i++) assert.equal((await get()).ok, true)
    assert.equal((await post()).ok, true)
    assert.equal(connections, before)
    server.closeIdleConnections() // as Stripe does: the client does not notice
    await allClosed()
    assert.equal((await post()).ok, true)
    assert.equal((await get()).sleeps.length, 0)
})

// ---- configuration ----

test('a key\'s mode is recognised; a key of another kind, or a missing one, is reported', async () => {
    const mode = async key => { install.configure({ stripe_secret_key: key }); return cli.call({ op: 'mode' }) }
    assert.equal((await mode('sk_live_abc')).livemode, true)
    assert.equal((await mode('rk_live_abc')).livemode, true)
    assert.equal((await mode('sk_test_abc')).livemode, false)
    assert.equal((await mode('rk_test_abc')).livemode, false)
    for (const key of ['pk_live_abc', 'whsec_abc', 'abc', 'sk_live_', 'SK_live_abc', 'sk_prod_abc']) {
        const got = await mode(key)
        assert.deepEqual([got.ok, got.code, got.enabled], [false, 'config_invalid', true], key)
        assert.doesNotMatch(got.message, /abc/)
    }
    const off = await mode(null)
    assert.deepEqual([off.ok, off.code, off.enabled], [false, 'stripe_off', false])
    assert.equal((await get()).code, 'stripe_off')
    assert.equal(seen.length, 0)
})

test('plain http is used only to this machine', async () => {
    const mode = async address => { install.configure({ stripe_api_base: address }); return (await cli.call({ op: 'mode' })).code ?? 'ok' }
    for (const good of ['http://127.0.0.1:1', 'http://127.5.6.7', 'http://localhost:12', 'http://[::1]:99', 'https://api.stripe.com', 'https://10.0.0.1', 'http://127.0.0.1/stripe'])
        assert.equal(await mode(good), 'ok', good)
    for (const bad of ['http://api.stripe.com', 'http://10.0.0.1', 'http://127.0.0.1.evil.com', 'http://localhost.evil.com', 'http://127.evil.com',
        'http://[::1].evil.com', 'http://127.0.0.1:80.evil.com', 'http://localhost@evil.com', 'http://0.0.0.0'])
        assert.equal(await mode(bad), 'config_invalid', bad)
})

// ---- retries ----

test('a broken connection is retried twice with the same key', async () => {
    script = [reset, reset, { json: { id: 'cus_9' } }]
    const got = await post({ key: 'reset:1' })
    assert.equal(got.object_id, 'cus_9')
    // (curl also reopens a reused connection that broke, immediately)
    assert.ok(seen.every(r => r.headers['idempotency-key'] === 'reset:1' && r.body === 'email=a%40b.c'))
    for (const { ms } of got.sleeps) assert.ok(ms >= 500 && ms <= 1000, String(ms))
    assert.equal((await row('reset:1')).state, 'done')
    server.closeAllConnections()
    await allClosed()
    script = Array.from({ length: 6 }, () => reset)
    seen = []
    const bad = await post({ key: 'reset:2' })
    assert.deepEqual([bad.ok, bad.code, bad.default], [false, 'stripe_no_answer', 'unavailable'])
    assert.equal(bad.sleeps.length, 2)
    assert.equal(seen.length, 3)
    const r = await row('reset:2')
    assert.deepEqual([r.state, r.http_status, r.error_code, r.attempts], ['unknown', null, 'stripe_no_answer', '3'])
})

test('when no server listens nothing is sent, and the row records that', async () => {
    const closed = net.createServer()
    await new Promise(ok => closed.listen(0, '127.0.0.1', ok))
    const port = closed.address().port
    await new Promise(ok => closed.close(ok))
    install.configure({ stripe_api_base: `http://127.0.0.1:${port}` })
    const got = await post({ key: 'closed:1' })
    assert.deepEqual([got.code, got.sleeps.length], ['stripe_unreachable', 2])
    assert.equal((await row('closed:1')).state, 'failed')
    install.configure({ stripe_api_base: base })
    await clock(T0 + 100 * HOUR) // days later it may be sent as new
    assert.equal((await post({ key: 'closed:1' })).ok, true)
    assert.equal((await row('closed:1')).state, 'done')
})

test('500 and 409 are retried; a persistent 500 leaves the outcome unknown', async () => {
    script = [{ status: 500, body: '{"error":{"type":"api_error","message":"x"}}' }, error(409, 'lock_something'), { json: { id: 'cus_1' } }]
    let got = await post()
    assert.deepEqual([got.object_id, got.sleeps.length], ['cus_1', 2])
    assert.ok(got.sleeps[0].ms >= 500 && got.sleeps[0].ms <= 500 && got.sleeps[1].ms >= 500 && got.sleeps[1].ms <= 1000)
    const same = { status: 500, headers: { 'idempotent-replayed': 'true' }, body: '{"error":{"type":"api_error","message":"x"}}' }
    script = [{ ...same, headers: {} }, same, same]
    got = await post({ key: '500:1' })
    assert.deepEqual([got.ok, got.code, got.default], [false, 'stripe_error', 'unavailable'])
    assert.deepEqual([(await row('500:1')).state, (await row('500:1')).http_status], ['unknown', '500'])
    seen = []
    script = [same, same, same]
    await clock(T0 + 22 * HOUR) // within a day: asked again, the same 500 comes
    assert.equal((await post({ key: '500:1' })).code, 'stripe_error')
    assert.equal(seen.length, 3)
    await clock(T0 + 23 * HOUR) // then Stripe may have forgotten the key: never sent blindly
    seen = []
    got = await post({ key: '500:1' })
    assert.deepEqual([got.code, got.default, seen.length], ['stripe_unknown', 'conflict', 0])
})

test('a clock that was set back makes the age of a key unknown', async () => {
    script = [{ status: 500, body: '{}', headers: { 'stripe-should-retry': 'false' } }]
    await post({ key: 'back:1' })
    await post({ key: 'back:2' })
    await clock(T0 - 60_000)
    assert.equal((await post({ key: 'back:1' })).ok, true)
    await install.sql("UPDATE stripe_call SET state = 'unknown' WHERE idem_key = 'back:1'")
    seen = []
    await clock(T0 - 2 * HOUR)
    assert.equal((await post({ key: 'back:1' })).code, 'stripe_unknown')
    assert.deepEqual([(await post({ key: 'back:2' })).object_id, seen.length], ['obj_1', 0])
})

test('an unknown outcome is settled by asking Stripe, whichever it is', async () => {
    const broken = { status: 500, body: '{}', headers: { 'stripe-should-retry': 'false' } }
    script = [broken, broken]
    await post({ key: 'look:1' })
    await post({ key: 'look:2' })
    await clock(T0 + 48 * HOUR)
    assert.equal((await cli.call({ op: 'settle', key: 'look:1', object: 'cus_found' })).ok, true)
    assert.equal((await cli.call({ op: 'settle', key: 'look:2', object: '' })).ok, true)
    assert.equal((await cli.call({ op: 'settle', key: 'look:1', object: '' })).code, 'not_found')
    seen = []
    const found = await post({ key: 'look:1' })
    assert.deepEqual([found.ok, found.body, found.object_id, found.replayed, seen.length], [true, null, 'cus_found', true, 0])
    const anew = await post({ key: 'look:2' })
    assert.deepEqual([anew.ok, anew.object_id, seen.length], [true, 'obj_1', 1])
    assert.equal((await row('look:2')).state, 'done')
})

test('Stripe-Should-Retry is obeyed in both directions', async () => {
    script = [error(400, 'odd', {}, { 'stripe-should-retry': 'true' }), { json: { id: 'cus_1' } }]
    assert.equal((await post()).object_id, 'cus_1')
    for (const status of [500, 409, 429]) {
        seen = []
        script = [error(status, 'x', {}, { 'stripe-should-retry': 'false' })]
        assert.equal((await post()).ok, false)
        assert.equal(seen.length, 1, String(status))
    }
    seen = []
    script = [error(400, 'x')] // and without it, other refusals are final
    assert.equal((await post()).ok, false)
    assert.equal(seen.length, 1)
})

test('429 for a rate or a lock is retried a few more times', async () => {
    const rate = error(429, 'rate_limit', {}, { 'stripe-rate-limited-reason': 'endpoint-rate' })
    script = [rate, rate, rate, rate, { json: { id: 'cus_1' } }]
    let got = await post()
    assert.deepEqual([got.object_id, got.sleeps.length], ['cus_1', 4])
    const most = [500, 1000, 2000, 4000]
    got.sleeps.forEach(({ ms }, i) => assert.ok(ms >= Math.max(500, most[i] / 2) && ms <= most[i], `${i}: ${ms}`))
    script = Array.from({ length: 10 }, () => rate)
    seen = []
    got = await post({ key: '429:1', deadline: 80000 })
    assert.deepEqual([got.code, got.default, seen.length], ['stripe_rate_limited', 'rate_limited', 6])
    assert.match(got.message, /endpoint-rate/)
    assert.ok(got.sleeps[4].ms >= 2500 && got.sleeps[4].ms <= 5000)
    assert.equal((await row('429:1')).state, 'failed') // it did nothing
    script = Array.from({ length: 10 }, () => error(429, 'lock_timeout', {}, { 'stripe-should-retry': 'true' }))
    got = await post()
    assert.equal(got.code, 'stripe_lock_timeout')
})

test('all attempts share one deadline, and no sleep passes it', async () => {
    script = Array.from({ length: 10 }, () => error(429, 'rate_limit', {}, { 'stripe-rate-limited-reason': 'global-rate' }))
    const got = await post({ deadline: 4000 })
    assert.ok(got.sleeps.length >= 2 && got.sleeps.reduce((n, s) => n + s.ms, 0) <= 3000, JSON.stringify(got.sleeps))
    assert.equal(got.code, 'stripe_rate_limited')
})

test('after a timeout the same key gets the original result, whether or not Stripe had carried out the call', async () => {
    let done = 0
    script = [hang, (req, res, r) => { // Stripe has done it the first time, and replays
        done += r.headers['idempotency-key'] === 'slow:1'
        res.writeHead(200, { 'idempotent-replayed': 'true', 'request-id': 'req_x' }).end('{"id":"cus_slow"}')
    }]
    const got = await post({ key: 'slow:1', deadline: 7500 }) // 5 s, a pause of half a second, and twice the second that a try needs
    assert.deepEqual([got.ok, got.object_id, got.replayed, done], [true, 'cus_slow', true, 1])
    script = [hang, hang]
    const late = await post({ key: 'slow:2', deadline: 1500 })
    assert.deepEqual([late.code, late.default], ['stripe_timeout', 'timeout'])
    assert.ok(late.ms < 5500)
    assert.equal((await row('slow:2')).state, 'unknown')
    server.closeAllConnections()
})

test('while the same POST still runs the client waits, then gets its answer', async () => {
    script = [error(409, 'idempotency_key_in_use'), error(409, 'idempotency_key_in_use'), { json: { id: 'cus_1' } }]
    assert.equal((await post()).object_id, 'cus_1')
    script = Array.from({ length: 3 }, () => error(409, 'idempotency_key_in_use'))
    const got = await post({ key: 'busy:1' })
    assert.equal(got.code, 'stripe_key_in_use')
    assert.equal((await row('busy:1')).state, 'unknown')
    server.closeAllConnections()
})

test('a refusal after a timeout settles it, a rate limit or a wrong key does not', async () => {
    script = [reset, reset, error(402, 'card_declined')]
    await post({ key: 'settle:1' })
    assert.equal((await row('settle:1')).state, 'failed')
    script = [reset, reset, error(401, 'x')]
    await post({ key: 'settle:2' })
    assert.equal((await row('settle:2')).state, 'unknown')
    script = [error(401, 'x')] // also when it is asked again
    await post({ key: 'settle:2' })
    assert.equal((await row('settle:2')).state, 'unknown')
    script = [error(401, 'x')]
    await post({ key: 'settle:3' })
    assert.equal((await row('settle:3')).state, 'failed')
})

// ---- invalid answers ----

test('answers that are cut, not JSON, not an object, a redirect or too large are failures', async () => {
    for (const odd of [short, { body: '{"id":' }, { body: 'hello' }, { body: '[1]' }, { body: '"x"' }, { body: '' }]) {
        script = [odd, { json: { id: 'cus_1' } }]
        assert.equal((await post()).object_id, 'cus_1', JSON.stringify(odd))
        script = [odd, { json: { id: 'cus_1' } }]
        assert.equal((await get()).body.id, 'cus_1')
    }
    script = [{ body: 'x' }, { body: 'x' }, { body: 'x' }]
    assert.equal((await post({ key: 'odd:1' })).code, 'stripe_answer')
    assert.equal((await row('odd:1')).state, 'unknown') // a 200 that cannot be read is not a failure
    script = Array.from({ length: 3 }, () => ({ status: 502, body: '<html>Bad Gateway</html>', headers: { 'content-type': 'text/html' } }))
    const gateway = await post({ key: 'odd:2' })
    assert.deepEqual([gateway.code, gateway.sleeps.length], ['stripe_error', 2])
    assert.equal((await row('odd:2')).state, 'unknown')
    seen = []
    script = [{ status: 302, headers: { location: `${base}/v1/elsewhere` }, body: '' }]
    const redirect = await post({ key: 'odd:3' })
    assert.deepEqual([redirect.code, seen.length], ['stripe_answer', 1])
    assert.match(redirect.message, /redirect/)
    script = [{ body: `{"id":"${'x'.repeat(9 << 20)}"}` }]
    const large = await post({ key: 'odd:4' })
    assert.deepEqual([large.code, large.default], ['stripe_answer_large', 'too_large'])
    assert.equal((await row('odd:4')).state, 'unknown')
    script = [{ body: `{"id":${'['.repeat(5000)}` }]
    assert.equal((await get({ deadline: 900 })).code, 'stripe_answer')
})

test('a server without a valid certificate gets no request', async () => {
    const dir = `${install.dir}/tls`
    fs.mkdirSync(dir, { recursive: true })
    const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1',
        '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', `${dir}/key.pem`, '-out', `${dir}/cert.pem`])
    assert.equal(made.status, 0, String(made.stderr))
    let asked = 0
    const safe = https.createServer({ key: fs.readFileSync(`${dir}/key.pem`), cert: fs.readFileSync(`${dir}/cert.pem`) }, (req, res) => { asked++; res.end('{}') })
    await new Promise(ok => safe.listen(0, '127.0.0.1', ok))
    install.configure({ stripe_api_base: `https://127.0.0.1:${safe.address().port}` })
    const got = await post({ key: 'tls:1' })
    assert.deepEqual([got.code, asked], ['stripe_unreachable', 0])
    assert.match(got.message, /certificate/i)
    assert.equal((await row('tls:1')).state, 'failed')
    safe.closeAllConnections()
    safe.close()
    const plain = net.createServer(s => s.on('error', () => {}).end('HTTP/1.0 400 no\r\n\r\n'))
    await new Promise(ok => plain.listen(0, '127.0.0.1', ok))
    install.configure({ stripe_api_base: `https://127.0.0.1:${plain.address().port}` })
    assert.equal((await get()).code, 'stripe_unreachable')
    plain.close()
})

// ---- error messages ----

test('error messages suit their audience', async () => {
    const ask = async (answer, how = post) => { script = [answer, answer, answer]; return how() }
    let got = await ask(error(402, 'card_declined', { decline_code: 'insufficient_funds' }))
    assert.deepEqual([got.code, got.default, got.card], ['stripe_card_declined', 'plan_limit', true])
    assert.match(got.message, /does not have enough funds/)
    got = await ask(error(402, 'expired_card'))
    assert.deepEqual([got.code, got.card], ['stripe_expired_card', true])
    got = await ask(error(402, 'some_new_code', { message: 'Your bank is closed on Sundays.' }))
    assert.equal(got.message, 'The payment did not go through: Your bank is closed on Sundays.')
    got = await ask(error(401, undefined, { message: `Invalid API Key provided: ${KEY}` }))
    assert.deepEqual([got.code, got.default, got.card], ['stripe_key_refused', 'unavailable', false])
    assert.doesNotMatch(got.message, /rk_|SECRET/)
    got = await ask(error(403, undefined, { message: `The provided key '${KEY}' does not have the required permissions for this endpoint on account 'acct_1'. Having the 'rak_checkout_session_write' permission would allow this request to continue.` }))
    assert.equal(got.code, 'stripe_right_missing')
    assert.match(got.message, /lacks the permission rak_checkout_session_write/)
    assert.doesNotMatch(got.message, /rk_test/)
    got = await ask(error(403, undefined, { message: 'No.' }), get)
    assert.match(got.message, /no permission to GET \/v1\/customers\/cus_1/)
    got = await ask(error(404, 'resource_missing', { param: 'id', message: "No such customer: 'cus_1'" }), get)
    assert.deepEqual([got.code, got.default], ['stripe_resource_missing', 'not_found'])
    got = await ask(error(400, 'resource_missing', { param: 'customer', message: "No such customer: 'cus_1'" }))
    assert.deepEqual([got.code, got.default, got.pointer], ['stripe_resource_missing', 'not_found', 'customer'])
    got = await ask(error(400, 'parameter_unknown', { param: 'items[0][prise]', message: 'Received unknown parameter: items[0][prise]' }))
    assert.deepEqual([got.code, got.default, got.pointer], ['stripe_parameter_unknown', 'invalid', 'items[0][prise]'])
    assert.match(got.message, /POST \/v1\/customers: Received unknown parameter/)
    got = await ask(error(400, undefined, { message: 'Nope' }))
    assert.equal(got.code, 'stripe_invalid_request_error')
    got = await ask(error(400, undefined, { type: 'idempotency_error', message: 'Keys for idempotent requests can only be used with the same parameters' }))
    assert.deepEqual([got.code, got.default], ['stripe_key_reused', 'conflict'])
    got = await ask(error(400, 'x"; DROP\n', { message: `line\nbreak ${KEY} sk_live_zzz whsec_9 cs_test_a_secret_b` }))
    assert.equal(got.code, 'stripe_invalid_request_error')
    assert.doesNotMatch(got.message, /\n|rk_test|sk_live|whsec|_secret_b/)
    for (const before of ['', 'x', 'xx']) { // wherever the message is cut, no character is cut in two
        got = await ask(error(402, 'some_new_code', { message: before + '€'.repeat(150) }))
        assert.match(got.message, /^The payment did not go through: x*€+\.$/)
        assert.ok(Buffer.byteLength(got.message) > 190, got.message)
    }
    for (const odd of [{ status: 400, body: '{"error":"no object"}' }, { status: 404, body: '<html>' }, { status: 418, body: '' }])
        assert.equal((await ask(odd)).code, 'stripe_answer')
    assert.doesNotMatch(cli.log, /SECRET/)
    assert.match(cli.log, /"event":"stripe_call".*"stripe_request":"req_/)
})

// ---- the record ----

test('a key belongs to one request for ever', async () => {
    assert.equal((await post({ key: 'one:1' })).ok, true)
    seen = []
    for (const other of [{ form: [['email', 'x@y.z']] }, { form: [] }, { path: '/v1/products' }, { json: { email: 'a@b.c' } }]) {
        const got = await post({ key: 'one:1', ...other })
        assert.deepEqual([got.code, got.default, seen.length], ['stripe_key_reused', 'conflict', 0])
    }
    script = [{ json: { id: 'obj_1' }, headers: { 'idempotent-replayed': 'true' } }]
    const again = await post({ key: 'one:1' }) // young: Stripe replays
    assert.deepEqual([again.body.id, again.replayed, seen.length], ['obj_1', true, 1])
    await clock(T0 + 23 * HOUR)
    const old = await post({ key: 'one:1' })
    assert.deepEqual([old.ok, old.body, old.object_id, old.replayed, seen.length], [true, null, 'obj_1', true, 1])
    const r = await row('one:1')
    assert.deepEqual([r.state, r.method, r.path, r.http_status, r.object_id, r.attempts], ['done', 'POST', '/v1/customers', '200', 'obj_1', '2'])
})

test('a finished call stays finished whatever a repeat returns', async () => {
    await post({ key: 'done:1' })
    for (const odd of [reset, { status: 500, body: '{}' }, error(401, 'x'), error(400, 'x')]) {
        script = [odd, odd, odd, odd, odd, odd]
        assert.equal((await post({ key: 'done:1' })).ok, false)
        assert.deepEqual([(await row('done:1')).state, (await row('done:1')).object_id], ['done', 'obj_1'])
    }
    script = []
    server.closeAllConnections()
})

test('keys that cannot be sent are refused', async () => {
    for (const key of ['', 'x'.repeat(256), 'a b', 'a\r\nX: y', 'ü', 'a\u0000b'.replace('\u0000', '\u0001')])
        assert.equal((await post({ key })).code, 'stripe_key_invalid', JSON.stringify(key))
    assert.equal((await post({ key: 'x'.repeat(255) })).ok, true)
    assert.equal(seen.length, 1)
})

test('the row is stored before the first byte is sent', async () => {
    let state
    script = [async (req, res) => {
        state = (await row('before:1'))?.state
        res.end('{"id":"cus_1"}')
    }]
    await post({ key: 'before:1' })
    assert.equal(state, 'started')
})

test('after a kill during the wait the same key finds the result', async () => {
    const other = new Cli(install.env)
    script = [hang]
    const lost = other.call({ op: 'post', path: '/v1/customers', form: [['email', 'a@b.c']], key: 'killed:1' }).catch(e => e.message)
    while (!seen.length) await sleep(10)
    other.child.kill('SIGKILL')
    assert.match(await lost, /ended/)
    assert.equal((await row('killed:1')).state, 'started')
    script = [{ json: { id: 'cus_k' }, headers: { 'idempotent-replayed': 'true' } }]
    await clock(Date.now())
    assert.equal((await post({ key: 'killed:1' })).object_id, 'cus_k')
    await install.sql("UPDATE stripe_call SET state = 'started' WHERE idem_key = 'killed:1'")
    await clock(Date.now() + 24 * HOUR)
    seen = []
    assert.equal((await post({ key: 'killed:1' })).code, 'stripe_unknown')
    assert.equal(seen.length, 0)
})

test('many concurrent calls with one key make one row, one body and one object', async () => {
    const clis = Array.from({ length: 6 }, () => new Cli(install.env))
    script = Array.from({ length: 6 }, () => ({ json: { id: 'cus_one' } }))
    const got = await Promise.all(clis.map(c => c.call({ op: 'post', path: '/v1/customers', form: [['email', 'a@b.c']], key: 'many:1' })))
    assert.deepEqual(got.map(g => g.object_id), Array(6).fill('cus_one'))
    assert.equal(new Set(seen.map(r => `${r.headers['idempotency-key']} ${r.body}`)).size, 1)
    assert.equal((await install.sql("SELECT COUNT(*) AS n FROM stripe_call WHERE idem_key = 'many:1'"))[0].n, '1')
    for (const c of clis) await c.end()
})

test('no database connection is held while the client waits for Stripe', async () => {
    // two connections in the pool, and the call below lasts: other statements of this program would wait for it
    let counted
    script = [async (req, res) => {
        counted = await install.sql("SELECT COUNT(*) AS n FROM information_schema.INNODB_TRX")
        res.end('{"id":"cus_1"}')
    }]
    await post()
    assert.equal(counted[0].n, '0')
})

test('while the database is unreachable nothing is sent', async () => {
    await install.kill('database')
    const got = await post({ key: 'away:1' })
    assert.deepEqual([got.ok, got.default, seen.length], [false, 'unavailable', 0])
    assert.equal((await get()).ok, true) // reading needs none
    await install.restart('database')
    assert.equal((await post({ key: 'away:1' })).ok, true)
})

test('when the database fails during a call the answer is returned, and the same key finds the result later', async () => {
    script = [async (req, res) => { await install.kill('database'); res.end('{"id":"cus_1"}') }]
    const got = await post({ key: 'gone:1' })
    assert.deepEqual([got.ok, got.object_id], [true, 'cus_1'])
    await install.restart('database')
    assert.equal((await row('gone:1')).state, 'started')
    assert.equal((await post({ key: 'gone:1' })).ok, true)
    assert.equal((await row('gone:1')).state, 'done')
})

// ---- reading ----

test('reads are counted by day, retries included', async () => {
    await install.sql("DELETE FROM stripe_call WHERE idem_key LIKE 'reads:%'")
    const reads = async () => (await cli.call({ op: 'reads' })).reads
    assert.equal(await reads(), 0)
    script = [{ json: { id: 'x' } }, { status: 500, body: '{}' }, { json: { id: 'x' } }]
    await get()
    await get()
    await post()
    assert.equal(await reads(), 3)
    await clock(T0 + 29 * 24 * HOUR)
    await get()
    assert.equal(await reads(), 4)
    await clock(T0 + 31 * 24 * HOUR)
    assert.equal(await reads(), 1)
})

test('fields may be an object or an id, null or missing, deleted, large or unknown', async () => {
    const ask = async json => { script = [{ json }]; return get() }
    let got = await ask({ id: 'sub_1', customer: 'cus_1' })
    assert.deepEqual([got.customer, got.customer_there, got.deleted], ['cus_1', true, false])
    got = await ask({ id: 'sub_1', customer: { id: 'cus_2', object: 'customer' } })
    assert.equal(got.customer, 'cus_2')
    got = await ask({ id: 'sub_1', customer: null })
    assert.deepEqual([got.customer, got.customer_there], ['', true])
    got = await ask({ id: 'sub_1' })
    assert.deepEqual([got.customer, got.customer_there], ['', false])
    got = await ask({ id: 'cus_1', object: 'customer', deleted: true })
    assert.equal(got.deleted, true)
    script = [{ body: '{"id":"in_1","amount_due":9223372036854775807,"brand_new":{"deep":[1,{"x":null}]},"rate":0.5}' }]
    got = await get()
    assert.equal(got.ok, true)
    assert.match(JSON.stringify(got.body.brand_new), /deep/)
})

/** A list of things as Stripe pages it, newest first; onPage may add more meanwhile. */
function listOf(things, onPage = () => {}) {
    return (req, res) => {
        const q = new URL(req.url, base).searchParams
        const limit = Number(q.get('limit') ?? 10)
        const at = id => things.indexOf(id)
        let page, more
        if (q.has('ending_before')) {
            const end = at(q.get('ending_before'))
            page = things.slice(Math.max(0, end - limit), end)
            more = end > limit
        } else {
            const from = q.has('starting_after') ? at(q.get('starting_after')) + 1 : 0
            page = things.slice(from, from + limit)
            more = from + limit < things.length
        }
        res.end(JSON.stringify({ object: 'list', data: page.map(id => ({ id })), has_more: more }))
        onPage(things)
    }
}
const list = (more = {}) => cli.call({ op: 'list', path: '/v1/subscriptions', form: [['status', 'all']], ...more })
const ids = n => Array.from({ length: n }, (_, i) => `sub_${n - i}`)

test('a list is read page by page, each object once', async () => {
    script = Array.from({ length: 10 }, () => listOf(ids(7)))
    let got = await list({ form: [['status', 'all'], ['limit', 3]] })
    assert.deepEqual(got.items.map(i => i.id), ids(7))
    assert.deepEqual(seen.map(r => r.url), ['/v1/subscriptions?status=all&limit=3', '/v1/subscriptions?status=all&limit=3&starting_after=sub_5',
        '/v1/subscriptions?status=all&limit=3&starting_after=sub_2', '/v1/subscriptions?status=all&limit=3&ending_before=sub_7'])
    seen = []
    script = [listOf(ids(100))]
    got = await list()
    assert.equal(got.items.length, 100)
    assert.deepEqual(seen.map(r => r.url), ['/v1/subscriptions?status=all&limit=100'])
    script = [listOf([])]
    assert.deepEqual((await list({ form: [] })).items, [])
    assert.equal(seen.at(-1).url, '/v1/subscriptions?limit=100')
})

test('what is created while a list is read is neither lost nor doubled', async () => {
    const things = ids(6)
    let n = 0
    script = Array.from({ length: 20 }, () => listOf(things, t => { if (n < 4) t.unshift(`new_${++n}`) }))
    const got = await list({ form: [['limit', 2]] })
    const names = got.items.map(i => i.id)
    assert.equal(new Set(names).size, names.length)
    assert.deepEqual([...names].sort(), [...things].sort())
})

test('a caller may stop a list early; an endless list is cut off', async () => {
    script = Array.from({ length: 9 }, () => listOf(ids(9)))
    let got = await list({ form: [['limit', 2]], most: 3 })
    assert.deepEqual([got.code, got.items.length, seen.length], ['gone', 3, 2])
    script = Array.from({ length: 9 }, () => ({ json: { data: [{ id: 'sub_1' }], has_more: true } }))
    seen = []
    got = await list()
    assert.deepEqual([got.code, seen.length], ['stripe_answer', 2])
    script = [{ json: { data: [], has_more: true } }]
    assert.equal((await list()).code, 'stripe_answer')
    script = [{ json: { object: 'thing' } }]
    assert.equal((await list()).code, 'stripe_answer')
    script = [{ json: { data: [{ id: 'evt_1' }], next_page_url: '/v2/core/events?page=abc&limit=1' } }, { json: { data: [{ id: 'evt_2' }], next_page_url: null } }]
    seen = []
    got = await list({ path: '/v2/core/events', form: [] })
    assert.deepEqual([got.items.map(i => i.id), seen[1].url], [['evt_1', 'evt_2'], '/v2/core/events?page=abc&limit=1'])
    script = [{ json: { data: [], next_page_url: 'https://evil.example/v2/x' } }]
    assert.equal((await list({ path: '/v2/core/events', form: [] })).code, 'stripe_answer')
})

test('a retried DELETE accepts that the object is gone', async () => {
    script = [{ json: { id: 'sub_1', status: 'canceled' } }]
    const remove = () => cli.call({ op: 'delete', path: '/v1/subscriptions/sub_1', form: [['invoice_now', true]] })
    assert.equal((await remove()).body.status, 'canceled')
    script = [{ status: 500, body: '{}' }, error(404, 'resource_missing')]
    assert.equal((await remove()).code, 'stripe_resource_missing')
})

test('the client waits between attempts', async () => {
    script = [{ status: 500, body: '{}' }, { json: { id: 'cus_1' } }]
    const got = await get({ real: true })
    assert.ok(got.ok && got.ms >= 490 && got.ms < 10000, String(got.ms))
})
