// Exact money: decimal strings as BigInt in units of 1e-12, rounded once, half away from zero. No number with a fraction is ever computed with.
const UNIT = 10n ** 12n

/** "0.49" -> 490000000000n */
export function decimal(text) {
    const found = /^(-?)(\d+)(?:\.(\d{1,12}))?$/.exec(String(text))
    if (!found) throw new RangeError(`not a decimal: ${text}`)
    const value = BigInt(found[2]) * UNIT + BigInt((found[3] ?? '').padEnd(12, '0'))
    return found[1] ? -value : value
}

/** 490000000000n -> "0.49" */
export function decimalText(value) {
    const size = value < 0n ? -value : value
    const rest = (size % UNIT).toString().padStart(12, '0').replace(/0+$/, '')
    return (value < 0n ? '-' : '') + size / UNIT + (rest && `.${rest}`)
}

/** over / under, half away from zero, as a number that is exact */
export function rounded(over, under = UNIT) {
    if (under < 0n) return rounded(-over, -under)
    const size = over < 0n ? -over : over
    const whole = (2n * size + under) / (2n * under)
    return exact(over < 0n ? -whole : whole)
}

export function exact(value) {
    const number = Number(value)
    if (!Number.isSafeInteger(number)) throw new RangeError(`an amount beyond 2^53: ${value}`)
    return number
}

/** amount * part / whole, for prorations, percentages and shares */
export function share(amount, part, whole) {
    return whole === 0 ? 0 : rounded(BigInt(amount) * BigInt(part), BigInt(whole))
}

/** percent may have a fraction: share of amount */
export function percentOf(amount, percent) {
    return rounded(BigInt(amount) * decimal(percent), 100n * UNIT)
}

const unitOf = of => decimal(of.unit_amount_decimal ?? of.unit_amount ?? 0)

/** What a quantity costs at a price: one line, or one for each tier that is touched. [{quantity, unit (text), amount, flat}] */
export function priced(price, quantity) {
    if (price.billing_scheme === 'per_unit') return [perUnit(price, quantity)]
    return price.tiers_mode === 'volume' ? volume(price.tiers, quantity) : graduated(price.tiers, quantity)
}

function perUnit(price, quantity) {
    const transform = price.transform_quantity
    let units = BigInt(quantity)
    if (transform) {
        const by = BigInt(transform.divide_by)
        units = transform.round === 'up' ? (units + by - 1n) / by : units / by
    }
    return { quantity, unit: decimalText(unitOf(price)), amount: rounded(units * unitOf(price)) }
}

function graduated(tiers, quantity) {
    const lines = []
    let from = 0
    for (const tier of tiers) {
        const upTo = tier.up_to ?? Infinity
        const inTier = Math.min(quantity, upTo) - from
        if (inTier > 0 || lines.length === 0) lines.push(...tierLines(tier, Math.max(inTier, 0)))
        from = upTo
        if (quantity <= upTo) break
    }
    return lines
}

function volume(tiers, quantity) {
    return tierLines(tiers.find(tier => quantity <= (tier.up_to ?? Infinity)), quantity)
}

function tierLines(tier, quantity) {
    const lines = [{ quantity, unit: decimalText(unitOf(tier)), amount: rounded(BigInt(quantity) * unitOf(tier)) }]
    const flat = tier.flat_amount_decimal ?? tier.flat_amount
    if (quantity > 0 && flat != null && decimal(flat) !== 0n)
        lines.push({ quantity: 0, unit: null, amount: rounded(decimal(flat)), flat: true })
    return lines
}
