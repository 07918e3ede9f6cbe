// A server for the webhook engine. It needs Node 18 or newer and no package: PARLEY_SECRET=whsec_... PORT=8000 node webhook.mjs
import crypto from 'node:crypto'
import http from 'node:http'

const key = Buffer.from((process.env.PARLEY_SECRET ?? '').replace(/^whsec_/, ''), 'base64')
if (key.length < 24) throw new Error('Set PARLEY_SECRET to the signing secret of the engine.')

function signed(headers, body) {
    const id = headers['webhook-id'] ?? '', time = headers['webhook-timestamp'] ?? ''
    if (!(Math.abs(Date.now() / 1000 - Number(time)) <= 300)) return false
    const wanted = Buffer.from(`v1,${crypto.createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest('base64')}`)
    return (headers['webhook-signature'] ?? '').split(' ').some(s => s.length === wanted.length && crypto.timingSafeEqual(Buffer.from(s), wanted))
}

function answer({ message, variables }) {
    if (message.text === 'person') return { messages: [{ text: 'One moment, please.' }], handoff: 'The visitor asked for a person.' }
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
