// What should never come in: a clear answer with a stable code each time, and the next request served.
import assert from 'node:assert/strict'
import net from 'node:net'
import { after, before, beforeEach, afterEach, test } from 'node:test'
import { startInstall } from '../lib/install.mjs'
import { checkLedger, echoFlow, makeBot, newId, send, shown } from './lib.mjs'

let parley, bot, pid

before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off', request_timeout: '2s' } })
    ;({ bot } = await makeBot(parley, echoFlow))
})
after(async () => {
    await checkLedger(parley, assert)
    await parley?.stop()
})
beforeEach(() => { pid = parley.pid('chat') })
afterEach(async () => {
    assert.equal((await send(parley, bot, { text: 'the next one' })).status, 200, 'the next request is served')
    assert.equal(parley.pid('chat'), pid, 'by the same process')
})

function isProblem(reply, status, code, pointer) {
    assert.deepEqual([reply.status, reply.body.code, reply.body.pointer], [status, code, pointer])
    assert.match(reply.headers.get('content-type'), /^application\/problem\+json/)
    assert.equal(reply.body.status, status)
    assert.ok(reply.body.detail && reply.body.title && reply.body.type && reply.body.request_id)
    assert.equal(reply.headers.get('access-control-allow-origin'), '*')
}

const NUL = '\\u0000'
for (const [what, status, code, pointer, body] of [
    ['broken JSON', 400, 'json_invalid', undefined, '{"text": "x"'],
    ['no JSON at all', 400, 'json_invalid', undefined, 'text=x'],
    ['nothing', 400, 'json_invalid', undefined, ''],
    ['more behind the JSON', 400, 'json_invalid', undefined, '{"text":"x"} {}'],
    ['1,000 levels', 400, 'json_invalid', undefined, '{"contact":' + '{"a":'.repeat(1000) + '1' + '}'.repeat(1001)],
    ['1,000 levels of arrays', 400, 'json_invalid', undefined, '['.repeat(1000) + ']'.repeat(1000)],
    ['a list in place of an object', 400, 'json_invalid', undefined, '[]'],
    ['invalid UTF-8', 400, 'json_invalid', undefined, Buffer.concat([Buffer.from('{"text":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')])],
    ['an overlong form', 400, 'json_invalid', undefined, Buffer.concat([Buffer.from('{"text":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')])],
    ['NUL in a text', 400, 'json_invalid', undefined, `{"text":"a${NUL}b"}`],
    ['a lone surrogate', 400, 'json_invalid', undefined, '{"text":"\\ud800"}'],
    ['a key twice', 400, 'json_invalid', undefined, '{"text":"a","text":"b"}'],
    ['no text', 422, 'text_empty', '/text', {}],
    ['empty text', 422, 'text_empty', '/text', { text: '' }],
    ['only white space', 422, 'text_empty', '/text', { text: ' \n\t ' }],
    ['a text too long', 422, 'text_too_long', '/text', { text: 'x'.repeat(4001) }],
    ['a control character', 422, 'text_invalid', '/text', { text: 'a\u0007b' }],
    ['a number as text', 422, 'field_type', '/text', { text: 5 }],
    ['null as text', 422, 'field_type', '/text', { text: null }],
    ['a list as text', 422, 'field_type', '/text', { text: ['x'] }],
    ['a list as contact', 422, 'field_type', '/contact', { text: 'x', contact: [] }],
    ['a contact too large', 422, 'contact_too_large', '/contact', { text: 'x', contact: { note: 'x'.repeat(5000) } }],
    ['a field nobody knows', 422, 'field_unknown', '/txt', { txt: 'x' }],
    ['a field with a slash', 422, 'field_unknown', '/a~1b~0', { 'a/b~': 1 }],
    ['an id too long', 422, 'id_too_long', '/id', { text: 'x', id: 'i'.repeat(101) }],
    ['a locale that is none', 422, 'locale_invalid', '/locale', { text: 'x', locale: 'en_US; DROP' }],
    ['a choice too long', 422, 'choice_too_long', '/choice', { choice: 'c'.repeat(401) }],
    ['a body too large', 413, 'too_large', undefined, { text: 'x'.repeat(70000) }],
]) {
    test(what, async () => isProblem(await send(parley, bot, body), status, code, pointer))
}

test('4,000 characters of four bytes each are a message', async () => {
    const text = '👋'.repeat(4000)
    const reply = await send(parley, bot, { text })
    assert.equal(reply.status, 200)
    const next = await send(parley, bot, { text, conversation: reply.body.conversation, token: reply.body.token })
    assert.ok(next.status === 200 || next.body.code, 'and what the bot makes of it has an answer too')
})

test('a JSON error is reported once, with its position', async () => {
    const reply = await send(parley, bot, '{"text": }')
    assert.match(reply.body.detail, /^This is not valid JSON: line 1, column 10: /)
})

test('a body of 10 MB is refused', async () => {
    const reply = await send(parley, bot, { text: 'x'.repeat(10 << 20) })
    assert.equal(reply.status, 413)
})

test('a body that is not JSON is refused', async () => isProblem(await send(parley, bot, 'text=x', { headers: { 'Content-Type': 'text/plain' } }), 415, 'content_type'))

test('unknown bots are 404', async () => {
    for (const id of [shown('bot', newId()), 'bot_1', 'x', '%00', '..%2f..', bot.replace('bot_', 'conv_')]) {
        const reply = await send(parley, id, { text: 'x' })
        assert.ok([400, 404].includes(reply.status), `${id}: ${reply.status}`)
    }
    isProblem(await send(parley, shown('bot', newId()), { text: 'x' }), 404, 'bot_unknown')
})

test('other methods are refused', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH']) {
        const reply = await fetch(`${parley.url}/chat/${bot}/messages`, { method })
        assert.equal(reply.status, 405)
        assert.match(reply.headers.get('allow'), /POST/)
    }
    const preflight = await fetch(`${parley.url}/chat/${bot}/messages`, { method: 'OPTIONS', headers: { Origin: 'https://shop.example' } })
    assert.equal(preflight.status, 204)
    assert.equal(preflight.headers.get('access-control-allow-origin'), '*')
    assert.match(preflight.headers.get('access-control-allow-headers'), /Content-Type/)
    assert.equal(preflight.headers.get('access-control-allow-credentials'), null)
})

/** Send raw bytes over a new connection; returns what was received until it was closed or `ms` passed. */
function raw(bytes, ms = 6000) {
    return new Promise(done => {
        const socket = net.connect(parley.port, '127.0.0.1', () => socket.write(bytes))
        let text = ''
        socket.on('data', d => { text += d })
        socket.on('error', () => done(text))
        socket.on('close', () => done(text))
        setTimeout(() => socket.destroy(), ms) // the client gives up
    })
}

test('incomplete requests and vanished clients leave the program responsive', { timeout: 60000 }, async () => {
    const head = `POST /chat/${bot}/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`
    await Promise.all([
        ...Array.from({ length: 64 }, () => raw(`${head}Content-Length: 100\r\n\r\n{"text":`, 500)),
        ...Array.from({ length: 64 }, (_, i) => raw(`${head}Content-Length: 17\r\n\r\n{"text":"gone ${i % 10}"}`, 1)),
        raw(`${head}Content-Length: 5\r\n`, 500),
        raw(`${head}X-Evil: a\r\n\tb\r\nContent-Length: 12\r\n\r\n{"text":"x"}`, 500),
        raw('\0\0\0\0', 500),
    ])
    assert.equal((await send(parley, bot, { text: 'still here?' })).status, 200)
})

test('a header value with a line break is never echoed', async () => {
    const reply = await raw(`GET /chat/${bot}?lang=%0d%0aSet-Cookie:%20evil=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    assert.doesNotMatch(reply, /^Set-Cookie: evil/mi)
})
