// A web server's side of FastCGI, for tests: starts a server on a Unix socket and speaks to it, politely or not.
//
//   const server = await startServer(`${build}/tests/http/testserver`, { config: { api_threads: 2 } })
//   const r = await server.get('/plain')                        { status, headers, body, text, json() }
//   const c = await server.connect()                            a raw connection: c.write(bytes), c.end(), c.closed
//   server.logs({ event: 'request' })                           its log lines
//   await server.stop()
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertSanitized, build } from './build.mjs'

export { build }

const BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, KEEP = 1

export function record(type, content, id = 1) {
    const head = Buffer.alloc(8)
    head.writeUInt8(1, 0)
    head.writeUInt8(type, 1)
    head.writeUInt16BE(id, 2)
    head.writeUInt16BE(content.length, 4)
    return Buffer.concat([head, content])
}

function split(type, bytes, size = 65528) {
    const out = []
    for (let i = 0; i < bytes.length; i += size) out.push(record(type, bytes.subarray(i, i + size)))
    return out
}

const length = n => (n < 128 ? Buffer.from([n]) : Buffer.from([(n >>> 24) | 128, n >>> 16, n >>> 8, n]))

export function pairs(params) {
    const out = []
    for (const [name, value] of Object.entries(params)) {
        const n = Buffer.from(name), v = Buffer.isBuffer(value) ? value : Buffer.from(String(value))
        out.push(length(n.length), length(v.length), n, v)
    }
    return Buffer.concat(out)
}

/** The variables a web server makes of a request. */
export function variables({ method = 'GET', uri = '/', headers = {}, body, params = {} }) {
    const v = {
        GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: method, REQUEST_URI: uri, SERVER_PROTOCOL: 'HTTP/1.1',
        QUERY_STRING: uri.split('?')[1] ?? '', REMOTE_ADDR: '192.0.2.1', HTTP_HOST: 'test.example'
    }
    if (body !== undefined) v.CONTENT_LENGTH = body.length
    for (const [name, value] of Object.entries(headers)) {
        const key = name.toUpperCase().replaceAll('-', '_')
        v[key === 'CONTENT_TYPE' || key === 'CONTENT_LENGTH' ? key : `HTTP_${key}`] = value
    }
    return { ...v, ...params }
}

export const begin = keep => record(BEGIN, Buffer.from([0, 1, keep ? KEEP : 0, 0, 0, 0, 0, 0]))
export const paramRecords = v => Buffer.concat([...split(PARAMS, pairs(v)), record(PARAMS, Buffer.alloc(0))])

/** All bytes of one request. `chunk`: size of the body's records. */
export function requestBytes(options) {
    const body = options.body === undefined ? Buffer.alloc(0) : Buffer.from(options.body)
    const v = variables({ ...options, body: options.body === undefined ? undefined : body })
    return Buffer.concat([begin(options.keep), paramRecords(v), ...split(STDIN, body, options.chunk), record(STDIN, Buffer.alloc(0))])
}

/** CGI output to an answer. */
export function parseAnswer(bytes) {
    const at = bytes.indexOf('\r\n\r\n')
    if (at < 0) throw new Error(`no head in ${JSON.stringify(bytes.toString('latin1').slice(0, 200))}`)
    const headers = {}, all = []
    for (const line of bytes.subarray(0, at).toString('latin1').split('\r\n')) {
        const colon = line.indexOf(':')
        const name = line.slice(0, colon).toLowerCase(), value = line.slice(colon + 1).trim()
        all.push([name, value])
        headers[name] = name in headers ? `${headers[name]}, ${value}` : value
    }
    const body = bytes.subarray(at + 4)
    return { status: Number.parseInt(headers.status ?? '200', 10), headers, all, body, text: body.toString(), json: () => JSON.parse(body.toString()) }
}

class Connection {
    constructor(socket) {
        this.socket = socket
        this.out = []
        this.rest = Buffer.alloc(0)
        this.ended = false // END_REQUEST seen
        this.writes = 0
        this.done = new Promise(ok => (this.finish = ok))
        this.closed = new Promise(ok => socket.once('close', ok))
        socket.on('error', () => {})
        socket.on('data', bytes => this.take(bytes))
        socket.once('close', () => this.finish())
    }
    take(bytes) {
        this.rest = Buffer.concat([this.rest, bytes])
        while (this.rest.length >= 8) {
            const size = this.rest.readUInt16BE(4), all = 8 + size + this.rest[6]
            if (this.rest.length < all) return
            const type = this.rest[1]
            if (type === STDOUT) this.out.push(Buffer.from(this.rest.subarray(8, 8 + size)))
            if (type === END) {
                this.ended = true
                this.finish()
            }
            this.rest = this.rest.subarray(all)
        }
    }
    write(bytes) {
        this.socket.write(bytes)
    }
    end() {
        this.socket.destroy()
    }
    get bytes() {
        return Buffer.concat(this.out)
    }
    /** Wait until the received bytes pass `test`. */
    async until(test, ms = 5000) {
        for (const end = Date.now() + ms; Date.now() < end; await sleep(5)) if (test(this.bytes.toString('latin1'))) return
        throw new Error(`did not come in ${ms} ms; came: ${this.bytes.toString('latin1').slice(0, 300)}`)
    }
}

export function connectTo(socket) {
    return new Promise((ok, bad) => {
        const s = net.connect(socket)
        s.once('connect', () => ok(new Connection(s))).once('error', bad)
    })
}

class Server {
    constructor(binary, dir, env) {
        Object.assign(this, { binary, dir, env, socket: `${dir}/server.sock`, config: `${dir}/parley.conf`, log: '' })
    }
    async start() {
        this.log = ''
        this.process = spawn(this.binary, ['--socket', this.socket, '--config', this.config], {
            env: { ...process.env, ...this.env }, stdio: ['ignore', 'inherit', 'pipe']
        })
        this.process.stderr.on('data', d => (this.log += d))
        this.exit = new Promise(ok => this.process.once('exit', (code, signal) => ok({ code, signal })))
        for (const end = Date.now() + 10000; Date.now() < end; await sleep(10)) {
            if (this.log.includes('"started"')) {
                assertSanitized(this.process.pid)
                return this
            }
            if (this.process.exitCode !== null) break
        }
        throw new Error(`${this.binary} did not start: ${this.log}`)
    }
    connect() {
        return connectTo(this.socket)
    }
    async request(options) {
        const c = await this.connect()
        c.write(requestBytes(options))
        await c.done
        if (!options.keep) c.end()
        const answer = parseAnswer(c.bytes)
        answer.connection = c
        return answer
    }
    get(uri, headers, more) {
        return this.request({ uri, headers, ...more })
    }
    /** Sends a request and does not read the answer. Returns what the visitor does next: leave. */
    async leave(uri) {
        const c = await this.connect()
        c.write(requestBytes({ uri }))
        return () => c.end()
    }
    post(uri, body, headers, more) {
        return this.request({ method: 'POST', uri, body, headers, ...more })
    }
    /** The same request as plain CGI. */
    cgi(options) {
        const body = options.body === undefined ? undefined : Buffer.from(options.body)
        const r = spawnSync(this.binary, ['--config', this.config], {
            env: { ...this.env, ...variables({ ...options, body }) }, input: body ?? '', maxBuffer: 64e6
        })
        return { ...parseAnswer(r.stdout), code: r.status, log: r.stderr.toString() }
    }
    logs(match = {}) {
        return this.log.split('\n').filter(l => l.startsWith('{')).flatMap(l => { try { return [JSON.parse(l)] } catch { return [] } })
            .filter(l => Object.entries(match).every(([k, v]) => l[k] === v))
    }
    /** Wait for a line that matches. */
    async logged(match, ms = 5000) {
        for (const end = Date.now() + ms; Date.now() < end; await sleep(10)) {
            const found = this.logs(match)
            if (found.length) return found.at(-1)
        }
        throw new Error(`no log line ${JSON.stringify(match)} in ${this.log.slice(-2000)}`)
    }
    signal(name) {
        this.process.kill(name)
    }
    async stop() {
        if (this.process?.exitCode === null && this.process.signalCode === null) this.signal('SIGTERM')
        const how = await this.exit
        fs.rmSync(this.dir, { recursive: true, force: true })
        return how
    }
}

/** `config`: settings; `env`: variables such as PARLEY_LOG_FILE; `t`: the test at whose end it stops, whatever happens. */
export async function startServer(binary, { config = {}, env = {}, t } = {}) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-server-'))
    const server = new Server(binary, dir, env)
    server.settings = { run_dir: dir, data_dir: dir, base_url: 'http://test.example', api_threads: 4, ...config }
    writeConfig(server)
    t?.after(() => server.stop())
    return server.start()
}

export function writeConfig(server, more = {}) {
    const all = { ...server.settings, ...more }
    fs.writeFileSync(server.config, Object.entries(all).map(([k, v]) => `${k} = ${v}\n`).join(''))
}
