// ./dev bench engines [SECONDS]: what waiting costs. 2,000 turns wait for a slow server at once: how much memory that takes, how many threads
// there are, and what is left of the speed of plain turns beside them. Also how soon a call ends once its visitor has left.
import fs from 'node:fs'
import http from 'node:http'
import { startInstall, until } from '../lib/install.mjs'
import { callFlow, echoFlow, makeBot, send, stream } from '../talk/lib.mjs'
import { load, machine } from './lib.mjs'

const seconds = Number(process.argv[2] ?? 8)
const WAITING = 2000, MB = 1048576

/** A server that answers when it is told to, and knows how many wait and when one left. */
async function startStub() {
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

const stub = await startStub()
const parley = await startInstall({
    config: { rate_limits: 'off', http_allow_private: `127.0.0.1:${stub.port}`, http_node_timeout: '60s' },
    database: ['--innodb-buffer-pool-size=256M', '--innodb-log-file-size=128M', '--innodb-flush-method=O_DIRECT'],
})
try {
    const flow = callFlow(`http://127.0.0.1:${stub.port}/`)
    flow.nodes.call.timeout_ms = 30000
    const { bot: slow } = await makeBot(parley, flow)
    const { bot: plain } = await makeBot(parley, echoFlow)
    const turns = bot => `${parley.url}/chat/${bot}/messages`
    const texts = `${parley.dir}/texts`
    fs.writeFileSync(texts, '"Hello"\n')
    const plainTurns = () => load(turns(plain), 'new', { threads: 1, seconds, TEXTS: texts })
    await plainTurns() // fills the caches, so that memory and speed are compared with a program that has worked
    const alone = await plainTurns(), before = parley.memory().pss
    const visitors = [], gathering = performance.now()
    while (visitors.length < WAITING) {
        const more = Math.min(200, WAITING - visitors.length)
        for (let i = 0; i < more; i++) visitors.push(send(parley, slow, { text: 'go' }).catch(error => ({ status: 0, error })))
        await until('the calls', () => stub.waiting.size === visitors.length, 30000)
    }
    process.stderr.write(`  ${WAITING} turns wait after ${Math.round(performance.now() - gathering)} ms\n`)
    const during = parley.memory().pss
    const beside = await plainTurns()
    const threads = fs.readdirSync(`/proc/${parley.pid('chat')}/task`).length
    const waited = stub.waiting.size // all, unless the others' calls ended too early
    stub.release()
    const replies = await Promise.all(visitors)
    const wrong = replies.filter(r => r.status !== 200 || r.body.messages[1]?.text !== 'It says: ready')
    const leaving = []
    for (let i = 0; i < 20; i++) {
        const control = new AbortController(), n = stub.left
        const events = stream(parley, slow, { text: 'go' }, { signal: control.signal })
        await events.next()
        await until('the call', () => stub.waiting.size === 1)
        await new Promise(ok => setTimeout(ok, 100)) // longer than the program needs to watch the connection
        const begun = performance.now()
        control.abort()
        await events.next().catch(() => {})
        await until('the end of the call', () => stub.left === n + 1)
        leaving.push(stub.leftAt - begun)
    }
    leaving.sort((a, b) => a - b)
    const rows = [
        [`memory of ${WAITING} waiting turns`, `${((during - before) / MB).toFixed(1)} MB`, 'at most 64 MB', during - before <= 64 * MB],
        ['threads of chat.fcgi meanwhile', threads, 'at most 16', threads <= 16],
        ['plain turns beside them, of those alone', `${Math.round(beside.rate)} of ${Math.round(alone.rate)}/s = ${(beside.rate / alone.rate).toFixed(2)}`, 'at least 0.8', beside.rate >= 0.8 * alone.rate],
        ['their p99', `${beside.p99.toFixed(1)} ms, alone ${alone.p99.toFixed(1)} ms`, 'at most twice', beside.p99 <= 2 * alone.p99],
        ['turns that waited to the end', waited, 'all', waited === WAITING],
        ['answers of the waiting turns', `${replies.length - wrong.length} of ${WAITING}`, 'all', wrong.length === 0],
        ['from a visitor\'s leaving to the end of the call', `${leaving[10].toFixed(0)} ms median, ${leaving.at(-1).toFixed(0)} ms at most`, 'at most 150 ms', leaving.at(-1) <= 150],
    ]
    console.log(`\n${await machine(parley, seconds)}\n`)
    for (const [what, value, limit] of rows) console.log(`${what.padEnd(50)} ${String(value).padEnd(36)} ${limit}`)
    const missed = rows.filter(r => !r[3])
    for (const [what] of missed) console.log(`MISSED  ${what}`)
    if (missed.length || beside.failed || alone.failed) process.exitCode = 1
} finally {
    stub.close()
    await parley.stop()
}
