// A whole install with a fake Stripe, set up by `parley billing setup`: for suites about events from Stripe and their effect.
import Stripe from 'stripe'
import { startInstall, until } from '../lib/install.mjs'
import { startFake } from '../stripe/fake/index.mjs'
import { deliver, snapshot } from './hook.mjs'
import { RIGHTS } from './rights.mjs'

export const KEY = 'rk_test_site'
const SELLER = 'sk_test_seller' // the seller's key in Stripe's dashboard
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** The UUID of a shown id, in hex. */
export function hexOf(id) {
    let n = 0n
    for (const c of id.slice(id.lastIndexOf('_') + 1)) n = n << 5n | BigInt(ALPHABET.indexOf(c))
    return n.toString(16).padStart(32, '0')
}

export async function startSite({ fake: fakeOptions, config, ...options } = {}) {
    const fake = await startFake({ seed: Number(process.env.SEED ?? 20261123), deliver: 'manual', ...fakeOptions })
    fake.control.key(KEY, { rights: RIGHTS })
    const parley = await startInstall({ ...options, config: { stripe_secret_key: KEY, stripe_api_base: fake.url, rate_limits: 'off', ...config } })
    fake.control.delivery({ signAt: 'real' })
    const setup = JSON.parse(await parley.run('billing', 'setup', '--json'))
    const site = new Site(fake, parley, setup)
    await site.secrets([setup.webhook_secret, setup.thin_secret])
    return site
}

class Site {
    constructor(fake, parley, setup) {
        Object.assign(this, { fake, parley, setup, count: 0 })
        this.stripe = new Stripe(SELLER, { host: '127.0.0.1', port: fake.port, protocol: 'http', telemetry: false, maxNetworkRetries: 0 })
        this.url = parley.url
    }

    /** The signing secrets that are valid from now on; the first signs what send() delivers. */
    async secrets(list) {
        this.signing = list
        this.parley.configure({ stripe_webhook_secrets: list.join(' ') })
        if (!this.parley.pid('serve')) return
        this.parley.hup()
        const probe = JSON.stringify({ object: 'event' })
        await until('the secrets', async () => (await deliver(this.url, probe, { secrets: [list[0]] })).body?.code === 'event_invalid')
    }

    /** Deliver events of the fake (or others) in this order, independent of the fake's own delivery. */
    async send(...events) {
        for (const event of events) {
            const answer = await deliver(this.url, event, { secrets: this.signing })
            if (answer.status !== 200) throw new Error(`${event.type}: ${answer.status} ${answer.text}`)
        }
    }

    /** An event of our own about an object of the fake. */
    event(type, id, more) {
        return snapshot(type, this.fake.get(id) ?? { id, object: id.startsWith('sub') ? 'subscription' : 'invoice' }, more)
    }

    events(type, since = 0) {
        return this.fake.events.slice(since).filter(e => e.type === type)
    }

    async tenant(name = `Site ${++this.count}`) {
        return (await this.parley.run('tenant', 'create', name)).trim()
    }

    async customer(tenant, { known = true, card = 'ok' } = {}) {
        const customer = await this.stripe.customers.create({ email: `${++this.count}@example.com`, metadata: tenant ? { tenant } : {} })
        if (card) this.fake.control.card(customer.id, card)
        if (known && tenant)
            await this.sql(`INSERT INTO billing_customer VALUES (UNHEX('${hexOf(tenant)}'), '${customer.id}', 0, NOW(3), NULL)`)
        return customer.id
    }

    async price(plan, role) {
        const rows = await this.sql(`SELECT s.stripe_price_id AS id FROM stripe_price s JOIN plan p ON p.plan_terms_id = s.plan_terms_id
            WHERE p.plan = '${plan}' AND s.role = '${role}' AND s.livemode = 0`)
        return rows[0].id
    }

    async subscribe(customer, plan = 'starter', more = {}) {
        const items = [{ price: await this.price(plan, 'base') }, { price: await this.price(plan, 'usage') }]
        return this.stripe.subscriptions.create({ customer, items, ...more })
    }

    /** Tenant, customer and a live subscription whose events are not delivered yet. */
    async paying(plan, more = {}) {
        const tenant = await this.tenant(), customer = await this.customer(tenant)
        const sub = await this.subscribe(customer, plan, { metadata: { tenant }, ...more })
        return { tenant, customer, sub: sub.id }
    }

    sql(query) { return this.parley.sql(query) }
    async row(table, where) { return (await this.sql(`SELECT * FROM ${table} WHERE ${where}`))[0] }
    mirror(sub) { return this.row('subscription_mirror', `stripe_subscription_id = '${sub}'`) }
    invoice(id) { return this.row('invoice_mirror', `stripe_invoice_id = '${id}'`) }
    stored(event) { return this.row('stripe_event', `event_id = '${event.id ?? event}'`) }
    alarm(kind, object) { return this.row('billing_alarm', `open_key = '${kind}:${object}'`) }

    /** Wait until the event is in this state. */
    settled(event, state = 'done', ms) {
        return until(`${event.type ?? event} to be ${state}`, async () => {
            const row = await this.stored(event)
            if (row.state !== state) throw new Error(`it is ${row.state}: ${row.last_error}`)
            return row
        }, ms)
    }

    /** Deliver, and wait until all of them are done. */
    async deliverAndWait(...events) {
        await this.send(...events)
        for (const e of events) await this.settled(e)
    }

    /** Deliver everything the fake has, in its order, and wait until it is processed. */
    async pump() {
        while ((await this.fake.control.pump()).length);
        await this.idle()
    }

    /** Wait until only postponed events are pending. */
    idle(ms) {
        return until('all events to be processed', async () => (await this.sql("SELECT COUNT(*) AS n FROM stripe_event WHERE state = 'pending' AND last_error = ''"))[0].n === '0', ms)
    }

    async stop() {
        await this.parley.stop()
        await this.fake.stop()
        const wrong = [...this.fake.broken, ...this.fake.violations, ...this.fake.shapeErrors]
        if (wrong.length) throw new Error(`the fake complains: ${JSON.stringify(wrong.slice(0, 5), null, 1)}`)
    }
}
