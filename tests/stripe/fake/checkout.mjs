// Checkout sessions. The subscription exists only after payment: `subscription` is null while the session is open.
import { couponOf, mergedMetadata, redeemable, within } from './catalog.mjs'
import { attachCard, hasCard } from './customers.mjs'
import { badParameter, invalid, missingParameter } from './errors.mjs'
import { compose, settleLater } from './invoices.mjs'
import { flatAmount, metered, subscribable } from './items.mjs'
import { percentOf } from './money.mjs'
import { discountOf } from './subrequests.mjs'
import { addSubscription, firstSpecs, plan, startBilling } from './subscriptions.mjs'
import { DAY, MINUTE } from './time.mjs'
import { copy, $ } from './world.mjs'

function create(w, p) {
    const mode = p.mode ?? 'subscription'
    if (mode !== 'subscription') throw invalid(`The fake knows only mode=subscription, not ${mode}.`, 'mode')
    if (!p.line_items?.length) throw missingParameter('line_items')
    if (!p.success_url) throw missingParameter('success_url')
    const lines = p.line_items.map((one, i) => lineItem(w, one, `line_items[${i}]`))
    const expires = expiry(w, p)
    const customer = p.customer ? w.get('customer', p.customer, 'customer') : null
    if (customer && p.customer_email) throw badParameter('You may only specify one of these parameters: customer, customer_email.', 'customer_email')
    if (p.discounts && p.allow_promotion_codes) throw badParameter('You may only specify one of these parameters: allow_promotion_codes, discounts.', 'allow_promotion_codes')
    if (p.automatic_tax?.enabled && customer && !customer.address && !p.customer_update?.address)
        throw invalid(
            'Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to the Customer or set either `customer_update[address]` to \'auto\' or `customer_update[shipping]` to \'auto\' to save the address entered in Checkout to the Customer.',
            'customer_update',
            'customer_tax_location_invalid',
        )
    const entry = p.discounts?.[0] && couponOf(w, p.discounts[0], 'discounts[0]')
    const id = w.id(`cs_${w.live ? 'live' : 'test'}`, 58)
    const session = w.add(
        'checkout.session',
        {
            id,
            object: 'checkout.session',
            adaptive_pricing: null,
            allow_promotion_codes: p.allow_promotion_codes,
            automatic_tax: { enabled: p.automatic_tax?.enabled ?? false, liability: p.automatic_tax?.enabled ? { type: 'self' } : null },
            billing_address_collection: p.billing_address_collection,
            cancel_url: p.cancel_url,
            client_reference_id: p.client_reference_id,
            created: w.now(),
            currency: lines[0].price.currency,
            custom_fields: [],
            custom_text: {},
            customer: customer?.id ?? null,
            customer_creation: customer ? null : 'always',
            customer_details: customer && { address: copy(customer.address), email: customer.email, name: customer.name, phone: customer.phone, tax_exempt: 'none', tax_ids: null },
            customer_email: p.customer_email,
            expires_at: expires,
            invoice_creation: null,
            locale: p.locale,
            metadata: mergedMetadata({}, p.metadata),
            mode,
            payment_method_collection: p.payment_method_collection ?? 'always',
            payment_method_types: ['card', 'link'],
            payment_status: 'unpaid',
            shipping_options: [],
            status: 'open',
            success_url: p.success_url,
            total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
            ui_mode: 'hosted_page',
            url: `${w.url}/c/pay/${id}#${w.random.word(24)}`,
        },
        { lines, p, coupon: entry ?? null },
    )
    amounts(w, session)
    w.at(expires, `session:${id}`, () => expireNow(w, session))
    return session
}

function lineItem(w, one, at) {
    if (!one.price) throw missingParameter(`${at}[price]`)
    const price = subscribable(w, one.price, `${at}[price]`)
    if (metered(price) && one.quantity !== undefined) throw invalid('Quantity should not be specified where usage_type is `metered`. Remove quantity from `' + at + '`', `${at}[quantity]`)
    if (!metered(price) && one.quantity === undefined) throw invalid('Quantity is required. Add `quantity` to `' + at + '`', `${at}[quantity]`)
    return { price, quantity: metered(price) ? undefined : one.quantity, id: w.id('li') }
}

function expiry(w, p) {
    if (p.expires_at === undefined) return w.now() + DAY
    if (p.expires_at < w.now() + 30 * MINUTE) throw badParameter('The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.', 'expires_at')
    if (p.expires_at > w.now() + DAY) throw badParameter('The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.', 'expires_at')
    return p.expires_at
}

const hasTrial = session => trialEnd(session, 0) !== null

function trialEnd(session, now) {
    const data = session[$].p.subscription_data ?? {}
    if (data.trial_end) return data.trial_end
    return data.trial_period_days ? now + data.trial_period_days * DAY : null
}

/** Subtotal, discount and total due today */
function amounts(w, session) {
    const trial = hasTrial(session)
    let off = 0
    let sum = 0
    for (const line of session[$].lines) {
        const amount = trial || metered(line.price) ? 0 : flatAmount(line.price, line.quantity)
        sum += amount
        line.subtotal = amount
    }
    const coupon = session[$].coupon?.coupon
    if (coupon && sum > 0) off = compose(w, pretend(w, session), { ...today(w, session), discount: { id: 'di_preview', coupon, end: null } }).total_discount_amounts[0].amount
    const tax = session.automatic_tax.enabled && w.policy.taxPercent ? percentOf(sum - off, String(w.policy.taxPercent)) : 0
    session.amount_subtotal = sum
    session.amount_total = sum - off + tax
    session.total_details = { amount_discount: off, amount_shipping: 0, amount_tax: tax }
    if (session.automatic_tax.enabled) session.automatic_tax.status = 'complete'
    session.discounts = session[$].coupon ? [{ coupon: session[$].coupon.code ? null : coupon.id, promotion_code: session[$].coupon.code?.id ?? null }] : []
}

const pretend = (w, session) => ({ id: null, customer: session.customer, currency: session.currency, automatic_tax: { enabled: false, liability: null }, collection_method: 'charge_automatically', metadata: {} })

const today = (w, session) => ({
    customer: session.customer ?? w.all('customer')[0]?.id,
    reason: 'upcoming',
    preview: true,
    period: { start: w.now(), end: w.now() },
    specs: session[$].lines.filter(line => !metered(line.price)).map(line => ({ item: line.id, price: line.price.id, quantity: line.quantity, start: w.now(), end: w.now() })),
})

export function showLineItems(w, session) {
    const data = session[$].lines.map(line =>
        w.answers.make('item', {
            id: line.id,
            object: 'item',
            adjustable_quantity: null,
            amount_discount: 0,
            amount_subtotal: line.subtotal,
            amount_tax: 0,
            amount_total: line.subtotal,
            currency: line.price.currency,
            description: w.byId.get(line.price.product).name,
            metadata: {},
            price: w.view(line.price),
            quantity: line.quantity ?? null,
        }),
    )
    return { object: 'list', data, has_more: false, url: `/v1/checkout/sessions/${session.id}/line_items` }
}

// ---- what happens on the page ----

const open = session => {
    if (session.status !== 'open') throw invalid(`This session is ${session.status}.`, undefined, 'checkout_session_not_open')
}

/** A promotion code typed into the page: true when it counts */
export function enterCode(w, session, code) {
    open(session)
    const found = session.allow_promotion_codes && redeemable(w, code)
    if (!found) return false
    session[$].coupon = found
    amounts(w, session)
    return true
}

/**
 * The visitor presses the button. How the card behaves: 'ok', 'fail', '3ds' (the bank asks first: fails unless `confirmed`), 'async' (a delayed method:
 * complete but unpaid), or none where none is needed. Answers 'complete', or 'declined', 'action' with the session still open.
 */
export function complete(w, session, { card = 'ok', confirmed = false, later = 'ok', email } = {}) {
    w.live = session[$].live
    open(session)
    const due = session.amount_total > 0
    const wantsCard = due || session.payment_method_collection === 'always'
    if (wantsCard && card === 'fail') return 'declined'
    if (wantsCard && card === '3ds' && !confirmed) return 'action'
    const customer = session.customer ? w.find('customer', session.customer) : newCustomer(w, session, email)
    if (!customer) throw invalid(`No such customer: '${session.customer}'`, 'customer', 'resource_missing')
    if (session[$].p.automatic_tax?.enabled && !customer.address) w.change(customer, 'customer.updated', () => (customer.address = { city: null, country: 'US', line1: null, line2: null, postal_code: '94107', state: 'CA' }))
    // a card that asked its bank once is not asked again for renewals; a delayed method pays like a card afterwards
    if (wantsCard && card) attachCard(w, customer, card === 'async' ? later : 'ok')
    subscribe(w, session, customer, due && card === 'async' ? 'async' : 'ok')
    return 'complete'
}

function newCustomer(w, session, email) {
    const made = w.add(
        'customer',
        {
            id: w.id('cus', 14),
            object: 'customer',
            address: null,
            balance: 0,
            created: w.now(),
            delinquent: false,
            email: session.customer_email ?? email ?? 'visitor@example.com',
            invoice_prefix: w.random.word(8).toUpperCase(),
            invoice_settings: {},
            metadata: {},
            next_invoice_sequence: 1,
            preferred_locales: [],
            tax_exempt: 'none',
        },
        {},
    )
    w.emit('customer.created', made)
    session.customer = made.id
    return made
}

function subscribe(w, session, customer, how) {
    const data = session[$].p.subscription_data ?? {}
    const ends = trialEnd(session, w.now())
    const coupon = session[$].coupon
    const discount = coupon && discountOf(w, [coupon.code ? { promotion_code: coupon.code.id } : { coupon: coupon.coupon.id }])
    const sub = addSubscription(w, {
        customer,
        target: session[$].lines.map(line => ({ id: w.id('si', 14), price: line.price.id, quantity: line.quantity, metadata: {} })),
        trialEnd: ends,
        anchor: data.billing_cycle_anchor,
        discount,
        fields: {
            automatic_tax: { enabled: session.automatic_tax.enabled, liability: session.automatic_tax.enabled ? { type: 'self' } : null },
            default_payment_method: hasCard(w, customer) ? customer.invoice_settings.default_payment_method : null,
            description: data.description,
            discounts: discount ? [discount.id] : [],
            metadata: mergedMetadata({}, data.metadata),
            ...(data.trial_settings ? { trial_settings: data.trial_settings } : {}),
        },
    })
    sub[$].quiet = true // born as it is after payment: no `incomplete` is ever seen
    const invoice = startBilling(w, sub, { card: how })
    sub[$].quiet = false
    if (sub.status === 'incomplete') sub.status = how === 'async' ? w.policy.asyncStatus : 'active'
    w.cancel(`incomplete:${sub.id}`)
    w.emit('customer.subscription.created', sub)
    plan(w, sub)
    finish(w, session, sub, invoice, how)
}

function finish(w, session, sub, invoice, how) {
    w.cancel(`session:${session.id}`)
    session.status = 'complete'
    session.subscription = sub.id
    session.invoice = invoice.id
    session.url = null
    session.payment_status = how === 'async' ? 'unpaid' : session.amount_total > 0 ? 'paid' : 'no_payment_required'
    const customer = w.byId.get(sub.customer)
    session.customer_details = w.answers.make('checkout.session', {
        ...session,
        customer_details: { address: copy(customer.address), email: customer.email, name: customer.name, phone: customer.phone, tax_exempt: 'none', tax_ids: [] },
    }).customer_details
    w.emit('checkout.session.completed', session)
}

/** What the delayed payment of a complete session came to */
export function settle(w, session, ok) {
    w.live = session[$].live
    if (session.payment_status !== 'unpaid' || session.status !== 'complete') throw invalid('This session does not wait for a payment.')
    const invoice = w.find('invoice', session.invoice)
    const sub = w.find('subscription', session.subscription)
    settleLater(w, invoice, ok)
    if (ok) session.payment_status = 'paid'
    w.emit(ok ? 'checkout.session.async_payment_succeeded' : 'checkout.session.async_payment_failed', session)
    plan(w, sub)
}

function expireNow(w, session) {
    if (session.status !== 'open') return
    session.status = 'expired'
    session.url = null
    w.cancel(`session:${session.id}`)
    w.emit('checkout.session.expired', session)
}

function expire(w, p, [id]) {
    const session = w.get('checkout.session', id)
    if (session.status !== 'open')
        throw invalid(`Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of \`${session.status}\`.`)
    expireNow(w, session)
    return session
}

function updateSession(w, p, [id]) {
    const session = w.get('checkout.session', id)
    session.metadata = mergedMetadata(session.metadata, p.metadata)
    return session
}

function list(w, p) {
    const matches = one =>
        (!p.customer || one.customer === p.customer) &&
        (!p.subscription || one.subscription === p.subscription) &&
        (!p.status || one.status === p.status) &&
        within(p.created, one.created)
    return w.list('checkout.session', p, '/v1/checkout/sessions', matches)
}

export const checkoutRoutes = [
    ['POST', '/v1/checkout/sessions', create, 'checkout_session'],
    ['GET', '/v1/checkout/sessions', list, 'checkout_session'],
    ['GET', '/v1/checkout/sessions/{id}', (w, p, [id]) => w.get('checkout.session', id), 'checkout_session'],
    ['POST', '/v1/checkout/sessions/{id}', updateSession, 'checkout_session'],
    ['POST', '/v1/checkout/sessions/{id}/expire', expire, 'checkout_session'],
    ['GET', '/v1/checkout/sessions/{id}/line_items', (w, p, [id]) => showLineItems(w, w.get('checkout.session', id)), 'checkout_session'],
]
