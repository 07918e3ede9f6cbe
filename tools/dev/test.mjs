// What ./dev test runs once packages and the build are there: all jobs of the named suites under one schedule, then the sums.
//
//   node tools/dev/test.mjs --build=DIR --sanitize=LIST --var=DIR --slots=N [--changed] SUITE...
//
// --changed: no whole suites, but what changed.mjs selects.
// The seconds of each job are kept in DIR/test-times.json; the next run starts the longest first.
import fs from 'node:fs'
import { parseArgs } from 'node:util'
import { selection } from './changed.mjs'
import { childrenSeconds, Schedule } from './schedule.mjs'
import { defaultSuites, Suites } from './suites.mjs'

const SLOWEST = 10
const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
        ...Object.fromEntries(['build', 'sanitize', 'var', 'slots'].map(name => [name, { type: 'string', default: '' }])),
        changed: { type: 'boolean', default: false },
    },
})
const say = line => process.stdout.write(`${line}\n`)
const began = Date.now(), memory = `${options.var}/test-times.json`

function lastTimes() {
    try { return JSON.parse(fs.readFileSync(memory, 'utf8')) } catch { return {} }
}

const suites = new Suites({ build: options.build, sanitize: options.sanitize, node: process.execPath, place: options.var, times: lastTimes() })

function selectedJobs() {
    const { since, changed, all, modules, programs, files, ...chosen } = selection(process.cwd())
    const more = changed.length > 8 ? ` and ${changed.length - 8} more` : ''
    say(`changed since ${since.slice(0, 10)}: ${changed.slice(0, 8).join(' ') || 'nothing'}${more}`)
    if (all) say(`everything runs, because of ${all}`)
    else say(`affected modules: ${modules.join(' ') || 'none'}; ${programs.length} C programs and ${files.length} files run`)
    return suites.selected({ all, programs, files, ...chosen })
}

const jobs = options.changed ? selectedJobs() : suites.all(positionals.length ? positionals : defaultSuites(options.sanitize))
const schedule = new Schedule(jobs, { slots: Number(options.slots) || 1, logs: `${options.var}/log`, say })
for (const name of schedule.suites) fs.rmSync(schedule.logOf(name), { force: true })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
        schedule.stop()
        setTimeout(() => { schedule.stop('SIGKILL'); process.exit(1) }, 5000).unref()
    })
}

const { passed, failed } = await schedule.run()

fs.writeFileSync(memory, JSON.stringify({ ...lastTimes(), ...schedule.times() }, null, 1))
if (schedule.tests.length) say(`the slowest tests:\n${schedule.slowest(SLOWEST).join('\n')}`)
if (schedule.broken.length) say(`failed:\n${schedule.broken.map(name => `    ${name}: ${schedule.logOf(name)}`).join('\n')}`)
say(`all suites took ${Math.round((Date.now() - began) / 1000)} s (${Math.round(childrenSeconds())} s of processor time)`)
say(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
