// Answers held against the shapes of the types: make() completes an object with the nulls its type requires, check() says what does not fit.
export class Answers {
    constructor({ roots, nodes }) {
        this.roots = roots
        this.nodes = nodes
    }

    /** The object with every required field; one that is required, cannot be null and is not given is a mistake of the fake. */
    make(kind, given) {
        return this.#complete(this.nodes[this.roots[kind]], given, kind)
    }

    #complete(node, given, where) {
        if (node.k !== 'object') return given
        for (const name of Object.keys(given)) if (!node.f[name]) throw new Error(`${where}.${name} is no field of today's ${where}`)
        const made = {}
        for (const [name, [required, index]] of Object.entries(node.f)) {
            const value = given[name]
            if (value === undefined) {
                if (!required) continue
                if (!this.#mayBe(index, 'null')) throw new Error(`${where}.${name} is required`)
                made[name] = null
            } else made[name] = this.#inner(index, value, `${where}.${name}`)
        }
        return made
    }

    // a plain object that can only be one thing is completed as well
    #inner(index, value, where) {
        if (value === null || typeof value !== 'object' || value.object) return value
        const node = this.nodes[index]
        if (Array.isArray(value)) {
            const of = this.#members(index).find(one => one.k === 'array')
            return of ? value.map(one => this.#inner(of.of, one, where)) : value
        }
        const objects = this.#members(index).filter(one => one.k === 'object' && !one.f.object)
        return objects.length === 1 && node ? this.#complete(objects[0], value, where) : value
    }

    #members(index) {
        const node = this.nodes[index]
        return node.k === 'union' ? node.of.flatMap(one => this.#members(one)) : [node]
    }

    #mayBe(index, kind) {
        return this.#members(index).some(one => one.k === kind || one.k === 'any')
    }

    /** What of this answer is not of today's shape: a list of sentences. */
    check(value) {
        const found = []
        if (value && value.object === 'list') value.data.forEach(one => this.#root(one, found))
        else this.#root(value, found)
        return found
    }

    #root(value, found) {
        const root = this.roots[value?.object]
        if (value?.deleted === true) return // {id, object, deleted}
        // an event is as its object is; the invoice of invoice.upcoming has no id
        if (value?.object === 'event') return value.data.object.id && this.#root(value.data.object, found)
        if (root === undefined) found.push(`object "${value?.object}" is not among those of objects.ts`)
        else if (value.object !== 'v2.core.event') this.#walk(root, value, value.object, found)
    }

    #walk(index, value, where, found) {
        if (found.length > 20) return
        const members = this.#members(index)
        if (members.some(one => one.k === 'any')) return
        if (!members.some(one => fits(one, value))) found.push(`${where} is ${JSON.stringify(value)?.slice(0, 60)}`)
        else if (Array.isArray(value)) {
            const of = members.find(one => one.k === 'array').of
            value.forEach((one, i) => this.#walk(of, one, `${where}[${i}]`, found))
        } else if (value && typeof value === 'object') this.#fields(members, value, where, found)
    }

    #fields(members, value, where, found) {
        const map = members.find(one => one.k === 'map')
        if (map) {
            for (const [name, one] of Object.entries(value)) this.#walk(map.of, one, `${where}.${name}`, found)
            return
        }
        const tries = members.filter(one => one.k === 'object' && this.#sameKind(one, value)).map(one => this.#object(one, value, where))
        const best = tries.sort((a, b) => a.length - b.length)[0] ?? [`${where} is an unknown ${value.object}`]
        found.push(...best)
    }

    #sameKind(node, value) {
        const literal = node.f.object && this.nodes[node.f.object[1]]
        return !literal || literal.k !== 'is' || literal.v === value.object
    }

    #object(node, value, where) {
        const found = []
        for (const name of Object.keys(value)) if (!node.f[name]) found.push(`${where}.${name} does not exist`)
        for (const [name, [required, index]] of Object.entries(node.f)) {
            if (value[name] === undefined) required && found.push(`${where}.${name} is missing`)
            else this.#walk(index, value[name], `${where}.${name}`, found)
        }
        return found
    }
}

function fits(node, value) {
    if (node.k === 'is') return value === node.v
    if (node.k === 'null') return value === null
    if (node.k === 'array') return Array.isArray(value)
    if (node.k === 'object' || node.k === 'map') return value !== null && typeof value === 'object' && !Array.isArray(value)
    return typeof value === node.k // string, number, boolean
}
