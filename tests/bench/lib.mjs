// What the benches share: load by wrk, rows measured in turn, the table, the machine.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import { top } from '../lib/install.mjs'

export const CONNECTIONS = 32
export const ROUNDS = [1, 2] // wrk threads

/** What a program printed; rejects when it fails. */
export function output(command, args, env = {}) {
    return new Promise((ok, bad) => {
        const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
        let out = ''
        for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { out += text })
        child.on('error', bad)
        child.on('close', code => code === 0 ? ok(out) : bad(new Error(`${command}: ${out}`)))
    })
}

/** Requests of a mode of load.lua for so many seconds; its settings are environment variables. */
export async function load(url, mode, { threads = 1, connections = CONNECTIONS, seconds, headers = [], ...env }) {
    const out = await output('wrk', ['-t', String(threads), '-c', String(connections), '-d', `${seconds}s`, '--timeout', '10s',
        ...headers.flatMap(h => ['-H', h]), '-s', `${top}/tests/bench/load.lua`, url], { MODE: mode, THREADS: String(threads), ...env })
    const result = JSON.parse(/^RESULT (.*)$/m.exec(out)[1])
    return { rate: result.requests / result.seconds, p50: result.p50_ms, p99: result.p99_ms, refused: result.refused, failed: result.failed + result.refused }
}

const mean = list => list.reduce((a, b) => a + b, 0) / list.length

/** All rows in turn, as often as there are rounds; then each row's mean (and its worst p99). */
export async function measure(rows) {
    for (const threads of ROUNDS) {
        for (const row of rows) {
            const result = await row.run(threads)
            ;(row.results ??= []).push(result)
            process.stderr.write(`  ${row.what}: ${Math.round(result.rate)}/s\n`)
        }
    }
    for (const row of rows) {
        row.rate = mean(row.results.map(r => r.rate))
        row.p50 = mean(row.results.map(r => r.p50))
        row.p99 = Math.max(...row.results.map(r => r.p99))
        row.failed = row.results.reduce((sum, r) => sum + r.failed, 0)
    }
}

const TICKS = 100 // a second, in /proc (proc(5), USER_HZ)

/** Processor time so far, in seconds: {name: [user, system]} of these processes ({name: pid}), of the load generators that have ended, and idle. */
export function processorTimes(pids) {
    const fieldsOf = pid => fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ').map(Number)
    const times = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, fieldsOf(pid).slice(11, 13)]))
    times['load generator'] = fieldsOf('self').slice(13, 15)
    const [user, nice, system, idle, wait, irq, soft, steal] = /^cpu +(.*)/.exec(fs.readFileSync('/proc/stat', 'utf8'))[1].split(' ').map(Number)
    times.idle = [0, idle + wait]
    times.all = [user + nice, system + idle + wait + irq + soft + steal]
    return Object.fromEntries(Object.entries(times).map(([name, pair]) => [name, pair.map(t => t / TICKS)]))
}

/** Prints what each row spent on one request, in microseconds of processor time: `spent` of a row is a list of [before, after, requests]. */
export function timeTable(rows) {
    const names = Object.keys(rows[0].spent[0][0]).filter(name => name !== 'all')
    const each = (row, name, i) => {
        const requests = row.spent.reduce((sum, one) => sum + one[2], 0)
        return 1e6 * row.spent.reduce((sum, [before, after]) => sum + after[name][i] - before[name][i], 0) / requests
    }
    const cell = n => n.toFixed(1).padStart(10)
    console.log(`\n${'microseconds of one request, user and system'.padEnd(46)}${rows.map(r => r.short.padStart(20)).join('')}`)
    for (const name of names) console.log(`${name.padEnd(46)}${rows.map(r => cell(each(r, name, 0)) + cell(each(r, name, 1))).join('')}`)
    const rest = r => [0, 1].map(i => each(r, 'all', i) - names.reduce((sum, name) => sum + each(r, name, i), 0))
    console.log(`${'everything else'.padEnd(46)}${rows.map(r => rest(r).map(cell).join('')).join('')}`)
    console.log(`${'all cores'.padEnd(46)}${rows.map(r => cell(each(r, 'all', 0) + each(r, 'all', 1)).padStart(20)).join('')}`)
}

export async function machine(parley, seconds) {
    const [db] = await parley.sql('SELECT VERSION() version, @@innodb_flush_log_at_trx_commit sync, @@innodb_buffer_pool_size DIV 1048576 pool')
    return `${os.cpus().length} cores (${os.cpus()[0].model.trim()}), MariaDB ${db.version}, innodb_flush_log_at_trx_commit = ${db.sync}, ` +
        `buffer pool ${db.pool} MB, ${CONNECTIONS} connections, ${ROUNDS.length} × ${seconds} s each, load generator beside it`
}

export function table(rows) {
    const reference = rows[0].rate
    const cell = (text, width) => String(text).padStart(width)
    console.log(`${'what'.padEnd(46)}${cell('per s', 8)}${cell('ratio', 7)}${cell('p50 ms', 9)}${cell('p99 ms', 9)}${cell('failed', 8)}`)
    for (const r of rows) {
        console.log(`${r.what.padEnd(46)}${cell(Math.round(r.rate), 8)}${cell((r.rate / reference).toFixed(2), 7)}` +
            `${cell(r.p50.toFixed(1), 9)}${cell(r.p99.toFixed(1), 9)}${cell(r.failed, 8)}`)
    }
}

/** How a row exceeds its `limit`, as a message. */
export function missedLimits(rows) {
    const missed = []
    for (const r of rows) {
        if (r.failed) missed.push(`${r.what}: ${r.failed} requests failed`)
        if (r.limit?.rate > r.rate) missed.push(`${r.what}: fewer than ${r.limit.rate} a second`)
        if (r.limit?.p99 < r.p99) missed.push(`${r.what}: p99 over ${r.limit.p99} ms`)
        if (r.limit?.ratio > r.rate / rows[0].rate) missed.push(`${r.what}: less than ${r.limit.ratio} of the empty request`)
    }
    return missed
}
