// What may happen to a connection, whatever is spoken over it: every type of engine names each fault in the same way,
// leaves nothing behind, and shows no secret.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Chain } from './chain.mjs'
import { keyFile } from './fake/dialogflow.mjs'

const KEY = 'secret-key-0123456789', WEBHOOK = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const SSE = 'text/event-stream', JSON_TYPE = 'application/json'

/** The settings of each type, as a list where its tasks speak differently, and the type of the replies that it wants. */
const types = url => ({
    openai: [{ base_url: `${url}/v1`, api_key: KEY, model: 'm' }, SSE],
    anthropic: [{ base_url: url, api_key: KEY, model: 'm' }, SSE],
    ollama: [{ base_url: url, model: 'm' }, 'application/x-ndjson'],
    huggingface: [{ base_url: `${url}/v1`, api_key: KEY, model: 'a/m', task: 'chat' }, SSE],
    'huggingface generate': [{ base_url: url, api_key: KEY, task: 'generate' }, SSE],
    'huggingface task': [{ base_url: url, api_key: KEY, model: 'a/m', task: 'text-generation' }, JSON_TYPE],
    tei: [{ base_url: url, api_key: KEY }, JSON_TYPE, { asking: 'embed', texts: ['a'] }],
    botpress: [{ base_url: url, encryption_key: KEY, quiet_ms: 100, max_wait_ms: 400 }, JSON_TYPE],
    botpress12: [{ base_url: url, bot: 'b', email: 'a@example.org', password: KEY }, JSON_TYPE],
    rasa: [{ base_url: url, token: KEY }, JSON_TYPE],
    webhook: [{ base_url: url, secret: WEBHOOK }, JSON_TYPE],
    dialogflow_es: [{ base_url: url, service_account: JSON.stringify(keyFile({ url })) }, JSON_TYPE],
    dialogflow_cx: [{ base_url: url, service_account: JSON.stringify(keyFile({ url })), location: 'eu', agent: 'a' }, JSON_TYPE],
})

/** One server and one chain for each type, so that a fault can meet all types at once. */
const engines = []
before(async () => {
    for (const name of Object.keys(types(''))) {
        const server = http.createServer((rq, rs) => {
            rs.on('error', () => {})
            rq.on('data', () => {}).on('end', () => engine.answer(rq, rs))
        }).listen(0, '127.0.0.1')
        await once(server, 'listening')
        const { port } = server.address(), [settings, reply, job] = types(`http://127.0.0.1:${port}`)[name]
        const engine = { name, server, reply, settings, job, chain: new Chain(port), type: name.split(' ')[0] }
        engines.push(engine)
    }
})
after(async () => {
    for (const { server, chain } of engines) {
        await chain.end()
        server.closeAllConnections()
        server.close()
    }
})

/** Asks every type once; answer(rq, rs, type of the reply) is what its server does. */
const meet = (answer, link) => Promise.all(engines.map(async engine => {
    engine.asked = 0
    engine.answer = (rq, rs) => { engine.asked++; answer(rq, rs, engine.reply) }
    const got = await engine.chain.ask({ conversation: 'conv_00000000000000000000000001', contact: 'usr_00000000000000000000000001', message_id: 'm1', ...engine.job,
        links: [{ type: engine.type, settings: engine.settings, budget_ms: 240, ...link }] })
    assert.equal(got.in_flight, 0, engine.name)
    assert.deepEqual([got.message, got.of('vector').length], [undefined, 0], engine.name)
    for (const secret of [KEY, WEBHOOK.slice(6), 'PRIVATE KEY'].filter(s => JSON.stringify(engine.settings).includes(s)))
        assert.ok(!(JSON.stringify(got) + engine.chain.log).includes(secret), `${engine.name} shows its secret: ${JSON.stringify(got)}`)
    return { ...got, name: engine.name, asked: engine.asked }
}))
const check = async (expected, answer, link) => {
    for (const got of await meet(answer, link)) assert.ok([expected].flat().includes(got.class), `${got.name}: ${got.class} ${got.text}`)
}
const head = (rs, type, more) => { rs.writeHead(200, { 'content-type': type, ...more }); rs.flushHeaders() }
const until = (rs, write) => (async () => { while (!rs.destroyed) await write() })()

test('every type of engine.def is here', () => {
    const def = fs.readFileSync(new URL('../../src/engine/engine.def', import.meta.url), 'utf8')
    assert.deepEqual([...new Set(engines.map(e => e.type))].sort(), [...def.matchAll(/^ENGINE\((\w+)/gm)].map(m => m[1]).sort())
})

for (const [fault, expected, answer, link] of [
    ['silence', 'FIRST_TIMEOUT', () => {}, { first_byte_ms: 150, budget_ms: 2000 }],
    ['headers, then silence', 'IDLE_TIMEOUT', (_, rs, type) => head(rs, type), { idle_ms: 150, budget_ms: 2000 }],
    ['a space now and then', ['TOTAL_TIMEOUT', 'IDLE_TIMEOUT'], (_, rs, type) => { head(rs, type); until(rs, async () => { rs.write('\n'); await sleep(40) }) }, { idle_ms: 300, budget_ms: 600 }],
    ['a connection that is reset', 'NET', (_, rs) => rs.socket.resetAndDestroy()],
    ['a connection that is reset in the reply', 'TRUNCATED', async (_, rs, type) => { head(rs, type); rs.write(' '); await sleep(30); rs.socket.resetAndDestroy() }],
    ['a chunk that is not one', ['TRUNCATED', 'NET'], (_, rs, type) => rs.socket.end(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`)],
    ['a reply that is not HTTP', ['NET', 'TRUNCATED'], (_, rs) => rs.socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
    ['gzip that is none', ['TRUNCATED', 'NET', 'PROTOCOL'], (_, rs, type) => { head(rs, type, { 'content-encoding': 'gzip' }); rs.end('not gzip at all') }],
    ['a web page', 'PROTOCOL', (_, rs) => { head(rs, 'text/html'); rs.end('<!DOCTYPE html><p>Log in</p>') }],
    ['a web page of a proxy', 'UPSTREAM', (_, rs) => { rs.writeHead(502, { 'content-type': 'text/html' }); rs.end('<h1>Bad gateway</h1>') }],
    ['nothing', 'PROTOCOL', (_, rs, type) => { head(rs, type); rs.end() }],
    ['204', 'PROTOCOL', (_, rs) => rs.writeHead(204).end()],
    ['a redirect to the metadata of the machine', 'PROTOCOL', (_, rs) => rs.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end()],
    ['half a document', ['PROTOCOL', 'TRUNCATED'], (_, rs) => { head(rs, JSON_TYPE); rs.end('{"a":[1,') }],
    ['a document of 1,000 levels', 'PROTOCOL', (_, rs) => { head(rs, JSON_TYPE); rs.end('['.repeat(1000) + ']'.repeat(1000)) }],
]) test(`${fault} is ${[expected].flat().join(' or ')}`, () => check(expected, answer, link))

test('a document without end, or one line of 10 MB, ends the call long before', async () => {
    for (const [type, start] of [[JSON_TYPE, '["'], [undefined, 'data: {"a":"']])
        await check('TOO_BIG', (_, rs, wanted) => {
            head(rs, type ?? wanted)
            rs.write(start)
            until(rs, async () => { if (!rs.write('x'.repeat(65536))) await Promise.race([once(rs, 'drain'), once(rs, 'close')]) })
        }, { budget_ms: 20000 })
})

test('a document of another service is not taken for an answer', async () => {
    for (const body of ['{}', '[]', '"text"', '7', 'null', '{"ok":true,"data":{"id":1}}', '[{"a":1},{"b":2}]', '{"error":{}}', '{"messages":7,"choices":"x","responses":{},"content":null}'])
        for (const got of await meet((_, rs) => { head(rs, JSON_TYPE); rs.end(body) })) assert.notEqual(got.class, 'OK', `${got.name} and ${body}`)
})

test('a server that repeats the whole request in its error shows no secret', () => check(['AUTH', 'REQUEST', 'PROTOCOL'], (rq, rs) => {
    rs.writeHead(401, { 'content-type': JSON_TYPE, 'x-request-id': KEY, 'request-id': KEY })
    rs.end(JSON.stringify({ error: { message: `${KEY} ${WEBHOOK} ${JSON.stringify(rq.headers)}`, type: KEY, code: KEY }, message: KEY, detail: `${rq.url} ${KEY}` }))
}))

test('429 forever is asked as often as the time allows, and not at all when the server wants an hour', async () => {
    for (const [after, most] of [['3600', 1], ['-5', 3], ['Thu, 01 Jan 1970 00:00:00 GMT', 3]])
        for (const got of await meet((_, rs) => rs.writeHead(429, { 'content-type': JSON_TYPE, 'retry-after': after }).end('{}'), { budget_ms: 3000 })) {
            assert.equal(got.class, 'RATE', got.name)
            assert.ok(got.asked >= 1 && got.asked <= most, `${got.name} was asked ${got.asked} times with ${after}: ${JSON.stringify(got.tries)}`)
        }
})

test('the visitor may leave while any type waits', async () => {
    for (const engine of engines) {
        engine.answer = () => {}
        const got = await engine.chain.ask({ conversation: 'conv_00000000000000000000000001', contact: 'usr_00000000000000000000000001', message_id: 'm1', ...engine.job,
            links: [{ type: engine.type, settings: engine.settings }], cancel_ms: 60 })
        assert.deepEqual([got.class, got.in_flight, got.events], ['CANCELLED', 0, []], engine.name)
        assert.ok(got.cancelled_ms < 100, `${engine.name}: ${got.cancelled_ms} ms`)
    }
})
