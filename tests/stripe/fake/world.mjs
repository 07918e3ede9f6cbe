// The fake's whole state: objects by id, the virtual clock with its scheduled actions, how an object is shown, listed, expanded and changed.
//
// Objects are kept as they are shown, with two exceptions: what Stripe embeds (the price of an item) is kept as an id and shown as it is today, and
// what Stripe does not show lies under the key `$`.
import { Answers } from './answers.mjs'
import { badParameter, missing, wrongMode } from './errors.mjs'
import { Random } from './random.mjs'

export const $ = Symbol('not shown')

// shown only when asked for with expand[]
const HIDDEN = {
    price: ['tiers', 'currency_options'],
    customer: ['subscriptions', 'sources', 'tax', 'tax_ids'],
    invoice: ['payments', 'confirmation_secret'],
    charge: ['refunds'],
    'checkout.session': ['line_items'],
    coupon: ['applies_to'],
    webhook_endpoint: ['secret'],
}

export class World {
    constructor({ now, seed = 1, shapes, version }) {
        this.random = new Random(seed)
        this.answers = new Answers(shapes)
        this.version = version
        this.running = now === undefined // the clock follows the real one, plus what was advanced
        this.time = now ?? 0
        this.ahead = 0
        this.byId = new Map()
        this.kinds = new Map()
        this.jobs = []
        this.jobOf = new Map()
        this.jobSeq = 0
        this.live = false // mode of the current request or job
        this.request = null // {id, idempotency_key} of the request at work
        this.includes = {} // kind.field -> function that makes the hidden field
        this.embeds = {} // kind -> function that replaces a stored id by its object
        this.distortions = new Map() // id, or kind of object -> function that spoils how it is shown (a knob)
        this.onEvent = () => {}
    }

    now() {
        return this.running ? Math.floor(Date.now() / 1000) + this.ahead : this.time
    }

    id(prefix, length = 24) {
        return `${prefix}_${this.random.word(length)}`
    }

    // ---- objects ----

    add(kind, given, hidden = {}) {
        const object = this.answers.make(kind, { ...('livemode' in (given ?? {}) ? {} : this.#mode(kind)), ...given })
        object[$] = { live: this.live, ...hidden }
        this.byId.set(object.id, object)
        this.all(kind).push(object)
        return object
    }

    #mode(kind) {
        const root = this.answers.nodes[this.answers.roots[kind]]
        return root.f.livemode ? { livemode: this.live } : {}
    }

    all(kind) {
        if (!this.kinds.has(kind)) this.kinds.set(kind, [])
        return this.kinds.get(kind)
    }

    /** The object, or Stripe's 404 (400 when the id came as a parameter: then name it) */
    get(kind, id, param) {
        const object = this.byId.get(id)
        const word = kind.split('.').pop().replace('session', 'checkout.session')
        if (!object || object.object !== kind || object[$].gone) throw named(missing(word, id, param ?? 'id'), param)
        if (object[$].live !== this.live) throw named(wrongMode(word, id, param ?? 'id', this.live), param)
        return object
    }

    find(kind, id) {
        const object = this.byId.get(id)
        return object?.object === kind && !object[$].gone ? object : undefined
    }

    // ---- how it is shown ----

    view(object, expand = []) {
        const hidden = HIDDEN[object.object] ?? []
        const wanted = expand.map(path => path.split('.')[0])
        const shown = {}
        for (const [name, value] of Object.entries(object)) if (!hidden.includes(name) || wanted.includes(name)) shown[name] = copy(value)
        this.embeds[object.object]?.(this, shown, object, expand)
        ;(this.distortions.get(object.id) ?? this.distortions.get(object.object))?.(shown)
        return shown
    }

    /** view() and what expand[] asks for; an expanded list starts its paths with `data` */
    expanded(object, expand = []) {
        for (const path of expand)
            if (path.split('.').length > 4 + (path.startsWith('data.') ? 1 : 0)) throw badParameter('You cannot expand more than 4 levels of a property', 'expand')
        return this.#expandShown(this.view(object, expand), object, expand)
    }

    #expandShown(shown, object, expand) {
        for (const [first, rests] of grouped(expand)) {
            const include = this.includes[`${object.object}.${first}`]
            const hidden = (HIDDEN[object.object] ?? []).includes(first)
            if (shown[first] === undefined) shown[first] = include ? include(this, object) : hidden ? copy(object[first]) : undefined
            if (shown[first] === undefined && !hidden)
                throw badParameter(`This property cannot be expanded (${first}).`, 'expand')
            shown[first] = this.#expandValue(shown[first], rests, first)
        }
        return shown
    }

    #expandValue(value, rests, where) {
        if (Array.isArray(value)) return value.map(one => this.#expandValue(one, rests, where))
        if (typeof value === 'string') {
            const object = this.byId.get(value)
            if (!object) throw badParameter(`This property cannot be expanded (${where}).`, 'expand')
            if (object[$].gone) return object[$].gone
            return this.expanded(object, rests)
        }
        if (value && typeof value === 'object') {
            const kept = value.id ? this.byId.get(value.id) : undefined
            if (kept && rests.length) return this.#expandShown(value, kept, rests)
            for (const [first, more] of grouped(rests)) {
                if (value[first] === undefined) throw badParameter(`This property cannot be expanded (${where}.${first}).`, 'expand')
                value[first] = this.#expandValue(value[first], more, first)
            }
        }
        return value
    }

    /** A page, newest first. `match` chooses; `show` changes how one is shown. */
    list(kind, params, url, match = () => true, source = this.all(kind)) {
        const limit = params.limit ?? 10
        if (limit < 1 || limit > 100) throw badParameter(`Invalid integer: limit must be between 1 and 100.`, 'limit', 'parameter_invalid_integer')
        if (params.starting_after && params.ending_before) throw badParameter('You may only specify one of starting_after and ending_before.', 'starting_after')
        const cursor = params.starting_after ?? params.ending_before
        const all = source.filter(one => one[$].live === this.live && (!one[$].gone || one.id === cursor) && (one.id === cursor || match(one)))
        const newestFirst = all.reverse()
        let from = 0
        let to = newestFirst.length
        if (cursor) {
            const at = newestFirst.findIndex(one => one.id === cursor)
            if (at < 0) throw missing(kind, cursor, params.starting_after ? 'starting_after' : 'ending_before')
            if (params.starting_after) from = at + 1
            else to = at
        }
        const range = newestFirst.slice(from, to)
        const page = params.ending_before ? range.slice(-limit) : range.slice(0, limit)
        const expand = (params.expand ?? []).map(path => path.replace(/^data\.?/, '')).filter(Boolean)
        return { object: 'list', data: page.map(one => this.expanded(one, expand)), has_more: range.length > page.length, url }
    }

    // ---- what changes ----

    /** Change an object and send its event with previous_attributes; without a change there is no event. */
    change(object, type, alter) {
        const before = this.view(object)
        alter(object)
        const previous = difference(before, this.view(object))
        if (previous && type) this.emit(type, object, previous)
        return object
    }

    emit(type, object, previous, shown) {
        this.onEvent(type, object, previous, shown)
    }

    // ---- the clock ----

    /** Do something at a moment; another of the same key takes its place. */
    at(moment, key, run, rank = 5) {
        this.cancel(key)
        const job = { moment, rank, seq: this.jobSeq++, key, run, live: this.live }
        this.jobOf.set(key, job)
        push(this.jobs, job)
    }

    cancel(key) {
        const job = this.jobOf.get(key)
        if (job) job.run = null
        this.jobOf.delete(key)
    }

    nextDue() {
        while (this.jobs.length && !this.jobs[0].run) pop(this.jobs)
        return this.jobs[0]?.moment
    }

    /** Run everything due at the next moment up to `until`; false when nothing is due. The clock shows that moment in the meantime. */
    runNext(until) {
        const moment = this.nextDue()
        if (moment === undefined || moment > until) return false
        const [running, time] = [this.running, this.time]
        this.running = false
        this.time = Math.max(moment, this.time)
        try {
            while (this.nextDue() === moment) {
                const job = pop(this.jobs)
                this.jobOf.delete(job.key)
                this.live = job.live
                this.request = null
                job.run()
            }
        } finally {
            this.running = running
            if (running) this.time = time
        }
        return true
    }
}

function named(error, param) {
    if (param) error.status = 400
    return error
}

export const copy = value => (value === null || typeof value !== 'object' ? value : structuredClone(value))

function grouped(paths) {
    const groups = new Map()
    for (const path of paths) {
        const [first, ...rest] = path.split('.')
        if (!groups.has(first)) groups.set(first, [])
        if (rest.length) groups.get(first).push(rest.join('.'))
    }
    return groups
}

/** The old values of what differs, nested for plain objects, whole for lists; undefined when nothing does. */
export function difference(before, after) {
    const previous = {}
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
        const [old, now] = [before[name], after[name]]
        if (JSON.stringify(old) === JSON.stringify(now)) continue
        previous[name] = plain(old) && plain(now) && old.object !== 'list' ? difference(old, now) : (old ?? null)
        if (old?.object === 'list') previous[name] = { data: old.data }
    }
    return Object.keys(previous).length ? previous : undefined
}

const plain = value => value !== null && typeof value === 'object' && !Array.isArray(value)

// ---- a heap: by moment, then rank, then the order of asking ----

const earlier = (a, b) => a.moment - b.moment || a.rank - b.rank || a.seq - b.seq

function push(heap, job) {
    let i = heap.push(job) - 1
    while (i > 0) {
        const up = (i - 1) >> 1
        if (earlier(heap[up], heap[i]) <= 0) break
        ;[heap[up], heap[i]] = [heap[i], heap[up]]
        i = up
    }
}

function pop(heap) {
    const top = heap[0]
    const last = heap.pop()
    if (!heap.length) return top
    heap[0] = last
    for (let i = 0; ; ) {
        let least = i
        for (const child of [2 * i + 1, 2 * i + 2]) if (child < heap.length && earlier(heap[child], heap[least]) < 0) least = child
        if (least === i) return top
        ;[heap[i], heap[least]] = [heap[least], heap[i]]
        i = least
    }
}
