// The tests that README.md names exist.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { test } from 'node:test'

const dir = new URL('.', import.meta.url)
const read = path => fs.readFileSync(new URL(path, dir), 'utf8')
const FOLDERS = ['.', '../stripe', '../plan', '../portal']
const placeOf = name => FOLDERS.map(folder => `${folder}/${name.startsWith('test_') ? `${name}.c` : `${name}.test.mjs`}`).find(p => fs.existsSync(new URL(p, dir)))

test('each test that the table of cases names exists', () => {
    const rows = read('README.md').split('\n').filter(line => /^\| [^|]+ \| .+ \|$/.test(line) && !/^\| case /.test(line))
    assert.ok(rows.length > 60, `${rows.length} rows`)
    for (const row of rows) {
        const named = [...row.split(' | ')[1].matchAll(/(\w+): `([^`]+)`/g)]
        assert.ok(named.length, row)
        for (const [, file, name] of named) {
            const text = read(placeOf(file) ?? `${file}.test.mjs`).replaceAll("\\'", "'")
            const there = file.startsWith('test_') ? text.includes(`static void ${name}(void **state)`) : text.includes(`test('${name}'`) || text.includes(`test("${name}"`)
            assert.ok(there, `${file} has no test "${name}"`)
        }
    }
})
