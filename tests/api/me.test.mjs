// /v1/me, keys and scopes, and what every address of the API has in common.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startApi } from './lib.mjs'

let parley, key, call, mine

before(async () => { ({ parley, key, call, mine } = await startApi()) })
after(() => parley?.stop())

test('GET /v1/me shows the key and its workspace', async () => {
    const me = await call(mine, 'GET', '/v1/me')
    assert.equal(me.status, 200)
    assert.equal(me.body.workspace.id, mine.id)
    assert.equal(me.body.workspace.plan, 'enterprise')
    assert.equal(me.body.workspace.name, 'Mine')
    assert.deepEqual(me.body.key.scopes, ['read', 'write', 'chat'])
    assert.match(me.body.key.id, /^key_/)
    assert.equal((await call(null, 'GET', '/v1/me')).status, 401)
    const typo = { key: mine.key.slice(0, -1) + (mine.key.endsWith('x') ? 'y' : 'x') }
    const refused = await call(typo, 'GET', '/v1/me')
    assert.deepEqual([refused.status, refused.body.code], [401, 'key_malformed'])
    const byHeader = await call(null, 'GET', '/v1/me', undefined, { 'X-Api-Key': mine.key })
    assert.equal(byHeader.status, 200)
})

test('no key, a wrong key and an altered key are refused alike', async () => {
    const altered = mine.key.slice(0, -1) + (mine.key.at(-1) === 'a' ? 'b' : 'a')
    for (const who of [null, { key: 'ply_x' }, { key: altered }]) assert.equal((await call(who, 'GET', '/v1/me')).status, 401)
})

test('a key does what its scopes allow', async () => {
    const reader = { key: await key(mine.id, 'read') }, chat = { key: await key(mine.id, 'chat') }
    assert.equal((await call(reader, 'GET', '/v1/bots')).status, 200)
    assert.equal((await call(reader, 'POST', '/v1/bots', { template: 'faq', name: 'No' })).status, 403)
    assert.equal((await call(chat, 'GET', '/v1/bots')).status, 403)
})

test('unknown paths and methods are refused', async () => {
    assert.equal((await call(mine, 'GET', '/v1/nothing')).status, 404)
    const refused = await call(mine, 'DELETE', '/v1/bots')
    assert.equal(refused.status, 405)
    assert.match(refused.headers.get('allow') ?? '', /GET/)
})
