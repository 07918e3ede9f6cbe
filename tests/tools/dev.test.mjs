// ./dev itself: what an operator meets when it runs twice, when the port is taken, when something has died, when the disk is full.
// Runs for about 60 s.
import { test, before, after } from 'node:test'
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { childrenOf, top, freePort, until } from '../lib/install.mjs'

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-dev-'))
let port

function dev(...args) {
    const options = typeof args.at(-1) === 'object' ? args.pop() : {}
    const begun = Date.now()
    const done = spawnSync(`${top}/dev`, args, {
        encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 600000,
        env: { ...process.env, DEV_VAR: dir, TERM: 'dumb', ...options.env },
    })
    return { status: done.status, out: done.stdout, err: done.stderr, all: done.stdout + done.stderr, ms: Date.now() - begun }
}
const pidOf = name => Number(/\(pid (\d+)\)/.exec(dev('status').out.split('\n').find(l => l.startsWith(name)) ?? '')?.[1])
const oneLine = text => assert.equal(text.trim().split('\n').filter(l => l.startsWith('dev: ')).length, 1, text)

before(async () => {
    port = await freePort()
    const done = dev('run', '--yes', '--detach', '--port', port)
    assert.equal(done.status, 0, done.all)
    assert.match(done.out, /\[ ?9\/9\] /)
    assert.match(done.out, new RegExp(`http://127\\.0\\.0\\.1:${port}`))
})
after(() => {
    dev('stop')
    fs.rmSync(dir, { recursive: true, force: true })
})

test('demo.json has what scripts need, and only its owner can read it', async () => {
    const demo = JSON.parse(fs.readFileSync(`${dir}/demo.json`, 'utf8'))
    assert.equal(fs.statSync(`${dir}/demo.json`).mode & 0o777, 0o600)
    assert.equal(demo.url, `http://127.0.0.1:${port}`)
    assert.match(demo.bot, /^bot_/)
    for (const key of ['email', 'password', 'api_key', 'workspace']) assert.ok(demo[key], key)
    assert.match(demo.api_key, /^ply_/)
    const reply = await fetch(`${demo.url}/chat/${demo.bot}/messages`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text: 'hello' }),
    })
    assert.equal(reply.status, 200, await reply.clone().text())
})

test('secrets are in files of mode 0600', () => {
    assert.equal(fs.statSync(`${dir}/etc/secrets.conf`).mode & 0o777, 0o600)
    assert.match(fs.readFileSync(`${dir}/etc/secrets.conf`, 'utf8'), /^secret_key = [0-9a-f]{64}$/m)
})

test('a second run reports immediately that Parley is running, and where', () => {
    const again = dev('run', '--detach')
    assert.equal(again.status, 0, again.all)
    assert.match(again.out, new RegExp(`running already: http://127\\.0\\.0\\.1:${port}`))
    assert.ok(again.ms < 5000, `${again.ms} ms`)
})

test('status prints what runs, with pids', () => {
    const done = dev('status')
    assert.equal(done.status, 0)
    for (const part of ['database', 'serve', 'web']) assert.match(done.out, new RegExp(`^${part}: running \\(pid \\d+\\)`, 'm'))
})

test('reload applies changed settings without a restart; a mistake is reported and changes nothing', async () => {
    const page = async () => (await fetch(`http://127.0.0.1:${port}/`)).text()
    const local = `${dir}/etc/local.conf`, before = fs.readFileSync(local, 'utf8'), serve = pidOf('serve')
    fs.writeFileSync(local, `${before}\nsign_up = perhaps\n`)
    const wrong = dev('reload')
    assert.equal(wrong.status, 1)
    oneLine(wrong.err)
    assert.match(wrong.err, /local\.conf:\d+.*sign_up/s)
    fs.writeFileSync(local, `${before}\nsign_up = off\n`)
    assert.match(await page(), /\/signup/)
    assert.equal(dev('reload').status, 0)
    await until('the setting to take effect', async () => !/\/signup/.test(await page()))
    fs.writeFileSync(local, before)
    assert.equal(dev('reload').status, 0)
    await until('the old setting to be back', async () => /\/signup/.test(await page()))
    assert.equal(pidOf('serve'), serve, 'nothing was restarted')
})

test('--help after a command prints the usage; messages name the folder that --var chose', () => {
    for (const command of ['run', 'stop', 'reload', 'status']) assert.match(dev(command, '--help').out, /\.\/dev run \[--yes\]/)
    assert.match(dev('run', '--detach').out, /stop it: {3}\.\/dev stop$/m)
    assert.match(dev('run', '--detach', '--var', dir, { env: { DEV_VAR: '' } }).out, new RegExp(`stop it: {3}DEV_VAR=${dir} \\./dev stop$`, 'm'))
})

test('the command line works on the install', () => {
    const done = dev('parley', 'config', 'get', 'run_dir')
    assert.equal(done.status, 0, done.all)
    assert.ok(done.out.trim().startsWith('/'))
})

test('a killed database is started again by the next run, and nothing is lost', () => {
    const bot = JSON.parse(fs.readFileSync(`${dir}/demo.json`, 'utf8')).bot
    process.kill(pidOf('database'), 'SIGKILL')
    const done = dev('run', '--detach')
    assert.equal(done.status, 0, done.all)
    assert.match(done.out, /the database has stopped: starting it again/)
    assert.equal(JSON.parse(fs.readFileSync(`${dir}/demo.json`, 'utf8')).bot, bot)
})

test('when the supervisor is killed its programs end, and the next run starts them', async () => {
    process.kill(pidOf('serve'), 'SIGKILL')
    const done = dev('run', '--detach')
    assert.equal(done.status, 0, done.all)
    assert.match(done.out, /the programs have stopped/)
    await until('an answer', async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200, 10000) // the connection from before is gone with the server
})

test('a warm start takes less than ten seconds, and keeps its data', () => {
    assert.equal(dev('stop').status, 0)
    const before = fs.readFileSync(`${dir}/demo.json`, 'utf8')
    const done = dev('run', '--detach')
    assert.equal(done.status, 0, done.all)
    assert.ok(done.ms < 10000, `${done.ms} ms`)
    assert.equal(fs.readFileSync(`${dir}/demo.json`, 'utf8'), before)
})

test('settings from the environment reach every program, and the command line while they run', () => {
    assert.equal(dev('stop').status, 0)
    const env = { PARLEY_STRIPE_API_BASE: 'http://127.0.0.1:12111', PARLEY_RATE_LIMITS: 'off' }
    const done = dev('run', '--detach', { env })
    assert.equal(done.status, 0, done.all)
    const programs = childrenOf(pidOf('serve'))
    assert.equal(programs.length, 5)
    for (const pid of programs) assert.ok(fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`PARLEY_STRIPE_API_BASE=${env.PARLEY_STRIPE_API_BASE}`))
    const base = options => dev('parley', 'config', 'get', 'stripe_api_base', options ?? {}).out.trim()
    assert.equal(base(), env.PARLEY_STRIPE_API_BASE)
    assert.equal(base({ env: { PARLEY_STRIPE_API_BASE: 'http://127.0.0.1:1' } }), 'http://127.0.0.1:1')
    assert.match(dev('parley', 'doctor').all, /rate_limits is off/)
    dev('stop')
    assert.equal(base(), 'https://api.stripe.com')
})

test('stop ends exactly what run started, and reports when nothing runs', async () => {
    const bystander = spawn('sleep', ['60'])
    dev('stop')
    assert.match(dev('status').out, /database: stopped\nserve: stopped\nweb: stopped/)
    // Stale pid files that name another user's process.
    for (const name of ['mariadb', 'parley', 'lighttpd']) fs.writeFileSync(`${dir}/run/${name}.pid`, `${bystander.pid}\n`)
    const done = dev('stop')
    assert.equal(done.status, 0)
    assert.match(done.out, /Nothing was running/)
    const run = dev('run', '--detach')
    assert.equal(run.status, 0, run.all)
    dev('stop')
    assert.equal(bystander.exitCode, null)
    bystander.kill()
})

test('a busy port is reported with the process that uses it, and nothing is started', async () => {
    const other = net.createServer().listen(0, '127.0.0.1')
    await new Promise(ok => other.once('listening', ok))
    const taken = other.address().port
    const done = await new Promise(ok => { // not spawnSync: this process holds the port
        const child = spawn(`${top}/dev`, ['run', '--yes', '--detach', '--port', taken], { env: { ...process.env, DEV_VAR: dir } })
        let all = ''
        for (const out of [child.stdout, child.stderr]) out.on('data', text => { all += text })
        child.on('close', status => ok({ status, all }))
    })
    other.close()
    assert.equal(done.status, 1, done.all)
    assert.match(done.all, new RegExp(`port ${taken} is in use by .*pid ${process.pid}.*--port \\d+`))
    oneLine(done.all)
    assert.match(dev('status').out, /database: stopped\nserve: stopped\nweb: stopped/)
})

test('Ctrl-C stops the programs of an attached run in order', async () => {
    const child = spawn(`${top}/dev`, ['run', '--yes', '--port', port], { env: { ...process.env, DEV_VAR: dir } })
    let out = ''
    child.stdout.setEncoding('utf8').on('data', text => { out += text })
    await until('the attached run', () => /Ctrl-C stops it/.test(out), 60000)
    child.kill('SIGINT')
    const status = await new Promise(ok => child.on('close', ok))
    assert.equal(status, 0, out)
    assert.match(out, /stopped: web server, programs, database/)
})

test('an attached run restarts programs that die', async () => {
    const child = spawn(`${top}/dev`, ['run', '--yes', '--port', port], { env: { ...process.env, DEV_VAR: dir } })
    let out = ''
    for (const s of [child.stdout, child.stderr]) s.setEncoding('utf8').on('data', text => { out += text })
    await until('the attached run', () => /Ctrl-C stops it/.test(out), 60000)
    process.kill(pidOf('database'), 'SIGKILL')
    await until('the database again', () => /database stopped: starting it again/.test(out))
    await until('an answer', async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200, 30000)
    child.kill('SIGINT')
    assert.equal(await new Promise(ok => child.on('close', ok)), 0, out)
})

test('a path too long for a Unix socket still works', () => {
    const long = path.join(dir, 'a-rather-long-name-'.repeat(6), 'var')
    const done = dev('run', '--yes', '--detach', '--port', port, { env: { DEV_VAR: long } })
    assert.equal(done.status, 0, done.all)
    assert.match(dev('stop', { env: { DEV_VAR: long } }).out, /stopped: web server, programs, database/)
})

test('a var/ folder of another version is refused with a message', () => {
    fs.writeFileSync(`${dir}/layout`, '99\n')
    const done = dev('run', '--yes', '--detach', '--port', port)
    fs.writeFileSync(`${dir}/layout`, '1\n')
    assert.equal(done.status, 1)
    assert.match(done.err, /made by another version/)
    oneLine(done.all)
})

test('a schema newer than this release is refused with a message, and the started programs are stopped', () => {
    assert.equal(dev('run', '--detach', '--port', port).status, 0)
    const socket = dev('parley', 'config', 'get', 'database_socket').out.trim()
    const sql = text => spawnSync('mariadb', ['--no-defaults', '-S', socket, '-u', os.userInfo().username, 'parley', '-e', text], { encoding: 'utf8' })
    assert.equal(sql('CREATE TEMPORARY TABLE later SELECT * FROM schema_migration LIMIT 1; UPDATE later SET version = 9999; ' +
        'INSERT INTO schema_migration SELECT * FROM later').stderr, '')
    dev('stop')
    const done = dev('run', '--detach', '--port', port)
    assert.equal(done.status, 1, done.all)
    assert.match(done.err, /newer/)
    oneLine(done.all)
    assert.match(dev('status').out, /database: stopped\nserve: stopped\nweb: stopped/)
    fs.rmSync(dir, { recursive: true, force: true })
})

/** ./dev run with its folder on a small file system of its own: mounted by root, else inside a user namespace, else with sudo. */
function runOn(mountOptions, before = ':') {
    const place = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-fs-'))
    const root = process.getuid() === 0, namespace = !root && spawnSync('unshare', ['-Urm', 'true']).status === 0
    const sudo = root || namespace ? '' : 'sudo -n '
    const script = `${sudo}mount -t tmpfs -o mode=1777,${mountOptions} tmpfs "$1" || exit 99; trap '${sudo}umount "$1"' EXIT; ${before}; DEV_VAR=$1/var ./dev run --yes --detach --port ${port}`
    const args = ['bash', '-c', script, 'bash', place]
    if (namespace) args.unshift('unshare', '-Urm')
    const done = spawnSync(args[0], args.slice(1), { cwd: top, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    fs.rmdirSync(place)
    return { status: done.status, err: done.stderr, all: done.stdout + done.stderr }
}

test('a full disk is reported, and nothing is started', () => {
    for (const before of [':', 'head -c 9000000 /dev/zero >"$1/fill" 2>/dev/null']) {
        const done = runOn('size=8m', before)
        assert.equal(done.status, 1, done.all)
        assert.match(done.err, /disk .*(is full)/)
        oneLine(done.all)
    }
})

test('a read-only disk is reported', () => {
    const done = runOn('ro,size=1m')
    assert.equal(done.status, 1, done.all)
    assert.match(done.err, /read-only/)
    oneLine(done.all)
})

test('a missing package is reported with the command that installs it', () => {
    // A PATH without curl, as an ordinary user without sudo sees it.
    const bin = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-bin-'))
    for (const d of ['/usr/bin', '/bin', '/usr/sbin', '/sbin']) {
        for (const f of fs.readdirSync(d)) if (!['curl', 'sudo', 'id'].includes(f) && !fs.existsSync(`${bin}/${f}`)) fs.symlinkSync(`${d}/${f}`, `${bin}/${f}`)
    }
    fs.writeFileSync(`${bin}/id`, '#!/bin/sh\n[ "$1" = -u ] && echo 1000 || exec /usr/bin/id "$@"\n', { mode: 0o755 })
    const done = spawnSync('bash', ['-c', '. tools/dev/common.sh; . tools/dev/packages.sh; PATH=$1; ensure_packages "$PACKAGES_RUN"', 'bash', bin],
        { cwd: top, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    fs.rmSync(bin, { recursive: true })
    assert.equal(done.status, 1, done.stdout + done.stderr)
    assert.match(done.stderr, /sudo is missing and you are not root; as root run: apt-get install --no-install-recommends curl/)
})

test('unknown options are refused', () => {
    for (const args of [['run', '--prot', '1'], ['run', '--port', 'http'], ['run', '--port', '70000'], ['fly']]) {
        const done = dev(...args)
        assert.equal(done.status, 1, args.join(' '))
        assert.match(done.err, /^dev: /m)
    }
})
