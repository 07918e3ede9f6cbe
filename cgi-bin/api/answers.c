/* answers.c: /v1/answers?bot=: the answers of a bot, with search. The bot is a parameter and not a part of the path,
 * because an answer has an id of its own. */
#include "knowledge/answers.h"

#include "api/api.h"

#include "base/banned.h"

/* -1 without memory, like the setters of json.h that it chains. */
static int api_answers_fill(struct json *o, const struct answer *w)
{
    return json_set_id(o, "id", ID_ANSWER, w->id) != 0 || json_set_str(o, "question", w->question) != 0 ||
                   json_set_str(o, "answer", w->answer) != 0 || json_set_str(o, "link", w->link) != 0 ||
                   json_set_str(o, "source", w->source) != 0 || json_set_str(o, "language", w->language) != 0 ||
                   json_set_time(o, "updated_at", w->updated_ms) != 0
               ? -1
               : 0;
}

/* Without a bot there is no list: answers are kept, indexed and limited by bot. */
void api_answers_get(struct request *rq)
{
    struct api_call call;
    struct answers_filter f = {.query = request_query(rq, "query")};
    struct answers_page page;
    struct json *out = NULL, *data, *o;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_limit(&call, &f.limit);
    if (st == OK)
        st = api_after(&call, ID_ANSWER, &f.after);
    if (st == OK && !id_parse(ID_BOT, request_query(rq, "bot"), &f.bot))
        st = err_raise_at(&call.e, E_bot_invalid, "bot");
    if (st == OK)
        st = answers_list(call.c, call.who.tenant, &f, call.a, &page, &call.e);
    if (st == OK)
        out = api_list(call.a, page.more, &data);
    for (size_t i = 0; out && i < page.n; i++)
        if (json_push_object(data, &o) != 0 || api_answers_fill(o, &page.rows[i]) != 0)
            out = NULL;
    /* A list that could not be built becomes NULL above, so all lacks of memory end here. */
    if (st == OK && !out)
        st = err_nomem(&call.e);
    api_end(&call, st, 200, out);
}
