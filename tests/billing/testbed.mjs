// Helpers of checkout.test.mjs and change.test.mjs: an install whose key has the rights listed in the manual, a fake Stripe, one clock, tenants that buy.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { startInstall } from '../lib/install.mjs'
import { startFake } from '../stripe/fake/index.mjs'
import { Ops } from './ops.mjs'
import { RIGHTS } from './rights.mjs'

const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz'

/** The shown form of 16 bytes given as hex, and back */
export function shown(prefix, hex) {
    let n = BigInt(`0x${hex}`), text = ''
    for (let i = 0; i < 26; i++, n >>= 5n) text = DIGITS[Number(n & 31n)] + text
    return prefix + text
}
export function bytes(id) {
    const n = [...id.slice(id.indexOf('_') + 1)].reduce((sum, c) => sum * 32n + BigInt(DIGITS.indexOf(c)), 0n)
    return n.toString(16).padStart(32, '0')
}

/** Ops without sleeps between attempts; client.test.mjs tests their length */
async function opsWithoutSleeps(bed) {
    const ops = new Ops(bed.install.env)
    await ops.call({ op: 'no_sleeps' })
    return ops
}

export class Testbed {
    key = 'rk_test_bed'
    #tenants = 0

    static async open({ now = Date.UTC(2027, 2, 31, 9) / 1000 } = {}) {
        const bed = new Testbed()
        bed.fake = await startFake({ now, seed: Number(process.env.SEED ?? 11), deliver: 'manual' })
        bed.fake.control.key(bed.key, { rights: RIGHTS })
        bed.install = await startInstall({
            programs: false,
            config: { stripe_secret_key: bed.key, stripe_api_base: bed.fake.url, base_url: 'https://parley.example', log_level: 'warn' },
        })
        bed.all = [bed.ops = await opsWithoutSleeps(bed)]
        await bed.tick()
        assert.equal((await bed.ops.call({ op: 'setup' })).ok, true)
        return bed
    }

    /** A second process, as for another tab or another owner */
    async secondOps() {
        if (!this.all[1]) this.all.push(await opsWithoutSleeps(this))
        await this.tick()
        return this.all[1]
    }

    async reset() {
        this.fake.faults.clear()
        this.install.configure({ stripe_trial_days: null, stripe_promotion_codes: null, stripe_automatic_tax: null })
        await this.tick(60)
    }

    async close() {
        for (const ops of this.all) await ops.end()
        const swaps = this.fake.requests.filter(r => r.method === 'POST' && /^\/v1\/subscriptions\/[^/]+$/.test(r.path) && r.status === 200)
        for (const swap of swaps) { // a price without the id of its item would be added, and billed twice
            const form = new URLSearchParams(String(swap.body))
            for (const name of form.keys()) {
                const [, item] = /^items\[(\d+)\]\[price\]$/.exec(name) ?? []
                if (item) assert.ok(form.get(`items[${item}][id]`), `no item id in ${swap.body}`)
            }
        }
        for (const what of ['violations', 'shapeErrors', 'broken']) assert.deepEqual(this.fake[what], [], what)
        const log = this.all.map(ops => ops.log).join('')
        assert.ok(!/whsec_|rk_test_|checkout\.stripe|\/pay\//.test(log), 'a secret in the log')
        await this.fake.stop()
        await this.install.stop()
    }

    /** Advance all clocks by `seconds` */
    async tick(seconds = 0) {
        await this.fake.advance(seconds)
        for (const ops of this.all) await ops.call({ op: 'clock', ms: this.fake.now() * 1000 })
    }

    // ---- in Parley ----

    async tenant({ email, name = `Workspace ${++this.#tenants}` } = {}) {
        const tenant = await this.install.run('tenant', 'create', name)
        if (email) {
            const user = await this.install.run('user', 'create', email, '--password-stdin', { input: 'correct horse 9\n' })
            await this.install.run('user', 'add-to', user, tenant, '--role', 'owner')
        }
        return tenant
    }

    rename(tenant, name) {
        return this.install.sql(`UPDATE tenant SET name = '${name}' WHERE tenant_id = UNHEX('${bytes(tenant)}')`)
    }

    async buyer(plan, { card = 'ok' } = {}) {
        const tenant = await this.tenant()
        const begun = await this.ops.call({ op: 'begin', tenant, plan })
        assert.equal(begun.ok, true, begun.message)
        const session = this.session(begun.url)
        assert.equal(this.fake.control.pay(session.id, { card }), 'complete')
        assert.equal((await this.ops.call({ op: 'return', tenant, session: session.id })).outcome, 'done')
        return tenant
    }

    /** Bots of a tenant, oldest first */
    async bots(tenant, n) {
        const ids = []
        for (let i = 0; i < n; i++) {
            const hex = randomBytes(16).toString('hex')
            await this.install.sql(`INSERT INTO bot (tenant_id, bot_id, name, language, template, draft, draft_hash, created_at, updated_at)
                VALUES (UNHEX('${bytes(tenant)}'), UNHEX('${hex}'), 'Bot ${i}', 'en', 'blank', '{}', REPEAT('x', 32), '2027-01-01 00:00:0${i}', '2027-01-01')`)
            ids.push(shown('bot_', hex))
        }
        return ids
    }

    async kept(tenant) {
        const rows = await this.rows(tenant, 'SELECT HEX(bot_id) id FROM bot WHERE tenant_id = ? AND kept_at IS NOT NULL ORDER BY created_at')
        return rows.map(r => shown('bot_', r.id))
    }

    /** Count `used` conversations in the subscription's period */
    async usage(tenant, sub, used) {
        const at = seconds => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')
        const { current_period_start: start, current_period_end: end } = sub.items.data[0]
        await this.install.sql(`INSERT INTO usage_counter (tenant_id, period_start, billable, period_end, used, stripe_subscription_id, stripe_customer_id, unsent_since)
            VALUES (UNHEX('${bytes(tenant)}'), '${at(start)}', 1, '${at(end)}', ${used}, '${sub.id}', '${sub.customer}', '${at(start)}')`)
    }

    rows(tenant, sql) {
        return this.install.sql(sql.replace('?', `UNHEX('${bytes(tenant)}')`))
    }

    alarms(tenant) {
        return this.rows(tenant, 'SELECT kind, object, words FROM billing_alarm WHERE tenant_id = ? ORDER BY first_at')
    }

    async state(tenant) {
        const state = await this.ops.call({ op: 'state', tenant })
        assert.equal(state.ok, true, state.message)
        return state
    }

    async refresh(kind, id) {
        const done = await this.ops.call({ op: 'refresh', kind, id })
        assert.equal(done.ok, true, done.message)
    }

    /** Refresh the mirror of all the tenant's subscriptions */
    async refreshAll(tenant) {
        for (const sub of this.subscriptions(tenant)) await this.refresh('subscription', sub.id)
    }

    pick(object, ...names) {
        return Object.fromEntries(names.map(name => [name, object[name]]))
    }

    // ---- at Stripe ----

    /** A request as from Stripe's dashboard */
    async dashboard(method, path) {
        const answer = await fetch(this.fake.url + path, { method, headers: { Authorization: `Bearer ${this.key}`, 'Stripe-Version': this.fake.w.version } })
        assert.equal(answer.status, 200, await answer.text())
    }

    customers(tenant) {
        return this.fake.all('customer').filter(c => c.metadata.tenant === tenant)
    }

    subscriptions(tenant) {
        return this.fake.all('subscription').filter(s => s.metadata.tenant === tenant)
    }

    sessions(tenant) {
        return this.fake.all('checkout.session').filter(s => s.metadata.tenant === tenant)
    }

    /** The checkout session whose page has this address */
    session(url) {
        const found = this.fake.all('checkout.session').find(s => s.url === url)
        assert.ok(found, `no open session has the address ${url}`)
        return found
    }

    price(plan, role) {
        return this.fake.all('price').find(p => p.lookup_key === `parley_${plan}_${role}`)
    }

    async sdk(method, path, form) {
        const answer = await fetch(this.fake.url + path, {
            method, body: new URLSearchParams(form).toString(),
            headers: { authorization: 'Bearer sk_test_seller', 'content-type': 'application/x-www-form-urlencoded', 'stripe-version': '2026-10-28.endive', 'idempotency-key': randomBytes(8).toString('hex') },
        })
        const body = await answer.json()
        assert.equal(answer.status, 200, JSON.stringify(body))
        return body
    }
}
