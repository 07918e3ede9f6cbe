// The knobs: what happens at Stripe, in its dashboard, at banks, without a request of ours. In process as methods, over HTTP as POST /_control/<name>
// with a JSON list of arguments; the answer is JSON. GET /_control/requests, /violations, /deliveries, /state read.
import { closeDispute, dispute, refund } from './payments.mjs'
import { complete, enterCode, settle } from './checkout.mjs'
import { attachCard, deleteCustomer } from './customers.mjs'
import { rollSecret, secretsOf } from './events.mjs'
import { addSubscription, end, plan, startBilling } from './subscriptions.mjs'
import { $ } from './world.mjs'

export class Control {
    constructor(fake) {
        this.fake = fake
        this.w = fake.w
    }

    #get(id) {
        const object = this.w.byId.get(id)
        if (!object) throw new Error(`the fake has no ${id}`)
        this.w.live = object[$].live
        this.w.request = null
        return object
    }

    #shown(object) {
        return this.w.view(object)
    }

    // ---- clock, settings, keys ----

    now() {
        return this.fake.now()
    }

    advance(by) {
        return this.fake.advance(by)
    }

    /** afterRetries 'past_due' | 'canceled' | 'unpaid', retryDays, draftSeconds, upcomingDays, meterSeconds, meterLatency, taxPercent, asyncStatus, cancelAtOnly, anyVersion */
    policy(patch) {
        for (const name of Object.keys(patch)) if (!(name in this.w.policy)) throw new Error(`no setting is named ${name}`)
        return Object.assign(this.w.policy, patch)
    }

    /** What a key may: rights such as 'customer_read', 'subscription_write' (write includes read); null for all. Keys not named may all, too. */
    key(key, { rights = null, revoked = false } = {}) {
        this.fake.api.keys.set(key, { rights: rights && new Set(rights), revoked })
    }

    /** Only the keys named with key() are known */
    onlyNamedKeys(on = true) {
        this.fake.api.closed = on
    }

    // ---- visitors and banks ----

    /** How the next payments of this customer go: 'ok', 'fail', '3ds'; for `times` of them, or from now on with a new card */
    card(id, behaviour, { times } = {}) {
        const customer = this.#get(id)
        if (times) customer[$].forced = { card: behaviour, times }
        else {
            customer[$].forced = null
            if (behaviour === null) this.w.change(customer, 'customer.updated', () => (customer.invoice_settings.default_payment_method = null))
            else attachCard(this.w, customer, behaviour)
            for (const sub of this.w.all('subscription')) if (sub.customer === id) sub.default_payment_method = null
        }
        this.fake.afterRequest()
    }

    /** The visitor's visit to the checkout page: {card: 'ok' | 'fail' | '3ds' | 'async' | null, confirmed, code} -> 'complete' | 'declined' | 'action' */
    pay(id, options = {}) {
        const session = this.#get(id)
        if (options.code !== undefined && !enterCode(this.w, session, options.code)) return 'code refused'
        const outcome = complete(this.w, session, options)
        this.fake.afterRequest()
        return outcome
    }

    /** The delayed payment of a complete session succeeds or fails */
    settle(id, ok = true) {
        settle(this.w, this.#get(id), ok)
        this.fake.afterRequest()
    }

    dispute(charge, reason) {
        const made = dispute(this.w, charge, reason)
        this.fake.afterRequest()
        return made
    }

    closeDispute(id, won = false) {
        const made = closeDispute(this.w, id, won)
        this.fake.afterRequest()
        return made
    }

    refund(params) {
        this.#get(params.charge ?? params.payment_intent)
        const made = refund(this.w, params)
        this.fake.afterRequest()
        return this.#shown(made)
    }

    // ---- the dashboard ----

    /** Change fields of any object, with the event <kind>.updated. An amount of a price can be changed here too, as no API would. */
    edit(id, patch) {
        const object = this.#get(id)
        const type = { subscription: 'customer.subscription.updated' }[object.object] ?? `${object.object}.updated`
        this.w.change(object, type, () => Object.assign(object, patch))
        if (object.object === 'subscription') plan(this.w, object)
        this.fake.afterRequest()
        return this.#shown(object)
    }

    deleteCustomer(id) {
        this.#get(id)
        const gone = deleteCustomer(this.w, {}, [id], end)
        this.fake.afterRequest()
        return gone
    }

    /** A second live subscription of the same customer: to the same prices, or to those given */
    secondSubscription(customerId, prices) {
        const customer = this.#get(customerId)
        const first = this.w.all('subscription').findLast(sub => sub.customer === customerId)
        const wanted = prices ?? first.items.data.map(item => item.price)
        const target = wanted.map(price => ({ id: this.w.id('si', 14), price, quantity: this.w.byId.get(price).recurring.usage_type === 'metered' ? undefined : 1, metadata: {} }))
        const sub = addSubscription(this.w, { customer, target, fields: { metadata: { ...first?.metadata } } })
        this.w.emit('customer.subscription.created', sub)
        startBilling(this.w, sub)
        plan(this.w, sub)
        this.fake.afterRequest()
        return this.#shown(sub)
    }

    /** The order of the items the other way round */
    swapItems(id) {
        const sub = this.#get(id)
        this.w.change(sub, 'customer.subscription.updated', () => sub.items.data.reverse())
        this.fake.afterRequest()
        return this.#shown(sub)
    }

    /** Finalizing invoices of this customer fails (no address for its tax) */
    finalizationFails(id, on = true) {
        this.#get(id)[$].finalizationFails = on
    }

    // ---- the form of answers ----

    /** Spoil how an object, or all of a kind ('subscription_schedule'), is shown: a function, or {set: {'a.b': value}, remove: ['a.b'], expand: ['customer']}; null ends it */
    distort(id, how) {
        if (!how) return void this.w.distortions.delete(id)
        this.w.distortions.set(id, typeof how === 'function' ? how : shown => spoil(this.w, shown, how))
    }

    // ---- events ----

    /** Tell of an object as it is now */
    emit(type, id, previous) {
        const object = this.#get(id)
        this.w.emit(type, object, previous)
        this.fake.afterRequest()
    }

    secrets(endpoint) {
        return secretsOf(this.w, this.#get(endpoint))
    }

    rollSecret(endpoint, seconds) {
        this.#get(endpoint)
        return rollSecret(this.w, endpoint, seconds)
    }

    /** duplicate, drop, reorder, delay, twin, wrongSignature, oldTimestamp, v0, v0Only, apiVersion, signAt, parallel, timeout, mode */
    delivery(patch) {
        for (const name of Object.keys(patch)) if (!DELIVERY.includes(name)) throw new Error(`delivery has no ${name}`)
        Object.assign(this.fake.delivery, patch)
        return Object.fromEntries(DELIVERY.map(name => [name, this.fake.delivery[name]]))
    }

    pump() {
        return this.fake.delivery.pump()
    }

    resend(event, endpoint) {
        return this.fake.delivery.resend(event, endpoint)
    }

    // ---- faults ----

    fault(rule) {
        this.fake.faults.add(rule)
    }

    faultsByChance(options) {
        this.fake.faults.byChance(options)
    }

    noFaults() {
        this.fake.faults.clear()
    }

    // ---- over HTTP ----

    async serve(req, res, path, body) {
        const name = path.slice('/_control/'.length)
        const answer = (status, value) => {
            res.writeHead(status, { 'Content-Type': 'application/json' })
            res.end(JSON.stringify(value ?? null, null, 1))
        }
        if (req.method === 'GET') {
            const look = LOOK[name]
            return look ? answer(200, look(this.fake)) : answer(404, { error: `nothing to look at is named ${name}` })
        }
        if (!METHODS.includes(name)) return answer(404, { error: `no knob is named ${name}`, knobs: METHODS })
        try {
            const given = body.length ? JSON.parse(body) : []
            answer(200, await this[name](...(Array.isArray(given) ? given : [given])))
        } catch (error) {
            answer(400, { error: error.message })
        }
    }
}

const DELIVERY = 'mode duplicate drop reorder delay twin wrongSignature oldTimestamp v0 v0Only apiVersion signAt parallel timeout'.split(' ')
const METHODS = Object.getOwnPropertyNames(Control.prototype).filter(name => !['constructor', 'serve'].includes(name))

const LOOK = {
    now: fake => fake.now(),
    violations: fake => fake.violations,
    shapeErrors: fake => fake.shapeErrors,
    deliveries: fake => fake.delivery.log.map(({ body, ...rest }) => rest),
    requests: fake => fake.requests.map(one => ({ at: one.at, method: one.method, path: one.path, query: one.query, body: one.body.toString(), idempotencyKey: one.idempotencyKey, status: one.status, replayed: one.replayed, fault: one.fault })),
    state: fake => Object.fromEntries([...fake.w.kinds].map(([kind, list]) => [kind, list.filter(one => !one[$].gone).map(one => fake.w.view(one))])),
}

function spoil(w, shown, { set = {}, remove = [], expand = [] }) {
    const holder = (path, names = path.split('.')) => [names.slice(0, -1).reduce((at, name) => at?.[name], shown), names.at(-1)]
    for (const [path, value] of Object.entries(set)) {
        const [at, name] = holder(path)
        if (at) at[name] = value
    }
    for (const path of remove) {
        const [at, name] = holder(path)
        if (at) delete at[name]
    }
    for (const path of expand) {
        const [at, name] = holder(path)
        const object = at && w.byId.get(at[name])
        if (object) at[name] = w.view(object)
    }
}
