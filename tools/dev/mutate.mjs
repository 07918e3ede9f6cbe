// ./dev mutate FILE...: does a test notice when a line is wrong?
//
// Each mutant is one small change of one line: a comparison, a condition, a constant, a call that is left out. It is built in a copy of the
// checkout (var/mutate), and the tests that cover the file's module run, the nearest first, until one fails. A mutant that no test notices is
// a survivor: either a test is missing, or the line does not matter. The seed makes the same choice of mutants again.
//
//   node tools/dev/mutate.mjs --var=DIR [--most=N] [--seed=N] [--lines=FROM-TO] FILE...
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { top } from '../../tests/lib/build.mjs'
import { Tree, trackedFiles } from './changed.mjs'
import { Suites } from './suites.mjs'

const LIMIT_S = 120
const { values: options, positionals: files } = parseArgs({
    allowPositionals: true,
    options: { var: { type: 'string' }, most: { type: 'string', default: '25' }, seed: { type: 'string', default: '1' }, lines: { type: 'string', default: '' } },
})
const copy = `${options.var}/mutate/source`, build = `${options.var}/mutate/build`
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

function choose(list, most, seed) {
    const next = random(seed), rest = [...list], chosen = []
    while (rest.length && chosen.length < most) chosen.push(rest.splice(Math.floor(next() * rest.length), 1)[0])
    return chosen.sort((a, b) => a.line - b.line)
}

function must(command, args, cwd) {
    const done = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 28 })
    if (done.status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${(done.stderr + done.stdout).slice(-2000)}`)
}

function prepare() {
    fs.mkdirSync(build, { recursive: true })
    for (const file of trackedFiles(top)) {
        const to = `${copy}/${file}`
        fs.mkdirSync(path.dirname(to), { recursive: true })
        if (!fs.existsSync(to) || !fs.readFileSync(to).equals(fs.readFileSync(`${top}/${file}`))) fs.copyFileSync(`${top}/${file}`, to)
    }
    for (const extra of ['htdocs/vendor', 'node_modules']) if (!fs.existsSync(`${copy}/${extra}`)) fs.symlinkSync(`${top}/${extra}`, `${copy}/${extra}`)
    if (!fs.existsSync(`${copy}/configure`)) must('autoreconf', ['-i'], copy)
    if (!fs.existsSync(`${build}/config.status`)) must(`${copy}/configure`, ['--quiet', '--prefix=/usr/local', '--sysconfdir=/etc', 'CFLAGS=-O0 -g'], build)
    must('make', ['-s', '-j2', 'all'], build)
}

/** The jobs that cover a file, nearest first: the module's own C tests, other C tests that include it, its node files. */
function jobsFor(file, suites) {
    const tree = new Tree(top, trackedFiles(top)), module = path.dirname(file), own = module.replace(/^(src|cgi-bin)\//, 'tests/')
    const headers = tree.files_c.filter(f => f.endsWith('.h') && path.dirname(f) === module)
    const programs = tree.files_c.filter(f => /^tests\/.*\/test_[^/]*\.c$/.test(f))
        .filter(f => path.dirname(f) === own || (tree.includes.get(f) ?? []).some(h => headers.includes(h))).map(f => f.slice(0, -2))
    const nodes = [...tree.imports.keys()].filter(f => f.endsWith('.test.mjs') && tree.covers(f).some(c => c === module || module.startsWith(`${c}/`)))
    const near = name => (name.startsWith(`${own}/`) ? 0 : 1)
    const sorted = list => list.sort((a, b) => near(a) - near(b) || a.localeCompare(b))
    return { programs: sorted(programs), jobs: [...suites.unit('mutate', build, '', sorted(programs)), ...suites.files('mutate', '', build, '', sorted(nodes))] }
}

function run(job, limit = LIMIT_S) {
    return new Promise(ok => {
        const child = spawn(job.command[0], job.command.slice(1), { cwd: job.cwd, env: { ...process.env, ...job.env }, stdio: 'ignore', detached: true })
        const end = signal => { try { process.kill(-child.pid, signal) } catch { /* it has ended */ } }
        const late = setTimeout(() => end('SIGKILL'), 1000 * limit)
        child.once('error', () => ok(false))
        child.once('exit', code => { clearTimeout(late); end('SIGKILL'); ok(code === 0) })
    })
}

async function verdict(file, mutant, { programs, jobs }) {
    const text = fs.readFileSync(`${top}/${file}`, 'utf8').split('\n')
    text[mutant.line - 1] = mutant.after
    fs.writeFileSync(`${copy}/${file}`, text.join('\n'))
    const targets = jobs.some(job => job.kind === 'node') ? ['all', ...programs] : programs
    for (const goals of [targets.slice(0, 1), targets.slice(1)]) {
        if (goals.length && spawnSync('make', ['-s', '-j2', ...goals], { cwd: build, stdio: 'ignore' }).status !== 0) return 'does not compile'
    }
    for (const job of jobs) if (!await run(job)) return `caught by ${job.name}`
    return 'SURVIVED'
}

async function main() {
    if (!files.length) throw new Error('./dev mutate FILE...: name the source files whose lines are changed')
    const [from, to] = options.lines.split('-').map(Number)
    prepare()
    const suites = new Suites({ build, sanitize: '', node: process.execPath, place: options.var, times: {} })
    const template = suites.all(['unit']).find(job => job.name === 'prepare')
    if (template && !await run(template, 600)) throw new Error('the databases that the tests copy could not be made')
    const counts = { caught: 0, survived: 0, broken: 0 }
    for (const file of files) {
        const cover = jobsFor(file, suites)
        must('make', ['-s', '-j2', ...cover.programs], build)
        for (const job of cover.jobs) if (!await run(job, 600)) throw new Error(`${job.name} fails without any change`)
        const all = mutants(fs.readFileSync(`${top}/${file}`, 'utf8')).filter(m => !options.lines || (m.line >= from && m.line <= to))
        const chosen = choose(all, Number(options.most), Number(options.seed))
        say(`${file}: ${chosen.length} of ${all.length} mutants, ${cover.jobs.length} test files`)
        for (const mutant of chosen) {
            const what = await verdict(file, mutant, cover)
            counts[what === 'SURVIVED' ? 'survived' : what.startsWith('caught') ? 'caught' : 'broken']++
            if (what === 'SURVIVED') say(`  SURVIVED ${file}:${mutant.line}: ${mutant.before}\n${' '.repeat(11)}became: ${mutant.after.trim()}`)
            else say(`  ${what}: line ${mutant.line}`)
        }
        fs.copyFileSync(`${top}/${file}`, `${copy}/${file}`)
    }
    say(`${counts.caught} caught, ${counts.survived} survived, ${counts.broken} did not compile`)
    process.exitCode = counts.survived ? 1 : 0
}

if (process.argv[1]?.endsWith('mutate.mjs')) await main()
