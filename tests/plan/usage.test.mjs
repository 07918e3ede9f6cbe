// Usage as a workspace and the operator see it: the API, the command line, /metrics. Another workspace's usage never shows.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import { after, before, test } from 'node:test'
import { startInstall, top, until } from '../lib/install.mjs'
import { echoFlow, hexOf, makeBot, newId, send, shown } from '../talk/lib.mjs'

let parley
const mine = {}, theirs = {}
const ENTITLEMENTS = ['conversations', 'bots', 'members', 'retention_days', 'analytics', 'analytics_advanced', 'knowledge', 'integrations', 'white_label',
    'sla', 'support']

async function workspace(into, plan) {
    into.hex = newId()
    into.id = shown('ws', into.hex)
    into.bot = (await makeBot(parley, echoFlow, { tenant: into.hex, plan })).bot
    for (const scope of ['read', 'admin', 'chat']) into[scope] = await parley.run('key', 'create', '--tenant', into.id, '--name', scope, '--scopes', scope)
}

async function talk(who, n) {
    const started = []
    for (let i = 0; i < n; i++) {
        const { status, body } = await send(parley, who.bot, { text: 'hello' })
        assert.equal(status, 200, JSON.stringify(body))
        started.push(body.conversation)
    }
    return started
}

async function api(path, key) {
    const reply = await fetch(parley.url + path, { headers: { authorization: `Bearer ${key}` } })
    return { status: reply.status, json: await reply.json() }
}

/** A counter and its ledger rows as the journal writes them, for conversations that are gone. */
const idsOf = days => `${(Date.now() - days * 86400000).toString(16).padStart(12, '0')}70008000`
const countedBefore = (who, n, { billable = 0, start = 'DATE_FORMAT(UTC_TIMESTAMP(3), "%Y-%m-01")', days = 0 } = {}) => parley.sql(`
    INSERT INTO usage_ledger (tenant_id, conversation_id, period_start, billable, counted_at)
        SELECT 0x${who.hex}, UNHEX(CONCAT('${idsOf(days)}', LPAD(HEX(seq), 12, '0'))), ${start}, ${billable},
        UTC_TIMESTAMP(3) - INTERVAL ${days} DAY FROM seq_1_to_${n};
    INSERT INTO usage_counter (tenant_id, period_start, billable, used) VALUES (0x${who.hex}, ${start}, ${billable}, ${n})
        ON DUPLICATE KEY UPDATE used = used + ${n}`)

before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off', metrics_token: 'tok-1234567890' } })
    await workspace(mine, 'free')
    await workspace(theirs, 'enterprise')
})
after(() => parley?.stop())

test('usage shows the period, its conversations, its limit and its cost', async () => {
    await talk(mine, 3)
    await talk(theirs, 2)
    const { status, json } = await api('/v1/usage', mine.read)
    assert.equal(status, 200)
    const now = new Date(), month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth())), next = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1))
    assert.deepEqual(json.period, { start: month.toISOString(), end: next.toISOString() })
    assert.deepEqual([json.used, json.included, json.limit, json.billable], [3, 1000, 1000, false])
    assert.deepEqual(json.overage, { amount: 0, currency: 'USD' })
    assert.ok(json.forecast.used >= 3 && json.forecast.used <= 3 + 3 * 31, JSON.stringify(json.forecast))
    assert.equal(json.forecast.full_at, null)
    assert.deepEqual(json.forecast.overage, { amount: 0, currency: 'USD' })
    const unlimited = (await api('/v1/usage', theirs.read)).json
    assert.deepEqual([unlimited.used, unlimited.included, unlimited.limit], [2, null, null])
})

test('conversations are listed newest first; another workspace\'s id as cursor reveals nothing', async () => {
    const started = await talk(mine, 5)
    const first = (await api('/v1/usage/conversations?limit=3', mine.read)).json
    assert.deepEqual(first.data.map(c => c.conversation), started.slice(2).reverse())
    assert.equal(first.has_more, true)
    for (const c of first.data) {
        assert.deepEqual([c.bot, c.billable, c.deleted], [mine.bot, false, false])
        assert.ok(Date.now() - Date.parse(c.counted_at) < 60000)
    }
    const rest = (await api(`/v1/usage/conversations?limit=100&after=${first.data.at(-1).conversation}`, mine.read)).json
    assert.deepEqual([rest.data.length, rest.has_more], [5, false])
    const foreign = (await api('/v1/usage/conversations', theirs.read)).json.data
    assert.equal(foreign.length, 2)
    const mixed = (await api(`/v1/usage/conversations?after=${foreign[0].conversation}`, mine.read)).json
    assert.ok(mixed.data.every(c => !foreign.some(f => f.conversation === c.conversation)))
    for (const [query, code] of [['limit=0', 'limit_invalid'], ['limit=101', 'limit_invalid'], ['after=bot_x', 'after_invalid'], [`after=${mine.bot}`, 'after_invalid']]) {
        const { status, json } = await api(`/v1/usage/conversations?${query}`, mine.read)
        assert.deepEqual([status, json.code], [422, code], query)
    }
})

test('a deleted conversation stays counted', async () => {
    const [gone] = await talk(mine, 1)
    const before = (await api('/v1/usage', mine.read)).json.used
    await parley.sql(`DELETE FROM turn_key WHERE conversation_id = 0x${hexOf(gone)}; DELETE FROM message WHERE conversation_id = 0x${hexOf(gone)};
        DELETE FROM conversation WHERE conversation_id = 0x${hexOf(gone)}`)
    const { data } = (await api('/v1/usage/conversations?limit=1', mine.read)).json
    assert.deepEqual([data[0].conversation, data[0].bot, data[0].deleted], [gone, null, true])
    assert.equal((await api('/v1/usage', mine.read)).json.used, before)
})

test('billing shows plan, state and entitlements to an admin key only, and no secret', async () => {
    for (const [key, status] of [[mine.read, 403], [mine.chat, 403], ['ply_nonsense', 401], [mine.admin, 200]])
        assert.equal((await api('/v1/billing', key)).status, status)
    for (const path of ['/v1/usage', '/v1/usage/conversations']) assert.equal((await api(path, mine.chat)).status, 403)
    const { json } = await api('/v1/billing', mine.admin)
    assert.deepEqual([json.plan, json.name, json.state, json.read_only], ['free', 'FREE', 'free', false])
    assert.deepEqual(Object.keys(json.entitlements).sort(), [...ENTITLEMENTS].sort())
    assert.deepEqual([json.entitlements.conversations, json.entitlements.bots, json.entitlements.white_label, json.entitlements.support], [1000, 1, false, 0])
    assert.deepEqual([json.subscription, json.pending_change, json.dunning], [null, null, null])
    assert.deepEqual(json.overage, { billed: false, cap: { amount: 0, currency: 'USD' } })
    const other = (await api('/v1/billing', theirs.admin)).json
    assert.deepEqual([other.plan, other.state, other.entitlements.bots, other.entitlements.white_label], ['enterprise', 'assigned', null, true])
})

test('billing shows a planned change and a missing payment', async () => {
    const who = {}
    await workspace(who, 'free')
    parley.configure({ stripe_secret_key: 'sk_test_usage', stripe_api_base: 'http://127.0.0.1:9' }) // no server listens there, and none is needed
    parley.hup()
    await parley.sql(`INSERT INTO subscription_mirror (stripe_subscription_id, tenant_id, stripe_customer_id, livemode, status, known_status, plan_terms_id,
        period_start, period_end, anchor, next_terms_id, next_at, created_at, fetched_at) SELECT 'sub_secret', 0x${who.hex}, 'cus_secret', 0, 'active', 'active',
        p.plan_terms_id, UTC_TIMESTAMP() - INTERVAL 5 DAY, UTC_TIMESTAMP() + INTERVAL 25 DAY, UTC_TIMESTAMP() - INTERVAL 5 DAY, s.plan_terms_id,
        UTC_TIMESTAMP() + INTERVAL 25 DAY, UTC_TIMESTAMP(), UTC_TIMESTAMP() FROM plan p, plan s WHERE p.plan = 'professional' AND s.plan = 'starter'`)
    const live = await until('the subscription', async () => {
        const { json } = await api('/v1/billing', who.admin)
        return json.state === 'live' && json
    })
    assert.deepEqual([live.plan, live.subscription.status, live.price], ['professional', 'active', { amount: 19900, currency: 'USD' }])
    assert.equal(live.pending_change.plan, 'starter')
    assert.equal(live.pending_change.at, live.period.end)
    assert.ok(!/cus_|sub_|sk_test/.test(JSON.stringify(live)), 'ids at Stripe are not shown')
    const usage = (await api('/v1/usage', who.read)).json
    assert.deepEqual([usage.billable, usage.included, usage.period.end], [true, 50000, live.period.end])
    await parley.sql(`UPDATE subscription_mirror SET status = 'past_due', first_failed_at = UTC_TIMESTAMP(3) - INTERVAL 8 DAY WHERE tenant_id = 0x${who.hex}`)
    const late = (await api('/v1/billing', who.admin)).json
    assert.deepEqual([late.state, late.read_only], ['read_only', true])
    assert.ok(Math.abs(Date.parse(late.dunning.until) - Date.parse(late.dunning.since) - 14 * 86400000) < 1000)
    parley.configure({ stripe_secret_key: null, stripe_api_base: null })
    parley.hup()
    await until('billing off', async () => (await api('/v1/billing', who.admin)).json.state === 'free')
})

test('FREE stops at its limit while open conversations continue; unlimited never stops', async () => {
    const who = {}
    await workspace(who, 'free')
    const [open] = (await Promise.all([send(parley, who.bot, { text: 'hello' })])).map(r => r.body)
    await countedBefore(who, 999)
    await until('the limit', async () => (await send(parley, who.bot, { text: 'hello' })).status === 402)
    const refused = await send(parley, who.bot, { text: 'hello' })
    assert.deepEqual([refused.status, refused.body.code], [402, 'plan_limit'])
    const { conversation, token } = open
    assert.equal((await send(parley, who.bot, { text: 'more', conversation, token })).status, 200)
    const { json } = await api('/v1/usage', who.read)
    assert.equal(json.used, 1000)
    assert.ok(Date.now() - Date.parse(json.forecast.full_at) < 60000)
    await countedBefore(theirs, 2000)
    assert.equal((await send(parley, theirs.bot, { text: 'hello' })).status, 200)
})

test('the forecast extrapolates the last seven days', async () => {
    const who = {}
    await workspace(who, 'starter')
    const year = new Date().getUTCFullYear(), month = new Date().getUTCMonth()
    const left = (Date.UTC(year, month + 1) - Date.now()) / 86400000
    await countedBefore(who, 700, { days: 2 })
    const { json } = await api('/v1/usage', who.read)
    const span = 6 + (Date.now() % 86400000) / 86400000
    assert.ok(Math.abs(json.forecast.used - (700 + 700 * left / span)) < 10, String(json.forecast.used))
})

test('usage verify finds a counter that differs from its ledger, and repairs it', async () => {
    const healthy = await parley.tryRun('usage', 'verify')
    assert.equal(healthy.status, 0, healthy.stdout)
    assert.deepEqual(JSON.parse(healthy.stdout), { drifted: 0, repaired: false, counters: [] })
    const [before] = await parley.sql(`SELECT used FROM usage_counter WHERE tenant_id = 0x${mine.hex}`)
    await parley.sql(`UPDATE usage_counter SET used = used + 5 WHERE tenant_id = 0x${mine.hex}`)
    const found = await parley.tryRun('usage', 'verify')
    assert.equal(found.status, 1)
    assert.match(found.stderr, /--repair/)
    const report = JSON.parse(found.stdout)
    assert.deepEqual([report.drifted, report.repaired], [1, false])
    assert.deepEqual([report.counters[0].workspace, report.counters[0].counter - report.counters[0].ledger], [mine.id, 5])
    const repaired = await parley.tryRun('usage', 'verify', '--repair')
    assert.equal(repaired.status, 0)
    assert.equal(JSON.parse(repaired.stdout).repaired, true)
    assert.equal((await parley.sql(`SELECT used FROM usage_counter WHERE tenant_id = 0x${mine.hex}`))[0].used, before.used)
    assert.equal((await parley.tryRun('usage', 'verify')).status, 0)
    assert.equal((await parley.tryRun('usage', 'verify', '--mend')).status, 2)
})

test('usage show prints the usage of a workspace', async () => {
    const shownMine = JSON.parse(await parley.run('--json', 'usage', 'show', mine.id))
    assert.deepEqual([shownMine.workspace, shownMine.limit, shownMine.latest.length > 3], [mine.id, 1000, true])
    assert.equal(shownMine.used, (await api('/v1/usage', mine.read)).json.used)
    assert.match(await parley.run('usage', 'show', theirs.id), /limit +\n/)
})

// ---- metrics ----

/** A request as a neighbour of the web server would make it. */
const scrape = headers => new Promise((ok, bad) => {
    http.get(`${parley.url}/metrics`, { headers }, reply => {
        let text = ''
        reply.setEncoding('utf8').on('data', part => { text += part }).on('end', () => ok({ status: reply.statusCode, type: reply.headers['content-type'], text }))
    }).on('error', bad)
})
const metric = (text, name) => Number(text.split('\n').find(line => line.startsWith(`${name} `))?.split(' ')[1] ?? NaN)

test('/metrics is for this machine, or for clients with the token', async () => {
    const open = await scrape({})
    assert.deepEqual([open.status, open.type], [200, 'text/plain; version=0.0.4; charset=utf-8'])
    for (const [headers, status] of [[{ 'X-Forwarded-For': '203.0.113.7' }, 403], [{ Forwarded: 'for=203.0.113.7' }, 403], [{ 'X-Real-IP': '203.0.113.7' }, 403],
        [{ Authorization: 'Bearer tok-wrong' }, 403], [{ Authorization: 'tok-1234567890' }, 403], [{ Authorization: 'Bearer ' }, 403],
        [{ 'X-Forwarded-For': '203.0.113.7', Authorization: 'Bearer tok-1234567890' }, 200]])
        assert.equal((await scrape(headers)).status, status, JSON.stringify(headers))
})

test('every line of /metrics is well formed and true', async () => {
    await parley.sql(`INSERT INTO job (job_id, kind, state, due_at, max_attempts, attempts, payload, created_at) VALUES (UNHEX(MD5('dead')), 'x', 'dead',
        UTC_TIMESTAMP(3), 1, 1, '{}', UTC_TIMESTAMP(3));
        INSERT INTO meter_outbox (tenant_id, meter_outbox_id, stripe_customer_id, period_start, quantity, event_at, state, created_at, due_at) VALUES
        (0x${mine.hex}, UNHEX(MD5('late')), 'cus_1', UTC_TIMESTAMP(3), 3, UTC_TIMESTAMP(3), 'pending', UTC_TIMESTAMP(3) - INTERVAL 40 MINUTE, UTC_TIMESTAMP(3)),
        (0x${mine.hex}, UNHEX(MD5('no')), 'cus_1', UTC_TIMESTAMP(3), 3, UTC_TIMESTAMP(3), 'rejected', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`)
    const { text } = await scrape({})
    assert.ok(text.endsWith('\n'))
    for (const line of text.trimEnd().split('\n'))
        assert.match(line, /^(# (HELP|TYPE) parley_[a-z0-9_]+ .+|parley_[a-z0-9_]+(\{[a-z]+="[a-z]+"\})? -?\d+(\.\d+)?)$/)
    assert.ok(metric(text, 'parley_meter_lag_seconds') >= 2400)
    assert.equal(metric(text, 'parley_meter_rows{state="pending"}'), 1)
    assert.equal(metric(text, 'parley_meter_rows{state="rejected"}'), 1)
    assert.equal(metric(text, 'parley_jobs{state="dead"}'), 1)
    for (const name of ['parley_stripe_events{state="pending"}', 'parley_stripe_event_lag_seconds', 'parley_billing_alarms_open', 'parley_stripe_reads_30d'])
        assert.equal(metric(text, name), 0, name)
    assert.ok(!text.includes(mine.id) && !text.includes('cus_1'))
    await parley.sql("DELETE FROM meter_outbox; DELETE FROM job WHERE state = 'dead'")
})

test('the alert rules use metrics that exist', async () => {
    const { text } = await scrape({})
    const known = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(m => m[1])), states = new Set([...text.matchAll(/state="(\w+)"/g)].map(m => m[1]))
    const rules = fs.readFileSync(`${top}/etc/prometheus-alerts.yml`, 'utf8')
    const alerts = [...rules.matchAll(/^ {6}- alert: (\w+)\n((?: {8}.*\n)+)/gm)]
    assert.equal(alerts.length, [...rules.matchAll(/- alert:/g)].length)
    assert.equal(new Set(alerts.map(a => a[1])).size, alerts.length)
    for (const [, name, body] of alerts) {
        const expr = /^ {8}expr: (.+)$/m.exec(body)?.[1]
        assert.match(body, /^ {8}labels: \{ severity: (page|ticket) \}$/m, name)
        assert.match(body, /^ {10}summary: \S/m, name)
        const used = [...expr.matchAll(/parley_\w+/g)].map(m => m[0])
        assert.ok(used.length === 1 && known.has(used[0]), `${name}: ${expr}`)
        for (const [, state] of expr.matchAll(/state="(\w+)"/g)) assert.ok(states.has(state), `${name}: ${state}`)
        assert.match(expr, /^(absent\(parley_\w+\)|parley_\w+(\{state="\w+"\})? > \d+)$/, name)
    }
    for (const wanted of ['parley_meter_lag_seconds', 'parley_stripe_events', 'parley_billing_alarms_open']) assert.ok(rules.includes(wanted))
})
