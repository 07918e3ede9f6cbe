// The scheduler of ./dev test: the order of jobs, what counts as passed, what is printed.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Schedule } from '../../tools/dev/schedule.mjs'
import { readTap } from '../../tools/dev/tap.mjs'

/** Runs jobs that are shell commands; returns {schedule, lines, passed, failed}. */
async function run(t, jobs, slots = 1) {
    const logs = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-schedule-')), lines = []
    t.after(() => fs.rmSync(logs, { recursive: true, force: true }))
    const full = jobs.map(({ sh, ...job }) => ({ suite: 'one', kind: 'cmocka', cost: 1, command: ['/bin/sh', '-c', sh], cwd: logs, ...job }))
    const schedule = new Schedule(full, { slots, logs, say: line => lines.push(line) })
    return { schedule, lines, logs, ...await schedule.run() }
}
const pass = "echo 1..1; echo 'ok 1 - it works'"

test('the longest job starts first, and a job counts with those that wait for it', async t => {
    const { logs, passed } = await run(t, [
        { name: 'short', cost: 1, sh: `echo short >>order; ${pass}` },
        { name: 'long', cost: 5, sh: `echo long >>order; ${pass}` },
        { name: 'last', cost: 6, needs: ['first'], sh: `echo last >>order; ${pass}` },
        { name: 'first', cost: 2, kind: 'step', sh: 'echo first >>order' },
    ])
    assert.equal(passed, 3)
    assert.deepEqual(fs.readFileSync(`${logs}/order`, 'utf8').trim().split('\n'), ['first', 'last', 'long', 'short'])
})

test('at most as many jobs run at once as there are slots', async t => {
    // Each waits until it sees the other: alone, one would end with a failure.
    const meet = (me, other) => `touch ${me}; for i in $(seq 200); do [ -e ${other} ] && { ${pass}; exit; }; sleep 0.05; done; exit 1`
    const jobs = [{ name: 'a', sh: meet('a', 'b') }, { name: 'b', sh: meet('b', 'a') }]
    assert.deepEqual((({ passed, failed }) => ({ passed, failed }))(await run(t, jobs, 2)), { passed: 2, failed: 0 })
})

test('jobs that need a failed one are skipped and name it; the others run', async t => {
    const { lines, logs, passed, failed } = await run(t, [
        { name: 'build', kind: 'step', sh: 'echo no compiler; exit 1' },
        { name: 'needs it', needs: ['build'], sh: `touch ran; ${pass}` },
        { name: 'does not', suite: 'two', sh: pass },
    ])
    assert.deepEqual([passed, failed], [1, 1])
    assert.ok(!fs.existsSync(`${logs}/ran`))
    assert.match(fs.readFileSync(`${logs}/test-one.log`, 'utf8'), /==== needs it.*\nnot run: build failed/)
    assert.ok(lines.some(line => line.includes('no compiler')), lines.join('\n'))
    assert.ok(lines.some(line => /^one +0 passed, 1 FAILED/.test(line)), lines.join('\n'))
    assert.ok(lines.some(line => /^two +1 passed/.test(line)), lines.join('\n'))
})

test('a job beyond its time limit is stopped and fails', async t => {
    const { failed, logs } = await run(t, [{ name: 'endless', limit: 0.2, sh: 'sleep 600' }])
    assert.equal(failed, 1)
    assert.match(fs.readFileSync(`${logs}/test-one.log`, 'utf8'), /ended by SIGTERM/)
})

test('a C program that was not built with the sanitizer it should have fails', async t => {
    const { passed, failed, lines } = await run(t, [{ name: 'plain', sanitized: 'address', sh: pass }])
    assert.deepEqual([passed, failed], [1, 1])
    assert.ok(lines.some(line => line.includes('sh runs without the address sanitizer')), lines.join('\n'))
})

test('the slowest tests are listed across all suites', async t => {
    const node = 'ok 1 - quick\n  ---\n  duration_ms: 0\n  ...\nok 2 - slow\n  ---\n  duration_ms: 999000\n  ...\n# pass 2\n'
    const { schedule } = await run(t, [{ name: 'x.test.mjs', kind: 'node', sh: `printf '${node}'` }, { name: 'test_x', suite: 'two', sh: pass }])
    assert.deepEqual(schedule.slowest(2).map(line => line.trim().replace(/^0\.\d+/, '0.0')), ['999.0 s  x.test.mjs: slow', '0.0 s  test_x'])
})

const counts = (kind, text, ok = true) => (({ passed, failed, skipped }) => [passed, failed, skipped])(readTap(kind, text, ok))

test('the results of a C program include groups, skipped tests, an early exit and a late failure', () => {
    assert.deepEqual(counts('cmocka', '1..2\nok 1 - a\nnot ok 2 - b\n1..1\nok 1 - c\n', false), [2, 1, 0])
    assert.deepEqual(counts('cmocka', '1..2\nok 1 - a\nnot ok 2 # SKIP b\n'), [1, 0, 1])
    assert.deepEqual(counts('cmocka', '1..3\nok 1 - a\n', false), [1, 2, 0])
    assert.deepEqual(counts('cmocka', '1..1\nok 1 - a\n# leak\n', false), [1, 1, 0])
    assert.deepEqual(counts('cmocka', ''), [0, 1, 0], 'a run without tests is a failure')
})

test("node's runner: its own sums; of nested tests the innermost have a time", () => {
    const one = (indent, word, name, ms) => `${indent}${word} 1 - ${name}\n${indent}  ---\n${indent}  duration_ms: ${ms}\n${indent}  ...\n`
    const text = one('    ', 'ok', 'inner', 20) + one('', 'ok', 'outer', 21) + one('', 'not ok', 'other \\# one', 3) + '# pass 2\n# fail 1\n# cancelled 1\n'
    const read = readTap('node', text, false)
    assert.deepEqual([read.passed, read.failed], [2, 2])
    assert.deepEqual(counts('node', '# pass 2\n# fail 0\n# skipped 1\n'), [2, 0, 1], 'the schedule decides whether a skipped test is a failure')
    assert.deepEqual(read.tests.map(({ name, ms }) => [name, ms]), [['inner', 20], ['other # one', 3]])
})
