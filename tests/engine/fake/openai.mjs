// A fake of servers that speak OpenAI's protocol. The official client `openai` accepts it (openai.test.mjs).
//
// Members of a script, besides those of server.mjs:
//   text, chunks     the answer, as one text or in pieces; default "Hello, world"
//   calls            tool calls: [{id, name, arguments: [pieces]}]
//   reasoning        written before the answer, in delta.reasoning or (`reasoningName`) another member
//   finish           finish_reason; null: none
//   usage            false: none, 'always': in each chunk
//   done             false: no [DONE]
//   error            sent in the middle of the stream; an object or a text
//   extra            events to be sent, as they are, before the end
//   framing          crlf, cr, tight (no space after the colon), comments, bom
import { Fake, stream } from './server.mjs'

export const KEY = 'sk-good-key-0123456789'
export const MODELS = ['small', 'large']

export const startOpenai = () => new Fake(answer).start()

function fail(rs, status, message, type, code) {
    rs.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_fake' })
    rs.end(JSON.stringify({ error: { message, type, param: null, code } }))
}

function json(rs, body) {
    rs.writeHead(200, { 'content-type': 'application/json', 'x-request-id': 'req_fake' })
    rs.end(JSON.stringify(body))
}

function keyOf(headers) {
    return headers['api-key'] ?? /^Bearer (.*)$/.exec(headers.authorization ?? '')?.[1]
}

async function answer(fake, rq, rs, script) {
    const path = rq.path.replace(/^\/openai(\/deployments\/[^/]+)?/, '/v1').replace(/\?.*/, '')
    const key = keyOf(rq.headers)
    if (key !== (fake.key ?? KEY)) return fail(rs, 401, `Incorrect API key provided: ${key}. You can find yours on the website.`, 'invalid_request_error', 'invalid_api_key')
    if (path === '/v1/models') return json(rs, { object: 'list', data: MODELS.map(model) })
    if (path.startsWith('/v1/models/')) {
        const id = decodeURIComponent(path.slice(11))
        return MODELS.includes(id) ? json(rs, model(id)) : fail(rs, 404, `The model '${id}' does not exist`, 'invalid_request_error', 'model_not_found')
    }
    if (path === '/v1/embeddings') return json(rs, embeddings(rq.body, script))
    if (path !== '/v1/chat/completions') return fail(rs, 404, 'Unknown request URL', 'invalid_request_error', 'unknown_url')
    if (!MODELS.includes(rq.body.model)) return fail(rs, 404, `The model '${rq.body.model}' does not exist`, 'invalid_request_error', 'model_not_found')
    if (!Array.isArray(rq.body.messages) || !rq.body.messages.length) return fail(rs, 400, 'messages is empty', 'invalid_request_error', null)
    if (rq.body.stream) return stream(rs, 'text/event-stream', framed(events(rq.body, script), script), script)
    json(rs, completion(rq.body, script))
}

const model = id => ({ id, object: 'model', created: 1700000000, owned_by: 'fake' })
const head = body => ({ id: 'chatcmpl-1', created: 1700000000, model: body.model })
const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 }
const textOf = script => script.chunks?.join('') ?? script.text ?? 'Hello, world'

function completion(body, script) {
    const message = { role: 'assistant', content: script.calls ? null : textOf(script), refusal: null }
    if (script.calls) message.tool_calls = script.calls.map(c => ({ id: c.id, type: 'function', function: { name: c.name, arguments: c.arguments.join('') } }))
    const finish = script.finish ?? (script.calls ? 'tool_calls' : 'stop')
    return { ...head(body), object: 'chat.completion', choices: [{ index: 0, message, logprobs: null, finish_reason: finish }], usage }
}

function embeddings(body, script) {
    const input = [body.input].flat()
    const vector = i => [i + 0.5, -1, 0.25]
    const pack = v => body.encoding_format === 'base64' || script.base64 ? Buffer.from(new Float32Array(v).buffer).toString('base64') : v
    return { object: 'list', model: body.model, data: input.map((_, i) => ({ object: 'embedding', index: i, embedding: pack(vector(i)) })), usage: { prompt_tokens: 5, total_tokens: 5 } }
}

/** The events of a stream, as objects or texts. */
function events(body, script) {
    const wantsUsage = body.stream_options?.include_usage
    const chunk = (choices, more) => ({ ...head(body), object: 'chat.completion.chunk', choices, ...(script.usage === 'always' ? { usage } : wantsUsage ? { usage: null } : {}), ...more })
    const delta = (d, finish = null) => chunk([{ index: 0, delta: d, logprobs: null, finish_reason: finish }])
    const out = [delta({ role: 'assistant', content: '' })]
    if (script.reasoning) out.push(delta({ [script.reasoningName ?? 'reasoning']: script.reasoning }))
    if (!script.calls) for (const text of script.chunks ?? (script.text ?? 'Hello, world').match(/.{1,5}/gsu) ?? []) out.push(delta({ content: text }))
    for (const [index, c] of (script.calls ?? []).entries()) {
        const where = script.noIndex ? {} : { index }
        out.push(delta({ tool_calls: [{ ...where, id: c.id, type: 'function', function: { name: c.name, arguments: '' } }] }))
        for (const piece of c.arguments) out.push(delta({ tool_calls: [{ ...where, function: { arguments: piece } }] }))
    }
    if (script.error) out.push(script.rawError ? script.error : { error: script.error })
    out.push(...script.extra ?? [])
    if (script.finish !== null) out.push(delta({}, script.finish ?? (script.calls ? 'tool_calls' : 'stop')))
    if (wantsUsage && script.usage !== false) out.push(chunk([], { usage }))
    if (script.done !== false) out.push('[DONE]')
    out.push(...script.after ?? [])
    return out
}

/** Events as they stand on the wire. */
function framed(list, script) {
    const end = { crlf: '\r\n', cr: '\r' }[script.framing] ?? '\n'
    const colon = script.framing === 'tight' ? 'data:' : 'data: '
    const comment = script.framing === 'comments' ? `: keep-alive${end}${end}` : ''
    const text = e => typeof e === 'string' ? e : JSON.stringify(e)
    const raw = e => e.raw ?? `${comment}${e.event ? `event: ${e.event}${end}` : ''}${colon}${text(e.data ?? e)}${end}${end}`
    const out = list.map(raw)
    if (script.framing === 'bom') out[0] = `\uFEFF${out[0]}`
    if (script.fault === 'deepJson') out.splice(2, 0, `data: ${'['.repeat(1000)}${']'.repeat(1000)}\n\n`)
    if (script.fault === 'invalidUtf8') out.splice(2, 0, Buffer.concat([Buffer.from('data: {"choices":[{"index":0,"delta":{"content":"a'), Buffer.of(0xff, 0xc3), Buffer.from('b"}}]}\n\n')]))
    return out
}

