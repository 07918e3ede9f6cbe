// The operator's commands about plans, and the daily deletion of what a plan no longer keeps.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startInstall } from '../lib/install.mjs'
import { echoFlow, makeBot, newId, send, shown } from '../talk/lib.mjs'

let parley

before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off' } })
})
after(() => parley.stop())

const json = async (...args) => JSON.parse(await parley.run(...args, '--json'))
const fails = async (status, words, ...args) => {
    const done = await parley.tryRun(...args)
    assert.deepEqual([done.status, words.test(done.stderr)], [status, true], done.stderr)
}

test('plan list and plan show print the terms of the plans', async () => {
    const plans = await json('plan', 'list')
    assert.deepEqual(plans.map(p => [p.plan, p.price, p.conversations, p.overage_pico, p.bots]), [
        ['free', 0, 1000, null, 1], ['starter', 4900, 10000, 490000000000, 5],
        ['professional', 19900, 50000, 398000000000, 'unlimited'], ['enterprise', 99900, 'unlimited', null, 'unlimited']])
    const pro = await json('plan', 'show', 'professional')
    assert.deepEqual([pro.name, pro.knowledge, pro.white_label, pro.retention_days, pro.terms.length, pro.terms[0].current],
        ['PROFESSIONAL', 1, 0, 730, 1, true])
    assert.match(await parley.run('plan', 'list'), /^plan +name +public/)
    await fails(1, /There is no plan "gold"/, 'plan', 'show', 'gold')
})

test('tenant override changes what tenant entitlements prints', async () => {
    const id = await parley.run('tenant', 'create', 'Override')
    const what = () => json('tenant', 'entitlements', id)
    const before = await what()
    assert.deepEqual([before.workspace, before.plan, before.assigned, before.state, before.subscription, before.entitlements.bots],
        [id, 'free', 'free', 'free', null, 1])
    assert.deepEqual([before.period.included, before.period.limit, before.period.used, before.period.billable], [1000, 1000, 0, false])
    assert.match(before.period.start, /-01T00:00:00.000Z$/)
    assert.equal(before.valid_until, before.period.end)
    await parley.run('tenant', 'override', id, 'bots', '4', '--reason', 'a pilot', '--expires', '2099-12-31')
    await parley.run('tenant', 'override', id, 'conversations', 'unlimited', '--reason', 'a pilot')
    await parley.run('tenant', 'override', id, 'white_label', 'on', '--reason', 'a pilot')
    const given = await what()
    assert.deepEqual([given.entitlements.bots, given.entitlements.white_label, given.period.limit], [4, 1, 'unlimited'])
    assert.deepEqual(given.overrides.map(o => [o.entitlement, o.value, o.reason, o.expires_at]), [
        ['bots', 4, 'a pilot', '2100-01-01T00:00:00.000Z'], ['conversations', 'unlimited', 'a pilot', null], ['white_label', 1, 'a pilot', null]])
    await parley.run('tenant', 'override', id, 'bots', 'none')
    assert.equal((await what()).entitlements.bots, 1)
    await parley.run('tenant', 'plan', id, 'PROFESSIONAL')
    assert.deepEqual([(await what()).plan, (await what()).assigned, (await what()).state], ['professional', 'professional', 'assigned'])
    const log = await parley.sql(`SELECT what, JSON_VALUE(detail, '$.after') AS after FROM operator_log WHERE object = '${id}' ORDER BY operator_log_id`)
    assert.deepEqual(log.map(l => l.what), ['override.set', 'override.set', 'override.set', 'override.ended', 'plan.assigned'])
    assert.equal(log.at(-1).after, 'professional', 'the plan is written as its own row has it')
    await fails(2, /no entitlement "bot"/, 'tenant', 'override', id, 'bot', '4', '--reason', 'x')
    await fails(2, /not a value/, 'tenant', 'override', id, 'bots', 'few', '--reason', 'x')
    await fails(2, /Give the reason/, 'tenant', 'override', id, 'bots', '4')
    await fails(2, /--expires must be a day/, 'tenant', 'override', id, 'bots', '4', '--reason', 'x', '--expires', '2027-02-30')
    await fails(1, /The end is in the past/, 'tenant', 'override', id, 'bots', '4', '--reason', 'x', '--expires', '2020-01-01')
    await fails(1, /There is no such override/, 'tenant', 'override', id, 'bots', 'none')
})

test('the worker deletes conversations older than the plan\'s retention, and they stay counted', async () => {
    const tenant = newId()
    const { bot } = await makeBot(parley, echoFlow, { plan: 'free', tenant })
    const old = await send(parley, bot, { text: 'long ago' }), fresh = await send(parley, bot, { text: 'just now' })
    const [{ id }] = await parley.sql(`SELECT HEX(MIN(conversation_id)) AS id FROM conversation WHERE tenant_id = 0x${tenant}`)
    const ancient = `0185${id.slice(4)}` // began in 2023
    await parley.sql(`SET foreign_key_checks = 0;
        UPDATE conversation SET conversation_id = 0x${ancient}, last_at = '2023-02-01' WHERE conversation_id = 0x${id};
        UPDATE message SET conversation_id = 0x${ancient} WHERE conversation_id = 0x${id};
        UPDATE usage_ledger SET conversation_id = 0x${ancient} WHERE conversation_id = 0x${id}`)
    assert.deepEqual([old.status, fresh.status], [200, 200])
    const counts = async () => Object.values((await parley.sql(`SELECT (SELECT COUNT(*) FROM conversation WHERE tenant_id = 0x${tenant}),
        (SELECT COUNT(DISTINCT conversation_id) FROM message WHERE tenant_id = 0x${tenant}), (SELECT COUNT(*) FROM usage_ledger WHERE tenant_id = 0x${tenant}),
        (SELECT SUM(used) FROM usage_counter WHERE tenant_id = 0x${tenant})`))[0])
    assert.deepEqual(await counts(), ['2', '2', '2', '2'])
    await parley.sql("DELETE FROM job WHERE kind = 'retention'") // today's is done: let the next come now
    await parley.run('work', '--once')
    assert.deepEqual(await counts(), ['1', '1', '2', '2'])
    const { conversation, token } = fresh.body
    assert.equal((await send(parley, bot, { text: 'still here', conversation, token })).status, 200)
    assert.equal((await send(parley, bot, { text: 'is it?', conversation: shown('conv', ancient), token: old.body.token })).status, 404)
    const [job] = await parley.sql("SELECT state, result FROM job WHERE kind = 'retention'")
    assert.deepEqual([job.state, JSON.parse(job.result)], ['done', { deleted: 1, failed: 0 }])
})
