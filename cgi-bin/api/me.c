/* me.c: /v1/me: the workspace and the key. It is what an integration calls first, to find out whether its key works and
 * what the key may do. */
#include "api/api.h"
#include "base/clock.h"
#include "plan/entitlement.h"

#include "base/banned.h"

/* In the order of the bits of enum key_scope. */
static const char *const scope_names[] = {"read", "write", "chat", "admin"};

static int api_me_fill_key(struct json *o, struct id key, uint32_t scopes)
{
    struct json *k, *list;
    if (json_set_object(o, "key", &k) != 0 || json_set_id(k, "id", ID_KEY, key) != 0 ||
        json_set_array(k, "scopes", &list) != 0)
        return -1;
    for (size_t i = 0; i < COUNT_OF(scope_names); i++)
        if ((scopes >> i & 1) && json_push_str(list, str_from(scope_names[i])) != 0)
            return -1;
    return 0;
}

/* The plan is the one that applies now, whether it was bought or assigned. */
void api_me_get(struct request *rq)
{
    struct api_call call;
    struct tenant t;
    struct entitlements x;
    struct json *o = NULL, *w;
    if (!api_begin(rq, &call))
        return;
    enum status st = account_tenant_get(call.c, call.a, call.who.tenant, &t, &call.e);
    if (st == OK)
        st = entitlement_load(call.c, t.id, clock_now_ms(), call.a, &x, &call.e);
    if (st == OK) {
        o = json_new_object(call.a);
        if (!o || json_set_object(o, "workspace", &w) != 0 || json_set_id(w, "id", ID_TENANT, t.id) != 0 ||
            json_set_str(w, "name", t.name) != 0 || json_set_str(w, "plan", x.plan->plan) != 0 ||
            json_set_time(w, "created_at", t.created_ms) != 0 || api_me_fill_key(o, call.who.key, call.who.perms) != 0)
            st = err_nomem(&call.e);
    }
    api_end(&call, st, 200, o);
}
