// Payment intents, charges, refunds, disputes: as much as invoices need.
import { mergedMetadata } from './catalog.mjs'
import { invalid, missingParameter } from './errors.mjs'
import { DAY } from './time.mjs'
import { copy, $ } from './world.mjs'

/** The intent of an invoice, made when first needed */
export function intentOf(w, invoice) {
    if (invoice[$].intent) return w.find('payment_intent', invoice[$].intent)
    const id = w.id('pi')
    const intent = w.add('payment_intent', {
        id,
        object: 'payment_intent',
        amount: invoice.amount_due,
        amount_capturable: 0,
        amount_received: 0,
        capture_method: 'automatic',
        client_secret: `${id}_secret_${w.random.word(25)}`,
        confirmation_method: 'automatic',
        created: w.now(),
        currency: invoice.currency,
        customer: invoice.customer,
        description: invoice.billing_reason === 'subscription_create' ? 'Subscription creation' : 'Subscription update',
        metadata: {},
        payment_method_types: ['card'],
        status: 'requires_payment_method',
    })
    invoice[$].intent = id
    w.add('invoice_payment', {
        id: w.id('inpay'),
        object: 'invoice_payment',
        amount_requested: invoice.amount_due,
        created: w.now(),
        currency: invoice.currency,
        invoice: invoice.id,
        is_default: true,
        payment: { payment_intent: id, type: 'payment_intent' },
        status: 'open',
        status_transitions: { canceled_at: null, paid_at: null },
    })
    w.emit('payment_intent.created', intent)
    return intent
}

const invoicePayment = (w, invoice) => w.all('invoice_payment').findLast(one => one.invoice === invoice.id)

/** One attempt on the invoice with a card of that behaviour: 'paid', 'failed', 'action' or 'processing' */
export function attempt(w, invoice, behaviour, method) {
    const intent = intentOf(w, invoice)
    if (behaviour === 'async') {
        intent.status = 'processing'
        w.emit('payment_intent.processing', intent)
        return 'processing'
    }
    if (behaviour === '3ds') {
        intent.status = 'requires_action'
        intent.next_action = { type: 'use_stripe_sdk', use_stripe_sdk: {} }
        w.emit('payment_intent.requires_action', intent)
        return 'action'
    }
    const ok = behaviour === 'ok'
    const charge = ok || behaviour === 'fail' ? addCharge(w, invoice, intent, ok, method) : null
    intent.latest_charge = charge?.id ?? null
    if (!ok) {
        intent.status = 'requires_payment_method'
        intent.last_payment_error = charge
            ? { type: 'card_error', code: 'card_declined', decline_code: 'generic_decline', message: 'Your card was declined.', charge: charge.id }
            : { type: 'invalid_request_error', code: 'resource_missing', message: 'There is no payment method to charge.' }
        if (charge) w.emit('charge.failed', charge)
        w.emit('payment_intent.payment_failed', intent)
        return 'failed'
    }
    settle(w, invoice, intent, charge)
    return 'paid'
}

function settle(w, invoice, intent, charge) {
    intent.status = 'succeeded'
    intent.amount_received = intent.amount
    intent.last_payment_error = null
    intent.next_action = null
    const payment = invoicePayment(w, invoice)
    payment.status = 'paid'
    payment.amount_paid = payment.amount_requested
    payment.status_transitions.paid_at = w.now()
    w.emit('charge.succeeded', charge)
    w.emit('payment_intent.succeeded', intent)
    w.emit('invoice_payment.paid', payment)
}

function addCharge(w, invoice, intent, ok, method) {
    return w.add('charge', {
        id: w.id('ch'),
        object: 'charge',
        amount: intent.amount,
        amount_captured: ok ? intent.amount : 0,
        amount_refunded: 0,
        balance_transaction: ok ? w.id('txn') : null,
        billing_details: { address: null, email: invoice.customer_email, name: invoice.customer_name },
        captured: ok,
        created: w.now(),
        currency: intent.currency,
        customer: invoice.customer,
        description: intent.description,
        disputed: false,
        failure_code: ok ? null : 'card_declined',
        failure_message: ok ? null : 'Your card was declined.',
        fraud_details: {},
        metadata: {},
        outcome: ok
            ? { network_status: 'approved_by_network', risk_level: 'normal', seller_message: 'Payment complete.', type: 'authorized' }
            : { network_status: 'declined_by_network', reason: 'generic_decline', seller_message: 'The bank did not return any further details with this decline.', type: 'issuer_declined' },
        paid: ok,
        payment_intent: intent.id,
        payment_method: method,
        refunded: false,
        status: ok ? 'succeeded' : 'failed',
    })
}

/** A voided or uncollectible invoice is not tried any more */
export function cancelIntent(w, invoice) {
    const intent = invoice[$].intent && w.find('payment_intent', invoice[$].intent)
    if (!intent || ['succeeded', 'canceled'].includes(intent.status)) return
    intent.status = 'canceled'
    intent.canceled_at = w.now()
    intent.cancellation_reason = 'void_invoice'
    const payment = invoicePayment(w, invoice)
    payment.status = 'canceled'
    payment.status_transitions.canceled_at = w.now()
    w.emit('payment_intent.canceled', intent)
}

// ---- refunds and disputes ----

export function refund(w, p) {
    if (!p.charge && !p.payment_intent) throw missingParameter('charge')
    const charge = p.charge ? w.get('charge', p.charge, 'charge') : w.get('charge', w.get('payment_intent', p.payment_intent, 'payment_intent').latest_charge, 'charge')
    if (charge.status !== 'succeeded') throw invalid(`Charge ${charge.id} has not been paid.`, 'charge')
    const left = charge.amount - charge.amount_refunded
    if (left === 0) throw invalid(`Charge ${charge.id} has already been refunded.`, undefined, 'charge_already_refunded')
    const amount = p.amount ?? left
    if (amount > left || amount < 1) throw invalid(`Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`, 'amount')
    const made = w.add('refund', {
        id: w.id('re'),
        object: 'refund',
        amount,
        charge: charge.id,
        created: w.now(),
        currency: charge.currency,
        customer: charge.customer,
        metadata: mergedMetadata({}, p.metadata),
        payment_intent: charge.payment_intent,
        reason: p.reason,
        status: 'succeeded',
    })
    w.change(charge, 'charge.refunded', () => {
        charge.amount_refunded += amount
        charge.refunded = charge.amount_refunded === charge.amount
    })
    w.emit('refund.created', made)
    return made
}

const EVIDENCE = [
    'access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal customer_communication',
    'customer_email_address customer_name customer_purchase_ip customer_signature duplicate_charge_documentation duplicate_charge_explanation',
    'duplicate_charge_id product_description receipt refund_policy refund_policy_disclosure refund_refusal_explanation service_date',
    'service_documentation shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number',
    'uncategorized_file uncategorized_text',
]
    .join(' ')
    .split(' ')

/** What a bank does, not a request: the card's owner disputes */
export function dispute(w, chargeId, reason = 'fraudulent') {
    const charge = w.byId.get(chargeId)
    if (charge?.object !== 'charge') throw new Error(`no charge ${chargeId}`)
    w.live = charge[$].live
    const evidence = Object.fromEntries(EVIDENCE.map(name => [name, null]))
    const made = w.add('dispute', {
        id: w.id('du'),
        object: 'dispute',
        amount: charge.amount,
        balance_transactions: [],
        charge: charge.id,
        created: w.now(),
        currency: charge.currency,
        enhanced_eligibility_types: [],
        evidence: { ...evidence, enhanced_evidence: {} },
        evidence_details: { due_by: w.now() + 7 * DAY, enhanced_eligibility: {}, has_evidence: false, past_due: false, submission_count: 0, submission_method: 'not_submitted' },
        is_charge_refundable: false,
        metadata: {},
        payment_intent: charge.payment_intent,
        payment_method_details: { card: { brand: 'visa', case_type: 'chargeback', network: 'visa', network_reason_code: '10.4' }, type: 'card' },
        reason,
        status: 'needs_response',
    })
    w.change(charge, 'charge.updated', () => (charge.disputed = true))
    w.emit('charge.dispute.created', made)
    return copy(made)
}

export function closeDispute(w, id, won) {
    const made = w.byId.get(id)
    w.live = made[$].live
    w.change(made, 'charge.dispute.closed', () => (made.status = won ? 'won' : 'lost'))
    return copy(made)
}

export const paymentRoutes = [
    ['GET', '/v1/payment_intents/{id}', (w, p, [id]) => w.get('payment_intent', id), 'payment_intent'],
    ['GET', '/v1/charges', (w, p) => w.list('charge', p, '/v1/charges', one => (!p.customer || one.customer === p.customer) && (!p.payment_intent || one.payment_intent === p.payment_intent)), 'charge'],
    ['GET', '/v1/charges/{id}', (w, p, [id]) => w.get('charge', id), 'charge'],
    ['POST', '/v1/refunds', refund, 'refund'],
    ['GET', '/v1/refunds/{id}', (w, p, [id]) => w.get('refund', id), 'refund'],
    ['GET', '/v1/disputes/{id}', (w, p, [id]) => w.get('dispute', id), 'dispute'],
    ['GET', '/v1/invoice_payments', (w, p) => w.list('invoice_payment', p, '/v1/invoice_payments', one => !p.invoice || one.invoice === p.invoice), 'invoice'],
]
