// What a plan lacks, as people meet it: bots beyond its number, members, its own brand; and that all is back with a larger plan.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { startInstall, until } from '../lib/install.mjs'
import { echoFlow, makeBot, newId, send, shown } from '../talk/lib.mjs'

let parley

before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off', brand_name: 'Hearsay' } })
})
after(() => parley.stop())

const plan = (tenant, name) => parley.run('tenant', 'plan', shown('ws', tenant), name)
const page = async (bot, options = {}) => {
    const reply = await fetch(`${parley.url}/chat/${bot}`, { redirect: 'manual', ...options })
    return { status: reply.status, text: await reply.text(), headers: reply.headers }
}
const form = (bot, fields, headers = {}) => page(bot, {
    method: 'POST', body: new URLSearchParams({ id: randomUUID(), ...fields }), headers: { Origin: parley.url, ...headers },
})
const cookieOf = reply => reply.headers.getSetCookie().map(c => c.split(';')[0]).join('; ')

test('a bot beyond the plan starts no conversation, continues open ones, and comes back', async () => {
    const tenant = newId()
    const first = await makeBot(parley, echoFlow, { plan: 'starter', tenant }), second = await makeBot(parley, echoFlow, { tenant })
    const id = randomUUID()
    const open = await send(parley, second.bot, { text: 'hello', id })
    assert.equal(open.status, 200)
    const without = await form(second.bot, { text: 'hello' })
    const cookie = cookieOf(without)
    assert.equal(without.status, 303)

    await plan(tenant, 'free')
    const refused = await send(parley, second.bot, { text: 'hello' })
    assert.deepEqual([refused.status, refused.body.code, refused.headers.get('content-type')], [402, 'bot_inactive', 'application/problem+json'])
    const stream = await send(parley, second.bot, { text: 'hello' }, { headers: { Accept: 'text/event-stream' } })
    assert.deepEqual([stream.status, stream.body.code], [402, 'bot_inactive'])
    assert.equal((await send(parley, first.bot, { text: 'hello' })).status, 200, 'the oldest stays')
    const again = await send(parley, second.bot, { text: 'hello', id })
    assert.deepEqual([again.status, again.body], [200, open.body], 'a repeated message gets its old reply')
    const { conversation, token } = open.body
    assert.equal((await send(parley, second.bot, { text: 'and then', conversation, token })).status, 200, 'an open conversation continues')
    assert.equal((await form(second.bot, { text: 'and then' }, { Cookie: cookie })).status, 303, 'also without JavaScript')
    assert.equal((await page(second.bot, { headers: { Cookie: cookie } })).status, 200)

    for (const [language, words] of [['en', /no new conversations at the moment/], ['de', /keine neuen Gespräche/], ['es', /no acepta conversaciones nuevas/]]) {
        const shownPage = await page(second.bot, { headers: { 'Accept-Language': language } })
        assert.equal(shownPage.status, 402)
        assert.match(shownPage.text, words)
        assert.match(shownPage.text, /<h1>Test bot<\/h1>/)
    }
    const sent = await form(second.bot, { text: 'kept words' }, { 'Accept-Language': 'de' })
    assert.equal(sent.status, 402)
    assert.match(sent.text, /keine neuen Gespräche/)
    assert.match(sent.text, /kept words/)

    const [counted] = await parley.sql(`SELECT COUNT(*) AS n FROM usage_ledger WHERE tenant_id = 0x${tenant}`)
    assert.equal(counted.n, '3')
    await plan(tenant, 'starter')
    assert.equal((await send(parley, second.bot, { text: 'hello' })).status, 200)
})

test('the API shows which bots are active, and refuses one more', async () => {
    const id = await parley.run('tenant', 'create', 'API', '--plan', 'starter')
    const key = await parley.run('key', 'create', '--tenant', id, '--scopes', 'read,write')
    const call = async (method, path, body) => {
        const reply = await fetch(`${parley.url}${path}`, { method, headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) })
        return { status: reply.status, type: reply.headers.get('content-type'), body: await reply.json() }
    }
    const made = []
    for (const name of ['One', 'Two']) made.push((await call('POST', '/v1/bots', { template: 'faq', name })).body)
    assert.deepEqual(made.map(b => b.active), [true, true])
    await parley.run('tenant', 'plan', id, 'free')
    assert.deepEqual((await call('GET', '/v1/bots')).body.data.map(b => [b.name, b.active]), [['One', true], ['Two', false]])
    assert.equal((await call('GET', `/v1/bots/${made[1].id}`)).body.active, false)
    const refused = await call('POST', '/v1/bots', { template: 'faq', name: 'Three' })
    assert.deepEqual([refused.status, refused.type, refused.body.code], [402, 'application/problem+json', 'plan_limit_bots'])
    assert.equal(refused.body.detail, 'The plan FREE includes 1 bot. Remove one, or upgrade to a larger plan.')
    const cli = await parley.tryRun('bot', 'create', '--template', 'faq', '--name', 'Three', '--tenant', id)
    assert.equal(cli.status, 1)
    assert.match(cli.stderr, /The plan FREE includes 1 bot/)
})

test('the limit on members is checked when one is added', async () => {
    const id = await parley.run('tenant', 'create', 'Members', '--plan', 'free')
    const users = []
    for (const n of [1, 2, 3]) {
        const email = `member${n}@example.com`
        await parley.run('user', 'create', email, '--password-stdin', { input: 'correct horse battery' })
        users.push(email)
    }
    await parley.run('user', 'add-to', users[0], id, '--role', 'owner')
    await parley.run('user', 'add-to', users[1], id)
    const third = await parley.tryRun('user', 'add-to', users[2], id)
    assert.equal(third.status, 1)
    assert.match(third.stderr, /The plan FREE includes 2 members/)
    await parley.run('user', 'add-to', users[1], id, '--role', 'admin') // a changed role is not a new member
    await parley.run('tenant', 'plan', id, 'starter')
    const racing = await Promise.all([3, 4, 5, 6, 7, 8].map(async n => {
        const email = `racer${n}@example.com`
        await parley.run('user', 'create', email, '--password-stdin', { input: 'correct horse battery' })
        return parley.tryRun('user', 'add-to', email, id)
    }))
    assert.equal(racing.filter(r => r.status === 0).length, 3, 'five in all, in whatever order they arrive')
})

test('the chat names Parley unless the plan includes custom branding', async () => {
    const { bot, tenant } = await makeBot(parley, echoFlow, { plan: 'professional' })
    const link = new RegExp(`<footer>Powered by <a href="${parley.url}"[^>]*>Hearsay</a></footer>`)
    assert.match((await page(bot)).text, link)
    const empty = await form(bot, { text: ' ' }) // the form without JavaScript, refused and shown again
    assert.equal(empty.status, 422)
    assert.match(empty.text, link)
    assert.match((await page(bot, { headers: { 'Accept-Language': 'de' } })).text, /Bereitgestellt mit <a/)
    await plan(tenant, 'enterprise')
    assert.doesNotMatch((await page(bot)).text, /Hearsay|Powered/)
    assert.doesNotMatch((await form(bot, { text: ' ' })).text, /Hearsay|Powered/)
    await plan(tenant, 'free')
    await until('the brand again', async () => link.test((await page(bot)).text))
})

test('custom branding is refused with an upgrade link, works when paid, and is kept while the plan lacks it', async () => {
    const { bot, tenant } = await makeBot(parley, echoFlow, { plan: 'free' }), other = await makeBot(parley, echoFlow, { plan: 'enterprise' })
    const key = await parley.run('key', 'create', '--tenant', shown('ws', tenant), '--scopes', 'read,write')
    const call = async (method, body, where = bot, by = key) => {
        const reply = await fetch(`${parley.url}/v1/bots/${where}/brand`, { method, headers: { Authorization: `Bearer ${by}`, 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) })
        return { status: reply.status, type: reply.headers.get('content-type'), body: await reply.json() }
    }
    const brand = { name: 'Acme & Söhne', link: 'https://acme.example/?a=1&b=2' }
    const saved = async () => (await parley.sql(`SELECT brand_name AS name, brand_link AS link FROM bot WHERE tenant_id = 0x${tenant}`))[0]
    for (const lacking of ['free', 'starter', 'professional']) {
        await plan(tenant, lacking)
        for (const refused of [await call('GET'), await call('PUT', brand)]) {
            assert.deepEqual([refused.status, refused.type, refused.body.code], [402, 'application/problem+json', 'plan_feature'], lacking)
            assert.match(refused.body.detail, /upgrade to the plan ENTERPRISE/)
        }
    }
    assert.deepEqual(await saved(), { name: '', link: '' })
    await plan(tenant, 'enterprise')
    assert.doesNotMatch((await page(bot)).text, /<footer>/, 'without a brand name the footer is absent')
    assert.match((await page(bot)).text, /img\/chat\.svg/)
    assert.deepEqual(await call('PUT', brand), { status: 200, type: 'application/json', body: brand })
    assert.deepEqual((await call('GET')).body, brand)
    const foot = /<footer><a href="https:\/\/acme\.example\/\?a=1&amp;b=2"[^>]*>Acme &amp; Söhne<\/a><\/footer>/
    await until('the brand', async () => foot.test((await page(bot)).text))
    for (const [bad, pointer] of [[{ name: 'x', link: 'javascript:alert(1)' }, '/link'], [{ name: 'x', link: 'https://' }, '/link'], [{ name: 'x', link: `https://a/${'x'.repeat(500)}` }, '/link'],
        [{ name: '', link: 'https://acme.example' }, '/name'], [{ name: 'two\nlines' }, '/name'], [{ name: 'x'.repeat(81) }, '/name'], [{}, '/name'], [{ name: 7 }, '/name'], [{ name: 'x', logo: '' }, '/logo']]) {
        const refused = await call('PUT', bad)
        assert.deepEqual([refused.status, refused.body.errors?.[0]?.pointer ?? refused.body.pointer], [422, pointer], JSON.stringify(bad))
    }
    assert.deepEqual(await saved(), brand)
    for (const method of ['GET', 'PUT']) assert.equal((await call(method, method === 'PUT' ? brand : undefined, other.bot)).status, 404, 'of another workspace')
    const reader = await parley.run('key', 'create', '--tenant', shown('ws', tenant), '--scopes', 'read')
    assert.equal((await call('PUT', brand, bot, reader)).status, 403)
    await plan(tenant, 'professional')
    await until('the install\'s name', async () => /Powered by <a/.test((await page(bot)).text))
    assert.doesNotMatch((await page(bot)).text, /Acme/)
    assert.equal((await call('PUT', { name: '' })).status, 402)
    await plan(tenant, 'enterprise')
    await until('the brand again', async () => foot.test((await page(bot)).text))
    await call('PUT', { name: 'Only a name' })
    await until('a name that leads nowhere', async () => /<footer>Only a name<\/footer>/.test((await page(bot)).text))
})

test('the portal shows what the plan lacks, and refuses a request for it that was made by hand', async () => {
    const tenant = await parley.run('tenant', 'create', 'Foot', '--plan', 'free')
    const bot = await parley.run('bot', 'create', '--template', 'faq', '--name', 'Foot', '--tenant', tenant)
    const person = async role => {
        const email = `${role}-foot@example.com`, password = 'correct horse battery'
        await parley.run('user', 'create', email, '--password-stdin', { input: password })
        await parley.run('user', 'add-to', email, tenant, '--role', role)
        const Cookie = cookieOf(await fetch(`${parley.url}/login`, { method: 'POST', redirect: 'manual', headers: { Origin: parley.url }, body: new URLSearchParams({ email, password }) }))
        return async (where, fields) => {
            const seen = await (await fetch(`${parley.url}/app`, { headers: { Cookie } })).text()
            const _csrf = /name="_csrf" value="([^"]+)"/.exec(seen)[1]
            const reply = await fetch(`${parley.url}${where}`, { redirect: 'manual', headers: { Cookie, Origin: parley.url }, ...fields && { method: 'POST', body: new URLSearchParams({ _csrf, ...fields }) } })
            return { status: reply.status, text: await reply.text() }
        }
    }
    const owner = await person('owner'), viewer = await person('viewer'), where = `/app/bots/${bot}/brand`
    assert.match((await owner(`/app/bots/${bot}`)).text, new RegExp(`href="${where}"[\\s\\S]*ENTERPRISE`))
    assert.doesNotMatch((await viewer(`/app/bots/${bot}`)).text, /\/brand"/)
    assert.equal((await viewer(where)).status, 403)
    for (const refused of [await owner(where), await owner(where, { name: 'Acme' })]) {
        assert.equal(refused.status, 402)
        assert.match(refused.text, /the foot of the chat shows your own name[\s\S]*It is part of ENTERPRISE\.[\s\S]*Ask the operator of this service/)
        assert.doesNotMatch(refused.text, /app\/billing\/plans/)
    }
    parley.configure({ stripe_secret_key: 'sk_test_1' })
    parley.hup()
    await until('the way to buy it', async () => /href="\/app\/billing\/plans\?plan=enterprise">See ENTERPRISE/.test((await owner(where)).text))
    await parley.run('tenant', 'plan', tenant, 'enterprise')
    assert.equal((await owner(where)).status, 200)
    assert.equal((await owner(where, { name: 'Acme', link: 'ftp://x' })).status, 422)
    assert.equal((await owner(where, { name: 'Acme' })).status, 303)
    assert.match((await owner(where)).text, /value="Acme"/)
    assert.doesNotMatch((await owner(`/app/bots/${bot}`)).text, /ENTERPRISE/)
    parley.configure({ stripe_secret_key: null })
    parley.hup()
    await until('billing off', async () => /assigned by its operator/.test((await owner('/pricing')).text))
})

test('the list of bots shows which take no new conversations, and who can change that', async () => {
    const email = 'owner@example.com', password = 'correct horse battery'
    await parley.run('user', 'create', email, '--password-stdin', { input: password })
    const tenant = await parley.run('tenant', 'create', 'List', '--plan', 'starter')
    await parley.run('user', 'add-to', email, tenant, '--role', 'owner')
    for (const name of ['Old', 'New']) await parley.run('bot', 'create', '--template', 'faq', '--name', name, '--tenant', tenant)
    const signedIn = await fetch(`${parley.url}/login`, {
        method: 'POST', redirect: 'manual', headers: { Origin: parley.url }, body: new URLSearchParams({ email, password }),
    })
    const list = async () => (await fetch(`${parley.url}/app`, { headers: { Cookie: cookieOf(signedIn) } })).text()
    assert.doesNotMatch(await list(), /Inactive/)
    await parley.run('tenant', 'plan', tenant, 'free')
    const text = await list()
    assert.equal(text.match(/Inactive: plan limit reached/g).length, 1)
    assert.match(text, /1 bot takes no new conversations/)
    assert.match(text, /Ask the operator of this service for another plan/, 'billing is off: nothing is for sale')
    assert.doesNotMatch(text, /\/app\/billing\/plans/)
    parley.configure({ stripe_secret_key: 'sk_test_1' })
    parley.hup()
    await until('billing on', async () => /<a href="\/app\/billing\/plans">Choose which bots stay/.test(await list()))
})
