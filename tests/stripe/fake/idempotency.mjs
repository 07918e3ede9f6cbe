// The idempotency layer: the first executed request of a key is kept with its status and body, a 500 included, for 24 hours of the virtual clock.
import { createHash } from 'node:crypto'
import { badParameter, idempotency } from './errors.mjs'
import { DAY } from './time.mjs'

export class Idempotency {
    constructor(w) {
        this.w = w
        this.kept = new Map()
    }

    /** The stored answer of this request's key, or undefined when it is to be executed (then `finish` or `forget` it) */
    begin(request) {
        const key = this.#key(request)
        if (!key) return undefined
        if (request.idempotencyKey.length > 255) throw badParameter('Idempotency keys can be at most 255 characters long.', undefined)
        const print = createHash('sha256').update(`${request.method} ${request.path}\n${canonical(request.given)}`).digest('hex')
        const old = this.kept.get(key)
        if (old && !old.running && old.at <= this.w.now() - DAY) this.kept.delete(key)
        else if (old) return this.#again(request, old, print)
        this.kept.set(key, { running: true, print, at: this.w.now(), path: `${request.method} ${request.path}` })
        return undefined
    }

    #again(request, old, print) {
        if (old.print !== print)
            throw idempotency(
                400,
                `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${request.idempotencyKey}' if you meant to execute a different request.`,
            )
        if (old.running)
            throw idempotency(
                409,
                `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${request.idempotencyKey}. Please try again later.`,
                'idempotency_key_in_use',
            )
        return old.answer
    }

    finish(request, answer) {
        const old = this.kept.get(this.#key(request))
        if (old) Object.assign(old, { running: false, answer: { ...answer, requestId: request.id } })
    }

    /** It was not executed after all */
    forget(request) {
        this.kept.delete(this.#key(request))
    }

    #key(request) {
        return request.method === 'POST' && request.idempotencyKey ? `${request.live} ${request.idempotencyKey}` : null
    }
}

const canonical = value =>
    Array.isArray(value)
        ? `[${value.map(canonical)}]`
        : value && typeof value === 'object'
          ? `{${Object.keys(value)
                .sort()
                .map(name => `${JSON.stringify(name)}:${canonical(value[name])}`)}}`
          : JSON.stringify(value)
