// The hosted chat page as visitors meet it: with and without JavaScript, by keyboard, on a phone, light and dark.
// Runs for about 20 s.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startBrowser } from '../lib/browser.mjs'
import { startInstall } from '../lib/install.mjs'
import { createBot, importCsv, isAccessible, publish, sampleCsv, signUp, watch } from '../portal/portal.mjs'

let parley, browser, address
before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off' } })
    browser = await startBrowser()
    const page = await (await browser.newContext()).newPage()
    await signUp(page, parley.url)
    const bot = await createBot(page, parley.url)
    await importCsv(page, parley.url, bot, sampleCsv)
    await publish(page, parley.url, bot)
    address = `${parley.url}/chat/${bot.split('/').pop()}`
})
after(async () => {
    await browser?.close()
    await parley?.stop()
})

const messages = page => page.locator('#log > *')

async function ask(page, text) {
    const before = await messages(page).count()
    await page.locator('#text').fill(text)
    await page.locator('#send button').click()
    await messages(page).nth(before + 1).waitFor()
}

for (const javaScriptEnabled of [true, false]) {
    for (const colorScheme of ['light', 'dark']) {
        for (const viewport of [{ width: 1280, height: 800 }, { width: 390, height: 844 }]) {
            test(`${javaScriptEnabled ? 'with' : 'without'} JavaScript, ${colorScheme}, ${viewport.width} px: ask, choose, read the source`, async () => {
                const page = await (await browser.newContext({ javaScriptEnabled, colorScheme, viewport })).newPage()
                const wrong = watch(page)
                await page.goto(address)
                await page.getByText('Ask me anything').waitFor()
                await ask(page, 'How long does delivery take?')
                await page.getByText('Two to four working days').waitFor()
                await page.getByRole('link', { name: /Delivery/ }).waitFor()
                await ask(page, 'qwertzuiop asdfghjkl')
                await page.getByRole('button', { name: 'Talk to a person' }).last().click()
                await page.getByText('I am passing you on to a colleague').waitFor()
                if (javaScriptEnabled) await isAccessible(page, 'the chat page') // axe is a script
                assert.deepEqual(wrong, [])
            })
        }
    }
}

test('by keyboard, Enter sends, the focus stays, and a reload keeps the conversation', async () => {
    const page = await (await browser.newContext()).newPage()
    await page.goto(address)
    await page.locator('#text').focus()
    await page.keyboard.type('How long does delivery take?')
    await page.keyboard.press('Enter')
    await page.getByText('Two to four working days').waitFor()
    assert.equal(await page.evaluate(() => document.activeElement.id), 'text')
    await page.reload()
    await page.getByText('Two to four working days').waitFor()
    assert.equal(await page.getByText('How long does delivery take?').count(), 1)
})

test('a long conversation is shown to its end after a reload', async () => {
    const page = await (await browser.newContext()).newPage()
    await page.goto(address)
    await ask(page, 'How long does delivery take?')
    const kept = () => page.evaluate(() => Object.values(localStorage).map(text => JSON.parse(text)).find(one => one.conversation))
    const { conversation, token } = await kept()
    const say = text => fetch(`${address}/messages`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ conversation, token, text }),
    })
    for (let n = 1; n <= 105; n++) assert.equal((await say(`question ${n}.`)).status, 200) // more than one answer of the server holds
    await page.reload()
    await page.getByText('question 105.').waitFor()
    assert.equal(await page.getByText(/^question \d+\.$/).count(), 105)
})

test('two visitors do not see each other', async () => {
    const [one, two] = await Promise.all([browser.newContext().then(c => c.newPage()), browser.newContext().then(c => c.newPage())])
    await one.goto(address)
    await ask(one, 'How long does delivery take?')
    await two.goto(address)
    assert.equal(await two.getByText('Two to four working days').count(), 0)
})

test('an address without a bot shows a helpful page', async () => {
    const page = await (await browser.newContext()).newPage()
    const reply = await page.goto(`${parley.url}/chat/bot_01m83jxmcke009fsdtz6yhj8xp`)
    assert.equal(reply.status(), 404)
    await isAccessible(page, 'no bot')
})
