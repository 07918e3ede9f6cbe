// The whole path of a customer, in a browser: sign up, a bot from a template, a CSV, a test chat, published, a visitor, the transcript.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startBrowser } from '../lib/browser.mjs'
import { startInstall } from '../lib/install.mjs'
import { createBot, enlarge, importCsv, publish, sampleCsv, signUp, watch } from './portal.mjs'

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
    test(`from sign-up to the transcript, ${how}`, async () => {
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

test('versions: published again, compared in words, taken back, exported and brought in again', async () => {
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
    await page.getByRole('link', { name: 'Version 1' }).click() // who has read it need not go back for it
    await page.getByRole('button', { name: 'Make live' }).click()
    await page.getByText('This version is live now.').waitFor()
    const chat = await fetch(`${parley.url}/chat/${bot.split('/').pop()}`)
    assert.match(await chat.text(), /I answer right away/)

    await page.goto(`${parley.url}${bot}`)
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: /^Export/ }).click()])
    const file = await download.path()
    await page.goto(`${parley.url}/app/new`)
    await page.getByText(/The plan FREE includes 1 bot/).waitFor() // nobody fills a form that is refused at its end
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

test('two tabs: who saves second sees both texts and decides', async () => {
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
    await two.getByRole('heading', { name: 'Somebody else changed this draft' }).waitFor()
    assert.match(await editorOf(two).inputValue(), /Second!/)
    assert.match(await two.locator('#f-theirs').inputValue(), /First!/)
    await two.getByRole('button', { name: 'Replace with mine' }).click()
    await two.getByText('The draft is saved.').waitFor()
    assert.match(await editorOf(two).inputValue(), /Second!/)
})

test('a broken flow is refused with its line, and what was typed stays', async () => {
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

test('a flow with errors can be saved, but not published: the node is named', async () => {
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
