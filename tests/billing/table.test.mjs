// The tests that README.md names exist.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { test } from 'node:test'

const dir = new URL('.', import.meta.url)
const read = path => fs.readFileSync(new URL(path, dir), 'utf8')
const FOLDERS = ['.', '../stripe', '../plan', '../portal', '../api']

/** The text of every test file of this name. */
function textOf(name) {
    const paths = FOLDERS.map(folder => `${folder}/${name}${name.startsWith('test_') ? '.c' : '.test.mjs'}`)
    return paths.filter(p => fs.existsSync(new URL(p, dir))).map(read).join('\n').replaceAll("\\'", "'")
}

test('each test that the table of cases names exists', () => {
    const rows = read('README.md').split('\n').filter(line => /^\| [^|]+ \| .+ \|$/.test(line) && !/^\| case /.test(line))
    assert.ok(rows.length > 60, `${rows.length} rows`)
    for (const row of rows) {
        const named = [...row.split(' | ')[1].matchAll(/(\w+): `([^`]+)`/g)]
        assert.ok(named.length, row)
        for (const [, file, name] of named) {
            const text = textOf(file)
            const forms = file.startsWith('test_') ? [`static void ${name}(void **state)`] : [`test('${name}'`, `test("${name}"`]
            assert.ok(forms.some(form => text.includes(form)), `${file} has no test "${name}"`)
        }
    }
})
