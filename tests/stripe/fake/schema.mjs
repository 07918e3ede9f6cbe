// Extracted once from the types of the pinned `stripe` package and cached: the JSON Schema of request parameters (params.ts) and the shapes of
// answers (objects.ts). The cache is in node_modules/.cache; a file is named by a hash of its sources.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const modules = path.resolve(here, '../../../node_modules')
const cache = path.join(modules, '.cache/fake-stripe')
const read = name => fs.readFileSync(path.join(here, name))
export const packageVersion = JSON.parse(fs.readFileSync(path.join(modules, 'stripe/package.json'))).version

export const pinnedVersion = createRequire(import.meta.url)(path.join(modules, 'stripe/cjs/apiVersion.js')).ApiVersion

async function kept(name, sources, draw) {
    const hash = createHash('sha256').update(packageVersion)
    for (const one of sources) hash.update(read(one))
    const file = path.join(cache, `${name}-${hash.digest('hex').slice(0, 16)}.json`)
    if (!fs.existsSync(file)) {
        fs.mkdirSync(cache, { recursive: true })
        const mine = `${file}.${process.pid}`
        fs.writeFileSync(mine, JSON.stringify(await draw()))
        fs.renameSync(mine, file) // several suites may extract concurrently
    }
    return JSON.parse(fs.readFileSync(file))
}

/** The JSON Schema of `Requests` in params.ts; its open enums closed, decimals as text. */
export const requestSchema = () => kept('requests', ['params.ts', 'schema.mjs'], drawRequests)

async function drawRequests() {
    const { createGenerator } = await import('ts-json-schema-generator')
    const tsconfig = path.join(cache, `tsconfig-${process.pid}.json`)
    fs.writeFileSync(tsconfig, JSON.stringify({ compilerOptions: { ...base, module: 'nodenext', moduleResolution: 'nodenext', target: 'es2022' }, files: [path.join(here, 'params.ts')] }))
    try {
        const schema = createGenerator({ path: path.join(here, 'params.ts'), tsconfig, type: 'Requests', skipTypeCheck: true, minify: true }).createSchema('Requests')
        schema.definitions.OtherString = { not: {} }
        schema.definitions.Decimal = { type: 'string', pattern: '^-?[0-9]+([.][0-9]{1,12})?$' }
        return schema
    } finally {
        fs.rmSync(tsconfig)
    }
}

const base = { strict: true, skipLibCheck: true, noEmit: true, types: ['node'], typeRoots: [path.join(modules, '@types')] }

/** The shapes of `Objects` in objects.ts (see shapes.mjs). */
export const objectShapes = () =>
    kept('shapes', ['objects.ts', 'shapes.mjs'], async () => {
        const { drawShapes } = await import('./shapes.mjs')
        const { default: ts } = await import('typescript')
        const kinds = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext }
        return drawShapes(path.join(here, 'objects.ts'), { ...base, ...kinds })
    })
