// Events, kept for 30 days; the endpoints that receive them (snapshot) and the destinations (thin).
import { mergedMetadata, orNull, within } from './catalog.mjs'
import { badParameter, invalid, missing } from './errors.mjs'
import { DAY, iso } from './time.mjs'
import { copy, $ } from './world.mjs'

const KEPT = 30 * DAY

/** Make World.emit and World.emitThin store and hand on */
export function keepEvents(w, hand) {
    w.events = []
    w.thinEvents = []
    w.onEvent = (type, object, previous, shown) => store(w, hand, { type, object: shown ?? w.view(object), previous, live: object[$]?.live ?? w.live, id: object.id, kind: object.object })
    w.emitThin = (type, related, data) => storeThin(w, hand, { type, related, data })
}

function store(w, hand, { type, object, previous, live, id, kind }) {
    const event = {
        id: w.id('evt'),
        object: 'event',
        api_version: w.version,
        created: w.now(),
        data: { object, ...(previous ? { previous_attributes: previous } : {}) },
        livemode: live,
        pending_webhooks: 0,
        request: w.request ?? { id: null, idempotency_key: null },
        type,
    }
    const kept = { event, waits: 0, failed: false, live }
    w.events.push(kept)
    forget(w, w.events, one => one.event.created)
    for (const endpoint of listeners(w, 'webhook_endpoint', type, live)) hand(kept, endpoint)
    const url = URLS[kind] && object.id ? { id, type: kind, url: URLS[kind](id) } : undefined
    for (const thin of thinTypes(type, object, previous)) if (listeners(w, 'v2.core.event_destination', thin, live).length) storeThin(w, hand, { type: thin, related: url, snapshot: event.id, live })
    return kept
}

// a change of a subscription's status, of its price, of its end also has its own thin event
function thinTypes(type, object, previous) {
    const types = [`v1.${type}`]
    if (type !== 'customer.subscription.updated' || !previous) return types
    const told = ['active', 'past_due', 'unpaid', 'trialing', 'incomplete', 'incomplete_expired']
    if (previous.status && told.includes(object.status)) types.push(`v1.customer.subscription.${object.status}`)
    if ('cancel_at' in previous) types.push('v1.customer.subscription.cancel_at_changed')
    const prices = list => list.map(item => item.price.id).join()
    if (previous.items && prices(previous.items.data) !== prices(object.items.data)) types.push('v1.customer.subscription.item_price_changed')
    return types
}

const URLS = {
    charge: id => `/v1/charges/${id}`,
    'checkout.session': id => `/v1/checkout/sessions/${id}`,
    customer: id => `/v1/customers/${id}`,
    dispute: id => `/v1/disputes/${id}`,
    invoice: id => `/v1/invoices/${id}`,
    price: id => `/v1/prices/${id}`,
    product: id => `/v1/products/${id}`,
    subscription: id => `/v1/subscriptions/${id}`,
    subscription_schedule: id => `/v1/subscription_schedules/${id}`,
    'billing.meter': id => `/v1/billing/meters/${id}`,
}

function storeThin(w, hand, { type, related, data, snapshot, live = w.live }) {
    const event = {
        id: w.id('evt'),
        object: 'v2.core.event',
        context: null,
        created: iso(w.now()),
        livemode: live,
        reason: w.request?.id ? { type: 'request', request: { id: w.request.id, idempotency_key: w.request.idempotency_key ?? '' } } : null,
        related_object: related ?? null,
        type,
        ...(snapshot ? { snapshot_event: snapshot } : {}),
    }
    const kept = { event, data, thin: true, waits: 0, failed: false, live, moment: w.now() }
    w.thinEvents.push(kept)
    forget(w, w.thinEvents, one => one.moment)
    for (const destination of listeners(w, 'v2.core.event_destination', type, live)) hand(kept, destination)
}

function forget(w, list, moment) {
    let old = 0
    while (old < list.length && moment(list[old]) < w.now() - KEPT) old++
    if (old > 1000) list.splice(0, old)
}

function listeners(w, kind, type, live) {
    return w
        .all(kind)
        .filter(one => !one[$].gone && one.status === 'enabled' && one[$].live === live && (one.enabled_events.includes(type) || one.enabled_events.includes('*')))
}

// ---- reading ----

export function showEvent(w, kept) {
    return { ...copy(kept.event), pending_webhooks: kept.waits }
}

const matchesType = (pattern, type) => (pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : pattern === type)

function list(w, p) {
    if (p.types?.length > 20) throw badParameter('Array length of types must be at most 20.', 'types')
    const wanted = p.types ?? (p.type ? [p.type] : null)
    const since = w.now() - KEPT
    const limit = p.limit ?? 10
    if (limit < 1 || limit > 100) throw badParameter('Invalid integer: limit must be between 1 and 100.', 'limit', 'parameter_invalid_integer')
    const cursor = p.starting_after ?? p.ending_before
    const matches = kept =>
        kept.live === w.live &&
        (kept.event.id === cursor ||
            (kept.event.created >= since &&
                (!wanted || wanted.some(one => matchesType(one, kept.event.type))) &&
                within(p.created, kept.event.created) &&
                (p.delivery_success === undefined || p.delivery_success === (kept.waits === 0 && !kept.failed))))
    const all = w.events.filter(matches).reverse()
    const at = cursor ? all.findIndex(one => one.event.id === cursor) : -1
    if (cursor && at < 0) throw missing('event', cursor, p.starting_after ? 'starting_after' : 'ending_before')
    const range = p.starting_after ? all.slice(at + 1) : p.ending_before ? all.slice(0, at) : all
    const page = p.ending_before ? range.slice(-limit) : range.slice(0, limit)
    return { object: 'list', data: page.map(one => showEvent(w, one)), has_more: range.length > page.length, url: '/v1/events' }
}

function get(w, p, [id]) {
    const kept = w.events.find(one => one.event.id === id && one.live === w.live)
    if (!kept || kept.event.created < w.now() - KEPT) throw missing('event', id)
    return showEvent(w, kept)
}

function getThin(w, p, [id]) {
    const kept = w.thinEvents.find(one => one.event.id === id && one.live === w.live)
    if (!kept || kept.moment < w.now() - KEPT) throw missing('event', id)
    return { ...copy(kept.event), ...(kept.data ? { data: copy(kept.data) } : {}) }
}

function listThin(w, p) {
    const matches = ({ event, live }) => live === w.live && (!p.object_id || event.related_object?.id === p.object_id) && (!p.types || p.types.includes(event.type))
    const more = `${p.object_id ? `&object_id=${p.object_id}` : ''}${(p.types ?? []).map((one, i) => `&types[${i}]=${one}`).join('')}`
    return paged(w.thinEvents.filter(matches).reverse(), p, '/v2/core/events', more, one => copy(one.event))
}

// ---- endpoints ----

const newSecret = w => `whsec_${w.random.word(32)}`

function checkUrl(w, url) {
    if (!/^https?:\/\//.test(url)) throw badParameter('Invalid URL: An explicit scheme (such as https) must be provided.', 'url', 'url_invalid')
    if (w.live && url.startsWith('http:') && !w.policy.plainHooks) throw badParameter('Invalid URL: Live mode webhook endpoints must use https.', 'url', 'url_invalid')
}

function createEndpoint(w, p) {
    checkUrl(w, p.url)
    if (!p.enabled_events?.length) throw badParameter('You must specify at least one event.', 'enabled_events')
    if (p.api_version && p.api_version !== w.version) throw badParameter(`Invalid API version: ${p.api_version}`, 'api_version')
    const endpoint = w.add(
        'webhook_endpoint',
        {
            id: w.id('we'),
            object: 'webhook_endpoint',
            api_version: p.api_version ?? null,
            created: w.now(),
            description: orNull(p.description),
            enabled_events: p.enabled_events,
            metadata: mergedMetadata({}, p.metadata),
            status: 'enabled',
            url: p.url,
        },
        { secrets: [{ secret: newSecret(w), until: null }] },
    )
    // only this answer shows the secret
    return { answer: { ...w.view(endpoint), secret: endpoint[$].secrets[0].secret } }
}

function updateEndpoint(w, p, [id]) {
    const endpoint = w.get('webhook_endpoint', id)
    if (p.url) checkUrl(w, p.url)
    if (p.url) endpoint.url = p.url
    if (p.enabled_events) endpoint.enabled_events = p.enabled_events
    if (p.description !== undefined) endpoint.description = orNull(p.description)
    if (p.disabled !== undefined) endpoint.status = p.disabled ? 'disabled' : 'enabled'
    endpoint.metadata = mergedMetadata(endpoint.metadata, p.metadata)
    return endpoint
}

function deleteEndpoint(w, p, [id]) {
    const endpoint = w.get('webhook_endpoint', id)
    endpoint[$].gone = { id, object: 'webhook_endpoint', deleted: true }
    return endpoint[$].gone
}

/** A new secret; the old one signs as well for `seconds` */
export function rollSecret(w, id, seconds = DAY) {
    const endpoint = w.byId.get(id)
    for (const one of endpoint[$].secrets) one.until ??= w.now() + seconds
    endpoint[$].secrets.unshift({ secret: newSecret(w), until: null })
    return endpoint[$].secrets[0].secret
}

export const secretsOf = (w, endpoint) => endpoint[$].secrets.filter(one => one.until === null || one.until > w.now()).map(one => one.secret)

// ---- destinations (v2) ----

function createDestination(w, p) {
    if (p.type !== 'webhook_endpoint') throw invalid(`The fake knows only type=webhook_endpoint, not ${p.type}.`, 'type')
    checkUrl(w, p.webhook_endpoint?.url ?? '')
    const destination = w.add(
        'v2.core.event_destination',
        {
            id: w.id('ed_test'),
            object: 'v2.core.event_destination',
            created: iso(w.now()),
            description: p.description ?? '',
            enabled_events: p.enabled_events,
            event_payload: p.event_payload,
            events_from: ['@self'],
            metadata: p.metadata ?? {},
            name: p.name,
            snapshot_api_version: p.event_payload === 'snapshot' ? (p.snapshot_api_version ?? w.version) : null,
            status: 'enabled',
            status_details: null,
            type: p.type,
            updated: iso(w.now()),
            webhook_endpoint: { signing_secret: null, url: null },
        },
        { secrets: [{ secret: newSecret(w), until: null }], url: p.webhook_endpoint.url },
    )
    return { answer: included(w, destination, p.include, true) }
}

function included(w, destination, include = [], created = false) {
    const shown = w.view(destination)
    if (include.includes('webhook_endpoint.url')) shown.webhook_endpoint.url = destination[$].url
    if (created && include.includes('webhook_endpoint.signing_secret')) shown.webhook_endpoint.signing_secret = destination[$].secrets[0].secret
    return shown
}

function listDestinations(w, p) {
    const all = w.all('v2.core.event_destination').filter(one => !one[$].gone && one[$].live === w.live)
    const include = (p.include ?? []).map((one, i) => `&include[${i}]=${one}`).join('')
    return paged(all, p, '/v2/core/event_destinations', include, one => included(w, one, p.include))
}

// a list of v2: its next page is an address
function paged(all, p, path, more, show) {
    const limit = p.limit ?? 20
    const from = p.page ? Number(p.page) : 0
    const at = page => `${path}?limit=${limit}&page=${page}${more}`
    return { data: all.slice(from, from + limit).map(show), next_page_url: from + limit < all.length ? at(from + limit) : null, previous_page_url: from > 0 ? at(Math.max(from - limit, 0)) : null }
}

const destination = (w, id) => w.get('v2.core.event_destination', id)

function updateDestination(w, p, [id]) {
    const one = destination(w, id)
    if (p.webhook_endpoint?.url) {
        checkUrl(w, p.webhook_endpoint.url)
        one[$].url = p.webhook_endpoint.url
    }
    for (const name of ['enabled_events', 'name', 'description']) if (p[name] !== undefined) one[name] = p[name]
    if (p.metadata) one.metadata = mergedMetadata(one.metadata, p.metadata)
    one.updated = iso(w.now())
    return { answer: included(w, one, p.include) }
}

function switchDestination(w, id, status) {
    const one = destination(w, id)
    one.status = status
    one.status_details = status === 'disabled' ? { disabled: { reason: 'user' } } : null
    one.updated = iso(w.now())
    return { answer: included(w, one) }
}

function deleteDestination(w, p, [id]) {
    const one = destination(w, id)
    one[$].gone = { id, object: one.object, deleted: true }
    return { answer: { id, object: one.object } }
}

export const eventRoutes = [
    ['GET', '/v1/events', list, 'event'],
    ['GET', '/v1/events/{id}', get, 'event'],
    ['GET', '/v2/core/events', listThin, 'event'],
    ['GET', '/v2/core/events/{id}', getThin, 'event'],
    ['POST', '/v1/webhook_endpoints', createEndpoint, 'webhook'],
    ['GET', '/v1/webhook_endpoints', (w, p) => w.list('webhook_endpoint', p, '/v1/webhook_endpoints'), 'webhook'],
    ['GET', '/v1/webhook_endpoints/{id}', (w, p, [id]) => w.get('webhook_endpoint', id), 'webhook'],
    ['POST', '/v1/webhook_endpoints/{id}', updateEndpoint, 'webhook'],
    ['DELETE', '/v1/webhook_endpoints/{id}', deleteEndpoint, 'webhook'],
    ['POST', '/v2/core/event_destinations', createDestination, 'webhook'],
    ['GET', '/v2/core/event_destinations', listDestinations, 'webhook'],
    ['GET', '/v2/core/event_destinations/{id}', (w, p, [id]) => ({ answer: included(w, destination(w, id), p.include) }), 'webhook'],
    ['POST', '/v2/core/event_destinations/{id}', updateDestination, 'webhook'],
    ['DELETE', '/v2/core/event_destinations/{id}', deleteDestination, 'webhook'],
    ['POST', '/v2/core/event_destinations/{id}/enable', (w, p, [id]) => switchDestination(w, id, 'enabled'), 'webhook'],
    ['POST', '/v2/core/event_destinations/{id}/disable', (w, p, [id]) => switchDestination(w, id, 'disabled'), 'webhook'],
]
