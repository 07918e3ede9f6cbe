// A workspace that pays for more than its plan includes, up to a cap of its own: talked with, counted, mailed and billed, with the programs running.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { after, before, test } from 'node:test'
import { childrenOf, until } from '../lib/install.mjs'
import { startServer } from '../queue/lib.mjs'
import { echoFlow, makeBot, send } from '../talk/lib.mjs'
import { bytes, Testbed } from './testbed.mjs'
import { summed } from '../stripe/fake/meters.mjs'

let bed, fake, ops, smtp, parley, tenant, bot, customer

before(async () => {
    bed = await Testbed.open({ now: Math.floor(Date.now() / 1000) })
    ;({ fake, ops, install: parley } = bed)
    smtp = await startServer()
    parley.configure({ rate_limits: 'off', smtp_url: `smtp://127.0.0.1:${smtp.port}`, mail_from: 'noreply@chat.example.com' })
    const terms = await ops.call({ op: 'plan', plan: 'starter', price: 4900, conversations: 4, overage: true })
    assert.equal(terms.ok, true, terms.message)
    assert.equal((await ops.call({ op: 'setup' })).ok, true)
    tenant = await bed.buyer('starter')
    customer = bed.customers(tenant)[0].id
    const owner = await parley.run('user', 'create', 'owner@example.org', '--password-stdin', { input: 'correct horse 9\n' })
    await parley.run('user', 'add-to', owner, tenant, '--role', 'owner')
    await bed.rows(tenant, "INSERT INTO overage_choice SELECT tenant_id, 'bill', 2450, UTC_TIMESTAMP(3) FROM tenant WHERE tenant_id = ?") // two more, at $12.25
    ;({ bot } = await makeBot(parley, echoFlow, { tenant: bytes(tenant) }))
    await parley.startPrograms()
    await parley.startWeb()
})
after(async () => {
    await smtp?.close()
    await bed?.close()
})

const counted = () => Number(summed(fake.w, fake.w.all('billing.meter')[0], customer, 0, Infinity)) / 1e12
const worker = () => childrenOf(parley.pid('serve')).find(pid => fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'parley-worker')
async function talk() {
    const { status, body } = await send(parley, bot, { text: 'hello' })
    assert.equal(status, 200, JSON.stringify(body))
    return body
}
/** The mails that the check of the counter found due, in order */
async function mails(n) {
    assert.equal((await ops.call({ op: 'notice' })).ok, true)
    await until(`${n} mails`, () => smtp.got.length >= n)
    return smtp.got.map(m => m.mail.subject)
}

test('included conversations, then overage, then the limit; open conversations continue', async () => {
    const first = await talk()
    await talk()
    await talk()
    assert.match((await mails(1)).join(), /has used 75 % of its conversations/)
    for (let i = 0; i < 3; i++) await talk()
    for (let i = 0; i < 2; i++) {
        const refused = await send(parley, bot, { text: 'hello' })
        assert.deepEqual([refused.status, refused.body.code], [402, 'plan_limit'])
    }
    const { conversation, token } = first
    assert.equal((await send(parley, bot, { text: 'and then', conversation, token })).status, 200)
    const usage = await ops.call({ op: 'usage', tenant })
    assert.deepEqual([usage.used, usage.included, usage.limit, usage.billable], [6, 4, 6, true])
})

test('each threshold is mailed once, and of several at once the highest', async () => {
    const subjects = await mails(2)
    assert.equal(subjects.length, 2)
    assert.match(subjects[1], /has reached its overage limit/)
    const { mail, to } = smtp.got[1]
    assert.deepEqual(to, ['owner@example.org'])
    assert.match(mail.text, /used 6 conversations in this period: the 4 of its plan, and all that your overage limit of \$24\.50 pays for/)
    assert.match(mail.text, /https:\/\/parley\.example\/app\/billing/)
    for (let i = 0; i < 3; i++) await ops.call({ op: 'notice' })
    await parley.sql('UPDATE usage_counter SET noticed = 0')
    await ops.call({ op: 'notice' })
    assert.equal((await parley.sql("SELECT COUNT(*) AS n FROM job WHERE kind = 'mail'"))[0].n, '2')
})

test('the worker reports the conversations to the meter, and the invoice contains them', async () => {
    assert.equal((await ops.call({ op: 'collect' })).ok, true)
    await until('the meter', () => counted() === 6)
    await until('the mark', async () => (await bed.rows(tenant, "SELECT 1 AS x FROM meter_outbox WHERE tenant_id = ? AND state <> 'sent'")).length === 0)
    const [sub] = bed.subscriptions(tenant)
    const preview = await bed.sdk('POST', '/v1/invoices/create_preview', { customer, subscription: sub.id })
    assert.deepEqual(preview.lines.data.map(l => l.amount).filter(n => n).sort((a, b) => a - b), [2450, 4900])
    const metrics = await (await fetch(`${parley.url}/metrics`)).text()
    assert.match(metrics, /^parley_meter_lag_seconds 0\.000$/m)
    assert.match(metrics, /^parley_meter_rows\{state="rejected"\} 0$/m)
    const doctor = await parley.tryRun('doctor')
    assert.match(doctor.stdout, /ok .*0 conversations are still to be reported to Stripe/)
})

test('after a worker is killed half-way, the next one continues', async () => {
    fake.faults.add({ kind: 'slow', method: 'POST', path: '/v1/billing/meter_events', ms: 1500 })
    await bed.rows(tenant, 'UPDATE overage_choice SET cap = 100000 WHERE tenant_id = ?')
    await until('a conversation to be available', async () => (await send(parley, bot, { text: 'hello' })).status === 200)
    assert.equal((await ops.call({ op: 'collect' })).ok, true)
    await until('the send', async () => (await bed.rows(tenant, "SELECT 1 AS x FROM meter_outbox WHERE tenant_id = ? AND state = 'unknown'")).length)
    await parley.sql("UPDATE stripe_lease SET until = '2020-01-01'") // it would hold it for two minutes
    const pid = worker()
    process.kill(pid, 'SIGKILL')
    await until('another worker', () => worker() && worker() !== pid)
    await until('the execution', () => counted() === 7)
    await parley.sql("UPDATE stripe_lease SET until = '2020-01-01'; UPDATE meter_outbox SET due_at = '2020-01-01' WHERE state = 'unknown'")
    await until('the mark', async () => (await bed.rows(tenant, "SELECT 1 AS x FROM meter_outbox WHERE tenant_id = ? AND state <> 'sent'")).length === 0)
    assert.equal(counted(), 7)
})
