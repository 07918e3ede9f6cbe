// The pages of a bot: draft, versions, answers, test chat; texts that try to run in them; and the bots of other workspaces.
// Runs for about 30 s.
import assert from 'node:assert/strict'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { FakeBotpress } from '../engine/fake/botpress.mjs'
import { KEY, startOpenai } from '../engine/fake/openai.mjs'
import { startBrowser } from '../lib/browser.mjs'
import { requestBytes } from '../lib/fcgi.mjs'
import { startInstall, until } from '../lib/install.mjs'
import { shown } from '../talk/lib.mjs'
import { createBot, enlarge, importCsv, isAccessible, publish, signUp, watch } from './portal.mjs'

let parley, browser, fake, botpress
before(async () => {
    fake = await startOpenai()
    botpress = await FakeBotpress.start()
    parley = await startInstall({ config: { rate_limits: 'off', engine_private_hosts: `127.0.0.1:${fake.port} 127.0.0.1:${botpress.server.address().port}` } })
    browser = await startBrowser()
})
after(async () => {
    await browser?.close()
    await parley?.stop()
    await fake?.stop()
    await botpress?.close()
})

const fresh = async () => (await browser.newContext()).newPage()
const csrfOf = page => page.locator('input[name=_csrf]').first().inputValue()
const get = (page, where) => page.request.get(parley.url + where, { maxRedirects: 0 })
const post = (page, where, form, headers = { Origin: parley.url }) => page.request.post(parley.url + where, { form, headers, maxRedirects: 0 })

const XSS = '"><img src=x onerror="window.hurt=1"><script>window.hurt=1</script>\'`{{constructor}}</textarea><svg/onload=window.hurt=1>'
const CSV_QUOTED = `"${XSS.replaceAll('"', '""')}"`

test('hostile texts in every field are shown and never run', async () => {
    const page = await fresh()
    const wrong = watch(page)
    await signUp(page, parley.url, { name: XSS.slice(0, 110), workspace: 'Hostile ' + XSS.slice(0, 100) })
    const bot = await createBot(page, parley.url, XSS.slice(0, 118))
    await importCsv(page, parley.url, bot, `question,answer,link,source\n${CSV_QUOTED},${CSV_QUOTED},javascript:alert(1),${CSV_QUOTED}\nHow do I pay by card?,${CSV_QUOTED},https://shop.example/,${CSV_QUOTED}\n`, '<img src=x onerror=hurt()>.csv')
    await page.goto(`${parley.url}${bot}/flow`)
    const editor = page.getByLabel('Flow of the draft')
    const flow = JSON.parse(await editor.inputValue())
    flow.nodes.hello.messages[0].text.en = XSS.replace('{{constructor}}', '')
    flow.nodes.welcome.choices[0].label.en = XSS.slice(0, 60)
    flow.tests = []
    await editor.fill(JSON.stringify(flow, null, 2))
    await page.getByRole('button', { name: 'Save draft' }).click()
    await page.getByText('The draft is saved.').waitFor()
    await publish(page, parley.url, bot, XSS)

    await page.goto(`${parley.url}${bot}/test`)
    await page.getByLabel('Message').fill(XSS)
    await page.getByLabel('Message').press('Enter')
    await page.locator('.chat-row.visitor').getByText('window.hurt').waitFor()

    const visitor = await fresh()
    const visitorWrong = watch(visitor)
    await visitor.goto(`${parley.url}/chat/${bot.split('/').pop()}`)
    for (const text of [XSS, 'hello', 'How do I pay by card?']) {
        const before = await visitor.locator('#log > *').count()
        await visitor.locator('#text').fill(text)
        await visitor.locator('#send button').click()
        await visitor.waitForFunction(n => document.querySelectorAll('#log > *').length >= n + 2, before)
    }
    await visitor.reload()
    for (const where of ['/app', '/app/members', '/app/conversations', bot, `${bot}/flow`, `${bot}/answers`, `${bot}/answers?q=${encodeURIComponent(XSS)}`, `${bot}/versions`, `${bot}/versions/1`, `${bot}/compare?from=1&to=draft`]) {
        await page.goto(parley.url + where)
        await page.waitForLoadState('networkidle')
        assert.equal(await page.evaluate(() => window.hurt), undefined, where)
    }
    await page.goto(`${parley.url}/app/conversations`)
    await page.locator('.talk-list a').first().click()
    await page.locator('.chat-row.visitor').first().getByText('window.hurt').waitFor()
    assert.equal(await page.evaluate(() => window.hurt), undefined)
    assert.equal(await visitor.evaluate(() => window.hurt), undefined)
    for (const href of await page.locator('main a').evaluateAll(list => list.map(a => a.protocol))) assert.match(href, /^https?:$/)
    assert.deepEqual([...wrong, ...visitorWrong], [])
})

test('a formula in the report of an import is plain text', async () => {
    const page = await fresh()
    await signUp(page, parley.url)
    const bot = await createBot(page, parley.url)
    await importCsv(page, parley.url, bot, 'question,answer\n,=1+1\n=cmd,\n')
    await parley.sql(`UPDATE job SET result = JSON_SET(result, '$.bad[0].message', '=HYPERLINK("x")', '$.bad[1].message', '@SUM(1)')
        WHERE job_id = (SELECT job_id FROM (SELECT MAX(job_id) AS job_id FROM job WHERE kind = 'answers_import') newest)`)
    const reply = await get(page, new URL(page.url()).pathname + '/report.csv')
    assert.equal(reply.status(), 200)
    assert.match(reply.headers()['content-disposition'], /^attachment/)
    const text = await reply.text()
    assert.match(text, /^row,code,message\r\n/)
    assert.match(text, /,"'=HYPERLINK\(""x""\)"\r\n/)
    assert.match(text, /,"'@SUM\(1\)"\r\n/)
})

test('another workspace\'s objects are 404', async () => {
    const mine = await fresh(), theirs = await fresh()
    await signUp(theirs, parley.url)
    const bot = await createBot(theirs, parley.url)
    await importCsv(theirs, parley.url, bot, 'question,answer\nWhat?,That\n')
    const job = new URL(theirs.url()).pathname
    await publish(theirs, parley.url, bot)
    await theirs.goto(`${parley.url}${bot}/answers`)
    const answer = await theirs.getByRole('link', { name: /^Edit/ }).first().getAttribute('href')
    const said = await (await fetch(`${parley.url}/chat/${bot.split('/').pop()}/messages`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"text":"What?"}' })).json()

    await signUp(mine, parley.url)
    const own = await createBot(mine, parley.url, 'My own')
    const _csrf = await csrfOf(mine)
    for (const where of [bot, `${bot}/flow`, `${bot}/answers`, answer, job, `${job}/status`, `${job}/report.csv`, `${bot}/test`, `${bot}/publish`,
        `${bot}/versions`, `${bot}/versions/1`, `${bot}/compare?from=1&to=draft`, `${bot}/export.json`, `/app/conversations/${said.conversation}`,
        answer.replace(bot, own), job.replace(bot, own)])
        assert.equal((await get(mine, where)).status(), 404, `GET ${where}`)
    for (const [where, form] of [[`${bot}/rename`, { name: 'Stolen' }], [`${bot}/delete`, { confirm: 'Health helper' }], [`${bot}/rollback`, { version: '1' }],
        [`${bot}/publish`, { revision: '1' }], [`${bot}/answers/new`, { question: 'q', answer: 'a' }], [answer, { question: 'q', answer: 'a' }],
        [`${answer}/delete`, {}], [`${answer.replace(bot, own)}/delete`, {}], [`${bot}/test`, { text: 'x' }], [`/app/conversations/${said.conversation}/close`, {}]])
        assert.equal((await post(mine, where, { _csrf, ...form })).status(), 404, `POST ${where}`)
    assert.equal((await get(mine, `/app/conversations?bot=${bot.split('/').pop()}`)).status(), 200)
    await theirs.goto(`${parley.url}${bot}/answers`)
    await theirs.getByRole('heading', { name: 'What?' }).waitFor()
})

test('versions can be published, compared, rolled back, exported and imported', async () => {
    const page = await (await browser.newContext()).newPage()
    await signUp(page, parley.url, { workspace: 'Versions' })
    const bot = await createBot(page, parley.url)
    await publish(page, parley.url, bot, 'one')
    await page.goto(`${parley.url}${bot}/flow`)
    const editor = page.getByLabel('Flow of the draft')
    await editor.fill((await editor.inputValue()).replace('I answer right away', 'I answer at once'))
    await page.getByRole('button', { name: 'Save draft' }).click()
    await page.getByText('The draft is saved.').waitFor()
    await page.goto(`${parley.url}${bot}/publish`)
    await page.locator('ins', { hasText: 'I answer at once' }).waitFor()
    await publish(page, parley.url, bot, 'two')
    await page.goto(`${parley.url}${bot}/versions`)
    await page.getByRole('button', { name: 'Compare' }).click() // the last change is what the form offers
    await page.waitForURL('**/compare?from=1&to=2')
    await page.locator('del', { hasText: 'I answer right away' }).waitFor()
    await page.getByText('message 1, text, English').waitFor()

    await page.goto(`${parley.url}${bot}/versions`)
    page.on('dialog', dialog => dialog.accept())
    await page.getByRole('button', { name: 'Make live: Version 1' }).waitFor()
    await page.getByRole('link', { name: 'Version 1' }).click() // the page of a version links to the next step
    await page.getByRole('button', { name: 'Make live' }).click()
    await page.getByText('This version is live now.').waitFor()
    const chat = await fetch(`${parley.url}/chat/${bot.split('/').pop()}`)
    assert.match(await chat.text(), /I answer right away/)

    await page.goto(`${parley.url}${bot}`)
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: /^Export/ }).click()])
    const file = await download.path()
    await page.goto(`${parley.url}/app/new`)
    await page.getByText(/The plan FREE includes 1 bot/).waitFor() // the refusal comes before the form, not after
    assert.equal(await page.getByRole('button', { name: 'Create bot' }).count(), 0)
    const workspace = await enlarge(parley, 'Versions')
    await page.goto(`${parley.url}/app/new`)
    await page.getByLabel('Name', { exact: true }).first().fill('One too many')
    await parley.run('tenant', 'plan', workspace, 'free') // meanwhile
    await page.getByRole('button', { name: 'Create bot' }).click()
    await page.getByRole('alert').getByText(/The plan FREE includes 1 bot/).waitFor()
    assert.equal(await page.getByLabel('Name', { exact: true }).first().inputValue(), 'One too many')
    await enlarge(parley, 'Versions')
    await page.getByText('Or bring a bot from a file').click()
    await page.locator('#f-file').setInputFiles(file)
    await page.getByLabel('New name (optional)').fill('The copy')
    await page.getByRole('button', { name: 'Import bot' }).click()
    await page.getByRole('heading', { name: 'The copy', level: 1 }).waitFor()
})

test('the second of two tabs that save sees both texts and decides', async () => {
    const context = await browser.newContext()
    const [one, two] = [await context.newPage(), await context.newPage()]
    await signUp(one, parley.url)
    const bot = await createBot(one, parley.url)
    await one.goto(`${parley.url}${bot}/flow`)
    await two.goto(`${parley.url}${bot}/flow`)
    const editorOf = page => page.getByLabel('Flow of the draft')
    const text = await editorOf(one).inputValue()
    await editorOf(one).fill(text.replace('Hello!', 'First!'))
    await one.getByRole('button', { name: 'Save draft' }).click()
    await one.getByText('The draft is saved.').waitFor()
    await editorOf(two).fill(text.replace('Hello!', 'Second!'))
    await two.getByRole('button', { name: 'Save draft' }).click()
    await two.getByRole('heading', { name: 'Another user changed this draft' }).waitFor()
    assert.match(await editorOf(two).inputValue(), /Second!/)
    assert.match(await two.locator('#f-theirs').inputValue(), /First!/)
    await two.getByRole('button', { name: 'Replace with mine' }).click()
    await two.getByText('The draft is saved.').waitFor()
    assert.match(await editorOf(two).inputValue(), /Second!/)
})

test('a broken flow is refused with its line, and the typed text is kept', async () => {
    const page = await (await browser.newContext()).newPage()
    await signUp(page, parley.url)
    const bot = await createBot(page, parley.url)
    await page.goto(`${parley.url}${bot}/flow`)
    const editor = page.getByLabel('Flow of the draft')
    const text = await editor.inputValue()
    await editor.fill(text.replace('"start": "welcome"', '"start": 5'))
    await page.getByRole('button', { name: 'Save draft' }).click()
    await page.getByRole('heading', { name: 'Not saved' }).waitFor()
    assert.match(await editor.inputValue(), /"start": 5/)
    const line = 1 + text.slice(0, text.indexOf('"start"')).split('\n').length - 1
    await page.getByRole('link', { name: String(line), exact: true }).click()
    assert.match(await editor.evaluate(t => t.value.slice(t.selectionStart, t.selectionEnd)), /"start": 5/)
    await editor.fill('{"format": 1,\n "nodes": }')
    await page.getByRole('button', { name: 'Save draft' }).click()
    await page.getByText(/This is not valid JSON: line 2/).waitFor()
    await page.goto(`${parley.url}${bot}/flow`)
    assert.equal(await editor.inputValue(), text)
})

test('a flow with errors can be saved but not published, and the node is named', async () => {
    const page = await (await browser.newContext()).newPage()
    await signUp(page, parley.url)
    const bot = await createBot(page, parley.url)
    await page.goto(`${parley.url}${bot}/flow`)
    const editor = page.getByLabel('Flow of the draft')
    await editor.fill((await editor.inputValue()).replace('"else": "faq"', '"else": "nowhere"'))
    await page.getByRole('button', { name: 'Save draft' }).click()
    await page.getByText('The draft is saved.').waitFor()
    await page.goto(`${parley.url}${bot}/publish`)
    await page.locator('.finding-list li', { hasText: 'smalltalk' }).first().waitFor()
    const button = page.getByRole('main').getByRole('button', { name: 'Publish' })
    assert.ok(await button.isDisabled())
    await button.evaluate(b => { b.disabled = false })
    await button.click()
    await page.getByRole('alert').getByText(/smalltalk/).waitFor()
    assert.equal((await fetch(`${parley.url}/chat/${bot.split('/').pop()}`)).status, 404)
})

test('the test chat shows why a call took the error way', async () => {
    const page = await fresh()
    await signUp(page, parley.url, { workspace: 'Calls' })
    const bot = await createBot(page, parley.url, 'Caller')
    await page.goto(`${parley.url}${bot}/flow`)
    await page.getByLabel('Flow of the draft').fill(JSON.stringify({
        format: 1, languages: ['en'], start: 'call',
        nodes: { call: { type: 'http', method: 'GET', url: 'http://127.0.0.1:9/{{input}}', next: 'bad', error: 'bad' }, bad: { type: 'end', text: { en: 'It failed.' } } },
    }))
    await page.getByRole('button', { name: 'Save draft' }).click()
    await page.getByText('The draft is saved.').waitFor()
    for (const [text, why] of [['..', 'A variable makes a part of the path "." or "..".'], ['x', '127.0.0.1 is not on the public Internet']]) {
        await page.goto(`${parley.url}${bot}/test`)
        await page.getByLabel('Message').fill(text)
        await page.getByLabel('Message').press('Enter')
        await page.locator('.chat-fault').getByText(why).waitFor()
    }
})

/** Calls the API for the workspace of the bot with this name. */
async function apiOf(name) {
    const [{ tenant }] = await parley.sql(`SELECT HEX(tenant_id) AS tenant FROM bot WHERE name = '${name}'`)
    const key = (await parley.run('key', 'create', '--tenant', shown('ws', tenant), '--scopes', 'read,write')).trim()
    return async (method, path, body) => {
        const reply = await fetch(`${parley.url}/v1${path}`, { method, headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
        assert.ok(reply.ok, `${path}: ${reply.status}`)
        return reply.json()
    }
}

/** A bot of the template Assistant with one engine, and what posts one message of a test chat of it. */
async function testChat(name, type, settings, limits = {}) {
    const page = await fresh()
    await signUp(page, parley.url, { workspace: name })
    const bot = await createBot(page, parley.url, name, 'Assistant')
    const call = await apiOf(name)
    const { id } = await call('POST', '/engines', { type, name, settings })
    await call('PUT', `/bots/${bot.split('/').pop()}/engines`, { chain: [id], limits })
    await page.goto(`${parley.url}${bot}/test`)
    const begin = async () => ({ _csrf: await csrfOf(page), state: await page.locator('input[name=state]').inputValue() })
    /** The next form, from the page that comes back. */
    const say = async (form, text) => {
        const reply = await post(page, `${bot}/test`, { ...form, text })
        const html = await reply.text()
        assert.equal(reply.status(), 200, html.slice(0, 500))
        return { form: { ...form, state: /name="state" value="([^"]+)"/.exec(html)[1] }, html }
    }
    return { page, bot, begin, say }
}

test('the engines of a test chat remember what was said in it, and nothing of another one', async () => {
    fake.clear()
    fake.script = { text: 'I see.' }
    const { begin, say } = await testChat('History', 'openai', { base_url: `${fake.url}/v1`, model: 'small', api_key: KEY }, { visitor: { calls_day: 2 } })
    const first = await begin()
    let form = first
    for (const text of ['My name is Ada.', 'What is it?', 'And now?']) {
        const said = await say(form, text)
        form = said.form
        assert.match(said.html, /I see\./)
    }
    const sent = fake.requests.map(r => r.body.messages.filter(m => m.role !== 'system').map(m => m.content))
    assert.deepEqual(sent.map(m => m.slice(-3)).slice(1), [['My name is Ada.', 'I see.', 'What is it?'], ['What is it?', 'I see.', 'And now?']])
    await say(first, 'A new one')
    assert.ok(!JSON.stringify(fake.requests.at(-1).body).includes('Ada'))

    const settings = { base_url: botpress.url, quiet_ms: 150, max_wait_ms: 2000 }
    const keeping = await testChat('Keeps history', 'botpress', settings), start = await keeping.begin()
    const one = await keeping.say(start, 'one')
    assert.match(one.html, /one/)
    botpress.requests.length = 0
    const two = await keeping.say(one.form, 'two')
    assert.deepEqual(botpress.requests.map(r => r.op), ['listen', 'listMessages', 'createMessage'])
    await keeping.say(two.form, 'three')
    await keeping.say(start, 'other')
    const messages = botpress.requests.filter(r => r.op === 'createMessage')
    assert.equal(new Set(messages.map(r => r.body.metadata.pid)).size, 3, 'each message has its own id')
    assert.equal(new Set(messages.map(r => r.body.conversationId)).size, 2, 'each chat has its own conversation')
})

test('test chats that wait for an engine hold no thread, and a page that is left ends the call', { timeout: 60000 }, async () => {
    fake.clear()
    fake.script = { text: 'Late.', delay: 4000 }
    const { page, bot, begin, say } = await testChat('Waits', 'openai', { base_url: `${fake.url}/v1`, model: 'small', api_key: KEY })
    const form = await begin()
    const waiting = Array.from({ length: 8 }, () => say(form, 'go'))
    await until('the questions', () => fake.requests.length === 8)
    const begun = Date.now()
    assert.equal((await get(page, bot)).status(), 200)
    assert.ok(Date.now() - begun < 2000, 'another page waited')
    for (const said of await Promise.all(waiting)) assert.match(said.html, /Late\./)

    fake.clear()
    fake.script = { fault: 'silent' }
    const cookie = (await page.context().cookies()).map(c => `${c.name}=${c.value}`).join('; ')
    const headers = { Origin: parley.url, Cookie: cookie, 'Content-Type': 'application/x-www-form-urlencoded' }
    const web = net.connect(`${parley.runDir}/portal.sock`) // lighttpd finds out only when it writes
    web.write(requestBytes({ method: 'POST', uri: `${bot}/test`, headers, body: String(new URLSearchParams({ ...form, text: 'go' })) }))
    await until('the question', () => fake.requests.length === 1)
    web.destroy()
    await until('the end of the call', () => fake.gone === 1, 5000)
})

test('the test chat shows which engine was asked, what was sent, the tokens and the time', async () => {
    const page = await fresh()
    const wrong = watch(page)
    await signUp(page, parley.url, { workspace: 'Engines' })
    const bot = await createBot(page, parley.url, 'Asker', 'Assistant')
    const call = await apiOf('Asker')
    const chain = []
    for (const [name, api_key] of [[`Old <b>"'&`, 'sk-wrong-key-9876543210'], ['Good <i>', KEY]])
        chain.push((await call('POST', '/engines', { type: 'openai', name, settings: { base_url: `${fake.url}/v1`, model: 'small', api_key } })).id)
    await call('PUT', `/bots/${bot.split('/').pop()}/engines`, { chain, prompt: `Be kind. ${XSS}`, limits: { mask: true } })
    fake.script = { text: XSS }
    await page.goto(`${parley.url}${bot}/test`)
    await page.getByLabel('Message').fill(`Write to anna@example.com ${XSS}`)
    await page.getByLabel('Message').press('Enter')
    const asked = page.locator('.chat-asked')
    await asked.getByText('assistant:').waitFor()
    const tries = await asked.locator('.chat-try').allInnerTexts()
    assert.match(tries[0], /^Old <b>"'&, small, \d+ ms The engine refused the key/)
    assert.match(tries[1], /^Good <i>, small, 11 tokens in, 7 out, \d+ ms \(first words after \d+ ms\)$/)
    assert.equal(tries.length, 2)
    assert.equal(await asked.locator('dl').isVisible(), false)
    await asked.locator('summary').click()
    const sent = await asked.locator('dd').allInnerTexts()
    const really = fake.requests.at(-1).body.messages
    assert.deepEqual(await asked.locator('dt').allInnerTexts(), really.map(m => m.role))
    assert.deepEqual(sent, really.map(m => m.content))
    assert.ok(sent[0].startsWith('Be kind. ">') && sent.at(-1).startsWith('Write to') && !sent.at(-1).includes('anna@example.com'), sent.at(-1))
    const html = await page.content()
    assert.ok(!html.includes('sk-wrong') && !html.includes(KEY), 'no key is on the page')
    assert.equal(await page.evaluate(() => window.hurt), undefined)
    await isAccessible(page, 'the test chat')

    for (let i = 0; i < 6; i++) {
        const before = await page.locator('.chat-row.visitor').count()
        await page.getByLabel('Message').fill(`More ${i}`)
        await page.getByLabel('Message').press('Enter')
        await page.waitForFunction(n => document.querySelectorAll('.chat-row.visitor').length > n, before)
    }
    assert.equal(await asked.count(), 5)
    assert.equal(await page.getByText('This is not all').count(), 0)
    await call('PUT', `/bots/${bot.split('/').pop()}/engines`, { chain, prompt: `${'ä'.repeat(3999)}the end` })
    await page.getByLabel('Message').fill('The last')
    await page.getByLabel('Message').press('Enter')
    await asked.last().getByText('This is not all').waitFor({ state: 'attached' })
    assert.equal(await asked.last().locator('dd').first().textContent(), `${'ä'.repeat(3999)}t`)
    assert.equal(await asked.last().locator('dd').last().textContent(), 'The last')
    await page.setViewportSize({ width: 390, height: 844 })
    await asked.last().locator('summary').click()
    await isAccessible(page, 'a long prompt on a phone')
    assert.deepEqual(wrong, [])
})

test('a test chat of one person and bot cannot be handed to another', async () => {
    const page = await fresh()
    await signUp(page, parley.url)
    const bot = await createBot(page, parley.url)
    await page.goto(`${parley.url}${bot}/test`)
    await page.getByLabel('Message').fill('hello')
    await page.getByLabel('Message').press('Enter')
    await page.locator('.chat-row.visitor').waitFor()
    const state = await page.locator('input[name=state]').inputValue()
    const _csrf = await csrfOf(page)
    const same = await (await post(page, `${bot}/test`, { _csrf, state, text: 'again' })).text()
    assert.equal(same.match(/chat-row visitor/g).length, 2)
    for (const bad of [state.slice(0, -3) + 'AAA', 'x', '']) {
        const reply = await post(page, `${bot}/test`, { _csrf, state: bad, text: 'again' })
        assert.equal(reply.status(), 200)
        assert.equal((await reply.text()).match(/chat-row visitor/g).length, 1, 'the test started again')
    }
    const stranger = await fresh()
    await signUp(stranger, parley.url)
    const other = await createBot(stranger, parley.url)
    await stranger.goto(`${parley.url}${other}/test`)
    const taken = await (await post(stranger, `${other}/test`, { _csrf: await csrfOf(stranger), state, text: 'mine' })).text()
    assert.equal(taken.match(/chat-row visitor/g).length, 1)
})
