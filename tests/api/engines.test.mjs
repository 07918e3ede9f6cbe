// /v1/engines and /v1/bots/{bot}/engines: engines of a workspace, their secrets, and the chain of a bot.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startApi } from './lib.mjs'

let parley, call, mine, other

before(async () => { ({ parley, call, mine, other } = await startApi()) })
after(() => parley?.stop())

const key = 'sk-test-0123456789abcdef'
const openai = (name, more = {}) => ({ type: 'openai', name, settings: { base_url: 'https://api.example.com/v1', model: 'small', api_key: key, ...more } })

async function made(who, body) {
    const got = await call(who, 'POST', '/v1/engines', body)
    assert.equal(got.status, 201, JSON.stringify(got.body))
    return got.body
}

test('an engine is made, changed and removed, and its key is never shown', async () => {
    const engine = await made(mine, openai('Main'))
    assert.match(engine.id, /^eng_/)
    assert.deepEqual(engine.settings, { base_url: 'https://api.example.com/v1', model: 'small' })
    assert.deepEqual(engine.secrets, ['api_key'])
    const changed = await call(mine, 'PATCH', `/v1/engines/${engine.id}`, { name: 'Second', settings: { model: 'large' } })
    assert.deepEqual([changed.body.name, changed.body.settings.model, changed.body.secrets], ['Second', 'large', ['api_key']])
    const without = await call(mine, 'PATCH', `/v1/engines/${engine.id}`, { settings: { api_key: null } })
    assert.deepEqual(without.body.secrets, [])
    const seen = [engine, changed.body, (await call(mine, 'GET', '/v1/engines')).body, (await call(mine, 'GET', `/v1/engines/${engine.id}`)).body]
    assert.ok(!JSON.stringify(seen).includes(key))
    assert.equal((await call(mine, 'DELETE', `/v1/engines/${engine.id}`)).status, 204)
    assert.equal((await call(mine, 'GET', `/v1/engines/${engine.id}`)).status, 404)
})

test('a setting that is wrong is refused with its pointer and in words', async () => {
    const wrong = [
        [{ base_url: 'https://user:pass@example.com/v1' }, '/settings/base_url'],
        [{ base_url: 'https://example.com/v1#part' }, '/settings/base_url'],
        [{ base_url: 'https://example.com/v1?x=1' }, '/settings/base_url'],
        [{ base_url: 'https://example.com/v1/../admin' }, '/settings/base_url'],
        [{ base_url: 'https://example.com/v1/%2e%2E/admin' }, '/settings/base_url'],
        [{ base_url: 'file:///etc/passwd' }, '/settings/base_url'],
        [{ base_url: '' }, '/settings/base_url'],
        [{ api_key: 'sk-test\nX-Admin: 1' }, '/settings/api_key'],
        [{ api_key: 'sk test' }, '/settings/api_key'],
        [{ api_key: 'sk-\u00e4' }, '/settings/api_key'],
        [{ api_key: 7 }, '/settings/api_key'],
        [{ model: 'a\nb' }, '/settings/model'],
        [{ model: 'm'.repeat(501) }, '/settings/model'],
        [{ model: null }, '/settings/model'],
        [{ colour: 'red' }, '/settings'],
    ]
    for (const [more, pointer] of wrong) {
        const got = await call(mine, 'POST', '/v1/engines', openai('Wrong', more))
        assert.deepEqual([got.status, got.body.code, got.body.pointer], [422, 'engine_setting', pointer], JSON.stringify(more))
    }
    for (const base_url of ['https://[2001:db8::1]:8443/v1', 'https://xn--bcher-kva.example/v1', 'https://bücher.example/v1', 'http://127.0.0.1:8000'])
        await made(mine, openai(base_url.slice(0, 40), { base_url }))
    assert.equal((await call(mine, 'POST', '/v1/engines', { ...openai('Kind'), type: 'crystal_ball' })).body.code, 'engine_type_unknown')
    assert.equal((await call(mine, 'POST', '/v1/engines', openai('  '))).body.pointer, '/name')
})

test('a number is whole and in its range, and a password may have any character of a line', async () => {
    const botpress = more => ({ type: 'botpress', name: 'Cloud', settings: { base_url: 'https://chat.botpress.cloud/abc', ...more } })
    for (const quiet_ms of [-1, 1.5, '2000', 9000000000000000000]) {
        const got = await call(mine, 'POST', '/v1/engines', botpress({ quiet_ms }))
        assert.deepEqual([got.status, got.body.code, got.body.pointer], [422, 'engine_setting', '/settings/quiet_ms'], String(quiet_ms))
    }
    const { id, settings } = await made(mine, botpress({ quiet_ms: 1500 }))
    assert.deepEqual([settings.quiet_ms, settings.max_wait_ms], [1500, 30000])
    await call(mine, 'DELETE', `/v1/engines/${id}`)
    const v12 = password => ({ type: 'botpress12', name: 'Old', settings: { base_url: 'https://bots.example.com', bot: 'b', email: 'a@example.com', password } })
    assert.equal((await call(mine, 'POST', '/v1/engines', v12('two\nlines'))).body.pointer, '/settings/password')
    assert.deepEqual((await made(mine, v12('groß und klein'))).secrets, ['password'])
})

test('a key does not follow its engine to another server', async () => {
    const { id } = await made(mine, openai('Moving'))
    const move = settings => call(mine, 'PATCH', `/v1/engines/${id}`, { settings })
    for (const base_url of ['https://evil.example.com/v1', 'http://api.example.com/v1', 'https://api.example.com:8443/v1', 'https://api.example.com.evil.example.org/v1']) {
        const got = await move({ base_url })
        assert.deepEqual([got.status, got.body.code, got.body.pointer], [422, 'engine_setting', '/settings/api_key'], base_url)
        assert.match(got.body.detail, /enter it again/)
    }
    for (const settings of [{ base_url: 'https://API.example.com/v2' }, { base_url: 'https://new.example.com/v1', api_key: key }, { base_url: 'https://other.example.com/v1', api_key: null }, { base_url: 'https://last.example.com/v1' }])
        assert.equal((await move(settings)).status, 200, JSON.stringify(settings))
})

test('two engines of a workspace do not have one name, and those of another workspace do not exist', async () => {
    const engine = await made(mine, openai('Twin'))
    assert.deepEqual([(await call(mine, 'POST', '/v1/engines', openai('Twin'))).body.code], ['engine_name_taken'])
    await made(other, openai('Twin'))
    for (const [method, body] of [['GET'], ['PATCH', { name: 'Mine now' }], ['DELETE']])
        assert.equal((await call(other, method, `/v1/engines/${engine.id}`, body)).status, 404, method)
    const { body: list } = await call(other, 'GET', '/v1/engines')
    assert.deepEqual(list.data.map(g => g.name), ['Twin'])
    assert.notEqual(list.data[0].id, engine.id)
})

test('a bot asks its engines in order, with a prompt and limits', async () => {
    const { body: bot } = await call(mine, 'POST', '/v1/bots', { template: 'faq', name: 'Chained' })
    const [first, second] = [await made(mine, openai('First')), await made(mine, openai('Second one'))]
    const path = `/v1/bots/${bot.id}/engines`
    assert.deepEqual((await call(mine, 'GET', path)).body, { chain: [], prompt: '', limits: {}, revision: 0, caps_reached: [] })
    const wanted = { chain: [second.id, first.id], prompt: 'You help {{name}}.', limits: { temperature: 0.2, visitor: { calls_day: 20 } } }
    assert.deepEqual((await call(mine, 'PUT', path, wanted)).body, { ...wanted, revision: 1, caps_reached: [] })
    assert.deepEqual((await call(mine, 'GET', path)).body, { ...wanted, revision: 1, caps_reached: [] })
    assert.equal((await call(mine, 'GET', `/v1/engines/${first.id}`)).body.bots, 1)
    const stale = await call(mine, 'PUT', path, { ...wanted, revision: 0 })
    assert.deepEqual([stale.status, stale.body.code], [409, 'engines_changed'])
    await call(mine, 'DELETE', `/v1/engines/${second.id}`)
    assert.deepEqual((await call(mine, 'GET', path)).body.chain, [first.id])
})

test('a chain that cannot be is refused', async () => {
    const { body: bot } = await call(mine, 'POST', '/v1/bots', { template: 'faq', name: 'Refused' })
    const own = await made(mine, openai('Own')), foreign = await made(other, openai('Foreign'))
    const path = `/v1/bots/${bot.id}/engines`
    const wrong = [
        [{ chain: [own.id, own.id] }, 'engine_twice', '/chain'],
        [{ chain: [foreign.id] }, 'engine_unknown', '/chain'],
        [{ chain: ['eng_nothing'] }, 'engine_unknown', '/chain'],
        [{ chain: Array(6).fill(own.id) }, 'engines_too_many', '/chain'],
        [{ chain: [], prompt: 'x'.repeat(32001) }, 'prompt_too_long', '/prompt'],
        [{ chain: [], limits: { temperature: 20 } }, 'engine_limit', '/limits/temperature'],
        [{ chain: [], limits: { max_tokens: 1.5 } }, 'engine_limit', '/limits/max_tokens'],
        [{ chain: [], limits: { stop: ['a', 'b', 'c', 'd', 'e'] } }, 'engine_limit', '/limits/stop'],
        [{ chain: [], limits: { bot: { wishes_day: 3 } } }, 'engine_limit', '/limits/bot'],
        [{ chain: [], limits: { bot: { calls_day: -3 } } }, 'engine_limit', '/limits/bot/calls_day'],
        [{ chain: [], limits: { mask_patterns: ['KD-[0-9]+', 'KD-['] } }, 'engine_limit', '/limits/mask_patterns'],
        [{ chain: [], limits: { mood: 1 } }, 'engine_limit', '/limits'],
    ]
    for (const [body, code, pointer] of wrong) {
        const got = await call(mine, 'PUT', path, body)
        assert.deepEqual([got.body.code, got.body.pointer], [code, pointer], JSON.stringify(body).slice(0, 200))
    }
    assert.equal((await call(other, 'GET', path)).status, 404)
    assert.equal((await call(other, 'PUT', path, { chain: [] })).status, 404)
})

test('the command line lists, adds and removes engines, and sets the chain of a bot', async () => {
    const { body: bot } = await call(mine, 'POST', '/v1/bots', { template: 'faq', name: 'By hand' })
    const engine = (await parley.run('engine', 'add', 'ollama', '--name', 'Own machine', '--tenant', mine.id, 'base_url=http://127.0.0.1:11434', 'model=tiny')).trim()
    assert.match(engine, /^eng_/)
    await assert.rejects(parley.run('engine', 'add', 'botpress', '--name', 'Slow', '--tenant', mine.id, 'base_url=https://chat.botpress.cloud/x', 'quiet_ms=soon'), /whole number/)
    await parley.run('engine', 'add', 'botpress', '--name', 'Slow', '--tenant', mine.id, 'base_url=https://chat.botpress.cloud/x', 'quiet_ms=3000')
    const list = JSON.parse(await parley.run('--json', 'engine', 'list', '--tenant', mine.id))
    assert.ok(list.some(g => g.id === engine && g.type === 'ollama'))
    assert.equal(list.find(g => g.name === 'Slow').settings.quiet_ms, 3000)
    await parley.run('bot', 'engines', bot.id, engine)
    assert.deepEqual(JSON.parse(await parley.run('--json', 'bot', 'engines', bot.id)).chain, [engine])
    await assert.rejects(parley.run('engine', 'add', 'openai', '--tenant', mine.id, 'model=x', `api_key=${key}`), /secret/)
    await parley.run('bot', 'engines', bot.id, '--none')
    await parley.run('engine', 'remove', engine, '--tenant', mine.id)
    assert.deepEqual(JSON.parse(await parley.run('--json', 'bot', 'engines', bot.id)).chain, [])
    assert.ok(JSON.parse(await parley.run('--json', 'engine', 'types')).some(t => t.type === 'anthropic'))
})
