// Invoices: composing, finalizing, collecting, retrying.
//
// The items of a bill come as specs (lines.mjs); a usage spec is priced again when the invoice is finalized, so that what was
// reported in the hour of grace is on it.
import { mergedMetadata, set, within } from './catalog.mjs'
import { couponOf } from './catalog.mjs'
import { payingCard } from './customers.mjs'
import { cardDeclined, invalid, missingParameter } from './errors.mjs'
import { linesOf } from './lines.mjs'
import { percentOf, share } from './money.mjs'
import { attempt, cancelIntent, intentOf } from './payments.mjs'
import { invoiceFailed, invoicePaid, pendingVoided, previewSpecs } from './subscriptions.mjs'
import { DAY, HOUR } from './time.mjs'
import { copy, $ } from './world.mjs'

// ---- composing ----

/** The wire form of an invoice for these specs; added to the world unless it is a preview */
export function compose(w, sub, { customer, reason, specs, period, preview, discount, tax }) {
    const owner = w.find('customer', customer ?? sub.customer) ?? w.byId.get(sub.customer)
    const id = preview ? `upcoming_${w.id('in')}` : w.id('in')
    const created = w.now()
    const given = {
        id,
        object: 'invoice',
        account_country: 'US',
        account_name: 'Fake',
        amount_due: 0,
        amount_overpaid: 0,
        amount_paid: 0,
        amount_remaining: 0,
        amount_shipping: 0,
        attempt_count: 0,
        attempted: false,
        auto_advance: !preview,
        automatic_tax: { enabled: sub?.automatic_tax.enabled ?? false, liability: sub?.automatic_tax.liability ?? null, status: null },
        automatically_finalizes_at: preview ? null : created + HOUR,
        billing_reason: reason,
        collection_method: sub?.collection_method ?? 'charge_automatically',
        created,
        currency: sub?.currency ?? 'usd',
        customer: owner.id,
        customer_address: copy(owner.address),
        customer_email: owner.email,
        customer_name: owner.name,
        customer_phone: owner.phone,
        customer_tax_exempt: owner.tax_exempt,
        default_tax_rates: [],
        discounts: [],
        ending_balance: null,
        hosted_invoice_url: null,
        invoice_pdf: null,
        issuer: { type: 'self' },
        lines: { object: 'list', data: [], has_more: false, url: `/v1/invoices/${id}/lines` },
        livemode: w.live,
        metadata: {},
        parent: !sub?.id ? null : { subscription_details: { metadata: copy(sub.metadata), subscription: sub.id }, type: 'subscription_details' },
        payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
        period_end: period.end,
        period_start: period.start,
        post_payment_credit_notes_amount: 0,
        pre_payment_credit_notes_amount: 0,
        starting_balance: 0,
        status: 'draft',
        status_transitions: {},
        subtotal: 0,
        total: 0,
        total_discount_amounts: [],
        total_pretax_credit_amounts: [],
        total_taxes: [],
        webhooks_delivered_at: null,
    }
    const hidden = { specs, sub: sub?.id ?? null, discount, taxPercent: tax, tries: 0, firstTry: null }
    const invoice = preview ? Object.assign(w.answers.make('invoice', given), { [$]: hidden }) : w.add('invoice', given, hidden)
    fill(w, invoice)
    return invoice
}

/** Lines and totals from the specs, as of now */
export function fill(w, invoice) {
    invoice.lines.data = linesOf(w, invoice, invoice[$].specs)
    const discount = invoice[$].discount
    spreadDiscount(invoice, discount)
    const taxable = invoice.automatic_tax.enabled && invoice[$].taxPercent ? invoice[$].taxPercent : null
    for (const line of invoice.lines.data) line.taxes = taxable ? [taxOf(line, taxable)] : []
    const sum = pick => invoice.lines.data.reduce((all, line) => all + pick(line), 0)
    const off = sum(line => line.discount_amounts.reduce((all, one) => all + one.amount, 0))
    const tax = sum(line => line.taxes.reduce((all, one) => all + one.amount, 0))
    invoice.subtotal = sum(line => line.subtotal)
    invoice.subtotal_excluding_tax = invoice.subtotal
    invoice.total_discount_amounts = discount ? [{ amount: off, discount: discount.id }] : []
    invoice.discounts = discount ? [discount.id] : []
    invoice.total_excluding_tax = invoice.subtotal - off
    invoice.total = invoice.subtotal - off + tax
    invoice.total_taxes = taxable ? [{ ...taxOf({ subtotal: 0, discount_amounts: [] }, taxable), amount: tax, taxable_amount: invoice.subtotal - off }] : []
    if (invoice.automatic_tax.enabled) invoice.automatic_tax.status = 'complete'
    const balance = w.byId.get(invoice.customer).balance
    invoice.starting_balance = balance
    const applied = balance < 0 && invoice.total > 0 ? Math.min(invoice.total, -balance) : 0
    invoice.amount_due = Math.max(invoice.total - applied, 0)
    invoice.amount_remaining = invoice.amount_due
    invoice[$].applied = applied
}

function spreadDiscount(invoice, discount) {
    const lines = invoice.lines.data
    const positive = lines.filter(line => line.amount > 0)
    const whole = positive.reduce((all, line) => all + line.amount, 0)
    let left = discount?.coupon.amount_off ? Math.min(discount.coupon.amount_off, whole) : 0
    for (const line of lines) line.discount_amounts = []
    if (!discount) return
    positive.forEach((line, i) => {
        let amount
        if (discount.coupon.percent_off !== null) amount = percentOf(line.amount, String(discount.coupon.percent_off))
        else {
            amount = i === positive.length - 1 ? left : share(discount.coupon.amount_off, line.amount, whole)
            amount = Math.min(amount, left, line.amount)
            left -= amount
        }
        line.discount_amounts = [{ amount, discount: discount.id }]
    })
}

function taxOf(line, percent) {
    const base = line.subtotal - line.discount_amounts.reduce((all, one) => all + one.amount, 0)
    return {
        amount: percentOf(base, String(percent)),
        tax_behavior: 'exclusive',
        tax_rate_details: { tax_rate: 'txr_fake' },
        taxability_reason: 'standard_rated',
        taxable_amount: base,
        type: 'tax_rate_details',
    }
}

// ---- draft, final, paid ----

/** A draft that is finalized automatically an hour later */
export function draft(w, sub, options) {
    const invoice = compose(w, sub, { discount: discountFor(w, sub), tax: w.policy.taxPercent, ...options })
    spend(w, sub, invoice)
    w.emit('invoice.created', invoice)
    finalizeAt(w, invoice, w.now() + w.policy.draftSeconds)
    return invoice
}

/** Finalized and charged immediately: first invoices, immediate changes */
export function invoiceNow(w, sub, options) {
    const invoice = compose(w, sub, { discount: discountFor(w, sub), tax: w.policy.taxPercent, ...options })
    spend(w, sub, invoice)
    w.emit('invoice.created', invoice)
    finalize(w, invoice, { collect: false })
    return invoice
}

/** What such an invoice would ask for */
export function amountNow(w, sub, options) {
    return compose(w, sub, { discount: discountFor(w, sub), tax: w.policy.taxPercent, ...options, preview: true }).amount_due
}

// what waited is on this invoice now; a coupon that counts once has counted
function spend(w, sub, invoice) {
    sub[$].pending = []
    if (invoice[$].discount?.coupon.duration !== 'once' || invoice.subtotal <= 0) return
    sub[$].discount = null
    sub.discounts = []
}

function discountFor(w, sub) {
    const discount = sub[$].discount
    return discount && (discount.end === null || discount.end > w.now()) ? discount : undefined
}

function finalizeAt(w, invoice, moment) {
    invoice.automatically_finalizes_at = moment
    w.at(moment, `finalize:${invoice.id}`, () => {
        if (invoice.status !== 'draft' || !invoice.auto_advance) return
        // a failing endpoint that wants invoice.created holds the invoice back, up to 72 hours
        if (w.heldBack(invoice) && w.now() < invoice.created + 72 * HOUR) return finalizeAt(w, invoice, w.now() + HOUR)
        finalize(w, invoice)
    })
}

/** How collection of the subscription that is paused treats its invoices; true when that settled it */
function pausedCollection(w, invoice) {
    const sub = w.find('subscription', invoice[$].sub)
    const behavior = sub?.pause_collection?.behavior
    if (!behavior) return false
    if (behavior === 'keep_as_draft') w.change(invoice, 'invoice.updated', () => (invoice.auto_advance = false))
    else {
        makeFinal(w, invoice)
        if (behavior === 'void') voidInvoice(w, invoice)
        else uncollectible(w, invoice)
    }
    return true
}

export function finalize(w, invoice, { collect: collecting = true } = {}) {
    fill(w, invoice)
    if (pausedCollection(w, invoice)) return invoice
    if (w.byId.get(invoice.customer)[$].finalizationFails) return finalizationFailed(w, invoice)
    makeFinal(w, invoice)
    if (invoice.amount_due === 0) markPaid(w, invoice)
    else if (collecting && invoice.auto_advance && invoice.collection_method === 'charge_automatically') collect(w, invoice)
    return invoice
}

function finalizationFailed(w, invoice) {
    w.change(invoice, 'invoice.finalization_failed', () => {
        invoice.automatic_tax.status = 'requires_location_inputs'
        invoice.automatically_finalizes_at = null
        invoice.last_finalization_error = {
            type: 'invalid_request_error',
            code: 'customer_tax_location_invalid',
            message: "The customer's location isn't recognized. Set a valid customer address in order to automatically calculate tax.",
        }
    })
    return invoice
}

function makeFinal(w, invoice) {
    const customer = w.byId.get(invoice.customer)
    w.cancel(`finalize:${invoice.id}`)
    w.change(invoice, null, () => {
        invoice.status = 'open'
        invoice.number = `${customer.invoice_prefix}-${String(customer.next_invoice_sequence++).padStart(4, '0')}`
        invoice.effective_at = w.now()
        invoice.status_transitions.finalized_at = w.now()
        invoice.automatically_finalizes_at = null
        invoice.last_finalization_error = null
        const token = w.random.word(32)
        invoice.hosted_invoice_url = `${w.url}/i/acct_fake/${invoice.livemode ? 'live' : 'test'}_${token}`
        invoice.invoice_pdf = `${w.url}/pay/invoice/acct_fake/${invoice.livemode ? 'live' : 'test'}_${token}/pdf`
        invoice[$].token = token
    })
    const balance = customer.balance + (invoice[$].applied || Math.min(invoice.total, 0))
    if (balance !== customer.balance) w.change(customer, 'customer.updated', () => (customer.balance = balance))
    invoice.ending_balance = customer.balance
    if (invoice.amount_due > 0) intentOf(w, invoice)
    w.emit('invoice.finalized', invoice)
}

export function markPaid(w, invoice, { outOfBand = false } = {}) {
    w.cancel(`retry:${invoice.id}`)
    invoice.status = 'paid'
    invoice.attempted = true
    invoice.amount_paid = invoice.amount_due
    invoice.amount_remaining = 0
    invoice.auto_advance = false
    invoice.next_payment_attempt = null
    invoice.status_transitions.paid_at = w.now()
    if (outOfBand) {
        invoice.amount_paid_off_stripe = invoice.amount_due
        cancelIntent(w, invoice)
    }
    const customer = w.byId.get(invoice.customer)
    if (customer.delinquent) w.change(customer, 'customer.updated', () => (customer.delinquent = false))
    w.emit('invoice.paid', invoice)
    if (!outOfBand) w.emit('invoice.payment_succeeded', invoice)
    const sub = w.find('subscription', invoice[$].sub)
    if (sub) invoicePaid(w, sub, invoice)
    return invoice
}

/** One attempt to be paid: 'paid', 'failed', 'action', 'processing' */
export function collect(w, invoice, { card, manual = false } = {}) {
    if (invoice.amount_due === 0) {
        markPaid(w, invoice)
        return 'paid'
    }
    const sub = w.find('subscription', invoice[$].sub)
    const customer = w.byId.get(invoice.customer)
    const named = invoice.default_payment_method ?? sub?.default_payment_method ?? undefined
    const behaviour = card ?? payingCard(w, customer, named)
    const method = named ?? customer.invoice_settings.default_payment_method
    const outcome = attempt(w, invoice, behaviour, method)
    invoice.attempted = true
    invoice.attempt_count++
    if (outcome === 'paid') markPaid(w, invoice)
    else if (outcome !== 'processing') failed(w, invoice, sub, outcome, manual)
    return outcome
}

function failed(w, invoice, sub, outcome, manual) {
    const customer = w.byId.get(invoice.customer)
    const first = sub && ['incomplete'].includes(sub.status) // a first invoice is not retried
    const scheduled = !first && !invoice[$].noRetry
    if (!manual && scheduled) scheduleRetry(w, invoice)
    if (!customer.delinquent && !customer[$].gone) w.change(customer, 'customer.updated', () => (customer.delinquent = true))
    if (outcome === 'action') w.emit('invoice.payment_action_required', invoice)
    w.emit('invoice.payment_failed', invoice)
    if (sub) invoiceFailed(w, sub, invoice, { last: !manual && scheduled && invoice.next_payment_attempt === null })
}

function scheduleRetry(w, invoice) {
    invoice[$].firstTry ??= w.now()
    const day = w.policy.retryDays[invoice[$].tries++]
    invoice.next_payment_attempt = day === undefined ? null : invoice[$].firstTry + day * DAY
    if (day !== undefined) w.at(invoice.next_payment_attempt, `retry:${invoice.id}`, () => invoice.status === 'open' && collect(w, invoice))
}

/** No attempt any more: the subscription ended, or is unpaid */
export function stopCollecting(w, invoice) {
    w.cancel(`retry:${invoice.id}`)
    w.cancel(`finalize:${invoice.id}`)
    w.change(invoice, 'invoice.updated', () => {
        invoice.auto_advance = false
        invoice.automatically_finalizes_at = null
        invoice.next_payment_attempt = null
    })
}

export function voidInvoice(w, invoice) {
    if (!['open', 'uncollectible'].includes(invoice.status)) throw invalid('You can only pass in open invoices. This invoice isn\'t open.', undefined, 'invoice_not_editable')
    stop(w, invoice, 'void', 'voided_at')
    cancelIntent(w, invoice)
    w.emit('invoice.voided', invoice)
    return invoice
}

function voidByHand(w, p, [id]) {
    const invoice = voidInvoice(w, get(w, id))
    pendingVoided(w, invoice)
    return invoice
}

function uncollectible(w, invoice) {
    if (invoice.status !== 'open') throw invalid("You can only pass in open invoices. This invoice isn't open.", undefined, 'invoice_not_editable')
    stop(w, invoice, 'uncollectible', 'marked_uncollectible_at')
    w.emit('invoice.marked_uncollectible', invoice)
    return invoice
}

function stop(w, invoice, status, transition) {
    w.cancel(`retry:${invoice.id}`)
    invoice.status = status
    invoice.auto_advance = false
    invoice.next_payment_attempt = null
    invoice.status_transitions[transition] = w.now()
}

/** What a delayed payment method reports days later */
export function settleLater(w, invoice, ok) {
    const outcome = attempt(w, invoice, ok ? 'ok' : 'fail', null)
    if (outcome === 'paid') markPaid(w, invoice)
    else failed(w, invoice, w.find('subscription', invoice[$].sub), outcome, false)
    return outcome
}

// ---- requests ----

const get = (w, id) => w.get('invoice', id)

function payInvoice(w, p, [id]) {
    const invoice = get(w, id)
    if (invoice.status === 'draft') finalize(w, invoice, { collect: false })
    if (invoice.status === 'paid') {
        if (invoice.amount_due === 0 && invoice.status_transitions.paid_at === w.now()) return invoice
        throw invalid('Invoice is already paid', undefined, 'invoice_already_paid')
    }
    if (invoice.status === 'void') throw invalid('This invoice is voided and cannot be paid.', undefined, 'invoice_not_editable')
    if (p.paid_out_of_band) return markPaid(w, invoice, { outOfBand: true })
    if (p.payment_method) invoice.default_payment_method = w.get('payment_method', p.payment_method, 'payment_method').id
    const outcome = collect(w, invoice, { manual: true })
    if (outcome === 'failed') throw cardDeclined()
    if (outcome === 'action')
        throw cardDeclined('authentication_required', { code: 'invoice_payment_intent_requires_action', message: 'This payment requires additional user action before it can be completed successfully.' })
    return invoice
}

function updateInvoice(w, p, [id]) {
    const invoice = get(w, id)
    return w.change(invoice, 'invoice.updated', () => {
        set(invoice, p, ['auto_advance', 'description', 'footer', 'default_payment_method'])
        invoice.metadata = mergedMetadata(invoice.metadata, p.metadata)
        if (p.auto_advance && invoice.status === 'draft') finalizeAt(w, invoice, w.now() + w.policy.draftSeconds)
    })
}

function createPreview(w, p) {
    if (!p.subscription && !p.subscription_details?.items && !p.schedule) throw missingParameter('subscription')
    const plan = previewSpecs(w, p)
    const discount = p.discounts ? { id: w.id('di'), ...couponOf(w, p.discounts[0], 'discounts[0]'), end: null } : plan.discount
    return compose(w, plan.sub, { ...plan, discount, preview: true, tax: w.policy.taxPercent })
}

function listInvoices(w, p) {
    const match = one =>
        (!p.customer || one.customer === p.customer) &&
        (!p.subscription || one[$].sub === p.subscription) &&
        (!p.status || one.status === p.status) &&
        (!p.collection_method || one.collection_method === p.collection_method) &&
        within(p.created, one.created)
    return w.list('invoice', p, '/v1/invoices', match)
}

function listLines(w, p, [id]) {
    const lines = get(w, id).lines.data
    const from = p.starting_after ? lines.findIndex(line => line.id === p.starting_after) + 1 : 0
    const page = lines.slice(from, from + (p.limit ?? 10))
    return { object: 'list', data: copy(page), has_more: from + page.length < lines.length, url: `/v1/invoices/${id}/lines` }
}

function finalizeRequest(w, p, [id]) {
    const invoice = get(w, id)
    if (invoice.status !== 'draft') throw invalid('This invoice is already finalized, you can\'t re-finalize a non-draft invoice.', undefined, 'invoice_not_editable')
    if (p.auto_advance !== undefined) invoice.auto_advance = p.auto_advance
    return finalize(w, invoice, { collect: p.auto_advance === true })
}

export const invoiceRoutes = [
    ['POST', '/v1/invoices/create_preview', createPreview, 'invoice'],
    ['GET', '/v1/invoices', listInvoices, 'invoice'],
    ['GET', '/v1/invoices/{id}', (w, p, [id]) => get(w, id), 'invoice'],
    ['GET', '/v1/invoices/{id}/lines', listLines, 'invoice'],
    ['POST', '/v1/invoices/{id}', updateInvoice, 'invoice'],
    ['POST', '/v1/invoices/{id}/pay', payInvoice, 'invoice'],
    ['POST', '/v1/invoices/{id}/void', voidByHand, 'invoice'],
    ['POST', '/v1/invoices/{id}/mark_uncollectible', (w, p, [id]) => uncollectible(w, get(w, id)), 'invoice'],
    ['POST', '/v1/invoices/{id}/finalize', finalizeRequest, 'invoice'],
]
