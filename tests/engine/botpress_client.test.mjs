// Botpress' own client accepts the fake Botpress Cloud, and so does the end-to-end suite that its package carries. Runs for about 10 s.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import fs from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { top } from '../lib/build.mjs'
import { FakeBotpress } from './fake/botpress.mjs'

const chat = createRequire(import.meta.url)('@botpress/chat')
let fake
before(async () => { fake = await FakeBotpress.start() })
beforeEach(() => fake.reset())
after(() => fake?.close())

const next = (listener, signal) => new Promise((resolve, reject) => {
    listener.once(signal, resolve)
    listener.once('error', reject)
})

test('the end-to-end suite in the package of the client passes', async () => {
    // One of its tests counts its own messages as soon as createMessage has answered, so the answer must not overtake the signal.
    fake.knobs.createDelayMs = 50
    // It is copied, because vitest does not run tests inside node_modules; the copy is below the checkout, where its packages are found.
    await fs.mkdir(`${top}/var`, { recursive: true })
    const dir = await fs.mkdtemp(`${top}/var/botpress-e2e-`), home = path.resolve(createRequire(import.meta.url).resolve('@botpress/chat'), '../..')
    try {
        await fs.cp(`${home}/e2e`, `${dir}/e2e`, { recursive: true })
        await fs.writeFile(`${dir}/vitest.config.mjs`, `export default { test: { testTimeout: 20000, include: ['e2e/**/*.test.ts'] },
            resolve: { alias: [{ find: '../src', replacement: ${JSON.stringify(`${home}/dist/index.cjs`)} }] } }`)
        const { code, out } = await new Promise(resolve => execFile(process.execPath, [`${top}/node_modules/vitest/vitest.mjs`, 'run', '--root', dir, '--reporter=json', `--outputFile=${dir}/report.json`],
            { cwd: dir, env: { ...process.env, API_URL: fake.url, ENCRYPTION_KEY: fake.encryptionKey, NODE_OPTIONS: '' } },
            (error, stdout, stderr) => resolve({ code: error?.code ?? 0, out: stdout + stderr })))
        const report = JSON.parse(await fs.readFile(`${dir}/report.json`).catch(() => assert.fail(out)))
        const failed = report.testResults.flatMap(f => f.assertionResults).filter(t => t.status !== 'passed')
        assert.deepEqual(failed.map(t => [t.title, ...t.failureMessages]), [])
        assert.equal(code, 0, out)
        assert.equal(report.numPassedTests, 23)
    } finally {
        await fs.rm(dir, { recursive: true, force: true })
    }
})

test('with an encryption key of the administrator only a key made with it opens a conversation', async () => {
    fake.knobs.adminKey = true
    await assert.rejects(chat.Client.connect({ apiUrl: fake.url }), chat.UnauthorizedError)
    const client = await chat.Client.connect({ apiUrl: fake.url, userId: 'visitor_1', encryptionKey: fake.encryptionKey })
    const { conversation } = await client.getOrCreateConversation({ id: 'c1' })
    assert.equal(conversation.id, 'c1')
    const wrong = new chat.Client({ apiUrl: fake.url })
    await assert.rejects(wrong.getOrCreateUser({ 'x-user-key': `${client.user.key.slice(0, -3)}abc` }), chat.UnauthorizedError)
})

test('a reply with status 200 that carries an error code is an error to the client', async () => {
    const client = await chat.Client.connect({ apiUrl: fake.url })
    fake.knobs.fail = [{ op: 'createConversation', http: 200, code: 403 }]
    await assert.rejects(client.createConversation({}), { status: 403 })
})

test('a client with a refused key, a lost reply or a full server gets the errors of the real one', async () => {
    const client = await chat.Client.connect({ apiUrl: fake.url })
    const { conversation: { id } } = await client.createConversation({})
    fake.knobs.refuseKeys = 1
    await assert.rejects(client.getConversation({ id }), chat.UnauthorizedError)
    fake.knobs.fail = [{ op: 'getConversation', code: 429 }]
    await assert.rejects(client.getConversation({ id }), chat.RateLimitedError)
    fake.knobs.loseCreate = 1
    await assert.rejects(client.createMessage({ conversationId: id, payload: { type: 'text', text: 'lost?' } }))
    assert.equal((await client.listMessages({ conversationId: id })).messages.filter(m => m.userId === client.user.id).length, 1)
    fake.knobs.listenRefused = 1
    await assert.rejects(client.listenConversation({ id }))
})

test('the client reads a stream with pings, a leading {} and pieces of one byte', async () => {
    Object.assign(fake.knobs, { pingMs: 5, splitBytes: 1, createDelayMs: 30 })
    const client = await chat.Client.connect({ apiUrl: fake.url })
    const { conversation: { id } } = await client.createConversation({}), listener = await client.listenConversation({ id })
    const own = next(listener, 'message_created')
    await client.createMessage({ conversationId: id, payload: { type: 'text', text: 'Grüße 🙂' } })
    assert.equal((await own).payload.text, 'Grüße 🙂')
    await listener.disconnect()
})

test('what is sent while no listener is connected is in the list only, page by page', async () => {
    fake.knobs.replies = () => [{ ms: 0, payload: { type: 'text', text: 'heard' } }, { ms: 30, payload: { type: 'text', text: 'missed' } }]
    Object.assign(fake.knobs, { dropAfter: 2, dropSilentMs: 200, listPage: 1 })
    const client = await chat.Client.connect({ apiUrl: fake.url })
    const { conversation: { id } } = await client.createConversation({}), listener = await client.listenConversation({ id })
    const heard = []
    listener.on('message_created', m => heard.push(m.payload.text))
    listener.on('error', () => {})
    await client.createMessage({ conversationId: id, payload: { type: 'text', text: 'own' } })
    await new Promise(resolve => setTimeout(resolve, 100))
    assert.deepEqual(heard, ['own', 'heard'])
    const listed = []
    for (let nextToken; ;) {
        const page = await client.listMessages({ conversationId: id, nextToken })
        listed.push(...page.messages)
        if (!(nextToken = page.meta.nextToken)) break
    }
    assert.deepEqual(listed.map(m => m.payload.text).sort(), ['heard', 'missed', 'own'])
    await listener.disconnect()
})

test('the listener of a removed participant ends', async () => {
    fake.knobs.replies = () => [{ ms: 10, kick: true }]
    const client = await chat.Client.connect({ apiUrl: fake.url })
    const { conversation: { id } } = await client.createConversation({}), listener = await client.listenConversation({ id })
    const ended = new Promise(resolve => listener.on('error', resolve))
    await client.createMessage({ conversationId: id, payload: { type: 'text', text: 'out' } })
    await ended
    await assert.rejects(client.listMessages({ conversationId: id }), chat.ForbiddenError)
})
