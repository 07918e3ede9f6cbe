#include "base/clock.h"
#include "cli/cli.h"
#include "plan/usage.h"

#include "base/banned.h"

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
        json_set_str(o, "plan", t->plan) != 0 || json_set_str(o, "state", t->state) != 0 ||
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

static int add_members(struct json *o, const struct member *list, size_t n)
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

enum status cmd_tenant_show(struct cli *cl, struct err *e)
{
    struct db *c;
    struct id id;
    struct tenant t;
    struct member *list;
    struct entitlements x;
    struct usage u;
    size_t n;
    enum status st = cli_options(cl, NULL, 0, 0, 1, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK ||
        (st = cli_tenant(cl, c, cl->argc ? cl->argv[0] : NULL, &id, e)) != OK)
        return st;
    if ((st = account_tenant_get(c, &cl->arena, id, &t, e)) != OK ||
        (st = account_members_of_tenant(c, &cl->arena, id, &list, &n, e)) != OK ||
        (st = entitlement_load(c, id, clock_now_ms(), &cl->arena, &x, e)) != OK ||
        (st = usage_now(c, id, clock_now_ms(), &u, e)) != OK)
        return st;
    struct str assigned = t.plan;
    t.plan = x.plan->plan;
    struct json *o = tenant_json(cl, &t);
    bool limited = u.limit != USAGE_UNLIMITED;
    if (!o || json_set_str(o, "assigned_plan", assigned) != 0 ||
        json_set_str(o, "billing", str_from(billing_state_name(x.state))) != 0 ||
        json_set_int(o, "conversations", u.used) != 0 ||
        (limited ? json_set_int(o, "conversations_limit", u.limit) : json_set_null(o, "conversations_limit")) != 0 ||
        add_members(o, list, n) != 0)
        return err_nomem(e);
    cli_out(cl, o);
    return OK;
}

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
