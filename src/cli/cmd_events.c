/* cmd_events.c: billing events, replay, sync, reconcile, alarms, close: what Stripe sent, what became of it, and what
 * needs the operator.
 *
 * The commands call the same functions as the worker, under the same leases, so they may run while it runs. Lists show
 * what failed unless asked otherwise, because that is why an operator comes here. */
#include "alarm/alarm.h"
#include "base/log.h"
#include "base/settings.h"
#include "base/shared.h"
#include "billing/reconcile/reconcile.h"
#include "billing/sync/event.h"
#include "billing/sync/sync.h"
#include "cli/cli.h"
#include "stripe/client.h"

#include "base/banned.h"

/* A worker that holds the lease of the object gives it up after one call to Stripe, which usually takes seconds. */
#define SYNC_WAIT_MS 15000
#define EVENTS_LISTED 100

static int events_fill(struct json *o, const struct stripe_event *v)
{
    return json_set_str(o, "event", v->id) || json_set_str(o, "type", v->type) ||
           json_set_str(o, "object", v->object_id) || json_set_str(o, "state", str_from(event_state_name(v->state))) ||
           json_set_int(o, "attempts", v->attempts) || json_set_time(o, "created", v->created_ms) ||
           json_set_time(o, "received", v->received_ms) || json_set_time(o, "due", v->due_ms) ||
           json_set_str(o, "error", v->last_error);
}

enum status cmd_billing_events(struct cli *cl, struct err *e)
{
    const char *text = "dead";
    enum event_state state;
    struct db *c;
    struct stripe_event *list;
    struct json *out, *o;
    size_t n;
    enum status st = cli_options(cl, CLI_OPTIONS({"state", &text, NULL}), 0, 0, e);
    if (st == OK && !event_state_parse(str_from(text), &state))
        return cli_usage(e, "There is no state \"%s\".", text);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK ||
        (st = event_list(c, &cl->arena, &state, EVENTS_LISTED, &list, &n, e)) != OK)
        return st;
    if (!(out = json_new_array(&cl->arena)))
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        if (json_push_object(out, &o) != 0 || events_fill(o, &list[i]) != 0)
            return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

/* Waking the worker saves up to a second; the event is due anyway. */
enum status cmd_billing_replay(struct cli *cl, struct err *e)
{
    struct db *c;
    enum status st = cli_options(cl, NULL, 0, 1, 1, e);
    if (st == OK)
        st = cli_db_change(cl, &c, e);
    if (st == OK)
        st = event_replay(c, str_from(cl->argv[0]), e);
    if (st == OK) {
        shared_bump("work", ID_NONE);
        cli_say(cl, "%s is queued to be processed again.", cl->argv[0]);
    }
    return st;
}

/* Stripe does not promise its prefixes, so --kind overrides them. The first match counts: "sub_sched_" is before
 * "sub_". */
static enum stripe_object events_kind_of(const char *id)
{
    static const struct {
        const char *prefix;
        enum stripe_object kind;
    } kinds[] = {
        {"sub_sched_", STRIPE_OBJECT_SCHEDULE}, {"sub_", STRIPE_OBJECT_SUBSCRIPTION}, {"in_", STRIPE_OBJECT_INVOICE},
        {"cs_", STRIPE_OBJECT_SESSION},         {"cus_", STRIPE_OBJECT_CUSTOMER},     {"ch_", STRIPE_OBJECT_CHARGE},
        {"py_", STRIPE_OBJECT_CHARGE},          {"du_", STRIPE_OBJECT_DISPUTE},       {"dp_", STRIPE_OBJECT_DISPUTE},
        {"price_", STRIPE_OBJECT_PRICE},        {"prod_", STRIPE_OBJECT_PRODUCT}};

    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (str_starts(str_from(id), str_from(kinds[i].prefix)))
            return kinds[i].kind;
    return STRIPE_OBJECT_UNKNOWN;
}

/* The answer of Stripe is authoritative at any time, so fetching an object once more is always safe. Entitlements that
 * change by it reach running programs through the shared file. */
enum status cmd_billing_sync(struct cli *cl, struct err *e)
{
    const char *named = NULL;
    struct db_pool *pool;
    struct stripe stripe;
    enum status st = cli_options(cl, CLI_OPTIONS({"kind", &named, NULL}), 1, 1, e);
    enum stripe_object kind = st != OK ? STRIPE_OBJECT_UNKNOWN
                              : named  ? stripe_object_parse(str_from(named))
                                       : events_kind_of(cl->argv[0]);
    if (st == OK && !named && kind == STRIPE_OBJECT_UNKNOWN)
        return cli_usage(e, "The kind of %s is not known. Name it with --kind (subscription, invoice, ...).",
                         cl->argv[0]);
    if (st != OK || (st = cli_pool(cl, &pool, e)) != OK || (st = stripe_open(&stripe, cl->config, pool, e)) != OK)
        return st;
    settings_share(cl->config, LOG_WARN);
    st = sync_object(&stripe, pool, kind, str_from(cl->argv[0]), SYNC_WAIT_MS, e);
    stripe_close(&stripe);
    if (st == OK)
        cli_say(cl, "%s is stored as Stripe has it now.", cl->argv[0]);
    return st;
}

/* Runs in this process and not as a job, so that the report can be printed. */
enum status cmd_billing_reconcile(struct cli *cl, struct err *e)
{
    struct reconcile_report r = {0};
    bool night = false;
    struct db_pool *pool;
    struct stripe stripe;
    enum status st = cli_options(cl, CLI_OPTIONS({"nightly", NULL, &night}), 0, 0, e);
    if (st != OK || (st = cli_pool(cl, &pool, e)) != OK || (st = stripe_open(&stripe, cl->config, pool, e)) != OK)
        return st;
    settings_share(cl->config, LOG_WARN);
    st = night ? reconcile_nightly(&stripe, pool, &r, e) : reconcile_hourly(&stripe, pool, &r, e);
    stripe_close(&stripe);
    /* Stripe is closed before the report is printed, whatever the result was. */
    struct json *o = st == OK ? json_new_object(&cl->arena) : NULL;
    if (st != OK)
        return st;
    if (!o || json_set_int(o, "looked", r.looked) || json_set_int(o, "drifted", r.drifted) ||
        json_set_int(o, "mended", r.mended) || json_set_int(o, "reads", r.reads) ||
        json_set_bool(o, "cut_short", r.cut_short))
        return err_nomem(e);
    cli_out(cl, o);
    return OK;
}

/* An alarm of the install has no workspace; null says so and not an id of zeros. */
static int alarms_fill(struct json *o, const struct alarm *a)
{
    bool owned = !id_is_none(a->tenant);
    return json_set_id(o, "id", ID_ALARM, a->id) || json_set_str(o, "kind", str_from(alarm_kind_name(a->kind))) ||
           json_set_str(o, "object", a->object) ||
           (owned ? json_set_id(o, "workspace", ID_TENANT, a->tenant) : json_set_null(o, "workspace")) ||
           json_set_int(o, "times", a->times) || json_set_time(o, "since", a->first_ms) ||
           json_set_time(o, "last", a->last_ms) || json_set_time(o, "closed", a->closed_ms) ||
           json_set_str(o, "words", a->words);
}

enum status cmd_billing_alarms(struct cli *cl, struct err *e)
{
    bool all = false;
    struct db *c;
    struct alarm *list;
    struct json *out, *o;
    size_t n;
    enum status st = cli_options(cl, CLI_OPTIONS({"all", NULL, &all}), 0, 0, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK ||
        (st = alarm_list(c, &cl->arena, !all, EVENTS_LISTED, &list, &n, e)) != OK)
        return st;
    if (!(out = json_new_array(&cl->arena)))
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        if (json_push_object(out, &o) != 0 || alarms_fill(o, &list[i]) != 0)
            return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

/* Closing does not repair anything: an alarm whose cause is still there is raised again by the code that sees it. */
enum status cmd_billing_close(struct cli *cl, struct err *e)
{
    struct db *c;
    struct id id;
    enum status st = cli_options(cl, NULL, 0, 1, 1, e);
    if (st == OK)
        st = cli_id_arg(cl->argv[0], ID_ALARM, "alarm", &id, e);
    if (st == OK)
        st = cli_db(cl, &c, e);
    if (st == OK)
        st = alarm_close(c, id, e);
    if (st == OK)
        cli_id(cl, ID_ALARM, id);
    return st;
}
