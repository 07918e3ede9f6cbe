// A test program (tests/billing/*.c, tests/stripe/*.c) as a child: one JSON object a line in, one out. stripe_cli: the Stripe client of the programs.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import readline from 'node:readline'
import { build } from '../lib/install.mjs'

export class Cli {
    constructor(env, program = 'stripe/stripe_cli') {
        this.child = spawn(`${build}/tests/${program}`, [], { env, stdio: ['pipe', 'pipe', 'pipe'] })
        this.waiting = []
        this.log = ''
        this.child.stderr.setEncoding('utf8').on('data', text => { this.log += text })
        readline.createInterface(this.child.stdout).on('line', line => this.waiting.shift().ok(JSON.parse(line)))
        this.gone = new Promise(ok => this.child.on('close', code => {
            for (const w of this.waiting.splice(0)) w.bad(new Error(`${program} ended (${code}): ${this.log.slice(-2000)}`))
            ok(code)
        }))
        this.child.stdin.on('error', () => {})
    }

    /** {op, ...} as stripe_cli.c has it; its answer */
    call(job) {
        return new Promise((ok, bad) => {
            this.waiting.push({ ok, bad })
            this.child.stdin.write(`${JSON.stringify(job)}\n`)
        })
    }

    async end() {
        this.child.stdin.end()
        assert.equal(await this.gone, 0, this.log.slice(-2000))
    }
}
