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
    await until('the end of the call', () => fake.gone === 1, 20000)
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
