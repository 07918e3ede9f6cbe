/* ops.c: billing operations of owners and the operator, as a program: reads and writes one JSON object a line, for
 * checkout.test.mjs and setup.test.mjs.
 * Each line opens the client from the configuration as it is then.
 *
 *   {"op": "begin", "tenant", "plan"}   {"op": "return", "tenant", "session"}   {"op": "portal", "tenant", "card":
 *   true}
 *   {"op": "preview", "tenant", "plan"}   {"op": "apply", "tenant", "plan", "proration", "keep": [bot, ...]}   {"op":
 *   "undo", "tenant"}
 *   {"op": "end", "tenant"}   {"op": "move", "tenant"}   {"op": "keep", "tenant", "keep": [...]}   {"op": "customer",
 *   "tenant"}
 *   {"op": "plan", "plan", "price", "conversations", "overage", "currency", "public"}: saves a plan with other terms
 *   {"op": "state", "tenant"}: the tenant's rights, from its mirror   {"op": "refresh", "kind", "id"}   {"op": "clock",
 *   "ms"}
 *   {"op": "setup"}   {"op": "check"}
 *   {"op": "no_sleeps"}: from now on there is no sleep between attempts; "slept" in an answer says how long it was
 *   to be (ms)
 *   {"op": "use_up_rate", "ms"}: for this time, an address (127.0.0.1) uses up its rate limit at hooks.fcgi
 * and the worker's part:
 *   {"op": "collect"}   {"op": "send"}: meter rows until none is due   {"op": "flush", "tenant"}   {"op": "watch"}
 *   {"op": "audit"}   {"op": "notice"}
 *   {"op": "compare", "customer", "from", "to"}   {"op": "events"}: until none is due   {"op": "usage", "tenant"} */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/settings.h"
#include "base/shared.h"
#include "billing/checkout/checkout.h"
#include "billing/checkout/checkout_internal.h"
#include "billing/meter/meter.h"
#include "billing/notice/notice.h"
#include "billing/setup/setup.h"
#include "billing/sync/sync.h"
#include "bot/bot.h"
#include "lines.h"
#include "plan/usage.h"
#include "web/route.h"

#include "base/banned.h"

#define KEEP_MAX 64

struct job {
    struct arena *a;
    struct json *in, *out;
    struct stripe s;
    struct actor who;
    struct id keep[KEEP_MAX];
    size_t keep_n;
    struct err e;
};

static struct db_pool *pool;
static bool no_sleeps;

static void no_sleep(void *ctx, int64_t ms)
{
    *(int64_t *)ctx += ms;
}

static struct str get(struct job *j, const char *name)
{
    return json_get_str(j->in, name);
}

static void put(struct job *j, const char *name, struct str v)
{
    lines_must(json_set_str(j->out, name, v) == 0);
}

static void put_int(struct job *j, const char *name, int64_t v)
{
    lines_must(json_set_int(j->out, name, v) == 0);
}

/* ---- what owners do ---- */

static enum status op_begin(struct job *j)
{
    struct str url = STR_EMPTY;
    enum status st = checkout_begin(&(struct billing_context){&j->s, pool, j->a, &j->who}, get(j, "plan"), &url, &j->e);
    put(j, "url", url);
    return st;
}

static enum status op_return(struct job *j)
{
    static const char *const names[] = {"unknown", "open", "paying", "done", "expired"};
    enum checkout_outcome out = CHECKOUT_UNKNOWN;
    enum status st = checkout_return(&(struct billing_context){&j->s, pool, j->a, &j->who}, get(j, "session"), &out,
                                     &j->e);
    put(j, "outcome", str_from(names[out]));
    return st;
}

static enum status op_portal(struct job *j)
{
    struct str url = STR_EMPTY;
    enum status st = card_page_begin(&(struct billing_context){&j->s, pool, j->a, &j->who},
                                     json_bool(json_get(j->in, "card")) ? CARD_PAGE_CARD : CARD_PAGE_HOME, &url, &j->e);
    put(j, "url", url);
    return st;
}

static enum status op_preview(struct job *j)
{
    static const char *const kinds[] = {"none", "buy", "upgrade", "downgrade", "cancel", "move"};
    struct change_preview *x = ARENA_NEW(j->a, struct change_preview);
    struct json *lines, *line;
    lines_must(x);
    enum status st = change_preview(&(struct billing_context){&j->s, pool, j->a, &j->who}, get(j, "plan"), x, &j->e);

    if (st != OK)
        return st;
    put(j, "kind", str_from(kinds[x->kind]));
    put(j, "from", x->from ? x->from->plan : STR_EMPTY);
    put(j, "to", x->to ? x->to->plan : STR_EMPTY);
    put(j, "currency", str_from(x->currency));
    put_int(j, "due", x->due_now);
    put_int(j, "next", x->next_amount);
    put_int(j, "at", x->at_ms);
    put_int(j, "proration", x->proration_ms);
    put_int(j, "bots_have", x->bots_have);
    put_int(j, "bots_keep", x->bots_keep);
    lines_must(json_set_array(j->out, "lines", &lines) == 0);
    for (size_t i = 0; i < x->line_n; i++)
        lines_must(json_push_object(lines, &line) == 0 && json_set_str(line, "words", x->lines[i].words) == 0 &&
                   json_set_int(line, "amount", x->lines[i].amount) == 0);
    return OK;
}

static enum status op_apply(struct job *j)
{
    struct str url = STR_EMPTY;
    int64_t proration = json_int(json_get(j->in, "proration"), clock_now_ms());
    const struct change_request in = {
        .plan = get(j, "plan"), .proration_ms = proration, .keep = j->keep, .keep_n = j->keep_n};
    enum status st = change_apply(&(struct billing_context){&j->s, pool, j->a, &j->who}, &in, &url, &j->e);
    put(j, "url", url);
    return st;
}

static enum status op_undo(struct job *j)
{
    return change_undo(&(struct billing_context){&j->s, pool, j->a, &j->who}, &j->e);
}

static enum status op_end(struct job *j)
{
    return cancel_now(&(struct billing_context){&j->s, pool, j->a, &j->who}, &j->e);
}

static enum status op_move(struct job *j)
{
    return terms_move(&(struct billing_context){&j->s, pool, j->a, &j->who}, j->who.tenant, &j->e);
}

static enum status op_customer(struct job *j)
{
    struct str customer = STR_EMPTY;
    struct operation op = operation_open(&(struct billing_context){&j->s, pool, j->a, &j->who}, j->who.tenant);
    enum status st = operation_begin(&op, &j->e);
    if (st == OK)
        st = operation_close(&op, customer_make(&op, &customer, &j->e), "customer", &j->e);
    put(j, "customer", customer);
    return st;
}

static enum status op_refresh(struct job *j)
{
    return sync_object(&j->s, pool, stripe_object_parse(get(j, "kind")), get(j, "id"), 1000, &j->e);
}

static enum status op_setup(struct job *j)
{
    struct setup_report r;
    return setup_run(&j->s, pool, j->a, &(struct setup_options){0}, &r, &j->e);
}

/* ---- what needs the database alone ---- */

static enum status keep_bots(struct db *c, void *ctx, struct err *e)
{
    struct job *j = ctx;
    return bot_keep(c, &j->who, j->who.tenant, j->keep, j->keep_n, e);
}

static enum status op_keep(struct job *j, struct db *c)
{
    enum status st = db_transaction(c, keep_bots, j, &j->e);
    if (st == OK)
        shared_bump("plan", j->who.tenant);
    return st;
}

static enum status op_plan(struct job *j, struct db *c)
{
    struct plans plans;
    enum status st = plans_read(c, j->a, &plans, &j->e);
    const struct plan *p = st == OK ? plans_find(&plans, get(j, "plan")) : NULL;
    if (st != OK)
        return st;
    lines_must(p);
    struct plan_edit x = {.plan = p->plan,
                          .name = p->name,
                          .is_public = p->is_public,
                          .revision = p->revision,
                          .price = p->terms->price,
                          .conversations = p->terms->conversations,
                          .bills_overage = p->terms->overage > 0};
    memcpy(x.value, p->value, sizeof(x.value));
    memcpy(x.currency, p->terms->currency, sizeof(x.currency));
    x.price = json_int(json_get(j->in, "price"), x.price);
    x.conversations = json_int(json_get(j->in, "conversations"), x.conversations);
    if (json_has(j->in, "overage"))
        x.bills_overage = json_bool(json_get(j->in, "overage"));
    if (json_has(j->in, "public"))
        x.is_public = json_bool(json_get(j->in, "public"));
    if (get(j, "currency").n == 3)
        memcpy(x.currency, get(j, "currency").p, 3);
    return plan_save(c, &j->who, &x, &j->e);
}

static enum status op_state(struct job *j, struct db *c)
{
    struct entitlements x;
    enum status st = entitlement_load(c, j->who.tenant, clock_now_ms(), j->a, &x, &j->e);
    if (st != OK)
        return st;
    put(j, "state", str_from(billing_state_name(x.state)));
    put(j, "plan", x.plan->plan);
    put_int(j, "price", x.terms ? x.terms->price : 0);
    put_int(j, "bots", x.value[ENTITLEMENT_bots]);
    put_int(j, "until", x.until_ms);
    lines_must(json_set_bool(j->out, "two_live", x.two_live) == 0);
    return OK;
}

static enum status op_check(struct job *j, struct db *c)
{
    bool ready = false;
    struct str words = STR_EMPTY;
    enum status st = setup_check(&j->s, c, j->a, &ready, &words, &j->e);
    lines_must(json_set_bool(j->out, "ready", ready) == 0);
    put(j, "words", words);
    return st;
}

/* ---- the worker's part ---- */

static enum status op_collect(struct job *j, struct db *c)
{
    int64_t n = 0;
    enum status st = meter_collect(c, &n, &j->e);
    put_int(j, "rows", n);
    return st;
}

/* Steps until nothing is found; *n = how many found something. */
static enum status steps(struct job *j,
                         enum status (*step)(struct stripe *stripe, struct db_pool *p, bool *found, struct err *e))
{
    bool found = true;
    int64_t n = 0;
    enum status st = OK;
    while (st == OK && found && n < 1000) {
        st = step(&j->s, pool, &found, &j->e);
        n += st == OK && found;
    }
    put_int(j, "steps", n);
    return st;
}

static enum status op_send(struct job *j)
{
    return steps(j, meter_step);
}

static enum status op_events(struct job *j)
{
    return steps(j, sync_step);
}

static enum status op_flush(struct job *j)
{
    bool sent = false;
    enum status st = meter_flush(&j->s, pool, j->who.tenant, &sent, &j->e);
    lines_must(json_set_bool(j->out, "sent", sent) == 0);
    return st;
}

static enum status op_compare(struct job *j)
{
    return meter_compare(&j->s, pool, get(j, "customer"), json_int(json_get(j->in, "from"), 0),
                         json_int(json_get(j->in, "to"), 0), &j->e);
}

static enum status op_audit(struct job *j, struct db *c)
{
    return meter_audit(c, &j->e);
}

static enum status op_watch(struct job *j, struct db *c)
{
    return meter_watch(c, &j->e);
}

static enum status op_notice(struct job *j, struct db *c)
{
    struct id after = ID_NONE;
    bool more = true;
    enum status st = OK;
    while (st == OK && more)
        st = notice_step(c, clock_now_ms(), &after, 10, &more, &j->e);
    return st;
}

static enum status op_usage(struct job *j, struct db *c)
{
    struct usage u = {0};
    enum status st = usage_now(c, j->who.tenant, clock_now_ms(), &u, &j->e);
    put_int(j, "used", u.used);
    put_int(j, "included", u.included);
    put_int(j, "limit", u.limit);
    put_int(j, "start", u.period_start_ms);
    put_int(j, "end", u.period_end_ms);
    lines_must(json_set_bool(j->out, "billable", u.billable) == 0);
    return st;
}

/* As an address that asks more than it may, for so long: what the programs of this host count together is found in
 * run_dir. */
static void crowd(struct job *j, const struct config *c)
{
    struct rate_limit limit = rate_class_limit(RATE_HOOK);
    int64_t until_us = clock_mono_us() + json_int(json_get(j->in, "ms"), 0) * 1000;
    int retry;
    settings_share(c, LOG_WARN);
    while (clock_mono_us() < until_us)
        if (!shared_take(rate_class_name(RATE_HOOK), STR("127.0.0.1"), limit.per_minute, limit.burst, &retry))
            (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    shared_close();
}

/* ---- one line ---- */

static const struct {
    const char *name;
    enum status (*outside)(struct job *j);
    enum status (*inside)(struct job *j, struct db *c);
} ops[] = {
    {"begin", op_begin, NULL},     {"return", op_return, NULL},   {"portal", op_portal, NULL},
    {"preview", op_preview, NULL}, {"apply", op_apply, NULL},     {"undo", op_undo, NULL},
    {"end", op_end, NULL},         {"move", op_move, NULL},       {"customer", op_customer, NULL},
    {"refresh", op_refresh, NULL}, {"setup", op_setup, NULL},     {"keep", NULL, op_keep},
    {"plan", NULL, op_plan},       {"state", NULL, op_state},     {"check", NULL, op_check},
    {"collect", NULL, op_collect}, {"send", op_send, NULL},       {"events", op_events, NULL},
    {"flush", op_flush, NULL},     {"compare", op_compare, NULL}, {"watch", NULL, op_watch},
    {"audit", NULL, op_audit},     {"notice", NULL, op_notice},   {"usage", NULL, op_usage},
};

static enum status inside(struct job *j, enum status (*fn)(struct job *j, struct db *c))
{
    struct db *c = NULL;
    enum status st = db_get(pool, &c, &j->e);
    if (st == OK)
        st = fn(j, c);
    db_put(c);
    return st;
}

static enum status run(struct job *j)
{
    int64_t slept_ms = 0;
    struct str op = get(j, "op");
    const struct config *config = NULL;
    if (str_eqz(op, "clock")) {
        clock_set_for_test(json_int(json_get(j->in, "ms"), 0));
        return OK;
    }
    no_sleeps = no_sleeps || str_eqz(op, "no_sleeps");
    if (str_eqz(op, "no_sleeps"))
        return OK;
    enum status st = config_load(NULL, &config, &j->e);
    if (st == OK && str_eqz(op, "use_up_rate")) {
        crowd(j, config);
        config_drop(config);
        return OK;
    }
    if (st == OK)
        st = stripe_open(&j->s, config, pool, &j->e);
    j->s.sleep_ms = no_sleeps ? no_sleep : NULL;
    j->s.sleep_ctx = &slept_ms;
    if (config)
        config_set_current(config); /* as a program would after SIGHUP */
    for (size_t i = 0; st == OK && i < COUNT_OF(ops); i++)
        if (str_eqz(op, ops[i].name)) {
            st = ops[i].outside ? ops[i].outside(j) : inside(j, ops[i].inside);
            stripe_close(&j->s);
            if (slept_ms)
                put_int(j, "slept", slept_ms);
            return st;
        }
    lines_must(st != OK); /* no such op */
    return st;
}

static void read_who(struct job *j)
{
    const struct json *keep = json_get(j->in, "keep");
    j->who = (struct actor){.role = ROLE_OWNER, .perms = account_role_perms(ROLE_OWNER), .ip = "192.0.2.9"};
    if (get(j, "tenant").n)
        lines_must(id_parse(ID_TENANT, get(j, "tenant"), &j->who.tenant));
    j->who.cli = json_bool(json_get(j->in, "cli"));
    for (size_t i = 0; i < json_len(keep); i++) {
        lines_must(i < KEEP_MAX && id_parse(ID_BOT, json_str(json_at(keep, i)), &j->keep[i]));
        j->keep_n = i + 1;
    }
}

static void answer(struct arena *a, struct json *in, struct json *out)
{
    struct job j = {.a = a, .in = in, .out = out};
    read_who(&j);
    lines_outcome(out, run(&j), &j.e, "status");
}

int main(void)
{
    return lines_run("ops", 4, &pool, answer);
}
