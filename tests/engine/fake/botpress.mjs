// The Chat API of Botpress Cloud, as far as an engine uses it, with a bot that echoes. Its own client, @botpress/chat, and the end-to-end suite in
// that package accept it (botpress.test.mjs); then the engine meets the same server, and the knobs make it fail in the ways that servers do.
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto'
import http from 'node:http'

const TYPES = { 400: 'InvalidPayload', 401: 'Unauthorized', 402: 'PaymentRequired', 403: 'Forbidden', 404: 'ResourceNotFound', 409: 'AlreadyExists',
    413: 'PayloadTooLarge', 429: 'RateLimited', 500: 'Internal', 504: 'OperationTimeout' }
const FOREIGN_ID = /^[a-zA-Z0-9_\-\\/]+$/, PAGE = 20

class Refusal extends Error {
    constructor(code, message, type = TYPES[code]) { super(message); Object.assign(this, { code, type }) }
}

/** What can be set on `fake.knobs`; these are the values of a server without faults. */
export const KNOBS = {
    adminKey: false,        // the administrator set an encryption key: POST /users is refused, callers make their keys themselves
    refuseKeys: 0,          // so many requests with a valid key are refused with 401
    createDelayMs: 0,       // POST /messages answers that much later than the bot receives the message
    loseCreate: 0,          // so many times POST /messages takes the message and breaks the connection instead of answering
    listenDelayMs: 0,       // the head of a listener's reply comes that much later
    listenMs: 0,            // every listener is closed after that time
    listenRefused: 0,       // so many listeners are refused with 403
    prefix: true,           // the body of a listener begins with {}, as it does behind Pushpin
    pingMs: 30000,          // how often a listener gets "data: ping"
    splitBytes: 0,          // listeners receive their bytes in pieces of this length, so that characters are cut
    dropAfter: 0,           // listeners are closed after so many signals in all, once; what follows is only in the list
    dropSilentMs: 0,        // what is sent within that time of the drop reaches no listener, even a new one
    mute: false,            // listeners get no signals
    hook: null,             // {url, secret}: every signal is also posted there; fake.hooked has the replies
    listPage: PAGE,         // messages a page of a list
    fail: [],               // {op, times, http, code, type, message, raw, contentType, retryAfter}: answer like that; http 200 with a code is an error
    replies: null,          // message => [{ms, payload, metadata} | {ms, signal: {type, data}} | {ms, kick: true}], instead of the echo
}

const json = (response, status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
const base64url = text => Buffer.from(text).toString('base64url')

export class FakeBotpress {
    /** A server on a free port of 127.0.0.1. `url` is what a client gets as its address. */
    static async start({ webhook = 'wh1', encryptionKey = 'secret' } = {}) {
        const fake = new FakeBotpress()
        Object.assign(fake, { webhook, encryptionKey })
        fake.reset()
        fake.server = http.createServer((q, r) => fake.#serve(q, r))
        await new Promise(resolve => fake.server.listen(0, '127.0.0.1', resolve))
        fake.url = `http://127.0.0.1:${fake.server.address().port}/${webhook}`
        return fake
    }

    /** No users, conversations or faults. The address stays. */
    reset() {
        for (const l of this.listeners ?? []) l.response.destroy()
        this.knobs = { ...KNOBS, fail: [] }
        this.users = new Map()
        this.conversations = new Map()
        this.messages = []
        this.events = new Map()
        this.listeners = new Set()
        this.timers ??= new Set()
        for (const t of this.timers) clearTimeout(t)
        this.timers.clear()
        this.requests = [] // {op, key, body}
        this.signals = 0
        this.hooked = []
        this.silentUntil = 0
        this.clock = Date.now()
    }

    async close() {
        for (const t of this.timers) clearTimeout(t)
        for (const l of this.listeners) l.response.destroy()
        this.server.closeAllConnections()
        await new Promise(resolve => this.server.close(resolve))
    }

    /** How often an operation was asked for */
    count(op) { return this.requests.filter(r => r.op === op).length }

    // ---- keys: JWT, HS256, {"id": ...} ----

    key(id) {
        const head = `${base64url('{"alg":"HS256","typ":"JWT"}')}.${base64url(JSON.stringify({ id }))}`
        return `${head}.${createHmac('sha256', this.encryptionKey).update(head).digest('base64url')}`
    }

    #idOfKey(key) {
        const [head, claims, mac] = String(key ?? '').split('.')
        try {
            const wanted = createHmac('sha256', this.encryptionKey).update(`${head}.${claims}`).digest(), given = Buffer.from(mac ?? '', 'base64url')
            const { alg } = JSON.parse(Buffer.from(head, 'base64url'))
            if (alg === 'HS256' && given.length === wanted.length && timingSafeEqual(given, wanted)) return JSON.parse(Buffer.from(claims, 'base64url')).id
        } catch { /* not a key */ }
        throw new Refusal(401, 'The user key is invalid.')
    }

    // ---- requests ----

    async #serve(request, response) {
        response.on('error', () => {})
        const chunks = []
        for await (const c of request) chunks.push(c)
        const url = new URL(request.url, 'http://x'), [webhook, ...rest] = url.pathname.split('/').filter(Boolean).map(decodeURIComponent)
        const route = this.#route(request.method, rest)
        const call = { op: route?.[0] ?? 'unknown', key: request.headers['x-user-key'], query: url.searchParams, response, args: route?.[1] ?? [] }
        try {
            if (chunks.length) call.body = JSON.parse(Buffer.concat(chunks))
            this.requests.push({ op: call.op, key: call.key, body: call.body })
            if (webhook !== this.webhook || !route) throw new Refusal(404, 'There is no such integration or operation.')
            if (this.#failed(call)) return
            if (this.#needsKey(call.op)) call.user = this.#userOf(call)
            await this[`_${call.op}`](call, ...call.args)
        } catch (e) {
            if (!(e instanceof Refusal)) e = new Refusal(e instanceof SyntaxError ? 400 : 500, e.message)
            json(response, e.code, this.#error(e))
        }
    }

    #error({ code, type = TYPES[code] ?? 'Unknown', message }) { return { id: `err_${randomUUID()}`, code, type, message } }

    #route(method, [a, b, c, d]) {
        const at = (wanted, op, ...args) => wanted && [op, args]
        const path = `${method} ${[a, b && (a === 'users' || b === 'get-or-create' ? b : ':id'), c, d && ':user'].filter(Boolean).join('/')}`
        const rows = {
            'GET hello': ['hello'], 'POST users': ['createUser'], 'POST users/get-or-create': ['getOrCreateUser'],
            'GET users/me': ['getUser'], 'PUT users/me': ['updateUser'], 'DELETE users/me': ['deleteUser'],
            'POST conversations': ['createConversation'], 'POST conversations/get-or-create': ['getOrCreateConversation'],
            'GET conversations': ['listConversations'], 'GET conversations/:id': ['getConversation', b], 'DELETE conversations/:id': ['deleteConversation', b],
            'GET conversations/:id/messages': ['listMessages', b], 'GET conversations/:id/listen': ['listen', b],
            'POST conversations/:id/participants': ['addParticipant', b], 'GET conversations/:id/participants': ['listParticipants', b],
            'GET conversations/:id/participants/:user': ['getParticipant', b, d],
            'DELETE conversations/:id/participants/:user': ['removeParticipant', b, d],
            'POST messages': ['createMessage'], 'GET messages/:id': ['getMessage', b], 'DELETE messages/:id': ['deleteMessage', b],
            'POST events': ['createEvent'], 'GET events/:id': ['getEvent', b],
        }
        return at(rows[path], ...(rows[path] ?? []))
    }

    #needsKey(op) { return !['hello', 'createUser', 'getOrCreateUser'].includes(op) }

    #failed({ op, response }) {
        const f = this.knobs.fail.find(f => f.op === op && (f.times ?? 1) > 0)
        if (!f) return false
        f.times = (f.times ?? 1) - 1
        if (f.retryAfter !== undefined) response.setHeader('retry-after', f.retryAfter)
        if (f.raw !== undefined) response.writeHead(f.http, { 'content-type': f.contentType ?? 'application/json' }).end(f.raw)
        else json(response, f.http ?? f.code, this.#error({ message: `The knob wants ${f.code}.`, ...f }))
        return true
    }

    #userOf({ key }) {
        const id = this.#idOfKey(key)
        if (this.knobs.refuseKeys > 0) {
            this.knobs.refuseKeys--
            throw new Refusal(401, 'The user key has expired.')
        }
        const user = this.users.get(id)
        if (!user) throw new Refusal(401, 'The user of this key does not exist.')
        return user
    }

    #now() { return new Date(this.clock = Math.max(Date.now(), this.clock + 1)).toISOString() }

    #checkForeignId(id) {
        if (typeof id !== 'string' || id.length > 70 || !FOREIGN_ID.test(id)) throw new Refusal(400, 'The id has more than 70 characters, or other characters than a-z, A-Z, 0-9, _, -, \\ and /.')
    }

    // ---- users ----

    _hello({ response }) { response.writeHead(200, { 'content-type': 'text/plain' }).end('Hello!') }

    #newUser(id, { name, pictureUrl, profile } = {}) {
        const now = this.#now(), user = { id, name, pictureUrl, profile, createdAt: now, updatedAt: now }
        this.users.set(id, user)
        return user
    }

    _createUser({ body = {}, response }) {
        if (this.knobs.adminKey) throw new Refusal(401, 'Users are created with a key that is signed with the encryption key of the integration.')
        if (body.id !== undefined) this.#checkForeignId(body.id)
        if (this.users.has(body.id)) throw new Refusal(409, 'A user with this id exists.')
        const user = this.#newUser(body.id ?? `user_${randomUUID()}`, body)
        json(response, 201, { user, key: this.key(user.id) })
    }

    _getOrCreateUser({ key, body, response }) {
        const id = this.#idOfKey(key)
        this.#checkForeignId(id)
        json(response, 200, { user: this.users.get(id) ?? this.#newUser(id, body) })
    }

    _getUser({ user, response }) { json(response, 200, { user }) }
    _updateUser({ user, body, response }) { json(response, 200, { user: Object.assign(user, body, { id: user.id, updatedAt: this.#now() }) }) }
    _deleteUser({ user, response }) {
        this.users.delete(user.id)
        json(response, 200, {})
    }

    // ---- conversations ----

    #newConversation(id, user) {
        const now = this.#now(), conversation = { id, createdAt: now, updatedAt: now }
        this.conversations.set(id, { conversation, owner: user.id, members: new Set([user.id]) })
        return conversation
    }

    #conversation(id, user) {
        const c = this.conversations.get(id)
        if (!c) throw new Refusal(404, 'There is no such conversation.')
        if (!c.members.has(user.id)) throw new Refusal(403, 'You are not a participant in this conversation.')
        return c
    }

    _createConversation({ user, body = {}, response }) {
        if (body.id !== undefined) this.#checkForeignId(body.id)
        if (this.conversations.has(body.id)) throw new Refusal(409, 'A conversation with this id exists.')
        json(response, 201, { conversation: this.#newConversation(body.id ?? `conv_${randomUUID()}`, user) })
    }

    _getOrCreateConversation({ user, body = {}, response }) {
        this.#checkForeignId(body.id)
        const c = this.conversations.has(body.id) ? this.#conversation(body.id, user).conversation : this.#newConversation(body.id, user)
        json(response, 201, { conversation: c })
    }

    _getConversation({ user, response }, id) { json(response, 200, { conversation: this.#conversation(id, user).conversation }) }
    _deleteConversation({ user, response }, id) {
        this.#conversation(id, user)
        this.conversations.delete(id)
        json(response, 200, {})
    }
    _listConversations({ user, query, response }) {
        this.#list(response, query, 'conversations', [...this.conversations.values()].filter(c => c.members.has(user.id)).map(c => c.conversation))
    }

    /** The order of a list is not specified, so it is not the order of time either. */
    #list(response, query, name, rows) {
        const from = Number(query.get('nextToken') ?? 0), page = rows.reverse().slice(from, from + this.knobs.listPage)
        json(response, 200, { [name]: page, meta: from + page.length < rows.length ? { nextToken: String(from + page.length) } : {} })
    }

    // ---- participants ----

    #participant(id) {
        const user = this.users.get(id)
        if (!user) throw new Refusal(404, 'There is no such user.')
        return user
    }

    _addParticipant({ user, body, response }, id) {
        const c = this.#conversation(id, user)
        c.members.add(this.#participant(body.userId).id)
        json(response, 201, { participant: this.#participant(body.userId) })
        this.signal(id, 'participant_added', { conversationId: id, participantId: body.userId })
    }
    _listParticipants({ user, query, response }, id) {
        this.#list(response, query, 'participants', [...this.#conversation(id, user).members].map(m => this.#participant(m)))
    }
    _getParticipant({ user, response }, id, member) {
        if (!this.#conversation(id, user).members.has(member)) throw new Refusal(404, 'There is no such participant.')
        json(response, 200, { participant: this.#participant(member) })
    }
    _removeParticipant({ user, response }, id, member) {
        const c = this.#conversation(id, user)
        if (member === c.owner) throw new Refusal(400, 'The owner of a conversation cannot be removed.')
        this.kick(id, member)
        json(response, 200, {})
    }

    /** Remove somebody from a conversation: the listeners of that user end. */
    kick(id, member) {
        this.conversations.get(id)?.members.delete(member)
        this.signal(id, 'participant_removed', { conversationId: id, participantId: member })
        for (const l of this.listeners) if (l.conversation === id && l.user === member) l.response.end()
    }

    // ---- messages ----

    async _createMessage({ user, body = {}, response }) {
        const c = this.#conversation(body.conversationId, user)
        if (typeof body.payload?.type !== 'string' || body.payload.text === '') throw new Refusal(400, 'The payload is invalid.')
        const message = this.#addMessage(c.conversation.id, user.id, body.payload, body.metadata)
        this.signal(message.conversationId, 'message_created', { ...message, isBot: false })
        this.#answer(message)
        if (this.knobs.createDelayMs) await new Promise(resolve => setTimeout(resolve, this.knobs.createDelayMs))
        if (this.knobs.loseCreate > 0) {
            this.knobs.loseCreate--
            response.destroy()
        } else {
            json(response, 201, { message })
        }
    }

    #addMessage(conversationId, userId, payload, metadata) {
        const message = { id: `msg_${randomUUID()}`, createdAt: this.#now(), payload, userId, conversationId, ...(metadata ? { metadata } : {}) }
        this.messages.push(message)
        return message
    }

    /** A message of the bot, now */
    say(conversationId, payload, metadata) {
        const message = this.#addMessage(conversationId, 'bot', payload, metadata)
        this.signal(conversationId, 'message_created', { ...message, isBot: true })
        return message
    }

    #answer(message) {
        for (const r of (this.knobs.replies ?? echo)(message)) {
            const timer = setTimeout(() => {
                this.timers.delete(timer)
                if (r.signal) this.signal(message.conversationId, r.signal.type, { conversationId: message.conversationId, userId: 'bot', ...r.signal.data })
                else if (r.kick) this.kick(message.conversationId, message.userId)
                else this.say(message.conversationId, r.payload, r.metadata)
            }, r.ms ?? 0)
            this.timers.add(timer)
        }
    }

    #message(id, user) {
        const message = this.messages.find(m => m.id === id)
        if (!message) throw new Refusal(404, 'There is no such message.')
        this.#conversation(message.conversationId, user)
        return message
    }

    _getMessage({ user, response }, id) { json(response, 200, { message: this.#message(id, user) }) }
    _deleteMessage({ user, response }, id) {
        const { conversationId, userId } = this.#message(id, user)
        this.messages = this.messages.filter(m => m.id !== id)
        json(response, 200, {})
        this.signal(conversationId, 'message_deleted', { id, conversationId, userId })
    }
    _listMessages({ user, query, response }, id) {
        this.#conversation(id, user)
        this.#list(response, query, 'messages', this.messages.filter(m => m.conversationId === id))
    }

    // ---- events ----

    _createEvent({ user, body, response }) {
        this.#conversation(body.conversationId, user)
        const add = userId => ({ id: `evt_${randomUUID()}`, createdAt: this.#now(), payload: body.payload, conversationId: body.conversationId, userId })
        const event = add(user.id)
        this.events.set(event.id, event)
        json(response, 201, { event })
        this.signal(body.conversationId, 'event_created', { ...event, isBot: false })
        setTimeout(() => this.signal(body.conversationId, 'event_created', { ...add('bot'), id: null, isBot: true }), 5)
    }
    _getEvent({ user, response }, id) {
        const event = this.events.get(id)
        if (!event) throw new Refusal(404, 'There is no such event.')
        this.#conversation(event.conversationId, user)
        json(response, 200, { event })
    }

    // ---- listeners: an event stream without ids and without an end ----

    async _listen({ user, response }, id) {
        const c = this.#conversation(id, user)
        if (this.knobs.listenRefused > 0) {
            this.knobs.listenRefused--
            throw new Refusal(403, 'You are not a participant in this conversation.')
        }
        if (this.knobs.listenDelayMs) await new Promise(resolve => setTimeout(resolve, this.knobs.listenDelayMs))
        if (response.destroyed) return // the client has left meanwhile, and no event would end the pings
        response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
        response.write(this.knobs.prefix ? '{}' : ':\n\n')
        const listener = { response, user: user.id, conversation: c.conversation.id }
        const ping = setInterval(() => response.write('event: message\ndata: ping\n\n'), this.knobs.pingMs)
        this.listeners.add(listener)
        if (this.knobs.listenMs) setTimeout(() => response.end(), this.knobs.listenMs)
        response.on('close', () => {
            clearInterval(ping)
            this.listeners.delete(listener)
        })
    }

    /** What the integration does when it has a webhook: {status, type}. */
    async #post({ url, secret }, signal) {
        const reply = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', 'x-secret-key': secret }, body: JSON.stringify(signal) })
        await reply.text()
        return { status: reply.status, type: signal.type }
    }

    signal(conversation, type, data) {
        if (this.knobs.hook) this.hooked.push(this.#post(this.knobs.hook, { type, data }))
        if (this.knobs.mute || this.silentUntil > Date.now()) return
        const bytes = Buffer.from(`event: message\ndata: ${JSON.stringify({ type, data })}\n\n`), size = this.knobs.splitBytes || bytes.length
        for (const l of this.listeners) {
            if (l.conversation !== conversation) continue
            for (let at = 0; at < bytes.length; at += size) l.response.write(bytes.subarray(at, at + size))
        }
        if (this.knobs.dropAfter && ++this.signals === this.knobs.dropAfter) {
            this.silentUntil = Date.now() + this.knobs.dropSilentMs
            for (const l of this.listeners) l.response.end()
        }
    }
}

/** What the bot of the client's end-to-end suite answers */
function echo({ payload, metadata }) {
    const text = value => ({ type: 'text', text: value })
    if (payload.text === 'bloc') return [{ payload: { type: 'bloc', items: ['one', 'two', 'three'].map(text) } }]
    if (payload.text === 'metadata') return [{ payload, metadata }]
    return [{ payload }]
}
