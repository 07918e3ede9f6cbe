// Our engine for Anthropic's Messages API, against the fake.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Chain } from './chain.mjs'
import { KEY, MODELS, startAnthropic } from './fake/anthropic.mjs'

let fake, chain

before(async () => {
    fake = await startAnthropic()
    chain = new Chain(fake.port)
})
after(async () => {
    await chain?.end()
    await fake?.stop()
})
beforeEach(() => fake.clear())

const link = (settings, more) => ({ type: 'anthropic', settings: { base_url: fake.url, api_key: KEY, model: 'claude-small', ...settings }, ...more })
const ask = (job, more) => chain.ask({ links: [link({}, more)], ...job })

test('an answer comes piece by piece, then as a whole, with its tokens', async () => {
    for (const script of [{}, { thinking: 'hm' }, { framing: 'crlf', bytewise: true }, { gzip: true }]) {
        fake.script = script
        const got = await ask()
        assert.deepEqual([got.class, got.deltas, got.message, got.code], ['OK', 'Hello, world', 'Hello, world', 'end_turn'])
        assert.deepEqual([got.tries[0].in, got.tries[0].out, got.in_flight], [11, 7, 0])
    }
})

test('the request has the roles, blocks and numbers that the API wants', async () => {
    await ask({
        temperature: 1.5, top_p: 0.9, stop: ['END'],
        tools: [{ name: 'find', description: 'Finds', parameters: { type: 'object' } }],
        messages: [
            { role: 'system', text: 'Be brief' },
            { role: 'user', text: 'What?', images: [{ url: 'https://example.org/a.png' }, { mime: 'image/png', hex: 'ff00' }] },
            { role: 'assistant', text: '', calls: [{ id: 'a', name: 'find', arguments: '{"q":1}' }, { id: 'b', name: 'find', arguments: 'broken' }] },
            { role: 'tool', text: 'one', tool_id: 'a', tool_name: 'find' },
            { role: 'tool', text: 'two', tool_id: 'b', tool_name: 'find' },
            { role: 'user', text: 'And?' },
        ],
    })
    const [{ headers, body }] = fake.requests
    assert.deepEqual([headers['x-api-key'], headers['anthropic-version']], [KEY, '2023-06-01'])
    const { messages, ...rest } = body
    assert.deepEqual(rest, {
        model: 'claude-small', max_tokens: 4096, temperature: 1, top_p: 0.9, stop_sequences: ['END'], system: 'Be brief', stream: true,
        tools: [{ name: 'find', description: 'Finds', input_schema: { type: 'object' } }],
    })
    assert.deepEqual(messages, [
        { role: 'user', content: [{ type: 'text', text: 'What?' }, { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: '/wA=' } }] },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'find', input: { q: 1 } }, { type: 'tool_use', id: 'b', name: 'find', input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'one' }, { type: 'tool_result', tool_use_id: 'b', content: 'two' }, { type: 'text', text: 'And?' }] },
    ])
})

test('an answer by a schema is what the model gives to the tool', async () => {
    fake.script = { calls: [{ id: 't', name: 'answer', input: ['{"city":', '"Köln"}'] }] }
    const got = await ask({ schema: { type: 'object' } })
    assert.deepEqual([got.class, got.message, got.of('tool_call').length], ['OK', '{"city":"Köln"}', 0])
    assert.deepEqual(fake.requests[0].body.tool_choice, { type: 'tool', name: 'answer' })
})

test('tool calls are put together from their pieces', async () => {
    fake.script = { calls: [{ id: 'a', name: 'find', input: ['{"q":"gr\\u00', 'fcn"}'] }, { id: 'b', name: 'stop', input: [] }] }
    const got = await ask()
    assert.deepEqual(got.of('tool_call').map(c => [c.id, c.name, c.arguments]), [['a', 'find', '{"q":"grün"}'], ['b', 'stop', '{}']])
    fake.script = { calls: [{ id: 'a', name: 'find', input: ['{"q"'] }] }
    assert.equal((await ask()).class, 'PROTOCOL')
})

test('only message_stop ends an answer', async () => {
    fake.script = { stop: false }
    const cut = await ask()
    assert.deepEqual([cut.class, cut.interrupted, cut.message], ['TRUNCATED', true, undefined])
    fake.script = { stayOpen: true }
    assert.equal((await ask({}, { idle_ms: 500 })).class, 'OK')
    fake.script = { error: { type: 'overloaded_error', message: 'Overloaded' } }
    const busy = await ask()
    assert.deepEqual([busy.class, busy.interrupted, busy.detail], ['OVERLOADED', true, 'Overloaded'])
    fake.script = { reason: 'refusal' }
    assert.equal((await ask()).class, 'FILTERED')
    fake.script = { reason: 'max_tokens' }
    assert.deepEqual([(await ask()).class, (await ask()).code], ['OK', 'max_tokens'])
    fake.script = { text: '' }
    assert.equal((await ask()).class, 'NO_REPLY')
})

for (const [fault, expected, more] of [
    ['silent', 'FIRST_TIMEOUT', { first_byte_ms: 200 }], ['headersOnly', 'IDLE_TIMEOUT', { idle_ms: 200 }], ['keepAlive', 'IDLE_TIMEOUT', { idle_ms: 300 }],
    ['resetBefore', 'NET', { budget_ms: 400 }], ['html200', 'PROTOCOL'], ['html502', 'UPSTREAM', { budget_ms: 400 }], ['empty200', 'PROTOCOL'],
    ['noContent', 'PROTOCOL'], ['redirect', 'PROTOCOL'], ['longLine', 'TOO_BIG'], ['cut', 'TRUNCATED', { budget_ms: 400 }], ['resetAfter', 'TRUNCATED', { budget_ms: 400 }],
]) test(`${fault} is ${expected}, and nothing is left over`, async () => {
    fake.script = { fault, keepAlive: 'event: ping\ndata: {"type": "ping"}\n\n' }
    const got = await ask({}, more)
    assert.deepEqual([got.class, got.in_flight, got.message], [expected, 0, undefined])
})

for (const [status, type, message, expected] of [
    [401, 'authentication_error', `invalid x-api-key ${KEY}`, 'AUTH'], [403, 'permission_error', 'no', 'AUTH'], [404, 'not_found_error', 'model: x', 'NOT_FOUND'],
    [400, 'invalid_request_error', 'prompt is too long: 300000 tokens', 'TOO_LONG'], [400, 'invalid_request_error', 'Your credit balance is too low to access the API', 'QUOTA'],
    [400, 'invalid_request_error', 'bad', 'REQUEST'], [413, 'request_too_large', 'big', 'TOO_LONG'], [429, 'rate_limit_error', 'slow', 'RATE'],
    [500, 'api_error', 'oops', 'UPSTREAM'], [529, 'overloaded_error', 'busy', 'OVERLOADED'],
]) test(`status ${status} ${type} (${message.slice(0, 20)}) is ${expected}`, async () => {
    fake.script = { status, body: { type: 'error', error: { type, message } }, headers: { 'request-id': 'req_9' } }
    const got = await ask({}, { budget_ms: 300 })
    assert.deepEqual([got.class, got.http, got.upstream_id], [expected, status, 'req_9'])
    assert.doesNotMatch(JSON.stringify(got) + chain.log, new RegExp(KEY))
})

test('a probe lists the models and asks one token', async () => {
    const probe = settings => chain.ask({ asking: 'probe', links: [link(settings)] })
    const good = await probe({})
    assert.deepEqual([good.class, good.of('model').map(e => e.text)], ['OK', MODELS])
    assert.ok(good.tries[0].in > 0 && good.tries[0].out > 0, 'what it costs is recorded')
    assert.equal(fake.requests[1].body.max_tokens, 1)
    assert.match((await probe({ model: 'none' })).text, /does not know this address or model/)
    assert.match((await probe({ api_key: 'sk-ant-wrong' })).text, /refused the key/)
    assert.match((await probe({ api_key: '' })).text, /key is missing/)
})

test('the visitor may leave, and embeddings are not offered', async () => {
    fake.script = { fault: 'keepAlive' }
    const got = await ask({ cancel_ms: 100 })
    assert.equal(got.class, 'CANCELLED')
    assert.ok(got.cancelled_ms < 100, `${got.cancelled_ms} ms`)
    assert.equal((await chain.ask({ asking: 'embed', texts: ['a'], links: [link({})] })).class, 'CONFIG')
})
