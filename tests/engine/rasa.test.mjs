// Our engine for Rasa against the fake: both forms of the reply, what becomes of every kind of message, and the secrets in the address.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Chain } from './chain.mjs'
import { KEY, startOpenai } from './fake/openai.mjs'
import { startRasa, TOKEN } from './fake/rasa.mjs'

let fake, next, chain

before(async () => {
    fake = await startRasa('/bots/rasa')
    next = await startOpenai()
    chain = new Chain(fake.port, next.port)
})
after(async () => {
    await chain?.end()
    for (const f of [fake, next]) await f?.stop()
})
beforeEach(() => {
    for (const f of [fake, next]) f.clear()
    Object.assign(fake, { token: null, jwt: null })
    fake.dialogs.clear()
})

const id = (prefix, n) => `${prefix}_${String(n).padStart(26, '0')}`
const link = (settings, more) => ({ type: 'rasa', settings: { base_url: `${fake.url}/`, ...settings }, ...more })
const ask = (job, { settings, ...more } = {}) => chain.ask({ links: [link(settings, more)], conversation: id('conv', 1), contact: id('usr', 1), message_id: id('msg', 1), ...job })
const plain = got => got.events.map(({ ms, ...e }) => e)
const said = got => got.of('message').map(e => e.text)

test('a message is sent as that of the conversation, and a list and a stream of lines are both understood', async () => {
    for (const script of [{}, { list: true }, { list: true, pretty: true }, { lines: true }, { bytewise: true }, { type: 'application/x-ndjson' }, { gzip: true }]) {
        fake.clear()
        fake.script = { text: 'One 🙂\n\nTwo', ...script }
        const got = await ask({ messages: [{ role: 'system', text: 'Be brief' }, { role: 'user', text: 'old' }, { role: 'assistant', text: 'Hi' }, { role: 'user', text: 'Grüße' }] })
        assert.deepEqual([got.class, said(got), got.in_flight], ['OK', ['One 🙂', 'Two'], 0], JSON.stringify(script))
        assert.deepEqual(fake.requests.map(r => [r.method, r.path, r.body]), [['POST', '/bots/rasa/webhooks/rest/webhook?stream=true', { sender: id('conv', 1), message: 'Grüße' }]])
    }
})

test('two conversations of a visitor are two dialogs, and none of them is the one that all share', async () => {
    await ask()
    await ask({ conversation: id('conv', 2), messages: [{ role: 'user', text: '/greet{"name":"Eva"}' }] })
    assert.deepEqual([...fake.dialogs], [[id('conv', 1), ['Hi']], [id('conv', 2), ['/greet{"name":"Eva"}']]])
})

test('a bot that says nothing has not replied, and is not asked again; the next engine is', async () => {
    for (const script of [{ failing: true, list: true }, { failing: true }]) {
        fake.clear()
        fake.script = script
        const got = await chain.ask({ links: [link(), { type: 'openai', settings: { base_url: `${next.url}/v1`, api_key: KEY, model: 'small' } }] })
        assert.deepEqual([got.tries.map(t => `${t.type} ${t.class}`), got.winner, got.message, fake.requests.length], [['rasa NO_REPLY', 'openai OK'], 1, 'Hello, world', 1])
    }
})

test('pictures, attachments and buttons become events, and the payload of a button stays as it is', async () => {
    fake.script = { messages: [
        { text: 'Sure?', buttons: [{ title: 'Yes', payload: '/affirm{"a":"b"}', type: 'postback' }, { title: 'Site', type: 'web_url', url: 'https://e.org' }, { payload: '/nameless' }] },
        { buttons: [{ title: 'Only', payload: '/only' }] }, { text: 'No usable button', buttons: [{}, 'x'] },
        { image: 'https://e.org/a.png' }, { attachment: 'https://e.org/a.pdf' },
        { attachment: { type: 'video', payload: { src: 'https://e.org/v.mp4', title: 'Film' } } }, { attachment: { type: 'template', payload: {} } }, {},
    ] }
    const media = (url, mime, title = '') => ({ kind: 'media', text: '', title, url, mime })
    assert.deepEqual(plain(await ask()), [
        { kind: 'choices', text: 'Sure?', choices: [{ label: 'Yes', value: '/affirm{"a":"b"}', url: '' }, { label: 'Site', value: '', url: 'https://e.org' }] },
        { kind: 'choices', text: '', choices: [{ label: 'Only', value: '/only', url: '' }] }, { kind: 'message', text: 'No usable button' },
        media('https://e.org/a.png', 'image/*'), media('https://e.org/a.pdf', ''), media('https://e.org/v.mp4', 'video/*', 'Film'),
    ])
    await ask({ messages: [{ role: 'user', text: '/affirm{"a":"b"}' }] })
    assert.equal(fake.requests.at(-1).body.message, '/affirm{"a":"b"}')
})

test('a custom payload with a text or a handoff is understood, and another is named', async () => {
    fake.script = { messages: [{ custom: { text: 'From a payload' } }, { custom: 'as text' }, { custom: { handoff: true } }, { custom: { handoff: 'angry' } }] }
    const got = await ask()
    assert.deepEqual([said(got), got.of('handoff').map(e => e.text), got.detail], [['From a payload', 'as text'], ['', 'angry'], ''])
    fake.script = { messages: [{ text: 'Look' }, { custom: { payload: 'pdf', 'x\ny': 1 } }, { custom: [1] }] }
    const mixed = await ask()
    assert.deepEqual([mixed.class, said(mixed), mixed.detail], ['OK', ['Look'], 'A custom payload cannot be shown and was left out: payload, x y.'])
    for (const [custom, names] of [[{ payload: 'pdf' }, 'payload'], [[1], 'no names'], [{ ['x'.repeat(300)]: 1 }, 'no names']]) {
        fake.script = { messages: [{ custom }] }
        const alone = await ask()
        assert.deepEqual([alone.class, alone.detail], ['NO_REPLY', `A custom payload cannot be shown and was left out: ${names}.`])
    }
})

test('an object in place of a list is refused in words, as is everything else that is no reply', async () => {
    for (const body of ['{"text":"a"}', '{"status":"failure"}', '{}']) for (const headers of [{}, { 'content-type': 'text/event-stream' }]) {
        fake.script = { status: 200, body, headers }
        const got = await ask()
        assert.equal(got.class, 'PROTOCOL')
        assert.match(got.text, /object and not a list/)
    }
    for (const [body, type] of [['success', 'text/html; charset=utf-8'], ['"success"', 'application/json'], ['', 'text/html'], ['', ''], ['[{"text":"a"}', 'application/json'], ['data: {}\n\n', 'text/event-stream'],
        [`${'['.repeat(1000)}${']'.repeat(1000)}`, 'application/json']]) {
        fake.script = { status: 200, body, headers: { 'content-type': type } }
        const got = await ask()
        assert.equal(got.class, 'PROTOCOL', body)
        if (body === '"success"') assert.match(got.text, /\(The reply is not a list of messages\.\)/)
    }
})

for (const [script, expected, more] of [
    [{ fault: 'silent' }, 'FIRST_TIMEOUT', { first_byte_ms: 200 }], [{ fault: 'headersOnly' }, 'IDLE_TIMEOUT', { idle_ms: 200 }], [{ fault: 'keepAlive', keepAlive: '\n' }, 'IDLE_TIMEOUT', { idle_ms: 300 }],
    [{ fault: 'resetBefore' }, 'NET'], [{ fault: 'html200' }, 'PROTOCOL'], [{ fault: 'html502' }, 'UPSTREAM'], [{ fault: 'noContent' }, 'PROTOCOL'], [{ fault: 'redirect' }, 'PROTOCOL'],
    [{ fault: 'longLine' }, 'TOO_BIG'], [{ fault: 'empty200' }, 'NO_REPLY'], [{ fault: 'brokenJson', failAt: 0 }, 'PROTOCOL'], [{ fault: 'huge', list: true }, 'TOO_BIG'], [{ status: 429 }, 'RATE', { budget_ms: 400 }],
]) test(`${JSON.stringify(script)} is ${expected}, and nothing is left over`, async () => {
    fake.script = script
    const got = await ask({}, more)
    assert.deepEqual([got.class, got.in_flight, got.events], [expected, 0, []])
})

test('an answer that breaks off after its first message is interrupted, and the bot does not hear the message twice', async () => {
    fake.script = { text: 'One\n\nTwo', fault: 'resetAfter', failAt: 1 }
    const got = await ask()
    assert.deepEqual([got.class, got.interrupted, said(got), fake.requests.length], ['TRUNCATED', true, ['One'], 1])
    fake.script = { status: 500 }
    assert.deepEqual((await ask()).tries.map(t => t.class), ['UPSTREAM'])
})

test('the token and the JSON Web Token are sent, and are in no text or log, also not escaped', async () => {
    const settings = { token: TOKEN, jwt: 'eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg' }
    Object.assign(fake, settings)
    assert.equal((await ask({}, { settings })).class, 'OK')
    assert.equal(new URL(fake.requests[0].path, 'http://x').searchParams.get('token'), TOKEN)
    assert.equal((await ask({}, { settings: { token: TOKEN } })).class, 'AUTH')
    assert.equal((await ask()).class, 'AUTH')
    fake.script = { echo: true }
    const got = await ask({}, { settings })
    assert.equal(got.class, 'REQUEST')
    assert.match(got.detail, /^Cannot read .*token=\*+ with \*+ and Bearer \*+$/)
    fake.script = { fault: 'silent' }
    const all = JSON.stringify([got, await ask({}, { settings, first_byte_ms: 100 })]) + chain.log
    for (const secret of [TOKEN, encodeURIComponent(TOKEN), 'token-0123', 's3cret', settings.jwt, 'c2lnbmF0']) assert.ok(!all.includes(secret), secret)
})

test('the probe asks for the state of the channel, and says what is wrong', async () => {
    const probe = settings => chain.ask({ asking: 'probe', messages: undefined, links: [link(settings)] })
    fake.token = TOKEN
    assert.equal((await probe({ token: TOKEN })).class, 'OK')
    assert.deepEqual(fake.requests.map(r => [r.method, r.path]), [['GET', `/bots/rasa/webhooks/rest/?token=${encodeURIComponent(TOKEN)}`]])
    assert.equal((await probe()).class, 'AUTH')
    fake.token = null
    const elsewhere = await probe({ base_url: fake.url.replace('/bots/rasa', '') })
    assert.equal(elsewhere.class, 'NOT_FOUND')
    assert.match(elsewhere.text, /no REST channel at this address.*credentials\.yml/)
    fake.script = { health: { status: 'starting' } }
    assert.match((await probe()).text, /does not say that its status is "ok"/)
    fake.script = { fault: 'html200' }
    assert.match((await probe()).text, /sent a web page/)
    assert.equal((await probe({ base_url: '' })).class, 'CONFIG')
})

test('a message without a text is refused before it is sent, and the language goes into the metadata', async () => {
    await ask({ language: 'de-AT' })
    assert.deepEqual(fake.requests[0].body.metadata, { language: 'de-AT' })
    const got = await ask({ messages: [{ role: 'user', text: '', images: [{ url: 'https://e.org/a.png' }] }] })
    assert.deepEqual([got.class, got.detail, fake.requests.length], ['REQUEST', 'Rasa takes no message without a text.', 1])
})

test('the visitor may leave while an action runs', async () => {
    fake.script = { fault: 'silent' }
    const got = await ask({ cancel_ms: 100 })
    assert.deepEqual([got.class, got.in_flight], ['CANCELLED', 0])
    assert.ok(got.cancelled_ms < 100, `${got.cancelled_ms} ms`)
})
