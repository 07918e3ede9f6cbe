// Every page of money in every state it can be in: axe finds nothing, nothing sticks out to the side; on a desktop in light, on a phone in dark.
// With SHOTS=<folder> each is kept as a picture, in both lights and both sizes, to be looked at.
// Runs for about 70 s.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startBrowser } from '../lib/browser.mjs'
import { createBot, isAccessible, publish, signUp, watch } from '../portal/portal.mjs'
import { main, startPastFake, press, says, startShop, tenantOf } from './shop.mjs'

const SHOTS = process.env.SHOTS
const LOOKS = [['desktop', 1280, 800, 'light'], ['phone', 390, 844, 'dark'], ...SHOTS ? [['desktop', 1280, 800, 'dark'], ['phone', 390, 844, 'light']] : []]
const LONG = 'Donaudampfschifffahrtsgesellschaft und Reklamationsbearbeitung mbH'
let past, parley, browser
const people = {}

before(async () => {
    past = await startPastFake(50)
    parley = await startShop(past.fake, { webhooks: false })
    browser = await startBrowser()
})
after(async () => {
    await browser?.close()
    await parley?.stop()
    await past?.fake.stop()
})

async function person(name) {
    const page = await (await browser.newContext()).newPage()
    const wrong = watch(page, ['status of 402'])
    const email = await signUp(page, parley.url, { workspace: name })
    return people[name] = { page, name, email, wrong, tenant: await tenantOf(parley, name) }
}

/** The workspace bought the plan `days` ago, and everything since then is mirrored. */
async function bought(name, days, plan, more) {
    const one = await person(name)
    await past.fake.advance({ to: past.now - days * 86400 })
    return Object.assign(one, await past.subscribe(parley, name, one.tenant, plan, more))
}

/** where: a path, or null for the page that is shown (the answer to a form has no address of its own); that one keeps the light theme. */
async function look(one, where, what) {
    for (const [size, width, height, colorScheme] of LOOKS.filter(([, , , theme]) => where || theme === 'light')) {
        await one.page.setViewportSize({ width, height })
        await one.page.emulateMedia({ colorScheme })
        if (where) await one.page.goto(parley.url + where)
        await isAccessible(one.page, `${what}, ${size}, ${colorScheme}`)
        if (SHOTS) await one.page.screenshot({ path: `${SHOTS}/${what.replaceAll(/\W+/g, '-')}.${size}.${colorScheme}.png`, fullPage: true })
    }
    await one.page.setViewportSize({ width: 1280, height: 800 })
}
const used = (name, n) => parley.sql(`INSERT INTO usage_counter (tenant_id, period_start, billable, used) SELECT tenant_id, DATE_FORMAT(UTC_DATE(), '%Y-%m-01'), 0, ${n} FROM tenant WHERE name = '${name}'`)
/** Usage in the current paid period, marked as reported, so that nothing is sent. */
const usedPaid = (name, n) => parley.sql(`INSERT INTO usage_counter (tenant_id, period_start, billable, period_end, used, reported, stripe_subscription_id, stripe_customer_id)
    SELECT t.tenant_id, s.period_start, 1, s.period_end, ${n}, ${n}, s.stripe_subscription_id, s.stripe_customer_id FROM tenant t JOIN subscription_mirror s ON s.tenant_id = t.tenant_id WHERE t.name = '${name}'`)

test('the billing page is legible in each state', async () => {
    await bought(LONG, 48, 'starter', { card: 'fail' })
    await bought('Read only', 41, 'professional', { card: 'fail' })
    await bought('Grace', 34, 'starter', { card: 'fail' })
    for (const [name, plan] of [['Live', 'starter'], ['Down', 'professional'], ['Ending', 'professional'], ['Pending', 'starter'], ['Endless', 'enterprise']]) await bought(name, 20, plan)
    await bought('Trial', 10, 'starter', { trial_period_days: '14' })
    await past.fake.advance({ to: past.now })
    for (const one of Object.values(people)) {
        await parley.run('billing', 'sync', one.sub)
        for (const invoice of past.fake.all('invoice').filter(i => i.customer === one.customer)) await parley.run('billing', 'sync', invoice.id)
    }
    for (const name of ['Free', 'Given', 'Near', 'Full']) await person(name)
    await parley.run('tenant', 'plan', people.Given.tenant, 'professional')
    await used('Near', 930)
    await used('Full', 1000)
    await usedPaid('Live', 12345)
    await usedPaid('Endless', 1234567)
    for (const [name, one] of Object.entries(people)) await look(one, '/app/billing', `billing ${name}`)
    const suspended = people[LONG].page
    await suspended.goto(`${parley.url}/app/billing`)
    assert.match(await suspended.locator('.two-columns').innerText(), /FREE[\s\S]*What you have\s*1,000 conversations a month\s*1 bot/, 'the page shows what applies, not what was bought')
    assert.equal(await main(suspended).getByRole('link', { name: 'Change plan' }).count(), 0, 'first the payment')
    await look(people[LONG], '/app/billing/change?plan=free', 'cancel while suspended')
})

test('usage, plans, invoices and banners are legible with little and with much data', async () => {
    for (const name of ['Free', 'Near', 'Full', 'Live', 'Endless']) await look(people[name], '/app/billing/usage', `usage ${name}`)
    for (const name of ['Free', 'Live', 'Grace', 'Given']) await look(people[name], '/app/billing/plans?plan=professional', `plans ${name}`)
    for (const name of ['Free', 'Read only']) await look(people[name], '/app/billing/invoices', `invoices ${name}`)
    for (const name of [LONG, 'Grace', 'Near']) await look(people[name], '/app', `banner ${name}`)
    const { page } = people.Endless
    const bot = people.Endless.bot = await createBot(page, parley.url, LONG)
    await publish(page, parley.url, bot)
    for (let i = 0; i < 6; i++) {
        const talks = Array.from({ length: 10 }, () => fetch(`${parley.url}/chat/${bot.split('/').pop()}/messages`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"text":"hello"}' }))
        for (const reply of await Promise.all(talks)) assert.equal(reply.status, 200)
    }
    await look(people.Endless, '/app/billing/usage', 'usage with rows')
    await page.goto(`${parley.url}/app/billing/usage`)
    assert.equal(await page.locator('.row-list li').count(), 50)
    await page.getByRole('link', { name: 'Older' }).click()
    await page.getByRole('link', { name: 'Newest' }).waitFor()
    assert.equal(await page.locator('.row-list li').count(), 10)
    assert.equal(await page.getByRole('link', { name: 'Older' }).count(), 0)
})

test('the pages of plan changes are legible: upgrade, downgrade, cancellation and waiting changes', async () => {
    const down = people.Down, ending = people.Ending, pending = people.Pending
    for (let i = 1; i <= 7; i++) await parley.run('bot', 'create', '--template', 'faq', '--name', i === 3 ? LONG : `Bot ${i}`, '--tenant', down.tenant)
    await look(down, '/app/billing/change?plan=starter', 'down')
    assert.match(await main(down.page).innerText(), /1 year of history \(now 2 years\)[\s\S]*Basic integrations \(now Custom integrations\)/)
    await press(down.page, 'Change to STARTER')
    await says(down.page, 'Planned. Until the next period')
    await look(down, '/app/billing', 'billing with a planned change')
    await look(ending, '/app/billing/change?plan=free', 'the end')
    await press(ending.page, 'Cancel at the end of the period')
    await says(ending.page, 'Cancelled. Until the end')
    await says(ending.page, 'None: the plan ends, and nothing is open.')
    await look(ending, '/app/billing', 'billing that ends')
    await look(pending, '/app/billing/change?plan=professional', 'up')
    past.fake.control.card(pending.customer, 'fail')
    await press(pending.page, /^Pay/)
    await pending.page.getByRole('heading', { name: 'This change needs your payment' }).waitFor()
    await look(pending, null, 'a change that needs a payment')
    await look(pending, '/app/billing', 'billing with a payment that waits')
    assert.equal(await main(pending.page).getByRole('link', { name: /^Pay now/ }).count(), 1, 'one way to pay')
})

test('the pricing page and the pages of missing features are legible', async () => {
    await look(people.Free, '/pricing?conversations=12000', 'pricing')
    const bot = await createBot(people.Free.page, parley.url, 'Only one')
    await look(people.Free, bot, 'a bot without a brand')
    await look(people.Free, `${bot}/brand`, 'what the plan lacks')
    await look(people.Free, '/app/new', 'no room for a bot')
    await look(people.Endless, `${people.Endless.bot}/brand`, 'an own brand')
})

test('the operator\'s console is legible with open work', async () => {
    const one = await person('The operator')
    await parley.run('user', 'operator', one.email)
    const live = people.Live.tenant
    await parley.run('tenant', 'override', live, 'bots', '9', '--reason', `Promised at the fair to ${LONG}, in writing`)
    await parley.run('tenant', 'override', live, 'white_label', 'on', '--reason', 'a pilot', '--expires', '2099-12-31')
    await one.page.goto(`${parley.url}/admin/plans/starter`)
    await one.page.getByLabel('Price a month').fill('59')
    await press(one.page, 'Save')
    await says(one.page, 'Price: $49.00 → $59.00')
    for (let i = 1; i <= 20; i++) await parley.run('tenant', 'create', `Customer number ${i}`)
    const event = (id, state, error) => parley.sql(`INSERT INTO stripe_event (event_id, type, object_type, object_id, thin, api_version, livemode, created_at, received_at, state, attempts, due_at, last_error, payload)
        VALUES ('${id}', 'customer.subscription.updated', 'subscription', '${people.Live.sub}', 0, '2026-10-28.endive', 0, NOW(3), NOW(3), '${state}', 12, NOW(3), '${error}', '{"id":"${id}","object":"event","data":{"object":{"id":"${people.Live.sub}","long":"${'x'.repeat(200)}"}}}')`)
    for (let i = 0; i < 60; i++) await event(`evt_look${i}`, 'done', '')
    await event('evt_stuck', 'dead', 'Stripe: No such subscription (resource_missing)')
    for (const kind of ['usage_100_10000', 'next_starter', 'read_only']) await parley.sql(`INSERT IGNORE INTO billing_notice SELECT tenant_id, '${kind}', NOW(3), NOW(3) FROM tenant WHERE name = 'Live'`)
    await parley.sql(`INSERT INTO billing_alarm (billing_alarm_id, open_key, kind, object, words, first_at, last_at) VALUES (UNHEX('019ab00000007000800000000000aaaa'), 'drift:x', 'drift', '${people.Live.sub}', 'It is active at Stripe and canceled here; it was looked up again and mended.', NOW(3), NOW(3))`)
    for (const [where, what] of [['', 'console'], ['/plans', 'console plans'], ['/plans/starter', 'console plan'], ['/tenants', 'console workspaces'], ['/tenants?q=none', 'console nothing found'], [`/tenants/${live}`, 'console workspace'],
        [`/tenants/${people.Grace.tenant}`, 'console workspace that owes'], ['/events?state=dead', 'console stuck events'], ['/events?state=done', 'console done events'], ['/events/evt_stuck', 'console event'], ['/alarms', 'console alarms']])
        await look(one, `/admin${where}`, what)
    await one.page.goto(`${parley.url}/admin/tenants/${live}`)
    const words = await main(one.page).innerText()
    assert.match(words, /What: White label · Value: 1 · Why: a pilot · Until: 31 Dec 2099/)
    assert.match(words, /a pilot · through 31 Dec 2099/)
    for (const told of ['All used, of 10,000', 'Plan changes', 'Read only']) assert.ok(words.includes(told), told)
    assert.ok(await one.page.locator('.facts dd').evaluateAll(all => all.every(dd => dd.offsetHeight < 60)), 'no value is squeezed into a column of letters')
})

test('no page logged an error or broke the security policy', () => {
    assert.deepEqual(Object.values(people).flatMap(one => one.wrong), [])
})
