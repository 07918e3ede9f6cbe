// What the suites of conversations share: bots with a flow of the suite's own, and a visitor.
import { createHash, randomBytes, randomUUID } from 'node:crypto'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** The shown form of a UUID in hex: prefix, underscore, 26 characters of Crockford base32. */
export function shown(prefix, hex) {
    let n = BigInt(`0x${hex}`)
    let text = ''
    for (let i = 0; i < 26; i++, n >>= 5n) text = ALPHABET[Number(n & 31n)] + text
    return `${prefix}_${text}`
}

export function hexOf(id) {
    let n = 0n
    for (const c of id.slice(id.indexOf('_') + 1)) n = n << 5n | BigInt(ALPHABET.indexOf(c))
    return n.toString(16).padStart(32, '0')
}

/** A UUIDv7 in hex. */
export function newId() {
    const b = randomBytes(16)
    b.writeUIntBE(Date.now(), 0, 6)
    b[6] = 0x70 | b[6] & 0x0f
    b[8] = 0x80 | b[8] & 0x3f
    return b.toString('hex')
}

/** Repeats each message; "Hours" is a choice of its greeting. */
export const echoFlow = {
    format: 1, languages: ['en', 'de'], start: 'hello',
    nodes: {
        hello: {
            type: 'say', messages: [{ type: 'text', text: { en: 'Hello! Ask me.', de: 'Hallo!' } }], next: 'listen',
            choices: [{ label: { en: 'Hours', de: 'Zeiten' }, value: 'hours', next: 'hours' }],
        },
        echo: { type: 'say', messages: [{ type: 'text', text: { en: 'You said: {{heard}}', de: 'Sie sagten: {{heard}}' } }], next: 'listen' },
        listen: { type: 'ask', text: { en: 'What else?', de: 'Was noch?' }, expect: 'text', var: 'heard', next: 'echo' },
        hours: { type: 'say', messages: [{ type: 'text', text: { en: 'From 9 to 5.', de: 'Von 9 bis 17 Uhr.' } }], next: 'listen' },
    },
    variables: { heard: { type: 'text' } },
}

/** Calls an address at each message and says the reply. */
export const callFlow = url => ({
    format: 1, languages: ['en'], start: 'hello',
    variables: { word: { type: 'text' }, fate: { type: 'number' } },
    nodes: {
        hello: { type: 'say', messages: [{ type: 'text', text: { en: 'Hello!' } }], next: 'wait' },
        wait: { type: 'say', messages: [{ type: 'text', text: { en: 'One moment.' } }], next: 'call' },
        call: { type: 'http', method: 'GET', url, map: { word: '/word' }, status: 'fate', next: 'told', error: 'failed' },
        told: { type: 'say', messages: [{ type: 'text', text: { en: 'It says: {{word}}' } }], next: 'more' },
        failed: { type: 'say', messages: [{ type: 'text', text: { en: 'The call failed.' } }], next: 'more' },
        more: { type: 'ask', text: { en: 'Again?' }, expect: 'text', next: 'wait' },
    },
})

/** A published bot in a workspace of its own: {tenant, bot (shown), hex}. */
export async function makeBot(parley, flow, { plan = 'enterprise', tenant } = {}) {
    const workspace = tenant ?? newId()
    const bot = newId()
    const text = JSON.stringify(flow).replaceAll('\\', '\\\\').replaceAll("'", "\\'")
    const hash = createHash('blake2s256').update(text).digest('hex')
    await parley.sql(`
        INSERT IGNORE INTO tenant (tenant_id, name, plan, state, created_at, updated_at) VALUES (0x${workspace}, 'Test', '${plan}', 'active', NOW(3), NOW(3));
        INSERT INTO bot (tenant_id, bot_id, name, language, template, draft, draft_hash, live_version, last_version, created_at, updated_at, published_at)
            VALUES (0x${workspace}, 0x${bot}, 'Test bot', 'en', '', '${text}', 0x${hash}, 1, 1, NOW(3), NOW(3), NOW(3));
        INSERT INTO bot_version (tenant_id, bot_id, version, flow, flow_hash, note, created_at) VALUES (0x${workspace}, 0x${bot}, 1, '${text}', 0x${hash}, '', NOW(3))`)
    return { tenant: workspace, hex: bot, bot: shown('bot', bot) }
}

/** One POST to the visitor API: {status, body, headers}. */
export async function send(parley, bot, message, options = {}) {
    const reply = await fetch(`${parley.url}/chat/${bot}/messages`, {
        method: 'POST', headers: { 'Content-Type': 'application/json', ...options.headers },
        body: typeof message === 'string' || message instanceof Uint8Array ? message : JSON.stringify(message), signal: options.signal,
    })
    const text = await reply.text()
    let body = text
    try { body = JSON.parse(text) } catch { /* not JSON: the test will say */ }
    return { status: reply.status, body, headers: reply.headers }
}

/** A message that is sent until it is answered, as chat.js does it: always with the same id. */
export async function insist(parley, bot, message, { ms = 60000, onFailure = () => {} } = {}) {
    const sent = { id: randomUUID(), ...message }
    for (const end = Date.now() + ms; ;) {
        const reply = await send(parley, bot, sent).catch(error => ({ status: 0, error }))
        if (reply.status === 200) return { sent, answer: reply.body }
        onFailure(reply)
        if (![0, 429, 500, 502, 503, 504].includes(reply.status) || Date.now() > end) {
            throw new Error(`status ${reply.status}: ${JSON.stringify(reply.body ?? String(reply.error))}`)
        }
        await new Promise(done => setTimeout(done, 30 + 100 * Math.random()))
    }
}

/** The recorded conversations are consistent: nothing duplicated, nothing missing, every count equal. */
export async function checkLedger(parley, assert) {
    const [gaps] = await parley.sql(`SELECT COUNT(*) AS n FROM (SELECT m.conversation_id FROM message m JOIN conversation c
        ON c.tenant_id = m.tenant_id AND c.conversation_id = m.conversation_id GROUP BY m.conversation_id
        HAVING COUNT(*) <> MAX(m.seq) OR MIN(m.seq) <> 1 OR MAX(m.seq) <> MAX(c.seq)) t`)
    assert.equal(gaps.n, '0', 'every conversation is numbered 1, 2, 3 … up to its seq')
    const [keys] = await parley.sql(`SELECT COUNT(*) AS n FROM turn_key k LEFT JOIN message a ON a.tenant_id = k.tenant_id AND
        a.conversation_id = k.conversation_id AND a.seq = k.first_seq AND a.sender = 'visitor' WHERE a.seq IS NULL`)
    assert.equal(keys.n, '0', 'every key leads to a visitor message')
    const [orphans] = await parley.sql(`SELECT COUNT(*) AS n FROM message m LEFT JOIN conversation c ON c.tenant_id = m.tenant_id AND
        c.conversation_id = m.conversation_id WHERE c.conversation_id IS NULL`)
    assert.equal(orphans.n, '0', 'no message without its conversation')
    const [events] = await parley.sql(`SELECT (SELECT COUNT(*) FROM message WHERE sender = 'visitor') AS turns,
        (SELECT COUNT(*) FROM message WHERE sender = 'bot') AS replies, (SELECT COUNT(*) FROM conversation) AS opened,
        COUNT(e.event_id) AS events, COUNT(DISTINCT m.conversation_id, m.seq) AS visited, SUM(e.replies) AS replied, SUM(e.opened) AS began
        FROM turn_event e JOIN message m ON m.tenant_id = e.tenant_id AND m.conversation_id = e.conversation_id AND m.seq = e.seq AND m.sender = 'visitor'`)
    assert.deepEqual([events.events, events.visited, events.replied ?? '0', events.began ?? '0'], [events.turns, events.turns, events.replies, events.opened],
        'there is one event for each visitor message, and the events add up to the replies and the conversations')
    const counts = await parley.sql(`SELECT t.tenant_id, (SELECT COUNT(*) FROM usage_ledger l WHERE l.tenant_id = t.tenant_id) AS ledger,
        (SELECT COUNT(*) FROM conversation c WHERE c.tenant_id = t.tenant_id AND c.counted = 1) AS counted,
        (SELECT COALESCE(SUM(u.used), 0) FROM usage_counter u WHERE u.tenant_id = t.tenant_id) AS used FROM tenant t`)
    for (const row of counts) {
        assert.equal(row.ledger, row.counted, 'the ledger has every counted conversation')
        assert.equal(row.used, row.ledger, 'the counter is the sum of the ledger')
    }
}

/** Events of a stream as they arrive: {name, data, at (ms since the request)}. */
export async function* stream(parley, bot, message, options = {}) {
    const begun = Date.now()
    const reply = await fetch(`${parley.url}/chat/${bot}/messages`, {
        method: 'POST', headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream' }, body: JSON.stringify(message), signal: options.signal,
    })
    if (!reply.ok) throw Object.assign(new Error(`status ${reply.status}`), { status: reply.status, body: await reply.json() })
    let rest = ''
    const decoder = new TextDecoder()
    for await (const chunk of reply.body) {
        rest += decoder.decode(chunk, { stream: true })
        for (let end; (end = rest.indexOf('\n\n')) >= 0; rest = rest.slice(end + 2)) {
            const lines = rest.slice(0, end).split('\n').filter(line => !line.startsWith(':'))
            const event = Object.fromEntries(lines.map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]))
            if (event.data) yield { name: event.event, data: JSON.parse(event.data), at: Date.now() - begun }
        }
    }
}
