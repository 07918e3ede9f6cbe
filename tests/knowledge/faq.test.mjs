// The whole path with real questions: a bot from the FAQ template, a real FAQ imported and published on the command line, and people's own
// wordings of its questions asked over the visitor API. The first answer counts; a "did you mean" is not an answer.
import { test, before, after } from 'node:test'
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { startInstall } from '../lib/install.mjs'
import { faqSet, readCsv } from './lib.mjs'

let parley, bot
const set = faqSet()
const faq = readCsv(fs.readFileSync(set.faq, 'utf8'))
const asked = readCsv(fs.readFileSync(set.questions, 'utf8'))
const folded = s => s.trim().toLowerCase().replace(/\s+/g, ' ')
const answersTo = question => faq.filter(r => folded(r.question) === folded(question)).map(r => r.answer.trim())

before(async () => {
    parley = await startInstall({ config: { rate_limits: 'off' } })
    const workspace = (await parley.run('tenant', 'create', 'Health', '--plan', 'enterprise')).trim()
    bot = (await parley.run('bot', 'create', '--template', 'faq', '--name', 'Health', '--tenant', workspace)).trim()
})
after(async () => { await parley?.stop() })

async function ask(text) {
    const reply = await fetch(`${parley.url}/chat/${bot}/messages`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ text }),
    })
    assert.equal(reply.status, 200, await reply.clone().text())
    return (await reply.json()).messages
}

test('the real FAQ is imported, and importing it again changes nothing', async () => {
    assert.equal(faq.length, set.rows)
    const first = JSON.parse(await parley.run('import', 'faq', '--bot', bot, set.faq))
    assert.equal(first.rows, set.rows)
    assert.equal(first.added + first.unchanged + first.skipped, set.rows)
    assert.equal(first.added, new Set(faq.map(r => folded(r.question).replace(/[?!.\s]+$/, ''))).size)
    assert.ok(first.bad.every(b => b.code === 'question_again'), JSON.stringify(first.bad))
    const again = JSON.parse(await parley.run('import', 'faq', '--bot', bot, set.faq))
    assert.deepEqual([again.added, again.updated, again.removed], [0, 0, 0])
    const published = JSON.parse(await parley.run('--json', 'bot', 'publish', bot))
    assert.equal(published.version, 1)
})

test('questions in visitors\' own words rank the right answer first', async t => {
    const same = asked.filter(r => r.same === '1')
    let right = 0, meant = 0, none = 0
    for (const row of same) {
        const [first] = await ask(row.asked)
        if (answersTo(row.faq_question).includes(first.text)) right++
        else if (first.choices?.length) meant++
        else if (!faq.some(r => r.answer.trim() === first.text)) none++
    }
    const share = right / same.length
    const words = `${set.name}: first answer right: ${right} of ${same.length} (${(share * 100).toFixed(1)} %), asked back ${meant}, no answer ${none}`
    t.diagnostic(words)
    assert.equal(same.length, set.same)
    assert.ok(share >= 0.45, words)
})

test('the answer to another question is given only rarely', async t => {
    const other = asked.filter(r => r.same === '0')
    let wrong = 0
    for (const row of other) {
        const [first] = await ask(row.asked)
        if (answersTo(row.faq_question).includes(first.text)) wrong++
    }
    const words = `answered with what was not asked: ${wrong} of ${other.length} (${(wrong / other.length * 100).toFixed(1)} %)`
    t.diagnostic(words)
    assert.ok(wrong / other.length <= 0.1, words)
})

test('each question of the FAQ, asked word for word, gets its own answer', async () => {
    for (const row of faq.slice(0, 60)) {
        const [first] = await ask(row.question)
        assert.ok(answersTo(row.question).includes(first.text), row.question)
        if (row.link.trim()) assert.ok(first.citations?.some(c => c.url.startsWith('http')), `${row.question}: ${JSON.stringify(first.citations)}`)
    }
})

test('a question that the FAQ does not cover gets no answer', async () => {
    for (const text of ['asdf qwer zxcv', 'I would like to order a pizza', 'Who won the world cup?', 'Tell me a joke']) {
        const [first] = await ask(text)
        assert.ok(!faq.some(r => r.answer.trim() === first.text), `${text}: ${first.text}`)
    }
})
