// A private install for a test suite: database, programs, web server, in a folder of its own that goes when the suite has passed.
//
//   const parley = await startInstall({ config: { conversation_gap: '60s' } })
//   await fetch(parley.url + '/healthz')
//   const bot = await parley.run('bot', 'create', ...)      the operator's command line; throws when it fails
//   await parley.kill('chat')                                kill -9 of one program; also 'portal' 'api' 'hooks' 'serve' 'database' 'web'
//   await parley.stop()                                      in after()
//
// On failure the folder's logs stay (their place is printed).
import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes, randomInt } from 'node:crypto'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { assertSanitized, build, top } from './build.mjs'

export { build, top }
process.env.PATH += ':/usr/local/sbin:/usr/sbin:/sbin'
const scratch = path.join(process.env.DEV_VAR ?? `${top}/var`, 'test')
const user = os.userInfo().username
const PASSWORD = 'test-only'
const PROGRAMS = ['portal', 'api', 'chat', 'hooks']
const open = new Set()

process.on('exit', code => {
    for (const one of open) one.end()
    for (const dir of finished) {
        if (code === 0 && !process.env.KEEP) fs.rmSync(dir, { recursive: true, force: true })
        else process.stderr.write(`# logs: ${dir}\n`)
    }
})
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => process.exit(1))
const finished = new Set()

/** A free port outside the range from which the system picks ports for outgoing calls and for port 0. */
export async function freePort() {
    for (;;) {
        const port = randomInt(10240, 32768), server = net.createServer().listen(port, '127.0.0.1')
        const free = await new Promise(ok => server.once('listening', () => ok(true)).once('error', () => ok(false)))
        if (!free) continue
        await new Promise(ok => server.close(ok))
        return port
    }
}

class Ended extends Error {} // further waiting is useless

/** Wait until probe() is truthy and return its value. An error of probe counts as "not yet". */
export async function until(what, probe, ms = 15000) {
    const end = Date.now() + ms
    let last
    do {
        try {
            const value = await probe()
            if (value) return value
        } catch (error) {
            if (error instanceof Ended) throw error
            last = error
        }
        await sleep(20)
    } while (Date.now() < end)
    throw new Error(`waited ${ms} ms for ${what}${last ? `: ${last.message}` : ''}`)
}

function mustRun(command, args, options = {}) {
    const done = spawnSync(command, args, { encoding: 'utf8', ...options })
    if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.error?.message ?? done.stderr + done.stdout}`)
    return done.stdout
}

class Install {
    constructor(dir, options) {
        this.dir = dir
        this.options = options
        this.children = new Map() // name -> ChildProcess
        this.runDir = options.runDir ?? path.join(dir, 'run')
        if (this.runDir.length > 85) this.runDir = fs.mkdtempSync('/tmp/parley-')
        for (const d of [this.runDir, `${dir}/data`, `${dir}/log`]) fs.mkdirSync(d, { recursive: true, mode: 0o700 })
        this.conf = `${dir}/parley.conf`
        this.socket = `${this.runDir}/mysql.sock`
        this.password = PASSWORD
        const log = `:log_path=${dir}/log/sanitizer`
        this.env = {
            ...process.env, ...options.env, PARLEY_CONFIG: this.conf,
            ASAN_OPTIONS: (process.env.ASAN_OPTIONS ?? '') + log,
            UBSAN_OPTIONS: (process.env.UBSAN_OPTIONS ?? '') + log,
            TSAN_OPTIONS: (process.env.TSAN_OPTIONS ?? '') + log,
        }
    }

    get url() { return `http://127.0.0.1:${this.port}` }

    /** Write parley.conf; `changes` is kept for later calls. Send hup() to have it read. */
    configure(changes = {}) {
        Object.assign(this.options.config ??= {}, changes)
        const settings = {
            base_url: this.url, database_socket: this.socket, database_name: 'parley', database_user: 'parley',
            database_password: PASSWORD, run_dir: this.runDir, data_dir: `${this.dir}/data`, template_dir: `${top}/templates`,
            htdocs_dir: `${top}/htdocs`, sql_dir: `${top}/sql`, flow_template_dir: `${top}/flow-templates`, program_dir: build,
            secret_key: this.secret ??= randomBytes(32).toString('hex'), ...this.options.config,
        }
        fs.writeFileSync(this.conf, Object.entries(settings).filter(([, v]) => v !== null).map(([k, v]) => `${k} = ${v}\n`).join(''), { mode: 0o600 })
    }

    start(name, command, args) {
        const file = fs.openSync(`${this.dir}/log/${name}.log`, 'a', 0o600)
        const child = spawn(command, args, { stdio: ['ignore', file, file], env: this.env })
        fs.closeSync(file)
        child.gone = new Promise(ok => child.once('exit', (code, signal) => { child.over = { code, signal }; ok(child.over) }))
        child.once('error', error => { child.over = error })
        this.children.set(name, child)
        return child
    }

    /** The end of a program's log, for messages. */
    log(name) {
        try { return fs.readFileSync(`${this.dir}/log/${name}.log`, 'utf8') } catch { return '' }
    }

    async startDatabase() {
        fs.rmSync(this.socket, { force: true })
        const child = this.start('database', 'mariadbd', [...databaseArgs(`${this.dir}/db`, this.socket), ...this.options.database ?? []])
        await until('the database', () => {
            if (child.over) throw new Ended(this.log('database').slice(-2000))
            return fs.existsSync(this.socket) && spawnSync('mariadb', [...clientArgs(this.socket), '-e', 'SELECT 1']).status === 0
        }, 60000)
    }

    async startPrograms() {
        const child = this.start('serve', `${build}/parley`, ['serve'])
        await until('the programs', () => {
            if (child.over) throw new Ended(`parley serve ended: ${this.log('serve').slice(-2000)}`)
            return PROGRAMS.every(p => fs.existsSync(`${this.runDir}/${p}.sock`)) && PROGRAMS.every(p => this.pid(p))
        }, 30000)
        for (const name of ['serve', ...PROGRAMS]) assertSanitized(this.pid(name))
    }

    async startWeb() {
        const routes = fs.readFileSync(`${top}/etc/lighttpd.conf.in`, 'utf8').replaceAll('@RUN_DIR@', this.runDir)
            .replaceAll('@HTDOCS_DIR@', `${top}/htdocs`)
        fs.writeFileSync(`${this.dir}/lighttpd.conf`, `server.bind = "127.0.0.1"\nserver.port = ${this.port}\n` +
            `server.document-root = "${top}/htdocs"\nserver.upload-dirs = ("${this.dir}/data")\n` +
            `server.max-keep-alive-idle = 120\n${routes}`) // between two requests of a slow machine
        const child = this.start('web', 'lighttpd', ['-D', '-f', `${this.dir}/lighttpd.conf`])
        await until('the web server', async () => {
            if (child.over) throw new Ended(this.log('web').slice(-2000))
            return (await fetch(`${this.url}/healthz`)).ok
        }, 30000)
    }

    /** Run the operator's command line; returns its output, throws when it fails. */
    async run(...args) {
        const done = await this.tryRun(...args)
        if (done.status !== 0) throw new Error(`parley ${args.join(' ')}: status ${done.status}: ${done.stderr || done.stdout}`)
        return done.stdout.trim()
    }

    /** The same, never throwing: {status, stdout, stderr}. A last argument {input, env} goes to the program. */
    tryRun(...args) {
        const options = typeof args.at(-1) === 'object' ? args.pop() : {}
        return new Promise((ok, bad) => {
            const child = spawn(`${build}/parley`, args, { env: { ...this.env, ...options.env } })
            const out = { stdout: '', stderr: '' }
            for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', text => { out[name] += text })
            child.on('error', bad)
            child.on('close', (status, signal) => ok({ status: status ?? signal, ...out }))
            child.stdin.on('error', () => {})
            child.stdin.end(options.input ?? '')
        })
    }

    /** Rows as objects of strings (null for NULL). */
    async sql(query) {
        const child = spawn('mariadb', [...clientArgs(this.socket), '--batch', 'parley'])
        let out = '', err = ''
        child.stdout.setEncoding('utf8').on('data', text => { out += text })
        child.stderr.setEncoding('utf8').on('data', text => { err += text })
        child.stdin.on('error', () => {})
        child.stdin.end(query)
        const status = await new Promise(ok => child.on('close', ok))
        if (status !== 0) throw new Error(`${err.trim()} in: ${query}`)
        const unescape = t => t === 'NULL' ? null : t.replace(/\\([nt0\\])/g, (_, c) => ({ n: '\n', t: '\t', 0: '\0', '\\': '\\' })[c])
        const [head, ...rows] = out.split('\n').slice(0, -1).map(line => line.split('\t'))
        return rows.map(row => Object.fromEntries(row.map((cell, i) => [head[i], unescape(cell)])))
    }

    /** Pid of portal, api, chat, hooks (children of the supervisor), serve, database or web; undefined when it does not run. */
    pid(name) {
        if (!PROGRAMS.includes(name)) {
            const child = this.children.get(name)
            return child && !child.over ? child.pid : undefined
        }
        const serve = this.children.get('serve')
        if (!serve || serve.over) return undefined
        return childrenOf(serve.pid).find(pid => commandOf(pid) === `${name}.fcgi`)
    }

    /** Send a signal (SIGKILL by default) and wait until that process has ended. */
    async kill(name, signal = 'SIGKILL') {
        const pid = this.pid(name)
        if (!pid) throw new Error(`${name} does not run`)
        process.kill(pid, signal)
        await until(`the end of ${name}`, () => !alive(pid), 30000)
        return pid
    }

    /** After a kill: start it again (the supervisor does so itself for the four programs). Returns when it answers. */
    async restart(name) {
        if (this.pid(name) && !PROGRAMS.includes(name)) await this.kill(name, 'SIGTERM')
        if (name === 'database') await this.startDatabase()
        else if (name === 'serve') await this.startPrograms()
        else if (name === 'web') await this.startWeb()
        else await until(`${name} again`, () => this.pid(name))
    }

    hup() { process.kill(this.pid('serve'), 'SIGHUP') }

    /** Resident memory of the supervisor and its programs, in bytes: pss counts a shared page once, rss in each of them. */
    memory() {
        const serve = this.pid('serve')
        const sum = { pss: 0, rss: 0 }
        for (const pid of [serve, ...childrenOf(serve)]) {
            const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
            sum.pss += 1024 * Number(/^Pss:\s+(\d+)/m.exec(text)[1])
            sum.rss += 1024 * Number(/^Rss:\s+(\d+)/m.exec(text)[1])
        }
        return sum
    }

    /** Stop everything in order. Throws if a sanitizer reported anything. */
    async stop() {
        for (const name of ['web', 'serve', 'database']) {
            const child = this.children.get(name)
            if (!child || child.over) continue
            child.kill('SIGTERM')
            const late = setTimeout(() => this.end(), 30000)
            await child.gone
            clearTimeout(late)
        }
        this.end()
        fs.rmSync(`${this.dir}/db`, { recursive: true, force: true })
        const reports = fs.readdirSync(`${this.dir}/log`).filter(f => f.startsWith('sanitizer'))
            .map(f => fs.readFileSync(`${this.dir}/log/${f}`, 'utf8'))
        if (reports.length) throw new Error(`a sanitizer reported:\n${reports.join('\n').slice(0, 8000)}`)
    }

    end() { // immediately, with SIGKILL
        for (const child of this.children.values()) {
            if (child.over) continue
            for (const pid of childrenOf(child.pid)) tryKill(pid)
            tryKill(child.pid)
        }
        if (!this.runDir.startsWith(this.dir)) fs.rmSync(this.runDir, { recursive: true, force: true })
        open.delete(this)
    }
}

function tryKill(pid) { try { process.kill(pid, 'SIGKILL') } catch { /* gone */ } }

function alive(pid) {
    try { return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8')) } catch { return false }
}

export function childrenOf(pid) {
    try { return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number) } catch { return [] }
}

function commandOf(pid) {
    try { return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() } catch { return '' }
}

const databaseArgs = (dir, socket) => ['--no-defaults', `--datadir=${dir}`, `--socket=${socket}`,
    `--tmpdir=${path.dirname(dir)}`, // of its own: a server that starts deletes temporary files of others
    `--pid-file=${socket}.pid`,
    `--user=${user}`, '--skip-networking', '--skip-name-resolve', '--skip-log-bin', '--character-set-server=utf8mb4',
    '--collation-server=utf8mb4_unicode_520_ci', '--innodb-flush-log-at-trx-commit=1', '--innodb-buffer-pool-size=64M',
    '--innodb-flush-method=nosync', // written data survives a killed server; no test cuts the power
    '--innodb-log-file-size=16M', '--innodb-data-file-path=ibdata1:10M:autoextend', '--performance-schema=OFF',
    '--max-connections=200', '--max-allowed-packet=64M']
const clientArgs = socket => ['--no-defaults', `--socket=${socket}`, `--user=${user}`, '--default-character-set=utf8mb4']

/** A migrated, empty database, made once for each schema and copied from then on. ./dev test makes it before all suites (prepare.mjs). */
export async function databaseTemplate() {
    fs.mkdirSync(scratch, { recursive: true, mode: 0o700 })
    const key = createHash('sha256').update(mustRun('mariadbd', ['--no-defaults', '--version']))
    for (const file of fs.readdirSync(`${top}/sql`).sort()) key.update(file).update(fs.readFileSync(`${top}/sql/${file}`))
    key.update(fs.readFileSync(fileURLToPath(import.meta.url)))
    const template = `${scratch}/template-${key.digest('hex').slice(0, 16)}`
    if (fs.existsSync(template)) return template
    const dir = fs.mkdtempSync(`${scratch}/making-`)
    const making = new Install(dir, {})
    open.add(making)
    making.port = 1
    making.configure()
    mustRun('mariadb-install-db', ['--no-defaults', '--skip-test-db', `--datadir=${dir}/db`, `--tmpdir=${dir}`, `--user=${user}`,
        '--auth-root-authentication-method=socket', `--auth-root-socket-user=${user}`, '--innodb-log-file-size=16M',
        '--innodb-data-file-path=ibdata1:10M:autoextend'])
    await making.startDatabase()
    mustRun('mariadb', [...clientArgs(making.socket), '-e', `CREATE DATABASE parley CHARACTER SET utf8mb4;
        CREATE USER parley@localhost IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON parley.* TO parley@localhost`])
    await making.run('migrate')
    making.children.get('database').kill('SIGTERM')
    await making.children.get('database').gone
    making.end()
    try { fs.renameSync(`${dir}/db`, template) } catch (error) { if (!fs.existsSync(template)) throw error }
    fs.rmSync(dir, { recursive: true, force: true })
    return template
}

/**
 * options: config {setting: value; null leaves its default}, env {NAME: value}, port (a free one), programs and web (true; false leaves them out),
 * runDir (a folder that goes with the install), database [more options of mariadbd], schema (true; false: an empty database without tables).
 */
export async function startInstall(options = {}) {
    if (!build) throw new Error('no build found: ./dev test makes one')
    const template = await databaseTemplate()
    const dir = fs.mkdtempSync(`${scratch}/run-`)
    finished.add(dir)
    const install = new Install(dir, { ...options, config: { ...options.config } })
    open.add(install)
    try {
        mustRun('cp', ['-a', '--reflink=auto', template, `${dir}/db`])
        install.port = options.port ?? await freePort()
        install.configure()
        await install.startDatabase()
        if (options.schema === false) await install.sql('DROP DATABASE parley; CREATE DATABASE parley CHARACTER SET utf8mb4')
        if (options.programs !== false) await install.startPrograms()
        if (options.programs !== false && options.web !== false) await install.startWeb()
        return install
    } catch (error) {
        install.end()
        throw error
    }
}
