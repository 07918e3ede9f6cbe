// Requests: methods, paths, parameters, bodies, and the ways in which they can be wrong.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { begin, build, paramRecords, record, requestBytes, startServer, variables } from '../lib/fcgi.mjs'

let server
before(async () => (server = await startServer(`${build}/tests/http/testserver`)))
after(() => server.stop())

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const JSON_TYPE = { 'content-type': 'application/json' }
const WANTS_JSON = { accept: 'application/json' }
const problem = (r, status, code) => {
    assert.equal(r.status, status, r.text)
    assert.match(r.headers['content-type'], /^application\/problem\+json/)
    const p = r.json()
    assert.equal(p.code, code)
    assert.equal(p.status, status)
    assert.ok(p.title && p.detail && p.request_id === r.headers['x-request-id'])
    return p
}

test('a literal segment wins over a parameter, and falls back to it further down', async () => {
    assert.equal((await server.get('/item/new')).text, 'hello\n')
    assert.deepEqual((await server.get('/item/7')).json(), { id: '7', method: 'GET', path: '/item/7' })
    assert.deepEqual((await server.get('/item/new/part/b')).json(), { id: 'new', method: 'GET', path: '/item/new/part/b', part: 'b' })
})

test('segments are decoded one by one: %2F stays inside its segment', async () => {
    assert.equal((await server.get('/item/a%2Fb')).json().id, 'a/b')
    assert.equal((await server.get('/item/%C3%A9+x')).json().id, 'é+x')
    assert.equal((await server.get('/%70lain')).text, 'hello\n')
})

test('a path that is not in the table is 404', async () => {
    for (const uri of ['/nowhere', '/item', '/item/', '/item//', '/item/..', '/item/.', '/plain//', '//plain', '//plain/', '/item/7/part', `/${'a/'.repeat(40)}`])
        problem(await server.get(uri, WANTS_JSON), 404, 'not_found')
})

test('an address with one slash too many redirects to the right address', async () => {
    for (const [from, to] of [['/plain/', '/plain'], ['/item/7/?a=1&b', '/item/7?a=1&b'], ['/item/a%2Fb/', '/item/a%2Fb']]) {
        const r = await server.get(from)
        assert.deepEqual([r.status, r.headers.location], [308, to])
    }
    assert.equal((await server.request({ method: 'POST', uri: '/form/' })).status, 404)
})

test('a wrong method is answered with the methods that exist', async () => {
    const r = await server.request({ method: 'POST', uri: '/item/7', headers: WANTS_JSON })
    problem(r, 405, 'method_not_allowed')
    assert.equal(r.headers.allow, 'GET, HEAD, PUT, DELETE, OPTIONS')
    assert.equal((await server.request({ method: 'TRACE', uri: '/plain' })).status, 405)
    assert.equal((await server.request({ method: 'get', uri: '/plain' })).status, 405)
})

test('OPTIONS answers without a body', async () => {
    const r = await server.request({ method: 'OPTIONS', uri: '/item/7' })
    assert.equal(r.status, 204)
    assert.equal(r.headers.allow, 'GET, HEAD, PUT, DELETE, OPTIONS')
    assert.equal(r.body.length, 0)
    assert.equal((await server.request({ method: 'OPTIONS', uri: '/nowhere' })).status, 404)
})

test('HEAD has the headers of GET and no body', async () => {
    const get = await server.get('/plain'), head = await server.request({ method: 'HEAD', uri: '/plain' })
    assert.equal(head.status, 200)
    assert.equal(head.headers['content-length'], get.headers['content-length'])
    assert.equal(head.body.length, 0)
    const stream = await server.request({ method: 'HEAD', uri: '/stream?n=3' })
    assert.equal(stream.headers['content-type'], 'text/event-stream')
    assert.equal(stream.body.length, 0)
})

test('a query gives the first value of a name, decodes plus and percent, and skips empty parts', async () => {
    const r = await server.get('/query?a=1&a=2&&b=x+y%20%C3%A9&=z&c')
    assert.deepEqual([r.json().a, r.json().b], ['1', 'x y é'])
    assert.equal((await server.get('/query?%61=ok')).json().a, 'ok')
})

test('text that is not valid UTF-8 is refused in every part of a request', async () => {
    for (const bad of ['%00', '%FF', '%C3', '%C0%80', '%ED%A0%80', '%1B', '%zz', '%', '%4']) {
        problem(await server.get(`/query?a=${bad}`, WANTS_JSON), 400, 'bad_encoding')
        problem(await server.get(`/query?${bad}=1`, WANTS_JSON), 400, 'bad_encoding')
        problem(await server.get(`/item/x${bad}`, WANTS_JSON), 400, 'bad_encoding')
        problem(await server.post('/form', `a=${bad}`, { ...FORM, ...WANTS_JSON }), 400, 'bad_encoding')
    }
    problem(await server.post('/form', Buffer.from([0x61, 0x3d, 0xff]), { ...FORM, ...WANTS_JSON }), 400, 'bad_encoding')
})

test('headers and cookies that are not valid UTF-8 are ignored', async () => {
    const r = await server.request({ uri: '/query', params: { HTTP_USER_AGENT: Buffer.from([0x41, 0xff]), HTTP_COOKIE: Buffer.from('x=\xff; c="fine"; c=second; junk; =y', 'latin1') } })
    assert.equal(r.json().agent, '')
    assert.equal(r.json().cookie, 'fine')
})

test('more than 256 fields are refused', async () => {
    const fields = n => Array.from({ length: n }, (_, i) => `f${i}=1`).join('&')
    assert.equal((await server.get(`/query?${fields(256)}`)).status, 200)
    problem(await server.get(`/query?${fields(257)}`, WANTS_JSON), 400, 'too_many_fields')
    assert.equal((await server.post('/form', fields(256), FORM)).status, 200)
    problem(await server.post('/form', fields(257), { ...FORM, ...WANTS_JSON }), 400, 'too_many_fields')
})

test('too many headers and too large headers are refused', async () => {
    const many = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`HTTP_X_${i}`, 'v']))
    problem(await server.request({ uri: '/plain', headers: WANTS_JSON, params: many }), 431, 'headers_too_large')
    problem(await server.request({ uri: '/plain', headers: WANTS_JSON, params: { HTTP_X: 'v'.repeat(300000) } }), 431, 'headers_too_large')
    assert.equal((await server.get('/plain')).status, 200)
})

test('a form may name a charset, and may have empty or missing fields', async () => {
    const r = await server.post('/form', 'a=1+2&b', { 'content-type': 'Application/X-WWW-Form-Urlencoded; charset=UTF-8' })
    assert.deepEqual(r.json(), { a: '1 2', has_b: true, b: '' })
    assert.deepEqual((await server.post('/form', 'a=1', FORM)).json(), { a: '1', has_b: false, b: '' })
})

test('JSON bodies of a wrong type, syntax, kind or depth are refused', async () => {
    assert.deepEqual((await server.post('/json', '{"a":[1,2]}', { 'content-type': 'application/json; charset=utf-8' })).json(), { a: [1, 2] })
    assert.equal((await server.post('/json', '{"a":1}', { 'content-type': 'application/vnd.x+json' })).status, 200)
    problem(await server.post('/json', '{}', { ...FORM, ...WANTS_JSON }), 415, 'content_type')
    for (const bad of ['', '{', '[1]', '"x"', '{"a":1}x', '{"a":"\\ud800"}', '{"a":"\\u0000"}', '{"a":1,"a":2}', `{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`, 'null'])
        problem(await server.post('/json', bad, JSON_TYPE), 400, 'json_invalid')
    problem(await server.post('/json', Buffer.from('{"a":"\xff"}', 'latin1'), JSON_TYPE), 400, 'json_invalid')
})

test('a body over the limit of its route is refused unread, and the next request is served', async () => {
    assert.equal((await server.post('/small', 'x'.repeat(4096))).json().size, 4096)
    problem(await server.post('/small', 'x'.repeat(4097), WANTS_JSON), 413, 'too_large')
    problem(await server.post('/small', Buffer.alloc(10 << 20), WANTS_JSON), 413, 'too_large')
    problem(await server.request({ method: 'GET', uri: '/plain', body: 'x', headers: WANTS_JSON }), 413, 'too_large')
    assert.equal((await server.get('/plain')).status, 200)
})

test('a body of 10 MB, in small and in large records, arrives complete', async () => {
    const body = Buffer.alloc(10 << 20, 'parley')
    const sum = body.reduce((a, b) => a + b, 0)
    for (const chunk of [65528, 1000]) assert.deepEqual((await server.post('/bulk', body, {}, { chunk })).json(), { size: body.length, sum })
})

test('a declared length that is wrong or not a number is refused', async () => {
    for (const n of ['-1', '+5', '5x', ' 5', '1e3', '0x10', '99999999999999999999'])
        problem(await server.request({ method: 'POST', uri: '/small', headers: WANTS_JSON, params: { CONTENT_LENGTH: n } }), 400, 'length_invalid')
    problem(await server.request({ method: 'POST', uri: '/small', body: 'abc', headers: WANTS_JSON, params: { CONTENT_LENGTH: '4' } }), 400, 'body_incomplete')
    problem(await server.request({ method: 'POST', uri: '/bulk', body: 'abc', headers: WANTS_JSON, params: { CONTENT_LENGTH: `${2 << 20}` } }), 400, 'body_incomplete')
    problem(await server.request({ method: 'POST', uri: '/small', headers: WANTS_JSON, params: { HTTP_TRANSFER_ENCODING: 'chunked' } }), 411, 'length_required')
    assert.equal((await server.request({ method: 'POST', uri: '/small', body: 'abcdef', params: { CONTENT_LENGTH: '3' } })).json().size, 3)
})

// ---- multipart ----

const part = (name, value, filename) =>
    `--B\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"\r\nContent-Type: text/csv`}\r\n\r\n${value}\r\n`
const MULTIPART = { 'content-type': 'multipart/form-data; boundary=B', ...WANTS_JSON }

test('multipart fields and files are parsed wherever records split the boundary', async () => {
    const body = Buffer.from(`${part('a', 'é')}${part('file', 'x,y\r\n--b\r\n1,2', 'faq "1".csv')}--B--\r\n`)
    const file = Buffer.from('x,y\r\n--b\r\n1,2')
    for (const chunk of [1, 7, 65528]) {
        const r = await server.post('/upload', body, MULTIPART, { chunk })
        assert.equal(r.status, 200, r.text)
        assert.deepEqual([r.json().size, r.json().sum, r.json().a], [file.length, file.reduce((a, b) => a + b, 0), 'é'])
    }
})

test('multipart accepts empty values and files, a preamble, and a quoted boundary with trailing blanks', async () => {
    const r = await server.post('/upload', `preamble\r\n--B \t\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n${part('file', '', 'e')}--B--`,
        { ...MULTIPART, 'content-type': 'multipart/form-data; charset=utf-8; boundary="B"' })
    assert.deepEqual([r.status, r.json().a, r.json().size, r.json().filename], [200, '', 0, 'e'])
})

test('a multipart file of 12 MB is stored in an unnamed temporary file', async () => {
    const file = Buffer.alloc(12 << 20, 'faq')
    const body = Buffer.concat([Buffer.from(part('a', '1') + '--B\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\n\r\n'), file, Buffer.from('\r\n--B--\r\n')])
    const r = await server.post('/upload', body, MULTIPART)
    assert.deepEqual([r.json().size, r.json().sum, r.json().filename], [file.length, file.reduce((a, b) => a + b, 0), 'big.csv'])
})

test('multipart bodies with broken framing are refused', async () => {
    for (const bad of ['', 'x', '--B', '--B\r\n', `${part('a', '1')}`, `${part('a', '1')}--B`, '--B\r\nX: y\r\n\r\nv\r\n--B--',
        '--B\r\nContent-Disposition: form-data; name=""\r\n\r\nv\r\n--B--', '--B\r\nContent-Disposition: form-data; name="a\r\n\r\nv\r\n--B--',
        `--B\r\nContent-Disposition: form-data; name="a"\r\nX: ${'y'.repeat(9000)}\r\n\r\nv\r\n--B--`]) {
        const r = await server.post('/upload', bad, MULTIPART)
        if (bad === '') assert.equal(r.status, 200)
        else problem(r, 400, 'multipart_invalid')
    }
    problem(await server.post('/upload', `${part('a', '\x00')}--B--`, MULTIPART), 400, 'bad_encoding')
    problem(await server.post('/upload', `${part('a', '1').repeat(257)}--B--`, MULTIPART), 400, 'too_many_fields')
    assert.equal((await server.post('/upload', part('a', '1'), { 'content-type': 'multipart/form-data' })).json().a, '')
})

// ---- clients that misbehave ----

test('a kept connection does not pin a thread', async () => {
    const kept = []
    for (let i = 0; i < 8; i++) kept.push((await server.request({ uri: '/plain', keep: true })).connection)
    for (let i = 0; i < 8; i++) assert.equal((await server.get('/plain')).text, 'hello\n')
    for (const c of kept) c.end()
})

test('half-sent requests time out, and the next ones are served', async t => {
    const slow = await startServer(`${build}/tests/http/testserver`, { t, config: { api_threads: 2, request_timeout: '1s' } })
    const half = requestBytes({ uri: '/plain' })
    const body = variables({ method: 'POST', uri: '/small', params: { CONTENT_LENGTH: '10' } })
    const stuck = [await slow.connect(), await slow.connect(), await slow.connect(), await slow.connect()]
    stuck[0].write(half.subarray(0, 5))
    stuck[1].write(half.subarray(0, 40))
    stuck[2].write(Buffer.concat([begin(), paramRecords(body), record(5, Buffer.from('abc'))]))
    const from = Date.now()
    assert.equal((await slow.get('/plain')).text, 'hello\n')
    assert.ok(Date.now() - from < 5000)
    for (const c of stuck) c.end()
    assert.deepEqual(await slow.stop(), { code: 0, signal: null })
})

test('a connection that does not speak FastCGI is dropped', async () => {
    for (const bytes of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(4096, 255), Buffer.concat([begin(), record(4, Buffer.from([0x80, 0, 0]))])]) {
        const c = await server.connect()
        c.write(bytes)
        assert.equal((await server.get('/plain')).text, 'hello\n')
        c.end()
        assert.equal((await server.get('/plain')).text, 'hello\n')
    }
})

test('a visitor who leaves is detected', async () => {
    const c = await server.connect()
    c.write(requestBytes({ uri: '/wait-gone' }))
    await server.logged({ event: 'entered' })
    c.end()
    assert.equal((await server.logged({ route: '/wait-gone' })).status, 204)
})
