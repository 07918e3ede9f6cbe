// The pages of a workspace: its bots, a new bot, members and their roles, switching between workspaces.
// Runs for about 20 s.
import assert from 'node:assert/strict'
import http from 'node:http'
import { after, before, test } from 'node:test'
import { startBrowser } from '../lib/browser.mjs'
import { freePort, startInstall } from '../lib/install.mjs'
import { createBot, enlarge, importCsv, isAccessible, newEmail, PASSWORD, publish, signIn, signUp, watch } from './portal.mjs'

let parley, browser, allowed
before(async () => {
    allowed = await freePort()
    parley = await startInstall({ config: { rate_limits: 'off', http_allow_private: `127.0.0.1:${allowed}` } })
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

test('a viewer can only read, and each role reaches only its own pages', async () => {
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
        [`${bot}/publish`, { revision: '1' }], [`${bot}/rollback`, { version: '1' }], [`${bot}/answers/new`, { question: 'q', answer: 'a' }], [`${bot}/flow`, { flow: '{}', revision: '1' }],
        [`${bot}/test`, { text: 'x' }]]) // the test chat makes the calls of the flow, with the secrets of the workspace
        assert.equal((await post(viewer, where, { _csrf, ...form })).status(), 403, `POST ${where}`)
    assert.equal(await viewer.getByRole('link', { name: 'Test' }).count(), 0)
    for (const where of ['/app/new', `${bot}/import`, `${bot}/answers/new`, `${bot}/test`]) assert.equal((await get(viewer, where)).status(), 403, where)

    const editor = await member('editor')
    await editor.goto(`${parley.url}${bot}/answers/new`)
    assert.equal((await post(editor, `${bot}/answers/new`, { _csrf: await csrfOf(editor), question: 'By the editor?', answer: 'Yes' })).status(), 303)

    await parley.sql('DELETE FROM member WHERE user_id = (SELECT user_id FROM session ORDER BY created_at DESC LIMIT 1)')
    assert.equal((await get(editor, bot)).status(), 403, 'a removed member loses access immediately')
    assert.equal((await get(editor, '/login')).status(), 200)
})

test('a member of two workspaces switches between them, and to no other', async () => {
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

test('a double click makes one bot; the back button does not send again', async () => {
    const page = await (await browser.newContext({ javaScriptEnabled: false })).newPage()
    await parley.configure({ rate_limits: 'on' })
    parley.hup()
    await signUp(page, parley.url)
    await page.goto(`${parley.url}/app/new`)
    await page.getByLabel('Name', { exact: true }).first().fill('Only one')
    const data = await page.locator('form[action="/app/new"] [name]').evaluateAll(list => list.filter(f => f.type !== 'radio' || f.checked).map(f => [f.name, f.value]))
    const send = () => page.request.post(`${parley.url}/app/new`, { form: Object.fromEntries(data), maxRedirects: 0, headers: { Origin: parley.url } })
    const [first, second] = await Promise.all([send(), send()])
    assert.deepEqual([first.status(), second.status()], [303, 303])
    await page.goto(`${parley.url}/app`)
    assert.equal(await page.getByRole('heading', { name: 'Only one' }).count(), 1)
    await page.goto(`${parley.url}/app/bots/${(await page.getByRole('link', { name: 'Only one' }).getAttribute('href')).split('/').pop()}/answers/new`)
    await page.getByLabel('Question').fill('What?')
    await page.getByLabel('Answer', { exact: true }).fill('That.')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('The answer was added.').waitFor()
    await page.goBack()
    await page.goForward()
    assert.equal(await page.locator('.answer-list > li').count(), 1)
    parley.configure({ rate_limits: 'off' })
    parley.hup()
})

const KEY = 'sk_live_51Hq-never-to-be-seen', NEXT = 'sk_live_52Hq-after-rotation'
const keyed = url => JSON.stringify({
    format: 1, languages: ['en'], start: 'hello', variables: { word: { type: 'text' } },
    nodes: {
        hello: { type: 'say', messages: [{ type: 'text', text: 'Hello!' }], next: 'call' },
        call: { type: 'http', method: 'GET', url, headers: { Authorization: 'Bearer {{secret.crm}}' }, map: { word: '/word' }, next: 'told', error: 'failed' },
        told: { type: 'say', messages: [{ type: 'text', text: 'It says: {{word}}' }], next: 'more' },
        failed: { type: 'say', messages: [{ type: 'text', text: 'The call failed.' }], next: 'more' },
        more: { type: 'ask', text: 'Again?', expect: 'text', next: 'call' },
    },
})

test('secrets are added, used, replaced and deleted, and no page shows a value', { timeout: 120000 }, async t => {
    const seen = []
    const service = http.createServer((request, response) => {
        seen.push(request.headers.authorization)
        response.setHeader('Content-Type', 'application/json')
        response.end(JSON.stringify({ word: request.headers.authorization }))
    })
    await new Promise(ok => service.listen(allowed, '127.0.0.1', ok))
    t.after(() => { service.close(); service.closeAllConnections() })
    const page = await fresh(), wrong = watch(page, ['status of 409', 'status of 422'])
    page.removeAllListeners('dialog').on('dialog', dialog => dialog.accept())
    const said = []
    page.on('response', async r => { if (r.headers()['content-type']?.startsWith('text/html')) said.push(await r.text().catch(() => '')) })
    await signUp(page, parley.url, { workspace: `Secrets ${process.pid}` })
    const bot = await createBot(page, parley.url, 'Caller')
    await page.locator('.portal-menu summary').click()
    await page.getByRole('link', { name: 'Secrets' }).click()
    await page.getByRole('heading', { name: 'No secrets yet' }).waitFor()
    await isAccessible(page, 'no secret')

    // A flow that needs a secret can be saved, tried and not published.
    await page.goto(`${parley.url}${bot}/flow`)
    await page.getByLabel('Flow of the draft').fill(keyed(`http://127.0.0.1:${allowed}/`))
    await page.getByRole('button', { name: 'Save draft' }).click()
    await page.getByText('The workspace has no secret "crm".').first().waitFor()
    await page.goto(`${parley.url}/app/secrets`)
    await page.getByText('Bots use secrets that do not exist').waitFor()
    await isAccessible(page, 'a missing secret')
    await page.getByRole('link', { name: 'crm' }).click()
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'crm')

    const add = async (name, value) => {
        await page.getByLabel('Name', { exact: true }).fill(name)
        await page.getByLabel('Value', { exact: true }).fill(value)
        await page.getByRole('button', { name: 'Add secret' }).click()
    }
    await add('not a name', KEY)
    await page.getByRole('alert').getByText('letters, digits and _').waitFor()
    assert.deepEqual([await page.getByLabel('Name', { exact: true }).inputValue(), await page.getByLabel('Value', { exact: true }).inputValue()], ['not a name', ''])
    await isAccessible(page, 'a refused name')
    await add('crm', `${KEY} `)
    await page.getByRole('alert').getByText('begins or ends with a space').waitFor()
    await add('crm', KEY)
    await page.getByText('The secret is added.').waitFor()
    await add('crm', NEXT)
    await page.getByRole('alert').getByText('A secret with this name already exists.').waitFor()
    await add('unused', 'x')
    await page.getByText('The secret is added.').waitFor()
    await isAccessible(page, 'two secrets')

    // The test chat makes the call and shows stars where the service sends the key back.
    const chat = async text => {
        await page.goto(`${parley.url}${bot}/test`)
        await page.getByLabel('Message').fill(text)
        await page.getByLabel('Message').press('Enter')
        await page.getByText('It says: Bearer ***').first().waitFor()
    }
    await chat('go')
    await publish(page, parley.url, bot)
    await page.goto(`${parley.url}/app/secrets`)
    await page.getByText('Replace value').first().click()
    await page.getByLabel('New value: crm').fill(NEXT)
    await page.getByRole('button', { name: 'Replace', exact: true }).first().click()
    await page.getByText('The value is replaced.').waitFor()
    await chat('again')
    assert.deepEqual(seen, [`Bearer ${KEY}`, `Bearer ${NEXT}`])

    const remove = async name => {
        await page.goto(`${parley.url}/app/secrets`)
        await page.getByRole('button', { name: `Delete: ${name}` }).click()
    }
    await remove('crm')
    await page.getByRole('heading', { name: 'In use: crm' }).waitFor()
    await page.getByText('The published bot "Caller" uses this secret.').waitFor()
    await isAccessible(page, 'a secret in use')
    await page.getByRole('button', { name: 'Delete anyway' }).click()
    await page.getByText('The secret is deleted.').waitFor()
    await page.getByText('Bots use secrets that do not exist').waitFor()

    for (const where of [bot, `${bot}/flow`, `${bot}/versions/1`, `${bot}/compare?from=1&to=draft`, `${bot}/export.json`, '/app/secrets']) said.push(await (await get(page, where)).text())
    for (const value of [KEY, NEXT]) assert.ok(!said.some(text => text.includes(value)), 'a page shows the value')
    assert.deepEqual(wrong, [])
})

test('only members who edit bots see secrets, and only of their own workspace', async () => {
    const owner = await fresh(), workspace = `Keepers ${process.pid}`, stranger = await fresh()
    await signUp(owner, parley.url, { workspace })
    const tenant = await enlarge(parley, workspace), bot = await createBot(owner, parley.url)
    // A flow that still holds keys: an editor reads them where the flow is edited, members who only read nowhere.
    await publish(owner, parley.url, bot)
    const flow = JSON.parse(keyed(`https://example.com/?q=find&api_key=${KEY}`))
    flow.nodes.call.headers['X-Api-Key'] = KEY
    await owner.goto(`${parley.url}${bot}/flow`)
    await owner.getByLabel('Flow of the draft').fill(JSON.stringify(flow))
    await owner.getByRole('button', { name: 'Save draft' }).click()
    await owner.getByText('The header "X-Api-Key" holds a key').waitFor()
    const readable = ['', '/flow', '/publish', '/versions', '/versions/1', '/compare?from=1&to=draft']
    await parley.run('secret', 'set', 'crm', '--tenant', tenant, { input: KEY })
    for (const [role, status] of [['viewer', 403], ['agent', 403], ['billing', 403], ['editor', 200], ['admin', 200]]) {
        const email = newEmail(), page = await fresh()
        await parley.run('user', 'create', email, '--password-stdin', { input: PASSWORD })
        await parley.run('user', 'add-to', email, tenant, '--role', role)
        await signIn(page, parley.url, email)
        const _csrf = await csrfOf(page)
        assert.equal((await get(page, '/app/secrets')).status(), status, role)
        assert.equal((await post(page, '/app/secrets', { _csrf, name: `by_${role}`, value: 'x' })).status(), status === 200 ? 303 : 403, role)
        assert.equal((await get(page, `${bot}/export.json`)).status(), status, role)
        if (role !== 'viewer') continue
        for (const part of readable) {
            const answer = await get(page, bot + part), text = await answer.text()
            assert.equal(answer.status(), 200, part)
            assert.ok(!text.includes(KEY), `a viewer reads a key on ${part}`)
            assert.equal(text.includes('q=find&amp;api_key=••••'), part === '/flow', part)
        }
    }
    await signUp(stranger, parley.url)
    const _csrf = await csrfOf(stranger)
    assert.ok(!(await (await get(stranger, '/app/secrets')).text()).includes('/app/secrets/crm/'))
    assert.equal((await post(stranger, '/app/secrets/crm/delete', { _csrf, force: 'true' })).status(), 404)
    assert.equal((await post(stranger, '/app/secrets', { _csrf, do: 'replace', name: 'crm', value: 'mine' })).status(), 404)
    assert.equal((await get(owner, '/app/secrets')).status(), 200)
    const lines = await parley.sql("SELECT what, object FROM audit WHERE what LIKE 'secret.%' AND object LIKE 'by%'")
    assert.deepEqual(lines.map(l => l.object).sort(), ['by_admin', 'by_editor'])
})
