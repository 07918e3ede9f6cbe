// engine_cli as a child: a chain of engines, driven line by line.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { build } from '../lib/build.mjs'

export class Chain {
    /** The engines at these ports of loopback may be called, as if the operator had allowed it. */
    constructor(...ports) {
        this.place = fs.mkdtempSync(path.join(os.tmpdir(), 'engine-'))
        const config = path.join(this.place, 'parley.conf')
        fs.writeFileSync(config, `engine_private_hosts = ${ports.map(p => `127.0.0.1:${p}`).join(' ')}\n`)
        this.child = spawn(`${build}/tests/engine/engine_cli`, [], { env: { ...process.env, PARLEY_CONFIG: config }, stdio: ['pipe', 'pipe', 'pipe'] })
        this.waiting = []
        this.log = ''
        this.child.stderr.setEncoding('utf8').on('data', text => { this.log += text })
        readline.createInterface(this.child.stdout).on('line', line => this.waiting.shift().ok(JSON.parse(line)))
        this.gone = new Promise(ok => this.child.on('close', code => {
            for (const w of this.waiting.splice(0)) w.bad(new Error(`engine_cli ended (${code}): ${this.log.slice(-2000)}`))
            ok(code)
        }))
        this.child.stdin.on('error', () => {})
    }

    /** The answer of engine_cli, with the deltas joined in `deltas` and the kinds of the other events in `kinds`. */
    async ask(job) {
        const got = await new Promise((ok, bad) => {
            this.waiting.push({ ok, bad })
            this.child.stdin.write(`${JSON.stringify({ asking: 'turn', messages: [{ role: 'user', text: 'Hi' }], ...job })}\n`)
        })
        const of = kind => (got.events ?? []).filter(e => e.kind === kind)
        return { ...got, of, deltas: of('delta').map(e => e.text).join(''), message: of('message')[0]?.text }
    }

    async end() {
        this.child.stdin.end()
        assert.equal(await this.gone, 0, this.log.slice(-2000))
        fs.rmSync(this.place, { recursive: true })
    }
}
