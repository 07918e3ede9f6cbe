// ./dev test --changed: which tests a change needs.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { top } from '../lib/build.mjs'
import { changedFiles, COVERS, Tree } from '../../tools/dev/changed.mjs'

/** A folder with these files. */
function folder(t, files) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-changed-'))
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }))
    for (const [name, text] of Object.entries(files)) {
        fs.mkdirSync(path.dirname(`${dir}/${name}`), { recursive: true })
        fs.writeFileSync(`${dir}/${name}`, text)
    }
    return dir
}

const FILES = {
    'src/base/buf.h': '', 'src/base/buf.c': '#include "base/buf.h"\n',
    'src/shop/cart.h': '#include "base/buf.h"\n', 'src/shop/cart.c': '#include "shop/cart.h"\n#include "shop/prices.def"\n', 'src/shop/prices.def': '',
    'cgi-bin/page/main.c': '  #  include "shop/cart.h"\n',
    'src/other/thing.h': '', 'src/other/thing.c': '#include "other/thing.h"\n',
    'tests/unit/test_buf.c': '#include "base/buf.h"\n', 'tests/shop/test_cart.c': '#include "shop/cart.h"\n', 'tests/other/test_thing.c': '#include "other/thing.h"\n',
    'tests/page/walk.test.mjs': "import { test } from 'node:test'\nimport { person } from '../lib/person.mjs'\n", 'tests/lib/person.mjs': '',
    'tests/other/run.test.mjs': '', 'tests/other/rows.csv': '', 'README.md': '', 'sql/0001.sql': '', 'etc/x.conf.in': '',
}
const choose = (t, ...changed) => {
    const { all, programs, files, install } = new Tree(folder(t, FILES), Object.keys(FILES)).select(changed)
    return { all, programs: programs.join(' '), files: files.join(' '), install }
}

test('a module that no other includes needs only its own tests', t => {
    assert.deepEqual(choose(t, 'src/other/thing.c'), { all: undefined, programs: 'tests/other/test_thing', files: 'tests/other/run.test.mjs', install: false })
})

test('a change selects all modules that depend on the changed one', t => {
    assert.deepEqual(choose(t, 'src/shop/cart.c'), { all: undefined, programs: 'tests/shop/test_cart', files: 'tests/page/walk.test.mjs', install: false })
    assert.deepEqual(choose(t, 'src/shop/prices.def'), choose(t, 'src/shop/cart.c'), 'so does a table of it')
    assert.equal(choose(t, 'src/base/buf.c').programs, 'tests/shop/test_cart tests/unit/test_buf')
    assert.equal(choose(t, 'src/base/buf.c').files, 'tests/page/walk.test.mjs')
})

test('a test selects itself, a helper the tests that import it, test data its folder', t => {
    assert.deepEqual(choose(t, 'tests/shop/test_cart.c'), { all: undefined, programs: 'tests/shop/test_cart', files: '', install: false })
    assert.equal(choose(t, 'tests/lib/person.mjs').files, 'tests/page/walk.test.mjs')
    assert.equal(choose(t, 'tests/other/rows.csv').files, 'tests/other/run.test.mjs')
})

test('documents select only the lints, configuration the install, and unknown files everything', t => {
    assert.deepEqual(choose(t, 'README.md'), { all: undefined, programs: '', files: '', install: false })
    assert.equal(choose(t, 'etc/x.conf.in').install, true)
    assert.equal(choose(t, 'README.md', 'sql/0001.sql').all, 'sql/0001.sql')
})

test('changes are the branch\'s commits that main lacks, and uncommitted files', t => {
    const dir = folder(t, FILES), git = (...args) => execFileSync('git', ['-C', dir, '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { stdio: 'pipe' })
    git('init', '-q', '-b', 'main')
    git('add', '.')
    git('commit', '-qm', 'one')
    fs.appendFileSync(`${dir}/README.md`, 'two\n')
    git('commit', '-qam', 'two')
    assert.deepEqual(changedFiles(dir).files, ['README.md'], 'on a clean main the last commit')
    fs.writeFileSync(`${dir}/src/new.c`, '')
    assert.deepEqual(changedFiles(dir).files, ['src/new.c'], 'without a base: uncommitted files')
    git('checkout', '-qb', 'branch')
    git('add', '.')
    git('mv', 'src/other/thing.c', 'src/other/what.c')
    git('commit', '-qm', 'three')
    fs.appendFileSync(`${dir}/etc/x.conf.in`, 'x\n')
    assert.deepEqual(changedFiles(dir).files, ['etc/x.conf.in', 'src/new.c', 'src/other/thing.c', 'src/other/what.c'])
})

test('the table of covered files names only files that exist', () => {
    const files = fs.readdirSync(`${top}/tests`, { recursive: true }).map(file => `tests/${file}`)
    for (const [start, covered] of Object.entries(COVERS)) {
        assert.ok(files.some(file => file.startsWith(start)), start)
        for (const folder of covered) assert.ok(fs.existsSync(`${top}/${folder}`), `${folder} of ${start}`)
    }
})

test('every file that a test imports exists', () => {
    for (const file of fs.readdirSync(`${top}/tests`, { recursive: true }).filter(name => name.endsWith('.mjs'))) {
        const text = fs.readFileSync(`${top}/tests/${file}`, 'utf8'), folder = path.dirname(`${top}/tests/${file}`)
        for (const [, name] of text.matchAll(/^(?:import|export)\b[^'"\n]*?['"](\.[^'"]+)['"]/gm)) assert.ok(fs.existsSync(path.join(folder, name)), `${file} imports ${name}`)
    }
})
