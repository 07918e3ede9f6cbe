// parley config init: the first configuration of an install.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { build } from '../lib/install.mjs'

const parley = (args, env = {}) => spawnSync(`${build}/parley`, args, { encoding: 'utf8', env: { PATH: process.env.PATH, ...env } })
const temp = t => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-init-'))
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }))
    return dir
}
const keyIn = dir => /^secret_key = ([0-9a-f]{64})$/m.exec(fs.readFileSync(`${dir}/secrets.conf`, 'utf8'))?.[1]

test('init makes secrets that only their owner can read, and the programs load them', t => {
    const dir = path.join(temp(t), 'etc')
    const done = parley(['config', 'init', '--dir', dir])
    assert.equal(done.status, 0, done.stderr)
    assert.deepEqual(done.stdout.trim().split('\n'), [`${dir}/parley.conf`, `${dir}/secrets.conf`])
    assert.equal(fs.statSync(`${dir}/secrets.conf`).mode & 0o777, 0o600)
    assert.ok(keyIn(dir))
    const read = parley(['config', 'get', 'secret_key'], { PARLEY_CONFIG: `${dir}/parley.conf` })
    assert.equal(read.stdout.trim(), '(set)', read.stderr)
})

test('two installs have different keys, and init overwrites nothing', t => {
    const one = temp(t), two = temp(t)
    for (const dir of [one, two]) assert.equal(parley(['config', 'init', '--dir', dir]).status, 0)
    assert.notEqual(keyIn(one), keyIn(two))
    const before = keyIn(one)
    const again = parley(['config', 'init', '--dir', one])
    assert.equal(again.status, 1)
    assert.match(again.stderr, /parley\.conf already exists\. Nothing was changed/)
    assert.equal(keyIn(one), before)
})

test('init does not change settings that hold no secrets', t => {
    const dir = temp(t)
    fs.writeFileSync(`${dir}/parley.conf`, 'brand_name = Mine\n')
    assert.equal(parley(['config', 'init', '--dir', dir]).status, 1)
    assert.ok(!fs.existsSync(`${dir}/secrets.conf`))
    assert.equal(fs.readFileSync(`${dir}/parley.conf`, 'utf8'), 'brand_name = Mine\n')
})

test('PARLEY_CONFIG may name the file to create', t => {
    const dir = path.join(temp(t), 'etc'), conf = `${dir}/parley.conf`
    const done = parley(['config', 'init', '--dir', dir], { PARLEY_CONFIG: conf })
    assert.equal(done.status, 0, done.stderr)
    assert.equal(parley(['config', 'get', 'secret_key'], { PARLEY_CONFIG: conf }).stdout.trim(), '(set)')
})

test('without --dir the settings are written where PARLEY_CONFIG or --config says', t => {
    const dir = temp(t)
    for (const [args, env, conf] of [[[], { PARLEY_CONFIG: `${dir}/a/mine.conf` }, `${dir}/a/mine.conf`], [['--config', `${dir}/b/parley.conf`], {}, `${dir}/b/parley.conf`]]) {
        const done = parley([...args, 'config', 'init'], env)
        assert.equal(done.status, 0, done.stderr)
        assert.deepEqual(done.stdout.trim().split('\n'), [conf, `${path.dirname(conf)}/secrets.conf`])
        assert.equal(parley(['--config', conf, 'config', 'get', 'secret_key']).stdout.trim(), '(set)')
    }
})

test('a folder given as a relative path works after it was moved', t => {
    const dir = temp(t)
    const done = spawnSync(`${build}/parley`, ['config', 'init', '--dir', 'etc'], { encoding: 'utf8', cwd: dir, env: { PATH: process.env.PATH } })
    assert.equal(done.status, 0, done.stderr)
    fs.renameSync(`${dir}/etc`, `${dir}/moved`)
    assert.equal(parley(['--config', `${dir}/moved/parley.conf`, 'config', 'get', 'secret_key']).stdout.trim(), '(set)')
})
