// What ./dev test makes once, before its suites: an empty server for C tests (copied by tests/db/with-mariadb), and a migrated database for installs.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { databaseTemplate, top } from './install.mjs'

const empty = process.env.PARLEY_TEST_TEMPLATE, version = spawnSync('mariadbd', ['--no-defaults', '--version'], { encoding: 'utf8' }).stdout
const made = fs.existsSync(`${empty}.version`) && fs.readFileSync(`${empty}.version`, 'utf8') === version && fs.existsSync(empty)
if (!made) {
    fs.rmSync(empty, { recursive: true, force: true })
    const done = spawnSync(`${top}/tests/db/with-mariadb`, ['--prepare', empty], { stdio: 'inherit' })
    if (done.status !== 0) process.exit(1)
    fs.writeFileSync(`${empty}.version`, version)
}
await databaseTemplate()
