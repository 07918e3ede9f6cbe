// The last places of a plan, wanted by 64 connections at once through the web server: each is given exactly once, whoever asks twice
// gets the same answer twice, and a period's end divides them cleanly.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import http from 'node:http'
import { after, before, test } from 'node:test'
import { startInstall } from '../lib/install.mjs'
import { checkLedger, echoFlow, makeBot, newId, send, shown } from '../talk/lib.mjs'

const CONNECTIONS = 64
let parley, agent

before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off', stripe_secret_key: 'sk_test_limit' } })
    agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS })
})
after(async () => {
    agent.destroy()
    await parley.stop()
})

function begin(bot, id) {
    const body = JSON.stringify({ text: 'hello', id })
    return new Promise((ok, bad) => {
        const rq = http.request(`${parley.url}/chat/${bot}/messages`, {
            agent, method: 'POST', headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
        }, reply => {
            let text = ''
            reply.setEncoding('utf8').on('data', t => { text += t }).on('end', () => ok({ status: reply.statusCode, body: JSON.parse(text), id }))
        })
        rq.on('error', bad)
        rq.end(body)
    })
}

const limitTo = (tenant, n) => parley.run('tenant', 'override', shown('ws', tenant), 'conversations', String(n), '--reason', 'test')

async function bookkeeping(tenant) {
    const [sums] = await parley.sql(`SELECT (SELECT COUNT(*) FROM usage_ledger WHERE tenant_id = 0x${tenant}) AS ledger,
        (SELECT SUM(used) FROM usage_counter WHERE tenant_id = 0x${tenant}) AS counter,
        (SELECT COUNT(*) FROM conversation WHERE tenant_id = 0x${tenant}) AS conversations,
        (SELECT COUNT(*) FROM turn_key WHERE tenant_id = 0x${tenant}) AS turn_keys`)
    return Object.values(sums).map(Number)
}

function shuffled(list) {
    const out = [...list]
    for (let i = out.length - 1; i > 0; i--) {
        const k = Math.floor(Math.random() * (i + 1))
        ;[out[i], out[k]] = [out[k], out[i]]
    }
    return out
}

test('of 1,200 messages, each sent twice over 64 connections, exactly 300 begin a conversation', async () => {
    const tenant = newId()
    const { bot } = await makeBot(parley, echoFlow, { tenant })
    await limitTo(tenant, 300)
    const ids = Array.from({ length: 600 }, () => randomUUID())
    const replies = await Promise.all(shuffled([...ids, ...ids]).map(id => begin(bot, id)))
    const seen = new Map()
    for (const r of replies) {
        assert.ok(r.status === 200 || (r.status === 402 && r.body.code === 'plan_limit'), `${r.status} ${JSON.stringify(r.body)}`)
        const said = r.status === 200 ? r.body.conversation : 'refused'
        if (seen.has(r.id)) assert.equal(seen.get(r.id), said, 'a repeated message gets the first reply')
        seen.set(r.id, said)
    }
    const granted = [...seen.values()].filter(v => v !== 'refused')
    assert.equal(granted.length, 300)
    assert.equal(new Set(granted).size, 300)
    assert.deepEqual(await bookkeeping(tenant), [300, 300, 300, 300])
})

test('of 64 visitors exactly one gets the last conversation of a period', async () => {
    for (let round = 0; round < 5; round++) {
        const tenant = newId()
        const { bot } = await makeBot(parley, echoFlow, { tenant })
        await limitTo(tenant, 4)
        for (let i = 0; i < 3; i++) assert.equal((await begin(bot, randomUUID())).status, 200)
        const replies = await Promise.all(Array.from({ length: CONNECTIONS }, () => begin(bot, randomUUID())))
        assert.equal(replies.filter(r => r.status === 200).length, 1)
        assert.deepEqual(await bookkeeping(tenant), [4, 4, 4, 4])
    }
})

test('a period ends while 64 connections are at its limit: each period gives out its own', async () => {
    const tenant = newId(), terms = (await parley.sql("SELECT HEX(plan_terms_id) AS id FROM plan WHERE plan = 'starter'"))[0].id
    const { bot } = await makeBot(parley, echoFlow, { plan: 'free', tenant })
    const end = new Date(Date.now() + 2500).toISOString().slice(0, -1)
    await parley.sql(`INSERT INTO subscription_mirror (stripe_subscription_id, tenant_id, stripe_customer_id, livemode, status, known_status,
        known_at, plan_terms_id, period_start, period_end, anchor, created_at, fetched_at) VALUES ('sub_end', 0x${tenant}, 'cus_end', 0, 'active',
        'active', '2026-01-01', 0x${terms}, '2026-01-01', '${end}', '${end}', '2026-01-01', '2026-01-01')`)
    await limitTo(tenant, 200)
    const until = Date.parse(`${end}Z`) + 1500
    const replies = []
    await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
        while (Date.now() < until) replies.push(await begin(bot, randomUUID()))
    }))
    const granted = replies.filter(r => r.status === 200).length
    for (const r of replies.filter(x => x.status !== 200)) assert.deepEqual([r.status, r.body.code], [402, 'plan_limit'])
    const counters = await parley.sql(`SELECT period_start, period_end, billable, used, stripe_subscription_id AS sub FROM usage_counter
        WHERE tenant_id = 0x${tenant} ORDER BY period_start`)
    assert.deepEqual(counters.map(c => [c.used, c.billable, c.sub]), [['200', '1', 'sub_end'], ['200', '1', 'sub_end']])
    assert.equal(counters[0].period_end, counters[1].period_start)
    assert.equal(granted, 400)
    assert.deepEqual(await bookkeeping(tenant), [400, 400, 400, 400])
    const [astray] = await parley.sql(`SELECT COUNT(*) AS n FROM usage_ledger l JOIN usage_counter u ON u.tenant_id = l.tenant_id AND
        u.period_start = l.period_start AND u.billable = l.billable WHERE l.tenant_id = 0x${tenant} AND
        NOT (l.counted_at >= u.period_start AND l.counted_at < u.period_end)`)
    assert.equal(astray.n, '0', 'each is counted in the period it began in')
    await checkLedger(parley, assert)
})

/** Says nothing to "hush", and ends; answers all else. */
const hushFlow = {
    format: 1, languages: ['en'], start: 'which', variables: {},
    nodes: {
        which: { type: 'branch', cases: [{ when: { var: 'input', op: 'eq', value: 'hush' }, next: 'silent' }], else: 'answer' },
        silent: { type: 'end' },
        answer: { type: 'say', messages: [{ type: 'text', text: { en: 'Answered.' } }], next: 'stay' },
        stay: { type: 'wait', for: 'message', next: 'answer' },
    },
}

test('a conversation that begins without a reply is counted against the limit at its first reply', async () => {
    const tenant = newId()
    const { bot } = await makeBot(parley, hushFlow, { plan: 'free', tenant })
    await limitTo(tenant, 3)
    const opened = await Promise.all(Array.from({ length: 12 }, () => send(parley, bot, { text: 'hush' })))
    for (const { status, body } of opened) assert.deepEqual([status, body.messages], [200, []])
    const place = ({ body: { conversation, token } }) => ({ conversation, token })
    const answers = await Promise.all(opened.map(o => send(parley, bot, { text: 'now', ...place(o) })))
    const granted = opened.filter((_, i) => answers[i].status === 200)
    assert.equal(granted.length, 3)
    for (const { status, body } of answers.filter(a => a.status !== 200)) assert.deepEqual([status, body.code], [402, 'plan_limit'])
    const [{ ledger, counter }] = await parley.sql(`SELECT (SELECT COUNT(*) FROM usage_ledger WHERE tenant_id = 0x${tenant}) AS ledger,
        (SELECT SUM(used) FROM usage_counter WHERE tenant_id = 0x${tenant}) AS counter`)
    assert.deepEqual([ledger, counter], ['3', '3'])
    for (const o of granted) assert.equal((await send(parley, bot, { text: 'more', ...place(o) })).status, 200, 'a conversation with a reply continues')
    await checkLedger(parley, assert)
})
