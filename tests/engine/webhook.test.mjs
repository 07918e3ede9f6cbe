// The webhook engine: what it sends is accepted by the library of Standard Webhooks, what it makes of every reply, and both examples.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, beforeEach, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { Chain } from './chain.mjs'
import { Fake } from './fake/server.mjs'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', OTHER = 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd'
const id = (prefix, n) => `${prefix}_${String(n).padStart(26, '0')}`
let fake, chain

before(async () => {
    fake = await new Fake((_fake, _request, response, script) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(script.reply ?? { messages: [{ text: 'Hello' }] }))
    }).start()
    chain = new Chain(fake.port)
})
after(async () => {
    await chain?.end()
    await fake?.stop()
})
beforeEach(() => fake.clear())

const link = (settings, more) => ({ type: 'webhook', settings: { base_url: `${fake.url}/bot/`, secret: SECRET, ...settings }, ...more })
const ask = (job, { settings, ...more } = {}) => chain.ask({ links: [link(settings, more)], conversation: id('conv', 1), contact: id('usr', 1), message_id: id('msg', 1), ...job })
const plain = got => got.events.map(({ ms, ...e }) => e)
const verified = (rq, secret) => new Webhook(secret).verify(JSON.stringify(rq.body), rq.headers)

test('the request holds the message, the history, the variables and the conversation, and its signature is valid', async () => {
    const got = await ask({ state: { count: '2' }, messages: [{ role: 'system', text: 'Be brief' }, { role: 'assistant', text: 'Hi' }, { role: 'user', text: 'Grüße 🙂', images: [{ url: 'https://e.org/a.png' }] }] })
    assert.deepEqual([got.class, got.message], ['OK', 'Hello'])
    const [rq] = fake.requests, { bot, ...body } = rq.body
    assert.equal(rq.path, '/bot')
    assert.match(bot, /^bot_/)
    assert.deepEqual(body, {
        type: 'turn', conversation: id('conv', 1), visitor: id('usr', 1), language: '',
        message: { id: id('msg', 1), role: 'user', text: 'Grüße 🙂', images: [{ url: 'https://e.org/a.png' }] },
        history: [{ role: 'system', text: 'Be brief' }, { role: 'assistant', text: 'Hi' }], variables: { count: '2' },
    })
    assert.deepEqual(verified(rq, SECRET), rq.body)
    assert.throws(() => verified(rq, OTHER), /No matching signature/)
})

test('both secrets sign while one replaces the other', async () => {
    await ask({}, { settings: { secret: OTHER, previous_secret: SECRET } })
    for (const secret of [SECRET, OTHER]) assert.ok(verified(fake.requests[0], secret))
    assert.equal(fake.requests[0].headers['webhook-signature'].split(' ').length, 2)
})

test('the id stays the same when the server is asked again, and differs for another question', async () => {
    fake.queue = [{ status: 503 }]
    assert.equal((await ask()).class, 'OK')
    await ask({ messages: [{ role: 'user', text: 'Another' }] })
    const ids = fake.requests.map(r => r.headers['webhook-id'])
    assert.equal(ids[0], ids[1])
    assert.notEqual(ids[1], ids[2])
    assert.ok(ids.every(i => i.startsWith(`${id('msg', 1)}_`) && !i.includes('.')))
})

test('messages, choices, pictures, cards, variables and a handoff become events', async () => {
    fake.script = { reply: {
        messages: ['short', { text: 'Sure?', choices: ['Yes', { label: 'Site', url: 'https://e.org' }, { value: 'no label' }] }, { image: 'https://e.org/a.png' }, { title: 'T', text: 'S', image: 'https://e.org/b.png', choices: [{ label: 'Go', value: 'go' }] }, {}],
        variables: { name: 'Ada', n: 3, gone: null, list: [1] }, handoff: 'wants a person',
    } }
    assert.deepEqual(plain(await ask()), [
        ...[['name', 'Ada'], ['n', '3'], ['gone', ''], ['list', '[1]']].map(([key, text]) => ({ kind: 'state', text, key, secret: false })),
        { kind: 'message', text: 'short' }, { kind: 'choices', text: 'Sure?', choices: [{ label: 'Yes', value: 'Yes', url: '' }, { label: 'Site', value: '', url: 'https://e.org' }] },
        { kind: 'media', text: '', title: '', url: 'https://e.org/a.png', mime: 'image/*' },
        { kind: 'card', text: 'S', title: 'T', url: 'https://e.org/b.png', mime: '', choices: [{ label: 'Go', value: 'go', url: '' }] }, { kind: 'handoff', text: 'wants a person' },
    ])
})

test('a reply without a message is no answer, unless it hands off; a reply of another kind is refused', async () => {
    for (const [reply, expected] of [[{}, 'NO_REPLY'], [{ messages: [] }, 'NO_REPLY'], [{ messages: [{ text: 5 }] }, 'NO_REPLY'], [{ handoff: true }, 'OK'], [[], 'PROTOCOL'], [{ messages: 'x' }, 'PROTOCOL']]) {
        fake.script = { reply }
        assert.equal((await ask()).class, expected, JSON.stringify(reply))
    }
})

test('what was hidden comes back in titles and choices, but not in what the server wants to be remembered', async () => {
    fake.script = { reply: { messages: [{ title: 'For [EMAIL_1]', text: 'Write to [EMAIL_1]?', choices: ['[EMAIL_1]', { label: 'Call', value: 'call [PHONE_1]' }] }], variables: { last: '[EMAIL_1]' }, handoff: '[EMAIL_1] waits' } }
    const got = await ask({ mask: true, messages: [{ role: 'user', text: 'eva@example.org, +49 30 901820' }] })
    assert.equal(fake.requests[0].body.message.text, '[EMAIL_1], [PHONE_1]')
    const [card] = got.of('card')
    assert.deepEqual([card.title, card.text, card.choices.map(c => [c.label, c.value])], ['For eva@example.org', 'Write to eva@example.org?', [['eva@example.org', 'eva@example.org'], ['Call', 'call +49 30 901820']]])
    assert.equal(got.of('handoff')[0].text, 'eva@example.org waits')
    assert.equal(got.of('state')[0].text, '[EMAIL_1]') // it goes back to the server with the next question
})

for (const [script, expected, more] of [
    [{ fault: 'silent' }, 'FIRST_TIMEOUT', { first_byte_ms: 200 }], [{ fault: 'resetBefore' }, 'NET', { budget_ms: 400 }], [{ fault: 'html200' }, 'PROTOCOL'],
    [{ fault: 'noContent' }, 'PROTOCOL'], [{ fault: 'redirect' }, 'PROTOCOL'], [{ status: 200, body: '{"messages":[{"text":"a' }, 'PROTOCOL'],
    [{ status: 200, body: '['.repeat(1000) }, 'PROTOCOL'], [{ status: 401 }, 'AUTH'], [{ status: 410 }, 'NOT_FOUND'], [{ status: 500 }, 'UPSTREAM', { budget_ms: 400 }],
]) test(`${JSON.stringify(script).slice(0, 50)} is ${expected}`, async () => {
    fake.script = script
    const got = await ask({}, more)
    assert.deepEqual([got.class, got.in_flight, got.events], [expected, 0, []])
})

test('a secret that is not one is named and not shown', async () => {
    for (const secret of ['', 'short', 'whsec_AAAA', 'whsec_not/base64!not/base64!not/base64!']) {
        const got = await ask({}, { settings: { secret } })
        assert.deepEqual([got.class, fake.requests.length], ['CONFIG', 0])
        assert.match(got.text, /24 to 64 random bytes/)
    }
    fake.script = { status: 400, body: { message: `bad ${SECRET}` } }
    assert.doesNotMatch(JSON.stringify(await ask()) + chain.log, /MfKQ9r8GKYqr/)
})

for (const [command, file] of [['node', 'webhook.mjs'], ['python3', 'webhook.py']]) test(`the example ${file} answers, counts, hands off, and refuses another secret`, async t => {
    const child = spawn(command, [new URL(`../../src/engine/examples/${file}`, import.meta.url).pathname], { env: { ...process.env, PARLEY_SECRET: SECRET, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => child.kill())
    const port = /listening on (\d+)/.exec((await once(child.stdout, 'data'))[0])[1], by = new Chain(port)
    t.after(() => by.end())
    const say = (text, more, settings) => by.ask({ links: [link({ base_url: `http://127.0.0.1:${port}`, ...settings })], message_id: id('msg', 1), conversation: id('conv', 1), contact: id('usr', 1), messages: [{ role: 'user', text }], ...more })
    const got = await say('Grüße', { state: { count: '4' } })
    assert.deepEqual([got.message, got.of('state').map(e => [e.key, e.text]), got.of('choices')[0].choices[0].value], ['You said "Grüße".', [['count', '5']], 'person'])
    assert.equal((await say('person')).of('handoff')[0].text, 'The visitor asked for a person.')
    assert.equal((await say('x', {}, { secret: OTHER })).class, 'AUTH')
    assert.equal((await by.ask({ asking: 'probe', messages: undefined, links: [link({ base_url: `http://127.0.0.1:${port}` })] })).class, 'OK')
})
