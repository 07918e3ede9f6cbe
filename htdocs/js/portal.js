// The portal works without this file. It saves clicks and waiting: theme, menus, copying, progress, the test chat in place.
const root = document.documentElement

function toggleTheme() {
    const theme = root.dataset.bsTheme === 'dark' ? 'light' : 'dark'
    root.dataset.bsTheme = theme
    const secure = location.protocol === 'https:' ? '; Secure' : ''
    document.cookie = `theme=${theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`
}

function setUpMenus() {
    const menus = [...document.querySelectorAll('details[data-menu]')]
    document.addEventListener('click', event => {
        for (const menu of menus) if (menu.open && !menu.contains(event.target)) menu.open = false
    })
    document.addEventListener('keydown', event => {
        if (event.key !== 'Escape') return
        for (const menu of menus) {
            if (!menu.open) continue
            menu.open = false
            menu.querySelector('summary').focus()
        }
    })
}

async function copy(button) {
    const field = document.getElementById(button.dataset.copy)
    const label = button.querySelector('span')
    const before = label.textContent
    field.select()
    try {
        await navigator.clipboard.writeText(field.value)
    } catch {
        document.execCommand('copy')
    }
    label.textContent = button.dataset.copied
    setTimeout(() => { label.textContent = before }, 2000)
}

// A form is sent once: the server refuses or repeats a second one, this only spares the wait.
function onSubmit(event) {
    const form = event.target
    if (form.dataset.confirm && !confirm(form.dataset.confirm)) {
        event.preventDefault()
        return
    }
    if (!form.hasAttribute('data-once')) return
    if (form.dataset.sent) {
        event.preventDefault()
        return
    }
    form.dataset.sent = '1'
    form.querySelectorAll('button:not([name])').forEach(b => b.classList.add('btn-loading'))
}

// Back from the next page: the form may be sent again.
function onShow() {
    for (const form of document.querySelectorAll('form[data-sent]')) {
        delete form.dataset.sent
        form.querySelectorAll('.btn-loading').forEach(b => b.classList.remove('btn-loading'))
    }
}

function setUpGuard(form) {
    const field = form.querySelector('textarea')
    const before = field.value
    let leaving = false
    form.addEventListener('submit', () => { leaving = true })
    addEventListener('beforeunload', event => {
        if (!leaving && field.value !== before) event.preventDefault()
    })
}

function gotoLine(link, event) {
    event.preventDefault()
    const field = document.querySelector(link.getAttribute('href'))
    const lines = field.value.split('\n')
    const line = Math.min(Number(link.dataset.gotoLine), lines.length)
    const start = lines.slice(0, line - 1).reduce((sum, l) => sum + l.length + 1, 0)
    field.focus()
    field.setSelectionRange(start, start + lines[line - 1].length)
    field.scrollTop = Math.max(0, (line - 4) * (field.scrollHeight / lines.length))
}

async function poll(box) {
    const bar = box.querySelector('[data-poll-bar]')
    const percent = box.querySelector('[data-poll-percent]')
    const rows = box.querySelector('[data-poll-rows]')
    for (let wait = 400; ; wait = Math.min(wait * 1.3, 4000)) {
        await new Promise(done => setTimeout(done, wait))
        try {
            const reply = await fetch(box.dataset.poll, { headers: { Accept: 'application/json' } })
            if (!reply.ok) continue
            const now = await reply.json()
            bar.value = now.percent
            percent.textContent = `${now.percent} %`
            rows.textContent = now.rows.toLocaleString(root.lang)
            if (now.over) {
                location.reload()
                return
            }
        } catch {
            // offline for a moment: ask again
        }
    }
}

function localTimes(scope) {
    const format = new Intl.DateTimeFormat(root.lang, { dateStyle: 'medium', timeStyle: 'short' })
    for (const time of scope.querySelectorAll('time[data-time]')) time.textContent = format.format(new Date(time.dateTime))
}

// ---- the test of an engine: its result beside the form, so that nothing that was typed is lost ----
async function probe(form) {
    const says = form.querySelector('[data-probe-says]'), button = form.querySelector('button')
    const models = document.getElementById('models')
    if (form.getAttribute('aria-busy')) return
    form.setAttribute('aria-busy', 'true')
    button.classList.add('btn-loading')
    says.className = 'probe-says text-break text-secondary'
    says.textContent = form.dataset.waits
    let now = { ok: false, message: form.dataset.failed, models: [] }
    try {
        const reply = await fetch(form.action, { method: 'POST', headers: { Accept: 'application/json' }, body: new URLSearchParams(new FormData(form)) })
        const answer = await reply.json()
        now = reply.ok ? answer : { ...now, message: answer.detail ?? now.message }
    } catch {
        // no connection, or a page in place of an answer: what stands above
    }
    if (now.models.length) {
        models.replaceChildren(...now.models.map(name => new Option(name, name)))
        now.message += ` ${form.dataset.offers.replace('{n}', grouped(now.models.length))}`
    }
    says.classList.replace('text-secondary', now.ok ? 'is-good' : 'is-bad')
    says.textContent = now.message
    button.classList.remove('btn-loading')
    form.removeAttribute('aria-busy')
}

function onProbe(event) {
    event.preventDefault()
    probe(event.target)
}

// ---- the test chat: the same form and the same page, without loading the page ----
function chatEnd(scope) {
    const log = scope.querySelector('.chat-log')
    if (log) log.scrollTop = log.scrollHeight
}

async function chatSend(chat, form, submitter) {
    const data = new FormData(form)
    if (submitter?.name) data.set(submitter.name, submitter.value)
    if (!String(data.get('text')).trim() && !data.has('choice')) {
        form.querySelector('#f-text').focus()
        return
    }
    chat.setAttribute('aria-busy', 'true')
    try {
        const reply = await fetch(form.action, { method: 'POST', body: new URLSearchParams(data) })
        const page = new DOMParser().parseFromString(await reply.text(), 'text/html')
        const next = page.getElementById('chat')
        if (!next) { // signed out meanwhile, or an error page: show it as the browser would
            form.submit()
            return
        }
        chat.replaceChildren(...next.childNodes)
        chatEnd(chat)
        chat.querySelector('#f-text').focus()
    } catch {
        form.submit()
    } finally {
        chat.removeAttribute('aria-busy')
    }
}

function setUpChat(chat) {
    chatEnd(chat)
    chat.addEventListener('submit', event => {
        if (chat.getAttribute('aria-busy')) {
            event.preventDefault()
            return
        }
        event.preventDefault()
        chatSend(chat, event.target, event.submitter)
    })
}

// ---- prices: the same integers and the same sums as the server's, while the slider moves ----
const PICO = 10n ** 12n
const grouped = n => n.toLocaleString(root.lang)

function money(units, zero) { // zero: how the server writes nothing in this currency, "$0.00"
    const [, before, digits, after] = /^(\D*)([\d.]+)(\D*)$/.exec(zero)
    const places = digits.includes('.') ? digits.length - digits.indexOf('.') - 1 : 0
    const text = String(units).padStart(places + 1, '0')
    return before + (places ? `${text.slice(0, -places)}.${text.slice(-places)}` : text) + after
}

function planTotal(card, n) { // {total, over, more} in the smallest unit; undefined when it stops before that
    const { units, included, overage } = card.dataset
    const more = included === '' || n <= BigInt(included) ? 0n : n - BigInt(included)
    if (more > 0n && overage === '') return undefined
    const over = more > 0n ? (BigInt(overage) * more + PICO / 2n) / PICO : 0n
    return { total: BigInt(units) + over, over, more }
}

function setUpPricing(box) {
    const number = box.querySelector('[data-pricing-number]'), range = box.querySelector('[data-pricing-range]')
    if (!number) return
    const says = box.querySelector('[data-pricing-says]')
    const cards = [...box.querySelectorAll('[data-plan]')], most = Number(number.max), steps = Number(range.max)
    // Small numbers get more room on the slider: its square is the number, to round hundreds.
    const toNumber = x => Math.round((x / steps) ** 2 * most / 100) * 100
    const toRange = n => Math.round(Math.sqrt(n / most) * steps)
    const show = n => {
        let best
        for (const card of cards) {
            const sum = planTotal(card, BigInt(n))
            const why = card.querySelector('[data-plan-why]')
            card.classList.toggle('is-short', !sum)
            card.querySelector('[data-plan-total]').textContent = sum ? money(sum.total, card.dataset.zero) : box.dataset.short
            if (!sum) why.textContent = box.dataset.stops.replace('{n}', grouped(Number(card.dataset.included)))
            else if (sum.more > 0n) why.textContent = box.dataset.over.replace('{over}', money(sum.over, card.dataset.zero)).replace('{n}', grouped(Number(sum.more)))
            else why.textContent = box.dataset.within
            if (sum && (!best || sum.total <= best.total)) best = { card, total: sum.total }
        }
        for (const card of cards) card.classList.toggle('is-chosen', card === best?.card)
        range.setAttribute('aria-valuetext', box.dataset.value.replace('{n}', grouped(n)))
        if (best) says.textContent = `${box.dataset.value.replace('{n}', grouped(n))}: ${best.card.dataset.plan}, ${money(best.total, best.card.dataset.zero)}`
    }
    range.value = toRange(Number(number.value))
    range.setAttribute('aria-valuetext', box.dataset.value.replace('{n}', grouped(Number(number.value))))
    range.addEventListener('input', () => {
        number.value = toNumber(Number(range.value))
        show(Number(number.value))
    })
    number.addEventListener('input', () => {
        const n = Math.min(Math.max(Math.trunc(Number(number.value)) || 0, 0), most)
        range.value = toRange(n)
        show(n)
    })
}

// Coming back from a payment: check again automatically, a little later each time.
function lookAgain(link) {
    setTimeout(() => location.replace(link.href), Number(link.dataset.again) * 1000)
}

// No more boxes ticked than there is room for: the others wait until one is taken out.
function setUpMost(set) {
    const boxes = [...set.querySelectorAll('input[type=checkbox]')], most = Number(set.dataset.most)
    const hold = () => {
        const full = boxes.filter(b => b.checked).length >= most
        for (const box of boxes) box.disabled = full && !box.checked
    }
    set.addEventListener('change', hold)
    hold()
}

document.querySelectorAll('[data-pricing]').forEach(setUpPricing)
document.querySelectorAll('[data-again]').forEach(lookAgain)
document.querySelectorAll('[data-most]').forEach(setUpMost)
document.querySelectorAll('[data-theme-toggle]').forEach(b => b.addEventListener('click', toggleTheme))
document.querySelectorAll('[data-copy]').forEach(b => b.addEventListener('click', () => copy(b)))
document.querySelectorAll('[data-goto-line]').forEach(a => a.addEventListener('click', event => gotoLine(a, event)))
document.querySelectorAll('form[data-guard]').forEach(setUpGuard)
document.querySelectorAll('form[data-auto] select').forEach(s => s.addEventListener('change', () => s.form.requestSubmit()))
document.querySelectorAll('[data-poll]').forEach(poll)
document.querySelectorAll('[data-chat]').forEach(setUpChat)
document.querySelectorAll('form[data-probe]').forEach(f => f.addEventListener('submit', onProbe))
document.addEventListener('submit', onSubmit)
addEventListener('pageshow', onShow)
setUpMenus()
// The message of the last action is said once, not again at a reload.
if (new URLSearchParams(location.search).has('done')) history.replaceState(null, '', location.pathname)
for (const here of document.querySelectorAll('.bot-tabs [aria-current], .portal-nav [aria-current]')) here.scrollIntoView({ block: 'nearest', inline: 'center' })
localTimes(document)
