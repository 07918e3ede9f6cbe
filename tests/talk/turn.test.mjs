// One conversation: idempotent by the client's id, ordered, open only to its token, counted once, cut off never.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { startInstall } from '../lib/install.mjs'
import { checkLedger, echoFlow, hexOf, makeBot, newId, send, shown, stream } from './lib.mjs'

let parley, bot, other

before(async () => {
    parley = await startInstall({ config: { conversation_gap: '60s' } })
    ;({ bot } = await makeBot(parley, echoFlow))
    ;({ bot: other } = await makeBot(parley, echoFlow))
})
after(() => parley?.stop())

const place = answer => ({ conversation: answer.conversation, token: answer.token })
const open = async (text = 'hello') => (await send(parley, bot, { text })).body

test('the first message opens a conversation, the next one continues it', async () => {
    const first = await send(parley, bot, { text: 'hello', locale: 'de' })
    assert.equal(first.status, 200)
    assert.match(first.body.conversation, /^conv_[0-9a-z]{26}$/)
    assert.equal(first.body.state, 'open')
    assert.equal(first.body.seq, 1)
    assert.deepEqual(first.body.messages, [{ seq: 2, from: 'bot', type: 'text', text: 'Was noch?' }])
    const second = await send(parley, bot, { text: 'Grüße 👋', ...place(first.body) })
    assert.deepEqual(second.body.messages.map(m => [m.seq, m.text]), [[4, 'Sie sagten: Grüße 👋'], [5, 'Was noch?']])
})

test('a choice of the greeting is accepted', async () => {
    const { body } = await send(parley, bot, { choice: 'hours' })
    assert.equal(body.messages[0].text, 'From 9 to 5.')
    const [row] = await parley.sql(`SELECT type, text, data FROM message WHERE conversation_id = 0x${hexOf(body.conversation)} AND seq = 1`)
    assert.deepEqual(row, { type: 'choice', text: 'hours', data: '{"choice":"hours"}' })
})

test('a repeated id gets the same answer; with another text it is a conflict', async () => {
    const id = randomUUID()
    const first = await send(parley, bot, { text: 'one', id })
    assert.deepEqual((await send(parley, bot, { text: 'one', id })).body, first.body)
    const conflict = await send(parley, bot, { text: 'two', id })
    assert.equal(conflict.status, 409)
    assert.equal(conflict.body.code, 'id_reused')
    const next = await send(parley, bot, { text: 'three', id: 'x', ...place(first.body) })
    assert.deepEqual((await send(parley, bot, { text: 'three', id: 'x', ...place(first.body) })).body, next.body)
    assert.equal((await send(parley, bot, { text: 'four', id: 'x', ...place(first.body) })).body.code, 'id_reused')
})

test('visitors with the same short id on a first message do not see each other\'s conversation', async () => {
    const one = await send(parley, bot, { text: 'mine', id: '1' })
    const two = await send(parley, bot, { text: 'yours', id: '1' })
    assert.equal(two.status, 200)
    assert.notEqual(one.body.conversation, two.body.conversation)
})

test('one message id sent on 16 connections at once is one turn', async () => {
    const fresh = randomUUID()
    const first = await Promise.all(Array.from({ length: 16 }, () => send(parley, bot, { text: 'all at once', id: fresh })))
    for (const reply of first) assert.deepEqual([reply.status, reply.body], [200, first[0].body])
    const message = { text: 'and again', id: 'again', ...place(first[0].body) }
    const next = await Promise.all(Array.from({ length: 16 }, () => send(parley, bot, message)))
    for (const reply of next) assert.deepEqual([reply.status, reply.body], [200, next[0].body])
    const [row] = await parley.sql(`SELECT seq FROM conversation WHERE conversation_id = 0x${hexOf(first[0].body.conversation)}`)
    assert.equal(row.seq, '5')
})

test('concurrent messages of one conversation are answered one after the other', async () => {
    const first = await open()
    const texts = ['a', 'b', 'c', 'd']
    const replies = await Promise.all(texts.map(text => send(parley, bot, { text, ...place(first) })))
    for (const r of replies) assert.equal(r.status, 200)
    const rows = await parley.sql(`SELECT seq, sender, text FROM message WHERE conversation_id = 0x${hexOf(first.conversation)} AND seq > 2 ORDER BY seq`)
    for (let i = 0; i < rows.length; i += 3) {
        assert.deepEqual(rows.slice(i, i + 3).map(r => r.sender), ['visitor', 'bot', 'bot'])
        assert.equal(rows[i + 1].text, `You said: ${rows[i].text}`, 'each answer follows its own question')
    }
    assert.deepEqual(rows.filter(r => r.sender === 'visitor').map(r => r.text).sort(), texts)
})

test('more than four waiting messages of one conversation are refused, and none is lost', async () => {
    const first = await open()
    const replies = await Promise.all(Array.from({ length: 24 }, (_, i) => send(parley, bot, { text: `m${i}`, ...place(first) })))
    const taken = replies.filter(r => r.status === 200).length
    for (const r of replies.filter(x => x.status !== 200)) {
        assert.deepEqual([r.status, r.body.code, r.headers.get('retry-after')], [429, 'conversation_busy', '1'])
    }
    assert.ok(taken >= 5)
    const [row] = await parley.sql(`SELECT COUNT(*) AS n FROM message WHERE sender = 'visitor' AND conversation_id = 0x${hexOf(first.conversation)}`)
    assert.equal(Number(row.n), taken + 1)
})

test('a token opens its own conversation and nothing else', async () => {
    const mine = await open(), yours = await open()
    const tries = [
        [401, 'token_invalid', bot, { ...place(mine), token: yours.token }],
        [401, 'token_invalid', bot, { ...place(mine), token: mine.token.slice(0, -1) + (mine.token.endsWith('A') ? 'B' : 'A') }],
        [401, 'token_invalid', bot, { ...place(mine), token: '' }],
        [401, 'token_invalid', bot, { conversation: mine.conversation }],
        [404, 'conversation_unknown', other, place(mine)],
        [404, 'conversation_unknown', bot, { conversation: shown('conv', newId()), token: mine.token }],
        [404, 'conversation_unknown', bot, { conversation: 'conv_1', token: mine.token }],
    ]
    for (const [status, code, at, where] of tries) {
        const reply = await send(parley, at, { text: 'let me in', ...where })
        assert.deepEqual([reply.status, reply.body.code], [status, code], JSON.stringify(where))
    }
    for (const where of [{ conversation: mine.conversation, token: yours.token }, { conversation: mine.conversation }]) {
        const reply = await fetch(`${parley.url}/chat/${bot}/messages?${new URLSearchParams(where)}`)
        assert.equal(reply.status, 401)
    }
})

test('a restarted program continues a conversation from the database', async () => {
    const first = await open()
    await parley.kill('chat')
    await parley.restart('chat')
    const next = await send(parley, bot, { text: 'still there?', ...place(first) })
    assert.equal(next.body.conversation, first.conversation)
    assert.equal(next.body.messages[0].text, 'You said: still there?')
})

test('a conversation that another process changed is read again', async () => {
    const first = await open()
    const c = hexOf(first.conversation)
    await parley.sql(`UPDATE conversation SET seq = 3, state = 'handoff' WHERE conversation_id = 0x${c};
        INSERT INTO message (tenant_id, conversation_id, seq, sender, type, text, data, created_at)
        SELECT tenant_id, conversation_id, 3, 'agent', 'text', 'A person here.', '', NOW(3) FROM conversation WHERE conversation_id = 0x${c}`)
    const next = await send(parley, bot, { text: 'who is that', ...place(first) })
    assert.deepEqual([next.status, next.body.seq, next.body.state, next.body.messages], [200, 4, 'handoff', []])
})

test('after the gap a new conversation begins', async () => {
    const first = await open()
    await parley.sql(`UPDATE conversation SET last_at = last_at - INTERVAL 61 SECOND WHERE conversation_id = 0x${hexOf(first.conversation)}`)
    await parley.kill('chat')
    await parley.restart('chat')
    const message = { text: 'me again', id: 'after-the-gap', ...place(first) }
    const next = await send(parley, bot, message)
    assert.equal(next.status, 200)
    assert.notEqual(next.body.conversation, first.conversation)
    assert.notEqual(next.body.token, first.token)
    assert.equal(next.body.seq, 1)
    assert.deepEqual((await send(parley, bot, message)).body, next.body, 'and a repeated message begins no third one')
})

test('a client catches up on messages after a sequence number', async () => {
    const first = await open()
    const next = await send(parley, bot, { text: 'two', ...place(first) })
    const read = async (query, headers) => {
        const reply = await fetch(`${parley.url}/chat/${bot}/messages?${new URLSearchParams(query)}`, { headers })
        return { status: reply.status, body: await reply.json(), origin: reply.headers.get('access-control-allow-origin') }
    }
    const all = await read(place(first))
    assert.deepEqual(all.body.messages.map(m => [m.seq, m.from]), [[1, 'visitor'], [2, 'bot'], [3, 'visitor'], [4, 'bot'], [5, 'bot']])
    assert.deepEqual(place(all.body), place(first))
    assert.equal(all.origin, '*')
    const later = await read({ conversation: first.conversation, after: 3 }, { Authorization: `Bearer ${first.token}` })
    assert.deepEqual(later.body.messages, next.body.messages)
    assert.deepEqual((await read({ ...place(first), after: 5 })).body.messages, [])
    const wrong = await read({ ...place(first), after: 'x' })
    assert.deepEqual([wrong.status, wrong.body.pointer], [422, '/after'])
})

test('feedback rates one message and can be changed', async () => {
    const first = await open()
    const rate = async body => {
        const reply = await fetch(`${parley.url}/chat/${bot}/feedback`, {
            method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ ...place(first), ...body }),
        })
        return [reply.status, reply.status === 204 ? '' : (await reply.json()).code]
    }
    assert.deepEqual(await rate({ seq: 2, rating: 1 }), [204, ''])
    assert.deepEqual(await rate({ seq: 2, rating: -1, comment: 'changed my mind' }), [204, ''])
    assert.deepEqual(await rate({ rating: 1 }), [204, ''])
    assert.deepEqual(await rate({ seq: 1, rating: 1 }), [404, 'message_unknown'])
    assert.deepEqual(await rate({ seq: 99, rating: 1 }), [404, 'message_unknown'])
    for (const rating of [0, 2, -2, 5, 6, 4294967297, 4294967295, undefined]) {
        assert.deepEqual(await rate({ seq: 2, rating }), [422, 'rating_invalid'], `rating ${rating}`)
    }
    assert.deepEqual(await rate({ seq: -1, rating: 1 }), [422, 'seq_invalid'])
    assert.deepEqual(await rate({ seq: 2, rating: '1' }), [422, 'field_type'])
    assert.deepEqual(await rate({ seq: 2, rating: 1, comment: 'x'.repeat(1001) }), [422, 'comment_too_long'])
    assert.deepEqual(await rate({ seq: 2, rating: 1, comment: 'é'.repeat(1000) }), [204, ''], 'characters count, not bytes')
    assert.deepEqual(await rate({ seq: 2, rating: -1, comment: 'changed my mind' }), [204, ''])
    assert.deepEqual(await rate({ seq: 2, rating: 1, token: 'x' }), [401, 'token_invalid'])
    const rows = await parley.sql(`SELECT seq, rating, comment FROM feedback WHERE conversation_id = 0x${hexOf(first.conversation)} ORDER BY seq`)
    assert.deepEqual(rows, [{ seq: '0', rating: '1', comment: '' }, { seq: '2', rating: '-1', comment: 'changed my mind' }])
})

test('the plan stops new conversations at exactly its limit and never cuts off an open one', async () => {
    await parley.sql(`INSERT INTO plan (plan, name, position) VALUES ('tiny', 'Tiny', 9)`)
    await parley.sql(`INSERT INTO plan_terms VALUES (UNHEX(REPEAT('aa', 16)), 'tiny', 0, 'USD', 40, NULL, NOW(3))`)
    await parley.sql(`UPDATE plan SET plan_terms_id = UNHEX(REPEAT('aa', 16)) WHERE plan = 'tiny'`)
    await parley.sql(`INSERT INTO plan_entitlement VALUES ('tiny', 'bots', 1)`)
    const { bot: small } = await makeBot(parley, echoFlow, { plan: 'tiny' })
    const first = await send(parley, small, { text: 'first', id: 'the-very-first-message' })
    const replies = await Promise.all(Array.from({ length: 64 }, (_, i) => send(parley, small, { text: `new ${i}` })))
    assert.equal(replies.filter(r => r.status === 200).length, 39)
    for (const r of replies.filter(x => x.status !== 200)) assert.deepEqual([r.status, r.body.code], [402, 'plan_limit'])
    await assert.rejects(stream(parley, small, { text: 'streamed' }).next(), { status: 402 }, 'and refused before anything is shown')
    const goesOn = await send(parley, small, { text: 'second', ...place(first.body) })
    assert.equal(goesOn.status, 200)
    const replay = await send(parley, small, { text: 'first', id: 'the-very-first-message' })
    assert.deepEqual(replay.body, first.body, 'a message answered before the limit gets its reply again')
    assert.equal((await send(parley, bot, { text: 'others are not touched' })).status, 200)
    await checkLedger(parley, assert)
})

test('a visitor who sends too fast gets 429', async () => {
    await parley.sql('SELECT 1')
    const first = await open()
    let refused
    for (let i = 0; i < 80 && !refused; i++) {
        const r = await send(parley, bot, { text: `hurry ${i}`, ...place(first) })
        if (r.status === 429) refused = r
    }
    assert.ok(refused, 'a conversation accepts a burst of 60 messages, not 80')
    assert.ok(Number(refused.headers.get('retry-after')) >= 1)
})
