// Buying when something fails on the way: what is recorded of each attempt, and that no second page can be paid.
// Journeys through a checkout are in checkout.test.mjs.
// Runs for about 10 s.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { bytes, Testbed } from './testbed.mjs'

let bed, fake, ops

before(async () => {
    bed = await Testbed.open()
    ;({ fake, ops } = bed)
})
beforeEach(() => bed.reset())
after(() => bed?.close())

const begin = (tenant, plan) => ops.call({ op: 'begin', tenant, plan })
const states = async tenant => (await bed.rows(tenant, 'SELECT state FROM checkout_attempt WHERE tenant_id = ? ORDER BY checkout_attempt_id')).map(r => r.state)
const open = tenant => bed.sessions(tenant).filter(s => s.status === 'open').map(s => s.url)

test('each attempt is recorded with its end', async () => {
    const tenant = await bed.tenant()
    await begin(tenant, 'starter')
    await begin(tenant, 'professional')
    assert.deepEqual(await states(tenant), ['expired', 'open'])
    assert.equal((await ops.call({ op: 'end', tenant })).ok, true)
    assert.deepEqual(await states(tenant), ['expired', 'expired'])
})

test('what is paid a moment before the end ends with the workspace', async () => {
    const tenant = await bed.tenant()
    fake.control.pay(bed.session((await begin(tenant, 'starter')).url).id)
    const ended = await ops.call({ op: 'end', tenant })
    assert.equal(ended.ok, true, ended.message)
    assert.deepEqual(bed.subscriptions(tenant).map(s => s.status), ['canceled'])
})

test('a session whose answer was lost is the one that the next click gets', async () => {
    const tenant = await bed.tenant()
    fake.faults.add({ kind: 'dropAfter', method: 'POST', path: '/v1/checkout/sessions', times: 9 })
    assert.equal((await begin(tenant, 'starter')).ok, false)
    fake.faults.clear()
    assert.deepEqual(await states(tenant), ['creating'])
    const again = await begin(tenant, 'starter')
    assert.deepEqual(open(tenant), [again.url])
    assert.deepEqual(await states(tenant), ['open'])
})

test('while the first page cannot be closed, no second one is opened', async () => {
    const tenant = await bed.tenant()
    const first = await begin(tenant, 'starter')
    fake.faults.add({ kind: 'dropBefore', method: 'POST', path: { regexp: '/expire$' }, times: 99 })
    const refused = await begin(tenant, 'professional')
    assert.match(refused.code, /^stripe_/)
    assert.notEqual(refused.message, '')
    assert.match((await ops.call({ op: 'end', tenant, cli: true })).code, /^stripe_/, 'nor is anything ended')
    fake.faults.clear()
    assert.deepEqual(open(tenant), [first.url])
    const second = await begin(tenant, 'professional')
    assert.deepEqual(open(tenant), [second.url])
})

test('a customer whose answer was lost is looked for among those of the last hour', async () => {
    const tenant = await bed.tenant()
    fake.faults.add({ kind: 'error500After', method: 'POST', path: '/v1/customers', times: 9 })
    const begun = await begin(tenant, 'starter')
    assert.equal(begun.ok, true, begun.message)
    assert.equal(bed.customers(tenant).length, 1)
    const list = fake.requests.findLast(r => r.method === 'GET' && r.path.startsWith('/v1/customers'))
    const since = Number(/created%5Bgte%5D=(-?\d+)|created\[gte\]=(-?\d+)/.exec(JSON.stringify(list))?.slice(1).find(Boolean))
    assert.ok(Math.abs(fake.now() - 3600 - since) <= 60, `${since}, and it is ${fake.now()}`)
})

test('a return while Stripe cannot be asked says that the payment is on its way', async () => {
    const tenant = await bed.tenant()
    const session = bed.session((await begin(tenant, 'starter')).url)
    fake.control.pay(session.id)
    fake.faults.add({ kind: 'dropBefore', method: 'GET', path: '/v1/checkout/sessions/', times: 99 })
    const back = await ops.call({ op: 'return', tenant, session: session.id })
    assert.deepEqual([back.ok, back.outcome], [true, 'paying'])
    fake.faults.clear()
    assert.equal((await ops.call({ op: 'return', tenant, session: session.id })).outcome, 'done')
})

test('an attempt whose answer makes no sense is over, and the next click makes another one', async () => {
    const tenant = await bed.tenant()
    fake.faults.add({ kind: 'badGatewayAfter', method: 'POST', path: '/v1/checkout/sessions', times: 9 })
    assert.equal((await begin(tenant, 'starter')).ok, false)
    fake.faults.clear()
    assert.deepEqual(await states(tenant), ['failed'])
    const again = await begin(tenant, 'starter')
    assert.equal(again.ok, true, again.message)
    assert.deepEqual(await states(tenant), ['failed', 'open'])
})

test('after eleven attempts to make a customer the twelfth has a key of its own', async () => {
    const tenant = await bed.tenant(), at = "'2027-03-01 09:00:00'"
    const rows = Array.from({ length: 11 }, (_, serial) => // as text, 9 comes after 10
        `('cust:${tenant}:test-1.${serial}', 'POST', '/v1/customers', REPEAT('x', 32), UNHEX('${bytes(tenant)}'), 'failed', ${at}, ${at})`)
    await bed.install.sql(`INSERT INTO stripe_call (idem_key, method, path, params, tenant_id, state, created_at, first_sent_at) VALUES ${rows.join()}`)
    const made = await ops.call({ op: 'customer', tenant })
    assert.equal(made.ok, true, made.message)
    assert.deepEqual(bed.customers(tenant).map(c => c.id), [made.customer])
    assert.equal(fake.requests.findLast(r => r.method === 'POST' && r.path === '/v1/customers').idempotencyKey, `cust:${tenant}:test-1.11`)
})
