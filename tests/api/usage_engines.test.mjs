// /v1/usage/engines: what engines were used for, by engine and by day, of a workspace and of one bot.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, startWithFakes } from './fakes.mjs'
import { hexOf } from '../talk/lib.mjs'

let stop, parley, call, mine, other, fake, second, client, fakeBot

before(async () => {
    ({ stop, parley, call, mine, other, fake, second, client, fakeBot } = await startWithFakes())
    await parley.run('engine', 'price', 'set', 'openai', '*', '2.50', '10')
})
after(() => stop?.())

const usage = async (query = '', who = mine) => (await call(who, 'GET', `/v1/usage/engines${query}`)).body
const say = model => client.chat.completions.create({ model, messages: [{ role: 'user', content: 'Hello' }] })
const zero = { calls: 0, tokens_in: 0, tokens_out: 0, cost: 0 }
const sums = ({ calls, tokens_in, tokens_out, cost }) => ({ calls, tokens_in, tokens_out, cost })
const plus = (...all) => Object.fromEntries(Object.keys(zero).map(k => [k, all.reduce((n, x) => n + x[k], 0)]))

test('nothing was used before an engine is asked', async () => {
    const now = await usage(), month = new Date(), start = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth()))
    const end = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1))
    assert.deepEqual(now, { period: { start: start.toISOString(), end: end.toISOString() }, currency: 'USD', ...zero, engines: [], days: [] })
})

test('each try counts for its engine, its bot and the workspace, with tokens and cost', async () => {
    const bot = await fakeBot(at(fake), at(second)), lonely = await fakeBot(at(fake))
    await say(bot)
    fake.script = { status: 401, body: { error: { message: 'no', code: 'invalid_api_key' } } }
    await say(bot) // the first engine fails, the second answers
    fake.clear()
    await say(lonely)
    const [of, alone, all] = [await usage(`?bot=${bot}`), await usage(`?bot=${lonely}`), await usage()]
    const { body: { chain } } = await call(mine, 'GET', `/v1/bots/${bot}/engines`)
    assert.deepEqual([of.calls, alone.calls, all.calls], [3, 1, 4])
    assert.deepEqual(chain.map(id => of.engines.find(g => g.engine === id).calls), [2, 1])
    for (const x of [of, alone, all]) {
        assert.deepEqual(plus(...x.engines), sums(x), 'the engines add up')
        assert.deepEqual(plus(...x.days), sums(x), 'the days add up')
        assert.equal(x.cost, 2500 * x.tokens_in + 10000 * x.tokens_out)
        assert.ok(x.tokens_in > 0 && x.tokens_out > 0)
    }
    assert.deepEqual(plus(of, alone), sums(all))
    const counted = await parley.sql("SELECT calls, tokens, cost FROM engine_usage WHERE scope = 'workspace' AND monthly = 1")
    assert.deepEqual(counted.map(r => [Number(r.calls), Number(r.tokens), Number(r.cost)]), [[all.calls, all.tokens_in + all.tokens_out, all.cost]], 'as the caps count it')
    assert.deepEqual(all.days.map(d => d.day), [`${new Date().toISOString().slice(0, 10)}T00:00:00.000Z`])
    assert.deepEqual(sums(await usage('', other)), zero, 'another workspace sees nothing of it')
})

test('a test of a connection counts in the workspace alone, and a removed engine keeps its numbers', async () => {
    const before = await usage(), { body: engine } = await call(mine, 'POST', '/v1/engines', { type: 'openai', name: 'Probed', settings: { ...at(fake), model: 'small' } })
    await call(mine, 'POST', `/v1/engines/${engine.id}/probe`)
    const now = await usage()
    assert.equal(now.calls, before.calls + 1)
    assert.deepEqual(now.engines.find(g => g.engine === engine.id).name, 'Probed')
    await call(mine, 'DELETE', `/v1/engines/${engine.id}`)
    const gone = (await usage()).engines
    assert.deepEqual([gone.at(-1).engine, gone.at(-1).name, gone.at(-1).calls], [engine.id, null, 1])
})

test('a month that has passed is read as a whole, and no other one with it', async () => {
    const bot = await fakeBot(at(fake)), { body: { chain: [id] } } = await call(mine, 'GET', `/v1/bots/${bot}/engines`)
    const row = (day, calls) => `(0x${hexOf(mine.id)}, 0x${hexOf(bot)}, '${day}', 0x${hexOf(id)}, ${calls}, ${calls}, 0, 0)`
    await parley.sql(`INSERT INTO engine_tally (tenant_id, bot_id, day, engine_id, calls, tokens_in, tokens_out, cost) VALUES
        ${[row('2026-01-31', 1), row('2026-02-01', 2), row('2026-02-28', 4), row('2026-03-01', 8)].join(', ')}`)
    const feb = await usage(`?bot=${bot}&month=2026-02`)
    assert.deepEqual([feb.period.start, feb.period.end, feb.calls, feb.days.map(d => [d.day.slice(0, 10), d.calls])],
        ['2026-02-01T00:00:00.000Z', '2026-03-01T00:00:00.000Z', 6, [['2026-02-01', 2], ['2026-02-28', 4]]])
    assert.equal((await usage(`?bot=${bot}&month=2025-12`)).calls, 0)
})

test('a month or a bot that does not exist is refused', async () => {
    for (const month of ['2026', '2026-13', '2026-00', '2026-1', '2026-11-01', 'now', '2026-1x', '%20026-11'])
        assert.deepEqual([(await call(mine, 'GET', `/v1/usage/engines?month=${month}`)).body.code], ['month_invalid'], month)
    const { body: foreign } = await call(other, 'POST', '/v1/bots', { template: 'faq', name: 'Foreign' })
    for (const bot of [foreign.id, 'bot_nothing', 'eng_nothing'])
        assert.equal((await call(mine, 'GET', `/v1/usage/engines?bot=${bot}`)).status, 404, bot)
    assert.equal((await call(null, 'GET', '/v1/usage/engines')).status, 401)
})
