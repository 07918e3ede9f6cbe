// The effect of a change of a subscription's items: the new items, credits and debits for the rest of the period, whether a new
// period begins. Nothing is changed here, so that a preview and an update are the same computation.
import { mergedMetadata } from './catalog.mjs'
import { badParameter, invalid, missing, missingParameter } from './errors.mjs'
import { prorationText } from './lines.mjs'
import { priced, share } from './money.mjs'
import { periodAt } from './time.mjs'
import { $ } from './world.mjs'

export const priceOf = (w, item) => w.byId.get(item.price)
export const metered = price => price.recurring?.usage_type === 'metered'
export const flatAmount = (price, quantity) => priced(price, quantity ?? 1).reduce((all, piece) => all + piece.amount, 0)

/** A price that a subscription item may have */
export function subscribable(w, id, where) {
    const price = w.get('price', id, where)
    if (!price.recurring) throw badParameter('The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.', where)
    if (!price.active) throw badParameter('The price specified is inactive. This field only accepts active prices.', where)
    return price
}

/** The items there will be: [{item?, id, price, quantity, metadata, clearUsage}], and those that go */
export function targetItems(w, sub, given, where = 'items') {
    const target = (sub?.items.data ?? []).map(item => ({ item, id: item.id, price: item.price, quantity: item.quantity, metadata: item.metadata }))
    const gone = []
    given.forEach((one, i) => {
        const at = `${where}[${i}]`
        if (!one.id) {
            if (one.deleted) throw missingParameter(`${at}[id]`)
            target.push(newItem(w, one, at))
            return
        }
        const index = target.findIndex(held => held.id === one.id)
        if (index < 0) throw badParameter(`No such subscription item: '${one.id}'`, `${at}[id]`, 'resource_missing')
        if (one.deleted) gone.push({ ...target.splice(index, 1)[0], clearUsage: one.clear_usage })
        else changeItem(w, target[index], one, at)
    })
    if (!target.length) throw invalid('A subscription must have at least one active plan. To cancel a subscription, please use the cancel API endpoint.', where)
    checkItems(w, target, where)
    return { target, gone }
}

function newItem(w, one, at) {
    if (!one.price) throw missingParameter(`${at}[price]`)
    const price = subscribable(w, one.price, `${at}[price]`)
    return { id: w.id('si', 14), price: price.id, quantity: quantityFor(price, one.quantity ?? 1, one.quantity, at), metadata: mergedMetadata({}, one.metadata), added: true }
}

function quantityFor(price, quantity, given, at) {
    if (!metered(price)) return quantity
    if (given !== undefined) throw invalid('You cannot set the quantity for metered plans.', `${at}[quantity]`)
    return undefined
}

// a new price starts with quantity 1
function changeItem(w, held, one, at) {
    if (one.price && one.price !== held.price) {
        held.price = subscribable(w, one.price, `${at}[price]`).id
        held.quantity = 1
    }
    const price = w.byId.get(held.price)
    held.quantity = quantityFor(price, one.quantity ?? held.quantity, one.quantity, at)
    held.metadata = mergedMetadata(held.metadata, one.metadata)
}

function checkItems(w, target, where) {
    const seen = new Set()
    const prices = target.map(one => w.byId.get(one.price))
    for (const price of prices) {
        if (seen.has(price.id)) throw invalid(`Cannot add multiple subscription items with the same plan: ${price.id}`, where)
        seen.add(price.id)
        if (price.currency !== prices[0].currency)
            throw invalid('The price specified supports currencies of `' + price.currency + '`. This doesn\'t match the expected currency: `' + prices[0].currency + '`.', where)
    }
    if (target.length > 20) throw invalid('Subscriptions can have at most 20 items.', where)
}

/** Since when the price on a metered item counts: the period's start, or when it was changed in it */
export const usedFrom = item => Math.max(item[$]?.usedFrom ?? 0, item.current_period_start)

const paysFor = (w, list) => list.reduce((all, one) => all + (metered(w.byId.get(one.price)) ? 0 : flatAmount(w.byId.get(one.price), one.quantity)), 0)
const intervalOf = price => `${price.recurring.interval_count} ${price.recurring.interval}`

/**
 * The whole plan of a change at a moment:
 *   {target, gone, credits, debits, reset, usage}   credits and debits are proration specs; with `reset` a new period begins at the moment, and
 *   `debits` are whole periods and `usage` the usage until then
 */
export function planChange(w, sub, given, { moment = w.now(), anchor, endTrial = false } = {}) {
    const { target, gone } = targetItems(w, sub, given)
    const trialing = sub.status === 'trialing' && !endTrial
    const kept = sub.items.data.find(item => !metered(priceOf(w, item))) ?? sub.items.data[0]
    const changesInterval = target.some(one => one.item && intervalOf(w.byId.get(one.price)) !== intervalOf(priceOf(w, one.item)))
    const fromNothing = paysFor(w, sub.items.data) === 0 && paysFor(w, target) > 0
    const reset = !trialing && (endTrial || anchor === 'now' || changesInterval || fromNothing)
    const credits = []
    const debits = []
    const usage = []
    if (!trialing) {
        if (sub.status !== 'trialing') for (const one of [...target.filter(held => held.item), ...gone]) credit(w, one, { moment, reset, gone: gone.includes(one) }, credits, usage)
        for (const one of target) debit(w, one, { moment, reset, period: kept }, debits)
    }
    return { target, gone, credits, debits, usage, reset, moment }
}

function credit(w, one, { moment, reset, gone }, credits, usage) {
    const { item } = one
    const old = priceOf(w, item)
    const [start, end] = [item.current_period_start, item.current_period_end]
    if (metered(old)) {
        const swapped = !reset && !gone && one.price !== item.price, until = swapped ? w.now() : moment, from = usedFrom(item)
        if ((reset || gone || swapped) && !one.clearUsage && until > from) usage.push({ item: item.id, price: old.id, usage: true, swapped, start: from, end: until })
        if (swapped) one.usedFrom = until
        return
    }
    const changed = reset || gone || one.price !== item.price || one.quantity !== item.quantity
    const amount = flatAmount(old, item.quantity)
    if (!changed || moment >= end || amount === 0) return
    const text = prorationText(w, old.id, item.quantity, moment, true)
    credits.push({ item: item.id, price: old.id, quantity: item.quantity, start: moment, end, amount: -share(amount, end - moment, end - start), proration: true, text })
}

function debit(w, one, { moment, reset, period }, debits) {
    const price = w.byId.get(one.price)
    if (metered(price)) return
    if (reset) {
        const { interval, interval_count: count } = price.recurring
        debits.push({ item: one.id, price: price.id, quantity: one.quantity, ...periodAt(moment, interval, count, moment), metadata: one.metadata })
        return
    }
    if (one.item && one.price === one.item.price && one.quantity === one.item.quantity) return
    const [start, end] = [(one.item ?? period).current_period_start, (one.item ?? period).current_period_end]
    const amount = share(flatAmount(price, one.quantity), end - moment, end - start)
    if (moment >= end || amount === 0) return
    const text = prorationText(w, price.id, one.quantity, moment, false)
    debits.push({ item: one.id, price: price.id, quantity: one.quantity, start: moment, end, amount, proration: true, text })
}

/** Make the subscription's items those of the plan */
export function applyItems(w, sub, plan) {
    const kept = sub.items.data[0]
    for (const one of plan.target) {
        if (one.item) Object.assign(one.item, { price: one.price, plan: one.price, metadata: one.metadata }, one.quantity === undefined ? {} : { quantity: one.quantity })
        else one.item = addItem(w, sub.id, one, { start: kept.current_period_start, end: kept.current_period_end })
        if (metered(w.byId.get(one.price))) delete one.item.quantity
        if (one.usedFrom) one.item[$].usedFrom = one.usedFrom
        if (plan.reset) {
            const { interval, interval_count: count } = w.byId.get(one.price).recurring
            const period = periodAt(plan.moment, interval, count, plan.moment)
            one.item.current_period_start = period.start
            one.item.current_period_end = period.end
        }
    }
    for (const one of plan.gone) one.item[$].gone = { id: one.id, object: 'subscription_item', deleted: true }
    sub.items.data = plan.target.map(one => one.item)
    if (plan.reset) sub.billing_cycle_anchor = plan.moment
}

export function addItem(w, sub, one, period) {
    const price = w.byId.get(one.price)
    return w.add('subscription_item', {
        id: one.id,
        object: 'subscription_item',
        created: w.now(),
        current_period_end: period.end,
        current_period_start: period.start,
        discounts: [],
        metadata: one.metadata,
        plan: price.id,
        price: price.id,
        quantity: metered(price) ? undefined : one.quantity,
        subscription: sub,
        tax_rates: [],
    })
}

/** An item as it is shown: with its price, and the legacy plan as well */
export function showItem(w, shown, item) {
    const price = w.byId.get(item.price)
    shown.price = w.view(price)
    shown.plan = {
        id: price.id,
        object: 'plan',
        active: price.active,
        amount: price.unit_amount,
        amount_decimal: price.unit_amount_decimal,
        billing_scheme: price.billing_scheme,
        created: price.created,
        currency: price.currency,
        interval: price.recurring.interval,
        interval_count: price.recurring.interval_count,
        livemode: price.livemode,
        metadata: { ...price.metadata },
        meter: price.recurring.meter,
        nickname: price.nickname,
        product: price.product,
        tiers_mode: price.tiers_mode,
        transform_usage: null,
        trial_period_days: null,
        usage_type: price.recurring.usage_type,
    }
}

export function itemOf(w, id) {
    return w.find('subscription_item', id) ?? fail(id)
}

function fail(id) {
    throw missing('subscription_item', id)
}
