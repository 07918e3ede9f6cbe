// Our engines for Dialogflow ES and CX against the fake: the sign-in and its token, the address, the question, and every kind of message.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import { Chain } from './chain.mjs'
import { AGENT, keyFile, PROJECT, REGION, startDialogflow } from './fake/dialogflow.mjs'
import { KEY, startOpenai } from './fake/openai.mjs'

let fake, next, chain, keys = 0

before(async () => {
    fake = await startDialogflow()
    next = await startOpenai()
    chain = new Chain(fake.port, next.port)
})
after(async () => {
    await chain?.end()
    for (const f of [fake, next]) await f?.stop()
})
beforeEach(() => {
    fake.reset()
    next.clear()
})

const id = (prefix, n) => `${prefix}_${String(n).padStart(26, '0')}`
/** A key file that no other test has, so that no token is kept for it. */
const account = more => JSON.stringify(keyFile(fake, { note: `${++keys}`, ...more }), null, 2)
const es = (settings, more) => ({ type: 'dialogflow_es', settings: { base_url: `${fake.url}/`, service_account: account(), ...settings }, ...more })
const cx = (settings, more) => ({ type: 'dialogflow_cx', settings: { base_url: fake.url, service_account: account(), location: REGION, agent: AGENT, ...settings }, ...more })
const ask = (link, job) => chain.ask({ links: [link], conversation: id('conv', 1), contact: id('usr', 1), message_id: id('msg', 1), ...job })
const probe = link => ask(link, { asking: 'probe', messages: undefined })
const paths = () => fake.requests.map(r => r.path)
const plain = got => got.events.map(({ ms, ...e }) => e)
const said = got => got.of('message').map(e => e.text)
const both = [es, cx]
const choice = (label, value = label, url = '') => ({ label, value, url })

test('a question is answered with a token of the service account', async () => {
    const got = await ask(es(), { language: 'de-AT', messages: [{ role: 'user', text: 'old' }, { role: 'assistant', text: 'Hi' }, { role: 'user', text: 'Grüße 🙂' }] })
    assert.deepEqual([got.class, got.message, got.detail, got.in_flight], ['OK', 'You said: Grüße 🙂', '', 0])
    assert.deepEqual(paths(), ['/token', `/v2/projects/${PROJECT}/agent/sessions/${id('conv', 1)}:detectIntent`])
    assert.deepEqual(fake.requests[1].body, { queryInput: { text: { text: 'Grüße 🙂', languageCode: 'de-AT' } } })
})

test('CX is asked at its agent, and the language stands beside the text', async () => {
    const got = await ask(cx(), { language: 'de' })
    assert.deepEqual([got.class, got.message], ['OK', 'You said: Hi'])
    assert.deepEqual(paths(), ['/token', `/v3/projects/${PROJECT}/locations/${REGION}/agents/${AGENT}/sessions/${id('conv', 1)}:detectIntent`])
    assert.deepEqual(fake.requests[1].body, { queryInput: { text: { text: 'Hi' }, languageCode: 'de' } })
    fake.reset()
    await ask(cx({ environment: 'draft', agent: `projects/${PROJECT}/locations/${REGION}/agents/${AGENT}`, language: 'fr' }), { language: 'de' })
    assert.match(paths()[1], new RegExp(`/agents/${AGENT}/environments/draft/sessions/`))
    assert.equal(fake.requests[1].body.queryInput.languageCode, 'fr')
})

test('ES is asked in its location and environment, and in English when no language is known', async () => {
    const got = await ask(es({ location: REGION, environment: 'live', project: PROJECT }))
    assert.equal(got.class, 'OK')
    assert.equal(paths()[1], `/v2/projects/${PROJECT}/locations/${REGION}/agent/environments/live/users/-/sessions/${id('conv', 1)}:detectIntent`)
    assert.equal(fake.requests[1].body.queryInput.text.languageCode, 'en')
})

test('a conversation is one session of at most 36 bytes', async () => {
    const link = es()
    for (const n of [1, 2, 1]) await ask(link, { conversation: id('conv', n), messages: [{ role: 'user', text: `to ${n}` }] })
    assert.deepEqual([...fake.sessions], [[id('conv', 1), ['to 1', 'to 1']], [id('conv', 2), ['to 2']]])
    for (const name of fake.sessions.keys()) assert.ok(Buffer.byteLength(name) <= 36)
})

test('a question beyond 256 characters is cut between characters, and the tenant reads so; CX gets all of it', async () => {
    const link = es(), flag = '🇩🇪', family = '👩‍👩‍👧'
    for (const [text, sent] of [['x'.repeat(256), 'x'.repeat(256)], ['x'.repeat(257), 'x'.repeat(256)], [`${'x'.repeat(255)}🙂`, 'x'.repeat(255)], [`${'x'.repeat(254)}🙂`, `${'x'.repeat(254)}🙂`],
        [`${'x'.repeat(255)}e\u0301`, 'x'.repeat(255)], [`${'x'.repeat(250)}${family}`, 'x'.repeat(250)], [`${'x'.repeat(250)}${flag}${flag}`, `${'x'.repeat(250)}${flag}`], [`x${'\u0301'.repeat(300)}`, `x${'\u0301'.repeat(255)}`]]) {
        const got = await ask(link, { messages: [{ role: 'user', text }] })
        assert.deepEqual([got.class, fake.requests.at(-1).body.queryInput.text.text], ['OK', sent])
        assert.equal(got.detail, text === sent ? '' : 'The message was longer than the 256 characters that Dialogflow ES takes, and was cut.')
    }
    const got = await ask(cx(), { messages: [{ role: 'user', text: 'x'.repeat(400) }] })
    assert.deepEqual([got.detail, fake.requests.at(-1).body.queryInput.text.text.length], ['', 400])
})

test('a token serves all conversations until a minute before its end, and another key file does not find it', async () => {
    const link = es()
    await ask(link)
    await ask(link, { conversation: id('conv', 2) })
    assert.deepEqual(paths().filter(p => p === '/token').length, 1)
    await ask(es())
    assert.deepEqual(paths().filter(p => p === '/token').length, 2)
    fake.requests = []
    fake.lifeS = 60
    const short = es()
    await ask(short)
    await ask(short)
    assert.deepEqual(paths().filter(p => p === '/token').length, 2)
    fake.requests = []
    fake.lifeS = 61
    const soon = es()
    await ask(soon)
    await new Promise(ok => setTimeout(ok, 1100))
    await ask(soon)
    assert.deepEqual(paths().filter(p => p === '/token').length, 2)
})

test('more accounts than tokens can be kept, and the newest stay', async () => {
    const links = Array.from({ length: 66 }, () => es())
    for (const link of links) assert.equal((await ask(link)).class, 'OK')
    fake.requests = []
    for (const i of [2, 33, 64, 65]) await ask(links[i])
    assert.equal(paths().filter(p => p === '/token').length, 0)
    await ask(links[0]) // takes the place of the one that was not asked for the longest time
    assert.equal(paths().filter(p => p === '/token').length, 1)
    await ask(links[2])
    assert.equal(paths().filter(p => p === '/token').length, 1)
})

test('a token that is refused is replaced once, and the question arrives once', async () => {
    for (const make of both) {
        fake.reset()
        const link = make()
        await ask(link)
        fake.tokens.clear()
        fake.requests = []
        const got = await ask(link)
        assert.deepEqual([got.class, got.message, got.tries.length], ['OK', 'You said: Hi', 1])
        assert.deepEqual(paths().map(p => p.replace(/.*:/, '')), ['detectIntent', '/token', 'detectIntent'])
        assert.equal(fake.sessions.get(id('conv', 1)).length, 2)
        fake.requests = []
        fake.tokenScript = { reply: { access_token: 'never-valid-0123456789', expires_in: 3599 } }
        fake.tokens.clear()
        const bad = await ask(link)
        assert.deepEqual([bad.class, bad.http, paths().length], ['AUTH', 401, 3])
        assert.match(bad.text, /invalid authentication credentials/)
    }
})

test('what is wrong with the key file is said in words, and nothing is sent', async () => {
    const other = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })
    const small = crypto.generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs8', format: 'pem' })
    const locked = crypto.generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }, publicKeyEncoding: { type: 'spki', format: 'pem' } }).privateKey
    const whole = keyFile(fake).private_key
    for (const [file, words] of [['', /service account is missing/], ['{"private_key": ', /is not JSON/], [whole, /is not JSON/], ['[]', /is not JSON/], [account({ private_key: undefined }), /has no private_key/],
        [JSON.stringify({ installed: {}, client_secret: 'x' }), /OAuth client/], [account({ client_email: 7 }), /has no client_email/], [account({ token_uri: '' }), /has no token_uri/],
        [account({ private_key: other }), /is not an RSA key/], [account({ private_key: small }), /has 1024 bits/], [account({ private_key: locked }), /without a passphrase/],
        [account({ private_key: whole.slice(0, 900) }), /whole PEM file/], [account({ private_key: whole.replaceAll('\n', '\\n') }), /whole PEM file/], [account({ private_key: 'nonsense' }), /whole PEM file/]]) for (const make of both) {
        const got = await probe(make({ service_account: file }))
        assert.equal(got.class, 'CONFIG', file)
        assert.match(got.text, words)
    }
    assert.deepEqual(fake.requests, [])
    assert.equal((await ask(es({ service_account: account({ private_key: crypto.createPrivateKey(whole).export({ type: 'pkcs1', format: 'pem' }) }) }))).class, 'OK')
})

test('a sign-in that Google refuses is explained', async () => {
    const another = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' })
    const wrong = await probe(es({ service_account: account({ private_key: another }) }))
    assert.deepEqual([wrong.class, wrong.http, wrong.code], ['AUTH', 400, 'invalid_grant'])
    assert.match(wrong.text, /did not sign the service account in: Invalid JWT Signature/)
    assert.match((await probe(cx({ service_account: account({ client_email: 'gone@x.iam.gserviceaccount.com' }) }))).text, /account not found/)
    const lost = await probe(es({ service_account: account({ token_uri: `${fake.url}/elsewhere` }) }))
    assert.notEqual(lost.class, 'OK')
    const metadata = await probe(es({ service_account: account({ token_uri: 'http://169.254.169.254/token' }) }))
    assert.equal(metadata.class, 'POLICY')
    assert.equal((await probe(es({ service_account: account({ token_uri: 'file:///etc/passwd' }) }))).class, 'CONFIG')
})

test('a clock that differs from Google\'s is named, with the difference and who is ahead', async () => {
    for (const [aheadS, words] of [[7200, /is 7\d\d\d seconds behind Google's.*Set the clock/], [-7200, /is 7\d\d\d seconds ahead of Google's.*Set the clock/]]) {
        fake.aheadS = aheadS
        const got = await ask(es())
        assert.equal(got.class, 'INTERNAL')
        assert.match(got.text, words)
        assert.equal(fake.requests.length, 1)
        fake.requests = []
    }
    fake.aheadS = 200 // Google takes five minutes
    assert.equal((await ask(es())).class, 'OK')
    fake.aheadS = 0
    fake.tokenScript = { status: 400, body: { error: 'invalid_grant', error_description: 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.' } }
    assert.match((await ask(es())).text, /Google says that the clock of this server is wrong/)
})

test('a token endpoint that fails is asked again, because the question was not sent; odd replies are refused', async () => {
    fake.tokenScript = { status: 500, body: { error: 'internal_failure' } }
    const got = await ask(es())
    assert.deepEqual([got.tries.map(t => t.class), got.message], [['UPSTREAM', 'OK'], 'You said: Hi'])
    const link = es()
    fake.requests = []
    for (let i = 0; i < 2; i++) {
        fake.tokenScript = { status: 400, body: { error: 'x' } }
        await ask(link)
        await new Promise(ok => setTimeout(ok, 1010)) // another second would be another claim
    }
    assert.deepEqual([fake.requests.length, new Set(fake.requests.map(r => r.body.assertion)).size], [2, 1], 'it is signed once')
    for (const reply of [{}, { access_token: '' }, { access_token: 'a\r\nx: y' }, { access_token: 7 }, []]) {
        fake.tokenScript = { reply }
        assert.equal((await ask(es())).class, 'PROTOCOL')
    }
    fake.tokenScript = { reply: { access_token: 'x'.repeat(5000), expires_in: 3599 } }
    assert.equal((await ask(es())).class, 'OK')
})

test('the wrong region, agent, project or right is explained', async () => {
    const found = /no such agent in this project and region.*location/
    for (const link of [es({ location: 'us-central1' }), cx({ location: 'us-central1' }), cx({ agent: 'another' })]) {
        const got = await probe(link)
        assert.equal(got.class, 'NOT_FOUND')
        assert.match(got.text, found)
    }
    const denied = await probe(es({ project: 'another-project' }))
    assert.deepEqual([denied.class, denied.code], ['AUTH', 'PERMISSION_DENIED'])
    assert.match(denied.text, /IAM permission 'dialogflow.sessions.detectIntent' on 'projects\/another-project\/agent' denied/)
    for (const settings of [{ project: '../x' }, { project: '..' }, { location: 'evil.org/' }, { location: 'a.b' }, { environment: 'a b' }, { environment: 'ä' }]) for (const make of both) {
        const got = await probe(make(settings))
        assert.deepEqual([got.class, /a character that Google's names do not have/.test(got.text)], ['CONFIG', true], JSON.stringify(settings))
    }
    assert.match((await probe(es({ service_account: account({ project_id: undefined }) }))).text, /project id is missing/)
    assert.match((await probe(cx({ agent: '' }))).text, /agent id or the location/)
})

test('without a base address the server is that of the location', async () => {
    for (const make of both) {
        const got = await ask(make({ base_url: '', location: 'parley-nowhere' }, { budget_ms: 5000 })) // no such name, also where names are known
        assert.deepEqual([got.class, got.detail.includes('parley-nowhere-dialogflow.googleapis.com')], ['NAME', true], got.detail)
    }
})

test('ES: the messages for everybody are said, of several variants the first, and all kinds become events', async () => {
    fake.script = { messages: [
        { platform: 'FACEBOOK', text: { text: ['only there'] } }, { text: { text: ['', 'One', 'variant'] } }, { platform: 'PLATFORM_UNSPECIFIED', text: { text: ['Two'] } },
        { quickReplies: { title: 'Which?', quickReplies: ['a', '', 'b'] } }, { quickReplies: { title: 'None', quickReplies: [] } },
        { card: { title: 'Shoe', subtitle: 'Red', imageUri: 'https://e.org/a.png', buttons: [{ text: 'Buy', postback: 'https://e.org/buy' }, { text: 'More', postback: 'tell me more' }, { text: 'Plain' }, { postback: 'x' }] } },
        { image: { imageUri: 'https://e.org/b.png', accessibilityText: 'A shoe' } }, { image: {} }, { card: {} }, {},
    ] }
    const got = await ask(es())
    const expected = [
        { kind: 'message', text: 'One' }, { kind: 'message', text: 'Two' }, { kind: 'choices', text: 'Which?', choices: [choice('a'), choice('b')] }, { kind: 'message', text: 'None' },
        { kind: 'card', text: 'Red', title: 'Shoe', url: 'https://e.org/a.png', choices: [choice('Buy', '', 'https://e.org/buy'), choice('More', 'tell me more'), choice('Plain')] },
        { kind: 'media', text: '', title: 'A shoe', url: 'https://e.org/b.png', mime: 'image/*' },
    ]
    const seen = plain(got).map(e => Object.fromEntries(Object.entries(e).filter(([k]) => k in (expected.find(x => x.kind === e.kind) ?? {}))))
    assert.deepEqual(seen, expected)
    fake.script = { ...fake.script, ints: true }
    assert.deepEqual(plain(await ask(es())), plain(got))
})

test('ES: without a message for everybody those of the first platform are said, and what cannot be shown is named', async () => {
    for (const ints of [false, true]) {
        fake.script = { ints, messages: [{ platform: 'TELEGRAM', text: { text: ['T1'] } }, { platform: 'SLACK', text: { text: ['S'] } }, { platform: 'TELEGRAM', text: { text: ['T2'] } }] }
        assert.deepEqual(said(await ask(es())), ['T1', 'T2'])
    }
    fake.script = { text: 'From the text', messages: [{ platform: 'ACTIONS_ON_GOOGLE', simpleResponses: { simpleResponses: [{ textToSpeech: 'x' }] } }] }
    const got = await ask(es())
    assert.deepEqual([said(got), got.detail], [['From the text'], 'A message cannot be shown and was left out: platform, simpleResponses.'])
})

test('an answer without a text is none, and the next engine is asked', async () => {
    for (const [make, script] of [[es, { text: '', messages: [] }], [es, { text: '', messages: [{ text: { text: [''] } }] }], [es, { text: '', messages: [{ payload: { pdf: 1, other: 2 } }] }],
        [es, { raw: '{"responseId":"1","queryResult":{}}' }], [cx, { messages: [] }], [cx, { messages: [{ payload: { pdf: 1, other: 2 } }] }], [cx, { messages: [{ endInteraction: {} }] }],
        [cx, { messages: [{ conversationSuccess: {} }, { outputAudioText: { text: 'x' } }] }]]) {
        fake.reset()
        fake.script = script
        const got = await chain.ask({ links: [make(), { type: 'openai', settings: { base_url: `${next.url}/v1`, api_key: KEY, model: 'small' } }] })
        assert.deepEqual([got.tries.map(t => t.class), got.message, fake.requests.length], [['NO_REPLY', 'OK'], 'Hello, world', 2], JSON.stringify(script))
        if (script.messages?.[0]?.payload) assert.equal(got.tries[0].detail, 'A payload cannot be shown and was left out: pdf, other.')
        else assert.equal(got.tries[0].detail, '')
    }
})

test('a payload of our own, one of Dialogflow Messenger and a handoff are understood', async () => {
    const richContent = [[
        { type: 'description', title: 'Title', text: ['one', 'two'] }, { type: 'image', rawUrl: 'https://e.org/i.png', accessibilityText: 'alt' },
        { type: 'info', title: 'Info', subtitle: 'sub', image: { src: { rawUrl: 'https://e.org/s.png' } }, actionLink: 'https://e.org/old' }, { type: 'divider' },
    ], [{ type: 'list', title: 'List', subtitle: 'row', anchor: { href: 'https://e.org/new' } }, { type: 'accordion', title: 'Acc', subtitle: 's', text: 'long', image: { rawUrl: 'https://e.org/r.png' } },
        { type: 'button', text: 'Go', link: 'https://e.org/go' }, { type: 'chips', options: [{ text: 'A' }, { text: 'B', link: 'https://e.org/b' }, {}] }]]
    for (const make of both) {
        fake.reset()
        fake.script = { messages: [{ payload: { text: 'Ours', choices: ['yes', { label: 'site', url: 'https://e.org' }] } }, { payload: { richContent } }, { payload: { handoff: 'angry' } }, { payload: { action: 'handoff' } }] }
        const got = await ask(make())
        assert.deepEqual(plain(got).map(e => [e.kind, e.text, e.title, e.url, (e.choices ?? []).map(c => [c.label, c.value, c.url])]).map(e => e.filter(x => x?.length)), [
            ['choices', 'Ours', [['yes', 'yes', ''], ['site', '', 'https://e.org']]], ['message', '**Title**\n\none\n\ntwo'], ['media', 'alt', 'https://e.org/i.png'],
            ['card', 'sub', 'Info', 'https://e.org/s.png', [['Info', '', 'https://e.org/old']]], ['card', 'row', 'List', [['List', '', 'https://e.org/new']]], ['card', 'long', 'Acc', 'https://e.org/r.png'],
            ['choices', [['Go', '', 'https://e.org/go']]], ['choices', [['A', 'A', ''], ['B', '', 'https://e.org/b']]], ['handoff', 'angry'], ['handoff'],
        ])
        assert.deepEqual([got.class, got.detail], ['OK', ''])
    }
})

test('a live handoff is one, and the end of an interaction changes nothing in what was said', async () => {
    fake.script = { messages: [{ text: { text: ['One moment'] } }, { liveAgentHandoff: { metadata: { reason: 'wants a person' } } }, { endInteraction: {} }] }
    const got = await ask(cx())
    assert.deepEqual([plain(got).map(e => [e.kind, e.text]), got.detail], [[['message', 'One moment'], ['handoff', 'wants a person']], ''])
    fake.script = { messages: [{ liveAgentHandoff: {} }] }
    assert.deepEqual(plain(await ask(cx())).map(e => e.kind), ['handoff'])
    for (const result of [{ intent: { displayName: 'Person', liveAgentHandoff: true, endInteraction: true } }, { action: 'handoff' }]) {
        fake.script = { text: 'One moment', result }
        assert.deepEqual(plain(await ask(es())).map(e => [e.kind, e.text]), [['message', 'One moment'], ['handoff', '']])
    }
})

test('when nothing matches, the agent speaks or the next engine does, as the settings say', async () => {
    for (const [make, result] of [[es, { intent: { displayName: 'Default Fallback Intent', isFallback: true } }], [cx, { match: { matchType: 'NO_MATCH' } }]]) for (const ints of [false, true]) {
        fake.reset()
        fake.script = { text: 'What?', result, ints }
        const got = await ask(make())
        assert.deepEqual([got.class, said(got), got.detail], ['OK', ['What?'], 'Nothing that the agent knows matched the message.'])
        const skipped = await ask(make({ skip_no_match: 1 }))
        assert.deepEqual([skipped.class, skipped.events, skipped.detail], ['NO_REPLY', [], 'Nothing that the agent knows matched the message.'])
    }
})

test('a webhook of the agent that fails is noted, and what the agent says all the same is used', async () => {
    const status = { code: 4, message: 'Webhook call failed. Error: DEADLINE_EXCEEDED.' }, note = /^The webhook of the agent failed: Webhook call failed/
    for (const [make, script] of [[es, { webhookStatus: status }], [cx, { webhookStatuses: [{ code: 0 }, status] }]]) {
        fake.reset()
        fake.script = { text: 'Still here', ...script }
        const got = await ask(make())
        assert.deepEqual([got.class, got.message, got.tries.length], ['OK', 'Still here', 1])
        assert.match(got.detail, note)
        fake.script = { text: '', messages: [], ...script }
        const silent = await ask(make())
        assert.deepEqual([silent.class, silent.tries.length], ['UPSTREAM', 1])
        assert.match(silent.detail, note)
    }
    fake.script = { webhookStatus: { code: 0, message: 'Webhook execution successful' } }
    assert.equal((await ask(es())).detail, '')
})

test('what may have arrived is not sent twice', async () => {
    for (const make of both) for (const script of [{ fault: 'resetBefore' }, { status: 500, body: { error: { code: 500, message: 'x', status: 'INTERNAL' } } }, { fault: 'cut' }]) {
        const link = make()
        fake.reset()
        assert.equal((await ask(link)).class, 'OK')
        fake.requests = []
        fake.script = script
        assert.deepEqual([(await ask(link)).tries.length, fake.requests.length], [1, 1], JSON.stringify(script))
    }
    fake.reset()
    const link = es()
    await ask(link)
    fake.queue = [{ status: 429, body: { error: { code: 429, message: 'Quota exceeded', status: 'RESOURCE_EXHAUSTED' } } }]
    const got = await ask(link)
    assert.deepEqual(got.tries.map(t => [t.class, t.code]), [['RATE', 'RESOURCE_EXHAUSTED'], ['OK', '']])
})

for (const [script, expected, more] of [
    [{ fault: 'silent' }, 'FIRST_TIMEOUT', { first_byte_ms: 200 }], [{ fault: 'headersOnly' }, 'IDLE_TIMEOUT', { idle_ms: 200 }], [{ fault: 'resetBefore' }, 'NET'], [{ fault: 'html200' }, 'PROTOCOL'],
    [{ fault: 'html502' }, 'UPSTREAM'], [{ fault: 'empty200' }, 'PROTOCOL'], [{ fault: 'noContent' }, 'PROTOCOL'], [{ fault: 'redirect' }, 'PROTOCOL'], [{ fault: 'huge' }, 'TOO_BIG'], [{ fault: 'longLine' }, 'TOO_BIG'],
    [{ fault: 'brokenJson', failAt: 0 }, 'PROTOCOL'], [{ raw: '{}' }, 'PROTOCOL'], [{ raw: '[]' }, 'PROTOCOL'], [{ raw: '{"queryResult":[]}' }, 'PROTOCOL'], [{ raw: 'null' }, 'PROTOCOL'],
    [{ raw: `${'['.repeat(1000)}${']'.repeat(1000)}` }, 'PROTOCOL'], [{ status: 503 }, 'OVERLOADED', { budget_ms: 900 }], [{ status: 429 }, 'RATE', { budget_ms: 900 }],
]) test(`${JSON.stringify(script).slice(0, 80)} is ${expected}, and nothing is left over`, async () => {
    for (const make of both) {
        const link = make({}, more)
        fake.reset()
        await ask({ ...link, first_byte_ms: 0, idle_ms: 0 }) // a token is kept, so that the fault meets the question
        fake.script = script
        const got = await ask(link)
        assert.deepEqual([got.class, got.in_flight, got.events], [expected, 0, []])
    }
})

test('odd members of a reply cost only themselves', async () => {
    fake.script = { raw: '\ufeff{"queryResult":{"fulfillmentText":7,"fulfillmentMessages":["x",7,null,{"text":null},{"text":{"text":"no list"}},{"text":{"text":[7,"\\ud83d","yes \u0007\\u0000"]}},{"card":[1]},{"quickReplies":{"quickReplies":{"a":1}}}],"intent":"x","parameters":{"id":123456789012345678901234567890,"id":NaN}},"webhookStatus":"x"}' }
    const got = await ask(es())
    assert.deepEqual([got.class, said(got)], ['OK', ['\ufffd']])
    fake.script = { raw: '{"queryResult":{"responseMessages":["x",7,null,{"text":7},{"text":{"text":["yes"]}},{"liveAgentHandoff":null,"payload":"as text"}],"match":7,"webhookStatuses":{"a":1}}}' }
    assert.deepEqual(said(await ask(cx())), ['yes', 'as text'])
    for (const script of [{ bytewise: true, text: 'Grüße 🙂' }, { gzip: true, text: 'Grüße 🙂' }]) {
        fake.script = script
        assert.equal((await ask(es())).message, 'Grüße 🙂')
    }
})

test('the key and the tokens are in no text or log', async () => {
    const link = es(), file = JSON.parse(link.settings.service_account), body = file.private_key.split('\n')[3]
    await ask(link)
    const token = [...fake.tokens][0], { assertion } = fake.requests[0].body
    const texts = []
    for (const message of [`Bad key ${file.private_key}`, `Bad token Bearer ${token}`]) {
        fake.script = { status: 400, body: { error: { code: 400, message, status: 'INVALID_ARGUMENT' } } }
        texts.push(await ask(link))
    }
    fake.script = {}
    fake.tokens.clear()
    fake.tokenScript = { status: 400, body: { error: 'invalid_grant', error_description: `You sent ${assertion}` } }
    texts.push(await ask(link))
    const own = es()
    fake.tokenScript = { status: 400, body: { error: 'invalid_grant', error_description: `For ${file.client_email} at ${file.token_uri}: ${body}` } }
    const last = await ask(own)
    assert.match(last.detail, new RegExp(`For ${file.client_email} at ${file.token_uri}: \\*+`)) // what is no secret stays readable
    const all = JSON.stringify([...texts, last]) + chain.log
    for (const secret of [body, token, token.slice(20, 40), assertion.slice(-30), assertion.slice(40, 80), 'PRIVATE KEY-']) assert.ok(!all.includes(secret), secret)
})

test('a message without a text is refused before anything is sent, and a visitor may leave', async () => {
    for (const make of both) {
        fake.reset()
        const got = await ask(make(), { messages: [{ role: 'user', text: '', images: [{ url: 'https://e.org/a.png' }] }] })
        assert.deepEqual([got.class, got.detail, fake.requests.length], ['REQUEST', 'Dialogflow takes no message without a text.', 0])
        fake.script = { fault: 'silent' }
        const left = await ask(make(), { cancel_ms: 100 })
        assert.deepEqual([left.class, left.in_flight], ['CANCELLED', 0])
        assert.ok(left.cancelled_ms < 100, `${left.cancelled_ms} ms`)
    }
})

test('the probe asks the agent in a session of its own', async () => {
    for (const make of both) {
        fake.reset()
        const got = await probe(make())
        assert.deepEqual([got.class, got.events, [...fake.sessions]], ['OK', [], [['parley-probe', ['hello']]]])
        fake.script = { text: '', messages: [] }
        assert.equal((await probe(make())).class, 'OK')
    }
})
