// What must not work: other people's data, forged forms, stolen sessions, scripts in texts, writing without the right.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startBrowser } from '../lib/browser.mjs'
import { startInstall } from '../lib/install.mjs'
import { createBot, enlarge, importCsv, newEmail, PASSWORD, publish, signIn, signUp, watch } from './portal.mjs'

let parley, browser
before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off' } })
    browser = await startBrowser()
})
after(async () => {
    await browser?.close()
    await parley?.stop()
})

const fresh = async () => (await browser.newContext()).newPage()
const csrfOf = page => page.locator('input[name=_csrf]').first().inputValue()
const get = (page, where) => page.request.get(parley.url + where, { maxRedirects: 0 })
const post = (page, where, form, headers = { Origin: parley.url }) => page.request.post(parley.url + where, { form, headers, maxRedirects: 0 })
const sessionOf = async page => (await page.context().cookies()).find(c => c.name === 'parley_session')

const XSS = '"><img src=x onerror="window.hurt=1"><script>window.hurt=1</script>\'`{{constructor}}</textarea><svg/onload=window.hurt=1>'
const CSV_QUOTED = `"${XSS.replaceAll('"', '""')}"`

test('hostile texts in every field are shown, not run', async () => {
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

test('what belongs to another workspace is not there', async () => {
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

test('a form without its token, with another one, or from another site is refused', async () => {
    const page = await fresh(), other = await fresh()
    await signUp(page, parley.url)
    await signUp(other, parley.url)
    const bot = await createBot(page, parley.url)
    const good = await csrfOf(page), stranger = await csrfOf(other)
    const rename = `${bot}/rename`
    for (const [what, form, headers] of [
        ['no token', { name: 'x' }, undefined],
        ['an empty token', { name: 'x', _csrf: '' }, undefined],
        ['a made-up token', { name: 'x', _csrf: 'A'.repeat(good.length) }, undefined],
        ['the token of somebody else', { name: 'x', _csrf: stranger }, undefined],
        ['another origin', { name: 'x', _csrf: good }, { Origin: 'https://evil.example' }],
        ['another site', { name: 'x', _csrf: good }, { Origin: parley.url, 'Sec-Fetch-Site': 'cross-site' }],
        ['no origin at all (null)', { name: 'x', _csrf: good }, { Origin: 'null' }],
    ]) assert.equal((await post(page, rename, form, headers)).status(), 403, what)
    assert.equal((await post(page, rename, { name: 'Fine', _csrf: good })).status(), 303)
    assert.equal((await post(await fresh(), '/login', { email: 'a@example.com', password: 'x' }, { Origin: 'https://evil.example' })).status(), 403)
    for (const where of [rename, `${bot}/delete`, '/logout']) assert.equal((await get(page, where)).status(), 405, `GET ${where}`)
})

test('a session is new at each sign-in, ends at sign-out, and is worth nothing when altered', async () => {
    const page = await fresh()
    await page.context().addCookies([{ name: 'parley_session', value: 'chosen-by-an-attacker-0123456789abcdefghijk', url: parley.url }])
    const email = await signUp(page, parley.url)
    const first = await sessionOf(page)
    assert.notEqual(first.value, 'chosen-by-an-attacker-0123456789abcdefghijk')
    assert.ok(first.httpOnly)
    assert.equal(first.sameSite, 'Lax')

    const thief = await fresh()
    await thief.context().addCookies([{ name: 'parley_session', value: first.value, url: parley.url }])
    assert.equal((await get(thief, '/app')).status(), 200, 'the cookie is what signs in')
    await page.goto(`${parley.url}/app`)
    await page.locator('summary').click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL(u => u.pathname === '/login')
    const gone = await get(thief, '/app')
    assert.equal(gone.status(), 303)
    assert.equal(gone.headers().location, '/login')

    await signIn(page, parley.url, email)
    const second = await sessionOf(page)
    assert.notEqual(second.value, first.value)
    const altered = await fresh()
    const last = second.value.at(-1)
    await altered.context().addCookies([{ name: 'parley_session', value: second.value.slice(0, -1) + (last === 'A' ? 'B' : 'A'), url: parley.url }])
    assert.equal((await get(altered, '/app')).status(), 303)
    assert.equal((await get(await fresh(), '/app/members')).headers().location, '/login?next=%2Fapp%2Fmembers')
})

test('sign-in says the same whether the address is known or not, and goes on only inside the portal', async () => {
    const page = await fresh()
    const email = await signUp(page, parley.url)
    const body = async form => (await (await post(await fresh(), '/login', form)).text()).replaceAll(/req_\w+/g, '').replaceAll(form.email, '')
    assert.equal(await body({ email, password: 'wrong password' }), await body({ email: newEmail(), password: 'wrong password' }))
    for (const next of ['https://evil.example/', '//evil.example', '/\\evil.example', '/app/../../x\r\nSet-Cookie: a=b', '/login', 'javascript:alert(1)']) {
        const reply = await post(await fresh(), '/login', { email, password: PASSWORD, next })
        assert.ok([303, 400].includes(reply.status()), next)
        if (reply.status() === 303) assert.equal(reply.headers().location, '/app', next)
    }
    assert.equal((await post(await fresh(), '/login', { email, password: PASSWORD, next: '/app/members' })).headers().location, '/app/members')
})

test('a viewer reads and changes nothing; each role has its doors', async () => {
    const owner = await fresh(), workspace = `Roles ${process.pid}`
    await signUp(owner, parley.url, { workspace })
    const bot = await createBot(owner, parley.url)
    await importCsv(owner, parley.url, bot, 'question,answer\nWhat?,That\n')
    const tenant = await enlarge(parley, workspace)
    const member = async role => {
        const email = newEmail()
        await parley.run('user', 'create', email, '--password-stdin', { input: PASSWORD })
        await parley.run('user', 'add-to', email, tenant, '--role', role)
        const page = await fresh()
        await signIn(page, parley.url, email)
        return page
    }
    const viewer = await member('viewer')
    await viewer.goto(parley.url + bot)
    const _csrf = await csrfOf(viewer)
    await viewer.getByRole('heading', { name: 'Health helper', level: 1 }).waitFor()
    assert.equal(await viewer.getByRole('link', { name: 'Publish' }).count(), 0)
    for (const [where, form] of [['/app/new', { name: 'x', template: 'faq', language: 'en' }], [`${bot}/rename`, { name: 'x' }], [`${bot}/delete`, { confirm: 'Health helper' }],
        [`${bot}/publish`, { revision: '1' }], [`${bot}/rollback`, { version: '1' }], [`${bot}/answers/new`, { question: 'q', answer: 'a' }], [`${bot}/flow`, { flow: '{}', revision: '1' }]])
        assert.equal((await post(viewer, where, { _csrf, ...form })).status(), 403, `POST ${where}`)
    for (const where of ['/app/new', `${bot}/import`, `${bot}/answers/new`]) assert.equal((await get(viewer, where)).status(), 403, where)

    const editor = await member('editor')
    await editor.goto(`${parley.url}${bot}/answers/new`)
    assert.equal((await post(editor, `${bot}/answers/new`, { _csrf: await csrfOf(editor), question: 'By the editor?', answer: 'Yes' })).status(), 303)

    await parley.sql('DELETE FROM member WHERE user_id = (SELECT user_id FROM session ORDER BY created_at DESC LIMIT 1)')
    assert.equal((await get(editor, bot)).status(), 403, 'who was removed is out at once')
    assert.equal((await get(editor, '/login')).status(), 200)
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
        assert.equal((await reply.text()).match(/chat-row visitor/g).length, 1, 'the test began anew')
    }
    const stranger = await fresh()
    await signUp(stranger, parley.url)
    const other = await createBot(stranger, parley.url)
    await stranger.goto(`${parley.url}${other}/test`)
    const taken = await (await post(stranger, `${other}/test`, { _csrf: await csrfOf(stranger), state, text: 'mine' })).text()
    assert.equal(taken.match(/chat-row visitor/g).length, 1)
})

test('who is a member of two workspaces switches between them, and to no other', async () => {
    const page = await fresh(), other = await fresh(), stranger = await fresh()
    const email = await signUp(page, parley.url, { workspace: `First ${process.pid}` })
    await signUp(other, parley.url, { workspace: `Second ${process.pid}` })
    await signUp(stranger, parley.url, { workspace: `Third ${process.pid}` })
    const bot = await createBot(other, parley.url, 'In the second')
    const second = await enlarge(parley, `Second ${process.pid}`), third = await enlarge(parley, `Third ${process.pid}`)
    await parley.run('user', 'add-to', email, second, '--role', 'viewer')
    await page.goto(`${parley.url}/app`)
    const _csrf = await csrfOf(page)
    assert.equal((await post(page, '/app/workspace', { _csrf, workspace: third })).status(), 404)
    await page.locator('summary').click()
    await page.getByRole('button', { name: `Second ${process.pid}` }).click()
    await page.getByRole('heading', { name: 'In the second' }).waitFor()
    assert.equal((await get(page, bot)).status(), 200)
    assert.equal(await page.getByRole('link', { name: 'New bot' }).count(), 0, 'the role is the one of this workspace')
})

test('without its database the portal says so on a page, and goes on when it is back', async () => {
    const page = await fresh()
    await signUp(page, parley.url)
    await parley.kill('database')
    const away = await get(page, '/app')
    assert.equal(away.status(), 503)
    assert.match(await away.text(), /cannot reach its data/)
    assert.match(await away.text(), new RegExp(away.headers()['x-request-id']))
    assert.equal((await get(page, '/')).status(), 200, 'the start page needs no database')
    await parley.restart('database')
    assert.equal((await get(page, '/app')).status(), 200, 'still signed in')
})

test('too many tries to sign in are slowed down with a page that says for how long', async () => {
    parley.configure({ rate_limits: 'on' })
    parley.hup()
    const page = await fresh()
    let reply
    for (let i = 0; i < 60; i++) {
        reply = await post(page, '/login', { email: 'nobody@example.com', password: 'wrong password' })
        if (reply.status() === 429) break
        assert.equal(reply.status(), 401)
    }
    assert.equal(reply.status(), 429)
    assert.ok(Number(reply.headers()['retry-after']) > 0)
    assert.match(await reply.text(), /Too many requests/)
    parley.configure({ rate_limits: 'off' })
    parley.hup()
})

test('pages carry a strict policy and are not kept; errors name the request', async () => {
    const page = await fresh()
    await signUp(page, parley.url)
    const reply = await get(page, '/app')
    const policy = reply.headers()['content-security-policy']
    assert.match(policy, /default-src 'none'/)
    assert.match(policy, /script-src 'self'[;]/)
    assert.match(policy, /style-src 'self'[;]/)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.equal(reply.headers()['cache-control'], 'no-store')
    assert.equal(reply.headers()['x-content-type-options'], 'nosniff')
    const missing = await get(page, '/app/bots/bot_zzz')
    assert.equal(missing.status(), 404)
    assert.match(await missing.text(), new RegExp(missing.headers()['x-request-id']))
    assert.equal((await page.request.post(`${parley.url}/app/new`, { form: { _csrf: 'x', name: 'y'.repeat(9000) }, headers: { Origin: parley.url } })).status(), 413)
    assert.equal((await page.request.fetch(`${parley.url}/app`, { method: 'DELETE' })).status(), 405)
    for (const path of ['/%00', '/app/bots/%ff', '/login?next=%00'])
        assert.equal((await get(page, path)).status(), 400, path)
})
