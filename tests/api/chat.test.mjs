// POST /v1/chat/completions: a bot as a model, driven by the official `openai` client.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { hexOf } from '../talk/lib.mjs'
import { startApi } from './lib.mjs'
import { ask, clientOf, streamed, walk } from './walk.mjs'

let parley, call, key, publishedBot, mine, other

before(async () => { ({ parley, call, key, publishedBot, mine, other } = await startApi()) })
after(() => parley?.stop())

const content = reply => reply.choices[0].message.content
const failed = promise => promise.then(() => assert.fail('it was accepted'), e => e)

/** A published bot with this flow. */
async function botWith(flow, name) {
    const { body: bot } = await call(mine, 'POST', '/v1/bots', { template: 'faq', name })
    const saved = await call(mine, 'PUT', `/v1/bots/${bot.id}/flow`, { flow, revision: 1 })
    assert.equal(saved.status, 200, JSON.stringify(saved.body))
    const published = await call(mine, 'POST', `/v1/bots/${bot.id}/publish`)
    assert.equal(published.status, 200, JSON.stringify(published.body))
    return bot
}

const said = (text, next) => ({ type: 'say', messages: [{ type: 'text', text: { en: text } }], next })

/** Remembers what was said first, and repeats it. */
const memory = {
    format: 1, languages: ['en'], start: 'hello', variables: { first: { type: 'text' } },
    nodes: {
        hello: said('Hello', 'ask'),
        ask: { type: 'ask', text: { en: 'Who are you?' }, expect: 'text', var: 'first', next: 'echo' },
        echo: { type: 'ask', text: { en: 'So you are {{first}}.' }, expect: 'text', next: 'echo' },
    },
}

test('the official client passes its walk', async () => {
    const bot = await publishedBot(mine, 'Walk')
    await walk(clientOf(parley.url, mine.key), bot.id)
})

test('user continues a conversation, and without it each request begins one', async () => {
    const client = clientOf(parley.url, mine.key), bot = await botWith(memory, 'Memory')
    const say = async (text, user) => content(await client.chat.completions.create(ask(bot.id, text, user ? { user } : {})))
    await say('hi', 'anna')
    assert.match(await say('Anna', 'anna'), /So you are Anna/)
    await say('hi', 'ben')
    assert.match(await say('Ben', 'ben'), /So you are Ben/)
    assert.match(await say('again', 'anna'), /So you are Anna/)
    assert.match(await say('nobody'), /Who are you/)
    const { body: list } = await call(mine, 'GET', `/v1/conversations?bot=${bot.id}`)
    assert.equal(list.data.length, 3)
    assert.ok(list.data.every(c => c.channel === 'model'))
})

test('stop and max_tokens cut the answer at whole characters, also in a stream', async () => {
    const bot = await botWith({ ...memory, nodes: { ...memory.nodes, ask: { ...memory.nodes.ask, text: { en: 'One END two, na\u00efve \u{1F600}\u{1F600}\u{1F600}' } } } }, 'Stops')
    const client = clientOf(parley.url, mine.key)
    const both = async more => {
        const plain = await client.chat.completions.create(ask(bot.id, 'hi', more))
        const stream = await streamed(client, ask(bot.id, 'hi', more))
        assert.deepEqual([stream.text, stream.finish[0]], [content(plain), plain.choices[0].finish_reason])
        return [content(plain), plain.choices[0].finish_reason]
    }
    assert.deepEqual(await both({ stop: 'END' }), ['One ', 'stop'])
    assert.deepEqual(await both({ stop: ['xyz', 'two'] }), ['One END ', 'stop'])
    assert.deepEqual(await both({ stop: 'EN' }), ['One ', 'stop'])
    for (const max_tokens of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
        const [text, why] = await both({ max_tokens })
        assert.ok(!text.includes('\ufffd') && Buffer.byteLength(text) <= 4 * max_tokens, `${max_tokens}: ${text}`)
        assert.equal(why, max_tokens < 8 ? 'length' : 'stop', String(max_tokens))
    }
})

test('what cannot be answered is refused in the shape of an OpenAI error', async () => {
    const bot = await publishedBot(mine, 'Refuses'), foreign = await publishedBot(other, 'Foreign model')
    const client = clientOf(parley.url, mine.key)
    const cases = [
        [{ model: bot.id, messages: [] }, 422, 'messages'],
        [{ model: bot.id }, 422, 'messages'],
        [{ model: bot.id, messages: [{ role: 'assistant', content: 'x' }] }, 422, 'messages'],
        [ask(bot.id, ''), 422, 'text'],
        [ask(bot.id, 'x'.repeat(4001)), 422, 'text'],
        [ask(bot.id, 'x', { n: 2 }), 422, 'n'],
        [ask(bot.id, 'x', { stop: Array(5).fill('a') }), 422, 'stop'],
        [ask(bot.id, 'x', { user: 'u'.repeat(513) }), 422, 'user'],
        [ask(foreign.id, 'x'), 404, null],
    ]
    for (const [body, status, param] of cases) {
        const e = await failed(client.chat.completions.create(body))
        assert.deepEqual([e.status, e.param], [status, param], JSON.stringify(body).slice(0, 120))
        assert.ok(e.error.message && e.type)
    }
    const lines = parley.log('serve').split('\n').filter(line => /"route":"\/v1\/chat\/completions".*"status":422/.test(line))
    assert.ok(lines.length >= 7 && lines.every(line => line.includes(`"tenant":"${mine.id}"`)), lines[0])
    const reader = clientOf(parley.url, await key(mine.id, 'read'))
    const denied = await failed(reader.chat.completions.create(ask(bot.id, 'x')))
    assert.deepEqual([denied.status, denied.type], [403, 'permission_error'])
    const many = { model: bot.id, messages: [...Array(10000).fill({ role: 'assistant', content: 'before' }), { role: 'user', content: 'hi' }], logit_bias: {}, unknown_parameter: true }
    assert.match(content(await client.chat.completions.create(many)), /And/)
})

test('the same Idempotency-Key gets the first answer and is one turn', async () => {
    const client = clientOf(parley.url, mine.key), bot = await botWith(memory, 'Once')
    const once = { headers: { 'Idempotency-Key': 'key-of-this-request' } }
    const body = ask(bot.id, 'hi', { user: 'carla' })
    const first = content(await client.chat.completions.create(ask(bot.id, 'hi'), once))
    assert.equal(content(await client.chat.completions.create(ask(bot.id, 'hi'), once)), first)
    assert.equal((await streamed(client, ask(bot.id, 'hi')) ).text, first)
    assert.ok(content(await client.chat.completions.create(body)))
    const { body: list } = await call(mine, 'GET', `/v1/conversations?bot=${bot.id}`)
    assert.equal(list.data.length, 3)
})

test('a repeated request of a named visitor is one turn, one after the other and at once', async () => {
    const client = clientOf(parley.url, mine.key), bot = await botWith(memory, 'Once for each visitor')
    const say = async (user, text, key) => content(await client.chat.completions.create(ask(bot.id, text, { user }), { headers: { 'Idempotency-Key': key } }))
    const messages = async () => Number((await parley.sql(`SELECT COUNT(*) AS n FROM message WHERE sender = 'visitor' AND conversation_id IN (SELECT conversation_id FROM conversation WHERE bot_id = 0x${hexOf(bot.id)})`))[0].n)
    for (const key of ['of-the-first-message-of-eve', 'short']) {
        const first = await say(`eve ${key}`, 'hi', key)
        assert.equal(await say(`eve ${key}`, 'hi', key), first)
        const next = await say(`eve ${key}`, 'Eve', `${key}-next`)
        assert.match(next, /So you are Eve/)
        assert.equal(await say(`eve ${key}`, 'Eve', `${key}-next`), next)
    }
    assert.equal(await messages(), 4)
    const all = await Promise.all(Array.from({ length: 4 }, () => say('fay', 'hi', 'of-the-first-message-of-fay')))
    assert.equal(new Set(all).size, 1)
    assert.equal(await messages(), 5)
    await Promise.all(Array.from({ length: 4 }, () => say('fay', 'Fay', 'of-the-next-message-of-fay')))
    assert.equal(await messages(), 6)
    await say('gil', 'hi', 'of-the-first-message-of-fay')
    assert.equal(await messages(), 7, 'another visitor is another turn')
})

test('a key of Authorization or of X-Api-Key is taken', async () => {
    const bot = await publishedBot(mine, 'Header')
    const reply = await fetch(`${parley.url}/v1/chat/completions`, {
        method: 'POST', headers: { 'X-Api-Key': mine.key, 'Content-Type': 'application/json' }, body: JSON.stringify(ask(bot.id, 'hi')),
    })
    assert.equal(reply.status, 200)
    assert.equal(reply.headers.get('content-type'), 'application/json')
})
