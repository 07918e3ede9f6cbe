// Stripe's side of a webhook: bodies, signatures, deliveries.
import { createHmac, randomBytes } from 'node:crypto'

export const API_VERSION = '2026-10-28.endive'
export const SECRET = 'whsec_test_of_the_hooks'

let count = 0
export const newId = prefix => `${prefix}_${(++count).toString(36)}${randomBytes(6).toString('hex')}`

/** An event as Stripe's API has it; `object` is its data.object. */
export function snapshot(type, object, more = {}) {
    return {
        id: newId('evt'), object: 'event', api_version: API_VERSION, created: Math.floor(Date.now() / 1000), type, livemode: false,
        pending_webhooks: 1, request: { id: null, idempotency_key: null }, data: { object }, ...more,
    }
}

export function thin(type, related, more = {}) {
    return {
        id: newId('evt'), object: 'v2.core.event', created: new Date().toISOString(), type, livemode: false, context: null,
        related_object: related, ...more,
    }
}

export const hmac = (body, t, secret = SECRET) => createHmac('sha256', secret).update(`${t}.`).update(body).digest('hex')

/** A Stripe-Signature header for the body's bytes. */
export function signed(body, { t = Math.floor(Date.now() / 1000), secrets = [SECRET] } = {}) {
    return [`t=${t}`, ...secrets.map(s => `v1=${hmac(body, t, s)}`)].join(',')
}

/** Deliver an event, or bytes as they are. */
export async function deliver(url, event, { header, headers = {}, ...how } = {}) {
    const body = typeof event === 'string' || Buffer.isBuffer(event) ? event : JSON.stringify(event)
    const signature = header === undefined ? signed(body, how) : header
    const answer = await fetch(`${url}/hooks/stripe`, {
        method: 'POST', body, redirect: 'manual',
        headers: { 'content-type': 'application/json; charset=utf-8', ...(signature === null ? {} : { 'stripe-signature': signature }), ...headers },
    })
    const text = await answer.text()
    return { status: answer.status, headers: answer.headers, text, body: text.startsWith('{') ? JSON.parse(text) : null }
}
