// The mutants that ./dev mutate makes of a text: each changes code, none changes a comment, a string or a table. And what it remembers of them.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { Judged } from '../../tools/dev/judged.mjs'
import { asked, mutants } from '../../tools/dev/mutate.mjs'

const made = text => mutants(text).map(m => `${m.line}: ${m.after.trim()}`)

test('comparisons, conditions and constants are mutated', () => {
    assert.deepEqual(made('{\n    if (a == b && !c)\n        n = true;\n'), [
        '2: if (a != b && !c)', '2: if (a == b || !c)', '2: if (a == b && c)', '2: if (!(a == b && !c))', '3: n = false;'])
})

test('unused calls are removed and successes become failures', () => {
    assert.deepEqual(made('    release(x, "a;b");\n    return OK;\n'), ['1: (void)0;', '2: return ERR_INTERNAL;'])
})

test('comments, strings, preprocessor lines, tables and logging are not mutated', () => {
    assert.deepEqual(made([
        '/* if a == b', ' * then true */', '#define X (a == b)', 'static bool f(void)', '    static const bool x = true;',
        '    puts("a == b");', '    log_line(LOG_WARN, "x", LOG_I("n", a + 1));', '    CHECK(a == b);',
    ].join('\n')), ['6: (void)0;'])
})

const FIRST = '/* first */\nint f(int a)\n{\n    return a < 1;\n}\n', SECOND = '/* second */\nint g(int a)\n{\n    return a > 1 && a < 9;\n}\n'

test('a verdict is kept over runs, until the function that it is about changes', t => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-judged-')), place = `${dir}/mutate/judged.jsonl`
    t.after(() => fs.rmSync(dir, { recursive: true }))
    const judge = source => {
        const judged = new Judged(place)
        return mutants(source).map(m => judged.verdict('a.c', source, m))
    }
    const source = FIRST + SECOND, [inFirst, inSecond] = [mutants(source).at(0), mutants(source).at(-1)]
    new Judged(place).add('a.c', source, inFirst, 'SURVIVED')
    new Judged(place).add('a.c', source, inSecond, 'SURVIVED')
    fs.appendFileSync(place, '\n{"key":"torn') // as a run that was killed leaves it
    new Judged(place).add('a.c', source, inSecond, 'caught by test_a')
    assert.deepEqual(judge(source), ['SURVIVED', undefined, undefined, 'caught by test_a'])
    assert.deepEqual(judge(`#include "a.h"\n\n${FIRST.replace('first', '1st')}${SECOND}`), judge(source), 'the same functions elsewhere in the file')
    assert.deepEqual(judge(FIRST.replace('< 1', '< 2') + SECOND), [undefined, undefined, undefined, 'caught by test_a'])
    assert.equal(new Judged(place).verdict('b.c', source, inFirst), undefined, 'another file')
})

test('a run is limited to mutants without a verdict or to survivors', () => {
    const list = ['SURVIVED', 'caught by test_a', undefined], pick = options => asked(list, options, m => m).map(m => list.indexOf(m))
    assert.deepEqual(pick({}), [0, 1, 2])
    assert.deepEqual(pick({ rest: true }), [2])
    assert.deepEqual(pick({ survivors: true }), [0])
    assert.deepEqual(pick({ rest: true, survivors: true }), [0, 2])
})
