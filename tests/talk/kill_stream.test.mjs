// Kill -9 of chat.fcgi while 200 answers of an engine stream: whoever sends the same message again gets one answer.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { KEY, startOpenai } from '../engine/fake/openai.mjs'
import { startInstall, until } from '../lib/install.mjs'
import { checkLedger, hexOf, insist, makeBot, shown, stream } from './lib.mjs'

const VISITORS = 200
const WHOLE = 'One two three four five'
let parley, fake, made

const flow = {
    format: 1, languages: ['en'], start: 'ask',
    nodes: {
        ask: { type: 'engine', error: 'sorry' },
        sorry: { type: 'ask', text: { en: 'No engine answered.' }, expect: 'text', next: 'ask' },
    },
}

before(async () => {
    fake = await startOpenai()
    parley = await startInstall({ config: { rate_limits: 'off', engine_private_hosts: `127.0.0.1:${fake.port}` } })
    made = await makeBot(parley, flow)
    const key = (await parley.run('key', 'create', '--tenant', shown('ws', made.tenant), '--scopes', 'read,write')).trim()
    const call = async (method, path, body) => {
        const reply = await fetch(`${parley.url}/v1${path}`, { method, headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
        assert.ok(reply.ok, `${path}: ${reply.status}`)
        return reply.json()
    }
    const engine = await call('POST', '/engines', { type: 'openai', name: 'Main', settings: { base_url: `${fake.url}/v1`, model: 'small', api_key: KEY } })
    await call('PUT', `/bots/${made.bot}/engines`, { chain: [engine.id] })
})
after(async () => {
    await parley?.stop()
    await fake?.stop()
})

/** Reads what comes of a message until the stream ends or breaks: its pieces, and the whole answer if there was one. */
async function read(message, state) {
    const got = { pieces: 0, done: null }
    try {
        for await (const { name, data } of stream(parley, made.bot, message)) {
            if (name === 'delta' && !got.pieces++) state.streaming++
            if (name === 'done') got.done = data
        }
    } catch { /* killed: the caller sends it again */ }
    return got
}

for (const [what, script] of [
    ['a whole answer', { chunks: WHOLE.split(/(?<= )/) }],
    ['a marked interruption', { chunks: WHOLE.split(/(?<= )/), finish: null, done: false }],
]) {
    test(`kill -9 of chat.fcgi while ${VISITORS} answers stream: each visitor gets ${what}, once`, { timeout: 120000 }, async t => {
        const state = { streaming: 0 }
        const messages = Array.from({ length: VISITORS }, (_, n) => ({ id: randomUUID(), text: `${what} ${n}` }))
        fake.clear()
        fake.script = { ...script, fault: 'stall', failAt: 3 } // two pieces, then nothing
        const first = messages.map(m => read(m, state))
        await until('all answers to have begun', () => state.streaming === VISITORS, 60000)
        await parley.kill('chat')
        const broken = await Promise.all(first)
        assert.ok(broken.every(b => b.pieces && !b.done), 'no answer was whole before the kill')
        await parley.restart('chat')
        await until('the engine to be left alone', () => fake.gone === VISITORS, 20000)
        fake.script = script
        const answers = (await Promise.all(messages.map(m => insist(parley, made.bot, m)))).map(a => a.answer)
        const cut = script.done === false
        for (const { messages: replies } of answers)
            assert.deepEqual(replies.map(m => [m.text, m.interrupted ?? false]), [[WHOLE, cut]])
        assert.equal(new Set(answers.map(a => a.conversation)).size, VISITORS)
        const again = await insist(parley, made.bot, messages[0])
        assert.deepEqual(again.answer.messages, answers[0].messages, 'the same id gets the same answer')
        assert.equal(again.answer.conversation, answers[0].conversation)
        const rows = await parley.sql(`SELECT HEX(m.conversation_id) AS c, COUNT(*) AS n, SUM(m.sender = 'bot') AS replies FROM message m JOIN conversation c
            ON c.tenant_id = m.tenant_id AND c.conversation_id = m.conversation_id WHERE c.bot_id = 0x${made.hex} GROUP BY m.conversation_id`)
        const mine = new Map(rows.map(r => [r.c.toLowerCase(), r]))
        for (const { conversation } of answers) assert.deepEqual([mine.get(hexOf(conversation))?.n, mine.get(hexOf(conversation))?.replies], ['2', '1'])
        t.diagnostic(`${fake.requests.length} questions to the engine`)
        const [counted] = await parley.sql(`SELECT COUNT(*) AS n FROM conversation c WHERE c.counted = 1 AND NOT EXISTS (SELECT 1 FROM message m
            WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.conversation_id AND m.sender = 'bot')`)
        assert.equal(counted.n, '0', 'no conversation without a reply is counted')
        const [opened] = await parley.sql(`SELECT COUNT(*) AS n FROM conversation c JOIN message m ON m.tenant_id = c.tenant_id AND m.conversation_id = c.conversation_id
            WHERE m.seq = 1 AND m.text LIKE '${what} %'`)
        assert.equal(opened.n, String(VISITORS), 'what the kill cut off has left no conversation')
        await checkLedger(parley, assert)
    })
}
