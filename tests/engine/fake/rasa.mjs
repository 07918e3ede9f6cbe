// A fake of Rasa with the REST channel. There is no client of it in npm; what it does follows the sources of rest.py and channel.py: text is split at
// blank lines, a stream is a line for each message under the type of an event stream, and an action that fails leaves no message behind.
//
// Members of a script, besides those of server.mjs:
//   text, messages   the bot's text, or its messages as they are without recipient_id; default "You said: ..." of what was sent
//   failing          the action failed: status 200 without a message
//   list             the parameter stream is not known: always one list
//   lines            a stream even where none was asked for
//   pretty           the list is laid out over several lines
//   echo             status 400 whose message repeats the address, as a proxy does
//   health           the reply to GET /webhooks/rest/
import { Fake, stream } from './server.mjs'

export const TOKEN = 's3cret&+%/token-0123456789'

/** base: the path under which a proxy shows the server. fake.token and fake.jwt are wanted once they are set. */
export async function startRasa(base = '') {
    const fake = await new Fake(answer).start()
    return Object.assign(fake, { base, dialogs: new Map(), url: `${fake.url}${base}` })
}

function json(rs, body, status = 200) {
    rs.writeHead(status, { 'content-type': 'application/json' })
    rs.end(JSON.stringify(body))
}

const failure = (rs, code, reason, message) => json(rs, { version: '3.6.20', status: 'failure', reason, message, details: {}, code }, code)

/** What the bot says, as the channel collects it. */
function collected(fake, body, script) {
    const sender = body.sender ?? 'default' // everybody without a name shares one dialog
    fake.dialogs.set(sender, [...fake.dialogs.get(sender) ?? [], body.message])
    if (script.failing) return []
    if (script.messages) return script.messages.map(m => ({ recipient_id: sender, ...m }))
    return (script.text ?? `You said: ${body.message}`).trim().split('\n\n').map(text => ({ recipient_id: sender, text }))
}

async function answer(fake, rq, rs, script) {
    const url = new URL(rq.path, 'http://x'), path = url.pathname.startsWith(fake.base) ? url.pathname.slice(fake.base.length) : ''
    if (script.echo) return failure(rs, 400, 'BadRequest', `Cannot read ${rq.path} with ${url.searchParams.get('token')} and ${rq.headers.authorization}`)
    if (fake.token && url.searchParams.get('token') !== fake.token) return failure(rs, 401, 'NotAuthenticated', 'User is not authenticated.')
    if (fake.jwt && rq.headers.authorization !== `Bearer ${fake.jwt}`) return failure(rs, 401, 'NotAuthenticated', 'User is not authenticated.')
    if (path === '/webhooks/rest/' && rq.method === 'GET') return json(rs, script.health ?? { status: 'ok' })
    if (path !== '/webhooks/rest/webhook' || rq.method !== 'POST') return json(rs, { description: 'Not Found', status: 404, message: `Requested URL ${url.pathname} not found` }, 404)
    const messages = collected(fake, rq.body, script)
    if (script.lines || (url.searchParams.get('stream') === 'true' && !script.list))
        return stream(rs, 'text/event-stream', messages.map(m => `${JSON.stringify(m)}\n`), script)
    await stream(rs, 'application/json', [JSON.stringify(messages, null, script.pretty ? 2 : 0)], script)
}
