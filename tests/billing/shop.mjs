// What the browser suites of money share: an install that sells through a fake Stripe, a person who buys.
import { startInstall } from '../lib/install.mjs'

export const KEY = 'sk_test_path'

/** An install that sells through this fake. `heard`: the fake's webhooks arrive. */
export async function startShop(world, { heard = true, config = {} } = {}) {
    const install = await startInstall({ config: { rate_limits: 'off', stripe_secret_key: KEY, stripe_api_base: world.url, ...config } })
    const made = JSON.parse(await install.run('--json', 'billing', 'setup'))
    if (heard) install.configure({ stripe_webhook_secrets: [made.webhook_secret, made.thin_secret].join(' ') })
    install.hup()
    return install
}

export const main = page => page.getByRole('main')
export const press = (page, name) => main(page).getByRole('button', { name }).click()
export const says = (page, text) => main(page).getByText(text).first().waitFor()
export const tenantOf = async (install, name) => JSON.parse(await install.run('--json', 'tenant', 'list')).find(t => t.name === name).id

/** Lines of the install's logs that hold what no log may hold. */
export const secretsIn = install => ['serve', 'web'].map(name => install.log(name)).filter(text => /whsec_|sk_test_path|\/c\/pay\/|\/p\/session\//.test(text))

/** On the fake's page; returns when the portal is reached again. */
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
