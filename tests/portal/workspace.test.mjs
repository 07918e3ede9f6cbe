// The pages of a workspace: its bots, a new bot, members and their roles, switching between workspaces.
// Runs for about 20 s.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startBrowser } from '../lib/browser.mjs'
import { startInstall } from '../lib/install.mjs'
import { createBot, enlarge, importCsv, newEmail, PASSWORD, publish, signIn, signUp } from './portal.mjs'

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
        [`${bot}/publish`, { revision: '1' }], [`${bot}/rollback`, { version: '1' }], [`${bot}/answers/new`, { question: 'q', answer: 'a' }], [`${bot}/flow`, { flow: '{}', revision: '1' }]])
        assert.equal((await post(viewer, where, { _csrf, ...form })).status(), 403, `POST ${where}`)
    for (const where of ['/app/new', `${bot}/import`, `${bot}/answers/new`]) assert.equal((await get(viewer, where)).status(), 403, where)

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
