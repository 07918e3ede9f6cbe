// ./dev bench [SECONDS]: speed and memory, measured side by side in one run on a private install, and their ratios.
//
// The load generator (wrk, 2 threads, 32 connections) shares the machine. Every turn is durable: fsync at commit.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import { startInstall, top, build } from '../lib/install.mjs'

const seconds = Number(process.argv[2] ?? 8)
const CONNECTIONS = 32
const THREADS = 2
const QUESTION = 'Where is my data kept?'

function output(command, args, env = {}) {
    return new Promise((ok, bad) => {
        const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
        let out = ''
        for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { out += text })
        child.on('error', bad)
        child.on('close', code => code === 0 ? ok(out) : bad(new Error(`${command}: ${out}`)))
    })
}

async function load(url, mode, env = {}) {
    const out = await output('wrk', ['-t', String(THREADS), '-c', String(CONNECTIONS), '-d', `${seconds}s`, '--timeout', '10s',
        ...(env.COOKIE ? ['-H', `Cookie: ${env.COOKIE}`] : []), '-s', `${top}/tests/bench/load.lua`, url],
        { MODE: mode, TEXT: QUESTION, THREADS: String(THREADS), ...env })
    const result = JSON.parse(/^RESULT (.*)$/m.exec(out)[1])
    return { rate: result.requests / result.seconds, p50: result.p50_ms, p99: result.p99_ms, failed: result.failed }
}

/** A workspace without a limit and a published FAQ bot. */
async function prepare(parley) {
    const email = 'bench@example.com', password = 'bench-only-4711'
    const workspace = await parley.run('tenant', 'create', 'Bench', '--plan', 'enterprise')
    const user = await parley.run('user', 'create', email, '--name', 'Bench', '--password-stdin', { input: password })
    await parley.run('user', 'add-to', user, workspace, '--role', 'owner')
    const bot = await parley.run('bot', 'create', '--tenant', workspace, '--template', 'faq', '--name', 'Bench')
    await parley.run('import', 'faq', '--bot', bot, `${top}/tools/dev/demo-faq.csv`)
    await parley.run('bot', 'publish', bot)
    return { email, password, bot }
}

async function signIn(parley, { email, password }) {
    const reply = await fetch(`${parley.url}/login`, {
        method: 'POST', redirect: 'manual', headers: { origin: parley.url, 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ email, password }),
    })
    const cookie = reply.headers.getSetCookie().map(c => c.split(';')[0]).join('; ')
    if (!cookie) throw new Error(`sign-in answered ${reply.status}`)
    return cookie
}

async function openConversations(parley, bot, count) {
    const lines = []
    const one = async () => {
        const reply = await fetch(`${parley.url}/chat/${bot}/messages`, {
            method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text: QUESTION }),
        })
        const json = await reply.json()
        if (!reply.ok) throw new Error(JSON.stringify(json))
        lines.push(`"conversation":"${json.conversation}","token":"${json.token}"`)
    }
    while (lines.length < count) await Promise.all(Array.from({ length: 16 }, one))
    fs.writeFileSync(`${parley.dir}/conversations`, lines.join('\n') + '\n')
    return `${parley.dir}/conversations`
}

const parley = await startInstall({
    config: { rate_limits: 'off', log_level: 'warn' },
    database: ['--innodb-buffer-pool-size=256M', '--innodb-log-file-size=128M'],
})
const rows = []
const note = (what, result, limit) => {
    rows.push({ what, ...result, limit })
    process.stderr.write(`  ${what}: ${Math.round(result.rate)}/s\n`)
}
try {
    const who = await prepare(parley)
    const messages = `${parley.url}/chat/${who.bot}/messages`
    const cookie = await signIn(parley, who)
    const conversations = await openConversations(parley, who.bot, 1024)
    const idle = parley.memory()

    note('empty request (/healthz)', await load(`${parley.url}/healthz`, 'get'))
    const before = Number((await parley.sql('SELECT COUNT(*) n FROM conversation'))[0].n)
    const opened = await load(messages, 'new')
    const recorded = Number((await parley.sql('SELECT COUNT(*) n FROM conversation'))[0].n) - before
    note('turn that opens a conversation', opened, { rate: 1000, p99: 100, ratio: 0.25 })
    note('turn in an open conversation', await load(messages, 'open', { CONVERSATIONS: conversations }), { p99: 100 })
    const [ids] = await parley.sql('SELECT HEX(tenant_id) t, HEX(bot_id) b FROM bot LIMIT 1')
    const bare = JSON.parse(await output(`${build}/tests/bench/bare`, [parley.socket, 'parley', parley.password, 'parley', ids.t, ids.b,
        String(CONNECTIONS), String(seconds)]))
    note('the same rows, bare MariaDB clients', { rate: bare.turns / bare.seconds, p99: bare.p99_ms, failed: 0 })
    note('portal page, signed in (/app)', await load(`${parley.url}/app`, 'get', { COOKIE: cookie }))
    const busy = parley.memory()

    const reference = rows[0].rate
    const cell = (text, width) => String(text).padStart(width)
    console.log(`\n${os.cpus().length} cores, ${CONNECTIONS} connections, ${seconds} s each, load generator beside it, fsync at commit\n`)
    console.log(`${'what'.padEnd(38)}${cell('per s', 9)}${cell('ratio', 8)}${cell('p50 ms', 9)}${cell('p99 ms', 9)}${cell('failed', 8)}`)
    for (const r of rows) {
        console.log(`${r.what.padEnd(38)}${cell(Math.round(r.rate), 9)}${cell((r.rate / reference).toFixed(2), 8)}` +
            `${cell(r.p50 === undefined ? '' : r.p50.toFixed(1), 9)}${cell(r.p99.toFixed(1), 9)}${cell(r.failed, 8)}`)
    }
    const mb = bytes => (bytes / 1048576).toFixed(1)
    console.log(`\nresident memory of all programs: ${mb(idle.pss)} MB at rest, ${mb(busy.pss)} MB after the load ` +
        `(each page once; counted in every program that maps it: ${mb(busy.rss)} MB)`)
    console.log(`opened conversations found in the database: ${recorded}`)

    const missed = []
    for (const r of rows) {
        if (r.failed) missed.push(`${r.what}: ${r.failed} requests failed`)
        if (r.limit?.rate > r.rate) missed.push(`${r.what}: fewer than ${r.limit.rate} a second`)
        if (r.limit?.p99 < r.p99) missed.push(`${r.what}: p99 over ${r.limit.p99} ms`)
        if (r.limit?.ratio > r.rate / reference) missed.push(`${r.what}: less than ${r.limit.ratio} of the empty request`)
    }
    if (busy.pss > 64 * 1048576) missed.push('more than 64 MB resident')
    for (const line of missed) console.log(`MISSED  ${line}`)
    if (missed.length) process.exitCode = 1
} finally {
    await parley.stop()
}
