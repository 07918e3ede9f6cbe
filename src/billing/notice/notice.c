/* notice.c: checks one tenant after the other and mails what has not been sent before.
 *
 * Everything a mail says is read inside the transaction that records it, so a mail never contradicts the page it
 * links to. The row in billing_notice is inserted first: the second of two workers finds it there and sends
 * nothing. */
#include "billing/notice/notice.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "billing/mirror/mirror.h"
#include "billing/notice/notice_store.h"
#include "plan/money.h"
#include "plan/usage.h"
#include "queue/mail.h"
#include "stripe/client.h"

#include "base/banned.h"

#define ENDED_MS (7 * DAY_MS) /* an end that is older is not reported */

/* One tenant at one moment. */
struct notice_context {
    struct db *c;
    struct arena *a;
    struct id tenant;
    int64_t now_ms, used;
    struct entitlements x;
    struct plans plans;
    struct str name;   /* of the workspace */
    struct str offers; /* address of the plans page; "" if no plans are sold */
    struct notice_reader *readers;
    size_t reader_n;
    struct err *e;
};

/* ---- values of the texts ---- */

static struct str notice_money(struct notice_context *l, int64_t amount, struct str currency)
{
    struct buf b;
    char space[64];
    buf_fixed(&b, space, sizeof(space));
    money_text(&b, amount, currency);
    const char *text = buf_ok(&b) ? arena_strdup(l->a, buf_str(&b)) : NULL;
    return str_from(text);
}

/* One conversation may cost less than the smallest unit of the currency: "$0.0049". */
static struct str notice_unit_price(struct notice_context *l)
{
    static const int64_t scales[] = {1, 10, 100, 1000};
    const struct plan_terms *t = l->x.terms;
    int64_t scale = scales[money_places(str_from(t->currency))];
    struct decimal d = {t->overage / PICO / scale, t->overage / scale % PICO};
    struct buf b;
    char space[64];
    buf_fixed(&b, space, sizeof(space));
    decimal_print(&b, d);
    const char *amount = arena_strdup(l->a, buf_str(&b));
    struct str one = notice_money(l, 0, str_from(t->currency)); /* the currency's sign precedes the digits */
    size_t sign = 0;
    while (sign < one.n && (one.p[sign] < '0' || one.p[sign] > '9'))
        sign++;
    const char *text = amount ? arena_printf(l->a, "%.*s%s", (int)sign, one.p, amount) : NULL;
    return str_from(text);
}

static struct str notice_plan_name(struct notice_context *l, struct str plan)
{
    const struct plan *p = plans_find(&l->plans, plan);
    return p ? p->name : STR_EMPTY;
}

/* The plan that the tenant pays for, even while dunning withholds it. */
static struct str notice_own_plan(struct notice_context *l)
{
    return l->x.subscription && l->x.terms ? notice_plan_name(l, l->x.terms->plan) : l->x.plan->name;
}

struct values {
    struct mail_value list[16];
    size_t n;
};

/* A value of 0 or "" is left out. The texts test whether a value is there, and drop the sentence that needs it. */
static void notice_put(struct values *v, struct mail_value one)
{
    if (one.kind == MAIL_AS_TEXT ? one.text.n > 0 : one.n != 0)
        v->list[v->n++] = one;
}

/* Amount and next attempt of the unpaid invoice, if its mirror row is there. The event of the invoice may still be on
 * its way; a mail without the amount is better than a late one. */
static enum status notice_put_invoice(struct notice_context *l, struct values *v)
{
    struct invoice in;
    struct err none = ERR_INIT;
    if (!l->x.subscription || !l->x.subscription->latest_invoice.n)
        return OK;
    enum status st = invoice_get(l->c, l->tenant, l->a, l->x.subscription->latest_invoice, &in, &none);
    if (st == ERR_NOT_FOUND)
        return OK;
    if (st != OK) {
        *l->e = none;
        return st;
    }
    if (in.amount_remaining > 0)
        notice_put(v, MAIL_TEXT("amount", notice_money(l, in.amount_remaining, str_from(in.currency))));
    if (in.next_attempt_ms > l->now_ms)
        notice_put(v, MAIL_DATE("retry", in.next_attempt_ms));
    return OK;
}

static void notice_put_usage(struct notice_context *l, struct values *v)
{
    const struct quota_period *p = &l->x.period;
    notice_put(v, MAIL_NUMBER("used", l->used));
    notice_put(v, MAIL_NUMBER("included", p->limit < p->included ? p->limit : p->included));
    notice_put(v, MAIL_TEXT("plans", l->offers));
    if (p->limit > p->included && l->x.terms && l->x.terms->overage >= 0) {
        notice_put(v, MAIL_TEXT("unit", notice_unit_price(l)));
        notice_put(v, MAIL_TEXT("cap", notice_money(l, l->x.overage_cap, str_from(l->x.terms->currency))));
    }
}

static void notice_put_coming(struct notice_context *l, struct values *v)
{
    const struct plan_terms *next = l->x.subscription ? plans_terms(&l->plans, l->x.subscription->next_terms) : NULL;
    const struct plan *p = next ? plans_find(&l->plans, next->plan) : NULL;
    if (l->x.terms)
        notice_put(v, MAIL_TEXT("price", notice_money(l, l->x.terms->price, str_from(l->x.terms->currency))));
    if (p) {
        notice_put(v, MAIL_TEXT("next", p->name));
        if (p->value[ENTITLEMENT_bots] != UNLIMITED)
            notice_put(v, MAIL_NUMBER("bots", p->value[ENTITLEMENT_bots]));
    }
}

/* ---- sending ---- */

/* The mails go into the outbox within the caller's transaction: either all of them and the record are stored, or
 * none. */
static enum status notice_mail_all(struct notice_context *l, const char *mail, const struct values *v)
{
    enum status st = OK;
    for (size_t i = 0; st == OK && i < l->reader_n; i++) {
        const struct mail_new m = {.tenant = l->tenant,
                                   .to = l->readers[i].email,
                                   .template = mail,
                                   .language = l->readers[i].language,
                                   .values = v->list,
                                   .value_count = v->n};
        st = mail_queue(l->c, &m, l->e);
        if (st == ERR_INVALID) { /* an invalid address must not keep the others from their mail */
            log_line(LOG_WARN, "notice_not_mailed", LOG_S("mail", mail), LOG_S("error", l->e->message));
            st = OK;
        }
    }
    return st;
}

static enum status notice_send(struct notice_context *l, const struct notice *n, const char *url,
                               enum status (*more)(struct notice_context *l, struct values *v), struct str plan)
{
    struct values v = {.n = 0};
    bool fresh;
    enum status st = notice_store_say(l->c, l->tenant, n->key, n->about_ms, l->now_ms, &fresh, l->e);
    if (st != OK || !fresh || !n->mail)
        return st;
    notice_put(&v, MAIL_TEXT("workspace", l->name));
    notice_put(&v, MAIL_TEXT("plan", plan));
    notice_put(&v, MAIL_DATE("until", n->until_ms));
    notice_put(&v, MAIL_TEXT("url", str_from(url)));
    if (more)
        st = more(l, &v);
    if (st == OK)
        st = notice_mail_all(l, n->mail, &v);
    if (st == OK)
        log_line(LOG_INFO, "billing_notice", LOG_S("kind", n->key), LOG_I("readers", l->reader_n));
    return st;
}

static enum status notice_more_usage(struct notice_context *l, struct values *v)
{
    notice_put_usage(l, v);
    return OK;
}

static enum status notice_more_coming(struct notice_context *l, struct values *v)
{
    notice_put_coming(l, v);
    return OK;
}

static enum status notice_send_all(struct notice_context *l, const struct notice *list, int n, const char *url,
                                   enum status (*more)(struct notice_context *l, struct values *v), struct str plan)
{
    enum status st = OK;
    for (int i = 0; st == OK && i < n; i++)
        st = notice_send(l, &list[i], url, more, plan);
    return st;
}

/* ---- recovery and end ---- */

/* A failure is over when the payment arrives, or when the subscription ends without it; only the first deserves a mail.
 * Older failures are recorded without a mail, so that one recovery is announced once. */
static enum status notice_send_recovered(struct notice_context *l, const struct notice *dunning, int n)
{
    bool live = l->x.state == BILLING_LIVE || l->x.state == BILLING_ENDING || l->x.state == BILLING_TRIAL;
    int64_t *since;
    size_t count;
    enum status st = notice_store_failures(l->c, l->tenant, l->a, &since, &count, l->e);
    for (size_t i = 0; st == OK && i < count; i++) {
        struct notice over = notice_of(NOTICE_RECOVERED, live && i + 1 == count ? "recovered" : NULL, since[i]);
        if (n && dunning[0].about_ms == since[i])
            continue; /* this failure has not ended */
        st = notice_send(l, &over, "/app/billing", NULL, notice_own_plan(l));
    }
    return st;
}

static int64_t notice_ended_at(const struct subscription *s)
{
    if (s->status != STRIPE_CANCELED)
        return 0;
    return s->ended_ms > 0 ? s->ended_ms : s->canceled_ms;
}

/* Only a tenant that is on the free plan now gets this mail. One that bought again in the meantime has a plan. */
static enum status notice_send_ended(struct notice_context *l)
{
    struct subscription *subs;
    size_t n;
    enum status st = l->x.state == BILLING_FREE ? subscription_list(l->c, l->tenant, l->a, &subs, &n, l->e) : OK;
    for (size_t i = 0; st == OK && l->x.state == BILLING_FREE && i < n; i++) {
        struct notice over = notice_of(NOTICE_ENDED, "free_again", notice_ended_at(&subs[i]));
        const struct plan_terms *t = plans_terms(&l->plans, subs[i].terms);
        if (over.about_ms > 0 && over.about_ms <= l->now_ms && l->now_ms - over.about_ms <= ENDED_MS && t)
            st = notice_send(l, &over, "/app/billing/plans", NULL, notice_plan_name(l, t->plan));
    }
    return st;
}

/* ---- one tenant ---- */

static enum status notice_read_all(struct notice_context *l)
{
    const struct config *cfg = config_current();
    enum status st = entitlement_load(l->c, l->tenant, l->now_ms, l->a, &l->x, l->e);
    if (st == OK)
        st = plans_read(l->c, l->a, &l->plans, l->e);
    if (st == OK)
        st = usage_used(l->c, l->tenant, l->x.period.start_ms, &l->used, l->e);
    if (st == OK)
        st = notice_store_name(l->c, l->tenant, l->a, &l->name, l->e);
    if (st == OK)
        st = notice_store_readers(l->c, l->tenant, l->a, &l->readers, &l->reader_n, l->e);
    l->offers = STR_EMPTY;
    if (cfg && stripe_enabled(cfg))
        l->offers = str_from(arena_printf(l->a, "%s/app/billing/plans", config_string(cfg, CONFIG_base_url)));
    config_drop(cfg);
    return st;
}

/* The list of dunning notices is used once more: it tells notice_send_recovered which failure still lasts. */
static enum status notice_one(struct db *c, void *ctx, struct err *e)
{
    struct notice_context *l = ctx;
    struct notice list[NOTICES_MAX];
    l->c = c;
    l->e = e;
    enum status st = notice_read_all(l);
    if (st != OK)
        return st;
    int n = notice_usage(&l->x, l->used, list);
    st = notice_send_all(l, list, n, "/app/billing/usage", notice_more_usage, l->x.plan->name);
    n = notice_dunning(&l->x, l->now_ms, list);
    if (st == OK)
        st = notice_send_all(l, list, n, "/app/billing", notice_put_invoice, notice_own_plan(l));
    if (st == OK)
        st = notice_send_recovered(l, list, n);
    if (st == OK)
        st = notice_send_ended(l);
    if (st != OK)
        return st;
    const struct plan_terms *next = l->x.subscription ? plans_terms(&l->plans, l->x.subscription->next_terms) : NULL;
    n = notice_coming(&l->x, l->now_ms, next ? next->plan : STR_EMPTY, list);
    return notice_send_all(l, list, n, "/app/billing", notice_more_coming, notice_own_plan(l));
}

/* The counters are marked with the values that were read before the check, so that conversations counted meanwhile are
 * checked next time. They are marked after the commit. If that fails the tenant is checked once more, and finds every
 * notice recorded. */
static enum status notice_check_tenant(struct db *c, struct id tenant, int64_t now_ms, struct err *e)
{
    struct arena a;
    struct notice_counter *counters;
    size_t n = 0;
    arena_init(&a, LIST_ARENA);
    struct notice_context l = {.a = &a, .tenant = tenant, .now_ms = now_ms};
    enum status st = notice_store_counters(c, tenant, &a, now_ms, &counters, &n, e);
    if (st == OK)
        st = db_transaction(c, notice_one, &l, e);
    for (size_t i = 0; st == OK && i < n; i++)
        st = usage_mark_noticed(c, tenant, counters[i].period_start_ms, counters[i].billable, counters[i].used, e);
    arena_release(&a);
    return st;
}

/* The position moves on even when a tenant fails, or that tenant would keep all later ones from their mails. Only a
 * database that is away ends the step. */
enum status notice_step(struct db *c, int64_t now_ms, struct id *after, int limit, bool *more, struct err *e)
{
    struct arena a;
    struct id *tenants;
    size_t n = 0;
    *more = false;
    arena_init(&a, LIST_ARENA);
    enum status st = notice_store_tenants(c, &a, *after, now_ms, now_ms - ENDED_MS, limit, &tenants, &n, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        st = notice_check_tenant(c, tenants[i], now_ms, e);
        *after = tenants[i];
        if (st != OK && st != ERR_UNAVAILABLE) { /* one tenant's failure must not stop the others */
            char id[ID_TEXT_MAX];
            log_line(LOG_ERROR, "notice_failed", LOG_S("workspace", id_text(ID_TENANT, tenants[i], id)),
                     LOG_S("error", e ? e->message : ""));
            st = OK;
        }
    }
    *more = st == OK && n == (size_t)limit;
    arena_release(&a);
    return st;
}

enum status notice_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return notice_store_forget(c, before_ms, limit, n, e);
}
