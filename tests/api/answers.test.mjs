// /v1/answers: the answers of a bot.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { after, before, test } from 'node:test'
import { startApi } from './lib.mjs'

let parley, call, mine, other

before(async () => { ({ parley, call, mine, other } = await startApi()) })
after(() => parley?.stop())

test('answers are listed page by page and found by a query', async () => {
    const { body: bot } = await call(mine, 'POST', '/v1/bots', { template: 'faq', name: 'Pages' })
    const csv = `${parley.dir}/pages.csv`
    fs.writeFileSync(csv, 'question,answer\n' + Array.from({ length: 5 }, (_, i) => `Q${i}?,A${i}\n`).join(''))
    await parley.run('import', 'faq', '--bot', bot.id, csv)
    const first = await call(mine, 'GET', `/v1/answers?bot=${bot.id}&limit=3`)
    const rest = await call(mine, 'GET', `/v1/answers?bot=${bot.id}&limit=3&after=${first.body.data.at(-1).id}`)
    assert.deepEqual([first.body.has_more, rest.body.has_more], [true, false])
    assert.deepEqual([...first.body.data, ...rest.body.data].map(a => a.answer), ['A0', 'A1', 'A2', 'A3', 'A4'])
    assert.equal((await call(mine, 'GET', `/v1/answers?bot=${bot.id}&query=q3`)).body.data[0].question, 'Q3?')
})

test('invalid parameters are refused with the parameter named', async () => {
    const { body: bot } = await call(mine, 'POST', '/v1/bots', { template: 'faq', name: 'Bad' })
    for (const [query, code, pointer] of [['', 'bot_invalid', '/bot'], [`?bot=${bot.id}&limit=0`, 'limit_invalid', '/limit']]) {
        const got = await call(mine, 'GET', `/v1/answers${query}`)
        assert.deepEqual([got.status, got.body.code, got.body.pointer], [422, code, pointer], query)
    }
})

test('the answers of another workspace\'s bot are 404', async () => {
    const { body: bot } = await call(mine, 'POST', '/v1/bots', { template: 'faq', name: 'Private' })
    assert.equal((await call(mine, 'GET', `/v1/answers?bot=${bot.id}`)).status, 200)
    assert.equal((await call(other, 'GET', `/v1/answers?bot=${bot.id}`)).status, 404)
})
