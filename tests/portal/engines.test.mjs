// The pages of engines: the list, one engine with its secrets, and which engines a bot asks. Runs for about 15 s.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startBrowser } from '../lib/browser.mjs'
import { startInstall } from '../lib/install.mjs'
import { createBot, enlarge, isAccessible, newEmail, PASSWORD, signIn, signUp, watch } from './portal.mjs'

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
const key = 'sk-portal-0123456789'

async function addEngine(page, name, { model = 'small', secret = key } = {}) {
    await page.goto(`${parley.url}/app/engines`)
    await page.getByRole('link', { name: 'OpenAI-compatible server' }).click()
    await page.getByLabel('Name', { exact: true }).fill(name)
    await page.getByLabel('Base address').fill('https://api.example.com/v1')
    await page.getByLabel('API key').fill(secret)
    await page.getByLabel('Model', { exact: true }).fill(model)
    await page.getByRole('button', { name: 'Save' }).click()
}

test('an engine is added, changed and removed, and its key never comes back', async () => {
    const page = await fresh(), wrong = watch(page, ['422'])
    await signUp(page, parley.url, { workspace: 'Engine Works' })
    await page.goto(`${parley.url}/app/engines`)
    await page.getByRole('heading', { name: 'No engine yet' }).waitFor()
    await isAccessible(page)
    await addEngine(page, 'Main', { secret: 'a key with spaces' })
    await page.getByRole('alert').getByText('it contains a space').waitFor()
    assert.equal(await page.getByLabel('API key').inputValue(), '')
    assert.equal(await page.getByLabel('Model', { exact: true }).inputValue(), 'small', 'what was typed stays')
    await page.getByLabel('API key').fill(key)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('The engine was added.').waitFor()
    await page.getByRole('link', { name: 'Main' }).click()
    assert.ok(!(await page.content()).includes(key))
    await page.getByText('It is set, and is never shown again.').waitFor()
    await isAccessible(page)
    await page.getByLabel('Model', { exact: true }).fill('large')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('large').waitFor()
    const [row] = await parley.sql("SELECT settings, LENGTH(secrets) n FROM engine WHERE name = 'Main'")
    assert.ok(Number(row.n) > 0 && !row.settings.includes(key), 'the key stays when its field is empty')
    await page.getByRole('link', { name: 'Main' }).click()
    await page.getByRole('group').getByText('Remove this engine').click()
    await page.getByRole('button', { name: 'Remove' }).click()
    await page.getByText('The engine was removed.').waitFor()
    await page.getByRole('link', { name: 'Botpress Cloud' }).click()
    assert.equal(await page.getByLabel('An answer has ended after a silence of (ms)').inputValue(), '2000')
    assert.deepEqual(wrong, [])
})

test('a bot asks its engines in the order that was chosen', async () => {
    const page = await fresh(), wrong = watch(page, ['422'])
    await signUp(page, parley.url, { workspace: 'Chains' })
    const bot = await createBot(page, parley.url)
    await page.goto(`${parley.url}${bot}/engines`)
    await page.getByRole('link', { name: 'Engines of the workspace' }).click()
    for (const name of ['First', 'Second']) await addEngine(page, name)
    await page.goto(`${parley.url}${bot}/engines`)
    await page.getByLabel('Engine 1').selectOption({ label: '1. Second' })
    await page.getByLabel('Engine 2').selectOption({ label: '2. First' })
    await page.getByLabel('System prompt').fill('You help {{name}}.')
    await page.getByLabel('Temperature').fill('20')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('alert').getByText('from 0 to 2').waitFor()
    await page.getByLabel('Temperature').fill('0.2')
    await page.getByLabel('Seconds for each engine').fill('30')
    await page.getByLabel('Calls of this bot in a day').fill('500')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved').first().waitFor()
    assert.equal(await page.getByLabel('Engine 1').locator('option:checked').textContent(), '1. Second')
    assert.equal(await page.getByLabel('Temperature').inputValue(), '0.2')
    assert.equal(await page.getByLabel('Seconds for each engine').inputValue(), '30')
    await isAccessible(page)
    const [row] = await parley.sql("SELECT b.limits FROM bot_engine b JOIN tenant t ON t.tenant_id = b.tenant_id WHERE t.name = 'Chains'")
    assert.deepEqual(JSON.parse(row.limits), { mask: false, temperature: 0.2, budget_ms: 30000, visitor: {}, bot: { calls_day: 500 }, workspace: {} })
    assert.deepEqual(wrong, [])
})

test('only who may change the workspace changes engines, and those of another workspace do not exist', async () => {
    const owner = await fresh(), workspace = `Engine roles ${process.pid}`
    await signUp(owner, parley.url, { workspace })
    const tenant = await enlarge(parley, workspace)
    await addEngine(owner, 'Ours')
    const href = await owner.getByRole('link', { name: 'Ours' }).getAttribute('href')
    const email = newEmail()
    await parley.run('user', 'create', email, '--password-stdin', { input: PASSWORD })
    await parley.run('user', 'add-to', email, tenant, '--role', 'editor')
    const editor = await fresh()
    await signIn(editor, parley.url, email)
    await editor.goto(`${parley.url}/app/engines`)
    await editor.getByText('Ours').waitFor()
    assert.equal(await editor.getByRole('link', { name: 'Ours' }).count(), 0)
    assert.equal((await editor.request.get(parley.url + href)).status(), 403)
    const stranger = await fresh()
    await signUp(stranger, parley.url, { workspace: 'Strangers' })
    assert.equal((await stranger.request.get(parley.url + href)).status(), 404)
    const _csrf = await stranger.goto(`${parley.url}/app/engines/new?type=openai`).then(() => stranger.locator('input[name=_csrf]').first().inputValue())
    assert.equal((await stranger.request.post(`${parley.url}${href}/delete`, { form: { _csrf }, headers: { Origin: parley.url } })).status(), 404)
    assert.equal((await stranger.request.get(`${parley.url}/app/engines/new?type=nothing`)).status(), 404)
})
