// The JSON API of integrations: keys, scopes, and that one workspace never sees another's.
import { test, before, after } from 'node:test'
import assert from 'node:assert/strict'
import { startInstall } from '../lib/install.mjs'

let parley
const mine = {}, theirs = {}

async function workspace(into, name) {
    into.id = await parley.run('tenant', 'create', name, '--plan', 'enterprise')
    into.key = await parley.run('key', 'create', '--tenant', into.id, '--name', 'test', '--scopes', 'read')
    into.bot = await parley.run('bot', 'create', '--tenant', into.id, '--template', 'faq', '--name', `Bot of ${name}`)
}
async function api(path, key = mine.key, headers = {}) {
    const reply = await fetch(parley.url + path, { headers: { ...(key && { authorization: `Bearer ${key}` }), ...headers } })
    return { status: reply.status, type: reply.headers.get('content-type'), headers: reply.headers, json: await reply.json() }
}

before(async () => {
    parley = await startInstall()
    await workspace(mine, 'Mine')
    await workspace(theirs, 'Theirs')
})
after(() => parley?.stop())

test('a key shows its workspace and its scopes', async () => {
    const { status, json } = await api('/v1/me')
    assert.equal(status, 200)
    const { id, name, plan } = json.workspace
    assert.deepEqual({ id, name, plan }, { id: mine.id, name: 'Mine', plan: 'enterprise' })
    assert.deepEqual(json.key.scopes, ['read'])
    assert.match(json.key.id, /^key_/)
})

test('no key, a wrong key and an altered key are refused alike', async () => {
    for (const key of [null, 'ply_x', mine.key.slice(0, -1) + (mine.key.at(-1) === 'a' ? 'b' : 'a')]) {
        const { status, type, json } = await api('/v1/me', key)
        assert.equal(status, 401)
        assert.match(type, /^application\/problem\+json/)
        assert.equal(json.status, 401)
        assert.ok(json.code && json.request_id, JSON.stringify(json))
    }
})

test('a key without the scope is refused', async () => {
    const chat = await parley.run('key', 'create', '--tenant', mine.id, '--name', 'chat', '--scopes', 'chat')
    assert.equal((await api('/v1/bots', chat)).status, 403)
})

test('the list holds the workspace\'s own bots', async () => {
    const { status, json } = await api('/v1/bots')
    assert.equal(status, 200)
    assert.deepEqual(json.data.map(b => b.id), [mine.bot])
    assert.equal(json.data[0].live_version, null)
    assert.equal(json.has_more, false)
})

test('a bot is shown as it is, before and after it is published', async () => {
    await parley.run('bot', 'publish', mine.bot)
    const { status, json } = await api(`/v1/bots/${mine.bot}`)
    assert.equal(status, 200)
    assert.equal(json.name, 'Bot of Mine')
    assert.equal(json.live_version, 1)
    assert.match(json.published_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

test('another workspace\'s bot is 404, and so is an impossible id', async () => {
    for (const id of [theirs.bot, 'bot_0', mine.id, 'x%2Fy']) {
        const { status } = await api(`/v1/bots/${id}`)
        assert.equal(status, 404, id)
    }
    assert.equal((await api(`/v1/bots/${theirs.bot}`)).json.code, (await api('/v1/bots/bot_00000000000000000000000000')).json.code)
})

test('templates are listed in the language asked for', async () => {
    const en = (await api('/v1/templates')).json.data, es = (await api('/v1/templates?language=es')).json.data
    assert.ok(en.length >= 8)
    assert.deepEqual(en.map(t => t.id), es.map(t => t.id))
    assert.notDeepEqual(en.map(t => t.summary), es.map(t => t.summary))
})

test('unknown paths and methods are refused', async () => {
    assert.equal((await api('/v1/nothing')).status, 404)
    const reply = await fetch(`${parley.url}/v1/bots`, { method: 'DELETE', headers: { authorization: `Bearer ${mine.key}` } })
    assert.equal(reply.status, 405)
    assert.match(reply.headers.get('allow') ?? '', /GET/)
})
