// Failures during a payment, as the person at the browser sees them: Stripe slow or silent, two tabs, the back button, two clicks,
// no mouse. Whatever is pressed, however often, there is one checkout, one change, one payment, and a page that says what is known.
// Runs for about 30 s.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../lib/install.mjs'
import { isAccessible, signUp } from '../portal/portal.mjs'
import { buy, main, openShop, press, says, tenantOf } from './shop.mjs'

let parley, fake, browser, shop

before(async () => {
    shop = await openShop({ seed: Number(process.env.SEED ?? 6) })
    ;({ parley, fake, browser } = shop)
})
after(() => shop?.close())

/** A person with a workspace of this name, and its objects at Stripe. */
async function person(name, plan) {
    const page = await (await browser.newContext()).newPage()
    await signUp(page, parley.url, { workspace: name })
    if (plan) await buy(page, parley.url, plan)
    const tenant = await tenantOf(parley, name)
    const customers = () => fake.all('customer').filter(c => c.metadata.tenant === tenant)
    const of = kind => fake.all(kind).filter(o => customers().some(c => c.id === o.customer))
    return { page, tenant, customers, of, sub: () => of('subscription')[0], planName: async () => { await page.goto(`${parley.url}/app/billing`); return page.locator('.plan-now-name').innerText() } }
}
const refusal = page => main(page).getByRole('alert')
const UNKNOWN = /gave no answer in time\. It may have gone through/, NOT_DONE = /Nothing was changed or charged/

test('when Stripe exceeds the deadline the page says the outcome is unknown, and a second attempt finds it', async () => {
    const buyer = await person('Slow buyer'), payer = await person('Slow payer', 'STARTER')
    fake.faults.add({ kind: 'slow', ms: 16500, method: 'POST', path: '/v1/checkout/sessions' })
    fake.faults.add({ kind: 'slow', ms: 16500, method: 'POST', path: `/v1/subscriptions/${payer.sub().id}` })
    await buyer.page.goto(`${parley.url}/app/billing/plans`)
    await payer.page.goto(`${parley.url}/app/billing/change?plan=professional`)
    await Promise.all([press(buyer.page, 'Buy STARTER'), main(payer.page).getByRole('button', { name: /^Pay/ }).click()])
    for (const { page } of [buyer, payer]) {
        await refusal(page).waitFor({ timeout: 30000 })
        assert.match(await refusal(page).innerText(), UNKNOWN)
        await isAccessible(page, 'an answer that is not known')
    }
    await until('the slow ones to be executed', () => buyer.of('checkout.session').length === 1 && payer.of('invoice').length === 2, 20000)
    await until('the page to show the change', async () => /PROFESSIONAL/.test(await payer.planName()), 20000)
    await buyer.page.goto(`${parley.url}/app/billing/plans`)
    await press(buyer.page, 'Buy STARTER')
    await buyer.page.getByRole('heading', { name: 'Checkout' }).waitFor()
    assert.deepEqual([buyer.customers().length, buyer.of('checkout.session').length, payer.of('invoice').length], [1, 1, 2])
})

test('after a connection broke during a charge the page does not claim it was free, and nothing is charged twice', async () => {
    const { page, of, sub, planName } = await person('Broken', 'STARTER')
    fake.faults.add({ kind: 'dropAfter', method: 'POST', path: `/v1/subscriptions/${sub().id}`, times: 1 })
    await page.goto(`${parley.url}/app/billing/change?plan=professional`)
    await main(page).getByRole('button', { name: /^Pay/ }).click()
    await says(page, 'Your plan has changed.') // asked again under the same key
    assert.match(await planName(), /PROFESSIONAL/)
    assert.equal(of('invoice').length, 2)

    fake.faults.add({ kind: 'dropBefore', method: 'POST', path: `/v1/subscriptions/${sub().id}`, times: 9 })
    await page.goto(`${parley.url}/app/billing/change?plan=enterprise`)
    await main(page).getByRole('button', { name: /^Pay/ }).click()
    await refusal(page).waitFor({ timeout: 30000 })
    assert.match(await refusal(page).innerText(), new RegExp(`${UNKNOWN.source}|${NOT_DONE.source}`))
    fake.faults.clear()
    assert.match(await planName(), /PROFESSIONAL/, 'nothing is shown that is not so')
    await page.goto(`${parley.url}/app/billing/change?plan=enterprise`)
    await main(page).getByRole('button', { name: /^Pay/ }).click()
    await says(page, 'Your plan has changed.')
    assert.equal(of('invoice').length, 3)
})

test('a preview that another tab has overtaken is shown again, and nothing is charged until it is confirmed again', async () => {
    const { page, of, planName } = await person('Stale', 'STARTER')
    const other = await page.context().newPage()
    for (const [tab, plan] of [[page, 'enterprise'], [other, 'professional']]) await tab.goto(`${parley.url}/app/billing/change?plan=${plan}`)
    await main(page).getByRole('button', { name: /^Pay/ }).click()
    await says(page, 'Your plan has changed.')
    const charged = of('invoice').length
    await main(other).getByRole('button', { name: /^Pay/ }).click()
    await refusal(other).waitFor()
    assert.match(await refusal(other).innerText(), /changed in the meantime/)
    await other.getByRole('heading', { name: 'Change to PROFESSIONAL' }).waitFor() // from ENTERPRISE it is less
    await isAccessible(other, 'a preview that was overtaken')
    assert.equal(of('invoice').length, charged)
    assert.match(await planName(), /ENTERPRISE/)
    assert.equal(await main(page).getByText(/From .* on: PROFESSIONAL/).count(), 0, 'nothing is planned')
})

test('a preview that is an hour old is not accepted for payment', async () => {
    const { page, of } = await person('Yesterday', 'STARTER')
    await page.goto(`${parley.url}/app/billing/change?plan=professional`)
    await page.locator('input[name=proration]').evaluate(field => { field.value = String(Number(field.value) - 2 * 3600 * 1000) })
    await main(page).getByRole('button', { name: /^Pay/ }).click()
    await refusal(page).waitFor()
    assert.match(await refusal(page).innerText(), /too old/)
    assert.equal(of('invoice').length, 1)
    await main(page).getByRole('button', { name: /^Pay/ }).click() // with the sum of now
    await says(page, 'Your plan has changed.')
})

test('two clicks and the back button after paying make one checkout, and the page says the plan is active', async () => {
    const { page, of } = await person('Back')
    await page.goto(`${parley.url}/app/billing/plans`)
    await main(page).getByRole('button', { name: 'Buy STARTER' }).dblclick()
    await page.getByRole('heading', { name: 'Checkout' }).waitFor()
    assert.equal(of('checkout.session').length, 1)
    await page.goBack()
    await main(page).getByRole('button', { name: 'Buy STARTER' }).waitFor()
    assert.equal(await main(page).getByRole('button', { name: 'Buy STARTER' }).isEnabled(), true, 'who comes back may press again')
    await press(page, 'Buy STARTER')
    await page.getByRole('button', { name: 'Pay', exact: true }).click()
    await page.waitForURL(u => u.pathname === '/app/billing', { timeout: 30000 })
    await says(page, 'Your plan is active')
    for (let i = 0; i < 6 && !new URL(page.url()).pathname.endsWith('/plans'); i++) await page.goBack()
    const again = main(page).getByRole('button', { name: 'Buy PROFESSIONAL' })
    if (await again.count()) { // restored by the browser as it was
        await again.click()
        await says(page, 'This workspace has a plan that is paid')
    }
    await main(page).getByRole('link', { name: 'Upgrade to PROFESSIONAL' }).waitFor()
    assert.deepEqual([of('checkout.session').length, of('subscription').length, of('invoice').length], [1, 1, 1])
})

test('by keyboard alone a person buys a plan, upgrades it and cancels it', async () => {
    const page = await (await browser.newContext()).newPage()
    const focused = () => page.evaluate(() => {
        const at = document.activeElement
        const outlined = getComputedStyle(at).outlineStyle !== 'none' || getComputedStyle(at).boxShadow !== 'none'
        return { name: at.innerText?.trim().replace(/\s+/g, ' ') || at.getAttribute('aria-label') || at.getAttribute('name') || at.tagName, seen: at.matches(':focus-visible') && outlined }
    })
    const reach = async what => {
        for (let i = 0; i < 90; i++) {
            const at = await focused()
            if (at.name.startsWith(what)) return assert.ok(at.seen, `the focus on "${what}" shows`)
            await page.keyboard.press('Tab')
        }
        throw new Error(`"${what}" cannot be reached with Tab`)
    }
    const enter = async what => { await reach(what); await page.keyboard.press('Enter') }
    await page.goto(`${parley.url}/pricing`)
    await reach('Conversations a month')
    await page.keyboard.press('End')
    assert.equal(await page.locator('.is-chosen h2').innerText(), 'PROFESSIONAL')
    await page.keyboard.press('Home')
    assert.equal(await page.locator('.is-chosen h2').innerText(), 'FREE')
    await enter('Start with STARTER')
    await page.waitForURL('**/signup?plan=starter')
    await says(page, 'The plan you have chosen comes next.')
    for (const [field, text] of [['name', 'Ada'], ['workspace', 'Keys'], ['email', `paying${process.pid}@example.com`], ['password', 'correct horse battery']]) {
        await reach(field)
        await page.keyboard.type(text)
    }
    await page.keyboard.press('Enter')
    await page.waitForURL('**/app/billing/plans?plan=starter')
    await enter('What changes')
    await enter('Buy STARTER')
    await page.getByRole('heading', { name: 'Checkout' }).waitFor()
    await page.getByRole('button', { name: 'Pay', exact: true }).press('Enter') // Stripe's page, not ours
    await page.waitForURL(u => u.pathname === '/app/billing', { timeout: 30000 })
    await says(page, 'Your plan is active')
    await enter('Change plan')
    await page.waitForURL('**/app/billing/plans')
    await enter('Upgrade to PROFESSIONAL')
    await page.getByRole('heading', { name: 'Upgrade to PROFESSIONAL' }).waitFor()
    await enter('Pay $')
    await says(page, 'Your plan has changed.')
    await enter('Cancel plan')
    await page.getByRole('heading', { name: 'Cancel PROFESSIONAL' }).waitFor()
    await enter('Cancel at the end')
    await says(page, 'Cancelled. Until the end')
    await enter('Undo')
    await says(page, 'Undone.')
})
