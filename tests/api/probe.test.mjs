// POST /v1/engines/{engine}/probe: what is wrong with an engine, in words, and which models its provider offers.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { KEY, startOpenai } from '../engine/fake/openai.mjs'
import { requestBytes } from '../lib/fcgi.mjs'
import { freePort, until } from '../lib/install.mjs'
import { startApi } from './lib.mjs'

let parley, call, mine, other, key, fake, deadPort

before(async () => {
    fake = await startOpenai()
    deadPort = await freePort()
    const api = await startApi({ engine_private_hosts: `127.0.0.1:${fake.port} 127.0.0.1:${deadPort}` });
    ({ parley, call, mine, other, key } = api)
})
after(async () => {
    await parley?.stop()
    await fake?.stop()
})

async function made(settings = {}, who = mine) {
    const body = { type: 'openai', name: `Engine ${Math.random()}`, settings: { base_url: `${fake.url}/v1`, api_key: KEY, model: 'small', ...settings } }
    const got = await call(who, 'POST', '/v1/engines', body)
    assert.equal(got.status, 201, JSON.stringify(got.body))
    return got.body.id
}

const probe = (id, who = mine) => call(who, 'POST', `/v1/engines/${id}/probe`)
test('an engine that works says how long it took and which models there are', async () => {
    fake.clear()
    const { status, body } = await probe(await made())
    assert.equal(status, 200)
    assert.ok(Number.isInteger(body.ms) && body.ms >= 0 && body.ms < 10000, JSON.stringify(body))
    assert.deepEqual({ ...body, ms: 0 }, { ok: true, ms: 0, models: ['large', 'small'] })
    assert.deepEqual(fake.requests.map(r => [r.method, r.path]), [['GET', '/v1/models'], ['POST', '/v1/chat/completions']])
    const [row] = await parley.sql('SELECT purpose, outcome, model, HEX(bot_id) bot, conversation_id c FROM engine_call ORDER BY call_id DESC LIMIT 1')
    assert.deepEqual({ ...row }, { purpose: 'probe', outcome: 'OK', model: 'small', bot: '0'.repeat(32), c: null })
    const scopes = await parley.sql('SELECT scope, monthly, calls FROM engine_usage ORDER BY monthly')
    assert.deepEqual(scopes.map(r => [r.scope, Number(r.monthly), Number(r.calls)]), [['workspace', 0, 1], ['workspace', 1, 1]])
})

test('what is wrong is said in words, with a code for each kind', async () => {
    const wrong = [
        [{ api_key: 'sk-wrong-key-000000' }, 'auth', /refused the key/],
        [{ model: 'none' }, 'model', /does not offer the model "none"/],
        [{ base_url: `${fake.url}/nothing` }, 'not_found', /Check the base address/],
        [{ base_url: 'http://engine.invalid/v1' }, 'name', /name of the engine's server is not known/],
        [{ base_url: `http://127.0.0.1:${deadPort}/v1` }, 'net', /cannot be reached/],
        [{ base_url: `https://127.0.0.1:${fake.port}/v1` }, 'tls', /certificate/],
        [{ base_url: `http://127.0.0.1:${parley.port}/v1` }, 'policy', /private network that the operator has not allowed/],
        [{ base_url: 'http://169.254.169.254/v1' }, 'policy', /private network/],
        [{}, 'quota', /no credit left/, { status: 429, body: { error: { message: 'You exceeded your current quota', code: 'insufficient_quota' } } }],
        [{}, 'rate', /no more calls at the moment/, { status: 429, body: { error: { message: 'Slow down' } } }],
        [{}, 'protocol', /not what an engine of this type sends/, { fault: 'html200' }],
        [{}, 'upstream', /The engine failed/, { status: 500, body: 'oops' }],
    ]
    for (const [settings, code, words, script] of wrong) {
        fake.clear()
        fake.script = script ?? {}
        const id = await made(settings), { status, body } = await probe(id)
        assert.equal(status, 200)
        assert.deepEqual([body.ok, body.problem?.code], [false, code], JSON.stringify(body))
        assert.match(body.problem.message, words)
        assert.ok(!JSON.stringify(body).includes(settings.api_key ?? KEY), 'the key is never shown')
        assert.deepEqual(body.models, code === 'model' ? ['large', 'small'] : [], 'the list that came before is shown')
        await call(mine, 'DELETE', `/v1/engines/${id}`)
    }
    fake.clear()
    assert.ok(!parley.log('serve').includes(KEY), 'nor is it in a log')
})

test('only a key that may write tests an engine, and one of another workspace does not exist', async () => {
    fake.clear()
    const id = await made(), reader = { key: await key(mine.id, 'read') }
    assert.equal((await probe(id, reader)).status, 403)
    assert.equal((await probe(id, other)).status, 404)
    assert.equal((await probe('eng_nothing')).status, 404)
    assert.equal((await probe(id, null)).status, 401)
    assert.equal(fake.requests.length, 0)
})

test('an engine that is changed or removed during its test has no result, but the call is recorded', async () => {
    const before = await parley.sql('SELECT COUNT(*) n FROM engine_call')
    for (const [change, status, code] of [
        [id => call(mine, 'PATCH', `/v1/engines/${id}`, { settings: { api_key: 'sk-other-key-0000000' } }), 409, 'engine_changed'],
        [id => call(mine, 'DELETE', `/v1/engines/${id}`), 404, 'engine_unknown'],
    ]) {
        fake.clear()
        fake.script = { delay: 400 }
        const id = await made(), asked = probe(id)
        await until('the question', () => fake.requests.length > 0)
        assert.ok((await change(id)).status < 300)
        const got = await asked
        assert.deepEqual([got.status, got.body.code], [status, code])
        assert.equal(fake.requests.at(-1).headers.authorization, `Bearer ${KEY}`, 'the test goes on with the key it began with')
    }
    const now = await parley.sql('SELECT COUNT(*) n FROM engine_call')
    assert.equal(now[0].n - before[0].n, 2)
})

/** The test of an engine by a web server that sits at the program's socket. */
function ask(id) {
    const socket = net.connect(`${parley.runDir}/api.sock`)
    socket.write(requestBytes({ method: 'POST', uri: `/v1/engines/${id}/probe`, headers: { Authorization: `Bearer ${mine.key}` }, body: '' }))
    return socket
}

const lastOutcome = async () => (await parley.sql('SELECT outcome FROM engine_call ORDER BY call_id DESC LIMIT 1'))[0].outcome

test('a test whose client leaves ends the call, and is recorded', async () => {
    fake.clear()
    fake.script = { fault: 'silent' }
    const socket = ask(await made())
    await until('the question', () => fake.requests.length === 1)
    socket.destroy()
    await until('the end of the call', () => fake.gone === 1, 5000)
    await until('the record', async () => await lastOutcome() === 'CANCELLED')
    fake.clear()
})

test('a program that stops ends the tests that go on, and says so', async () => {
    assert.equal((await probe(await made())).body.ok, true)
    fake.script = { fault: 'silent' }
    fake.requests = []
    const socket = ask(await made()), pieces = []
    socket.on('data', piece => pieces.push(piece))
    const over = once(socket, 'close')
    await until('the question', () => fake.requests.length === 1)
    const pid = parley.pid('api')
    process.kill(pid, 'SIGTERM')
    await over
    const text = Buffer.concat(pieces).toString()
    assert.match(text, /Status: 503/)
    assert.match(text, /"code":"unavailable"/)
    assert.equal(await lastOutcome(), 'CANCELLED')
    fake.clear()
    await until('the new program', () => parley.pid('api') && parley.pid('api') !== pid)
})

test('a server that hangs up is told apart from one that works again', async () => {
    fake.clear()
    fake.script = { fault: 'resetBefore' }
    assert.equal((await probe(await made())).body.problem.code, 'net')
    fake.clear()
    assert.equal((await probe(await made())).body.ok, true)
})

test('the command line tests an engine too', async () => {
    fake.clear()
    const id = await made()
    const got = JSON.parse(await parley.run('--json', 'engine', 'probe', id, '--tenant', mine.id))
    assert.deepEqual([got.ok, got.models], [true, ['large', 'small']])
    assert.match(await parley.run('engine', 'probe', id, '--tenant', mine.id), /large/)
    await call(mine, 'PATCH', `/v1/engines/${id}`, { settings: { api_key: 'sk-wrong-key-000000' } })
    await assert.rejects(parley.run('engine', 'probe', id, '--tenant', mine.id), /refused the key/)
    await assert.rejects(parley.run('engine', 'probe', id, '--tenant', other.id), /no such engine/)
})

test('a workspace tests its engines ten times a minute, and another one is not held up by it', async () => {
    parley.configure({ rate_limits: 'on' })
    parley.hup()
    fake.clear()
    const id = await made(), theirs = await made({}, other)
    let refused
    await until('the new setting', async () => {
        for (let i = 0; i < 12 && refused?.status !== 429; i++) refused = await probe(id)
        return refused.status === 429
    })
    assert.equal(refused.body.code, 'rate_limited')
    assert.match(refused.headers.get('retry-after'), /^[1-9][0-9]*$/)
    assert.equal((await probe(theirs, other)).body.ok, true)
})
