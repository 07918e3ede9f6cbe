// A simulated year: tenants buy, use, change, fail to pay and return, on Parley's library (year_driver.c, with its worker) and the
// fake Stripe, on one virtual clock, with faults on both sides; then ledger, meter and invoices are compared. The seed determines all randomness.
import assert from 'node:assert/strict'
import http from 'node:http'
import { startInstall, freePort } from '../lib/install.mjs'
import { Cli } from '../stripe/cli.mjs'
import { startFake } from '../stripe/fake/index.mjs'
import { priced } from '../stripe/fake/money.mjs'
import { usageBetween } from '../stripe/fake/meters.mjs'
import { Random } from '../stripe/fake/random.mjs'

export const DAY = 86400
const MINUTE = 60
const HOUR = 3600
const LIVE = ['trialing', 'active', 'past_due', 'unpaid', 'paused', 'incomplete']

// Small plans, so that few conversations reach the limits.
const PLANS = { free: 12, starter: 60, professional: 240, enterprise: null }

const REQUEST_FAULTS = { dropBefore: 0.004, dropAfter: 0.004, error500Before: 0.003, error500After: 0.003, badGateway: 0.002, badGatewayAfter: 0.002,
    rateLimited: 0.004, lockTimeout: 0.003, inUse: 0.001, truncated: 0.002, invalidJson: 0.001, redirect: 0.0005, retryTrue: 0.001, retryFalse: 0.001 }
const DELIVERY_FAULTS = { duplicate: 0.08, drop: 0.04, reorder: true, delay: [0, 2 * HOUR], twin: 0.04, wrongSignature: 0.02, oldTimestamp: 0.01 }
const NO_DELIVERY_FAULTS = { duplicate: 0, drop: 0, reorder: false, delay: null, twin: 0, wrongSignature: 0, oldTimestamp: 0 }

export class Year {
    constructor({ seed, tenants, start }) {
        this.random = new Random(seed)
        this.seed = seed
        this.size = tenants
        this.start = start
        this.tenants = []
        this.endedAtOnce = new Set()
        this.ends = new Set() // ends of periods after which the worker has yet to run
        this.trialIncluded = new Map() // subscription: conversations
        this.crashes = this.granted = this.refused = 0
        this.done = {}
        this.refusals = {}
    }

    async open() {
        this.fake = await startFake({ now: this.start, seed: this.seed, deliver: 'manual', policy: { meterLatency: 0 } })
        const port = await freePort()
        this.install = await startInstall({
            port, programs: false, database: ['--innodb-flush-log-at-trx-commit=0'], // speed: durability is tested elsewhere
            config: { stripe_secret_key: 'sk_test_year', stripe_api_base: this.fake.url, stripe_trial_days: 7, log_level: 'error', log_file: null },
        })
        for (const [plan, n] of Object.entries(PLANS))
            await this.install.sql(`UPDATE plan_terms SET conversations = ${n ?? 'NULL'},
                overage = IF(price > 0 AND ${n ?? 'NULL'} IS NOT NULL, FLOOR(price * 1000000000000 / ${n ?? 1}), NULL) WHERE plan = '${plan}'`)
        await this.install.run('billing', 'setup')
        const endpoints = [...this.fake.w.all('webhook_endpoint'), ...this.fake.w.all('v2.core.event_destination')]
        const secrets = endpoints.flatMap(one => this.fake.control.secrets(one.id))
        this.install.configure({ stripe_webhook_secrets: secrets.join(' ') })
        this.terms = Object.fromEntries((await this.install.sql(`SELECT plan, price, conversations, overage FROM plan_terms`)).map(t => [t.plan, t]))
        this.server = http.createServer((req, res) => this.#hook(req, res))
        await new Promise(ok => this.server.listen(port, '127.0.0.1', ok))
        this.fake.server.prependListener('request', () => this.#maybeCrash())
        await this.#boot()
        for (let i = 0; i < this.size; i++) {
            const made = await this.assertOk({ op: 'tenant', name: `tenant${i}` })
            this.tenants.push({ id: made.tenant, size: this.random.pick([3, 20, 60, 150]), card: 'ok' })
        }
    }

    async close() {
        await this.driver?.end()
        this.server?.closeAllConnections()
        await new Promise(ok => this.server ? this.server.close(ok) : ok())
        await this.fake?.stop()
        await this.install?.stop()
    }

    get now() { return this.fake.now() }

    // ---- the driver, which may be killed at any request it makes ----

    async #boot() {
        this.driver = new Cli(this.install.env, 'billing/year_driver')
        await this.driver.call({ op: 'clock', ms: this.now * 1000 })
    }

    #maybeCrash() {
        if (this.crashRate && this.random.chance(this.crashRate)) {
            this.crashes++
            this.driver.child.kill('SIGKILL')
        }
    }

    /** A call of the driver; null when it was killed during the call (it has been restarted then) */
    async call(job) {
        const driver = this.driver
        try {
            return await driver.call(job)
        } catch (error) {
            if (driver.child.signalCode !== 'SIGKILL') throw error
            if (this.driver === driver) this.booting ??= this.#boot().finally(() => { this.booting = null })
            await this.booting
            return null
        }
    }

    async assertOk(job) {
        for (;;) {
            const got = await this.call(job)
            if (!got) continue
            assert.equal(got.ok, true, `${JSON.stringify(job)}: ${got.message}`)
            return got
        }
    }

    async #hook(req, res) {
        const parts = []
        for await (const part of req) parts.push(part)
        const got = await this.call({ op: 'hook', signature: req.headers['stripe-signature'] ?? '', body: Buffer.concat(parts).toString() })
        res.writeHead(!got ? 502 : got.ok ? 200 : got.status === 'invalid' ? 400 : 503).end()
    }

    async tick(seconds) {
        await this.fake.advance(seconds)
        await this.assertOk({ op: 'clock', ms: this.now * 1000 })
    }

    /** Finish pending work: due deliveries and the worker's queue. Returns whether usage is still unsent. */
    async settle() {
        await this.fake.control.pump()
        await this.call({ op: 'work' })
        await this.fake.control.pump()
        return (await this.call({ op: 'work' }))?.unsent ?? true
    }

    // ---- a step of the simulation ----

    faults(on) {
        this.fake.faults.clear()
        if (on) this.fake.faults.byChance({ rates: REQUEST_FAULTS })
        this.fake.control.delivery(on ? DELIVERY_FAULTS : NO_DELIVERY_FAULTS)
        this.crashRate = on ? 0.002 : 0
    }

    async step(seconds) {
        await this.#advance(seconds)
        await this.#startConversations()
        for (const tenant of this.tenants) if (this.random.chance(0.035)) await this.#act(tenant)
        if (this.random.chance(0.1)) await this.#operator()
        let unsent = await this.settle()
        for (let i = 0; i < 6 && unsent; i++) { // as the worker does, minutes later
            await this.tick(10 * MINUTE)
            unsent = await this.settle()
        }
    }

    /** Advance the clock; the worker runs before and after each end of a period, as it does in production. */
    async #advance(seconds) {
        const target = this.now + seconds
        for (;;) {
            // a renewed subscription has a new end, but the worker still has to run after the old one
            for (const sub of this.fake.w.all('subscription')) for (const item of sub.items.data) this.ends.add(item.current_period_end)
            for (const end of this.ends) if (end + 4 * HOUR <= this.now) this.ends.delete(end)
            const moments = [...this.ends].flatMap(end => [end - 5 * MINUTE, end + 10 * MINUTE, end + 130 * MINUTE, end + 4 * HOUR])
            const next = Math.min(...moments.filter(t => t > this.now), target)
            await this.tick(next - this.now)
            if (next === target) return
            let unsent = await this.settle()
            for (let i = 0; i < 3 && unsent && this.now + MINUTE < target; i++) { // after a failure the worker pauses for seconds, not until the next moment
                await this.tick(MINUTE)
                unsent = await this.settle()
            }
        }
    }

    async #startConversations() {
        this.#recordTrials()
        const list = this.tenants.filter(() => this.random.chance(0.5)).map(t => [t.id, this.random.below(Math.ceil(t.size / 8) + 1)]).filter(([, n]) => n > 0)
        const got = await this.call({ op: 'use', list })
        if (!got) return
        assert.equal(got.ok, true, got.message)
        got.granted.forEach(({ n }, i) => {
            this.granted += n
            this.refused += list[i][1] - n
        })
    }

    /** A trial is free and stops at its plan's included conversations. The largest plan counts, because a change may come at its end. */
    #recordTrials() {
        for (const sub of this.fake.w.all('subscription')) {
            if (sub.status !== 'trialing') continue
            const included = Number(this.terms[this.planOfPrice(sub.items.data[0].price)].conversations ?? Infinity)
            this.trialIncluded.set(sub.id, Math.max(included, this.trialIncluded.get(sub.id) ?? 0))
        }
    }

    subscriptions(tenant) {
        const customers = this.fake.w.all('customer').filter(c => c.metadata.tenant === tenant.id).map(c => c.id)
        return this.fake.w.all('subscription').filter(sub => customers.includes(sub.customer))
    }

    /** A random action of an owner or a bank. It may be refused; only the final accounts matter. */
    async #act(tenant) {
        const live = this.subscriptions(tenant).find(sub => LIVE.includes(sub.status))
        const actions = live
            ? ['upgrade', 'change', 'change', 'cancel', 'undo', 'overage', 'overage', 'card', 'card', 'card', 'pay', 'pay', 'odd']
            : ['buy', 'buy', 'buy', 'nothing']
        const action = this.random.pick(actions)
        this.done[action] = (this.done[action] ?? 0) + 1
        await this[`_${action}`]?.(tenant, live)
    }

    #plan(paid = true) {
        return this.random.pick(paid ? ['starter', 'starter', 'professional', 'enterprise'] : ['free', 'starter', 'professional', 'enterprise'])
    }

    async #try(job) {
        const got = await this.call(job)
        if (got && !got.ok) this.refusals[got.code] = (this.refusals[got.code] ?? 0) + 1
        return got
    }

    async _buy(tenant) {
        const got = await this.#try({ op: 'checkout', tenant: tenant.id, plan: this.#plan() })
        const session = got?.ok && this.fake.w.all('checkout.session').find(one => one.url === got.url)
        if (!session || this.random.chance(0.1)) return // abandoned the checkout
        const card = this.random.pick(['ok', 'ok', 'ok', 'ok', 'fail'])
        this.fake.control.pay(session.id, { card })
        if (this.random.chance(0.5)) await this._overage(tenant)
    }

    async _change(tenant) { await this.#try({ op: 'change', tenant: tenant.id, plan: this.#plan(false) }) }
    async _upgrade(tenant) { await this.#try({ op: 'change', tenant: tenant.id, plan: 'professional' }) }
    async _cancel(tenant) {
        await this.#try(this.random.chance(0.1) ? { op: 'cancel_now', tenant: tenant.id } : { op: 'change', tenant: tenant.id, plan: 'free' })
    }
    async _undo(tenant) { await this.#try({ op: 'undo', tenant: tenant.id }) }
    async _overage(tenant) {
        await this.#try({ op: 'overage', tenant: tenant.id, bill: this.random.chance(0.8), cap: this.random.pick([100, 2000, 100000]) })
    }

    async _card(tenant, sub) {
        tenant.card = this.random.pick(['ok', 'fail'])
        this.fake.control.card(sub.customer, tenant.card)
    }

    /** The owner updates the card and pays the open invoices on Stripe's page. */
    async _pay(tenant, sub) {
        tenant.card = 'ok'
        this.fake.control.card(sub.customer, 'ok')
        for (const invoice of this.fake.all('invoice').filter(i => i.status === 'open' && i.customer === sub.customer))
            await this.#stripe('POST', `/v1/invoices/${invoice.id}/pay`)
    }

    async _odd(tenant, sub) {
        const what = this.random.below(12)
        if (what === 0) this.fake.control.secondSubscription(sub.customer)
        else if (what === 1) this.fake.control.deleteCustomer(sub.customer)
        else if (what < 5) this.fake.control.swapItems(sub.id)
        else if (what < 8) await this.#stripe('POST', `/v1/subscriptions/${sub.id}`, 'cancel_at_period_end=true') // in the dashboard
        else if (what < 10) await this.#endAtOnce(sub, this.random.pick(['true', 'false']))
    }

    /** End a subscription in the dashboard, with or without an invoice: usage that the meter lacks then is on no invoice. */
    async #endAtOnce(sub, invoice) {
        this.endedAtOnce.add(sub.id)
        await this.#stripe('DELETE', `/v1/subscriptions/${sub.id}?invoice_now=${invoice}`)
        await this.tick(1)
    }

    /** The operator sees the alarm for two subscriptions of a customer and cancels the newer one at Stripe. */
    async #operator() {
        const alarms = await this.install.sql(`SELECT c.stripe_customer_id AS id FROM billing_alarm a JOIN billing_customer c ON c.tenant_id = a.tenant_id
            WHERE a.kind = 'two_live' AND a.closed_at IS NULL`)
        const alarmed = alarms.map(r => r.id)
        const live = this.fake.w.all('subscription').filter(sub => LIVE.includes(sub.status) && alarmed.includes(sub.customer))
        const isOlder = (a, b) => a.customer === b.customer && (a.created < b.created || (a.created === b.created && a.id < b.id))
        for (const sub of live) if (live.some(other => isOlder(other, sub))) await this.#stripe('DELETE', `/v1/subscriptions/${sub.id}`)
    }

    /** A request from Stripe's dashboard, without faults. */
    async #stripe(method, path, body) {
        const { rules, chances } = this.fake.faults
        const crashRate = this.crashRate
        Object.assign(this.fake.faults, { rules: [], chances: [] })
        this.crashRate = 0
        const headers = {
            Authorization: 'Bearer sk_test_dashboard', 'Stripe-Version': this.fake.w.version, 'Content-Type': 'application/x-www-form-urlencoded',
        }
        await fetch(this.fake.url + path, { method, body, headers })
        Object.assign(this.fake.faults, { rules, chances })
        this.crashRate = crashRate
    }

    // ---- the audit ----

    /** End the faults, deliver what is late and reconcile: after that everything must agree. */
    async heal() {
        this.faults(false)
        for (let i = 0; i < 30; i++) {
            await this.tick(i < 20 ? 10 * MINUTE : 3 * HOUR)
            await this.settle()
        }
        await this.assertOk({ op: 'reconcile', nightly: false })
        await this.assertOk({ op: 'reconcile', nightly: true })
        await this.settle()
    }

    async audit() {
        assert.equal((await this.assertOk({ op: 'verify' })).drift, 0, 'counters equal their ledger rows')
        await this.#auditTwoSubscriptions()
        await this.#auditMeter()
        await this.#auditInvoices()
        await this.#auditMirrors()
        await this.#auditRights()
    }

    async #auditMeter() {
        const meter = this.fake.w.all('billing.meter')[0].id
        const counters = await this.install.sql(`SELECT stripe_customer_id AS customer, SUM(used) AS used, SUM(reported) AS reported
            FROM usage_counter WHERE billable = 1 GROUP BY stripe_customer_id`)
        const here = new Set(this.fake.all('customer').map(c => c.id))
        const gone = new Set(this.fake.w.all('customer').map(c => c.id).filter(id => !here.has(id)))
        for (const row of counters) {
            assert.equal(row.used, row.reported, `all usage of ${row.customer} is reported`)
            if (gone.has(row.customer)) continue // deleted at Stripe with its usage: there is no customer to bill
            const metered = this.#units(usageBetween(this.fake.w, meter, row.customer, 0, this.now + DAY))
            assert.equal(metered, Number(row.used), `the meter has the usage of ${row.customer}`)
        }
        const free = await this.install.sql(`SELECT COUNT(*) AS n FROM usage_counter WHERE billable = 0 AND reported > 0`)
        assert.equal(free[0].n, '0', 'no usage on FREE is reported')
    }

    #units(value) { return Number(typeof value === 'bigint' ? value / 10n ** 12n : value) }

    /** Each usage line of an invoice equals the ledger of its period and costs what the terms say. */
    async #auditInvoices() {
        const rows = await this.install.sql(`SELECT c.stripe_customer_id AS customer, UNIX_TIMESTAMP(l.period_start) AS start, COUNT(*) AS n FROM usage_ledger l
            JOIN usage_counter c ON c.tenant_id = l.tenant_id AND c.period_start = l.period_start AND c.billable = l.billable
            WHERE l.billable = 1 GROUP BY 1, 2`)
        const ledger = new Map(rows.map(r => [`${r.customer} ${Math.floor(Number(r.start))}`, Number(r.n)]))
        this.billed = this.overage = 0
        await this.#findSplitPeriods(ledger)
        const mirrors = new Map((await this.install.sql('SELECT * FROM invoice_mirror')).map(i => [i.stripe_invoice_id, i]))
        this.alarmed = new Set((await this.install.sql(`SELECT object FROM billing_alarm WHERE kind = 'usage_unbilled'`)).map(r => r.object))
        for (const invoice of this.fake.all('invoice')) {
            if (invoice.status === 'draft') continue
            const mirror = mirrors.get(invoice.id)
            assert.ok(mirror, `${invoice.id} is mirrored`)
            const compared = one => [one.status, one.total, one.amount_paid, one.amount_remaining].map(String)
            assert.deepEqual(compared(mirror), compared(invoice), invoice.id)
            await this.#auditLines(invoice, ledger)
        }
        await this.#auditBilled()
    }

    /** A plan change bills the usage until then at the old price and starts a new count: find periods whose usage is on several invoices. */
    async #findSplitPeriods(ledger) {
        const counters = await this.install.sql(`SELECT stripe_customer_id AS customer, stripe_subscription_id AS sub,
            FLOOR(UNIX_TIMESTAMP(period_start)) AS start, FLOOR(UNIX_TIMESTAMP(period_end)) AS end FROM usage_counter WHERE billable = 1`)
        const invoices = new Map() // by customer: a copy of all for each counter would take minutes at the end of a year
        for (const one of this.fake.all('invoice')) invoices.set(one.customer, [...invoices.get(one.customer) ?? [], one])
        this.splitPeriods = new Map()
        this.splitLines = new Set()
        for (const { customer, sub, start, end } of counters) {
            const lines = new Map(), over = this.fake.w.byId.get(sub)?.ended_at
            for (const invoice of invoices.get(customer) ?? []) {
                if (invoice.parent?.subscription_details.subscription !== sub) continue
                if (['draft', 'void'].includes(invoice.status) && invoice.billing_reason !== 'subscription_cycle') continue
                for (const line of this.fake.w.byId.get(invoice.id).lines.data ?? invoice.lines.data) {
                    const price = this.fake.w.byId.get(line.pricing.price_details.price)
                    if (price.recurring.usage_type !== 'metered' || line.period.start < Number(start) || line.period.start >= Number(end)) continue
                    const key = `${invoice.id} ${customer} ${line.period.start} ${price.id} ${line.period.end}`
                    const changed = invoice.billing_reason === 'subscription_update' && line.period.end !== over
                    const one = lines.get(key) ?? { quantity: 0, amount: 0, from: line.period.start, to: line.period.end, changed }
                    one.quantity += line.quantity
                    one.amount += line.amount
                    lines.set(key, one)
                }
            }
            if (![...lines.values()].some(one => one.changed || one.from > Number(start))) continue
            for (const key of lines.keys()) this.splitLines.add(key)
            const all = [...lines.values()], sum = all.reduce((n, one) => n + one.quantity, 0)
            const counted = ledger.get(`${customer} ${start}`) ?? 0
            this.splitPeriods.set(`${customer} ${start}`, sum)
            if (this.twoSubscriptions.has(customer)) continue
            const whole = all.some(one => one.to === Number(end)), late = whole ? this.#lateForChange(customer, all) : 0
            const right = sum <= counted && (!whole || sum + late >= counted)
            if (!right) await this.#explain(customer)
            assert.ok(right, `${sum} of ${counted} conversations of ${customer} since ${start} are on invoices, ` +
                `and ${late} were metered after a change that cost nothing`)
            this.splitCount = (this.splitCount ?? 0) + 1
            for (const one of all) {
                this.billed += one.quantity
                this.overage += one.amount
            }
        }
    }

    /** Usage counted before a plan change that cost nothing, but metered after it: it is on no invoice and would have cost nothing. */
    #lateForChange(customer, lines) {
        const changes = lines.filter(one => one.changed && !one.amount)
        const isLate = event => changes.some(one => event.timestamp >= one.from && event.timestamp < one.to && event.received >= one.to)
        return (this.fake.w.meterEvents ?? [])
            .filter(event => event.counted && event.payload.stripe_customer_id === customer && isLate(event))
            .reduce((n, event) => n + Number(event.payload.value), 0)
    }

    /** Conversely, all usage of a finished period is on an invoice, or the subscription was ended without one. */
    async #auditBilled() {
        const sums = new Map() // each tier of a price has its own line
        for (const invoice of this.fake.all('invoice')) for (const line of invoice.lines.data) {
            const key = `${invoice.customer} ${line.period.start} ${invoice.id} ${line.pricing.price_details.price} ${line.period.end}`
            sums.set(key, (sums.get(key) ?? 0) + line.quantity)
        }
        const on = new Set([...sums].map(([key, n]) => `${key.split(' ', 2).join(' ')} ${n}`))
        const here = new Set(this.fake.all('customer').map(c => c.id))
        const rows = await this.install.sql(`SELECT stripe_subscription_id AS id, stripe_customer_id AS customer,
            FLOOR(UNIX_TIMESTAMP(period_start)) AS start, FLOOR(UNIX_TIMESTAMP(period_end)) AS end, used,
            (SELECT UNIX_TIMESTAMP(MAX(counted_at)) FROM usage_ledger l
             WHERE l.tenant_id = c.tenant_id AND l.period_start = c.period_start AND l.billable = 1) AS last
            FROM usage_counter c WHERE billable = 1`)
        for (const row of rows) {
            const sub = this.fake.w.byId.get(row.id)
            if (!here.has(row.customer) || this.twoSubscriptions.has(row.customer)) continue
            if (Math.min(row.end, sub.ended_at ?? Infinity) > this.now - 2 * HOUR) continue
            if (on.has(`${row.customer} ${row.start} ${row.used}`) || this.splitPeriods.has(`${row.customer} ${row.start}`)) continue
            if (row.start < (sub.trial_end ?? 0) && Number(row.used) <= (this.trialIncluded.get(sub.id) ?? 0)) continue
            // no event reported the end; it was found within hours
            if (sub.ended_at !== null && row.start >= sub.ended_at && row.last < sub.ended_at + 5 * HOUR) continue
            const why = this.endedAtOnce.has(row.id) || sub.cancellation_details?.reason === 'payment_failed'
            if (!why || row.start < sub.items.data[0].current_period_start) await this.#explain(row.customer)
            assert.ok(why && row.start >= sub.items.data[0].current_period_start, `${row.used} of ${row.id} since ${row.start} are on an invoice`)
            const price = sub.items.data.map(item => this.fake.w.byId.get(item.price)).find(one => one.recurring.usage_type === 'metered')
            if (this.#cost(price, Number(row.used))) await this.#assertAlarm(sub)
        }
    }

    async #assertAlarm(sub) {
        if (!this.alarmed.has(sub.id)) await this.#explain(sub.customer)
        assert.ok(this.alarmed.has(sub.id), `conversations of ${sub.id} that are on no invoice raise an alarm`)
    }

    /** Two live subscriptions share one meter at Stripe, which bills its usage twice. The operator must correct that, so an alarm is required. */
    async #auditTwoSubscriptions() {
        this.twoSubscriptions = new Set()
        for (const customer of new Set(this.fake.w.all('subscription').map(sub => sub.customer))) {
            const lives = this.fake.w.all('subscription').filter(sub => sub.customer === customer && !sub.status.startsWith('incomplete'))
                .map(sub => [sub.created, sub.ended_at ?? Infinity, sub.id]).sort((a, b) => a[0] - b[0])
            if (!lives.some(([from], i) => lives.slice(0, i).some(([, to]) => to > from))) continue
            this.twoSubscriptions.add(customer)
        }
        const alarmed = new Set((await this.install.sql(`SELECT HEX(tenant_id) AS t FROM billing_alarm WHERE kind = 'two_live'`)).map(r => r.t))
        for (const row of await this.install.sql(`SELECT HEX(tenant_id) AS t, stripe_customer_id AS customer FROM billing_customer`))
            if (this.twoSubscriptions.has(row.customer)) assert.ok(alarmed.has(row.t), `two subscriptions of ${row.customer} raise an alarm`)
    }

    async #auditLines(invoice, ledger) {
        const all = this.fake.w.byId.get(invoice.id).lines.data ?? invoice.lines.data
        const byPeriod = new Map()
        for (const line of all) {
            const price = this.fake.w.byId.get(line.pricing.price_details.price)
            if (price.recurring.usage_type !== 'metered') continue
            const key = `${invoice.customer} ${line.period.start} ${price.id} ${line.period.end}`
            const sum = byPeriod.get(key) ?? { quantity: 0, amount: 0, price }
            sum.quantity += line.quantity
            sum.amount += line.amount
            byPeriod.set(key, sum)
        }
        // Stripe discards the usage on the invoice of an upgrade that expires, so there must be none on it
        const expired = invoice.status === 'void' && invoice.billing_reason === 'subscription_update'
        for (const [key, { quantity, amount, price }] of byPeriod) {
            const counted = ledger.get(key.split(' ').slice(0, 2).join(' ')) ?? 0
            if (this.twoSubscriptions.has(invoice.customer)) continue
            assert.equal(amount, this.#cost(price, quantity), `the price of the usage on ${invoice.id}`)
            if (expired) {
                if (quantity) await this.#explain(invoice.customer)
                assert.equal(quantity, 0, `there is no usage on ${invoice.id}, whose upgrade expired`)
                continue
            }
            if (this.splitLines.has(`${invoice.id} ${key}`)) continue // checked as a whole period
            if (quantity < counted && this.endedAtOnce.has(invoice.parent.subscription_details.subscription)) continue // see #auditBilled
            if (quantity !== counted) await this.#explain(invoice.customer)
            assert.equal(quantity, counted, `usage on ${invoice.id} (${key})`)
            this.billed += quantity
            this.overage += amount
        }
    }

    /** Print the objects behind a difference, to find its cause. */
    async #explain(customer) {
        const seconds = column => `FLOOR(UNIX_TIMESTAMP(${column})) AS ${column}`
        const of = `stripe_customer_id = '${customer}'`
        console.error(JSON.stringify({
            subscriptions: this.fake.w.all('subscription').filter(s => s.customer === customer).map(s => ({
                id: s.id, status: s.status, created: s.created, ended: s.ended_at,
                periods: s.items.data.map(i => [i.current_period_start, i.current_period_end]),
            })),
            invoices: this.fake.all('invoice').filter(i => i.customer === customer).map(i => ({
                id: i.id, reason: i.billing_reason, created: i.created,
                lines: i.lines.data.map(l => [l.description, l.period.start, l.period.end, l.quantity, l.amount]),
            })),
            counters: await this.install.sql(`SELECT ${seconds('period_start')}, ${seconds('period_end')}, stripe_subscription_id, used, reported
                FROM usage_counter WHERE ${of}`),
            outbox: await this.install.sql(`SELECT ${seconds('period_start')}, ${seconds('event_at')}, ${seconds('created_at')}, ${seconds('sent_at')},
                quantity, state, attempts FROM meter_outbox WHERE ${of} ORDER BY created_at`),
        }, null, 1))
    }

    /** The overage from the terms' rows, calculated independently: price / included for each conversation beyond the plan, rounded half up. */
    #cost(price, quantity) {
        const terms = this.terms[this.planOfPrice(price.id)]
        if (terms.conversations === null) return 0
        const beyond = BigInt(Math.max(0, quantity - Number(terms.conversations)))
        return Number((beyond * BigInt(terms.overage) + 500000000000n) / 1000000000000n)
    }

    planOfPrice(id) {
        return /^parley_(.+)$/.exec(this.fake.w.byId.get(this.fake.w.byId.get(id).product).id)[1]
    }

    async #auditMirrors() {
        const rows = await this.install.sql(`SELECT *, UNIX_TIMESTAMP(period_start) AS ps, UNIX_TIMESTAMP(period_end) AS pe,
            UNIX_TIMESTAMP(cancel_at) AS ca, UNIX_TIMESTAMP(trial_end) AS te FROM subscription_mirror`)
        const mirrors = new Map(rows.map(r => [r.stripe_subscription_id, r]))
        const subs = this.fake.all('subscription')
        for (const sub of subs) {
            const m = mirrors.get(sub.id)
            assert.ok(m, `${sub.id} is mirrored`)
            const price = usage => sub.items.data.find(item => (item.price.recurring.usage_type === 'metered') === usage)
            const base = price(false)
            const seconds = text => text === null ? null : Math.floor(Number(text))
            assert.deepEqual(
                {
                    status: m.status, base: m.base_price_id, usage: m.usage_price_id, start: seconds(m.ps), end: seconds(m.pe), cancel: seconds(m.ca),
                    atEnd: m.cancel_at_period_end, trial: seconds(m.te), customer: m.stripe_customer_id,
                },
                {
                    status: sub.status, base: base.price.id, usage: price(true).price.id, start: base.current_period_start, end: base.current_period_end,
                    cancel: sub.cancel_at, atEnd: String(Number(sub.cancel_at_period_end)), trial: sub.trial_end, customer: sub.customer,
                },
                sub.id)
        }
        assert.equal(rows.length, subs.length, 'every mirror row has its subscription')
    }

    /** A tenant's rights follow from what is paid at Stripe; they are derived here without Parley's code. */
    async #auditRights() {
        for (const tenant of this.tenants) {
            const actual = await this.assertOk({ op: 'entitled', tenant: tenant.id })
            const expected = this.#expectedRights(tenant)
            assert.equal(actual.plan, expected.plan, `plan of ${tenant.id}: ${JSON.stringify({ actual, expected })}`)
            assert.equal(actual.billable, expected.billable, `${tenant.id}: ${JSON.stringify({ actual, expected })}`)
            assert.equal(actual.read_only, expected.readOnly, `${tenant.id}: ${JSON.stringify({ actual, expected })}`)
            if (expected.readOnly) assert.ok(actual.limit <= PLANS.free, `${tenant.id} is read-only`)
        }
    }

    #expectedRights(tenant) {
        const rank = ['free', 'starter', 'professional', 'enterprise']
        let best = { plan: 'free', billable: false, readOnly: false }
        for (const sub of this.subscriptions(tenant)) {
            const plan = this.planOfPrice(sub.items.data.map(item => item.price).find(id => this.fake.w.byId.get(id).recurring.usage_type !== 'metered'))
            const late = sub.status === 'past_due' ? this.now - this.#unpaidSince(sub) : 0
            if (!['active', 'trialing', 'past_due'].includes(sub.status) || late >= 14 * DAY) continue
            const here = { plan, billable: true, readOnly: late >= 7 * DAY }
            const higher = best.readOnly === here.readOnly && rank.indexOf(plan) > rank.indexOf(best.plan)
            if (!best.billable || (best.readOnly && !here.readOnly) || higher) best = here
        }
        return best
    }

    #unpaidSince(sub) {
        const open = this.fake.all('invoice').filter(i => i.parent?.subscription_details?.subscription === sub.id && i.status === 'open')
        return Math.min(...open.map(i => i.status_transitions.finalized_at))
    }

    summary() {
        const count = kind => this.fake.all(kind).length
        return {
            seed: this.seed, days: Math.round((this.now - this.start) / DAY), tenants: this.size, granted: this.granted, refused: this.refused,
            billed: this.billed, overage: this.overage, splitPeriods: this.splitCount ?? 0,
            subscriptions: count('subscription'), invoices: count('invoice'), events: this.fake.w.events.length,
            requests: this.fake.log.list.length, crashes: this.crashes,
            faults: Object.values(this.fake.faults.count).reduce((a, b) => a + b, 0), done: this.done, refusals: this.refusals,
        }
    }
}
