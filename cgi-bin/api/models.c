/* models.c: GET /v1/models: every published bot of the workspace, as an OpenAI client lists models. */
#include "api/api.h"

#include "base/banned.h"

static int api_models_fill(struct json *o, const struct bot *b)
{
    return json_set_id(o, "id", ID_BOT, b->id) != 0 || json_set_str(o, "object", STR("model")) != 0 ||
                   json_set_int(o, "created", b->created_ms / 1000) != 0 ||
                   json_set_str(o, "owned_by", STR("parley")) != 0 || json_set_str(o, "name", b->name) != 0
               ? -1
               : 0;
}

void api_models_get(struct request *rq)
{
    struct api_call call;
    struct bot *all;
    struct json *out, *data, *o;
    size_t n = 0;
    if (!api_begin(rq, &call))
        return;
    enum status st = bot_list(call.c, call.who.tenant, call.a, &all, &n, &call.e);
    out = json_new_object(call.a);
    bool ok = out && json_set_str(out, "object", STR("list")) == 0 && json_set_array(out, "data", &data) == 0;
    for (size_t i = 0; st == OK && ok && i < n; i++)
        if (all[i].live_version)
            ok = json_push_object(data, &o) == 0 && api_models_fill(o, &all[i]) == 0;
    if (st == OK && !ok)
        st = err_nomem(&call.e);
    api_end(&call, st, 200, out);
}

/* A bot that was never published is no model. */
void api_models_model_get(struct request *rq)
{
    struct api_call call;
    struct bot b;
    struct id id;
    if (!api_begin(rq, &call))
        return;
    struct json *out = json_new_object(call.a);
    enum status st = id_parse(ID_BOT, request_segment(rq, "model"), &id) ? OK : err_raise(&call.e, E_bot_unknown);
    if (st == OK)
        st = bot_get(call.c, call.who.tenant, id, call.a, &b, &call.e);
    if (st == OK && b.live_version == 0)
        st = err_raise(&call.e, E_bot_unknown);
    if (st == OK && (!out || api_models_fill(out, &b) != 0))
        st = err_nomem(&call.e);
    api_end(&call, st, 200, out);
}
