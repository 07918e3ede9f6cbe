// The fake Stripe's virtual clock: periods, trials, drafts, retries, ends, and the events of each.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decimal, decimalText, percentOf, priced, share } from './fake/money.mjs'
import { after, periodAt } from './fake/time.mjs'
import { at, catalog, DAY, day, HOUR, items, refusal, startWalk, subscriber, upgradeTo } from './fake/walk.mjs'

/** A test with a fake of its own */
const walk = (name, options, run) =>
    test(name, async () => {
        const { fake, stripe, stop } = await startWalk(options)
        try {
            await run({ fake, stripe, plans: await catalog(stripe) })
        } catch (error) {
            await fake.stop()
            throw error
        }
        await stop()
    })

const typesOf = (fake, id) => fake.events.filter(event => event.data.object.id === id).map(event => event.type.replace('customer.subscription.', ''))
const since = (fake, moment) => fake.events.filter(event => event.created >= moment).map(event => event.type)

test('amounts with decimals, tiers and prorations are exact', () => {
    assert.equal(decimalText(decimal('0.000000000001')), '0.000000000001')
    assert.equal(decimalText(decimal('-12.50')), '-12.5')
    assert.throws(() => decimal('1e3'), RangeError)
    assert.throws(() => decimal('1.0000000000001'), RangeError)
    const tiers = [
        { up_to: 10000, unit_amount_decimal: '0', flat_amount: null },
        { up_to: null, unit_amount_decimal: '0.49', flat_amount: null },
    ]
    const graduated = quantity => priced({ billing_scheme: 'tiered', tiers_mode: 'graduated', tiers }, quantity).map(line => [line.quantity, line.amount])
    assert.deepEqual(graduated(0), [[0, 0]])
    assert.deepEqual(graduated(10000), [[10000, 0]])
    assert.deepEqual(graduated(10001), [[10000, 0], [1, 0]])
    assert.deepEqual(graduated(10050), [[10000, 0], [50, 25]]) // 24.5: half up
    assert.deepEqual(graduated(1_000_000_010_000), [[10000, 0], [1_000_000_000_000, 490_000_000_000]])
    assert.deepEqual(priced({ billing_scheme: 'tiered', tiers_mode: 'volume', tiers }, 10050).map(line => line.amount), [4925])
    assert.deepEqual(priced({ billing_scheme: 'per_unit', unit_amount_decimal: '0.5', transform_quantity: { divide_by: 10, round: 'up' } }, 21).map(line => line.amount), [2])
    assert.deepEqual([share(4900, 1, 2), share(5, 1, 2), share(-5, 1, 2), percentOf(4999, '12.5')], [2450, 3, -3, 625])
})

test('periods are counted from the anchor', () => {
    const anchor = at('2028-01-31T23:30:00Z')
    const ends = [1, 2, 3, 13, 14].map(n => new Date(after(anchor, 'month', 1, n) * 1000).toISOString())
    assert.deepEqual(ends, ['2028-02-29T23:30:00.000Z', '2028-03-31T23:30:00.000Z', '2028-04-30T23:30:00.000Z', '2029-02-28T23:30:00.000Z', '2029-03-31T23:30:00.000Z'])
    assert.equal(day(after(at('2028-02-29T00:00:00Z'), 'year', 1, 1)), '2029-02-28')
    for (let moment = anchor; moment < anchor + 800 * DAY; moment += 86399) {
        const { start, end } = periodAt(anchor, 'month', 1, moment)
        assert.ok(start <= moment && moment < end)
    }
    assert.equal(periodAt(anchor, 'month', 1, after(anchor, 'month', 1, 1)).start, after(anchor, 'month', 1, 1)) // the boundary second belongs to the new period
})

walk('a year from 31 January: each month its invoice, with the fee of the next and the usage of the last', { now: at('2028-01-31T10:00:00Z') }, async ({ fake, stripe, plans }) => {
    const { customer, sub } = await subscriber(fake, stripe, plans.starter)
    const ends = []
    for (let month = 1; month <= 12; month++) {
        const { items: now } = await stripe.subscriptions.retrieve(sub.id)
        ends.push(day(now.data[0].current_period_end))
        await stripe.billing.meterEvents.create({ event_name: 'conv', identifier: `m-${month}`, payload: { stripe_customer_id: customer.id, value: String(10000 + 100 * month) } })
        await fake.advance({ to: now.data[0].current_period_end + 2 * HOUR })
    }
    assert.deepEqual(ends.slice(0, 4), ['2028-02-29', '2028-03-31', '2028-04-30', '2028-05-31'])
    const invoices = (await stripe.invoices.list({ customer: customer.id, limit: 100 })).data.reverse()
    assert.deepEqual(invoices.map(one => one.total), [4900, ...Array.from({ length: 12 }, (_, i) => 4900 + 49 * (i + 1))])
    assert.ok(invoices.every(one => one.status === 'paid'))
    const [base] = invoices[1].lines.data.filter(line => line.amount === 4900)
    const usage = invoices[1].lines.data.filter(line => line.pricing.price_details.price === plans.starter.usage.id)
    assert.deepEqual([day(base.period.start), day(base.period.end), day(usage[0].period.start), day(usage[0].period.end)], ['2028-02-29', '2028-03-31', '2028-01-31', '2028-02-29'])
    assert.deepEqual(usage.map(line => line.quantity), [10000, 100])
    assert.deepEqual([day(invoices[1].period_start), day(invoices[1].period_end)], ['2028-01-31', '2028-02-29']) // not the subscription's period
})

walk('a draft is final after an hour, and what was reported within it counts for the ended period', {}, async ({ fake, stripe, plans }) => {
    const { customer, sub } = await subscriber(fake, stripe, plans.starter)
    const end = items(sub).base.current_period_end
    await fake.advance({ to: end })
    const renewed = await stripe.subscriptions.retrieve(sub.id, { expand: ['latest_invoice'] })
    assert.deepEqual([renewed.latest_invoice.status, renewed.latest_invoice.hosted_invoice_url, items(renewed).base.current_period_start], ['draft', null, end])
    const report = (identifier, timestamp) => stripe.billing.meterEvents.create({ event_name: 'conv', identifier, timestamp, payload: { stripe_customer_id: customer.id, value: '10100' } })
    await report('late', end - 1)
    await report('boundary', end)
    await fake.advance(HOUR - 1)
    assert.equal((await stripe.invoices.retrieve(renewed.latest_invoice.id)).status, 'draft')
    await fake.advance(1)
    const final = await stripe.invoices.retrieve(renewed.latest_invoice.id)
    assert.deepEqual([final.status, final.total], ['paid', 4949])
    await report('too-late', end - 1)
    await fake.advance(31 * DAY)
    assert.equal((await stripe.invoices.list({ customer: customer.id, limit: 1 })).data[0].total, 4949) // that of the boundary second; the late one is lost
})

walk('invoice.upcoming a week before, without an id', {}, async ({ fake, stripe, plans }) => {
    const { sub } = await subscriber(fake, stripe, plans.starter)
    await fake.advance({ to: items(sub).base.current_period_end - 7 * DAY })
    const [event] = (await stripe.events.list({ types: ['invoice.upcoming'] })).data
    assert.deepEqual([event.data.object.id, event.data.object.total, event.data.object.parent.subscription_details.subscription], [undefined, 4900, sub.id])
})

walk('trials: told of three days before; paid, without a card paused, cancelled or invoiced', {}, async ({ fake, stripe, plans }) => {
    const begin = (behavior, pay) =>
        subscriber(
            fake,
            stripe,
            plans.starter,
            { payment_method_collection: 'if_required', subscription_data: { trial_period_days: 14, trial_settings: { end_behavior: { missing_payment_method: behavior } } } },
            pay,
        )
    const paying = await begin('create_invoice', { card: null })
    fake.control.card(paying.customer.id, 'ok')
    const [pausing, cancelled, owing] = [await begin('pause', { card: null }), await begin('cancel', { card: null }), await begin('create_invoice', { card: null })]
    const anchor = paying.sub.trial_end
    await fake.advance({ to: anchor - 3 * DAY })
    assert.ok(typesOf(fake, paying.sub.id).includes('trial_will_end'))
    await stripe.billing.meterEvents.create({ event_name: 'conv', payload: { stripe_customer_id: paying.customer.id, value: '99999' } })
    await fake.advance({ to: anchor + 2 * HOUR })
    const status = async one => (await stripe.subscriptions.retrieve(one.sub.id)).status
    assert.deepEqual([await status(paying), await status(pausing), await status(cancelled), await status(owing)], ['active', 'paused', 'canceled', 'past_due'])
    const paid = await stripe.subscriptions.retrieve(paying.sub.id, { expand: ['latest_invoice'] })
    assert.deepEqual([paid.latest_invoice.total, paid.billing_cycle_anchor, items(paid).base.current_period_start], [4900, anchor, anchor]) // usage in a trial is free
    assert.equal((await stripe.subscriptions.retrieve(pausing.sub.id)).status_details.paused.subscription.type, 'trial_end_without_payment_method')
    assert.ok(typesOf(fake, pausing.sub.id).includes('paused'))
    fake.control.card(pausing.customer.id, 'ok')
    assert.equal((await stripe.subscriptions.resume(pausing.sub.id)).status, 'active')
    assert.ok(typesOf(fake, pausing.sub.id).includes('resumed'))
})

for (const [policy, last] of [['past_due', 'past_due'], ['unpaid', 'unpaid'], ['canceled', 'canceled']]) {
    walk(`a renewal that fails is retried on days 3, 5 and 7, and then: ${policy}`, { policy: { afterRetries: policy } }, async ({ fake, stripe, plans }) => {
        const { customer, sub } = await subscriber(fake, stripe, plans.starter)
        fake.control.card(customer.id, 'fail')
        const first = items(sub).base.current_period_end + HOUR
        await fake.advance({ to: first })
        const attempts = []
        for (;;) {
            const invoice = await stripe.invoices.retrieve((await stripe.subscriptions.retrieve(sub.id)).latest_invoice)
            attempts.push([invoice.attempt_count, (fake.now() - first) / DAY])
            if (invoice.next_payment_attempt === null) break
            assert.equal((await stripe.subscriptions.retrieve(sub.id)).status, 'past_due')
            await fake.advance({ to: invoice.next_payment_attempt })
        }
        assert.deepEqual(attempts, [[1, 0], [2, 3], [3, 5], [4, 7]])
        const ended = await stripe.subscriptions.retrieve(sub.id, { expand: ['latest_invoice'] })
        assert.equal(ended.status, last)
        assert.equal(since(fake, first).filter(type => type === 'invoice.payment_failed').length, 4)
        await fake.advance(31 * DAY)
        const invoices = (await stripe.invoices.list({ customer: customer.id, limit: 100 })).data
        if (last === 'unpaid') assert.deepEqual([invoices[0].status, invoices[0].auto_advance, invoices[0].attempt_count], ['draft', false, 0])
        else assert.equal(invoices.length, last === 'canceled' ? 2 : 3)
        if (last === 'canceled') return assert.equal(ended.cancellation_details.reason, 'payment_failed')
        fake.control.card(customer.id, 'ok')
        for (const one of invoices.toReversed()) if (one.status === 'open') await stripe.invoices.pay(one.id)
        assert.equal((await stripe.subscriptions.retrieve(sub.id)).status, 'active')
        assert.equal((await stripe.customers.retrieve(customer.id)).delinquent, false)
    })
}

walk('a payment that comes good at the second attempt', {}, async ({ fake, stripe, plans }) => {
    const { customer, sub } = await subscriber(fake, stripe, plans.starter)
    fake.control.card(customer.id, 'fail', { times: 1 })
    await fake.advance({ to: items(sub).base.current_period_end + 2 * HOUR })
    assert.equal((await stripe.subscriptions.retrieve(sub.id)).status, 'past_due')
    await fake.advance(3 * DAY)
    const back = await stripe.subscriptions.retrieve(sub.id, { expand: ['latest_invoice'] })
    assert.deepEqual([back.status, back.latest_invoice.attempt_count], ['active', 2])
    const change = fake.events.findLast(event => event.type === 'customer.subscription.updated')
    assert.deepEqual(change.data.previous_attributes, { status: 'past_due' })
})

walk('3D Secure at a renewal: an action is required', {}, async ({ fake, stripe, plans }) => {
    const { customer, sub } = await subscriber(fake, stripe, plans.starter)
    fake.control.card(customer.id, '3ds')
    await fake.advance({ to: items(sub).base.current_period_end + 2 * HOUR })
    const types = since(fake, fake.now() - 2 * HOUR)
    assert.ok(types.includes('invoice.payment_action_required') && types.includes('invoice.payment_failed'))
    const { latest_invoice: id } = await stripe.subscriptions.retrieve(sub.id)
    const error = await refusal(stripe.invoices.pay(id))
    assert.deepEqual([error.statusCode, error.code], [402, 'invoice_payment_intent_requires_action'])
})

walk('it ends with its period: usage of the last period is billed', {}, async ({ fake, stripe, plans }) => {
    const { customer, sub } = await subscriber(fake, stripe, plans.starter)
    await stripe.billing.meterEvents.create({ event_name: 'conv', payload: { stripe_customer_id: customer.id, value: '12000' } })
    await stripe.subscriptions.update(sub.id, { cancel_at_period_end: true })
    await fake.advance({ to: items(sub).base.current_period_end })
    const gone = await stripe.subscriptions.retrieve(sub.id)
    assert.deepEqual([gone.status, gone.ended_at], ['canceled', items(sub).base.current_period_end])
    await fake.advance(2 * HOUR)
    const last = await stripe.invoices.retrieve(gone.latest_invoice)
    assert.deepEqual([last.total, last.status], [980, 'paid'])
    assert.ok(typesOf(fake, sub.id).includes('deleted'))
    assert.ok(!since(fake, 0).includes('invoice.upcoming')) // none is to come
})

walk('cancel_at inside a period', { policy: { cancelAtOnly: true } }, async ({ fake, stripe, plans }) => {
    const { sub } = await subscriber(fake, stripe, plans.starter)
    const flexible = await stripe.subscriptions.update(sub.id, { cancel_at_period_end: true })
    assert.deepEqual([flexible.cancel_at_period_end, flexible.cancel_at], [false, items(sub).base.current_period_end])
    await stripe.subscriptions.update(sub.id, { cancel_at: fake.now() + 2 * DAY })
    await fake.advance(2 * DAY)
    assert.equal((await stripe.subscriptions.retrieve(sub.id)).status, 'canceled')
})

walk('collection paused: void, uncollectible, kept as draft; the status stays', {}, async ({ fake, stripe, plans }) => {
    const made = []
    for (const behavior of ['void', 'mark_uncollectible', 'keep_as_draft']) {
        const { sub } = await subscriber(fake, stripe, plans.starter)
        await stripe.subscriptions.update(sub.id, { pause_collection: { behavior } })
        made.push(sub.id)
    }
    await fake.advance(29 * DAY)
    const states = []
    for (const id of made) {
        const sub = await stripe.subscriptions.retrieve(id, { expand: ['latest_invoice'] })
        states.push([sub.status, sub.latest_invoice.status])
    }
    assert.deepEqual(states, [['active', 'void'], ['active', 'uncollectible'], ['active', 'draft']])
})

walk('finalizing fails: the subscription stays active, nothing can be collected', {}, async ({ fake, stripe, plans }) => {
    const { customer, sub } = await subscriber(fake, stripe, plans.starter)
    fake.control.finalizationFails(customer.id)
    await fake.advance(29 * DAY)
    const after = await stripe.subscriptions.retrieve(sub.id, { expand: ['latest_invoice'] })
    assert.deepEqual([after.status, after.latest_invoice.status, after.latest_invoice.last_finalization_error.code], ['active', 'draft', 'customer_tax_location_invalid'])
    assert.ok(since(fake, 0).includes('invoice.finalization_failed'))
})

walk('an upgrade within a period: the usage of the whole period by the price at its end', {}, async ({ fake, stripe, plans }) => {
    const { customer, sub } = await subscriber(fake, stripe, plans.starter)
    await stripe.billing.meterEvents.create({ event_name: 'conv', payload: { stripe_customer_id: customer.id, value: '20000' } })
    await fake.advance(14 * DAY)
    await stripe.subscriptions.update(sub.id, upgradeTo(sub, plans.pro))
    await fake.advance({ to: items(sub).base.current_period_end + 2 * HOUR })
    const [invoice] = (await stripe.invoices.list({ customer: customer.id, limit: 1 })).data
    assert.equal(invoice.total, 19900) // 20,000 are within Pro's 50,000
})

walk('a credit is kept and used', {}, async ({ fake, stripe, plans }) => {
    const { customer, sub } = await subscriber(fake, stripe, plans.pro)
    const { payment_behavior: _, ...down } = upgradeTo(sub, plans.starter)
    const changed = await stripe.subscriptions.update(sub.id, down)
    const credit = await stripe.invoices.retrieve(changed.latest_invoice)
    assert.deepEqual([credit.total, credit.amount_due, credit.status], [-15000, 0, 'paid'])
    assert.equal((await stripe.customers.retrieve(customer.id)).balance, -15000)
    await fake.advance(29 * DAY)
    const next = await stripe.invoices.retrieve((await stripe.subscriptions.retrieve(sub.id)).latest_invoice)
    assert.deepEqual([next.total, next.amount_due, next.starting_balance, next.ending_balance], [4900, 0, -15000, -10100])
})

walk('from nothing to a paid price a new period begins; so does monthly to yearly', {}, async ({ fake, stripe, plans }) => {
    const free = await stripe.prices.create({ product: 'starter', currency: 'usd', unit_amount: 0, recurring: { interval: 'month' } })
    const yearly = await stripe.prices.create({ product: 'starter', currency: 'usd', unit_amount: 49000, recurring: { interval: 'year' } })
    const customer = await stripe.customers.create({})
    fake.control.card(customer.id, 'ok')
    const sub = await stripe.subscriptions.create({ customer: customer.id, items: [{ price: free.id }] })
    await fake.advance(10 * DAY)
    const paid = await stripe.subscriptions.update(sub.id, { items: [{ id: sub.items.data[0].id, price: plans.starter.base.id }] })
    assert.deepEqual([paid.items.data[0].current_period_start, paid.billing_cycle_anchor], [fake.now(), fake.now()])
    await fake.advance(10 * DAY)
    const year = await stripe.subscriptions.update(sub.id, { items: [{ id: sub.items.data[0].id, price: yearly.id }], expand: ['latest_invoice'] })
    assert.equal(day(year.items.data[0].current_period_end), day(after(fake.now(), 'year', 1, 1)))
    assert.equal(year.latest_invoice.lines.data.length, 2)
})

walk('a coupon for three months; a currency without decimals', {}, async ({ fake, stripe, plans }) => {
    const coupon = await stripe.coupons.create({ percent_off: 10, duration: 'repeating', duration_in_months: 3 })
    const { customer } = await subscriber(fake, stripe, plans.starter, { discounts: [{ coupon: coupon.id }] })
    const yen = await plans.plan('yen', 'Yen', 7000, 10000, '1.5', 'jpy')
    const japan = await subscriber(fake, stripe, yen)
    await stripe.billing.meterEvents.create({ event_name: 'conv', payload: { stripe_customer_id: japan.customer.id, value: '10003' } })
    await fake.advance(5 * 31 * DAY)
    const totals = (await stripe.invoices.list({ customer: customer.id, limit: 100 })).data.reverse().map(one => one.total)
    assert.deepEqual(totals, [4410, 4410, 4410, 4900, 4900, 4900])
    const second = (await stripe.invoices.list({ customer: japan.customer.id, limit: 100 })).data.at(-2)
    assert.deepEqual([second.total, second.currency], [7005, 'jpy']) // 4.5 is 5
})

walk('a session expires after a day; a customer who is deleted takes the subscriptions along', {}, async ({ fake, stripe, plans }) => {
    const { customer, sub } = await subscriber(fake, stripe, plans.starter)
    const open = await stripe.checkout.sessions.create({ mode: 'subscription', customer: customer.id, line_items: [{ price: plans.pro.base.id, quantity: 1 }], success_url: 'https://e.com/' })
    await fake.advance(DAY)
    assert.equal((await stripe.checkout.sessions.retrieve(open.id)).status, 'expired')
    assert.equal((await fetch(open.url)).status, 410)
    await stripe.customers.del(customer.id)
    assert.equal((await stripe.subscriptions.retrieve(sub.id)).status, 'canceled')
    const types = since(fake, fake.now() - 1)
    for (const type of ['checkout.session.expired', 'customer.subscription.deleted', 'customer.deleted']) assert.ok(types.includes(type), type)
})

walk('events reach back 30 days', {}, async ({ fake, stripe }) => {
    const customer = await stripe.customers.create({})
    const [event] = (await stripe.events.list({ type: 'customer.created' })).data
    assert.deepEqual([event.data.object.id, event.api_version], [customer.id, fake.w.version])
    await fake.advance(31 * DAY)
    assert.deepEqual((await stripe.events.list({ type: 'customer.created' })).data, [])
    assert.equal((await refusal(stripe.events.retrieve(event.id))).statusCode, 404)
    assert.equal((await refusal(stripe.events.list({ types: Array(21).fill('customer.created') }))).param, 'types')
})

test('without a start time the clock follows the real one plus whatever it is advanced by', async () => {
    const { fake, stripe, stop } = await startWalk({ now: undefined })
    const plans = await catalog(stripe)
    const { sub } = await subscriber(fake, stripe, plans.starter)
    assert.ok(Math.abs(sub.created - Date.now() / 1000) < 5)
    await fake.advance(32 * DAY)
    assert.ok(Math.abs(fake.now() - 32 * DAY - Date.now() / 1000) < 5)
    assert.equal((await stripe.invoices.list({ subscription: sub.id })).data.length, 2)
    await stop()
})
