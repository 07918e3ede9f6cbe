// Requests that wait without a thread: they are woken, time out, notice that the visitor has left, and survive a stop.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { after, before, test } from 'node:test'
import { build, startServer } from '../lib/fcgi.mjs'
import { until } from '../lib/install.mjs'

const THREADS = 4
let server
before(async () => (server = await startServer(`${build}/tests/http/testserver`, { config: { api_threads: THREADS } })))
after(() => server.stop())

const all = (n, f) => Promise.all(Array.from({ length: n }, (_, i) => f(i)))
const counts = async () => JSON.parse((await server.get('/park/counts')).text)

test('a parked request is woken, also before its handler has returned', async () => {
    for (const ms of [0, 1, 30]) assert.match((await server.get(`/park?ms=${ms}`)).text, /^looked/, String(ms))
    const replies = await all(200, () => server.get('/park?ms=0&times=5'))
    assert.ok(replies.every(r => r.status === 200 && /several times/.test(r.text)))
})

test('a park has a deadline', async () => {
    const begun = performance.now()
    assert.match((await server.get('/park?ms=never&limit=150')).text, /looked once/)
    assert.ok(performance.now() - begun >= 149)
})

test('a parked stream sends its events in each resume', async () => {
    const r = await server.get('/park/stream?ms=20&times=4')
    assert.equal(r.headers['content-type'], 'text/event-stream')
    assert.equal(r.text.split('event: look').length - 1, 4)
})

test('wakes from many threads, before and after the end, neither lose nor repeat a request', async () => {
    const replies = await all(100, i => server.get(`/park?ms=0&storm=3&times=${1 + i % 4}`))
    assert.ok(replies.every(r => r.status === 200))
    assert.equal((await counts()).now, 0)
})

test('many parked requests hold no threads', async () => {
    const waiting = all(300, () => server.get('/park?ms=never&limit=2500'))
    await until('all of them', async () => (await counts()).now === 300)
    const begun = performance.now()
    await all(100, () => server.get('/plain'))
    assert.ok(performance.now() - begun < 2000, 'plain requests waited for the parked ones')
    assert.ok((await waiting).every(r => r.status === 200))
    assert.equal((await counts()).now, 0)
    const tasks = fs.readdirSync(`/proc/${server.process.pid}/task`).length
    assert.ok(tasks <= THREADS + 3, `${tasks} threads`)
})

test('a visitor who leaves ends the wait', async () => {
    const { gone } = await counts()
    const left = await all(20, () => server.leave('/park?ms=never&limit=60000'))
    await until('all of them', async () => (await counts()).now === 20)
    left.forEach(leave => leave())
    await until('the end of all', async () => (await counts()).now === 0)
    assert.equal((await counts()).gone, gone + 20)
})

test('plain CGI waits in place', () => {
    for (const uri of ['/park?ms=20&times=3', '/park?ms=never&limit=50']) {
        const r = server.cgi({ uri })
        assert.deepEqual([r.code, r.status], [0, 200], r.log)
        assert.match(r.text, /^looked/)
    }
    assert.equal(server.cgi({ uri: '/park/stream?ms=5&times=2' }).text.split('event: look').length - 1, 2)
})

test('a stop waits for parked requests, and a deadline ends the wait', async t => {
    const other = await startServer(`${build}/tests/http/testserver`, { t })
    const waiting = all(10, () => other.get('/park?ms=300'))
    await until('all of them', async () => JSON.parse((await other.get('/park/counts')).text).now === 10)
    const stopped = other.stop()
    assert.ok((await waiting).every(r => r.status === 200))
    await stopped
})
