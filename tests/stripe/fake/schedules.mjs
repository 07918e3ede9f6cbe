// Subscription schedules: phases that change a subscription's items at their boundaries.
import { mergedMetadata } from './catalog.mjs'
import { badParameter, invalid, missingParameter } from './errors.mjs'
import { applyItems, metered, planChange, priceOf, subscribable } from './items.mjs'
import { collect, invoiceNow } from './invoices.mjs'
import { addSubscription, end, ENDED, periodEnd, periodStart, plan, startBilling, usageSpec } from './subscriptions.mjs'
import { after } from './time.mjs'
import { $ } from './world.mjs'

function create(w, p) {
    if (p.from_subscription) return fromSubscription(w, p)
    if (!p.customer) throw missingParameter('customer')
    if (!p.phases?.length) throw missingParameter('phases')
    const customer = w.get('customer', p.customer, 'customer')
    const start = p.start_date === undefined || p.start_date === 'now' ? w.now() : p.start_date
    const phases = readPhases(w, p.phases, start, 'phases')
    const schedule = add(w, { customer: customer.id, phases, status: 'not_started', p })
    if (start <= w.now()) begin(w, schedule)
    else w.at(start, `schedule:${schedule.id}`, () => begin(w, schedule), 2)
    return schedule
}

function fromSubscription(w, p) {
    for (const name of ['phases', 'customer', 'start_date', 'end_behavior', 'default_settings'])
        if (p[name] !== undefined) throw badParameter(`You cannot set \`${name}\` if \`from_subscription\` is set.`, name)
    const sub = w.get('subscription', p.from_subscription, 'from_subscription')
    if (sub.schedule) throw invalid('You cannot migrate a subscription that is already attached to a schedule: `' + sub.schedule + '`.', 'from_subscription')
    if (ENDED.includes(sub.status)) throw invalid('You cannot migrate a subscription that has ended.', 'from_subscription')
    if (sub.cancel_at !== null) throw invalid('You cannot migrate a subscription that is set to cancel.', 'from_subscription')
    const phase = phaseOf(w, { items: sub.items.data.map(item => ({ price: item.price, quantity: item.quantity, metadata: item.metadata })) }, periodStart(sub), periodEnd(sub), sub.currency)
    const schedule = add(w, { customer: sub.customer, phases: [phase], status: 'active', p })
    attach(w, schedule, sub)
    setCurrent(schedule, phase)
    due(w, schedule)
    return schedule
}

function add(w, { customer, phases, status, p }) {
    const schedule = w.add('subscription_schedule', {
        id: w.id('sub_sched'),
        object: 'subscription_schedule',
        billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' },
        created: w.now(),
        customer,
        default_settings: { billing_cycle_anchor: 'automatic', collection_method: 'charge_automatically', invoice_settings: { issuer: { type: 'self' } } },
        end_behavior: p.end_behavior ?? 'release',
        metadata: mergedMetadata({}, p.metadata),
        pause_schedules: [],
        phases,
        status,
    })
    w.emit('subscription_schedule.created', schedule)
    return schedule
}

function attach(w, schedule, sub) {
    schedule.subscription = sub.id
    w.change(sub, 'customer.subscription.updated', () => (sub.schedule = schedule.id))
}

const setCurrent = (schedule, phase) => (schedule.current_phase = { end_date: phase.end_date, start_date: phase.start_date })

// ---- phases ----

function readPhases(w, given, start, where) {
    let from = start
    return given.map((one, i) => {
        const at = `${where}[${i}]`
        const begins = one.start_date === 'now' ? w.now() : (one.start_date ?? from)
        if (i > 0 && begins !== from) throw badParameter('Phases must follow each other without a gap.', `${at}[start_date]`)
        if (one.duration && one.end_date !== undefined) throw badParameter('You may only specify one of these parameters: duration, end_date.', `${at}[end_date]`)
        const ends = one.duration ? after(begins, one.duration.interval, one.duration.interval_count ?? 1, 1) : one.end_date === 'now' ? w.now() : one.end_date
        if (ends === undefined) {
            if (i < given.length - 1) throw missingParameter(`${at}[end_date]`)
            const { interval, interval_count: count } = subscribable(w, one.items[0].price, `${at}[items][0][price]`).recurring
            from = after(begins, interval, count, 1)
        } else from = ends
        if (from <= begins) throw badParameter('A phase must end after it starts.', `${at}[end_date]`)
        return phaseOf(w, one, begins, from, one.currency ?? null, at)
    })
}

function phaseOf(w, given, start, end, currency, at = 'phases') {
    const items = given.items.map((one, i) => {
        const price = at === 'phases' ? w.byId.get(one.price) : subscribable(w, one.price, `${at}[items][${i}][price]`)
        if (metered(price) && one.quantity !== undefined && at !== 'phases') throw invalid('You cannot set the quantity for metered plans.', `${at}[items][${i}][quantity]`)
        return { billing_thresholds: null, discounts: [], metadata: mergedMetadata({}, one.metadata), plan: price.id, price: price.id, quantity: metered(price) ? undefined : (one.quantity ?? 1), tax_rates: [] }
    })
    return {
        add_invoice_items: [],
        billing_cycle_anchor: given.billing_cycle_anchor,
        collection_method: given.collection_method,
        currency: currency ?? w.byId.get(given.items[0].price).currency,
        default_payment_method: given.default_payment_method || null,
        description: given.description || null,
        discounts: [],
        end_date: end,
        items,
        metadata: mergedMetadata({}, given.metadata),
        proration_behavior: given.proration_behavior ?? 'create_prorations',
        start_date: start,
        trial_end: null,
    }
}

function update(w, p, [id]) {
    const schedule = w.get('subscription_schedule', id)
    mustBeOpen(schedule)
    const phases = p.phases && mergedPhases(w, schedule, p.phases)
    const before = JSON.stringify(schedule.phases.find(one => one.start_date === schedule.current_phase?.start_date)?.items)
    w.change(schedule, 'subscription_schedule.updated', () => {
        if (p.end_behavior) schedule.end_behavior = p.end_behavior
        schedule.metadata = mergedMetadata(schedule.metadata, p.metadata)
        if (phases) schedule.phases = w.answers.make('subscription_schedule', { ...schedule, phases }).phases
        const current = phases && currentPhase(w, schedule)
        if (current && schedule.status === 'active') setCurrent(schedule, current)
    })
    const now = schedule.status === 'active' && currentPhase(w, schedule)
    if (now && JSON.stringify(now.items) !== before) enter(w, schedule, now, p.proration_behavior)
    due(w, schedule)
    return schedule
}

function mergedPhases(w, schedule, given) {
    const current = schedule.current_phase
    if (current && given[0].start_date !== undefined && given[0].start_date !== 'now' && given[0].start_date !== current.start_date)
        throw invalid('You can not modify the start date of the current phase.', 'phases[0][start_date]')
    if (current && given[0].start_date === undefined) throw missingParameter('phases[0][start_date]')
    return readPhases(w, given, current?.start_date ?? schedule.phases[0].start_date, 'phases')
}

const currentPhase = (w, schedule) => schedule.phases.find(one => one.start_date <= w.now() && w.now() < one.end_date)

function mustBeOpen(schedule) {
    if (!['active', 'not_started'].includes(schedule.status))
        throw invalid(`You cannot update a subscription schedule that is currently in the \`${schedule.status}\` status. You can only update a subscription schedule that is in the \`not_started\` or \`active\` status.`)
}

// ---- the boundaries ----

function due(w, schedule) {
    if (schedule.status === 'active' && schedule.current_phase) w.at(schedule.current_phase.end_date, `schedule:${schedule.id}`, () => boundary(w, schedule), 2)
}

function begin(w, schedule) {
    const phase = schedule.phases[0]
    const target = phase.items.map(one => ({ id: w.id('si', 14), price: one.price, quantity: one.quantity, metadata: one.metadata }))
    const sub = addSubscription(w, { customer: w.byId.get(schedule.customer), target, fields: { metadata: { ...phase.metadata } } })
    sub.schedule = schedule.id
    w.emit('customer.subscription.created', sub)
    startBilling(w, sub)
    plan(w, sub)
    w.change(schedule, 'subscription_schedule.updated', () => {
        schedule.status = 'active'
        schedule.subscription = sub.id
        setCurrent(schedule, phase)
    })
    due(w, schedule)
}

function boundary(w, schedule) {
    if (schedule.status !== 'active') return
    const next = schedule.phases.find(one => one.start_date === schedule.current_phase.end_date)
    const sub = w.find('subscription', schedule.subscription)
    if (next) {
        w.change(schedule, 'subscription_schedule.updated', () => setCurrent(schedule, next))
        enter(w, schedule, next)
        due(w, schedule)
    } else if (schedule.end_behavior === 'cancel') end(w, sub, { reason: 'cancellation_requested', atEnd: true })
    else leave(w, schedule, 'released')
}

/** The subscription gets the items of a phase. At the end of a period nothing is prorated, for nothing is left of it. */
function enter(w, schedule, phase, behavior) {
    const sub = w.find('subscription', schedule.subscription)
    const given = phaseChanges(w, sub, phase)
    const atEnd = w.now() >= periodEnd(sub)
    const change = planChange(w, sub, given)
    const prorations = (behavior ?? phase.proration_behavior) === 'none' || atEnd ? [] : [...change.credits, ...change.debits]
    const resets = change.reset && !atEnd
    if (atEnd) closeUsage(w, sub, change, (behavior ?? phase.proration_behavior) !== 'none')
    let invoice
    w.change(sub, 'customer.subscription.updated', () => {
        applyItems(w, sub, { ...change, reset: resets })
        sub.metadata = mergedMetadata(sub.metadata, Object.keys(phase.metadata).length ? phase.metadata : undefined)
        sub[$].pending.push(...prorations)
        if (resets || ((behavior ?? phase.proration_behavior) === 'always_invoice' && prorations.length)) {
            const specs = [...sub[$].pending, ...(resets ? [...change.usage, ...(prorations.length ? [] : change.debits)] : [])]
            invoice = invoiceNow(w, sub, { reason: 'subscription_update', specs, period: { start: w.now(), end: w.now() } })
            sub[$].invoices.push(invoice.id)
            sub.latest_invoice = invoice.id
        }
    })
    if (invoice?.status === 'open') collect(w, invoice)
    plan(w, sub)
}

// the period that ends here is billed by the prices of the phase that ends here; with `none` a metered price goes without being billed, as
// it does when an item is removed
function closeUsage(w, sub, change, bills) {
    for (const one of [...change.target.filter(held => held.item), ...change.gone]) {
        const leaves = change.gone.includes(one) || one.price !== one.item.price
        if (!leaves || !metered(priceOf(w, one.item)) || sub.status === 'trialing') continue
        if (bills) sub[$].pending.push(usageSpec(one.item))
        one.item[$].billedUntil = one.item.current_period_end
    }
}

/** Items of the phase take the place of those there are: same price first, then same kind (licensed or metered), the rest is added or goes */
function phaseChanges(w, sub, phase) {
    const left = [...sub.items.data]
    const wanted = phase.items.map(one => ({ one, item: null }))
    const take = (entry, match) => {
        const index = entry.item ? -1 : left.findIndex(match)
        if (index >= 0) entry.item = left.splice(index, 1)[0]
    }
    for (const entry of wanted) take(entry, item => item.price === entry.one.price)
    for (const entry of wanted) take(entry, item => metered(w.byId.get(item.price)) === metered(w.byId.get(entry.one.price)))
    const changes = wanted.map(({ one, item }) => ({ ...(item ? { id: item.id } : {}), price: one.price, ...(one.quantity === undefined ? {} : { quantity: one.quantity }) }))
    return [...changes, ...left.map(item => ({ id: item.id, deleted: true, clear_usage: false }))]
}

function leave(w, schedule, status) {
    w.cancel(`schedule:${schedule.id}`)
    const sub = schedule.subscription && w.find('subscription', schedule.subscription)
    w.change(schedule, null, () => {
        schedule.status = status
        schedule.current_phase = null
        if (status === 'released') {
            schedule.released_at = w.now()
            schedule.released_subscription = schedule.subscription
            schedule.subscription = null
        } else schedule[`${status}_at`] = w.now()
    })
    w.emit(`subscription_schedule.${status}`, schedule)
    if (sub && !ENDED.includes(sub.status)) w.change(sub, 'customer.subscription.updated', () => (sub.schedule = null))
}

/** The subscription ended under its schedule */
export function endSchedule(w, sub, status) {
    const schedule = w.find('subscription_schedule', sub.schedule)
    if (schedule?.status === 'active') leave(w, schedule, status)
}

/** Items were changed on the subscription itself: the running phase follows */
export function followChange(w, sub) {
    const schedule = sub.schedule && w.find('subscription_schedule', sub.schedule)
    const phase = schedule && schedule.phases.find(one => one.start_date === schedule.current_phase?.start_date)
    if (!phase) return
    w.change(schedule, 'subscription_schedule.updated', () => {
        phase.items = phaseOf(w, { items: sub.items.data.map(item => ({ price: item.price, quantity: item.quantity, metadata: item.metadata })) }, 0, 1, sub.currency).items
        phase.items = w.answers.make('subscription_schedule', { ...schedule }).phases.find(one => one.start_date === phase.start_date).items
    })
}

function cancelSchedule(w, p, [id]) {
    const schedule = w.get('subscription_schedule', id)
    mustBeOpen(schedule)
    const sub = schedule.subscription && w.find('subscription', schedule.subscription)
    if (sub) end(w, sub, { reason: 'cancellation_requested', invoice: p.invoice_now !== false, prorate: p.prorate !== false })
    else leave(w, schedule, 'canceled')
    return schedule
}

function release(w, p, [id]) {
    const schedule = w.get('subscription_schedule', id)
    mustBeOpen(schedule)
    leave(w, schedule, 'released')
    return schedule
}

export const scheduleRoutes = [
    ['POST', '/v1/subscription_schedules', create, 'subscription'],
    ['GET', '/v1/subscription_schedules', (w, p) => w.list('subscription_schedule', p, '/v1/subscription_schedules', one => !p.customer || one.customer === p.customer), 'subscription'],
    ['GET', '/v1/subscription_schedules/{id}', (w, p, [id]) => w.get('subscription_schedule', id), 'subscription'],
    ['POST', '/v1/subscription_schedules/{id}', update, 'subscription'],
    ['POST', '/v1/subscription_schedules/{id}/cancel', cancelSchedule, 'subscription'],
    ['POST', '/v1/subscription_schedules/{id}/release', release, 'subscription'],
]
