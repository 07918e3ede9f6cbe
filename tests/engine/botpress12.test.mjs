// Our engine for Botpress v12 against the fake: the public and the secured endpoint, and what its many kinds of 400 mean.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Chain } from './chain.mjs'
import { FakeBotpress12 } from './fake/botpress12.mjs'

let fake, chain, other
before(async () => {
    fake = await FakeBotpress12.start({ base: '/chat/bp' })
    chain = new Chain(fake.server.address().port)
    other = new Chain(fake.server.address().port)
})
after(async () => {
    await chain?.end()
    await other?.end()
    await fake?.close()
})
beforeEach(() => fake.reset())

const id = (prefix, n) => `${prefix}_${String(n).padStart(26, '0')}`
async function say(text = 'hello', { settings, by = chain, conversation = 1, ...job } = {}) {
    const got = await by.ask({
        links: [{ type: 'botpress12', settings: { base_url: fake.url, bot: fake.bot, ...settings } }],
        conversation: id('conv', conversation), contact: id('usr', 1), message_id: id('msg', 1), messages: [{ role: 'user', text }], ...job,
    })
    return { ...got, said: got.events.filter(e => e.kind === 'message').map(e => e.text) }
}
const secured = () => ({ email: fake.email, password: fake.password })

test('a text is sent to the user of the conversation below the base path, and typing is no answer', async () => {
    const got = await say('Grüße 🙂', { settings: { base_url: `${fake.url}/` } })
    assert.deepEqual([got.class, got.said, got.events.length], ['OK', ['Grüße 🙂'], 1])
    assert.deepEqual(fake.requests, [{ path: `/chat/bp/api/v1/bots/bot1/converse/${id('conv', 1)}`, body: { type: 'text', text: 'Grüße 🙂' } }])
})

test('only the newest message of the visitor is sent', async () => {
    await say('', { messages: [{ role: 'system', text: 'Be brief' }, { role: 'user', text: 'old' }, { role: 'assistant', text: 'answer' }, { role: 'user', text: 'new' }] })
    assert.deepEqual(fake.requests.map(r => r.body), [{ type: 'text', text: 'new' }])
})

test('a bot that only types has not replied', async () => {
    fake.knobs.typingOnly = true
    assert.equal((await say()).class, 'NO_REPLY')
    fake.knobs.raw = { http: 200, body: '{"responses":[]}' }
    assert.equal((await say()).class, 'NO_REPLY')
})

test('the time that ran out on the server is a timeout, and the message is not sent again', async () => {
    Object.assign(fake.knobs, { delayMs: 20, converseTimeoutMs: 10 })
    const got = await say()
    assert.deepEqual([got.class, got.http, got.detail, fake.requests.length], ['TOTAL_TIMEOUT', 400, 'Request timed out.', 1])
})

test('361 characters are refused in words, unless the tenant chose to cut them; a character beyond U+FFFF counts twice', async () => {
    const got = await say('x'.repeat(361))
    assert.equal(got.class, 'REQUEST')
    assert.match(got.text, /less than 360 chars/)
    assert.deepEqual((await say('x'.repeat(361), { settings: { cut_chars: 360 } })).said, ['x'.repeat(360)])
    const emoji = await say(`x${'🙂'.repeat(180)}`, { settings: { cut_chars: 360 } })
    assert.deepEqual(emoji.said, [`x${'🙂'.repeat(179)}`])
})

test('a disabled bot, a missing license and a wrong bot are told apart', async () => {
    fake.knobs.publicDisabled = true
    const disabled = await say()
    assert.equal(disabled.class, 'AUTH')
    assert.match(disabled.text, /Converse API disabled for this bot/)
    fake.reset()
    fake.knobs.unlicensed = true
    assert.equal((await say()).class, 'QUOTA')
    assert.equal((await say('hi', { settings: { bot: 'no such bot/..' } })).class, 'NOT_FOUND')
    assert.equal(fake.requests.at(-1).path, `/chat/bp/api/v1/bots/no%20such%20bot%2F../converse/${id('conv', 1)}`)
})

test('two conversations of a visitor do not disturb each other', async () => {
    fake.knobs.delayMs = 100
    const both = await Promise.all([say('one', { conversation: 1 }), say('two', { by: other, conversation: 2 })])
    assert.deepEqual([both.map(g => g.said), fake.collisions], [[['one'], ['two']], 0])
})

test('a request that another one disturbed has no reply and is not repeated', async () => {
    fake.knobs.delayMs = 150
    const both = await Promise.all([say('one'), say('two', { by: other })])
    assert.deepEqual([both.map(g => g.class).sort(), fake.collisions, fake.requests.length], [['NO_REPLY', 'OK'], 1, 2])
})

test('the secured endpoint is asked with a token, which is kept and fetched again once when it has expired', async () => {
    const first = await say('one', { settings: secured() }), state = Object.fromEntries(first.of('state').map(e => [e.key, e.text]))
    assert.deepEqual([first.said, first.of('state').map(e => e.secret)], [['one'], [true]])
    fake.requests.length = 0
    assert.deepEqual((await say('two', { settings: secured(), state })).said, ['two'])
    assert.deepEqual(fake.requests.map(r => r.path.split('/').at(-1)), ['secured'])
    fake.knobs.expireTokens = 1
    const renewed = await say('three', { settings: secured(), state })
    assert.deepEqual([renewed.said, renewed.of('state').length], [['three'], 1])
    fake.knobs.expireTokens = 9
    const refused = await say('four', { settings: secured() })
    assert.deepEqual([refused.class, refused.said], ['AUTH', []])
})

test('a wrong password is named and not shown', async () => {
    const got = await say('hi', { settings: { ...secured(), password: 'wrong-password' } })
    assert.equal(got.class, 'AUTH')
    assert.match(got.text, /Invalid login credentials/)
    assert.doesNotMatch(JSON.stringify(got), /wrong-password/)
    assert.equal((await say('hi', { settings: { email: fake.email } })).class, 'CONFIG')
})

test('a reply of another kind is not an answer', async () => {
    for (const raw of [{ http: 200, body: '[]' }, { http: 200, body: '{"responses":{}}' }, { http: 200, contentType: 'text/html', body: '<html>' }, { http: 200, body: '' }]) {
        fake.knobs.raw = raw
        assert.equal((await say()).class, 'PROTOCOL', raw.body)
    }
})

test('pictures, cards and choices become the events that show them', async () => {
    fake.knobs.replies = () => [
        { type: 'image', image: 'https://e.org/a.png', title: 'A' }, { type: 'single-choice', text: 'Sure?', choices: [{ title: 'Yes', value: 'yes' }] },
        { type: 'dropdown', message: 'Which?', options: [{ label: 'One', value: '1' }] },
        { type: 'carousel', items: [{ title: 'T', subtitle: 'S', image: 'https://e.org/b.png', actions: [{ action: 'Open URL', title: 'Open', url: 'https://e.org' }, { action: 'Say something', title: 'Say', text: 'hey' }, { action: 'Postback', title: 'Post', payload: 'back' }] }] },
        { type: 'custom', module: 'x' },
    ]
    const got = await say(), events = got.events.map(({ ms, ...e }) => e)
    assert.deepEqual(events, [
        { kind: 'media', text: '', title: 'A', url: 'https://e.org/a.png', mime: 'image/*' }, { kind: 'choices', text: 'Sure?', choices: [{ label: 'Yes', value: 'yes', url: '' }] },
        { kind: 'choices', text: 'Which?', choices: [{ label: 'One', value: '1', url: '' }] },
        { kind: 'card', text: 'S', title: 'T', url: 'https://e.org/b.png', mime: '', choices: [{ label: 'Open', value: '', url: 'https://e.org' }, { label: 'Say', value: 'hey', url: '' }, { label: 'Post', value: 'back', url: '' }] },
    ])
})

test('the probe asks the bot, and says what is wrong', async () => {
    const probe = async settings => (await chain.ask({ asking: 'probe', messages: undefined, links: [{ type: 'botpress12', settings: { base_url: fake.url, bot: fake.bot, ...settings } }] })).class
    assert.equal(await probe(), 'OK')
    assert.equal(await probe(secured()), 'OK')
    assert.equal(await probe({ ...secured(), password: 'no' }), 'AUTH')
    assert.equal(await probe({ bot: '' }), 'CONFIG')
    assert.equal(await probe({ base_url: fake.url.replace('/chat/bp', '') }), 'NOT_FOUND')
    assert.equal(fake.requests.at(-2).path, '/chat/bp/api/v1/auth/login/basic/default')
})
