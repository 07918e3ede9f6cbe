// A small HTML tokenizer, strict where browsers forgive: it separates tags from text and reports errors.

const RAW = new Set(['script', 'style', 'textarea', 'title'])
const VOID = new Set(['area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta', 'source', 'track', 'wbr'])
// Elements that a browser closes automatically; the portal's templates close them, so they are not special here.

/** [{type: 'open'|'close'|'text'|'comment'|'doctype', name, attrs: [[name, value]], text, at}] */
export function tokens(html) {
    const out = []
    let at = 0
    while (at < html.length) {
        const lt = html.indexOf('<', at)
        const end = lt < 0 ? html.length : lt
        if (end > at) out.push({ type: 'text', text: html.slice(at, end), at })
        if (lt < 0) break
        at = token(html, lt, out)
    }
    return out
}

function token(html, at, out) {
    if (html.startsWith('<!--', at)) return until(html, at, '-->', out, 'comment')
    if (/^<!doctype/i.test(html.slice(at, at + 9))) return until(html, at, '>', out, 'doctype')
    const close = /^<\/([a-zA-Z][\w:-]*)\s*>/.exec(html.slice(at, at + 80))
    if (close) {
        out.push({ type: 'close', name: close[1].toLowerCase(), at })
        return at + close[0].length
    }
    const open = /^<([a-zA-Z][\w:-]*)/.exec(html.slice(at, at + 80))
    if (!open) throw new Error(`a bare < at ${at}: ${html.slice(at, at + 60)}`)
    return openTag(html, at, open[1].toLowerCase(), at + open[0].length, out)
}

function until(html, at, mark, out, type) {
    const end = html.indexOf(mark, at)
    if (end < 0) throw new Error(`${type} without an end at ${at}`)
    out.push({ type, text: html.slice(at, end + mark.length), at })
    return end + mark.length
}

function openTag(html, start, name, at, out) {
    const attrs = []
    const pattern = /\s*(?:([^\s"'<>/=]+)(?:="([^"]*)")?|(\/?>))/y
    for (;;) {
        pattern.lastIndex = at
        const m = pattern.exec(html)
        if (!m) throw new Error(`a broken tag <${name}> at ${start}: ${html.slice(start, start + 200)}`)
        at = pattern.lastIndex
        if (m[3]) break
        attrs.push([m[1].toLowerCase(), m[2] ?? ''])
    }
    out.push({ type: 'open', name, attrs, at: start })
    return RAW.has(name) ? rawText(html, at, name, out) : at
}

function rawText(html, at, name, out) {
    const end = html.toLowerCase().indexOf(`</${name}`, at)
    if (end < 0) throw new Error(`<${name}> is not closed`)
    if (end > at) out.push({ type: 'text', text: html.slice(at, end), raw: name, at })
    return end
}

/** Every element closed, in order; no id twice. Returns the errors, one a line. */
export function structure(list) {
    const open = [], wrong = [], ids = new Set()
    for (const t of list) {
        if (t.type === 'open') {
            const id = t.attrs.find(([n]) => n === 'id')?.[1]
            if (id !== undefined && ids.has(id)) wrong.push(`id ${id} twice`)
            if (id !== undefined) ids.add(id)
            const names = t.attrs.map(([n]) => n)
            for (const n of new Set(names)) if (names.filter(x => x === n).length > 1) wrong.push(`<${t.name}> has ${n} twice`)
            if (!VOID.has(t.name)) open.push(t.name)
        } else if (t.type === 'close') {
            const last = open.pop()
            if (last !== t.name) wrong.push(`</${t.name}> closes <${last}> at ${t.at}`)
        }
    }
    for (const name of open) wrong.push(`<${name}> is not closed`)
    return wrong
}
