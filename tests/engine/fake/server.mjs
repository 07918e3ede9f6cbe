// What the fakes of all engines share: an HTTP server on loopback, a queue of scripts, and the faults of a transport.
//
// A script says how one request is answered. fake.queue holds those for the next requests, fake.script the one for all
// others. Its member `fault` is one of FAULTS; what the other members mean is up to each fake.
import http from 'node:http'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import zlib from 'node:zlib'

/** Faults that no protocol knows of. */
export const FAULTS = ['silent', 'headersOnly', 'keepAlive', 'drip', 'resetBefore', 'resetAfter', 'cut', 'brokenJson', 'html200', 'html502',
    'empty200', 'noContent', 'redirect', 'huge', 'longLine', 'deepJson', 'invalidUtf8']

const PAGE = '<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>'

export class Fake {
    /** answer(fake, request, response, script) */
    constructor(answer) {
        this.answer = answer
        this.requests = []
        this.queue = []
        this.script = {}
        this.gone = 0 // requests that their client left before the end
        this.server = http.createServer((rq, rs) => this.serve(rq, rs))
    }

    async start() {
        this.server.listen(0, '127.0.0.1')
        await once(this.server, 'listening')
        this.port = this.server.address().port
        this.url = `http://127.0.0.1:${this.port}`
        return this
    }

    async stop() {
        this.server.closeAllConnections()
        this.server.close()
        await once(this.server, 'close')
    }

    /** Forget what was asked and planned. */
    clear() {
        this.requests = []
        this.queue = []
        this.script = {}
        this.gone = 0
    }

    async serve(rq, rs) {
        const pieces = []
        for await (const piece of rq) pieces.push(piece)
        const body = Buffer.concat(pieces).toString()
        const form = /^application\/x-www-form-urlencoded/.test(rq.headers['content-type'] ?? '')
        const request = { method: rq.method, path: rq.url, headers: rq.headers, body: form ? Object.fromEntries(new URLSearchParams(body)) : body ? JSON.parse(body) : undefined }
        this.requests.push(request)
        rs.on('close', () => { if (!rs.writableFinished) this.gone++ })
        rs.on('error', () => {})
        const script = this.queue.shift() ?? this.script
        if (!await early(rs, script)) await this.answer(this, request, rs, script)
    }
}

/** The faults that come in place of an answer; true if there was one. */
async function early(rs, script) {
    const { fault } = script
    if (script.delay) await sleep(script.delay)
    if (script.status) {
        rs.writeHead(script.status, { 'content-type': 'application/json', ...script.headers })
        rs.end(typeof script.body === 'string' ? script.body : JSON.stringify(script.body ?? {}))
    } else if (fault === 'silent') await once(rs, 'close')
    else if (fault === 'resetBefore') rs.socket.resetAndDestroy()
    else if (fault === 'html200' || fault === 'html502') {
        rs.writeHead(fault === 'html200' ? 200 : 502, { 'content-type': 'text/html' })
        rs.end(PAGE)
    } else if (fault === 'noContent') rs.writeHead(204).end()
    else if (fault === 'redirect') rs.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end()
    else return false
    return true
}

/** Sends the pieces of a stream one after the other, with what the script wants to go wrong on the way. */
export async function stream(rs, type, pieces, script) {
    const { fault } = script
    const head = { 'content-type': script.type ?? type }
    if (script.gzip) head['content-encoding'] = 'gzip'
    rs.writeHead(200, { ...head, ...script.headers })
    rs.flushHeaders()
    if (fault === 'empty200') return rs.end()
    const out = script.gzip ? zlib.createGzip() : rs
    if (script.gzip) out.pipe(rs)
    if (fault === 'headersOnly') return once(rs, 'close')
    if (fault === 'keepAlive') {
        while (!rs.destroyed) { rs.write(script.keepAlive ?? ': keep-alive\n\n'); await sleep(50) }
        return
    }
    if (fault === 'longLine' || fault === 'huge') return flood(rs, `${fault === 'huge' ? '' : 'data: '}${'x'.repeat(65536)}`)
    const bytes = pieces.map(p => Buffer.from(p))
    for (const [i, piece] of bytes.entries()) {
        if (i === (script.failAt ?? 2) && await failing(rs, fault, piece)) return
        if (script.bytewise) {
            for (const byte of piece) { out.write(Buffer.of(byte)); await sleep(0) }
        } else out.write(piece)
        await sleep(script.pause ?? 1)
        if (fault === 'drip') await sleep(1000)
    }
    if (script.stayOpen) await once(rs, 'close')
    else out.end()
}

async function failing(rs, fault, piece) {
    if (fault === 'cut') rs.end()
    else if (fault === 'resetAfter') rs.socket.resetAndDestroy()
    else if (fault === 'stall') await once(rs, 'close')
    else if (fault === 'brokenJson') rs.end(piece.subarray(0, piece.length - 9))
    else return false
    return true
}

async function flood(rs, text) {
    for (let i = 0; i < 4000 && !rs.destroyed; i++) if (!rs.write(text)) await Promise.race([once(rs, 'drain'), once(rs, 'close')])
    rs.end()
}
