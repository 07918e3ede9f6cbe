// chat.js on a bad connection: a message is sent again with the same id, nothing is shown twice, and messages from other tabs are caught up.
// Runs for about 25 s.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startBrowser } from '../lib/browser.mjs'
import { startInstall, until } from '../lib/install.mjs'
import { echoFlow, hexOf, makeBot, send } from './lib.mjs'

let parley, browser, bot, address

before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off' } })
    browser = await startBrowser()
    ;({ bot } = await makeBot(parley, echoFlow))
    address = `${parley.url}/chat/${bot}`
})
after(async () => {
    await browser?.close()
    await parley?.stop()
})

const said = page => page.locator('#log .msg .bubble').allTextContents()
const count = async where => Number((await parley.sql(`SELECT COUNT(*) AS n FROM message WHERE ${where}`))[0].n)

async function open(options = {}) {
    const page = await (await browser.newContext({ viewport: { width: 320, height: 640 }, ...options })).newPage()
    await page.goto(address)
    await page.locator('#chat[data-ready]').waitFor()
    return page
}

async function say(page, text) {
    await page.locator('#text').fill(text)
    await page.locator('#text').press('Enter')
}

test('after a broken connection the message is sent again and recorded once', { timeout: 60000 }, async () => {
    const page = await open()
    let tries = 0
    await page.route('**/messages', async route => {
        tries++
        if (tries === 1) return route.abort('connectionreset') // never arrived
        if (tries === 2) { // arrived, but the answer was lost
            await route.fetch()
            return route.abort('connectionreset')
        }
        return route.continue()
    })
    await say(page, 'over a bad line')
    await page.getByText('What else?').waitFor()
    assert.equal(tries, 3)
    assert.deepEqual(await said(page), ['Hello! Ask me.', 'over a bad line', 'What else?'])
    assert.equal(await count("text = 'over a bad line'"), 1)
})

test('messages typed in quick succession are answered in order', async () => {
    const page = await open()
    for (const text of ['one', 'two', 'three']) await say(page, text)
    await page.getByText('You said: three').waitFor()
    await until('all answers', async () => (await said(page)).length === 9)
    assert.deepEqual((await said(page)).filter(t => t.startsWith('You said')), ['You said: two', 'You said: three'])
})

test('a refusal is shown, and the message can be sent again', async () => {
    const page = await open()
    await page.route('**/messages', route => route.fulfill({ status: 402, contentType: 'application/problem+json',
        body: JSON.stringify({ status: 402, code: 'plan_limit', detail: 'This bot cannot take new conversations this month.' }) }))
    await say(page, 'hello?')
    await page.getByRole('alert').getByText('cannot take new conversations').waitFor()
    await page.unroute('**/messages')
    await page.getByRole('button', { name: 'Send again' }).click()
    await page.getByText('What else?').waitFor()
    assert.equal(await page.getByRole('alert').count(), 0)
})

test('a bot that became inactive says so in the language of the page', async () => {
    const page = await open({ locale: 'de-DE' })
    await page.route('**/messages', route => route.fulfill({ status: 402, contentType: 'application/problem+json',
        body: JSON.stringify({ status: 402, code: 'bot_inactive', detail: 'This bot takes no new conversations at the moment.' }) }))
    await say(page, 'hallo?')
    await page.getByRole('alert').getByText('Dieser Chat nimmt im Moment keine neuen Gespräche an.').waitFor()
})

test('a reload keeps the conversation; start over ends it', async () => {
    const page = await open()
    await page.getByRole('button', { name: 'Hours' }).click()
    await page.locator('.msg:not(.pending)', { hasText: 'From 9 to 5.' }).waitFor() // recorded, not only on its way
    await page.reload()
    await page.getByText('From 9 to 5.').waitFor()
    assert.equal(await page.getByRole('button', { name: 'Hours' }).count(), 0, 'the choice was taken')
    await page.getByRole('button', { name: 'Start over' }).click()
    assert.deepEqual(await said(page), ['Hello! Ask me.'])
    assert.equal(await page.getByRole('button', { name: 'Hours' }).count(), 1, 'and is offered again')
    await page.reload()
    await page.locator('#chat[data-ready]').waitFor()
    assert.deepEqual(await said(page), ['Hello! Ask me.'])
})

test('a reload during a turn loses nothing and repeats nothing', async () => {
    for (const began of [false, true]) {
        const page = await open()
        if (began) {
            await say(page, 'hello')
            await page.getByText('What else?').waitFor()
        }
        let heard
        const sent = new Promise(done => { heard = done })
        let lost = true
        await page.route('**/messages', async route => { // it is recorded, but the page gets no reply
            if (!lost) return route.continue()
            lost = false
            await route.fetch()
            heard()
        })
        await say(page, 'still there?')
        await sent
        await page.reload()
        await page.locator('.pending').first().waitFor({ state: 'detached' })
        await until('the answer', async () => (await said(page)).length === (began ? 6 : 3))
        assert.equal((await said(page)).filter(t => t === 'still there?').length, 1, String(began))
    }
})

test('messages from another tab are caught up', async () => {
    const page = await open()
    await say(page, 'first tab')
    await page.getByText('What else?').waitFor()
    await page.locator('.pending').first().waitFor({ state: 'detached' }) // recorded: only then is the conversation remembered
    const kept = await page.evaluate(name => JSON.parse(localStorage.getItem(name)), `parley.chat.${bot}`)
    const elsewhere = await send(parley, bot, { text: 'second tab', conversation: kept.conversation, token: kept.token })
    assert.deepEqual([elsewhere.status, elsewhere.body.conversation], [200, kept.conversation])
    await page.evaluate(() => dispatchEvent(new Event('focus')))
    await page.getByText('You said: second tab').waitFor()
    assert.equal((await said(page)).filter(t => t === 'second tab').length, 1)
})

test('a conversation that no longer exists is replaced silently', async () => {
    const page = await open()
    await page.evaluate(name => localStorage.setItem(name, JSON.stringify({ conversation: 'conv_00000000000000000000000000', token: 'x' })), `parley.chat.${bot}`)
    await page.reload()
    await page.locator('#chat[data-ready]').waitFor()
    await say(page, 'anybody?')
    await page.getByText('What else?').waitFor()
    assert.equal(await page.getByRole('alert').count(), 0)
})

test('a client that shows whole messages skips the deltas of unfinished ones', async () => {
    const page = await open()
    const message = { seq: 2, from: 'bot', type: 'text', text: 'Written piece by piece.' }
    const done = { conversation: 'conv_00000000000000000000000000', token: 'x', state: 'open', seq: 1, messages: [message] }
    const events = [['delta', { text: 'Written piece' }], ['delta', { text: ' by piece.' }], ['message', { ...message, seq: undefined }], ['done', done]]
    await page.route('**/messages', route => route.fulfill({ contentType: 'text/event-stream',
        body: events.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join('') }))
    await say(page, 'go')
    await page.getByText('Written piece by piece.').waitFor()
    assert.deepEqual((await said(page)).slice(-2), ['go', 'Written piece by piece.'])
})

test('what was shown of an answer is taken back when the turn begins again', async () => {
    const page = await open()
    const message = text => ({ from: 'bot', type: 'text', text })
    const messages = [{ ...message('The second answer.'), seq: 2 }]
    const done = { conversation: 'conv_00000000000000000000000000', token: 'x', state: 'open', seq: 1, messages }
    const events = [['message', message('A word before.')], ['delta', { text: 'The first' }], ['again', {}], ['delta', { text: 'The second answer.' }], ['done', done]]
    await page.route('**/messages', route => route.fulfill({ contentType: 'text/event-stream',
        body: events.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join('') }))
    await page.evaluate(() => {
        window.seen = new Set()
        new MutationObserver(() => document.querySelectorAll('#log .bubble').forEach(b => window.seen.add(b.textContent))).observe(document.querySelector('#log'), { childList: true, subtree: true, characterData: true })
    })
    await say(page, 'go')
    await page.locator('#log .msg:not(.pending) .bubble').getByText('The second answer.').waitFor()
    assert.deepEqual((await said(page)).slice(-2), ['go', 'The second answer.'])
    assert.ok(!await page.evaluate(() => [...window.seen].some(text => text.startsWith('The firstThe second'))))
})

test('thumbs rate an answer', async () => {
    const page = await open()
    await say(page, 'rate me')
    await page.getByRole('button', { name: 'This answer helped' }).click()
    await page.getByText('Thank you for the rating.').waitFor()
    const { conversation } = await page.evaluate(name => JSON.parse(localStorage.getItem(name)), `parley.chat.${bot}`)
    const rows = await parley.sql(`SELECT seq, rating FROM feedback WHERE conversation_id = 0x${hexOf(conversation)}`)
    assert.deepEqual(rows, [{ seq: '2', rating: '1' }])
})

test('a visitor\'s markup stays text, and 320 px need no sideways scrolling', async () => {
    const page = await open()
    await say(page, '<img src=x onerror=alert(1)> https://example.com/a?b=1. ' + 'w'.repeat(200))
    await page.getByText('What else?').waitFor()
    assert.equal(await page.locator('#log img').count(), 0)
    assert.equal(await page.locator('#log a').first().getAttribute('href'), 'https://example.com/a?b=1')
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
})
