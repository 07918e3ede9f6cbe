// ./dev bench [SECONDS]: speed and memory, measured side by side in one run on a private install, and their ratios.
//
// Each row is measured twice, all rows in turn, so that what else happens on the machine falls on all of them: once with one thread of
// the load generator (wrk, 32 connections), once with two. The load generator shares the machine. Every turn is durable: fsync at commit.
import fs from 'node:fs'
import { build, startInstall } from '../lib/install.mjs'
import { faqSet, readCsv } from '../knowledge/lib.mjs'
import { echoFlow } from '../talk/lib.mjs'
import { CONNECTIONS, load, machine, measure, missedLimits, output, processorTimes, table, timeTable } from './lib.mjs'

const seconds = Number(process.argv[2] ?? 8)
const BATCH = 32

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

const parley = await startInstall({
    config: { rate_limits: 'off' },
    database: ['--innodb-buffer-pool-size=256M', '--innodb-log-file-size=128M', '--innodb-flush-method=O_DIRECT'], // as durable as an install
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
        const result = await load(turns(bot), 'new', { threads, seconds, TEXTS: who.texts })
        const found = await count() - before
        const answered = Math.round(result.rate * seconds) - result.failed
        if (found < answered * 0.98) throw new Error(`${answered} conversations were answered, ${found} are in the database`)
        opened += found
        return result
    }
    const pids = { 'chat.fcgi': parley.pid('chat'), MariaDB: parley.pid('database'), lighttpd: parley.pid('web') }
    const split = (row, run) => Object.assign(row, {
        spent: [],
        run: async threads => {
            const before = processorTimes(pids), result = await run(threads)
            row.spent.push([before, processorTimes(pids), result.rate * seconds])
            return result
        },
    })
    const empty = split({ what: 'empty request (/healthz)', short: 'empty request' }, t => load(`${parley.url}/healthz`, 'get', { threads: t, seconds }))
    const plain = split({ what: 'plain turn that opens a conversation', short: 'plain turn', limit: { rate: 1000, p99: 12, ratio: 0.5 } }, opening(who.plain))
    const rows = [
        empty,
        { what: 'FAQ turn that opens a conversation', run: opening(who.bot), limit: { rate: 1000, p99: 12, ratio: 0.25 } },
        plain,
        { what: 'FAQ turn in an open conversation', run: t => load(turns(who.bot), 'open', { threads: t, seconds, TEXTS: who.texts, CONVERSATIONS: conversations }), limit: { p99: 12 } },
        { what: `the same rows, ${CONNECTIONS} bare clients, one by one`, run: () => bare(parley, CONNECTIONS, 1) },
        { what: `the same rows, 2 bare clients, ${BATCH} at once`, run: () => bare(parley, 2, BATCH) },
        { what: 'portal page, signed in (/app)', run: t => load(`${parley.url}/app`, 'get', { threads: t, seconds, headers: [`Cookie: ${cookie}`] }) },
    ]
    await measure(rows)
    const busy = parley.memory()
    console.log(`\n${await machine(parley, seconds)}\nquestions of ${who.answers.replace(/.*\//, '')}\n`)
    table(rows)
    const mb = bytes => (bytes / 1048576).toFixed(1)
    console.log(`\nresident memory of all programs: ${mb(idle.rss)} MB at rest, ${mb(busy.rss)} MB after the load ` +
        `(pages they share counted once: ${mb(idle.pss)} and ${mb(busy.pss)} MB)`)
    console.log(`conversations opened, and found in the ledger: ${opened}`)
    timeTable([empty, plain])
    const missed = missedLimits(rows)
    if (busy.pss > 40 * 1048576) missed.push('more than 40 MB resident, shared pages counted once')
    for (const line of missed) console.log(`MISSED  ${line}`)
    if (missed.length) process.exitCode = 1
} finally {
    await parley.stop()
}
