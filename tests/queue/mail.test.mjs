// Mails end to end: queued as the program queues them, sent by its worker, received by a real mail server and read by a real parser.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import net from 'node:net'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { build, freePort, startInstall, until } from '../lib/install.mjs'
import { makeCertificate, queueMail, refuse, startServer } from './lib.mjs'

const PASSWORD = 'open-sesame-4711'
const FROM = 'noreply@chat.example.com'
const TO = 'someone@example.org'
const values = { workspace: 'Acme', used: '7500', included: '10000', plan: 'STARTER', until: '23 Nov 2026', url: '/app/usage' }
let parley, server, said

before(async () => {
    parley = await startInstall({ programs: false, config: { mail_from: FROM, brand_name: 'Acme Chat', base_url: 'https://chat.example.com' } })
})
after(async () => { await parley?.stop() })
beforeEach(async () => {
    said = ''
    await parley.sql('DELETE FROM job')
    server = await startServer()
    parley.configure({ smtp_url: `smtp://127.0.0.1:${server.port}`, smtp_user: null, smtp_password: null, smtp_ca_file: null, smtp_tls: null, smtp_timeout: null })
})
afterEach(async () => {
    await server?.close()
    assert.ok(!said.includes(PASSWORD) && !said.includes(Buffer.from(PASSWORD).toString('base64')), 'the password was logged')
})

const queue = (changes = {}, template = 'usage_75', to = TO) => queueMail(parley, to, template, { ...values, ...changes })

/** Run all due jobs; returns the worker's log lines as objects. */
async function work() {
    const done = await parley.tryRun('work', '--once')
    assert.equal(done.status, 0, done.stderr)
    said += done.stderr
    return done.stderr.split('\n').filter(Boolean).map(line => JSON.parse(line))
}
const jobs = () => parley.sql("SELECT LOWER(HEX(job_id)) AS id, state, attempts, error, result FROM job WHERE kind = 'mail' ORDER BY job_id")
/** What waits for its next attempt is due now. */
const hurry = () => parley.sql("UPDATE job SET due_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE kind = 'mail'")

test('a mail arrives complete, with headers, text and HTML', async () => {
    queue()
    const log = await work()
    assert.equal(server.got.length, 1)
    const [{ mail, raw, from, to }] = server.got
    assert.equal(from, FROM)
    assert.deepEqual(to, [TO])
    assert.equal(mail.from.text, '"Acme Chat" <noreply@chat.example.com>')
    assert.equal(mail.to.text, TO)
    assert.equal(mail.subject, 'Acme has used 75 % of its conversations')
    assert.equal(mail.headers.get('auto-submitted'), 'auto-generated')
    assert.equal(mail.headers.get('content-type').value, 'multipart/alternative')
    assert.match(mail.messageId, /^<job_[0-9a-z]{26}@chat\.example\.com>$/)
    assert.ok(Math.abs(mail.date - Date.now()) < 60000)
    assert.match(mail.text, /^You have used 75 % of your conversations\n\nAcme has used 7,500 of the 10,000 conversations/)
    assert.match(mail.text, /\nSee your usage:\nhttps:\/\/chat\.example\.com\/app\/usage\n/)
    assert.match(mail.html, /<td[^>]*>10,000<\/td>/)
    assert.match(mail.html, /<a class="m-button" href="https:\/\/chat\.example\.com\/app\/usage"/)
    assert.equal(mail.attachments.length, 0)
    assert.match(raw, /^mime-version: 1\.0\r$/mi)
    const [job] = await jobs()
    assert.equal(job.state, 'done')
    assert.deepEqual(JSON.parse(job.result), { message_id: mail.messageId.slice(1, -1), reply: '250 queued as 4711' })
    const line = log.find(l => l.event === 'mail_sent')
    assert.equal(line.template, 'usage_75')
    assert.ok(!JSON.stringify(log).includes(TO), 'the log does not contain the address')
})

test('the mail about a limit of engines names the limit that was reached, and only that', async () => {
    for (const [template, cap, text] of [['engine_cap_bot', { calls: '500' }, 'The bot Shop of Acme has made the 500 calls to engines'], ['engine_cap_workspace', { cost: '12.5' }, 'Acme has spent the 12.5 on engines']]) {
        queueMail(parley, TO, template, { workspace: 'Acme', bot: 'Shop', ...cap, reached: '28 Nov 2026, 12:00 UTC', until: '29 Nov 2026, 00:00 UTC', url: '/app/bots/bot_1/engines' })
        await work()
        const { mail } = server.got.at(-1), body = mail.text.replaceAll(/\s+/g, ' ')
        assert.match(mail.subject, /has reached a limit of its engines$/)
        assert.ok(body.includes(text) && body.includes('29 Nov 2026, 00:00 UTC'), body)
        assert.ok(!body.includes('tokens') && !/\{\w+\}/.test(body), body)
    }
})

test('letters of any script and long lines arrive unchanged', async () => {
    const workspace = `🎉 Zoë & Söhne "最高" ${'lang '.repeat(20).trim()}`
    queue({ workspace })
    await work()
    const [{ mail, raw }] = server.got
    assert.equal(mail.subject, `${workspace} has used 75 % of its conversations`)
    assert.ok(mail.text.includes(`${workspace} has used 7,500 of the`))
    assert.ok(mail.html.includes('🎉 Zoë &amp; Söhne'))
    assert.match(raw, /^[\t\r\n\x20-\x7e]*$/, 'seven bits')
    const lines = raw.split('\r\n').filter(l => !/^content-type: multipart\/alternative; boundary=/i.test(l)) // curl's own, a little longer
    assert.equal(lines.find(l => l.length > 78), undefined)
    assert.ok(!/[^\r]\n/.test(raw), 'every line ends with CRLF')
})

test('the name of a workspace changes neither headers nor markup', async () => {
    const workspace = 'x\r\nBcc: victim@example.org\r\n\r\n<script>alert(1)</script><img src=x onerror=x()>{used}\n.\n'
    queue({ workspace, plan: '"><a href="https://evil.example">free</a>' })
    await work()
    assert.equal(server.got.length, 1)
    const [{ mail, to }] = server.got
    assert.equal(mail.headers.get('bcc'), undefined)
    assert.deepEqual(to, [TO])
    assert.ok(mail.subject.startsWith('x  Bcc: victim@example.org'))
    assert.ok(!/<script|<img|href="https:\/\/evil/.test(mail.html))
    assert.ok(mail.html.includes('&lt;script&gt;alert(1)'))
    assert.ok(mail.text.includes('{used} .'), 'a value is not filled a second time')
    assert.throws(() => queue({}, 'usage_75', 'a@example.org\r\nRCPT TO:<b@example.org>'), /e-mail address/)
})

test('after a 4xx reply the mail is retried later with the same Message-ID', async () => {
    const ids = []
    let left = 2
    server.hooks.rcpt = () => left-- === 2 ? refuse(451, '4.7.1 greylisted, come again') : null
    server.hooks.data = ({ mail }) => { ids.push(mail.messageId); return left === 0 ? refuse(452, '4.3.1 disk full') : null }
    queue()
    await work()
    let [job] = await jobs()
    assert.deepEqual([job.state, job.attempts], ['ready', '1'])
    assert.match(job.error, /does not accept this mail now: 451 4\.7\.1 greylisted/)
    await hurry()
    await work()
    ;[job] = await jobs()
    assert.deepEqual([job.state, job.attempts], ['ready', '2'])
    assert.match(job.error, /452 4\.3\.1 disk full/)
    await hurry()
    await work()
    ;[job] = await jobs()
    assert.equal(job.state, 'done')
    assert.equal(server.got.length, 1)
    assert.equal(ids.length, 2)
    assert.equal(ids[0], ids[1])
})

for (const [when, hooks] of [['the recipient', { rcpt: to => refuse(550, `5.1.1 <${to}> unknown here`) }], ['the mail', { data: () => refuse(554, '5.7.1 spam') }]])
    test(`5xx to ${when} is final`, async () => {
        Object.assign(server.hooks, hooks)
        queue()
        await work()
        const [job] = await jobs()
        assert.deepEqual([job.state, job.attempts], ['dead', '1'])
        assert.match(job.error, /refuses this mail: 55[04] 5\.[17]\.1/)
        assert.ok(!job.error.includes(TO) && !said.includes(TO), job.error)
        assert.equal(server.got.length, 0)
    })

test('mail waits while the server is unreachable', async () => {
    await server.close()
    queue()
    await work()
    let [job] = await jobs()
    assert.deepEqual([job.state, job.attempts], ['ready', '1'])
    assert.match(job.error, /was not reached/)
    server = await startServer({ port: server.port })
    await hurry()
    await work()
    ;[job] = await jobs()
    assert.equal(job.state, 'done')
    assert.equal(server.got.length, 1)
})

test('a server that refuses every connection does not use up the attempts of a mail', async () => {
    await server.close()
    const rude = net.createServer(socket => socket.on('error', () => {}).end('554 5.3.2 not today\r\n'))
    await new Promise(ok => rude.listen(server.port, '127.0.0.1', ok))
    queue()
    await work()
    await new Promise(ok => rude.close(ok))
    server = null
    const [job] = await jobs()
    assert.equal(job.state, 'ready')
    assert.match(job.error, /refuses the connection: 554 5\.3\.2 not today/)
})

test('a slow server is cut off at the deadline', async () => {
    await server.close()
    const open = new Set()
    const mute = net.createServer(socket => { open.add(socket); socket.on('error', () => {}) })
    await new Promise(ok => mute.listen(server.port, '127.0.0.1', ok))
    parley.configure({ smtp_timeout: '1s' })
    queue()
    const begun = Date.now()
    await work()
    const took = Date.now() - begun
    for (const socket of open) socket.destroy()
    await new Promise(ok => mute.close(ok))
    server = null
    assert.ok(took >= 900 && took < 5000, `${took} ms`)
    const [job] = await jobs()
    assert.equal(job.state, 'ready')
    assert.match(job.error, /did not finish within 1000 ms/)
})

test('an untrusted certificate is refused before a password is sent', async () => {
    await server.close()
    const own = makeCertificate(parley.dir, 'mail.localhost')
    for (const secure of [false, true]) {
        server = await startServer({ key: own.key, cert: own.cert, secure })
        parley.configure({ smtp_url: `smtp${secure ? 's' : ''}://mail.localhost:${server.port}`, smtp_user: 'me', smtp_password: PASSWORD })
        await parley.sql('DELETE FROM job')
        queue()
        await work()
        const [job] = await jobs()
        assert.equal(job.state, 'ready')
        assert.match(job.error, /no secure connection to the mail server mail\.localhost/)
        assert.equal(server.got.length + server.tried.length, 0)
        parley.configure({ smtp_ca_file: own.file })
        await hurry()
        await work()
        assert.equal((await jobs())[0].state, 'done')
        assert.deepEqual(server.tried.map(t => [t.username, t.password]), [['me', PASSWORD]])
        assert.ok(server.got[0].secure)
        parley.configure({ smtp_ca_file: null })
        await server.close()
    }
    server = null
})

test('a server without TLS gets no mail unless the operator allows it', async () => {
    parley.configure({ smtp_url: `smtp://mail.localhost:${server.port}` })
    queue()
    await work()
    assert.match((await jobs())[0].error, /no secure connection/)
    assert.equal(server.got.length, 0)
    parley.configure({ smtp_tls: 'off' })
    await hurry()
    await work()
    assert.equal(server.got.length, 1)
})

test('with a wrong password mail waits until it is corrected, and no log contains the password', async () => {
    await server.close()
    server = await startServer({ allowInsecureAuth: true, authOptional: false })
    server.hooks.auth = ({ password }) => password === PASSWORD ? null : refuse(535, `5.7.8 no: ${password}`)
    parley.configure({ smtp_url: `smtp://127.0.0.1:${server.port}`, smtp_user: 'me', smtp_password: `${PASSWORD}-wrong` })
    queue()
    await work()
    let [job] = await jobs()
    assert.equal(job.state, 'ready')
    assert.match(job.error, /does not accept smtp_user and smtp_password \(535\)/)
    assert.ok(!job.error.includes(PASSWORD))
    parley.configure({ smtp_user: null, smtp_password: null })
    await hurry()
    await work()
    ;[job] = await jobs()
    assert.equal(job.state, 'ready')
    assert.match(job.error, /requires a sign-in/)
    parley.configure({ smtp_user: 'me', smtp_password: PASSWORD })
    await hurry()
    await work()
    assert.equal((await jobs())[0].state, 'done')
    for (const args of [['config'], ['config', 'get', 'smtp_password'], ['doctor'], ['--json', 'doctor']]) {
        const done = await parley.tryRun(...args)
        said += done.stdout + done.stderr
    }
})

test('without smtp_url no mail is sent, and the log says so', async () => {
    parley.configure({ smtp_url: null })
    queue()
    const log = await work()
    const [job] = await jobs()
    assert.equal(job.state, 'done')
    assert.deepEqual(JSON.parse(job.result), { skipped: true })
    const line = log.find(l => l.event === 'mail_skipped')
    assert.equal(line.template, 'usage_75')
    assert.ok(!JSON.stringify(log).includes('Acme'), 'no content')
    assert.equal(server.got.length, 0)
})

test('a mail that lacks texts or values becomes a dead letter and is not sent in part', async () => {
    queue({}, 'no_such_mail')
    queueMail(parley, TO, 'usage_75', {})
    await work()
    const [unknown, empty] = await jobs()
    assert.equal(unknown.state, 'dead')
    assert.match(unknown.error, /There is no text Mail\.no_such_mail/)
    assert.equal(empty.state, 'dead')
    assert.match(empty.error, /uses \{workspace\}/)
    assert.equal(server.got.length, 0)
})

test('the worker under serve sends mail; after a kill it sends the same mail again', async () => {
    const worker = () => parley.start('worker', `${build}/parley-worker`, [])
    let taken = 0, release
    const ids = []
    server.hooks.data = ({ mail }) => {
        ids.push([mail.messageId, mail.date.getTime()])
        return taken++ ? null : new Promise(ok => { release = ok })
    }
    worker()
    queue()
    await until('the mail at the server', () => taken === 1)
    await parley.kill('worker')
    release()
    assert.equal((await jobs())[0].state, 'running')
    await hurry() // the lease of the dead one ends
    worker()
    await until('the mail again', () => taken === 2)
    await until('its end', async () => (await jobs())[0].state === 'done')
    assert.deepEqual(ids[0], ids[1])
    await parley.kill('worker', 'SIGTERM')
    said += parley.log('worker')
})

test('a running worker loads new settings on SIGHUP', async () => {
    parley.configure({ smtp_url: null })
    const child = parley.start('worker', `${build}/parley-worker`, [])
    queue()
    await until('the first to be skipped', async () => (await jobs())[0]?.state === 'done')
    parley.configure({ smtp_url: `smtp://127.0.0.1:${server.port}` })
    child.kill('SIGHUP')
    await until('the settings', () => parley.log('worker').split('"reloaded"').length > 1)
    queue()
    await until('the second', () => server.got.length === 1)
    await parley.kill('worker', 'SIGTERM')
})

test('parley mail test and parley doctor check the mail settings', async () => {
    const told = JSON.parse(await parley.run('--json', 'mail', 'test', TO))
    assert.equal(told.reply, '250 queued as 4711')
    assert.equal(server.got[0].mail.messageId, `<${told.message_id}>`)
    assert.equal(server.got[0].mail.subject, 'A test mail from Acme Chat')
    const findings = async () => JSON.parse((await parley.tryRun('--json', 'doctor')).stdout).filter(f => f.check === 'mail')
    assert.deepEqual((await findings()).map(f => f.level), ['ok'])
    assert.equal(server.got.length, 1, 'the doctor sends none')
    parley.configure({ smtp_url: `smtp://127.0.0.1:${await freePort()}` })
    const [bad] = await findings()
    assert.equal(bad.level, 'fail')
    assert.match(bad.what, /was not reached/)
    const failed = await parley.tryRun('mail', 'test', TO)
    assert.equal(failed.status, 1)
    assert.match(failed.stderr, /was not reached/)
    assert.equal((await parley.tryRun('mail', 'test', 'nobody')).status, 2)
    parley.configure({ smtp_url: null })
    assert.deepEqual((await findings()).map(f => f.level), ['ok'])
    parley.configure({ stripe_secret_key: 'sk_test_x' })
    assert.deepEqual((await findings()).map(f => f.level), ['warn'])
    parley.configure({ stripe_secret_key: null })
})

test('every other language has texts for every mail', () => {
    const folder = new URL('../../templates/i18n/', import.meta.url)
    const keys = file => [...fs.readFileSync(new URL(file, folder), 'utf8').matchAll(/^( *)([\w]+) (?:=|\{)/gm)].map(m => m[1].length + m[2])
    const english = keys('en.mail.hdf')
    assert.ok(english.length > 50)
    for (const file of fs.readdirSync(folder).filter(f => f.endsWith('.mail.hdf'))) assert.deepEqual(keys(file), english, file)
})
