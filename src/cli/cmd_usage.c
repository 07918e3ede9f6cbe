/* cmd_usage.c: usage verify, show, meter, resend: what was counted, and what of it Stripe has.
 *
 * The ledger has one row per counted conversation and is the truth; counters are sums kept for speed, and reports to
 * Stripe are derived from the counters. Each command compares or shows two neighbours in that chain. */
#include "base/clock.h"
#include "billing/meter/meter.h"
#include "cli/cli.h"
#include "plan/usage.h"

#include "base/banned.h"

#define USAGE_ROWS_SHOWN 20

static int usage_set_drift(struct json *o, const struct usage_drift *d)
{
    return json_set_id(o, "workspace", ID_TENANT, d->tenant) || json_set_time(o, "period_start", d->period_start_ms) ||
           json_set_bool(o, "billable", d->billable) || json_set_int(o, "counter", d->counter) ||
           json_set_int(o, "ledger", d->ledger);
}

static struct json *usage_drift_json(struct cli *cl, const struct usage_drift *all, size_t n, bool repaired)
{
    struct json *o = json_new_object(&cl->arena), *list, *one;
    if (!o || json_set_int(o, "drifted", (int64_t)n) || json_set_bool(o, "repaired", repaired) ||
        json_set_array(o, "counters", &list))
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (json_push_object(list, &one) || usage_set_drift(one, &all[i]))
            return NULL;
    return o;
}

/* Always prints JSON, because monitors and scripts read it as often as people do. A difference is an error unless it
 * was repaired, so that a cron job notices it by the exit code. Only a repair notifies the running programs. */
enum status cmd_usage_verify(struct cli *cl, struct err *e)
{
    struct usage_drift *all;
    struct db *c;
    bool repair = false;
    size_t n;
    enum status st = cli_options(cl, CLI_OPTIONS({"repair", NULL, &repair}), 0, 0, e);
    if (st != OK || (st = repair ? cli_db_change(cl, &c, e) : cli_db(cl, &c, e)) != OK ||
        (st = meter_verify(c, &cl->arena, repair, &all, &n, e)) != OK)
        return st;
    bool json = cl->json;
    struct json *o = usage_drift_json(cl, all, n, repair && n > 0);
    if (!o)
        return err_nomem(e);
    cl->json = true;
    cli_out(cl, o);
    cl->json = json;
    if (n && !repair)
        return err_set(e, E_usage_drift,
                       "%zu counters differ from the ledger. Correct them with parley usage verify --repair.", n);
    return OK;
}

/* null stands for unlimited here, as in the API. */
static int usage_set_limit(struct json *o, const char *name, int64_t v)
{
    return v == USAGE_UNLIMITED ? json_set_null(o, name) : json_set_int(o, name, v);
}

static int usage_set(struct json *o, const struct usage *u, const struct usage_forecast *f)
{
    return json_set_time(o, "period_start", u->period_start_ms) || json_set_time(o, "period_end", u->period_end_ms) ||
           json_set_bool(o, "billable", u->billable) || json_set_int(o, "used", u->used) ||
           usage_set_limit(o, "included", u->included) || usage_set_limit(o, "limit", u->limit) ||
           json_set_int(o, "used_at_end", f->used_at_end) || json_set_time(o, "full_at", f->full_at_ms);
}

/* Rows of deleted conversations are shown as such: deleting data does not take back what was counted. */
static int usage_set_rows(struct json *o, const struct usage_row *rows, size_t n)
{
    struct json *list, *one;
    if (json_set_array(o, "latest", &list))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (json_push_object(list, &one) || json_set_id(one, "conversation", ID_CONVERSATION, rows[i].conversation) ||
            json_set_time(one, "counted_at", rows[i].counted_ms) ||
            json_set_time(one, "period_start", rows[i].period_start_ms) ||
            json_set_bool(one, "deleted", rows[i].deleted))
            return -1;
    return 0;
}

/* Seven days of history are enough for the forecast to see both a weekend and working days. */
enum status cmd_usage_show(struct cli *cl, struct err *e)
{
    struct db *c;
    struct id id;
    struct usage u;
    struct usage_day *days;
    struct usage_row *rows;
    size_t day_n, row_n;
    int64_t now = clock_now_ms();
    enum status st = cli_options(cl, NULL, 0, 0, 1, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK ||
        (st = cli_tenant(cl, c, cl->argc ? cl->argv[0] : NULL, &id, e)) != OK ||
        (st = usage_now(c, id, now, &u, e)) != OK ||
        (st = usage_days(c, id, &cl->arena, now - 7 * DAY_MS, now + 1, &days, &day_n, e)) != OK ||
        (st = usage_rows(c, id, &cl->arena, ID_NONE, USAGE_ROWS_SHOWN, &rows, &row_n, e)) != OK)
        return st;
    struct usage_forecast f = usage_forecast(&u, NULL, days, day_n, now);
    struct json *o = json_new_object(&cl->arena);
    if (!o || json_set_id(o, "workspace", ID_TENANT, id) || usage_set(o, &u, &f) || usage_set_rows(o, rows, row_n))
        return err_nomem(e);
    cli_out(cl, o);
    return OK;
}

/* The customer is Stripe's id, so that a row can be found in Stripe's dashboard. */
static struct json *usage_meter_row_json(struct cli *cl, const struct meter_row *r)
{
    struct json *j = json_new_object(&cl->arena);
    if (!j || json_set_id(j, "id", ID_METER, r->id) || json_set_id(j, "workspace", ID_TENANT, r->tenant) ||
        json_set_str(j, "state", str_from(meter_state_name(r->state))) ||
        json_set_int(j, "conversations", r->quantity) || json_set_time(j, "event_at", r->event_ms) ||
        json_set_str(j, "customer", r->customer) || json_set_int(j, "attempts", r->attempts) ||
        json_set_time(j, "due", r->due_ms) || json_set_str(j, "error", r->last_error))
        return NULL;
    return j;
}

/* Without --state the rows that are not sent are listed: that is the list an operator works through. It ends after a
 * hundred rows, since the first ones show the cause of a longer list. */
enum status cmd_usage_meter(struct cli *cl, struct err *e)
{
    const char *text = NULL;
    enum meter_state state;
    struct meter_row *rows;
    struct db *c;
    size_t n;
    enum status st = cli_options(cl, CLI_OPTIONS({"state", &text, NULL}), 0, 0, e);
    if (st == OK && text && !meter_state_parse(str_from(text), &state))
        return cli_usage(e, "--state must be pending, unknown, sent or rejected.");
    if (st != OK || (st = cli_db(cl, &c, e)) != OK ||
        (st = meter_list(c, &cl->arena, text ? &state : NULL, 100, &rows, &n, e)) != OK)
        return st;
    struct json *out = json_new_array(&cl->arena);
    for (size_t i = 0; out && i < n; i++)
        if (json_push(out, usage_meter_row_json(cl, &rows[i])))
            out = NULL;
    if (!out)
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

/* A rejected report gets a new identifier, because Stripe may remember the old one together with its refusal. The row
 * keeps the old identifier in its note, so that both can be found at Stripe. */
enum status cmd_usage_resend(struct cli *cl, struct err *e)
{
    struct db *c;
    struct id row, again;
    enum status st = cli_options(cl, NULL, 0, 1, 1, e);
    if (st != OK || (st = cli_id_arg(cl->argv[0], ID_METER, "a report of usage (use_...)", &row, e)) != OK ||
        (st = cli_db_change(cl, &c, e)) != OK || (st = meter_resend(c, row, &again, e)) != OK)
        return st;
    cli_id(cl, ID_METER, again);
    return OK;
}
