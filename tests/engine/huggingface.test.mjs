// Our engine for Hugging Face's router, TGI and the serverless tasks, against the fake.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Chain } from './chain.mjs'
import { MODELS, TOKEN, startHuggingface } from './fake/huggingface.mjs'

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

const link = (settings, more) => ({ type: 'huggingface', settings: { base_url: `${fake.url}/v1`, api_key: TOKEN, model: 'org/small', ...settings }, ...more })
const ask = (settings, job, more) => chain.ask({ links: [link(settings, more)], ...job })
const TASKS = ['text-generation', 'conversational', 'question-answering', 'zero-shot-classification']
const context = [{ role: 'system', text: 'Our shop is in Bern.' }, { role: 'user', text: 'Where?' }]
const past = [{ role: 'user', text: 'Hi' }, { role: 'assistant', text: 'Hello' }, { role: 'user', text: 'Where?' }]

test("the chat of the router and of one's own TGI is read as a stream", async () => {
    for (const base_url of [`${fake.url}/v1`, fake.url, `${fake.url}/hf-inference/models/org/small/v1/`]) {
        const got = await ask({ base_url, bill_to: 'acme' })
        assert.deepEqual([got.class, got.deltas, got.message, got.tries[0].in, got.tries[0].out], ['OK', 'Hello, world', 'Hello, world', 11, 7])
        assert.equal(fake.requests.at(-1).headers['x-hf-bill-to'], 'acme')
    }
    assert.equal((await ask({ model: 'org/small:fastest' })).class, 'OK')
    await ask({ model: '' })
    assert.equal(fake.requests.at(-1).body.model, 'tgi')
})

test('an error in a chat is not taken for an answer, though [DONE] follows it', async () => {
    for (const [error, expected, detail] of [
        [{ error: { message: 'bad template', http_status_code: 422 } }, 'REQUEST', 'bad template'],
        [{ error: 'busy', error_type: 'overloaded' }, 'OVERLOADED', 'busy'],
        [{ error: 'no', error_type: 'template_error' }, 'REQUEST', 'no'],
        [{ error: 'cut', error_type: 'incomplete_generation' }, 'UPSTREAM', 'cut'],
    ]) {
        fake.script = { error }
        const got = await ask()
        assert.deepEqual([got.class, got.detail, got.interrupted, got.message], [expected, detail, true, undefined])
    }
    fake.script = { finish: false }
    assert.equal((await ask()).class, 'TRUNCATED')
})

test('generate_stream: tokens come one by one, and special ones are left out', async () => {
    for (const script of [{ special: true }, { tight: true }, { bytewise: true }, { echo: true }, { text: '<think>hm</think>Hello, world' }]) {
        fake.script = script
        const got = await ask({ task: 'generate' })
        assert.deepEqual([got.class, got.message, got.code], ['OK', 'Hello, world', 'eos_token'], JSON.stringify(script))
        assert.equal(got.deltas, 'Hello, world')
    }
    assert.deepEqual(fake.requests[0].body, { inputs: 'Hi', parameters: { return_full_text: false, details: true } })
    assert.equal(fake.requests[0].path, '/generate_stream')
    fake.script = { reason: 'length' }
    const got = await ask({ task: 'generate' })
    assert.deepEqual([got.code, got.tries[0].in, got.tries[0].out], ['length', 11, 7])
})

test('generate_stream: every failure comes with status 200', async () => {
    for (const [error_type, error, expected] of [
        ['validation', 'Input validation error', 'REQUEST'], ['validation', '`inputs` must have less than 1024 tokens. Given: 2000', 'TOO_LONG'],
        ['overloaded', 'Model is overloaded', 'OVERLOADED'], ['generation', 'CUDA error', 'UPSTREAM'], ['incomplete_generation_stream', 'cut', 'UPSTREAM'],
        ['template_error', 'x', 'REQUEST'], ['tool_error', 'x', 'REQUEST'],
    ]) {
        fake.script = { text: '', error: { error, error_type } }
        const got = await ask({ task: 'generate' }, {}, { budget_ms: 240 })
        assert.deepEqual([got.class, got.detail, got.interrupted], [expected, error, false], error_type)
    }
    fake.script = { error: { error: 'cut', error_type: 'generation' } }
    assert.equal((await ask({ task: 'generate' })).interrupted, true)
    fake.script = { finish: false }
    const cut = await ask({ task: 'generate' })
    assert.deepEqual([cut.class, cut.interrupted, cut.message], ['TRUNCATED', true, undefined])
})

test('the sampling of the bot is sent, except for what TGI refuses', async () => {
    await ask({ task: 'generate' }, { messages: past, temperature: 0.5, top_p: 0.9, max_tokens: 50, seed: 7, stop: ['END'], schema: { type: 'object' } })
    assert.deepEqual(fake.requests[0].body, {
        inputs: 'User: Hi\nAssistant: Hello\nUser: Where?\nAssistant:',
        parameters: { return_full_text: false, temperature: 0.5, top_p: 0.9, stop: ['END', '\nUser:'], max_new_tokens: 50, seed: 7, details: true, grammar: { type: 'json', value: { type: 'object' } } },
    })
    await ask({ task: 'generate' }, { temperature: 0, top_p: 1 })
    assert.deepEqual(fake.requests[1].body.parameters, { return_full_text: false, details: true })
})

test('each task is asked in its own form, at the address of its model', async () => {
    assert.equal((await ask({ task: 'text-generation' })).message, 'Hello, world')
    assert.equal((await ask({ task: 'conversational' }, { messages: past })).message, 'Hello, world')
    assert.equal((await ask({ task: 'question-answering' }, { messages: context })).message, 'Hello, world')
    assert.equal((await ask({ task: 'zero-shot-classification', labels: 'sales, help ,' })).message, 'help')
    assert.deepEqual(fake.requests.map(r => r.path), Array(4).fill('/hf-inference/models/org/small'))
    assert.deepEqual(fake.requests.map(r => r.body.inputs), ['Hi', { text: 'Where?', past_user_inputs: ['Hi'], generated_responses: ['Hello'] }, { question: 'Where?', context: 'Our shop is in Bern.' }, 'Hi'])
    assert.deepEqual(fake.requests[3].body.parameters, { candidate_labels: ['sales', 'help'], multi_label: false })
    await ask({ task: 'text-generation', base_url: fake.url })
    await ask({ task: 'text-generation', model: '' })
    assert.deepEqual(fake.requests.slice(4).map(r => r.path), ['/models/org/small', '/'])
})

test('the answer of a task may be an object or an array', async () => {
    const messages = context
    for (const task of TASKS)
        for (const object of [false, true]) {
            fake.script = { object }
            const got = await ask({ task, labels: 'sales,help' }, { messages })
            assert.deepEqual([got.class, got.message], ['OK', task === 'zero-shot-classification' ? 'help' : 'Hello, world'], `${task} ${object}`)
        }
    fake.script = { rows: true }
    assert.equal((await ask({ task: 'zero-shot-classification', labels: 'sales,help' })).message, 'help')
    fake.script = { offset: 'stop' }
    assert.equal((await ask({ task: 'question-answering' }, { messages })).message, 'Hello, world')
})

test('a prompt that is repeated, and the words of a visitor that the model made up, are cut off', async () => {
    fake.script = { echo: true, text: ' In Bern.\nUser: And when?' }
    assert.equal((await ask({ task: 'text-generation' }, { messages: past })).message, 'In Bern.')
    assert.equal((await ask({ task: 'generate' }, { messages: past })).message, 'In Bern.')
})

test('classification answers a schema in its form, and only with its labels', async () => {
    const schema = { type: 'object', properties: { label: { type: 'string', enum: ['sales', 'help', 'none'] } }, required: ['label'] }
    assert.equal((await ask({ task: 'zero-shot-classification' }, { schema })).message, '{"label":"help"}')
    assert.deepEqual(fake.requests[0].body.parameters.candidate_labels, ['sales', 'help', 'none'])
    fake.script = { text: 'elsewhere' }
    assert.equal((await ask({ task: 'zero-shot-classification' }, { schema })).class, 'PROTOCOL')
})

test('an answer with a low score is none, so the next engine is asked', async () => {
    fake.script = { score: 0.2 }
    for (const task of ['question-answering', 'zero-shot-classification']) {
        const job = { messages: context, links: [link({ task, min_percent: 50, labels: 'a,b' }), link({})] }
        assert.deepEqual((await chain.ask(job)).tries.map(t => t.class), ['NO_REPLY', 'OK'])
    }
})

test('a model that is being loaded is asked once more, and then waits', async () => {
    for (const task of ['chat', 'generate', ...TASKS]) {
        fake.clear()
        fake.script = { loading: 0.3 }
        const got = await ask({ task, labels: 'a,b' }, { messages: context })
        assert.deepEqual([got.class, got.tries.map(t => t.class)], ['OK', ['LOADING', 'OK']], task)
        assert.deepEqual(fake.requests.map(r => r.headers['x-wait-for-model']), [undefined, 'true'])
        assert.ok(got.ms >= 300, `${got.ms} ms`)
    }
    fake.clear()
    fake.script = { status: 503, body: { error: 'Model x is currently loading', estimated_time: 0.1 } }
    const forever = await ask({ task: 'text-generation' })
    assert.deepEqual([forever.class, fake.requests.length], ['LOADING', 2])
})

for (const [status, body, expected] of [
    [401, { error: 'Invalid token' }, 'AUTH'], [402, { error: 'You have exceeded your monthly included credits' }, 'QUOTA'], [422, { error: 'bad', error_type: 'validation' }, 'REQUEST'],
    [424, { error: 'x', error_type: 'generation' }, 'UPSTREAM'], [429, { error: 'busy', error_type: 'overloaded' }, 'OVERLOADED'], [429, { message: 'slow' }, 'RATE'],
    [500, { error: 'x', error_type: 'incomplete_generation' }, 'UPSTREAM'], [404, { detail: 'Not Found' }, 'NOT_FOUND'], [400, 'plain words', 'REQUEST'],
]) test(`status ${status} with ${JSON.stringify(body)} is ${expected}`, async () => {
    for (const task of ['chat', 'generate', 'text-generation']) {
        fake.script = { status, body }
        const got = await ask({ task }, {}, { budget_ms: 240 })
        assert.deepEqual([got.class, got.http, got.detail], [expected, status, typeof body === 'string' ? body : body.error ?? body.message ?? body.detail])
    }
})

test('a host that was shut down says where to go instead', async () => {
    for (const gone of [404, 410]) {
        fake.script = { gone }
        const got = await ask({ task: 'text-generation', base_url: fake.url })
        assert.equal(got.class, 'NOT_FOUND')
        assert.match(got.text, /router\.huggingface\.co/)
    }
})

for (const [fault, expected, more] of [
    ['silent', 'FIRST_TIMEOUT', { first_byte_ms: 200 }], ['headersOnly', 'IDLE_TIMEOUT', { idle_ms: 200 }],
    ['resetBefore', 'NET', { budget_ms: 240 }], ['html502', 'UPSTREAM', { budget_ms: 240 }], ['html200', 'PROTOCOL'], ['empty200', 'PROTOCOL'],
    ['noContent', 'PROTOCOL'], ['redirect', 'PROTOCOL'],
]) test(`${fault} is ${expected} for a stream and for a task`, async () => {
    for (const task of ['chat', 'generate', 'text-generation']) {
        fake.script = { fault }
        const got = await ask({ task }, {}, more)
        assert.deepEqual([got.class, got.in_flight, got.message], [expected, 0, undefined], task)
    }
})

test('an answer that was cut off is not whole', async () => {
    for (const [fault, expected] of [['cut', 'PROTOCOL'], ['resetAfter', 'TRUNCATED'], ['brokenJson', 'PROTOCOL']]) {
        fake.script = { fault }
        assert.equal((await ask({ task: 'generate' })).class, 'TRUNCATED', fault)
        const task = await ask({ task: 'text-generation' }, {}, { budget_ms: 240 })
        assert.deepEqual([task.class, task.message], [expected, undefined], fault)
    }
    fake.script = { gzip: true }
    assert.equal((await ask({ task: 'text-generation' })).message, 'Hello, world')
})

test('settings that cannot work are told in words', async () => {
    const text = async (settings, job) => (await ask(settings, job)).text
    assert.match(await text({ task: 'paint' }), /task is unknown/)
    assert.match(await text({ task: 'question-answering' }), /system prompt is empty/)
    assert.match(await text({ task: 'zero-shot-classification' }), /no labels/)
    assert.match(await text({ task: 'text-generation', model: '../../x' }), /owner\/name/)
    const denied = await ask({ api_key: 'hf_wrongtoken000000' })
    assert.equal(denied.class, 'AUTH')
    assert.doesNotMatch(JSON.stringify(denied) + chain.log, /hf_wrongtoken/)
})

test('a probe lists the models and asks one token', async () => {
    const probe = settings => chain.ask({ asking: 'probe', links: [link(settings)] })
    assert.deepEqual((await probe({})).of('model').map(e => e.text), MODELS)
    assert.deepEqual([fake.requests[1].body.max_tokens, fake.requests[1].body.stream], [1, false])
    fake.queue = [{ status: 404, body: {} }]
    assert.equal((await probe({})).class, 'OK')
    for (const task of ['generate', ...TASKS]) assert.deepEqual([(await probe({ task, labels: 'a,b' })).class, task], ['OK', task])
    assert.equal((await probe({ model: 'org/none' })).class, 'NOT_FOUND')
    fake.script = { loading: 20 }
    assert.match((await probe({ task: 'text-generation' })).text, /being loaded/)
})

test('vectors of one to four levels become one for each text', async () => {
    const embed = texts => chain.ask({ asking: 'embed', texts, links: [link({ embedding_model: 'org/small' })] })
    const vectors = got => got.of('vector').map(v => [v.index, v.dimensions, v.first])
    assert.deepEqual(vectors(await embed(['a', 'b'])), [[0, 3, 0.5], [1, 3, 1.5]])
    assert.equal(fake.requests[0].path, '/hf-inference/models/org/small/pipeline/feature-extraction')
    for (const [texts, list, expected] of [
        [['a'], [1, 2], [[0, 2, 1]]], [['a'], [[1, 2]], [[0, 2, 1]]], [['a'], [[1, 2], [3, 4]], [[0, 2, 2]]], [['a'], [[[1, 2], [3, 4]]], [[0, 2, 2]]],
        [['a', 'b'], [[[1, 2], [3, 4]], [[5, 6]]], [[0, 2, 2], [1, 2, 5]]], [['a', 'b'], [[[[1, 2]]], [[[5, 6], [7, 8]]]], [[0, 2, 1], [1, 2, 6]]],
    ]) {
        fake.script = { vectors: list }
        const got = await embed(texts)
        assert.deepEqual([got.class, vectors(got)], ['OK', expected], JSON.stringify(list))
    }
    for (const list of [[], [[1, 2]], [[1, 2], [3]], [[1, 2], ['x', 3]], [[], []], {}, [1, 2]]) {
        fake.script = { vectors: list }
        assert.equal((await embed(['a', 'b'])).class, 'PROTOCOL', JSON.stringify(list))
    }
})
