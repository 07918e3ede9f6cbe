// The official clients of Dialogflow ES and CX, and Google's own sign-in, accept the fake; only then may our engines meet it.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { SessionsClient as Es } from '@google-cloud/dialogflow'
import { SessionsClient as Cx } from '@google-cloud/dialogflow-cx'
import { Gaxios } from 'gaxios'
import { GoogleAuth, JWT } from 'google-auth-library'
import { AGENT, keyFile, PROJECT, REGION, startDialogflow } from './fake/dialogflow.mjs'

let fake, es, cx

/** The client as a program has it, but for the addresses: Google's token endpoint is built in. */
function client(Sessions, file) {
    const transporter = new Gaxios()
    transporter.interceptors.request.add({ resolved: async o => Object.assign(o, { url: new URL(String(o.url).replace('https://oauth2.googleapis.com/token', `${fake.url}/token`)) }) })
    const { client_email: email, private_key: key, private_key_id: keyId } = file
    const authClient = new JWT({ email, key, keyId, scopes: ['https://www.googleapis.com/auth/cloud-platform'], transporter })
    return new Sessions({ apiEndpoint: '127.0.0.1', port: fake.port, protocol: 'http', fallback: true, auth: new GoogleAuth({ authClient }) })
}

before(async () => {
    fake = await startDialogflow()
    es = client(Es, keyFile(fake))
    cx = client(Cx, keyFile(fake))
})
after(async () => {
    await es?.close()
    await cx?.close()
    await fake?.stop()
})
beforeEach(() => fake.clear())

const esAsk = (text = 'Grüße 🙂', more) => es.detectIntent({ session: es.projectAgentSessionPath(PROJECT, 's1'), queryInput: { text: { text, languageCode: 'en' } }, ...more })
const cxAsk = (agent = AGENT) => cx.detectIntent({ session: cx.projectLocationAgentSessionPath(PROJECT, REGION, agent, 's1'), queryInput: { text: { text: 'Hi' }, languageCode: 'en' } })

test('both clients sign in, ask, and read the answer', async () => {
    const [{ queryResult }] = await esAsk()
    assert.deepEqual([queryResult.fulfillmentText, queryResult.fulfillmentMessages[0].text.text], ['You said: Grüße 🙂', ['You said: Grüße 🙂']])
    const [{ queryResult: other, responseType }] = await cxAsk()
    assert.deepEqual([other.responseMessages[0].text.text, other.match.matchType, responseType], [['You said: Hi'], 'INTENT', 'FINAL'])
    assert.deepEqual(fake.requests.map(r => r.path.replace(/\?.*/, '')), ['/token', `/v2/projects/${PROJECT}/agent/sessions/s1:detectIntent`, '/token',
        `/v3/projects/${PROJECT}/locations/${REGION}/agents/${AGENT}/sessions/s1:detectIntent`])
})

test('the clients understand every kind of message', async () => {
    fake.script = { webhookStatus: { code: 4, message: 'too late' }, messages: [
        { platform: 'TELEGRAM', quickReplies: { title: 'Which?', quickReplies: ['a', 'b'] } },
        { card: { title: 't', subtitle: 's', imageUri: 'https://e.org/a.png', buttons: [{ text: 'x', postback: 'y' }] } }, { image: { imageUri: 'https://e.org/a.png' } }, { payload: { a: { b: [1] } } },
    ] }
    const [{ queryResult, webhookStatus }] = await esAsk()
    assert.deepEqual(queryResult.fulfillmentMessages.map(m => m.message), ['quickReplies', 'card', 'image', 'payload'])
    assert.deepEqual([queryResult.fulfillmentMessages[0].platform, webhookStatus.code], ['TELEGRAM', 4])
    fake.script = { messages: [{ payload: { text: 'x' } }, { conversationSuccess: {} }, { liveAgentHandoff: { metadata: { why: 'x' } } }, { endInteraction: {} }] }
    assert.deepEqual((await cxAsk())[0].queryResult.responseMessages.map(m => m.message), ['payload', 'conversationSuccess', 'liveAgentHandoff', 'endInteraction'])
})

test('the clients tell failures apart', async () => {
    await assert.rejects(esAsk('x'.repeat(257)), /exceeds 256 characters/)
    await assert.rejects(cxAsk('another'), /No DesignTimeAgent found/)
    await assert.rejects(client(Es, keyFile(fake, { client_email: 'gone@x.iam.gserviceaccount.com' })).detectIntent({ session: 'projects/p/agent/sessions/s', queryInput: { text: { text: 'x', languageCode: 'en' } } }), /account not found/)
    fake.tokens.clear()
    await assert.rejects(esAsk(), /invalid authentication credentials/)
})
