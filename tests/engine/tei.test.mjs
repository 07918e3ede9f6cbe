// Our engine for Text Embeddings Inference, against the fake.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Chain } from './chain.mjs'
import { TOKEN, startHuggingface } from './fake/huggingface.mjs'

let fake, chain

before(async () => {
    fake = await startHuggingface()
    chain = new Chain(fake.port)
})
after(async () => {
    await chain?.end()
    await fake?.stop()
})
beforeEach(() => fake.clear())

const link = (settings, more) => ({ type: 'tei', settings: { base_url: `${fake.url}/`, api_key: TOKEN, ...settings }, ...more })
const embed = (texts, settings, more) => chain.ask({ asking: 'embed', texts, links: [link(settings, more)] })
const rerank = (query, texts) => chain.ask({ asking: 'rerank', query, texts, links: [link({})] })

test('each text has its vector', async () => {
    const got = await embed(['a', 'b'])
    assert.deepEqual([got.class, got.of('vector').map(v => [v.index, v.dimensions, v.first])], ['OK', [[0, 3, 0.5], [1, 3, 1.5]]])
    assert.deepEqual(fake.requests[0].body, { truncate: true, inputs: ['a', 'b'] })
    for (const vectors of [[[1, 2]], [[1], [2, 3]], { data: [] }]) {
        fake.script = { vectors }
        assert.equal((await embed(['a', 'b'])).class, 'PROTOCOL', JSON.stringify(vectors))
    }
})

test('more texts than the server takes at once are sent in batches', async () => {
    const texts = Array.from({ length: 70 }, (_, i) => `text ${i}`)
    const got = await embed(texts)
    assert.deepEqual([got.class, got.of('vector').map(v => v.index)], ['OK', texts.map((_, i) => i)])
    assert.deepEqual(fake.requests.map(r => r.body.inputs.length), [32, 32, 6])
    const ranks = await rerank('q', texts)
    assert.deepEqual([ranks.class, ranks.of('score').map(s => s.index).sort((a, b) => a - b)], ['OK', texts.map((_, i) => i)])
})

test('a rerank gives each text its score', async () => {
    fake.script = { scores: [0.25, 0.75, 0.5] }
    const got = await rerank('where', ['a', 'b', 'c'])
    assert.deepEqual([got.class, got.of('score').map(s => [s.index, s.score])], ['OK', [[1, 0.75], [2, 0.5], [0, 0.25]]])
    assert.deepEqual([fake.requests[0].path, fake.requests[0].body], ['/rerank', { truncate: true, texts: ['a', 'b', 'c'], query: 'where' }])
    const row = (index, score = 1) => ({ index, score })
    for (const ranks of [[], {}, [row(0)], [row(0), row(0)], [row(0), row(2)], [row(0), row(-1)], [row(0), row(1, 'x')], [row(0), row(1), row(1)]]) {
        fake.script = { ranks }
        assert.equal((await rerank('where', ['a', 'b'])).class, 'PROTOCOL', JSON.stringify(ranks))
    }
    const other = await chain.ask({ asking: 'rerank', query: 'q', texts: ['a'], links: [{ ...link({}), type: 'huggingface' }] })
    assert.equal(other.class, 'CONFIG')
})

for (const [status, body, expected] of [
    [400, { error: '`inputs` cannot be empty', error_type: 'Empty' }, 'REQUEST'], [413, { error: 'batch size 64 > maximum allowed batch size 32', error_type: 'Validation' }, 'REQUEST'],
    [422, { error: 'x', error_type: 'Tokenizer' }, 'REQUEST'], [424, { error: 'x', error_type: 'Backend' }, 'UPSTREAM'], [429, { error: 'x', error_type: 'Overloaded' }, 'OVERLOADED'],
    [503, { error: 'x', error_type: 'Unhealthy' }, 'OVERLOADED'], [429, { message: 'x', code: 429, type: 'Overloaded' }, 'OVERLOADED'], [401, '', 'AUTH'],
]) test(`status ${status} with ${JSON.stringify(body)} is ${expected}`, async () => {
    fake.script = { status, body }
    const got = await embed(['a'], {}, { budget_ms: 240 })
    assert.deepEqual([got.class, got.http, got.detail], [expected, status, body ? body.error ?? body.message : ''])
})

for (const [fault, expected, more] of [
    ['silent', 'FIRST_TIMEOUT', { first_byte_ms: 200 }], ['resetBefore', 'NET', { budget_ms: 240 }], ['resetAfter', 'TRUNCATED', { budget_ms: 240 }], ['html502', 'UPSTREAM', { budget_ms: 240 }],
    ['html200', 'PROTOCOL'], ['empty200', 'PROTOCOL'], ['noContent', 'PROTOCOL'], ['redirect', 'PROTOCOL'], ['brokenJson', 'PROTOCOL'],
]) test(`${fault} is ${expected}, and nothing is left over`, async () => {
    fake.script = { fault, failAt: 1 }
    const got = await embed(['a', 'b'], {}, more)
    assert.deepEqual([got.class, got.in_flight, got.of('vector').length], [expected, 0, 0])
})

test('a probe tells the model, and whether the key is right', async () => {
    const probe = settings => chain.ask({ asking: 'probe', links: [link(settings)] })
    const good = await probe({})
    assert.deepEqual([good.class, good.of('model').map(e => e.text)], ['OK', ['org/embed']])
    assert.equal((await probe({ api_key: 'wrongkey0123' })).class, 'AUTH')
    fake.queue = [{ status: 200, body: { hello: 1 } }]
    assert.match((await probe({})).text, /model_id/)
})

test('a server of embeddings answers no questions', async () => {
    const got = await chain.ask({ links: [link({})] })
    assert.deepEqual([got.class, fake.requests.length], ['CONFIG', 0])
})
