// /v1/secrets: values go in and never come out, one workspace never sees the secrets of another, and what is refused.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { flowOf, startApi } from './lib.mjs'

const KEY = 'sk_live_51Hq-never-to-be-seen'
let parley, key, call, mine, other

before(async () => { ({ parley, key, call, mine, other } = await startApi()) })
after(() => parley?.stop())

const put = (who, name, value) => call(who, 'PUT', `/v1/secrets/${name}`, { value })
const names = async who => (await call(who, 'GET', '/v1/secrets')).body.data.map(s => s.name)

/** A flow that sends the secret `name`. */
const keyed = name => {
    const flow = flowOf('Hello')
    flow.nodes.call = { type: 'http', method: 'GET', url: 'https://example.com', headers: { 'X-Key': `{{secret.${name}}}` }, next: 'ask', error: 'ask' }
    flow.nodes.hello.next = 'call'
    return flow
}

test('a secret is added, replaced, listed with its bots and deleted', async () => {
    const added = await put(mine, 'crm', KEY)
    assert.deepEqual([added.status, Object.keys(added.body)], [201, ['name', 'created_at', 'changed_at', 'used_by']])
    const replaced = await put(mine, 'crm', 'another')
    assert.deepEqual([replaced.status, replaced.body.created_at], [200, added.body.created_at])
    assert.ok(replaced.body.changed_at > added.body.changed_at)
    const { body: bot } = await call(mine, 'POST', '/v1/bots', { template: 'faq', name: 'Caller' })
    await call(mine, 'PUT', `/v1/bots/${bot.id}/flow`, { flow: keyed('crm'), revision: 1 })
    const list = await call(mine, 'GET', '/v1/secrets')
    assert.deepEqual([list.body.has_more, list.body.data.map(s => [s.name, s.used_by])], [false, [['crm', [{ bot: bot.id, published: false }]]]])
    await call(mine, 'POST', `/v1/bots/${bot.id}/publish`)
    assert.deepEqual((await call(mine, 'GET', '/v1/secrets')).body.data[0].used_by, [{ bot: bot.id, published: true }])
    assert.deepEqual((await call(mine, 'DELETE', '/v1/secrets/crm')).body.code, 'secret_in_use')
    assert.equal((await call(mine, 'DELETE', '/v1/secrets/crm?force=true')).status, 204)
    assert.equal((await call(mine, 'DELETE', '/v1/secrets/crm?force=true')).status, 404)
    assert.deepEqual(await names(mine), [])
})

test('another workspace neither sees nor changes a secret', async () => {
    await put(mine, 'shared_name', KEY)
    assert.deepEqual(await names(other), [])
    assert.equal((await call(other, 'DELETE', '/v1/secrets/shared_name')).status, 404)
    assert.equal((await put(other, 'shared_name', 'other')).status, 201)
    assert.equal((await call(other, 'DELETE', '/v1/secrets/shared_name')).status, 204)
    assert.deepEqual(await names(mine), ['shared_name'])
    assert.equal((await call(null, 'GET', '/v1/secrets')).status, 401)
})

test('reading needs the scope read, changing the scope write', async () => {
    const reader = { key: await key(mine.id, 'read') }, chat = { key: await key(mine.id, 'chat') }
    assert.equal((await call(reader, 'GET', '/v1/secrets')).status, 200)
    assert.equal((await call(chat, 'GET', '/v1/secrets')).status, 403)
    assert.equal((await put(reader, 'a', 'x')).status, 403)
    assert.equal((await call(reader, 'DELETE', '/v1/secrets/shared_name')).status, 403)
})

test('names and values that cannot be secrets are refused, and no refusal repeats the value', async () => {
    const cases = [['a-b', KEY, 'secret_name_invalid', '/name'], ['1a', KEY, 'secret_name_invalid', '/name'], ['a%20b', KEY, 'secret_name_invalid', '/name'],
        ['a'.repeat(65), KEY, 'secret_name_invalid', '/name'], ['a', '', 'secret_value_invalid', '/value'], ['a', `${KEY}\n`, 'secret_value_invalid', '/value'],
        ['a', `${KEY}\r\nX-Evil: 1`, 'secret_value_invalid', '/value'], ['a', `${KEY}\u0007`, 'secret_value_invalid', '/value'],
        ['a', ` ${KEY}`, 'secret_value_invalid', '/value'], ['a', KEY.repeat(200), 'secret_value_invalid', '/value'], ['a', 5, 'field_type', '/value']]
    for (const [name, value, code, pointer] of cases) {
        const answer = await put(other, name, value)
        assert.deepEqual([answer.status, answer.body.code, answer.body.pointer], [422, code, pointer], `${name}: ${JSON.stringify(value)}`)
        assert.ok(!JSON.stringify(answer.body).includes(KEY))
    }
    const nul = await put(other, 'a', `${KEY}\0`)
    assert.deepEqual([nul.status, JSON.stringify(nul.body).includes(KEY)], [400, false])
    assert.equal((await put(other, 'a', 'x'.repeat(4096))).status, 201)
    for (let i = 1; i < 100; i++) assert.equal((await put(other, `n${i}`, 'x')).status, 201)
    assert.equal((await put(other, 'one_more', 'x')).body.code, 'secrets_too_many')
    assert.equal((await put(other, 'n1', 'y')).status, 200)
})
