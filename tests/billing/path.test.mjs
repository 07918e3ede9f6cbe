// The whole path of money in a browser: FREE, prices, a plan bought on the fake's checkout page, changed, cancelled, taken back, a card that
// fails, back to FREE; two tabs, double clicks, a phone, no JavaScript; and an install that sells nothing.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startBrowser } from '../lib/browser.mjs'
import { startInstall, until } from '../lib/install.mjs'
import { createBot, isAccessible, signIn, signUp, watch } from '../browser/portal.mjs'
import { startFake } from './fake/index.mjs'

let parley, fake, browser
const KEY = 'sk_test_path'

/** An install that sells through this fake. `heard`: the fake's webhooks arrive. */
async function startShop(world, { heard = true, config = {} } = {}) {
    const install = await startInstall({ config: { rate_limits: 'off', stripe_secret_key: KEY, stripe_api_base: world.url, ...config } })
    const made = JSON.parse(await install.run('--json', 'billing', 'setup'))
    if (heard) install.configure({ stripe_webhook_secrets: [made.webhook_secret, made.thin_secret].join(' ') })
    install.hup()
    return install
}

before(async () => {
    fake = await startFake({ seed: Number(process.env.SEED ?? 5) })
    parley = await startShop(fake)
    browser = await startBrowser()
})
after(async () => {
    await browser?.close()
    const secrets = parley && ['serve', 'web'].map(name => parley.log(name)).filter(text => /whsec_|sk_test_path|\/c\/pay\/|\/p\/session\//.test(text))
    for (const what of ['violations', 'shapeErrors', 'broken']) assert.deepEqual(fake?.[what] ?? [], [], what)
    await fake?.stop()
    await parley?.stop()
    assert.deepEqual(secrets ?? [], [], 'a secret in a log')
})

const fresh = async options => (await browser.newContext(options)).newPage()
const main = page => page.getByRole('main')
const press = (page, name) => main(page).getByRole('button', { name }).click()
const says = (page, text) => main(page).getByText(text).first().waitFor()
const tenantOf = async (install, name) => JSON.parse(await install.run('--json', 'tenant', 'list')).find(t => t.name === name).id
const customerOf = tenant => fake.all('customer').find(c => c.metadata.tenant === tenant)
const post = async (page, where, form) => {
    const _csrf = await page.locator('input[name=_csrf]').first().inputValue()
    return page.request.post(parley.url + where, { form: { _csrf, ...form }, headers: { Origin: parley.url }, maxRedirects: 0 })
}

/** On the fake's page; returns when the portal is reached again. */
async function pay(page, action = 'Pay', url = parley.url) {
    await page.getByRole('heading', { name: 'Checkout' }).waitFor()
    await page.getByRole('button', { name: action, exact: true }).click()
    await page.waitForURL(u => u.origin === url && u.pathname === '/app/billing', { timeout: 30000 })
}

async function buy(page, plan = 'STARTER', url = parley.url) {
    await page.goto(`${url}/app/billing/plans`)
    await press(page, `Buy ${plan}`)
    await pay(page, 'Pay', url)
    await says(page, 'Your plan is active')
}

test('from the page of prices to a plan that is paid', async () => {
    const page = await fresh()
    const wrong = watch(page)
    await page.goto(parley.url)
    await page.getByRole('navigation', { name: 'Site' }).getByRole('link', { name: 'Pricing' }).click()
    await page.getByLabel('How many conversations').fill('12000')
    await page.getByText('with $9.80 for 2,000 more').waitFor()
    assert.equal(await page.locator('.is-chosen h2').innerText(), 'STARTER')
    await page.getByLabel('How many conversations').fill('900')
    assert.equal(await page.locator('.is-chosen h2').innerText(), 'FREE')
    await page.getByRole('slider').focus()
    await page.keyboard.press('End')
    assert.equal(await page.getByLabel('How many conversations').inputValue(), '200000')
    assert.equal(await page.locator('.is-chosen h2').innerText(), 'PROFESSIONAL', 'the slider chooses too')
    await page.getByText('with $597.00 for 150,000 more').waitFor()
    await page.getByRole('link', { name: 'Start with STARTER' }).click()
    await page.getByLabel('Your name').fill('Ada')
    await page.getByLabel('Company or project').fill('Path')
    await page.getByLabel('E-mail address').fill(`path${process.pid}@example.com`)
    await page.getByLabel('Password').fill('correct horse battery staple')
    await page.getByRole('button', { name: 'Create account' }).click()
    await page.waitForURL('**/app/billing/plans?plan=starter')
    assert.equal(await page.locator('.is-chosen h2').innerText(), 'STARTER', 'the plan chosen before is marked')
    await page.goto(`${parley.url}/app/billing`)
    await says(page, 'FREE costs nothing')
    await page.goto(`${parley.url}/app/billing/plans?plan=starter`)
    await press(page, 'Buy STARTER')
    await page.getByRole('heading', { name: 'Checkout' }).waitFor()
    await page.getByRole('link', { name: 'Go back' }).click()
    await says(page, 'Nothing was charged')
    await press(page, 'Buy STARTER')
    await pay(page)
    await says(page, 'Thank you! Your plan is active.')
    await says(page, 'Renews on')
    await says(page, 'Next invoice')
    await page.getByRole('link', { name: 'Invoices' }).click()
    await until('the invoice', async () => { await page.reload(); return await main(page).getByText('Paid').count() }, 20000)
    await says(page, '$49.00')
    assert.match(await page.getByRole('link', { name: /^PDF/ }).getAttribute('href'), /\/pdf$/)
    assert.deepEqual(wrong.filter(line => !line.startsWith(fake.url)), [])
    assert.equal(fake.all('subscription').filter(s => s.metadata.tenant).length, 1)
})

test('a double click and two tabs make one checkout, one change', async () => {
    const page = await fresh(), other = await fresh()
    const email = await signUp(page, parley.url, { workspace: 'Twice' })
    await signIn(other, parley.url, email)
    for (const p of [page, other]) await p.goto(`${parley.url}/app/billing/plans`)
    const two = await Promise.all([page, other].map(p => post(p, '/app/billing/checkout', { plan: 'starter' })))
    assert.deepEqual(two.map(r => r.status()), [303, 303])
    assert.equal(two[0].headers().location, two[1].headers().location)
    await page.goto(two[0].headers().location)
    await pay(page)
    // the other tab still shows what could be bought an hour ago
    await other.getByRole('button', { name: 'Buy PROFESSIONAL' }).click()
    await says(other, 'This workspace has a plan that is paid')
    await page.goto(`${parley.url}/app/billing/change?plan=professional`)
    const proration = await page.locator('input[name=proration]').inputValue()
    const both = await Promise.all([1, 2].map(() => post(page, '/app/billing/change', { plan: 'professional', proration })))
    assert.deepEqual(both.map(r => r.status()), [303, 303])
    const tenant = await tenantOf(parley, 'Twice')
    const invoices = fake.all('invoice').filter(i => i.customer === customerOf(tenant).id)
    assert.equal(invoices.length, 2, 'one for the plan, one for the change')
    await page.goto(`${parley.url}/app/billing`)
    await says(page, 'PROFESSIONAL')
})

test('up with a preview, down with a choice of bots, taken back, cancelled, taken back', async () => {
    const page = await fresh()
    const wrong = watch(page)
    await signUp(page, parley.url, { workspace: 'Changes' })
    await buy(page)
    await page.goto(`${parley.url}/app/billing/plans`)
    await page.locator('li', { hasText: 'PROFESSIONAL' }).getByText('What changes').click()
    await says(page, 'Knowledge base')
    await page.getByRole('link', { name: 'Upgrade to PROFESSIONAL' }).click()
    await page.getByRole('heading', { name: 'Upgrade to PROFESSIONAL' }).waitFor()
    const due = await page.locator('.next-sum strong').innerText()
    assert.match(due, /^\$1(49|50)\.\d\d$/, 'the rest of the month')
    assert.ok(await page.locator('.sum-table tr').count() >= 2, 'it is told how it comes about')
    await isAccessible(page, 'the preview')
    await press(page, `Pay ${due}`)
    await says(page, 'Your plan has changed.')
    assert.match(await page.locator('.plan-now').innerText(), /PROFESSIONAL[\s\S]*\$199/)

    const tenant = await tenantOf(parley, 'Changes')
    for (let i = 1; i <= 7; i++) await parley.run('bot', 'create', '--template', 'faq', '--name', `Bot ${i}`, '--tenant', tenant)
    await page.goto(`${parley.url}/app/billing/change?plan=starter`)
    await says(page, 'The plan has room for 5 bots.')
    assert.deepEqual(await page.locator('input[type=checkbox]:checked').count(), 5, 'the oldest are ticked')
    assert.equal(await page.getByLabel('Bot 7').isDisabled(), true, 'no more than there is room for')
    await page.getByLabel('Bot 1').uncheck()
    await page.getByLabel('Bot 7').check()
    await isAccessible(page, 'the choice of bots')
    await press(page, 'Change to STARTER')
    await says(page, 'Planned. Until the next period')
    await says(page, /From .* on: STARTER for \$49 a month/)
    const kept = await parley.sql(`SELECT name FROM bot WHERE kept_at IS NOT NULL ORDER BY name`)
    assert.deepEqual(kept.map(b => b.name), ['Bot 2', 'Bot 3', 'Bot 4', 'Bot 5', 'Bot 7'])
    await press(page, 'Take that back')
    await says(page, 'Taken back.')
    assert.equal(await main(page).getByText(/From .* on: STARTER/).count(), 0)

    await page.getByRole('link', { name: 'Cancel plan' }).click()
    await page.getByRole('heading', { name: 'Cancel PROFESSIONAL' }).waitFor()
    await isAccessible(page, 'the cancellation')
    await press(page, 'Cancel at the end of the period')
    await says(page, 'Cancelled. Until the end')
    await says(page, /This plan ends on .* goes on with FREE/)
    assert.equal(await page.getByRole('link', { name: 'Cancel plan' }).count(), 0)
    await press(page, 'Take that back')
    await says(page, 'Taken back.')
    await says(page, 'Renews on')
    assert.deepEqual(wrong.filter(line => !line.startsWith(fake.url)), [])
})

test('the choice at the limit: money is read strictly, and a mistake keeps what was typed', async () => {
    const page = await fresh()
    await signUp(page, parley.url, { workspace: 'Limits' })
    await buy(page)
    await page.getByLabel('Go on, and bill what is beyond').check()
    for (const bad of ['', '-5', '20 dollars', '1.999', '0']) {
        await page.getByLabel('At most, in a period').fill(bad)
        await press(page, 'Save')
        await main(page).getByRole('alert').waitFor()
        assert.equal(await page.getByLabel('At most, in a period').inputValue(), bad.trim())
        assert.equal(await page.getByLabel('Go on, and bill what is beyond').isChecked(), true)
    }
    await isAccessible(page, 'a refused cap')
    await page.getByLabel('At most, in a period').fill('20,50')
    await press(page, 'Save')
    await says(page, 'up to your cap')
    assert.equal(await page.getByLabel('At most, in a period').inputValue(), '20.50')
    await page.getByLabel(/^Stop:/).check()
    await press(page, 'Save')
    await says(page, 'At the limit new conversations stop.')
})

test('use is shown row by row, by day and as a file', async () => {
    const page = await fresh()
    await signUp(page, parley.url, { workspace: 'Usage' })
    await page.goto(`${parley.url}/app/billing/usage`)
    await says(page, 'Nothing counted yet')
    const bot = await createBot(page, parley.url, '=HYPERLINK("x")')
    await page.goto(`${parley.url}${bot}/publish`)
    await press(page, 'Publish')
    await says(page, 'Published.')
    const talk = await (await fetch(`${parley.url}/chat/${bot.split('/').pop()}/messages`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"text":"hello"}' })).json()
    await page.goto(`${parley.url}/app/billing/usage`)
    await says(page, 'Conversations counted each day')
    await isAccessible(page, 'usage')
    const file = await page.request.get(`${parley.url}/app/billing/usage.csv`)
    const [head, row, rest] = (await file.text()).split('\r\n')
    assert.equal(head, 'counted_at,conversation,bot,period_start,billed,deleted')
    assert.match(row, new RegExp(`^\\d{4}-[^,]+Z,${talk.conversation},${bot.split('/').pop()},[^,]+,no,no$`))
    assert.equal(rest, '')
    await page.getByRole('link', { name: /^Open/ }).click()
    await page.waitForURL(`**/app/conversations/${talk.conversation}`)
    // another workspace sees none of it
    const stranger = await fresh()
    await signUp(stranger, parley.url)
    assert.equal((await (await stranger.request.get(`${parley.url}/app/billing/usage.csv`)).text()).split('\r\n').length, 2)
})

test('back from a payment: waiting, expired, unknown, of somebody else', async () => {
    const page = await fresh(), stranger = await fresh()
    await signUp(page, parley.url, { workspace: 'Return' })
    await signUp(stranger, parley.url)
    await page.goto(`${parley.url}/app/billing/plans`)
    const begun = await post(page, '/app/billing/checkout', { plan: 'starter' })
    const session = fake.all('checkout.session').find(s => s.url === begun.headers().location)
    const look = async (p, id = session.id) => { await p.goto(`${parley.url}/app/billing/return?session=${encodeURIComponent(id)}`); return p.locator('h1').innerText() }
    assert.equal(await look(page), 'The payment is not finished')
    await isAccessible(page, 'an open payment')
    await page.goto(`${parley.url}/app/billing`)
    await says(page, 'FREE costs nothing') // the address grants nothing
    assert.equal(await look(stranger), 'We do not know this payment')
    assert.equal(await look(page, 'cs_test_"><script>'), 'We do not know this payment')
    assert.equal(await look(page, ''), 'We do not know this payment')
    await isAccessible(page, 'an unknown payment')
    fake.control.pay(session.id, { card: 'async' })
    assert.equal(await look(page), 'Waiting for Stripe\'s word')
    await isAccessible(page, 'a payment under way')
    fake.control.settle(session.id, true)
    await page.waitForURL(u => u.pathname === '/app/billing', { timeout: 30000 })
    await says(page, 'Your plan is active')
    await page.goto(`${parley.url}/app/billing/return?session=${session.id}&try=99`)
    await says(page, 'Your plan is active')
})

test('without JavaScript: prices, buying, the way back, a change', async () => {
    const page = await fresh({ javaScriptEnabled: false, viewport: { width: 390, height: 844 } })
    await page.goto(`${parley.url}/pricing`)
    await page.getByLabel('How many conversations').fill('60000')
    await page.getByRole('button', { name: 'Show' }).click()
    await page.getByText('with $39.80 for 10,000 more').waitFor()
    assert.equal(await page.locator('.is-chosen h2').innerText(), 'PROFESSIONAL')
    for (const n of ['-1', '999999999999999999999', 'many', '']) assert.equal((await page.request.get(`${parley.url}/pricing?conversations=${n}`)).status(), 200)
    await signUp(page, parley.url, { workspace: 'Plain' })
    await buy(page)
    await page.goto(`${parley.url}/app/billing/change?plan=free`)
    await press(page, 'Cancel at the end of the period')
    await says(page, 'Cancelled. Until the end')
})

test('a card that fails: an upgrade waits for its payment, and nothing has changed meanwhile', async () => {
    const page = await fresh()
    await signUp(page, parley.url, { workspace: 'Card' })
    await buy(page)
    const customer = customerOf(await tenantOf(parley, 'Card'))
    fake.control.card(customer.id, 'fail')
    await page.goto(`${parley.url}/app/billing/change?plan=professional`)
    await main(page).getByRole('button', { name: /^Pay/ }).click()
    await page.getByRole('heading', { name: 'This change needs your payment' }).waitFor()
    await isAccessible(page, 'a change that needs its payment')
    const invoicePage = await main(page).getByRole('link', { name: 'Pay now' }).getAttribute('href')
    await page.goto(`${parley.url}/app/billing`)
    assert.match(await page.locator('.plan-now').innerText(), /STARTER/)
    await says(page, 'A change of plan waits for its payment')
    await press(page, 'Payment method')
    await page.getByRole('button', { name: 'Update card' }).click()
    await page.goto(invoicePage)
    await page.getByRole('button', { name: 'Pay', exact: true }).click()
    await until('the plan', async () => { await page.goto(`${parley.url}/app/billing`); return /PROFESSIONAL/.test(await page.locator('.plan-now').innerText()) }, 20000)
})

test('Stripe is away: words, nothing half done, and what was chosen can be chosen again', async () => {
    const page = await fresh()
    await signUp(page, parley.url, { workspace: 'Away' })
    await page.goto(`${parley.url}/app/billing/plans`)
    fake.faults.add({ kind: 'error500Before', method: 'POST', path: '/v1/customers', times: 9 })
    await press(page, 'Buy STARTER')
    await main(page).getByRole('alert').waitFor({ timeout: 40000 })
    assert.match(await main(page).getByRole('alert').innerText(), /gave no answer in time|cannot be reached|trouble of its own/)
    await isAccessible(page, 'plans without Stripe')
    fake.faults.clear()
})

test('who may not buy is told whom to ask, and cannot by hand', async () => {
    const owner = await fresh(), admin = await fresh(), editor = await fresh()
    const workspace = 'Roles'
    await signUp(owner, parley.url, { workspace })
    const tenant = await tenantOf(parley, workspace)
    await parley.run('tenant', 'plan', tenant, 'starter')
    for (const [page, role] of [[admin, 'admin'], [editor, 'editor']]) {
        const email = await signUp(page, parley.url, { workspace: `${role} at home` })
        await parley.run('user', 'add-to', email, tenant, '--role', role)
        assert.equal((await post(page, '/app/workspace', { workspace: tenant })).status(), 303)
    }
    await admin.goto(`${parley.url}/app/billing`)
    await says(admin, 'An owner or a billing member')
    assert.equal(await admin.getByRole('link', { name: /plan$/ }).count(), 0)
    await admin.goto(`${parley.url}/app/billing/plans`)
    assert.equal(await main(admin).getByRole('button').count(), 0)
    await isAccessible(admin, 'plans for who may not buy')
    for (const where of ['checkout', 'change', 'undo', 'portal', 'overage']) assert.equal((await post(admin, `/app/billing/${where}`, { plan: 'starter' })).status(), 403, where)
    await editor.goto(`${parley.url}/app`)
    assert.equal(await editor.getByRole('link', { name: 'Billing' }).count(), 0)
    assert.equal((await editor.request.get(`${parley.url}/app/billing`)).status(), 403)
    for (const where of ['', '/plans', '/tenants', `/tenants/${tenant}`, '/events', '/alarms'])
        assert.equal((await owner.request.get(`${parley.url}/admin${where}`)).status(), 404, `/admin${where} is not there`)
    assert.equal((await post(owner, `/admin/tenants/${tenant}/plan`, { plan: 'enterprise' })).status(), 404)
})

// ---- a payment that is missing ----

/** A world that is so many days behind: what is bought there has its renewals behind it when its clock has caught up. */
async function pastWorld(days) {
    const now = Math.floor(Date.now() / 1000)
    const world = await startFake({ now: now - days * 86400, seed: 9, deliver: 'manual' })
    world.control.policy({ afterRetries: 'past_due' })
    const api = async (path, form) => {
        const reply = await fetch(world.url + path, { method: 'POST', body: new URLSearchParams(form), headers: { Authorization: `Bearer ${KEY}`, 'Stripe-Version': '2026-10-28.endive' } })
        const body = await reply.json()
        assert.equal(reply.status, 200, JSON.stringify(body))
        return body
    }
    const price = (plan, role) => world.all('price').find(p => p.lookup_key === `parley_${plan}_${role}`).id
    return {
        world, now,
        async subscribe(install, name, tenant, plan) {
            const customer = await api('/v1/customers', { 'metadata[tenant]': tenant, email: 'owner@example.com' })
            world.control.card(customer.id, 'ok')
            const sub = await api('/v1/subscriptions', { customer: customer.id, 'items[0][price]': price(plan, 'base'), 'items[1][price]': price(plan, 'usage'), 'metadata[tenant]': tenant })
            assert.equal(sub.status, 'active')
            world.control.card(customer.id, 'fail')
            await install.sql(`INSERT INTO billing_customer (tenant_id, stripe_customer_id, livemode, created_at) SELECT tenant_id, '${customer.id}', 0, NOW(3) FROM tenant WHERE name = '${name}'`)
            return { sub: sub.id, customer: customer.id }
        },
    }
}

test('a payment that is missing: banner and words on every page, by its age, until it is paid', async () => {
    const { world, now, subscribe } = await pastWorld(50)
    const install = await startShop(world, { heard: false })
    const people = []
    try {
        for (const [name, before] of [['Suspended', 48], ['Read only', 41], ['Grace', 34]]) {
            await world.advance({ to: now - before * 86400 })
            const page = await fresh()
            await signUp(page, install.url, { workspace: name })
            const tenant = await tenantOf(install, name)
            people.push({ page, name, tenant, ...await subscribe(install, name, tenant, 'starter') })
        }
        await world.advance({ to: now })
        for (const one of people) await install.run('billing', 'sync', one.sub)
        const words = { Suspended: /missing for long/, 'Read only': /nothing new can be made/, Grace: /The last payment failed/ }
        for (const { page, name } of people) {
            await page.goto(`${install.url}/app`)
            const banner = page.getByRole('region', { name: 'Billing' })
            assert.match(await banner.innerText(), words[name])
            await isAccessible(page, `the banner, ${name}`)
            if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/banner-${name.replace(' ', '-')}.png`, fullPage: true })
            await banner.getByRole('link', { name: 'Open billing' }).click()
            await says(page, { Suspended: 'Suspended', 'Read only': 'Read only', Grace: 'Payment failed' }[name])
            await isAccessible(page, `billing, ${name}`)
            if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/missing-${name.replace(' ', '-')}.png`, fullPage: true })
        }
        const [suspended, readOnly, grace] = people
        await readOnly.page.goto(`${install.url}/app/new`)
        await readOnly.page.getByLabel('Name', { exact: true }).first().fill('One more')
        await press(readOnly.page, 'Create bot')
        assert.match(await main(readOnly.page).getByRole('alert').innerText(), /payment is missing/)
        // somebody who may not see billing reads the words, without the way there
        const agent = await fresh()
        const email = await signUp(agent, install.url, { workspace: 'Elsewhere' })
        await install.run('user', 'add-to', email, grace.tenant, '--role', 'agent')
        await agent.goto(`${install.url}/app`)
        await agent.request.post(`${install.url}/app/workspace`, { form: { _csrf: await agent.locator('input[name=_csrf]').first().inputValue(), workspace: grace.tenant }, headers: { Origin: install.url } })
        await agent.goto(`${install.url}/app`)
        const told = agent.getByRole('region', { name: 'Billing' })
        assert.match(await told.innerText(), /The last payment failed[\s\S]*An owner or a billing member/)
        assert.equal(await told.getByRole('link').count(), 0)
        // the new card, and the open invoice is paid
        await grace.page.goto(`${install.url}/app/billing`)
        await main(grace.page).getByRole('link', { name: 'Pay now: $49.00' }).waitFor()
        await press(grace.page, 'Payment method')
        await grace.page.getByRole('button', { name: 'Update card' }).click()
        await grace.page.goto(`${install.url}/app/billing/invoices`)
        await says(grace.page, 'Payment failed')
        await isAccessible(grace.page, 'invoices with one that is owed')
        const [tab] = await Promise.all([grace.page.waitForEvent('popup'), main(grace.page).getByRole('link', { name: /^Pay/ }).click()])
        await tab.getByRole('button', { name: 'Pay', exact: true }).click()
        await until('the payment', () => world.get(grace.sub).status === 'active')
        await install.run('billing', 'sync', grace.sub)
        await grace.page.goto(`${install.url}/app`)
        assert.equal(await grace.page.getByRole('region', { name: 'Billing' }).count(), 0, 'paid, and quiet again')
        await grace.page.goto(`${install.url}/app/billing`)
        await says(grace.page, 'Renews on')
        assert.ok(suspended)
    } finally {
        await world.stop()
        await install.stop()
    }
})

test('the limit: near it, at it, with the way on for who may take it', async () => {
    const page = await fresh()
    await signUp(page, parley.url, { workspace: 'Full' })
    const count = n => parley.sql(`INSERT INTO usage_counter (tenant_id, period_start, billable, used) SELECT tenant_id, DATE_FORMAT(UTC_DATE(), '%Y-%m-01'), 0, ${n} FROM tenant WHERE name = 'Full' ON DUPLICATE KEY UPDATE used = ${n}`)
    const banner = page.getByRole('region', { name: 'Billing' })
    for (const [n, words] of [[899, null], [900, /90 % of the conversations.*900 of 1,000/], [999, /99 %/], [1000, /All 1,000 conversations/]]) {
        await count(n)
        await page.goto(`${parley.url}/app`)
        if (words) assert.match(await banner.innerText(), words)
        else assert.equal(await banner.count(), 0)
    }
    await isAccessible(page, 'a full period')
})

// ---- the operator ----

test('the operator: plans with their history, overrides, events, alarms; all of it logged', async () => {
    const page = await fresh(), owner = await fresh()
    const wrong = watch(page, ['status of 4'])
    const email = await signUp(page, parley.url, { workspace: 'The operator' })
    await parley.run('user', 'operator', email)
    await signUp(owner, parley.url, { workspace: 'A customer' })
    await buy(owner)
    await page.goto(`${parley.url}/app`)
    await page.locator('summary').first().click()
    await page.getByRole('link', { name: 'Operator console' }).click()
    await page.getByRole('heading', { name: 'Operator console' }).waitFor()
    await says(page, 'Test mode')

    await page.getByRole('link', { name: 'Workspaces', exact: true }).click()
    await page.getByLabel('Name, e-mail address or id').fill('custom')
    await page.getByRole('button', { name: 'Search' }).click()
    await main(page).getByRole('link', { name: 'A customer' }).click()
    await says(page, 'Subscriptions at Stripe')
    await page.getByLabel('What', { exact: true }).selectOption('bots')
    await page.getByLabel('Value').fill('9')
    await page.getByLabel('Last day (optional)').fill('2001-01-01')
    await page.getByLabel('Why').fill('<b>Promised</b> at the fair')
    await press(page, 'Add override')
    assert.match(await main(page).getByRole('alert').innerText(), /in the past/)
    assert.equal(await page.getByLabel('Why').inputValue(), '<b>Promised</b> at the fair', 'what was typed stays')
    await page.getByLabel('Last day (optional)').fill('')
    await press(page, 'Add override')
    await says(page, 'The override holds.')
    await says(page, 'Bots: 9')
    await isAccessible(page, 'a workspace with an override')
    await owner.goto(`${parley.url}/app/billing`)
    await press(page, /^End/)
    await says(page, 'The override has ended.')
    await main(page).getByRole('button', { name: /^Look again ?: sub_/ }).click()
    await says(page, 'Looked at Stripe')

    await page.goto(`${parley.url}/admin/plans/starter`)
    const stale = await fresh({ storageState: await page.context().storageState() })
    await stale.goto(`${parley.url}/admin/plans/starter`)
    await page.getByLabel('Price a month').fill('59')
    await press(page, 'Save')
    await says(page, 'The plan is saved.')
    await says(page, '$59.00')
    await stale.getByLabel('Price a month').fill('69')
    await press(stale, 'Save')
    await says(stale, 'Saving it again replaces')
    assert.equal(await stale.getByLabel('Price a month').inputValue(), '69')
    await stale.getByRole('link', { name: 'Show what is saved' }).click()
    assert.equal(await stale.getByLabel('Price a month').inputValue(), '59.00')
    await owner.goto(`${parley.url}/app/billing`)
    assert.match(await owner.locator('.plan-now').innerText(), /\$49/, 'who has bought keeps the price')
    await owner.goto(`${parley.url}/pricing`)
    await owner.getByText('$59', { exact: true }).waitFor()
    await page.goto(`${parley.url}/admin/plans`)
    await says(page, 'parley billing setup')
    await parley.run('billing', 'setup')
    await page.goto(`${parley.url}/admin/tenants?q=customer`)
    await main(page).getByRole('link', { name: 'A customer' }).click()
    page.removeAllListeners('dialog')
    page.on('dialog', dialog => dialog.accept())
    await press(page, "Move to today's terms")
    await says(page, "today's terms hold from the next renewal")
    await says(page, 'then $59.00')

    await page.goto(`${parley.url}/admin/events?state=done`)
    await main(page).getByRole('link', { name: 'customer.subscription.created' }).first().click()
    await says(page, '"object": "event"')
    await press(page, 'Serve again')
    await says(page, 'The event waits to be served again.')
    await parley.sql(`INSERT INTO billing_alarm (billing_alarm_id, open_key, kind, object, words, first_at, last_at) VALUES (UNHEX('019ab00000007000800000000000aaaa'), 'drift:x', 'drift', 'x', '<i>Something</i> drifts.', NOW(3), NOW(3))`)
    await page.goto(`${parley.url}/admin/alarms`)
    await says(page, '<i>Something</i> drifts.')
    await press(page, /^Close ?: drift/)
    await says(page, 'The alarm is closed.')
    const log = await parley.sql('SELECT what FROM operator_log WHERE user_id IS NOT NULL ORDER BY operator_log_id')
    assert.deepEqual(log.map(l => l.what), ['override.set', 'override.ended', 'stripe.looked', 'plan.changed', 'terms.moved', 'event.replayed', 'alarm.closed'])
    assert.deepEqual(wrong, [])
    for (const [where, form] of [['/admin/plans/none', { revision: '1', currency: 'USD', price: '1' }], ['/admin/events/evt_none/replay', {}], ['/admin/alarms/alarm_none/close', {}],
        [`/admin/tenants/ws_none/plan`, { plan: 'free' }]]) assert.equal((await post(page, where, form)).status(), 404, where)
    for (const where of ['/admin/plans/none', '/admin/events/evt_none', '/admin/tenants/ws_none', '/admin/tenants/ws_01m83jxmcke009fsdtz6yhj8xp'])
        assert.equal((await page.request.get(parley.url + where)).status(), 404, where)
    assert.equal((await post(page, '/admin/plans/free', { revision: '1', currency: 'USD', price: '5', name: 'FREE', conversations: '1000' })).status(), 422)
})

// ---- nothing is sold ----

test('without a key nothing is promised: plans are assigned, and all else works', async () => {
    const install = await startInstall({ config: { rate_limits: 'off' } })
    try {
        const page = await fresh()
        const wrong = watch(page)
        await page.goto(install.url)
        assert.equal(await page.getByRole('link', { name: 'Pricing' }).count(), 0)
        await page.goto(`${install.url}/pricing`)
        await says(page, 'assigned by its operator')
        assert.equal(await main(page).getByText('$').count(), 0)
        assert.equal(await main(page).getByRole('link').count(), 0)
        await isAccessible(page, 'plans that are not sold')
        const email = await signUp(page, install.url, { workspace: 'Quiet' })
        await page.goto(`${install.url}/app/billing`)
        await says(page, 'assigned by the operator')
        assert.equal(await main(page).getByRole('button').count(), 0)
        await isAccessible(page, 'billing that is off')
        await page.goto(`${install.url}/app/billing/plans`)
        assert.equal(await main(page).getByRole('button').count(), 0)
        assert.equal(await main(page).getByText('$').count(), 0)
        await isAccessible(page, 'plans of an install that sells nothing')
        const _csrf = await page.locator('input[name=_csrf]').first().inputValue()
        const by = (where, form) => page.request.post(install.url + where, { form: { _csrf, ...form }, headers: { Origin: install.url }, maxRedirects: 0 })
        for (const where of ['checkout', 'change', 'undo', 'portal']) {
            const reply = await by(`/app/billing/${where}`, { plan: 'starter' })
            assert.equal(reply.status(), 422, where)
            assert.match(await reply.text(), /Nothing is sold on this install/, where)
        }
        await install.run('user', 'operator', email)
        await page.goto(`${install.url}/admin`)
        await says(page, 'No Stripe key is set')
        await isAccessible(page, 'the console without a key')
        await page.goto(`${install.url}/admin/tenants/${await tenantOf(install, 'Quiet')}`)
        await page.getByRole('combobox', { name: 'Assigned plan' }).selectOption('professional')
        await press(page, 'Assign')
        await says(page, 'The plan is assigned.')
        await page.goto(`${install.url}/app/billing`)
        await says(page, 'has given PROFESSIONAL to this workspace')
        assert.deepEqual(wrong, [])
    } finally {
        await install.stop()
    }
})
