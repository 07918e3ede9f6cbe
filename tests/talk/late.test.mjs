// Replies that the server of an engine sends after the turn: once, in their place, by whoever may send them, and on the open page.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { after, before, beforeEach, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { FakeBotpress } from '../engine/fake/botpress.mjs'
import { Fake } from '../engine/fake/server.mjs'
import { startBrowser } from '../lib/browser.mjs'
import { freePort, startInstall, until } from '../lib/install.mjs'
import { askFlow, makeEngineBot } from './engines.mjs'
import { hexOf, newId, send, shown } from './lib.mjs'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', OTHER = 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd'
let parley, fake, botpress, browser, example, own, bot

before(async () => {
    fake = await new Fake((_fake, rq, rs, script) => rs.writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(script.reply ?? { messages: [{ text: `Answer to ${rq.body.message?.text}` }] }))).start()
    botpress = await FakeBotpress.start()
    example = await freePort()
    const ports = [fake.port, botpress.server.address().port, example]
    parley = await startInstall({ config: { rate_limits: 'off', engine_private_hosts: ports.map(port => `127.0.0.1:${port}`).join(' ') } })
    own = { type: 'webhook', settings: { secret: SECRET } }
    bot = await makeEngineBot(parley, askFlow(), [fake], own)
})
after(async () => {
    await browser?.close()
    await parley?.stop()
    await fake?.stop()
    await botpress?.close()
})
beforeEach(() => { fake.clear(); botpress.reset() })

const address = (b = bot, engine = b.chain[0]) => `${parley.url}/chat/engines/${b.workspace}/${engine}`

/** One request of the tenant's server: its status and body. */
async function late(body, { to = address(), secret = SECRET, id = `m-${randomUUID()}`, time = new Date(), headers = {} } = {}) {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const reply = await fetch(to, {
        method: 'POST', body: text,
        headers: { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': String(Math.floor(time / 1000)), 'webhook-signature': new Webhook(secret).sign(id, time, text), ...headers },
    })
    return { status: reply.status, body: await reply.json(), retry: reply.headers.get('retry-after') }
}

const begin = async (b = bot, text = 'one') => (await send(parley, b.bot, { text })).body
async function shownTo(c, b = bot, after = 0) {
    const reply = await fetch(`${parley.url}/chat/${b.bot}/messages?conversation=${c.conversation}&after=${after}`, { headers: { authorization: `Bearer ${c.token}` } })
    return reply.json()
}
const transcript = async (c, b) => (await shownTo(c, b)).messages.map(m => `${m.from}: ${m.text}`)
const row = async c => (await parley.sql(`SELECT seq, counted, last_at, asking_until FROM conversation WHERE conversation_id = 0x${hexOf(c.conversation)}`))[0]

test('a later message is added once, is signed like a question, and counts nothing', async () => {
    const c = await begin(), before = await row(c)
    assert.equal(c.late, true)
    const id = `once-${randomUUID()}`, message = { conversation: c.conversation, messages: ['Your parcel', { title: 'is', text: 'here', image: 'https://e.org/p.png', choices: ['Thanks'] }], variables: { parcel: 'here' } }
    for (let i = 0; i < 3; i++) assert.deepEqual(await late(message, { id }), { status: 200, body: { received: true }, retry: null })
    assert.deepEqual((await Promise.all([1, 2, 3, 4].map(() => late(message, { id })))).map(r => r.status), [200, 200, 200, 200])
    const got = await shownTo(c)
    assert.deepEqual(got.messages.map(m => [m.seq, m.from, m.text]), [[1, 'visitor', 'one'], [2, 'bot', 'Answer to one'], [3, 'bot', 'Your parcel'], [4, 'bot', 'is\nhere\nhttps://e.org/p.png\n- Thanks']])
    assert.equal(got.late, true)
    const now = await row(c)
    assert.deepEqual([now.counted, now.last_at, now.seq], [before.counted, before.last_at, '4'])
    const [{ n }] = await parley.sql(`SELECT COUNT(*) AS n FROM usage_ledger WHERE conversation_id = 0x${hexOf(c.conversation)}`)
    assert.equal(n, '1')
    assert.deepEqual((await send(parley, bot.bot, { text: 'two', conversation: c.conversation, token: c.token })).body.messages.map(m => [m.seq, m.text]), [[6, 'Answer to two']])
    assert.deepEqual(fake.requests.at(-1).body.variables, { parcel: 'here' })
    assert.deepEqual(fake.requests.map(r => r.body.message.text), ['one', 'two'], 'no question was asked twice')
})

test('who does not have the secret is refused with 401, and nothing is shown', async () => {
    const c = await begin(), body = { conversation: c.conversation, messages: ['forged'] }
    const minutes = n => new Date(Date.now() + n * 60000)
    for (const how of [{ secret: OTHER }, { time: minutes(-6) }, { time: minutes(6) }, { headers: { 'webhook-signature': '' } }, { headers: { 'webhook-signature': 'v1,AAAA' } }, { headers: { 'webhook-id': '' } },
        { headers: { 'webhook-id': 'another' } }, { headers: { 'webhook-timestamp': 'soon' } }, { id: 'x'.repeat(201) }, { headers: { 'x-secret-key': SECRET, 'webhook-signature': SECRET } }]) {
        const got = await late(body, how)
        assert.deepEqual([got.status, got.body.code], [401, 'engine_unsigned'], JSON.stringify(how))
    }
    for (const how of [{ time: minutes(-4) }, { headers: { 'webhook-signature': `v1,AAAA ${new Webhook(SECRET).sign('known', new Date(1000 * Math.floor(Date.now() / 1000)), JSON.stringify(body))}` }, id: 'known' }])
        assert.equal((await late(body, how)).status, 200)
    assert.deepEqual((await transcript(c)).filter(t => t.endsWith('forged')).length, 2)
})

test('a request that is none of ours is refused, and one about nothing of ours is taken and dropped', async () => {
    const c = await begin()
    for (const body of ['', '[]', '{"messages":[]}', '{"conversation":5,"messages":[]}', `{"conversation":"${c.conversation}","messages":{}}`, '{"conversation":"x"', `${'['.repeat(1000)}`])
        assert.deepEqual([(await late(body)).status, (await late(body)).body.code], [400, 'engine_message_invalid'], body.slice(0, 60))
    assert.equal((await late({ conversation: c.conversation, messages: ['x'.repeat(70000)] })).status, 413)
    for (const to of [address(bot, shown('eng', newId())), `${parley.url}/chat/engines/${shown('ws', newId())}/${bot.chain[0]}`, `${parley.url}/chat/engines/${bot.workspace}/nonsense`])
        assert.deepEqual([(await late({ conversation: c.conversation, messages: ['a'] }, { to })).status], [404], to)
    const old = `0180${newId().slice(4)}`
    for (const conversation of ['nonsense', '', shown('conv', old), bot.bot]) assert.equal((await late({ conversation, messages: ['lost'] })).status, 200)
    assert.equal((await late({ conversation: c.conversation, messages: [] })).status, 200)
    assert.deepEqual(await transcript(c), ['visitor: one', 'bot: Answer to one'])
})

test('an engine of another workspace, or one that was never asked, adds nothing', async () => {
    const c = await begin(), id = `0180${newId().slice(4)}`, old = { ...c, conversation: shown('conv', id) }, message = { conversation: old.conversation, messages: ['intruder'] }
    await parley.sql(`INSERT INTO conversation (tenant_id, conversation_id, bot_id, version, channel, locale, state, counted, token_hash, seq, flow_state, contact, started_at, last_at)
        SELECT tenant_id, 0x${id}, bot_id, version, channel, locale, state, counted, token_hash, 0, flow_state, contact, started_at, last_at FROM conversation WHERE conversation_id = 0x${hexOf(c.conversation)}`)
    const stranger = await makeEngineBot(parley, askFlow(), [fake], own), sibling = await makeEngineBot(parley, askFlow(), [fake], { ...own, tenant: bot.tenant })
    await begin(stranger)
    assert.equal((await late(message, { to: address(stranger) })).status, 200)
    assert.equal((await late(message, { to: address(sibling) })).status, 200)
    assert.deepEqual(await transcript(old), [])
    assert.equal((await late({ ...message, messages: ['rightful'] })).status, 200)
    assert.deepEqual(await transcript(old), ['bot: rightful'])
    const theirs = await begin(stranger)
    assert.equal((await late({ conversation: theirs.conversation, messages: ['own'] }, { to: address(stranger) })).status, 200)
    assert.deepEqual((await transcript(theirs, stranger)).at(-1), 'bot: own')
})

test('a conversation that is closed, handed over or too old takes no more', async () => {
    for (const change of ["state = 'closed'", "state = 'handoff'", 'last_at = NOW(3) - INTERVAL 25 HOUR']) {
        const c = await begin()
        await parley.sql(`UPDATE conversation SET ${change} WHERE conversation_id = 0x${hexOf(c.conversation)}`)
        assert.equal((await late({ conversation: c.conversation, messages: ['too late'] })).status, 200)
        assert.equal((await row(c)).seq, '2', change)
    }
})

test('a message that comes during a turn, also during the first, is added after it', async () => {
    fake.script = { delay: 1500 }
    const first = send(parley, bot.bot, { text: 'slow' })
    await until('the question', () => fake.requests.length === 1)
    const { conversation } = fake.requests[0].body, early = late({ conversation, messages: ['early'] })
    const c = (await first).body
    assert.equal((await early).status, 200)
    assert.deepEqual(await transcript(c), ['visitor: slow', 'bot: Answer to slow', 'bot: early'])
    const second = send(parley, bot.bot, { text: 'slower', conversation, token: c.token })
    await until('the second question', () => fake.requests.length === 2)
    assert.ok((await row(c)).asking_until, 'other processes can see that a turn asks')
    const six = Promise.all([1, 2, 3, 4, 5, 6].map(n => late({ conversation, messages: [`m${n}`] })))
    assert.equal((await second).status, 200)
    assert.deepEqual((await six).map(r => r.status), Array(6).fill(200))
    const all = await transcript(c)
    assert.deepEqual(all.slice(3, 5), ['visitor: slower', 'bot: Answer to slower'])
    assert.deepEqual(all.slice(5).sort(), [1, 2, 3, 4, 5, 6].map(n => `bot: m${n}`))
    assert.deepEqual([fake.requests.length, (await row(c)).asking_until], [2, null], 'no question was asked twice')
})

test('a turn of another process is waited for, and a turn does not ask from an old state', async () => {
    const c = await begin(), where = `WHERE conversation_id = 0x${hexOf(c.conversation)}`
    await parley.sql(`UPDATE conversation SET asking_until = UTC_TIMESTAMP(3) + INTERVAL 60 SECOND ${where}`)
    let done = false
    const waiting = late({ conversation: c.conversation, messages: ['waited'] }).then(r => { done = true; return r })
    await new Promise(ok => setTimeout(ok, 800))
    assert.equal(done, false)
    await parley.sql(`UPDATE conversation SET asking_until = NULL ${where}`)
    assert.equal((await waiting).status, 200)
    await send(parley, bot.bot, { text: 'two', conversation: c.conversation, token: c.token })
    // Another process adds a message: this one still remembers the conversation as it was.
    await parley.sql(`INSERT INTO message (tenant_id, conversation_id, seq, sender, type, text, data, created_at) SELECT tenant_id, conversation_id, seq + 1, 'bot', 'text', 'elsewhere', '', NOW(3) FROM conversation ${where};
        UPDATE conversation SET seq = seq + 1 ${where}`)
    await send(parley, bot.bot, { text: 'three', conversation: c.conversation, token: c.token })
    assert.deepEqual(await transcript(c), ['visitor: one', 'bot: Answer to one', 'bot: waited', 'visitor: two', 'bot: Answer to two', 'bot: elsewhere', 'visitor: three', 'bot: Answer to three'])
    assert.deepEqual(fake.requests.map(r => r.body.message.text), ['one', 'two', 'three'])
    assert.equal(fake.requests[2].body.history.at(-1).text, 'elsewhere')
})

test('after a turn that failed nothing waits for it', async () => {
    const c = await begin()
    fake.script = { delay: 20000 }
    const leaving = new AbortController()
    const left = fetch(`${parley.url}/chat/${bot.bot}/messages`, { method: 'POST', headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream' }, body: JSON.stringify({ text: 'two', conversation: c.conversation, token: c.token }), signal: leaving.signal }).catch(() => null)
    await until('the question', () => fake.requests.length === 2)
    leaving.abort()
    await left
    assert.equal((await late({ conversation: c.conversation, messages: ['after'] })).status, 200)
    assert.equal((await row(c)).asking_until, null)
    assert.deepEqual(await transcript(c), ['visitor: one', 'bot: Answer to one', 'bot: after'])
})

test('what Botpress sends in both ways is shown once, and what comes after the turn is shown, too', async () => {
    const secret = 'hook-secret-0123456789', settings = { quiet_ms: 200, max_wait_ms: 2000, webhook_secret: secret }
    const made = await makeEngineBot(parley, askFlow(), [botpress], { type: 'botpress', settings })
    botpress.knobs.hook = { url: address(made), secret }
    botpress.knobs.replies = ({ payload }) => [0, 50, 100, 1200].map(ms => ({ ms, payload: { type: 'text', text: `${payload.text} ${ms}` } }))
    const c = await begin(made, 'a')
    const two = (await send(parley, made.bot, { text: 'b', conversation: c.conversation, token: c.token })).body
    await until('the late replies', async () => (await transcript(c, made)).length >= 6)
    for (const { status } of await Promise.all(botpress.hooked)) assert.equal(status, 200)
    const all = await transcript(c, made), bots = all.join('\n\n').split('\n\n').map(t => t.replace('bot: ', '')).filter(t => /^[ab] \d/.test(t))
    assert.deepEqual(bots.sort(), ['a 0', 'a 100', 'a 1200', 'a 50', 'b 0', 'b 100', 'b 1200', 'b 50'], all.join('\n'))
    assert.ok(two.messages.length >= 1)
    botpress.knobs.hook = { url: address(made), secret: 'another-secret-0123456789' }
    botpress.knobs.replies = null
    botpress.hooked = []
    await send(parley, made.bot, { text: 'c', conversation: c.conversation, token: c.token })
    assert.ok((await Promise.all(botpress.hooked)).every(r => r.status === 401))
    const none = await makeEngineBot(parley, askFlow(), [botpress], { type: 'botpress', settings: { quiet_ms: 200 } })
    assert.equal((await late({}, { to: address(none) })).status, 404, 'without a webhook secret there is nothing to send to')
})

test('the open page shows a late reply, also one that came before the visitor wrote again', { timeout: 60000 }, async () => {
    browser ??= await startBrowser()
    const page = await (await browser.newContext()).newPage(), said = () => page.locator('#log .msg .bubble').allTextContents()
    const say = async text => { await page.locator('#text').fill(text); await page.locator('#text').press('Enter'); await page.getByText(`Answer to ${text}`).waitFor() }
    await page.goto(`${parley.url}/chat/${bot.bot}`)
    await page.locator('#chat[data-ready]').waitFor()
    await say('one')
    const { conversation } = fake.requests.at(-1).body
    await late({ conversation, messages: ['A late reply'] })
    await page.getByText('A late reply').waitFor({ timeout: 10000 })
    await page.route('**/messages?*', route => route.abort())
    await late({ conversation, messages: ['Missed at first'] })
    await page.waitForTimeout(300)
    await page.unroute('**/messages?*')
    await say('two')
    const all = ['Hello!', 'one', 'Answer to one', 'A late reply', 'Missed at first', 'two', 'Answer to two']
    await until('all that was said', async () => (await said()).length >= all.length)
    assert.deepEqual(await said(), all)
    await page.waitForTimeout(4500)
    assert.deepEqual(await said(), all, 'nothing is shown twice')
    await page.reload()
    await page.locator('#chat[data-ready]').waitFor()
    await until('the conversation', async () => (await said()).length >= all.length)
    assert.deepEqual(await said(), all)
})

for (const [command, file] of [['node', 'webhook.mjs'], ['python3', 'webhook.py']]) test(`the example ${file} reminds its visitor`, async t => {
    const made = await makeEngineBot(parley, askFlow(), [{ url: `http://127.0.0.1:${example}` }], own)
    const child = spawn(command, [new URL(`../../src/engine/examples/${file}`, import.meta.url).pathname], { env: { ...process.env, PARLEY_SECRET: SECRET, PARLEY_LATER: address(made), PORT: String(example) }, stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(async () => { child.kill(); await once(child, 'exit') })
    await once(child.stdout, 'data')
    const c = await begin(made, 'remind me')
    await until('the reminder', async () => (await transcript(c, made)).length === 3)
    assert.deepEqual(await transcript(c, made), ['visitor: remind me', 'bot: I will.', 'bot: This is your reminder.'])
})
