// The fake Botpress v12 answers and refuses as the sources of the server say. Runs for less than a second.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { FakeBotpress12 } from './fake/botpress12.mjs'

let fake
before(async () => { fake = await FakeBotpress12.start({ base: '/chat/bp' }) })
beforeEach(() => fake.reset())
after(() => fake?.close())

async function post(path, body, headers = {}) {
    const reply = await fetch(fake.url + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })
    const text = await reply.text(), json = reply.headers.get('content-type') === 'application/json'
    return { status: reply.status, text, body: json ? JSON.parse(text) : null }
}
const say = (text, more = {}) => post('/api/v1/bots/bot1/converse/u1', { type: 'text', text, ...more })

test('a text is answered after "is typing", below the base path of a proxy', async () => {
    assert.deepEqual((await say('hi')).body.responses, [{ type: 'typing', value: true }, { type: 'text', markdown: true, text: 'hi' }])
    assert.equal((await fetch(fake.url.replace('/chat/bp', '/api/v1/bots/bot1/converse/u1'), { method: 'POST' })).status, 404)
})

test('a text of 360 characters is taken, one of 361 and another key are refused', async () => {
    assert.equal((await say('x'.repeat(360))).status, 200)
    const long = await say('x'.repeat(361))
    assert.equal(long.status, 400)
    assert.equal(long.body.message, 'Text must be a valid string of less than 360 chars')
    assert.equal((await say('hi', { state: {} })).body.message, '"state" is not allowed')
})

test('a bot that takes too long is a 400, a missing license a 402, a disabled bot a 403 as text', async () => {
    Object.assign(fake.knobs, { delayMs: 20, converseTimeoutMs: 10 })
    assert.deepEqual([(await say('hi')).body.message, (await say('hi')).status], ['Request timed out.', 400])
    fake.knobs.unlicensed = true
    assert.equal((await say('hi')).status, 402)
    fake.knobs.publicDisabled = true
    assert.deepEqual(await say('hi'), { status: 403, text: 'Converse API disabled for this bot.', body: null })
})

test('two requests of one user disturb each other, two of different users do not', async () => {
    fake.knobs.delayMs = 20
    const [first, second] = await Promise.all([say('one'), say('two')])
    assert.deepEqual([first.status, second.status].sort(), [200, 400])
    assert.equal(fake.collisions, 1)
    const other = post('/api/v1/bots/bot1/converse/u2', { type: 'text', text: 'two' })
    assert.deepEqual([(await say('one')).status, (await other).status], [200, 200])
})

test('the secured endpoint wants a token of the login, until it expires', async () => {
    const login = () => post('/api/v1/auth/login/basic/default', { email: fake.email, password: fake.password })
    const ask = jwt => post('/api/v1/bots/bot1/converse/u1/secured', { type: 'text', text: 'hi' }, { authorization: `Bearer ${jwt}` })
    assert.equal((await post('/api/v1/auth/login/basic/default', { email: fake.email, password: 'x' })).status, 401)
    const { jwt } = (await login()).body.payload
    assert.equal((await ask('made up')).status, 401)
    assert.equal((await ask(jwt)).status, 200)
    fake.knobs.expireTokens = 1
    assert.equal((await ask(jwt)).status, 401)
    assert.equal((await ask((await login()).body.payload.jwt)).status, 200)
})
