// /v1/usage: a workspace's usage and its counted conversations. Another workspace's never show.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startUsage } from '../plan/usage_lib.mjs'
import { hexOf } from '../talk/lib.mjs'

let parley, talk, api, mine, theirs

before(async () => { ({ parley, talk, api, mine, theirs } = await startUsage()) })
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
