// /v1/conversations: lists, transcripts, and that one workspace never sees those of another.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { flowOf, startApi } from './lib.mjs'

let parley, call, publishedBot, mine, other

before(async () => { ({ parley, call, publishedBot, mine, other } = await startApi()) })
after(() => parley?.stop())

test('conversations and their messages are listed page by page', async () => {
    const bot = await publishedBot(mine, 'Pages')
    const held = []
    for (let i = 0; i < 5; i++) {
        const turn = await call(null, 'POST', `/chat/${bot.id}/messages`, { text: `Question ${i}` })
        assert.equal(turn.status, 200, JSON.stringify(turn.body))
        held.unshift(turn.body.conversation)
    }
    const seen = []
    for (let after = ''; ;) {
        const page = await call(mine, 'GET', `/v1/conversations?bot=${bot.id}&limit=2${after && `&after=${after}`}`)
        seen.push(...page.body.data)
        assert.ok(page.body.data.length <= 2)
        if (!page.body.has_more) break
        after = page.body.data.at(-1).id
    }
    assert.deepEqual(seen.map(c => c.id), held)
    assert.equal(seen[0].first_text, 'Question 4')
    const one = await call(mine, 'GET', `/v1/conversations/${held[0]}`)
    assert.deepEqual([one.body.bot, one.body.state, one.body.version], [bot.id, 'open', 1])
    const messages = []
    for (let after = 0; ;) {
        const page = await call(mine, 'GET', `/v1/conversations/${held[0]}/messages?limit=1&after=${after}`)
        messages.push(...page.body.data)
        assert.equal(page.body.data.length, 1)
        if (!page.body.has_more) break
        after = page.body.data.at(-1).seq
    }
    assert.deepEqual(messages.map(m => [m.seq, m.from, m.text]).slice(0, 2), [[1, 'visitor', 'Question 4'], [2, 'bot', 'And?']])
    assert.equal(messages.length, one.body.messages)
})

test('a conversation is labelled with its contact\'s name, else with the e-mail address, else not at all', async () => {
    const bot = await publishedBot(mine, 'Contacts')
    const contacts = [{ name: 'Ada', email: 'ada@example.org' }, { email: 'bob@example.org' }, { shoe_size: 43 }, undefined]
    for (const contact of contacts) await call(null, 'POST', `/chat/${bot.id}/messages`, { text: 'Hi', contact })
    const { body } = await call(mine, 'GET', `/v1/conversations?bot=${bot.id}`)
    assert.deepEqual(body.data.map(c => c.contact), ['', '', 'bob@example.org', 'Ada'])
})

test('a contact that comes later is kept, and a message without one does not erase it', async () => {
    const bot = await publishedBot(mine, 'Later contact')
    const { body: { conversation, token } } = await call(null, 'POST', `/chat/${bot.id}/messages`, { text: 'Hi' })
    for (const [contact, label] of [[{ name: 'Eve' }, 'Eve'], [undefined, 'Eve'], [{ name: 'Eva' }, 'Eva']]) {
        await call(null, 'POST', `/chat/${bot.id}/messages`, { text: 'It is me', conversation, token, contact })
        assert.equal((await call(mine, 'GET', `/v1/conversations/${conversation}`)).body.contact, label)
    }
})

test('a conversation stays on the version with which it began', async () => {
    const bot = await publishedBot(mine, 'Versions', 'The first version')
    const say = async where => (await call(null, 'POST', `/chat/${bot.id}/messages`, { text: 'Hi', ...where })).body
    const begun = await say(), place = { conversation: begun.conversation, token: begun.token }
    const { body: { revision } } = await call(mine, 'GET', `/v1/bots/${bot.id}/flow`)
    assert.equal((await call(mine, 'PUT', `/v1/bots/${bot.id}/flow`, { flow: flowOf('The second version'), revision })).status, 200)
    assert.equal((await call(mine, 'POST', `/v1/bots/${bot.id}/publish`)).status, 200)
    for (let i = 0; i < 2; i++) assert.equal((await say(place)).messages[0].text, 'The first version')
    const { conversation: fresh } = await say()
    const version = async id => (await call(mine, 'GET', `/v1/conversations/${id}`)).body.version
    assert.deepEqual([await version(begun.conversation), await version(fresh)], [1, 2])
})

test('a page that is full to the last row says that nothing follows', async () => {
    const bot = await publishedBot(mine, 'Full page')
    const { body: { conversation } } = await call(null, 'POST', `/chat/${bot.id}/messages`, { text: 'Only one' })
    const list = (await call(mine, 'GET', `/v1/conversations?bot=${bot.id}&limit=1`)).body
    assert.deepEqual([list.data.map(c => c.id), list.has_more], [[conversation], false])
    const all = (await call(mine, 'GET', `/v1/conversations/${conversation}/messages`)).body.data.length
    const messages = (await call(mine, 'GET', `/v1/conversations/${conversation}/messages?limit=${all}`)).body
    assert.deepEqual([messages.data.length, messages.has_more], [all, false])
})

test('invalid parameters are refused with the parameter named', async () => {
    for (const [query, code, pointer] of [
        ...['1000', '0', '-1', '101', 'ten', '1.5'].map(limit => [`limit=${limit}`, 'limit_invalid', '/limit']),
        ['after=conv_1', 'after_invalid', '/after'], ['state=lost', 'state_invalid', '/state'],
    ]) {
        const got = await call(mine, 'GET', `/v1/conversations?${query}`)
        assert.deepEqual([got.status, got.body.code, got.body.pointer], [422, code, pointer], query)
    }
})

test('another workspace\'s conversations are 404', async () => {
    const bot = await publishedBot(mine, 'Private')
    const turn = await call(null, 'POST', `/chat/${bot.id}/messages`, { text: 'Secret' })
    const conversation = `/v1/conversations/${turn.body.conversation}`
    for (const path of [conversation, `${conversation}/messages`]) {
        assert.equal((await call(mine, 'GET', path)).status, 200, path)
        assert.equal((await call(other, 'GET', path)).status, 404, path)
    }
    assert.deepEqual((await call(other, 'GET', `/v1/conversations?bot=${bot.id}`)).body.data, [])
})
