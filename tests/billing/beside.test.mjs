// Subscriptions that do not determine a workspace's plan: charged below an assigned plan, or for a price Parley did not create. Their owner
// sees them and can end them; and a free trial is offered only to workspaces that get one.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startSite } from './site.mjs'

let site, fake

before(async () => {
    site = await startSite({ config: { stripe_trial_days: 14 } })
    fake = site.fake
})
after(() => site?.stop())

const cookies = reply => reply.headers.getSetCookie().map(c => c.split(';')[0]).join('; ')

/** The text of the pages that the workspace's owner sees. */
async function owner(tenant) {
    const email = `${tenant}@beside.example`, password = 'correct horse 9'
    const user = await site.parley.run('user', 'create', email, '--password-stdin', { input: `${password}\n` })
    await site.parley.run('user', 'add-to', user, tenant, '--role', 'owner')
    const Cookie = cookies(await fetch(`${site.url}/login`, { method: 'POST', redirect: 'manual', headers: { Origin: site.url }, body: new URLSearchParams({ email, password }) }))
    const read = async (path, options = {}) => {
        const reply = await fetch(site.url + path, { redirect: 'manual', ...options, headers: { Cookie, Origin: site.url } })
        const html = await reply.text()
        return { status: reply.status, html, text: html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' '), to: reply.headers.get('location') }
    }
    return { get: read, post: async (path, form, from) => {
        const csrf = /name="_csrf" value="([^"]+)"/.exec((await read(from)).html)[1]
        return read(path, { method: 'POST', body: new URLSearchParams({ _csrf: csrf, ...form }) })
    } }
}
const ends = async sub => [fake.get(sub).cancel_at_period_end, (await site.mirror(sub)).cancel_at_period_end]

test('a subscription with a price that Parley did not create is shown and can be ended', async () => {
    const tenant = await site.tenant(), customer = await site.customer(tenant)
    const price = await site.stripe.prices.create({ product: 'parley_starter', currency: 'usd', unit_amount: 7700, recurring: { interval: 'month' } })
    const { id: sub } = await site.stripe.subscriptions.create({ customer, items: [{ price: price.id }] })
    await site.parley.run('billing', 'sync', sub)
    const { get, post } = await owner(tenant)
    const preview = await get('/app/billing/change?plan=free')
    assert.equal(preview.status, 200)
    assert.match(preview.text, /FREE/)
    assert.match((await get('/app/billing')).text, /A subscription of this workspace also runs at Stripe/)
    const proration = /name="proration" value="(\d+)"/.exec(preview.html)[1]
    const done = await post('/app/billing/change', { plan: 'free', proration }, '/app/billing/change?plan=free')
    assert.deepEqual([done.status, done.to], [303, '/app/billing?done=cancel_planned'])
    assert.deepEqual(await ends(sub), [true, '1'])
})

test('below a larger assigned plan the paid subscription is shown and can be ended or kept', async () => {
    const { tenant, sub } = await site.paying('starter')
    await site.parley.run('billing', 'sync', sub)
    const { get, post } = await owner(tenant)
    assert.doesNotMatch((await get('/app/billing')).text, /also runs at Stripe/)
    await site.parley.run('tenant', 'plan', tenant, 'professional')
    const page = await get('/app/billing')
    assert.match(page.text, /PROFESSIONAL[\s\S]*A subscription of this workspace also runs at Stripe[\s\S]*End it/)
    assert.match(page.html, /href="\/app\/billing\/change\?plan=free"/)
    assert.match((await get('/app/billing/plans')).html, /href="\/app\/billing\/change\?plan=enterprise"/, 'more is a change, not a second subscription')
    const preview = await get('/app/billing/change?plan=free')
    assert.match(preview.text, /Cancel STARTER[\s\S]*After that PROFESSIONAL still applies/)
    assert.doesNotMatch(preview.text, /Less:/)
    const proration = /name="proration" value="(\d+)"/.exec(preview.html)[1]
    assert.equal((await post('/app/billing/change', { plan: 'free', proration }, '/app/billing/change?plan=free')).to, '/app/billing?done=cancel_planned')
    assert.deepEqual(await ends(sub), [true, '1'])
    assert.match((await get('/app/billing')).text, /also runs at Stripe[\s\S]*ends on/)
    assert.equal((await post('/app/billing/undo', {}, '/app/billing')).to, '/app/billing?done=change_undone')
    assert.deepEqual(await ends(sub), [false, '0'])
})

test('a free trial is offered only to workspaces that have not bought before', async () => {
    const promise = /first plan is free for 14 days/
    const fresh = await owner(await site.tenant())
    assert.match((await fresh.get('/app/billing/plans')).text, promise)
    const { tenant, sub } = await site.paying('starter')
    await site.stripe.subscriptions.cancel(sub)
    await site.parley.run('billing', 'sync', sub)
    assert.equal(JSON.parse(await site.parley.run('tenant', 'entitlements', tenant, '--json')).state, 'free')
    assert.doesNotMatch((await (await owner(tenant)).get('/app/billing/plans')).text, promise)
})
