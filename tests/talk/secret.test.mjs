// Secrets of a workspace in the headers of HTTP nodes: they reach the service and nothing else, and only those of the bot's own workspace.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import { after, before, test } from 'node:test'
import { startInstall } from '../lib/install.mjs'
import { hexOf, send } from './lib.mjs'

const KEY = 'sk_live_51Hq-never-to-be-seen', NEXT = 'sk_live_52Hq-after-rotation'
let parley, service, elsewhere, seen, reached, reply

const listen = handler => new Promise(ok => {
    const server = http.createServer(handler).listen(0, '127.0.0.1', () => ok(server))
})
const portOf = server => server.address().port

before(async () => {
    elsewhere = await listen((request, response) => { reached.push(request.headers); response.end('{}') })
    service = await listen((request, response) => {
        seen.push(request.headers)
        reply(request, response)
    })
    parley = await startInstall({ config: { rate_limits: 'off', log_level: 'debug', http_allow_private: `127.0.0.1:${portOf(service)} 127.0.0.1:${portOf(elsewhere)}` } })
})
after(async () => {
    for (const server of [service, elsewhere]) {
        server?.close()
        server?.closeAllConnections()
    }
    await parley?.stop()
})

const word = text => (request, response) => {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ word: text }))
}

/** Calls the service with a secret and with the visitor's words in its headers, and says what it answers. */
const flowOf = (headers = { Authorization: 'Bearer {{secret.crm}}', 'X-Said': '{{input}}' }) => ({
    format: 1, languages: ['en'], start: 'hello', variables: { word: { type: 'text' } },
    nodes: {
        hello: { type: 'say', messages: [{ type: 'text', text: { en: 'Hello!' } }], next: 'call' },
        call: { type: 'http', method: 'GET', url: `http://127.0.0.1:${portOf(service)}/`, headers, map: { word: '/word' }, next: 'told', error: 'failed' },
        told: { type: 'say', messages: [{ type: 'text', text: { en: 'It says: {{word}}' } }], next: 'more' },
        failed: { type: 'say', messages: [{ type: 'text', text: { en: 'The call failed.' } }], next: 'more' },
        more: { type: 'ask', text: { en: 'Again?' }, expect: 'text', next: 'call' },
    },
})

/** A workspace with a key for the API. */
async function workspace(name, scopes = 'read,write') {
    const id = await parley.run('tenant', 'create', name, '--plan', 'enterprise')
    return { id, key: await parley.run('key', 'create', '--tenant', id, '--scopes', scopes) }
}

async function api(who, method, path, body) {
    const answer = await fetch(parley.url + path, {
        method, body: body && JSON.stringify(body), headers: { Authorization: `Bearer ${who.key}`, ...body && { 'Content-Type': 'application/json' } },
    })
    const text = await answer.text()
    return { status: answer.status, text, body: text ? JSON.parse(text) : null }
}

async function botOf(who, flow = flowOf(), publish = true) {
    const { body: bot } = await api(who, 'POST', '/v1/bots', { template: 'faq', name: 'Caller' })
    const saved = await api(who, 'PUT', `/v1/bots/${bot.id}/flow`, { flow, revision: 1 })
    assert.equal(saved.status, 200, saved.text)
    const published = publish ? await api(who, 'POST', `/v1/bots/${bot.id}/publish`) : null
    return { id: bot.id, saved, published }
}

const texts = answer => answer.body.messages.map(m => m.text)
const first = async (bot, text = 'go') => {
    seen = []
    reached = []
    const answer = await send(parley, bot, { text })
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer
}

/** All that the install has stored or logged, as text. */
async function everything() {
    const tables = await parley.sql("SELECT table_name t FROM information_schema.tables WHERE table_schema = 'parley'")
    let all = fs.readdirSync(`${parley.dir}/log`).map(f => fs.readFileSync(`${parley.dir}/log/${f}`, 'latin1')).join('')
    for (const { t } of tables) all += JSON.stringify(await parley.sql(`SELECT * FROM parley.\`${t}\``))
    return all
}

test('the service gets the key, and nothing that is shown, stored or logged has it', { timeout: 60000 }, async () => {
    const mine = await workspace('Keys')
    const set = await api(mine, 'PUT', '/v1/secrets/crm', { value: KEY })
    assert.deepEqual([set.status, set.body.name, set.body.used_by], [201, 'crm', []])
    const bot = await botOf(mine)
    assert.equal(bot.published.status, 200, bot.published.text)
    reply = word('ready')
    const one = await first(bot.id)
    assert.deepEqual(texts(one), ['It says: ready', 'Again?'])
    assert.equal(seen[0].authorization, `Bearer ${KEY}`)
    // A service that sends the key back puts it into no conversation.
    reply = (request, response) => word(`you sent ${request.headers.authorization}`)(request, response)
    const two = await send(parley, bot.id, { text: 'again', conversation: one.body.conversation, token: one.body.token })
    assert.deepEqual(texts(two), [`It says: you sent Bearer ${'*'.repeat(KEY.length)}`, 'Again?'])
    // Nor does one that sends it back in another form.
    for (const form of [encodeURIComponent(KEY), Buffer.from(KEY).toString('base64'), Buffer.from(`user:${KEY}`).toString('base64'), Buffer.from(KEY).toString('hex'), [...KEY].map(c => `&#${c.charCodeAt(0)};`).join(''), [...KEY].map(c => `%${c.charCodeAt(0).toString(16)}`).join('')]) {
        reply = word(`you sent ${form}`)
        const three = await send(parley, bot.id, { text: 'again', conversation: one.body.conversation, token: one.body.token })
        assert.match(texts(three)[0], /^It says: you sent [\w:=]{0,8}\*+=*$/, form)
    }
    const shownAnywhere = [JSON.stringify([one.body, two.body]), set.text, (await api(mine, 'GET', '/v1/secrets')).text, (await api(mine, 'GET', `/v1/bots/${bot.id}/flow`)).text,
        (await api(mine, 'GET', `/v1/conversations/${one.body.conversation}/messages`)).text, await parley.run('bot', 'export', bot.id),
        await parley.run('secret', 'list', '--tenant', mine.id), await parley.run('--json', 'secret', 'list', '--tenant', mine.id), await everything()].join('\n')
    assert.ok(shownAnywhere.includes('{{secret.crm}}') && shownAnywhere.includes('"event":"request"'))
    for (const form of [KEY, Buffer.from(KEY).toString('base64'), Buffer.from(KEY).toString('hex')]) assert.ok(!shownAnywhere.includes(form), form)
    const { body } = await api(mine, 'GET', '/v1/secrets')
    assert.deepEqual(Object.keys(body.data[0]), ['name', 'created_at', 'changed_at', 'used_by'])
    assert.deepEqual(body.data[0].used_by, [{ bot: bot.id, published: true }])
})

test('what a visitor or a service says is never taken for a secret', async () => {
    const mine = await workspace('Words')
    await api(mine, 'PUT', '/v1/secrets/crm', { value: KEY })
    const bot = await botOf(mine, flowOf({ 'X-Said': '{{input}}', 'X-Word': '{{word}}' }))
    reply = word('{{secret.crm}}')
    const one = await first(bot.id, '{{secret.crm}}')
    assert.deepEqual([seen[0]['x-said'], texts(one)[0]], ['{{secret.crm}}', 'It says: {{secret.crm}}'])
    await send(parley, bot.id, { text: 'more', conversation: one.body.conversation, token: one.body.token })
    assert.equal(seen[1]['x-word'], '{{secret.crm}}')
})

test('a new value takes effect with the next turn, and a removed secret leads to the error way', async () => {
    const mine = await workspace('Rotation')
    await api(mine, 'PUT', '/v1/secrets/crm', { value: KEY })
    const bot = await botOf(mine)
    reply = word('ready')
    const one = await first(bot.id), next = () => send(parley, bot.id, { text: 'more', conversation: one.body.conversation, token: one.body.token })
    assert.equal((await api(mine, 'PUT', '/v1/secrets/crm', { value: NEXT })).status, 200)
    await next()
    assert.equal(seen[1].authorization, `Bearer ${NEXT}`)
    const refused = await api(mine, 'DELETE', '/v1/secrets/crm')
    assert.deepEqual([refused.status, refused.body.code], [409, 'secret_in_use'])
    assert.equal((await api(mine, 'DELETE', '/v1/secrets/crm?force=true')).status, 204)
    assert.deepEqual(texts(await next()), ['The call failed.', 'Again?'])
    assert.equal(seen.length, 2, 'without its secret the call is not made')
    assert.match(parley.log('serve'), /"event":"http_secret".*"code":"secret_unknown"/)
    assert.equal((await api(mine, 'DELETE', '/v1/secrets/crm')).status, 404)
})

test('a bot finds the secrets of its own workspace only', async () => {
    const mine = await workspace('Mine'), other = await workspace('Other')
    await api(mine, 'PUT', '/v1/secrets/crm', { value: KEY })
    const bot = await botOf(other)
    assert.deepEqual([bot.published.status, bot.published.body.code], [422, 'flow_lint'])
    assert.match(bot.published.body.detail, /The workspace has no secret "crm"/)
    assert.deepEqual((await api(other, 'GET', '/v1/secrets')).body.data, [])
    assert.equal((await api(other, 'DELETE', '/v1/secrets/crm')).status, 404)
    // Even a flow that was made live past the check, and a sealed value copied from the other workspace, open nothing.
    await parley.sql(`INSERT INTO bot_version (tenant_id, bot_id, version, flow, flow_hash, note, created_at)
        SELECT tenant_id, bot_id, 1, draft, draft_hash, '', NOW(3) FROM bot WHERE bot_id = 0x${hexOf(bot.id)};
        UPDATE bot SET live_version = 1, last_version = 1, published_at = NOW(3) WHERE bot_id = 0x${hexOf(bot.id)}`)
    reply = word('ready')
    assert.deepEqual(texts(await first(bot.id)), ['The call failed.', 'Again?'])
    await parley.sql(`INSERT INTO secret SELECT 0x${hexOf(other.id)}, name, sealed, created_at, changed_at FROM secret WHERE tenant_id = 0x${hexOf(mine.id)}`)
    assert.deepEqual(texts(await first(bot.id)), ['The call failed.', 'Again?'])
    assert.deepEqual(seen, [])
    await api(other, 'PUT', '/v1/secrets/crm', { value: NEXT })
    assert.deepEqual(texts(await first(bot.id)), ['It says: ready', 'Again?'])
    assert.equal(seen[0].authorization, `Bearer ${NEXT}`)
})

test('a redirect takes no secret to another address', async () => {
    const mine = await workspace('Redirect')
    await api(mine, 'PUT', '/v1/secrets/crm', { value: KEY })
    const bot = await botOf(mine)
    for (const status of [301, 302, 307, 308]) {
        reply = (request, response) => response.writeHead(status, { Location: `http://127.0.0.1:${portOf(elsewhere)}/` }).end()
        assert.deepEqual(texts(await first(bot.id)), ['The call failed.', 'Again?'])
        assert.deepEqual([seen.length, reached.length], [1, 0], `${status}`)
    }
})

test('a key that is written out is warned about, and readers do not get it', async () => {
    const mine = await workspace('Literal'), reader = { key: await parley.run('key', 'create', '--tenant', mine.id, '--scopes', 'read') }
    const bot = await botOf(mine, flowOf({ Authorization: `Bearer ${KEY}`, 'X-Next': '{{secret.gone}}' }), false)
    assert.deepEqual(bot.saved.body.findings.filter(f => /key|secret/.test(f.code)).map(f => [f.severity, f.code, f.node, f.pointer]),
        [['error', 'unknown_secret', 'call', '/nodes/call/headers/X-Next'], ['warning', 'literal_key', 'call', '/nodes/call/headers/Authorization']])
    assert.ok(!bot.saved.text.includes(KEY))
    assert.equal((await api(reader, 'GET', `/v1/bots/${bot.id}/flow`)).status, 403)
    await api(mine, 'PUT', '/v1/secrets/gone', { value: 'x' })
    const published = await parley.tryRun('bot', 'publish', bot.id)
    assert.equal(published.status, 0)
    assert.match(published.stderr, /^Warning: node "call": The header "Authorization" holds a key/)
    assert.ok(!published.stderr.includes(KEY))
    fs.writeFileSync(`${parley.dir}/flow.json`, JSON.stringify(flowOf({ 'X-Api-Key': KEY })))
    const lint = await parley.tryRun('flow', 'lint', `${parley.dir}/flow.json`)
    assert.equal(lint.status, 0)
    assert.match(lint.stdout, /literal_key.*parley secret set/)
    assert.ok(!(lint.stdout + lint.stderr).includes(KEY))
})

test('the command line reads a value from standard input and prints none', async () => {
    const mine = await workspace('Command line')
    const at = ['--tenant', mine.id]
    const added = await parley.tryRun('secret', 'set', 'crm', ...at, { input: `${KEY}\n` })
    assert.deepEqual([added.status, added.stdout, added.stderr], [0, 'Added {{secret.crm}}.\n', ''])
    assert.equal((await parley.tryRun('secret', 'set', 'crm', ...at, { input: `${NEXT}\r\n` })).stdout, 'Replaced the value of {{secret.crm}}.\n')
    const bot = await botOf(mine)
    reply = word('ready')
    await first(bot.id)
    assert.equal(seen[0].authorization, `Bearer ${NEXT}`)
    assert.deepEqual(JSON.parse(await parley.run('--json', 'secret', 'list', ...at)).map(s => [s.name, s.used_by]), [['crm', 'Caller']])
    assert.equal((await parley.tryRun('secret', 'set', 'crm', KEY, ...at)).status, 2, 'a value is not an argument')
    assert.match((await parley.tryRun('secret', 'set', 'two', ...at, { input: `${KEY}\n${KEY}\n` })).stderr, /a line break/)
    const kept = await parley.tryRun('secret', 'remove', 'crm', ...at)
    assert.equal(kept.status, 1)
    assert.match(kept.stderr, /"Caller" uses this secret.*--force/)
    assert.equal((await parley.tryRun('secret', 'remove', 'crm', ...at, '--force')).status, 0)
    assert.equal(await parley.run('--json', 'secret', 'list', ...at), '[]')
    const lines = await parley.sql(`SELECT via, what, object FROM audit WHERE tenant_id = 0x${hexOf(mine.id)} AND what LIKE 'secret.%' ORDER BY audit_id`)
    assert.deepEqual(lines.map(l => [l.via, l.what, l.object]), [['cli', 'secret.added', 'crm'], ['cli', 'secret.replaced', 'crm'], ['cli', 'secret.removed', 'crm']])
})
