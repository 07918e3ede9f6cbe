// parley routes: the addresses of every program, and the source file of each.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { test } from 'node:test'
import { build } from '../lib/fcgi.mjs'

const top = new URL('../..', import.meta.url).pathname
const parley = (...args) => spawnSync(`${build}/parley`, args, { env: { ...process.env, PARLEY_CONFIG: '/dev/null' }, encoding: 'utf8' })

test('routes --json prints every row of every table with all columns', () => {
    const r = parley('routes', '--json')
    assert.equal(r.status, 0, r.stderr)
    const rows = JSON.parse(r.stdout)
    for (const program of ['portal', 'api', 'chat', 'hooks']) {
        const tables = fs.readdirSync(`${top}/cgi-bin/${program}`, { recursive: true }).filter(f => f.endsWith('routes.def'))
        const written = tables.flatMap(f => fs.readFileSync(`${top}/cgi-bin/${program}/${f}`, 'utf8').split('\n')).filter(l => l.startsWith('ROUTE(')).length
        assert.ok(written > 0, program)
        assert.equal(rows.filter(row => row.program === program).length, written, program)
    }
    for (const row of rows) {
        assert.deepEqual(Object.keys(row), ['program', 'method', 'path', 'who', 'csrf', 'body', 'rate', 'feature', 'handler', 'source'])
        assert.match(fs.readFileSync(`${top}/${row.source}`, 'utf8'), new RegExp(`^void ${row.handler}\\(struct request \\*`, 'm'), row.source)
    }
    const post = rows.find(row => row.method === 'POST' && row.path === '/login')
    assert.deepEqual([post.program, post.who, post.csrf, post.rate, post.feature], ['portal', 'PUBLIC', 'origin', 'sign-in', 'none'])
    const bots = rows.find(row => row.method === 'POST' && row.path === '/v1/bots')
    assert.deepEqual([bots.program, bots.who, bots.csrf, bots.rate], ['api', 'KEY(SCOPE_WRITE)', 'none', 'api'])
    assert.deepEqual([...new Set(rows.filter(row => row.path === '/healthz').map(row => row.program))], ['chat'])
})

test('routes prints a table for people', () => {
    const r = parley('routes')
    assert.equal(r.status, 0)
    assert.match(r.stdout, /\/healthz .*PUBLIC/)
})

test('routes ADDRESS prints the rows of that address, literal or with parameters', () => {
    const rows = path => JSON.parse(parley('routes', '--json', path).stdout).map(row => `${row.method} ${row.source}`)
    assert.deepEqual(rows('/app/billing/plans'), ['GET cgi-bin/portal/billing/plans.c'])
    assert.deepEqual(rows('/app'), ['GET cgi-bin/portal/workspace/index.c'])
    assert.deepEqual(rows('/'), ['GET cgi-bin/portal/site/index.c'])
    assert.deepEqual(rows('/app/bots/bot_0000/flow'), ['GET cgi-bin/portal/bots/flow.c', 'POST cgi-bin/portal/bots/flow.c'])
    assert.deepEqual(rows('/v1/bots/{bot}/brand'), ['GET cgi-bin/api/bots.c', 'PUT cgi-bin/api/bots.c'])
    const none = parley('routes', '/app/billing/plan')
    assert.notEqual(none.status, 0)
    assert.match(none.stderr, /No program serves \/app\/billing\/plan\./)
    assert.match(parley('routes', 'app').stderr, /A path must begin with/)
})
