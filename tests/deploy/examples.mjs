// Checks that an example in etc/ works in the stock configuration of Debian's package: pages, streams, the API, encoded slashes, uploads.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { flowOf } from '../api/lib.mjs'
import { clientOf, walk } from '../api/walk.mjs'
import { until } from '../lib/install.mjs'
import { callFlow, makeBot } from '../talk/lib.mjs'
import { HOST, startSite } from './lib.mjs'

const EMAIL = 'owner@example.com', PASSWORD = 'a long enough secret'

/** An endpoint that answers only on request, so that the bot's next message cannot be sent earlier. */
async function startGate() {
    const waiting = []
    const server = http.createServer((request, response) => waiting.push(() => response.setHeader('content-type', 'application/json').end('{"word":"ready"}')))
    await new Promise(ok => server.listen(0, '127.0.0.1', ok))
    return { port: server.address().port, waiting, close: () => { server.close(); server.closeAllConnections() } }
}

function form(fields, file) {
    const edge = 'x0123456789x', part = (name, more, value) => [`--${edge}\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n`, value, '\r\n']
    const parts = [...Object.entries(fields).flatMap(([name, value]) => part(name, '', value)),
        ...part('file', '; filename="faq.csv"\r\ncontent-type: text/csv', file), `--${edge}--\r\n`]
    return { body: Buffer.concat(parts.map(p => Buffer.from(p))), type: `multipart/form-data; boundary=${edge}` }
}

/** A CSV file of `size` bytes or a little more. */
function questions(size) {
    const rows = ['question,answer\n'], answer = 'An answer of some length. '.repeat(40)
    for (let n = 0, i = 0; n < size; i++) n += rows[rows.push(`Question number ${i}?,${answer}${i}\n`) - 1].length
    return rows.join('')
}

/** kind: lighttpd, apache-proxy, apache-cgi or nginx. */
export function checkExample(kind) {
    let site, gate, workspace, key, bot, own, cookie
    before(async () => {
        gate = await startGate()
        site = await startSite(kind, { rate_limits: 'off', http_allow_private: `127.0.0.1:${gate.port}` })
        const { parley } = site
        workspace = await parley.run('tenant', 'create', 'Deployed', '--plan', 'enterprise')
        key = await parley.run('key', 'create', '--tenant', workspace, '--scopes', 'read,write,chat')
        const user = (await parley.tryRun('user', 'create', EMAIL, '--password-stdin', { input: PASSWORD })).stdout.trim()
        await parley.run('user', 'add-to', user, workspace, '--role', 'owner')
        ;({ bot } = await makeBot(parley, callFlow(`http://127.0.0.1:${gate.port}/`)))
        own = await parley.run('bot', 'create', '--tenant', workspace, '--template', 'faq', '--name', 'Own')
        const login = await site.ask('/login', { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', origin: `http://${HOST}` },
            body: new URLSearchParams({ email: EMAIL, password: PASSWORD }).toString() })
        assert.deepEqual([login.status, login.headers.location], [303, '/app'])
        cookie = login.headers['set-cookie'][0].split(';')[0]
    })
    after(async () => {
        gate?.close()
        await site?.stop()
    })

    test('models: the official openai client talks to a bot', async () => {
        const headers = { authorization: `Bearer ${key.trim()}`, 'content-type': 'application/json' }
        const { id } = (await site.ask('/v1/bots', { method: 'POST', headers, body: JSON.stringify({ template: 'faq', name: 'Model' }) })).json()
        const flow = await site.ask(`/v1/bots/${id}/flow`, { method: 'PUT', headers, body: JSON.stringify({ flow: flowOf('Hello'), revision: 1 }) })
        const published = await site.ask(`/v1/bots/${id}/publish`, { method: 'POST', headers, body: '{}' })
        assert.deepEqual([flow.status, published.status], [200, 200])
        await walk(clientOf(site.url, key.trim(), HOST), id)
    })

    test('pages: the portal, signed in, and the chat page, with what they load', async () => {
        const app = await site.ask('/app', { headers: { cookie } })
        assert.deepEqual([app.status, /Deployed/.test(app.text)], [200, true])
        assert.equal((await site.ask('/app')).status, 303)
        const chat = await site.ask(`/chat/${bot}`)
        assert.deepEqual([chat.status, /Hello!/.test(chat.text)], [200, true])
        const files = [...`${app.text}${chat.text}`.matchAll(/(?:href|src)="(\/(?:css|js|img|vendor)\/[^"#?]+)/g)].map(m => m[1])
        assert.ok(files.length >= 4, files.join(' '))
        const types = { css: /^text\/css/, js: /^text\/javascript/, svg: /^image\/svg\+xml/ }
        for (const file of new Set(files)) {
            const got = await site.ask(file)
            assert.equal(got.status, 200, file)
            assert.match(got.headers['content-type'], types[file.split('.').at(-1)], file)
            if (kind !== 'apache-cgi') assert.deepEqual([got.headers['x-content-type-options'], /max-age/.test(got.headers['cache-control'])], ['nosniff', true], file)
        }
        for (const header of ['content-security-policy', 'x-content-type-options', 'referrer-policy']) assert.ok(app.headers[header], header)
        assert.equal((await site.ask('/nowhere')).status, 404)
    })

    test('the second event of a stream is sent after the first has arrived', { timeout: 30000 }, async () => {
        const events = site.stream(`/chat/${bot}/messages`, { text: 'go' })
        const first = await events.next()
        assert.deepEqual([first.value.name, first.value.data.text], ['message', 'One moment.'])
        await until('the call', () => gate.waiting.length === 1)
        gate.waiting.pop()()
        const rest = []
        for await (const e of events) rest.push(e)
        assert.deepEqual(rest.map(e => [e.name, e.data.text]), [['message', 'It says: ready'], ['message', 'Again?'], ['done', undefined]])
    })

    test('the API: a key, a problem, an encoded slash', async () => {
        const authorization = `Bearer ${key}`
        assert.equal((await site.ask('/v1/me', { headers: { authorization } })).json().workspace.id, workspace)
        const refused = await site.ask('/v1/me')
        assert.deepEqual([refused.status, refused.headers['content-type'], refused.json().code], [401, 'application/problem+json', 'key_missing'])
        // Decoded, this would be two segments and another address: 405 or the bot's flow.
        const slash = await site.ask(`/v1/bots%2F${own}`, { headers: { authorization } })
        assert.equal(slash.status, 404)
        if (kind !== 'apache-cgi') assert.equal(slash.json().instance, `/v1/bots/${own}`, 'answered by the program, not by the web server')
        assert.equal((await site.ask(`/v1/bots/${own}`, { headers: { authorization } })).status, 200)
        assert.equal((await site.ask('/hooks/healthz')).json().status, 'ok')
        assert.equal((await site.ask('/readyz')).status, 200)
    })

    test('an upload of 30 MB arrives; a larger one is refused', { timeout: 60000 }, async () => {
        const page = await site.ask(`/app/bots/${own}/import`, { headers: { cookie } })
        const fields = Object.fromEntries([...page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(m => [m[1], m[2]]))
        const { body, type } = form({ ...fields, mode: 'merge' }, questions(30e6))
        const sent = await site.ask(`/app/bots/${own}/import`, { method: 'POST', body, headers: { cookie, 'content-type': type, 'content-length': body.length, origin: `http://${HOST}` } })
        assert.equal(sent.status, 303, sent.text.slice(0, 500))
        assert.match(sent.headers.location, /\/import\/job_/)
        const refused = await new Promise(ok => {
            const rq = http.request({ host: '127.0.0.1', port: site.port, path: '/v1/bots', method: 'POST', agent: false,
                headers: { host: HOST, 'content-length': 40 << 20, 'content-type': 'application/json', authorization: `Bearer ${key}` } }, ok)
            rq.on('error', ok)
            kind.startsWith('apache') ? rq.end(Buffer.alloc(40 << 20)) : rq.write('x') // Apache reads on before it answers
        })
        assert.equal(refused.statusCode, 413)
        refused.destroy()
    })

    if (kind !== 'apache-cgi') test('while a program is down its pages say so, and the API answers with a problem', async () => {
        const authorization = `Bearer ${key}`
        await site.parley.kill('serve', 'SIGTERM')
        const page = await site.ask('/login'), api = await site.ask('/v1/me', { headers: { authorization } })
        assert.deepEqual([page.status, page.headers['content-type'].split(';')[0], /not available right now/.test(page.text)], [503, 'text/html', true])
        assert.deepEqual([api.status, api.headers['content-type'].split(';')[0], api.json().code], [503, 'application/problem+json', 'unavailable'])
        await site.parley.startPrograms()
        for (const name of ['portal', 'api', 'chat', 'hooks']) fs.chmodSync(`${site.runDir}/${name}.sock`, 0o666)
        await until('an answer', async () => (await site.ask('/v1/me', { headers: { authorization } })).status === 200)
    })

    if (kind === 'apache-cgi') test('limits, the cron job and the programs\' names', async () => {
        assert.ok(fs.existsSync(`${site.runDir}/shared.map`), 'rate limits have a place')
        assert.equal((await site.ask('/parley-bin/portal.fcgi')).status, 403)
        assert.equal((await site.ask('/parley-bin/portal.fcgi/login')).status, 403)
        await site.parley.run('work', '--once')
    })

    if (kind === 'lighttpd') test('more than a thousand visitors at once', { timeout: 60000 }, async () => {
        const sockets = await Promise.all(Array.from({ length: 1300 }, () => new Promise((ok, bad) => {
            const s = net.connect(site.port, '127.0.0.1', () => s.write('GET /healthz HTTP/1.1\r\nHost: x\r\n') && ok(s)).on('error', bad)
        })))
        assert.equal((await site.ask('/healthz')).status, 200)
        for (const s of sockets) s.destroy()
    })
}
