// Behind an HTTPS proxy: with the settings that each example has for it, every visitor has their own address and rate limit.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSite } from './lib.mjs'

const LINES = /^(\s*)#((?:server\.modules \+= \("mod_extforward"\)|extforward\.|set_real_ip_from |real_ip_header |RemoteIP).*)$/gm

let people = 0
const logIn = (site, address) => site.ask('/login', { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': address },
    body: `email=nobody${++people}%40example.com&password=not+the+password` }) // each account has its own limit
const states = async (site, address) => {
    const seen = []
    for (let i = 0; i < 40; i++) seen.push((await logIn(site, address(i))).status)
    return seen
}

for (const kind of ['lighttpd', 'apache-proxy', 'nginx']) {
    test(`${kind}: visitors behind a proxy have separate limits when the proxy is configured`, { timeout: 120000 }, async t => {
        let lines = 0
        const site = await startSite(kind, {}, text => text.replace(LINES, (_, space, line) => { lines++; return space + line }))
        t.after(() => site.stop())
        assert.ok(lines >= 2, 'the example has lines for a proxy')
        assert.ok((await states(site, i => `203.0.113.${i}`)).every(s => s !== 429), 'each address has its own limit')
        assert.ok((await states(site, () => '198.51.100.1')).includes(429), 'one address has one limit')
        const { stdout } = await site.parley.tryRun('doctor', '--json')
        assert.deepEqual(JSON.parse(stdout).filter(f => f.check === 'proxy'), [])
    })
}

test('without those settings all visitors share one limit, and doctor reports it', { timeout: 120000 }, async t => {
    const site = await startSite('nginx')
    t.after(() => site.stop())
    assert.ok((await states(site, i => `203.0.113.${i}`)).includes(429))
    const { stdout } = await site.parley.tryRun('doctor', '--json')
    assert.deepEqual(JSON.parse(stdout).filter(f => f.check === 'proxy').map(f => f.level), ['warn'])
})
