// Requests about subscriptions: create, update, cancel, pause, resume.
import { couponOf, mergedMetadata, orNull, set, within } from './catalog.mjs'
import { hasCard } from './customers.mjs'
import { badParameter, cardDeclined, forbidden, invalid, missingParameter, rateLimited } from './errors.mjs'
import { applyItems, flatAmount, itemOf, metered, planChange, targetItems } from './items.mjs'
import { amountNow, collect, invoiceNow, voidInvoice } from './invoices.mjs'
import { followChange } from './schedules.mjs'
import { addSubscription, dropPending, end, ENDED, firstSpecs, holdUpdate, periodEnd, plan, resumed, setPaused, startBilling, subscriptionCard } from './subscriptions.mjs'
import { after, DAY } from './time.mjs'
import { $ } from './world.mjs'

/** {id, coupon, end}: a coupon on a subscription from now on */
export function discountOf(w, entries, where = 'discounts') {
    if (!entries?.length) return null
    const { coupon, code } = couponOf(w, entries[0], `${where}[0]`)
    coupon.times_redeemed++
    if (code) code.times_redeemed++
    const last = coupon.duration === 'repeating' ? after(w.now(), 'month', 1, coupon.duration_in_months) : null
    return { id: w.id('di'), coupon, end: last }
}

function trialEndOf(w, p) {
    if (p.trial_end === 'now') return null
    if (typeof p.trial_end === 'number') {
        if (p.trial_end <= w.now()) throw badParameter('Invalid timestamp: must be an integer Unix timestamp in the future.', 'trial_end')
        return p.trial_end
    }
    return p.trial_period_days > 0 ? w.now() + p.trial_period_days * DAY : null
}

function create(w, p) {
    if (!p.customer) throw missingParameter('customer')
    if (!p.items?.length) throw missingParameter('items')
    const customer = w.get('customer', p.customer, 'customer')
    const { target } = targetItems(w, null, p.items)
    const discount = discountOf(w, p.discounts)
    const behavior = p.payment_behavior ?? 'allow_incomplete'
    const trialEnd = trialEndOf(w, p)
    const owes = !trialEnd && target.some(one => !metered(w.byId.get(one.price)) && flatAmount(w.byId.get(one.price), one.quantity) > 0) && discount?.coupon.percent_off !== 100
    if (owes && behavior !== 'default_incomplete' && p.collection_method !== 'send_invoice') requireCard(w, customer, p, behavior)
    const fields = {
        automatic_tax: { enabled: p.automatic_tax?.enabled ?? false },
        cancel_at: typeof p.cancel_at === 'number' ? p.cancel_at : null,
        default_payment_method: p.default_payment_method,
        description: p.description,
        discounts: discount ? [discount.id] : [],
        metadata: mergedMetadata({}, p.metadata),
        ...(p.trial_settings ? { trial_settings: p.trial_settings } : {}),
        ...(p.billing_mode?.type === 'classic' ? { billing_mode: { flexible: null, type: 'classic' } } : {}),
    }
    const sub = addSubscription(w, { customer, target, trialEnd, discount, anchor: p.billing_cycle_anchor, fields })
    if (p.cancel_at_period_end) scheduleCancel(w, sub)
    w.emit('customer.subscription.created', sub)
    const before = w.view(sub)
    startBilling(w, sub, { collecting: behavior !== 'default_incomplete' })
    if (sub.status === 'active' && before.status === 'incomplete') w.emit('customer.subscription.updated', sub, { status: 'incomplete', latest_invoice: null })
    plan(w, sub)
    return sub
}

function requireCard(w, customer, p, behavior) {
    if (!hasCard(w, customer, p.default_payment_method))
        throw invalid('This customer has no attached payment source or default payment method. Please consider adding a default payment method.', undefined, 'resource_missing')
    if (behavior !== 'error_if_incomplete') return
    const method = w.find('payment_method', p.default_payment_method ?? customer.invoice_settings.default_payment_method)
    if (method[$].behaviour !== 'ok') throw cardDeclined()
}

// ---- update ----

const TOGETHER_WITH_PENDING = new Set(
    'items metadata proration_behavior proration_date payment_behavior billing_cycle_anchor trial_end trial_from_plan cancel_at_period_end discounts off_session expand'.split(' '),
)

function checkUpdate(w, sub, p) {
    if (ENDED.includes(sub.status)) {
        const allowed = ['metadata', 'cancellation_details', 'expand']
        if (Object.keys(p).some(name => !allowed.includes(name)))
            throw invalid('A canceled subscription can only update its cancellation_details and metadata.', undefined, 'resource_missing')
    }
    if (sub.schedule && ['cancel_at', 'cancel_at_period_end'].some(name => p[name] !== undefined))
        throw invalid(
            `The subscription is managed by the subscription schedule \`${sub.schedule}\`, and updating any cancelation behavior directly is not allowed. Please update the schedule instead.`,
            p.cancel_at === undefined ? 'cancel_at_period_end' : 'cancel_at',
        )
    if (p.cancel_at && p.cancel_at_period_end) throw badParameter('You may only specify one of these parameters: cancel_at, cancel_at_period_end.', 'cancel_at')
    if (typeof p.trial_end === 'number' && p.trial_end <= w.now()) throw badParameter('Invalid timestamp: must be an integer Unix timestamp in the future.', 'trial_end')
    if (typeof p.cancel_at === 'number' && p.cancel_at < w.now()) throw badParameter('The subscription cannot be canceled in the past.', 'cancel_at')
    if (p.proration_behavior === 'none' && p.proration_date !== undefined) throw badParameter('You cannot specify `proration_date` when `proration_behavior` is `none`.', 'proration_date')
    if (p.payment_behavior !== 'pending_if_incomplete') return
    const odd = Object.keys(p).find(name => !TOGETHER_WITH_PENDING.has(name))
    if (odd) throw invalid(`The parameter \`${odd}\` cannot be used with \`payment_behavior=pending_if_incomplete\`.`, odd)
}

function update(w, p, [id]) {
    const sub = w.get('subscription', id)
    checkUpdate(w, sub, p)
    const endTrial = p.trial_end === 'now' && sub.status === 'trialing'
    const anchor = p.billing_cycle_anchor?.type
    const change = p.items || endTrial || anchor === 'now' ? planChange(w, sub, p.items ?? [], { moment: p.proration_date ?? w.now(), anchor, endTrial }) : null
    const discount = p.discounts === undefined ? undefined : discountOf(w, p.discounts || [])
    const apply = () => applyRest(w, sub, p, { endTrial, discount })
    const bill = change && specsOf(change, p.proration_behavior ?? 'create_prorations')
    if (bill?.now) mayInvoice(w, sub)
    if (bill?.now && p.payment_behavior === 'pending_if_incomplete') return payThenApply(w, sub, { change, bill, p, apply })
    if (bill?.now && p.payment_behavior === 'error_if_incomplete') return payOrRefuse(w, sub, { change, bill, p, apply })
    w.change(sub, 'customer.subscription.updated', () => {
        if (change) applyItems(w, sub, change)
        apply()
        if (bill?.now) {
            const invoice = invoiceNow(w, sub, changeInvoice(w, sub, bill))
            sub[$].invoices.push(invoice.id)
            sub.latest_invoice = invoice.id
        } else if (bill) sub[$].pending.push(...bill.specs)
    })
    const invoice = bill?.now && w.find('invoice', sub.latest_invoice)
    if (invoice?.status === 'open' && p.payment_behavior !== 'default_incomplete') collect(w, invoice)
    if (change) followChange(w, sub)
    plan(w, sub)
    return sub
}

// ten new invoices a minute, twenty a day for one subscription
function mayInvoice(w, sub) {
    const made = sub[$].invoices.map(id => w.byId.get(id).created)
    const within = seconds => made.filter(moment => moment > w.now() - seconds).length
    if (within(60) >= 10 || within(DAY) >= 20) throw rateLimited('resource-specific', 'Too many invoices were made for this subscription.')
}

/** What a change bills, and whether immediately */
function specsOf(change, behavior) {
    const prorated = behavior === 'none' ? [] : [...change.credits, ...(change.reset ? [] : change.debits)]
    const whole = change.reset ? change.debits : []
    const used = change.usage.filter(one => !one.swapped || behavior !== 'none')
    const specs = [...prorated, ...used, ...whole]
    return { specs, now: specs.length > 0 && (change.reset || behavior === 'always_invoice') }
}

const changeInvoice = (w, sub, bill) => ({ reason: 'subscription_update', specs: [...sub[$].pending, ...bill.specs], period: { start: w.now(), end: w.now() } })

function payThenApply(w, sub, { change, bill, p, apply, card }) {
    const old = dropPending(w, sub)
    if (old?.status === 'open') voidInvoice(w, old)
    const invoice = invoiceNow(w, sub, changeInvoice(w, sub, bill))
    invoice[$].noRetry = true
    sub[$].quiet = true
    const outcome = invoice.status === 'paid' ? 'paid' : collect(w, invoice, { card, manual: true })
    sub[$].quiet = false
    if (outcome !== 'paid') {
        holdUpdate(w, sub, { plan: change, params: { ...p, apply }, invoice })
        return sub
    }
    w.change(sub, 'customer.subscription.updated', () => {
        sub[$].invoices.push(invoice.id)
        sub.latest_invoice = invoice.id
        sub.pending_update = null
        applyItems(w, sub, change)
        apply()
    })
    followChange(w, sub)
    plan(w, sub)
    return sub
}

// Where the payment fails there is an error and nothing else: "the subscription update is never committed, and no invoice is saved" (Stripe, api-discuss)
function payOrRefuse(w, sub, given) {
    if (amountNow(w, sub, changeInvoice(w, sub, given.bill)) === 0) return payThenApply(w, sub, given)
    const card = subscriptionCard(w, sub)
    if (card === '3ds')
        throw cardDeclined('authentication_required', {
            code: 'subscription_payment_intent_requires_action',
            message: 'Payment for this subscription requires additional user action before it can be completed successfully.',
        })
    if (card !== 'ok') throw cardDeclined()
    return payThenApply(w, sub, { ...given, card })
}

function applyRest(w, sub, p, { endTrial, discount }) {
    set(sub, p, ['description', 'default_payment_method', 'collection_method', 'days_until_due'])
    sub.metadata = mergedMetadata(sub.metadata, p.metadata)
    if (p.automatic_tax) sub.automatic_tax.enabled = p.automatic_tax.enabled
    if (p.trial_settings) sub.trial_settings.end_behavior.missing_payment_method = p.trial_settings.end_behavior.missing_payment_method
    if (p.pause_collection !== undefined) sub.pause_collection = p.pause_collection ? { behavior: p.pause_collection.behavior, resumes_at: p.pause_collection.resumes_at ?? null } : null
    if (discount !== undefined) {
        sub[$].discount = discount
        sub.discounts = discount ? [discount.id] : []
    }
    if (endTrial) {
        sub.status = 'active'
        sub.trial_end = w.now()
    } else if (typeof p.trial_end === 'number') startTrial(w, sub, p.trial_end)
    applyCancel(w, sub, p)
}

function startTrial(w, sub, moment) {
    Object.assign(sub, { status: 'trialing', trial_start: sub.trial_start ?? w.now(), trial_end: moment, billing_cycle_anchor: moment })
    sub[$].warned = false
    for (const item of sub.items.data) Object.assign(item, { current_period_start: w.now(), current_period_end: moment })
}

function scheduleCancel(w, sub) {
    const moment = periodEnd(sub)
    sub.cancel_at = moment
    sub.cancel_at_period_end = !w.policy.cancelAtOnly
    sub.canceled_at = w.now()
    sub.cancellation_details.reason = 'cancellation_requested'
}

function unscheduleCancel(sub) {
    sub.cancel_at = null
    sub.cancel_at_period_end = false
    sub.canceled_at = null
    sub.cancellation_details = { comment: null, feedback: null, feedback_option: null, reason: null }
}

const MOMENTS = { min_period_end: periodEnd, max_period_end: sub => Math.max(...sub.items.data.map(item => item.current_period_end)) }

function applyCancel(w, sub, p) {
    if (p.cancellation_details) set(sub.cancellation_details, p.cancellation_details, ['comment', 'feedback'])
    if (p.cancel_at_period_end === true) scheduleCancel(w, sub)
    else if (p.cancel_at_period_end === false && (sub.cancel_at_period_end || w.policy.cancelAtOnly)) unscheduleCancel(sub)
    if (p.cancel_at === undefined) return
    if (orNull(p.cancel_at) === null) return unscheduleCancel(sub)
    const moment = MOMENTS[p.cancel_at]?.(sub) ?? p.cancel_at
    Object.assign(sub, { cancel_at: moment, cancel_at_period_end: false, canceled_at: w.now() })
    sub.cancellation_details.reason = 'cancellation_requested'
}

// ---- cancel, pause, resume ----

function cancel(w, p, [id]) {
    const sub = w.get('subscription', id)
    if (ENDED.includes(sub.status)) throw invalid(`No such subscription: '${id}'`, 'id', 'resource_missing')
    const details = {}
    if (p.cancellation_details) set(details, p.cancellation_details, ['comment', 'feedback'])
    return end(w, sub, { reason: 'cancellation_requested', invoice: p.invoice_now === true, prorate: p.prorate === true, details })
}

function pause(w, p, [id]) {
    const sub = w.get('subscription', id)
    if (!['active', 'trialing', 'past_due'].includes(sub.status)) throw invalid(`A subscription with status \`${sub.status}\` cannot be paused.`)
    if (sub.billing_mode.type !== 'flexible') throw forbidden('Only subscriptions of flexible billing mode can be paused.')
    setPaused(w, sub, 'pause_requested')
    return sub
}

function resume(w, p, [id]) {
    const sub = w.get('subscription', id)
    if (sub.status !== 'paused') throw invalid('Only subscriptions that are paused can be resumed.')
    const now = w.now()
    if (p.billing_cycle_anchor?.type === 'unchanged' && periodEnd(sub) > now) {
        resumed(w, sub)
        return sub
    }
    const change = planChange(w, sub, [], { moment: now, anchor: 'now', endTrial: true })
    applyItems(w, sub, { ...change, credits: [] })
    if (sub.trial_end > now) sub.trial_end = now
    const invoice = invoiceNow(w, sub, { reason: 'subscription_update', specs: firstSpecs(w, sub), period: { start: now, end: now } })
    sub[$].invoices.push(invoice.id)
    sub.latest_invoice = invoice.id
    invoice[$].resumes = true
    const outcome = invoice.status === 'paid' ? 'paid' : collect(w, invoice, { manual: true })
    if (outcome === 'paid' || p.payment_behavior === 'resume_on_payment_attempt') if (sub.status === 'paused') resumed(w, sub)
    return sub
}

// ---- read ----

function list(w, p) {
    const matches = sub =>
        (!p.customer || sub.customer === p.customer) &&
        (p.status === 'all' || (p.status === 'ended' ? ENDED.includes(sub.status) : p.status ? sub.status === p.status : sub.status !== 'canceled')) &&
        (!p.price || sub.items.data.some(item => item.price === p.price)) &&
        within(p.created, sub.created) &&
        within(p.current_period_end, periodEnd(sub))
    return w.list('subscription', p, '/v1/subscriptions', matches)
}

function listItems(w, p) {
    const sub = w.get('subscription', p.subscription, 'subscription')
    return w.list('subscription_item', p, '/v1/subscription_items', item => item.subscription === sub.id)
}

export const subscriptionRoutes = [
    ['POST', '/v1/subscriptions', create, 'subscription'],
    ['GET', '/v1/subscriptions', list, 'subscription'],
    ['GET', '/v1/subscriptions/{id}', (w, p, [id]) => w.get('subscription', id), 'subscription'],
    ['POST', '/v1/subscriptions/{id}', update, 'subscription'],
    ['DELETE', '/v1/subscriptions/{id}', cancel, 'subscription'],
    ['POST', '/v1/subscriptions/{id}/pause', pause, 'subscription'],
    ['POST', '/v1/subscriptions/{id}/resume', resume, 'subscription'],
    ['GET', '/v1/subscription_items', listItems, 'subscription'],
    ['GET', '/v1/subscription_items/{id}', (w, p, [id]) => itemOf(w, id), 'subscription'],
]

// ---- what a customer does in the portal ----

export function cancelFromPortal(w, sub, mode) {
    if (mode === 'immediately') return end(w, sub, { reason: 'cancellation_requested' })
    w.change(sub, 'customer.subscription.updated', () => scheduleCancel(w, sub))
    plan(w, sub)
    return sub
}

export function renewFromPortal(w, sub) {
    w.change(sub, 'customer.subscription.updated', () => unscheduleCancel(sub))
    plan(w, sub)
}
