/* cmd_tenant.c: tenant create, list, show, plan.
 *
 * Two plans exist for a workspace: the one that the operator assigned, and the one that applies, which a subscription
 * may raise. Every output names which of the two it means. */
#include "base/clock.h"
#include "cli/cli.h"
#include "plan/usage.h"

#include "base/banned.h"

/* Prints only the id, so that a script can take it from standard output. The plan is checked against the plans there
 * are by the library. */
enum status cmd_tenant_create(struct cli *cl, struct err *e)
{
    const char *plan = "free";
    struct db *c;
    struct id id;
    enum status st = cli_options(cl, CLI_OPTIONS({"plan", &plan, NULL}), 1, 1, e);
    if (st == OK)
        st = cli_db_change(cl, &c, e);
    if (st == OK)
        st = account_tenant_create(c, str_from(cl->argv[0]), str_from(plan), &id, e);
    if (st == OK)
        cli_id(cl, ID_TENANT, id);
    return st;
}

static struct json *tenant_json(struct cli *cl, const struct tenant *t)
{
    struct json *o = json_new_object(&cl->arena);
    if (!o || json_set_id(o, "id", ID_TENANT, t->id) != 0 || json_set_str(o, "name", t->name) != 0 ||
        json_set_str(o, "plan", t->plan) != 0 ||
        json_set_str(o, "state", str_from(account_state_name(t->state))) != 0 ||
        json_set_time(o, "created_at", t->created_ms) != 0)
        return NULL;
    return o;
}

enum status cmd_tenant_list(struct cli *cl, struct err *e)
{
    struct db *c;
    struct tenant *all;
    size_t n;
    enum status st = cli_options(cl, NULL, 0, 0, 0, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK || (st = account_tenants(c, &cl->arena, &all, &n, e)) != OK)
        return st;
    struct json *out = json_new_array(&cl->arena);
    for (size_t i = 0; out && i < n; i++) {
        struct json *o = tenant_json(cl, &all[i]);
        if (!o || json_push_copy(out, o) != 0)
            out = NULL;
    }
    if (!out)
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

static int tenant_set_members(struct json *o, const struct member *list, size_t n)
{
    struct json *members, *one;
    if (json_set_array(o, "members", &members) != 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (json_push_object(members, &one) != 0 || json_set_id(one, "id", ID_USER, list[i].user.id) != 0 ||
            json_set_str(one, "email", list[i].user.email) != 0 ||
            json_set_str(one, "role", str_from(account_role_name(list[i].role))) != 0)
            return -1;
    return 0;
}

/* All that is shown, read before anything is printed: an error halfway must not leave half an answer on standard
 * output. */
struct tenant_shown {
    struct tenant tenant;
    struct member *members;
    size_t member_n;
    struct entitlements x;
    struct usage usage;
};

/* Read on one connection but not in one transaction; the numbers of a running install change anyway. */
static enum status tenant_shown_read(struct cli *cl, struct db *c, struct id id, struct tenant_shown *v, struct err *e)
{
    int64_t now = clock_now_ms();
    enum status st = account_tenant_get(c, &cl->arena, id, &v->tenant, e);
    if (st == OK)
        st = account_members_of_tenant(c, &cl->arena, id, &v->members, &v->member_n, e);
    if (st == OK)
        st = entitlement_load(c, id, now, &cl->arena, &v->x, e);
    return st == OK ? usage_now(c, id, now, &v->usage, e) : st;
}

/* "plan" is the plan that applies, which a subscription may raise above the one assigned. */
static enum status tenant_shown_print(struct cli *cl, struct tenant_shown *v, struct err *e)
{
    struct str assigned = v->tenant.plan;
    bool limited = v->usage.limit != USAGE_UNLIMITED;
    v->tenant.plan = v->x.plan->plan;
    struct json *o = tenant_json(cl, &v->tenant);
    if (!o || json_set_str(o, "assigned_plan", assigned) != 0 ||
        json_set_str(o, "billing", str_from(billing_state_name(v->x.state))) != 0 ||
        json_set_int(o, "conversations", v->usage.used) != 0 ||
        (limited ? json_set_int(o, "conversations_limit", v->usage.limit) : json_set_null(o, "conversations_limit")) !=
            0 ||
        tenant_set_members(o, v->members, v->member_n) != 0)
        return err_nomem(e);
    cli_out(cl, o);
    return OK;
}

enum status cmd_tenant_show(struct cli *cl, struct err *e)
{
    struct tenant_shown v;
    struct db *c;
    struct id id;
    enum status st = cli_options(cl, NULL, 0, 0, 1, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK ||
        (st = cli_tenant(cl, c, cl->argc ? cl->argv[0] : NULL, &id, e)) != OK ||
        (st = tenant_shown_read(cl, c, id, &v, e)) != OK)
        return st;
    return tenant_shown_print(cl, &v, e);
}

/* The plan is assigned through plan_assign and not in the row alone: it writes the operators' log and raises the
 * generation, so that programs read the entitlements again. */
enum status cmd_tenant_plan(struct cli *cl, struct err *e)
{
    struct actor who = cli_actor(ID_NONE);
    struct db *c;
    struct id id;
    enum status st = cli_options(cl, NULL, 0, 2, 2, e);
    if (st != OK || (st = cli_db_change(cl, &c, e)) != OK || (st = cli_tenant(cl, c, cl->argv[0], &id, e)) != OK)
        return st;
    st = plan_assign(c, &who, id, str_from(cl->argv[1]), e);
    if (st == OK)
        cli_id(cl, ID_TENANT, id);
    return st;
}
