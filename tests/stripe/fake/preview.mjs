// POST /v1/invoices/create_preview: the same computation as the change, thrown away.
import { missing, StripeError } from './errors.mjs'
import { metered, planChange, priceOf, targetItems } from './items.mjs'
import { ENDED, nextSpecs, periodEnd, periodStart, usageSpec } from './subscriptions.mjs'
import { periodAt } from './time.mjs'
import { $ } from './world.mjs'

export function previewSpecs(w, p) {
    const id = p.subscription ?? (p.schedule && w.get('subscription_schedule', p.schedule, 'schedule').subscription)
    return id ? ofExisting(w, w.get('subscription', id, 'subscription'), p) : ofNew(w, p)
}

function ofExisting(w, sub, p) {
    const details = p.subscription_details ?? {}
    if (p.customer && p.customer !== sub.customer) throw missing('subscription', sub.id, 'subscription')
    if (ENDED.includes(sub.status)) throw nothingUpcoming(sub.customer)
    const discount = sub[$].discount ?? undefined
    const running = { start: periodStart(sub), end: periodEnd(sub) }
    if (details.cancel_now) return { sub, discount, reason: 'upcoming', specs: usages(w, sub, w.now()), period: running }
    const leaves = details.cancel_at_period_end ?? (sub.cancel_at_period_end || (sub.cancel_at !== null && sub.cancel_at <= running.end))
    if (leaves) {
        const specs = usages(w, sub, running.end)
        if (!specs.length && !sub[$].pending.length) throw nothingUpcoming(sub.customer)
        return { sub, discount, reason: 'upcoming', specs: [...sub[$].pending, ...specs], period: running }
    }
    if (!details.items) return { sub, discount, reason: 'upcoming', specs: nextSpecs(w, sub), period: running }
    return ofChange(w, sub, p, details, { discount, running })
}

function ofChange(w, sub, p, details, { discount, running }) {
    const moment = details.proration_date ?? w.now()
    const endTrial = details.trial_end === 'now'
    const change = planChange(w, sub, details.items, { moment, anchor: details.billing_cycle_anchor, endTrial })
    const behavior = details.proration_behavior ?? 'create_prorations'
    const prorations = behavior === 'none' ? [] : [...change.credits, ...(change.reset ? [] : change.debits)]
    if (change.reset || behavior === 'always_invoice') {
        const specs = [...sub[$].pending, ...prorations, ...change.usage.filter(one => !one.swapped || behavior !== 'none'), ...(change.reset ? change.debits : [])]
        return { sub, discount, reason: 'subscription_update', specs, period: { start: moment, end: moment } }
    }
    const next = change.target.map(one => ({
        ...(one.item ?? { current_period_start: moment, current_period_end: running.end }),
        id: one.id,
        price: one.price,
        quantity: one.quantity,
        metadata: one.metadata,
    }))
    const specs = [...(p.preview_mode === 'recurring' ? [] : prorations), ...nextSpecs(w, sub, next)]
    return { sub, discount, reason: 'upcoming', specs, period: running }
}

const usages = (w, sub, until) => sub.items.data.filter(item => metered(priceOf(w, item)) && sub.status !== 'trialing').map(item => usageSpec(item, until))

function ofNew(w, p) {
    const { target } = targetItems(w, null, p.subscription_details.items, 'subscription_details[items]')
    const now = w.now()
    const specs = target
        .filter(one => !metered(w.byId.get(one.price)))
        .map(one => {
            const { interval, interval_count: count } = w.byId.get(one.price).recurring
            return { item: one.id, price: one.price, quantity: one.quantity, ...periodAt(now, interval, count, now), metadata: one.metadata }
        })
    const customer = w.get('customer', p.customer, 'customer').id
    const currency = w.byId.get(target[0].price).currency
    const sub = { id: null, customer, currency, automatic_tax: p.automatic_tax ?? { enabled: false }, collection_method: 'charge_automatically', metadata: {} }
    return { sub, specs, reason: 'upcoming', period: { start: now, end: now } }
}

export const nothingUpcoming = customer =>
    new StripeError(404, { type: 'invalid_request_error', code: 'invoice_upcoming_none', message: `No upcoming invoices for customer: ${customer}` })
