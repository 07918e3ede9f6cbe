// Delivery of events to endpoints: signed, at least once, in no order that could be relied on. Its knobs:
//
//   mode            'auto': sent as soon as they are there; 'manual': when pump() is called
//   duplicate       chance that an event is sent twice            drop      chance that it is never sent (it stays undelivered in /v1/events)
//   reorder         true: due events are sent in any order          delay     [from, to] seconds on the virtual clock before it is due
//   twin            chance that a second event with another id tells of the same change
//   wrongSignature  chance of a signature that does not fit       oldTimestamp   chance of a correct signature that is 301 s to a day old
//   v0              also a v0 signature                            v0Only    only a v0 signature
//   apiVersion      another api_version: the event is rendered in the shape of 2024 (periods on the subscription itself)
//   signAt          'virtual' or 'real': which clock gives `t`
//   parallel        how many are sent concurrently                   timeout   ms until a missing answer is a failure
import { createHmac } from 'node:crypto'
import { Random } from './random.mjs'
import { secretsOf } from './events.mjs'
import { DAY, HOUR, MINUTE } from './time.mjs'
import { copy, $ } from './world.mjs'

const RETRY = { live: [5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR, 12 * HOUR, 12 * HOUR, 12 * HOUR], test: [MINUTE, HOUR, 3 * HOUR] }

export const sign = (secret, t, body) => createHmac('sha256', secret).update(`${t}.`).update(body).digest('hex')

/** The header of Stripe-Signature for a body */
export const signatureHeader = (secrets, t, body, { v0 = false, v0Only = false } = {}) =>
    [`t=${t}`, ...(v0Only ? [] : secrets.map(secret => `v1=${sign(secret, t, body)}`)), ...(v0 || v0Only ? [`v0=${sign('v0', t, body)}`] : [])].join(',')

export class Deliveries {
    constructor(w, { seed = 1, deliver = 'auto' } = {}) {
        this.w = w
        this.random = new Random(seed ^ 0x5eed)
        this.mode = deliver
        this.duplicate = this.drop = this.twin = this.wrongSignature = this.oldTimestamp = 0
        this.reorder = this.v0 = this.v0Only = false
        this.delay = null
        this.apiVersion = null
        this.signAt = 'virtual'
        this.parallel = 4
        this.timeout = 20000
        this.queue = []
        this.log = []
        this.sending = null
        this.seq = 0
    }

    hand(kept, endpoint) {
        kept.waits++
        if (this.random.chance(this.drop)) {
            kept.failed = true
            this.log.push({ event: kept.event.id, type: kept.event.type, endpoint: endpoint.id, dropped: true, at: this.w.now() })
            return
        }
        this.#queue(kept, endpoint)
        if (this.random.chance(this.duplicate)) this.#queue(kept, endpoint, { extra: true })
        if (!kept.thin && this.random.chance(this.twin)) this.#twin(kept, endpoint)
        if (this.mode === 'auto' && !this.w.advancing) setImmediate(() => this.pump().catch(error => this.log.push({ error: error.message })))
    }

    #queue(kept, endpoint, more = {}) {
        const wait = this.delay ? this.random.between(...this.delay) : 0
        this.queue.push({ seq: this.seq++, kept, endpoint, attempts: 0, due: this.w.now() + wait, ...more })
    }

    #twin(kept, endpoint) {
        const event = { ...copy(kept.event), id: this.w.id('evt') }
        const other = { event, waits: 1, failed: false, live: kept.live }
        this.w.events.push(other)
        this.#queue(other, endpoint)
    }

    nextDue() {
        return this.queue.reduce((least, one) => Math.min(least, one.due), Infinity)
    }

    /** Send everything due; returns what was sent. One pump at a time. */
    async pump() {
        while (this.sending) await this.sending
        const due = this.queue.filter(one => one.due <= this.w.now()).sort((a, b) => a.due - b.due || a.seq - b.seq)
        if (!due.length) return []
        this.queue = this.queue.filter(one => !due.includes(one))
        if (this.reorder) this.random.shuffle(due)
        const from = this.log.length
        this.sending = this.#sendAll(due)
        try {
            await this.sending
        } finally {
            this.sending = null
        }
        return this.log.slice(from)
    }

    async #sendAll(due) {
        const rest = [...due]
        const worker = async () => {
            for (let one; (one = rest.shift()); ) await this.#send(one)
        }
        await Promise.all(Array.from({ length: Math.min(this.parallel, due.length) }, worker))
    }

    body(kept) {
        if (kept.thin) return JSON.stringify(kept.event)
        const event = { ...kept.event, pending_webhooks: kept.waits }
        return JSON.stringify(this.apiVersion ? oldShape(event, this.apiVersion) : event, null, 2)
    }

    headers(endpoint, body) {
        const now = this.signAt === 'real' ? Math.floor(Date.now() / 1000) : this.w.now()
        const t = this.random.chance(this.oldTimestamp) ? now - this.random.between(301, DAY) : now
        const secrets = this.random.chance(this.wrongSignature) ? ['whsec_of_somebody_else'] : secretsOf(this.w, endpoint)
        return {
            'Content-Type': 'application/json; charset=utf-8',
            'User-Agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
            Accept: '*/*; q=0.5, application/xml',
            'Stripe-Signature': signatureHeader(secrets, t, body, this),
        }
    }

    async #send(entry) {
        const { kept, endpoint } = entry
        const body = this.body(kept)
        const headers = this.headers(endpoint, body)
        const line = { event: kept.event.id, type: kept.event.type, endpoint: endpoint.id, at: this.w.now(), attempt: ++entry.attempts, status: 0, body, signature: headers['Stripe-Signature'] }
        this.log.push(line)
        if (this.log.length > 10000) this.log.splice(0, 5000)
        if (endpoint[$].gone || endpoint.status !== 'enabled') {
            line.skipped = true
            kept.waits = Math.max(0, kept.waits - 1)
            return
        }
        try {
            const answer = await fetch(endpoint[$].url ?? endpoint.url, { method: 'POST', headers, body, redirect: 'manual', signal: AbortSignal.timeout(this.timeout) })
            line.status = answer.status
            await answer.arrayBuffer()
        } catch (error) {
            line.error = error.cause?.code ?? error.name
        }
        this.#after(entry, line.status >= 200 && line.status < 300)
    }

    #after(entry, ok) {
        const { kept } = entry
        if (entry.extra) return
        if (ok) {
            kept.waits = Math.max(0, kept.waits - 1)
            kept.failed = false
            return
        }
        kept.failed = true
        const wait = (kept.live ? RETRY.live : RETRY.test)[entry.attempts - 1]
        if (wait !== undefined) this.queue.push({ ...entry, seq: this.seq++, due: this.w.now() + wait })
    }

    /** Send an event again by hand, as from the dashboard; automatic retries continue */
    async resend(id, endpointId) {
        const kept = [...this.w.events, ...this.w.thinEvents].find(one => one.event.id === id)
        if (!kept) throw new Error(`no event ${id}`)
        const kind = kept.thin ? 'v2.core.event_destination' : 'webhook_endpoint'
        const endpoints = endpointId ? [this.w.byId.get(endpointId)] : this.w.all(kind).filter(one => !one[$].gone && one[$].live === kept.live)
        for (const endpoint of endpoints) await this.#send({ kept, endpoint, attempts: 0, extra: true })
        return this.log.slice(-endpoints.length)
    }

    /** True while an endpoint that wants invoice.created has not acknowledged that of this invoice */
    holds(invoice) {
        return this.queue.some(one => one.attempts > 0 && one.kept.event.type === 'invoice.created' && one.kept.event.data.object.id === invoice.id)
    }
}

/** As an endpoint of an old version sees it: periods on the subscription, the subscription on the invoice */
function oldShape(event, version) {
    const old = copy(event)
    const object = old.data.object
    old.api_version = version
    if (object.object === 'subscription' && object.items?.data.length) {
        object.current_period_start = object.items.data[0].current_period_start
        object.current_period_end = object.items.data[0].current_period_end
        for (const item of object.items.data) {
            delete item.current_period_start
            delete item.current_period_end
        }
    }
    if (object.object === 'invoice') {
        object.subscription = object.parent?.subscription_details?.subscription ?? null
        delete object.parent
    }
    return old
}
