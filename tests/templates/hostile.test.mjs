// Every template, with a hostile value in every variable: the output must still be the intended page.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { build, top } from '../lib/install.mjs'
import { structure, tokens } from './html.mjs'
import { allBranches, flatten, leaves } from './names.mjs'

const HOSTILE = ['"><svg onload=x9q()>\'`</title></textarea></script><!--', 'javascript:x9q()//', '<img src=x onerror=x9q()>']
const source = path.join(top, 'templates')
const program = path.join(build, 'tests/templates/render')
// Parts are tested inside the pages that include them.
const all = fs.readdirSync(source, { recursive: true }).filter(f => f.endsWith('.cs')).sort()
const included = new Set(all.flatMap(f => [...fs.readFileSync(path.join(source, f), 'utf8').matchAll(/include!"([^"]+)"/g)].map(m => m[1])))
const files = all.filter(f => !included.has(f))
let dir

before(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-templates-'))
    fs.cpSync(path.join(source, 'i18n'), path.join(dir, 'i18n'), { recursive: true })
})
after(() => fs.rmSync(dir, { recursive: true, force: true }))

function render(text, values) {
    fs.writeFileSync(path.join(dir, 'page.cs'), text)
    const input = Object.entries(values).map(([k, v]) => `${k}\t${v}\n`).join('')
    const done = spawnSync(program, [dir, 'page.cs'], { encoding: 'utf8', input })
    assert.equal(done.status, 0, done.stderr)
    return done.stdout
}

const decode = s => s.replace(/&#(\d+);/g, (_, n) => String.fromCharCode(n)).replace(/&quot;/g, '"').replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&')

function checkTokens(html, mail = false) {
    let marks = 0
    for (const t of tokens(html)) {
        if (t.type === 'text') {
            assert.ok(t.raw !== 'script' && t.raw !== 'style' || !t.text.includes('x9q'), `a value inside <${t.raw}>`)
            marks += t.text.includes('x9q')
        } else if (t.type === 'comment') assert.ok(!t.text.includes('x9q'), 'a value inside a comment')
        else if (t.type === 'open') {
            assert.ok(!t.name.includes('x9q') && !['svg onload', 'img src'].includes(t.name))
            for (const [name, value] of t.attrs) {
                assert.ok(!name.startsWith('on') && (name !== 'style' || (mail && !value.includes('x9q'))), `<${t.name} ${name}>`)
                assert.ok(!name.includes('x9q'), `a value as the attribute ${name}`)
                if (['href', 'src', 'action', 'formaction'].includes(name))
                    assert.doesNotMatch(decode(value), /^\s*(javascript|data|vbscript):/i, `<${t.name} ${name}="${value}">`)
                marks += value.includes('x9q')
            }
            assert.ok(t.name !== 'svg' || t.attrs.some(([n]) => n === 'class'), 'an <svg> that no template has')
        }
    }
    return marks
}

for (const file of files) {
    test(file, () => {
        const text = flatten(source, file)
        const names = leaves(text)
        const plain = Object.fromEntries(names.map(n => [n, '1']))
        for (const hostile of HOSTILE) {
            const values = Object.fromEntries(names.map(n => [n, hostile]))
            const mail = file.startsWith('mail/') // has styles of its own: the lint keeps values out of them
            checkTokens(render(text, values), mail)
            const marks = checkTokens(render(allBranches(text), values), mail)
            // A template that shows values must have shown the hostile ones: else this test would check nothing.
            if (hostile !== HOSTILE[1]) assert.ok(marks > 0, 'no value was shown')
        }
        const page = render(text, plain)
        if (page.includes('<!doctype')) assert.deepEqual(structure(tokens(page)), [])
    })
}

test('the test detects a value that is not escaped', () => {
    const text = '<p><?cs uvar:a_html ?></p><a href="<?cs var:b ?>">x</a>'
    assert.throws(() => checkTokens(render(text, { a_html: 'x', b: HOSTILE[1] })), /href/)
    assert.throws(() => checkTokens(`<p title="${HOSTILE[0]}">`))
    assert.throws(() => checkTokens(HOSTILE[2]))
})
