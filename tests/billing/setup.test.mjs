// parley billing setup against the fake Stripe: found before made, whatever happened the last time.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { build, startInstall, until } from '../lib/install.mjs'
import { startFake } from '../stripe/fake/index.mjs'
import { Ops } from './ops.mjs'
import { RIGHTS } from './rights.mjs'

const KEY = 'rk_test_setup'
const PLANS = { starter: [4900, 10000, '0.49'], professional: [19900, 50000, '0.398'], enterprise: [99900, null, null] }
const KINDS = ['product', 'price', 'billing.meter', 'billing_portal.configuration', 'webhook_endpoint', 'v2.core.event_destination']

let install, fake, ops

async function freshFake(now = Date.UTC(2027, 1, 1) / 1000) {
    if (fake) await closeFake()
    fake = await startFake({ now, seed: 5 })
    install.configure({ stripe_api_base: fake.url, stripe_secret_key: KEY, stripe_webhook_secrets: null, stripe_automatic_tax: null })
    await install.sql('DELETE FROM stripe_setup; DELETE FROM stripe_price; DELETE FROM stripe_call; DELETE FROM stripe_lease')
}

async function closeFake() {
    for (const what of ['violations', 'shapeErrors', 'broken']) assert.deepEqual(fake[what], [], what)
    await fake.stop()
}

before(async () => {
    install = await startInstall({ programs: false, config: { stripe_secret_key: KEY, base_url: 'https://parley.example' } })
    ops = new Ops(install.env)
})
beforeEach(() => freshFake())
after(async () => {
    await ops?.end()
    if (fake) await closeFake()
    await install?.stop()
})

const setup = async (...args) => JSON.parse(await install.run('--json', 'billing', 'setup', ...args))
function hows(report) {
    const out = {}
    for (const line of report.made) (out[line.how] ??= []).push(line)
    return out
}
const posts = from => fake.requests.slice(from).filter(r => r.method !== 'GET')
const counted = () => Object.fromEntries(KINDS.map(kind => [kind, fake.all(kind).length]))
const sold = role => Object.fromEntries(fake.all('price').filter(p => p.lookup_key?.endsWith(`_${role}`)).map(p => [p.metadata.plan, p]))
const tiers = price => fake.w.byId.get(price.id).tiers.map(t => [t.up_to, t.unit_amount_decimal]) // shown only when asked for
const ALL = { product: 3, price: 6, 'billing.meter': 1, 'billing_portal.configuration': 1, webhook_endpoint: 1, 'v2.core.event_destination': 1 }

test('setup creates every object with the right fields', async () => {
    const report = await setup()
    assert.equal(report.mode, 'test')
    assert.deepEqual(counted(), ALL)
    assert.equal(hows(report).made.length, 13)
    assert.match(report.webhook_secret, /^whsec_/)
    assert.match(report.thin_secret, /^whsec_/)
    const [meter] = fake.all('billing.meter')
    for (const [plan, [price, included, overage]] of Object.entries(PLANS)) {
        const base = sold('base')[plan], usage = sold('usage')[plan]
        assert.equal(base.unit_amount, price)
        assert.equal(base.lookup_key, `parley_${plan}_base`)
        assert.equal(base.product, `parley_${plan}`)
        assert.match(base.metadata.plan_terms, /^terms_/)
        assert.equal(usage.metadata.plan_terms, base.metadata.plan_terms)
        assert.deepEqual([base.metadata.role, usage.metadata.role], ['base', 'usage'])
        assert.deepEqual([usage.recurring.usage_type, usage.recurring.meter, usage.tiers_mode], ['metered', meter.id, 'graduated'])
        assert.equal(base.tax_behavior, 'unspecified')
        assert.deepEqual(tiers(usage), included === null ? [[null, '0']] : [[included, '0'], [null, overage]])
    }
    const [endpoint] = fake.all('webhook_endpoint'), [thin] = fake.all('v2.core.event_destination'), [portal] = fake.all('billing_portal.configuration')
    assert.equal(endpoint.url, 'https://parley.example/hooks/stripe')
    assert.equal(endpoint.api_version, '2026-10-28.endive')
    assert.ok(endpoint.enabled_events.includes('invoice.paid') && endpoint.enabled_events.includes('customer.subscription.pending_update_expired'))
    assert.ok(!endpoint.enabled_events.includes('invoice.created') && !endpoint.enabled_events.includes('*'))
    assert.deepEqual(thin.enabled_events.toSorted(), ['v1.billing.meter.error_report_triggered', 'v1.billing.meter.no_meter_found'])
    assert.equal(thin.event_payload, 'thin')
    assert.equal(portal.features.subscription_cancel.enabled, false)
    assert.equal(portal.features.payment_method_update.enabled, true)
    const rows = await install.sql('SELECT role, livemode, offered, COUNT(*) n FROM stripe_price GROUP BY role, livemode, offered ORDER BY role')
    assert.deepEqual(rows.map(r => [r.role, r.livemode, r.offered, r.n]), [['base', '0', '1', '3'], ['usage', '0', '1', '3']])
    assert.deepEqual((await ops.call({ op: 'check' })), { ready: true, words: '', ok: true })
})

test('a second run finds everything and only reads', async () => {
    await setup()
    const from = fake.requests.length
    const again = await setup()
    assert.deepEqual(Object.keys(hows(again)), ['found'])
    assert.equal(again.made.length, 13)
    assert.deepEqual(posts(from), [])
    assert.equal(again.webhook_secret, undefined)
    assert.deepEqual(counted(), ALL)
})

test('with our records lost, setup finds its objects by their metadata', async () => {
    const first = await setup()
    install.configure({ stripe_webhook_secrets: first.webhook_secret })
    const rows = await install.sql('SELECT * FROM stripe_price ORDER BY stripe_price_id')
    await install.sql('DELETE FROM stripe_setup; DELETE FROM stripe_price')
    assert.equal((await ops.call({ op: 'check' })).ready, false)
    const from = fake.requests.length
    assert.deepEqual(Object.keys(hows(await setup())), ['found'])
    assert.deepEqual(posts(from), [])
    assert.deepEqual(await install.sql('SELECT * FROM stripe_price ORDER BY stripe_price_id'), rows)
})

test('changed terms create only new prices; old ones are archived when no subscription uses them', async () => {
    await setup()
    const before = sold('base').starter, usageBefore = sold('usage').starter
    assert.equal((await ops.call({ op: 'plan', plan: 'starter', price: 5900 })).ok, true)
    assert.match((await ops.call({ op: 'check' })).words, /starter/)
    const report = await setup()
    assert.deepEqual(hows(report).made.map(l => l.name), ['starter base', 'starter usage'])
    assert.deepEqual(hows(report).retired.map(l => l.id).toSorted(), [before.id, usageBefore.id].toSorted())
    assert.equal(sold('base').starter.unit_amount, 5900)
    assert.deepEqual(tiers(sold('usage').starter), [[10000, '0'], [null, '0.59']])
    assert.equal(fake.get(before.id).lookup_key, null)
    assert.equal(fake.get(before.id).active, false)
    assert.deepEqual(Object.keys(hows(await setup())), ['found'])
})

test('changed terms leave prices active that a subscriber uses, even if the dashboard switched them off', async () => {
    await setup()
    const old = sold('base').starter
    const [{ terms }] = await install.sql(`SELECT HEX(plan_terms_id) terms FROM stripe_price WHERE stripe_price_id = '${old.id}'`)
    await install.sql(`INSERT INTO subscription_mirror (stripe_subscription_id, stripe_customer_id, livemode, status, plan_terms_id, created_at, fetched_at)
        VALUES ('sub_old', 'cus_old', 0, 'past_due', UNHEX('${terms}'), '2027-01-01', '2027-01-01')`)
    await ops.call({ op: 'plan', plan: 'starter', price: 6900, conversations: 20000, overage: false })
    const report = await setup()
    assert.deepEqual(Object.keys(hows(report)).toSorted(), ['found', 'made'])
    assert.equal(fake.get(old.id).active, true)
    assert.deepEqual(tiers(sold('usage').starter), [[null, '0']])
    fake.control.edit(old.id, { active: false })
    const mended = hows(await setup()).changed
    assert.deepEqual(mended.map(l => [l.id, l.note]), [[old.id, 'it was switched off']])
    await install.sql("UPDATE subscription_mirror SET status = 'canceled'")
    assert.ok(hows(await setup()).retired.some(l => l.id === old.id))
    await install.sql('DELETE FROM subscription_mirror')
    await ops.call({ op: 'plan', plan: 'starter', price: 4900, conversations: 10000, overage: true })
})

test('changes in the dashboard are kept unless they break billing; those are repaired and reported', async () => {
    const first = await setup()
    install.configure({ stripe_webhook_secrets: first.webhook_secret })
    const base = sold('base').starter, [endpoint] = fake.all('webhook_endpoint'), [portal] = fake.all('billing_portal.configuration')
    fake.control.edit(base.id, { nickname: 'Spring offer' })
    fake.control.edit('parley_starter', { name: 'Acme Starter', description: 'words' })
    assert.deepEqual(Object.keys(hows(await setup())), ['found'])
    fake.control.edit(base.id, { active: false })
    fake.control.edit(sold('usage').professional.id, { lookup_key: null })
    fake.control.edit('parley_enterprise', { active: false })
    fake.control.edit(endpoint.id, { status: 'disabled', enabled_events: ['invoice.paid'] })
    fake.control.edit(portal.id, { features: { ...portal.features, subscription_cancel: { ...portal.features.subscription_cancel, enabled: true } } })
    const changed = hows(await setup()).changed
    assert.deepEqual(changed.map(l => `${l.what}: ${l.note}`).toSorted(), [
        'portal: it offered other features', 'price: it was switched off', 'price: its lookup key differed', 'product: it was switched off', 'webhook: it was switched off',
    ])
    assert.equal(fake.get(base.id).active, true)
    assert.equal(fake.get(base.id).nickname, 'Spring offer')
    assert.equal(fake.get(endpoint.id).status, 'enabled')
    assert.ok(fake.get(endpoint.id).enabled_events.length > 20)
    assert.deepEqual(Object.keys(hows(await setup())), ['found'])
    assert.deepEqual(counted(), ALL)
})

test('prices are marked as exclusive of tax once automatic tax is on', async () => {
    await setup()
    install.configure({ stripe_automatic_tax: 'on' })
    assert.equal(hows(await setup()).changed.length, 6)
    assert.ok(fake.all('price').every(p => p.tax_behavior === 'exclusive'))
    assert.deepEqual(Object.keys(hows(await setup())), ['found'])
})

test('after an answer is lost at any POST the next run creates the rest and nothing twice', async () => {
    for (const lost of [0, 1, 2, 3, 10, 11, 12]) {
        await freshFake()
        fake.faults.add({ kind: 'dropAfter', method: 'POST', skip: lost, times: 9 })
        const broken = await install.tryRun('--json', 'billing', 'setup')
        assert.equal(broken.status, 1, `POST ${lost}: ${broken.stdout}`)
        assert.match(broken.stderr, /stripe_no_answer/)
        fake.faults.clear()
        const report = await setup()
        const endpoints = fake.all('webhook_endpoint').filter(h => h.status === 'enabled')
        const thin = fake.all('v2.core.event_destination').filter(d => d.status === 'enabled')
        assert.deepEqual({ ...counted(), webhook_endpoint: endpoints.length, 'v2.core.event_destination': thin.length }, ALL, `POST ${lost}`)
        if (lost === 11) assert.equal(report.webhook_secret, fake.control.secrets(endpoints[0].id)[0], 'a secret that did not arrive is replaced')
        assert.deepEqual(Object.keys(hows(await setup())), ['found'])
    }
})

test('after a kill the next run creates the rest', async () => {
    fake.faults.add({ kind: 'slow', method: 'POST', path: '/v1/prices', skip: 2, ms: 20000 })
    const child = spawn(`${build}/parley`, ['billing', 'setup'], { env: install.env, stdio: 'ignore' })
    await until('the third price', () => fake.requests.filter(r => r.path === '/v1/prices' && r.method === 'POST').length >= 2 && fake.faults.count?.slow)
    child.kill('SIGKILL')
    await new Promise(ok => child.once('exit', ok))
    fake.faults.clear()
    const busy = await install.tryRun('--json', 'billing', 'setup')
    assert.match(busy.stderr, /billing_busy/)
    await install.sql('DELETE FROM stripe_lease') // or three minutes
    await setup()
    assert.equal(fake.all('price').filter(p => p.lookup_key).length, 6)
    assert.deepEqual(Object.keys(hows(await setup())), ['found'])
})

test('live and test mode are kept separate', async () => {
    await setup()
    const inTestMode = fake
    fake = await startFake({ now: inTestMode.now(), seed: 6 }) // where ids of one mode are free in the other
    install.configure({ stripe_secret_key: 'sk_live_setup', stripe_api_base: fake.url })
    assert.equal((await ops.call({ op: 'check' })).ready, false)
    const live = await setup()
    assert.equal(live.mode, 'live')
    assert.equal(hows(live).made.length, 13)
    assert.equal((await install.sql('SELECT COUNT(*) n FROM stripe_price'))[0].n, '12')
    assert.equal((await install.sql('SELECT COUNT(DISTINCT livemode) n FROM stripe_setup'))[0].n, '2')
    assert.deepEqual(Object.keys(hows(await setup())), ['found'])
    await closeFake()
    fake = inTestMode
    install.configure({ stripe_secret_key: KEY, stripe_api_base: fake.url })
    assert.deepEqual(Object.keys(hows(await setup())), ['found'])
})

test('the endpoints follow a changed base_url', async () => {
    const first = await setup()
    install.configure({ stripe_webhook_secrets: first.webhook_secret, base_url: 'https://new.example' })
    const changed = hows(await setup()).changed
    assert.deepEqual(changed.map(l => [l.what, l.note]), [['webhook', 'it had another address'], ['thin_events', 'it had another address']])
    assert.equal(fake.all('webhook_endpoint')[0].url, 'https://new.example/hooks/stripe')
    assert.deepEqual(Object.keys(hows(await setup())), ['found'])
    install.configure({ base_url: 'https://parley.example' })
    await setup()
})

test('--new-endpoint creates both endpoints again and disables the old ones', async () => {
    const first = await setup()
    const second = await setup('--new-endpoint')
    assert.deepEqual(hows(second).made.map(l => l.what), ['webhook', 'thin_events'])
    assert.deepEqual(hows(second).retired.map(l => l.what), ['webhook', 'thin_events'])
    assert.notEqual(first.webhook_secret, second.webhook_secret)
    assert.deepEqual(fake.all('webhook_endpoint').map(h => h.status), ['disabled', 'enabled'])
    assert.deepEqual(fake.all('v2.core.event_destination').map(d => d.status), ['disabled', 'enabled'])
    assert.deepEqual(Object.keys(hows(await setup())), ['found'])
})

test('--write stores the secrets beside the configuration and nowhere else', async () => {
    const secrets = path.join(path.dirname(install.conf), 'secrets.conf')
    const refused = await install.tryRun('billing', 'setup', '--write')
    assert.equal(refused.status, 1)
    assert.deepEqual(counted().webhook_endpoint, 0, 'no endpoint is created whose secret could not be stored')
    fs.writeFileSync(secrets, '# mine\ndatabase_connections = 3\n stripe_webhook_secrets = whsec_old\nlog_level = warn', { mode: 0o640 })
    const conf = fs.readFileSync(install.conf, 'utf8')
    fs.writeFileSync(install.conf, `include secrets.conf\n${conf}`)
    const done = await install.tryRun('billing', 'setup', '--write')
    assert.equal(done.status, 0, done.stderr)
    const text = fs.readFileSync(secrets, 'utf8')
    const [endpoint] = fake.all('webhook_endpoint'), [thin] = fake.all('v2.core.event_destination')
    const [a] = fake.control.secrets(endpoint.id), [b] = fake.control.secrets(thin.id)
    assert.equal(text, `# mine\ndatabase_connections = 3\nlog_level = warn\nstripe_webhook_secrets = whsec_old ${a} ${b}\n`)
    assert.equal(fs.statSync(secrets).mode & 0o777, 0o640)
    assert.ok(!done.stdout.includes(a) && !done.stderr.includes(a), 'it is in the file and nowhere else')
    const shadow = fs.readFileSync(install.conf, 'utf8')
    fs.writeFileSync(install.conf, `${shadow}stripe_webhook_secrets = whsec_else\n`)
    const lost = await install.tryRun('billing', 'setup', '--write', '--new-endpoint')
    assert.equal(lost.status, 1)
    assert.match(lost.stderr, /another stripe_webhook_secrets line/)
    assert.ok(lost.stdout.includes(fake.control.secrets(fake.all('webhook_endpoint')[1].id)[0]), 'the secret is printed instead')
    fs.rmSync(secrets)
})

test('a restricted key with the documented rights suffices; a missing one is named', async () => {
    assert.ok(RIGHTS.includes('webhook_write') && RIGHTS.includes('plan_write'), `the manual lists ${RIGHTS}`)
    fake.control.key(KEY, { rights: RIGHTS })
    assert.deepEqual(Object.keys(hows(await setup())), ['made'])
    for (const [right, needed] of [['webhook_write', 'webhook_read'], ['plan_write', 'plan_read'], ['billing_meter_write', 'billing_meter_read']]) {
        fake.control.key(KEY, { rights: RIGHTS.filter(r => r !== right) })
        const refused = await install.tryRun('--json', 'billing', 'setup')
        assert.equal(refused.status, 1)
        assert.match(refused.stderr, /stripe_right_missing/)
        assert.ok(refused.stderr.includes(needed), refused.stderr)
        assert.ok(!refused.stderr.includes(KEY), 'the message does not contain the key')
    }
})

test('a missing or revoked key is reported', async () => {
    install.configure({ stripe_secret_key: null })
    assert.match((await install.tryRun('--json', 'billing', 'setup')).stderr, /stripe_off/)
    install.configure({ stripe_secret_key: 'rk_test_gone' })
    fake.control.key('rk_test_gone', { revoked: true })
    assert.match((await install.tryRun('--json', 'billing', 'setup')).stderr, /stripe_key_refused/)
})

test('doctor reports what is missing for selling', async () => {
    const said = async () => JSON.parse((await install.tryRun('--json', 'doctor')).stdout).filter(f => ['billing', 'webhook_secrets'].includes(f.check))
        .map(f => `${f.check} ${f.level}: ${f.what} - ${f.mend ?? ''}`)
    let [line, ...more] = await said()
    assert.match(line, /^billing fail: Billing is not set up in test mode: no meter, .* - run parley billing setup --write$/)
    assert.deepEqual(more, [])
    const { webhook_secret: secret } = await setup()
    ;[line, ...more] = await said()
    assert.equal(line, 'billing ok: Billing is set up in test mode - ')
    assert.match(more.join(), /^webhook_secrets fail: .* - run parley billing setup --new-endpoint --write$/)
    install.configure({ stripe_webhook_secrets: secret })
    assert.deepEqual((await said()).length, 1)
    install.configure({ stripe_secret_key: 'pk_test_public' })
    ;[line] = await said()
    assert.match(line, /^billing fail: .* - correct the stripe_ settings$/)
    assert.ok(!line.includes('pk_test_public'), 'the message does not contain the key')
    install.configure({ stripe_secret_key: null })
    ;[line] = await said()
    assert.match(line, /^billing ok: Billing is off/)
})
