// Our engines for Dialogflow ES and CX against the fake: the sign-in and its token, the address, the question, and every kind of message.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import { Chain } from './chain.mjs'
import { keyFile, PROJECT, REGION, startDialogflow } from './fake/dialogflow.mjs'

let fake, chain, keys = 0

before(async () => {
    fake = await startDialogflow()
    chain = new Chain(fake.port)
})
after(async () => {
    await chain?.end()
    await fake?.stop()
})
beforeEach(() => fake.reset())

const id = (prefix, n) => `${prefix}_${String(n).padStart(26, '0')}`
/** A key file that no other test has, so that no token is kept for it. */
const account = more => JSON.stringify(keyFile(fake, { note: `${++keys}`, ...more }), null, 2)
const es = (settings, more) => ({ type: 'dialogflow_es', settings: { base_url: `${fake.url}/`, service_account: account(), ...settings }, ...more })
const ask = (link, job) => chain.ask({ links: [link], conversation: id('conv', 1), contact: id('usr', 1), message_id: id('msg', 1), ...job })
const paths = () => fake.requests.map(r => r.path)

test('a question is answered with a token of the service account', async () => {
    const got = await ask(es(), { language: 'de-AT', messages: [{ role: 'user', text: 'old' }, { role: 'assistant', text: 'Hi' }, { role: 'user', text: 'Grüße 🙂' }] })
    assert.deepEqual([got.class, got.message, got.detail, got.in_flight], ['OK', 'You said: Grüße 🙂', '', 0])
    assert.deepEqual(paths(), ['/token', `/v2/projects/${PROJECT}/agent/sessions/${id('conv', 1)}:detectIntent`])
    assert.deepEqual(fake.requests[1].body, { queryInput: { text: { text: 'Grüße 🙂', languageCode: 'de-AT' } } })
})
