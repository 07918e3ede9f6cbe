// Bots whose flow asks engines, for the suites of conversations.
import assert from 'node:assert/strict'
import { KEY } from '../engine/fake/openai.mjs'
import { makeBot, shown } from './lib.mjs'

/** Asks the engine with each message; says why when none answers. */
export const askFlow = (more = {}, nodes = {}, variables = {}) => ({
    format: 1, languages: ['en'], start: 'hello', variables,
    nodes: {
        hello: { type: 'say', messages: [{ type: 'text', text: { en: 'Hello!' } }], next: 'ask' },
        ask: { type: 'engine', error: 'sorry', ...more },
        sorry: { type: 'ask', text: { en: 'No engine answered.' }, expect: 'text', next: 'ask' },
        ...nodes,
    },
})

/** A bot with a chain of engines at these fakes: what makeBot gives, the ids of the engines, and `call` for the API. */
export async function makeEngineBot(parley, flow, fakes, { prompt, limits, type = 'openai', settings = {}, key = KEY, tenant: workspace } = {}) {
    const made = await makeBot(parley, flow, { tenant: workspace }), tenant = shown('ws', made.tenant)
    const api = (await parley.run('key', 'create', '--tenant', tenant, '--scopes', 'read,write')).trim()
    const call = async (method, path, body) => {
        const reply = await fetch(`${parley.url}/v1${path}`, { method, headers: { Authorization: `Bearer ${api}`, 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
        assert.ok(reply.ok, `${path}: ${reply.status}`)
        return reply.status === 204 ? null : reply.json()
    }
    const chain = []
    for (const [i, fake] of fakes.entries()) {
        fake.clear?.()
        const own = type === 'openai' ? { base_url: `${fake.url}/v1`, model: 'small', api_key: key } : { base_url: fake.url }
        const engine = await call('POST', '/engines', { type, name: `Engine ${i} of ${made.bot}`, settings: { ...own, ...settings } })
        chain.push(engine.id)
    }
    await call('PUT', `/bots/${made.bot}/engines`, { chain, prompt, limits })
    return { ...made, call, chain, workspace: tenant }
}
