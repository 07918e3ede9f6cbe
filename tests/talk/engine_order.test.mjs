// Servers that lose their place when a user asks two things at once: a visitor who is impatient, and one with two pages, do not make them.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { FakeBotpress12 } from '../engine/fake/botpress12.mjs'
import { startInstall } from '../lib/install.mjs'
import { askFlow, makeEngineBot } from './engines.mjs'
import { send } from './lib.mjs'

let parley, fake, made

before(async () => {
    fake = await FakeBotpress12.start()
    parley = await startInstall({ config: { rate_limits: 'off', engine_private_hosts: `127.0.0.1:${fake.server.address().port}` } })
    made = await makeEngineBot(parley, askFlow(), [fake], { type: 'botpress12', settings: { bot: fake.bot } })
})
after(async () => {
    await parley?.stop()
    await fake?.close()
})

const said = reply => [reply.status, reply.body.messages.map(m => m.text)]

test('messages of a conversation that are sent at once are asked one after the other', async () => {
    const { conversation, token } = (await send(parley, made.bot, { text: 'zero' })).body
    fake.knobs.delayMs = 200
    const all = await Promise.all(['one', 'two', 'three'].map(text => send(parley, made.bot, { text, conversation, token })))
    assert.deepEqual(all.map(said), [[200, ['one']], [200, ['two']], [200, ['three']]])
    assert.deepEqual([fake.collisions, fake.requests.length], [0, 4])
})

test('a message that is sent again while it is being answered is asked once', async () => {
    const { conversation, token } = (await send(parley, made.bot, { text: 'zero' })).body
    fake.knobs.delayMs = 200
    fake.requests.length = 0
    const twice = await Promise.all([1, 2].map(() => send(parley, made.bot, { text: 'once', conversation, token, id: 'the-same-message-id' })))
    assert.deepEqual(twice.map(said), [[200, ['once']], [200, ['once']]])
    assert.deepEqual([fake.collisions, fake.requests.length], [0, 1])
})

test('two conversations of a visitor are two users of the server, and are asked at once', async () => {
    fake.knobs.delayMs = 0
    const pages = await Promise.all([1, 2].map(async () => (await send(parley, made.bot, { text: 'zero' })).body))
    fake.knobs.delayMs = 400
    fake.requests.length = 0
    const begun = Date.now()
    const both = await Promise.all(pages.map(({ conversation, token }, i) => send(parley, made.bot, { text: `page ${i}`, conversation, token })))
    assert.deepEqual(both.map(said), [[200, ['page 0']], [200, ['page 1']]])
    assert.deepEqual([fake.collisions, new Set(fake.requests.map(r => r.path)).size], [0, 2])
    assert.ok(Date.now() - begun < 790, 'neither waited for the other')
})
