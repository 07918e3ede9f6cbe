// The mutants that ./dev mutate makes of a text: each changes code, none changes a comment, a string or a table.
import assert from 'node:assert/strict'
import test from 'node:test'
import { mutants } from '../../tools/dev/mutate.mjs'

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
