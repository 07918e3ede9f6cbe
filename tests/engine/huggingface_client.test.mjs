// The official client @huggingface/inference, in its present and in its last serverless version, accepts the fake; only
// then may our engines meet it.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { InferenceClient } from '@huggingface/inference'
import * as legacy from 'hf-legacy'
import { TOKEN, startHuggingface } from './fake/huggingface.mjs'

let fake, client, old
const model = 'org/small'
const ask = more => ({ model, provider: 'hf-inference', messages: [{ role: 'user', content: 'Hi' }], ...more })

// The clients have the hosts built in; the mapping of models to providers is asked of the hub.
async function toFake(url, init) {
    const at = new URL(url)
    if (at.host === 'huggingface.co') return Response.json({ id: model, pipeline_tag: 'text-generation', inferenceProviderMapping: { 'hf-inference': { providerId: model, status: 'live', task: 'conversational' } } })
    return fetch(`${fake.url}${at.pathname}${at.search}`, init)
}

before(async () => {
    fake = await startHuggingface()
    client = new InferenceClient(TOKEN, { fetch: toFake, endpointUrl: undefined })
    old = new legacy.HfInference(TOKEN, { fetch: toFake })
})
after(() => fake.stop())
beforeEach(() => fake.clear())

test('the present client chats plainly and as a stream', async () => {
    assert.equal((await client.chatCompletion(ask())).choices[0].message.content, 'Hello, world')
    let text = ''
    for await (const chunk of client.chatCompletionStream(ask())) text += chunk.choices[0]?.delta.content ?? ''
    assert.equal(text, 'Hello, world')
})

test("the present client's endpoint of its own is TGI", async () => {
    const own = new InferenceClient(TOKEN, { fetch: toFake, endpointUrl: fake.url })
    assert.equal((await own.chatCompletion({ model: 'tgi', messages: [{ role: 'user', content: 'Hi' }] })).choices[0].message.content, 'Hello, world')
})

test('the present client does the tasks', async () => {
    const own = new InferenceClient(TOKEN, { fetch: toFake, endpointUrl: `${fake.url}/models/${model}` })
    assert.equal((await own.questionAnswering({ inputs: { question: 'What?', context: 'This is it' } })).answer, 'Hello, world')
    fake.script = { rows: true }
    const rows = await own.zeroShotClassification({ inputs: 'x', parameters: { candidate_labels: ['a', 'b'] } })
    assert.deepEqual(rows.map(r => r.label).sort(), ['a', 'b'])
})

test('the last serverless client does all four tasks and embeds', async () => {
    assert.equal((await old.textGeneration({ model, inputs: 'Hi' })).generated_text, 'Hello, world')
    assert.equal((await old.conversational({ model, inputs: { text: 'Hi', past_user_inputs: [], generated_responses: [] } })).conversation.past_user_inputs[0], 'Hi')
    assert.equal((await old.questionAnswering({ model, inputs: { question: 'What?', context: 'This is it' } })).answer, 'Hello, world')
    assert.deepEqual((await old.zeroShotClassification({ model, inputs: 'x', parameters: { candidate_labels: ['a', 'b'] } }))[0].labels, ['b', 'a'])
    assert.deepEqual(await old.featureExtraction({ model: `${fake.url}/models/${model}/pipeline/feature-extraction`, inputs: ['a'] }), [[0.5, -1, 0.25]])
})

test('the last serverless client streams tokens, and waits for a model that is being loaded', async () => {
    fake.script = { special: true }
    let last
    for await (const out of old.textGenerationStream({ model: `${fake.url}/generate_stream`, inputs: 'Hi' })) last = out
    assert.equal(last.generated_text, 'Hello, world')
    fake.clear()
    fake.script = { loading: 0.1 }
    assert.equal((await old.textGeneration({ model, inputs: 'Hi' })).generated_text, 'Hello, world')
    assert.deepEqual(fake.requests.map(r => r.body.options?.wait_for_model ?? false), [false, true])
})

test('both clients tell failures apart', async () => {
    await assert.rejects(new InferenceClient('hf_wrong', { fetch: toFake }).chatCompletion(ask()), /Invalid username|Failed to perform/)
    fake.script = { error: { error: 'too busy', error_type: 'overloaded' } }
    await assert.rejects(async () => { for await (const out of old.textGenerationStream({ model: `${fake.url}/generate_stream`, inputs: 'Hi' })) void out }, /too busy/)
})
