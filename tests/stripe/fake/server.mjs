// The socket: requests in, faults around them, answers out. /v1 and /v2 are the API, /_control the knobs, the rest the pages a visitor sees.
import http from 'node:http'
import { requestId } from './api.mjs'
import { rateLimited } from './errors.mjs'

const BODY_MAX = 1 << 20
const HUGE = 24 << 20

export function createServer(fake) {
    const server = http.createServer((req, res) => {
        serve(fake, req, res).catch(error => {
            fake.broken.push(error)
            if (!res.headersSent) res.writeHead(500, { 'Content-Type': 'application/json' })
            res.end(JSON.stringify({ error: { type: 'api_error', message: `The fake itself failed: ${error.stack}` } }))
        })
    })
    server.keepAliveTimeout = 5000
    return server
}

async function serve(fake, req, res) {
    const [path, query = ''] = req.url.split('?', 2)
    const body = await readBody(req)
    fake.catchUp()
    if (path.startsWith('/_control/')) return fake.control.serve(req, res, path, body)
    if (!/^\/v[12]\//.test(path)) return fake.pages.serve(req, res, path, query, body)
    const request = { id: requestId(fake.w, { path }), at: fake.now(), method: req.method, path, query, headers: req.headers, body, idempotencyKey: req.headers['idempotency-key'] }
    record(fake, request)
    const fault = fake.faults.pick(request)
    request.fault = fault?.kind ?? null
    if (fault && !(await passes(fault, req, res, request))) return
    const answer = await fake.api.answer(request, fault)
    if (answer.broken) fake.broken.push(answer.broken)
    request.status = answer.status
    request.replayed = Boolean(answer.replayed)
    send(fake, req, res, request, answer, fault)
    fake.afterRequest()
}

// stored for tests to inspect
function record(fake, request) {
    const { list } = fake.log
    list.push(request)
    if (list.length > fake.log.max) list.splice(0, fake.log.max / 2)
}

async function readBody(req) {
    const chunks = []
    let size = 0
    for await (const chunk of req) {
        size += chunk.length
        if (size > BODY_MAX) throw new Error('a request body over 1 MB')
        chunks.push(chunk)
    }
    return Buffer.concat(chunks)
}

/** Faults before execution: false when the request ends here */
async function passes(fault, req, res, request) {
    const plain = (status, headers, body) => {
        request.status = status
        res.writeHead(status, { 'Request-Id': request.id, ...headers })
        res.end(body)
        return false
    }
    const json = (status, error, headers = {}) => plain(status, { 'Content-Type': 'application/json', ...headers }, JSON.stringify({ error }, null, 2))
    switch (fault.kind) {
        case 'dropBefore':
            req.socket.destroy()
            return false
        case 'error500Before':
            return json(500, { type: 'api_error', message: 'An unknown error occurred' })
        case 'badGateway':
            return plain(502, { 'Content-Type': 'text/html' }, '<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>\n')
        case 'rateLimited':
        case 'lockTimeout': {
            const error = rateLimited(fault.kind === 'rateLimited' ? (fault.reason ?? 'global-rate') : null)
            return json(429, error.body().error, error.headers)
        }
        case 'inUse':
            return json(409, { type: 'idempotency_error', code: 'idempotency_key_in_use', message: 'There is currently another in-progress request using this Idempotent Key.' })
        case 'redirect':
            return plain(fault.status ?? 302, { Location: fault.to ?? 'http://127.0.0.1:9/elsewhere' }, '')
        case 'retryTrue':
            return json(fault.status ?? 400, { type: 'invalid_request_error', message: 'Please try again.' }, { 'Stripe-Should-Retry': 'true' })
        case 'retryFalse':
            return json(fault.status ?? 500, { type: 'api_error', message: 'Do not try again.' }, { 'Stripe-Should-Retry': 'false' })
        default:
            return true
    }
}

function send(fake, req, res, request, answer, fault) {
    if (fault?.kind === 'dropAfter') return req.socket.destroy()
    if (fault?.kind === 'badGatewayAfter') {
        request.status = 502
        res.writeHead(502, { 'Content-Type': 'text/html' })
        return res.end('<html><body>502</body></html>')
    }
    const headers = {
        'Content-Type': 'application/json',
        'Request-Id': request.id,
        'Stripe-Version': fake.w.version,
        ...(request.method === 'POST' && request.idempotencyKey ? { 'Idempotency-Key': request.idempotencyKey } : {}),
        ...(answer.replayed ? { 'Original-Request': answer.requestId } : {}),
        ...answer.headers,
    }
    let body = Buffer.from(answer.body)
    if (fault?.kind === 'invalidJson') body = Buffer.from(`${answer.body.slice(0, -2)},,}`)
    if (fault?.kind === 'huge') body = Buffer.concat([body, Buffer.alloc(HUGE, ' ')])
    res.writeHead(answer.status, { ...headers, 'Content-Length': body.length })
    if (fault?.kind === 'truncated') {
        res.write(body.subarray(0, body.length >> 1), () => req.socket.destroy())
        return
    }
    res.end(body)
}
