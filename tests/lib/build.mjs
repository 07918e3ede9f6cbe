// Which build the tests run, and which sanitizers are in it. Every suite takes `build` from here.
//
//   DEV_BUILD      the build folder; without it var/build-test, then build
//   DEV_SANITIZE   the sanitizers that this build must contain, as configure takes them: address,undefined or thread
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
export const build = process.env.DEV_BUILD ?? [`${top}/var/build-test`, `${top}/build`].find(d => fs.existsSync(`${d}/config.status`))

// Instrumented code calls these functions, so a program that has the sanitizer has the name, however it is linked.
export const MARKS = { address: '__asan_init', undefined: '__ubsan_handle_', thread: '__tsan_init' }
const known = new Map()

/** The sanitizers that a program was built with: a subset of address, undefined, thread. */
export function sanitizersOf(file) {
    const { dev, ino, mtimeMs } = fs.statSync(file), key = `${dev}:${ino}:${mtimeMs}`
    if (!known.has(key)) {
        const bytes = fs.readFileSync(file)
        known.set(key, Object.keys(MARKS).filter(name => bytes.includes(MARKS[name])))
    }
    return known.get(key)
}

/** The sanitizers in this list (address,undefined) that the program does not have. */
export function missingSanitizers(file, list) {
    const found = list ? sanitizersOf(file) : []
    return list ? list.split(',').filter(name => !found.includes(name)) : []
}

/** Fails unless the running process has each sanitizer that this run claims to use. */
export function assertSanitized(pid, wanted = process.env.DEV_SANITIZE) {
    const program = `/proc/${pid}/exe`
    for (const name of missingSanitizers(program, wanted)) assert.fail(`${fs.readlinkSync(program)} runs without the ${name} sanitizer`)
}
