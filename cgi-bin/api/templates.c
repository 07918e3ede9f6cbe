/* templates.c: /v1/templates: what a bot can be made from. The flow itself is left out: it is large, and bots are made
 * on the server. */
#include "api/api.h"

#include "base/banned.h"

/* Templates are files of the install, so the call needs no connection and does not use api_begin. */
void api_templates_get(struct request *rq)
{
    struct bot_template *all;
    struct json *data, *o, *out;
    struct err e = ERR_INIT;
    size_t n;
    if (bot_templates(rq->config, rq->arena, request_query(rq, "language"), &all, &n, &e) != OK) {
        reply_problem(rq, &e);
        return;
    }
    out = api_list(rq->arena, false, &data);
    for (size_t i = 0; out && i < n; i++)
        if (json_push_object(data, &o) != 0 || json_set_str(o, "id", all[i].id) != 0 ||
            json_set_str(o, "name", all[i].name) != 0 || json_set_str(o, "summary", all[i].summary) != 0 ||
            json_set_str(o, "category", all[i].category) != 0 ||
            json_set_copy(o, "languages", json_get(all[i].flow, "languages")) != 0)
            out = NULL;
    if (out) {
        reply_json(rq, 200, out);
        return;
    }
    (void)err_nomem(&e);
    reply_problem(rq, &e);
}
