// Kill -9 of every part while 32 visitors talk: acknowledged messages are stored once, in order, and counted once.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { startInstall, until } from '../lib/install.mjs'
import { checkLedger, echoFlow, hexOf, insist, makeBot, send } from './lib.mjs'

const VISITORS = 32
let parley, bot

before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off' } })
    ;({ bot } = await makeBot(parley, echoFlow))
})
after(() => parley?.stop())

/** Talks until asked to stop; records what was acknowledged. */
async function visitor(n, state) {
    let conversation
    const mine = []
    for (let k = 0; !state.stop; k++) {
        if (k % 5 === 0) conversation = undefined
        const place = conversation && { conversation: conversation.conversation, token: conversation.token }
        const { sent, answer } = await insist(parley, bot, { text: `visitor ${n} message ${k}`, ...place }, { onFailure: () => state.failures++ })
        if (conversation) assert.equal(answer.conversation, conversation.conversation)
        conversation = answer
        mine.push({ sent, answer })
        state.turns++
    }
    return mine
}

/** Wait until n more turns are acknowledged. */
async function moreTurns(state, n = VISITORS) {
    const before = state.turns
    await until('the conversations to continue', () => state.turns >= before + n, 60000)
}

async function underFire(kill) {
    const state = { stop: false, failures: 0, turns: 0 }
    const talking = Promise.all(Array.from({ length: VISITORS }, (_, n) => visitor(n, state)))
    for (let i = 0; i < 3; i++) {
        await moreTurns(state)
        await kill()
    }
    await moreTurns(state, 1)
    state.stop = true
    return { acknowledged: (await talking).flat(), ...state }
}

async function checkAcknowledged(acknowledged) {
    const rows = await parley.sql('SELECT HEX(conversation_id) AS c, seq, sender, text FROM message')
    const there = new Map(rows.map(r => [`${r.c.toLowerCase()} ${r.seq}`, r]))
    const texts = new Map()
    for (const r of rows) if (r.sender === 'visitor') texts.set(`${r.c} ${r.text}`, (texts.get(`${r.c} ${r.text}`) ?? 0) + 1)
    for (const { sent, answer } of acknowledged) {
        const c = hexOf(answer.conversation)
        assert.equal(there.get(`${c} ${answer.seq}`)?.text, sent.text, 'an acknowledged message is there')
        for (const m of answer.messages) assert.equal(there.get(`${c} ${m.seq}`)?.text, m.text, 'and its answer')
    }
    assert.deepEqual([...texts].filter(([, n]) => n > 1), [], 'no message is there twice')
}

async function checkReplays(acknowledged) {
    for (const { sent, answer } of acknowledged.filter((_, i) => i % Math.ceil(acknowledged.length / 100) === 0)) {
        const again = await send(parley, bot, sent)
        assert.equal(again.status, 200)
        assert.deepEqual({ ...again.body, state: answer.state }, answer, 'the same id gets the same answer')
    }
}

for (const [name, kill] of [
    ['chat.fcgi', async () => { await parley.kill('chat'); await parley.restart('chat') }],
    ['parley serve', async () => { await parley.kill('serve'); await parley.restart('serve') }],
    ['mariadbd', async () => { await parley.kill('database'); await parley.restart('database') }],
]) {
    test(`kill -9 of ${name} under load from ${VISITORS} connections`, { timeout: 180000 }, async t => {
        const { acknowledged, failures, turns } = await underFire(kill)
        t.diagnostic(`${turns} turns acknowledged, ${failures} refused or broken and sent again`)
        assert.ok(acknowledged.length > VISITORS, 'visitors got answers')
        await checkAcknowledged(acknowledged)
        await checkLedger(parley, assert)
        await checkReplays(acknowledged)
    })
}

test('without the database a turn is refused quickly, and accepted once it is back', { timeout: 60000 }, async () => {
    await parley.kill('database')
    const begun = Date.now()
    const id = randomUUID()
    const refused = await send(parley, bot, { text: 'is anybody there', id })
    assert.equal(refused.status, 503)
    assert.equal(refused.body.code, 'database_unavailable')
    assert.ok(Date.now() - begun < 5000, `refused after ${Date.now() - begun} ms`)
    await parley.restart('database')
    const { answer } = await insist(parley, bot, { text: 'is anybody there', id })
    assert.equal(answer.seq, 1)
    await checkLedger(parley, assert)
})
