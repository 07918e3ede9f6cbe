// Errors as Stripe words them. `before` marks those found before a request is executed: the idempotency layer does not store them.
export class StripeError extends Error {
    constructor(status, error, { before = false, headers = {} } = {}) {
        super(error.message)
        this.status = status
        this.error = error
        this.before = before
        this.headers = headers
    }

    body() {
        const { type, code, message, param, ...rest } = this.error
        const doc = code ? { code, doc_url: `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}` } : {}
        return { error: { ...doc, message, ...(param ? { param } : {}), ...rest, type } }
    }
}

const wrong = (status, code, message, param, how) => new StripeError(status, { type: 'invalid_request_error', code, message, param }, how)

export const invalid = (message, param, code) => wrong(400, code, message, param)
export const badParameter = (message, param, code) => wrong(400, code, message, param, { before: true })
export const missingParameter = param => badParameter(`Missing required param: ${param}.`, param, 'parameter_missing')
export const missing = (kind, id, param = 'id') => wrong(404, 'resource_missing', `No such ${kind}: '${id}'`, param)
export const wrongMode = (kind, id, param, live) =>
    wrong(
        404,
        'resource_missing',
        `No such ${kind}: '${id}'; a similar object exists in ${live ? 'test' : 'live'} mode, but a ${live ? 'live' : 'test'} mode key was used to make this request.`,
        param,
    )
export const noRoute = (method, path) =>
    wrong(404, undefined, `Unrecognized request URL (${method}: ${path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.`, undefined, {
        before: true,
    })
export const unauthorized = message => wrong(401, undefined, message, undefined, { before: true })
export const forbidden = message => wrong(403, undefined, message, undefined, { before: true })
export const idempotency = (status, message, code) => new StripeError(status, { type: 'idempotency_error', code, message }, { before: true })
export const cardDeclined = (decline = 'generic_decline', extra = {}) =>
    new StripeError(402, { type: 'card_error', code: 'card_declined', decline_code: decline, message: 'Your card was declined.', ...extra })
export const rateLimited = (reason, message = 'Request rate limit exceeded.') =>
    new StripeError(
        429,
        { type: 'invalid_request_error', code: reason ? 'rate_limit' : 'lock_timeout', message },
        { before: true, headers: reason ? { 'Stripe-Rate-Limited-Reason': reason } : { 'Stripe-Should-Retry': 'true' } },
    )
export const apiError = (message = 'An unknown error occurred') => new StripeError(500, { type: 'api_error', message })
