// chat.js: the hosted chat page with JavaScript. It shows answers as they come and a sign while the bot is typing, sends a message
// again with the same id when the line breaks, and remembers the conversation. Without it the forms of the page do the same by
// reloading. Text from outside only ever becomes text nodes.
'use strict'
{
    const root = document.getElementById('chat')
    const t = root.dataset
    const log = document.getElementById('log')
    const scroll = document.getElementById('scroll')
    const typing = document.getElementById('typing')
    const typingWords = document.getElementById('typing-words')
    const status = document.getElementById('status')
    const form = document.getElementById('send')
    const input = document.getElementById('text')
    const address = `/chat/${t.bot}`
    const memory = `parley.chat.${t.bot}`
    const RETRIES = 6
    const CATCH_UP = 200 // messages that one answer holds at most
    const LATE_MS = 5 * 60 * 1000, LATE_TICKS = 10 // after a while without a message, late replies are asked for less often
    const UNSENT_MS = 600000 // a message that was being sent when the page was left is sent again if the page returns this soon
    const sleep = ms => new Promise(done => setTimeout(done, ms))
    let unsent = [] // {message, at}: given to the queue and neither recorded nor refused
    let talk = load()
    let queue = Promise.resolve()
    let heard = 0 // when the last message came
    let epoch = 0 // grows with "start over": replies that are still on their way are then dropped

    // ---- what is remembered ----

    function load() {
        try {
            const kept = JSON.parse(localStorage.getItem(memory))
            unsent = (kept?.unsent ?? []).filter(u => u.at > Date.now() - UNSENT_MS && typeof u.message?.id === 'string' && typeof u.message.text === 'string')
            if (kept && typeof kept.conversation === 'string' && typeof kept.token === 'string') return { seq: 0, conversation: kept.conversation, token: kept.token, state: kept.state }
        } catch { /* private mode, or not ours */ }
        return t.conversation ? { conversation: t.conversation, token: t.token, seq: Number(t.seq) || 0, state: t.state, shown: true } : { seq: 0 }
    }

    function save() {
        try {
            if (talk.conversation || unsent.length) {
                const { conversation, token, state } = talk
                localStorage.setItem(memory, JSON.stringify({ conversation, token, state, unsent }))
            } else localStorage.removeItem(memory)
        } catch { /* it will not be remembered */ }
    }

    // ---- showing ----

    function make(tag, props = {}, ...inside) {
        const e = document.createElement(tag)
        for (const [name, value] of Object.entries(props)) {
            if (name in e && name !== 'role') e[name] = value
            else e.setAttribute(name, value)
        }
        e.append(...inside)
        return e
    }

    function safeUrl(text) {
        try {
            const url = new URL(text)
            return ['http:', 'https:'].includes(url.protocol) ? url.href : null
        } catch { return null }
    }

    function link(url, words) {
        const href = safeUrl(url)
        return href ? make('a', { href, target: '_blank', rel: 'noopener noreferrer' }, words) : document.createTextNode(words)
    }

    /** Text with its http(s) addresses as links; line breaks are kept by the style sheet. */
    function linked(text) {
        const parts = []
        let at = 0
        for (const m of text.matchAll(/https?:\/\/[^\s<>"'`]+/g)) {
            const url = m[0].replace(/[.,;:!?)\]]+$/, '')
            parts.push(text.slice(at, m.index), link(url, url))
            at = m.index + url.length
        }
        parts.push(text.slice(at))
        return parts
    }

    function cardOf(m) {
        const card = make('div', { className: 'bubble card' })
        const image = m.image && safeUrl(m.image)
        if (image) card.append(make('img', { src: image, alt: '', loading: 'lazy' }))
        card.append(make('strong', {}, m.title ?? ''))
        if (m.text) card.append(make('p', { dir: 'auto' }, ...linked(m.text)))
        if (m.url) card.append(link(m.url, t.tOpenLink))
        return card
    }

    function bubbleOf(m) {
        const image = m.type === 'image' && safeUrl(m.image)
        if (image) return make('img', { className: 'bubble picture', src: image, alt: m.text, loading: 'lazy' })
        if (m.type === 'card') return cardOf(m)
        return make('div', { className: 'bubble', dir: 'auto' }, ...linked(m.text))
    }

    function choicesOf(m) {
        const group = make('div', { className: 'choices', role: 'group', 'aria-label': t.tChoices })
        for (const c of m.choices) {
            group.append(make('button', { type: 'button', onclick: () => { endChoices(); say(c.label, c.value); input.focus() } }, c.label))
        }
        return group
    }

    function endChoices() {
        for (const group of log.querySelectorAll('.choices')) group.remove()
    }

    function thumb(kind, words, rating, seq, row) {
        const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
        const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
        svg.setAttribute('viewBox', '0 0 24 24')
        svg.setAttribute('aria-hidden', 'true')
        path.setAttribute('d', 'M7 11v9H4v-9zM7 11l4-8c1.5 0 2.5 1 2.5 2.500v4H19a2 2 0 0 1 2 2.300l-1 6.500a2 2 0 0 1-2 1.700H7')
        svg.append(path)
        const button = make('button', { type: 'button', className: kind, title: words, 'aria-label': words, 'aria-pressed': 'false' }, svg)
        button.onclick = () => rate(seq, rating, button, row)
        return button
    }

    function ratingOf(seq) {
        const row = make('div', { className: 'rate' })
        row.append(thumb('good', t.tGood, 1, seq, row), thumb('bad', t.tBad, -1, seq, row))
        return row
    }

    function itemOf(m) {
        const item = make('li', { className: `msg msg-${m.from}` })
        item.dataset.from = m.from
        if (m.seq) item.dataset.seq = m.seq
        item.append(make('span', { className: 'sr' }, `${m.from === 'visitor' ? t.tYou : t.name}: `), bubbleOf(m))
        if (m.citations?.length) {
            const sources = make('p', { className: 'sources' }, `${t.tSources}: `)
            for (const c of m.citations) sources.append(link(c.url, c.title || c.url), ' ')
            item.append(sources)
        }
        if (m.interrupted) item.append(make('p', { className: 'sources' }, t.tInterrupted))
        return item
    }

    /** A message that is being written grows piece by piece. A screen reader hears it when it is whole, and only then. */
    function write(item, text) {
        const writing = item ?? show({ from: 'bot', type: 'text', text: '' })
        writing.setAttribute('aria-hidden', 'true')
        writing.classList.add('pending')
        writing.querySelector('.bubble').append(text)
        toEnd()
        return writing
    }

    function toEnd() {
        scroll.scrollTop = scroll.scrollHeight
    }

    function show(m) {
        const item = itemOf(m)
        log.append(item)
        toEnd()
        return item
    }

    function note(words) {
        log.append(make('li', { className: 'msg msg-system' }, words))
    }

    /** The last message's choices, and the thumbs of a turn that is recorded. */
    function finish(messages, open) {
        const last = messages.at(-1)
        const item = last && log.querySelector(`[data-seq="${last.seq}"]`)
        if (!item) return
        endChoices()
        if (open && last.choices?.length) item.append(choicesOf(last))
        if (last.from === 'bot') item.append(ratingOf(last.seq))
        toEnd()
    }

    function setTyping(on) {
        typing.hidden = !on
        typingWords.textContent = on ? `${t.name} ${t.tTyping}` : ''
        if (on) toEnd()
    }

    function setState(state) {
        talk.state = state
        status.textContent = state === 'handoff' ? t.tHandoff : state === 'closed' ? t.tClosed : ''
    }

    // ---- the visitor API ----

    async function post(path, body, accept = 'application/json') {
        return fetch(address + path, { method: 'POST', headers: { 'Content-Type': 'application/json', Accept: accept }, body: JSON.stringify(body), credentials: 'omit' })
    }

    async function rate(seq, rating, button, row) {
        const reply = await post('/feedback', { conversation: talk.conversation, token: talk.token, seq, rating }).catch(() => null)
        if (!reply?.ok) return
        for (const b of row.children) b.setAttribute('aria-pressed', String(b === button))
        status.textContent = t.tThanks
    }

    /** Events of a text/event-stream body, one by one. */
    async function* events(reply) {
        const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader()
        let rest = ''
        for (;;) {
            const { value, done } = await reader.read()
            if (done) return
            rest += value
            for (let end; (end = rest.indexOf('\n\n')) >= 0; rest = rest.slice(end + 2)) {
                const event = {}
                for (const line of rest.slice(0, end).split('\n')) {
                    const colon = line.indexOf(':')
                    if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 1).trimStart()
                }
                if (event.data) yield { name: event.event, data: JSON.parse(event.data) }
            }
        }
    }

    class Refused extends Error {
        constructor(problem, wait) { super(problem.detail); this.code = problem.code; this.status = problem.status; this.wait = wait }
        get passing() { return this.status === 429 || this.status === 503 || this.status === 504 || this.code === 'conversation_busy' }
    }

    async function refusal(reply) {
        const problem = await reply.json().catch(() => ({}))
        return new Refused({ detail: reply.statusText, ...problem, status: reply.status }, Number(reply.headers.get('Retry-After')) * 1000)
    }

    /** One try. Bubbles that came before the turn was recorded are taken back if it fails. */
    async function attempt(body, mine) {
        const early = []
        let writing
        const written = () => { writing?.remove(); writing = undefined }
        const takeBack = () => { written(); for (const item of early.splice(0)) item.remove() }
        try {
            const reply = await post('/messages', body, 'text/event-stream')
            if (!reply.ok) throw await refusal(reply)
            for await (const { name, data } of events(reply)) {
                if (mine !== epoch) return null
                if (name === 'done') {
                    written()
                    return { early, answer: data }
                }
                if (name === 'error') throw new Refused(data)
                if (name === 'again') takeBack() // another turn came in between: the answer is made anew
                if (name === 'delta') writing = write(writing, data.text)
                if (name === 'message') {
                    written()
                    if (data.delay_ms) await sleep(Math.min(data.delay_ms, 5000))
                    early.push(show(data))
                    early.at(-1).classList.add('pending')
                }
            }
            throw new TypeError('the stream ended early')
        } catch (error) {
            takeBack()
            throw error
        }
    }

    /** The messages that were shown before the turn was recorded stay where they are, so that no one hears them twice. */
    function confirm(early, messages) {
        const same = (item, m) => item && item.querySelector('.bubble').textContent === itemOf(m).querySelector('.bubble').textContent
        for (const [i, m] of messages.entries()) {
            if (!same(early[i], m)) {
                for (const item of early.splice(i)) item.remove()
                show(m)
            } else {
                early[i].dataset.seq = m.seq
                early[i].classList.remove('pending')
            }
        }
        for (const item of early.slice(messages.length)) item.remove()
    }

    async function persist(body, mine) {
        for (let n = 0; ; n++) {
            try {
                return await attempt(body, mine)
            } catch (error) {
                if (mine !== epoch) return null
                if (error instanceof Refused && !error.passing) throw error
                if (n === RETRIES) throw error
                status.textContent = t.tWaiting
                await sleep(error.wait || Math.min(8000, 400 * 2 ** n) * (0.7 + 0.6 * Math.random()))
            }
        }
    }

    /** What came between the last message that is shown and this turn. */
    async function missed(answer, bubble) {
        if (answer.conversation !== talk.conversation || answer.seq <= talk.seq + 1) return
        const between = await newer()
        for (const m of between?.messages ?? []) if (m.seq < answer.seq && m.type !== 'event') bubble.before(itemOf(m))
    }

    async function accept({ early, answer }, bubble, mine) {
        if (answer.conversation === talk.conversation && answer.seq <= talk.seq) { // caught up with before: all of it is shown
            for (const item of [bubble, ...early]) item.remove()
            return
        }
        await missed(answer, bubble)
        if (mine !== epoch) return
        const other = talk.conversation && talk.conversation !== answer.conversation
        if (other) bubble.before(make('li', { className: 'msg msg-system' }, t.tNew))
        bubble.dataset.seq = answer.seq
        bubble.classList.remove('pending')
        talk = { conversation: answer.conversation, token: answer.token, seq: Math.max(answer.seq, ...answer.messages.map(m => m.seq)), late: answer.late }
        heard = Date.now()
        confirm(early, answer.messages)
        setState(answer.state)
        save()
        finish(answer.messages, answer.state !== 'handoff')
    }

    async function deliver(message, bubble, mine) {
        setTyping(true)
        try {
            const turn = () => persist({ ...message, ...(talk.conversation && { conversation: talk.conversation, token: talk.token }) }, mine)
            const done = await turn().catch(error => {
                if (!talk.conversation || !(error instanceof Refused) || ![401, 404].includes(error.status)) throw error
                talk = { seq: 0 } // the remembered conversation is gone: start a new one
                return turn()
            })
            if (mine === epoch) settle(message)
            if (done) await accept(done, bubble, mine)
        } catch (error) {
            if (mine === epoch) settle(message)
            if (mine === epoch) undelivered(message, bubble, error)
        } finally {
            setTyping(false)
        }
    }

    function undelivered(message, bubble, error) {
        status.textContent = ''
        const words = error.code === 'bot_inactive' ? t.tInactive : error instanceof Refused && error.message ? error.message : t.tFailed
        const row = make('div', { className: 'undelivered', role: 'alert' }, `${words} `)
        row.append(make('button', { type: 'button', onclick: () => { row.remove(); enqueue(message, bubble) } }, t.tRetry))
        bubble.append(row)
        toEnd()
    }

    function settle(message) {
        unsent = unsent.filter(u => u.message.id !== message.id)
        save()
    }

    function enqueue(message, bubble) {
        const mine = epoch
        bubble.classList.add('pending')
        if (!unsent.some(u => u.message.id === message.id)) unsent.push({ message, at: Date.now() })
        save()
        queue = queue.then(() => mine === epoch && deliver(message, bubble, mine))
    }

    function newId() {
        return crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), b => b.toString(16).padStart(2, '0')).join('')
    }

    function say(text, choice) {
        endChoices()
        document.getElementById('problem')?.remove()
        const bubble = show({ from: 'visitor', type: 'text', text })
        enqueue({ id: newId(), text, ...(choice !== undefined && { choice }), locale: t.locale }, bubble)
    }

    /** The messages after the last one shown; undefined when there is no answer. */
    async function newer() {
        if (!talk.conversation) return
        const mine = epoch
        const question = new URLSearchParams({ conversation: talk.conversation, after: talk.seq })
        const reply = await fetch(`${address}/messages?${question}`, { headers: { Authorization: `Bearer ${talk.token}` }, credentials: 'omit' }).catch(() => null)
        if (!reply || mine !== epoch) return
        if ([401, 404].includes(reply.status)) {
            talk = { seq: 0 }
            save()
        }
        return reply.ok ? reply.json() : undefined
    }

    /** What was said elsewhere, or while the line was dead. */
    async function catchUp() {
        const answer = await newer()
        if (!answer) return
        const fresh = answer.messages.filter(m => m.seq > talk.seq && m.type !== 'event')
        for (const m of fresh) show(m)
        talk.seq = Math.max(talk.seq, ...answer.messages.map(m => m.seq))
        talk.late = answer.late
        setState(answer.state)
        if (fresh.length) {
            heard = Date.now()
            finish(fresh, answer.state === 'open')
        }
        if (answer.messages.length >= CATCH_UP) await catchUp() // a long conversation comes in several answers
    }

    // ---- the page ----

    form.addEventListener('submit', event => {
        event.preventDefault()
        const text = input.value.trim()
        if (!text) return
        input.value = ''
        say(text)
        input.focus()
    })
    input.addEventListener('keydown', event => {
        if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
            event.preventDefault()
            form.requestSubmit()
        }
    })
    document.getElementById('restart').addEventListener('submit', event => {
        event.preventDefault()
        epoch++
        talk = { seq: 0 }
        unsent = []
        save()
        setTyping(false)
        setState('open')
        for (const item of [...log.children]) if (!greeting.includes(item)) item.remove()
        endChoices()
        for (const [item, messages] of offered) item.append(choicesOf(messages))
        input.focus()
    })
    for (const name of ['online', 'focus']) addEventListener(name, () => { queue = queue.then(catchUp) })
    let ticks = 0
    setInterval(() => {
        const often = talk.state === 'handoff' || Date.now() - heard < LATE_MS
        if (document.visibilityState !== 'visible' || (talk.state !== 'handoff' && !talk.late)) return
        if (often || ++ticks % LATE_TICKS === 0) queue = queue.then(catchUp)
    }, 4000)

    // The forms of the page's own choices become buttons like all others.
    const greeting = [...log.children].filter(item => item.dataset.seq === '0')
    const offered = new Map()
    for (const group of log.querySelectorAll('.choices')) {
        const item = group.closest('li')
        const choices = [...group.querySelectorAll('form')].map(f => ({ label: f.elements.text.value, value: f.elements.choice.value }))
        group.replaceWith(choicesOf({ choices }))
        if (greeting.includes(item)) offered.set(item, { choices })
    }
    if (!talk.shown && talk.conversation) {
        for (const item of [...log.children]) if (!greeting.includes(item)) item.remove()
        endChoices()
    }
    save()
    queue = queue.then(catchUp).then(() => {
        for (const { message } of unsent) enqueue(message, show({ from: 'visitor', type: 'text', text: message.text }))
    })
    toEnd()
    root.dataset.ready = '1'
}
