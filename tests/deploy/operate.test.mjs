// What an operator meets between the install and the first visitor: a late database, an outage, settings, and what doctor says.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import { after, before, test } from 'node:test'
import { build, startInstall, until } from '../lib/install.mjs'

let parley
before(async () => { parley = await startInstall({ programs: false, config: { rate_limits: 'off' } }) })
after(() => parley?.stop())

const events = (name, event) => parley.log(name).split('\n').filter(l => l.includes(`"event":"${event}"`)).map(l => JSON.parse(l))

/** Start `parley serve` without waiting for it. */
const serve = () => parley.start('serve', `${build}/parley`, ['serve'])
const isUp = async () => (await fetch(`${parley.url}/readyz`)).status === 200
const finding = async (check, ...options) => {
    const said = await parley.tryRun(...options, 'doctor', '--json')
    return JSON.parse(said.stdout).filter(f => f.check === check)
}

test('serve waits for a database that starts late, and starts when it answers', async () => {
    await parley.kill('database', 'SIGTERM')
    const child = serve()
    await until('the wait', () => events('serve', 'waiting_for_database').length === 1)
    // More attempts than systemd's limit of five starts would allow.
    await until('seven attempts', () => events('serve', 'database_unreachable').length >= 7)
    assert.equal(child.over, undefined, 'it still waits')
    assert.equal(events('serve', 'waiting_for_database').length, 1)
    assert.ok(!fs.existsSync(`${parley.runDir}/chat.sock`), 'no socket exists on which visitors would wait')
    await parley.startDatabase()
    await until('the programs', () => parley.pid('chat') && parley.pid('portal'))
    await parley.startWeb()
    await until('an answer', isUp)
})

test('serve ends immediately on SIGTERM while it waits for the database', async () => {
    await parley.kill('serve', 'SIGTERM')
    await parley.kill('database', 'SIGTERM')
    const waits = events('serve', 'waiting_for_database').length
    const child = serve()
    await until('the wait', () => events('serve', 'waiting_for_database').length === waits + 1)
    child.kill('SIGTERM')
    assert.deepEqual(await child.gone, { code: 0, signal: null })
    for (const file of ['parley.pid', 'parley.config']) assert.ok(!fs.existsSync(`${parley.runDir}/${file}`), file)
    await parley.startDatabase()
})

test('serve does not wait for a failure that waiting cannot fix', async () => {
    for (const [changes, words] of [[{ database_password: 'wrong' }, /refuses the connection: Access denied/],
        [{ database_name: 'elsewhere' }, /refuses the connection: .*elsewhere/]]) {
        parley.configure(changes)
        const done = await parley.tryRun('serve')
        assert.equal(done.status, 1)
        assert.match(done.stderr, words)
        parley.configure({ database_password: 'test-only', database_name: 'parley' })
    }
})

test('during a database outage each program logs about one line a second', async () => {
    await parley.startPrograms()
    await until('an answer', isUp)
    fs.writeFileSync(`${parley.dir}/log/serve.log`, '')
    await parley.kill('database', 'SIGKILL')
    const begun = Date.now()
    let failed = 0
    while (Date.now() < begun + 4000) {
        const answers = await Promise.all(['/readyz', '/v1/me', '/chat/bot_00000000000000000000000000/messages', '/app'].map(path =>
            fetch(parley.url + path, { redirect: 'manual', headers: { authorization: 'Bearer ply_0123456789abcdef', cookie: 'parley_session=abc', accept: 'application/json' } })))
        failed += answers.filter(a => a.status === 503).length
    }
    const lasted = (Date.now() - begun) / 1000
    assert.ok(failed > 100, `only ${failed} requests failed`)
    const lines = parley.log('serve').split('\n').filter(l => /"level":"(error|warn)"/.test(l)).map(l => JSON.parse(l))
    for (const program of new Set(lines.map(l => l.program))) {
        const mine = lines.filter(l => l.program === program)
        assert.ok(mine.length <= lasted + 4, `${program}: ${mine.length} lines in ${lasted} s: ${mine.map(l => l.event)}`)
    }
    const unreachable = lines.filter(l => l.event === 'database_unreachable')
    assert.ok(unreachable.length > 0 && unreachable.some(l => l.left_out > 0), 'and says how many it left out')
    await parley.startDatabase()
    await until('an answer', isUp)
})

test('doctor reports a proxy that gives all visitors one address', async () => {
    assert.deepEqual(await finding('proxy'), [])
    await fetch(`${parley.url}/login`, { headers: { 'x-forwarded-for': '127.0.0.1' } })
    assert.deepEqual(await finding('proxy'), [])
    await fetch(`${parley.url}/login`, { headers: { 'x-forwarded-for': '203.0.113.7' } })
    assert.deepEqual((await finding('proxy')).map(f => f.level), ['warn'])
    const said = events('serve', 'visitors_hidden').length
    assert.equal(said, 1)
    await fetch(`${parley.url}/login`, { headers: { 'x-forwarded-for': '203.0.113.8' } })
    assert.equal(events('serve', 'visitors_hidden').length, said)
})

test('doctor does not mistake another install in the same run_dir for this one', async () => {
    assert.deepEqual((await finding('sockets')).map(f => f.level), ['ok'])
    const other = `${parley.dir}/other.conf`
    fs.copyFileSync(parley.conf, other)
    assert.deepEqual((await finding('serve', '--config', other)).map(f => [f.level, f.what.includes(parley.conf)]), [['fail', true]])
})

test('doctor accepts only https, or this machine, for passwords', async () => {
    for (const [url, level] of [['http://127.0.0.1:8080', 'ok'], ['http://localhost', 'ok'], ['https://chat.example.com', 'ok'],
        ['http://localhost.example.com', 'warn'], ['http://127.0.0.1.example.com', 'warn'], ['http://chat.example.com/x//localhost', 'warn']]) {
        const said = await parley.tryRun('doctor', '--json', { env: { PARLEY_BASE_URL: url } })
        assert.deepEqual(JSON.parse(said.stdout).filter(f => f.check === 'base_url').map(f => f.level), [level], url)
    }
})

test('serve writes to standard error why it waits', async () => {
    await parley.kill('serve', 'SIGTERM')
    const child = spawn(`${build}/parley`, ['serve'], { env: { ...parley.env, PARLEY_DATABASE_SOCKET: `${parley.dir}/nowhere.sock` } })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', text => { said += text })
    await until('the reason', () => /waiting_for_database.*nowhere\.sock/.test(said))
    child.kill('SIGINT')
    assert.equal(await new Promise(ok => child.once('exit', ok)), 0)
})
