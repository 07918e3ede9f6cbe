// The official client `ollama` accepts the fake; only then may our engine meet it.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Ollama } from 'ollama'
import { MODELS, startOllama } from './fake/ollama.mjs'

let fake, client
const ask = more => ({ model: 'small', messages: [{ role: 'user', content: 'Hi' }], ...more })

async function collect(more) {
    let text = '', last
    const calls = []
    for await (const part of await client.chat(ask({ stream: true, ...more }))) {
        text += part.message.content
        calls.push(...part.message.tool_calls ?? [])
        last = part
    }
    return { text, last, calls }
}

before(async () => {
    fake = await startOllama()
    client = new Ollama({ host: fake.url })
})
after(() => fake.stop())
beforeEach(() => fake.clear())

test('the client lists models, asks plainly and as a stream, and embeds', async () => {
    assert.deepEqual((await client.list()).models.map(m => m.name), MODELS)
    assert.equal((await client.chat(ask({ stream: false }))).message.content, 'Hello, world')
    fake.script = { text: 'Grüße 😀', bytewise: true, thinking: 'hm' }
    const got = await collect()
    assert.deepEqual([got.text, got.last.done, got.last.eval_count], ['Grüße 😀', true, 7])
    assert.deepEqual((await client.embed({ model: 'small', input: ['a', 'b'] })).embeddings, [[0.5, -1], [1.5, -1]])
})

test('the client finds its tool calls', async () => {
    fake.script = { calls: [{ name: 'find', arguments: { q: 'grün' } }] }
    assert.deepEqual((await collect()).calls, [{ function: { name: 'find', arguments: { q: 'grün' } } }])
})

test('the client tells failures apart', async () => {
    await assert.rejects(client.chat(ask({ model: 'none' })), /model 'none' not found/)
    fake.script = { error: 'out of memory', done: false }
    await assert.rejects(collect(), /out of memory/)
    fake.script = { done: false }
    await assert.rejects(collect(), /Did not receive done/)
})
