// From sign-up to the transcript: a bot from a template, a CSV, a test chat, published, a visitor, the conversation in the portal.
// Runs for about 20 s.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startBrowser } from '../lib/browser.mjs'
import { startInstall } from '../lib/install.mjs'
import { createBot, importCsv, publish, sampleCsv, signUp, watch } from './portal.mjs'

let parley, browser
before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off' } })
    browser = await startBrowser()
})
after(async () => {
    await browser?.close()
    await parley?.stop()
})

const csvWithBadRow = sampleCsv + 'A question without an answer,,,\n'

/** The test chat, with or without JavaScript: the same fields. */
async function testChat(page, bot) {
    await page.goto(`${parley.url}${bot}/test`)
    const log = page.getByRole('log')
    await page.getByLabel('Message').fill('How long does delivery take?')
    await page.getByLabel('Message').press('Enter')
    await log.getByText('Two to four working days').waitFor()
    await log.getByRole('link', { name: 'faq', exact: true }).first().waitFor()
    await page.getByLabel('Message').fill('qwertzuiop asdfghjkl')
    await page.getByRole('button', { name: 'Send' }).click()
    await log.getByRole('button', { name: 'Talk to a person' }).click()
    await log.getByRole('link', { name: 'human', exact: true }).first().waitFor()
    assert.equal(await log.locator('.chat-row.visitor').count(), 3, 'every message is kept')
    assert.equal(await log.locator('.chat-row.visitor').last().innerText(), 'Talk to a person', 'a choice shows its label')
}

async function visitorAsks(page, bot) {
    await page.goto(`${parley.url}/chat/${bot.split('/').pop()}`)
    await page.locator('#text').fill('Can I return an item without the receipt?')
    await page.locator('#send button').click()
    await page.getByText('Within 30 days we find your purchase').waitFor()
    await page.getByRole('link', { name: /Returns and refunds/ }).waitFor()
}

for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'
    test(`a person gets from sign-up to a transcript ${how}`, async () => {
        const context = await browser.newContext({ javaScriptEnabled })
        const page = await context.newPage()
        const wrong = watch(page)
        await signUp(page, parley.url)
        await page.getByRole('heading', { name: 'Create your first bot' }).waitFor()
        const bot = await createBot(page, parley.url)
        await page.getByText('This bot has no public address yet').waitFor()
        await page.getByRole('link', { name: 'Add answers' }).waitFor()

        await importCsv(page, parley.url, bot, csvWithBadRow)
        const numbers = await page.locator('.numbers').innerText()
        assert.match(numbers.replace(/\s+/g, ' '), /4 Rows 3 Added 0 Updated 0 Unchanged 1 Left out|Rows 4 Added 3 Updated 0 Unchanged 0 Left out 1/)
        await page.goto(`${parley.url}${bot}/answers?q=delivery`)
        await page.getByRole('heading', { name: 'How long does delivery take?' }).waitFor()
        assert.equal(await page.locator('.answer-list > li').count(), 1)

        await testChat(page, bot)
        await publish(page, parley.url, bot, 'The first one')
        const address = await page.getByLabel('Address of the chat page').inputValue()
        assert.equal(address, `${parley.url}/chat/${bot.split('/').pop()}`)

        const visitor = await (await browser.newContext({ javaScriptEnabled })).newPage()
        const visitorWrong = watch(visitor)
        await visitorAsks(visitor, bot)
        assert.deepEqual(visitorWrong, [])

        await page.goto(`${parley.url}/app/conversations`)
        const listed = page.getByRole('link', { name: /Can I return an item without the receipt/ })
        await listed.waitFor().catch(async error => assert.fail(`${error.message}\n${page.url()}:\n${await page.locator('body').innerText()}`))
        await listed.click()
        const transcript = page.getByRole('region', { name: 'Transcript' })
        await transcript.getByText('Within 30 days we find your purchase').waitFor()
        await transcript.getByRole('link', { name: 'Returns and refunds' }).waitFor()
        await page.getByText('Chat page', { exact: true }).waitFor()
        await page.getByRole('button', { name: 'Close conversation' }).waitFor()
        page.removeAllListeners('dialog')
        page.on('dialog', dialog => dialog.accept())
        await page.getByRole('button', { name: 'Close conversation' }).click()
        await page.getByText('The conversation is closed.').waitFor()
        assert.deepEqual(wrong, [])
        await context.close()
    })
}
