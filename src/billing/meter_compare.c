/* meter_compare.c: what the meter says it has, against what was sent. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/num.h"
#include "billing/alarm.h"
#include "billing/lease.h"
#include "billing/meter_priv.h"
#include "billing/meter_store.h"
#include "billing/setup.h"

#include "base/banned.h"

#define LEASE_MS 180000
#define MINUTE_MS 60000LL
#define SETTLES_MS (15 * MINUTE_MS)   /* the meter's sums follow what was sent after a while */
#define LOOK_AGAIN_MS (6 * 3600000LL) /* at one that cannot be told */

/* ---- Stripe's sum ---- */

/* A whole number, in whatever form it comes. */
static bool whole(const struct json *j, int64_t *out)
{
    double d = json_double(j, -1);

    if (json_is(j, JSON_STRING))
        return num_i64(json_str(j), 0, INT64_MAX, out);
    if (json_is(j, JSON_INT)) {
        *out = json_int(j, -1);
        return *out >= 0;
    }
    *out = d >= 0 && d < 9e15 ? (int64_t)d : -1;
    return json_is(j, JSON_DOUBLE) && *out >= 0 && (double)*out == d; /* NOLINT: exact on purpose */
}

struct summed { int64_t sum; bool odd; };
static enum status add_summary(void *ctx, struct json *item, struct err *e)
{
    struct summed *x = ctx;
    int64_t v = 0;

    (void)e;
    if (!whole(json_get(item, "aggregated_value"), &v) || __builtin_add_overflow(x->sum, v, &x->sum))
        x->odd = true;
    return OK;
}

static enum status meter_sum(struct stripe *st, const char *meter, struct str customer, int64_t from_ms, int64_t to_ms, int64_t *out,
                             struct err *e)
{
    struct stripe_form q;
    struct summed x = {0};
    struct arena a;

    arena_init(&a, 64 * KB);
    stripe_form_init(&q);
    stripe_param_str(&q, "customer", customer);
    stripe_param_int(&q, "start_time", from_ms / 1000);
    stripe_param_int(&q, "end_time", to_ms / 1000);
    const char *path = stripe_path(&a, "/v1/billing/meters/%/event_summaries", meter, (char *)NULL);
    enum status s = path ? stripe_list_each(st, path, &q, METER_TRY_MS, add_summary, &x, e) : err_nomem(e);
    stripe_form_release(&q);
    arena_release(&a);
    if (s == OK && x.odd)
        s = err_set(e, ERR_UNAVAILABLE, "stripe_answer", "Stripe's sum of the meter is no whole number.");
    *out = x.sum;
    return s;
}

/* ---- both sums of a time, on whole minutes ---- */

struct both { struct meter_sums here; int64_t there; };

static enum status look_here(struct db_pool *p, struct arena *a, bool livemode, struct str customer, int64_t from_ms, int64_t to_ms,
                             struct meter_sums *sums, struct str *meter, struct err *e)
{
    struct db *c = NULL;
    enum status s = db_get(p, &c, e);

    if (s == OK)
        s = setup_id(c, a, livemode, "meter", meter, e);
    if (s == OK && !meter->n)
        s = err_set(e, ERR_UNAVAILABLE, "not_set_up", "There is no meter yet: run parley billing setup.");
    if (s == OK)
        s = meter_store_sums(c, customer, from_ms, to_ms, sums, e);
    db_put(c);
    return s;
}

static enum status look(struct stripe *st, struct db_pool *p, struct str customer, int64_t from_ms, int64_t to_ms, struct both *out,
                        struct err *e)
{
    struct arena a;
    struct str meter;

    arena_init(&a, 64 * KB);
    enum status s = look_here(p, &a, st->livemode, customer, from_ms, to_ms, &out->here, &meter, e);
    if (s == OK)
        s = meter_sum(st, meter.p, customer, from_ms, to_ms, &out->there, e);
    arena_release(&a);
    return s;
}

/* ---- one that is unknown ---- */

enum fate { WAS_COUNTED, WAS_NOT, CANNOT_TELL };

/* The identifier's minute holds few rows, mostly this one alone: all of them are there, or none, or nobody can say. */
static enum fate tell(const struct both *b)
{
    int64_t more = b->there - b->here.sent;

    if (more == 0)
        return WAS_NOT;
    if (more == b->here.unknown)
        return WAS_COUNTED;
    return CANNOT_TELL;
}

struct settle { const struct meter_row *row; enum fate fate; const struct both *sums; };

static enum status settle_row(struct db *c, void *ctx, struct err *e)
{
    struct settle *x = ctx;
    const struct meter_row *r = x->row;
    int64_t now = clock_now_ms();
    char id[ID_TEXT_MAX];

    if (x->fate == WAS_COUNTED)
        return meter_store_sent(c, r, now, e);
    if (x->fate == WAS_NOT)
        return meter_store_put_off(c, r, "pending", 0, now, STR("Stripe's meter does not have it: it is sent again."), e);
    enum status s = meter_store_put_off(c, r, "unknown", r->first_sent_ms, now + LOOK_AGAIN_MS,
                                        STR("Stripe's meter has neither all nor nothing of what was sent in its minute."), e);
    if (s != OK)
        return s;
    return alarm_raise(c, "meter_unknown", r->customer, r->tenant, e,
                       "Whether %lld conversations (%s) are billed cannot be told: in their minute the meter has %lld, %lld are known to be sent and "
                       "%lld had no answer. Look at Stripe's meter.",
                       (long long)r->quantity, id_text(ID_METER, r->id, id), (long long)x->sums->there, (long long)x->sums->here.sent,
                       (long long)x->sums->here.unknown);
}

/* The call's record follows first: a row that is sent again needs its key free. */
static enum status settle_call(struct db_pool *p, const struct meter_row *r, enum fate fate, struct err *e)
{
    char key[64];
    struct err none = ERR_INIT;
    enum status s = OK;

    if (fate != CANNOT_TELL)
        s = stripe_call_settle(p, meter_key(r->id, key), fate == WAS_COUNTED ? STR("counted") : STR_EMPTY, &none);
    if (s != OK && s != ERR_NOT_FOUND) { /* not found: it is settled, or was never written down */
        *e = none;
        return s;
    }
    return OK;
}

enum status meter_settle(struct stripe *st, struct db_pool *p, const struct meter_row *r, struct err *e)
{
    int64_t from = r->event_ms - r->event_ms % MINUTE_MS;
    struct both sums;
    struct settle x = {.row = r, .sums = &sums};
    struct db *c = NULL;
    enum status s = look(st, p, r->customer, from, from + MINUTE_MS, &sums, e);

    if (s != OK)
        return s;
    x.fate = tell(&sums);
    if ((s = settle_call(p, r, x.fate, e)) == OK && (s = db_get(p, &c, e)) == OK)
        s = db_transaction(c, settle_row, &x, e);
    db_put(c);
    log_line(LOG_INFO, "meter_settled", LOG_T("customer", r->customer), LOG_I("counted", x.fate == WAS_COUNTED), LOG_I("quantity", r->quantity));
    return s;
}

static enum status settle_all(struct stripe *st, struct db_pool *p, struct str customer, int64_t from_ms, int64_t to_ms, struct err *e)
{
    struct arena a;
    struct meter_row *rows = NULL;
    struct db *c = NULL;
    size_t n = 0;

    arena_init(&a, 16 * MB);
    enum status s = db_get(p, &c, e);
    if (s == OK)
        s = meter_store_unknown(c, &a, customer, from_ms, to_ms, clock_now_ms() - STRIPE_KEEPS_MS, &rows, &n, e);
    db_put(c);
    for (size_t i = 0; s == OK && i < n; i++)
        s = meter_settle(st, p, &rows[i], e);
    arena_release(&a);
    return s;
}

/* ---- a period ---- */

static enum status judge(struct db_pool *p, struct str customer, const struct both *b, int64_t from_ms, struct err *e)
{
    int64_t more = b->there - b->here.sent;
    struct db *c = NULL;
    enum status s;

    if (more < 0 && clock_now_ms() - b->here.last_sent_ms < SETTLES_MS)
        return OK;
    if ((s = db_get(p, &c, e)) != OK)
        return s;
    if (more >= 0 && more <= b->here.unknown)
        s = alarm_clear(c, "meter_drift", customer, e);
    else
        s = alarm_raise(c, "meter_drift", customer, ID_NONE, e,
                        "Stripe's meter has %lld conversations of this customer since %lld (Unix time), %lld were sent and %lld had no answer.",
                        (long long)b->there, (long long)(from_ms / 1000), (long long)b->here.sent, (long long)b->here.unknown);
    db_put(c);
    return s;
}

static enum status compare_held(struct stripe *st, struct db_pool *p, struct str customer, int64_t from_ms, int64_t to_ms, struct err *e)
{
    struct both sums;
    enum status s = settle_all(st, p, customer, from_ms, to_ms, e);

    if (s == OK)
        s = look(st, p, customer, from_ms, to_ms, &sums, e);
    return s == OK ? judge(p, customer, &sums, from_ms, e) : s;
}

static enum status take(struct db_pool *p, struct str name, struct id *holder, struct err *e)
{
    struct db *c = NULL;
    bool got = false;
    enum status s = db_get(p, &c, e);

    if (s == OK)
        s = lease_take(c, name, LEASE_MS, holder, &got, e);
    db_put(c);
    if (s == OK && !got)
        s = err_set(e, ERR_UNAVAILABLE, "busy", "Usage of this customer is being sent at this moment.");
    return s;
}

enum status meter_compare(struct stripe *st, struct db_pool *p, struct str customer, int64_t period_start_ms, int64_t period_end_ms,
                          struct err *e)
{
    char name[320];
    int64_t now = clock_now_ms(), from = period_start_ms - period_start_ms % MINUTE_MS;
    int64_t end = period_end_ms < now ? period_end_ms : now, to = end - end % MINUTE_MS + MINUTE_MS;
    struct str lease = meter_lease(customer, name);
    struct err none = ERR_INIT;
    struct id holder;
    struct db *c = NULL;

    if (to <= from)
        return OK;
    enum status s = take(p, lease, &holder, e);
    if (s != OK)
        return s;
    s = compare_held(st, p, customer, from, to, e);
    if (db_get(p, &c, &none) != OK || lease_release(c, lease, holder, &none) != OK)
        log_line(LOG_WARN, "lease_kept", LOG_T("lease", lease), LOG_S("error", none.message)); /* it ends by itself */
    db_put(c);
    return s;
}
