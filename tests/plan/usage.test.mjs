// Usage as a workspace and the operator see it: limits, forecast, the command line, /metrics. Another workspace's usage never shows.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import { after, before, test } from 'node:test'
import { top, until } from '../lib/install.mjs'
import { send } from '../talk/lib.mjs'
import { startUsage } from './usage_lib.mjs'

let parley, workspace, talk, api, mine, theirs

/** A counter and its ledger rows as the journal writes them, for conversations that are gone. */
const idsOf = days => `${(Date.now() - days * 86400000).toString(16).padStart(12, '0')}70008000`
const countedBefore = (who, n, { billable = 0, start = 'DATE_FORMAT(UTC_TIMESTAMP(3), "%Y-%m-01")', days = 0 } = {}) => parley.sql(`
    INSERT INTO usage_ledger (tenant_id, conversation_id, period_start, billable, counted_at)
        SELECT 0x${who.hex}, UNHEX(CONCAT('${idsOf(days)}', LPAD(HEX(seq), 12, '0'))), ${start}, ${billable},
        UTC_TIMESTAMP(3) - INTERVAL ${days} DAY FROM seq_1_to_${n};
    INSERT INTO usage_counter (tenant_id, period_start, billable, used) VALUES (0x${who.hex}, ${start}, ${billable}, ${n})
        ON DUPLICATE KEY UPDATE used = used + ${n}`)

before(async () => { ({ parley, workspace, talk, api, mine, theirs } = await startUsage()) })
after(() => parley?.stop())

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
    await talk(mine, 1)
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
    await talk(mine, 4)
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
