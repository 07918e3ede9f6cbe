// Reads what test programs print (TAP): how many tests passed and failed, and how long each took.

/**
 * kind: "node" for node's runner, "cmocka" for a C program, "checks" for a list of checks of ./dev. ok: the program ended with status 0.
 * Returns {passed, failed, skipped, tests: [{name, ms}]}. A program that ends before its last test, or fails after it (a leak, a crash at
 * exit), has one failure at least. So has one that ran no test.
 */
export function readTap(kind, text, ok) {
    const counts = kind === 'node' ? readNode(text) : readFlat(text)
    if (counts.failed === 0 && (!ok || counts.passed + counts.skipped === 0)) counts.failed = 1
    return counts
}

// Node prints the sums itself. A test that contains tests is not listed: it takes as long as all of them together.
function readNode(text) {
    const sum = name => Number([...text.matchAll(new RegExp(`^# ${name} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0)
    const tests = []
    let depth = 0
    for (const [, indent, name, ms] of text.matchAll(/^( *)(?:not )?ok \d+ - (.*)\n *---\n *duration_ms: ([\d.]+)/gm)) {
        if (indent.length >= depth) tests.push({ name: name.replace(/\\(.)/g, '$1'), ms: Number(ms) })
        depth = indent.length
    }
    return { passed: sum('pass'), failed: sum('fail') + sum('cancelled') + sum('todo'), skipped: sum('skipped'), tests }
}

// Cmocka prints a plan for each group of tests, and no times; a list of checks prints times, and no plan.
function readFlat(text) {
    const count = pattern => [...text.matchAll(pattern)].length
    const skipped = count(/^(?:not )?ok \d+ # SKIP/gm)
    const passed = count(/^ok \d+ (?!# SKIP)/gm)
    let failed = count(/^not ok \d+ (?!# SKIP)/gm)
    const planned = [...text.matchAll(/^1\.\.(\d+)$/gm)].reduce((all, m) => all + Number(m[1]), 0)
    if (passed + failed + skipped < planned) failed = planned - passed - skipped
    const tests = [...text.matchAll(/^(?:not )?ok \d+ - (.*)\n *---\n *duration_ms: ([\d.]+)/gm)].map(([, name, ms]) => ({ name, ms: Number(ms) }))
    return { passed, failed, skipped, tests }
}
