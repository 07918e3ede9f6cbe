// What ./dev mutate has found out about mutants, kept over runs: one line of JSON per verdict, appended as soon as it is known, so that a run may be
// stopped at any moment. A verdict belongs to the text of the function that was changed: it stays when other functions of the file change, and is
// forgotten with the function's own text. The tests are no part of the key: whoever writes a missing test judges the survivors again.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'

/** The lines of the function, or of the rest between two functions, that holds a line (from 1): {first (from 1), text}. */
export function functionAround(text, line) {
    const lines = text.split('\n')
    let first = line - 1, end = line - 1
    while (first > 0 && !lines[first - 1].startsWith('}')) first--
    while (end < lines.length - 1 && !lines[end].startsWith('}')) end++
    while (first < line - 1 && !/^\w/.test(lines[first])) first++ // the comment above it does not count
    return { first: first + 1, text: lines.slice(first, end + 1).join('\n') }
}

export const keyOf = (file, source, mutant) => {
    const { first, text } = functionAround(source, mutant.line)
    return createHash('sha256').update([file, text, mutant.line - first, mutant.after].join('\0')).digest('hex')
}

export class Judged {
    #verdicts = new Map() // key -> verdict; the last line of a key counts

    constructor(place) {
        this.place = place
        if (!fs.existsSync(place)) return
        for (const line of fs.readFileSync(place, 'utf8').split('\n')) {
            try {
                const { key, verdict } = JSON.parse(line)
                this.#verdicts.set(key, verdict)
            } catch { /* empty, or the last line of a run that was killed */ }
        }
    }

    add(file, source, mutant, verdict) {
        const key = keyOf(file, source, mutant), row = { key, file, line: mutant.line, after: mutant.after.trim(), verdict }
        this.#verdicts.set(key, verdict)
        fs.mkdirSync(path.dirname(this.place), { recursive: true })
        fs.appendFileSync(this.place, `\n${JSON.stringify(row)}`) // the newline first: the line before may be torn
    }

    verdict(file, source, mutant) { return this.#verdicts.get(keyOf(file, source, mutant)) }
}
