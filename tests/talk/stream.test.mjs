// Answers as events, and flows that call out: incremental through the web server, cancelled with the visitor, never to private addresses.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import { after, before, test } from 'node:test'
import { startInstall, until } from '../lib/install.mjs'
import { callFlow, checkLedger, echoFlow, hexOf, makeBot, send, stream } from './lib.mjs'

let parley, slow, port, calls, cut

before(async () => {
    calls = []
    cut = 0
    slow = http.createServer((request, response) => {
        calls.push(request.url)
        const wait = Number(new URL(request.url, 'http://x').searchParams.get('ms') ?? 0)
        const timer = setTimeout(() => {
            response.setHeader('Content-Type', 'application/json')
            response.end(JSON.stringify({ word: 'ready' }))
        }, wait)
        response.on('close', () => { if (!response.writableEnded) { cut++; clearTimeout(timer) } })
    })
    await new Promise(ok => slow.listen(0, '127.0.0.1', ok))
    ;({ port } = slow.address())
    parley = await startInstall({ config: { rate_limits: 'off', http_allow_private: `127.0.0.1:${port}` } })
})
after(async () => {
    slow.close()
    slow.closeAllConnections()
    await parley?.stop()
})

const collect = async events => { const all = []; for await (const e of events) all.push(e); return all }

test('messages are streamed as they are made, and the end once it is recorded', async () => {
    const { bot } = await makeBot(parley, callFlow(`http://127.0.0.1:${port}/?ms=1500`))
    const events = await collect(stream(parley, bot, { text: 'go' }))
    assert.deepEqual(events.map(e => e.name), ['message', 'message', 'message', 'done'])
    assert.equal(events[0].data.text, 'One moment.')
    assert.equal(events[0].data.seq, undefined, 'not recorded yet: no number')
    assert.ok(events[0].at < 1000, `the first message came after ${events[0].at} ms`)
    assert.ok(events[1].at >= 1400, `the message after the call came after ${events[1].at} ms`)
    const done = events.at(-1).data
    assert.deepEqual(done.messages.map(m => [m.seq, m.text]), [[2, 'One moment.'], [3, 'It says: ready'], [4, 'Again?']])
    assert.ok(done.token && done.conversation && done.state === 'open')
})

test('a refusal before the first event is an ordinary error reply', async () => {
    const { bot } = await makeBot(parley, echoFlow)
    await assert.rejects(collect(stream(parley, bot, { text: '' })), { status: 422 })
    await assert.rejects(collect(stream(parley, bot, { text: 'x', conversation: 'conv_x', token: 'y' })), { status: 404 })
})

test('a visitor who leaves cancels the call, and nothing is recorded', { timeout: 30000 }, async () => {
    const { bot, hex } = await makeBot(parley, callFlow(`http://127.0.0.1:${port}/?ms=60000`))
    const cutBefore = cut, requests = () => parley.log('serve').match(/"event":"request".*\/messages"/g)?.length ?? 0, requestsBefore = requests()
    const stop = new AbortController()
    const events = stream(parley, bot, { text: 'go' }, { signal: stop.signal })
    assert.equal((await events.next()).value.data.text, 'One moment.')
    stop.abort()
    await events.next().catch(() => {})
    await until('the call to be cut', () => cut > cutBefore, 20000)
    await until('the end of its turn', () => requests() > requestsBefore)
    const [row] = await parley.sql(`SELECT COUNT(*) AS n FROM conversation WHERE bot_id = 0x${hex}`)
    assert.equal(row.n, '0')
})

test('a call is made once however often the message is repeated', async () => {
    const { bot } = await makeBot(parley, callFlow(`http://127.0.0.1:${port}/once`))
    const message = { text: 'go', id: 'a-message-sent-many-times' }
    const first = await send(parley, bot, message)
    assert.equal(first.body.messages[1].text, 'It says: ready')
    const before = calls.length
    const again = await Promise.all([send(parley, bot, message), send(parley, bot, message), collect(stream(parley, bot, message))])
    assert.deepEqual(again[0].body, first.body)
    assert.deepEqual(again[1].body, first.body)
    assert.deepEqual(again[2].map(e => e.name), ['done'], 'a stream of a repeated message shows nothing but the answer of that time')
    assert.deepEqual(again[2][0].data, first.body)
    assert.equal(calls.length, before)
})

test('slow calls never hold up others', { timeout: 30000 }, async () => {
    const { bot } = await makeBot(parley, callFlow(`http://127.0.0.1:${port}/?ms=3000`))
    const { bot: quick } = await makeBot(parley, echoFlow)
    let over = 0
    const before = calls.length
    const waiting = Array.from({ length: 24 }, () => send(parley, bot, { text: 'go' }).finally(() => over++))
    await until('the calls', () => calls.length === before + 24)
    assert.equal((await send(parley, quick, { text: 'quick' })).status, 200)
    assert.equal(over, 0, 'answered before any of the slow ones')
    for (const reply of await Promise.all(waiting)) assert.equal(reply.body.messages[1].text, 'It says: ready')
})

test('hundreds of turns that wait hold no threads, and each gets its answer', { timeout: 60000 }, async () => {
    const { bot } = await makeBot(parley, callFlow(`http://127.0.0.1:${port}/?ms=4000`))
    const { bot: quick } = await makeBot(parley, echoFlow)
    const before = calls.length
    let over = 0
    const waiting = Array.from({ length: 300 }, () => send(parley, bot, { text: 'go' }).finally(() => over++))
    await until('the calls', () => calls.length === before + 300)
    const begun = Date.now()
    for (let i = 0; i < 20; i++) assert.equal((await send(parley, quick, { text: 'quick' })).status, 200)
    assert.equal(over, 0, `answered before any of those that wait, after ${Date.now() - begun} ms`)
    const threads = fs.readdirSync(`/proc/${parley.pid('chat')}/task`).length
    assert.ok(threads <= 16, `${threads} threads`)
    for (const reply of await Promise.all(waiting)) assert.equal(reply.body.messages[1].text, 'It says: ready')
    await checkLedger(parley, assert)
})

test('a visitor who sends the same message again and again waits for one turn', { timeout: 60000 }, async () => {
    const { bot } = await makeBot(parley, callFlow(`http://127.0.0.1:${port}/?ms=1500`))
    const before = calls.length
    const replies = await Promise.all(Array.from({ length: 30 }, () => send(parley, bot, { text: 'go', id: 'the-same-message-again' })))
    const [good, busy] = [replies.filter(r => r.status === 200), replies.filter(r => r.status !== 200)]
    assert.equal(calls.length, before + 1)
    assert.equal(new Set(good.map(r => r.body.conversation)).size, 1)
    assert.ok(good.length >= 1 && busy.length >= 1, `${good.length} answers, ${busy.length} refusals`)
    for (const reply of busy) {
        assert.deepEqual([reply.status, reply.body.code], [429, 'conversation_busy'])
        assert.ok(Number(reply.headers.get('retry-after')) > 0)
    }
    await checkLedger(parley, assert)
})

test('the calls of one turn share one time limit', { timeout: 60000 }, async () => {
    const nodes = { hello: { type: 'say', messages: [{ type: 'text', text: { en: 'Hello!' } }], next: 'c0' } }
    for (let i = 0; i < 8; i++) nodes[`c${i}`] = { type: 'http', method: 'GET', url: `http://127.0.0.1:${port}/chain?ms=900`, next: `c${i + 1}`, error: `c${i + 1}` }
    nodes.c8 = { type: 'ask', text: { en: 'Done.' }, expect: 'text', next: 'c0' }
    const { bot } = await makeBot(parley, { format: 1, languages: ['en'], start: 'hello', nodes })
    parley.configure({ http_node_timeout: '500ms' })
    parley.hup()
    await until('the new setting', () => /"program":"chat","event":"reloaded"/.test(parley.log('serve')))
    const before = calls.length, begun = Date.now()
    const reply = await send(parley, bot, { text: 'go' })
    assert.equal(reply.body.messages[0].text, 'Done.')
    assert.ok(Date.now() - begun < 10000, `answered after ${Date.now() - begun} ms`)
    assert.ok(calls.length - before <= 4, `${calls.length - before} calls`)
    parley.configure({ http_node_timeout: '10s' })
    parley.hup()
    await until('the old setting', () => parley.log('serve').match(/"program":"chat","event":"reloaded"/g).length === 2)
})

for (const url of ['http://127.0.0.1:1/', 'http://localhost:80/', 'http://169.254.169.254/latest/', 'http://[::1]/', 'http://10.0.0.1/', 'http://0.0.0.0/',
    'http://[::ffff:127.0.0.1]/', 'http://2130706433/']) {
    test(`a flow does not reach ${url}`, async () => {
        const { bot } = await makeBot(parley, callFlow(url))
        const reply = await send(parley, bot, { text: 'go' })
        assert.equal(reply.status, 200)
        assert.equal(reply.body.messages[1].text, 'The call failed.')
    })
}

test('an endless flow is stopped, and the next request is served', async () => {
    const loop = { type: 'set', set: [{ var: 'n', add: 1 }], next: 'b' }
    const { bot } = await makeBot(parley, {
        format: 1, languages: ['en'], start: 'a', variables: { n: { type: 'number', default: 0 } },
        nodes: { a: loop, b: { ...loop, next: 'a' } },
    })
    const reply = await send(parley, bot, { text: 'go' })
    assert.deepEqual([reply.status, reply.body.code], [500, 'flow_loop'])
    const lines = await until('the log', () => {
        const all = parley.log('serve').split('\n').filter(line => line.includes(reply.body.request_id)).map(line => JSON.parse(line))
        return all.length === 3 && all
    })
    const [wrong, failed, request] = lines
    assert.deepEqual([wrong.event, wrong.bot, wrong.version], ['flow_failed', bot, 1])
    assert.match(wrong.message, /loop at "[ab]"/)
    assert.deepEqual([failed.level, failed.event, failed.code], ['error', 'request_failed', 'flow_loop'])
    assert.deepEqual([request.event, request.status, request.code], ['request', 500, 'flow_loop'])
    assert.match(request.tenant, /^ws_/)
    const { bot: quick } = await makeBot(parley, echoFlow)
    assert.equal((await send(parley, quick, { text: 'quick' })).status, 200)
    await checkLedger(parley, assert)
})

test('a conversation handed to a person gets no reply from the bot', async () => {
    const { bot } = await makeBot(parley, {
        format: 1, languages: ['en'], start: 'a', nodes: { a: { type: 'handoff', text: { en: 'A person will answer.' } } },
    })
    const first = await send(parley, bot, { text: 'human please' })
    assert.equal(first.body.state, 'handoff')
    const next = await send(parley, bot, { text: 'hello?', conversation: first.body.conversation, token: first.body.token })
    assert.deepEqual([next.status, next.body.state, next.body.messages], [200, 'handoff', []])
    const [row] = await parley.sql(`SELECT MAX(seq) AS n FROM message WHERE conversation_id = 0x${hexOf(first.body.conversation)}`)
    assert.equal(row.n, String(next.body.seq))
})
