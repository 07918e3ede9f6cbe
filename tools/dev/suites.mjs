// The suites of ./dev test as jobs for the schedule. Suites and their files are found by pattern:
//
//   unit       every C test program, as make lists them (check-list)
//   NAME       each tests/NAME/*.test.mjs
//   lint, tidy, install, dist   the checks that tools/dev/checks.sh holds under these names
//   sanitize   build with address,undefined, then unit, http and talk on that build
//
// A test file that takes long says so at its head: "Runs for about 60 s." Such files are started first. The times of the last run replace that.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { top } from '../../tests/lib/build.mjs'

const PREPARE = 'prepare' // the step that makes the databases which tests copy
const CHECKS = { lint: 20, tidy: 40, install: 10, dist: 120 } // seconds, about
const SANITIZED = 'address,undefined', SANITIZED_SUITES = ['http', 'talk'], SANITIZED_BUILD_S = 150

export const nodeFiles = suite => fs.readdirSync(`${top}/tests/${suite}`).filter(f => f.endsWith('.test.mjs')).sort().map(f => `tests/${suite}/${f}`)
export const nodeSuites = () => fs.readdirSync(`${top}/tests`, { withFileTypes: true })
    .filter(d => d.isDirectory() && nodeFiles(d.name).length).map(d => d.name).sort()
export const buildFolder = sanitize => `${top}/var/build-${sanitize ? sanitize.replaceAll(',', '-') : 'test'}`

/** All suites, or those that make sense on a sanitized build. */
export function defaultSuites(sanitize) {
    return sanitize ? ['unit', ...nodeSuites()] : ['unit', 'lint', 'tidy', 'install', ...nodeSuites(), 'dist', 'sanitize']
}

/** The C test programs of a configured build, as make knows them. */
export function checkPrograms(build) {
    const done = spawnSync('make', ['-s', '-C', build, 'check-list'], { encoding: 'utf8' })
    if (done.status !== 0) throw new Error(`make check-list failed: ${done.stderr}`)
    return done.stdout.split('\n').filter(line => line.startsWith('tests/'))
}

// What the sanitizers' run-time libraries are told.
const sanitizerEnv = {
    ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1:allocator_may_return_null=1',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    TSAN_OPTIONS: `second_deadlock_stack=1:suppressions=${top}/tests/tsan.supp`,
    LSAN_OPTIONS: `suppressions=${top}/tests/lsan.supp`,
}

export class Suites {
    /** build: the folder of the build under test. sanitize: its sanitizers, or ''. place: var/. times: seconds of each job in the last run. */
    constructor({ build, sanitize, node, place, times }) {
        Object.assign(this, { build, sanitize, node, place, times, env: { DEV_VAR: place, PARLEY_TEST_TEMPLATE: `${place}/test/empty` } })
    }

    /** The jobs of these suites. */
    all(suites) { return this.prepared(suites.flatMap(suite => this.jobs(suite))) }

    /** The jobs of what ./dev test --changed has selected (changed.mjs). */
    selected({ all, programs, files, install }) {
        if (all) return this.all(defaultSuites('').filter(suite => !['dist', 'sanitize'].includes(suite)))
        const folders = [...new Set(files.map(file => file.split('/')[1]))]
        return this.prepared([
            ...this.jobs('lint'), ...install ? this.jobs('install') : [], ...this.unit('unit', this.build, '', programs),
            ...folders.flatMap(folder => this.files(folder, folder, this.build, '', files.filter(file => file.split('/')[1] === folder))),
        ])
    }

    /** These jobs, and the one that they wait for. */
    prepared(jobs) {
        const prepare = { suite: PREPARE, name: PREPARE, kind: 'step', cost: 5, command: [this.node, 'tests/lib/prepare.mjs'], cwd: top }
        return jobs.some(job => job.needs?.includes(PREPARE)) ? [this.job(prepare, this.build, ''), ...jobs] : jobs
    }

    /** The jobs of one suite. */
    jobs(suite) {
        if (suite === 'unit') return this.unit(suite, this.build, this.sanitize)
        if (suite === 'sanitize') return this.sanitized()
        if (suite in CHECKS) return [this.checks(suite, suite === 'dist' ? { needs: [PREPARE] } : {})]
        return this.files(suite, suite, this.build, this.sanitize)
    }

    /** programs: some of them instead of all. */
    unit(suite, build, sanitize, programs = this.programs ??= checkPrograms(this.build)) {
        return programs.map(program => this.job({
            suite, name: program, source: `${program}.c`, kind: 'cmocka', command: [`${build}/${program}`], cwd: build, cost: 3,
            needs: [PREPARE], env: { LOCPATH: `${this.place}/locale`, PARLEY_TEST_STRICT: '1', CMOCKA_MESSAGE_OUTPUT: 'tap' },
        }, build, sanitize))
    }

    files(suite, folder, build, sanitize, files = nodeFiles(folder)) {
        return files.map(file => this.job({
            suite, name: file, source: file, kind: 'node', cost: 10, needs: [PREPARE],
            command: [this.node, '--test', '--test-timeout=600000', '--test-reporter=tap', file], cwd: top,
        }, build, sanitize))
    }

    checks(name, more) {
        const command = [`${top}/dev`, 'check', name]
        return this.job({ suite: name, name, kind: 'checks', cost: CHECKS[name], command, cwd: top, ...more }, this.build, '')
    }

    sanitized() {
        const build = buildFolder(SANITIZED), suite = 'sanitize', name = `build with ${SANITIZED}`
        const command = [`${top}/dev`, 'check', 'sanitized_build']
        const first = this.job({ suite, name, kind: 'step', cost: SANITIZED_BUILD_S, command, cwd: top }, build, SANITIZED)
        const jobs = [...this.unit(suite, build, SANITIZED), ...SANITIZED_SUITES.flatMap(folder => this.files(suite, folder, build, SANITIZED))]
        return [first, ...jobs.map(job => ({ ...job, needs: [...job.needs, name] }))]
    }

    job(job, build, sanitize) {
        if (sanitize && job.kind !== 'step') job.name += ` (${sanitize})`
        job.cost = this.times[job.name] ?? (job.source ? expected(job.source) ?? job.cost : job.cost)
        return { ...job, sanitized: sanitize, env: { ...sanitizerEnv, ...this.env, DEV_BUILD: build, DEV_SANITIZE: sanitize, ...job.env } }
    }
}

/** Seconds, as a test file announces them at its head. */
function expected(source) {
    let head = ''
    try { head = fs.readFileSync(`${top}/${source}`, 'utf8').slice(0, 2000) } catch { /* a program of several files */ }
    const found = /Runs for about (\d+) s\b/.exec(head)
    return found ? Number(found[1]) : undefined
}
