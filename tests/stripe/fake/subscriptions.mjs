// The life of a subscription: created, renewed at its anchor, trial, past due, paused, ended. Requests are in subrequests.mjs.
import { payingCard, hasCard } from './customers.mjs'
import { addItem, applyItems, flatAmount, metered, priceOf, showItem, usedFrom } from './items.mjs'
import { collect, compose, draft, invoiceNow, stopCollecting, voidInvoice } from './invoices.mjs'
import { prorationText } from './lines.mjs'
import { share } from './money.mjs'
import { endSchedule } from './schedules.mjs'
import { DAY, HOUR, periodAt } from './time.mjs'
import { copy, $ } from './world.mjs'

export { previewSpecs } from './preview.mjs'

export const ENDED = ['canceled', 'incomplete_expired']
export const periodEnd = sub => Math.min(...sub.items.data.map(item => item.current_period_end))
export const periodStart = sub => Math.min(...sub.items.data.map(item => item.current_period_start))

/** The bare subscription with its items in their first period, before its event */
export function addSubscription(w, { customer, target, trialEnd, anchor, ...more }) {
    const now = w.now()
    const id = more.id ?? w.id('sub')
    const start = trialEnd ? { start: now, end: trialEnd } : null
    const firstPrice = w.byId.get(target[0].price)
    const sub = w.add(
        'subscription',
        {
            id,
            object: 'subscription',
            automatic_tax: { enabled: false },
            billing_cycle_anchor: trialEnd ?? anchor ?? now,
            billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' },
            billing_schedules: [],
            cancel_at_period_end: false,
            cancellation_details: {},
            collection_method: 'charge_automatically',
            created: now,
            currency: firstPrice.currency,
            customer: customer.id,
            discounts: [],
            invoice_settings: { issuer: { type: 'self' } },
            items: { object: 'list', data: [], has_more: false, url: `/v1/subscription_items?subscription=${id}` },
            metadata: {},
            payment_settings: { save_default_payment_method: 'off' },
            start_date: now,
            status: trialEnd ? 'trialing' : 'incomplete',
            trial_end: trialEnd ?? null,
            trial_settings: { end_behavior: { missing_payment_method: 'create_invoice' } },
            trial_start: trialEnd ? now : null,
            default_tax_rates: [],
            ...more.fields,
        },
        { pending: [], invoices: [], discount: more.discount ?? null },
    )
    for (const one of target) {
        const { interval, interval_count: count } = w.byId.get(one.price).recurring
        sub.items.data.push(addItem(w, id, one, start ?? periodAt(sub.billing_cycle_anchor, interval, count, now)))
    }
    if (!customer.currency) customer.currency = sub.currency
    return sub
}

/** What the first invoice is for: nothing while in trial, the whole period else */
export function firstSpecs(w, sub) {
    return sub.items.data
        .filter(item => !metered(priceOf(w, item)))
        .map(item => ({
            item: item.id,
            price: item.price,
            quantity: item.quantity,
            start: item.current_period_start,
            end: item.current_period_end,
            trial: sub.status === 'trialing',
        }))
}

/** All that is due later in a subscription's life */
export function plan(w, sub) {
    for (const key of ['cycle', 'upcoming', 'trialwarn', 'cancelat', 'resume']) w.cancel(`${key}:${sub.id}`)
    if (ENDED.includes(sub.status) || sub.status === 'incomplete') return
    if (sub.cancel_at !== null && sub.cancel_at > w.now()) w.at(sub.cancel_at, `cancelat:${sub.id}`, () => end(w, sub, { reason: 'cancellation_requested', atEnd: true }), 3)
    if (sub.pause_collection?.resumes_at) w.at(Math.max(sub.pause_collection.resumes_at, w.now()), `resume:${sub.id}`, () => w.change(sub, 'customer.subscription.updated', () => (sub.pause_collection = null)))
    if (sub.status === 'paused') return
    const next = periodEnd(sub)
    w.at(Math.max(next, w.now()), `cycle:${sub.id}`, () => cycle(w, sub), 5)
    const warn = next - w.policy.upcomingDays * DAY
    if (warn > w.now() && sub.status !== 'unpaid') w.at(warn, `upcoming:${sub.id}`, () => tellUpcoming(w, sub))
    if (sub.status === 'trialing' && !sub[$].warned) w.at(Math.max(sub.trial_end - 3 * DAY, w.now()), `trialwarn:${sub.id}`, () => warnOfTrialEnd(w, sub))
}

function warnOfTrialEnd(w, sub) {
    sub[$].warned = true
    w.emit('customer.subscription.trial_will_end', sub)
}

/** invoice.upcoming: the invoice to come, without an id */
function tellUpcoming(w, sub) {
    if (sub.cancel_at !== null && sub.cancel_at <= periodEnd(sub)) return
    const specs = nextSpecs(w, sub)
    const invoice = compose(w, sub, { reason: 'upcoming', specs, period: { start: periodStart(sub), end: periodEnd(sub) }, preview: true, discount: sub[$].discount ?? undefined, tax: w.policy.taxPercent })
    const shown = w.view(invoice)
    delete shown.id
    shown.next_payment_attempt = periodEnd(sub) + HOUR
    w.emit('invoice.upcoming', invoice, undefined, shown)
}

/** What the invoice at the end of the running period is for: usage of it, the licensed items of the next */
export function nextSpecs(w, sub, items = sub.items.data) {
    const specs = [...sub[$].pending]
    for (const item of items) {
        const price = priceOf(w, item)
        const { interval, interval_count: count } = price.recurring
        const next = periodAt(sub.billing_cycle_anchor, interval, count, item.current_period_end)
        if (!metered(price)) specs.push({ item: item.id, price: price.id, quantity: item.quantity, start: next.start, end: next.end, metadata: item.metadata })
        else if (sub.status !== 'trialing' && item[$]?.billedUntil !== item.current_period_end) specs.push(usageSpec(item))
    }
    return specs
}

export const usageSpec = (item, until = item.current_period_end) => ({
    item: item.id,
    price: item.price,
    usage: true,
    start: usedFrom(item),
    end: until,
    metadata: item.metadata,
})

// ---- the end of a period ----

function cycle(w, sub) {
    if (ENDED.includes(sub.status)) return
    if (sub.cancel_at !== null && sub.cancel_at <= w.now()) return end(w, sub, { reason: 'cancellation_requested', atEnd: true })
    if (sub.status === 'trialing' && sub.trial_end <= w.now() && trialWithoutCard(w, sub)) return
    renew(w, sub)
}

/** A trial that ends without a card, where that does not lead to an invoice: true when this was the end of it */
function trialWithoutCard(w, sub) {
    const customer = w.byId.get(sub.customer)
    const behavior = sub.trial_settings?.end_behavior.missing_payment_method ?? 'create_invoice'
    if (behavior === 'create_invoice' || hasCard(w, customer, sub.default_payment_method ?? undefined)) return false
    if (behavior === 'cancel') end(w, sub, { reason: null })
    else setPaused(w, sub, 'trial_end_without_payment_method')
    return true
}

export function setPaused(w, sub, type) {
    w.change(sub, 'customer.subscription.updated', () => {
        sub.status = 'paused'
        sub.status_details = { paused: { subscription: { type }, transitioned_at: w.now(), type: 'subscription' } }
    })
    w.emit('customer.subscription.paused', sub)
    plan(w, sub)
}

function renew(w, sub) {
    const period = { start: periodStart(sub), end: periodEnd(sub) }
    const due = sub.items.data.filter(item => item.current_period_end <= w.now())
    const specs = [...nextSpecs(w, sub, due)]
    const invoice = draft(w, sub, { reason: 'subscription_cycle', specs, period })
    sub[$].invoices.push(invoice.id)
    if (sub.status === 'unpaid') stopCollecting(w, invoice)
    w.change(sub, 'customer.subscription.updated', () => {
        roll(w, due, sub.billing_cycle_anchor)
        if (sub.status === 'trialing') sub.status = 'active'
        sub.latest_invoice = invoice.id
    })
    plan(w, sub)
}

function roll(w, items, anchor) {
    for (const item of items) {
        const { interval, interval_count: count } = priceOf(w, item).recurring
        const next = periodAt(anchor, interval, count, item.current_period_end)
        item.current_period_start = next.start
        item.current_period_end = next.end
    }
}

// ---- what invoices do to it ----

function newestFinal(w, sub) {
    return w.find('invoice', sub[$].invoices.findLast(id => w.find('invoice', id).status !== 'draft'))
}

export function invoicePaid(w, sub, invoice) {
    const update = sub[$].pendingUpdate
    if (update?.invoice === invoice.id) return applyPending(w, sub, update)
    if (invoice[$].resumes && sub.status === 'paused') return resumed(w, sub)
    const first = sub.status === 'incomplete'
    const waits = first || ['past_due', 'unpaid'].includes(sub.status)
    if (!waits || newestFinal(w, sub)?.id !== invoice.id || sub[$].quiet) return
    w.cancel(`incomplete:${sub.id}`)
    w.change(sub, 'customer.subscription.updated', () => (sub.status = 'active'))
    plan(w, sub)
}

export function invoiceFailed(w, sub, invoice, { last }) {
    if (sub[$].pendingUpdate?.invoice === invoice.id || sub[$].quiet) return
    const isNewest = newestFinal(w, sub)?.id === invoice.id
    if (sub.status === 'active' && isNewest) w.change(sub, 'customer.subscription.updated', () => (sub.status = 'past_due'))
    if (last && sub.status === 'past_due') terminal(w, sub, invoice)
}

/** No retry is left: what the account's settings say becomes of the subscription */
function terminal(w, sub, invoice) {
    const policy = w.policy.afterRetries
    if (policy === 'canceled') end(w, sub, { reason: 'payment_failed' })
    else if (policy === 'unpaid') {
        stopCollecting(w, invoice)
        w.change(sub, 'customer.subscription.updated', () => (sub.status = 'unpaid'))
        plan(w, sub)
    }
}

export function resumed(w, sub) {
    w.change(sub, 'customer.subscription.updated', () => {
        sub.status = 'active'
        delete sub.status_details
    })
    w.emit('customer.subscription.resumed', sub)
    plan(w, sub)
}

// ---- a first payment ----

/** The first invoice, paid or open; a subscription not paid within 23 hours expires */
export function startBilling(w, sub, { card, collecting = true } = {}) {
    const invoice = invoiceNow(w, sub, { reason: 'subscription_create', specs: firstSpecs(w, sub), period: { start: w.now(), end: w.now() } })
    sub[$].invoices.push(invoice.id)
    sub.latest_invoice = invoice.id
    if (invoice.status === 'paid') {
        if (sub.status === 'incomplete') sub.status = 'active'
        return invoice
    }
    if (collecting) collect(w, invoice, { card, manual: true })
    if (sub.status === 'incomplete') w.at(w.now() + 23 * HOUR, `incomplete:${sub.id}`, () => expireIncomplete(w, sub, invoice))
    return invoice
}

function expireIncomplete(w, sub, invoice) {
    if (sub.status !== 'incomplete') return
    if (invoice.status === 'open') voidInvoice(w, invoice)
    w.change(sub, 'customer.subscription.updated', () => {
        sub.status = 'incomplete_expired'
        sub.ended_at = w.now()
    })
}

// ---- an update that waits for its payment: docs.stripe.com, "Pending updates" ----

/** It waits for 23 hours, but not beyond the period (or trial) in which it was asked for. */
export function holdUpdate(w, sub, { plan: change, params, invoice }) {
    dropPending(w, sub)
    sub[$].pendingUpdate = { change, params, invoice: invoice.id }
    const expires = Math.min(w.now() + 23 * HOUR, periodEnd(sub))
    w.change(sub, 'customer.subscription.updated', () => {
        sub[$].invoices.push(invoice.id)
        sub.latest_invoice = invoice.id
        sub.pending_update = w.answers.make('subscription', { ...sub, pending_update: pendingShape(w, sub, change, params, expires) }).pending_update
    })
    w.at(expires, `pending:${sub.id}`, () => expirePending(w, sub), 1) // before a phase or the period ends
}

function pendingShape(w, sub, change, params, expires) {
    const items = change.target.map(one => {
        const item = { ...(one.item ?? sub.items.data[0]), id: one.id, price: one.price, plan: one.price, quantity: one.quantity, metadata: one.metadata }
        const shown = copy(item)
        showItem(w, shown, item)
        if (shown.quantity === undefined) delete shown.quantity
        return shown
    })
    return {
        cancel_at_period_end: params.cancel_at_period_end,
        expires_at: expires,
        metadata: params.metadata || undefined,
        subscription_items: items,
        trial_end: typeof params.trial_end === 'number' ? params.trial_end : undefined,
    }
}

function applyPending(w, sub, update) {
    const { change } = update
    w.cancel(`pending:${sub.id}`)
    sub[$].pendingUpdate = null
    w.change(sub, 'customer.subscription.updated', () => {
        sub.pending_update = null
        billWhileWaiting(w, sub, change)
        applyItems(w, sub, { ...change, moment: change.reset ? w.now() : change.moment })
        update.params.apply(sub)
    })
    w.emit('customer.subscription.pending_update_applied', sub)
    plan(w, sub)
}

// The invoice has the usage until the update was asked for; a metered price that is removed also bills the usage that came while the update waited, with the next invoice.
function billWhileWaiting(w, sub, change) {
    for (const spec of change.usage) if (w.now() > spec.end) sub[$].pending.push({ ...spec, start: spec.end, end: w.now() })
    for (const one of change.target) if (one.usedFrom) one.usedFrom = w.now()
}

function expirePending(w, sub) {
    const invoice = discardPending(w, sub)
    if (invoice?.status === 'open') voidInvoice(w, invoice)
    w.change(sub, 'customer.subscription.updated', () => (sub.pending_update = null))
    w.emit('customer.subscription.pending_update_expired', sub)
}

/** Its invoice was voided by hand: what waited for it is given up */
export function pendingVoided(w, invoice) {
    const sub = w.all('subscription').find(one => one[$].pendingUpdate?.invoice === invoice.id)
    if (!sub) return
    discardPending(w, sub)
    w.change(sub, 'customer.subscription.updated', () => (sub.pending_update = null))
}

/**
 * The update is given up, and with it the usage on its invoice: "if the pending update expires before payment, Stripe discards this usage, which prevents
 * any subsequent invoices from billing for them". Nothing says what becomes of the usage where the invoice is voided by hand; we take it for the same.
 */
function discardPending(w, sub) {
    for (const spec of sub[$].pendingUpdate?.change.usage ?? []) w.byId.get(spec.item)[$].usedFrom = spec.end
    return dropPending(w, sub)
}

/** Forget what waits; the invoice of it, if any */
export function dropPending(w, sub) {
    const update = sub[$].pendingUpdate
    w.cancel(`pending:${sub.id}`)
    sub[$].pendingUpdate = null
    return update && w.find('invoice', update.invoice)
}

// ---- the end ----

/** It ends now. `atEnd`: at the end of its period, so that usage is billed; else usage only with `invoice` */
export function end(w, sub, { reason = null, atEnd = false, invoice = false, prorate = false, details } = {}) {
    const now = w.now()
    const wasTrial = sub.status === 'trialing'
    for (const id of sub[$].invoices) {
        const held = w.find('invoice', id)
        if (held.status === 'open' && !atEnd) stopCollecting(w, held)
    }
    const waiting = discardPending(w, sub)
    if (waiting?.status === 'open') voidInvoice(w, waiting)
    const specs = finalSpecs(w, sub, { now, atEnd, invoice, prorate, wasTrial })
    let last
    if (specs.length && !['incomplete', 'unpaid', 'paused'].includes(sub.status)) {
        const period = { start: periodStart(sub), end: now }
        const options = { reason: atEnd ? 'subscription_cycle' : 'subscription_update', specs, period }
        last = atEnd ? draft(w, sub, options) : invoiceNow(w, sub, options)
        sub[$].invoices.push(last.id)
    }
    for (const key of ['cycle', 'upcoming', 'trialwarn', 'cancelat', 'incomplete', 'resume']) w.cancel(`${key}:${sub.id}`)
    w.change(sub, null, () => {
        sub.status = 'canceled'
        sub.ended_at = now
        sub.canceled_at ??= now
        sub.pending_update = null
        delete sub.status_details
        if (last) sub.latest_invoice = last.id
        sub.cancellation_details = { comment: null, feedback: null, feedback_option: null, ...sub.cancellation_details, ...details, reason: sub.cancellation_details?.reason ?? reason }
    })
    if (sub.schedule) endSchedule(w, sub, 'canceled')
    w.emit('customer.subscription.deleted', sub)
    if (last && last.status === 'open') collect(w, last)
    return sub
}

function finalSpecs(w, sub, { now, atEnd, invoice, prorate, wasTrial }) {
    if (!atEnd && !invoice) return []
    const specs = atEnd || prorate ? [...sub[$].pending] : []
    for (const item of sub.items.data) {
        const price = priceOf(w, item)
        if (metered(price) && !wasTrial && now > usedFrom(item)) specs.push(usageSpec(item, Math.min(now, item.current_period_end)))
        if (!metered(price) && !wasTrial && prorate && !atEnd) specs.push(...unused(w, item, price, now))
    }
    return specs
}

function unused(w, item, price, now) {
    const [start, end] = [item.current_period_start, item.current_period_end]
    const amount = -share(flatAmount(price, item.quantity), Math.max(end - now, 0), end - start)
    if (amount === 0) return []
    return [{ item: item.id, price: price.id, quantity: item.quantity, start: now, end, amount, proration: true, text: prorationText(w, price.id, item.quantity, now, true) }]
}

/** The behaviour of the card that would pay for this subscription */
export const subscriptionCard = (w, sub) => payingCard(w, w.byId.get(sub.customer), sub.default_payment_method ?? undefined)

export function showSubscription(w, shown, sub) {
    shown.items.data = sub.items.data.map(item => w.view(item))
}
