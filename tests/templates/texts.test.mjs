// The texts of the hosted page: whole in each language, and there for every language that the bot templates speak.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import fs from 'node:fs'

const top = new URL('../../', import.meta.url)
const folder = new URL('templates/i18n/', top)
const keys = file => [...fs.readFileSync(new URL(file, folder), 'utf8').matchAll(/^ {2}(\w+) = \S/gm)].map(m => m[1])
const files = fs.readdirSync(folder).filter(f => f.endsWith('.chat.hdf'))

for (const file of files) test(`${file} has every text, in the same order`, () => assert.deepEqual(keys(file), keys('en.chat.hdf')))

test('the hosted page speaks every language of the bot templates', () => {
    const spoken = files.map(f => f.split('.')[0])
    for (const name of fs.readdirSync(new URL('flow-templates/', top))) {
        const { flow } = JSON.parse(fs.readFileSync(new URL(`flow-templates/${name}`, top), 'utf8'))
        assert.deepEqual(flow.languages.filter(l => !spoken.includes(l)), [], name)
    }
    assert.ok(keys('en.chat.hdf').length > 15)
})
