// Meters, meter events and what they add up to.
//
// A 2xx for a meter event does not mean that it counts: it is checked afterwards (policy.meterSeconds later, on the virtual clock), and an error
// is reported by thin events only. A second event of an identifier that is less than 24 hours old is refused immediately: 400, "An event already
// exists with identifier ...", Stripe-Should-Retry: false.
import { within } from './catalog.mjs'
import { badParameter, invalid, missing, StripeError } from './errors.mjs'
import { decimal, rounded } from './money.mjs'
import { DAY, HOUR, iso, MINUTE } from './time.mjs'
import { $ } from './world.mjs'

function createMeter(w, p) {
    if (w.all('billing.meter').some(one => one.event_name === p.event_name && one.status === 'active' && one[$].live === w.live))
        throw invalid(`There is already an active meter with event_name ${p.event_name}.`, 'event_name')
    const meter = w.add(
        'billing.meter',
        {
            id: w.id('mtr'),
            object: 'billing.meter',
            created: w.now(),
            customer_mapping: { event_payload_key: p.customer_mapping?.event_payload_key ?? 'stripe_customer_id', type: 'by_id' },
            default_aggregation: { formula: p.default_aggregation.formula },
            display_name: p.display_name,
            event_name: p.event_name,
            event_time_window: p.event_time_window,
            status: 'active',
            status_transitions: {},
            updated: w.now(),
            value_settings: { event_payload_key: p.value_settings?.event_payload_key ?? 'value' },
        },
        { usage: new Map() },
    )
    w.emit('billing.meter.created', meter)
    return meter
}

function updateMeter(w, p, [id]) {
    const meter = w.get('billing.meter', id)
    return w.change(meter, 'billing.meter.updated', () => {
        if (p.display_name) meter.display_name = p.display_name
        meter.updated = w.now()
    })
}

function switchMeter(w, id, status) {
    const meter = w.get('billing.meter', id)
    if (meter.status === status) throw invalid(`The meter is already ${status}.`)
    return w.change(meter, status === 'active' ? 'billing.meter.reactivated' : 'billing.meter.deactivated', () => {
        meter.status = status
        meter.status_transitions.deactivated_at = status === 'active' ? null : w.now()
        meter.updated = w.now()
    })
}

// ---- events ----

const identifiers = w => (w.meterIdentifiers ??= new Map())

function createEvent(w, p) {
    const now = w.now()
    const identifier = p.identifier ?? w.random.word(32)
    if (identifier.length > 100) throw badParameter('Invalid string: identifier must be at most 100 characters', 'identifier')
    const seen = identifiers(w).get(identifier)
    if (seen && seen.received > now - DAY)
        throw new StripeError(
            400,
            { type: 'invalid_request_error', message: `An event already exists with identifier ${identifier}.` },
            { headers: { 'Stripe-Should-Retry': 'false' } },
        )
    const event = { name: p.event_name, identifier, payload: { ...p.payload }, timestamp: p.timestamp ?? now, received: now, cancelled: false, counted: false }
    identifiers(w).set(identifier, event)
    ;(w.meterEvents ??= []).push(event)
    if (w.policy.meterSeconds === 0) judge(w, event)
    else w.at(now + w.policy.meterSeconds, `meter:${identifier}:${now}`, () => judge(w, event), 1)
    return w.answers.make('billing.meter_event', {
        object: 'billing.meter_event',
        created: now,
        event_name: event.name,
        identifier,
        livemode: w.live,
        payload: event.payload,
        timestamp: event.timestamp,
    })
}

/** The asynchronous check: the event is counted or its error reported */
function judge(w, event) {
    if (event.cancelled) return
    const { code, meter, customer, value } = verdict(w, event)
    if (code) {
        event.refused = code
        reportError(w, event, code, meter)
        return
    }
    event.counted = true
    const usage = meter[$].usage
    if (!usage.has(customer)) usage.set(customer, [])
    usage.get(customer).push({ timestamp: event.timestamp, value, event })
}

function verdict(w, event) {
    const known = w.all('billing.meter').filter(one => one.event_name === event.name && one[$].live === w.live)
    const meter = known.find(one => one.status === 'active') ?? known.at(-1)
    if (!meter) return { code: 'no_meter' }
    if (meter.status !== 'active') return { code: 'archived_meter', meter }
    if (event.timestamp < event.received - 35 * DAY) return { code: 'timestamp_too_far_in_past', meter }
    if (event.timestamp > event.received + 5 * MINUTE) return { code: 'timestamp_in_future', meter }
    const customer = event.payload[meter.customer_mapping.event_payload_key]
    if (!customer) return { code: 'meter_event_no_customer_defined', meter }
    const owner = w.byId.get(customer)
    if (owner?.object !== 'customer' || owner[$].gone || owner[$].live !== w.live) return { code: 'meter_event_customer_not_found', meter }
    const text = event.payload[meter.value_settings.event_payload_key]
    const counts = meter.default_aggregation.formula === 'count'
    if (!counts && !/^-?\d+(\.\d{1,12})?$/.test(text ?? '')) return { code: 'meter_event_invalid_value', meter }
    if (!counts && text.replace(/[-.]/g, '').length > 15) return { code: 'meter_event_value_too_many_digits', meter }
    return { meter, customer, value: counts ? decimal('1') : decimal(text) }
}

function reportError(w, event, code, meter) {
    const data = {
        developer_message_summary: `There is 1 invalid event`,
        reason: { error_count: 1, error_types: [{ code, error_count: 1, sample_errors: [{ error_message: `The event was refused: ${code}.`, request: { identifier: event.identifier } }] }] },
        validation_end: iso(w.now()),
        validation_start: iso(event.received),
    }
    if (meter) w.emitThin('v1.billing.meter.error_report_triggered', { id: meter.id, type: 'billing.meter', url: `/v1/billing/meters/${meter.id}` }, data)
    else w.emitThin('v1.billing.meter.no_meter_found', undefined, data)
}

function adjust(w, p) {
    const event = identifiers(w).get(p.cancel?.identifier)
    if (!event || event.name !== p.event_name) throw missing('meter event', p.cancel?.identifier, 'cancel[identifier]')
    if (event.received < w.now() - DAY) throw invalid('Meter events can only be cancelled within 24 hours of being received.', 'cancel[identifier]')
    event.cancelled = true
    return w.answers.make('billing.meter_event_adjustment', {
        object: 'billing.meter_event_adjustment',
        cancel: { identifier: event.identifier },
        event_name: event.name,
        livemode: w.live,
        status: 'pending',
        type: 'cancel',
    })
}

// ---- sums ----

/** What a meter counted for a customer in [start, end), in units of 1e-12 */
export function summed(w, meter, customer, start, end) {
    const events = (meter[$].usage.get(customer) ?? []).filter(one => !one.event.cancelled && one.timestamp >= start && one.timestamp < end)
    const chosen = meter.event_time_window ? newestOfWindows(events, meter.event_time_window) : events
    if (meter.default_aggregation.formula === 'last') return chosen.toSorted((a, b) => a.timestamp - b.timestamp).at(-1)?.value ?? 0n
    return chosen.reduce((all, one) => all + one.value, 0n)
}

function newestOfWindows(events, window) {
    const length = window === 'hour' ? HOUR : DAY
    const newest = new Map()
    for (const one of events) newest.set(Math.floor(one.timestamp / length), one)
    return [...newest.values()]
}

/** The quantity that is billed: whole units, never below zero */
export function usageBetween(w, meterId, customer, start, end) {
    return Math.max(rounded(summed(w, w.byId.get(meterId), customer, start, end)), 0)
}

function summaries(w, p, [id]) {
    const meter = w.get('billing.meter', id)
    for (const name of ['start_time', 'end_time'])
        if (p[name] % MINUTE !== 0) throw badParameter(`\`${name}\` must be aligned with minute boundaries.`, name)
    if (p.end_time <= p.start_time) throw badParameter('`end_time` must be after `start_time`.', 'end_time')
    w.get('customer', p.customer, 'customer')
    const length = { hour: HOUR, day: DAY }[p.value_grouping_window]
    if (length) for (const name of ['start_time', 'end_time']) if (p[name] % length !== 0) throw badParameter(`\`${name}\` must be aligned with ${p.value_grouping_window} boundaries.`, name)
    const data = []
    for (let start = p.start_time; start < p.end_time; start += length ?? p.end_time - p.start_time) {
        const end = length ? start + length : p.end_time
        const value = summed(w, meter, p.customer, start, end)
        if (length && value === 0n) continue
        data.unshift(
            w.answers.make('billing.meter_event_summary', {
                id: w.id('mtrusg', 20),
                object: 'billing.meter_event_summary',
                aggregated_value: Number(value) / 1e12,
                end_time: end,
                livemode: w.live,
                meter: id,
                start_time: start,
            }),
        )
    }
    const from = p.starting_after ? data.findIndex(one => one.id === p.starting_after) + 1 : 0
    const page = data.slice(from, from + (p.limit ?? 10))
    return { object: 'list', data: page, has_more: from + page.length < data.length, url: `/v1/billing/meters/${id}/event_summaries` }
}

const listMeters = (w, p) => w.list('billing.meter', p, '/v1/billing/meters', one => (!p.status || one.status === p.status) && within(p.created, one.created))

export const meterRoutes = [
    ['POST', '/v1/billing/meters', createMeter, 'billing_meter'],
    ['GET', '/v1/billing/meters', listMeters, 'billing_meter'],
    ['GET', '/v1/billing/meters/{id}', (w, p, [id]) => w.get('billing.meter', id), 'billing_meter'],
    ['POST', '/v1/billing/meters/{id}', updateMeter, 'billing_meter'],
    ['POST', '/v1/billing/meters/{id}/deactivate', (w, p, [id]) => switchMeter(w, id, 'inactive'), 'billing_meter'],
    ['POST', '/v1/billing/meters/{id}/reactivate', (w, p, [id]) => switchMeter(w, id, 'active'), 'billing_meter'],
    ['GET', '/v1/billing/meters/{id}/event_summaries', summaries, 'billing_meter'],
    ['POST', '/v1/billing/meter_events', createEvent, 'billing_meter_event'],
    ['POST', '/v1/billing/meter_event_adjustments', adjust, 'billing_meter_event'],
]
