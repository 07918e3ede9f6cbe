// Plain CGI, one process a request, under lighttpd's mod_cgi: every program, with the database, as on shared hosting.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { after, before, test } from 'node:test'
import { build, startInstall, until } from '../lib/install.mjs'
import { checkLedger, echoFlow, makeBot, send } from './lib.mjs'

let parley, bot, workspace, key
const PASSWORD = 'a long enough secret'

function configuration() {
    const environment = { PARLEY_CONFIG: parley.conf }
    for (const name of ['ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS', 'LSAN_OPTIONS']) if (parley.env[name]) environment[name] = parley.env[name]
    const pairs = Object.entries(environment).map(([k, v]) => `"${k}" => "${v}"`).join(', ')
    const rewrites = [['^/v1(/|$)', 'api'], ['^/chat/', 'chat'], ['^/(healthz|readyz)', 'chat'], ['^/hooks/', 'hooks'], ['^/', 'portal']]
    return `server.modules = ("mod_rewrite", "mod_alias", "mod_setenv", "mod_cgi")\nserver.bind = "127.0.0.1"\nserver.port = ${parley.port}\n` +
        `server.document-root = "${parley.dir}/data"\nserver.upload-dirs = ("${parley.dir}/data")\nserver.stream-response-body = 1\n` +
        `setenv.set-environment = (${pairs})\nalias.url = ("/cgi-bin/" => "${build}/")\ncgi.assign = (".fcgi" => "")\n` +
        `url.rewrite-once = (${rewrites.map(([from, door]) => `"${from}" => "/cgi-bin/${door}.fcgi\${qsa}"`).join(', ')})\n`
}

before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off' }, programs: false })
    workspace = await parley.run('tenant', 'create', 'Shared hosting', '--plan', 'enterprise')
    key = await parley.run('key', 'create', '--tenant', workspace, '--scopes', 'read')
    const user = (await parley.tryRun('user', 'create', 'cgi@example.com', '--password-stdin', { input: PASSWORD })).stdout.trim()
    await parley.run('user', 'add-to', user, workspace, '--role', 'owner')
    ;({ bot } = await makeBot(parley, echoFlow))
    fs.writeFileSync(`${parley.dir}/cgi.conf`, configuration())
    const web = parley.start('web', 'lighttpd', ['-D', '-f', `${parley.dir}/cgi.conf`])
    await until('the web server', async () => {
        if (web.over) throw new Error(parley.log('web').slice(-2000))
        return (await fetch(`${parley.url}/healthz`)).ok
    }, 30000)
})
after(() => parley?.stop())

test('a conversation that is caught up on and rated is recorded and counted once', async () => {
    const first = await send(parley, bot, { text: 'Hello', id: 'the-first-message-of-all' })
    assert.equal(first.status, 200, JSON.stringify(first.body))
    const { conversation, token } = first.body
    assert.deepEqual(first.body.messages.map(m => m.text), ['What else?'])
    const again = await send(parley, bot, { text: 'Hello', id: 'the-first-message-of-all' })
    assert.deepEqual(again.body, first.body)
    const second = await send(parley, bot, { text: 'Grüße & 100 %', conversation, token })
    assert.equal(second.body.messages[0].text, 'You said: Grüße & 100 %')
    const seen = await fetch(`${parley.url}/chat/${bot}/messages?conversation=${conversation}&after=2`, { headers: { authorization: `Bearer ${token}` } })
    assert.deepEqual((await seen.json()).messages.map(m => m.seq), [3, 4, 5])
    const rated = await fetch(`${parley.url}/chat/${bot}/feedback`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ conversation, token, seq: 2, rating: 1 }),
    })
    assert.equal(rated.status, 204)
    await checkLedger(parley, assert)
})

test('the same turn can be read as events', async () => {
    const reply = await fetch(`${parley.url}/chat/${bot}/messages`, {
        method: 'POST', headers: { 'content-type': 'application/json', accept: 'text/event-stream' }, body: '{"text":"Hello"}',
    })
    assert.equal(reply.headers.get('content-type').split(';')[0], 'text/event-stream')
    assert.deepEqual([...(await reply.text()).matchAll(/^event: (\w+)/gm)].map(m => m[1]), ['message', 'done'])
})

test('the hosted page, the portal, the API and hooks work as plain CGI', async () => {
    assert.match(await (await fetch(`${parley.url}/chat/${bot}`)).text(), /Hello! Ask me\./)
    const login = await fetch(`${parley.url}/login`, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ email: 'cgi@example.com', password: PASSWORD }) })
    assert.deepEqual([login.status, login.headers.get('location')], [303, '/app'])
    const cookie = login.headers.getSetCookie()[0].split(';')[0]
    const app = await fetch(`${parley.url}/app`, { headers: { cookie } })
    assert.deepEqual([app.status, /Shared hosting/.test(await app.text())], [200, true])
    assert.equal((await fetch(`${parley.url}/app`, { redirect: 'manual' })).status, 303)
    const me = await fetch(`${parley.url}/v1/me`, { headers: { authorization: `Bearer ${key}` } })
    assert.equal((await me.json()).workspace.id, workspace)
    assert.equal((await fetch(`${parley.url}/v1/me`)).status, 401)
    assert.deepEqual(await (await fetch(`${parley.url}/hooks/healthz`)).json(), { status: 'ok' })
    assert.equal((await fetch(`${parley.url}/readyz`)).status, 200)
})
