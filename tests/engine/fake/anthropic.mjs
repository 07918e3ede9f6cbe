// A fake of Anthropic's Messages API. The official client `@anthropic-ai/sdk` accepts it (anthropic_client.test.mjs).
//
// Members of a script, besides those of server.mjs:
//   text, chunks     the answer, as one text or in pieces; default "Hello, world"
//   calls            tool calls: [{id, name, input: [pieces of JSON]}]
//   thinking         written before the answer, in a block of its own
//   reason           stop_reason
//   stop             false: no message_stop
//   error            sent in the middle of the stream
import { Fake, stream } from './server.mjs'

export const KEY = 'sk-ant-good-key-0123456789'
export const MODELS = ['claude-small', 'claude-large']

export const startAnthropic = () => new Fake(answer).start()

function fail(rs, status, type, message) {
    rs.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_fake' })
    rs.end(JSON.stringify({ type: 'error', error: { type, message }, request_id: 'req_fake' }))
}

function json(rs, body) {
    rs.writeHead(200, { 'content-type': 'application/json', 'request-id': 'req_fake' })
    rs.end(JSON.stringify(body))
}

async function answer(fake, rq, rs, script) {
    const path = rq.path.replace(/\?.*/, '')
    const key = rq.headers['x-api-key'] ?? /^Bearer (.*)$/.exec(rq.headers.authorization ?? '')?.[1] // the client's newer way, and the older one
    if (key !== KEY) return fail(rs, 401, 'authentication_error', `invalid x-api-key ${key}`)
    if (!rq.headers['anthropic-version']) return fail(rs, 400, 'invalid_request_error', 'anthropic-version: header is required')
    if (path === '/v1/models') return json(rs, { data: MODELS.map(id => ({ type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' })), has_more: false, first_id: MODELS[0], last_id: MODELS[1] })
    if (path !== '/v1/messages') return fail(rs, 404, 'not_found_error', 'Not Found')
    const wrong = fault(rq.body)
    if (wrong) return fail(rs, ...wrong)
    if (rq.body.stream) return stream(rs, 'text/event-stream; charset=utf-8', events(rq.body, script).map(framed(script)), script)
    json(rs, { ...message(rq.body, content(script)), stop_reason: reason(script), usage: { input_tokens: 11, output_tokens: 7 } })
}

/** What the API refuses, as far as a request of ours could be it. */
function fault(body) {
    if (!MODELS.includes(body.model)) return [404, 'not_found_error', `model: ${body.model}`]
    if (!(body.max_tokens > 0)) return [400, 'invalid_request_error', 'max_tokens: Field required']
    if (!body.messages?.length) return [400, 'invalid_request_error', 'messages: at least one message is required']
    if (body.temperature > 1) return [400, 'invalid_request_error', 'temperature: range: 0..1']
    for (const m of body.messages) {
        if (!['user', 'assistant'].includes(m.role)) return [400, 'invalid_request_error', `messages: role ${m.role}`]
        for (const b of [m.content].flat()) if (b.type === 'text' && !b.text) return [400, 'invalid_request_error', 'messages: text content blocks must be non-empty']
    }
    if (body.messages[0].role !== 'user') return [400, 'invalid_request_error', 'messages: first message must use the "user" role']
    return null
}

const reason = script => script.reason ?? (script.calls ? 'tool_use' : 'end_turn')
const message = (body, blocks) => ({ id: 'msg_1', type: 'message', role: 'assistant', model: body.model, content: blocks, stop_reason: null, stop_sequence: null })
const textOf = script => script.chunks?.join('') ?? script.text ?? 'Hello, world'

function content(script) {
    if (script.calls) return script.calls.map(c => ({ type: 'tool_use', id: c.id, name: c.name, input: JSON.parse(c.input.join('') || '{}') }))
    return [{ type: 'text', text: textOf(script), citations: null }]
}

function events(body, script) {
    const out = [{ type: 'message_start', message: { ...message(body, []), usage: { input_tokens: 11, output_tokens: 1 } } }, { type: 'ping' }]
    let index = 0
    const block = (begin, deltas) => {
        out.push({ type: 'content_block_start', index, content_block: begin }, ...deltas.map(delta => ({ type: 'content_block_delta', index, delta })), { type: 'content_block_stop', index })
        index++
    }
    if (script.thinking) block({ type: 'thinking', thinking: '', signature: '' }, [{ type: 'thinking_delta', thinking: script.thinking }, { type: 'signature_delta', signature: 'sig' }])
    if (!script.calls) block({ type: 'text', text: '' }, (script.chunks ?? textOf(script).match(/.{1,5}/gsu) ?? []).map(text => ({ type: 'text_delta', text })))
    for (const c of script.calls ?? []) block({ type: 'tool_use', id: c.id, name: c.name, input: {} }, c.input.map(partial_json => ({ type: 'input_json_delta', partial_json })))
    if (script.error) out.push({ type: 'error', error: script.error })
    if (script.stop !== false) out.push({ type: 'message_delta', delta: { stop_reason: reason(script), stop_sequence: null }, usage: { output_tokens: 7 } }, { type: 'message_stop' })
    return out
}

const framed = script => e => {
    const end = script.framing === 'crlf' ? '\r\n' : '\n'
    return `event: ${e.type}${end}data: ${JSON.stringify(e)}${end}${end}`
}
