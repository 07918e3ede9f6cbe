// Products, prices, coupons, promotion codes.
import { badParameter, invalid, missing, missingParameter } from './errors.mjs'
import { decimal, decimalText, exact } from './money.mjs'
import { $ } from './world.mjs'

const ZERO_DECIMAL = new Set('bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf'.split(' '))
export const zeroDecimal = currency => ZERO_DECIMAL.has(currency)

/** The metadata after a change: an empty value takes a key away, an empty whole takes all */
export function mergedMetadata(old, given) {
    if (given === undefined) return old ?? {}
    const merged = given === '' || given === null ? {} : { ...old, ...given }
    for (const [key, value] of Object.entries(merged)) {
        if (value === '' || value === null) delete merged[key]
        else merged[key] = String(value)
        if (key.length > 40) throw badParameter(`Metadata keys can be up to 40 characters long.`, `metadata[${key}]`)
        if (String(value ?? '').length > 500) throw badParameter('Metadata values can be up to 500 characters long.', `metadata[${key}]`)
    }
    if (Object.keys(merged).length > 50) throw badParameter('You can have at most 50 metadata keys.', 'metadata')
    return merged
}

export const orNull = value => (value === '' || value === undefined ? null : value)

/** Set the given fields by name; an empty text unsets one */
export function set(object, params, names) {
    for (const name of names) if (params[name] !== undefined) object[name] = orNull(params[name])
}

export const within = (range, moment) =>
    range === undefined ||
    (typeof range !== 'object'
        ? moment === Number(range)
        : (range.gt === undefined || moment > range.gt) &&
          (range.gte === undefined || moment >= range.gte) &&
          (range.lt === undefined || moment < range.lt) &&
          (range.lte === undefined || moment <= range.lte))

// ---- products ----

function createProduct(w, p) {
    if (!p.name) throw missingParameter('name')
    if (p.id !== undefined && w.byId.has(p.id) && !w.byId.get(p.id)[$].gone) throw invalid(`Product already exists with id: ${p.id}`, 'id', 'resource_already_exists')
    const now = w.now()
    const product = w.add('product', {
        id: p.id ?? w.id('prod', 14),
        object: 'product',
        active: p.active ?? true,
        created: now,
        default_price: null,
        description: p.description,
        images: p.images ?? [],
        marketing_features: p.marketing_features ?? [],
        metadata: mergedMetadata({}, p.metadata),
        name: p.name,
        statement_descriptor: p.statement_descriptor ?? null,
        tax_code: p.tax_code ?? null,
        type: 'service',
        unit_label: p.unit_label ?? null,
        updated: now,
        url: p.url,
    })
    w.emit('product.created', product)
    return product
}

function updateProduct(w, p, [id]) {
    const product = w.get('product', id)
    const changes = ['active', 'description', 'name', 'unit_label', 'url', 'statement_descriptor', 'tax_code', 'images', 'default_price', 'marketing_features']
    return w.change(product, 'product.updated', () => {
        set(product, p, changes)
        product.metadata = mergedMetadata(product.metadata, p.metadata)
        product.updated = w.now()
    })
}

function deleteProduct(w, p, [id]) {
    const product = w.get('product', id)
    if (w.all('price').some(price => price.product === id && !price[$].gone))
        throw invalid('This product cannot be deleted because it has one or more user-created prices.')
    product[$].gone = { id, object: 'product', deleted: true }
    w.emit('product.deleted', product)
    return product[$].gone
}

const listProducts = (w, p) =>
    w.list('product', p, '/v1/products', one => (p.active === undefined || one.active === p.active) && (!p.ids || p.ids.includes(one.id)) && within(p.created, one.created))

// ---- prices ----

function amounts(given, where) {
    const has = given.unit_amount !== undefined && given.unit_amount !== ''
    const hasDecimal = given.unit_amount_decimal !== undefined && given.unit_amount_decimal !== ''
    if (has && hasDecimal) throw badParameter(`You may only specify one of these parameters: unit_amount, unit_amount_decimal.`, where)
    if (!has && !hasDecimal) return { unit_amount: null, unit_amount_decimal: null }
    const value = decimal(has ? given.unit_amount : given.unit_amount_decimal)
    const whole = value % 10n ** 12n === 0n
    return { unit_amount: whole ? exact(value / 10n ** 12n) : null, unit_amount_decimal: decimalText(value) }
}

function tiersOf(p) {
    if (!p.tiers?.length) throw missingParameter('tiers')
    if (!p.tiers_mode) throw missingParameter('tiers_mode')
    if (p.transform_quantity) throw badParameter('`transform_quantity` cannot be combined with `tiers`.', 'transform_quantity')
    if (p.tiers.at(-1).up_to !== 'inf') throw badParameter('The last tier must have `up_to` set to `inf`.', 'tiers')
    let before = 0
    return p.tiers.map((tier, i) => {
        if (tier.up_to !== 'inf' && tier.up_to <= before) throw badParameter('The `up_to` of tiers must be increasing.', `tiers[${i}][up_to]`)
        before = tier.up_to
        const unit = amounts(tier, `tiers[${i}]`)
        const flat = amounts({ unit_amount: tier.flat_amount, unit_amount_decimal: tier.flat_amount_decimal }, `tiers[${i}]`)
        if (unit.unit_amount_decimal === null && flat.unit_amount_decimal === null)
            throw badParameter('Each tier needs at least one of unit_amount, unit_amount_decimal, flat_amount, flat_amount_decimal.', `tiers[${i}]`)
        return { flat_amount: flat.unit_amount, flat_amount_decimal: flat.unit_amount_decimal, ...unit, up_to: tier.up_to === 'inf' ? null : tier.up_to }
    })
}

function recurringOf(w, p) {
    if (!p.recurring) return null
    const metered = p.recurring.usage_type === 'metered'
    if (metered && !p.recurring.meter) throw badParameter('You must specify a meter for metered prices: `recurring[meter]`.', 'recurring[meter]')
    if (p.recurring.meter) {
        const meter = w.get('billing.meter', p.recurring.meter, 'recurring[meter]')
        if (!metered) throw badParameter('`recurring[meter]` needs `recurring[usage_type]=metered`.', 'recurring[usage_type]')
        if (meter.status !== 'active') throw invalid(`The meter ${meter.id} is inactive.`, 'recurring[meter]')
    }
    return {
        interval: p.recurring.interval,
        interval_count: p.recurring.interval_count ?? 1,
        meter: p.recurring.meter,
        trial_period_days: p.recurring.trial_period_days,
        usage_type: p.recurring.usage_type ?? 'licensed',
    }
}

function claimLookupKey(w, key, transfer) {
    if (!key) return null
    const holder = w.all('price').find(one => one.lookup_key === key && one[$].live === w.live)
    if (holder && !transfer)
        throw invalid(`A price (\`${holder.id}\`) already uses that lookup key.`, 'lookup_key')
    if (holder) w.change(holder, 'price.updated', () => (holder.lookup_key = null))
    return key
}

function productOf(w, p) {
    if (p.product) return w.get('product', p.product, 'product').id
    if (!p.product_data) throw missingParameter('product')
    return createProduct(w, p.product_data).id
}

function createPrice(w, p) {
    if (!p.currency) throw missingParameter('currency')
    const tiered = p.billing_scheme === 'tiered'
    const unit = amounts(p)
    if (!tiered && p.tiers) throw badParameter('`tiers` needs `billing_scheme=tiered`.', 'tiers')
    if (!tiered && unit.unit_amount_decimal === null && !p.custom_unit_amount) throw badParameter('You must pass in `unit_amount` or `unit_amount_decimal`.', 'unit_amount')
    if (tiered && unit.unit_amount_decimal !== null) throw badParameter('`unit_amount` cannot be combined with `billing_scheme=tiered`.', 'unit_amount')
    const tiers = tiered ? tiersOf(p) : undefined
    const recurring = recurringOf(w, p)
    const price = w.add('price', {
        id: w.id('price'),
        object: 'price',
        active: p.active ?? true,
        billing_scheme: tiered ? 'tiered' : 'per_unit',
        created: w.now(),
        currency: p.currency.toLowerCase(),
        lookup_key: claimLookupKey(w, p.lookup_key, p.transfer_lookup_key),
        metadata: mergedMetadata({}, p.metadata),
        nickname: p.nickname,
        product: productOf(w, p),
        recurring,
        tax_behavior: p.tax_behavior ?? 'unspecified',
        tiers,
        tiers_mode: tiered ? p.tiers_mode : null,
        transform_quantity: p.transform_quantity,
        type: recurring ? 'recurring' : 'one_time',
        ...unit,
    })
    w.emit('price.created', price)
    return price
}

function updatePrice(w, p, [id]) {
    const price = w.get('price', id)
    const key = p.lookup_key === undefined || p.lookup_key === price.lookup_key ? price.lookup_key : claimLookupKey(w, p.lookup_key, p.transfer_lookup_key)
    return w.change(price, 'price.updated', () => {
        set(price, p, ['active', 'nickname', 'tax_behavior'])
        price.lookup_key = key
        price.metadata = mergedMetadata(price.metadata, p.metadata)
    })
}

function listPrices(w, p) {
    if (p.lookup_keys?.length > 10) throw badParameter('Array length of lookup_keys must be at most 10.', 'lookup_keys')
    return w.list(
        'price',
        p,
        '/v1/prices',
        one =>
            (p.active === undefined || one.active === p.active) &&
            (!p.lookup_keys || p.lookup_keys.includes(one.lookup_key)) &&
            (!p.product || one.product === p.product) &&
            (!p.currency || one.currency === p.currency) &&
            (!p.type || one.type === p.type) &&
            (!p.recurring?.usage_type || one.recurring?.usage_type === p.recurring.usage_type) &&
            (!p.recurring?.meter || one.recurring?.meter === p.recurring.meter) &&
            within(p.created, one.created),
    )
}

// ---- coupons and promotion codes ----

function createCoupon(w, p) {
    if ((p.percent_off == null) === (p.amount_off == null)) throw badParameter('You must pass either percent_off or amount_off.', 'percent_off')
    if (p.amount_off != null && !p.currency) throw missingParameter('currency')
    if (p.duration === 'repeating' && !p.duration_in_months) throw missingParameter('duration_in_months')
    if (p.id && w.find('coupon', p.id)) throw invalid('Coupon already exists.', 'id', 'resource_already_exists')
    const coupon = w.add('coupon', {
        id: p.id ?? w.id('coupon', 8).slice(7),
        object: 'coupon',
        amount_off: p.amount_off,
        created: w.now(),
        currency: p.currency,
        duration: p.duration ?? 'once',
        duration_in_months: p.duration_in_months,
        max_redemptions: p.max_redemptions,
        metadata: mergedMetadata({}, p.metadata),
        name: p.name,
        percent_off: p.percent_off,
        redeem_by: p.redeem_by,
        times_redeemed: 0,
        valid: true,
    })
    w.emit('coupon.created', coupon)
    return coupon
}

function createPromotionCode(w, p) {
    const coupon = w.get('coupon', p.promotion?.coupon, 'promotion[coupon]')
    const code = p.code ?? w.random.word(8).toUpperCase()
    const taken = w.all('promotion_code').some(one => one.active && one.code.toLowerCase() === code.toLowerCase() && one[$].live === w.live)
    if (taken) throw invalid(`An active promotion code with \`code: ${code}\` already exists.`, 'code')
    return w.add('promotion_code', {
        id: w.id('promo'),
        object: 'promotion_code',
        active: p.active ?? true,
        code,
        created: w.now(),
        customer: p.customer,
        expires_at: p.expires_at,
        max_redemptions: p.max_redemptions,
        metadata: mergedMetadata({}, p.metadata),
        promotion: { coupon: coupon.id, type: 'coupon' },
        restrictions: { first_time_transaction: false },
        times_redeemed: 0,
    })
}

/** The coupon of a promotion code, or undefined */
export function redeemable(w, code) {
    const found = w.all('promotion_code').find(
        one =>
            one.active &&
            one.code.toLowerCase() === String(code).trim().toLowerCase() &&
            one[$].live === w.live &&
            (one.expires_at === null || one.expires_at > w.now()) &&
            (one.max_redemptions === null || one.times_redeemed < one.max_redemptions),
    )
    return found && { code: found, coupon: w.find('coupon', found.promotion.coupon) }
}

/** The coupon of one entry of a `discounts` parameter */
export function couponOf(w, entry, where) {
    if (entry.coupon) return { coupon: w.get('coupon', entry.coupon, `${where}[coupon]`) }
    if (!entry.promotion_code) throw missingParameter(`${where}[coupon]`)
    const code = w.get('promotion_code', entry.promotion_code, `${where}[promotion_code]`)
    return { code, coupon: w.find('coupon', code.promotion.coupon) ?? fail(code) }
}

function fail(code) {
    throw missing('coupon', code.promotion.coupon, 'coupon')
}

export const catalogRoutes = [
    ['POST', '/v1/products', createProduct, 'product'],
    ['GET', '/v1/products', listProducts, 'product'],
    ['GET', '/v1/products/{id}', (w, p, [id]) => w.get('product', id), 'product'],
    ['POST', '/v1/products/{id}', updateProduct, 'product'],
    ['DELETE', '/v1/products/{id}', deleteProduct, 'product'],
    ['POST', '/v1/prices', createPrice, 'plan'],
    ['GET', '/v1/prices', listPrices, 'plan'],
    ['GET', '/v1/prices/{id}', (w, p, [id]) => w.get('price', id), 'plan'],
    ['POST', '/v1/prices/{id}', updatePrice, 'plan'],
    ['POST', '/v1/coupons', createCoupon, 'coupon'],
    ['GET', '/v1/coupons/{id}', (w, p, [id]) => w.get('coupon', id), 'coupon'],
    ['POST', '/v1/promotion_codes', createPromotionCode, 'promotion_code'],
    ['GET', '/v1/promotion_codes', (w, p) => w.list('promotion_code', p, '/v1/promotion_codes', one => !p.code || one.code === p.code), 'promotion_code'],
]
