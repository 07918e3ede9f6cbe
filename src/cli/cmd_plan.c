/* cmd_plan.c: plans, and the entitlements of a workspace with the reasons for them, for the operator and for support.
 *
 * The same resolver answers here and in every request (plan/entitlement.c), so what is printed is what the programs
 * enforce. Prices are integers of the smallest unit, as everywhere. */
#include "base/clock.h"
#include "base/num.h"
#include "cli/cli.h"
#include "plan/entitlement.h"
#include "plan/usage.h"

#include "base/banned.h"

/* JSON has no infinity, and null would read as "not known". */
static int plan_set_number(struct json *o, const char *key, int64_t v)
{
    return v == UNLIMITED ? json_set_str(o, key, STR("unlimited")) : json_set_int(o, key, v);
}

static int plan_set_values(struct json *o, const int64_t value[ENTITLEMENT_COUNT])
{
    for (int i = 0; i < ENTITLEMENT_COUNT; i++)
        if (plan_set_number(o, entitlement_name((enum entitlement)i), value[i]) != 0)
            return -1;
    return 0;
}

/* A plan without overage stops at its number; null says so. A price of 0 would mean that further conversations are
 * free. */
static int plan_set_terms(struct json *o, const struct plan_terms *t)
{
    if (json_set_int(o, "price", t->price) != 0 || json_set_str(o, "currency", str_from(t->currency)) != 0 ||
        plan_set_number(o, "conversations", t->conversations) != 0)
        return -1;
    return t->overage < 0 ? json_set_null(o, "overage_pico") : json_set_int(o, "overage_pico", t->overage);
}

/* ---- plans ---- */

static enum status plan_read_all(struct cli *cl, struct plans *out, struct err *e)
{
    struct db *c;
    enum status st = cli_db(cl, &c, e);
    return st == OK ? plans_read(c, &cl->arena, out, e) : st;
}

enum status cmd_plan_list(struct cli *cl, struct err *e)
{
    struct plans all;
    enum status st = cli_options(cl, NULL, 0, 0, 0, e);
    if (st != OK || (st = plan_read_all(cl, &all, e)) != OK)
        return st;
    struct json *out = json_new_array(&cl->arena), *o;
    for (size_t i = 0; out && i < all.n; i++) {
        const struct plan *p = &all.list[i];
        if (json_push_object(out, &o) != 0 || json_set_str(o, "plan", p->plan) != 0 ||
            json_set_str(o, "name", p->name) != 0 || json_set_bool(o, "public", p->is_public) != 0 ||
            plan_set_terms(o, p->terms) != 0 || plan_set_number(o, "bots", p->value[ENTITLEMENT_bots]) != 0 ||
            plan_set_number(o, "members", p->value[ENTITLEMENT_members]) != 0)
            out = NULL;
    }
    if (!out)
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

/* All terms that were ever sold are listed, because a customer keeps the terms of the purchase. "current" marks those
 * that a new customer gets. */
static int plan_json(struct json *o, const struct plans *all, const struct plan *p)
{
    struct json *terms, *one;
    if (json_set_str(o, "plan", p->plan) != 0 || json_set_str(o, "name", p->name) != 0 ||
        json_set_int(o, "revision", p->revision) != 0 || json_set_bool(o, "public", p->is_public) != 0 ||
        plan_set_terms(o, p->terms) != 0 || plan_set_values(o, p->value) != 0 ||
        json_set_array(o, "terms", &terms) != 0)
        return -1;
    for (size_t i = 0; i < all->terms_n; i++) {
        const struct plan_terms *t = &all->terms[i];
        if (!str_eq(t->plan, p->plan))
            continue;
        if (json_push_object(terms, &one) != 0 || json_set_id(one, "id", ID_TERMS, t->id) != 0 ||
            plan_set_terms(one, t) != 0 || json_set_time(one, "created_at", t->created_ms) != 0 ||
            json_set_bool(one, "current", t == p->terms) != 0)
            return -1;
    }
    return 0;
}

enum status cmd_plan_show(struct cli *cl, struct err *e)
{
    struct plans all;
    enum status st = cli_options(cl, NULL, 0, 1, 1, e);
    if (st != OK || (st = plan_read_all(cl, &all, e)) != OK)
        return st;
    const struct plan *p = plans_find(&all, str_from(cl->argv[0]));
    if (!p)
        return err_set(e, E_plan_unknown, "There is no plan \"%.40s\". parley plan list shows all plans.", cl->argv[0]);
    struct json *o = json_new_object(&cl->arena);
    if (!o || plan_json(o, &all, p) != 0)
        return err_nomem(e);
    cli_out(cl, o);
    return OK;
}

/* ---- overrides ---- */

/* Switches are entitlements too, with the values 0 and 1. The largest number is reserved for "unlimited" and cannot be
 * typed, so a long row of nines does not become unlimited by accident. */
static bool override_value_arg(struct str s, int64_t *out)
{
    if (str_eqz(s, "unlimited")) {
        *out = UNLIMITED;
        return true;
    }
    if (str_eqz(s, "on") || str_eqz(s, "off")) {
        *out = str_eqz(s, "on");
        return true;
    }
    return num_i64(s, 0, UNLIMITED - 1, out);
}

/* A reason is required: in a year no one remembers why one customer has more than the plan gives. An empty --expires is
 * refused, because a script with an unset variable would otherwise create an override without end. */
static enum status override_args(struct cli *cl, const char *reason, const char *expires, struct override *o, bool *end,
                                 struct err *e)
{
    *end = str_eqz(str_from(cl->argv[2]), "none");
    if (!entitlement_parse(str_from(cl->argv[1]), &o->entitlement))
        return cli_usage(e, "There is no entitlement \"%.40s\". parley plan show free lists all of them.", cl->argv[1]);
    if (!*end && !override_value_arg(str_from(cl->argv[2]), &o->value))
        return cli_usage(e, "\"%.40s\" is not a value. Use a number, on, off, unlimited, or none to end the override.",
                         cl->argv[2]);
    if (!*end && !reason)
        return cli_usage(e, "Give the reason with --reason TEXT.");
    if (expires && (!*expires || !override_until(str_from(expires), &o->expires_ms)))
        return cli_usage(e, "--expires must be a day such as 2027-01-31; the override ends when that day ends (UTC).");
    o->reason = str_from(reason);
    return OK;
}

/* The arguments are checked before the database is opened. The actor has no tenant: the operator acts from outside, and
 * the entry goes into the operators' log. */
enum status cmd_tenant_override(struct cli *cl, struct err *e)
{
    const char *reason = NULL, *expires = NULL;
    struct override o = {.expires_ms = 0};
    struct actor who = cli_actor(ID_NONE);
    struct db *c;
    bool end;
    enum status st = cli_options(cl, CLI_OPTIONS({"reason", &reason, NULL}, {"expires", &expires, NULL}), 3, 3, e);
    if (st != OK || (st = override_args(cl, reason, expires, &o, &end, e)) != OK ||
        (st = cli_db_change(cl, &c, e)) != OK || (st = cli_tenant(cl, c, cl->argv[0], &o.tenant, e)) != OK)
        return st;
    st = end ? override_end(c, &who, o.tenant, o.entitlement, e) : override_set(c, &who, &o, e);
    if (st == OK)
        cli_id(cl, ID_TENANT, o.tenant);
    return st;
}

/* ---- the entitlements of a workspace ---- */

static int entitlements_set_period(struct json *o, const struct quota_period *p, int64_t used)
{
    struct json *q;
    return json_set_object(o, "period", &q) != 0 || json_set_time(q, "start", p->start_ms) != 0 ||
                   json_set_time(q, "end", p->end_ms) != 0 || plan_set_number(q, "included", p->included) != 0 ||
                   plan_set_number(q, "limit", p->limit) != 0 || json_set_int(q, "used", used) != 0 ||
                   json_set_bool(q, "billable", p->billable) != 0
               ? -1
               : 0;
}

/* These are contradictions in the subscriptions themselves. They are printed beside the answer, because an operator who
 * asks "why this plan?" has to see them first. */
static int entitlements_set_alarms(struct json *o, const struct entitlements *x)
{
    struct json *list;
    if (json_set_array(o, "alarms", &list) != 0)
        return -1;
    return (x->two_live && json_push_str(list, STR("two_live")) != 0) ||
                   (x->unknown_price && json_push_str(list, STR("unknown_price")) != 0) ||
                   (x->unknown_status && json_push_str(list, STR("unknown_status")) != 0)
               ? -1
               : 0;
}

static int entitlements_set_overrides(struct json *o, const struct override *list, size_t n)
{
    struct json *all, *one;
    if (json_set_array(o, "overrides", &all) != 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (json_push_object(all, &one) != 0 ||
            json_set_str(one, "entitlement", str_from(entitlement_name(list[i].entitlement))) != 0 ||
            plan_set_number(one, "value", list[i].value) != 0 || json_set_str(one, "reason", list[i].reason) != 0 ||
            json_set_time(one, "expires_at", list[i].expires_ms) != 0)
            return -1;
    return 0;
}

static int entitlements_set_plan(struct json *o, const struct tenant *t, const struct entitlements *x)
{
    return json_set_id(o, "workspace", ID_TENANT, t->id) || json_set_str(o, "name", t->name) ||
           json_set_str(o, "plan", x->plan->plan) || json_set_str(o, "assigned", t->plan) ||
           json_set_str(o, "state", str_from(billing_state_name(x->state))) ||
           json_set_bool(o, "read_only", x->read_only) || json_set_time(o, "until", x->until_ms) ||
           json_set_time(o, "valid_until", x->valid_until_ms);
}

static int entitlements_set(struct json *o, const struct tenant *t, const struct entitlements *x, int64_t used)
{
    struct json *terms, *values;
    if (entitlements_set_plan(o, t, x) != 0)
        return -1;
    if ((x->subscription ? json_set_str(o, "subscription", x->subscription->id) : json_set_null(o, "subscription")) !=
            0 ||
        json_set_object(o, "terms", &terms) != 0 || json_set_id(terms, "id", ID_TERMS, x->terms->id) != 0 ||
        plan_set_terms(terms, x->terms) != 0)
        return -1;
    return entitlements_set_period(o, &x->period, used) != 0 || json_set_object(o, "entitlements", &values) != 0 ||
                   plan_set_values(values, x->value) != 0
               ? -1
               : entitlements_set_alarms(o, x);
}

/* One moment for all four reads: with a clock read in each, a period that ends in between would show usage of one
 * period and limits of the next. */
enum status cmd_tenant_entitlements(struct cli *cl, struct err *e)
{
    int64_t now = clock_now_ms();
    struct entitlements x;
    struct override *overrides;
    struct tenant t;
    struct usage u;
    struct db *c;
    struct id id;
    size_t n;
    enum status st = cli_options(cl, NULL, 0, 0, 1, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK ||
        (st = cli_tenant(cl, c, cl->argc ? cl->argv[0] : NULL, &id, e)) != OK ||
        (st = account_tenant_get(c, &cl->arena, id, &t, e)) != OK ||
        (st = entitlement_load(c, id, now, &cl->arena, &x, e)) != OK ||
        (st = override_list(c, id, &cl->arena, &overrides, &n, e)) != OK || (st = usage_now(c, id, now, &u, e)) != OK)
        return st;
    struct json *o = json_new_object(&cl->arena);
    if (!o || entitlements_set(o, &t, &x, u.used) != 0 || entitlements_set_overrides(o, overrides, n) != 0)
        return err_nomem(e);
    cli_out(cl, o);
    return OK;
}
