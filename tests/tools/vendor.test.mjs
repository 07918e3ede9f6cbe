// tools/vendor, with a stand-in for npm: it makes htdocs/vendor and never changes node_modules, which holds the packages of the tests.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { execFileSync } from 'node:child_process'

const top = path.resolve(import.meta.dirname, '../..')
const lock = JSON.parse(fs.readFileSync(`${top}/package-lock.json`, 'utf8'))

function addPackage(modules, name, version, files) {
    for (const [file, text] of Object.entries({ 'package.json': JSON.stringify({ name, version }, null, 2), LICENSE: 'MIT', ...files })) {
        fs.mkdirSync(path.dirname(`${modules}/${name}/${file}`), { recursive: true })
        fs.writeFileSync(`${modules}/${name}/${file}`, text)
    }
}

function addTabler(modules, version = name => lock.packages[`node_modules/${name}`].version) {
    addPackage(modules, '@tabler/core', version('@tabler/core'), { 'dist/css/tabler.min.css': 'a{}', 'dist/js/tabler.min.js': 'a()' })
    addPackage(modules, '@tabler/icons', version('@tabler/icons'), { 'icons/outline/robot.svg': '<svg\n>\n  <path />\n</svg>' })
}

/** A source tree with tools/vendor, and an npm that does what "npm ci --omit=dev" does to the folder it runs in. */
function makeTree(t) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-vendor-'))
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }))
    for (const name of ['tree/tools', 'tree/htdocs', 'bin', 'packages']) fs.mkdirSync(`${dir}/${name}`, { recursive: true })
    for (const name of ['tools/vendor', 'package.json', 'package-lock.json', '.npmrc']) fs.copyFileSync(`${top}/${name}`, `${dir}/tree/${name}`)
    fs.writeFileSync(`${dir}/tree/tools/vendor-icons`, 'robot\n')
    addTabler(`${dir}/packages`)
    addPackage(`${dir}/tree/node_modules`, 'playwright-core', '1.0.0', {})
    fs.writeFileSync(`${dir}/bin/npm`, `#!/bin/sh\npwd >>"${dir}/calls"\nrm -rf node_modules\ncp -R "${dir}/packages" node_modules\n`, { mode: 0o755 })
    const run = () => execFileSync(`${dir}/tree/tools/vendor`, { env: { ...process.env, PATH: `${dir}/bin:${process.env.PATH}`, TMPDIR: dir } })
    const calls = () => fs.existsSync(`${dir}/calls`) ? fs.readFileSync(`${dir}/calls`, 'utf8').trim().split('\n') : []
    return { tree: `${dir}/tree`, run, calls }
}

test('packages of the right version are taken from node_modules, however old they are', t => {
    const { tree, run, calls } = makeTree(t)
    addTabler(`${tree}/node_modules`)
    fs.writeFileSync(`${tree}/node_modules/.package-lock.json`, '{}')
    fs.utimesSync(`${tree}/node_modules/.package-lock.json`, 1, 1) // older than package-lock.json
    run()
    assert.deepEqual(calls(), [])
    assert.match(fs.readFileSync(`${tree}/htdocs/vendor/icons.svg`, 'utf8'), /symbol id="robot"/)
})

test('missing or outdated packages are fetched elsewhere: node_modules keeps the packages of the tests', t => {
    const { tree, run, calls } = makeTree(t)
    run()
    addTabler(`${tree}/node_modules`, () => '0.0.1')
    fs.rmSync(`${tree}/htdocs/vendor`, { recursive: true })
    run()
    assert.equal(calls().length, 2)
    assert.ok(calls().every(cwd => cwd !== tree && !fs.existsSync(cwd)), 'npm ran in a folder that is removed again')
    assert.match(fs.readFileSync(`${tree}/htdocs/vendor/VERSIONS`, 'utf8'), new RegExp(`Tabler ${lock.packages['node_modules/@tabler/core'].version}:`))
    assert.ok(fs.existsSync(`${tree}/node_modules/playwright-core/package.json`))
})
