// The program: stop, reload, crash, plain CGI, the socket.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { build, connectTo, parseAnswer, requestBytes, startServer, writeConfig } from '../lib/fcgi.mjs'
import { until } from '../lib/install.mjs'

const binary = `${build}/tests/http/testserver`

test('after SIGTERM requests in flight and streams finish, and the program exits with 0', async t => {
    const server = await startServer(binary, { t })
    const slow = server.get('/slow?ms=800'), stream = await server.connect()
    stream.write(requestBytes({ uri: '/stream' }))
    await stream.until(t => t.includes('"i":2'))
    const from = Date.now()
    server.signal('SIGTERM')
    assert.equal((await slow).text, 'hello\n')
    await stream.done
    assert.match(stream.bytes.toString(), /event: done\ndata: \{\}\n\n$/)
    assert.deepEqual(await server.exit, { code: 0, signal: null })
    assert.ok(Date.now() - from < 10000)
    await server.logged({ event: 'stopped' })
    await assert.rejects(server.connect(), 'its socket is gone')
    await server.stop()
})

test('an idle program exits immediately on SIGTERM', async t => {
    const server = await startServer(binary, { t, config: { api_threads: 48 } })
    const from = Date.now()
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    assert.ok(Date.now() - from < 10000)
})

test('stop_timeout limits how long a program waits for its requests', async t => {
    const server = await startServer(binary, { t, config: { stop_timeout: '300ms' } })
    const c = await server.connect()
    c.write(requestBytes({ uri: '/slow?ms=60000' }))
    await server.logged({ event: 'entered' })
    const from = Date.now()
    server.signal('SIGTERM')
    assert.equal((await server.exit).code, 0)
    assert.ok(Date.now() - from < 10000)
    assert.ok(server.logs({ event: 'stop_timeout' }).length)
    c.end()
    await server.stop()
})

// Binds, then runs the program twice on the same socket, with a pause between: what a supervisor does.
const SUPERVISOR = `use IO::Socket::UNIX; use POSIX (); $| = 1;
my $s = IO::Socket::UNIX->new(Local => shift @ARGV, Listen => 16) or die;
for (1, 2) { my $pid = fork; if (!$pid) { POSIX::dup2(fileno $s, 0); exec @ARGV } print "$pid\n"; waitpid $pid, 0; select undef, undef, undef, 0.5 }`

test('on the socket of a supervisor, a connection that waits during a restart is served by the next program', async t => {
    const dir = fs.mkdtempSync('/tmp/parley-server-')
    fs.writeFileSync(`${dir}/c.conf`, `run_dir = ${dir}\ndata_dir = ${dir}\n`)
    const perl = spawn('perl', ['-e', SUPERVISOR, `${dir}/s.sock`, binary, '--config', `${dir}/c.conf`], { stdio: ['ignore', 'pipe', 'pipe'] })
    let log = '', pids = ''
    perl.stderr.on('data', d => (log += d))
    perl.stdout.on('data', d => (pids += d))
    const started = async n => { // both pipes: pid 0 would be this test's own process group
        while (log.split('"started"').length <= n || pids.split('\n').length <= n) await sleep(10)
        return Number(pids.split('\n')[n - 1])
    }
    const ask = async () => {
        const c = await connectTo(`${dir}/s.sock`)
        c.write(requestBytes({ uri: '/plain' }))
        await c.done
        c.end()
        return parseAnswer(c.bytes)
    }
    t.after(() => {
        perl.kill('SIGKILL')
        for (const pid of pids.split('\n').slice(0, -1)) try { process.kill(Number(pid), 'SIGKILL') } catch { /* gone */ }
        fs.rmSync(dir, { recursive: true, force: true })
    })
    const first = await started(1)
    assert.equal((await ask()).text, 'hello\n')
    process.kill(first, 'SIGTERM')
    while (!log.includes('"stopped"')) await sleep(10)
    assert.ok(fs.existsSync(`${dir}/s.sock`), 'the socket is not the program’s to remove')
    assert.equal((await ask()).text, 'hello\n')
    const second = await started(2)
    assert.notEqual(first, second)
    process.kill(second, 'SIGTERM')
    await new Promise(ok => perl.once('exit', ok))
})

test('SIGHUP: new settings take effect; invalid ones are logged and the old ones kept', async t => {
    const server = await startServer(binary, { t, config: { brand_name: 'One' } })
    assert.equal((await server.get('/brand')).text, 'One')
    writeConfig(server, { brand_name: 'Two', stop_timeout: '7s' })
    server.signal('SIGHUP')
    await server.logged({ event: 'reloaded' })
    assert.deepEqual(server.logs({ event: 'restart_needed' }).map(l => l.setting), ['stop_timeout'])
    assert.equal((await server.get('/brand')).text, 'Two')
    for (const broken of ['brand_name = ', 'no_such_key = 1\n', 'api_threads = many\n', '\0\0\0']) {
        const seen = server.logs({ event: 'reload_failed' }).length
        fs.writeFileSync(server.config, broken)
        server.signal('SIGHUP')
        await until('the refusal', () => server.logs({ event: 'reload_failed' }).length > seen)
        assert.equal(server.logs({ event: 'reload_failed' }).length, seen + 1, JSON.stringify(broken))
        assert.equal((await server.get('/brand')).text, 'Two')
    }
    fs.rmSync(server.config)
    const seen = server.logs({ event: 'reload_failed' }).length
    server.signal('SIGHUP')
    await until('the refusal', () => server.logs({ event: 'reload_failed' }).length > seen)
    assert.equal((await server.get('/brand')).text, 'Two')
    await server.stop()
})

test('SIGHUP reopens the log file', async t => {
    const server = await startServer(binary, { t })
    const file = `${server.dir}/log`
    writeConfig(server, { log_file: file })
    server.signal('SIGHUP')
    await until('the file', () => fs.existsSync(file))
    await server.get('/plain')
    await until('the line', () => fs.readFileSync(file, 'utf8').includes('/plain'))
    fs.renameSync(file, `${file}.1`)
    server.signal('SIGHUP')
    await until('the file', () => fs.existsSync(file))
    await server.get('/brand')
    await until('the line', () => fs.readFileSync(file, 'utf8').includes('/brand'))
    assert.match(fs.readFileSync(`${file}.1`, 'utf8'), /"route":"\/plain"/)
    assert.match(fs.readFileSync(file, 'utf8'), /"route":"\/brand"/)
    await server.stop()
})

test('a crash report names the build, the signal, the requests in flight and the stack', async t => {
    const server = await startServer(binary, { t })
    const { build_id } = server.logs({ event: 'started' })[0]
    const a = await server.connect(), b = await server.connect()
    a.write(requestBytes({ uri: '/slow?ms=5000&secret=1' }))
    b.write(requestBytes({ uri: '/wait-gone' }))
    await until('both requests', () => server.logs({ event: 'entered' }).length === 2)
    server.signal('SIGSEGV')
    assert.equal((await server.exit).signal, 'SIGSEGV')
    const line = await server.logged({ event: 'crash' })
    assert.deepEqual([line.program, line.signal, line.build_id], ['test', 'SIGSEGV', build_id])
    assert.match(build_id, /^[0-9a-f]{40}$/)
    assert.equal(line.sent_by, process.pid)
    assert.deepEqual(line.requests.map(r => r.route).sort(), ['/slow', '/wait-gone'])
    for (const r of line.requests) assert.match(r.id, /^req_[0-9a-z]{26}$/)
    const trace = server.log.slice(server.log.indexOf('"crash"')).split('\n').slice(1).filter(l => /\[0x[0-9a-f]+\]$/.test(l))
    assert.ok(trace.length >= 2, server.log)
    assert.ok(trace.some(l => l.includes('testserver')), trace.join('\n'))
    a.end()
    b.end()
    await server.stop()
})

test('plain CGI gives the same reply', async t => {
    const server = await startServer(binary, { t })
    const clean = r => ({ status: r.status, text: r.text.replaceAll(/req_[0-9a-z]{26}/g, 'ID'), names: r.all.map(([n]) => n), type: r.headers['content-type'] })
    for (const options of [{ uri: '/plain' }, { uri: '/item/a%2Fb' }, { uri: '/nowhere' }, { uri: '/fail', headers: { accept: 'application/json' } },
        { method: 'HEAD', uri: '/plain' }, { method: 'PATCH', uri: '/plain' }, { method: 'POST', uri: '/form', body: 'a=1&b=%C3%A9', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
        { method: 'POST', uri: '/bulk', body: Buffer.alloc(3 << 20, 'x') }, { method: 'POST', uri: '/small', body: 'x'.repeat(5000) }, { uri: '/stream?n=2' }, { uri: '/cookie?v=1' },
        { uri: '/me', headers: { cookie: 'parley_session=5' } }]) {
        const cgi = server.cgi(options)
        assert.equal(cgi.code, 0)
        assert.deepEqual(clean(cgi), clean(await server.request(options)), options.uri)
        assert.match(cgi.log, /"event":"request"/)
    }
    await server.stop()
})

test('plain CGI without REQUEST_URI takes SCRIPT_NAME and PATH_INFO', async t => {
    const server = await startServer(binary, { t })
    assert.equal(server.cgi({ params: { REQUEST_URI: '', SCRIPT_NAME: '', PATH_INFO: '/item/7', QUERY_STRING: 'a=1' } }).json().id, '7')
    await server.stop()
})

test('plain CGI that cannot start answers 503', () => {
    const r = spawnSync(binary, ['--config', '/nonexistent/parley.conf'], { env: { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', REQUEST_URI: '/plain' }, input: '' })
    assert.equal(parseAnswer(r.stdout).status, 503)
    assert.equal(r.status, 1)
    assert.match(r.stderr.toString(), /test\.fcgi: /)
})

test('the socket has mode 0660; a stale one is replaced, a live one is not', async t => {
    const server = await startServer(binary, { t })
    assert.equal(fs.statSync(server.socket).mode & 0o777, 0o660)
    const second = spawnSync(binary, ['--socket', server.socket, '--config', server.config])
    assert.equal(second.status, 1)
    assert.match(second.stderr.toString(), /Another program answers/)
    assert.equal((await server.get('/plain')).status, 200)
    server.signal('SIGKILL')
    await server.exit
    assert.ok(fs.existsSync(server.socket))
    await server.start()
    assert.equal((await server.get('/plain')).status, 200)
    await server.stop()
})

test('invalid arguments are refused with a message', () => {
    assert.match(spawnSync(binary, ['--version']).stdout.toString(), /^test\.fcgi \d+\.\d+/)
    assert.match(spawnSync(binary, ['--help']).stdout.toString(), /--socket PATH/)
    assert.equal(spawnSync(binary, ['--what']).status, 2)
    const r = spawnSync(binary, ['--config', '/dev/null'], { input: '', env: {} })
    assert.equal(r.status, 1)
    assert.match(r.stderr.toString(), /No FastCGI socket/)
})
