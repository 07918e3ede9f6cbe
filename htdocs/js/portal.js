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

document.querySelectorAll('[data-theme-toggle]').forEach(b => b.addEventListener('click', toggleTheme))
document.querySelectorAll('[data-copy]').forEach(b => b.addEventListener('click', () => copy(b)))
document.querySelectorAll('[data-goto-line]').forEach(a => a.addEventListener('click', event => gotoLine(a, event)))
document.querySelectorAll('form[data-guard]').forEach(setUpGuard)
document.querySelectorAll('form[data-auto] select').forEach(s => s.addEventListener('change', () => s.form.requestSubmit()))
document.querySelectorAll('[data-poll]').forEach(poll)
document.querySelectorAll('[data-chat]').forEach(setUpChat)
document.addEventListener('submit', onSubmit)
addEventListener('pageshow', onShow)
setUpMenus()
// The message of the last action is said once, not again at a reload.
if (new URLSearchParams(location.search).has('done')) history.replaceState(null, '', location.pathname)
document.querySelector('.bot-tabs [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
localTimes(document)
