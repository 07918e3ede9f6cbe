/* api.c: the beginning and the end of an API call, and its common inputs. A call takes its connection in api_begin and
 * gives it back in api_end, which also writes the reply, so a handler cannot end without doing both. */
#include "api/api.h"

#include "base/num.h"

#include "base/banned.h"

#define LIMIT_DEFAULT 20
#define LIMIT_MAX 100

/* Who calls, and what the key may do, was checked by the dispatcher. Only a missing connection can fail here. */
bool api_begin(struct request *rq, struct api_call *call)
{
    struct guard *g = rq->app;
    *call = (struct api_call){.rq = rq, .a = rq->arena, .who = guard_actor(rq)};
    if (db_get(g->pool, &call->c, &call->e) == OK)
        return true;
    reply_problem(rq, &call->e);
    return false;
}

/* The connection is given back before the reply is written, so that a slow client does not keep one from others. */
void api_end(struct api_call *call, enum status st, int status, const struct json *out)
{
    db_put(call->c);
    call->c = NULL;
    if (st != OK)
        reply_problem(call->rq, &call->e);
    else if (out)
        reply_json(call->rq, status, out);
    else
        reply_status(call->rq, 204);
}

/* An id that is not well-formed gets the same reply as one of another tenant: a client learns nothing from the
 * difference. */
enum status api_id(struct api_call *call, const char *segment, enum id_kind kind, struct id *out)
{
    if (id_parse(kind, request_segment(call->rq, segment), out))
        return OK;
    return err_set(&call->e, E_not_found, "There is no such %s.", segment);
}

/* A limit out of range is an error and not cut: a client that asks for 1,000 would take a page of 100 for the whole
 * list. */
enum status api_limit(struct api_call *call, int *out)
{
    struct str s = request_query(call->rq, "limit");
    uint64_t v = LIMIT_DEFAULT;
    if (s.n && (!num_u64(s, LIMIT_MAX, &v) || v < 1))
        return err_at(&call->e, E_limit_invalid, "limit", "\"limit\" must be a number from 1 to %d.", LIMIT_MAX);
    *out = (int)v;
    return OK;
}

/* The id need not exist: the element that was last on a page may have been deleted since. */
enum status api_after(struct api_call *call, enum id_kind kind, struct id *out)
{
    struct str s = request_query(call->rq, "after");
    *out = ID_NONE;
    if (s.n && !id_parse(kind, s, out))
        return err_at(&call->e, E_after_invalid, "after",
                      "\"after\" must be the id of the last object on the previous page.");
    return OK;
}

/* Unknown fields are refused, so that a typing error does not pass silently for a missing option. */
enum status api_body(struct api_call *call, const struct json_field *fields, size_t n, struct json **out)
{
    enum status st = OK;
    if (request_body(call->rq).n)
        st = request_json(call->rq, out, &call->e);
    else if (!(*out = json_new_object(call->a)))
        st = err_nomem(&call->e);
    return st == OK ? json_fields(*out, fields, n, &call->e) : st;
}

/* Lists carry no total. Counting would cost more than the page, and the number would be old when it arrives. */
struct json *api_list(struct arena *a, bool more, struct json **data)
{
    struct json *o = json_new_object(a);
    if (!o || json_set_array(o, "data", data) != 0 || json_set_bool(o, "has_more", more) != 0)
        return NULL;
    return o;
}
