// What ./dev test --changed runs: the tests of the modules that changed and of the modules that depend on them.
//
// A module is a folder of src/ or cgi-bin/. It depends on the modules whose headers it includes, and on what those depend on.
// A C test program runs when it includes a changed file, or a header of an affected module, or covers such a module. A file of node's
// runner runs when it, or a file that it imports, has changed, or when it covers an affected module. tests/A/B.test.mjs covers src/A/B
// or cgi-bin/A/B where there is such a folder, else src/A and cgi-bin/A; COVERS names what is different. The lints always run. A path
// that no rule knows runs everything but dist and sanitize.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

/** Test files, by the start of their path (the longest counts), and what they cover where their own path does not say it. */
export const COVERS = {
    'tests/api/conversations': ['cgi-bin/api', 'src/talk'], // the pages of lists
    'tests/billing/attack': ['cgi-bin/hooks', 'cgi-bin/portal/billing', 'cgi-bin/portal/admin', 'src/billing/sync'],
    'tests/billing/beside': ['src/billing/checkout', 'src/billing/mirror'],
    'tests/billing/cap': ['src/billing/meter', 'src/billing/notice'],
    'tests/billing/change': ['src/billing/checkout'],
    'tests/billing/checkout': ['src/billing/checkout'],
    'tests/billing/clock': ['src/billing/meter', 'src/billing/mirror', 'src/plan'],
    'tests/billing/delete': ['src/account', 'cgi-bin/portal/workspace'],
    'tests/billing/hooks': ['cgi-bin/hooks', 'src/billing/sync'],
    'tests/billing/appearance': ['cgi-bin/portal/billing', 'cgi-bin/portal/admin', 'templates/portal'],
    'tests/billing/rare': ['src/billing/sync', 'src/billing/mirror'],
    'tests/billing/rough': ['cgi-bin/portal/billing'],
    'tests/billing/sync': ['src/billing/sync', 'src/billing/mirror'],
    'tests/billing/table': [],
    'tests/billing/year': ['src/billing/checkout', 'src/billing/meter', 'src/billing/mirror', 'src/billing/reconcile', 'src/billing/sync'],
    'tests/deploy': ['etc'],
    'tests/flow': ['src/flow', 'htdocs/schema', 'flow-templates'],
    'tests/http': ['src/web', 'etc'],
    'tests/plan/gating': ['src/plan', 'cgi-bin/portal/bots'],
    'tests/portal/pages': ['page', 'site', 'bots', 'conversations', 'workspace'].map(name => `cgi-bin/portal/${name}`).concat('templates', 'htdocs'),
    'tests/queue/mail_appearance': ['templates/mail'],
    'tests/talk': ['src/talk', 'cgi-bin/chat', 'templates/chat'],
    'tests/templates': ['templates', 'src/view'],
    'tests/tools': ['dev', 'tools'],
}
/** Paths that no test depends on: the lints read them. */
const LINT_ONLY = [/\.md$/, /^man\//, /^\.git/, /^\.clang-format$/, /^\.ci\//, /^tests\/bench\//, /^tests\/fuzz\//]
const INSTALL = [/(^|\/)module\.am$/, /^Makefile\.am$/, /^man\//, /^etc\//]
const C = /\.(c|h|def)$/

const INCLUDE = /^\s*#\s*include\s*"([^"]+)"/gm, INCLUDE_PATH = ['src', 'cgi-bin', 'tests', 'tests/lib']
const IMPORT = /^(?:import|export)\b[^'"]*?['"](\.[^'"]+)['"]/gm

const under = (file, folder) => file === folder || file.startsWith(`${folder}/`)

export class Tree {
    /** top: the checkout. files: its files, as git lists them. */
    constructor(top, files) {
        this.top = top
        this.files = files
        const all = new Set(files)
        this.includes = new Map() // C file -> the project's files it includes
        this.imports = new Map() // test file or helper -> the files it imports
        for (const file of files) {
            if (C.test(file)) this.includes.set(file, this.links(file, all, INCLUDE, INCLUDE_PATH))
            if (/^tests\/.*\.mjs$/.test(file)) this.imports.set(file, this.links(file, all, IMPORT, []))
        }
        this.files_c = [...this.includes.keys()]
    }

    links(file, all, pattern, places) {
        const text = fs.readFileSync(`${this.top}/${file}`, 'utf8')
        return [...text.matchAll(pattern)].map(m => m[1]).flatMap(name =>
            [path.dirname(file), ...places].map(place => path.normalize(`${place}/${name}`)).filter(found => all.has(found)).slice(0, 1))
    }

    /** Everything from which the start is reached by these links, the start included. */
    static reaching(links, start) {
        const found = new Set(start)
        for (let before = -1; before !== found.size;) {
            before = found.size
            for (const [from, to] of links) if (!found.has(from) && to.some(t => found.has(t))) found.add(from)
        }
        return found
    }

    /** Module -> the modules whose headers it includes. A table (.def) that lists what a module has is no dependency. */
    modules() {
        const links = new Map()
        for (const [file, headers] of this.includes) {
            if (!/^(src|cgi-bin)\//.test(file)) continue
            const module = path.dirname(file), known = links.get(module) ?? []
            links.set(module, [...known, ...headers.filter(h => h.endsWith('.h')).map(h => path.dirname(h)).filter(m => m !== module)])
        }
        return links
    }

    /** The folders that a test file covers: tests/A/B.test.mjs covers src/A/B or cgi-bin/A/B where there is one, else src/A and cgi-bin/A. */
    covers(file) {
        const row = Object.keys(COVERS).filter(start => file.startsWith(start)).sort((a, b) => b.length - a.length)[0]
        if (row) return COVERS[row]
        const [, folder, name] = /^tests\/([^/]+)\/(?:test_)?([^./]+)/.exec(file) ?? []
        const places = ['src', 'cgi-bin'].map(place => `${place}/${folder}`)
        const inner = places.map(place => `${place}/${name}`).filter(place => this.files.some(known => known.startsWith(`${place}/`)))
        return inner.length ? inner : places
    }

    /**
     * changed: paths. Returns {all, modules: those affected, programs: C test programs without .c, files: of node's runner, install}. all: the
     * path for which everything has to run, or undefined.
     */
    select(changed) {
        const c = changed.filter(file => C.test(file) && /^(src|cgi-bin|tests)\//.test(file) && !LINT_ONLY.some(p => p.test(file)))
        const mjs = changed.filter(file => /^tests\/.*\.mjs$/.test(file) && !LINT_ONLY.some(p => p.test(file)))
        const others = changed.filter(file => !c.includes(file) && !mjs.includes(file) && ![...LINT_ONLY, ...INSTALL].some(p => p.test(file)))
        const known = Object.values(COVERS).flat()
        const all = others.find(file => !known.some(folder => under(file, folder)) && !file.startsWith('tests/'))
        const touched = Tree.reaching(this.includes, c)
        const modules = Tree.reaching(this.modules(), c.filter(file => !file.startsWith('tests/')).map(file => path.dirname(file)))
        const covers = file => this.covers(file).some(covered => [...modules].some(m => under(m, covered)) || others.some(o => under(o, covered)))
        const programs = this.files_c.filter(file => /^tests\/.*\/test_[^/]*\.c$/.test(file))
            .filter(file => touched.has(file) || covers(file) || this.includes.get(file).some(header => modules.has(path.dirname(header))))
            .map(file => file.slice(0, -2))
        const imported = Tree.reaching(this.imports, mjs)
        const beside = others.filter(file => file.startsWith('tests/')).map(file => path.dirname(file)) // data of a test
        // programs that node's files drive
        const drivers = c.filter(file => /^tests\//.test(file) && !/\/test_/.test(file)).map(file => path.dirname(file))
        const files = [...this.imports.keys()].filter(file => file.endsWith('.test.mjs')).filter(file => imported.has(file) || covers(file) ||
            [...beside, ...drivers].some(folder => under(file, folder.split('/').slice(0, 2).join('/'))))
        const install = changed.some(file => INSTALL.some(p => p.test(file)))
        return { all, modules: [...modules].sort(), programs: programs.sort(), files: files.sort(), install }
    }
}

function git(top, ...args) {
    const done = spawnSync('git', ['-C', top, ...args], { encoding: 'utf8' })
    return done.status === 0 ? done.stdout.split('\n').filter(Boolean) : undefined
}

export const trackedFiles = top => git(top, 'ls-files', '--cached', '--others', '--exclude-standard').filter(f => fs.existsSync(`${top}/${f}`))

/** The paths that differ from where this branch left main, uncommitted ones included. On main itself: from origin/main, else the last commit. */
export function changedFiles(top) {
    const head = git(top, 'rev-parse', 'HEAD')?.[0]
    if (!head) throw new Error('./dev test --changed needs a git checkout')
    const base = ['main', 'origin/main', 'origin/HEAD'].map(name => git(top, 'merge-base', name, 'HEAD')?.[0]).find(found => found && found !== head)
    const dirty = git(top, 'status', '--porcelain', '--untracked-files=all').map(line => line.slice(3).split(' -> ').pop())
    const since = base ?? (dirty.length ? head : `${head}~1`)
    return { since, files: [...new Set([...git(top, 'diff', '--name-only', '--no-renames', since) ?? [], ...dirty])].sort() }
}

/** The selection for a checkout: {since, changed, ...what Tree.select returns}. */
export function selection(top) {
    const { since, files } = changedFiles(top)
    return { since, changed: files, ...new Tree(top, trackedFiles(top)).select(files) }
}

// As a program: the targets of make, one a line, that the selected tests need besides "all".
if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
    const { all, programs } = selection(process.cwd())
    console.log((all ? ['check-programs'] : programs).join('\n'))
}
