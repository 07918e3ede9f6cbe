// The walk of the official `openai` client against a bot: the same through every web server.
import assert from 'node:assert/strict'
import http from 'node:http'
import { Readable } from 'node:stream'
import OpenAI from 'openai'

/** fetch with a Host header of its own, for a site that is served by name. */
const fetchAs = host => (url, { method, headers, body, signal }) => new Promise((ok, bad) => {
    const all = { ...Object.fromEntries(new Headers(headers)), host }
    http.request(url, { method, headers: all, signal, agent: false }, r => {
        ok(new Response(Readable.toWeb(r), { status: r.statusCode, headers: r.headers }))
    }).on('error', bad).end(body)
})

export const clientOf = (url, key, host) =>
    new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, fetch: host ? fetchAs(host) : undefined })

export const ask = (model, content, more = {}) => ({ model, messages: [{ role: 'user', content }], ...more })

/** Reads a stream to its end: the text, the reasons given, the usage, and when each piece came. */
export async function streamed(client, body) {
    const got = { text: '', finish: [], usage: null, ids: new Set(), roles: [] }
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) {
        got.ids.add(chunk.id)
        got.usage ??= chunk.usage
        for (const { delta, finish_reason: finish } of chunk.choices) {
            got.text += delta.content ?? ''
            if (delta.role) got.roles.push(delta.role)
            if (finish) got.finish.push(finish)
        }
    }
    return got
}

/** What a program does that was written for OpenAI. `bot` says "Hello from the flow" and then asks. */
export async function walk(client, bot) {
    const models = []
    for await (const model of client.models.list()) models.push(model.id)
    assert.ok(models.includes(bot))
    assert.equal((await client.models.retrieve(bot)).object, 'model')
    const plain = await client.chat.completions.create(ask(bot, 'hi'))
    assert.equal(plain.object, 'chat.completion')
    assert.match(plain.choices[0].message.content, /And\?/)
    assert.equal(plain.choices[0].finish_reason, 'stop')
    assert.equal(plain.usage.total_tokens, plain.usage.prompt_tokens + plain.usage.completion_tokens)
    const got = await streamed(client, ask(bot, 'hi', { stream_options: { include_usage: true } }))
    assert.equal(got.text, plain.choices[0].message.content)
    assert.deepEqual([got.finish, got.roles, got.ids.size], [['stop'], ['assistant'], 1])
    assert.equal(got.usage.completion_tokens, plain.usage.completion_tokens)
    const helper = await client.chat.completions.stream(ask(bot, 'hi')).finalChatCompletion()
    assert.equal(helper.choices[0].message.content, got.text)
    const parts = await client.chat.completions.create(ask(bot, [{ type: 'text', text: 'hi' }]))
    assert.equal(parts.choices[0].message.content, got.text)
    for (const [error, wanted] of [
        [await client.models.retrieve('nope').catch(e => e), { status: 404, code: 'model_not_found' }],
        [await client.chat.completions.create(ask('gpt-4o', 'hi')).catch(e => e), { status: 404, code: 'model_not_found', param: 'model' }],
        [await client.withOptions({ apiKey: 'ply_wrong' }).models.list().catch(e => e), { status: 401, code: 'invalid_api_key', type: 'authentication_error' }],
    ]) {
        assert.deepEqual(Object.fromEntries(Object.keys(wanted).map(k => [k, error[k]])), wanted)
        assert.match(error.requestID, /^req_/)
    }
}
