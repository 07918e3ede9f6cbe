// Helpers of the API's tests: an install, workspaces with keys, and calls whose refusals are checked.
import assert from 'node:assert/strict'
import { startInstall } from '../lib/install.mjs'

/** A flow that says `text`, then asks. */
export const flowOf = text => ({
    format: 1, languages: ['en'], start: 'hello',
    nodes: {
        hello: { type: 'say', messages: [{ type: 'text', text: { en: text } }], next: 'ask' },
        ask: { type: 'ask', text: { en: 'And?' }, expect: 'text', next: 'hello' },
    },
})

/** An install with the workspaces `mine` and `other`, each {id, key}. */
export async function startApi(config = {}) {
    const parley = await startInstall({ config: { rate_limits: 'off', ...config } })

    async function key(id, scopes) {
        return (await parley.run('key', 'create', '--tenant', id, '--name', scopes, '--scopes', scopes)).trim()
    }

    async function workspace(name, scopes = 'read,write,chat') {
        const id = (await parley.run('tenant', 'create', name, '--plan', 'enterprise')).trim()
        return { id, key: await key(id, scopes) }
    }

    /** A call as {status, body, headers}; every refusal must be a problem with a code. */
    async function call(who, method, path, body, headers = {}) {
        const reply = await fetch(`${parley.url}${path}`, {
            method, body: body === undefined ? undefined : JSON.stringify(body),
            headers: { ...who ? { Authorization: `Bearer ${who.key}` } : {}, ...body === undefined ? {} : { 'Content-Type': 'application/json' }, ...headers },
        })
        const text = await reply.text()
        const json = text ? JSON.parse(text) : null
        if (reply.status >= 400) {
            assert.equal(reply.headers.get('content-type'), 'application/problem+json', text)
            assert.equal(json.status, reply.status)
            assert.match(json.code, /^[a-z_]+$/)
            assert.match(json.request_id, /^req_/)
        }
        return { status: reply.status, body: json, headers: reply.headers }
    }

    /** A published bot of `who` that says `text`. */
    async function publishedBot(who, name, text = 'Hello') {
        const { body: bot } = await call(who, 'POST', '/v1/bots', { template: 'faq', name })
        await call(who, 'PUT', `/v1/bots/${bot.id}/flow`, { flow: flowOf(text), revision: 1 })
        await call(who, 'POST', `/v1/bots/${bot.id}/publish`)
        return bot
    }

    try {
        return { parley, key, call, publishedBot, mine: await workspace('Mine'), other: await workspace('Other') }
    } catch (error) {
        await parley.stop()
        throw error
    }
}

/** Asks the engines of its bot with each message, and says so when none answers. */
const engineFlow = {
    format: 1, languages: ['en'], start: 'ask',
    nodes: {
        ask: { type: 'engine', error: 'sorry' },
        sorry: { type: 'ask', text: { en: 'No engine answered.' }, expect: 'text', next: 'ask' },
    },
}

/** A published bot of `who` whose chain is an OpenAI engine for each of these settings. */
export async function engineBot(call, who, ...all) {
    async function ok(method, path, body, status = 200) {
        const got = await call(who, method, path, body)
        assert.equal(got.status, status, JSON.stringify(got.body))
        return got.body
    }
    const bot = await ok('POST', '/v1/bots', { template: 'faq', name: 'Engine bot' }, 201)
    await ok('PUT', `/v1/bots/${bot.id}/flow`, { flow: engineFlow, revision: 1 })
    await ok('POST', `/v1/bots/${bot.id}/publish`)
    const chain = []
    for (const settings of all) {
        const name = `Engine ${Math.random()}`
        chain.push((await ok('POST', '/v1/engines', { type: 'openai', name, settings: { model: 'small', ...settings } }, 201)).id)
    }
    await ok('PUT', `/v1/bots/${bot.id}/engines`, { chain })
    return bot.id
}
