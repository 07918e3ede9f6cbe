// tools/lint-templates reports what is forbidden and accepts the rest.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { top } from '../lib/install.mjs'

let dir
before(() => { dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-lint-')) })
after(() => fs.rmSync(dir, { recursive: true, force: true }))

function lint(text, file = 'page.cs') {
    for (const old of ['page.cs', 'mail/page.cs']) fs.rmSync(path.join(dir, old), { force: true })
    fs.mkdirSync(path.join(dir, 'mail'), { recursive: true })
    fs.writeFileSync(path.join(dir, file), text)
    fs.writeFileSync(path.join(dir, 'part.cs'), 'part')
    const done = spawnSync(path.join(top, 'tools/lint-templates'), [dir], { encoding: 'utf8' })
    assert.equal(done.status === 0, done.stdout === '', done.stdout + done.stderr)
    return done.stdout
}

const good = [
    '<p><?cs var:A.B ?></p>',
    '<p title="<?cs var:A ?>" class="a<?cs if:B == "1" ?> b<?cs /if ?>"<?cs if:C ?> hidden<?cs /if ?>></p>',
    '<a href="/app/<?cs var:Id ?>?q=<?cs var:url_escape(Q) ?>"></a>',
    '<a href="<?cs var:url_validate(Url) ?>"></a>',
    '<?cs include!"part.cs" ?><?cs # a comment ?><?cs\n  each:b = Bots ?><?cs var:b.Name ?><?cs /each ?>',
    '<?cs def:m(a) ?><b><?cs var:a ?></b><?cs /def ?><?cs call:m(X) ?>',
    '<script src="/js/x.js"></script><script type="application/json"><?cs uvar:Data_html ?></script>',
    '<?cs set:Here = "x" ?><div><?cs uvar:Text_html ?></div>',
]
for (const text of good) test(`lint-templates accepts: ${text}`, () => assert.equal(lint(text), ''))

const bad = [
    ['<?cs alt:a ?>x<?cs /alt ?>', /command alt/], ['<?cs name:a ?>', /command name/], ['<?cs lvar:a ?>', /command lvar/],
    ['<?cs evar:a ?>', /command evar/], ['<?cs linclude:"part.cs" ?>', /command linclude/], ['<?cs escape:"none" ?><?cs /escape ?>', /command escape/],
    ['<?cs include:"part.cs" ?>', /command include/], ['<?cs include!Name ?>', /literal/], ['<?cs include!"none.cs" ?>', /there is no none.cs/],
    ['<?cs uvar:Name ?>', /_html/], ['<p title="<?cs uvar:A_html ?>">', /uvar outside of text/],
    ['<?cs var:url_escape(a) + b ?>', /escaping function/], ['<?cs if:url_escape(a) == b ?><?cs /if ?>', /escaping function/],
    ['<script><?cs var:a ?></script>', /inside script/], ['<script>alert(1)</script>', /script without src/], ['<style>a{}</style>', /style element/],
    ['<p style="color:red">', /attribute style/], ['<p onclick="x()">', /event attribute/], ['<p title=<?cs var:a ?>>', /double quotes/],
    ['<p title=\'<?cs var:a ?>\'>', /double quotes/], ['<p <?cs var:a ?>>', /outside a quoted value/], ['<!-- <?cs var:a ?> -->', /comment/],
    ['<a href="<?cs var:Url ?>">', /needs url_validate/], ['<form action="<?cs var:url_escape(u) ?>">', /needs url_validate/],
    ['<a href="javascript:x()">', /script as address/], ['<iframe srcdoc="<?cs var:a ?>">', /srcdoc/],
    ['<?cs def:m(a) ?><?cs call:m(a) ?><?cs /def ?>', /calls itself/], ['<?cs set:T.x = "y" ?>', /may not touch T/],
    ['<?cs if:a ?><p title="<?cs else ?>x<?cs /if ?>">', /another part of the HTML/], ['<?cs if:a ?>', /without \/if/], ['<?cs /each ?>', /without each/],
    ['<?php echo ?>', /not <\?cs/], ['<?cs var:a', /without an end/],
]
for (const [text, words] of [
    ['<style>a { color: red }</style><p style="color:red"><?cs var:a ?></p>', /^$/], ['<style>a{<?cs var:a ?>}</style>', /inside style/],
    ['<p style="color:<?cs var:a ?>">', /inside the attribute style/], ['<style>a{}</style><script>alert(1)</script>', /script without src/],
    ['<style><?cs uvar:A_html ?></style>', /uvar outside of text/],
]) test(`lint-templates checks a mail: ${text}`, () => assert.match(lint(text, 'mail/page.cs'), words))
for (const [text, words] of bad) test(`lint-templates refuses: ${text}`, () => assert.match(lint(text), words))
