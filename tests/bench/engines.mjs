// ./dev bench engines [SECONDS]: what waiting costs. 2,000 turns wait for a slow server at once: how much memory that takes, how many threads
// there are, and what is left of the speed of plain turns beside them. Then 32 visitors at a time ask an engine that streams, and the time
// that Parley adds to the engine's own is measured for each answer. Last, how soon a call ends once its visitor has left.
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { connectTo, requestBytes } from '../lib/fcgi.mjs'
import { startInstall, until } from '../lib/install.mjs'
import { callFlow, echoFlow, makeBot, send, shown, stream } from '../talk/lib.mjs'
import { load, machine } from './lib.mjs'
import { ANSWER_MS, now, TOKENS } from './streaming.mjs'

const seconds = Number(process.argv[2] ?? 8)
const WAITING = 2000, VISITORS = 32, ANSWERS = 10, LEAVING = 20, MB = 1048576
const WEB_TICK_MS = 1100 // lighttpd looks once a second for clients that have left
const here = path.dirname(fileURLToPath(import.meta.url))

/** A server that answers when it is told to, and knows how many wait and when one left. */
async function startSlow() {
    const waiting = new Set()
    let left = 0, leftAt = 0
    const server = http.createServer((request, response) => {
        waiting.add(response)
        response.on('close', () => {
            if (waiting.delete(response)) {
                left++
                leftAt = performance.now()
            }
        })
    })
    await new Promise(ok => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, ok))
    return {
        port: server.address().port, waiting, get left() { return left }, get leftAt() { return leftAt },
        release() {
            for (const response of [...waiting]) {
                waiting.delete(response)
                response.setHeader('content-type', 'application/json')
                response.end('{"word":"ready"}')
            }
        },
        close: () => { server.close(); server.closeAllConnections() },
    }
}

/** An engine that streams, in a thread of its own, so that its clock does not wait for the visitors. */
async function startStreaming() {
    const worker = new Worker(`${here}/streaming.mjs`, { workerData: 'serve' })
    const port = await new Promise((ok, bad) => worker.once('message', ok).once('error', bad))
    return { port, close: () => worker.terminate() }
}

/** The slow turns and the plain ones beside them, as rows of the table. */
async function waitingRows(parley, slow, plain, slowServer) {
    const texts = `${parley.dir}/texts`
    fs.writeFileSync(texts, '"Hello"\n')
    const plainTurns = () => load(`${parley.url}/chat/${plain}/messages`, 'new', { threads: 1, seconds, TEXTS: texts })
    await plainTurns() // fills the caches, so that memory and speed are compared with a program that has worked
    const alone = await plainTurns(), before = parley.memory().pss
    const visitors = [], gathering = performance.now()
    while (visitors.length < WAITING) {
        const more = Math.min(200, WAITING - visitors.length)
        for (let i = 0; i < more; i++) visitors.push(send(parley, slow, { text: 'go' }).catch(error => ({ status: 0, error })))
        await until('the calls', () => slowServer.waiting.size === visitors.length, 30000)
    }
    process.stderr.write(`  ${WAITING} turns wait after ${Math.round(performance.now() - gathering)} ms\n`)
    const during = parley.memory().pss
    const beside = await plainTurns()
    const threads = fs.readdirSync(`/proc/${parley.pid('chat')}/task`).length
    const waited = slowServer.waiting.size // all, unless the others' calls ended too early
    slowServer.release()
    const replies = await Promise.all(visitors)
    const wrong = replies.filter(r => r.status !== 200 || r.body.messages[1]?.text !== 'It says: ready')
    const failed = alone.failed + beside.failed
    return [
        [`memory of ${WAITING} waiting turns`, `${((during - before) / MB).toFixed(1)} MB`, 'at most 64 MB', during - before <= 64 * MB],
        ['threads of chat.fcgi meanwhile', threads, 'at most 16', threads <= 16],
        ['plain turns beside them, of those alone', `${Math.round(beside.rate)} of ${Math.round(alone.rate)}/s = ${(beside.rate / alone.rate).toFixed(2)}`, 'at least 0.8', beside.rate >= 0.8 * alone.rate],
        ['their p99', `${beside.p99.toFixed(1)} ms, alone ${alone.p99.toFixed(1)} ms`, 'at most twice', beside.p99 <= 2 * alone.p99],
        ['plain turns that failed', failed, 'none', failed === 0],
        ['turns that waited to the end', waited, 'all', waited === WAITING],
        ['answers of the waiting turns', `${replies.length - wrong.length} of ${WAITING}`, 'all', wrong.length === 0],
    ]
}

/** A bot whose only node asks the engine at this port. */
async function engineBot(parley, port) {
    const flow = {
        format: 1, languages: ['en'], start: 'hello', variables: {},
        nodes: {
            hello: { type: 'say', messages: [{ type: 'text', text: { en: 'Hello!' } }], next: 'ask' },
            ask: { type: 'engine', error: 'sorry' },
            sorry: { type: 'ask', text: { en: 'No engine answered.' }, expect: 'text', next: 'ask' },
        },
    }
    const made = await makeBot(parley, flow)
    const key = (await parley.run('key', 'create', '--tenant', shown('ws', made.tenant), '--scopes', 'read,write')).trim()
    const call = async (method, path, body) => {
        const reply = await fetch(`${parley.url}/v1${path}`, { method, headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
        if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`)
        return reply.json()
    }
    const engine = await call('POST', '/engines', { type: 'openai', name: 'Streaming', settings: { base_url: `http://127.0.0.1:${port}/v1`, model: 'm', api_key: 'bench' } })
    await call('PUT', `/bots/${made.bot}/engines`, { chain: [engine.id] })
    return made.bot
}

/** One streamed answer: what Parley added to the engine's time, to the first piece and to the end, in ms. */
async function addedTime(parley, bot) {
    const begun = now()
    let first, text = '', last
    for await (const event of stream(parley, bot, { text: 'Count' })) {
        if (event.name !== 'delta') continue
        last = now()
        first ??= last
        text += event.data.text
    }
    const times = text.trim().split(' ').map(Number)
    if (times.length !== TOKENS + 1) throw new Error(`not a whole answer: ${text}`)
    const [received, written] = times
    return { first: first - begun - (written - received), end: last - begun - (times.at(-1) - received) }
}

const ranked = list => [...list].sort((a, b) => a - b)
const median = list => ranked(list)[list.length >> 1]
const p99 = list => ranked(list)[Math.floor(0.99 * list.length)]

async function streamingRows(parley, bot) {
    const all = []
    await Promise.all(Array.from({ length: VISITORS }, async (_, visitor) => {
        await addedTime(parley, bot) // opens the connections of this visitor
        await sleep(ANSWER_MS * visitor / VISITORS) // each comes at a moment of its own, not all at once
        for (let i = 0; i < ANSWERS; i++) all.push(await addedTime(parley, bot))
    }))
    return [['first', 'to the first piece of an answer, added'], ['end', 'to its last piece, added']].map(([name, what]) => {
        const list = all.map(one => one[name]), m = median(list), p = p99(list)
        return [what, `${m.toFixed(1)} ms median, ${p.toFixed(1)} ms p99`, 'at most 5 and 15 ms', m <= 5 && p <= 15]
    })
}

/** From the moment in which leave() is called to the end of the call at the slow server, several times. */
async function leavingTimes(slowServer, begin) {
    const times = []
    for (let i = 0; i < LEAVING; i++) {
        const n = slowServer.left, leave = await begin()
        await until('the call', () => slowServer.waiting.size === 1)
        await sleep(100 + 37 * i) // longer than the program needs to watch the connection; out of step with the web server
        const begun = performance.now()
        await leave()
        await until('the end of the call', () => slowServer.left === n + 1)
        times.push(slowServer.leftAt - begun)
    }
    return times
}

async function leavingRows(parley, slow, slowServer) {
    const direct = await leavingTimes(slowServer, async () => {
        const c = await connectTo(`${parley.runDir}/chat.sock`)
        const headers = { host: new URL(parley.url).host, accept: 'text/event-stream', 'content-type': 'application/json' }
        c.write(requestBytes({ method: 'POST', uri: `/chat/${slow}/messages`, headers, body: '{"text":"go"}' }))
        return () => c.end()
    })
    const web = await leavingTimes(slowServer, async () => {
        const control = new AbortController(), events = stream(parley, slow, { text: 'go' }, { signal: control.signal })
        await events.next()
        return async () => {
            control.abort()
            await events.next().catch(() => {})
        }
    })
    const row = (what, list, limit) => [what, `${median(list).toFixed(1)} ms median, ${Math.max(...list).toFixed(1)} ms at most`, `at most ${limit} ms`, Math.max(...list) <= limit]
    return [
        row('from a closed connection to the end of the call', direct, 50),
        row('the same through lighttpd', web, WEB_TICK_MS),
    ]
}

const slowServer = await startSlow(), streaming = await startStreaming()
const parley = await startInstall({
    config: { rate_limits: 'off', http_allow_private: `127.0.0.1:${slowServer.port}`, engine_private_hosts: `127.0.0.1:${streaming.port}`, http_node_timeout: '60s' },
    database: ['--innodb-buffer-pool-size=256M', '--innodb-log-file-size=128M', '--innodb-flush-method=O_DIRECT'],
})
try {
    const flow = callFlow(`http://127.0.0.1:${slowServer.port}/`)
    flow.nodes.call.timeout_ms = 30000
    const { bot: slow } = await makeBot(parley, flow)
    const { bot: plain } = await makeBot(parley, echoFlow)
    const rows = [
        ...await waitingRows(parley, slow, plain, slowServer),
        ...await streamingRows(parley, await engineBot(parley, streaming.port)),
        ...await leavingRows(parley, slow, slowServer),
    ]
    console.log(`\n${await machine(parley, seconds)}\n`)
    for (const [what, value, limit] of rows) console.log(`${what.padEnd(50)} ${String(value).padEnd(36)} ${limit}`)
    const missed = rows.filter(r => !r[3])
    for (const [what] of missed) console.log(`MISSED  ${what}`)
    if (missed.length) process.exitCode = 1
} finally {
    slowServer.close()
    await streaming.close()
    await parley.stop()
}
