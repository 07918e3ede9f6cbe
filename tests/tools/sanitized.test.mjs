// A suite that claims to run sanitized fails on a build that is not.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { assertSanitized, build, MARKS, sanitizersOf } from '../lib/build.mjs'
import { startServer } from '../lib/fcgi.mjs'
import { startInstall } from '../lib/install.mjs'

/** With DEV_SANITIZE set for the time of one call. */
async function claiming(what, call) {
    const before = process.env.DEV_SANITIZE
    process.env.DEV_SANITIZE = what
    try { return await call() } finally { if (before === undefined) delete process.env.DEV_SANITIZE; else process.env.DEV_SANITIZE = before }
}

test('a running program is recognised as sanitized only if it was compiled with a sanitizer', async t => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-sanitized-'))
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }))
    // An addition that may overflow, so that there is something to check.
    fs.writeFileSync(`${dir}/a.c`, 'int main(int argc, char **argv) { (void)argv; for (volatile int i = argc;; i = i + 1) { } }\n')
    for (const [list, expected] of [['', []], ['address,undefined', ['address', 'undefined']], ['thread', ['thread']]]) {
        const done = spawnSync('gcc', ['-o', `${dir}/a`, `${dir}/a.c`, ...list ? [`-fsanitize=${list}`] : []], { encoding: 'utf8' })
        assert.equal(done.status, 0, done.stderr)
        const child = spawn(`${dir}/a`)
        try {
            assert.deepEqual(sanitizersOf(`/proc/${child.pid}/exe`), expected)
            if (list) assertSanitized(child.pid, list)
            assert.throws(() => assertSanitized(child.pid, list === 'thread' ? 'address' : 'thread'), /runs without the (address|thread) sanitizer/)
        } finally {
            child.kill('SIGKILL')
        }
    }
})

test('a plain program fails the suites that claim to be sanitized', async t => {
    for (const name of Object.keys(MARKS).filter(name => !sanitizersOf(`${build}/parley`).includes(name))) {
        const says = program => new RegExp(`${program} runs without the ${name} sanitizer`)
        await claiming(name, () => assert.rejects(startServer(`${build}/tests/http/testserver`, { t }), says('testserver')))
        await claiming(name, () => assert.rejects(startInstall({ web: false }), says('parley')))
    }
})
