/* year_driver.c: Parley's library without its programs, for the simulated year: reads and writes one JSON object a
 * line; a line sets the time.
 *
 *   {"op": "clock", "ms"}                         set the time
 *   {"op": "tenant", "name"}                      a workspace with its owner: {"tenant": "ws_…"}
 *   {"op": "use", "list": [[tenant, n], ...]}     n visitors start a conversation each, as the journal records it:
 *                                                 {"granted": [...]}
 *   {"op": "hook", "signature", "body"}           what /hooks/stripe does
 *   {"op": "work", "most"}                        the worker, until its queue is empty or `most` steps are done:
 *                                                 {"unsent": whether usage has not reached Stripe}
 *   {"op": "checkout" | "change", "tenant", "plan"}   {"op": "undo" | "cancel_now" | "portal" | "entitled", "tenant"}
 *   {"op": "overage", "tenant", "bill", "cap"}
 *   {"op": "reconcile", "nightly"}   {"op": "verify"}
 * Each answers {"ok": true, ...} or {"ok": false, "status", "code", "message"}. Sleeps between tries at Stripe take
 * no time. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "account/account.h"
#include "base/clock.h"
#include "base/settings.h"
#include "base/shared.h"
#include "billing/checkout/checkout.h"
#include "billing/meter/meter.h"
#include "billing/reconcile/reconcile.h"
#include "billing/sync/receive.h"
#include "lines.h"
#include "plan/entitlement.h"
#include "plan/usage.h"
#include "worker/worker.h"

#include "base/banned.h"

struct driver {
    const struct config *config;
    struct db_pool *pool;
    struct worker worker;
    struct arena *a; /* of one line */
    struct json *in, *out;
    struct err e;
};

/* This program never sleeps: a pause returns immediately and advances the monotonic clock by its length. */
static int64_t paused_ns;

int nanosleep(const struct timespec *want, struct timespec *left)
{
    paused_ns += want->tv_sec * INT64_C(1000000000) + want->tv_nsec;
    if (left)
        *left = (struct timespec){0};
    return 0;
}

int clock_gettime(clockid_t which, struct timespec *t)
{
    if (syscall(SYS_clock_gettime, which, t) != 0)
        return -1;
    if (which == CLOCK_MONOTONIC) {
        t->tv_sec += paused_ns / 1000000000;
        t->tv_nsec += paused_ns % 1000000000;
        t->tv_sec += t->tv_nsec / 1000000000;
        t->tv_nsec %= 1000000000;
    }
    return 0;
}

static enum status read_tenant(struct driver *d, struct actor *who)
{
    struct member *m;
    struct db *c;
    size_t n = 0;
    *who = (struct actor){.role = ROLE_OWNER, .perms = account_role_perms(ROLE_OWNER), .ip = "127.0.0.1"};
    if (!id_parse(ID_TENANT, json_get_str(d->in, "tenant"), &who->tenant))
        return err_set(&d->e, E_invalid, "tenant?");
    enum status st = db_get(d->pool, &c, &d->e);
    if (st == OK)
        st = account_members_of_tenant(c, d->a, who->tenant, &m, &n, &d->e);
    db_put(c);
    if (st == OK && n)
        who->user = m[0].user.id;
    return st;
}

/* ---- tenants ---- */

static enum status make_tenant(struct driver *d)
{
    struct str name = json_get_str(d->in, "name");
    char text[ID_TEXT_MAX];
    struct id tenant, user;
    struct db *c;
    enum status st = db_get(d->pool, &c, &d->e);
    if (st == OK)
        st = account_tenant_create(c, name, STR("free"), &tenant, &d->e);
    if (st == OK)
        st = account_user_create(c, &(struct actor){.cli = true},
                                 str_from(arena_printf(d->a, "%.*s@example.com", STR_F(name))), name, STR_EMPTY, &user,
                                 &d->e);
    if (st == OK)
        st = account_member_add(c, tenant, user, ROLE_OWNER, &d->e);
    db_put(c);
    if (st == OK)
        lines_must(json_set_str(d->out, "tenant", str_from(id_text(ID_TENANT, tenant, text))) == 0);
    return st;
}

/* ---- use ---- */

struct batch {
    struct usage_count *counts;
    size_t n;
};

static enum status record_batch(struct db *c, void *ctx, struct err *e)
{
    struct batch *b = ctx;
    return usage_record(c, b->counts, b->n, e);
}

/* Record all as one batch, like the journal; one by one when the plan's limit does not allow all. */
static enum status count_batch(struct driver *d, struct db *c, struct usage_count *counts, size_t n, int64_t *granted)
{
    struct err e = ERR_INIT;
    struct batch all = {counts, n};
    enum status st = db_transaction(c, record_batch, &all, &e);
    if (st == OK) {
        *granted = (int64_t)n;
        return OK;
    }
    for (size_t i = 0; st == ERR_PLAN && i < n; i++) {
        struct batch one = {counts + i, 1};
        e = ERR_INIT;
        st = db_transaction(c, record_batch, &one, &e);
        if (st == OK) {
            (*granted)++;
            st = ERR_PLAN;
        } else if (st == ERR_PLAN) {
            usage_mark_full(counts[0].tenant, &counts[0].quota);
            return OK;
        }
    }
    if (st != OK && st != ERR_PLAN)
        d->e = e;
    return st == ERR_PLAN ? OK : st;
}

static enum status use_one(struct driver *d, struct str tenant, int64_t n, int64_t *granted)
{
    struct usage_quota quota;
    struct id id;
    struct usage_count *counts = arena_array(d->a, (size_t)n + 1, sizeof(*counts));
    struct db *c;
    *granted = 0;
    lines_must(counts);
    if (!id_parse(ID_TENANT, tenant, &id))
        return err_set(&d->e, E_invalid, "tenant?");
    enum status st = usage_quota(d->pool, id, clock_now_ms(), &quota, &d->e);
    if (st != OK || quota.full)
        return st;
    for (int64_t i = 0; i < n; i++)
        counts[i] = (struct usage_count){id, id_new(), clock_now_ms(), quota};
    st = db_get(d->pool, &c, &d->e);
    if (st == OK)
        st = count_batch(d, c, counts, (size_t)n, granted);
    db_put(c);
    return st;
}

static enum status use_all(struct driver *d)
{
    struct json *list = json_get(d->in, "list"), *granted;
    enum status st = OK;
    lines_must(json_set_array(d->out, "granted", &granted) == 0);
    for (size_t i = 0; st == OK && i < json_len(list); i++) {
        struct json *row = json_at(list, i), *pair;
        int64_t n;

        st = use_one(d, json_str(json_at(row, 0)), json_int(json_at(row, 1), 0), &n);
        lines_must(json_push_object(granted, &pair) == 0 && json_set_int(pair, "n", n) == 0);
    }
    return st;
}

/* ---- what owners do ---- */

static enum status entitled(struct driver *d, const struct actor *who)
{
    struct entitlements x;
    struct json *values;
    struct db *c;
    enum status st = db_get(d->pool, &c, &d->e);
    if (st == OK)
        st = entitlement_load(c, who->tenant, clock_now_ms(), d->a, &x, &d->e);
    db_put(c);
    if (st != OK)
        return st;
    lines_must(
        json_set_str(d->out, "state", str_from(billing_state_name(x.state))) == 0 &&
        json_set_str(d->out, "plan", x.plan->plan) == 0 && json_set_bool(d->out, "read_only", x.read_only) == 0 &&
        json_set_bool(d->out, "billable", x.period.billable) == 0 &&
        json_set_int(d->out, "start", x.period.start_ms) == 0 && json_set_int(d->out, "end", x.period.end_ms) == 0 &&
        json_set_int(d->out, "included", x.period.included) == 0 &&
        json_set_int(d->out, "limit", x.period.limit) == 0 && json_set_object(d->out, "values", &values) == 0);
    for (int i = 0; i < ENTITLEMENT_COUNT; i++)
        lines_must(json_set_int(values, entitlement_name((enum entitlement)i), x.value[i]) == 0);
    return OK;
}

static enum status change(struct driver *d, const struct billing_context *billing, struct str plan)
{
    struct change_preview p;
    struct str url = STR_EMPTY;
    enum status st = change_preview(billing, plan, &p, &d->e);
    if (st != OK)
        return st;
    lines_must(json_set_int(d->out, "kind", p.kind) == 0 && json_set_int(d->out, "due_now", p.due_now) == 0);
    st = change_apply(billing, &(struct change_request){.plan = plan, .proration_ms = p.proration_ms}, &url, &d->e);
    return st;
}

static enum status at_stripe(struct driver *d, const char *op, const struct actor *who)
{
    struct str plan = json_get_str(d->in, "plan"), url = STR_EMPTY;
    struct reconcile_report report = {0};
    struct stripe stripe;
    enum status st = stripe_open(&stripe, d->config, d->pool, &d->e);
    if (st != OK)
        return st;
    const struct billing_context billing = {&stripe, d->pool, d->a, who};
    if (strcmp(op, "checkout") == 0)
        st = checkout_begin(&billing, plan, &url, &d->e);
    else if (strcmp(op, "change") == 0)
        st = change(d, &billing, plan);
    else if (strcmp(op, "undo") == 0)
        st = change_undo(&billing, &d->e);
    else if (strcmp(op, "cancel_now") == 0)
        st = cancel_now(&billing, &d->e);
    else if (strcmp(op, "portal") == 0)
        st = card_page_begin(&billing, CARD_PAGE_CARD, &url, &d->e);
    else if (json_bool(json_get(d->in, "nightly")))
        st = reconcile_nightly(&stripe, d->pool, &report, &d->e);
    else
        st = reconcile_hourly(&stripe, d->pool, &report, &d->e);
    lines_must(json_set_str(d->out, "url", url) == 0 && json_set_int(d->out, "drifted", report.drifted) == 0 &&
               json_set_int(d->out, "looked", report.looked) == 0 && json_set_int(d->out, "reads", report.reads) == 0);
    stripe_close(&stripe);
    return st;
}

/* ---- the operator ---- */

static enum status verify_ledger(struct driver *d)
{
    struct usage_drift *drift;
    struct db *c;
    size_t n = 0;
    enum status st = db_get(d->pool, &c, &d->e);
    if (st == OK)
        st = usage_drift_list(c, d->a, &drift, &n, &d->e);
    db_put(c);
    lines_must(json_set_int(d->out, "drift", (int64_t)n) == 0);
    return st;
}

static enum status run_worker(struct driver *d)
{
    int64_t most = json_int(json_get(d->in, "most"), 100000), done = 0;
    struct meter_lag lag = {0};
    struct db *c = NULL;
    bool found = true;
    enum status st = OK;
    memset(d->worker.rest_us, 0,
           sizeof(d->worker.rest_us)); /* a failed step pauses in real time, which does not pass here */
    for (; st == OK && found && done < most; done++)
        st = worker_step(&d->worker, &found, &d->e);
    if (st == OK)
        st = db_get(d->pool, &c, &d->e);
    if (st == OK)
        st = meter_lag(c, &lag, &d->e);
    db_put(c);
    lines_must(json_set_int(d->out, "done", done) == 0 &&
               json_set_bool(d->out, "unsent", lag.pending || lag.unknown || lag.oldest_ms) == 0);
    return st;
}

static enum status run_op(struct driver *d, const char *op)
{
    struct actor who = {0};
    enum status st = OK;
    if (strcmp(op, "clock") == 0) {
        clock_set_for_test(json_int(json_get(d->in, "ms"), 0));
        return OK;
    }
    if (strcmp(op, "tenant") == 0)
        return make_tenant(d);
    if (strcmp(op, "use") == 0)
        return use_all(d);
    if (strcmp(op, "hook") == 0)
        return event_receive(d->pool, d->config, json_get_str(d->in, "signature"), json_get_str(d->in, "body"), &d->e);
    if (strcmp(op, "work") == 0)
        return run_worker(d);
    if (strcmp(op, "verify") == 0)
        return verify_ledger(d);
    if (strcmp(op, "reconcile") == 0)
        return at_stripe(d, op, &who);
    st = read_tenant(d, &who);
    if (st != OK)
        return st;
    if (strcmp(op, "entitled") == 0)
        return entitled(d, &who);
    if (strcmp(op, "overage") == 0) {
        struct db *c;
        st = db_get(d->pool, &c, &d->e);
        if (st == OK)
            st = overage_choose(c, &who, json_bool(json_get(d->in, "bill")), json_int(json_get(d->in, "cap"), 0),
                                &d->e);
        db_put(c);
        return st;
    }
    return at_stripe(d, op, &who);
}

/* ---- the program ---- */

static struct driver driver;

static enum status open_all(struct driver *d)
{
    enum status st = config_load(NULL, &d->config, &d->e);
    if (st != OK)
        return st;
    config_set_current(config_retain(d->config));
    st = settings_apply("year", d->config, &d->e);
    settings_share(d->config, LOG_ERROR);
    return st == OK ? worker_open(&d->worker, d->config, &d->e) : st;
}

static void answer(struct arena *a, struct json *in, struct json *out)
{
    struct driver *d = &driver;
    enum status st = OK;
    d->a = a;
    d->in = in;
    d->out = out;
    d->e = ERR_INIT;
    if (!d->config)
        st = open_all(d);
    if (st == OK)
        st = run_op(d, arena_strdup(a, json_get_str(in, "op")));
    lines_outcome(out, st, &d->e, "status");
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    int failed = lines_run("year_driver", 4, &driver.pool, answer);
    if (driver.config) {
        worker_close(&driver.worker);
        config_set_current(NULL);
        config_drop(driver.config);
    }
    shared_close();
    return failed;
}
