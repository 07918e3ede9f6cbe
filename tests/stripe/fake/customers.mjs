// Customers and their cards. A card is a behaviour: 'ok', 'fail' (declined), '3ds' (the bank wants to see its owner), or none at all.
import { mergedMetadata, orNull, set, within } from './catalog.mjs'
import { copy, $ } from './world.mjs'

function createCustomer(w, p) {
    const customer = w.add(
        'customer',
        {
            id: w.id('cus', 14),
            object: 'customer',
            address: p.address ? address(p.address) : null,
            balance: p.balance ?? 0,
            created: w.now(),
            currency: null,
            delinquent: false,
            description: p.description,
            email: orNull(p.email),
            invoice_prefix: w.random.word(8).toUpperCase(),
            invoice_settings: { default_payment_method: null, custom_fields: null, footer: null, rendering_options: null },
            metadata: mergedMetadata({}, p.metadata),
            name: orNull(p.name),
            next_invoice_sequence: 1,
            phone: orNull(p.phone),
            preferred_locales: p.preferred_locales ?? [],
            tax_exempt: p.tax_exempt || 'none',
        },
        { card: null, failures: 0 },
    )
    w.emit('customer.created', customer)
    return customer
}

export const address = given => ({
    city: orNull(given.city),
    country: orNull(given.country),
    line1: orNull(given.line1),
    line2: orNull(given.line2),
    postal_code: orNull(given.postal_code),
    state: orNull(given.state),
})

function getCustomer(w, p, [id]) {
    const object = w.byId.get(id)
    if (object?.object === 'customer' && object[$].gone && object[$].live === w.live) return object[$].gone
    return w.get('customer', id)
}

function updateCustomer(w, p, [id]) {
    const customer = w.get('customer', id)
    return w.change(customer, 'customer.updated', () => {
        set(customer, p, ['email', 'name', 'phone', 'description', 'balance', 'preferred_locales', 'tax_exempt'])
        if (p.address !== undefined) customer.address = p.address ? address(p.address) : null
        const settings = p.invoice_settings
        if (settings?.default_payment_method !== undefined) customer.invoice_settings.default_payment_method = orNull(settings.default_payment_method)
        customer.metadata = mergedMetadata(customer.metadata, p.metadata)
    })
}

/** A deleted customer's subscriptions end immediately, with events; the object stays as {id, deleted: true} */
export function deleteCustomer(w, p, [id], endSubscription) {
    const customer = w.get('customer', id)
    for (const sub of w.all('subscription')) if (sub.customer === id && !sub.ended_at) endSubscription(w, sub, { reason: 'cancellation_requested' })
    customer[$].gone = { id, object: 'customer', deleted: true }
    w.emit('customer.deleted', customer)
    return customer[$].gone
}

const listCustomers = (w, p) =>
    w.list('customer', p, '/v1/customers', one => (p.email === undefined || one.email === p.email) && within(p.created, one.created))

// ---- payment methods ----

const CARDS = {
    ok: { last4: '4242', brand: 'visa' },
    fail: { last4: '0341', brand: 'visa' },
    '3ds': { last4: '3220', brand: 'visa' },
}

/** A card of that behaviour, attached and made the one that pays */
export function attachCard(w, customer, behaviour) {
    const method = w.add(
        'payment_method',
        {
            id: w.id('pm'),
            object: 'payment_method',
            allow_redisplay: 'unspecified',
            billing_details: { address: copy(customer.address), email: customer.email, name: customer.name },
            card: {
                ...CARDS[behaviour],
                country: 'US',
                display_brand: CARDS[behaviour].brand,
                exp_month: 12,
                exp_year: new Date(w.now() * 1000).getUTCFullYear() + 3,
                fingerprint: w.random.word(16),
                funding: 'credit',
                checks: { cvc_check: 'pass' },
                networks: { available: [CARDS[behaviour].brand], preferred: null },
                three_d_secure_usage: { supported: true },
            },
            created: w.now(),
            customer: customer.id,
            metadata: {},
            type: 'card',
        },
        { behaviour },
    )
    w.emit('payment_method.attached', method)
    w.change(customer, 'customer.updated', () => (customer.invoice_settings.default_payment_method = method.id))
    customer[$].card = behaviour
    return method
}

/** The behaviour of what would pay for this customer now: 'ok', 'fail', '3ds' or null */
export function payingCard(w, customer, named) {
    if (customer[$].gone) return null
    const id = named ?? customer.invoice_settings.default_payment_method
    const method = id && w.find('payment_method', id)
    if (!method || method.customer !== customer.id) return null
    const forced = customer[$].forced // the knob: {card, times}
    if (forced && forced.times > 0) {
        forced.times--
        return forced.card
    }
    return method[$].behaviour
}

export const hasCard = (w, customer, named) => Boolean(w.find('payment_method', named ?? customer.invoice_settings.default_payment_method ?? ''))

export const customerRoutes = [
    ['POST', '/v1/customers', createCustomer, 'customer'],
    ['GET', '/v1/customers', listCustomers, 'customer'],
    ['GET', '/v1/customers/{id}', getCustomer, 'customer'],
    ['POST', '/v1/customers/{id}', updateCustomer, 'customer'],
    ['GET', '/v1/payment_methods/{id}', (w, p, [id]) => w.get('payment_method', id), 'payment_method'],
    [
        'GET',
        '/v1/customers/{id}/payment_methods',
        (w, p, [id]) => w.list('payment_method', p, `/v1/customers/${id}/payment_methods`, one => one.customer === w.get('customer', id).id),
        'payment_method',
    ],
]
