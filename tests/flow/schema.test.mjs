// The published JSON Schema of flows says what flow_parse says: it takes every template, and refuses what the parser refuses,
// at the same place. The parser's side of the same list is tests/flow/test_parse.c.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import fs from 'node:fs'
import Ajv2020 from 'ajv/dist/2020.js'

const top = new URL('../../', import.meta.url)
const load = name => JSON.parse(fs.readFileSync(new URL(name, top), 'utf8'))
const schema = load('htdocs/schema/flow-1.json')
const { flow, refused } = load('tests/flow/refused.json')
const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: false })
const validate = ajv.compile(schema)

const unescape = part => part.replaceAll('~1', '/').replaceAll('~0', '~')
function changed(row) {
    const doc = structuredClone(flow)
    const parts = (row.set ?? row.remove).split('/').slice(1).map(unescape)
    const last = parts.pop()
    const parent = parts.reduce((at, part) => at[part], doc)
    assert.ok(parent, row.set ?? row.remove)
    if ('set' in row) parent[last] = row.value
    else delete parent[last]
    return doc
}
const name = row => `${'set' in row ? 'set' : 'remove'} ${row.set ?? row.remove} ${JSON.stringify(row.value ?? null).slice(0, 80)}`

test('the schema is itself valid draft 2020-12', () => {
    assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
    assert.ok(ajv.validateSchema(schema), JSON.stringify(ajv.errors))
})

test('a flow with every kind of node is accepted', () => {
    assert.ok(validate(flow), JSON.stringify(validate.errors?.slice(0, 3)))
})

for (const file of fs.readdirSync(new URL('flow-templates/', top)).filter(f => f.endsWith('.json')))
    test(`the template ${file} is accepted`, () => {
        assert.ok(validate(load(`flow-templates/${file}`).flow), JSON.stringify(validate.errors?.slice(0, 3)))
    })

test('the schema refuses what the parser refuses', () => {
    const taken = refused.filter(row => row.schema !== false && validate(changed(row))).map(name)
    assert.deepEqual(taken, [])
    assert.ok(refused.filter(row => row.schema !== false).length > 180)
})

test('only the checks that need the parser are marked as such', () => {
    const marked = refused.filter(row => row.schema === false && !validate(changed(row))).map(name)
    assert.deepEqual(marked, [])
})

test('every field has a description or needs none', () => {
    const bare = []
    for (const [type, def] of Object.entries(schema.$defs))
        if (!def.description && !['node', 'message'].includes(type)) bare.push(type)
    assert.deepEqual(bare, [])
})
