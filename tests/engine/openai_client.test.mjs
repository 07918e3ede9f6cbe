// The official client `openai` accepts the fake; only then may our engine meet it.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import OpenAI, { AzureOpenAI } from 'openai'
import { KEY, MODELS, startOpenai } from './fake/openai.mjs'

let fake, client
const ask = more => ({ model: 'small', messages: [{ role: 'user', content: 'Hi' }], ...more })

before(async () => {
    fake = await startOpenai()
    client = new OpenAI({ baseURL: `${fake.url}/v1`, apiKey: KEY, maxRetries: 0 })
})
after(() => fake.stop())
beforeEach(() => fake.clear())

test('the client lists models, asks plainly and as a stream, and embeds', async () => {
    assert.deepEqual((await client.models.list()).data.map(m => m.id), MODELS)
    assert.equal((await client.models.retrieve('large')).id, 'large')
    const whole = await client.chat.completions.create(ask())
    assert.deepEqual([whole.choices[0].message.content, whole.choices[0].finish_reason, whole.usage.total_tokens], ['Hello, world', 'stop', 18])
    let text = '', used
    for await (const chunk of await client.chat.completions.create(ask({ stream: true, stream_options: { include_usage: true } }))) {
        text += chunk.choices[0]?.delta?.content ?? ''
        used = chunk.usage ?? used
    }
    assert.deepEqual([text, used.total_tokens], ['Hello, world', 18])
    assert.deepEqual((await client.embeddings.create({ model: 'e', input: ['a', 'b'] })).data.map(d => Array.from(d.embedding)), [[0.5, -1, 0.25], [1.5, -1, 0.25]])
})

test('the client finds its tool calls, and finishes a stream only with a finish_reason', async () => {
    fake.script = { calls: [{ id: 'call_1', name: 'find', arguments: ['{"q":"gr', 'ün"}'] }] }
    const done = await client.chat.completions.stream(ask()).finalChatCompletion()
    assert.deepEqual(done.choices[0].message.tool_calls[0].function, { name: 'find', arguments: '{"q":"grün"}' })
    fake.script = { fault: 'cut' }
    await assert.rejects(client.chat.completions.stream(ask()).finalChatCompletion(), /finish_reason/)
})

test('the client reads every framing that the standard allows', async () => {
    for (const framing of ['crlf', 'cr', 'tight', 'comments', undefined]) {
        fake.script = { framing, bytewise: framing === undefined, text: 'Grüße 😀' }
        assert.equal((await client.chat.completions.stream(ask()).finalChatCompletion()).choices[0].message.content, 'Grüße 😀', framing)
    }
})

test('the client tells failures apart', async () => {
    await assert.rejects(new OpenAI({ baseURL: `${fake.url}/v1`, apiKey: 'wrong', maxRetries: 0 }).models.list(), e => e instanceof OpenAI.AuthenticationError && e.code === 'invalid_api_key')
    await assert.rejects(client.chat.completions.create(ask({ model: 'none' })), e => e instanceof OpenAI.NotFoundError && e.requestID === 'req_fake')
    fake.script = { status: 429, body: { error: { message: 'slow', type: 'requests', code: 'rate_limit_exceeded' } } }
    await assert.rejects(client.chat.completions.create(ask()), OpenAI.RateLimitError)
    fake.script = { error: { message: 'broken', type: 'server_error', code: null, param: null } }
    await assert.rejects(client.chat.completions.stream(ask()).finalChatCompletion(), /broken/)
})

test("the client reaches the fake at Azure's addresses", async () => {
    const azure = new AzureOpenAI({ endpoint: fake.url, apiKey: KEY, apiVersion: '2024-10-21', deployment: 'small', maxRetries: 0 })
    assert.equal((await azure.chat.completions.create(ask())).choices[0].message.content, 'Hello, world')
    assert.equal(fake.requests[0].path, '/openai/deployments/small/chat/completions?api-version=2024-10-21')
    assert.equal(fake.requests[0].headers['api-key'], KEY)
})
