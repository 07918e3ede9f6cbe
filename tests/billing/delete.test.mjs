// A deleted workspace is unreachable immediately, for visitors, integrators and signed-in users.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startInstall } from '../lib/install.mjs'

let install

before(async () => { install = await startInstall() })
after(() => install?.stop())

const chat = bot => fetch(`${install.url}/chat/${bot}/messages`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text: 'hello' }) })
const api = key => fetch(`${install.url}/v1/me`, { headers: { authorization: `Bearer ${key}` } })

async function signIn(email, password) {
    const page = await fetch(`${install.url}/login`)
    const cookie = page.headers.getSetCookie().map(c => c.split(';')[0]).join('; ')
    const csrf = /name="csrf" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
    const answer = await fetch(`${install.url}/login`, {
        method: 'POST', redirect: 'manual', headers: { cookie, origin: install.url, 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ email, password, csrf }),
    })
    assert.ok([302, 303].includes(answer.status), `sign-in: ${answer.status}`)
    return answer.headers.getSetCookie().map(c => c.split(';')[0]).join('; ')
}
const app = cookie => fetch(`${install.url}/app/members`, { headers: { cookie }, redirect: 'manual' })

test('visitors, keys and sessions end with the workspace; another is untouched', async () => {
    const made = []
    for (const name of ['Gone', 'Stays']) {
        const tenant = await install.run('tenant', 'create', name)
        const email = `${name.toLowerCase()}@delete.example`
        const user = await install.run('user', 'create', email, '--password-stdin', { input: 'correct horse 9\n' })
        await install.run('user', 'add-to', user, tenant, '--role', 'owner')
        const bot = await install.run('bot', 'create', '--template', 'feedback-survey', '--name', name, '--tenant', tenant)
        await install.run('bot', 'publish', bot)
        made.push({ tenant, bot, key: await install.run('key', 'create', '--tenant', tenant, '--scopes', 'read'), cookie: await signIn(email, 'correct horse 9') })
    }
    const look = async ({ bot, key, cookie }) => [(await chat(bot)).status, (await api(key)).status, (await app(cookie)).status]
    for (const one of made) assert.deepEqual(await look(one), [200, 200, 200])
    await install.run('tenant', 'delete', made[0].tenant)
    const [visitors, integrators, people] = await look(made[0])
    assert.equal(visitors, 404)
    assert.equal(integrators, 401)
    assert.ok([302, 303, 401].includes(people), `${people}`)
    assert.deepEqual(await look(made[1]), [200, 200, 200])
    const [{ n }] = await install.sql("SELECT COUNT(*) n FROM audit WHERE what = 'workspace.deleted'")
    assert.equal(n, '1')
})
