// The public pages: signing up, in and out, sessions, forms from other sites, the security headers, and the pages of an outage.
// Runs for about 25 s.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startBrowser } from '../lib/browser.mjs'
import { startInstall } from '../lib/install.mjs'
import { createBot, newEmail, PASSWORD, signIn, signUp } from './portal.mjs'

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
const sessionOf = async page => (await page.context().cookies()).find(c => c.name === 'parley_session')

test('a form without its token, with another one, or from another site is refused', async () => {
    const page = await fresh(), other = await fresh()
    await signUp(page, parley.url)
    await signUp(other, parley.url)
    const bot = await createBot(page, parley.url)
    const good = await csrfOf(page), stranger = await csrfOf(other)
    const rename = `${bot}/rename`
    for (const [what, form, headers] of [
        ['no token', { name: 'x' }, undefined],
        ['an empty token', { name: 'x', _csrf: '' }, undefined],
        ['a made-up token', { name: 'x', _csrf: 'A'.repeat(good.length) }, undefined],
        ['the token of somebody else', { name: 'x', _csrf: stranger }, undefined],
        ['another origin', { name: 'x', _csrf: good }, { Origin: 'https://evil.example' }],
        ['another site', { name: 'x', _csrf: good }, { Origin: parley.url, 'Sec-Fetch-Site': 'cross-site' }],
        ['no origin at all (null)', { name: 'x', _csrf: good }, { Origin: 'null' }],
    ]) assert.equal((await post(page, rename, form, headers)).status(), 403, what)
    assert.equal((await post(page, rename, { name: 'Fine', _csrf: good })).status(), 303)
    assert.equal((await post(await fresh(), '/login', { email: 'a@example.com', password: 'x' }, { Origin: 'https://evil.example' })).status(), 403)
    for (const where of [rename, `${bot}/delete`, '/logout']) assert.equal((await get(page, where)).status(), 405, `GET ${where}`)
})

test('a session is new at each sign-in, ends at sign-out, and is refused when altered', async () => {
    const page = await fresh()
    await page.context().addCookies([{ name: 'parley_session', value: 'chosen-by-an-attacker-0123456789abcdefghijk', url: parley.url }])
    const email = await signUp(page, parley.url)
    const first = await sessionOf(page)
    assert.notEqual(first.value, 'chosen-by-an-attacker-0123456789abcdefghijk')
    assert.ok(first.httpOnly)
    assert.equal(first.sameSite, 'Lax')

    const thief = await fresh()
    await thief.context().addCookies([{ name: 'parley_session', value: first.value, url: parley.url }])
    assert.equal((await get(thief, '/app')).status(), 200, 'the cookie is what signs in')
    await page.goto(`${parley.url}/app`)
    await page.locator('summary').click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL(u => u.pathname === '/login')
    const gone = await get(thief, '/app')
    assert.equal(gone.status(), 303)
    assert.equal(gone.headers().location, '/login')

    await signIn(page, parley.url, email)
    const second = await sessionOf(page)
    assert.notEqual(second.value, first.value)
    const altered = await fresh()
    const last = second.value.at(-1)
    await altered.context().addCookies([{ name: 'parley_session', value: second.value.slice(0, -1) + (last === 'A' ? 'B' : 'A'), url: parley.url }])
    assert.equal((await get(altered, '/app')).status(), 303)
    assert.equal((await get(await fresh(), '/app/members')).headers().location, '/login?next=%2Fapp%2Fmembers')
})

test('sign-in says the same whether the address is known or not, and continues only inside the portal', async () => {
    const page = await fresh()
    const email = await signUp(page, parley.url)
    const body = async form => (await (await post(await fresh(), '/login', form)).text()).replaceAll(/req_\w+/g, '').replaceAll(form.email, '')
    assert.equal(await body({ email, password: 'wrong password' }), await body({ email: newEmail(), password: 'wrong password' }))
    for (const next of ['https://evil.example/', '//evil.example', '/\\evil.example', '/app/../../x\r\nSet-Cookie: a=b', '/login', 'javascript:alert(1)']) {
        const reply = await post(await fresh(), '/login', { email, password: PASSWORD, next })
        assert.ok([303, 400].includes(reply.status()), next)
        if (reply.status() === 303) assert.equal(reply.headers().location, '/app', next)
    }
    assert.equal((await post(await fresh(), '/login', { email, password: PASSWORD, next: '/app/members' })).headers().location, '/app/members')
})

test('without its database the portal says so on a page, and continues when it is back', async () => {
    const page = await fresh()
    await signUp(page, parley.url)
    await parley.kill('database')
    const away = await get(page, '/app')
    assert.equal(away.status(), 503)
    assert.match(await away.text(), /cannot reach its data/)
    assert.match(await away.text(), new RegExp(away.headers()['x-request-id']))
    assert.equal((await get(page, '/')).status(), 200, 'the start page needs no database')
    await parley.restart('database')
    assert.equal((await get(page, '/app')).status(), 200, 'still signed in')
})

test('too many sign-in attempts are refused with a page that says for how long', async () => {
    parley.configure({ rate_limits: 'on' })
    parley.hup()
    const page = await fresh()
    let reply
    for (let i = 0; i < 60; i++) {
        reply = await post(page, '/login', { email: 'nobody@example.com', password: 'wrong password' })
        if (reply.status() === 429) break
        assert.equal(reply.status(), 401)
    }
    assert.equal(reply.status(), 429)
    assert.ok(Number(reply.headers()['retry-after']) > 0)
    assert.match(await reply.text(), /Too many requests/)
    parley.configure({ rate_limits: 'off' })
    parley.hup()
})

test('pages have a strict policy and are not cached; errors name the request', async () => {
    const page = await fresh()
    await signUp(page, parley.url)
    const reply = await get(page, '/app')
    const policy = reply.headers()['content-security-policy']
    assert.match(policy, /default-src 'none'/)
    assert.match(policy, /script-src 'self'[;]/)
    assert.match(policy, /style-src 'self'[;]/)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.equal(reply.headers()['cache-control'], 'no-store')
    assert.equal(reply.headers()['x-content-type-options'], 'nosniff')
    const missing = await get(page, '/app/bots/bot_zzz')
    assert.equal(missing.status(), 404)
    assert.match(await missing.text(), new RegExp(missing.headers()['x-request-id']))
    assert.equal((await page.request.post(`${parley.url}/app/new`, { form: { _csrf: 'x', name: 'y'.repeat(9000) }, headers: { Origin: parley.url } })).status(), 413)
    assert.equal((await page.request.fetch(`${parley.url}/app`, { method: 'DELETE' })).status(), 405)
    for (const path of ['/%00', '/app/bots/%ff', '/login?next=%00'])
        assert.equal((await get(page, path)).status(), 400, path)
})
