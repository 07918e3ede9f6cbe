// /v1/billing: plan, state, entitlements and subscription of a workspace.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../lib/install.mjs'
import { startUsage } from '../plan/usage_lib.mjs'

const ENTITLEMENTS = ['conversations', 'bots', 'members', 'retention_days', 'analytics', 'analytics_advanced', 'knowledge', 'integrations', 'white_label',
    'sla', 'support']
let parley, workspace, api, mine, theirs

before(async () => { ({ parley, workspace, api, mine, theirs } = await startUsage()) })
after(() => parley?.stop())

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
