// The chain of engines of a bot: who is asked again, who is next, what leaves, and what is recorded.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import https from 'node:https'
import net from 'node:net'
import path from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { Chain } from './chain.mjs'
import { KEY as ANTHROPIC_KEY, startAnthropic } from './fake/anthropic.mjs'
import { startOllama } from './fake/ollama.mjs'
import { KEY, startOpenai } from './fake/openai.mjs'

let first, second, third, chain

before(async () => {
    first = await startOpenai()
    second = await startAnthropic()
    third = await startOllama()
    chain = new Chain(first.port, second.port, third.port)
})
after(async () => {
    await chain?.end()
    for (const fake of [first, second, third]) await fake?.stop()
})
beforeEach(() => { for (const fake of [first, second, third]) fake.clear() })

const links = more => [
    { type: 'openai', settings: { base_url: `${first.url}/v1`, api_key: KEY, model: 'small', embedding_model: 'e' }, ...more },
    { type: 'anthropic', settings: { base_url: second.url, api_key: ANTHROPIC_KEY, model: 'claude-small' }, ...more },
    { type: 'ollama', settings: { base_url: third.url, model: 'small', embedding_model: 'e' }, ...more },
]
const ask = (job, more) => chain.ask({ links: links(more), ...job })
const classes = got => got.tries.map(t => `${t.type} ${t.class}`)

test('an engine that fails for good is followed by the next, and each try is recorded', async () => {
    first.script = { status: 401, body: { error: { message: 'no', code: 'invalid_api_key' } } }
    second.script = { status: 400, body: { type: 'error', error: { type: 'invalid_request_error', message: 'Your credit balance is too low' } } }
    const got = await ask()
    assert.deepEqual([got.class, got.winner, got.message], ['OK', 2, 'Hello, world'])
    assert.deepEqual(classes(got), ['openai AUTH', 'anthropic QUOTA', 'ollama OK'])
    assert.deepEqual(got.tries.map(t => [t.model, t.out, t.first_ms >= 0, t.answered]), [['small', -1, false, false], ['claude-small', -1, false, false], ['small', 7, true, true]])
})

test('an engine that may recover is asked three times with pauses, then the next', async () => {
    first.script = { status: 500 }
    const got = await ask()
    assert.deepEqual(classes(got), ['openai UPSTREAM', 'openai UPSTREAM', 'openai UPSTREAM', 'anthropic OK'])
    assert.ok(got.ms >= 250 + 500 && got.ms < 500 + 1000 + 1500, `${got.ms} ms`)
    first.queue = [{ status: 503 }, { fault: 'resetBefore' }]
    first.script = {}
    assert.deepEqual(classes(await ask()), ['openai OVERLOADED', 'openai NET', 'openai OK'])
})

test('a request that did not arrive or was refused has used no tokens, one that was answered has', async () => {
    first.script = { status: 401 }
    second.script = { fault: 'resetBefore' }
    third.script = { fault: 'cut' }
    const got = await ask({}, { budget_ms: 400 })
    assert.deepEqual(got.tries.map(t => [t.class, t.estimate_in > 0, t.estimate_out > 0]).filter((_, i, all) => i === 0 || i === all.length - 1), [['AUTH', false, false], ['TRUNCATED', true, true]])
    assert.ok(got.tries.every(t => t.answered || t.http || t.class !== 'NET' || t.estimate_in > 0)) // it may have arrived
    first.script = { fault: 'silent' }
    assert.ok((await ask({ links: links({ first_byte_ms: 200 }).slice(0, 1) })).tries[0].estimate_in > 0)
})

test('a pause that would end after the time of the engine is not begun', async () => {
    first.script = { status: 429, headers: { 'retry-after': '2' } }
    const got = await ask({}, { budget_ms: 1500 })
    assert.deepEqual(classes(got), ['openai RATE', 'anthropic OK'])
    assert.ok(got.ms < 1000, `${got.ms} ms`)
})

test('each engine has a time of its own', async () => {
    first.script = { fault: 'silent' }
    second.script = { fault: 'headersOnly' }
    const got = await ask({}, { budget_ms: 400 })
    assert.deepEqual(classes(got), ['openai TOTAL_TIMEOUT', 'anthropic TOTAL_TIMEOUT', 'ollama OK'])
    assert.ok(got.ms >= 800 && got.ms < 2000, `${got.ms} ms`)
})

test('after the first piece nobody is asked again', async () => {
    for (const fault of ['cut', 'resetAfter']) {
        first.clear()
        first.script = { fault }
        const got = await ask()
        assert.deepEqual([classes(got), got.interrupted, got.winner, got.deltas], [['openai TRUNCATED'], true, -1, 'Hello'])
        assert.deepEqual([first.requests.length, second.requests.length], [1, 0])
    }
})

test('when all have failed, the last reason is told', async () => {
    first.script = { status: 404 }
    second.script = { status: 403 }
    third.script = { text: '' }
    const got = await ask()
    assert.deepEqual([got.class, got.winner, got.interrupted], ['NO_REPLY', -1, false])
    assert.deepEqual(classes(got), ['openai NOT_FOUND', 'anthropic AUTH', 'ollama NO_REPLY'])
})

test('the visitor may leave in a pause and before the first call', async () => {
    first.script = { status: 429, headers: { 'retry-after': '20' } }
    const pause = await ask({ cancel_ms: 200 })
    assert.deepEqual([pause.class, second.requests.length], ['CANCELLED', 0])
    assert.ok(pause.cancelled_ms < 100, `${pause.cancelled_ms} ms`)
    assert.equal((await ask({ cancel_ms: 0 })).class, 'CANCELLED')
})

const PERSONAL = 'I am eva@example.org, card 4111 1111 1111 1111, from 192.0.2.7, case K-1234'

test('personal data does not leave, and comes back in the answer', async () => {
    first.script = { chunks: ['Dear [EM', 'AIL_1', '], case [PRIV', 'ATE_1] and [what', '] [CARD'] }
    const got = await ask({ mask: true, mask_patterns: ['\\bK-\\d+\\b'], messages: [{ role: 'system', text: 'Help eva@example.org' }, { role: 'user', text: PERSONAL }] })
    const sent = ['Help [EMAIL_1]', 'I am [EMAIL_1], card [CARD_1], from [IP_1], case [PRIVATE_1]']
    assert.deepEqual(first.requests[0].body.messages.map(m => m.content), sent)
    assert.deepEqual(got.sent, sent)
    const answer = 'Dear eva@example.org, case K-1234 and [what] [CARD'
    assert.deepEqual([got.deltas, got.message], [answer, answer])
    assert.ok(got.of('delta').every(e => !/\[EM/.test(e.text)))
    assert.doesNotMatch(chain.log, /eva@example/)
})

test('masked values come back escaped in the arguments of tools and in answers by a schema', async () => {
    const mask = { mask: true, mask_patterns: ['"[^"]*"'], messages: [{ role: 'user', text: 'my name is "Eva"' }] }
    first.script = { calls: [{ id: 'a', name: 'save', arguments: ['{"name":"[PRIVATE_1]"}'] }] }
    assert.equal((await ask(mask)).of('tool_call')[0].arguments, '{"name":"\\"Eva\\""}')
    first.script = { chunks: ['{"name":"[PRIV', 'ATE_1]"}'] }
    assert.deepEqual(JSON.parse((await ask({ ...mask, schema: { type: 'object' } })).message), { name: '"Eva"' })
})

test('what was held back is shown when an answer is cut off', async () => {
    first.script = { chunks: ['Dear [EMAIL', '_1] and [EMAIL'], finish: null, done: false }
    const got = await ask({ mask: true, messages: [{ role: 'user', text: PERSONAL }] })
    assert.deepEqual([got.class, got.interrupted, got.deltas], ['TRUNCATED', true, 'Dear eva@example.org and [EMAIL'])
})

test('nothing leaves when a pattern is wrong or takes too long', async () => {
    const wrong = await ask({ mask: true, mask_patterns: ['('] })
    assert.match(wrong.refused, /pattern is wrong/)
    const slow = await ask({ mask: true, mask_patterns: ['(a+)+$'], messages: [{ role: 'user', text: `${'a'.repeat(100)}b` }] })
    assert.match(slow.refused, /takes too long/)
    assert.equal(first.requests.length, 0)
})

test('odd values in a document do not cost the rest of it', async () => {
    const raw = data => ({ raw: `data: ${data}\n\n` })
    first.script = { text: '', extra: [
        raw('{"id":99999999999999999999999,"created":NaN,"choices":[{"index":0,"delta":{"content":"a\\ud83d"}}]}'),
        raw('{"choices":[],"choices":[{"index":0,"delta":{"content":"b\\u0000"},"x":18446744073709551616}]}'),
        raw('{"choices":[{"index":0,"delta":{"content":"שלום e\\u0301"}}]}'),
    ] }
    const got = await ask()
    assert.deepEqual([got.class, got.winner], ['OK', 0])
    assert.match(got.message, /^a\uFFFDb\uFFFD?שלום e\u0301$/)
})

test('a body of 100 MB ends the call long before', async () => {
    first.script = { fault: 'huge', type: 'application/json' }
    const got = await ask({ links: links().slice(0, 1) })
    assert.deepEqual([got.class, got.in_flight], ['TOO_BIG', 0])
})

test('a prompt of 1 MB is sent, and a hundred chains in a row leave nothing behind', async () => {
    const text = 'ü'.repeat(500000)
    assert.equal((await ask({ messages: [{ role: 'user', text }] })).class, 'OK')
    assert.equal(first.requests[0].body.messages[0].content, text)
    for (let i = 0; i < 100; i++) assert.equal((await ask()).in_flight, 0)
})

test('a long name of a model is recorded in whole characters', async () => {
    const [link] = links()
    const got = await ask({ links: [{ ...link, settings: { ...link.settings, model: `${'m'.repeat(126)}ü` } }] })
    assert.deepEqual([got.class, got.tries[0].model], ['NOT_FOUND', 'm'.repeat(126)])
})

test('an engine without embeddings is passed over', async () => {
    const got = await chain.ask({ asking: 'embed', texts: ['a'], links: links().slice(1) })
    assert.deepEqual([classes(got), got.winner], [['anthropic CONFIG', 'ollama OK'], 1])
})

test('a probe is not repeated', async () => {
    first.script = { status: 500 }
    const got = await chain.ask({ asking: 'probe', links: links().slice(0, 1) })
    assert.deepEqual(classes(got), ['openai UPSTREAM'])
})

test('a server that no one vouches for gets neither the key nor the question', async () => {
    const key = path.join(chain.place, 'key.pem'), cert = path.join(chain.place, 'cert.pem')
    const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1',
        '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert])
    assert.equal(made.status, 0, String(made.stderr))
    let asked = 0
    const server = https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) }, (rq, rs) => { asked++; rs.end() }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const other = new Chain(server.address().port)
    const [link] = links()
    const got = await other.ask({ links: [{ ...link, settings: { ...link.settings, base_url: `https://127.0.0.1:${server.address().port}/v1` } }] })
    assert.deepEqual([got.class, got.delivered, asked], ['TLS', false, 0])
    await other.end()
    server.close()
})

test('a port where nothing listens cannot be reached', async () => {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address()
    server.close()
    await once(server, 'close')
    const other = new Chain(port)
    const [link] = links({ budget_ms: 400 })
    const got = await other.ask({ links: [{ ...link, settings: { ...link.settings, base_url: `http://127.0.0.1:${port}/v1` } }] })
    assert.deepEqual([got.class, got.delivered, got.http], ['NET', false, 0])
    await other.end()
})
