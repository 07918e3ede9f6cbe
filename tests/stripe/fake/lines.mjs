// Lines of invoices from specs. A spec is what a subscription is billed for:
//   {item, price, quantity, start, end}                       a licensed item for a period
//   {item, price, usage: true, start, end}                    what the meter counted in a period, priced when the line is drawn
//   {item, price, quantity, start, end, amount, proration}    a credit or debit for a part of a period
//   {item, price, quantity, start, end, trial: true}          a period of trial: nothing
//
// Where a metered item's price is changed within a period, usage until then is billed at the old price with the change (with
// `proration_behavior: none` by none), later usage at the new one: docs.stripe.com, "Manage your usage-based billing setup", for billing_mode flexible.
import { usageBetween } from './meters.mjs'
import { decimalText, priced, rounded } from './money.mjs'
import { iso } from './time.mjs'
import { $ } from './world.mjs'

export function linesOf(w, invoice, specs) {
    return specs.flatMap(spec => piecesOf(w, invoice, spec).map((piece, i) => line(w, invoice, spec, piece, i)))
}

function piecesOf(w, invoice, spec) {
    const price = w.byId.get(spec.price)
    if (spec.trial) return [{ quantity: spec.quantity, unit: '0', amount: 0, text: `Trial period for ${nameOf(w, price)}` }]
    if (spec.proration) return [{ quantity: spec.quantity, unit: decimalText(perUnit(spec)), amount: spec.amount, text: spec.text }]
    if (!spec.usage) return priced(price, spec.quantity).map(piece => ({ ...piece, text: `${piece.quantity} × ${nameOf(w, price)} (at ${piece.unit} / ${price.recurring.interval})` }))
    const used = usageBetween(w, price.recurring.meter, invoice.customer, spec.start, spec.end)
    return priced(price, used).map((piece, i) => ({
        ...piece,
        text: `${piece.quantity} × ${nameOf(w, price)}${price.billing_scheme === 'tiered' ? ` (Tier ${i + 1} at ${piece.unit} / ${price.recurring.interval})` : ''}`,
    }))
}

const perUnit = spec => BigInt(rounded(BigInt(spec.amount), BigInt(spec.quantity || 1))) * 10n ** 12n

const nameOf = (w, price) => w.byId.get(price.product).name

function line(w, invoice, spec, piece, i) {
    const price = w.byId.get(spec.price)
    const key = `${spec.item}:${spec.price}:${spec.start}:${spec.proration ? spec.amount : ''}:${i}`
    const ids = (invoice[$].lineIds ??= new Map())
    if (!ids.has(key)) ids.set(key, w.id('il')) // a line keeps its id when usage is counted again
    return w.answers.make('line_item', {
        id: ids.get(key),
        object: 'line_item',
        amount: piece.amount,
        currency: invoice.currency,
        description: piece.text,
        discount_amounts: [],
        discountable: !spec.proration,
        discounts: [],
        invoice: invoice.id,
        livemode: invoice.livemode,
        metadata: { ...(spec.metadata ?? {}) },
        parent: {
            subscription_item_details: {
                proration: Boolean(spec.proration),
                proration_details: { credited_items: null },
                subscription: invoice[$].sub,
                subscription_item: spec.item,
            },
            type: 'subscription_item_details',
        },
        period: { end: spec.end, start: spec.start },
        pretax_credit_amounts: [],
        pricing: { price_details: { price: price.id, product: price.product }, type: 'price_details', unit_amount_decimal: piece.unit },
        quantity: piece.quantity,
        quantity_decimal: String(piece.quantity),
        subscription: invoice[$].sub,
        subtotal: piece.amount,
        taxes: [],
    })
}

export const prorationText = (w, price, quantity, from, credit) =>
    `${credit ? 'Unused' : 'Remaining'} time on ${quantity > 1 ? `${quantity} × ` : ''}${nameOf(w, w.byId.get(price))} after ${iso(from).slice(0, 10)}`
