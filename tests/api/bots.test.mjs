// /v1/bots: their flows, versions and publication, and that one workspace never sees the bots of another.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { flowOf, startApi } from './lib.mjs'

let parley, call, publishedBot, mine, other

before(async () => { ({ parley, call, publishedBot, mine, other } = await startApi()) })
after(() => parley?.stop())

test('the list has the workspace\'s own bots, before and after they are published', async () => {
    const own = (await call(mine, 'POST', '/v1/bots', { template: 'faq', name: 'Listed' })).body.id
    const list = await call(mine, 'GET', '/v1/bots')
    assert.deepEqual([list.status, list.body.data.map(b => b.id), list.body.has_more], [200, [own], false])
    assert.equal(list.body.data[0].live_version, null)
    await parley.run('bot', 'publish', own)
    const shown = await call(mine, 'GET', `/v1/bots/${own}`)
    assert.deepEqual([shown.status, shown.body.name, shown.body.live_version], [200, 'Listed', 1])
    assert.match(shown.body.published_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

test('a bot is created from a template, published twice and rolled back', async () => {
    const made = await call(mine, 'POST', '/v1/bots', { template: 'faq', name: 'Shop', language: 'es' })
    assert.equal(made.status, 201)
    assert.equal(made.headers.get('location'), `/v1/bots/${made.body.id}`)
    assert.deepEqual([made.body.language, made.body.live_version, made.body.draft_differs], ['es', null, true])
    const path = `/v1/bots/${made.body.id}`
    assert.equal((await call(mine, 'PATCH', path, { name: 'Laden' })).body.name, 'Laden')
    const draft = await call(mine, 'GET', `${path}/flow`)
    assert.equal(draft.body.revision, 1)
    const saved = await call(mine, 'PUT', `${path}/flow`, { flow: flowOf('One'), revision: 1 })
    assert.deepEqual([saved.status, saved.body.revision], [200, 2])
    const late = await call(mine, 'PUT', `${path}/flow`, { flow: flowOf('Two'), revision: 1 })
    assert.deepEqual([late.status, late.body.code], [409, 'draft_changed'])
    assert.equal((await call(mine, 'POST', `${path}/publish`)).body.version, 1)
    assert.equal((await call(mine, 'POST', `${path}/publish`, { note: 'again' })).body.version, 1)
    await call(mine, 'PUT', `${path}/flow`, { flow: flowOf('Two'), revision: 2 })
    assert.equal((await call(mine, 'POST', `${path}/publish`, { note: 'second' })).body.version, 2)
    assert.equal((await call(mine, 'POST', `${path}/rollback`, { version: 1 })).body.version, 1)
    const versions = await call(mine, 'GET', `${path}/versions`)
    assert.deepEqual(versions.body.data.map(v => [v.version, v.live, v.note]), [[2, false, 'second'], [1, true, '']])
    const shown = await call(mine, 'GET', path)
    assert.deepEqual([shown.body.live_version, shown.body.draft_differs], [1, true])
    assert.equal((await call(mine, 'DELETE', path)).status, 204)
    assert.equal((await call(mine, 'GET', path)).status, 404)
})

test('invalid input is refused with the field named', async () => {
    const { body: bot } = await call(mine, 'POST', '/v1/bots', { template: 'faq', name: 'Bad' })
    const path = `/v1/bots/${bot.id}`
    const cases = [
        ['POST', '/v1/bots', { template: 'faq' }, 'field_missing', '/name'],
        ['POST', '/v1/bots', { template: 'faq', name: 5 }, 'field_type', '/name'],
        ['POST', '/v1/bots', { template: 'faq', name: null }, 'field_type', '/name'],
        ['POST', '/v1/bots', { template: 'faq', name: 'x', colour: 'red' }, 'field_unknown', '/colour'],
        ['POST', '/v1/bots', { template: 'faq', name: ' ' }, 'name_invalid', '/name'],
        ['PUT', `${path}/flow`, { flow: { format: 1 }, revision: 1 }, undefined, undefined],
        ['PUT', `${path}/flow`, { flow: [], revision: 1 }, 'field_type', '/flow'],
        ['POST', `${path}/rollback`, { version: 'one' }, 'field_type', '/version'],
    ]
    for (const [method, where, body, code, pointer] of cases) {
        const got = await call(mine, method, where, body)
        assert.ok([400, 422].includes(got.status), `${method} ${where}: ${got.status} ${JSON.stringify(got.body)}`)
        if (code) assert.deepEqual([got.body.code, got.body.pointer], [code, pointer], where)
    }
    const unknown = await call(mine, 'POST', '/v1/bots', { template: 'none', name: 'x' })
    assert.deepEqual([unknown.status, unknown.body.code], [404, 'template_unknown'])
    assert.equal((await call(mine, 'POST', `${path}/rollback`, { version: 7 })).status, 404)
    assert.equal((await call(mine, 'PATCH', '/v1/bots', {})).status, 405)
})

test('another workspace\'s bot is 404, and so is an impossible id', async () => {
    const bot = await publishedBot(mine, 'Private')
    const path = `/v1/bots/${bot.id}`
    assert.equal((await call(mine, 'GET', path)).status, 200)
    const refused = []
    for (const [method, where, body] of [
        ['GET', path], ['PATCH', path, { name: 'Taken' }], ['DELETE', path], ['GET', `${path}/flow`],
        ['PUT', `${path}/flow`, { flow: flowOf('Hacked'), revision: 2 }], ['POST', `${path}/publish`], ['POST', `${path}/rollback`, { version: 1 }],
        ['GET', `${path}/versions`],
    ]) {
        if (method === 'GET') assert.equal((await call(mine, method, where)).status, 200, where)
        refused.push(await call(other, method, where, body))
        assert.equal(refused.at(-1).status, 404, `${method} ${where}`)
    }
    for (const id of ['bot_0', mine.id, 'x%2Fy']) assert.equal((await call(mine, 'GET', `/v1/bots/${id}`)).status, 404, id)
    assert.equal(refused[0].body.code, (await call(other, 'GET', '/v1/bots/bot_00000000000000000000000000')).body.code)
    assert.deepEqual((await call(other, 'GET', '/v1/bots')).body.data, [])
    assert.equal((await call(mine, 'GET', path)).body.name, 'Private')
})

test('the command line needs the workspace named only when there are several', async () => {
    await assert.rejects(parley.run('bot', 'list'), /There are \d+ workspaces/)
    assert.match(await parley.run('bot', 'list', '--tenant', mine.id), /Private/)
    await assert.rejects(parley.run('bot', 'show', 'bot_nonsense'), /status 2/)
    const account = JSON.parse(await parley.run('--json', 'user', 'create', 'someone@example.com'))
    assert.ok(account.password.length >= 20)
    assert.equal((await parley.run('user', 'add-to', 'someone@example.com', mine.id, '--role', 'editor')).trim(), account.id)
    const shown = JSON.parse(await parley.run('--json', 'tenant', 'show', mine.id))
    assert.deepEqual(shown.members.map(m => [m.email, m.role]), [['someone@example.com', 'editor']])
    const exported = JSON.parse(await parley.run('bot', 'export', (await call(mine, 'GET', '/v1/bots')).body.data[0].id))
    assert.equal(exported.parley, 1)
})
