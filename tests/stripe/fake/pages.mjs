// The pages Stripe hosts, as plain forms: checkout, portal, invoice. A browser uses them as a visitor would.
import qs from 'qs'
import { complete, enterCode } from './checkout.mjs'
import { attachCard } from './customers.mjs'
import { StripeError } from './errors.mjs'
import { collect } from './invoices.mjs'
import { cancelFromPortal, renewFromPortal } from './subrequests.mjs'
import { ENDED, periodEnd } from './subscriptions.mjs'
import { HOUR, iso, MINUTE } from './time.mjs'
import { $ } from './world.mjs'

const escape = text => String(text).replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`)
const money = (amount, currency) => `${amount} ${currency} (smallest units)`

const page = (title, body) => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title></head>
<body><main><h1>${escape(title)}</h1>
${body}
</main></body></html>
`
const button = (value, text, name = 'action') => `<button type="submit" name="${name}" value="${escape(value)}">${escape(text)}</button>`
const form = (action, inner) => `<form method="post" action="${escape(action)}">${inner}</form>`

export class Pages {
    constructor(fake) {
        this.fake = fake
        this.w = fake.w
    }

    serve(req, res, path, query, body) {
        const [, kind, ...rest] = path.split('/')
        const given = req.method === 'POST' ? qs.parse(body.toString()) : null
        const answer = this.#safely(() => this.#answer(`${kind}/${rest[0] ?? ''}`, path, rest, given))
        const { status = 200, headers = {}, html } = answer ?? { status: 404, html: page('Not found', '<p>There is nothing here.</p>') }
        res.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store', ...headers })
        res.end(html)
        this.fake.afterRequest()
    }

    // where the API would refuse, a page shows a message
    #safely(run) {
        try {
            return run()
        } catch (error) {
            if (!(error instanceof StripeError)) throw error
            return { status: 400, html: page('Something went wrong', `<p role="alert">${escape(error.message)}</p>`) }
        }
    }

    #answer(kind, path, rest, given) {
        if (kind === 'c/pay') return this.#checkout(path, rest[1], given)
        if (kind === 'p/session') return this.#portal(path, rest[1], given)
        if (kind === 'i/acct_fake') return this.#invoice(path, rest[1], given)
        if (kind === 'pay/invoice' && rest[3] === 'pdf') return this.#pdf(rest[2])
        return null
    }

    // ---- checkout ----

    #checkout(path, id, given) {
        const session = this.w.find('checkout.session', id)
        if (!session) return null
        this.w.live = session[$].live
        if (session.status === 'complete') return { html: page('Thank you', '<p role="status">This session is complete.</p>') }
        if (session.status !== 'open') return { status: 410, html: page('Expired', '<p role="alert">This session has expired.</p>') }
        if (given) return this.#checkoutAction(path, session, given)
        return { html: this.#checkoutPage(path, session) }
    }

    #checkoutPage(path, session, note = '') {
        const lines = session[$].lines.map(line => `<li>${escape(this.w.byId.get(line.price.product).name)}${line.quantity ? ` × ${line.quantity}` : ' (by usage)'}</li>`).join('')
        const code = session.allow_promotion_codes ? form(path, `<label>Promotion code <input name="code"></label> ${button('code', 'Apply')}`) : ''
        const trial = session[$].p.subscription_data?.trial_period_days
        const needsCard = session.amount_total > 0 || session.payment_method_collection === 'always'
        const pay = needsCard
            ? [button('pay', trial ? 'Start trial' : 'Pay'), button('fail', 'Fail card'), button('3ds', 'Pay with 3D Secure'), button('async', 'Pay by bank debit')].join(' ')
            : button('pay', 'Subscribe without a card')
        const back = session.cancel_url ? `<p><a href="${escape(session.cancel_url)}">Go back</a></p>` : ''
        return page('Checkout', `${note}<ul>${lines}</ul><p>Due today: ${money(session.amount_total, session.currency)}</p>${code}${form(path, pay)}${back}`)
    }

    #checkoutAction(path, session, given) {
        if (given.action === 'code') {
            const good = enterCode(this.w, session, given.code)
            return { html: this.#checkoutPage(path, session, good ? '<p role="status">The code counts.</p>' : '<p role="alert">This code is invalid.</p>') }
        }
        const needsCard = session.amount_total > 0 || session.payment_method_collection === 'always'
        const card = { pay: needsCard ? 'ok' : null, fail: 'fail', '3ds': '3ds', confirm: '3ds', deny: 'fail', async: 'async', asyncfail: 'async' }[given.action]
        if (card === undefined) return { status: 400, html: this.#checkoutPage(path, session, '<p role="alert">What was pressed?</p>') }
        const outcome = complete(this.w, session, { card, confirmed: given.action === 'confirm' })
        if (outcome === 'declined') return { html: this.#checkoutPage(path, session, '<p role="alert">Your card was declined.</p>') }
        if (outcome === 'action') return { html: page('3D Secure', form(path, `${button('confirm', 'Complete authentication')} ${button('deny', 'Fail authentication')}`)) }
        return { status: 303, headers: { Location: session.success_url.replace(/\{CHECKOUT_SESSION_ID\}|%7BCHECKOUT_SESSION_ID%7D/gi, session.id) }, html: '' }
    }

    // ---- portal ----

    #portal(path, word, given) {
        const session = this.w.all('billing_portal.session').find(one => `${one.livemode ? 'live' : 'test'}_${one[$].token}` === word)
        if (!session) return null
        const now = this.w.now()
        const age = now - (session[$].used || session.created)
        if (age > (session[$].used ? HOUR : 5 * MINUTE)) return { status: 410, html: page('Expired', '<p role="alert">This link has expired.</p>') }
        session[$].used = now
        this.w.live = session[$].live
        const customer = this.w.find('customer', session.customer)
        if (!customer) return { status: 410, html: page('Gone', '<p role="alert">This customer was deleted.</p>') }
        const note = given ? this.#portalAction(session, customer, given) : ''
        if (note?.status) return note
        return { html: this.#portalPage(path, session, customer, note) }
    }

    #portalPage(path, session, customer, note) {
        const { features } = this.w.byId.get(session.configuration)
        const subs = this.w.all('subscription').filter(one => one.customer === customer.id && !ENDED.includes(one.status))
        const only = session.flow?.type
        const parts = []
        if (features.payment_method_update.enabled && (!only || only === 'payment_method_update'))
            parts.push(form(path, `${button('card:ok', 'Update card')} ${button('card:fail', 'Use a card that fails')} ${button('card:3ds', 'Use a card with 3D Secure')}`))
        for (const sub of subs) if (!only || session.flow[only]?.subscription === sub.id) parts.push(this.#portalSubscription(path, sub, features))
        if (features.invoice_history.enabled && !only) parts.push(this.#portalInvoices(customer))
        const back = session.return_url ? `<p><a href="${escape(session.return_url)}">Return</a></p>` : ''
        return page('Billing portal', `${note ?? ''}${parts.join('\n')}${back}`)
    }

    #portalSubscription(path, sub, features) {
        const ends = sub.cancel_at ? ` ends ${iso(sub.cancel_at).slice(0, 10)}` : ` renews ${iso(periodEnd(sub)).slice(0, 10)}`
        const act = !features.subscription_cancel.enabled ? '' : form(path, sub.cancel_at ? button(`renew:${sub.id}`, 'Do not cancel') : button(`cancel:${sub.id}`, 'Cancel subscription'))
        return `<section><h2>Subscription</h2><p>${escape(sub.status)},${ends}</p>${act}</section>`
    }

    #portalInvoices(customer) {
        const rows = this.w
            .all('invoice')
            .filter(one => one.customer === customer.id && one.status !== 'draft')
            .map(one => `<li><a href="${escape(one.hosted_invoice_url)}">${escape(one.number)}</a> ${escape(one.status)} ${money(one.total, one.currency)}</li>`)
        return `<section><h2>Invoices</h2><ul>${rows.join('')}</ul></section>`
    }

    #portalAction(session, customer, given) {
        const [what, which] = String(given.action).split(':')
        const configuration = this.w.byId.get(session.configuration)
        if (what === 'card') attachCard(this.w, customer, which)
        else {
            const sub = this.w.find('subscription', which)
            if (sub?.customer !== customer.id) return '<p role="alert">That is not yours.</p>'
            if (what === 'cancel') cancelFromPortal(this.w, sub, configuration.features.subscription_cancel.mode)
            else if (what === 'renew') renewFromPortal(this.w, sub)
        }
        const completion = session.flow?.after_completion
        if (completion?.type === 'redirect') return { status: 303, headers: { Location: completion.redirect.return_url }, html: '' }
        return '<p role="status">Saved.</p>'
    }

    // ---- invoices ----

    #byToken(word) {
        return this.w.all('invoice').find(one => one[$].token && `${one.livemode ? 'live' : 'test'}_${one[$].token}` === word)
    }

    #invoice(path, word, given) {
        const invoice = this.#byToken(word)
        if (!invoice) return null
        this.w.live = invoice[$].live
        let note = ''
        if (given && invoice.status === 'open') {
            if (given.action === 'pay') attachCard(this.w, this.w.byId.get(invoice.customer), 'ok')
            const outcome = collect(this.w, invoice, { card: given.action === 'pay' ? 'ok' : 'fail', manual: true })
            note = outcome === 'paid' ? '<p role="status">Paid.</p>' : '<p role="alert">Your card was declined.</p>'
        }
        const pay = invoice.status === 'open' ? form(path, `${button('pay', 'Pay')} ${button('fail', 'Fail card')}`) : ''
        return { html: page(`Invoice ${invoice.number}`, `${note}<p>${escape(invoice.status)}: ${money(invoice.amount_due, invoice.currency)}</p>${pay}<p><a href="${escape(invoice.invoice_pdf)}">PDF</a></p>`) }
    }

    #pdf(word) {
        const invoice = this.#byToken(word)
        if (!invoice) return null
        const text = `BT /F1 18 Tf 40 780 Td (Invoice ${invoice.number}: ${invoice.total} ${invoice.currency}) Tj ET`
        const parts = [
            '1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n',
            '2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n',
            '3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n',
            `4 0 obj<</Length ${text.length}>>stream\n${text}\nendstream endobj\n`,
        ]
        return { headers: { 'Content-Type': 'application/pdf', 'Content-Disposition': `attachment; filename="${invoice.number}.pdf"` }, html: asPdf(parts) }
    }
}

function asPdf(parts) {
    let at = '%PDF-1.4\n'
    const offsets = parts.map(part => {
        const offset = at.length
        at += part
        return `${String(offset).padStart(10, '0')} 00000 n \n`
    })
    return `${at}xref\n0 ${parts.length + 1}\n0000000000 65535 f \n${offsets.join('')}trailer<</Size ${parts.length + 1}/Root 1 0 R>>\nstartxref\n${at.length}\n%%EOF\n`
}
