// The rendering of each mail: light and dark, narrow and wide, with overlong words. axe finds no fault and nothing overflows.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { axe, startBrowser } from '../lib/browser.mjs'
import { startInstall } from '../lib/install.mjs'
import { queueMail, startServer } from './lib.mjs'

let parley, server, browser, html

before(async () => {
    server = await startServer()
    parley = await startInstall({
        programs: false,
        config: { mail_from: 'noreply@chat.example.com', base_url: 'https://chat.example.com', smtp_url: `smtp://127.0.0.1:${server.port}` },
    })
    queueMail(parley, 'someone@example.org', 'usage_90_overage', {
        workspace: `Donaudampfschifffahrts${'gesellschafts'.repeat(6)}kapitän`, used: 9004, included: 10000, plan: 'PROFESSIONAL'.repeat(4),
        until: '23 Nov 2026', unit: '$0.0049', cap: '$50.00', url: '/app/usage',
    })
    await parley.run('work', '--once')
    html = server.got[0].mail.html
    browser = await startBrowser()
})
after(async () => {
    await browser?.close()
    await server?.close()
    await parley?.stop()
})

for (const colorScheme of ['light', 'dark'])
    for (const width of [320, 900])
        test(`every mail is readable in ${colorScheme} colours at ${width} px`, async () => {
            const page = await browser.newPage({ viewport: { width, height: 640 }, colorScheme })
            await page.setContent(html)
            assert.deepEqual(await axe(page, { rules: { region: { enabled: false }, 'landmark-one-main': { enabled: false } } }), []) // a mail is a part of the reader's page
            assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width)
            const colour = await page.evaluate(() => getComputedStyle(document.querySelector('.m-card')).backgroundColor)
            assert.equal(colour, colorScheme === 'dark' ? 'rgb(28, 36, 49)' : 'rgb(255, 255, 255)')
            await page.close()
        })
