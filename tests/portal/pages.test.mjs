// Every page, light and dark, on a phone and on a desktop: axe finds nothing, nothing sticks out, the console stays empty.
// Runs for about 70 s.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { startBrowser } from '../lib/browser.mjs'
import { startInstall } from '../lib/install.mjs'
import { createBot, enlarge, importCsv, isAccessible, publish, sampleCsv, signUp, watch } from './portal.mjs'

let parley, browser, state, pages
const publicPages = { home: '/', 'sign up': '/signup', 'sign in': '/login', 'not found': '/nothing-here' }

before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off' } })
    browser = await startBrowser()
    const context = await browser.newContext()
    const page = await context.newPage()
    const workspace = 'A company with a rather long name that has to fit somewhere'
    await signUp(page, parley.url, { workspace })
    await enlarge(parley, workspace)
    pages = await fillWorkspace(page)
    state = await context.storageState()
    await context.close()
})
after(async () => {
    await browser?.close()
    await parley?.stop()
})

/** One of everything; returns name -> path. */
async function fillWorkspace(page) {
    const draft = await createBot(page, parley.url, 'Appointments ' + 'x'.repeat(80), 'Appointment request')
    const bot = await createBot(page, parley.url, 'Health helper')
    await importCsv(page, parley.url, bot, sampleCsv + 'No answer here,,,\n')
    const report = new URL(page.url()).pathname
    await publish(page, parley.url, bot, 'The first one')
    await page.goto(`${parley.url}${bot}/flow`)
    const editor = page.getByLabel('Flow of the draft')
    await editor.fill((await editor.inputValue()).replace('I answer right away', 'I answer at once'))
    await page.getByRole('button', { name: 'Save draft' }).click()
    await page.getByText('The draft is saved.').waitFor()
    await publish(page, parley.url, bot, 'The second one')
    const conversation = await talk(bot.split('/').pop())
    for (const name of ['crm_key', 'shop_api_token_' + 'x'.repeat(49)]) {
        await page.goto(`${parley.url}/app/secrets`)
        await page.getByLabel('Name', { exact: true }).fill(name)
        await page.getByLabel('Value', { exact: true }).fill('sk_live_1')
        await page.getByRole('button', { name: 'Add secret' }).click()
        await page.getByText('The secret is added.').waitFor()
    }
    await page.goto(`${parley.url}${bot}/answers`)
    const answer = await page.getByRole('link', { name: /^Edit/ }).first().getAttribute('href')
    return {
        bots: '/app', 'new bot': '/app/new', members: '/app/members', secrets: '/app/secrets', conversations: '/app/conversations',
        'no conversation': '/app/conversations?state=closed', conversation: `/app/conversations/${conversation}`,
        draft, bot, flow: `${bot}/flow`, answers: `${bot}/answers`, 'no answer': `${draft}/answers`, 'nothing found': `${bot}/answers?q=zzz`,
        'new answer': `${bot}/answers/new`, answer, import: `${bot}/import`, report, test: `${bot}/test`, 'test of a draft': `${draft}/test`,
        publish: `${draft}/publish`, 'nothing to publish': `${bot}/publish`, versions: `${bot}/versions`, 'no version': `${draft}/versions`,
        version: `${bot}/versions/1`, compare: `${bot}/compare?from=1&to=2`, missing: '/app/bots/bot_nothing',
    }
}

async function talk(bot) {
    let sent = {}
    for (const text of ['How long does delivery take?', 'hello', 'A word that is ' + 'very'.repeat(60) + ' long https://shop.example/' + 'y'.repeat(120)]) {
        const reply = await fetch(`${parley.url}/chat/${bot}/messages`, {
            method: 'POST', headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify({ text, conversation: sent.conversation, token: sent.token }),
        })
        assert.equal(reply.status, 200)
        sent = await reply.json()
    }
    return sent.conversation
}

async function walk(kind, viewport, theme, storageState, list) {
    const context = await browser.newContext({ viewport, storageState })
    await context.addCookies([{ name: 'theme', value: theme, url: parley.url }])
    const page = await context.newPage()
    const wrong = watch(page, ['status of 404'])
    for (const [name, where] of Object.entries(list)) {
        await page.goto(parley.url + where)
        assert.equal(await page.locator('html').getAttribute('data-bs-theme'), theme)
        assert.equal(await page.locator('h1').count(), 1, `${name}: one h1`)
        if (process.env.SHOTS) {
            fs.mkdirSync(process.env.SHOTS, { recursive: true })
            await page.screenshot({ path: path.join(process.env.SHOTS, `${name.replaceAll(' ', '-')}-${kind}-${theme}.png`), fullPage: true })
        }
        await isAccessible(page, `${name}, ${kind}, ${theme}`)
    }
    assert.deepEqual(wrong, [])
    await context.close()
}

for (const theme of ['light', 'dark']) {
    for (const [kind, viewport] of [['desktop', { width: 1280, height: 800 }], ['phone', { width: 390, height: 844 }]]) {
        test(`all pages are legible and accessible: ${kind}, ${theme}`, async () => {
            await walk(kind, viewport, theme, undefined, publicPages)
            await walk(kind, viewport, theme, state, pages)
        })
    }
}

test('an empty workspace and pages after a mistake are accessible', async () => {
    const page = await (await browser.newContext({ viewport: { width: 390, height: 844 } })).newPage()
    await signUp(page, parley.url)
    await isAccessible(page, 'no bot')
    await page.goto(`${parley.url}/app/conversations`)
    await isAccessible(page, 'no conversation')
    const bot = await createBot(page, parley.url)
    await page.goto(`${parley.url}${bot}/answers/new`)
    await page.getByLabel('Question').fill('What?')
    await page.getByLabel('Answer', { exact: true }).fill('That.')
    await page.getByLabel('Link').fill('https://')
    await page.locator('form').evaluateAll(forms => forms.forEach(f => { f.noValidate = true }))
    await page.getByLabel('Link').fill('javascript:alert(1)')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('alert').waitFor()
    assert.equal(await page.getByLabel('Question').inputValue(), 'What?', 'the typed text is kept')
    await isAccessible(page, 'a refused answer')
    await page.goto(`${parley.url}${bot}/test`)
    await page.getByLabel('Message').fill('hello')
    await page.getByLabel('Message').press('Enter')
    await page.locator('.chat-path').first().waitFor()
    await isAccessible(page, 'a test chat')
})

test('the chosen theme is kept; without one the system decides', async () => {
    const page = await (await browser.newContext({ colorScheme: 'dark' })).newPage()
    await page.goto(parley.url)
    const theme = () => page.locator('html').getAttribute('data-bs-theme')
    assert.equal(await theme(), 'dark')
    await page.getByRole('button', { name: 'Light or dark' }).click()
    assert.equal(await theme(), 'light')
    await page.goto(`${parley.url}/login`)
    assert.equal(await theme(), 'light')
})

test('by keyboard alone a person signs up, makes a bot, tests it and signs out', async () => {
    const page = await (await browser.newContext()).newPage()
    const tab = async n => { for (let i = 0; i < n; i++) await page.keyboard.press('Tab') }
    const focused = () => page.evaluate(() => document.activeElement?.innerText?.trim() || document.activeElement?.getAttribute('name') || document.activeElement?.tagName)
    /** Press Tab until the focus is on the element with this text or name. */
    const reach = async what => {
        for (let i = 0; i < 60; i++) {
            if (String(await focused()).startsWith(what)) return
            await tab(1)
        }
        throw new Error(`"${what}" cannot be reached with Tab`)
    }
    await page.goto(parley.url)
    await tab(1)
    assert.equal(await focused(), 'Skip to content')
    await reach('Create an account')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/signup')
    for (const [field, text] of [['name', 'Ada'], ['workspace', 'Engines'], ['email', `keys${process.pid}@example.com`], ['password', 'correct horse battery']]) {
        await reach(field)
        await page.keyboard.type(text)
    }
    await page.keyboard.press('Enter')
    await page.waitForURL(u => u.pathname === '/app')
    await reach('New bot')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/app/new')
    const hasFocus = id => page.waitForFunction(wanted => document.activeElement?.id === wanted, id) // autofocus comes with the first frame
    await hasFocus('f-name')
    await page.keyboard.type('By keyboard')
    await reach('template')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowUp')
    await reach('Create bot')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/app/bots/bot_*')
    await reach('Test')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/test')
    await hasFocus('f-text')
    await page.keyboard.type('hello')
    await page.keyboard.press('Enter')
    await page.locator('.chat-row.visitor').waitFor()
    await hasFocus('f-text') // it stays in the field
    await page.goto(`${parley.url}/app`)
    await reach('Account')
    await page.keyboard.press('Enter')
    await reach('Sign out')
    await page.keyboard.press('Escape')
    assert.match(await focused(), /^Account/, 'Escape closes the menu and gives the focus back')
    await page.keyboard.press('Enter')
    await reach('Sign out')
    await page.keyboard.press('Enter')
    await page.waitForURL(u => u.pathname === '/login')
})
