// What goes out: headers, errors in the right form, cookies, streams, the log line.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { build, requestBytes, startServer, writeConfig } from '../lib/fcgi.mjs'

let server
before(async () => (server = await startServer(`${build}/tests/http/testserver`)))
after(() => server.stop())

const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

test('every reply carries the security headers and its request id', async () => {
    const r = await server.get('/plain')
    assert.match(r.headers['x-request-id'], /^req_[0-9a-z]{26}$/)
    assert.equal(r.headers['x-content-type-options'], 'nosniff')
    assert.equal(r.headers['referrer-policy'], 'same-origin')
    assert.equal(r.headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'")
    assert.equal(r.headers['cache-control'], 'no-store')
    assert.equal(r.headers['strict-transport-security'], undefined)
    assert.equal((await server.get('/plain', {}, { params: { HTTPS: 'on' } })).headers['strict-transport-security'], 'max-age=31536000')
})

test('a page forbids inline code and framing unless its handler allows them', async () => {
    const csp = (await server.get('/page')).headers['content-security-policy']
    assert.match(csp, /script-src 'self';.*style-src 'self';.*frame-ancestors 'none'$/)
    assert.doesNotMatch(csp, /unsafe/)
    const framed = await server.get('/framed')
    assert.match(framed.headers['content-security-policy'], /frame-ancestors \*$/)
    assert.equal(framed.headers['cache-control'], 'public, max-age=60')
    assert.equal(framed.all.filter(([n]) => n === 'content-security-policy').length, 1)
    assert.equal((await server.get('/framed?fail=1')).headers['cache-control'], 'no-store')
})

test('a header with CR, LF or NUL makes the reply a 500, and nothing of it is sent', async () => {
    for (const v of ['a%0d%0aX-Evil:%201', 'a%0aX-Evil: 1', 'a%0d', 'a%0D%0A%0D%0A<script>']) {
        const r = await server.get(`/header?v=${v}`)
        assert.equal(r.status, 500)
        assert.equal(r.headers['x-evil'], undefined)
        assert.equal(r.headers['x-test'], undefined)
        assert.doesNotMatch(r.text, /script|hello/)
    }
    assert.equal((await server.get('/header?v=fine')).headers['x-test'], 'fine')
    await server.logged({ event: 'header_refused' })
})

test('cookies have their flags, can be deleted, and cannot break out of the header', async () => {
    assert.equal((await server.get('/cookie?v=abc')).headers['set-cookie'], 'c=abc; Path=/; HttpOnly; SameSite=Lax')
    assert.equal((await server.get('/cookie?v=abc&age=60')).headers['set-cookie'], 'c=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax')
    const both = (await server.get('/cookie?v=a&delete=1')).all.filter(([n]) => n === 'set-cookie').map(([, v]) => v)
    assert.deepEqual(both, ['c=a; Path=/; HttpOnly; SameSite=Lax', 'old=; Path=/app; Max-Age=0; HttpOnly; SameSite=Lax'])
    for (const v of ['a;b', 'a%20b', 'a%22', 'a%0d%0aX: 1', '%C3%A9']) {
        const r = await server.get(`/cookie?v=${v}`)
        assert.equal(r.status, 500)
        assert.equal(r.headers['set-cookie'], undefined)
    }
})

test('cookies are Secure when the address is https', async () => {
    writeConfig(server, { base_url: 'https://test.example' })
    server.signal('SIGHUP')
    await server.logged({ event: 'reloaded' })
    const r = await server.get('/cookie?v=abc')
    assert.equal(r.headers['set-cookie'], 'c=abc; Path=/; HttpOnly; SameSite=Lax; Secure')
    assert.equal(r.headers['strict-transport-security'], 'max-age=31536000')
    writeConfig(server)
    const before = server.logs({ event: 'reloaded' }).length
    server.signal('SIGHUP')
    while (server.logs({ event: 'reloaded' }).length === before) await new Promise(ok => setTimeout(ok, 10))
})

test('a redirect to another site must be https or to this host', async () => {
    for (const to of ['https://pay.example/c/1?a=b#c', 'http://127.0.0.1:1234/x', 'http://localhost:1/', 'http://[::1]:9/']) {
        const r = await server.get(`/away?to=${encodeURIComponent(to)}`)
        assert.equal(r.status, 303)
        assert.equal(r.headers.location, to)
    }
    for (const to of ['', 'http://pay.example/', 'javascript:alert(1)', 'https:///x', '//pay.example', 'https://a b/', 'https://pay.example\\@x'])
        assert.equal((await server.get(`/away?to=${encodeURIComponent(to)}`)).status, 400, to)
})

test('redirect', async () => {
    const r = await server.get('/redirect')
    assert.deepEqual([r.status, r.headers.location, r.body.length], [303, '/plain?a=1', 0])
})

test('an error is a page for a browser and a problem document for a program', async () => {
    const page = await server.get('/fail', HTML)
    assert.equal(page.status, 422)
    assert.match(page.headers['content-type'], /^text\/html/)
    assert.match(page.text, /&quot;wrong&quot; &lt;\/script&gt;/)
    const r = await server.get('/fail', { accept: 'application/json' })
    assert.equal(r.headers['content-type'], 'application/problem+json')
    assert.doesNotMatch(r.text, /<\/script>/)
    assert.deepEqual(r.json(), {
        type: 'about:blank', title: 'Unprocessable Content', status: 422, detail: 'The text is "wrong" </script>.', code: 'text_invalid',
        instance: '/fail', pointer: '/text', request_id: r.headers['x-request-id']
    })
})

test('a weight of 0 in Accept refuses a type, however many digits it has', async () => {
    const type = async accept => (await server.get('/fail', { accept })).headers['content-type']
    for (const zero of ['0', '0.', '0.0', '0.000'])
        assert.equal(await type(`text/html;q=${zero}, application/json`), 'application/problem+json', zero)
    assert.match(await type('text/html;q=0.001, application/json'), /^text\/html/)
})

test('a handler that replies with nothing, or with too much, gives a 500', async () => {
    assert.equal((await server.get('/nothing')).status, 500)
    assert.equal((await server.get(`/big?n=${9 << 20}`)).json().code, 'reply_too_large')
    const r = await server.get(`/big?n=${8 << 20}`)
    assert.equal(r.body.length, 8 << 20)
    assert.equal(r.headers['content-length'], String(8 << 20))
    assert.equal(r.body.subarray(-26).toString(), Buffer.from(Array.from({ length: 26 }, (_, i) => 97 + (((8 << 20) - 26 + i) % 26))).toString())
})

test('a streamed reply may have any length; a later failure ends it and is logged', async () => {
    const r = await server.get('/parts?n=20')
    assert.deepEqual([r.status, r.headers['content-length'], r.body.length], [200, undefined, 20 << 20])
    for (let i = 0; i < 20; i++) assert.equal(r.body[(i << 20) + 5], 97 + i)
    const broken = await server.get('/parts?n=2&fail=1')
    assert.deepEqual([broken.status, broken.body.length], [200, 2 << 20])
    assert.equal((await server.logged({ event: 'request', id: broken.headers['x-request-id'] })).code, 'unavailable')
    const head = await server.request({ method: 'HEAD', uri: '/parts?n=3' })
    assert.deepEqual([head.status, head.body.length], [200, 0])
    assert.equal((await server.get('/plain')).status, 200)
})

test('the language of a page follows Accept-Language', async () => {
    const language = async l => (await server.get('/language', { 'accept-language': l })).text
    assert.equal(await language('de-CH, en;q=0.8'), 'de')
    assert.equal(await language('fr, pt-br;q=0.3, de;q=0.2'), 'pt-BR')
    assert.equal(await language('fr;q=1, *;q=0.5'), 'en')
    assert.equal(await language('de;q=0, en;q=0.1'), 'en')
    assert.equal(await language(';;q=,,,de;q=x'), 'en')
})

test('a stream sends each event immediately, with headers that prevent buffering', async () => {
    const c = await server.connect()
    c.write(requestBytes({ uri: '/stream?n=3', headers: { accept: 'text/event-stream' } }))
    await c.until(t => t.includes('"i":1') && !t.includes('"i":3'))
    await c.done
    const text = c.bytes.toString()
    assert.match(text, /^Status: 200 OK\r\n/)
    assert.match(text, /Content-Type: text\/event-stream\r\n/)
    assert.match(text, /X-Accel-Buffering: no\r\n/)
    assert.doesNotMatch(text, /Content-Length/)
    assert.match(text, /event: tick\nid: 7\ndata: \{"i":3\}\n\n:\n\nevent: done\ndata: \{\}\n\n$/)
    c.end()
})

test('a stream ends when its reader leaves', async () => {
    const c = await server.connect()
    c.write(requestBytes({ uri: '/stream' }))
    await c.until(t => t.includes('"i":2'))
    c.end()
    const from = Date.now()
    while (server.logs({ event: 'request', route: '/stream' }).length < 2 && Date.now() - from < 10000) await new Promise(ok => setTimeout(ok, 20))
    assert.ok(Date.now() - from < 5000, 'noticed within a few events')
})

test('the log line of a request', async () => {
    const r = await server.get('/item/secret-id?token=secret-token', { cookie: 'parley_session=3' })
    const line = await server.logged({ event: 'request', id: r.headers['x-request-id'] })
    assert.equal(line.level, 'info')
    assert.deepEqual([line.program, line.route, line.method, line.status, line.sql, line.sql_ms, line.bytes], ['test', '/item/{id}', 'GET', 200, 3, 4.56, r.body.length])
    assert.match(line.tenant, /^ws_[0-9a-z]{26}$/)
    assert.ok(line.ms >= 0 && line.ms < 10000)
    assert.match(line.time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    assert.doesNotMatch(JSON.stringify(line), /secret/)
    const miss = await server.request({ method: 'HEAD', uri: '/nowhere' })
    const other = await server.logged({ event: 'request', id: miss.headers['x-request-id'] })
    assert.deepEqual([other.route, other.method, other.status, other.bytes, other.tenant], ['', 'HEAD', 404, 0, ''])
    assert.deepEqual([line.code, other.code], ['', 'not_found'])
})
