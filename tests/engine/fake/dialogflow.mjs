// A fake of Dialogflow ES and CX with their REST API, and of the token endpoint that a service account signs in at. The official clients accept it
// (dialogflow_client.test.mjs). One agent of each kind is in one region; any other region does not know it.
//
// Members of a script, besides those of server.mjs:
//   text             what the agent says; default "You said: ..." of what was sent
//   messages         the messages of the answer as they are: fulfillmentMessages of ES, responseMessages of CX
//   result           more members of queryResult
//   webhookStatus    {code, message}
//   ints             enums are numbers, as the official clients ask for
//   raw              the body of the reply
// Of the fake itself:
//   tokenScript      a script of server.mjs for the next request of a token; with `reply` the members of the reply
//   lifeS            how long a token holds
//   aheadS           its clock is ahead by so many seconds
import crypto from 'node:crypto'
import { Fake, stream } from './server.mjs'

export const PROJECT = 'shop-bot-4711', AGENT = '6a3b1c2d-0000-4000-8000-123456789abc', REGION = 'europe-west1'
const EMAIL = `parley@${PROJECT}.iam.gserviceaccount.com`, GOOGLE = 'https://oauth2.googleapis.com/token'
const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 })

/** The enums of both APIs, with the number of each name. */
const NUMBERS = {
    platform: ['PLATFORM_UNSPECIFIED', 'FACEBOOK', 'SLACK', 'TELEGRAM', 'KIK', 'SKYPE', 'LINE', 'VIBER', 'ACTIONS_ON_GOOGLE'],
    matchType: ['MATCH_TYPE_UNSPECIFIED', 'INTENT', 'DIRECT_INTENT', 'PARAMETER_FILLING', 'NO_MATCH', 'NO_INPUT', 'EVENT'],
    responseType: ['RESPONSE_TYPE_UNSPECIFIED', 'PARTIAL', 'FINAL'],
}

export async function startDialogflow() {
    const fake = await new Fake(answer).start()
    Object.assign(fake, { reset() { fake.clear(); Object.assign(fake, { tokens: new Set(), tokenScript: null, lifeS: 3599, aheadS: 0, sessions: new Map() }) } })
    fake.reset()
    return fake
}

/** The key file that Google's console makes. `more` replaces members of it. */
export const keyFile = (fake, more) => ({
    type: 'service_account', project_id: PROJECT, private_key_id: 'c0ffee5e55c0ffee', private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }), client_email: EMAIL,
    client_id: '1122334455', auth_uri: 'https://accounts.google.com/o/oauth2/auth', token_uri: `${fake.url}/token`, auth_provider_x509_cert_url: 'https://www.googleapis.com/oauth2/v1/certs',
    client_x509_cert_url: `https://www.googleapis.com/robot/v1/metadata/x509/${encodeURIComponent(EMAIL)}`, universe_domain: 'googleapis.com', ...more,
})

function json(fake, rs, body, status = 200) {
    rs.writeHead(status, { 'content-type': 'application/json; charset=UTF-8', date: new Date(Date.now() + fake.aheadS * 1000).toUTCString() })
    rs.end(JSON.stringify(body))
}

const refuse = (fake, rs, code, status, message) => json(fake, rs, { error: { code, message, status } }, code)

/** What is wrong with an assertion, in Google's words. */
function assertionFault(fake, { grant_type: grant, assertion = '' }) {
    const [header, claims, signature] = assertion.split('.')
    const read = part => { try { return JSON.parse(Buffer.from(part ?? '', 'base64url')) } catch { return {} } }
    const { alg } = read(header), { iss, aud, scope = '', iat, exp } = read(claims), now = Date.now() / 1000 + fake.aheadS
    if (grant !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') return ['unsupported_grant_type', `Invalid grant_type: ${grant}`]
    if (alg !== 'RS256') return ['invalid_grant', 'Invalid JWT: unsupported algorithm.']
    if (iss !== EMAIL) return ['invalid_grant', 'Invalid grant: account not found']
    if (!crypto.verify('RSA-SHA256', Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature ?? '', 'base64url'))) return ['invalid_grant', 'Invalid JWT Signature.']
    if (![`${fake.url}/token`, GOOGLE].includes(aud)) return ['invalid_grant', 'Invalid JWT: Failed audience check.']
    if (!/auth\/(cloud-platform|dialogflow)/.test(scope)) return ['invalid_scope', 'Invalid OAuth scope or ID token audience provided.']
    if (!Number.isInteger(iat) || !Number.isInteger(exp) || exp - iat > 3600 || iat > now + 300 || exp < now)
        return ['invalid_grant', 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.']
}

async function token(fake, rq, rs) {
    const script = fake.tokenScript ?? {}
    fake.tokenScript = null
    if (script.status) return json(fake, rs, script.body, script.status)
    if (script.reply) return json(fake, rs, script.reply)
    const [error, error_description] = assertionFault(fake, typeof rq.body === 'object' ? rq.body : {}) ?? []
    if (error) return json(fake, rs, { error, error_description }, 400)
    const access_token = `ya29.c.${crypto.randomBytes(60).toString('base64url')}`
    fake.tokens.add(access_token)
    json(fake, rs, { access_token, expires_in: fake.lifeS, token_type: 'Bearer' })
}

/** Google's servers refuse members that they do not know. */
function unknownName(body, known) {
    for (const [name, value] of Object.entries(body ?? {})) {
        if (!(name in known)) return name
        if (typeof known[name] === 'object' && unknownName(value, known[name])) return `${name}.${unknownName(value, known[name])}`
    }
}

const numbered = value => value === null || typeof value !== 'object' ? value : Array.isArray(value) ? value.map(numbered)
    : Object.fromEntries(Object.entries(value).map(([k, v]) => [k, NUMBERS[k]?.includes(v) ? NUMBERS[k].indexOf(v) : numbered(v)]))

const notFound = (fake, rs) => refuse(fake, rs, 404, 'NOT_FOUND', `com.google.apps.framework.request.NotFoundException: No DesignTimeAgent found for project '${PROJECT}'.`)

async function answer(fake, rq, rs, script) {
    const url = new URL(rq.path, 'http://x')
    if (url.pathname === '/token') return token(fake, rq, rs)
    if (!fake.tokens.has((rq.headers.authorization ?? '').replace(/^Bearer /, '')))
        return refuse(fake, rs, 401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.')
    const es = /^\/v2\/projects\/([^/]+)(?:\/locations\/([^/]+))?\/agent(?:\/environments\/([^/]+)\/users\/([^/]+))?\/sessions\/([^/]+):detectIntent$/.exec(url.pathname)
    const cx = /^\/v3\/projects\/([^/]+)\/locations\/([^/]+)\/agents\/([^/]+)(?:\/environments\/([^/]+))?\/sessions\/([^/]+):detectIntent$/.exec(url.pathname)
    const [, project, location] = es ?? cx ?? [], session = (es ?? cx)?.at(-1)
    if (rq.method !== 'POST' || !session) return refuse(fake, rs, 404, 'NOT_FOUND', 'Requested entity was not found.')
    if (project !== PROJECT) return refuse(fake, rs, 403, 'PERMISSION_DENIED', `IAM permission 'dialogflow.sessions.detectIntent' on 'projects/${project}/agent' denied.`)
    if (cx && location !== REGION)
        return refuse(fake, rs, 400, 'INVALID_ARGUMENT', `Please refer to https://cloud.google.com/dialogflow/cx/docs/concept/region#avail to find the correct endpoint to access resources located in '${location}'`)
    if ((location ?? REGION) !== REGION || (cx && cx[3] !== AGENT)) return notFound(fake, rs)
    if (session.length > 36) return refuse(fake, rs, 400, 'INVALID_ARGUMENT', 'Session ID exceeds 36 characters.')
    const fault = es ? esFault(rq.body) : cxFault(rq.body)
    if (fault) return refuse(fake, rs, 400, 'INVALID_ARGUMENT', fault)
    const text = rq.body.queryInput.text.text
    fake.sessions.set(session, [...fake.sessions.get(session) ?? [], text])
    const reply = es ? esReply(text, script) : cxReply(text, script)
    const body = script.ints || url.search.includes('enum-encoding=int') ? numbered(reply) : reply
    await stream(rs, 'application/json; charset=UTF-8', [script.raw ?? JSON.stringify(body, null, 2)], script)
}

function esFault(body) {
    const unknown = unknownName(body, { session: 1, queryParams: { timeZone: 1, payload: 1, contexts: 1, resetContexts: 1 }, queryInput: { text: { text: 1, languageCode: 1 } } }), text = body?.queryInput?.text
    if (unknown) return `Invalid JSON payload received. Unknown name "${unknown}": Cannot find field.`
    if (!text?.text) return 'Input text not set.'
    if (!text.languageCode) return 'Language code is empty.'
    if (text.text.length > 256) return 'Input text exceeds 256 characters.'
}

function cxFault(body) {
    const unknown = unknownName(body, { session: 1, queryParams: { timeZone: 1, payload: 1, parameters: 1 }, queryInput: { text: { text: 1 }, languageCode: 1 } })
    if (unknown) return `Invalid JSON payload received. Unknown name "${unknown}": Cannot find field.`
    if (!body?.queryInput?.text?.text) return 'Input text not set.'
    if (!body.queryInput.languageCode) return 'Language code is empty.'
}

const esReply = (queryText, script) => ({
    responseId: crypto.randomUUID(),
    queryResult: {
        queryText, action: 'say', parameters: {}, allRequiredParamsPresent: true, fulfillmentText: script.text ?? `You said: ${queryText}`,
        fulfillmentMessages: script.messages ?? [{ text: { text: [script.text ?? `You said: ${queryText}`] } }],
        intent: { name: `projects/${PROJECT}/agent/intents/1`, displayName: 'Echo' }, intentDetectionConfidence: 0.87, languageCode: 'en', ...script.result,
    },
    ...script.webhookStatus && { webhookStatus: script.webhookStatus },
})

const cxReply = (text, script) => ({
    responseId: crypto.randomUUID(),
    queryResult: {
        text, languageCode: 'en', responseMessages: script.messages ?? [{ text: { text: [script.text ?? `You said: ${text}`] }, responseType: 'HANDLER_PROMPT' }],
        currentPage: { name: 'p', displayName: 'Start' }, intentDetectionConfidence: 1, match: { matchType: 'INTENT', confidence: 1 }, webhookStatuses: script.webhookStatuses, ...script.result,
    },
    responseType: 'FINAL',
})
