// Which names a template asks for: every leaf, through each, with, def and call, so that a test can fill all of them.
import fs from 'node:fs'
import path from 'node:path'

const COMMAND = /<\?cs\s+([\s\S]*?)\?>/g
const NAME = /[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*/g
const FUNCTIONS = new Set(['subcount', 'name', 'url_escape', 'url_validate', 'first', 'last', 'len'])

/** The text of a template with its includes put in, each once. */
export function flatten(dir, file, seen = new Set()) {
    seen.add(file)
    const text = fs.readFileSync(path.join(dir, file), 'utf8')
    return text.replace(/<\?cs\s+include!"([^"]+)"\s*\?>/g, (_, inner) => seen.has(inner) ? '' : flatten(dir, inner, seen))
}

function leafNames(expression) {
    const plain = expression.replace(/"[^"]*"/g, ' ').replace(/#?\b\d+\b/g, ' ')
    return (plain.match(NAME) ?? []).filter(n => !FUNCTIONS.has(n))
}

/** alias -> the expressions it refers to */
function collect(text) {
    const alias = new Map(), uses = [], macros = new Map(), calls = []
    const add = (name, target) => alias.set(name, [...alias.get(name) ?? [], target])
    for (const [, command] of text.matchAll(COMMAND)) {
        const m = /^(\/?\w+)\s*[:!]?\s*([\s\S]*?)\s*$/.exec(command)
        if (!m) continue
        const [, word, rest] = m
        if (word === 'each' || word === 'with') {
            const [, name, target] = /^(\w+)\s*=\s*([\w.]+)/.exec(rest)
            add(name, word === 'each' ? `${target}.0` : target)
        } else if (word === 'def') {
            const [, name, args] = /^(\w+)\(([^)]*)\)/.exec(rest)
            macros.set(name, args.split(',').map(a => a.trim()).filter(Boolean))
        } else if (word === 'call') {
            const [, name, args] = /^(\w+)\(([\s\S]*)\)$/.exec(rest)
            calls.push([name, args.split(',').map(a => a.trim())])
        } else if (['var', 'uvar', 'if', 'elif', 'set'].includes(word)) uses.push(...leafNames(rest))
    }
    for (const [name, args] of calls) (macros.get(name) ?? []).forEach((arg, i) => { if (args[i] && !/^["#]/.test(args[i])) add(arg, args[i]) })
    return { alias, uses: [...uses, ...calls.flatMap(([, args]) => args.flatMap(leafNames))] }
}

function resolve(name, alias, depth = 0) {
    const [head, ...tail] = name.split('.')
    const targets = alias.get(head)?.filter(t => t !== head && t.split('.')[0] !== head)
    if (!targets?.length || depth > 6) return [name]
    return targets.flatMap(t => resolve([t, ...tail].join('.'), alias, depth + 1))
}

/** Full names of all leaves, without the texts (T). */
export function leaves(text) {
    const { alias, uses } = collect(text)
    const all = new Set(uses.flatMap(name => resolve(name, alias)))
    return [...all].filter(n => n.split('.')[0] !== 'T').sort()
}

/** The same template with every branch shown, one after the other. */
export function allBranches(text) {
    return text.replace(/<\?cs\s+(?:if:|elif:|else\b|\/if\b)[\s\S]*?\?>/g, ' ')
}
