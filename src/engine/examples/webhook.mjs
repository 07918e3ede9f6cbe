// A server for the webhook engine. It needs Node 18 or newer and no package: PARLEY_SECRET=whsec_... PORT=8000 node webhook.mjs
import crypto from 'node:crypto'
import http from 'node:http'

const key = Buffer.from((process.env.PARLEY_SECRET ?? '').replace(/^whsec_/, ''), 'base64')
if (key.length < 24) throw new Error('Set PARLEY_SECRET to the signing secret of the engine.')

const signature = (id, time, body) => `v1,${crypto.createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest('base64')}`

function signed(headers, body) {
    const id = headers['webhook-id'] ?? '', time = headers['webhook-timestamp'] ?? ''
    if (!(Math.abs(Date.now() / 1000 - Number(time)) <= 300)) return false
    const wanted = Buffer.from(signature(id, time, body))
    return (headers['webhook-signature'] ?? '').split(' ').some(s => s.length === wanted.length && crypto.timingSafeEqual(Buffer.from(s), wanted))
}

/** Messages after an answer go to the address on the engine's page. Parley takes each id once, so a failed request can be repeated. */
async function later(conversation, messages) {
    const body = JSON.stringify({ conversation, messages }), id = crypto.randomUUID(), time = String(Math.floor(Date.now() / 1000))
    const headers = { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature(id, time, body) }
    const reply = await fetch(process.env.PARLEY_LATER, { method: 'POST', headers, body })
    if (!reply.ok) console.error(`not delivered: ${reply.status} ${await reply.text()}`)
}

function answer({ conversation, message, variables }) {
    if (message.text === 'person') return { messages: [{ text: 'One moment, please.' }], handoff: 'The visitor asked for a person.' }
    if (message.text === 'remind me') {
        setTimeout(later, 1000, conversation, [{ text: 'This is your reminder.' }])
        return { messages: [{ text: 'I will.' }] }
    }
    const count = Number(variables.count ?? 0) + 1
    return {
        messages: [{ text: `You said "${message.text}".` }, { text: 'What next?', choices: [{ label: 'Talk to a person', value: 'person' }] }],
        variables: { count },
    }
}

http.createServer(async (request, response) => {
    const pieces = []
    for await (const piece of request) pieces.push(piece)
    const body = Buffer.concat(pieces)
    if (!signed(request.headers, body)) return response.writeHead(401).end()
    const question = JSON.parse(body)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(question.type === 'turn' ? answer(question) : {}))
}).listen(Number(process.env.PORT ?? 8000), '127.0.0.1', function () { console.log(`listening on ${this.address().port}`) })
