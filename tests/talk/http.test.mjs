// HTTP nodes against a service that answers as services do: compressed, in other charsets, with odd values, or not with JSON at all.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import { after, before, test } from 'node:test'
import zlib from 'node:zlib'
import { startInstall } from '../lib/install.mjs'
import { makeBot, send } from './lib.mjs'

let parley, service, seen, reply
before(async () => {
    service = await new Promise(ok => {
        const server = http.createServer((request, response) => {
            const chunks = []
            request.on('data', c => chunks.push(c)).on('end', () => {
                seen.push({ method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() })
                const { status = 200, headers = { 'Content-Type': 'application/json' }, body = '{}' } = reply
                response.writeHead(status, headers).end(body)
            })
        }).listen(0, '127.0.0.1', () => ok(server))
    })
    parley = await startInstall({ config: { rate_limits: 'off', http_allow_private: `127.0.0.1:${service.address().port}` } })
})
after(async () => {
    service?.close()
    service?.closeAllConnections()
    await parley?.stop()
})

const flowOf = (node = {}, path = '/') => ({
    format: 1, languages: ['en'], start: 'hello',
    variables: { word: { type: 'text' }, fate: { type: 'number' } },
    nodes: {
        hello: { type: 'say', messages: [{ type: 'text', text: { en: 'Hello!' } }], next: 'call' },
        call: { type: 'http', method: 'GET', url: `http://127.0.0.1:${service.address().port}${path}`, map: { word: '/word' }, status: 'fate', next: 'told', error: 'failed', ...node },
        told: { type: 'say', messages: [{ type: 'text', text: { en: 'It says: {{word}}' } }], next: 'more' },
        failed: { type: 'say', messages: [{ type: 'text', text: { en: 'Failed: {{fate}}' } }], next: 'more' },
        more: { type: 'ask', text: { en: 'Again?' }, expect: 'text', next: 'call' },
    },
})
const said = async (bot, text = 'go') => {
    seen = []
    const answer = await send(parley, bot, { text })
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer.body.messages[0].text
}

test('answers are read whatever they are packed in', { timeout: 60000 }, async () => {
    const { bot } = await makeBot(parley, flowOf())
    const json = '{"word":"Zoë"}', type = 'application/json'
    const packed = (name, body, more = {}) => ({ name, headers: { 'Content-Type': type, 'Content-Encoding': name.split(' ')[0], ...more }, body })
    for (const one of [
        { body: json }, { body: '\ufeff' + json }, { headers: {}, body: json }, { status: 299, body: json },
        packed('gzip', zlib.gzipSync(json)), packed('deflate', zlib.deflateSync(json)), packed('deflate without its header', zlib.deflateRawSync(json)),
        { headers: { 'Content-Type': `${type}; charset=iso-8859-1` }, body: Buffer.from(json, 'latin1') },
        { headers: { 'Content-Type': `${type}; charset=iso-8859-1` }, body: json },
        { headers: { 'Content-Type': `${type}; charset=utf-16` }, body: Buffer.from(json, 'utf16le') },
        { body: Buffer.from('\ufeff' + json, 'utf16le') },
        packed('gzip in another charset', zlib.gzipSync(Buffer.from(json, 'latin1')), { 'Content-Type': `${type}; charset=latin1` }),
        { body: '{"word":"Zoë","meta":{"trace":98765432109876543210,"cut":"\\ud83d","nul":"\\u0000","none":NaN},"meta":1}' },
    ]) {
        reply = one
        assert.equal(await said(bot), 'It says: Zoë', JSON.stringify([one.name, one.headers, String(one.body)]))
        assert.match(seen[0].headers['accept-encoding'], /gzip/)
    }
    reply = { body: '{"word":98765432109876543210}' }
    assert.equal(await said(bot), 'It says: 98765432109876543210')
    for (const empty of [{ status: 204, body: '' }, { body: '' }, { body: '\ufeff' }]) {
        reply = empty
        assert.equal(await said(bot), 'It says: ')
    }
})

test('an answer that cannot be read takes the error way with its status', { timeout: 60000 }, async () => {
    const { bot } = await makeBot(parley, flowOf())
    const gzip = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }
    for (const [fate, one] of [
        [200, { headers: { 'Content-Type': 'text/html' }, body: '<!DOCTYPE html><title>Sign in</title>' }], [200, { body: '{"word":"Zo' }], [201, { status: 201, body: ')]}\',\n{"word":"x"}' }],
        [200, { body: '{"word":"x"}{"word":"y"}' }], [200, { headers: gzip, body: zlib.gzipSync('{"word":"x"') }], [0, { headers: gzip, body: 'not packed' }],
        [0, { headers: gzip, body: zlib.gzipSync(`{"word":"x","pad":"${'a'.repeat(1.5 * 2 ** 20)}"}`) }], [404, { status: 404, body: '{"word":"x"}' }],
    ]) {
        reply = one
        assert.equal(await said(bot), `Failed: ${fate}`, String(one.body).slice(0, 60))
    }
})

test('a visitor changes neither the address nor the fields of a body', { timeout: 60000 }, async () => {
    reply = { body: '{"word":"done"}' }
    const notes = await makeBot(parley, flowOf({ method: 'DELETE' }, '/v1/orders/{{input}}/notes'))
    for (const [text, url] of [['..', null], ['.', null], ['../users', '/v1/orders/..%2Fusers/notes'], ['%2e%2e', '/v1/orders/%252e%252e/notes'], ['7', '/v1/orders/7/notes']]) {
        assert.equal(await said(notes.bot, text), url ? 'It says: done' : 'Failed: 0')
        assert.deepEqual(seen.map(s => s.url), url ? [url] : [])
    }
    const text = '","role":"admin","z":"'
    const plain = await makeBot(parley, flowOf({ method: 'POST', body: '{"text":"{{input}}"}' }))
    await said(plain.bot, text)
    assert.deepEqual([seen[0].headers['content-type'], JSON.parse(seen[0].body)], ['application/json', { text }])
    const xml = await makeBot(parley, flowOf({ method: 'POST', headers: { 'Content-Type': 'application/soap+xml' }, body: '<t>{{input}}</t>' }))
    await said(xml.bot, '</t><role>admin</role><t>')
    assert.equal(seen[0].body, '<t>&lt;/t&gt;&lt;role&gt;admin&lt;/role&gt;&lt;t&gt;</t>')
})

test('a file with a bot is imported as other programs save it', async () => {
    const tenant = await parley.run('tenant', 'create', 'Files', '--plan', 'enterprise')
    const { bot } = await makeBot(parley, flowOf())
    const text = JSON.stringify(JSON.parse(await parley.run('bot', 'export', bot)))
    const file = `${parley.dir}/odd.json`
    fs.writeFileSync(file, '\ufeff' + text.replace(/\}$/, ',"format":1}').replace('Hello!', 'Hello \\ud83d'))
    const copy = (await parley.run('bot', 'import', file, '--tenant', tenant)).match(/bot_[0-9a-z]{26}/)[0]
    assert.match(await parley.run('bot', 'export', copy), /Hello \ufffd/)
})
