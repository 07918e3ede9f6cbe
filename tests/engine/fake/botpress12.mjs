// The converse API of Botpress v12 with a bot that echoes. There is no client of it in npm; what it does follows the sources of ConverseRouter and
// ConverseService. Two requests of one user at the same time disturb each other here as they do there.
import { randomUUID } from 'node:crypto'
import http from 'node:http'

/** What can be set on `fake.knobs`; these are the values of a server without faults. */
export const KNOBS = {
    delayMs: 0,           // how long the bot takes; from converseTimeoutMs on the server gives up with status 400
    converseTimeoutMs: 5000,
    maxLength: 360,       // longer texts are refused
    unlicensed: false,    // 402
    publicDisabled: false, // the public endpoint answers 403 as plain text
    secured: false,       // the public endpoint does not exist
    typingOnly: false,    // the bot answers nothing but "is typing"
    expireTokens: 0,      // so many valid tokens are refused as expired
    raw: null,            // {http, contentType, body}: answer like that, once
    replies: null,        // payload => responses, instead of the echo
}

export class FakeBotpress12 {
    /** A server on a free port of 127.0.0.1. `url` includes the base path under which a proxy would show it. */
    static async start({ base = '', bot = 'bot1', email = 'admin@example.com', password = 'secret-12' } = {}) {
        const fake = new FakeBotpress12()
        Object.assign(fake, { base, bot, email, password })
        fake.reset()
        fake.server = http.createServer((q, r) => fake.#serve(q, r))
        await new Promise(resolve => fake.server.listen(0, '127.0.0.1', resolve))
        fake.url = `http://127.0.0.1:${fake.server.address().port}${base}`
        return fake
    }

    /** No tokens, no requests, no faults. */
    reset() {
        this.knobs = { ...KNOBS }
        this.tokens = new Set()
        this.busy = new Map() // user → how to disturb the request in progress
        this.requests = []    // {path, body}
        this.collisions = 0
    }

    async close() {
        this.server.closeAllConnections()
        await new Promise(resolve => this.server.close(resolve))
    }

    async #serve(request, response) {
        response.on('error', () => {})
        const chunks = []
        for await (const c of request) chunks.push(c)
        const url = new URL(request.url, 'http://x'), { knobs } = this
        let body
        try { body = JSON.parse(Buffer.concat(chunks)) } catch { /* the routes refuse it */ }
        this.requests.push({ path: url.pathname, body })
        if (knobs.raw) {
            response.writeHead(knobs.raw.http, { 'content-type': knobs.raw.contentType ?? 'application/json' }).end(knobs.raw.body)
            knobs.raw = null
            return
        }
        const path = url.pathname.startsWith(`${this.base}/api/v1/`) ? url.pathname.slice(this.base.length + '/api/v1'.length) : ''
        const [, bot, user, secured] = /^\/bots\/([^/]+)\/converse\/([^/]+?)(\/secured)?$/.exec(path) ?? []
        if (path === '/auth/login/basic/default') this.#login(body, response)
        else if (request.method !== 'POST' || bot !== this.bot || (knobs.secured && !secured)) this.#error(response, 404, 'Not Found')
        else await this.#converse({ request, response, url, user: decodeURIComponent(user), body, secured })
    }

    #error(response, statusCode, message) {
        response.writeHead(statusCode, { 'content-type': 'application/json' })
            .end(JSON.stringify({ statusCode, errorCode: 'BP_0000', type: 'ResponseError', message, details: '', docs: 'https://botpress.com/docs' }))
    }

    #login(body, response) {
        if (body?.email !== this.email || body?.password !== this.password) return this.#error(response, 401, 'Invalid login credentials.')
        const jwt = `jwt-${randomUUID()}`
        this.tokens.add(jwt)
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ status: 'success', payload: { jwt, exp: 3600000 } }))
    }

    #tokenGood(header = '') {
        const token = header.replace(/^Bearer /, '')
        if (!this.tokens.has(token)) return false
        if (this.knobs.expireTokens > 0) {
            this.knobs.expireTokens--
            this.tokens.delete(token)
            return false
        }
        return true
    }

    async #converse({ request, response, url, user, body, secured }) {
        const { knobs } = this
        const plain = (status, text) => response.writeHead(status, { 'content-type': 'text/plain' }).end(text)
        if (secured && !this.#tokenGood(request.headers.authorization)) return this.#error(response, 401, 'Invalid token or session expired.')
        if (!secured && knobs.publicDisabled) return plain(403, 'Converse API disabled for this bot.')
        if (!secured && (url.searchParams.get('include') ?? 'responses') !== 'responses') return plain(403, 'Unauthenticated converse API can only return "responses".')
        if (knobs.unlicensed) return this.#error(response, 402, 'This server has no license.')
        const wrong = this.#wrong(request, body, secured)
        if (wrong) return this.#error(response, 400, wrong)
        if (await this.#think(user) === 'disturbed') return this.#error(response, 400, `No responses found for event target "${user}".`)
        if (knobs.delayMs >= knobs.converseTimeoutMs) return this.#error(response, 400, 'Request timed out.')
        const typing = { type: 'typing', value: true }
        const responses = knobs.typingOnly ? [typing] : [typing, ...(knobs.replies ?? echo)(body)]
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ responses }))
    }

    #wrong(request, body, secured) {
        if (!/^application\/json/.test(request.headers['content-type'] ?? '') || typeof body !== 'object') return 'The body is not JSON.'
        const unknown = Object.keys(body).find(k => !['type', 'text', 'includedContexts', 'metadata'].includes(k))
        if (!secured && unknown) return `"${unknown}" is not allowed`
        if (!secured && body.type !== 'text') return '"type" must be "text"'
        if (typeof body.text !== 'string' || !body.text.length || body.text.length > this.knobs.maxLength)
            return `Text must be a valid string of less than ${this.knobs.maxLength} chars`
    }

    /** The server keeps one listener a user: the second request takes the listener of the first away, and the first finds no responses. */
    async #think(user) {
        if (this.busy.has(user)) {
            this.collisions++
            this.busy.get(user)('disturbed')
        }
        const wait = Math.min(this.knobs.delayMs, this.knobs.converseTimeoutMs)
        const result = await new Promise(resolve => {
            this.busy.set(user, resolve)
            setTimeout(resolve, wait, 'done')
        })
        if (result === 'done') this.busy.delete(user)
        return result
    }
}

const echo = ({ text }) => [{ type: 'text', markdown: true, text }]
