// Chromium for tests, driven through playwright-core. Debian's headless shell takes a third of the time of the whole browser.
import { readFileSync, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const require = createRequire(import.meta.url)
const BROWSERS = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'].map(name => `/usr/bin/${name}`)
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')

export async function startBrowser() {
    const executablePath = BROWSERS.find(existsSync)
    return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })
}

/** What axe finds wrong in the page, as lines of text; [] when nothing. */
export async function axe(page, options = {}) {
    // Not as a script element: the pages' content policy refuses those, and says so in the console.
    await page.evaluate(axeSource)
    // preload would parse all style sheets again, for one rule that is off and one about sound.
    return page.evaluate(async o => {
        const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'], preload: false, ...o })
        return violations.map(v => `${v.id} (${v.impact}): ${v.help}: ${v.nodes.map(n => n.target.join(' ')).join(', ')}`)
    }, options)
}
