// What the browser tests share: a user who signs up, makes a bot, imports a CSV file; and a page that must stay free of errors.
import assert from 'node:assert/strict'
import { axe } from '../lib/browser.mjs'

export const PASSWORD = 'correct horse battery staple'
let serial = 0
export const newEmail = () => `person${process.pid}x${++serial}@example.com`

/** Everything a page should never do is collected: errors, console errors, refused by the content policy. */
export function watch(page, allowed = []) {
    const wrong = []
    const note = text => { if (!allowed.some(a => text.includes(a))) wrong.push(`${page.url()}: ${text}`) }
    page.on('pageerror', error => note(`error: ${error.message}`))
    page.on('console', m => { if (m.type() === 'error' || m.type() === 'warning') note(`console: ${m.text()}`) })
    page.on('dialog', dialog => { note(`dialog: ${dialog.message()}`); dialog.dismiss().catch(() => {}) })
    return wrong
}

export async function signUp(page, url, { email = newEmail(), name = 'Ada Lovelace', workspace = 'Analytical Engines' } = {}) {
    await page.goto(`${url}/signup`)
    await page.getByLabel('Your name').fill(name)
    await page.getByLabel('Company or project').fill(workspace)
    await page.getByLabel('E-mail address').fill(email)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Create account' }).click()
    await page.waitForURL(u => u.pathname === '/app')
    return email
}

/** The workspace of this name may have as many bots as it likes. Returns its id. */
export async function enlarge(parley, workspace) {
    const list = JSON.parse(await parley.run('--json', 'tenant', 'list'))
    const { id } = list.find(t => t.name === workspace)
    await parley.run('tenant', 'plan', id, 'enterprise')
    return id
}

export async function signIn(page, url, email) {
    await page.goto(`${url}/login`)
    await page.getByLabel('E-mail address').fill(email)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL(u => u.pathname.startsWith('/app'))
}

/** Returns the bot's path, /app/bots/bot_... */
export async function createBot(page, url, name = 'Health helper', template = 'Questions and answers') {
    await page.goto(`${url}/app/new`)
    await page.getByLabel('Name', { exact: true }).first().fill(name)
    await page.getByRole('radio', { name: template }).check()
    await page.getByRole('button', { name: 'Create bot' }).click()
    await page.waitForURL('**/app/bots/bot_*')
    return new URL(page.url()).pathname
}

export async function importCsv(page, url, bot, csv, name = 'faq.csv') {
    await page.goto(`${url}${bot}/import`)
    await page.getByLabel('CSV file').setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(csv) })
    await page.getByRole('button', { name: 'Upload and import' }).click()
    await page.waitForURL('**/import/job_*')
    await page.getByRole('heading', { name: /Import (finished|failed)/ }).waitFor({ timeout: 30000 })
}

export async function publish(page, url, bot, note = '') {
    await page.goto(`${url}${bot}/publish`)
    await page.getByLabel('What has changed? (optional)').fill(note)
    await page.getByRole('main').getByRole('button', { name: 'Publish' }).click()
    await page.getByText('Published. New conversations').waitFor()
}

export const sampleCsv = `question,answer,link,source
Can I return an item without the receipt?,"Yes. Within 30 days we find your purchase by card or order number, so you do not need the receipt.",https://shop.example/returns,Returns and refunds
How long does delivery take?,Two to four working days inside the country.,https://shop.example/delivery,Delivery
Do you ship abroad?,"We ship to all of Europe, usually within a week.",,
`

/** axe finds nothing, and nothing sticks out to the side. */
export async function isAccessible(page, what) {
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    assert.ok(over <= 0, `${what}: ${over} px wider than the window`)
    assert.deepEqual(await axe(page), [], what)
}
