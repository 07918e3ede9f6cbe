// A fake of Hugging Face: the router and TGI's chat (/v1), TGI's generate_stream, the serverless tasks at /models and
// /hf-inference/models, and TEI. Both official clients accept it (huggingface_client.test.mjs).
//
// Members of a script, besides those of server.mjs:
//   text          the answer; default "Hello, world"
//   object        the answer of a task is an object, not an array of one; for question answering and classification the
//                 reverse
//   echo          generated text begins with the prompt
//   special       special tokens around the answer
//   error         in the middle of a stream, which goes on; an object with "error" and "error_type", or of the chat
//   finish        false: no event that ends the stream
//   tight         no space after the colon
//   loading       seconds: 503 unless the request has x-wait-for-model
//   rows          classification answers with rows of label and score
//   score         of the answer
//   offset        the name of the end in an answer to a question: "end" (default) or "stop"
//   vectors       in place of the vectors
//   scores        of the texts of a rerank; default: a tenth of each index
//   ranks         in place of the rows of a rerank
//   gone          404 or 410, as a host that was shut down
import { Fake, stream } from './server.mjs'

export const TOKEN = 'hf_goodtoken0123456789'
export const MODELS = ['org/small', 'org/large']

export const startHuggingface = () => new Fake(answer).start()

function json(rs, body, status = 200) {
    rs.writeHead(status, { 'content-type': 'application/json' })
    rs.end(JSON.stringify(body))
}

const GONE = { error: 'https://api-inference.huggingface.co is no longer supported. Please use https://router.huggingface.co/hf-inference instead.' }

async function answer(fake, rq, rs, script) {
    const path = rq.path.replace(/^\/hf-inference/, '')
    if (script.gone) return json(rs, GONE, script.gone)
    if (['/embed', '/rerank', '/info'].includes(path)) return tei(path, rq, rs, script)
    if (rq.headers.authorization !== `Bearer ${TOKEN}`) return json(rs, { error: 'Invalid username or password.' }, 401)
    if (script.loading !== undefined && rq.headers['x-wait-for-model'] !== 'true' && !rq.body?.options?.wait_for_model)
        return json(rs, { error: `Model ${path} is currently loading`, estimated_time: script.loading }, 503)
    if (path === '/v1/models') return json(rs, { object: 'list', data: MODELS.map(id => ({ id, object: 'model' })) })
    if (path.endsWith('/v1/chat/completions')) return chat(rq.body, rs, script)
    if (path === '/generate_stream') return stream(rs, 'text/event-stream', tokens(rq.body, script).map(e => framed(e, script)), script)
    const [, at, extra] = /^\/models\/(.+?)(\/v1\/completions|\/pipeline\/.*)?$/.exec(path) ?? /^(\/)$/.exec(path) ?? []
    if (!at) return json(rs, { error: 'Not Found' }, 404)
    if (at !== '/' && !MODELS.includes(at)) return json(rs, { error: `Model ${at} does not exist` }, 404)
    if (extra === '/v1/completions') return json(rs, { id: '1', object: 'text_completion', choices: [{ index: 0, text: script.text ?? 'Hello, world', finish_reason: 'stop' }] })
    const out = task(rq.body, script, extra)
    if (script.fault || script.gzip) return stream(rs, 'application/json', cut(JSON.stringify(out)), script)
    json(rs, out)
}

const cut = text => text.match(/.{1,12}/gsu)
const framed = (event, script) => `data:${script.tight ? '' : ' '}${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`
const pieces = script => (script.text ?? 'Hello, world').match(/.{1,5}/gsu) ?? []

/** What TGI and the router answer in a chat. */
function chat(body, rs, script) {
    if (![...MODELS, 'tgi', 'org/small:fastest'].includes(body.model)) return json(rs, { error: { message: `The requested model '${body.model}' does not exist`, type: 'invalid_request_error', code: 'model_not_found' } }, 404)
    const head = { id: '', created: 1, model: body.model, system_fingerprint: '3.3' }
    if (!body.stream) return json(rs, { ...head, object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: script.text ?? 'Hello, world' }, finish_reason: 'stop' }], usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 } })
    const chunk = (delta, finish = null) => ({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }], usage: null })
    const list = pieces(script).map(content => chunk({ role: 'assistant', content }))
    if (script.error) list.push(script.error)
    else if (script.finish !== false) list.push(chunk({ role: 'assistant', content: '' }, 'stop'), { ...head, object: 'chat.completion.chunk', choices: [], usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 } })
    if (script.finish !== false) list.push('[DONE]')
    return stream(rs, 'text/event-stream', list.map(e => framed(e, script)), script)
}

/** The events of generate_stream. */
function tokens(body, script) {
    const list = pieces(script).map((text, i) => ({ index: i + 1, token: { id: 100 + i, text, logprob: -0.5, special: false }, generated_text: null, details: null }))
    const text = `${script.echo ? body.inputs : ''}${script.text ?? 'Hello, world'}`
    if (script.special) {
        list.unshift({ index: 0, token: { id: 1, text: '<s>', logprob: 0, special: true }, generated_text: null, details: null })
        list.push({ index: 98, token: { id: 2, text: '</s>', logprob: 0, special: true }, generated_text: null, details: null })
    }
    if (script.error) return [...list, script.error]
    if (script.finish === false) return list
    const last = list.pop()
    return [...list, { ...last, generated_text: text, details: { finish_reason: script.reason ?? 'eos_token', generated_tokens: 7, seed: null, input_length: 11 } }]
}

/** What a serverless task answers: the inputs tell which one it is. */
function task(body, script, extra) {
    const text = script.text ?? 'Hello, world', wrap = (value, array) => array !== Boolean(script.object) ? [value] : value
    if (extra?.startsWith('/pipeline/')) return script.vectors ?? [body.inputs].flat().map((_, i) => [i + 0.5, -1, 0.25])
    if (body.inputs?.question) return wrap({ answer: text, score: script.score ?? 0.9, start: 4, [script.offset ?? 'end']: 9 }, false)
    if (body.inputs?.past_user_inputs) return wrap({ generated_text: text, conversation: { past_user_inputs: [...body.inputs.past_user_inputs, body.inputs.text], generated_responses: [...body.inputs.generated_responses, text] }, warnings: [] }, false)
    if (body.parameters?.candidate_labels) return labels(body, script, wrap)
    return wrap({ generated_text: `${script.echo ? body.inputs : ''}${text}` }, true)
}

function labels(body, script, wrap) {
    const list = [script.text ?? body.parameters.candidate_labels[1], body.parameters.candidate_labels[0]]
    const scores = [script.score ?? 0.8, 0.1]
    return script.rows ? list.map((label, i) => ({ label, score: scores[i] })).reverse() : wrap({ sequence: body.inputs, labels: list, scores }, false)
}

/** TEI has errors of its own: a wrong key has an empty body. */
function tei(path, rq, rs, script) {
    if (path === '/info') return json(rs, { model_id: 'org/embed', max_client_batch_size: 32 })
    if (rq.headers.authorization !== `Bearer ${TOKEN}`) return rs.writeHead(401).end()
    const inputs = [rq.body.inputs ?? rq.body.texts].flat()
    if (inputs.length > 32) return json(rs, { error: `batch size ${inputs.length} > maximum allowed batch size 32`, error_type: 'Validation' }, 413)
    if (path === '/rerank') return json(rs, script.ranks ?? inputs.map((_, index) => ({ index, score: script.scores?.[index] ?? index / 10 })).sort((a, b) => b.score - a.score))
    if (!inputs.length || inputs.includes('')) return json(rs, { error: '`inputs` cannot be empty', error_type: 'Empty' }, 400)
    const out = script.vectors ?? inputs.map((_, i) => [i + 0.5, -1, 0.25])
    if (script.fault) return stream(rs, 'application/json', cut(JSON.stringify(out)), script)
    json(rs, out)
}
