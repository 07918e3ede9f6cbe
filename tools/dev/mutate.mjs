// ./dev mutate FILE...: does a test notice when a line is wrong?
//
// Each mutant is one small change of one line: a comparison, a condition, a constant, a call that is left out. It is built in a copy of the
// checkout (var/mutate) with address and undefined-behaviour sanitizers, so that a missing release or a read past the end counts as noticed
// too. The tests that cover the file's module run until one fails: C programs before node's files, the nearest first, and of those that are
// as near, first the one that has caught most mutants so far. Of node's files single tests run first, those that caught mutants of near lines.
// For a C program the changed file alone is compiled and linked before the library; make runs only for node's files. All C programs share one
// MariaDB. A mutant that no test notices is a survivor: either a test is missing, or the line does not matter. The seed makes the same choice of
// mutants again.
//
//   node tools/dev/mutate.mjs --var=DIR [--most=N] [--seed=N] [--lines=FROM-TO] [--tests=REGEXP] [--programs=LIST]
//                             [--rest] [--survivors] FILE...
//
// --tests: only the tests whose path matches, for a quick look. --programs: the programs that those of node's files run, separated by commas;
// only they are linked, instead of a make of everything. Every verdict is kept in var/mutate/judged.jsonl. --rest leaves out the mutants that have
// one, so that a run may be stopped and continued. --survivors judges again those that survived: with more tests, or after one was written.
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { top } from '../../tests/lib/build.mjs'
import { Tree, trackedFiles } from './changed.mjs'
import { Judged } from './judged.mjs'
import { Suites } from './suites.mjs'

const NEAREST = 2 // single tests of a file that run before the whole file
const FIRST_LIMIT_S = 600 // of a test's run on the unchanged source; a mutant's run gets a few times what that took
const SANITIZERS = 'address,undefined'
const { values: options, positionals: files } = parseArgs({
    allowPositionals: true,
    options: {
        var: { type: 'string' }, most: { type: 'string', default: '25' }, seed: { type: 'string', default: '1' },
        lines: { type: 'string', default: '' }, tests: { type: 'string', default: '' }, programs: { type: 'string', default: '' },
        rest: { type: 'boolean', default: false }, survivors: { type: 'boolean', default: false },
    },
})
const copy = `${options.var}/mutate/source`, build = `${copy}/var/build` // two folders deep, as ./dev builds: ccache finds what those builds made
const SURVIVED = 'SURVIVED'
const say = line => process.stdout.write(`${line}\n`)

/** What may be changed in a line of C, as pairs of a pattern and its replacement. Exported for its test. */
export const CHANGES = [
    [/ == /g, ' != '], [/ != /g, ' == '], [/ <= /g, ' < '], [/ >= /g, ' > '], [/ < /g, ' <= '], [/ > /g, ' >= '],
    [/ && /g, ' || '], [/ \|\| /g, ' && '], [/ \+ 1\b/g, ''], [/ - 1\b/g, ''], [/\btrue\b/g, 'false'], [/\bfalse\b/g, 'true'],
    [/(?<=[(&| ])!(?=[a-z(])/g, ''], [/^(\s+(?:if|while) \()(.*)(\))( \{)?$/, '$1!($2)$3$4'],
    [/^(\s+)(?!return|break|continue|goto|else|case|default|log_line|BUG|CHECK|va_)([a-z_]+\(.*\);)$/, '$1(void)0;'],
    [/\breturn OK;/, 'return ERR_INTERNAL;'],
]

/** All mutants of a source text: {line (from 1), before, after}. */
export function mutants(text) {
    const found = []
    let comment = false
    text.split('\n').forEach((line, i) => {
        const starts = /^\s*\/\*/.test(line)
        const inside = comment || starts
        if (line.includes('/*')) comment = true
        if (line.includes('*/')) comment = false
        if (inside || /^\s*(#|\/\/)/.test(line) || !/^\s+\S/.test(line) || /\b(LOG_[A-Z]|static const|log_line|BUG|CHECK)\b/.test(line)) return
        const code = line.replace(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'|\/\*.*?\*\//g, s => '\u0001'.repeat(s.length))
        for (const [pattern, replacement] of CHANGES) {
            for (const match of pattern.global ? code.matchAll(pattern) : [pattern.exec(code)].filter(Boolean)) {
                const found_text = line.slice(match.index, match.index + match[0].length)
                const changed = pattern.global ? replacement : found_text.replace(new RegExp(pattern.source), replacement)
                const after = line.slice(0, match.index) + changed + line.slice(match.index + match[0].length)
                if (after !== line) found.push({ line: i + 1, before: line.trim(), after })
            }
        }
    })
    return found
}

function random(seed) { // mulberry32
    let a = seed >>> 0
    return () => {
        a = (a + 0x6d2b79f5) >>> 0
        let t = Math.imul(a ^ (a >>> 15), 1 | a)
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296
    }
}

/** The mutants that the options ask for, before chance chooses. verdict: what is known of a mutant, or undefined. Exported for its test. */
export function asked(list, { rest, survivors }, verdict) {
    if (!rest && !survivors) return list
    return list.filter(m => (rest && !verdict(m)) || (survivors && verdict(m) === SURVIVED))
}

function choose(list, most, seed) {
    const next = random(seed), rest = [...list], chosen = []
    while (rest.length && chosen.length < most) chosen.push(rest.splice(Math.floor(next() * rest.length), 1)[0])
    return chosen.sort((a, b) => a.line - b.line)
}

const buildEnv = { ...process.env, CCACHE_BASEDIR: copy, CCACHE_NOHASHDIR: '1' }

function must(command, args, cwd, env = {}) {
    const done = spawnSync(command, args, { cwd, env: { ...buildEnv, ...env }, encoding: 'utf8', maxBuffer: 1 << 28 })
    if (done.status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${(done.stderr + done.stdout).slice(-2000)}`)
}

function prepare() {
    const tracked = trackedFiles(top)
    for (const file of tracked) {
        const to = `${copy}/${file}`
        fs.mkdirSync(path.dirname(to), { recursive: true })
        if (!fs.existsSync(to) || !fs.readFileSync(to).equals(fs.readFileSync(`${top}/${file}`))) fs.copyFileSync(`${top}/${file}`, to)
    }
    for (const extra of ['htdocs/vendor', 'node_modules']) if (!fs.existsSync(`${copy}/${extra}`)) fs.symlinkSync(`${top}/${extra}`, `${copy}/${extra}`)
    fs.mkdirSync(build, { recursive: true })
    if (!fs.existsSync(`${copy}/configure`)) must('autoreconf', ['-i'], copy)
    const configure = ['--quiet', '--prefix=/usr/local', '--sysconfdir=/etc', '--enable-developer', `--enable-sanitizers=${SANITIZERS}`, 'CFLAGS=-g -O1']
    if (spawnSync('ld.lld', ['--version']).status === 0) configure.push('LDFLAGS=-fuse-ld=lld') // most of a mutant's time is the linker's
    if (!fs.existsSync(`${build}/config.status`)) must(`${copy}/configure`, configure, build)
    must('make', ['-s', '-j2', 'all'], build)
}

/** The jobs that cover a file: C programs, then node's files. Nearest are the module's own, then those that include its headers themselves or
 * cover its folder, then those that reach them through other headers. */
function jobsFor(file, suites) {
    const tree = new Tree(top, trackedFiles(top)), module = path.dirname(file), own = module.replace(/^(src|cgi-bin)\//, 'tests/')
    const headers = tree.files_c.filter(f => f.endsWith('.h') && path.dirname(f) === module), reached = Tree.reaching(tree.includes, headers)
    const programs = tree.files_c.filter(f => /^tests\/.*\/test_[^/]*\.c$/.test(f))
        .filter(f => path.dirname(f) === own || reached.has(f)).map(f => f.slice(0, -2))
    const nodes = [...tree.imports.keys()].filter(f => f.endsWith('.test.mjs') && tree.covers(f).some(c => c === module || module.startsWith(`${c}/`)))
    const direct = name => name.endsWith('.mjs') || tree.includes.get(`${name}.c`).some(h => headers.includes(h))
    const distance = name => (name.startsWith(`${own}/`) ? 0 : direct(name) ? 1 : 2)
    const wanted = list => list.filter(name => new RegExp(options.tests).test(name)).sort((a, b) => distance(a) - distance(b) || a.localeCompare(b))
    const jobs = [...suites.unit('mutate', build, '', wanted(programs)), ...suites.files('mutate', '', build, '', wanted(nodes))]
    if (!jobs.length) throw new Error(`no test covers ${file}${options.tests ? ` and matches ${options.tests}` : ''}`)
    for (const { kind, command } of jobs) if (kind === 'node') command.splice(1, 0, '--import', `${top}/tools/dev/bail.mjs`)
    return jobs.map(job => ({ ...job, distance: distance(job.name), targets: job.kind === 'node' ? ['all'] : [job.name], caught: 0, catches: [] }))
}

let endRunning = () => {}

/** Whether a job passes: {passed, test: the name of the test of node's file that failed}. Each C program has a folder of its own beside the server
 * that all share. */
function run(job, limit_s, command = job.command) {
    const own = job.kind === 'cmocka' ? fs.mkdtempSync(`${process.env.PARLEY_TEST_DIR}/run-`) : ''
    if (own) fs.symlinkSync('../my.pid', `${own}/my.pid`)
    return new Promise(ok => {
        const env = { ...process.env, ...job.env, ...own ? { PARLEY_TEST_DIR: own } : {} }
        const stdio = ['ignore', job.kind === 'node' ? 'pipe' : 'ignore', 'ignore']
        const child = spawn(command[0], command.slice(1), { cwd: job.cwd, env, stdio, detached: true })
        let output = ''
        child.stdout?.on('data', data => { output += data })
        const end = signal => { try { process.kill(-child.pid, signal) } catch { /* it has ended */ } }
        endRunning = end
        const late = setTimeout(() => end('SIGKILL'), 1000 * limit_s)
        const done = passed => {
            clearTimeout(late)
            end('SIGKILL')
            if (own) fs.rmSync(own, { recursive: true, force: true })
            ok({ passed, test: passed ? undefined : /^not ok \d+ - (?!tests\/)(.*)$/m.exec(output)?.[1] })
        }
        child.once('error', () => done(false))
        child.once('exit', code => done(code === 0))
    })
}

/** Seconds that each job takes on the unchanged source, measured once. */
const seconds = new Map()

async function measure(job) {
    if (seconds.has(job.name)) return
    const from = Date.now()
    must('make', ['-s', '-j2', ...job.targets], build)
    if (!(await run(job, FIRST_LIMIT_S)).passed) throw new Error(`${job.name} fails without any change`)
    seconds.set(job.name, (Date.now() - from) / 1000)
}

// A mutant is compiled without optimisation and without warnings: -Werror would refuse what a test should notice.
const MUTANT = `${build}/mutant`, MUTANT_CFLAGS = '-g -O0 -w'

const shell = (command, args) => spawnSync(command, args, { cwd: build, env: { ...buildEnv, CCACHE_DISABLE: '1' }, stdio: 'ignore' }).status === 0
const makeMutant = targets => shell('make', ['-s', '-j2', `CFLAGS=${MUTANT_CFLAGS}`, ...targets])

/** How make compiles a file, and links a program that needs it: asked of make once, so that a mutant costs no run of make. */
const recipes = new Map()

function recipe(file, program) {
    const key = `${file} ${program}`
    if (!recipes.has(key)) {
        const args = ['-n', 'V=1', '-W', `${copy}/${file}`, program]
        const done = spawnSync('make', args, { cwd: build, env: buildEnv, encoding: 'utf8', maxBuffer: 1 << 28 })
        const lines = done.stdout.replaceAll('\\\n', ' ').split('\n')
        const compile = lines.find(line => line.includes(' -c ') && line.trim().endsWith(file))
            ?.replace(/-MT \S+ -MD -MP -MF \S+ -c -o \S+/, `${MUTANT_CFLAGS} -c -o ${MUTANT}.o`)
        const link = lines.find(line => line.includes(` -o ${program} `))?.replace(` -o ${program} `, ` -o ${MUTANT} ${MUTANT}.o `)
        recipes.set(key, compile && link ? { compile, link } : undefined)
    }
    return recipes.get(key)
}

/** A changed file, compiled once however many programs need it. */
class Mutant {
    #object
    #made = false

    constructor(file) { this.file = file }

    #compiled(how) { return this.#object ??= shell('sh', ['-c', how.compile]) }

    /** The command that runs a C program with the mutant, or undefined where it does not compile. */
    program(job) {
        const how = recipe(this.file, job.name)
        if (!how) return makeMutant(job.targets) ? job.command : undefined
        return this.#compiled(how) && shell('sh', ['-c', how.link]) ? [MUTANT] : undefined
    }

    /** Puts the mutant into the programs that node's files run. */
    install(job) {
        if (!this.#made) {
            const hows = options.programs.split(',').filter(Boolean).map(program => ({ program, how: recipe(this.file, program) }))
            this.#made = hows.length && hows.every(({ how }) => how)
                ? hows.every(({ program, how }) => this.#compiled(how) && shell('sh', ['-c', how.link]) && move(MUTANT, `${build}/${program}`))
                : makeMutant(job.targets)
        }
        return this.#made
    }
}

function move(from, to) {
    fs.renameSync(from, to)
    return true
}

/** The tests of a file of node's that have caught mutants before, the one of the nearest line first. */
function nearest(job, line) {
    const far = ([, lines]) => Math.min(...lines.map(l => Math.abs(l - line)))
    const byTest = new Map()
    for (const c of job.catches) byTest.set(c.test, [...byTest.get(c.test) ?? [], c.line])
    return [...byTest].sort((a, b) => far(a) - far(b)).slice(0, NEAREST).map(([test]) => test)
}

const literally = text => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')

async function verdict(file, source, mutant, jobs) {
    const text = source.split('\n'), made = new Mutant(file)
    text[mutant.line - 1] = mutant.after
    fs.writeFileSync(`${copy}/${file}`, text.join('\n'))
    const late = job => (job.kind === 'node' ? 3 : 0) + job.distance
    const order = (a, b) => late(a) - late(b) || b.caught - a.caught || seconds.get(a.name) - seconds.get(b.name)
    const sorted = jobs.sort(order), programs = sorted.filter(job => job.kind !== 'node'), nodes = sorted.filter(job => job.kind === 'node')
    const caught = job => {
        job.caught++
        return `caught by ${job.name}`
    }
    for (const job of programs) {
        const command = made.program(job)
        if (!command) return 'does not compile'
        if (!(await run(job, limit_s(job), command)).passed) return caught(job)
    }
    for (const job of nodes) { // first single tests, which cost seconds, then whole files
        if (!made.install(job)) return 'does not compile'
        for (const test of nearest(job, mutant.line)) {
            const command = job.command.toSpliced(2 + job.command.indexOf('--import'), 0, `--test-name-pattern=^${literally(test)}$`)
            if ((await run(job, limit_s(job), command)).passed) continue
            job.catches.push({ test, line: mutant.line })
            return caught(job)
        }
    }
    for (const job of nodes) {
        const { passed, test } = await run(job, limit_s(job))
        if (passed) continue
        if (test) job.catches.push({ test, line: mutant.line })
        return caught(job)
    }
    return SURVIVED
}

const limit_s = job => 20 + 3 * seconds.get(job.name)

async function main() {
    if (!files.length) throw new Error('./dev mutate FILE...: name the source files whose lines are changed')
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => { endRunning('SIGTERM'); process.exit(1) })
    const [from, to] = options.lines.split('-').map(Number)
    prepare()
    const suites = new Suites({ build, sanitize: '', node: process.execPath, place: options.var, times: {} })
    let prepared = false
    const counts = { caught: 0, survived: 0, broken: 0 }, judged = new Judged(`${options.var}/mutate/judged.jsonl`)
    for (const file of files) {
        const jobs = jobsFor(file, suites)
        for (const job of jobs) {
            if (job.kind === 'node' && !prepared) must(process.execPath, ['tests/lib/prepare.mjs'], top, job.env)
            prepared ||= job.kind === 'node'
            await measure(job)
        }
        const source = fs.readFileSync(`${copy}/${file}`, 'utf8') // the checkout may change meanwhile
        const all = mutants(source), verdictOf = m => judged.verdict(file, source, m)
        const within = asked(all, options, verdictOf).filter(m => !options.lines || (m.line >= from && m.line <= to))
        const chosen = choose(within, Number(options.most), Number(options.seed))
        say(`${file}: ${chosen.length} of ${all.length} mutants, ${jobs.length} test files`)
        for (const mutant of chosen) {
            const what = await verdict(file, source, mutant, jobs)
            judged.add(file, source, mutant, what)
            counts[what === SURVIVED ? 'survived' : what.startsWith('caught') ? 'caught' : 'broken']++
            if (what === SURVIVED) say(`  SURVIVED ${file}:${mutant.line}: ${mutant.before}\n${' '.repeat(11)}became: ${mutant.after.trim()}`)
            else say(`  ${what}: line ${mutant.line}`)
        }
        const known = all.map(verdictOf), number = test => known.filter(test).length
        say(`${file}: of ${all.length} mutants in all runs ${number(v => v?.startsWith('caught'))} caught, ${number(v => v === SURVIVED)} survived, ` +
            `${number(v => v === 'does not compile')} did not compile, ${number(v => !v)} not judged`)
        fs.writeFileSync(`${copy}/${file}`, source)
    }
    say(`${counts.caught} caught, ${counts.survived} survived, ${counts.broken} did not compile`)
    process.exitCode = counts.survived ? 1 : 0
}

if (process.argv[1]?.endsWith('mutate.mjs')) await main()
