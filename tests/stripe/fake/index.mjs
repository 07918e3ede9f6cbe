// A stateful fake Stripe on 127.0.0.1: the parts of today's API that billing needs, on a virtual clock, with knobs for all that goes wrong.
//
//   const stripe = await startFake({ now: 1767225600, seed: 7 })
//   new Stripe('sk_test_x', { host: '127.0.0.1', port: stripe.port, protocol: 'http' })     or STRIPE_API_BASE=stripe.url
//   await stripe.advance(31 * 86400)            all that is due happens in order; deliveries of mode 'auto' are awaited at each moment
//   stripe.control.card(customer, 'fail')       what no request does: see control.mjs
//   stripe.faults.add({ kind: 'dropAfter', method: 'POST', path: '/v1/customers' })
//   assert.deepEqual(stripe.violations, [])     every request fitted the types of the pinned package
//
// Without `now` the clock follows the real one (plus what was advanced); with it, it stands still until advanced.
import { Api } from './api.mjs'
import { showLineItems } from './checkout.mjs'
import { Control } from './control.mjs'
import { Deliveries } from './deliver.mjs'
import { keepEvents } from './events.mjs'
import { Faults } from './faults.mjs'
import { Idempotency } from './idempotency.mjs'
import { showItem } from './items.mjs'
import { Pages } from './pages.mjs'
import { objectShapes, pinnedVersion, requestSchema } from './schema.mjs'
import { createServer } from './server.mjs'
import { showSubscription } from './subscriptions.mjs'
import { Validator } from './validate.mjs'
import { World, $ } from './world.mjs'

const POLICY = {
    afterRetries: 'past_due', // what the dashboard says becomes of a subscription when no retry is left
    retryDays: [3, 5, 7], // days after the first attempt
    draftSeconds: 3600,
    upcomingDays: 7,
    meterSeconds: 0, // until a meter event is checked and counts
    meterLatency: 1, // ms a meter event takes: who calls at the same time for the same customer gets 429
    taxPercent: 0,
    asyncStatus: 'active', // of a subscription whose first payment, of a delayed method, is not there yet
    cancelAtOnly: false, // a cancellation at the end of the period shows as cancel_at alone
    anyVersion: false, // take any Stripe-Version
    plainHooks: true, // allow http:// endpoints in live mode
}

export class Fake {
    constructor({ now, seed, validate, deliver, shapes, validator, policy }) {
        this.seed = seed
        this.w = new World({ now, seed, shapes, version: pinnedVersion })
        this.w.policy = { ...POLICY, ...policy }
        this.w.embeds = { subscription: showSubscription, subscription_item: showItem, invoice: showInvoice }
        this.w.includes = INCLUDES
        this.faults = new Faults(seed)
        this.delivery = new Deliveries(this.w, { seed, deliver })
        this.w.heldBack = invoice => this.delivery.holds(invoice)
        keepEvents(this.w, (kept, endpoint) => this.delivery.hand(kept, endpoint))
        this.idempotency = new Idempotency(this.w)
        this.api = new Api({ w: this.w, validator, idempotency: this.idempotency, validate })
        this.pages = new Pages(this)
        this.control = new Control(this)
        this.log = { list: [], max: 40000 }
        this.broken = [] // mistakes of the fake itself
        this.server = createServer(this)
    }

    get requests() {
        return this.log.list
    }

    get violations() {
        return this.api.violations
    }

    get shapeErrors() {
        return this.api.shapeErrors
    }

    get events() {
        return this.w.events.map(kept => kept.event)
    }

    now() {
        return this.w.now()
    }

    /** An object as the API would show it, without a request */
    get(id) {
        const object = this.w.byId.get(id)
        return object && (object[$].gone || this.w.view(object))
    }

    /** All objects of a kind as the API would show them */
    all(kind) {
        return this.w
            .all(kind)
            .filter(one => !one[$].gone)
            .map(one => this.w.view(one))
    }

    async listen(port) {
        await new Promise((ok, bad) => this.server.once('error', bad).listen(port, '127.0.0.1', ok))
        this.port = this.server.address().port
        this.url = `http://127.0.0.1:${this.port}`
        this.w.url = this.url
        if (this.w.running) this.timer = setInterval(() => this.catchUp(true), 250).unref()
        return this
    }

    /** With a running clock: what became due in the meantime */
    catchUp(pump = false) {
        if (!this.w.running || this.w.advancing) return
        while (this.w.runNext(this.w.now()));
        if (pump) this.afterRequest()
    }

    afterRequest() {
        if (this.delivery.mode === 'auto' && !this.w.advancing && this.delivery.queue.length) this.delivery.pump().catch(error => this.broken.push(error))
    }

    /** Advance by seconds, or to a moment ({to}); everything due happens in order */
    async advance(by) {
        const { w, delivery } = this
        const target = typeof by === 'object' ? by.to : w.now() + by
        if (target < w.now()) throw new Error('the clock goes forward only')
        const begun = w.now()
        w.advancing = true
        const offset = w.running ? w.ahead + (target - begun) : 0
        const running = w.running
        try {
            if (running) {
                w.running = false
                w.time = begun
            }
            for (;;) {
                const next = Math.min(w.nextDue() ?? Infinity, delivery.mode === 'auto' ? delivery.nextDue() : Infinity)
                if (next > target) break
                w.time = Math.max(w.time, next)
                w.runNext(w.time)
                if (delivery.mode === 'auto') await delivery.pump()
            }
            w.time = target
        } finally {
            w.running = running
            if (running) w.ahead = offset
            w.advancing = false
        }
        return w.now()
    }

    async stop() {
        clearInterval(this.timer)
        this.server.closeAllConnections()
        await new Promise(ok => this.server.close(ok))
    }
}

/** Start one: {port (free), now, seed (1), validate (true), deliver ('auto' | 'manual'), policy} */
export async function startFake({ port = 0, now, seed = 1, validate = true, deliver = 'auto', policy = {} } = {}) {
    drawn ??= Promise.all([objectShapes(), requestSchema().then(schema => new Validator(schema))])
    const [shapes, validator] = await drawn
    return new Fake({ now, seed, validate, deliver, shapes, validator, policy }).listen(port)
}

let drawn // once for all fakes of a process: compiling what checks requests takes longest

// an invoice shows ten of its lines
function showInvoice(w, shown) {
    if (shown.lines.data.length <= 10) return
    shown.lines.data = shown.lines.data.slice(0, 10)
    shown.lines.has_more = true
}

const listOf = (w, kind, match, url) => {
    const data = w
        .all(kind)
        .filter(match)
        .reverse()
        .map(one => w.view(one))
    return { object: 'list', data, has_more: false, url }
}

const INCLUDES = {
    'customer.subscriptions': (w, one) => listOf(w, 'subscription', sub => sub.customer === one.id && sub.status !== 'canceled', `/v1/customers/${one.id}/subscriptions`),
    'invoice.payments': (w, one) => listOf(w, 'invoice_payment', payment => payment.invoice === one.id, '/v1/invoice_payments'),
    'invoice.confirmation_secret': (w, one) => (one[$].intent ? { client_secret: w.byId.get(one[$].intent).client_secret, type: 'payment_intent' } : null),
    'charge.refunds': (w, one) => listOf(w, 'refund', refund => refund.charge === one.id, `/v1/charges/${one.id}/refunds`),
    'checkout.session.line_items': showLineItems,
}

export { pinnedVersion }
