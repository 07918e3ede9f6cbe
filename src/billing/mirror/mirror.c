/* mirror.c: turns a fetched object into a row. Three questions are answered on the way: which tenant it belongs to,
 * which terms its prices stand for, and since when a payment has been missing. The answers use only our own rows and
 * what Stripe just returned, so that writing the same object twice gives the same row. */
#include "billing/mirror/mirror_internal.h"
#include "billing/mirror/mirror_store.h"

#include "base/banned.h"

/* The invoice of a change is among this many newest ones: Stripe makes at most 20 a day for one subscription, and a
 * pending update expires within a day. */
#define WAITED_FOR_MAX 24

/* The Stripe customer decides which tenant a subscription belongs to, if the customer is known here. The metadata can
 * be written by anyone who has a key of the account. It counts only while the customer is unknown and the row has no
 * tenant yet. A tenant once stored is kept, so that no tenant loses a subscription because a customer was forgotten. */
static enum status mirror_find_tenant(struct db *c, struct arena *a, const struct json *j, struct subscription *s,
                                      struct id before, struct err *e)
{
    struct id named;
    bool known = false, deleted;
    enum status st = mirror_store_customer(c, a, s->customer, &s->tenant, e);
    if (st != OK || !id_is_none(s->tenant))
        return st;
    s->tenant = before;
    if (!id_is_none(before) || !id_parse(ID_TENANT, json_get_str(json_get(j, "metadata"), "tenant"), &named) ||
        id_is_none(named))
        return OK;
    st = mirror_store_tenant(c, a, named, &known, &deleted, e);
    if (known)
        s->tenant = named;
    return st;
}

/* The row of stripe_price gives role and terms. Without a row, the price's metadata may name existing terms. That is
 * how a subscription is recognised when the database was restored from before its price was made. */
static enum status mirror_find_price(struct db *c, struct arena *a, struct mirror_item *it, struct err *e)
{
    struct id terms;
    enum price_role role;
    bool there = false;
    enum status st = mirror_store_price(c, a, it->price, &terms, &role, e);
    if (st != OK)
        return st;
    if (!id_is_none(terms)) {
        it->known = true;
        it->terms = terms;
        it->role = role;
        return OK;
    }
    if (id_is_none(it->terms))
        return OK;
    st = mirror_store_terms_exist(c, a, it->terms, &there, e);
    if (!there)
        it->terms = ID_NONE;
    return st;
}

/* Stripe promises no order of items, and one may have been added by hand. So every item is identified before any is
 * chosen. */
static enum status mirror_find_terms(struct db *c, struct arena *a, const struct json *j, struct subscription *s,
                                     struct err *e)
{
    struct mirror_item *items;
    size_t n;
    enum status st = mirror_items(a, j, &items, &n, e);
    for (size_t i = 0; st == OK && i < n; i++)
        st = mirror_find_price(c, a, &items[i], e);
    if (st == OK)
        mirror_choose(s, items, n);
    return st;
}

/* The base price of the next phase decides. The usage price is always swapped with it and would only repeat the answer.
 * A phase on the same terms is not a change of plan. */
static enum status mirror_find_next(struct db *c, struct arena *a, const struct json *schedule, struct subscription *s,
                                    struct err *e)
{
    const struct json *items;
    int64_t start = 0;
    enum status st = OK;
    if (!mirror_next_phase(schedule, s->fetched_ms, &items, &start))
        return OK;
    for (size_t i = 0; st == OK && i < json_len(items); i++) {
        struct id terms;
        enum price_role role;
        st = mirror_store_price(c, a, mirror_phase_price(json_at(items, i)), &terms, &role, e);
        if (st == OK && role == PRICE_BASE && !id_eq(terms, s->terms)) {
            s->next_terms = terms;
            s->next_ms = start;
        }
    }
    return st;
}

/* Only a known state is remembered, with the time of its fetch. BILLING_UNKNOWN_MS counts from there, so fetching again
 * and again does not prolong what an unknown state grants. */
static void mirror_keep_known(struct subscription *s, const struct subscription *before)
{
    if (s->status == STRIPE_UNKNOWN) {
        s->known_status = before ? before->known_status : STRIPE_UNKNOWN;
        s->known_ms = before ? before->known_ms : 0;
    } else {
        s->known_status = s->status;
        s->known_ms = s->fetched_ms;
    }
}

/* A payment has been missing since the oldest unpaid invoice was finalised. Later failures do not move that time, or
 * the grace period would never end. A state that is unknown says nothing about payments, so the time is kept. */
static enum status mirror_keep_failed(struct db *c, struct arena *a, struct subscription *s,
                                      const struct subscription *before, struct err *e)
{
    int64_t since = 0;
    if (s->status == STRIPE_UNKNOWN && before)
        s->first_failed_ms = before->first_failed_ms;
    if (s->status != STRIPE_PAST_DUE && s->status != STRIPE_UNPAID)
        return OK;
    if (before && before->first_failed_ms) {
        s->first_failed_ms = before->first_failed_ms;
        return OK;
    }
    enum status st = mirror_store_open_since(c, a, s->id, &since, e);
    s->first_failed_ms = since && since < s->fetched_ms ? since : s->fetched_ms;
    return st;
}

/* The row is locked before anything is derived from its old values. Invoices that arrived before their subscription
 * have no tenant; they get it here, as soon as the subscription has one. */
enum status subscription_write(struct db *c, struct arena *a, const struct json *j, const struct json *schedule,
                               int64_t fetched_ms, struct subscription *out, struct err *e)
{
    struct subscription before;
    bool there = false;
    enum status st = subscription_parse(a, j, out, e);
    if (st == OK)
        st = subscription_lock(c, a, out->id, &before, &there, e);
    if (st != OK)
        return st;
    out->fetched_ms = fetched_ms;
    if ((st = mirror_find_tenant(c, a, j, out, there ? before.tenant : ID_NONE, e)) != OK ||
        (st = mirror_find_terms(c, a, j, out, e)) != OK ||
        (st = mirror_find_next(c, a, schedule ? schedule : json_get(j, "schedule"), out, e)) != OK)
        return st;
    mirror_keep_known(out, there ? &before : NULL);
    st = mirror_keep_failed(c, a, out, there ? &before : NULL, e);
    if (st == OK)
        st = subscription_put(c, out, e);
    return st == OK && !id_is_none(out->tenant) && (!there || id_is_none(before.tenant))
               ? mirror_store_adopt(c, out->tenant, out->id, e)
               : st;
}

/* Where its customer is unknown, an invoice takes the tenant that its subscription already has. */
enum status invoice_write(struct db *c, struct arena *a, const struct json *j, int64_t fetched_ms, struct invoice *out,
                          struct err *e)
{
    struct subscription sub;
    struct err none = ERR_INIT;
    enum status st = invoice_parse(a, j, out, e);
    if (st == OK)
        st = mirror_store_customer(c, a, out->customer, &out->tenant, e);
    if (st != OK)
        return st;
    out->fetched_ms = fetched_ms;
    if (id_is_none(out->tenant) && out->subscription.n) {
        st = subscription_get(c, a, out->subscription, &sub, &none);
        if (st == OK)
            out->tenant = sub.tenant;
        else if (st != ERR_NOT_FOUND) {
            *e = none;
            return st;
        }
    }
    return mirror_store_invoice_put(c, out, e);
}

/* The row is locked before it is compared, so a refresh of the invoice that commits meanwhile is seen. Its state is
 * asked besides its time, because clocks of two hosts differ: Stripe never opens an invoice again that is over. */
enum status invoice_write_listed(struct db *c, struct arena *a, const struct json *j, int64_t fetched_ms, struct err *e)
{
    struct invoice here, out;
    enum status st = mirror_store_invoice_lock(c, a, json_get_str(j, "id"), &here, e);
    if (st == ERR_NOT_FOUND)
        return invoice_write(c, a, j, fetched_ms, &out, e);
    if (st != OK || here.fetched_ms > fetched_ms)
        return st;
    bool over = here.status == INVOICE_PAID || here.status == INVOICE_VOID || here.status == INVOICE_UNCOLLECTIBLE ||
                here.status == INVOICE_DELETED;
    return over ? OK : invoice_write(c, a, j, fetched_ms, &out, e);
}

/* ---- reading ---- */

enum status mirror_customer_tenant(struct db *c, struct arena *a, struct str customer, struct id *tenant, struct err *e)
{
    return mirror_store_customer(c, a, customer, tenant, e);
}

enum status mirror_tenant_state(struct db *c, struct arena *a, struct id tenant, bool *known, bool *deleted,
                                struct err *e)
{
    return mirror_store_tenant(c, a, tenant, known, deleted, e);
}

enum status invoice_list(struct db *c, struct id tenant, struct arena *a, int64_t before_ms, int limit,
                         struct invoice **out, size_t *n, struct err *e)
{
    return mirror_store_invoices(c, a, tenant, before_ms, limit, out, n, e);
}

enum status invoice_get(struct db *c, struct id tenant, struct arena *a, struct str id, struct invoice *out,
                        struct err *e)
{
    return mirror_store_invoice_get(c, a, tenant, id, out, e);
}

/* Stripe's pending_update does not name its invoice, so it is recognised by its reason. Invoices of renewals have
 * another. */
enum status invoice_waited_for(struct db *c, struct id tenant, struct arena *a, const struct subscription *s,
                               struct invoice *out, struct err *e)
{
    struct invoice *list;
    size_t n;
    enum status st = mirror_store_invoices(c, a, tenant, 0, WAITED_FOR_MAX, &list, &n, e);
    if (st != OK)
        return st;
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i].subscription, s->id) && list[i].status == INVOICE_OPEN && list[i].for_change) {
            *out = list[i];
            return OK;
        }
    return err_raise(e, E_invoice_unknown);
}
