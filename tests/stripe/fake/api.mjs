// One request of the API, from its text to the answer: key, version, route, rights, parameters, idempotency, execution.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import qs from 'qs'
import { catalogRoutes } from './catalog.mjs'
import { checkoutRoutes } from './checkout.mjs'
import { customerRoutes, deleteCustomer } from './customers.mjs'
import { apiError, badParameter, forbidden, noRoute, rateLimited, StripeError, unauthorized } from './errors.mjs'
import { eventRoutes } from './events.mjs'
import { invoiceRoutes } from './invoices.mjs'
import { meterRoutes } from './meters.mjs'
import { paymentRoutes } from './payments.mjs'
import { portalRoutes } from './portal.mjs'
import { scheduleRoutes } from './schedules.mjs'
import { subscriptionRoutes } from './subrequests.mjs'
import { end } from './subscriptions.mjs'

const account = w =>
    w.answers.make('account', { id: 'acct_fake', object: 'account', charges_enabled: true, country: 'US', default_currency: 'usd', details_submitted: true, email: 'owner@example.com', payouts_enabled: true, type: 'standard' })

const table = [
    ...catalogRoutes,
    ...customerRoutes,
    ['DELETE', '/v1/customers/{id}', (w, p, ids) => deleteCustomer(w, p, ids, end), 'customer'],
    ...checkoutRoutes,
    ...subscriptionRoutes,
    ...scheduleRoutes,
    ...invoiceRoutes,
    ...paymentRoutes,
    ...portalRoutes,
    ...meterRoutes,
    ...eventRoutes,
    ['GET', '/v1/account', account, 'account'],
].map(([method, path, run, right]) => ({ method, path, run, right, pattern: new RegExp(`^${path.replace(/\{id\}/g, '([^/]+)')}$`) }))

const route = (method, path) => table.find(one => one.method === method && (one.path === path || (!one.path.endsWith('create_preview') && one.pattern.test(path))))

const FORM = { depth: 20, arrayLimit: 100, parameterLimit: 2000, allowDots: false }

export class Api {
    constructor({ w, validator, idempotency, validate }) {
        Object.assign(this, { w, validator, idempotency, validate })
        this.keys = new Map() // knobs: key -> {rights: Set or null}
        this.violations = []
        this.shapeErrors = []
        this.busy = new Map()
    }

    /** The caller and the parameters of a request, before anything is executed */
    open(request) {
        const { w } = this
        const key = bearer(request.headers.authorization)
        if (!key) throw unauthorized("You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').")
        const held = this.keys.get(key)
        if (!/^(sk|rk)_(test|live)_/.test(key) || held?.revoked || (this.closed && !held)) throw unauthorized(`Invalid API Key provided: ${hidden(key)}`)
        request.live = key.slice(3, 7) === 'live'
        const version = request.headers['stripe-version']
        if (version !== w.version && !w.policy.anyVersion)
            throw badParameter(version ? `Invalid Stripe API version: ${version}` : 'The fake wants a Stripe-Version header: the pinned version, and no other.', undefined, 'invalid_api_version')
        request.route = route(request.method, request.path)
        if (!request.route) throw noRoute(request.method, request.path)
        mayDo(request, key, held)
        request.ids = request.route.pattern.exec(request.path).slice(1).map(decodeURIComponent)
        this.#readParameters(request)
    }

    #readParameters(request) {
        const name = `${request.method} ${request.route.path}`
        const v2 = request.path.startsWith('/v2/')
        const text = request.method === 'POST' ? request.body.toString() : request.query
        if (request.method === 'POST' && !v2 && request.body.length && !/^application\/x-www-form-urlencoded/.test(request.headers['content-type'] ?? ''))
            throw badParameter('Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have any questions, we can help at https://support.stripe.com/.')
        if (v2 && request.method === 'POST') request.params = asJson(request.body)
        else request.params = qs.parse(text, FORM)
        request.given = structuredClone(request.params)
        request.name = name
        const { page } = request.params
        if (v2) delete request.params.page // part of the address of a next page, of no type
        if (!this.validator.knows(name)) {
            if (Object.keys(request.params).some(one => one !== 'expand')) throw badParameter(`Received unknown parameter: ${Object.keys(request.params)[0]}`, undefined, 'parameter_unknown')
            return
        }
        const wrong = this.validator.read(name, request.params)
        if (v2 && page !== undefined) request.params.page = page
        if (!wrong) return
        this.violations.push({ request: name, path: request.path, message: wrong.message, body: text })
        if (this.validate) throw wrong
    }

    /** Execute, or replay: {status, headers, body} */
    async answer(request, fault) {
        try {
            this.open(request)
            const kept = this.idempotency.begin(request)
            if (kept) return { ...kept, headers: { ...kept.headers, 'Idempotent-Replayed': 'true' }, replayed: true }
            return await this.#locked(request, fault)
        } catch (error) {
            return asAnswer(error)
        }
    }

    // one at a time for an object, one meter event at a time for a customer
    async #locked(request, fault) {
        const { w } = this
        const lock = lockOf(request)
        if (lock && this.busy.has(lock)) {
            this.idempotency.forget(request)
            throw request.path === '/v1/billing/meter_events'
                ? rateLimited('resource-specific', 'Only one concurrent meter event call is allowed for each customer and meter.')
                : rateLimited(null, 'This object cannot be accessed right now because another API request or Stripe process is currently accessing it.')
        }
        if (lock) this.busy.set(lock, true)
        try {
            const wait = fault?.kind === 'slow' ? fault.ms : lock?.startsWith('meter ') ? w.policy.meterLatency : 0
            if (wait) await sleep(wait, undefined, { ref: false }) // does not keep the process alive
            return this.#execute(request, fault)
        } finally {
            if (lock) this.busy.delete(lock)
        }
    }

    #execute(request, fault) {
        const { w } = this
        w.live = request.live
        w.request = { id: request.id, idempotency_key: request.idempotencyKey ?? null }
        let answer
        try {
            const made = request.route.run(w, request.params, request.ids, request)
            answer = { status: 200, headers: {}, body: this.#shown(request, made) }
        } catch (error) {
            if (!(error instanceof StripeError) || error.before) this.idempotency.forget(request)
            answer = asAnswer(error)
        } finally {
            w.request = null
        }
        if (fault?.kind === 'error500After' && answer.status === 200) answer = asAnswer(apiError())
        this.idempotency.finish(request, answer)
        return answer
    }

    #shown(request, made) {
        const { w } = this
        const stored = made.id && w.byId.get(made.id) === made
        const shown = made.answer ?? (stored ? w.expanded(made, request.params.expand ?? []) : made)
        if (w.distortions.size === 0 && !request.path.startsWith('/v2/core/events') && shown.object)
            for (const one of w.answers.check(shown)) this.shapeErrors.push(`${request.name}: ${one}`)
        return JSON.stringify(shown, null, 2)
    }
}

function bearer(header = '') {
    if (header.startsWith('Bearer ')) return header.slice(7).trim()
    if (header.startsWith('Basic ')) return Buffer.from(header.slice(6), 'base64').toString().split(':')[0]
    return null
}

const hidden = key => (key.length > 12 ? `${key.slice(0, 8)}${'*'.repeat(8)}${key.slice(-4)}` : '*'.repeat(key.length))

function mayDo(request, key, held) {
    if (!key.startsWith('rk_') || !held?.rights) return
    const right = `${request.route.right}_${request.method === 'GET' ? 'read' : 'write'}`
    const write = `${request.route.right}_write`
    if (!held.rights.has(right) && !held.rights.has(write))
        throw forbidden(`The provided key '${hidden(key)}' does not have the required permissions for this endpoint on account 'acct_fake'. Having the 'rak_${right}' permission would allow this request to continue.`)
}

function asJson(body) {
    if (!body.length) return {}
    try {
        return JSON.parse(body)
    } catch {
        throw badParameter('The request body is not JSON.')
    }
}

function lockOf(request) {
    if (request.method === 'GET') return null
    if (request.path === '/v1/billing/meter_events') return `meter ${request.params.event_name} ${request.params.payload?.stripe_customer_id}`
    return request.ids.length ? `object ${request.ids[0]}` : null
}

function asAnswer(error) {
    if (error instanceof StripeError) return { status: error.status, headers: error.headers, body: JSON.stringify(error.body(), null, 2), before: error.before }
    return { status: 500, headers: {}, body: JSON.stringify(apiError(`The fake itself failed: ${error.stack}`).body(), null, 2), broken: error }
}

export const requestId = (w, request) => `req_${createHash('sha256').update(`${w.random.word(8)} ${request.path}`).digest('base64url').replace(/[-_]/g, 'x').slice(0, 14)}`
