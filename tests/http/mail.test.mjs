// Requests that park: they wait without a thread. tests/http/testmail.c has the routes.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { build, requestBytes, startServer, writeConfig } from '../lib/fcgi.mjs'
import { until } from '../lib/install.mjs'

const binary = `${build}/tests/http/testserver`
const sanitized = Boolean(process.env.DEV_SANITIZE)
const settings = { config: { api_threads: 4, stop_timeout: '20s' } }

/** Begin a request and wait until it is about to park. */
async function park(server, uri, at) {
    const c = await server.connect()
    c.write(requestBytes({ uri: `${uri}${uri.includes('?') ? '&' : '?'}at=${at}` }))
    await server.logged({ event: 'parking', at })
    return c
}

const answer = async c => {
    await c.done
    const text = c.bytes.toString()
    assert.ok(c.ended, `no end of the request after ${text}`)
    c.end()
    return JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4))
}

test('a parked request is woken and replies; its log lines keep its id and its statements', async t => {
    const server = await startServer(binary, { t, ...settings })
    const c = await park(server, '/mail?want=3', 1)
    for (let i = 1; i <= 3; i++) {
        await server.get('/mail/send?at=1')
        if (i < 3) await sleep(20)
    }
    const r = await answer(c)
    assert.deepEqual([r.how, r.got, r.resumes], ['mail', 3, 3])
    const ended = await server.logged({ event: 'ended' })
    const line = await server.logged({ event: 'request', route: '/mail' })
    assert.equal(ended.request, line.id, 'a thread that resumes a request logs with its id')
    assert.deepEqual([line.status, line.sql], [200, 3 * 4 + 3])
    assert.ok(server.logs({ event: 'request', route: '/mail/send' }).every(l => l.sql === 3), 'other requests count their own statements')
    assert.match(c.bytes.toString(), new RegExp(`X-Request-Id: ${line.id}`))
})

test('a parked request with a body keeps it', async t => {
    const server = await startServer(binary, { t, ...settings })
    const waits = server.post('/mail?at=1', 'x'.repeat(20000), { 'content-type': 'text/plain' })
    await server.logged({ event: 'parking', at: 1 })
    for (let i = 0; i < 20; i++) await server.post('/bulk', 'y'.repeat(20000), { 'content-type': 'text/plain' })
    await server.get('/mail/send?at=1')
    assert.equal((await waits).json().body, 20000)
})

test('a wake that comes before the handler has returned is not lost', async t => {
    const server = await startServer(binary, { t, ...settings })
    for (let i = 0; i < 50; i++) assert.deepEqual((await server.get(`/mail?at=${i}&early=1`)).json().got, 1)
    const slow = server.get('/mail?at=100&spin=300')
    await server.logged({ event: 'parking', at: 100 })
    await server.get('/mail/send?at=100')
    assert.equal((await slow).json().resumes, 1)
})

test('the only thread serves others while requests are parked', async t => {
    const server = await startServer(binary, { t, config: { api_threads: 1 } })
    const all = []
    for (let i = 1; i <= 20; i++) all.push(await park(server, '/mail', i))
    assert.equal((await server.get('/plain')).text, 'hello\n')
    await server.get('/mail/send?at=1&to=20')
    for (const c of all) assert.equal((await answer(c)).how, 'mail')
})

test('a stream sends events in several resumes', async t => {
    const server = await startServer(binary, { t, ...settings })
    const c = await park(server, '/mail/stream?want=3', 1)
    for (let i = 1; i <= 3; i++) {
        await server.get('/mail/send?at=1')
        await c.until(text => text.includes(`event: tick\ndata: {"got":${i}}\n\n`))
    }
    await c.done
    assert.match(c.bytes.toString(), /\r\n\r\nevent: tick\n.*event: done\ndata: mail\n\n$/s)
    assert.ok(c.ended)
})

test('a deadline resumes a request, and the earliest comes first', async t => {
    const server = await startServer(binary, { t, ...settings })
    const from = Date.now(), order = []
    await Promise.all([700, 100, 400, 250, 550, 10, 0].map(async ms => {
        const r = (await server.get(`/mail?at=${ms}&ms=${ms}`)).json()
        assert.deepEqual([r.how, r.got], ['timeout', 0])
        assert.ok(Date.now() - from >= ms, `${ms} ms`)
        order.push(ms)
    }))
    assert.deepEqual(order.filter(ms => ms >= 100), [100, 250, 400, 550, 700])
})

test('a deadline that is over does not resume the next request', async t => {
    const server = await startServer(binary, { t, config: { api_threads: 1 } })
    const first = await park(server, '/mail?ms=300', 1)
    await server.get('/mail/send?at=1')
    assert.equal((await answer(first)).how, 'mail')
    const second = await park(server, '/mail', 2)
    await sleep(500)
    await server.get('/mail/send?at=2')
    assert.deepEqual(await answer(second), { how: 'mail', brand: 'Parley', got: 1, resumes: 1, body: 0 })
})

test('a visitor who leaves is noticed within 50 ms', async t => {
    const server = await startServer(binary, { t, ...settings })
    const times = []
    for (let i = 0; i < 9; i++) {
        const c = await park(server, i % 2 ? '/mail' : '/mail/stream', i)
        const from = performance.now()
        c.end()
        await until('the end', () => server.logs({ event: 'ended' }).length > i, 5000)
        times.push(performance.now() - from)
    }
    assert.ok(server.logs({ event: 'ended' }).every(l => l.how === 'gone' && l.resumes === 1))
    const median = times.sort((a, b) => a - b)[4]
    t.diagnostic(`noticed after ${median.toFixed(1)} ms (median)`)
    assert.ok(median < (sanitized ? 500 : 50), `${times}`)
})

test('a visitor who leaves while the handler runs is noticed at the park', async t => {
    const server = await startServer(binary, { t, ...settings })
    const c = await park(server, '/mail?spin=200', 1)
    c.end()
    assert.equal((await server.logged({ event: 'ended' })).how, 'gone')
})

test('a visitor who leaves and a wake in the same moment end a request once', async t => {
    const server = await startServer(binary, { t, ...settings })
    const rounds = sanitized ? 60 : 300
    for (let i = 0; i < rounds; i++) {
        const c = await park(server, '/mail', i)
        const wake = server.get(`/mail/send?at=${i}`)
        if (i % 3) await sleep(0)
        c.end()
        await wake
    }
    await until('all ends', () => server.logs({ event: 'request', route: '/mail' }).length >= rounds)
    assert.equal(server.logs({ event: 'request', route: '/mail' }).length, rounds)
    assert.equal(server.logs({ event: 'ended' }).length, rounds)
    assert.equal((await server.get('/plain')).text, 'hello\n')
})

test('wakes from several threads at once lose nothing and resume a request one at a time', async t => {
    const server = await startServer(binary, { t, ...settings })
    const times = sanitized ? 300 : 3000, parked = []
    for (let at = 0; at < 50; at++) parked.push(await park(server, `/mail?want=${times * 12}`, at))
    const stream = await park(server, '/mail/stream?want=12', 50)
    const storms = [1, 2, 3].map(() => server.get(`/mail/send?at=0&to=49&times=${times}&threads=4`))
    const few = server.get('/mail/send?at=50&times=3&threads=4')
    for (const r of await Promise.all(storms)) assert.equal(r.status, 200)
    for (const c of parked) {
        const r = await answer(c)
        assert.deepEqual([r.how, r.got], ['mail', times * 12])
        assert.ok(r.resumes <= r.got)
    }
    await few
    await stream.done
    assert.match(stream.bytes.toString(), /event: done\ndata: mail\n\n$/)
})

test('a wake without news resumes and parks again', async t => {
    const server = await startServer(binary, { t, ...settings })
    const c = await park(server, '/mail', 1)
    for (let i = 0; i < 5; i++) {
        await server.get('/mail/send?at=1&empty=1')
        await sleep(20)
    }
    await server.get('/mail/send?at=1')
    assert.deepEqual(await answer(c), { how: 'mail', brand: 'Parley', got: 1, resumes: 6, body: 0 })
})

test('the waker of a request that has ended wakes nothing, also while its exchange serves another', async t => {
    const server = await startServer(binary, { t, config: { api_threads: 1 } })
    assert.equal((await server.get('/mail?at=1&early=1')).json().how, 'mail')
    await server.get('/mail/send?at=1&times=1000&threads=4')
    const c = await park(server, '/mail', 2)
    await server.get('/mail/send?at=1&times=1000&threads=4')
    await sleep(50)
    await server.get('/mail/send?at=2')
    assert.equal((await answer(c)).resumes, 1)
})

test('after SIGTERM parked requests are in flight: a stream ends, others wait for their result', async t => {
    const server = await startServer(binary, { t, ...settings })
    const stream = await park(server, '/mail/stream', 1), stays = await park(server, '/mail?stay=1&ms=1500', 2)
    const woken = await park(server, '/mail?stay=1&soon=1', 3)
    const from = Date.now()
    server.signal('SIGTERM')
    await stream.done
    assert.match(stream.bytes.toString(), /event: done\ndata: stopping\n\n$/)
    assert.ok(Date.now() - from < 1400, 'a stream does not wait for its deadline')
    assert.equal((await answer(woken)).how, 'mail')
    assert.equal((await answer(stays)).how, 'timeout')
    assert.deepEqual(await server.exit, { code: 0, signal: null })
    assert.ok(server.logs({ event: 'stopped' }).length)
})

test('stop_timeout also limits the wait for parked requests', async t => {
    const server = await startServer(binary, { t, config: { stop_timeout: '300ms' } })
    await park(server, '/mail?stay=1', 1)
    const from = Date.now()
    server.signal('SIGTERM')
    assert.equal((await server.exit).code, 0)
    assert.ok(Date.now() - from < 10000)
    assert.ok(server.logs({ event: 'stop_timeout' }).length)
})

test('a request keeps its settings while it is parked, whatever SIGHUP loads', async t => {
    const server = await startServer(binary, { t, config: { brand_name: 'One' } })
    const c = await park(server, '/mail', 1)
    writeConfig(server, { brand_name: 'Two' })
    server.signal('SIGHUP')
    await server.logged({ event: 'reloaded' })
    await server.get('/mail/send?at=1')
    assert.equal((await answer(c)).brand, 'One')
    assert.equal((await server.get('/mail?at=1&early=1')).json().brand, 'Two')
})

test('plain CGI waits in place: for a wake, for a deadline, and in a stream', async t => {
    const server = await startServer(binary, { t, ...settings })
    assert.deepEqual(server.cgi({ uri: '/mail?early=1' }).json(), { how: 'mail', brand: 'Parley', got: 1, resumes: 1, body: 0 })
    assert.equal(server.cgi({ uri: '/mail?soon=1' }).json().how, 'mail')
    const from = Date.now()
    assert.equal(server.cgi({ uri: '/mail?ms=100' }).json().how, 'timeout')
    assert.ok(Date.now() - from >= 100)
    assert.match(server.cgi({ uri: '/mail/stream?soon=1' }).text, /^event: tick\n.*event: done\ndata: mail\n\n$/s)
})

test('a waker does no harm after the server has ended', async t => { // the program wakes all requests when it closes
    const server = await startServer(binary, { t, ...settings })
    for (let at = 0; at < 20; at++) await server.get(`/mail?at=${at}&early=1`)
    assert.deepEqual(await server.stop(), { code: 0, signal: null }, server.log)
})

test('more requests can be parked than the soft limit of descriptors allows', async t => {
    const script = fs.mkdtempSync('/tmp/parley-limit-') + '/limited'
    fs.writeFileSync(script, `#!/bin/sh\nulimit -Sn 64\nexec ${binary} "$@"\n`, { mode: 0o755 })
    t.after(() => fs.rmSync(script.replace(/\/limited$/, ''), { recursive: true }))
    const server = await startServer(script, { t, ...settings })
    const parked = []
    for (let at = 0; at < 100; at++) parked.push(await park(server, '/mail', at))
    await server.get('/mail/send?at=0&to=99')
    for (const c of parked) assert.equal((await answer(c)).how, 'mail')
})

const pss = pid => Number(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Pss:\s+(\d+)/m)[1]) * 1024
const threads = pid => fs.readdirSync(`/proc/${pid}/task`).length

/** Requests in a second and a half, from 16 connections at a time. */
async function rate(server) {
    const end = Date.now() + 1500
    let n = 0
    await Promise.all(Array.from({ length: 16 }, async () => {
        for (; Date.now() < end; n++) assert.equal((await server.get('/plain')).text, 'hello\n')
    }))
    return n / 1.5
}

test('a request that was large costs nothing once it has ended', { skip: sanitized }, async t => {
    const server = await startServer(binary, { t, ...settings }), n = 400
    await server.get('/big?n=60000')
    const before = pss(server.process.pid), parked = []
    for (let at = 0; at < n; at++) parked.push(await park(server, '/mail?fat=50000', at))
    await server.get(`/mail/send?at=0&to=${n - 1}`)
    for (const c of parked) await answer(c)
    const waiting = []
    for (let at = 0; at < n; at++) waiting.push(await park(server, `/mail?second=${at}`, n + at))
    const each = (pss(server.process.pid) - before) / n
    t.diagnostic(`${(each / 1024).toFixed(1)} KB for each parked request`)
    assert.ok(each < 25 * 1024, `${each} bytes`)
    await server.get(`/mail/send?at=${n}&to=${2 * n - 1}`)
    for (const c of waiting) await answer(c)
})

// Runs for about 15 s.
test('2,000 parked requests cost at most 16 KB each and slow others down little', async t => {
    const server = await startServer(binary, { t, config: { api_threads: 16 } })
    const n = sanitized ? 300 : 2000, all = [], pid = server.process.pid
    await rate(server)
    const alone = await rate(server), before = pss(pid)
    for (let at = 0; at < n; at += 50)
        all.push(...await Promise.all(Array.from({ length: 50 }, async (_, i) => {
            const c = await server.connect()
            c.write(requestBytes({ uri: `${i % 2 ? '/mail' : '/mail/stream'}?at=${at + i}&ms=600000`, headers: { cookie: 'x'.repeat(300), 'user-agent': 'y'.repeat(120) } }))
            return c
        })))
    await until('all are parked', () => server.logs({ event: 'parking' }).length === n, 30000)
    await sleep(100)
    const each = (pss(pid) - before) / n, beside = await rate(server)
    t.diagnostic(`${(each / 1024).toFixed(1)} KB for each parked request`)
    t.diagnostic(`${alone.toFixed(0)} requests a second alone, ${beside.toFixed(0)} beside ${n} parked ones`)
    assert.ok(threads(pid) <= 16 + 3, `${threads(pid)} threads`) // workers, main thread, watcher; a sanitizer has one of its own
    if (!sanitized) {
        assert.ok(each < 20 * 1024, `${each} bytes`)
        assert.ok(beside > alone / 2, `${alone} a second alone, ${beside} beside`)
    }
    const from = Date.now()
    await server.get(`/mail/send?at=0&to=${n - 1}&threads=1`)
    await Promise.all(all.map(c => c.done))
    t.diagnostic(`all woken and answered in ${Date.now() - from} ms`)
    assert.ok(all.every(c => c.ended && /mail/.test(c.bytes.toString())))
    assert.equal((await server.get('/plain')).text, 'hello\n')
})
