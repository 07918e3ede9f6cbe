// Real questions for the suites of knowledge: where they are, and a reader of CSV that shares no code with Parley's.
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const top = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))))

/** The folder of real data: ../shared/data next to the checkout, or next to one of the folders above it. */
export function sharedData() {
    const places = process.env.PARLEY_SHARED_DATA ? [process.env.PARLEY_SHARED_DATA] : []
    for (let dir = top; dir !== path.dirname(dir); dir = path.dirname(dir)) places.push(path.join(dir, '..', 'shared', 'data'))
    const found = places.find(p => fs.existsSync(path.join(p, 'public-health-faq.csv')))
    return found && path.resolve(found)
}

/** A FAQ and people's own wordings of its questions: the public set of 213 where it is at hand, else the small one of this folder. */
export function faqSet() {
    const dir = sharedData()
    if (dir) return { name: 'public health', faq: `${dir}/public-health-faq.csv`, questions: `${dir}/public-health-questions.csv`, rows: 213, same: 123 }
    const own = `${top}/tests/knowledge/shop`
    return { name: 'shop', faq: `${own}/faq.csv`, questions: `${own}/questions.csv`, rows: 12, same: 13 }
}

/** Rows of a CSV text as objects by its head. */
export function readCsv(text) {
    const rows = [[]]
    for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/g)) {
        rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
        if (end !== ',') rows.push([])
    }
    const [head, ...body] = rows.filter(r => r.length > 1)
    return body.map(r => Object.fromEntries(head.map((h, i) => [h, r[i] ?? ''])))
}
