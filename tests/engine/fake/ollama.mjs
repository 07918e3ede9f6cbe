// A fake of Ollama's own protocol. The official client `ollama` accepts it (ollama_client.test.mjs).
//
// Members of a script, besides those of server.mjs:
//   text, chunks     the answer, as one text or in pieces; default "Hello, world"
//   calls            tool calls: [{name, arguments: object}]
//   thinking         written before the answer
//   done             false: no last line
//   reason           done_reason
//   error            a line in the middle of the answer
//   lastWithoutEnd   the last line has no line break
import { Fake, stream } from './server.mjs'

export const MODELS = ['small:latest', 'large:7b']

export const startOllama = () => new Fake(answer).start()

function json(rs, body, status = 200) {
    rs.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
    rs.end(JSON.stringify(body))
}

const known = name => MODELS.some(m => m === name || m === `${name}:latest`)

async function answer(fake, rq, rs, script) {
    if (rq.path === '/api/tags') return json(rs, { models: MODELS.map(name => ({ name, model: name, size: 1, digest: 'd', details: {} })) })
    if (rq.path === '/api/version') return json(rs, { version: '0.9.0' })
    if (rq.path === '/api/embed') return json(rs, { model: rq.body.model, embeddings: [rq.body.input].flat().map((_, i) => [i + 0.5, -1]), prompt_eval_count: 5 })
    if (rq.path !== '/api/chat') return json(rs, { error: 'not found' }, 404)
    if (!known(rq.body.model)) return json(rs, { error: `model '${rq.body.model}' not found` }, 404)
    const list = lines(rq.body, script)
    if (rq.body.stream === false) return json(rs, { ...list.at(-1), message: { role: 'assistant', content: script.text ?? 'Hello, world' } })
    const pieces = list.map(l => `${JSON.stringify(l)}\n`)
    if (script.lastWithoutEnd) pieces.push(pieces.pop().trim())
    await stream(rs, 'application/x-ndjson', pieces, script)
}

function lines(body, script) {
    const line = (message, more) => ({ model: body.model, created_at: '2026-01-01T00:00:00Z', message: { role: 'assistant', content: '', ...message }, done: false, ...more })
    const out = []
    if (script.thinking) out.push(line({ thinking: script.thinking }))
    if (!script.calls) for (const content of script.chunks ?? (script.text ?? 'Hello, world').match(/.{1,5}/gsu) ?? []) out.push(line({ content }))
    if (script.calls) out.push(line({ tool_calls: script.calls.map(c => ({ function: c })) }))
    if (script.error) out.push({ error: script.error })
    if (script.done !== false) out.push(line({}, { done: true, done_reason: script.reason ?? 'stop', total_duration: 1, load_duration: 1, prompt_eval_count: 11, prompt_eval_duration: 1, eval_count: 7, eval_duration: 1 }))
    return out
}
