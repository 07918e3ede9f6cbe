// ./dev bench [SECONDS]: speed and memory, measured side by side in one run on a private install, and their ratios.
//
// Each row is measured twice, all rows in turn, so that what else happens on the machine falls on all of them: once with one thread of
// the load generator (wrk, 32 connections), once with two. The load generator shares the machine. Every turn is durable: fsync at commit.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import { build, startInstall, top } from '../lib/install.mjs'
import { faqSet, readCsv } from '../knowledge/lib.mjs'
import { echoFlow } from '../talk/lib.mjs'

const seconds = Number(process.argv[2] ?? 8)
const ROUNDS = [1, 2] // wrk threads
const CONNECTIONS = 32
const BATCH = 32

function output(command, args, env = {}) {
    return new Promise((ok, bad) => {
        const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
        let out = ''
        for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { out += text })
        child.on('error', bad)
        child.on('close', code => code === 0 ? ok(out) : bad(new Error(`${command}: ${out}`)))
    })
}

async function load(url, mode, threads, env = {}) {
    const out = await output('wrk', ['-t', String(threads), '-c', String(CONNECTIONS), '-d', `${seconds}s`, '--timeout', '10s',
        ...(env.COOKIE ? ['-H', `Cookie: ${env.COOKIE}`] : []), '-s', `${top}/tests/bench/load.lua`, url],
        { MODE: mode, THREADS: String(threads), ...env })
    const result = JSON.parse(/^RESULT (.*)$/m.exec(out)[1])
    return { rate: result.requests / result.seconds, p50: result.p50_ms, p99: result.p99_ms, failed: result.failed }
}

function questions() {
    const set = faqSet()
    return { faq: set.faq, asked: readCsv(fs.readFileSync(set.questions, 'utf8')).map(r => r.asked) }
}

/** A workspace without a limit, a published FAQ bot, and one that only says something. */
async function prepare(parley) {
    const email = 'bench@example.com', password = 'bench-only-4711'
    const { faq, asked } = questions()
    const workspace = await parley.run('tenant', 'create', 'Bench', '--plan', 'enterprise')
    const user = await parley.run('user', 'create', email, '--name', 'Bench', '--password-stdin', { input: password })
    await parley.run('user', 'add-to', user, workspace, '--role', 'owner')
    const bot = await parley.run('bot', 'create', '--tenant', workspace, '--template', 'faq', '--name', 'Bench')
    await parley.run('import', 'faq', '--bot', bot, faq)
    await parley.run('bot', 'publish', bot)
    fs.writeFileSync(`${parley.dir}/plain.json`, JSON.stringify({ parley: 1, bot: { name: 'Plain', language: 'en' }, flow: echoFlow, answers: [] }))
    const plain = (await parley.run('bot', 'import', `${parley.dir}/plain.json`, '--tenant', workspace)).match(/bot_[0-9a-z]{26}/)[0]
    await parley.run('bot', 'publish', plain)
    fs.writeFileSync(`${parley.dir}/texts`, asked.map(t => JSON.stringify(t.replace(/\s+/g, ' '))).join('\n') + '\n')
    return { email, password, bot, plain, texts: `${parley.dir}/texts`, answers: faq }
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
            method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text: 'Hello' }),
        })
        const json = await reply.json()
        if (!reply.ok) throw new Error(JSON.stringify(json))
        lines.push(`"conversation":"${json.conversation}","token":"${json.token}"`)
    }
    while (lines.length < count) await Promise.all(Array.from({ length: 16 }, one))
    fs.writeFileSync(`${parley.dir}/conversations`, lines.join('\n') + '\n')
    return `${parley.dir}/conversations`
}

async function bare(parley, clients, batch) {
    const [ids] = await parley.sql('SELECT HEX(tenant_id) t, HEX(bot_id) b FROM bot LIMIT 1')
    const out = await output(`${build}/tests/bench/bare`, [parley.socket, 'parley', parley.password, 'parley', ids.t, ids.b, String(clients),
        String(seconds), String(batch)])
    const r = JSON.parse(out)
    return { rate: r.turns / r.seconds, p50: r.p50_ms, p99: r.p99_ms, failed: 0 }
}

const mean = list => list.reduce((a, b) => a + b, 0) / list.length

/** All rows in turn, as often as there are rounds; then each row's mean (and its worst p99). */
async function measure(rows) {
    for (const threads of ROUNDS) {
        for (const row of rows) {
            const result = await row.run(threads)
            ;(row.results ??= []).push(result)
            process.stderr.write(`  ${row.what}: ${Math.round(result.rate)}/s\n`)
        }
    }
    for (const row of rows) {
        row.rate = mean(row.results.map(r => r.rate))
        row.p50 = mean(row.results.map(r => r.p50))
        row.p99 = Math.max(...row.results.map(r => r.p99))
        row.failed = row.results.reduce((sum, r) => sum + r.failed, 0)
    }
}

async function machine(parley) {
    const [db] = await parley.sql('SELECT VERSION() version, @@innodb_flush_log_at_trx_commit sync, @@innodb_buffer_pool_size DIV 1048576 pool')
    return `${os.cpus().length} cores (${os.cpus()[0].model.trim()}), MariaDB ${db.version}, innodb_flush_log_at_trx_commit = ${db.sync}, ` +
        `buffer pool ${db.pool} MB, ${CONNECTIONS} connections, ${ROUNDS.length} × ${seconds} s each, load generator beside it`
}

function table(rows) {
    const reference = rows[0].rate
    const cell = (text, width) => String(text).padStart(width)
    console.log(`${'what'.padEnd(46)}${cell('per s', 8)}${cell('ratio', 7)}${cell('p50 ms', 9)}${cell('p99 ms', 9)}${cell('failed', 8)}`)
    for (const r of rows) {
        console.log(`${r.what.padEnd(46)}${cell(Math.round(r.rate), 8)}${cell((r.rate / reference).toFixed(2), 7)}` +
            `${cell(r.p50.toFixed(1), 9)}${cell(r.p99.toFixed(1), 9)}${cell(r.failed, 8)}`)
    }
}

function missedTargets(rows, memory) {
    const missed = []
    for (const r of rows) {
        if (r.failed) missed.push(`${r.what}: ${r.failed} requests failed`)
        if (r.limit?.rate > r.rate) missed.push(`${r.what}: fewer than ${r.limit.rate} a second`)
        if (r.limit?.p99 < r.p99) missed.push(`${r.what}: p99 over ${r.limit.p99} ms`)
        if (r.limit?.ratio > r.rate / rows[0].rate) missed.push(`${r.what}: less than ${r.limit.ratio} of the empty request`)
    }
    if (memory.rss > 64 * 1048576) missed.push('more than 64 MB resident')
    return missed
}

const parley = await startInstall({
    config: { rate_limits: 'off' },
    database: ['--innodb-buffer-pool-size=256M', '--innodb-log-file-size=128M'],
})
try {
    const who = await prepare(parley)
    const cookie = await signIn(parley, who)
    const conversations = await openConversations(parley, who.bot, 1024)
    const turns = bot => `${parley.url}/chat/${bot}/messages`
    const idle = parley.memory()
    let opened = 0
    const opening = bot => async threads => {
        const count = async () => Number((await parley.sql('SELECT COUNT(*) n FROM usage_ledger'))[0].n)
        const before = await count()
        const result = await load(turns(bot), 'new', threads, { TEXTS: who.texts })
        const found = await count() - before
        const answered = Math.round(result.rate * seconds) - result.failed
        if (found < answered * 0.98) throw new Error(`${answered} conversations were answered, ${found} are in the database`)
        opened += found
        return result
    }
    const rows = [
        { what: 'empty request (/healthz)', run: t => load(`${parley.url}/healthz`, 'get', t) },
        { what: 'FAQ turn that opens a conversation', run: opening(who.bot), limit: { rate: 1000, p99: 100, ratio: 0.25 } },
        { what: 'plain turn that opens a conversation', run: opening(who.plain), limit: { rate: 1000, p99: 100, ratio: 0.25 } },
        { what: 'FAQ turn in an open conversation', run: t => load(turns(who.bot), 'open', t, { TEXTS: who.texts, CONVERSATIONS: conversations }), limit: { p99: 100 } },
        { what: `the same rows, ${CONNECTIONS} bare clients, one by one`, run: () => bare(parley, CONNECTIONS, 1) },
        { what: `the same rows, 2 bare clients, ${BATCH} at once`, run: () => bare(parley, 2, BATCH) },
        { what: 'portal page, signed in (/app)', run: t => load(`${parley.url}/app`, 'get', t, { COOKIE: cookie }) },
    ]
    await measure(rows)
    const busy = parley.memory()
    console.log(`\n${await machine(parley)}\nquestions of ${who.answers.replace(/.*\//, '')}\n`)
    table(rows)
    const mb = bytes => (bytes / 1048576).toFixed(1)
    console.log(`\nresident memory of all programs: ${mb(idle.rss)} MB at rest, ${mb(busy.rss)} MB after the load ` +
        `(pages they share counted once: ${mb(idle.pss)} and ${mb(busy.pss)} MB)`)
    console.log(`conversations opened, and found in the ledger: ${opened}`)
    const missed = missedTargets(rows, busy)
    for (const line of missed) console.log(`MISSED  ${line}`)
    if (missed.length) process.exitCode = 1
} finally {
    await parley.stop()
}
