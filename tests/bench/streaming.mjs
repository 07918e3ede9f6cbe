// The engine of ./dev bench engines: an OpenAI-compatible server that streams at a fixed pace and writes into its answer when it did what:
// first when the request had come, then, as each piece, when that piece was written.
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'

export const TOKENS = 20 // pieces of an answer
const FIRST_MS = 200, NEXT_MS = 20
export const ANSWER_MS = FIRST_MS + (TOKENS - 1) * NEXT_MS

/** Milliseconds by a clock that all threads share. */
export const now = () => performance.timeOrigin + performance.now()

function write(response, text) {
    response.write(`data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'm', choices: [{ index: 0, delta: { content: text } }] })}\n\n`)
}

async function answer(request, response) {
    const received = now()
    request.resume()
    response.socket.setNoDelay(true)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let i = 0; i < TOKENS; i++) {
        await sleep(i ? NEXT_MS : FIRST_MS)
        write(response, `${i ? '' : `${received.toFixed(3)} `}${now().toFixed(3)} `)
    }
    response.write(`data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'm', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\n`)
    response.end('data: [DONE]\n\n')
}

if (!isMainThread && workerData === 'serve') {
    const server = http.createServer(answer)
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
}
