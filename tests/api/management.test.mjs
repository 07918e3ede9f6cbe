// The management API: every operation, with two workspaces, and every refusal.
import { test, before, after } from 'node:test'
import assert from 'node:assert/strict'
import { startInstall } from '../lib/install.mjs'

let parley, mine, other
const flowOf = text => ({
    format: 1, languages: ['en'], start: 'hello',
    nodes: { hello: { type: 'say', messages: [{ type: 'text', text: { en: text } }], next: 'ask' }, ask: { type: 'ask', text: { en: 'And?' }, expect: 'text', next: 'hello' } },
})

async function workspace(name, scopes = 'read,write,chat') {
    const id = (await parley.run('tenant', 'create', name, '--plan', 'enterprise')).trim()
    const key = (await parley.run('key', 'create', '--tenant', id, '--name', name, '--scopes', scopes)).trim()
    return { id, key }
}

/** A call as {status, body}; every refusal must be a problem with a code. */
async function call(who, method, path, body, headers = {}) {
    const reply = await fetch(`${parley.url}${path}`, {
        method, body: body === undefined ? undefined : JSON.stringify(body),
        headers: { ...who ? { Authorization: `Bearer ${who.key}` } : {}, ...body === undefined ? {} : { 'Content-Type': 'application/json' }, ...headers },
    })
    const text = await reply.text()
    const json = text ? JSON.parse(text) : null
    if (reply.status >= 400) {
        assert.equal(reply.headers.get('content-type'), 'application/problem+json', text)
        assert.equal(json.status, reply.status)
        assert.match(json.code, /^[a-z_]+$/)
        assert.match(json.request_id, /^req_/)
    }
    return { status: reply.status, body: json, headers: reply.headers }
}

before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off' } })
    mine = await workspace('Mine')
    other = await workspace('Other')
})
after(async () => { await parley?.stop() })

test('GET /v1/me shows the key and its workspace', async () => {
    const me = await call(mine, 'GET', '/v1/me')
    assert.equal(me.status, 200)
    assert.equal(me.body.workspace.id, mine.id)
    assert.equal(me.body.workspace.plan, 'enterprise')
    assert.deepEqual(me.body.key.scopes, ['read', 'write', 'chat'])
    assert.equal((await call(null, 'GET', '/v1/me')).status, 401)
    const typo = { key: mine.key.slice(0, -1) + (mine.key.endsWith('x') ? 'y' : 'x') }
    const refused = await call(typo, 'GET', '/v1/me')
    assert.deepEqual([refused.status, refused.body.code], [401, 'key_malformed'])
    const byHeader = await call(null, 'GET', '/v1/me', undefined, { 'X-Api-Key': mine.key })
    assert.equal(byHeader.status, 200)
})

test('a key does what its scopes allow', async () => {
    const reader = { key: (await parley.run('key', 'create', '--tenant', mine.id, '--name', 'r', '--scopes', 'read')).trim() }
    assert.equal((await call(reader, 'GET', '/v1/bots')).status, 200)
    assert.equal((await call(reader, 'POST', '/v1/bots', { template: 'faq', name: 'No' })).status, 403)
})

test('a bot is created from a template, published twice and rolled back', async () => {
    const templates = await call(mine, 'GET', '/v1/templates?language=es')
    assert.ok(templates.body.data.length >= 8)
    assert.ok(templates.body.data.every(t => t.name && t.summary && t.languages.includes('en')))
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
        ['GET', '/v1/conversations?limit=1000', undefined, 'limit_invalid', '/limit'],
        ...['0', '-1', '101', 'ten', '1.5'].map(limit => ['GET', `/v1/conversations?limit=${limit}`, undefined, 'limit_invalid', '/limit']),
        ['GET', `/v1/answers?bot=${bot.id}&limit=0`, undefined, 'limit_invalid', '/limit'],
        ['GET', '/v1/conversations?after=conv_1', undefined, 'after_invalid', '/after'],
        ['GET', '/v1/conversations?state=lost', undefined, 'state_invalid', '/state'],
        ['GET', '/v1/answers', undefined, 'bot_invalid', '/bot'],
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
    assert.equal((await call(mine, 'GET', '/v1/nothing')).status, 404)
})

test('conversations and answers are listed page by page', async () => {
    const { body: bot } = await call(mine, 'POST', '/v1/bots', { template: 'faq', name: 'Pages' })
    const path = `/v1/bots/${bot.id}`
    await call(mine, 'PUT', `${path}/flow`, { flow: flowOf('Hello'), revision: 1 })
    await call(mine, 'POST', `${path}/publish`)
    const held = []
    for (let i = 0; i < 5; i++) {
        const turn = await call(null, 'POST', `/chat/${bot.id}/messages`, { text: `Question ${i}` })
        assert.equal(turn.status, 200, JSON.stringify(turn.body))
        held.unshift(turn.body.conversation)
    }
    const seen = []
    for (let after = ''; ;) {
        const page = await call(mine, 'GET', `/v1/conversations?bot=${bot.id}&limit=2${after && `&after=${after}`}`)
        seen.push(...page.body.data)
        assert.ok(page.body.data.length <= 2)
        if (!page.body.has_more) break
        after = page.body.data.at(-1).id
    }
    assert.deepEqual(seen.map(c => c.id), held)
    assert.equal(seen[0].first_text, 'Question 4')
    const one = await call(mine, 'GET', `/v1/conversations/${held[0]}`)
    assert.deepEqual([one.body.bot, one.body.state, one.body.version], [bot.id, 'open', 1])
    const messages = []
    for (let after = 0; ;) {
        const page = await call(mine, 'GET', `/v1/conversations/${held[0]}/messages?limit=1&after=${after}`)
        messages.push(...page.body.data)
        if (!page.body.has_more) break
        after = page.body.data.at(-1).seq
    }
    assert.deepEqual(messages.map(m => [m.seq, m.from, m.text]).slice(0, 2), [[1, 'visitor', 'Question 4'], [2, 'bot', 'And?']])

    const csv = `${parley.dir}/pages.csv`
    const { writeFileSync } = await import('node:fs')
    writeFileSync(csv, 'question,answer\n' + Array.from({ length: 5 }, (_, i) => `Q${i}?,A${i}\n`).join(''))
    await parley.run('import', 'faq', '--bot', bot.id, csv)
    const first = await call(mine, 'GET', `/v1/answers?bot=${bot.id}&limit=3`)
    const rest = await call(mine, 'GET', `/v1/answers?bot=${bot.id}&limit=3&after=${first.body.data.at(-1).id}`)
    assert.deepEqual([first.body.has_more, rest.body.has_more], [true, false])
    assert.deepEqual([...first.body.data, ...rest.body.data].map(a => a.answer), ['A0', 'A1', 'A2', 'A3', 'A4'])
    assert.equal((await call(mine, 'GET', `/v1/answers?bot=${bot.id}&query=q3`)).body.data[0].question, 'Q3?')
})

test('another workspace\'s objects are 404', async () => {
    const { body: bot } = await call(mine, 'POST', '/v1/bots', { template: 'faq', name: 'Private' })
    const path = `/v1/bots/${bot.id}`
    await call(mine, 'PUT', `${path}/flow`, { flow: flowOf('Hello'), revision: 1 })
    await call(mine, 'POST', `${path}/publish`)
    const turn = await call(null, 'POST', `/chat/${bot.id}/messages`, { text: 'Secret' })
    const conversation = `/v1/conversations/${turn.body.conversation}`
    for (const [method, where, body] of [
        ['GET', path], ['PATCH', path, { name: 'Taken' }], ['DELETE', path], ['GET', `${path}/flow`],
        ['PUT', `${path}/flow`, { flow: flowOf('Hacked'), revision: 2 }], ['POST', `${path}/publish`], ['POST', `${path}/rollback`, { version: 1 }],
        ['GET', `${path}/versions`], ['GET', conversation], ['GET', `${conversation}/messages`], ['GET', `/v1/answers?bot=${bot.id}`],
    ]) {
        assert.equal((await call(mine, method === 'GET' ? 'GET' : 'HEAD', method === 'GET' ? where : path)).status, 200, where)
        assert.equal((await call(other, method, where, body)).status, 404, `${method} ${where}`)
    }
    assert.deepEqual((await call(other, 'GET', '/v1/bots')).body.data, [])
    assert.deepEqual((await call(other, 'GET', `/v1/conversations?bot=${bot.id}`)).body.data, [])
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
