// Access: sessions, rights, keys, CSRF, plan features and rate limits, all checked before the handler.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { build, startServer } from '../lib/fcgi.mjs'

let server
before(async () => (server = await startServer(`${build}/tests/http/testserver`)))
after(() => server.stop())

const JSON_WANTED = { accept: 'application/json' }
const session = perms => ({ cookie: `x=1; parley_session=${perms}`, ...JSON_WANTED })

test('without a session a page redirects to sign-in and an API client gets 401', async () => {
    const page = await server.get('/me', { accept: 'text/html' })
    assert.deepEqual([page.status, page.headers.location], [303, '/login'])
    const r = await server.get('/me', JSON_WANTED)
    assert.equal(r.status, 401)
    assert.match(r.headers['www-authenticate'], /^Bearer/)
    assert.equal((await server.get('/me', session(0))).json().signed_in, true)
})

test('members, operators and keys reach only the routes they have the right to', async () => {
    assert.equal((await server.get('/member', session(1))).status, 403)
    assert.equal((await server.get('/member', session(3))).status, 200)
    assert.equal((await server.get('/operator', session(255))).status, 404, 'for others it is not there')
    assert.equal((await server.get('/operator', session('operator'))).status, 200)
    assert.equal((await server.get('/key', session(255))).status, 401)
    assert.equal((await server.get('/key', { 'x-api-key': 'ply_1' })).status, 200)
    assert.equal((await server.post('/key', '', { 'x-api-key': 'ply_1', ...JSON_WANTED })).status, 403)
    assert.equal((await server.post('/key', '', { 'x-api-key': 'ply_3' })).status, 200)
    assert.equal((await server.get('/key', { 'x-api-key': 'wrong', ...JSON_WANTED })).json().code, 'key_unknown')
})

test('a key route never redirects', async () => {
    assert.equal((await server.get('/key', { accept: 'text/html' })).status, 401)
})

test('a public page recognises a session; with an invalid one it is served as to a guest', async () => {
    assert.equal((await server.get('/plain', session(1))).status, 200)
    assert.equal((await server.get('/plain', session('expired'))).status, 200)
})

test('a route that needs a feature outside the plan is refused', async () => {
    const r = await server.get('/paid', session(1))
    assert.deepEqual([r.status, r.json().code], [402, 'plan_feature'])
    assert.equal((await server.get('/paid', session(64))).status, 200)
})

test('a foreign Origin is refused; our own, or none, is accepted', async () => {
    const post = async h => (await server.post('/origin', '', { ...JSON_WANTED, ...h })).status
    assert.equal(await post({}), 200)
    assert.equal(await post({ origin: 'http://test.example' }), 200)
    assert.equal(await post({ origin: 'http://test.example', 'sec-fetch-site': 'same-origin' }), 200)
    assert.equal(await post({ referer: 'http://test.example/login?x=1' }), 200)
    assert.equal(await post({ origin: 'http://127.0.0.1:9', host: '127.0.0.1:9' }), 200)
    for (const h of [{ origin: 'https://evil.example' }, { origin: 'null' }, { origin: 'http://test.example.evil.example' }, { origin: 'http://test.example:81' },
        { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site', origin: 'http://test.example' }, { referer: 'https://evil.example/http://test.example/' }, { origin: '' , referer: 'garbage' }])
        assert.equal(await post(h), 403, JSON.stringify(h))
})

test('the CSRF token belongs to the session, differs on each page, and may be a field or a header', async () => {
    const token = (await server.get('/token', session(1))).text, again = (await server.get('/token', session(1))).text
    assert.match(token, /^[\w-]{86}$/)
    assert.notEqual(token, again)
    const post = async (t, who = 1, h = {}) =>
        (await server.post('/token', t === undefined ? '' : `_csrf=${t}`, { ...session(who), 'content-type': 'application/x-www-form-urlencoded', ...h })).status
    assert.equal(await post(token), 200)
    assert.equal(await post(again), 200)
    assert.equal(await post(undefined, 1, { 'x-csrf-token': token }), 200)
    assert.equal(await post(token, 2), 403, 'of another session')
    assert.equal(await post(undefined), 403)
    assert.equal(await post(''), 403)
    assert.equal(await post(token.slice(1)), 403)
    const other = token[5] === 'A' ? 'B' : 'A'
    assert.equal(await post(token.slice(0, 5) + other + token.slice(6)), 403)
    assert.equal(await post(token, 1, { origin: 'https://evil.example' }), 403)
})

test('beyond its burst an address gets 429 with Retry-After', async () => {
    let last
    for (let i = 0; i < 20; i++) assert.equal((await server.get('/limited')).status, 200)
    for (let i = 0; i < 20 && last?.status !== 429; i++) last = await server.get('/limited', JSON_WANTED) // a place may have come back
    assert.deepEqual([last.status, last.json().code], [429, 'rate_limited'])
    assert.ok(Number(last.headers['retry-after']) >= 1 && Number(last.headers['retry-after']) <= 60)
    assert.equal((await server.get('/limited', {}, { params: { REMOTE_ADDR: '192.0.2.2' } })).status, 200)
    const six = n => server.get('/limited', {}, { params: { REMOTE_ADDR: `2001:db8:1:2::${n}` } })
    for (let i = 1; i <= 20; i++) assert.equal((await six(i)).status, 200)
    let whole
    for (let i = 0; i < 10 && whole !== 429; i++) whole = (await six(`ffff:${i}`)).status // fewer than twenty: one address alone is never refused
    assert.equal(whole, 429, 'a whole /64 is one')
    assert.equal((await server.get('/limited', {}, { params: { REMOTE_ADDR: '2001:db8:1:3::1' } })).status, 200)
})

test('routes of the chat class report their limits in headers', async () => {
    const parts = r => [r.headers['ratelimit-policy'].match(/^"chat";q=(\d+);w=60$/), r.headers.ratelimit.match(/^"chat";r=(\d+);t=(\d+)$/)]
    const [policy, first] = parts(await server.get('/limited-chat')), [, second] = parts(await server.get('/limited-chat'))
    assert.ok(policy[1] > 0 && first[1] > 0 && second[2] >= 1)
    assert.equal(Number(second[1]), Number(first[1]) - 1)
    for (let left = Number(second[1]); left > 0; left--) await server.get('/limited-chat')
    let refused
    for (let i = 0; i < 50 && refused?.status !== 429; i++) refused = await server.get('/limited-chat', { accept: 'application/json' })
    assert.equal(refused.status, 429)
    assert.equal(parts(refused)[1][1], '0')
    assert.equal(parts(refused)[1][2], refused.headers['retry-after'])
})

test('programs of one host share the rate limits; rate_limits = off disables them', async t => {
    const other = await startServer(`${build}/tests/http/testserver`, { t, env: { PARLEY_RUN_DIR: server.dir } })
    // A place comes back every few seconds. Alone the other program would have twenty, so it is never refused in ten tries.
    let refused
    for (let i = 0; i < 10 && !refused; i++) {
        while ((await server.get('/limited')).status !== 429);
        refused = (await other.get('/limited')).status === 429
    }
    assert.ok(refused)
    await other.stop()
    const off = await startServer(`${build}/tests/http/testserver`, { t, env: { PARLEY_RUN_DIR: server.dir, PARLEY_RATE_LIMITS: 'off' } })
    for (let i = 0; i < 50; i++) assert.equal((await off.get('/limited')).status, 200)
    await off.stop()
})
