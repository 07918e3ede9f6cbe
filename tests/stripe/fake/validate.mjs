// Every request is checked against the types of the pinned package: unknown fields, values of an enum, numbers, required fields. What they say of
// numbers and booleans also tells how the text of a form is read.
import Ajv from 'ajv'
import { badParameter } from './errors.mjs'

export class Validator {
    constructor(schema) {
        this.ajv = new Ajv({ coerceTypes: true, strict: false, allErrors: false, logger: false, validateSchema: false })
        this.ajv.addSchema({ definitions: schema.definitions }, 'requests') // without the root's own $ref, which would compile all of it: a second
        this.requests = schema.definitions.Requests.properties
        this.compiled = new Map()
    }

    knows(name) {
        return name in this.requests
    }

    /** The parameters with their types; their error, or null */
    read(name, params) {
        if (!this.compiled.has(name)) this.compiled.set(name, this.ajv.compile(pointed(this.requests[name])))
        const check = this.compiled.get(name)
        return check(params) ? null : asError(check.errors)
    }
}

// the schema of one request, its references pointing into the whole
const pointed = schema => JSON.parse(JSON.stringify(schema), (key, value) => (key === '$ref' ? `requests${value}` : value))

const bracketed = path =>
    path
        .split('/')
        .filter(Boolean)
        .map((part, i) => (i ? `[${part}]` : part))
        .join('')

function asError(errors) {
    const unknown = errors.find(one => one.keyword === 'additionalProperties')
    if (unknown) {
        const where = bracketed(`${unknown.instancePath}/${unknown.params.additionalProperty}`)
        return badParameter(`Received unknown parameter: ${where}`, where, 'parameter_unknown')
    }
    const lacking = errors.find(one => one.keyword === 'required')
    if (lacking) {
        const where = bracketed(`${lacking.instancePath}/${lacking.params.missingProperty}`)
        return badParameter(`Missing required param: ${where}.`, where, 'parameter_missing')
    }
    const where = bracketed(errors[0].instancePath)
    const words = errors.filter(one => one.keyword === 'const' || one.keyword === 'enum').flatMap(one => one.params.allowedValues ?? [one.params.allowedValue])
    if (words.length) return badParameter(`Invalid ${where}: must be one of ${words.join(', ')}`, where)
    const type = errors.find(one => one.keyword === 'type')
    return badParameter(type ? `Invalid ${type.params.type}: ${where}` : `Invalid ${where}: ${errors[0].message}`, where, type?.params.type === 'integer' ? 'parameter_invalid_integer' : undefined)
}
