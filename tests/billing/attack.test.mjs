// An attacker on the billing routes: every route that changes something, by a user without the right, from another site, with another
// workspace's ids; what stays possible while a payment is missing; programs killed while three workers, the hook and 6 workspaces are busy.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { build, childrenOf, until } from '../lib/install.mjs'
import { checkLedger, echoFlow, makeBot, send } from '../talk/lib.mjs'
import { summed } from '../stripe/fake/meters.mjs'
import { deliver } from './hook.mjs'
import { hexOf, startSite } from './site.mjs'
import { Ops } from './ops.mjs'

const ROLES = ['owner', 'billing', 'admin', 'editor', 'agent', 'viewer']
let site, parley, fake, routes, a, b, operator
const people = {}

async function person(email, tenant, role, { isOperator } = {}) {
    const password = 'correct horse battery'
    await parley.run('user', 'create', email, '--password-stdin', { input: password })
    await parley.run('user', 'add-to', email, tenant, '--role', role)
    if (isOperator) await parley.run('user', 'operator', email)
    const signedIn = await fetch(`${parley.url}/login`, { method: 'POST', redirect: 'manual', headers: { Origin: parley.url }, body: new URLSearchParams({ email, password }) })
    const Cookie = signedIn.headers.getSetCookie().map(c => c.split(';')[0]).join('; ')
    const ask = async (path, options = {}) => {
        const reply = await fetch(parley.url + path, { redirect: 'manual', ...options, headers: { Cookie, Origin: parley.url, ...options.headers } })
        return { status: reply.status, location: reply.headers.get('location'), text: await reply.text() }
    }
    const token = /name="_csrf" value="([^"]+)"/.exec((await ask('/app')).text)[1]
    return { ask, token, post: (path, fields, headers) => ask(path, { method: 'POST', headers, body: new URLSearchParams({ _csrf: token, ...fields }) }) }
}

before(async () => {
    site = await startSite()
    ;({ parley, fake } = site)
    routes = JSON.parse(await parley.run('routes', '--json')).filter(r => r.method !== 'GET' && r.method !== 'OPTIONS')
    ;[a, b] = [await site.paying('enterprise'), await site.paying('starter')]
    await site.pump()
    for (const role of ROLES) people[role] = await person(`${role}@example.com`, a.tenant, role)
    people.stranger = await person('stranger@example.com', b.tenant, 'owner')
    operator = await person('operator@example.com', b.tenant, 'viewer', { isOperator: true })
    for (const [who, name] of [[a, 'A'], [b, 'B']]) who.bot = await parley.run('bot', 'create', '--template', 'faq', '--name', name, '--tenant', who.tenant)
})
after(() => site?.stop())

const place = r => r.path.replace('{bot}', a.bot).replace('{tenant}', a.tenant).replace('{answer}', 'new').replace('{plan}', 'starter').replace(/\{\w+\}/, 'x')
const money = () => routes.filter(r => r.who === 'MEMBER(BILLING_WRITE)')
const changes = () => fake.requests.filter(r => r.method !== 'GET').length

test('a member without the right is refused at every billing route and every route of /admin', async () => {
    const before = changes()
    assert.equal(money().length, 5)
    for (const role of ['admin', 'editor', 'agent', 'viewer'])
        for (const r of money()) assert.equal((await people[role].post(place(r), { plan: 'free', overage: 'stop' })).status, 403, `${role} ${r.path}`)
    for (const who of Object.values(people))
        for (const path of [...routes.filter(r => r.who.startsWith('OPERATOR')).map(place), '/admin', '/admin/tenants', '/admin/events'])
            assert.equal((await who.post(path, { plan: 'enterprise' })).status, path.split('/').length > 3 ? 404 : 405, path)
    for (const path of ['/admin', '/admin/plans', `/admin/tenants/${b.tenant}`, '/admin/events', '/admin/alarms']) assert.equal((await people.owner.ask(path)).status, 404, path)
    assert.equal(changes(), before, 'no request went to Stripe')
})

test('a form from another site cannot move money or change a plan', async () => {
    const before = changes(), form = 'application/x-www-form-urlencoded'
    for (const [who, r] of [...money().map(r => [people.owner, r]), ...routes.filter(x => x.who.startsWith('OPERATOR')).map(x => [operator, x])]) {
        const path = place(r), good = { _csrf: who.token, plan: 'enterprise' }, body = new URLSearchParams(good).toString()
        for (const [why, options] of Object.entries({
            'no token': { method: 'POST', body: 'plan=enterprise', headers: { 'Content-Type': form } },
            'somebody else\'s token': { method: 'POST', body: new URLSearchParams({ ...good, _csrf: people.stranger.token }) },
            'another site': { method: 'POST', body, headers: { 'Content-Type': form, Origin: 'https://evil.example' } },
            'sandboxed': { method: 'POST', body, headers: { 'Content-Type': form, Origin: 'null' } },
            'across sites': { method: 'POST', body, headers: { 'Content-Type': form, 'Sec-Fetch-Site': 'cross-site' } },
            'as text': { method: 'POST', body, headers: { 'Content-Type': 'text/plain' } },
            'as JSON': { method: 'POST', body: JSON.stringify(good), headers: { 'Content-Type': 'application/json' } },
        })) assert.equal((await who.ask(path, options)).status, 403, `${why}: ${path}`)
        assert.equal((await who.ask(path, { method: 'PUT', body: new URLSearchParams(good) })).status, 405)
        assert.equal((await who.ask(`${path}?${body}`, { method: 'POST', body: '', headers: { 'Content-Type': form } })).status, 403, 'a token in the address')
    }
    assert.equal(changes(), before)
})

test('another workspace\'s objects are not accepted', async () => {
    const proration = () => String(Date.now()), kept = () => parley.sql('SELECT COUNT(*) AS n FROM bot WHERE kept_at IS NOT NULL')
    for (const [path, fields] of [['/app/billing/change', { plan: 'enterprise', proration: proration(), tenant: a.tenant, subscription: a.sub, customer: a.customer }],
        ['/app/billing/portal', { customer: a.customer, return_url: 'https://evil.example' }]]) {
        const since = fake.requests.length
        await people.stranger.post(path, fields, { 'X-Forwarded-Host': 'evil.example' })
        for (const asked of fake.requests.slice(since)) {
            assert.ok(!`${asked.path} ${asked.body}`.includes(a.sub) && !`${asked.body}`.includes(a.customer), asked.path)
            assert.doesNotMatch(String(asked.body), /evil/)
        }
    }
    assert.equal((await people.stranger.post('/app/workspace', { workspace: a.tenant })).status, 404)
    const planned = await people.owner.post('/app/billing/change', { plan: 'starter', proration: proration(), [`keep_${b.bot}`]: '1' })
    assert.equal(planned.location, '/app/billing?done=change_planned')
    assert.equal((await kept())[0].n, '0', 'a bot of another workspace is not chosen')
    const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`keep_${i}`, '1']))
    assert.ok((await people.owner.post('/app/billing/change', { plan: 'free', proration: proration(), ...many })).status >= 400)
    assert.equal((await people.owner.post('/app/billing/undo')).location, '/app/billing?done=change_undone')
})

test('a spending limit must be an amount', async () => {
    const cap = async () => (await parley.sql(`SELECT * FROM overage_choice WHERE tenant_id = 0x${hexOf(b.tenant)}`))[0]
    for (const [typed, amount] of [['1,5', '150'], [' 20 ', '2000'], ['0,01', '1'], ['999999.99', '99999999']]) {
        assert.equal((await people.stranger.post('/app/billing/overage', { overage: 'bill', cap: typed })).status, 303, typed)
        assert.equal((await cap()).cap, amount)
    }
    const before = await cap()
    for (const typed of ['-1', '-0', '0', '0.00', '1e3', '1.005', '1.5.5', '1,000', '1,000.50', '+20', '0x10', 'NaN', 'Infinity', '1000000', '9223372036854775807', '9'.repeat(40), '１２', '$5', '5 USD',
        '', '.5', '5.', '20 OR 1=1']) assert.equal((await people.stranger.post('/app/billing/overage', { overage: 'bill', cap: typed })).status, 422, typed)
    assert.deepEqual(await cap(), before)
})

/** What becomes of each route that changes something while a payment is missing: a route that is new has to be put here. */
const WHILE_UNPAID = {
    refused: ['workspace_new_post', 'workspace_new_file_post', 'bots_answers_answer_post', 'bots_import_post', 'api_bots_post', 'api_engines_post', 'engines_engine_post'], // it makes something new
    // existing things can be corrected, shown and deleted
    allowed: ['bots_rename_post', 'bots_delete_post', 'bots_flow_post', 'bots_brand_post', 'bots_test_post', 'bots_answers_delete_post', 'bots_publish_post',
        'bots_rollback_post', 'conversations_close_post', 'api_bots_bot_patch', 'api_bots_bot_delete', 'api_bots_flow_put', 'api_bots_brand_put',
        'api_bots_publish_post', 'api_bots_rollback_post', 'api_secrets_name_put', 'api_secrets_name_delete', 'api_engines_engine_patch', 'api_engines_engine_delete', 'api_engines_probe_post', 'engines_probe_post', 'api_bots_engines_put', 'api_chat_completions_post', 'api_embeddings_post', 'api_bots_canary_put', 'bots_engines_post', 'bots_canary_post', 'bots_canary_end_post', 'engines_delete_post', 'workspace_secrets_post', 'workspace_secrets_delete_post'],
    // the way to pay
    money: ['billing_overage_post', 'billing_checkout_post', 'billing_change_post', 'billing_undo_post', 'billing_portal_post'],
}

test('with a missing payment nothing new can be created; a suspended workspace can change nothing', async () => {
    const mine = routes.filter(r => /^(MEMBER|KEY)\(/.test(r.who)), key = await parley.run('key', 'create', '--tenant', a.tenant, '--scopes', 'read,write,admin')
    for (const r of mine) assert.ok(Object.values(WHILE_UNPAID).flat().includes(r.handler), `decide what ${r.handler} does while a payment is missing`)
    const file = await (await people.owner.ask(`/app/bots/${a.bot}/export.json`)).text
    await parley.sql(`UPDATE subscription_mirror SET status = 'past_due', first_failed_at = UTC_TIMESTAMP(3) - INTERVAL 8 DAY WHERE stripe_subscription_id = '${a.sub}'`)
    const call = r => {
        const wanted = r.handler === 'api_engines_post' ? { type: 'openai', name: 'New', settings: { base_url: 'https://models.example/v1', model: 'small' } } : { template: 'faq', name: 'New' }
        if (r.program === 'api') return people.owner.ask(place(r), { method: r.method, headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }, body: JSON.stringify(wanted) })
        if (r.handler === 'engines_engine_post') return people.owner.post('/app/engines/new', { type: 'openai', name: 'New', base_url: 'https://models.example/v1', model: 'small' })
        if (r.handler !== 'bots_import_post' && r.handler !== 'workspace_new_file_post') return people.owner.post(place(r), { template: 'faq', name: 'New', question: 'Q?', answer: 'A.' })
        const body = new FormData()
        body.append('_csrf', people.owner.token)
        body.append('file', new Blob([r.handler === 'bots_import_post' ? 'question,answer\nQ?,A.\n' : file]), 'x')
        return people.owner.ask(place(r), { method: 'POST', body })
    }
    const things = () => parley.sql('SELECT (SELECT COUNT(*) FROM bot) AS bots, (SELECT COUNT(*) FROM answer) AS answers, (SELECT COUNT(*) FROM engine) AS engines, (SELECT COUNT(*) FROM job WHERE kind = "answers_import") AS imports')
    const before = await things()
    for (const r of mine.filter(x => WHILE_UNPAID.refused.includes(x.handler))) {
        const { status, text } = await call(r)
        assert.ok([402, 422].includes(status), `${r.handler}: ${status}`)
        assert.match(text, /A payment is missing/, r.handler)
    }
    assert.deepEqual(await things(), before)
    assert.equal((await people.owner.post(`/app/bots/${a.bot}/rename`, { name: 'Corrected' })).status, 303)
    assert.equal((await people.owner.post('/app/billing/portal')).status, 303)
    await parley.sql(`UPDATE subscription_mirror SET status = 'active', first_failed_at = NULL WHERE stripe_subscription_id = '${a.sub}'; UPDATE tenant SET state = 'suspended' WHERE tenant_id = 0x${hexOf(a.tenant)}`)
    for (const r of mine) assert.equal((await call(r)).status, 403, r.handler)
    await parley.sql(`UPDATE tenant SET state = 'active' WHERE tenant_id = 0x${hexOf(a.tenant)}`)
    assert.deepEqual(await things(), before)
})

test('under repeated kills every acknowledged event is stored, and three workers meter usage once', { timeout: 180000 }, async t => {
    const busy = [], state = { stop: false, kills: 0 }, acknowledged = [], ops = new Ops(parley.env)
    for (let i = 0; i < 6; i++) busy.push(await site.paying('starter'))
    for (const one of busy) one.bot = (await makeBot(parley, echoFlow, { tenant: hexOf(one.tenant) })).bot
    await site.pump()
    fake.faults.byChance({ rates: { dropAfter: 0.05, dropBefore: 0.05, error500Before: 0.05 } })
    const start = name => parley.start(name, `${build}/parley-worker`, [])
    const first = () => childrenOf(parley.pid('serve')).find(pid => fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'parley-worker')
    for (const name of ['worker 2', 'worker 3']) start(name)
    const always = async (pause, what) => {
        while (!state.stop) {
            await what().catch(error => { state.failed = error }) // a killed process does not answer
            await sleep(pause) // limits the load
        }
    }
    const flood = () => always(5, async () => {
        const event = site.event('customer.subscription.updated', busy[acknowledged.length % 6].sub)
        if ((await deliver(parley.url, event, { secrets: site.signing })).status === 200) acknowledged.push(event.id)
    })
    const kill = async what => {
        if (what === 'worker') process.kill(await until('the first worker', first), 'SIGKILL')
        else await parley.kill(what)
        if (what.startsWith('worker ')) start(what)
        else if (what !== 'worker') await parley.restart(what)
    }
    const all = [flood(), flood(), flood(), always(700, () => ops.call({ op: 'collect' })), ...busy.map(one => always(5, () => send(parley, one.bot, { text: 'hi' })))]
    for (const what of ['hooks', 'worker', 'worker 2', 'database', 'chat', 'worker 3', 'worker', 'database', 'worker 2']) {
        const before = acknowledged.length
        await until('more events', () => acknowledged.length >= before + 50, 60000)
        await kill(what)
        state.kills++
    }
    state.stop = true
    await Promise.all(all)
    fake.faults.clear()
    const stored = new Set((await parley.sql('SELECT event_id AS id FROM stripe_event')).map(r => r.id))
    assert.deepEqual(acknowledged.filter(id => !stored.has(id)), [])
    await until('the ledger and the meter to agree', async () => { // waiting retries and expired leases are due now
        assert.equal((await ops.call({ op: 'collect' })).ok, true)
        await parley.sql(`UPDATE stripe_lease SET until = '2020-01-01'; UPDATE meter_outbox SET due_at = '2020-01-01' WHERE state <> 'sent';
            UPDATE stripe_event SET due_at = '2020-01-01' WHERE state = 'pending'`)
        await sleep(500) // between two polls
        const [open] = await parley.sql(`SELECT (SELECT COUNT(*) FROM meter_outbox WHERE state <> 'sent') + (SELECT COUNT(*) FROM stripe_event WHERE state = 'pending') AS n,
            (SELECT SUM(used - reported) FROM usage_counter WHERE billable = 1) AS unreported`)
        return open.n === '0' && open.unreported === '0'
    }, 60000)
    for (const one of busy) {
        const [{ n }] = await parley.sql(`SELECT COUNT(*) AS n FROM usage_ledger WHERE tenant_id = 0x${hexOf(one.tenant)}`)
        assert.ok(n > 0)
        assert.equal(Number(summed(fake.w, fake.w.all('billing.meter')[0], one.customer, 0, Infinity)) / 1e12, Number(n))
    }
    await checkLedger(parley, assert)
    t.diagnostic(`${state.kills} kills, ${acknowledged.length} events acknowledged, the last thing that failed: ${state.failed?.message}`)
    for (const name of ['worker 2', 'worker 3']) await parley.kill(name)
    await ops.end()
    assert.ok(['serve', 'web'].every(name => !/whsec_|sk_test_site|\/c\/pay\/|\/p\/session\//.test(parley.log(name))), 'no secret in a log')
})
