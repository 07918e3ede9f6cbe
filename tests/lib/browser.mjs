// Chromium for tests, driven through playwright-core, with the one that Debian installs.
import { readFileSync, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const require = createRequire(import.meta.url)

export async function startBrowser() {
    const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
    return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })
}

/** What axe finds wrong in the page, as lines of text; [] when nothing. */
export async function axe(page, options = {}) {
    // Not as a script element: the pages' content policy refuses those, and says so in the console.
    await page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'))
    const result = await page.evaluate(o => globalThis.axe.run(document, { resultTypes: ['violations'], ...o }), options)
    return result.violations.map(v => `${v.id} (${v.impact}): ${v.help}: ${v.nodes.map(n => n.target.join(' ')).join(', ')}`)
}
