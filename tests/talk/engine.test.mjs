// Turns that ask engines: the whole answer, pieces of it as they come, failover, failures, tools, interruption, and a visitor who leaves.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { FakeBotpress } from '../engine/fake/botpress.mjs'
import { AGENT, keyFile, REGION, startDialogflow } from '../engine/fake/dialogflow.mjs'
import { KEY, startOpenai } from '../engine/fake/openai.mjs'
import { Fake } from '../engine/fake/server.mjs'
import { startInstall, until } from '../lib/install.mjs'
import { askFlow, makeEngineBot } from './engines.mjs'
import { checkLedger, makeBot, newId, send, shown, stream } from './lib.mjs'

let parley, one, two, botpress, hook, dialogflow

before(async () => {
    one = await startOpenai()
    two = await startOpenai()
    botpress = await FakeBotpress.start()
    dialogflow = await startDialogflow()
    hook = await new Fake((_fake, _request, response, script) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(script.reply ?? { messages: ['Hello'] }))).start()
    parley = await startInstall({ config: { rate_limits: 'off', engine_private_hosts: [one.port, two.port, hook.port, dialogflow.port, botpress.server.address().port].map(port => `127.0.0.1:${port}`).join(' ') } })
})
after(async () => {
    await parley?.stop()
    await one?.stop()
    await two?.stop()
    await botpress?.close()
    await hook?.stop()
    await dialogflow?.stop()
})

const engineBot = (...args) => makeEngineBot(parley, ...args)

/** A member of a workspace, who can receive mail. */
const addOwner = (tenant, email, role = 'owner') => {
    const user = newId()
    return parley.sql(`
        INSERT INTO user (user_id, email, email_key, name, password_hash, state, language, is_operator, created_at, updated_at) VALUES (0x${user}, '${email}', '${email}', 'Member', '', 'active', 'en', 0, NOW(3), NOW(3));
        INSERT INTO member (tenant_id, user_id, role, created_at) VALUES (0x${tenant}, 0x${user}, '${role}', NOW(3))`)
}

const texts = reply => reply.body.messages.map(m => m.text)
const asked = (fake, i = -1) => fake.requests.at(i).body.messages.map(m => [m.role, m.content])

test('a bot says what its engine answers, with its prompt, and remembers the conversation', async () => {
    const { bot } = await engineBot(askFlow({ system: { en: 'Be kind.' } }), [one], { prompt: 'You answer in {{language}}: {{nothing}} {"a": {{b}}}', limits: { temperature: 0.5, max_tokens: 99, seed: 7 } })
    one.script = { text: 'I am **well**.' }
    const first = await send(parley, bot, { text: 'How are you?' })
    assert.deepEqual([first.status, texts(first)], [200, ['I am **well**.']])
    assert.deepEqual(asked(one), [['system', 'You answer in en: {{nothing}} {"a": {{b}}}\n\nBe kind.'], ['user', 'How are you?']])
    const { temperature, max_tokens, seed, model } = one.requests.at(-1).body
    assert.deepEqual([temperature, max_tokens, seed, model], [0.5, 99, 7, 'small'])
    one.script = { text: 'Still well.' }
    const { conversation, token } = first.body
    assert.deepEqual(texts(await send(parley, bot, { text: 'And now?', conversation, token })), ['Still well.'])
    assert.deepEqual(asked(one).slice(1), [['user', 'How are you?'], ['assistant', 'I am **well**.'], ['user', 'And now?']])
})

test('engines are told in which language to answer', async () => {
    const flow = { ...askFlow(), languages: ['en', 'de'] }
    const { bot, call } = await engineBot(flow, [one], { prompt: 'Be kind.' })
    one.script = { text: 'Gut.' }
    const { chain } = await call('GET', `/bots/${bot}/engines`)
    for (const [language, locale, told] of [[undefined, 'de', null], ['flow', 'de-AT', 'de'], ['flow', 'fr', 'en'], ['visitor', 'fr-CA', 'fr-CA'], ['visitor', undefined, 'en'], ['pt-BR', 'de', 'pt-BR'], ['', 'de', null]]) {
        await call('PUT', `/bots/${bot}/engines`, { chain, prompt: 'Be kind.', limits: { language } })
        await send(parley, bot, { text: 'go', locale })
        assert.equal(asked(one)[0][1], told ? `Be kind.\n\nAnswer in the language with the BCP 47 tag "${told}".` : 'Be kind.', `${language} ${locale}`)
    }
    for (const language of ['german', 'de_DE', 'de-', 7, '"}']) await assert.rejects(call('PUT', `/bots/${bot}/engines`, { chain, limits: { language } }), /4\d\d/, String(language))
})

test('pieces are streamed as they come, then the whole message, then the turn', async () => {
    const { bot } = await engineBot(askFlow(), [one])
    one.script = { chunks: ['One ', 'two \u{1F600}', ' three.'] }
    const events = []
    for await (const event of stream(parley, bot, { text: 'go' })) events.push(event)
    const pieces = events.filter(e => e.name === 'delta').map(e => e.data.text)
    assert.ok(pieces.length >= 1)
    assert.equal(pieces.join(''), 'One two \u{1F600} three.')
    assert.deepEqual(events.slice(pieces.length).map(e => e.name), ['message', 'done'])
    assert.equal(events.at(-1).data.messages[0].text, 'One two \u{1F600} three.')
})

test('a stream says when its turn begins again, because another turn came in between', async () => {
    const { bot, hex } = await engineBot(askFlow(), [one])
    one.script = { text: 'Hello.' }
    const { conversation, token } = (await send(parley, bot, { text: 'hi' })).body
    one.clear()
    one.queue = [{ chunks: ['First ', 'answer.'], pause: 150 }]
    one.script = { chunks: ['Second answer.'] }
    const overtake = `INSERT INTO message SELECT tenant_id, conversation_id, seq + 1, 'system', 'event', 'noted', '', NOW(3) FROM conversation WHERE bot_id = 0x${hex};
        UPDATE conversation SET seq = seq + 1 WHERE bot_id = 0x${hex}`
    const events = []
    for await (const event of stream(parley, bot, { text: 'go', conversation, token })) {
        events.push(event)
        if (events.length === 1) await parley.sql(overtake)
    }
    const names = events.map(e => e.name), again = names.indexOf('again')
    assert.ok(again > 0 && names.lastIndexOf('again') === again, names.join())
    assert.deepEqual(events.slice(again + 1).map(e => e.data.text).filter(Boolean), ['Second answer.', 'Second answer.'])
    assert.deepEqual([names.at(-1), texts({ body: events.at(-1).data })], ['done', ['Second answer.']])
})

test('when one engine fails, the next one answers', async () => {
    for (const script of [{ status: 401, body: { error: { message: 'bad key', code: 'invalid_api_key' } } }, { status: 429, body: { error: { message: 'x', type: 'insufficient_quota', code: 'insufficient_quota' } } }, { fault: 'html200' }, { fault: 'resetBefore' }]) {
        const { bot } = await engineBot(askFlow(), [one, two])
        one.script = script
        two.script = { text: 'From the second.' }
        assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['From the second.'], JSON.stringify(script))
    }
})

test('when all engines fail, the flow goes on at error, and the conversation has its reply', async () => {
    const { bot, hex } = await engineBot(askFlow({ failed: { en: 'Just a moment.' } }), [one])
    one.script = { status: 401, body: { error: { message: `Incorrect API key provided: ${KEY}`, code: 'invalid_api_key' } } }
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['Just a moment.', 'No engine answered.'])
    const { bot: without } = await makeBot(parley, askFlow())
    assert.deepEqual(texts(await send(parley, without, { text: 'go' })), ['No engine answered.'])
    assert.ok(!parley.log('serve').includes(KEY), 'the key is in no log')
    const [row] = await parley.sql(`SELECT COUNT(*) AS n FROM message m JOIN conversation c ON c.tenant_id = m.tenant_id AND c.conversation_id = m.conversation_id WHERE c.bot_id = 0x${hex} AND CONCAT(m.text, IFNULL(m.data, '')) LIKE '%${KEY.slice(0, 12)}%'`)
    assert.equal(row.n, '0')
})

test('what the tenant wants said when no engine answers is said in place of the error way', async () => {
    const { bot } = await engineBot(askFlow(), [one], { limits: { fallback: 'Please call us.', bot: { calls_day: 1 } } })
    one.script = { status: 500, body: { error: { message: 'down' } }, headers: { 'retry-after': '600' } }
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['Please call us.'], 'the engine failed')
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['Please call us.'], 'the cap is reached')
    assert.equal(one.requests.length, 1)
})

test('an address that the operator has not allowed is never called', async () => {
    const { bot } = await engineBot(askFlow(), [one], { settings: { base_url: 'http://127.0.0.1:1/v1' } })
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['No engine answered.'])
    assert.equal(one.requests.length, 0)
})

test('an answer that is cut off is shown and recorded as interrupted', async () => {
    const { bot } = await engineBot(askFlow(), [one, two])
    one.script = { chunks: ['The first half', ' and'], finish: null, done: false }
    const reply = await send(parley, bot, { text: 'go' })
    assert.equal(reply.status, 200)
    assert.deepEqual(reply.body.messages.map(m => [m.text, m.interrupted]), [['The first half and', true]])
    assert.equal(two.requests.length, 0, 'after the first piece no other engine is asked')
    const { conversation, token } = reply.body
    const again = await fetch(`${parley.url}/chat/${bot}/messages?conversation=${conversation}&after=0`, { headers: { Authorization: `Bearer ${token}` } })
    assert.equal((await again.json()).messages.at(-1).interrupted, true)
})

test('a visitor who leaves ends the call, and only that is recorded', { timeout: 30000 }, async () => {
    const { bot, hex } = await engineBot(askFlow(), [one])
    one.script = { chunks: ['Begun'], fault: 'keepAlive' }
    const stop = new AbortController()
    const first = stream(parley, bot, { text: 'go' }, { signal: stop.signal }).next().catch(() => {})
    await until('the question', () => one.requests.length === 1)
    stop.abort()
    await first
    await until('the end of the call', () => one.gone === 1, 20000)
    const [row] = await parley.sql(`SELECT COUNT(*) AS n FROM conversation WHERE bot_id = 0x${hex}`)
    assert.equal(row.n, '0')
    const calls = () => parley.sql(`SELECT outcome, tokens_in FROM engine_call WHERE bot_id = 0x${hex}`)
    await until('the record of the call', async () => (await calls()).length === 1)
    assert.deepEqual((await calls()).map(r => [r.outcome, r.tokens_in > 0]), [['CANCELLED', true]])
})

test('what changes in the middle of a turn counts from the next one: a key, an engine, the workspace', { timeout: 60000 }, async () => {
    const { bot, tenant, call, chain } = await engineBot(askFlow({ failed: { en: 'Just a moment.' } }), [one, two])
    const keys = () => one.requests.map(r => r.headers.authorization)
    const during = async change => {
        one.clear()
        one.script = { text: 'Late.', delay: 500 }
        const answer = send(parley, bot, { text: 'go' })
        await until('the question', () => one.requests.length === 1)
        await change()
        return texts(await answer)
    }
    assert.deepEqual(await during(() => call('PATCH', `/engines/${chain[0]}`, { settings: { api_key: 'sk-other-key-0000' } })), ['Late.'])
    two.script = { text: 'From the second.' }
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['From the second.'])
    assert.deepEqual(keys(), [`Bearer ${KEY}`, 'Bearer sk-other-key-0000'], 'the new key is refused by the fake')
    await call('PATCH', `/engines/${chain[0]}`, { settings: { api_key: KEY } })

    assert.deepEqual(await during(() => call('DELETE', `/engines/${chain[0]}`)), ['Late.'], 'an engine that was removed finishes its answer')
    const asked = one.requests.length
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['From the second.'])
    assert.equal(one.requests.length, asked)

    two.script = { text: 'To the end.', delay: 500 }
    const open = send(parley, bot, { text: 'go' })
    await until('the question', () => two.requests.length > 2)
    await parley.sql(`UPDATE tenant SET state = 'suspended' WHERE tenant_id = 0x${tenant}`)
    assert.deepEqual(texts(await open), ['To the end.'])
    await checkLedger(parley, assert)
})

test('a plan that no longer covers the bot ends no turn and no open conversation', async () => {
    const { tenant } = await makeBot(parley, askFlow())
    const { bot, hex } = await engineBot(askFlow(), [one], { tenant })
    one.script = { text: 'Late.', delay: 700 }
    const answer = send(parley, bot, { text: 'go' })
    await until('the question', () => one.requests.length === 1)
    await parley.run('tenant', 'plan', shown('ws', tenant), 'free')
    const first = await answer
    assert.deepEqual(texts(first), ['Late.'], 'the older bot is the one that the plan covers now')
    one.script = { text: 'Still here.' }
    const { conversation, token } = first.body
    assert.deepEqual(texts(await send(parley, bot, { text: 'and?', conversation, token })), ['Still here.'])
    const refused = await send(parley, bot, { text: 'go' })
    assert.deepEqual([refused.status, refused.body.code], [402, 'bot_inactive'])
    assert.equal(one.requests.length, 2, 'a conversation that may not begin asks no engine')
    await parley.run('tenant', 'plan', shown('ws', tenant), 'enterprise')
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['Still here.'])
    const [row] = await parley.sql(`SELECT COUNT(*) n FROM engine_call WHERE bot_id = 0x${hex}`)
    assert.equal(Number(row.n), 3)
    await checkLedger(parley, assert)
})

test('two bots whose engines are each other\'s second choice ask each engine once', async () => {
    const there = await engineBot(askFlow(), [one, two]), back = await engineBot(askFlow(), [two, one])
    for (const fake of [one, two]) fake.script = { status: 401, body: { error: { message: 'no', code: 'invalid_api_key' } } }
    for (const { bot } of [there, back]) assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['No engine answered.'])
    assert.deepEqual([one.requests.length, two.requests.length], [2, 2])
})

test('a model that only asks for tools is asked without them in the end, and then has failed', async () => {
    const flow = askFlow({ tools: ['note'], rounds: 2 }, { note: { type: 'set', set: [{ var: 'v', to: 'x' }], tool: { name: 'note', description: 'Notes', parameters: {} }, next: 'sorry' } }, { v: { type: 'text' } })
    const { bot } = await engineBot(flow, [one])
    one.script = { calls: [{ id: 'a', name: 'note', arguments: ['{}'] }] }
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['No engine answered.'])
    assert.deepEqual(one.requests.map(r => r.body.tools?.length ?? 0), [1, 1, 0])
})

test('two workspaces at one server do not meet: each sends its own key, and one that fails does not stop the other', async () => {
    const good = await engineBot(askFlow(), [one]), bad = await engineBot(askFlow(), [one], { key: 'sk-of-another-0000' })
    for (let i = 0; i < 12; i++) assert.deepEqual(texts(await send(parley, bad.bot, { text: 'go' })), ['No engine answered.'])
    assert.deepEqual(texts(await send(parley, good.bot, { text: 'go' })), ['Hello, world'])
    assert.deepEqual([...new Set(one.requests.slice(0, 12).map(r => r.headers.authorization))], ['Bearer sk-of-another-0000'])
    assert.equal(one.requests.at(-1).headers.authorization, `Bearer ${KEY}`)
})

test('personal data is hidden from the engine and comes back in the answer', async () => {
    const { bot } = await engineBot(askFlow(), [one], { limits: { mask: true } })
    one.script = { text: 'Understood.' }
    await send(parley, bot, { text: 'Write to anna@example.com or call +49 30 901820.' })
    const sent = asked(one)[0][1]
    assert.ok(!sent.includes('anna@example.com') && !sent.includes('901820'), sent)
})

test('what an engine remembers of a visitor is kept with the conversation, and its key is sealed', async () => {
    const { bot, hex } = await engineBot(askFlow(), [botpress], { type: 'botpress', settings: { quiet_ms: 150, max_wait_ms: 2000 } })
    const first = await send(parley, bot, { text: 'hello' })
    assert.deepEqual(texts(first), ['hello'])
    botpress.requests.length = 0
    const { conversation, token } = first.body
    assert.deepEqual(texts(await send(parley, bot, { text: 'again', conversation, token })), ['again'])
    assert.deepEqual(botpress.requests.map(r => r.op), ['listen', 'listMessages', 'createMessage'], 'the same user goes on with the same conversation')
    const [row] = await parley.sql(`SELECT flow_state FROM conversation WHERE bot_id = 0x${hex}`)
    const [state] = Object.values(JSON.parse(row.flow_state).engines)
    assert.ok(state.open.user && state.sealed)
    assert.ok(!/"user_key"|eyJ/.test(row.flow_state), 'the key of the user is sealed')
})

test('agents of Dialogflow ES and CX answer a visitor in one session a conversation, and their keys are nowhere', async () => {
    const file = keyFile(dialogflow), body = file.private_key.split('\n')[3]
    for (const [type, settings] of [['dialogflow_es', {}], ['dialogflow_cx', { location: REGION, agent: AGENT }]]) {
        const { bot, hex, call } = await engineBot(askFlow(), [dialogflow], { type, settings: { service_account: JSON.stringify(file, null, 2), ...settings } })
        dialogflow.reset()
        const first = await send(parley, bot, { text: 'Grüße \u{1F600}' })
        assert.deepEqual(texts(first), ['You said: Grüße \u{1F600}'])
        const { conversation, token } = first.body
        assert.deepEqual(texts(await send(parley, bot, { text: 'again', conversation, token })), ['You said: again'])
        assert.deepEqual([...dialogflow.sessions.values()], [['Grüße \u{1F600}', 'again']])
        assert.deepEqual(dialogflow.requests.filter(r => r.path === '/token').length, 1, 'one token serves both turns')
        dialogflow.script = { text: '', messages: [] }
        assert.deepEqual(texts(await send(parley, bot, { text: 'silence', conversation, token })), ['No engine answered.'])
        const [row] = await parley.sql(`SELECT flow_state FROM conversation WHERE bot_id = 0x${hex}`)
        const [engine] = (await call('GET', '/engines')).data
        assert.ok(![row.flow_state, JSON.stringify(engine)].some(text => text.includes(body) || text.includes('ya29')))
        assert.equal(engine.settings.service_account, undefined)
    }
})

test('an engine that wants too much remembered is not remembered further, and still answers', async () => {
    const { bot } = await engineBot(askFlow(), [hook], { type: 'webhook', settings: { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' } })
    let visitor = {}
    for (let i = 0; i < 9; i++) {
        hook.script = { reply: { messages: [`Answer ${i}`], variables: { n: `${i}`, [`v${i}`]: 'x'.repeat(9000) } } }
        const reply = await send(parley, bot, { text: 'go', ...visitor })
        assert.deepEqual([reply.status, texts(reply)], [200, [`Answer ${i}`]])
        visitor = { conversation: reply.body.conversation, token: reply.body.token }
    }
    const { n, ...more } = hook.requests.at(-1).body.variables
    assert.deepEqual([n, Object.keys(more)], ['7', ['v0']])
    assert.match(parley.log('serve'), /engine_state_dropped/)
})

test('an engine whose key cannot be opened any more is passed over', async () => {
    const { bot, tenant } = await engineBot(askFlow(), [one, two])
    const lose = `UPDATE engine SET secrets = REVERSE(secrets) WHERE tenant_id = 0x${tenant}`
    await parley.sql(`${lose} ORDER BY name LIMIT 1`)
    two.script = { text: 'From the second.' }
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['From the second.'])
    await parley.sql(`${lose} ORDER BY name DESC LIMIT 1`)
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['No engine answered.'])
    assert.deepEqual([one.requests.length, two.requests.length], [0, 1])
})

test('a choice and a form are filled by the engine', async () => {
    const flow = {
        format: 1, languages: ['en'], start: 'hello', variables: { name: { type: 'text' }, count: { type: 'number' } },
        nodes: {
            hello: { type: 'say', messages: [{ type: 'text', text: { en: 'Hello!' } }], next: 'route' },
            route: { type: 'classify', labels: [{ label: 'order', description: 'wants to order', next: 'read' }, { label: 'other', next: 'sorry' }], else: 'sorry' },
            read: { type: 'extract', fill: { name: 'who it is for', count: 'how many' }, next: 'told', error: 'sorry' },
            told: { type: 'ask', text: { en: '{{count}} for {{name}}' }, expect: 'text', next: 'route' },
            sorry: { type: 'ask', text: { en: 'Not understood.' }, expect: 'text', next: 'route' },
        },
    }
    const { bot } = await engineBot(flow, [one])
    one.queue = [{ text: '{"label":"order"}' }, { text: 'Here it is: {"name":"Ben","count":3}' }]
    assert.deepEqual(texts(await send(parley, bot, { text: 'three for Ben' })), ['3 for Ben'])
    assert.equal(one.requests[0].body.response_format?.type, 'json_schema')
    one.queue = [{ text: 'no label at all' }]
    assert.deepEqual(texts(await send(parley, bot, { text: 'hm' })), ['Not understood.'])
})

test('every call is recorded with its tokens, also one that failed', async () => {
    const { bot, hex, tenant } = await engineBot(askFlow(), [one, two])
    await parley.sql("REPLACE INTO engine_price (type, model, input, output, updated_at) VALUES ('openai', 'sma*', 2000000000, 6000000000, NOW(3))")
    one.script = { status: 401, body: { error: { message: 'bad key', code: 'invalid_api_key' } } }
    two.script = { text: 'Answered.' }
    const { body } = await send(parley, bot, { text: 'go' })
    const rows = await parley.sql(`SELECT outcome, http_status, tokens_in, tokens_out, estimated, cost, type, model, purpose, HEX(conversation_id) c FROM engine_call WHERE bot_id = 0x${hex} ORDER BY call_id`)
    assert.deepEqual(rows.map(r => [r.outcome, Number(r.http_status)]), [['AUTH', 401], ['OK', 0]])
    const good = rows[1]
    assert.deepEqual([good.tokens_in, good.tokens_out, good.estimated, good.type, good.model, good.purpose].map(String), ['11', '7', '0', 'openai', 'small', 'answer'])
    assert.equal(Number(good.cost), 11 * 2000 + 7 * 6000)
    assert.ok(body.conversation)
    const [sum] = await parley.sql(`SELECT SUM(calls) n, SUM(tokens) t FROM engine_usage WHERE tenant_id = 0x${tenant} AND scope = 'workspace' AND monthly = 0`)
    assert.equal(String(sum.n), '2')
})

test('a cap of a visitor, of a bot and of a workspace ends in the fallback', async () => {
    for (const scope of ['visitor', 'bot', 'workspace']) {
        const { bot } = await engineBot(askFlow(), [one], { limits: { [scope]: { calls_day: 2 } } })
        one.script = { text: 'Answered.' }
        const said = []
        for (let i = 0; i < 4; i++) said.push(...texts(await send(parley, bot, { text: 'go' })))
        assert.deepEqual(said, ['Answered.', 'Answered.', 'No engine answered.', 'No engine answered.'], scope)
        assert.equal(one.requests.length, 2, scope)
    }
    const { bot } = await engineBot(askFlow(), [one], { limits: { bot: { tokens_month: 10 } } })
    one.script = { text: 'Answered.' }
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['Answered.'])
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['No engine answered.'], 'the tokens of the month')
})

test('a cap that is reached is mailed once to the owners, and a visitor\'s cap to nobody', async () => {
    const mails = tenant => parley.sql(`SELECT payload FROM job WHERE tenant_id = 0x${tenant} AND kind = 'mail' ORDER BY job_id`).then(rows => rows.map(r => JSON.parse(r.payload)))
    for (const [scope, cap, amount] of [['bot', 'calls_day', 2], ['workspace', 'tokens_month', 20]]) {
        const { bot, hex, tenant } = await engineBot(askFlow(), [one], { limits: { [scope]: { [cap]: amount }, visitor: { calls_day: 1000 } } })
        await addOwner(tenant, `owner-${scope}@example.org`)
        await addOwner(tenant, `agent-${scope}@example.org`, 'agent')
        one.script = { text: 'Answered.' }
        for (let i = 0; i < 4; i++) await send(parley, bot, { text: 'go' })
        const [mail, ...more] = await mails(tenant)
        assert.deepEqual([mail?.to, mail?.template, more.length], [`owner-${scope}@example.org`, `engine_cap_${scope}`, 0])
        assert.deepEqual([mail.values[cap.split('_')[0]].number, mail.values.url], [amount, `/app/bots/${bot}/engines`])
        const rows = await parley.sql(`SELECT scope, cap, amount, visitors, HEX(bot_id) bot FROM engine_cap WHERE tenant_id = 0x${tenant}`)
        assert.deepEqual(rows.map(r => [r.scope, r.cap, Number(r.amount), Number(r.visitors), r.bot.toLowerCase()]), [[scope, cap.split('_')[0], amount, 0, hex]])
    }
    const { bot, tenant } = await engineBot(askFlow(), [one], { limits: { visitor: { calls_day: 1 } } })
    await addOwner(tenant, 'owner-visitor@example.org')
    for (let i = 0; i < 3; i++) await send(parley, bot, { text: 'go' })
    assert.deepEqual(await mails(tenant), [])
    const [row] = await parley.sql(`SELECT scope, visitors FROM engine_cap WHERE tenant_id = 0x${tenant}`)
    assert.deepEqual([row?.scope, Number(row?.visitors)], ['visitor', 1])
})

test('a cap that is set below what was used already is mailed with the first question that it refuses', async () => {
    const { bot, tenant, call } = await engineBot(askFlow(), [one])
    await addOwner(tenant, 'owner-lowered@example.org')
    one.script = { text: 'Answered.' }
    await send(parley, bot, { text: 'go' })
    const { chain } = await call('GET', `/bots/${bot}/engines`)
    const set = amount => call('PUT', `/bots/${bot}/engines`, { chain, limits: { bot: { calls_month: amount } } })
    const reached = () => call('GET', `/bots/${bot}/engines`).then(b => b.caps_reached.map(c => [c.scope, c.cap, c.period, c.amount, c.used, Date.parse(c.until) > Date.now()]))
    const mails = () => parley.sql(`SELECT COUNT(*) n FROM job WHERE tenant_id = 0x${tenant} AND kind = 'mail'`).then(([r]) => Number(r.n))
    assert.deepEqual(await reached(), [])
    await set(1)
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['No engine answered.'])
    await send(parley, bot, { text: 'go' })
    assert.equal(await mails(), 1)
    assert.deepEqual(await reached(), [['bot', 'calls', 'month', 1, 1, true]])
    await set(2)
    assert.deepEqual(await reached(), [], 'a raised cap is not reached')
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['Answered.'])
    assert.equal(await mails(), 2, 'the raised cap is another one')
    await set(0)
    await send(parley, bot, { text: 'go' })
    assert.equal(await mails(), 2, 'a cap of 0 is a wish, and not news')
})

test('a live handoff of Dialogflow brings the conversation to a person', async () => {
    const way = askFlow({ handoff: 'person' }, { person: { type: 'handoff', text: { en: 'A colleague will answer.' } } })
    for (const [type, settings, script] of [
        ['dialogflow_es', {}, { text: 'One moment.', result: { intent: { displayName: 'Person', liveAgentHandoff: true } } }],
        ['dialogflow_cx', { location: REGION, agent: AGENT }, { messages: [{ text: { text: ['One moment.'] } }, { liveAgentHandoff: { metadata: { reason: 'asked' } } }] }],
    ]) {
        const { bot } = await engineBot(way, [dialogflow], { type, settings: { service_account: JSON.stringify(keyFile(dialogflow)), ...settings } })
        dialogflow.script = script
        const { body } = await send(parley, bot, { text: 'A person, please' })
        assert.deepEqual([body.messages.map(m => m.text), body.state], [['One moment.', 'A colleague will answer.'], 'handoff'], type)
    }
})

test('a handoff by an engine takes the way of the node, and the conversation waits for a person', async () => {
    const way = askFlow({ handoff: 'person' }, { person: { type: 'handoff', text: { en: 'A colleague will answer.' } } })
    const settings = { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' }
    for (const [flow, said] of [[way, ['One moment.', 'A colleague will answer.']], [askFlow(), ['One moment.']]]) {
        const { bot, hex } = await engineBot(flow, [hook], { type: 'webhook', settings })
        hook.script = { reply: { messages: ['One moment.'], handoff: 'The visitor asked for a person.' } }
        const { body } = await send(parley, bot, { text: 'person, please' })
        assert.deepEqual([body.messages.map(m => m.text), body.state], [said, 'handoff'])
        const [row] = await parley.sql(`SELECT state FROM conversation WHERE bot_id = 0x${hex}`)
        assert.equal(row.state, 'handoff')
        const again = await send(parley, bot, { text: 'still there?', conversation: body.conversation, token: body.token })
        assert.deepEqual(texts(again), [], 'the bot is silent until a person has answered')
        assert.equal(hook.requests.length, 1)
    }
    const { bot } = await engineBot(way, [hook], { type: 'webhook', settings })
    hook.script = { reply: { handoff: true } }
    assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['A colleague will answer.'], 'an engine that only hands off')
})

test('a canary asks other engines in a share of new conversations, and both are compared', { timeout: 60000 }, async () => {
    const { bot, hex, call, chain } = await engineBot(askFlow(), [one, two])
    await call('PUT', `/bots/${bot}/engines`, { chain: [chain[0]] })
    assert.deepEqual(await call('GET', `/bots/${bot}/canary`).then(k => [k.percent, k.version, k.run, k.canary.conversations]), [0, null, 0, 0])
    for (const wrong of [{ percent: 51, chain: [chain[1]] }, { percent: -1, chain: [chain[1]] }, { percent: 10 }, { percent: 10, version: 1 }, { percent: 10, version: 9 }, { percent: 10, version: 1, chain: [chain[1]] }, { percent: 10, chain: [chain[1], chain[1]] }, { percent: 10, chain: ['eng_00000000000000000000000000'] }])
        await assert.rejects(call('PUT', `/bots/${bot}/canary`, wrong), /4\d\d/, JSON.stringify(wrong))
    await call('PUT', `/bots/${bot}/canary`, { percent: 50, chain: [chain[1]] })
    one.script = { text: 'One.' }
    two.script = { text: 'Two.' }
    const of = { 'One.': [], 'Two.': [] }
    for (let i = 0; i < 30; i++) {
        const { body } = await send(parley, bot, { text: 'go' })
        of[body.messages[0].text].push(body)
    }
    const [others, canary] = [of['One.'].length, of['Two.'].length]
    assert.ok(others > 3 && canary > 3, `${others} and ${canary}`)
    const { conversation, token, seq } = of['Two.'][0]
    assert.deepEqual(texts(await send(parley, bot, { text: 'and?', conversation, token })), ['Two.'], 'a conversation stays where it began')
    const rate = rating => fetch(`${parley.url}/chat/${bot}/feedback`, { method: 'POST', headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` }, body: JSON.stringify({ conversation, token, seq: 0, rating }) })
    for (const rating of [-1, 1, 1]) assert.equal((await rate(rating)).status, 204)
    const now = await call('GET', `/bots/${bot}/canary`)
    const counts = ({ conversations, answered, handed_off, rated_up, rated_down, turns, calls, tokens }) => [conversations, answered, handed_off, rated_up, rated_down, turns, calls, tokens]
    assert.deepEqual(counts(now.others), [others, others, 0, 0, 0, others, others, others * 18])
    assert.deepEqual(counts(now.canary), [canary, canary, 0, 1, 0, canary + 1, canary + 1, (canary + 1) * 18])
    assert.ok(now.canary.took_ms > 0)
    const rows = await parley.sql(`SELECT canary, COUNT(*) n FROM conversation WHERE bot_id = 0x${hex} GROUP BY canary ORDER BY canary`)
    assert.deepEqual(rows.map(r => [Number(r.canary), Number(r.n)]), [[2, others], [3, canary]])

    await call('PUT', `/bots/${bot}/canary`, { percent: 0 })
    assert.deepEqual(texts(await send(parley, bot, { text: 'and?', conversation, token })), ['Two.'], 'also when the comparison has ended')
    for (let i = 0; i < 10; i++) assert.deepEqual(texts(await send(parley, bot, { text: 'go' })), ['One.'])
    assert.equal((await call('GET', `/bots/${bot}/canary`)).others.conversations, others)
    await checkLedger(parley, assert)
})

test('a canary runs on another published version, and hand-offs are counted', { timeout: 60000 }, async () => {
    const flow = text => ({ format: 1, languages: ['en'], start: 'p', nodes: { p: { type: 'handoff', text: { en: text } } } })
    const { bot, hex, tenant, call } = await engineBot(flow('First'), [one])
    const { revision } = await call('GET', `/bots/${bot}/flow`)
    await call('PUT', `/bots/${bot}/flow`, { flow: flow('Second'), revision })
    await call('POST', `/bots/${bot}/publish`, {})
    await call('PUT', `/bots/${bot}/canary`, { percent: 50, version: 1 })
    const seen = { First: 0, Second: 0 }
    for (let i = 0; i < 24; i++) seen[(await send(parley, bot, { text: 'go' })).body.messages[0].text]++
    assert.ok(seen.First > 2 && seen.Second > 2, JSON.stringify(seen))
    const { others, canary } = await call('GET', `/bots/${bot}/canary`)
    assert.deepEqual([others.handed_off, canary.handed_off, others.answered, canary.answered], [seen.Second, seen.First, seen.Second, seen.First])
    const rows = await parley.sql(`SELECT version, canary, COUNT(*) n FROM conversation WHERE tenant_id = 0x${tenant} AND bot_id = 0x${hex} GROUP BY version, canary ORDER BY version`)
    assert.deepEqual(rows.map(r => [Number(r.version), Number(r.canary), Number(r.n)]), [[1, 3, seen.First], [2, 2, seen.Second]])
    const together = await Promise.all(Array.from({ length: 60 }, () => send(parley, bot, { text: 'go' }))) // recorded in batches
    for (const reply of together) seen[reply.body.messages[0].text]++
    const now = await call('GET', `/bots/${bot}/canary`)
    assert.deepEqual([now.others.conversations, now.canary.conversations, now.others.turns, now.canary.turns, now.others.handed_off], [seen.Second, seen.First, seen.Second, seen.First, seen.Second])
})

test('300 turns that wait for an engine hold no threads', { timeout: 60000 }, async () => {
    const { bot } = await engineBot(askFlow(), [one])
    one.script = { text: 'Late.', delay: 3000 }
    const waiting = Array.from({ length: 300 }, () => send(parley, bot, { text: 'go' }))
    await until('the questions', () => one.requests.length === 300, 30000)
    const { bot: quick } = await makeBot(parley, askFlow())
    const begun = Date.now()
    assert.equal((await send(parley, quick, { text: 'quick' })).status, 200)
    assert.ok(Date.now() - begun < 1500, 'a turn without a call waited')
    for (const reply of await Promise.all(waiting)) assert.deepEqual(texts(reply), ['Late.'])
    await checkLedger(parley, assert)
})
