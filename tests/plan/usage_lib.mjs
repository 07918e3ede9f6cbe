// Helpers of the tests of usage and billing: an install, workspaces with keys for each scope, and conversations.
import assert from 'node:assert/strict'
import { startInstall } from '../lib/install.mjs'
import { echoFlow, makeBot, newId, send, shown } from '../talk/lib.mjs'

export async function startUsage() {
    const parley = await startInstall({ config: { rate_limits: 'off', metrics_token: 'tok-1234567890' } })

    async function workspace(into, plan) {
        into.hex = newId()
        into.id = shown('ws', into.hex)
        into.bot = (await makeBot(parley, echoFlow, { tenant: into.hex, plan })).bot
        for (const scope of ['read', 'admin', 'chat']) into[scope] = await parley.run('key', 'create', '--tenant', into.id, '--name', scope, '--scopes', scope)
    }

    /** Start n conversations; returns their ids. */
    async function talk(who, n) {
        const started = []
        for (let i = 0; i < n; i++) {
            const { status, body } = await send(parley, who.bot, { text: 'hello' })
            assert.equal(status, 200, JSON.stringify(body))
            started.push(body.conversation)
        }
        return started
    }

    async function api(path, key) {
        const reply = await fetch(parley.url + path, { headers: { authorization: `Bearer ${key}` } })
        return { status: reply.status, json: await reply.json() }
    }

    const mine = {}, theirs = {}
    try {
        await workspace(mine, 'free')
        await workspace(theirs, 'enterprise')
    } catch (error) {
        await parley.stop()
        throw error
    }
    return { parley, workspace, talk, api, mine, theirs }
}
