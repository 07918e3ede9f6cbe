// parley routes: the map of every door.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { test } from 'node:test'
import { build } from '../lib/fcgi.mjs'

const top = new URL('../..', import.meta.url).pathname
const parley = (...args) => spawnSync(`${build}/parley`, args, { env: { ...process.env, PARLEY_CONFIG: '/dev/null' }, encoding: 'utf8' })

test('every row of every table, with all columns', () => {
    const r = parley('routes', '--json')
    assert.equal(r.status, 0, r.stderr)
    const rows = JSON.parse(r.stdout)
    for (const door of ['portal', 'api', 'chat', 'hooks']) {
        const written = fs.readFileSync(`${top}/cgi-bin/${door}/routes.def`, 'utf8').split('\n').filter(l => l.startsWith('ROUTE(')).length
        assert.equal(rows.filter(row => row.door === door).length, written, door)
    }
    for (const row of rows) assert.deepEqual(Object.keys(row), ['door', 'method', 'path', 'who', 'csrf', 'body', 'rate', 'feature', 'handler'])
    const post = rows.find(row => row.method === 'POST' && row.path === '/login')
    assert.deepEqual([post.door, post.who, post.csrf, post.rate, post.feature], ['portal', 'PUBLIC', 'origin', 'sign-in', 'none'])
    const bots = rows.find(row => row.method === 'POST' && row.path === '/v1/bots')
    assert.deepEqual([bots.door, bots.who, bots.csrf, bots.rate], ['api', 'KEY(SCOPE_WRITE)', 'none', 'api'])
    assert.deepEqual([...new Set(rows.filter(row => row.path === '/healthz').map(row => row.door))], ['chat'])
})

test('for people: a table', () => {
    const r = parley('routes')
    assert.equal(r.status, 0)
    assert.match(r.stdout, /\/healthz .*PUBLIC/)
})
