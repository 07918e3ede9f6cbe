// ./dev bench billing [SECONDS]: what money costs, measured in one run on a private install with a fake Stripe in a process of its own:
// webhooks through the web server and hooks.fcgi (side by side with an empty request of the same program), the worker that turns them
// into mirror rows, the time from a webhook to its row, and the cost of loading a workspace's entitlements.
//
// While webhooks are measured the worker rests (no key is set), so that it takes nothing of the two; what they left is then worked off.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import readline from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { API_VERSION, deliver, SECRET, snapshot } from '../billing/hook.mjs'
import { build, childrenOf, startInstall, top, until } from '../lib/install.mjs'
import { CONNECTIONS, load, machine, measure, missedLimits, output, table } from './lib.mjs'

const seconds = Number(process.argv[2] ?? 8)
const KEY = 'rk_test_bench'
const AUTH = { Authorization: `Bearer ${KEY}`, 'Stripe-Version': API_VERSION }
const SUBSCRIPTIONS = 600
const LATENCIES = 30
const COMMITS = 500

/** The fake Stripe as a program of its own. */
class Fake {
    static async start() {
        const fake = new Fake()
        fake.child = spawn(process.execPath, [`${top}/tests/stripe/fake/main.mjs`, '--deliver', 'manual'], { stdio: ['ignore', 'pipe', 'inherit'] })
        fake.lines = readline.createInterface(fake.child.stdout)
        const [first] = await Promise.race([once(fake.lines, 'line'), once(fake.child, 'exit').then(() => { throw new Error('the fake Stripe ended') })])
        fake.url = JSON.parse(first).url
        return fake
    }

    async ask(method, path, form) {
        const reply = await fetch(this.url + path, {
            method, headers: { ...AUTH, ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}) },
            body: form && new URLSearchParams(form),
        })
        const json = await reply.json()
        if (!reply.ok) throw new Error(`the fake Stripe: ${JSON.stringify(json)}`)
        return json
    }

    async control(name, ...args) {
        const reply = await fetch(`${this.url}/_control/${name}`, { method: 'POST', body: JSON.stringify(args) })
        const json = await reply.json()
        if (!reply.ok) throw new Error(`the fake Stripe: ${JSON.stringify(json)}`)
        return json
    }

    async stop() {
        const gone = once(this.child, 'exit')
        this.child.kill('SIGTERM')
        await gone
    }
}

const once = (emitter, name) => new Promise(ok => emitter.once(name, (...args) => ok(args)))

/** One connection to the database, for questions in quick succession. */
class Asking {
    constructor(parley) {
        this.child = spawn('mariadb', ['--no-defaults', `--socket=${parley.socket}`, '--batch', '--unbuffered', '--skip-column-names', 'parley'],
            { stdio: ['pipe', 'pipe', 'inherit'] })
        this.lines = readline.createInterface(this.child.stdout)
    }

    /** The first column of the one row that comes. */
    async one(query) {
        const line = once(this.lines, 'line')
        this.child.stdin.write(`${query};\n`)
        return (await line)[0]
    }

    async end() {
        const gone = once(this.child, 'exit')
        this.child.stdin.end()
        await gone
    }
}

/** Workspaces whose customers have a subscription each: [{id (sub_...), tenant (hex), cus}] */
async function subscribers(parley, fake) {
    const [base, usage] = await Promise.all(['base', 'usage'].map(async role => (await parley.sql(
        `SELECT CONVERT(stripe_price_id USING utf8mb4) id FROM stripe_price p JOIN plan_terms t USING (plan_terms_id) WHERE t.plan = 'starter' AND p.role = '${role}'`))[0].id))
    const list = []
    for (let i = 0; i < SUBSCRIPTIONS; i++) {
        const customer = await fake.ask('POST', '/v1/customers', { email: `owner${i}@example.com` })
        await fake.control('card', customer.id, 'ok')
        const sub = await fake.control('secondSubscription', customer.id, [base, usage])
        list.push({ id: sub.id, cus: customer.id, tenant: `01990000000070008000${i.toString(16).padStart(12, '0')}` })
    }
    const now = "'2026-01-01'"
    await parley.sql(`INSERT INTO tenant (tenant_id, name, plan, state, created_at, updated_at) VALUES ${
        list.map(s => `(x'${s.tenant}', 'Bench', 'free', 'active', ${now}, ${now})`)};
        INSERT INTO billing_customer (tenant_id, stripe_customer_id, livemode, created_at) VALUES ${
        list.map(s => `(x'${s.tenant}', '${s.cus}', 0, ${now})`)}`)
    return list
}

/** Files for load.lua: a body with EVENT_ID and OBJECT_ID in it, and the ids of the objects. */
async function eventFiles(parley, fake, subs) {
    const sub = await fake.ask('GET', `/v1/subscriptions/${subs[0].id}`)
    const event = snapshot('customer.subscription.updated', { ...sub, id: 'OBJECT_ID' }, { id: 'EVENT_ID' })
    const body = JSON.stringify(event, null, 2) // as Stripe sends it
    fs.writeFileSync(`${parley.dir}/event`, body)
    fs.writeFileSync(`${parley.dir}/objects`, subs.map(s => s.id).join('\n') + '\n')
    return { EVENT: `${parley.dir}/event`, OBJECTS: `${parley.dir}/objects`, SECRET, bytes: Buffer.byteLength(body) }
}

/** User and system time of a process so far, in ms. */
function cpu(pid) {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
}

function workerPid(parley) {
    const pid = childrenOf(parley.pid('serve')).find(p => fs.readFileSync(`/proc/${p}/comm`, 'utf8').startsWith('parley-worker'))
    if (!pid) throw new Error('the worker does not run')
    return pid
}

const pending = asking => asking.one("SELECT COUNT(*) FROM stripe_event WHERE state = 'pending'").then(Number)

function setKey(parley, fake, on) {
    parley.configure({ stripe_secret_key: on ? KEY : null })
    parley.hup()
}

/** The worker works off what waits: from the first done to the last. */
async function workOff(parley, fake, asking) {
    const all = await pending(asking), pid = workerPid(parley)
    setKey(parley, fake, true)
    let from, left
    await until('the first event to be served', async () => (left = await pending(asking)) < all, 60000)
    const begun = process.hrtime.bigint(), used = cpu(pid), lent = cpu(fake.child.pid)
    from = left
    while ((left = await pending(asking)) > 0) await sleep(5)
    const s = Number(process.hrtime.bigint() - begun) / 1e9
    const [rows] = await parley.sql("SELECT SUM(state = 'done') done, COUNT(*) n FROM stripe_event")
    if (rows.done !== rows.n) throw new Error(`${rows.n} events, ${rows.done} of them are done`)
    return { events: from, rate: from / s, cpu: cpu(pid) - used, fakeCpu: cpu(fake.child.pid) - lent }
}

/** Rest is over within a second or so; then each object has one event that waits. */
async function oneEach(parley, fake) {
    setKey(parley, fake, false)
    await sleep(1500)
    await parley.sql(`DELETE e FROM stripe_event e JOIN (SELECT object_id, MIN(event_id) keep_id FROM stripe_event GROUP BY object_id) k
        ON k.object_id = e.object_id AND e.event_id <> k.keep_id; UPDATE stripe_event SET state = 'pending', attempts = 0, due_at = received_at;
        DELETE FROM subscription_mirror`)
}

/** Ms from sending a webhook until its object is in the mirror, on an idle install. */
async function latencies(parley, fake, asking, subs) {
    const list = []
    for (let i = 0; i < LATENCIES; i++) {
        const sub = subs[i % subs.length], at = Date.UTC(2031, 0, 1, 0, i) / 1000
        await fake.control('edit', sub.id, { cancel_at: at })
        await sleep(300 + Math.random() * 1000)
        const body = snapshot('customer.subscription.updated', await fake.ask('GET', `/v1/subscriptions/${sub.id}`))
        const begun = process.hrtime.bigint()
        const { status } = await deliver(parley.url, body)
        if (status !== 200) throw new Error(`the webhook was answered ${status}`)
        await until('the mirror row', async () => Number(await asking.one(
            `SELECT COUNT(*) FROM subscription_mirror WHERE stripe_subscription_id = '${sub.id}' AND cancel_at = FROM_UNIXTIME(${at})`)) === 1)
        list.push(Number(process.hrtime.bigint() - begun) / 1e6)
    }
    return list.sort((a, b) => a - b)
}

async function measureHooks(parley, files) {
    const url = `${parley.url}/hooks/stripe`, env = { EVENT: files.EVENT, OBJECTS: files.OBJECTS, SECRET: files.SECRET }
    const count = async () => Number((await parley.sql('SELECT COUNT(*) n FROM stripe_event'))[0].n)
    const fresh = async threads => {
        const before = await count(), result = await load(url, 'event', { threads, seconds, ...env })
        const found = await count() - before, answered = Math.round(result.rate * seconds) - result.failed
        if (found < answered * 0.98) throw new Error(`${answered} events were answered, ${found} are in the database`)
        return result
    }
    const rows = [
        { what: 'empty request (/hooks/healthz)', run: t => load(`${parley.url}/hooks/healthz`, 'get', { threads: t, seconds }) },
        { what: 'event through /hooks/stripe, durable', run: fresh, limit: { rate: 300, p99: 500 } },
        { what: 'one event again and again', run: t => load(url, 'again', { threads: t, seconds, ...env }), limit: { rate: 300, p99: 500 } },
        { what: 'forged event, refused', run: async t => {
            const r = await load(url, 'forged', { threads: t, seconds, ...env })
            return { ...r, failed: r.failed - r.refused }
        } },
    ]
    await measure(rows)
    return rows
}

/** One row changed and durable, by a bare client, one after the other: ms. */
async function commitMs(parley, asking) {
    await parley.sql('CREATE TABLE bench_commit (id INT PRIMARY KEY, n INT NOT NULL) ENGINE = InnoDB; INSERT INTO bench_commit VALUES (1, 0)')
    const begun = process.hrtime.bigint()
    for (let i = 0; i < COMMITS; i++) await asking.one('UPDATE bench_commit SET n = n + 1 WHERE id = 1; SELECT n FROM bench_commit WHERE id = 1')
    return Number(process.hrtime.bigint() - begun) / 1e6 / COMMITS
}

const round = (x, digits = 0) => x.toFixed(digits)
const tell = (what, value, more = '') => console.log(`${what.padEnd(46)}${value.padStart(13)}   ${more}`.trimEnd())

function tellWork(what, w) {
    tell(what, `${round(w.rate)} a second`, `${round(1000 / w.rate, 2)} ms each ` +
        `(${round(w.cpu / w.events, 2)} ms the worker's processor, ${round(w.fakeCpu / w.events, 2)} ms the fake's)`)
}

/** Minimum rates far below those of a small machine: they catch a mistake, not a slow day. */
function missedFloors({ many, each, late, cost }) {
    const floors = [
        ['worked off, many events of each object: fewer than 300 a second', many.rate >= 300],
        ['worked off, one event of each object: fewer than 30 a second', each.rate >= 30],
        ['webhook to mirror row: more than a second in the middle', late[late.length >> 1] <= 1000],
        ['entitled_now: more than 20 µs, so it is not kept', cost.cached_ns <= 20000],
        ['usage_quota: more than 20 µs, so it is not kept', cost.quota_ns <= 20000],
        ['entitlement_load: more than 50 times one row', cost.load_us <= 50 * cost.row_us],
    ]
    return floors.filter(([, held]) => !held).map(([words]) => words)
}

const fake = await Fake.start()
const parley = await startInstall({
    config: { rate_limits: 'off', stripe_api_base: fake.url, stripe_webhook_secrets: SECRET, stripe_reads_month: '1000000' },
    database: ['--innodb-buffer-pool-size=256M', '--innodb-log-file-size=128M', '--innodb-flush-method=O_DIRECT'], // as durable as an install
})
const asking = new Asking(parley)
try {
    await parley.run('billing', 'setup', { env: { PARLEY_STRIPE_SECRET_KEY: KEY } })
    const subs = await subscribers(parley, fake)
    const files = await eventFiles(parley, fake, subs)
    const rows = await measureHooks(parley, files)
    const many = await workOff(parley, fake, asking)
    await oneEach(parley, fake)
    const each = await workOff(parley, fake, asking)
    const late = await latencies(parley, fake, asking, subs)
    const look = await load(`${fake.url}/v1/subscriptions/${subs[0].id}?expand[0]=schedule`, 'get',
        { connections: 1, seconds: 2, headers: Object.entries(AUTH).map(([name, value]) => `${name}: ${value}`) })
    const commit = await commitMs(parley, asking)
    const tenant = (await parley.run('tenant', 'list')).match(/ws_[0-9a-z]{26}/)[0]
    const cost = JSON.parse(await output(`${build}/tests/bench/entitle`, [tenant], { ...parley.env, PARLEY_STRIPE_SECRET_KEY: KEY }))
    if (cost.subscriptions !== 1) throw new Error(`the workspace that was asked about has ${cost.subscriptions} subscriptions`)

    console.log(`\n${await machine(parley, seconds)}\nevents of ${files.bytes} bytes, ${SUBSCRIPTIONS} subscriptions\n`)
    table(rows)
    console.log()
    tell('one look at the fake Stripe over HTTP', `${round(look.p50, 2)} ms`)
    tell('one row changed, durable, a bare client', `${round(commit, 2)} ms`)
    tellWork('worked off: many events of each object', many)
    tellWork('worked off: one event of each object', each)
    tell('webhook to mirror row, nothing else going on', `${round(late[late.length >> 1])} ms`, `in the middle, ${round(late.at(-1))} ms at most`)
    console.log()
    tell('the clock read', `${cost.clock_ns} ns`)
    tell('one row of the database by its key', `${cost.row_us} µs`)
    const ask = (what, value, unit, of) => tell(what, `${value} ${unit}`, `${round(value / of, 1)} of ${unit === 'ns' ? 'the clock' : 'the row'}`)
    ask('may this workspace? (entitled_now, kept)', cost.cached_ns, 'ns', cost.clock_ns)
    ask('the same, two threads at once', cost.cached_2_ns, 'ns', cost.clock_ns)
    ask('its quota for a new conversation (usage_quota)', cost.quota_ns, 'ns', cost.clock_ns)
    ask('the rules alone (entitlement_resolve)', cost.resolve_ns, 'ns', cost.clock_ns)
    ask('read from the database (entitlement_load)', cost.load_us, 'µs', cost.row_us)
    const missed = [...missedLimits(rows), ...missedFloors({ many, each, late, cost })]
    for (const line of missed) console.log(`MISSED  ${line}`)
    if (missed.length) process.exitCode = 1
} finally {
    await asking.end()
    await parley.stop()
    await fake.stop()
}
