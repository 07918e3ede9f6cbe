// Our engine for servers that speak OpenAI's protocol, against the fake: what it sends, and what it makes of every answer
// and every fault.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Chain } from './chain.mjs'
import { KEY, MODELS, startOpenai } from './fake/openai.mjs'

let fake, chain

before(async () => {
    fake = await startOpenai()
    chain = new Chain(fake.port)
})
after(async () => {
    await chain?.end()
    await fake?.stop()
})
beforeEach(() => fake.clear())

const link = (settings, more) => ({ type: 'openai', settings: { base_url: `${fake.url}/v1`, api_key: KEY, model: 'small', ...settings }, ...more })
const ask = (job, more) => chain.ask({ links: [link({}, more)], ...job })

test('an answer comes piece by piece, then as a whole, with its tokens', async () => {
    fake.script = { pause: 20 }
    const got = await ask()
    assert.deepEqual([got.class, got.deltas, got.message, got.winner, got.interrupted], ['OK', 'Hello, world', 'Hello, world', 0, false])
    assert.ok(got.of('delta').length >= 3)
    assert.equal(got.tries.length, 1)
    const [t] = got.tries
    assert.deepEqual([t.model, t.in, t.out, t.class, t.code], ['small', 11, 7, 'OK', 'stop'])
    assert.ok(t.first_ms >= 0 && t.first_ms < t.total_ms, `${t.first_ms} of ${t.total_ms}`)
    assert.equal(got.in_flight, 0)
})

test('the request holds what the bot sets, and nothing else', async () => {
    await ask()
    const [plain] = fake.requests
    assert.equal(plain.headers.authorization, `Bearer ${KEY}`)
    assert.deepEqual(plain.body, { model: 'small', messages: [{ role: 'user', content: 'Hi' }], stream: true, stream_options: { include_usage: true } })
    fake.clear()
    const parameters = { type: 'object', properties: { q: { type: 'string' } } }
    await ask({
        temperature: 0.5, top_p: 0.9, max_tokens: 100, seed: 7, stop: ['END'], schema: { type: 'object' },
        tools: [{ name: 'find', description: 'Finds', parameters }],
        messages: [
            { role: 'system', text: 'Be brief' },
            { role: 'user', text: 'What is this?', images: [{ url: 'https://example.org/a.png' }, { mime: 'image/png', hex: 'ff00' }] },
            { role: 'assistant', text: '', calls: [{ id: 'c1', name: 'find', arguments: '{"q":"x"}' }] },
            { role: 'tool', text: 'found', tool_id: 'c1', tool_name: 'find' },
        ],
    })
    const { messages, tools, response_format, ...rest } = fake.requests[0].body
    assert.deepEqual(messages, [
        { role: 'system', content: 'Be brief' },
        { role: 'user', content: [{ type: 'text', text: 'What is this?' }, { type: 'image_url', image_url: { url: 'https://example.org/a.png' } }, { type: 'image_url', image_url: { url: 'data:image/png;base64,/wA=' } }] },
        { role: 'assistant', content: null, tool_calls: [{ id: 'c1', type: 'function', function: { name: 'find', arguments: '{"q":"x"}' } }] },
        { role: 'tool', content: 'found', tool_call_id: 'c1' },
    ])
    assert.deepEqual(tools, [{ type: 'function', function: { name: 'find', description: 'Finds', parameters } }])
    assert.deepEqual(response_format, { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: { type: 'object' } } })
    assert.deepEqual(rest, { model: 'small', temperature: 0.5, top_p: 0.9, max_tokens: 100, seed: 7, stop: ['END'], stream: true, stream_options: { include_usage: true } })
})

test('every framing of a stream is read, also byte by byte and compressed', async () => {
    for (const framing of ['crlf', 'cr', 'tight', 'comments', 'bom'])
        for (const bytewise of [false, true]) {
            fake.script = { framing, bytewise, text: 'Grüße 😀 שלום' }
            const got = await ask()
            assert.deepEqual([got.class, got.message], ['OK', 'Grüße 😀 שלום'], `${framing} ${bytewise}`)
            assert.ok(got.of('delta').every(e => !e.text.includes('\uFFFD')))
        }
    fake.script = { gzip: true }
    assert.equal((await ask()).message, 'Hello, world')
})

test('a server that does not stream has answered as well', async () => {
    fake.script = { status: 200, body: { choices: [{ index: 0, message: { role: 'assistant', content: 'Whole' }, finish_reason: 'stop' }], usage: { prompt_tokens: 1, completion_tokens: 2 } } }
    const got = await ask()
    assert.deepEqual([got.class, got.message, got.tries[0].out], ['OK', 'Whole', 2])
})

test('reasoning is no part of the answer', async () => {
    for (const script of [{ reasoning: 'hm' }, { reasoning: 'hm', reasoningName: 'reasoning_content' }, { text: '<think>hm</think>\nHello, world' }]) {
        fake.script = script
        const got = await ask()
        assert.deepEqual([got.deltas, got.message], ['Hello, world', 'Hello, world'])
    }
    fake.script = { text: '', reasoning: 'only this' }
    assert.equal((await ask()).class, 'NO_REPLY')
})

const two = [{ id: 'a', name: 'find', arguments: ['{"q":"gr\\u00', 'fc', 'n"}'] }, { id: 'b', name: 'stop', arguments: [] }]
const callsOf = got => got.of('tool_call').map(c => [c.id, c.name, c.arguments])

test('tool calls are put together from their pieces', async () => {
    const expected = [['a', 'find', '{"q":"grün"}'], ['b', 'stop', '{}']]
    fake.script = { calls: two }
    assert.deepEqual(callsOf(await ask()), expected)
    fake.script = { calls: two, noIndex: true }
    assert.deepEqual(callsOf(await ask()), expected)
    fake.script = { calls: two, bytewise: true }
    assert.deepEqual(callsOf(await ask()), expected)
    const piece = (index, more) => ({ choices: [{ index: 0, delta: { tool_calls: [{ index, ...more }] } }] })
    fake.script = { text: '', extra: [piece(0, { id: 'a', function: { name: 'x' } }), piece(1, { id: 'b', function: { name: 'y', arguments: '{"n":' } }), piece(0, { function: { arguments: '{}' } }), piece(1, { function: { arguments: '1}' } })] }
    assert.deepEqual(callsOf(await ask()), [['a', 'x', '{}'], ['b', 'y', '{"n":1}']])
    fake.script = { calls: [{ id: 'a', name: 'find', arguments: ['{"q":'] }] }
    const broken = await ask()
    assert.deepEqual([broken.class, callsOf(broken)], ['PROTOCOL', []])
})

test('an answer is whole only with a mark of its end, and without an error', async () => {
    fake.script = { finish: null }
    assert.equal((await ask()).class, 'OK') // [DONE] alone
    fake.script = { done: false }
    assert.equal((await ask()).class, 'OK') // finish_reason alone
    fake.script = { done: false, stayOpen: true, usage: false }
    assert.equal((await ask({}, { idle_ms: 300 })).class, 'OK')
    fake.script = { finish: null, done: false }
    const cut = await ask()
    assert.deepEqual([cut.class, cut.interrupted, cut.deltas, cut.message], ['TRUNCATED', true, 'Hello, world', undefined])
    fake.script = { error: { message: 'Out of memory', type: 'server_error' }, finish: null }
    const failed = await ask()
    assert.deepEqual([failed.class, failed.interrupted, failed.detail], ['UPSTREAM', true, 'Out of memory'])
    fake.script = { after: [{ choices: [{ index: 0, delta: { content: 'more' } }] }] }
    assert.equal((await ask()).message, 'Hello, world')
})

test('errors in a stream have many shapes', async () => {
    for (const [error, rawError, expected] of [
        ['just text', false, ['UPSTREAM', 'just text']],
        [{ message: 'bad', code: 400 }, false, ['REQUEST', 'bad']],
        [{ message: 'wait', code: 429, type: 'rate_limit' }, false, ['RATE', 'wait']],
        [{ message: 'm', http_status_code: 422 }, false, ['REQUEST', 'm']],
        [{ object: 'error', message: 'top', type: 'BadRequestError', param: null, code: 400 }, true, ['REQUEST', 'top']],
        [{ event: 'error', data: { message: 'event' } }, true, ['UPSTREAM', 'event']],
    ]) {
        fake.script = { text: '', error, rawError, finish: null }
        const got = await ask({}, { budget_ms: 300 })
        assert.deepEqual([got.class, got.detail, got.interrupted], [...expected, false])
    }
})

test('oddities of servers change nothing', async () => {
    fake.script = { usage: 'always' }
    assert.equal((await ask()).tries[0].out, 7)
    fake.script = { extra: [{ id: 'x' }, { choices: [] }, { choices: [{ index: 0, delta: { content: null } }] }, { choices: [{ index: 1, delta: { content: 'second choice' } }] }, { choices: [{ delta: {} }], obfuscation: 'xx' }] }
    assert.equal((await ask()).message, 'Hello, world')
    fake.script = { chunks: [], extra: [{ choices: [{ index: 0, delta: { content: [{ type: 'thinking', thinking: [] }, { type: 'text', text: 'part' }] } }] }] }
    assert.equal((await ask()).message, 'part')
    fake.script = { finish: 'length' }
    const long = await ask()
    assert.deepEqual([long.class, long.code], ['OK', 'length'])
    fake.script = { finish: 'content_filter' }
    const filtered = await ask({ links: [link({}), link({})] })
    assert.deepEqual([filtered.class, filtered.tries.length], ['FILTERED', 1])
    fake.script = { fault: 'invalidUtf8', chunks: [] }
    assert.equal((await ask()).message, 'a\uFFFD\uFFFDb')
})

test('control characters are left out, and half a name of a server is not a whole one', async () => {
    fake.script = { chunks: ['a\u0001b', '\u001b[1m', 'c\td\r\ne\u0000'] }
    assert.equal((await ask()).message, 'ab[1mc\td\r\ne\uFFFD')
    fake.script = { finish: `${'f'.repeat(29)}ü` }
    assert.equal((await ask()).code, 'f'.repeat(29))
    fake.script = { status: 400, headers: { 'x-request-id': `for-${KEY}` } }
    assert.equal((await ask()).upstream_id, 'for-***')
})

for (const [fault, expected, more] of [
    ['silent', 'FIRST_TIMEOUT', { first_byte_ms: 200 }],
    ['headersOnly', 'IDLE_TIMEOUT', { idle_ms: 200 }],
    ['keepAlive', 'IDLE_TIMEOUT', { idle_ms: 300 }],
    ['drip', 'TOTAL_TIMEOUT', { budget_ms: 1500 }],
    ['resetBefore', 'NET', { budget_ms: 400 }],
    ['html200', 'PROTOCOL'], ['html502', 'UPSTREAM', { budget_ms: 400 }],
    ['empty200', 'PROTOCOL'], ['noContent', 'PROTOCOL'], ['redirect', 'PROTOCOL'],
    ['longLine', 'TOO_BIG'], ['deepJson', 'PROTOCOL'],
]) test(`${fault} is ${expected}, and nothing is left over`, async () => {
    fake.script = { fault }
    const got = await ask({}, more)
    assert.equal(got.class, expected, JSON.stringify(got.tries))
    assert.equal(got.in_flight, 0)
    if (fault !== 'drip') assert.equal(got.message, undefined)
})

for (const fault of ['resetAfter', 'cut', 'brokenJson']) test(`${fault} after the first piece interrupts the answer and asks nobody again`, async () => {
    fake.script = { fault, failAt: 3 }
    const got = await ask({ links: [link({}), link({})] })
    assert.deepEqual([got.class, got.interrupted, got.deltas, got.message], ['TRUNCATED', true, 'Hello, wor', undefined])
    assert.equal(fake.requests.length, 1)
})

test('a flood of pieces ends at the limit of an answer', async () => {
    fake.script = { chunks: Array.from({ length: 40 }, () => 'x'.repeat(3000)), pause: 0 }
    const got = await ask()
    assert.deepEqual([got.class, got.interrupted], ['TOO_BIG', true])
})

for (const [status, error, expected, tries] of [
    [401, { message: `Incorrect API key provided: ${KEY.slice(0, 12)}***`, code: 'invalid_api_key' }, 'AUTH', 1],
    [402, { message: 'Pay' }, 'QUOTA', 1], [403, { message: 'No' }, 'AUTH', 1], [404, { message: 'none', code: 'model_not_found' }, 'NOT_FOUND', 1],
    [400, { message: 'long', code: 'context_length_exceeded' }, 'TOO_LONG', 1], [422, { message: 'bad' }, 'REQUEST', 1],
    [429, { message: 'slow', code: 'rate_limit_exceeded' }, 'RATE', 3], [429, { message: 'pay', type: 'insufficient_quota' }, 'QUOTA', 1],
    [500, { message: 'oops' }, 'UPSTREAM', 3], [503, { message: 'busy' }, 'OVERLOADED', 3], [503, { message: 'Loading model', code: 503 }, 'LOADING', 2],
]) test(`status ${status} (${error.code ?? error.type ?? error.message}) is ${expected} after ${tries} tries`, async () => {
    fake.script = { status, body: { error }, headers: { 'x-request-id': 'req_9' } }
    const got = await ask()
    assert.deepEqual([got.class, got.http, got.upstream_id, fake.requests.length], [expected, status, 'req_9', tries])
    assert.doesNotMatch(JSON.stringify(got) + chain.log, new RegExp(KEY.slice(0, 12)))
})

test('the server says when it may be asked again, and that is kept or too late', async () => {
    fake.queue = [{ status: 429, headers: { 'retry-after-ms': '700' } }]
    const soon = await ask()
    assert.equal(soon.class, 'OK')
    assert.ok(soon.ms >= 700 && soon.ms < 3000, soon.ms)
    for (const value of ['3600', '99999999999999999999', new Date(Date.now() + 3600000).toUTCString()]) {
        fake.clear()
        fake.script = { status: 503, headers: { 'retry-after': value } }
        const late = await ask({}, { budget_ms: 3000 })
        assert.equal(late.class, 'OVERLOADED')
    }
    fake.clear()
    fake.script = { status: 429, headers: { 'retry-after': '-5' } }
    assert.equal((await ask()).class, 'RATE')
})

test('the visitor may leave in any phase, and the call ends at once', async () => {
    for (const [script, cancel_ms] of [[{ fault: 'silent' }, 0], [{ fault: 'silent' }, 150], [{ fault: 'headersOnly' }, 150], [{ fault: 'keepAlive' }, 150], [{ pause: 100 }, 250]]) {
        fake.clear()
        fake.script = script
        const got = await ask({ cancel_ms })
        assert.equal(got.class, 'CANCELLED')
        assert.ok(got.cancelled_ms >= 0 && got.cancelled_ms < 100, `${got.cancelled_ms} ms`)
    }
    assert.equal((await ask({ cancel_ms: 1000000 })).class, 'OK') // and to cancel after the end does nothing
})

test('a wrong address or setting is told in words', async () => {
    const text = async (settings, more) => (await chain.ask({ links: [{ ...link(settings), budget_ms: 1000, ...more }] })).text
    assert.match(await text({ base_url: '' }), /settings/)
    assert.match(await text({ base_url: 'http://127.0.0.1:1/v1' }), /private network/)
    assert.match(await text({ base_url: 'http://169.254.169.254/v1' }), /private network/)
    assert.match(await text({ base_url: 'http://[::ffff:127.0.0.1]/v1' }), /private network/)
    assert.match(await text({ base_url: `http://localhost:${fake.port}/v1` }), /private network/) // the operator named 127.0.0.1
    assert.match(await text({ base_url: 'http://name.invalid/v1' }), /name of the engine's server is not known/)
    assert.match(await text({ base_url: `${fake.url.replace('http', 'https')}/v1` }), /certificate|cannot be reached/)
    assert.match(await text({ base_url: 'http://bücher.invalid/v1' }), /xn--bcher-kva\.invalid/)
    for (const loopback of ['2130706433', '0x7f.1', '１２７.0.0.1', '[::1]']) assert.match(await text({ base_url: `http://${loopback}/v1` }), /private network/, loopback)
    assert.match(await text({ api_key: 'a\nb' }), /settings/)
    assert.match(await text({ base_url: `${fake.url}/elsewhere` }), /Check the base address and the model/)
})

test("Azure's addresses name the deployment and the version", async () => {
    const azure = { base_url: fake.url, api_version: '2024-10-21' }
    assert.equal((await chain.ask({ links: [link(azure)], max_tokens: 5 })).message, 'Hello, world')
    const [rq] = fake.requests
    assert.equal(rq.path, '/openai/deployments/small/chat/completions?api-version=2024-10-21')
    assert.deepEqual([rq.headers['api-key'], rq.headers.authorization, rq.body.max_completion_tokens, rq.body.max_tokens], [KEY, undefined, 5, undefined])
})

test('a probe lists the models and asks one token', async () => {
    const probe = settings => chain.ask({ asking: 'probe', links: [link(settings)] })
    const good = await probe({})
    assert.deepEqual([good.class, good.of('model').map(e => e.text)], ['OK', MODELS])
    assert.deepEqual([good.tries[0].in, good.tries[0].out], [11, 7], 'what it costs is recorded')
    assert.deepEqual(fake.requests.map(r => [r.method, r.path]), [['GET', '/v1/models'], ['POST', '/v1/chat/completions']])
    assert.equal(fake.requests[1].body.max_tokens, 1)
    assert.match((await probe({ model: 'none' })).text, /model.*'none' does not exist/)
    assert.match((await probe({ api_key: 'sk-wrong-key-000' })).text, /refused the key/)
    assert.deepEqual((await probe({ model: '' })).of('model').map(e => e.text), MODELS)
    fake.queue = [{}, { status: 429, body: { error: { message: 'You exceeded your current quota', type: 'insufficient_quota' } } }]
    assert.match((await probe({})).text, /no credit/)
    fake.queue = [{ status: 404, body: {} }]
    assert.equal((await probe({})).class, 'OK')
})

test('embeddings come as numbers or packed', async () => {
    for (const base64 of [false, true]) {
        fake.script = { base64 }
        const got = await chain.ask({ asking: 'embed', texts: ['a', 'b'], links: [link({ embedding_model: 'e' })] })
        assert.deepEqual([got.class, got.of('vector').map(v => [v.index, v.dimensions, v.first])], ['OK', [[0, 3, 0.5], [1, 3, 1.5]]])
    }
    assert.match((await chain.ask({ asking: 'embed', texts: ['a'], links: [link({})] })).text, /model for embeddings/)
    for (const row of [{ index: 0, embedding: [] }, { index: 1, embedding: [1] }, { index: -1, embedding: [1] }, { index: 0, embedding: 'AAA=' }, { index: 0 }]) {
        fake.script = { status: 200, body: { data: [row] } }
        const got = await chain.ask({ asking: 'embed', texts: ['a'], links: [link({ embedding_model: 'e' })] })
        assert.deepEqual([got.class, got.of('vector')], ['PROTOCOL', []], JSON.stringify(row))
    }
})
