// Our engine for Botpress Cloud against the fake: how it gets a user and a conversation, when a turn has ended, and what it makes of every fault.
// Runs for about 25 s: most of it is waiting for a bot that says nothing more.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Chain } from './chain.mjs'
import { FakeBotpress } from './fake/botpress.mjs'

const QUIET = 150, LONGEST = 1000
let fake, chain, number = 0, last
before(async () => {
    fake = await FakeBotpress.start()
    chain = new Chain(fake.server.address().port)
})
after(async () => {
    await chain?.end()
    await fake?.close()
})
beforeEach(() => {
    fake.reset()
    number++
    last = 0
})

const id = (prefix, n) => `${prefix}_${String(n).padStart(26, '0')}`
const text = (t, ms = 0) => ({ ms, payload: { type: 'text', text: t } })

/** A visitor whose state is kept between the turns, as the caller of the engine does */
class Visitor {
    constructor(settings, conversation = number) { Object.assign(this, { settings, conversation, state: {} }) }
    async say(words = 'hello', job) {
        const got = await chain.ask({
            links: [{ type: 'botpress', settings: { base_url: fake.url, quiet_ms: QUIET, max_wait_ms: LONGEST, ...this.settings } }],
            conversation: id('conv', this.conversation), contact: id('usr', this.conversation), message_id: id('msg', number * 100 + last++),
            messages: [{ role: 'user', text: words }], state: this.state, ...job,
        })
        for (const e of got.of('state')) this.state[e.key] = e.text
        return { ...got, said: got.events.filter(e => e.kind === 'message').map(e => e.text), kinds: got.events.filter(e => e.kind !== 'state').map(e => e.kind) }
    }
}
const minting = () => ({ encryption_key: fake.encryptionKey })
const ok = (got, ...said) => assert.deepEqual([got.class, got.said], ['OK', said], got.text)

// ---- users and conversations ----

test('a visitor gets a user, a conversation and an answer; a second turn uses them again', async () => {
    const visitor = new Visitor()
    const first = await visitor.say('hello')
    ok(first, 'hello')
    assert.deepEqual(fake.requests.map(r => r.op), ['createUser', 'getOrCreateConversation', 'listen', 'createMessage'])
    assert.deepEqual(first.of('state').map(e => [e.key, e.secret]), [['user', false], ['user_key', true], ['conversation', false], ['seen', false]])
    assert.equal(fake.requests[1].body.id, id('conv', number))
    assert.deepEqual(fake.requests[3].body, { conversationId: id('conv', number), payload: { type: 'text', text: 'hello' }, metadata: { pid: id('msg', number * 100) } })
    fake.requests.length = 0
    ok(await visitor.say('again'), 'again')
    assert.deepEqual(fake.requests.map(r => r.op), ['listen', 'listMessages', 'createMessage'])
    await new Promise(resolve => setTimeout(resolve, 50))
    assert.equal(fake.listeners.size, 0)
})

test('with an encryption key the engine makes the key of the user itself', async () => {
    fake.knobs.adminKey = true
    const visitor = new Visitor(minting())
    ok(await visitor.say(), 'hello')
    assert.deepEqual(fake.requests.map(r => r.op), ['getOrCreateUser', 'getOrCreateConversation', 'listen', 'createMessage'])
    const [head, claims] = fake.requests[0].key.split('.').slice(0, 2).map(p => JSON.parse(Buffer.from(p, 'base64url')))
    assert.deepEqual([head.alg, claims.id], ['HS256', id('usr', number)])
    assert.ok(Math.abs(claims.iat - Date.now() / 1000) < 60)
    ok(await visitor.say(), 'hello')
    assert.equal(fake.count('getOrCreateUser'), 1)
})

test('a missing and a wrong encryption key are named, and the key is shown nowhere', async () => {
    fake.knobs.adminKey = true
    const missing = await new Visitor().say()
    assert.equal(missing.class, 'AUTH')
    assert.match(missing.text, /encryption key/)
    const wrong = await new Visitor({ encryption_key: 'not-the-key-of-this-bot' }).say()
    assert.equal(wrong.class, 'AUTH')
    assert.doesNotMatch(JSON.stringify(wrong), /not-the-key/)
})

test('a key that is refused is made anew once, in both modes; then it is the tenant who must act', async () => {
    for (const settings of [{}, minting()]) {
        fake.reset()
        number++
        const visitor = new Visitor(settings)
        ok(await visitor.say(), 'hello')
        fake.knobs.refuseKeys = 1
        ok(await visitor.say('again'), 'again')
        assert.equal(fake.count('createMessage'), 2)
        fake.knobs.refuseKeys = 9
        assert.equal((await visitor.say()).class, 'AUTH')
        assert.equal(fake.count('createMessage'), 2)
    }
})

test('a key that expires between listening and sending costs no message and sends none twice', async () => {
    fake.knobs.fail = [{ op: 'createMessage', code: 401 }]
    ok(await new Visitor(minting()).say('once'), 'once')
    assert.equal(fake.messages.filter(m => m.metadata?.pid).length, 1)
})

test('a visitor whose key is lost gets a conversation with another name', async () => {
    ok(await new Visitor().say('one'), 'one')
    const again = new Visitor()
    ok(await again.say('two'), 'two')
    assert.match(again.state.conversation, /^conv_\w+ conv_/)
    assert.equal(fake.count('createConversation'), 1)
    ok(await again.say('three'), 'three')
    assert.equal(fake.count('createConversation'), 1)
})

test('two that make the same conversation at once both get it', async () => {
    fake.knobs.fail = [{ op: 'getOrCreateConversation', code: 409 }]
    ok(await new Visitor().say(), 'hello')
    assert.equal(fake.count('getOrCreateConversation'), 2)
})

test('a conversation that the server has forgotten is made again', async () => {
    const visitor = new Visitor()
    ok(await visitor.say('one'), 'one')
    fake.conversations.clear()
    ok(await visitor.say('two'), 'two')
})

test('a server that refuses our name for a conversation names it itself', async () => {
    fake.knobs.fail = [{ op: 'getOrCreateConversation', code: 400 }]
    ok(await new Visitor().say(), 'hello')
    assert.equal(fake.count('createConversation'), 1)
})

// ---- errors ----

test('an error with status 200 is the error that its code says', async () => {
    for (const op of ['createUser', 'getOrCreateConversation', 'createMessage', 'listen']) {
        fake.reset()
        fake.knobs.fail = [{ op, http: 200, code: 402, times: 9 }]
        const got = await new Visitor().say()
        assert.deepEqual([got.class, got.said, got.http], ['QUOTA', [], 402], op)
    }
})

test('refusals have the class of their type', async () => {
    for (const [code, type, wanted] of [[403, 'QuotaExceeded', 'QUOTA'], [429, 'RateLimited', 'RATE'], [413, 'PayloadTooLarge', 'REQUEST']]) {
        fake.reset()
        fake.knobs.fail = [{ op: 'createUser', code, type, times: 9 }]
        assert.equal((await new Visitor().say()).class, wanted, type)
    }
})

test('a wrong address is not found, a web page is not an engine', async () => {
    assert.equal((await new Visitor({ base_url: fake.url + 'x' }).say()).class, 'NOT_FOUND')
    fake.knobs.fail = [{ op: 'listen', http: 200, contentType: 'text/html', raw: '<html>' }]
    assert.equal((await new Visitor().say()).class, 'PROTOCOL')
    fake.reset()
    fake.knobs.fail = [{ op: 'createUser', http: 200, raw: '{}' }]
    assert.equal((await new Visitor().say()).class, 'PROTOCOL')
})

test('a message without a text is not sent', async () => {
    assert.equal((await new Visitor().say('')).class, 'REQUEST')
    assert.equal(fake.count('createMessage'), 0)
})

// ---- the end of a turn ----

test('the message is sent only when the listener is connected', async () => {
    fake.knobs.listenDelayMs = 200
    ok(await new Visitor().say(), 'hello')
    const ops = fake.requests.map(r => r.op)
    assert.ok(ops.indexOf('listen') < ops.indexOf('createMessage'))
})

test('three replies, then silence: the turn ends after the quiet period, and own messages are not among them', async () => {
    fake.knobs.replies = () => [text('one', 10), text('two', 60), text('three', 140)]
    const got = await new Visitor().say()
    ok(got, 'one', 'two', 'three')
    const end = got.events.filter(e => e.kind === 'message')[2].ms
    assert.ok(got.ms - end >= QUIET - 5 && got.ms - end < QUIET + 300, `${got.ms - end} ms after the last`)
})

test('no reply is no error of the server: the turn ends after the longest wait', async () => {
    fake.knobs.replies = () => []
    const got = await new Visitor().say()
    assert.equal(got.class, 'NO_REPLY')
    assert.ok(got.ms >= LONGEST && got.ms < LONGEST + 500, `${got.ms} ms`)
    assert.equal(fake.count('createMessage'), 1)
})

test('a bot that never stops writing is cut at the longest wait, which is no error', async () => {
    fake.knobs.replies = () => Array.from({ length: 40 }, (_, i) => text(String(i), i * 100))
    const got = await new Visitor().say()
    assert.equal(got.class, 'OK')
    assert.ok(got.said.length >= 8 && got.said.length <= 11, String(got.said.length))
})

test('a reply after the longest wait comes with the next turn, once, and before its answer', async () => {
    fake.knobs.replies = () => [text('early', 0), text('late', QUIET + 250)]
    const visitor = new Visitor()
    ok(await visitor.say(), 'early')
    await new Promise(resolve => setTimeout(resolve, 400))
    fake.knobs.replies = null
    ok(await visitor.say('next'), 'late', 'next')
    ok(await visitor.say('third'), 'third')
})

test('a reply that comes before the answer to createMessage is a reply', async () => {
    fake.knobs.createDelayMs = 400
    const got = await new Visitor().say()
    ok(got, 'hello')
    assert.ok(got.ms < 400, `${got.ms} ms`) // the echo says that the server has the message
})

// ---- the stream ----

test('pings, a leading {} and pieces of one byte change nothing', async () => {
    Object.assign(fake.knobs, { pingMs: 5, splitBytes: 1 })
    ok(await new Visitor().say('Grüße 🙂 שלום'), 'Grüße 🙂 שלום')
    fake.knobs.prefix = false
    ok(await new Visitor(minting(), number + 5000).say('ok'), 'ok')
})

test('what was missed while the listener was gone is taken from the list, in the order of time', async () => {
    fake.knobs.replies = () => [text('heard', 0), text('missed', 20), text('missed too', 40), text('heard again', 700)]
    Object.assign(fake.knobs, { dropAfter: 2, dropSilentMs: 100, listPage: 1 })
    ok(await new Visitor({ quiet_ms: 500, max_wait_ms: 3000 }).say(), 'heard', 'missed', 'missed too', 'heard again')
    assert.equal(fake.count('listen'), 2)
})

test('a listener that is refused gets the conversation again once; one that cannot reconnect ends the turn with what came', async () => {
    fake.knobs.listenRefused = 1
    ok(await new Visitor().say(), 'hello')
    fake.reset()
    fake.knobs.listenRefused = 9
    assert.equal((await new Visitor().say()).class, 'AUTH')
    assert.equal(fake.count('createMessage'), 0)
})

test('a participant who is removed in the middle keeps the replies, and without one the turn fails', async () => {
    fake.knobs.replies = () => [text('before', 0), { ms: 50, kick: true }]
    ok(await new Visitor().say(), 'before')
    fake.reset()
    fake.knobs.replies = () => [{ ms: 20, kick: true }]
    const got = await new Visitor().say()
    assert.deepEqual([got.class, got.tries.length, fake.count('createMessage')], ['AUTH', 1, 1])
})

test('a server that closes every listener fails the turn in the end, and the message is not sent again', async () => {
    Object.assign(fake.knobs, { listenMs: 30, replies: () => [] })
    const got = await new Visitor({ max_wait_ms: 20000 }).say()
    assert.deepEqual([got.class, got.tries.length, fake.count('createMessage'), fake.count('listen')], ['TRUNCATED', 1, 1, 5])
})

test('a server that is gone after the message fails the turn, and the message is not sent again', async () => {
    const own = await FakeBotpress.start(), alone = new Chain(own.server.address().port)
    own.knobs.replies = () => {
        setTimeout(() => own.close(), 50)
        return []
    }
    const got = await alone.ask({ links: [{ type: 'botpress', settings: { base_url: own.url, max_wait_ms: 20000 } }], message_id: 'm' }).finally(() => alone.end())
    assert.deepEqual([got.class, got.tries.length], ['NET', 1])
})

test('a listener that does not begin costs no message', async () => {
    fake.knobs.listenDelayMs = 1000
    const got = await chain.ask({ links: [{ type: 'botpress', first_byte_ms: 200, settings: { base_url: fake.url } }], message_id: 'm' })
    assert.deepEqual([got.class, fake.count('createMessage')], ['FIRST_TIMEOUT', 0])
})

test('what an interrupted turn has shown is not shown again by the next', async () => {
    const visitor = new Visitor()
    ok(await visitor.say('first'), 'first')
    fake.knobs.replies = () => [text('whole', 0), piece('s', 0, 'half', 50), signal('abort', { streamId: 's' }, 100)]
    const got = await visitor.say()
    assert.deepEqual([got.class, got.said, got.deltas], ['TRUNCATED', ['whole'], 'half'])
    fake.knobs.replies = null
    ok(await visitor.say('next'), 'next')
})

test('cancelling ends the listener within 50 ms', async () => {
    fake.knobs.replies = () => []
    const got = await new Visitor().say('hello', { cancel_ms: 200 })
    assert.equal(got.class, 'CANCELLED')
    assert.ok(got.cancelled_ms <= 50, `${got.cancelled_ms} ms`)
    await new Promise(resolve => setTimeout(resolve, 50))
    assert.equal(fake.listeners.size, 0)
})

// ---- a message of which nothing is known ----

test('a lost answer to createMessage is settled by the echo, and nothing is sent twice', async () => {
    fake.knobs.loseCreate = 1
    ok(await new Visitor().say(), 'hello')
    assert.equal(fake.count('createMessage'), 1)
})

test('without the echo the list settles it', async () => {
    fake.knobs.loseCreate = 1
    Object.assign(fake.knobs, { mute: true, replies: () => [text('found', 300)] })
    const visiting = new Visitor().say()
    await new Promise(resolve => setTimeout(resolve, 200))
    fake.knobs.mute = false
    ok(await visiting, 'found')
    assert.deepEqual([fake.count('createMessage'), fake.count('listMessages')], [1, 1])
})

test('a message that the server does not have may be sent again', async () => {
    fake.knobs.fail = [{ op: 'createMessage', code: 500, times: 1 }]
    const got = await new Visitor({ max_wait_ms: 4000 }).say()
    ok(got, 'hello')
    assert.deepEqual([got.tries.map(t => t.class), fake.messages.filter(m => m.metadata?.pid).length], [['UPSTREAM', 'OK'], 1])
})

test('if nothing can be found out, the message is not sent again', async () => {
    Object.assign(fake.knobs, { loseCreate: 1, mute: true, replies: () => [], fail: [{ op: 'listMessages', code: 500, times: 9 }] })
    const got = await new Visitor().say()
    assert.deepEqual([got.class, got.tries.length, fake.count('createMessage')], ['FIRST_TIMEOUT', 1, 1])
})

// ---- streams of pieces ----

const signal = (type, data, ms = 0) => ({ ms, signal: { type: `message_stream_${type}`, data } })
const piece = (streamId, sequence, delta, ms) => signal('delta', { streamId, sequence, delta }, ms)
const whole = (messageId, t) => ({ id: messageId, createdAt: new Date(Date.now() + 5000).toISOString(), userId: 'bot', payload: { type: 'text', text: t } })

test('pieces are shown in their order, and the message at the end is shown once', async () => {
    const message = whole('m1', 'Hello, world')
    fake.knobs.replies = () => [
        piece('s', 1, ', ', 0), piece('s', 0, 'Hello', 20), piece('s', 0, 'Hello', 25), piece('s', 2, 'world', 40),
        signal('complete', { streamId: 's', message }, 60), { ms: 80, signal: { type: 'message_created', data: { ...message, isBot: true } } },
    ]
    const got = await new Visitor().say()
    ok(got, 'Hello, world')
    assert.equal(got.deltas, 'Hello, world')
    assert.deepEqual(got.kinds, ['delta', 'delta', 'delta', 'message'])
})

test('a stream whose pieces are counted from 1 is shown, too; what the last message says counts', async () => {
    fake.knobs.replies = () => [piece('s', 1, 'a', 0), piece('s', 2, 'b', 10), piece('s', 3, 'c', 20), signal('complete', { streamId: 's', message: whole('m2', 'abcd') }, 40)]
    const got = await new Visitor().say()
    ok(got, 'abcd')
    assert.equal(got.deltas, 'abc')
})

test('a message beside a stream waits for its end, a second stream is shown as a whole', async () => {
    fake.knobs.replies = () => [
        piece('s', 0, 'one ', 0), text('between', 20), piece('t', 0, 'other', 30), piece('s', 1, 'two', 40),
        signal('complete', { streamId: 't', message: whole('m3', 'other') }, 50), signal('complete', { streamId: 's', message: whole('m4', 'one two') }, 70),
    ]
    const got = await new Visitor().say()
    ok(got, 'one two', 'between', 'other')
    assert.equal(got.deltas, 'one two')
})

test('the message may come before the end of its stream', async () => {
    const message = whole('m5', 'ab')
    fake.knobs.replies = () => [piece('s', 0, 'a', 0), { ms: 20, signal: { type: 'message_created', data: { ...message, isBot: true } } }, signal('complete', { streamId: 's', message }, 40)]
    ok(await new Visitor().say(), 'ab')
})

test('a stream that is given up after a piece is an interruption; before it is nothing', async () => {
    fake.knobs.replies = () => [piece('s', 0, 'half', 0), signal('abort', { streamId: 's' }, 20)]
    const got = await new Visitor().say()
    assert.deepEqual([got.class, got.interrupted, got.deltas, got.said, got.tries.length], ['TRUNCATED', true, 'half', [], 1])
    fake.reset()
    fake.knobs.replies = () => [piece('s', 5, 'held', 0), signal('abort', { streamId: 's' }, 20), text('instead', 40)]
    ok(await new Visitor().say(), 'instead')
})

test('a stream whose end falls into a gap is ended by the list', async () => {
    fake.knobs.replies = m => [piece('s', 0, 'Hel', 0), { ms: 20, payload: { type: 'text', text: 'Hello' } }]
    Object.assign(fake.knobs, { dropAfter: 2, dropSilentMs: 100 })
    const got = await new Visitor({ max_wait_ms: 3000 }).say()
    ok(got, 'Hello')
    assert.equal(got.deltas, 'Hel')
})

// ---- what a message holds ----

test('every type of payload becomes the event that shows it; an unknown one is left out', async () => {
    const options = [{ label: 'Yes', value: 'yes' }, { label: 'No', value: 'no' }]
    const card = { type: 'card', title: 'T', subtitle: 'S', imageUrl: 'https://e.org/i.png', actions: [{ action: 'url', label: 'Open', value: 'https://e.org' }, { action: 'say', label: 'Say', value: 'hey' }, { action: 'postback', label: 'Post', value: 'back' }] }
    const payloads = [
        { type: 'markdown', markdown: '**b**' }, { type: 'image', imageUrl: 'https://e.org/a' }, { type: 'audio', audioUrl: 'https://e.org/b' }, { type: 'video', videoUrl: 'https://e.org/c' },
        { type: 'file', fileUrl: 'https://e.org/d', title: 'D' }, { type: 'location', latitude: 52.5, longitude: -1.25, title: 'Here' }, card, { type: 'carousel', items: [card, { title: 'U', actions: [] }] },
        { type: 'choice', text: 'Sure?', options }, { type: 'dropdown', text: 'Which?', options }, { type: 'hologram', shape: 'cube' },
        { type: 'bloc', items: [{ type: 'text', text: 'in' }, { type: 'bloc', items: [{ type: 'image', imageUrl: 'https://e.org/n' }] }] },
    ]
    fake.knobs.replies = () => payloads.map((payload, i) => ({ ms: i, payload }))
    const got = await new Visitor().say(), events = got.events.filter(e => e.kind !== 'state').map(({ ms, ...e }) => e)
    const choices = options.map(o => ({ ...o, url: '' })), media = (url, mime, title = '') => ({ kind: 'media', text: '', title, url, mime })
    const shown = { kind: 'card', text: 'S', title: 'T', url: 'https://e.org/i.png', mime: '', choices: [{ label: 'Open', value: '', url: 'https://e.org' }, { label: 'Say', value: 'hey', url: '' }, { label: 'Post', value: 'back', url: '' }] }
    assert.deepEqual(events, [
        { kind: 'message', text: '**b**' }, media('https://e.org/a', 'image/*'), media('https://e.org/b', 'audio/*'), media('https://e.org/c', 'video/*'), media('https://e.org/d', '', 'D'),
        { kind: 'message', text: 'Here: https://www.openstreetmap.org/?mlat=52.5&mlon=-1.25' }, shown, shown, { kind: 'card', text: '', title: 'U', url: '', mime: '', choices: [] },
        { kind: 'choices', text: 'Sure?', choices }, { kind: 'choices', text: 'Which?', choices }, { kind: 'message', text: 'in' }, media('https://e.org/n', 'image/*'),
    ])
})

// ---- probe ----

test('the probe says what is wrong with the address or the key', async () => {
    const probe = async settings => (await chain.ask({ asking: 'probe', messages: undefined, links: [{ type: 'botpress', settings: { base_url: fake.url, ...settings } }] })).class
    assert.equal(await probe(), 'OK')
    assert.equal(await probe(), 'OK') // its user exists now
    fake.knobs.adminKey = true
    assert.equal(await probe(), 'AUTH')
    assert.equal(await probe(minting()), 'OK')
    assert.equal(await probe({ encryption_key: 'wrong' }), 'AUTH')
    assert.equal(await probe({ base_url: `${fake.url}x` }), 'NOT_FOUND')
    assert.equal(await probe({ base_url: '' }), 'CONFIG')
    assert.equal(await probe({ quiet_ms: 0 }), 'CONFIG')
})
