// Extracts the shapes of Stripe's objects from the types of the pinned package: required fields, nullable fields, values of enums.
//
// A shape is a node of a graph (objects refer to each other in circles), so it is stored as a table of nodes and a node names others by index:
//   {k: 'object', f: {name: [mustBeThere, index]}}   {k: 'map', of}   {k: 'array', of}   {k: 'union', of: [index]}   {k: 'is', v: literal}
//   {k: 'string' | 'number' | 'boolean' | 'null' | 'any'}
import ts from 'typescript'

export function drawShapes(file, options) {
    const program = ts.createProgram([file], options)
    const checker = program.getTypeChecker()
    const source = program.getSourceFile(file)
    const nodes = []
    const known = new Map()
    let root
    ts.forEachChild(source, node => {
        if (ts.isInterfaceDeclaration(node)) root = checker.getTypeAtLocation(node)
    })
    const roots = Object.fromEntries(checker.getPropertiesOfType(root).map(p => [p.name, visit(checker.getTypeOfSymbol(p))]))
    return { roots, nodes }

    function visit(type) {
        if (known.has(type)) return known.get(type)
        const index = nodes.push(null) - 1
        known.set(type, index)
        nodes[index] = describe(type)
        return index
    }

    function describe(type) {
        const flags = type.flags
        if (flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return { k: 'any' }
        if (flags & (ts.TypeFlags.Null | ts.TypeFlags.Undefined | ts.TypeFlags.Void)) return { k: 'null' }
        if (type.isStringLiteral() || type.isNumberLiteral()) return { k: 'is', v: type.value }
        if (flags & ts.TypeFlags.BooleanLiteral) return { k: 'is', v: checker.typeToString(type) === 'true' }
        if (flags & ts.TypeFlags.StringLike) return { k: 'string' }
        if (flags & ts.TypeFlags.NumberLike) return { k: 'number' }
        if (flags & ts.TypeFlags.BooleanLike) return { k: 'boolean' }
        if (type.isUnion()) return { k: 'union', of: type.types.filter(one => !otherString(one)).map(visit) }
        if (type.symbol?.name === 'Decimal' || type.aliasSymbol?.name === 'Decimal') return { k: 'string' }
        if (checker.isArrayType(type)) return { k: 'array', of: visit(checker.getTypeArguments(type)[0]) }
        const map = checker.getIndexTypeOfType(type, ts.IndexKind.String)
        if (map) return { k: 'map', of: visit(map) }
        return object(type)
    }

    // string & Record<never, never>: "or a value not yet known"; the fake may use only known values
    function otherString(type) {
        return type.aliasSymbol?.name === 'OtherString' || (type.isIntersection() && type.types.some(one => one.flags & ts.TypeFlags.String))
    }

    function object(type) {
        const f = {}
        for (const property of checker.getPropertiesOfType(type)) {
            if (property.name.startsWith('__@') || property.flags & ts.SymbolFlags.Method) continue
            const of = checker.getTypeOfSymbol(property)
            if (of.getCallSignatures().length) continue
            f[property.name] = [!(property.flags & ts.SymbolFlags.Optional), visit(of)]
        }
        return { k: 'object', f }
    }
}
