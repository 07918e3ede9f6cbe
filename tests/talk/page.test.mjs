// The hosted page without JavaScript: forms, a cookie, a redirect.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startInstall } from '../lib/install.mjs'
import { checkLedger, echoFlow, makeBot, newId, shown } from './lib.mjs'

let parley, bot, page

before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off' } })
    ;({ bot } = await makeBot(parley, echoFlow))
    page = `${parley.url}/chat/${bot}`
})
after(() => parley?.stop())

/** A browser without scripts: it keeps cookies and follows nothing. */
class Browser {
    cookies = new Map()
    async ask(address, options = {}) {
        const reply = await fetch(address, {
            redirect: 'manual', ...options,
            headers: { Cookie: [...this.cookies].map(([k, v]) => `${k}=${v}`).join('; '), Accept: 'text/html', ...options.headers },
        })
        for (const line of reply.headers.getSetCookie()) {
            const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
            if (/max-age=0/i.test(line)) this.cookies.delete(name)
            else this.cookies.set(name, value)
        }
        return { status: reply.status, text: await reply.text(), headers: reply.headers }
    }
    open(address = page) { return this.ask(address) }
    submit(fields, headers = { Origin: parley.url }) { return this.ask(page, { method: 'POST', body: new URLSearchParams(fields), headers }) }
}

const bubbles = html => [...html.matchAll(/data-from="(\w+)">[\s\S]*?<div class="bubble" dir="auto">([\s\S]*?)<\/div>/g)].map(m => [m[1], m[2]])
const hidden = (html, name) => new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1]

test('a conversation through forms', async () => {
    const browser = new Browser()
    const first = await browser.open()
    assert.equal(first.status, 200)
    assert.match(first.headers.get('content-security-policy'), /script-src 'self'/)
    assert.deepEqual(bubbles(first.text), [['bot', 'Hello! Ask me.']])
    const sent = await browser.submit({ text: 'Hi <b>there</b>', id: hidden(first.text, 'id') })
    assert.deepEqual([sent.status, sent.headers.get('location')], [303, `/chat/${bot}`])
    const cookie = sent.headers.getSetCookie()[0]
    assert.match(cookie, /HttpOnly/)
    assert.match(cookie, new RegExp(`Path=/chat/${bot}`))
    const second = await browser.open()
    assert.deepEqual(bubbles(second.text), [['bot', 'Hello! Ask me.'], ['visitor', 'Hi &lt;b&gt;there&lt;/b&gt;'], ['bot', 'What else?']])
    await browser.submit({ text: 'again', id: hidden(second.text, 'id') })
    assert.equal(bubbles((await browser.open()).text).length, 6)
})

test('a form sent twice is one message; an old page with another text is another', async () => {
    const browser = new Browser()
    const { text } = await browser.open()
    const id = hidden(text, 'id')
    await browser.submit({ text: 'once', id })
    const cookies = new Map(browser.cookies)
    browser.cookies.clear()
    await browser.submit({ text: 'once', id })
    assert.deepEqual(browser.cookies, cookies)
    const next = hidden((await browser.open()).text, 'id')
    await browser.submit({ text: 'twice', id: next })
    await browser.submit({ text: 'twice', id: next })
    await browser.submit({ text: 'thrice', id: next })
    const said = bubbles((await browser.open()).text).filter(b => b[0] === 'visitor').map(b => b[1])
    assert.deepEqual(said, ['once', 'twice', 'thrice'])
})

test('of a long conversation the page shows the newest messages, in order, and continues after the last one', async () => {
    const browser = new Browser()
    const say = async n => browser.submit({ text: `message ${n}`, id: newId() })
    for (let n = 1; n <= 67; n++) await say(n) // three messages each, two for the first
    const turns = html => bubbles(html).filter(b => b[0] === 'visitor').map(b => Number(b[1].split(' ')[1]))
    const seqs = html => [...html.matchAll(/data-seq="(\d+)" data-from/g)].map(m => Number(m[1])).filter(Boolean)
    const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i)
    assert.deepEqual(turns((await browser.open()).text), range(1, 67)) // 200 messages: all of them
    for (let n = 68; n <= 70; n++) await say(n)
    const { text } = await browser.open()
    assert.deepEqual(turns(text), range(5, 70))
    assert.deepEqual(seqs(text), range(10, 209))
    assert.equal(/data-token="[^"]*" data-seq="(\d+)"/.exec(text)[1], '209')
})

test('choices are buttons of forms, offered only once', async () => {
    const browser = new Browser()
    const { text } = await browser.open()
    const form = /<form [^>]*class="choice">[\s\S]*?<\/form>/.exec(text)[0]
    await browser.submit({ text: hidden(form, 'text'), choice: /name="choice" value="([^"]*)"/.exec(form)[1], id: hidden(form, 'id') })
    const next = await browser.open()
    assert.deepEqual(bubbles(next.text).slice(1, 3), [['visitor', 'Hours'], ['bot', 'From 9 to 5.']])
    assert.doesNotMatch(next.text, /class="choice"/)
})

test('start over begins a new conversation', async () => {
    const browser = new Browser()
    await browser.submit({ text: 'hello' })
    assert.equal(browser.cookies.size, 1)
    const again = await browser.submit({ restart: '1' })
    assert.equal(again.status, 303)
    assert.equal(browser.cookies.size, 0)
    assert.deepEqual(bubbles((await browser.open()).text), [['bot', 'Hello! Ask me.']])
})

test('the page shows the error and keeps what was typed', async () => {
    const browser = new Browser()
    const empty = await browser.submit({ text: '   ' })
    assert.equal(empty.status, 422)
    assert.match(empty.text, /role="alert"[^>]*>A message needs text/)
    const long = await browser.submit({ text: `<i>${'x'.repeat(4000)}` })
    assert.equal(long.status, 422)
    assert.match(long.text, /<textarea[^>]*>&lt;i&gt;xxx/)
})

test('a form from another site is refused', async () => {
    const browser = new Browser()
    const reply = await browser.submit({ text: 'x' }, { Origin: 'https://evil.example' })
    assert.equal(reply.status, 403)
    assert.match(reply.text, /<h1>This form was sent from another site\./)
    assert.equal((await browser.submit({ text: 'x' }, { 'Sec-Fetch-Site': 'cross-site' })).status, 403)
})

test('a cookie that is no longer valid starts a new conversation', async () => {
    const browser = new Browser()
    browser.cookies.set(`chat_${bot}`, `${shown('conv', newId())}.AAAA`)
    assert.equal((await browser.open()).status, 200)
    assert.equal((await browser.submit({ text: 'hello' })).status, 303)
    assert.equal(bubbles((await browser.open()).text).length, 3)
})

test('the page is in the visitor\'s language if the bot speaks it', async () => {
    const german = await fetch(page, { headers: { 'Accept-Language': 'de-CH, en;q=0.5' } })
    const text = await german.text()
    assert.match(text, /<html lang="de" dir="ltr">/)
    assert.match(text, /Hallo!/)
    assert.match(text, /Nachricht schreiben/)
    assert.match(await (await fetch(`${page}?lang=de`)).text(), /Hallo!/)
})

test('the icon is served even without a page', async () => {
    for (const where of ['/favicon.ico', '/img/parley.svg', '/img/chat.svg']) {
        const reply = await fetch(parley.url + where)
        assert.equal(reply.status, 200)
        assert.equal(reply.headers.get('content-type'), 'image/svg+xml')
    }
    const plain = await makeBot(parley, echoFlow, { plan: 'free' })
    for (const [of, icon] of [[bot, 'chat'], [plain.bot, 'parley']]) // a plan with its own brand does not say whose program it is
        assert.match(await (await fetch(`${parley.url}/chat/${of}`)).text(), new RegExp(`<link rel="icon" href="/img/${icon}.svg"`))
})

test('the page for a missing bot explains what to do', async () => {
    for (const id of [shown('bot', newId()), 'nonsense']) {
        const reply = await fetch(`${parley.url}/chat/${id}`, { headers: { Accept: 'text/html' } })
        assert.equal(reply.status, 404)
        assert.match(await reply.text(), /This chat is not here/)
    }
    await checkLedger(parley, assert)
})
