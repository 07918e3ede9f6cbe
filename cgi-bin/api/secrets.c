/* secrets.c: /v1/secrets: the named secrets of a workspace. A value is only ever received: no reply holds one. */
#include "api/api.h"
#include "vault/vault.h"

#include "base/banned.h"

struct api_secrets {
    struct vault_secret *all;
    size_t n;
    struct bot_secret_use *uses;
    size_t use_n;
};

static enum status api_secrets_load(struct api_call *call, struct api_secrets *s)
{
    enum status st = vault_list(call->c, call->who.tenant, call->a, &s->all, &s->n, &call->e);
    return st == OK ? bot_secret_uses(call->c, call->who.tenant, call->a, &s->uses, &s->use_n, &call->e) : st;
}

static int api_secrets_fill(struct json *o, const struct vault_secret *secret, const struct api_secrets *s)
{
    struct json *used, *row;
    if (json_set_str(o, "name", secret->name) != 0 || json_set_time(o, "created_at", secret->created_ms) != 0 ||
        json_set_time(o, "changed_at", secret->changed_ms) != 0 || json_set_array(o, "used_by", &used) != 0)
        return -1;
    for (size_t i = 0; i < s->use_n; i++)
        if (str_eq(s->uses[i].secret, secret->name) &&
            (json_push_object(used, &row) != 0 || json_set_id(row, "bot", ID_BOT, s->uses[i].bot) != 0 ||
             json_set_bool(row, "published", s->uses[i].published) != 0))
            return -1;
    return 0;
}

/* A workspace has at most MAX_SECRETS, so the list is not paged. */
void api_secrets_get(struct request *rq)
{
    struct api_call call;
    struct api_secrets s;
    struct json *out = NULL, *data, *o;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_secrets_load(&call, &s);
    if (st == OK)
        out = api_list(call.a, false, &data);
    for (size_t i = 0; out && i < s.n; i++)
        if (json_push_object(data, &o) != 0 || api_secrets_fill(o, &s.all[i], &s) != 0)
            out = NULL;
    if (st == OK && !out)
        st = err_nomem(&call.e);
    api_end(&call, st, 200, out);
}

/* Adds or replaces: 201 or 200. The reply is read back from the list, which has no values. */
void api_secrets_name_put(struct request *rq)
{
    struct api_call call;
    struct api_secrets s = {.n = 0};
    struct json *in, *o = NULL;
    struct str name = request_segment(rq, "name");
    bool created = false;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_body(&call, FIELDS({"value", JSON_STRING, true}), &in);
    if (st == OK)
        st = vault_set(call.c, rq->config, &call.who, name, json_get_str(in, "value"), &created, &call.e);
    if (st == OK)
        st = api_secrets_load(&call, &s);
    for (size_t i = 0; st == OK && i < s.n; i++)
        if (str_eq(s.all[i].name, name) && (!(o = json_new_object(call.a)) || api_secrets_fill(o, &s.all[i], &s) != 0))
            st = err_nomem(&call.e);
    api_end(&call, st, created ? 201 : 200, o);
}

/* A published bot that uses the secret keeps it, unless `force` is "true". */
void api_secrets_name_delete(struct request *rq)
{
    struct api_call call;
    if (!api_begin(rq, &call))
        return;
    bool force = str_eqz(request_query(rq, "force"), "true");
    enum status st = bot_secret_remove(call.c, &call.who, request_segment(rq, "name"), force, call.a, &call.e);
    api_end(&call, st, 204, NULL);
}
