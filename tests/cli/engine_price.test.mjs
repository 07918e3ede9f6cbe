// parley engine price: the operator's price list, what it refuses, its log, and what calls then cost.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, startWithFakes } from '../api/fakes.mjs'

let stop, parley, client, fake, second, fakeBot

before(async () => { ({ stop, parley, client, fake, second, fakeBot } = await startWithFakes()) })
after(() => stop?.())

const price = (...args) => parley.run('engine', 'price', ...args)
const list = async () => JSON.parse(await price('list', '--json')).map(p => [p.type, p.model, p.input, p.output, p.currency])
const fails = async (status, words, ...args) => {
    const done = await parley.tryRun('engine', 'price', ...args)
    assert.deepEqual([done.status, words.test(done.stderr)], [status, true], `${args.join(' ')}: ${done.stderr}`)
}

test('prices are set, changed, listed and removed, each with an entry in the operators\' log', async () => {
    assert.deepEqual(await list(), [])
    await price('set', 'openai', 'small', '2.50', '10')
    await price('set', 'openai', 'gpt*', '0.000000075', '1000000')
    await price('set', 'anthropic', '*', '0', '0.5')
    await price('set', 'openai', 'small', '3', '12.345')
    assert.deepEqual(await list(), [['anthropic', '*', '0.00', '0.50', 'USD'], ['openai', 'gpt*', '0.000000075', '1000000.00', 'USD'], ['openai', 'small', '3.00', '12.345', 'USD']])
    assert.match(await price('list'), /^type +model +input +output/)
    await price('remove', 'openai', 'gpt*')
    await fails(1, /no price for this type and model/, 'remove', 'openai', 'gpt*')
    assert.deepEqual((await list()).map(p => p[1]), ['*', 'small'])
    const log = await parley.sql("SELECT what, object, detail FROM operator_log WHERE what LIKE 'engine_price.%' ORDER BY operator_log_id")
    assert.deepEqual(log.map(l => [l.what, l.object, JSON.parse(l.detail)]), [
        ['engine_price.set', 'openai small', { input: '2.50', output: '10.00' }],
        ['engine_price.set', 'openai gpt*', { input: '0.000000075', output: '1000000.00' }],
        ['engine_price.set', 'anthropic *', { input: '0.00', output: '0.50' }],
        ['engine_price.set', 'openai small', { before: { input: '2.50', output: '10.00' }, after: { input: '3.00', output: '12.345' } }],
        ['engine_price.removed', 'openai gpt*', { input: '0.000000075', output: '1000000.00' }]])
})

test('what is no price, no model or no type is refused', async () => {
    const before = await list()
    for (const wrong of ['-1', '-0.5', '1e3', '1,50', '', ' 1', '1 ', '+1', '.5', '5.', 'NaN', '0x10', '$1', '1000000.000000001', '1000001', '99999999999999999999', '9'.repeat(60), '0.0000000001']) {
        await fails(2, /is not a price|needs|no option/, 'set', 'openai', 'small', wrong, '1')
        await fails(2, /is not a price|needs|no option/, 'set', 'openai', 'small', '1', wrong)
    }
    for (const model of ['', '*x', 'a*b', '**', ' a', 'a ', 'a\nb', 'x'.repeat(128)]) await fails(1, /name of a model/, 'set', 'openai', model, '1', '1')
    await fails(1, /no such type of engine/, 'set', 'crystal_ball', 'small', '1', '1')
    await fails(2, /./, 'set', 'openai', 'small', '1')
    assert.deepEqual(await list(), before)
})

test('a call costs by the name of its model, else by the longest beginning, else nothing', async () => {
    const bot = await fakeBot(at(fake, { model: 'small' }), at(second, { model: 'large' }))
    const cost = async () => {
        await client.chat.completions.create({ model: bot, messages: [{ role: 'user', content: 'Hello' }] })
        return Number((await parley.sql('SELECT cost FROM engine_call ORDER BY call_id DESC LIMIT 1'))[0].cost)
    }
    const [{ tokens_in: i, tokens_out: o }] = await cost().then(() => parley.sql('SELECT tokens_in, tokens_out FROM engine_call ORDER BY call_id DESC LIMIT 1'))
    await price('set', 'openai', 'small', '2.5', '10')
    assert.equal(await cost(), 2500 * i + 10000 * o, 'in 10^-9 of the currency')
    await price('remove', 'openai', 'small')
    await price('set', 'openai', '*', '1', '1')
    await price('set', 'openai', 'sm*', '2', '3')
    assert.equal(await cost(), 2000 * i + 3000 * o)
    await price('remove', 'openai', 'sm*')
    assert.equal(await cost(), 1000 * i + 1000 * o)
    await price('remove', 'openai', '*')
    assert.equal(await cost(), 0)
})
