// The same server behind Apache: through mod_proxy_fcgi, and as plain CGI with the .htaccess that is installed.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { build, startServer } from '../lib/fcgi.mjs'
import { freePort } from '../lib/install.mjs'

const top = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')
process.env.PATH += ':/usr/sbin:/usr/local/sbin'
const MODULES = ['mpm_event', 'authz_core', 'mime', 'proxy', 'proxy_fcgi', 'headers', 'deflate', 'rewrite', 'env', 'cgid', 'filter', 'setenvif', 'dir']
const libraries = ['/usr/lib/apache2/modules', '/usr/libexec/apache2'].find(d => fs.existsSync(d))
let server, web, proxyPort, cgiPort

function configuration(dir) {
    const fill = name => fs.readFileSync(`${top}/etc/${name}.in`, 'utf8').replaceAll('@RUN_DIR@', dir).replaceAll('@HTDOCS_DIR@', `${dir}/htdocs`)
        .replaceAll('@pkgdatadir@', dir).replaceAll('@pkglibexecdir@', dir).replaceAll('@sysconfdir@/parley', dir)
    fs.writeFileSync(`${dir}/apache.conf`, fill('apache.conf'))
    fs.writeFileSync(`${dir}/cgi/.htaccess`, fill('htaccess'))
    const user = process.getuid() === 0 ? 'User www-data\nGroup www-data\n' : ''
    const loads = MODULES.filter(m => fs.existsSync(`${libraries}/mod_${m}.so`)).map(m => `LoadModule ${m}_module ${libraries}/mod_${m}.so\n`).join('')
    return `ServerRoot "${dir}"\nServerName test.example\nPidFile "${dir}/apache.pid"\nDefaultRuntimeDir "${dir}"\nErrorLog "${dir}/apache.log"\n` +
        `Mutex file:${dir} default\nTypesConfig /etc/mime.types\n${loads}${user}ScriptSock "${dir}/cgid.sock"\nStartServers 1\nThreadsPerChild 25\n` +
        `Listen 127.0.0.1:${proxyPort}\nListen 127.0.0.1:${cgiPort}\n` +
        `<VirtualHost 127.0.0.1:${proxyPort}>\nInclude "${dir}/apache.conf"\n</VirtualHost>\n` +
        `<VirtualHost 127.0.0.1:${cgiPort}>\nDocumentRoot "${dir}/cgi"\n<Directory "${dir}/cgi">\nAllowOverride All\nRequire all granted\n</Directory>\n</VirtualHost>\n`
}

before(async () => {
    server = await startServer(`${build}/tests/http/testserver`)
    const { dir } = server
    for (const name of ['portal', 'api', 'chat', 'hooks']) fs.symlinkSync(server.socket, `${dir}/${name}.sock`)
    fs.chmodSync(dir, 0o777) // Apache gives up root
    fs.chmodSync(server.socket, 0o666)
    fs.mkdirSync(`${dir}/htdocs/css`, { recursive: true })
    fs.mkdirSync(`${dir}/cgi/css`, { recursive: true })
    fs.mkdirSync(`${dir}/cgi/parley-bin`)
    for (const root of ['htdocs', 'cgi']) fs.writeFileSync(`${dir}/${root}/css/a.css`, 'body { color: red }\n'.repeat(200))
    for (const name of ['portal', 'api', 'chat', 'hooks']) fs.copyFileSync(`${build}/tests/http/testserver`, `${dir}/cgi/parley-bin/${name}.fcgi`)
    proxyPort = await freePort()
    cgiPort = await freePort()
    fs.writeFileSync(`${dir}/httpd.conf`, configuration(dir))
    web = spawn('apache2', ['-DFOREGROUND', '-f', `${dir}/httpd.conf`], { stdio: ['ignore', 'inherit', 'pipe'] })
    web.said = ''
    web.stderr.on('data', d => (web.said += d))
    web.gone = new Promise(ok => web.once('exit', ok))
    for (const end = Date.now() + 15000; Date.now() < end; await sleep(50)) {
        if (web.exitCode !== null) break
        if (await fetch(`http://127.0.0.1:${proxyPort}/plain`).then(r => r.ok, () => false)) return
    }
    throw new Error(`Apache did not start: ${web.said} ${fs.existsSync(`${dir}/apache.log`) ? fs.readFileSync(`${dir}/apache.log`, 'utf8').slice(-2000) : ''}`)
})
after(async () => {
    web?.kill('SIGTERM')
    await web?.gone
    await server?.stop()
})

function ask(port, path, { method = 'GET', headers = {}, body } = {}) {
    return new Promise((ok, bad) => {
        const rq = http.request({ host: '127.0.0.1', port, path, method, headers, agent: false }, r => {
            const parts = []
            r.on('data', d => parts.push(d)).on('end', () => {
                const all = Buffer.concat(parts)
                ok({ status: r.statusCode, headers: r.headers, body: all, text: all.toString(), json: () => JSON.parse(all) })
            })
        })
        rq.on('error', bad).end(body)
    })
}

for (const [kind, port] of [['mod_proxy_fcgi', () => proxyPort], ['plain CGI', () => cgiPort]]) {
    test(`${kind}: paths, queries, forms, cookies, keys, errors`, async () => {
        const get = (path, o) => ask(port(), path, o)
        assert.deepEqual((await get('/item/%C3%A9')).json(), { id: 'é', method: 'GET', path: '/item/é' })
        assert.equal((await get('/query?a=x%2520y+z%26')).json().a, 'x%20y z&')
        const form = { method: 'POST', body: 'a=1&b', headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': 5 } }
        assert.deepEqual((await get('/form', form)).json(), { a: '1', has_b: true, b: '' })
        assert.equal((await get('/me', { headers: { cookie: 'parley_session=5' } })).json().perms, 5)
        assert.equal((await get('/bearer', { headers: { authorization: 'Bearer ply_x' } })).text, 'Bearer ply_x')
        assert.equal((await get('/nowhere', { headers: { accept: 'application/json' } })).json().code, 'not_found')
        assert.equal((await get('/redirect')).headers.location, '/plain?a=1')
        const head = await get('/plain', { method: 'HEAD' })
        assert.deepEqual([head.status, head.headers['x-content-type-options']], [200, 'nosniff'])
        const r = await get('/plain', { method: 'DELETE' })
        assert.equal(r.status, 405)
        assert.ok(r.headers.allow.includes('HEAD'))
    })

    test(`${kind}: bodies of 10 MB arrive, and larger ones are refused`, async () => {
        const body = Buffer.alloc(10 << 20, 'parley')
        const o = { method: 'POST', body, headers: { 'content-type': 'application/octet-stream', 'content-length': body.length, accept: 'application/json' } }
        assert.equal((await ask(port(), '/bulk', o)).json().size, body.length)
        const refused = await ask(port(), '/small', o)
        assert.deepEqual([refused.status, refused.json().code], [413, 'too_large'])
        assert.equal((await ask(port(), '/plain')).text, 'hello\n')
    })

    test(`${kind}: static files`, async () => {
        const css = await ask(port(), '/css/a.css')
        assert.equal(css.status, 200)
        assert.match(css.headers['content-type'], /^text\/css/)
    })
}

test('mod_proxy_fcgi keeps %2F in its segment and compresses static files', async () => {
    assert.equal((await ask(proxyPort, '/item/a%2Fb')).json().id, 'a/b')
    const css = await ask(proxyPort, '/css/a.css', { headers: { 'accept-encoding': 'gzip' } })
    assert.deepEqual([css.headers['content-encoding'], css.headers['cache-control']], ['gzip', 'public, max-age=3600'])
})

test('mod_proxy_fcgi passes on events one by one, and a visitor who leaves ends the stream', async () => {
    const seen = server.logs({ event: 'request', route: '/chat/stream' }).length
    await new Promise((ok, bad) => {
        const rq = http.get({ host: '127.0.0.1', port: proxyPort, path: '/chat/stream', agent: false }, r => {
            let text = ''
            r.on('data', d => {
                text += d
                if (text.includes('"i":3')) {
                    rq.destroy()
                    ok()
                }
            })
        })
        rq.on('error', bad)
        setTimeout(() => bad(new Error('no events came')), 5000).unref()
    })
    for (const end = Date.now() + 5000; server.logs({ event: 'request', route: '/chat/stream' }).length === seen;) {
        assert.ok(Date.now() < end, 'the stream did not end')
        await sleep(20)
    }
})

test('plain CGI does not let clients call the programs by their own names', async () => {
    assert.equal((await ask(cgiPort, '/parley-bin/portal.fcgi')).status, 403)
    assert.equal((await ask(cgiPort, '/parley-bin/portal.fcgi/plain')).status, 403)
})
