// Faults on the way of requests: by rule, or by chance from a seed.
//
//   dropBefore  dropAfter        the connection is cut before or after the request is executed
//   error500Before               500, nothing executed, nothing stored          error500After   executed and committed, and the stored answer is a 500
//   badGateway                   502 with HTML, nothing executed                badGatewayAfter  executed; a 502 hides the answer
//   rateLimited                  429 with Stripe-Rate-Limited-Reason            lockTimeout     429 without it: another holds the object
//   inUse                        409 idempotency_key_in_use                     slow            `ms` before it is executed
//   truncated  invalidJson  huge executed; half a body, no JSON, 24 MB of it    redirect        302 elsewhere, nothing executed
//   retryTrue  retryFalse        Stripe-Should-Retry on a 400 or a 500 that was not executed
import { Random } from './random.mjs'

export const KINDS = [
    'dropBefore',
    'dropAfter',
    'error500Before',
    'error500After',
    'badGateway',
    'badGatewayAfter',
    'rateLimited',
    'lockTimeout',
    'inUse',
    'slow',
    'truncated',
    'invalidJson',
    'huge',
    'redirect',
    'retryTrue',
    'retryFalse',
]

export class Faults {
    constructor(seed = 1) {
        this.random = new Random(seed ^ 0xfa17)
        this.rules = []
        this.chances = []
        this.count = {}
    }

    /** {kind, method?, path? (prefix, or a RegExp, or {regexp}), skip? (how many pass first), times? (1), ...of the kind} */
    add(rule) {
        if (!KINDS.includes(rule.kind)) throw new Error(`no fault is named ${rule.kind}`)
        this.rules.push({ skip: 0, times: 1, ...rule, path: asPath(rule.path) })
        return this
    }

    /** {rates: {kind: chance}, method?, path?, seed?} */
    byChance({ rates, method, path, seed }) {
        for (const kind of Object.keys(rates)) if (!KINDS.includes(kind)) throw new Error(`no fault is named ${kind}`)
        if (seed !== undefined) this.random = new Random(seed)
        this.chances.push({ rates, method, path: asPath(path) })
        return this
    }

    clear() {
        this.rules = []
        this.chances = []
    }

    /** The fault of this request, or null */
    pick(request) {
        const rule = this.rules.find(one => one.times > 0 && matches(one, request) && (one.skip === 0 || !one.skip--))
        const found = rule ? { ...rule } : this.#chance(request)
        if (rule) rule.times--
        if (found) this.count[found.kind] = (this.count[found.kind] ?? 0) + 1
        return found
    }

    #chance(request) {
        for (const one of this.chances) {
            if (!matches(one, request)) continue
            let at = this.random.next()
            for (const [kind, rate] of Object.entries(one.rates)) {
                if (at < rate) return { kind, ms: this.random.between(5, 50) }
                at -= rate
            }
        }
        return null
    }
}

const asPath = path => (path?.regexp ? new RegExp(path.regexp) : path)

const matches = (rule, request) =>
    (!rule.method || rule.method === request.method) && (!rule.path || (rule.path instanceof RegExp ? rule.path.test(request.path) : request.path.startsWith(rule.path)))
