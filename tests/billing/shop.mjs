// Helpers of the browser tests of billing: an install that sells through a fake Stripe, and the steps of a purchase.
import assert from 'node:assert/strict'
import { startBrowser } from '../lib/browser.mjs'
import { startInstall } from '../lib/install.mjs'
import { startFake } from '../stripe/fake/index.mjs'

export const KEY = 'sk_test_path'

/** An install that sells through this fake. `webhooks`: those of the fake are accepted. */
export async function startShop(fake, { webhooks = true, config = {} } = {}) {
    const install = await startInstall({ config: { rate_limits: 'off', stripe_secret_key: KEY, stripe_api_base: fake.url, ...config } })
    const made = JSON.parse(await install.run('--json', 'billing', 'setup'))
    if (webhooks) install.configure({ stripe_webhook_secrets: [made.webhook_secret, made.thin_secret].join(' ') })
    install.hup()
    return install
}

/** A fake, an install that receives its events, and a browser; close() also reports invalid requests and secrets in logs. */
export async function openShop({ seed }) {
    const fake = await startFake({ seed }), shop = { fake }
    shop.close = async () => {
        await shop.browser?.close()
        const secrets = shop.parley ? secretsIn(shop.parley) : []
        await fake.stop()
        await shop.parley?.stop()
        for (const what of ['violations', 'shapeErrors', 'broken']) assert.deepEqual(fake[what], [], what)
        assert.deepEqual(secrets, [], 'a secret in a log')
    }
    try {
        shop.parley = await startShop(fake)
        shop.browser = await startBrowser()
    } catch (error) {
        await shop.close()
        throw error
    }
    return shop
}

export const main = page => page.getByRole('main')
export const press = (page, name) => main(page).getByRole('button', { name }).click()
export const says = (page, text) => main(page).getByText(text).first().waitFor()
export const tenantOf = async (install, name) => JSON.parse(await install.run('--json', 'tenant', 'list')).find(t => t.name === name).id

/** Logs of the install that contain a secret. */
export const secretsIn = install => ['serve', 'web'].map(name => install.log(name)).filter(text => /whsec_|sk_test_path|\/c\/pay\/|\/p\/session\//.test(text))

/** Pay on the fake's page; returns once the portal is reached again. */
export async function pay(page, url, action = 'Pay') {
    await page.getByRole('heading', { name: 'Checkout' }).waitFor()
    await page.getByRole('button', { name: action, exact: true }).click()
    await page.waitForURL(u => u.origin === url && u.pathname === '/app/billing', { timeout: 30000 })
}

export async function buy(page, url, plan = 'STARTER') {
    await page.goto(`${url}/app/billing/plans`)
    await press(page, `Buy ${plan}`)
    await pay(page, url)
    await says(page, 'Your plan is active')
}

/** A fake whose clock is `days` slow: a subscription bought there has been renewed once its clock has caught up. */
export async function startPastFake(days) {
    const now = Math.floor(Date.now() / 1000)
    const fake = await startFake({ now: now - days * 86400, seed: 9, deliver: 'manual' })
    fake.control.policy({ afterRetries: 'past_due' })
    const api = async (path, form) => {
        const reply = await fetch(fake.url + path, { method: 'POST', body: new URLSearchParams(form), headers: { Authorization: `Bearer ${KEY}`, 'Stripe-Version': '2026-10-28.endive' } })
        const body = await reply.json()
        assert.equal(reply.status, 200, JSON.stringify(body))
        return body
    }
    const price = (plan, role) => fake.all('price').find(p => p.lookup_key === `parley_${plan}_${role}`).id
    return {
        fake, now,
        /** A live subscription of the workspace; `card` is how its card behaves from then on. */
        async subscribe(install, name, tenant, plan, { card = 'ok', ...more } = {}) {
            const customer = await api('/v1/customers', { 'metadata[tenant]': tenant, email: 'owner@example.com' })
            fake.control.card(customer.id, 'ok')
            const sub = await api('/v1/subscriptions', { customer: customer.id, 'items[0][price]': price(plan, 'base'), 'items[1][price]': price(plan, 'usage'), 'metadata[tenant]': tenant, ...more })
            assert.match(sub.status, /^(active|trialing)$/)
            fake.control.card(customer.id, card)
            await install.sql(`INSERT INTO billing_customer (tenant_id, stripe_customer_id, livemode, created_at) SELECT tenant_id, '${customer.id}', 0, NOW(3) FROM tenant WHERE name = '${name}'`)
            return { sub: sub.id, customer: customer.id }
        },
    }
}
