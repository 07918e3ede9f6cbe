// What the fake answers with, by the `object` field. The shapes drawn from these types (shapes.mjs) are what its answers are checked against.
import Stripe from 'stripe'

export interface Objects {
    account: Stripe.Account
    'billing.meter': Stripe.Billing.Meter
    'billing.meter_event': Stripe.Billing.MeterEvent
    'billing.meter_event_adjustment': Stripe.Billing.MeterEventAdjustment
    'billing.meter_event_summary': Stripe.Billing.MeterEventSummary
    'billing_portal.configuration': Stripe.BillingPortal.Configuration
    'billing_portal.session': Stripe.BillingPortal.Session
    charge: Stripe.Charge
    'checkout.session': Stripe.Checkout.Session
    coupon: Stripe.Coupon
    customer: Stripe.Customer
    dispute: Stripe.Dispute
    event: Stripe.Event
    invoice: Stripe.Invoice
    invoice_payment: Stripe.InvoicePayment
    item: Stripe.LineItem
    line_item: Stripe.InvoiceLineItem
    payment_intent: Stripe.PaymentIntent
    payment_method: Stripe.PaymentMethod
    price: Stripe.Price
    product: Stripe.Product
    promotion_code: Stripe.PromotionCode
    refund: Stripe.Refund
    subscription: Stripe.Subscription
    subscription_item: Stripe.SubscriptionItem
    subscription_schedule: Stripe.SubscriptionSchedule
    'v2.core.event': Stripe.V2.Core.Event
    'v2.core.event_destination': Stripe.V2.Core.EventDestination
    webhook_endpoint: Stripe.WebhookEndpoint
}
