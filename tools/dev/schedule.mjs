// Runs the jobs of ./dev test: as many at a time as there are slots, the longest chain of jobs first, whatever suite a job
// belongs to.
//
// A job is {suite, name, command: [program, argument...], kind: "node" | "cmocka" | "checks" | "step", cost: seconds it is
// expected to take, needs: [names of jobs that must pass first], env, cwd, sanitized: the sanitizers it must have, limit:
// seconds after which it is ended}. A step has no tests: it counts only when it fails.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import { missingSanitizers } from '../../tests/lib/build.mjs'
import { readTap } from './tap.mjs'

const LIMIT_S = 900

/** Seconds of processor time of the children that have ended, and of theirs. */
export function childrenSeconds() {
    const fields = fs.readFileSync('/proc/self/stat', 'utf8').replace(/^.*\) /, '').split(' ')
    return (Number(fields[13]) + Number(fields[14])) / 100 // cutime and cstime of proc(5), in ticks
}

export class Schedule {
    /** logs: the folder of the logs. say: prints one line. env: for every job. */
    constructor(jobs, { slots, logs, say, env = process.env }) {
        Object.assign(this, { jobs, slots, logs, say, env, running: new Set(), tests: [], passed: 0, failed: 0, broken: [] })
        this.begun = Date.now()
        this.used = childrenSeconds() // until the last job ended
        for (const job of jobs) job.chain = undefined
        for (const job of jobs) this.chain(job)
        this.waiting = [...jobs].sort((a, b) => b.chain - a.chain)
        this.suites = [...new Set(jobs.map(j => j.suite))]
        this.open = new Map() // suite -> its jobs that have not ended
        for (const job of jobs) this.open.set(job.suite, (this.open.get(job.suite) ?? 0) + 1)
    }

    /** Seconds until everything that waits for this job is done, at best. */
    chain(job) {
        job.chain ??= job.cost + Math.max(0, ...this.jobs.filter(j => j.needs?.includes(job.name)).map(j => this.chain(j)))
        return job.chain
    }

    /** Runs them all. Returns {passed, failed}. */
    async run() {
        while (this.waiting.length || this.running.size) {
            while (this.running.size < this.slots) {
                const job = this.waiting.find(j => (j.needs ?? []).every(name => this.jobs.find(o => o.name === name)?.passed !== undefined))
                if (!job) break
                this.waiting.splice(this.waiting.indexOf(job), 1)
                const task = this.one(job).finally(() => this.running.delete(task))
                this.running.add(task)
            }
            await Promise.race(this.running)
        }
        return { passed: this.passed, failed: this.failed }
    }

    async one(job) {
        const missing = (job.needs ?? []).filter(name => this.jobs.find(o => o.name === name).broken)
        if (missing.length) {
            Object.assign(job, { passed: 0, failed: 0, skipped: 0, broken: true, seconds: 0, output: `not run: ${missing.join(', ')} failed\n` })
        } else {
            await this.execute(job)
            this.count(job)
        }
        const took = `${job.seconds.toFixed(1)} s, ${(job.processor ?? 0).toFixed(1)} s of processor time`
        fs.appendFileSync(this.logOf(job.suite), `==== ${job.name}: ${took}\n${job.output}\n`)
        delete job.output
        this.open.set(job.suite, this.open.get(job.suite) - 1)
        if (this.open.get(job.suite) === 0) this.close(job.suite)
    }

    // Its output goes to a file and not through a pipe, so that a process it leaves running cannot hold up the end.
    execute(job) {
        const begun = Date.now(), file = `${this.logs}/test-job-${this.jobs.indexOf(job)}.log`, out = fs.openSync(file, 'w')
        const child = spawn(job.command[0], job.command.slice(1), {
            cwd: job.cwd, env: { ...this.env, ...job.env }, stdio: ['ignore', out, out],
            detached: true, // a process group, which can be ended as a whole
        })
        fs.closeSync(out)
        job.child = child
        const limit = job.limit ?? LIMIT_S
        const late = [['SIGTERM', limit], ['SIGKILL', limit + 10]].map(([signal, s]) => setTimeout(() => this.end(job, signal), 1000 * s))
        return new Promise(ok => {
            const over = (code, words) => {
                const used = childrenSeconds()
                late.forEach(clearTimeout)
                delete job.child
                job.processor = used - this.used
                this.used = used
                Object.assign(job, { code, seconds: (Date.now() - begun) / 1000, output: fs.readFileSync(file, 'utf8') + words })
                fs.rmSync(file)
                ok()
            }
            child.once('error', error => over(-1, `${error.message}\n`))
            child.once('exit', (code, signal) =>
                over(code ?? -1, signal ? `ended by ${signal} after ${Math.round((Date.now() - begun) / 1000)} s\n` : ''))
        })
    }

    count(job) {
        const { code } = job
        if (job.kind === 'step') Object.assign(job, { passed: 0, failed: code === 0 ? 0 : 1, skipped: 0 })
        else {
            const { tests, ...counts } = readTap(job.kind, job.output, code === 0)
            if (!job.sanitized) counts.failed += counts.skipped // a test that a plain build skips has lost its assertions
            for (const name of job.kind === 'cmocka' ? missingSanitizers(job.command[0], job.sanitized) : []) {
                counts.failed++
                job.output += `not ok - ${job.command[0]} runs without the ${name} sanitizer\n`
            }
            Object.assign(job, counts)
            if (job.kind === 'cmocka') tests.splice(0, tests.length, { name: '', ms: job.seconds * 1000 })
            for (const test of tests) this.tests.push({ ...test, job })
        }
        job.broken = job.failed > 0
        this.passed += job.passed
        this.failed += job.failed
        if (job.broken) this.show(job)
    }

    /** What failed, at once. */
    show(job) {
        this.say(`    ${job.failed} failed in ${job.name}:`)
        const found = job.output.split('\n'), lines = []
        let keep = 0
        for (const line of found) {
            if (/^ *not ok |ERROR: |runtime error|WARNING: ThreadSan|SUMMARY/.test(line)) keep = 25
            if (keep-- > 0 && !/duration_ms|type:|location:|^ *\.\.\.|stack:/.test(line)) lines.push(line)
        }
        for (const line of (lines.length ? lines : found.slice(-20)).slice(0, 60)) this.say(`      ${line.slice(0, 300)}`)
    }

    /** The last job of a suite has ended: its line. */
    close(suite) {
        const jobs = this.jobs.filter(j => j.suite === suite), sum = name => jobs.reduce((all, j) => all + j[name], 0)
        const left = jobs.some(j => j.sanitized) ? sum('skipped') : 0, failed = jobs.some(j => j.broken)
        if (failed) this.broken.push(suite)
        else if (jobs.every(j => j.kind === 'step')) return
        const counts = `${sum('passed')} passed${failed ? `, ${sum('failed')} FAILED` : ''}${left ? `, ${left} run by the plain build only` : ''}`
        const after = Math.round((Date.now() - this.begun) / 1000), plural = jobs.length === 1 ? '' : 's'
        this.say(`${suite.padEnd(10)} ${counts} (${sum('seconds').toFixed(1)} s in ${jobs.length} job${plural}; ended after ${after} s)`)
    }

    logOf(suite) { return `${this.logs}/test-${suite}.log` }

    /** The slowest tests as lines; a C program and a step count as one. */
    slowest(n) {
        const steps = this.jobs.filter(j => j.kind === 'step' && j.seconds).map(job => ({ name: '', ms: job.seconds * 1000, job }))
        return [...this.tests, ...steps].sort((a, b) => b.ms - a.ms).slice(0, n)
            .map(({ name, ms, job }) => `${(ms / 1000).toFixed(1).padStart(6)} s  ${job.name}${name ? `: ${name}` : ''}`)
    }

    /** Seconds of each job that has passed, by its name. */
    times() { return Object.fromEntries(this.jobs.filter(j => j.seconds && !j.broken).map(j => [j.name, Math.round(10 * j.seconds) / 10])) }

    end(job, signal) { try { process.kill(-job.child.pid, signal) } catch { /* it has ended */ } }

    /** Ends whatever runs. */
    stop(signal = 'SIGTERM') {
        this.waiting = []
        for (const job of this.jobs) if (job.child) this.end(job, signal)
    }
}
