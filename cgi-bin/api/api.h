/* api.h: what the handlers of the management API share. A handler reads its inputs, calls the domain and replies; lists are
 * {"data": [...], "has_more": bool}, paged by `limit` (1 to 100) and `after` (the id or number of the last one seen). */
#ifndef PARLEY_API_API_H
#define PARLEY_API_API_H

#include "bot/bot.h"
#include "guard.h"
#include "web/server.h"

/* One call's database, actor and failure: opened by api_begin, answered by api_end with the object or the problem. */
struct call {
    struct request *rq;
    struct db *c;
    struct actor who;
    struct arena *a;
    struct err e;
};
/* False: the reply (a problem) is written. Else api_end must follow. */
bool api_begin(struct request *rq, struct call *call);
/* Gives the connection back and replies: `s` OK with `out` as JSON under this status (NULL: an empty 204), else the problem. */
void api_end(struct call *call, enum status st, int status, const struct json *out);

/* The id in the path. Anything else is ERR_NOT_FOUND, as a stranger's id is. */
enum status api_id(struct call *call, const char *segment, enum id_kind kind, struct id *out);
/* `limit` of the query. */
enum status api_limit(struct call *call, int *out);
/* `after` of the query as an id; ID_NONE without. */
enum status api_after(struct call *call, enum id_kind kind, struct id *out);

/* The body's fields, as json_fields. An empty body is an empty object. */
enum status api_body(struct call *call, const struct json_field *fields, size_t n, struct json **out);
#define FIELDS(...)                           \
    (const struct json_field[]){__VA_ARGS__}, \
        sizeof((const struct json_field[]){__VA_ARGS__}) / sizeof(struct json_field)

/* Members of an object; -1 without memory. A limit of UNLIMITED is null; an amount is {"amount", "currency"} in the smallest unit. */
int api_set_limit(struct json *o, const char *name, int64_t v);
int api_set_period(struct json *o, const char *name, int64_t start_ms, int64_t end_ms);
int api_set_amount(struct json *o, const char *name, int64_t amount, const char *currency);

/* {"data": [], "has_more": more}; *data is borrowed. NULL without memory. */
struct json *api_list(struct arena *a, bool more, struct json **data);

#define ROUTE ROUTE_HANDLER
#include "api/routes.def"
#undef ROUTE

#endif
