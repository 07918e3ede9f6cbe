// The same server behind lighttpd, with the configuration that is installed.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { build, startServer } from '../lib/fcgi.mjs'
import { freePort } from '../lib/install.mjs'

const top = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')
process.env.PATH += ':/usr/sbin:/usr/local/sbin'
let server, web, port

before(async () => {
    server = await startServer(`${build}/tests/http/testserver`)
    for (const name of ['portal', 'api', 'chat', 'hooks']) fs.symlinkSync(server.socket, `${server.dir}/${name}.sock`)
    fs.mkdirSync(`${server.dir}/htdocs/css`, { recursive: true })
    fs.mkdirSync(`${server.dir}/htdocs/vendor`)
    fs.writeFileSync(`${server.dir}/htdocs/css/a.css`, 'body { color: red }\n'.repeat(200))
    fs.writeFileSync(`${server.dir}/htdocs/vendor/v.js`, 'var a\n')
    fs.writeFileSync(`${server.dir}/htdocs/secret`, 'not for you')
    fs.symlinkSync('/etc/hostname', `${server.dir}/htdocs/css/link.css`)
    port = await freePort()
    const routes = fs.readFileSync(`${top}/etc/lighttpd.conf.in`, 'utf8').replaceAll('@RUN_DIR@', server.dir).replaceAll('@HTDOCS_DIR@', `${server.dir}/htdocs`)
    fs.writeFileSync(`${server.dir}/lighttpd.conf`, `server.bind = "127.0.0.1"\nserver.port = ${port}\nserver.document-root = "${server.dir}/htdocs"\n` +
        `server.upload-dirs = ("${server.dir}")\n${routes}`)
    web = spawn('lighttpd', ['-D', '-f', `${server.dir}/lighttpd.conf`], { stdio: ['ignore', 'inherit', 'pipe'] })
    web.said = ''
    web.stderr.on('data', d => (web.said += d))
    for (const end = Date.now() + 10000; Date.now() < end; await sleep(20)) {
        if (web.exitCode !== null) break
        if (await fetch(`http://127.0.0.1:${port}/plain`).then(r => r.ok, () => false)) return
    }
    throw new Error(`lighttpd did not start: ${web.said}`)
})
after(async () => {
    web?.kill('SIGTERM')
    await server?.stop()
})

/** Paths go out as they are written. */
function ask(path, { method = 'GET', headers = {}, body } = {}) {
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

test('%2F stays inside its segment, and dot segments do not leave the root', async () => {
    assert.equal((await ask('/item/a%2Fb')).json().id, 'a/b')
    assert.equal((await ask('/item/%C3%A9')).json().id, 'é')
    assert.equal((await ask('/nowhere/../item/7')).status, 404)
    assert.equal((await ask('/query?a=x%2520y+z%26')).json().a, 'x%20y z&')
    for (const path of ['/css/../secret', '/css/..%2fsecret', '/css/%2e%2e/secret', '/css/..%2f..%2f..%2fetc/hostname', '/css/link.css'])
        assert.doesNotMatch((await ask(path)).text, /not for you/, path)
    assert.ok([403, 404].includes((await ask('/css/link.css')).status), 'no way out through a symlink')
    assert.equal((await ask('/item/%00')).status, 400)
    assert.equal((await ask('/query?a=%FF')).status, 400)
})

test('static files have type, cache headers and gzip; streams are not compressed', async () => {
    const css = await ask('/css/a.css', { headers: { 'accept-encoding': 'gzip' } })
    assert.deepEqual([css.status, css.headers['content-type'], css.headers['content-encoding'], css.headers['cache-control']],
        [200, 'text/css; charset=utf-8', 'gzip', 'public, max-age=3600'])
    assert.ok(css.body.length < 300)
    assert.equal((await ask('/vendor/v.js')).headers['cache-control'], 'public, max-age=86400')
    const stream = await ask('/stream?n=2', { headers: { 'accept-encoding': 'gzip' } })
    assert.equal(stream.headers['content-encoding'], undefined)
    assert.match(stream.text, /"i":2/)
})

test('the programs\' replies arrive unchanged: HEAD, 405, redirect, security headers', async () => {
    const head = await ask('/plain', { method: 'HEAD' })
    assert.deepEqual([head.status, head.headers['content-length'], head.headers['x-content-type-options']], [200, '6', 'nosniff'])
    const r = await ask('/plain', { method: 'DELETE' })
    assert.deepEqual([r.status, r.headers.allow], [405, 'GET, HEAD, OPTIONS'])
    assert.equal((await ask('/redirect')).headers.location, '/plain?a=1')
})

test('bodies of 10 MB and chunked ones arrive; those too large for the route or the server are refused', async () => {
    const body = Buffer.alloc(10 << 20, 'parley')
    const type = { 'content-type': 'application/octet-stream' }
    assert.equal((await ask('/bulk', { method: 'POST', body, headers: { ...type, 'content-length': body.length } })).json().size, body.length)
    assert.equal((await ask('/small', { method: 'POST', body: 'abc', headers: { ...type, 'transfer-encoding': 'chunked' } })).json().size, 3)
    const refused = await ask('/small', { method: 'POST', body, headers: { ...type, 'content-length': body.length, accept: 'application/json' } })
    assert.deepEqual([refused.status, refused.json().code], [413, 'too_large'])
    assert.equal(await new Promise(ok => {
        const rq = http.request({ host: '127.0.0.1', port, path: '/bulk', method: 'POST', headers: { ...type, 'content-length': 40 << 20 } }, r => ok(r.statusCode))
        rq.on('error', () => ok('closed')).write('x')
    }), 413)
    assert.equal((await ask('/plain')).status, 200)
})

test('events arrive one by one, and a visitor who leaves ends the stream', async () => {
    const seen = server.logs({ event: 'request', route: '/stream' }).length
    await new Promise((ok, bad) => {
        const rq = http.get({ host: '127.0.0.1', port, path: '/stream', agent: false }, r => {
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
    })
    for (const end = Date.now() + 3000; server.logs({ event: 'request', route: '/stream' }).length === seen;) {
        assert.ok(Date.now() < end, 'the stream did not end')
        await sleep(20)
    }
})

test('half-sent requests and headers with bare CR or LF leave the server untouched', async () => {
    /** Send bytes; returns the reply, or what has come when a later request on another connection is answered. */
    const raw = (bytes, half = false) => new Promise(ok => {
        const s = net.connect(port, '127.0.0.1', () => s.write(bytes))
        let got = ''
        s.on('close', () => ok(got)).on('error', () => ok(got))
        s.on('data', d => { got += d; if (got.includes('\r\n\r\n')) s.destroy() })
        if (half) s.once('connect', () => ask('/plain').finally(() => s.destroy()))
    })
    assert.equal(await raw('POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc', true), '')
    assert.equal(await raw('GET /plain HTT', true), '')
    assert.match(await raw('GET /plain HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n'), /^HTTP\/1\.1 400/)
    assert.match(await raw('GET /pl\x00ain HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 400/)
    assert.match(await raw('GET /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'), /^HTTP\/1\.1 400/)
    assert.match(await raw(`GET /plain HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20000)}\r\n\r\n`), /^HTTP\/1\.[01] 431/)
    assert.equal((await ask('/plain')).text, 'hello\n')
})

test('a reload loses no request', async () => {
    let failed = 0, served = 0, stop = false
    const load = Promise.all(Array.from({ length: 4 }, async () => {
        while (!stop) {
            const r = await ask('/plain').catch(() => ({ status: 0 }))
            if (r.status === 200) served++
            else failed++
        }
    }))
    const moreServed = async n => { for (const before = served; served + failed < before + n;) await sleep(10) }
    const reloads = server.logs({ event: 'reloaded' }).length
    await moreServed(20)
    server.signal('SIGHUP')
    while (server.logs({ event: 'reloaded' }).length === reloads) await sleep(10)
    await moreServed(20)
    stop = true
    await load
    assert.ok(served > 50)
    assert.equal(failed, 0)
})
