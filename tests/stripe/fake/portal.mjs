// The billing portal: its configurations and sessions. What its page does lies in pages.mjs.
import { mergedMetadata, orNull } from './catalog.mjs'
import { invalid, missingParameter } from './errors.mjs'
import { ENDED } from './subscriptions.mjs'
import { $ } from './world.mjs'

const REASONS = ['too_expensive', 'missing_features', 'switched_service', 'unused', 'customer_service', 'too_complex', 'low_quality', 'other']

function features(old, given = {}) {
    const enabled = (name, more = {}) => ({ ...old?.[name], ...more, enabled: given[name]?.enabled ?? old?.[name]?.enabled ?? false })
    const cancel = given.subscription_cancel ?? {}
    const reason = cancel.cancellation_reason ?? old?.subscription_cancel.cancellation_reason
    const change = given.subscription_update ?? {}
    const was = old?.subscription_update
    return {
        customer_update: enabled('customer_update', { allowed_updates: given.customer_update?.allowed_updates || old?.customer_update.allowed_updates || [] }),
        invoice_history: enabled('invoice_history'),
        payment_method_update: enabled('payment_method_update', { payment_method_configuration: null }),
        subscription_cancel: enabled('subscription_cancel', {
            cancellation_reason: { enabled: reason?.enabled ?? false, feedback_options: null, options: reason?.options || REASONS.slice(0, 4) },
            mode: cancel.mode ?? old?.subscription_cancel.mode ?? 'at_period_end',
            proration_behavior: cancel.proration_behavior ?? old?.subscription_cancel.proration_behavior ?? 'none',
        }),
        subscription_pause: enabled('subscription_pause', { duration: old?.subscription_pause.duration ?? { interval_options: [], type: 'indefinite' } }),
        subscription_update: enabled('subscription_update', {
            billing_cycle_anchor: was?.billing_cycle_anchor ?? null,
            default_allowed_updates: change.default_allowed_updates || was?.default_allowed_updates || [],
            products: change.products?.map(one => ({ adjustable_quantity: { enabled: false, maximum: null, minimum: 0 }, prices: one.prices, product: one.product })) ?? was?.products ?? [],
            proration_behavior: change.proration_behavior ?? was?.proration_behavior ?? 'none',
            schedule_at_period_end: { conditions: change.schedule_at_period_end?.conditions || was?.schedule_at_period_end.conditions || [] },
            trial_update_behavior: change.trial_update_behavior ?? was?.trial_update_behavior ?? 'end_trial',
        }),
    }
}

const profile = (old, given = {}) => ({
    headline: given.headline === undefined ? (old?.headline ?? null) : orNull(given.headline),
    privacy_policy_url: given.privacy_policy_url ?? old?.privacy_policy_url ?? null,
    terms_of_service_url: given.terms_of_service_url ?? old?.terms_of_service_url ?? null,
})

function createConfiguration(w, p) {
    const made = w.add('billing_portal.configuration', {
        id: w.id('bpc'),
        object: 'billing_portal.configuration',
        active: true,
        business_profile: profile(null, p.business_profile),
        created: w.now(),
        default_return_url: p.default_return_url || null,
        features: features(null, p.features),
        is_default: false, // only the dashboard's own is
        login_page: { enabled: p.login_page?.enabled ?? false, url: null },
        metadata: mergedMetadata({}, p.metadata),
        name: p.name,
        updated: w.now(),
    })
    w.emit('billing_portal.configuration.created', made)
    return made
}

function updateConfiguration(w, p, [id]) {
    const made = w.get('billing_portal.configuration', id)
    return w.change(made, 'billing_portal.configuration.updated', () => {
        if (p.active !== undefined) made.active = p.active
        if (p.default_return_url !== undefined) made.default_return_url = orNull(p.default_return_url)
        if (p.name !== undefined) made.name = orNull(p.name)
        made.business_profile = profile(made.business_profile, p.business_profile || {})
        made.features = w.answers.make('billing_portal.configuration', { ...made, features: features(made.features, p.features) }).features
        made.metadata = mergedMetadata(made.metadata, p.metadata)
        made.updated = w.now()
    })
}

function listConfigurations(w, p) {
    const matches = one => (p.active === undefined || one.active === p.active) && (p.is_default === undefined || one.is_default === p.is_default)
    return w.list('billing_portal.configuration', p, '/v1/billing_portal/configurations', matches)
}

const FLOW_NEEDS = { subscription_cancel: 'subscription_cancel', subscription_update: 'subscription_update', subscription_pause: 'subscription_pause', payment_method_update: 'payment_method_update' }

function createSession(w, p) {
    if (!p.customer) throw missingParameter('customer')
    const customer = w.get('customer', p.customer, 'customer')
    const configuration = p.configuration
        ? w.get('billing_portal.configuration', p.configuration, 'configuration')
        : w.all('billing_portal.configuration').find(one => one.is_default && one[$].live === w.live)
    if (!configuration)
        throw invalid(
            `You can't create a portal session in ${w.live ? 'live' : 'test'} mode until you save your customer portal settings in ${w.live ? 'live' : 'test'} mode at https://dashboard.stripe.com/${w.live ? '' : 'test/'}settings/billing/portal.`,
        )
    const flow = p.flow_data ? flowOf(w, customer, configuration, p) : null
    const token = w.random.word(60)
    const session = w.add(
        'billing_portal.session',
        {
            id: w.id('bps'),
            object: 'billing_portal.session',
            configuration: configuration.id,
            created: w.now(),
            customer: customer.id,
            flow,
            return_url: p.return_url ?? configuration.default_return_url,
            url: `${w.url}/p/session/${w.live ? 'live' : 'test'}_${token}`,
        },
        { token, used: 0 },
    )
    w.emit('billing_portal.session.created', session)
    return session
}

function flowOf(w, customer, configuration, p) {
    const { type, after_completion: completion } = p.flow_data
    const needs = FLOW_NEEDS[type]
    if (needs && !configuration.features[needs].enabled) throw invalid(`This ${type} flow requires the ${needs} feature of the portal configuration to be enabled.`, 'flow_data[type]')
    const own = p.flow_data[type]
    if (['subscription_cancel', 'subscription_update', 'subscription_update_confirm', 'subscription_pause'].includes(type)) {
        if (!own?.subscription) throw missingParameter(`flow_data[${type}][subscription]`)
        const sub = w.get('subscription', own.subscription, `flow_data[${type}][subscription]`)
        if (sub.customer !== customer.id) throw invalid(`No such subscription: '${sub.id}'`, `flow_data[${type}][subscription]`, 'resource_missing')
        if (ENDED.includes(sub.status)) throw invalid(`The subscription \`${sub.id}\` is canceled.`, `flow_data[${type}][subscription]`)
        if (type === 'subscription_cancel' && sub.cancel_at !== null) throw invalid(`The subscription \`${sub.id}\` is already set to be canceled at period end.`, `flow_data[${type}][subscription]`)
        if (type === 'subscription_update_confirm' && sub.items.data.length > 1) throw invalid(`The subscription \`${sub.id}\` cannot be updated in the portal: it has several products.`, `flow_data[${type}][subscription]`)
    }
    const details = own && type !== 'subscription_update_confirm' ? { [type]: { subscription: own.subscription } } : own ? { [type]: { subscription: own.subscription, items: own.items.map(item => ({ id: item.id ?? null, price: item.price ?? null, quantity: item.quantity })) } } : {}
    return {
        after_completion: { hosted_confirmation: completion?.hosted_confirmation ?? null, redirect: completion?.redirect ?? null, type: completion?.type ?? 'portal_homepage' },
        ...details,
        type,
    }
}

export const portalRoutes = [
    ['POST', '/v1/billing_portal/configurations', createConfiguration, 'customer_portal'],
    ['GET', '/v1/billing_portal/configurations', listConfigurations, 'customer_portal'],
    ['GET', '/v1/billing_portal/configurations/{id}', (w, p, [id]) => w.get('billing_portal.configuration', id), 'customer_portal'],
    ['POST', '/v1/billing_portal/configurations/{id}', updateConfiguration, 'customer_portal'],
    ['POST', '/v1/billing_portal/sessions', createSession, 'customer_portal'],
]
