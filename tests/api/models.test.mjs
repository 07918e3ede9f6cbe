// /v1/models: the published bots of a workspace, as the official client lists them.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startApi } from './lib.mjs'
import { clientOf } from './walk.mjs'

let parley, call, publishedBot, mine, other

before(async () => { ({ parley, call, publishedBot, mine, other } = await startApi()) })
after(() => parley?.stop())

test('only published bots of the own workspace are models', async () => {
    const bot = await publishedBot(mine, 'Model')
    const { body: draft } = await call(mine, 'POST', '/v1/bots', { template: 'faq', name: 'Draft' })
    const foreign = await publishedBot(other, 'Foreign')
    const client = clientOf(parley.url, mine.key)
    const { data } = await client.models.list()
    assert.deepEqual(data.map(m => m.id), [bot.id])
    assert.ok(Number.isInteger(data[0].created))
    assert.equal((await client.models.retrieve(bot.id)).owned_by, 'parley')
    for (const id of [draft.id, foreign.id, 'bot_none', 'a/b'])
        assert.equal((await client.models.retrieve(id).catch(e => e)).status, 404, id)
})
