// POST /v1/embeddings: the official `openai` client on this side and a fake of OpenAI on the other.
import assert from 'node:assert/strict'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { KEY } from '../engine/fake/openai.mjs'
import { requestBytes } from '../lib/fcgi.mjs'
import { until } from '../lib/install.mjs'
import { hexOf } from '../talk/lib.mjs'
import { at, failed, startWithFakes } from './fakes.mjs'
import { clientOf } from './walk.mjs'

let stop, parley, call, mine, other, fake, second, client, fakeBot

before(async () => { ({ stop, parley, call, mine, other, fake, second, client, fakeBot } = await startWithFakes()) })
after(() => stop?.())

test('embeddings come from the first engine of the bot that can make them', async () => {
    const bot = await fakeBot(at(fake), at(second, { embedding_model: 'large' }))
    const whole = { object: 'embedding', index: 1, embedding: [1.5, -1, 0.25] }
    for (const format of [undefined, 'float', 'base64']) {
        const got = await client.embeddings.create({ model: bot, input: ['one', 'two'], ...format ? { encoding_format: format } : {} })
        assert.deepEqual([got.object, got.model, got.data.length, got.usage], ['list', bot, 2, { prompt_tokens: 5, total_tokens: 5 }])
        const [x, y, z] = [1.5, -1, 0.25]
        const packed = Buffer.from(new Float32Array([x, y, z]).buffer).toString('base64')
        assert.deepEqual(got.data[1], format === 'base64' ? { ...whole, embedding: packed } : whole)
    }
    assert.deepEqual(second.requests.at(-1).body.input, ['one', 'two'])
    assert.deepEqual([second.requests.at(-1).body.model, fake.requests.length], ['large', 0])
    assert.deepEqual((await client.embeddings.create({ model: bot, input: 'one' })).data.map(d => d.embedding), [[0.5, -1, 0.25]])
})

test('embeddings that cannot be made are refused in the shape of an OpenAI error', async () => {
    const bot = await fakeBot(at(fake, { embedding_model: 'large' })), without = await fakeBot(at(fake))
    for (const [body, status, param, reader = client] of [
        [{ model: 'text-embedding-3-small', input: 'x' }, 404, 'model'],
        [{ model: without, input: 'x' }, 422, 'model'],
        [{ model: bot }, 422, 'input'],
        [{ model: bot, input: [] }, 422, 'input'],
        [{ model: bot, input: ['x', ''] }, 422, 'input'],
        [{ model: bot, input: [1, 2, 3] }, 422, 'input'],
        [{ model: bot, input: Array(257).fill('x') }, 422, 'input'],
        [{ model: bot, input: 'x', dimensions: 2 }, 422, 'dimensions'],
        [{ model: bot, input: 'x', encoding_format: 'hex' }, 422, 'encoding_format'],
        [{ model: bot, input: 'x' }, 404, null, clientOf(parley.url, other.key)],
        [{ model: bot, input: 'x' }, 401, null, clientOf(parley.url, 'ply_wrong')],
    ]) {
        const e = await failed(reader.embeddings.create({ encoding_format: 'float', ...body }))
        assert.deepEqual([e.status, e.param], [status, param], JSON.stringify(body).slice(0, 100))
        assert.ok(e.error?.message && e.type)
    }
    assert.equal(fake.requests.length, 0)
    fake.script = { status: 401, body: { error: { message: `Incorrect API key provided: ${KEY}`, code: 'invalid_api_key' } } }
    const e = await failed(client.embeddings.create({ model: bot, input: 'x', encoding_format: 'float' }))
    assert.deepEqual([e.status, e.code], [502, 'engine_failed'])
    assert.match(e.message, /refused the key/)
    assert.ok(!e.message.includes(KEY))
})

test('embeddings are recorded and count in the caps of the bot', async () => {
    const bot = await fakeBot(at(fake, { embedding_model: 'large' }))
    const { body: now } = await call(mine, 'GET', `/v1/bots/${bot}/engines`)
    await call(mine, 'PUT', `/v1/bots/${bot}/engines`, { chain: now.chain, limits: { visitor: { calls_day: 1 }, bot: { calls_day: 3 } } })
    const embed = user => client.embeddings.create({ model: bot, input: 'one', user })
    await embed('ada')
    const refused = await failed(embed('ada'))
    assert.deepEqual([refused.status, refused.code, refused.type], [402, 'engine_capped', 'insufficient_quota'])
    assert.match(refused.message, /visitor has reached its cap of engine calls for this day/)
    await embed('ben')
    fake.script = { status: 401, body: { error: { message: 'bad key', code: 'invalid_api_key' } } }
    assert.equal((await failed(embed('cleo'))).code, 'engine_failed')
    assert.match((await failed(embed('dora'))).message, /bot has reached its cap/)
    assert.equal(fake.requests.length, 3)
    const rows = await parley.sql(`SELECT outcome, tokens_in, purpose, model, HEX(conversation_id) AS conversation FROM engine_call WHERE bot_id = 0x${hexOf(bot)} ORDER BY call_id`)
    assert.deepEqual(rows.map(r => [r.outcome, Number(r.tokens_in), r.purpose, r.model, r.conversation]),
        [['OK', 5, 'embed', 'large', null], ['OK', 5, 'embed', 'large', null], ['AUTH', 0, 'embed', 'large', null]])
})

test('an embedding whose client leaves ends the call of the engine, which is recorded', { timeout: 30000 }, async () => {
    const bot = await fakeBot(at(fake, { embedding_model: 'large' }))
    fake.script = { fault: 'silent' }
    const web = net.connect(`${parley.runDir}/api.sock`) // lighttpd finds out only when it writes
    const headers = { Authorization: `Bearer ${mine.key}`, 'Content-Type': 'application/json' }
    web.write(requestBytes({ method: 'POST', uri: '/v1/embeddings', headers, body: JSON.stringify({ model: bot, input: 'x' }) }))
    await until('the question', () => fake.requests.length === 1)
    web.destroy()
    await until('the end of the call', () => fake.gone === 1, 5000)
    const outcomes = () => parley.sql(`SELECT outcome FROM engine_call WHERE bot_id = 0x${hexOf(bot)}`)
    await until('the record of the call', async () => (await outcomes()).length === 1)
    assert.equal((await outcomes())[0].outcome, 'CANCELLED')
})
