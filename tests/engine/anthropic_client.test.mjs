// The official client `@anthropic-ai/sdk` accepts the fake; only then may our engine meet it.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { KEY, MODELS, startAnthropic } from './fake/anthropic.mjs'

let fake, client
const ask = more => ({ model: 'claude-small', max_tokens: 100, messages: [{ role: 'user', content: 'Hi' }], ...more })

before(async () => {
    fake = await startAnthropic()
    client = new Anthropic({ baseURL: fake.url, apiKey: KEY, maxRetries: 0 })
})
after(() => fake.stop())
beforeEach(() => fake.clear())

test('the client lists models, and asks plainly and as a stream', async () => {
    const models = []
    for await (const m of client.models.list()) models.push(m.id)
    assert.deepEqual(models, MODELS)
    const whole = await client.messages.create(ask())
    assert.deepEqual([whole.content[0].text, whole.stop_reason, whole.usage.output_tokens], ['Hello, world', 'end_turn', 7])
    fake.script = { thinking: 'hm', text: 'Grüße 😀', bytewise: true }
    const streamed = await client.messages.stream(ask()).finalMessage()
    assert.deepEqual([streamed.content.at(-1).text, streamed.content[0].type, streamed.usage.output_tokens], ['Grüße 😀', 'thinking', 7])
})

test('the client finds its tool calls', async () => {
    fake.script = { calls: [{ id: 'toolu_1', name: 'find', input: ['{"q":"gr', 'ün"}'] }, { id: 'toolu_2', name: 'stop', input: [] }] }
    const done = await client.messages.stream(ask()).finalMessage()
    assert.deepEqual(done.content.map(b => [b.id, b.name, b.input]), [['toolu_1', 'find', { q: 'grün' }], ['toolu_2', 'stop', {}]])
    assert.equal(done.stop_reason, 'tool_use')
})

test('the client tells failures apart', async () => {
    await assert.rejects(new Anthropic({ baseURL: fake.url, apiKey: 'wrong', maxRetries: 0 }).messages.create(ask()), e => e instanceof Anthropic.AuthenticationError && e.requestID === 'req_fake')
    await assert.rejects(client.messages.create(ask({ model: 'none' })), Anthropic.NotFoundError)
    await assert.rejects(client.messages.create(ask({ max_tokens: 0 })), Anthropic.BadRequestError)
    fake.script = { error: { type: 'overloaded_error', message: 'Overloaded' } }
    await assert.rejects(client.messages.stream(ask()).finalMessage(), /Overloaded/)
    fake.script = { fault: 'cut', failAt: 4 }
    await assert.rejects(client.messages.stream(ask()).finalMessage())
})
