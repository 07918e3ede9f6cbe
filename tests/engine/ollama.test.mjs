// Our engine for Ollama's own protocol, against the fake.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Chain } from './chain.mjs'
import { MODELS, startOllama } from './fake/ollama.mjs'

let fake, chain

before(async () => {
    fake = await startOllama()
    chain = new Chain(fake.port)
})
after(async () => {
    await chain?.end()
    await fake?.stop()
})
beforeEach(() => fake.clear())

const link = (settings, more) => ({ type: 'ollama', settings: { base_url: `${fake.url}/`, model: 'small', ...settings }, ...more })
const ask = (job, more) => chain.ask({ links: [link({}, more)], ...job })

test('an answer comes line by line, then as a whole, with its tokens', async () => {
    for (const script of [{}, { thinking: 'hm' }, { bytewise: true }, { lastWithoutEnd: true }, { stayOpen: true }, { type: 'text/plain' }, { text: '<think>hm</think>Hello, world' }]) {
        fake.script = script
        const got = await ask({}, { idle_ms: 2000 })
        assert.deepEqual([got.class, got.deltas, got.message, got.code], ['OK', 'Hello, world', 'Hello, world', 'stop'], JSON.stringify(script))
        assert.deepEqual([got.tries[0].in, got.tries[0].out, got.in_flight], [11, 7, 0])
    }
})

test('the request has what the server wants', async () => {
    await ask({
        temperature: 0.5, top_p: 0.9, max_tokens: 100, seed: 7, stop: ['END'], schema: { type: 'object' },
        tools: [{ name: 'find', description: 'Finds', parameters: { type: 'object' } }],
        messages: [
            { role: 'system', text: 'Be brief' },
            { role: 'user', text: 'What?', images: [{ url: 'https://example.org/a.png' }, { mime: 'image/png', hex: 'ff00' }] },
            { role: 'assistant', text: '', calls: [{ id: 'a', name: 'find', arguments: '{"q":1}' }] },
            { role: 'tool', text: 'one', tool_id: 'a', tool_name: 'find' },
        ],
    })
    assert.deepEqual(fake.requests[0].body, {
        model: 'small', stream: true, format: { type: 'object' },
        options: { temperature: 0.5, top_p: 0.9, num_predict: 100, seed: 7, stop: ['END'] },
        tools: [{ type: 'function', function: { name: 'find', description: 'Finds', parameters: { type: 'object' } } }],
        messages: [
            { role: 'system', content: 'Be brief' },
            { role: 'user', content: 'What?', images: ['/wA='] },
            { role: 'assistant', content: '', tool_calls: [{ function: { name: 'find', arguments: { q: 1 } } }] },
            { role: 'tool', content: 'one', tool_name: 'find' },
        ],
    })
})

test('tool calls get an id, and their arguments become text', async () => {
    fake.script = { calls: [{ name: 'find', arguments: { q: 'grün' } }, { name: 'stop', arguments: '{"a":1}' }, { name: 'bare' }] }
    const got = await ask()
    assert.deepEqual(got.of('tool_call').map(c => [c.id, c.name, c.arguments]), [['call_1', 'find', '{"q":"grün"}'], ['call_2', 'stop', '{"a":1}'], ['call_3', 'bare', '{}']])
})

test('only "done" ends an answer', async () => {
    fake.script = { done: false }
    const cut = await ask()
    assert.deepEqual([cut.class, cut.interrupted, cut.message], ['TRUNCATED', true, undefined])
    fake.script = { error: 'out of memory', done: false }
    const failed = await ask()
    assert.deepEqual([failed.class, failed.interrupted, failed.detail], ['UPSTREAM', true, 'out of memory'])
    fake.script = { text: '', thinking: 'only this' }
    assert.equal((await ask()).class, 'NO_REPLY')
    fake.script = { reason: 'length' }
    assert.equal((await ask()).code, 'length')
})

test('a model that was only loaded is asked once more', async () => {
    fake.queue = [{ text: '', reason: 'load' }]
    const got = await ask()
    assert.deepEqual([got.class, got.message, got.tries.map(t => t.class)], ['OK', 'Hello, world', ['LOADING', 'OK']])
    fake.script = { text: '', reason: 'load' }
    assert.deepEqual((await ask()).tries.map(t => t.class), ['LOADING', 'LOADING'])
})

for (const [fault, expected, more] of [
    ['silent', 'FIRST_TIMEOUT', { first_byte_ms: 200 }], ['headersOnly', 'IDLE_TIMEOUT', { idle_ms: 200 }], ['keepAlive', 'IDLE_TIMEOUT', { idle_ms: 300 }],
    ['resetBefore', 'NET', { budget_ms: 400 }], ['html502', 'UPSTREAM', { budget_ms: 400 }], ['html200', 'PROTOCOL'], ['empty200', 'PROTOCOL'],
    ['noContent', 'PROTOCOL'], ['redirect', 'PROTOCOL'], ['longLine', 'TOO_BIG'], ['cut', 'TRUNCATED'], ['resetAfter', 'TRUNCATED'], ['brokenJson', 'PROTOCOL'],
]) test(`${fault} is ${expected}, and nothing is left over`, async () => {
    fake.script = { fault, keepAlive: '\n' }
    const got = await ask({}, more)
    assert.deepEqual([got.class, got.in_flight, got.message], [expected, 0, undefined])
})

test('a probe knows whether the model was pulled', async () => {
    const probe = settings => chain.ask({ asking: 'probe', links: [link(settings)] })
    const good = await probe({})
    assert.deepEqual([good.class, good.of('model').map(e => e.text)], ['OK', MODELS])
    assert.equal((await probe({ model: 'large:7b' })).class, 'OK')
    assert.match((await probe({ model: 'large' })).text, /Pull it there first/)
    fake.script = { status: 200, body: { hello: 1 } }
    assert.match((await probe({})).text, /"models"/)
})

test('embeddings have a vector for each text', async () => {
    const got = await chain.ask({ asking: 'embed', texts: ['a', 'b'], links: [link({ embedding_model: 'e' })] })
    assert.deepEqual([got.class, got.of('vector').map(v => [v.index, v.dimensions, v.first]), got.tries[0].in], ['OK', [[0, 2, 0.5], [1, 2, 1.5]], 5])
    for (const embeddings of [[[1, 2]], [[1, 2], [3]], [[1, 2], ['x', 2]], [[1, 2], []], {}, undefined]) {
        fake.script = { status: 200, body: { embeddings } }
        assert.equal((await chain.ask({ asking: 'embed', texts: ['a', 'b'], links: [link({ embedding_model: 'e' })] })).class, 'PROTOCOL', JSON.stringify(embeddings))
    }
})

test('a model that is not there is told, and the visitor may leave', async () => {
    const none = await chain.ask({ links: [link({ model: 'none' })] })
    assert.deepEqual([none.class, none.detail], ['NOT_FOUND', "model 'none' not found"])
    fake.script = { fault: 'silent' }
    const left = await ask({ cancel_ms: 100 })
    assert.equal(left.class, 'CANCELLED')
    assert.ok(left.cancelled_ms < 100, `${left.cancelled_ms} ms`)
})
