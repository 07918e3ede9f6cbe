// A bot that asks an engine, as a model: the official `openai` client on this side and a fake of OpenAI on the other.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../lib/install.mjs'
import { at, failed, startWithFakes } from './fakes.mjs'
import { ask, clientOf, streamed } from './walk.mjs'

let stop, parley, call, mine, fake, second, client, fakeBot

before(async () => { ({ stop, parley, call, mine, fake, second, client, fakeBot } = await startWithFakes()) })
after(() => stop?.())

async function conversations(bot) {
    return (await call(mine, 'GET', `/v1/conversations?bot=${bot}`)).body.data.length
}

/** Reads a stream that is to fail: the text before, the reasons given, and the error. */
async function broken(body, reader = client) {
    const got = { text: '', finish: [], error: null }
    try {
        for await (const { choices } of await reader.chat.completions.create({ ...body, stream: true })) {
            got.text += choices[0]?.delta.content ?? ''
            if (choices[0]?.finish_reason) got.finish.push(choices[0].finish_reason)
        }
    } catch (error) {
        got.error = error
    }
    return got
}

test('the pieces of an engine arrive one by one, before the engine has ended', async () => {
    const bot = await fakeBot(at(fake))
    fake.script = { chunks: ['One ', 'two ', 'three ', 'four'], pause: 150 }
    const times = []
    let text = ''
    for await (const { choices } of await client.chat.completions.create({ ...ask(bot, 'count'), stream: true })) {
        if (!choices[0]?.delta.content) continue
        text += choices[0].delta.content
        times.push(Date.now())
    }
    assert.equal(text, 'One two three four')
    assert.equal(times.length, 4)
    assert.ok(times.at(-1) - times[0] >= 300, `all within ${times.at(-1) - times[0]} ms`)
})

test('a client that aborts ends the call of the engine, and nothing is recorded', { timeout: 30000 }, async () => {
    const bot = await fakeBot(at(fake))
    fake.script = { chunks: ['Begun', ' and', ' never', ' ended'], fault: 'stall', failAt: 3 }
    const reply = await client.chat.completions.create({ ...ask(bot, 'go'), stream: true })
    for await (const { choices } of reply) if (choices[0]?.delta.content) break
    reply.controller.abort()
    await until('the end of the call', () => fake.gone === 1, 5000)
    assert.equal(await conversations(bot), 0)
})

test('an engine that fails before its first piece lets the next one answer, then the flow', async () => {
    const refused = { status: 401, body: { error: { message: 'bad key', code: 'invalid_api_key' } } }
    const bot = await fakeBot(at(fake), at(second))
    fake.script = refused
    second.script = { text: 'From the second.' }
    assert.equal((await streamed(client, ask(bot, 'go'))).text, 'From the second.')
    second.script = refused
    const got = await streamed(client, ask(bot, 'go'))
    assert.deepEqual([got.text, got.finish], ['No engine answered.', ['stop']])
})

test('an answer that is cut off ends with an error, never as if it were whole', async () => {
    const bot = await fakeBot(at(fake), at(second))
    fake.script = { chunks: ['The first half', ' and'], finish: null, done: false }
    const got = await broken(ask(bot, 'go'))
    assert.deepEqual([got.text, got.finish, got.error?.code], ['The first half and', [], 'answer_interrupted'])
    assert.equal(second.requests.length, 0)
    const eager = clientOf(parley.url, mine.key).withOptions({ maxRetries: 2 })
    const plain = await failed(eager.chat.completions.create(ask(bot, 'go')))
    assert.deepEqual([plain.status, plain.code, plain.type], [502, 'answer_interrupted', 'server_error'])
    assert.equal(await conversations(bot), 2, 'the turns are recorded, and the client did not try again')
    const once = { headers: { 'Idempotency-Key': 'of-one-broken-answer' } }
    for (let i = 0; i < 2; i++)
        assert.equal((await failed(client.chat.completions.create(ask(bot, 'go'), once))).code, 'answer_interrupted', 'the replay, too')
    assert.equal(await conversations(bot), 3)
    fake.script = { chunks: ['The END of', ' it'], finish: null, done: false }
    const stopped = await streamed(client, ask(bot, 'go', { stop: 'END' }))
    assert.deepEqual([stopped.text, stopped.finish], ['The ', ['stop']], 'what the client did not want is not missed')
})

test('a turn that is thought again answers once, and a stream that has begun ends with an error', async () => {
    const bot = await fakeBot(at(fake)), body = ask(bot, 'go', { user: 'dora' })
    fake.script = { text: 'Hello' }
    assert.equal((await client.chat.completions.create(body)).choices[0].message.content, 'Hello')
    /** As if another process had recorded a turn while the engine was thinking. */
    const overtaken = async ask => {
        fake.clear()
        fake.queue = [{ chunks: ['One ', 'answer'], pause: 150 }]
        fake.script = { text: 'Another answer' }
        const got = ask()
        await until('the question', () => fake.requests.length === 1)
        await parley.sql('UPDATE conversation SET seq = seq + 2 ORDER BY conversation_id DESC LIMIT 1')
        return got
    }
    const plain = await overtaken(() => client.chat.completions.create(body))
    assert.equal(plain.choices[0].message.content, 'Another answer')
    const got = await overtaken(() => broken(body))
    assert.deepEqual([got.text, got.finish, got.error?.code], ['One answer', [], 'sequence'])
    assert.equal(fake.requests.length, 1, 'the engine was not asked again')
})

test('what the bot says after an answer that was no answer is not lost in a stream', async () => {
    const bot = await fakeBot(at(fake))
    fake.script = { calls: [{ id: 'c1', name: 'none', arguments: ['{}'] }], extra: [{ choices: [{ index: 0, delta: { content: 'Let me see.' } }] }] }
    assert.equal((await client.chat.completions.create(ask(bot, 'go'))).choices[0].message.content, 'No engine answered.')
    assert.match((await streamed(client, ask(bot, 'go'))).text, /^Let me see\.(\n\nLet me see\.)+\n\nNo engine answered\.$/)
})

test('usage is what the engines report, and an estimate where they report nothing', async () => {
    const bot = await fakeBot(at(fake))
    const usage = async () => {
        const plain = (await client.chat.completions.create(ask(bot, 'go'))).usage
        assert.deepEqual((await streamed(client, ask(bot, 'go', { stream_options: { include_usage: true } }))).usage, plain)
        return [plain.prompt_tokens, plain.completion_tokens, plain.total_tokens]
    }
    fake.script = { text: 'Hello, world' }
    assert.deepEqual(await usage(), [11, 7, 18])
    const tool = { calls: [{ id: 'c1', name: 'none', arguments: ['{}'] }] }
    fake.queue = [tool, fake.script, tool, fake.script]
    assert.deepEqual(await usage(), [22, 14, 36], 'of both calls of the turn')
    fake.script = { chunks: ['Hello, world'], usage: false }
    assert.deepEqual(await usage(), [5, 3, 8])
})

test('the caps of a visitor hold for each user that the client names', async () => {
    const bot = await fakeBot(at(fake))
    const { body: now } = await call(mine, 'GET', `/v1/bots/${bot}/engines`)
    await call(mine, 'PUT', `/v1/bots/${bot}/engines`, { chain: now.chain, limits: { visitor: { calls_day: 1 } } })
    fake.script = { text: 'Answered.' }
    const said = []
    for (const user of ['ada', 'ben', 'ada', undefined, undefined])
        said.push((await client.chat.completions.create(ask(bot, 'go', { user }))).choices[0].message.content)
    assert.deepEqual(said, ['Answered.', 'Answered.', 'No engine answered.', 'Answered.', 'Answered.'])
})

test('a stream whose engine says nothing for long is kept alive by comment lines', { timeout: 40000 }, async () => {
    const bot = await fakeBot(at(fake))
    fake.script = { chunks: ['At last.'], delay: 17000 }
    const reply = await fetch(`${parley.url}/v1/chat/completions`, {
        method: 'POST', headers: { Authorization: `Bearer ${mine.key}`, 'Content-Type': 'application/json' }, body: JSON.stringify(ask(bot, 'go', { stream: true })),
    })
    assert.equal(reply.headers.get('content-type'), 'text/event-stream')
    const text = await reply.text()
    assert.match(text, /^(:\n\n)+data: \{/)
    assert.match(text, /At last\.[^]*data: \[DONE\]\n\n$/)
})

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const shows = (...urls) => [{ role: 'user', content: [{ type: 'text', text: 'What is this?' }, ...urls.map(url => ({ type: 'image_url', image_url: { url } }))] }]

test('images of a message reach the engine, and only with that message', async () => {
    const bot = await fakeBot(at(fake)), user = 'shows-things', image = url => ({ type: 'image_url', image_url: { url } })
    await client.chat.completions.create({ model: bot, user, messages: shows(`data:image/png;base64,${PIXEL}`, 'https://example.org/cat.jpg?size=2') })
    assert.deepEqual(fake.requests.at(-1).body.messages.at(-1), { role: 'user', content: [{ type: 'text', text: 'What is this?' }, image(`data:image/png;base64,${PIXEL}`), image('https://example.org/cat.jpg?size=2')] })
    await client.chat.completions.create({ ...ask(bot, 'And now?'), user })
    assert.ok(!JSON.stringify(fake.requests.at(-1).body).includes('image_url'))
    const large = `data:image/jpeg;base64,${Buffer.alloc(600000, 7).toString('base64')}`
    await client.chat.completions.create({ model: bot, messages: shows(large) })
    assert.equal(fake.requests.at(-1).body.messages.at(-1).content[1].image_url.url, large)
})

test('an image that no engine could read is refused with its place, and one that is too large with 413', async () => {
    const bot = await fakeBot(at(fake)), create = messages => failed(client.chat.completions.create({ model: bot, messages }))
    for (const url of ['http://example.org/a.png', 'https://me:secret@example.org/a.png', 'file:///etc/passwd', '', 'data:text/html;base64,AAAA', 'data:image/svg+xml;base64,AAAA', 'data:image/png,AAAA', 'data:image/png;base64,',
        'data:image/png;base64,not base64!', `https://example.org/${'x'.repeat(2000)}`]) {
        const error = await create(shows(`data:image/png;base64,${PIXEL}`, url))
        assert.deepEqual([error.status, error.code], [422, 'field_type'], url.slice(0, 50))
        assert.match(error.param ?? error.message, /2/)
    }
    assert.match((await create(shows(...Array(9).fill('https://example.org/a.png')))).message, /at most 8 images/)
    assert.match((await create([{ role: 'user', content: shows('https://example.org/a.png')[0].content.slice(1) }])).message, /needs a text as well/)
    assert.equal((await create(shows(`data:image/png;base64,${'A'.repeat(1200000)}`))).status, 413)
    assert.equal(fake.requests.length, 0)
})

test('a bot that hides personal data sends no image', async () => {
    const bot = await fakeBot(at(fake))
    const set = await call(mine, 'PUT', `/v1/bots/${bot}/engines`, { chain: (await call(mine, 'GET', `/v1/bots/${bot}/engines`)).body.chain, limits: { mask: true } })
    assert.equal(set.status, 200, JSON.stringify(set.body))
    await client.chat.completions.create({ model: bot, messages: shows('https://example.org/cat.jpg') })
    assert.equal(fake.requests.at(-1).body.messages.at(-1).content, 'What is this?')
})
