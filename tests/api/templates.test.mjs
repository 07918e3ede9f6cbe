// /v1/templates: the bot templates, in each language.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startApi } from './lib.mjs'

let parley, call, mine

before(async () => { ({ parley, call, mine } = await startApi()) })
after(() => parley?.stop())

test('templates are listed in the language asked for', async () => {
    const list = async query => (await call(mine, 'GET', `/v1/templates${query}`)).body.data
    const en = await list(''), es = await list('?language=es')
    assert.ok(en.length >= 8)
    assert.ok(es.every(t => t.name && t.summary && t.languages.includes('en')))
    assert.deepEqual(en.map(t => t.id), es.map(t => t.id))
    assert.notDeepEqual(en.map(t => t.summary), es.map(t => t.summary))
})
