// POST /hooks/stripe through lighttpd: which events are accepted and stored, and what happens when the database is unreachable.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import http from 'node:http'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { startInstall, until } from '../lib/install.mjs'
import { deliver, hmac, newId, SECRET, signed, snapshot, thin } from './hook.mjs'
import { Ops } from './ops.mjs'

const OTHER = 'whsec_the_other_one'
let parley

before(async () => { parley = await startInstall({ config: { stripe_webhook_secrets: `${SECRET} ${OTHER}` } }) })
after(() => parley?.stop())

const stored = async id => (await parley.sql(`SELECT *, CONVERT(payload USING utf8mb4) AS text FROM stripe_event WHERE event_id = '${id}'`))[0]
const rows = async () => Number((await parley.sql('SELECT COUNT(*) AS n FROM stripe_event'))[0].n)
const subscription = { id: 'sub_1', object: 'subscription', status: 'active', customer: 'cus_1' }

test('a signed event is stored unchanged', async () => {
    const event = snapshot('customer.subscription.updated', subscription)
    const body = JSON.stringify(event, null, 2) + '\n' // not as we would write it
    const answer = await deliver(parley.url, body)
    assert.equal(answer.status, 200)
    const row = await stored(event.id)
    assert.equal(row.text, body)
    assert.equal(row.type, 'customer.subscription.updated')
    assert.equal(row.object_type, 'subscription')
    assert.equal(row.object_id, 'sub_1')
    assert.equal(row.state, 'pending')
    assert.equal(row.thin, '0')
    assert.equal(row.livemode, '0')
    assert.equal(row.api_version, '2026-10-28.endive')
    assert.equal(Date.parse(row.created_at.replace(' ', 'T') + 'Z') / 1000, event.created)
})

test('a thin event is stored as well', async () => {
    const event = thin('v1.customer.subscription.updated', { id: 'sub_2', type: 'subscription', url: '/v1/subscriptions/sub_2' },
        { created: '2026-11-23T05:52:20.123Z' })
    assert.equal((await deliver(parley.url, event)).status, 200)
    const row = await stored(event.id)
    assert.deepEqual([row.thin, row.object_type, row.object_id, row.api_version, row.created_at],
        ['1', 'subscription', 'sub_2', '', '2026-11-23 05:52:20.123'])
    const lonely = thin('v1.billing.meter.no_meter_found', null)
    assert.equal((await deliver(parley.url, lonely)).status, 200)
    assert.equal((await stored(lonely.id)).object_id, null)
})

test('an event about an invoice without an id is stored under its subscription', async () => {
    const upcoming = { object: 'invoice', customer: 'cus_1', parent: { type: 'subscription_details', subscription_details: { subscription: 'sub_9' } } }
    const event = snapshot('invoice.upcoming', upcoming)
    assert.equal((await deliver(parley.url, event)).status, 200)
    const row = await stored(event.id)
    assert.deepEqual([row.object_type, row.object_id], ['subscription', 'sub_9'])
    const bare = snapshot('invoice.upcoming', { object: 'invoice', customer: 'cus_1', parent: null })
    assert.equal((await deliver(parley.url, bare)).status, 200)
    assert.equal((await stored(bare.id)).object_id, null)
})

test('a repeated event is one row, even fifty times at once', async () => {
    const event = snapshot('invoice.paid', { id: 'in_1', object: 'invoice' })
    assert.equal((await deliver(parley.url, event)).status, 200)
    assert.equal((await deliver(parley.url, event)).status, 200)
    const crowd = snapshot('invoice.paid', { id: 'in_2', object: 'invoice' })
    const answers = await Promise.all(Array.from({ length: 50 }, () => deliver(parley.url, crowd)))
    assert.deepEqual([...new Set(answers.map(a => a.status))], [200])
    const count = await parley.sql(`SELECT COUNT(*) AS n FROM stripe_event WHERE event_id IN ('${event.id}', '${crowd.id}')`)
    assert.equal(count[0].n, '2')
})

test('only events with a valid signature are accepted', async () => {
    const now = Math.floor(Date.now() / 1000)
    const body = JSON.stringify(snapshot('invoice.paid', { id: 'in_3', object: 'invoice' }))
    const good = hmac(body, now), n = await rows()
    const refused = {
        'none': [null, 'signature_missing'], 'an empty one': ['', 'signature_missing'],
        'v0 alone': [`t=${now},v0=${good}`, 'signature_malformed'], 'no time': [`v1=${good}`, 'signature_malformed'],
        'two times': [`t=${now},t=${now},v1=${good}`, 'signature_malformed'], 'a time that is none': [`t=x,v1=${good}`, 'signature_malformed'],
        'a negative time': [`t=-5,v1=${good}`, 'signature_malformed'],
        'a time that overflows': [`t=99999999999999999999,v1=${good}`, 'signature_malformed'],
        'of a minute ago times ten': [signed(body, { t: now - 600 }), 'signature_expired'],
        'of the future': [signed(body, { t: now + 600 }), 'signature_expired'],
        'a strange secret': [signed(body, { secrets: ['whsec_no'] }), 'signature_wrong'],
        'upper case': [`t=${now},v1=${good.toUpperCase()}`, 'signature_wrong'], 'cut off': [`t=${now},v1=${good.slice(0, 63)}`, 'signature_wrong'],
        'of another body': [signed(body + ' '), 'signature_wrong'],
    }
    for (const [name, [header, code]] of Object.entries(refused)) {
        const answer = await deliver(parley.url, body, { header })
        assert.equal(answer.status, 400, name)
        assert.equal(answer.body.code, code, name)
        assert.match(answer.headers.get('content-type'), /application\/problem\+json/)
    }
    assert.equal(await rows(), n)
    for (const header of [`t=${now},v1=${'0'.repeat(64)},v1=${good},v0=abc`, signed(body, { secrets: [OTHER] }), signed(body, { secrets: ['whsec_old', SECRET] })])
        assert.equal((await deliver(parley.url, body, { header })).status, 200)
})

test('a body that differs from what was signed is refused', async () => {
    const event = snapshot('invoice.paid', { id: 'in_4', object: 'invoice' })
    const body = JSON.stringify(event), header = signed(body), n = await rows()
    for (const other of [JSON.stringify(event, null, 1), body.replace('in_4', 'in_5'), body.replaceAll(',', ',\r\n'), body + '\n', body + '\0', ''])
        assert.equal((await deliver(parley.url, other, { header })).status, 400, JSON.stringify(other.slice(-20)))
    assert.equal(await rows(), n)
})

test('signed bytes that are not an event are refused', async () => {
    const n = await rows()
    const deep = '['.repeat(100) + ']'.repeat(100)
    for (const body of ['', '{}', '[]', 'null', 'hello', '{"object":"event"', '{"object":"event","id":"evt_1","id":"evt_2"}', deep, '\0',
        JSON.stringify({ id: 'evt_1', object: 'invoice', type: 'invoice.paid' }), JSON.stringify({ ...snapshot('x', {}), id: '' }),
        JSON.stringify({ ...snapshot('x', {}), id: 'evt 1' }), JSON.stringify({ ...snapshot('x', {}), id: 'e'.repeat(256) }),
        JSON.stringify({ ...snapshot('x', {}), type: 7 }), JSON.stringify(snapshot('x', { id: 'a\nb', object: 'invoice' })), Buffer.from([0x7b, 0xff, 0x7d])]) {
        const answer = await deliver(parley.url, body)
        assert.equal(answer.status, 400, String(body).slice(0, 60))
        assert.match(answer.body.code, /^(json_|event_)/)
    }
    assert.equal(await rows(), n)
    // text in any script is accepted
    const umlaut = snapshot('customer.updated', { id: 'cus_u', object: 'customer', name: 'Jürgen 🙂' })
    assert.equal((await deliver(parley.url, umlaut)).status, 200)
    const crlf = JSON.stringify(snapshot('invoice.paid', { id: 'in_6', object: 'invoice' }), null, 2).replaceAll('\n', '\r\n')
    assert.equal((await deliver(parley.url, crlf)).status, 200)
})

test('a body at the limit is accepted, a larger one refused', async () => {
    const sized = bytes => {
        const event = snapshot('invoice.paid', { id: newId('in'), object: 'invoice', description: '' })
        event.data.object.description = 'x'.repeat(bytes - JSON.stringify(event).length)
        return event
    }
    const most = sized(512 * 1024)
    assert.equal((await deliver(parley.url, most)).status, 200)
    assert.equal((await stored(most.id)).text.length, 512 * 1024)
    const more = sized(512 * 1024 + 1)
    const answer = await deliver(parley.url, more)
    assert.equal(answer.status, 413)
    assert.equal(await stored(more.id), undefined)
})

function raw(bytes) {
    return new Promise((ok, bad) => {
        const s = net.connect(parley.port, '127.0.0.1')
        let text = ''
        s.on('data', d => { text += d }).on('close', () => ok(text)).on('error', bad)
        s.end(bytes)
    })
}

test('a chunked body is stored; wrong or missing lengths are refused', async () => {
    const event = snapshot('invoice.paid', { id: 'in_7', object: 'invoice' }), body = JSON.stringify(event)
    const status = await new Promise((ok, bad) => {
        const q = http.request(`${parley.url}/hooks/stripe`, { method: 'POST', headers: { 'stripe-signature': signed(body), 'transfer-encoding': 'chunked' } },
            a => { a.resume(); ok(a.statusCode) }).on('error', bad)
        for (const c of body.match(/.{1,50}/gs)) q.write(c)
        q.end()
    })
    assert.equal(status, 200)
    assert.equal((await stored(event.id)).text, body)
    const head = `POST /hooks/stripe HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nStripe-Signature: ${signed('')}\r\n`
    assert.match(await raw(`${head}\r\n`), /^HTTP\/1\.1 (400|411) /)
    assert.match(await raw(`${head}Content-Length: -5\r\n\r\n`), /^HTTP\/1\.1 400 /)
    assert.match(await raw(`${head}Content-Length: 7x\r\n\r\n{}`), /^HTTP\/1\.1 400 /)
})

test('other methods and addresses are refused', async () => {
    assert.equal((await fetch(`${parley.url}/hooks/stripe`)).status, 405)
    assert.equal((await fetch(`${parley.url}/hooks/stripe/x`, { method: 'POST', body: '{}' })).status, 404)
    assert.equal((await fetch(`${parley.url}/hooks/healthz`)).status, 200)
})

test('no secret and no body ends up in the log', async () => {
    const event = snapshot('customer.created', { id: 'cus_private', object: 'customer', email: 'secret.person@example.com' })
    assert.equal((await deliver(parley.url, event)).status, 200)
    assert.equal((await deliver(parley.url, event, { header: 't=1,v1=abc' })).status, 400)
    const log = parley.log('serve')
    assert.match(log, new RegExp(event.id))
    assert.doesNotMatch(log, /secret\.person|whsec_/)
})

test('a flood of forged events is refused and leaves capacity for the real one', async () => {
    const junk = Buffer.alloc(64 * 1024, 'x'), n = await rows()
    const statuses = []
    const event = snapshot('invoice.paid', { id: 'in_8', object: 'invoice' })
    const flood = Array.from({ length: 40 }, async () => {
        for (let i = 0; i < 10; i++) statuses.push((await deliver(parley.url, junk, { header: `t=1,v1=${'0'.repeat(64)}` })).status)
    })
    const began = Date.now()
    assert.equal((await deliver(parley.url, event)).status, 200)
    assert.ok(Date.now() - began < 15000)
    await Promise.all(flood)
    assert.deepEqual([...new Set(statuses)], [400])
    assert.equal(await rows(), n + 1)
})

test('an address beyond its rate gets 429 and Retry-After', async () => {
    const ops = new Ops(parley.env), event = snapshot('invoice.paid', { id: 'in_9', object: 'invoice' })
    const crowd = ops.call({ op: 'use_up_rate', ms: 3000 }) // takes all that this address may, again and again
    const answer = await until('429', async () => { const a = await deliver(parley.url, event); return a.status === 429 && a }, 3000)
    assert.match(answer.headers.get('retry-after'), /^\d+$/)
    assert.equal(answer.body.code, 'rate_limited')
    assert.equal((await fetch(`${parley.url}/hooks/healthz`)).status, 200)
    await crowd
    await ops.end()
    parley.configure({ rate_limits: 'off' })
    parley.hup()
    await until('the limits to be off', async () => (await deliver(parley.url, snapshot('invoice.paid', { id: 'in_9', object: 'invoice' }))).status === 200)
})

/** A connection of the database's own that holds what the query locks until it is let go. */
async function holding(query) {
    const child = spawn('mariadb', ['--no-defaults', `--socket=${parley.socket}`, '--unbuffered', '--batch', 'parley'])
    let out = ''
    child.stdout.setEncoding('utf8').on('data', t => { out += t })
    child.stdin.write(`BEGIN; ${query}; SELECT 'held' AS x;\n`)
    await until('the lock', () => out.includes('held'))
    return () => new Promise(ok => { child.on('close', ok); child.stdin.end('ROLLBACK;\n') })
}

test('when hooks.fcgi is killed before it has stored an event it sends no reply, and the event is repeated', async () => {
    const event = snapshot('invoice.paid', { id: 'in_dies', object: 'invoice' })
    const letGo = await holding(`INSERT INTO stripe_event (event_id, type, object_type, api_version, livemode, created_at, received_at, due_at, payload)
        VALUES ('${event.id}', 'x', 'x', '', 0, NOW(3), NOW(3), NOW(3), '{}')`)
    const lost = deliver(parley.url, event).then(a => a.status, e => e.message)
    await until('hooks.fcgi to wait', async () => Number((await parley.sql("SELECT COUNT(*) AS n FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"))[0].n))
    await parley.kill('hooks')
    assert.notEqual(await lost, 200)
    await letGo()
    await until('hooks', () => parley.pid('hooks'))
    await until('it to be stored', async () => (await deliver(parley.url, event)).status === 200)
    assert.equal((await stored(event.id)).text, JSON.stringify(event))
    const deaf = snapshot('invoice.paid', { id: 'in_deaf', object: 'invoice' }), body = JSON.stringify(deaf)
    const s = net.connect(parley.port, '127.0.0.1')
    s.on('error', () => {})
    s.write(`POST /hooks/stripe HTTP/1.1\r\nHost: 127.0.0.1\r\nStripe-Signature: ${signed(body)}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
    await until('the row', () => stored(deaf.id))
    s.destroy()
    assert.equal((await deliver(parley.url, deaf)).status, 200)
    assert.equal((await parley.sql(`SELECT COUNT(*) AS n FROM stripe_event WHERE event_id = '${deaf.id}'`))[0].n, '1')
})

test('while the database is unreachable the reply is an immediate 503, and the redelivery is stored', async () => {
    const event = snapshot('invoice.paid', { id: 'in_10', object: 'invoice' })
    await parley.kill('database')
    const began = Date.now()
    const answer = await deliver(parley.url, event)
    assert.equal(answer.status, 503)
    assert.equal(answer.body.code, 'database_unavailable')
    assert.ok(Date.now() - began < 5000)
    await parley.kill('hooks') // hooks.fcgi started without a database still replies
    await until('hooks', () => parley.pid('hooks'))
    await until('an answer', async () => (await deliver(parley.url, event)).status === 503)
    assert.equal((await deliver(parley.url, event, { header: 't=1,v1=00' })).status, 400)
    await parley.restart('database')
    await until('it to be stored', async () => (await deliver(parley.url, event)).status === 200)
    assert.equal((await stored(event.id)).object_id, 'in_10')
})

test('a database user with only the INSERT right suffices', async () => {
    await parley.sql("CREATE USER hooks@localhost IDENTIFIED BY 'only-insert'; GRANT INSERT ON parley.stripe_event TO hooks@localhost")
    parley.configure({ hooks_database_user: 'hooks', hooks_database_password: 'only-insert' })
    const pid = parley.pid('hooks')
    parley.hup()
    if (parley.pid('hooks') === pid) await parley.kill('hooks', 'SIGTERM')
    await until('hooks again', () => parley.pid('hooks') && parley.pid('hooks') !== pid)
    const event = snapshot('invoice.paid', { id: 'in_11', object: 'invoice' })
    await until('it to be stored', async () => (await deliver(parley.url, event)).status === 200)
    const who = await parley.sql("SELECT DISTINCT user FROM information_schema.processlist WHERE user = 'hooks'")
    assert.equal(who.length, 1)
    assert.equal((await deliver(parley.url, event)).status, 200) // a duplicate needs no more rights
})

test('without a secret the address answers 404', async () => {
    for (const secrets of [null, ' ']) {
        parley.configure({ stripe_webhook_secrets: SECRET })
        parley.hup()
        const probe = snapshot('invoice.paid', { id: 'in_12', object: 'invoice' })
        await until('a secret', async () => (await deliver(parley.url, probe)).status === 200)
        parley.configure({ stripe_webhook_secrets: secrets })
        parley.hup()
        await until('404', async () => (await deliver(parley.url, probe)).status === 404)
        const n = await rows(), body = JSON.stringify(snapshot('invoice.paid', { id: 'in_13', object: 'invoice' }))
        for (const how of [{}, { secrets: [''] }, { header: null }]) assert.equal((await deliver(parley.url, body, how)).status, 404)
        assert.equal(await rows(), n)
    }
})
