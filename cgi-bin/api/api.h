/* api.h: what the handlers of the management API share.
 *
 * A handler reads its inputs, calls the domain, and ends with api_end:
 *
 *     struct api_call call;
 *     if (!api_begin(rq, &call))
 *         return; // answered already
 *     enum status st = api_id(&call, "bot", ID_BOT, &id);
 *     if (st == OK)
 *         st = bot_delete(call.c, &call.who, id, &call.e);
 *     api_end(&call, st, 204, NULL);
 *
 * Lists are {"data": [...], "has_more": bool}. `limit` (1 to 100) is the size of a page, `after` the id of the last
 * element seen. A call belongs to the thread of its request, and all its memory to the arena of the request. */
#ifndef PARLEY_API_API_H
#define PARLEY_API_API_H

#include "bot/bot.h"
#include "guard.h"
#include "talk/talk.h"
#include "web/server.h"

#define ROUTE ROUTE_HANDLER
#include "api/routes.def"
#undef ROUTE

/* The state of the program: rq->app. */
struct api {
    struct guard guard; /* first: see guard.h */
    struct talk *talk;
};

struct api_call {
    struct request *rq;
    struct db *c;
    struct actor who;
    struct arena *a;
    struct err e;
};
/* Takes a connection. False: the reply is written. Otherwise api_end must follow. */
bool api_begin(struct request *rq, struct api_call *call);
/* Gives the connection back and replies: if st is OK, with `out` and this status (NULL: 204 without a body), else with
 * call->e as a problem. */
void api_end(struct api_call *call, enum status st, int status, const struct json *out);

/* A path parameter as an id. Anything else is ERR_NOT_FOUND, as the id of another tenant is. */
enum status api_id(struct api_call *call, const char *segment, enum id_kind kind, struct id *out);
/* The query parameter `limit`; 20 if it is missing. ERR_INVALID code limit_invalid. */
enum status api_limit(struct api_call *call, int *out);
/* The query parameter `after` as an id; ID_NONE if it is missing. ERR_INVALID code after_invalid. */
enum status api_after(struct api_call *call, enum id_kind kind, struct id *out);

/* The fields of the body, as json_fields. An empty body counts as an empty object. */
enum status api_body(struct api_call *call, const struct json_field *fields, size_t n, struct json **out);
#define FIELDS(...)                           \
    (const struct json_field[]){__VA_ARGS__}, \
        sizeof((const struct json_field[]){__VA_ARGS__}) / sizeof(struct json_field)

/* Members of an object; 0, or -1 without memory. UNLIMITED is null. An amount is {"amount", "currency"}, in the
 * smallest unit of the currency. */
int api_set_limit(struct json *o, const char *name, int64_t v);
int api_set_period(struct json *o, const char *name, int64_t start_ms, int64_t end_ms);
int api_set_amount(struct json *o, const char *name, int64_t amount, const char *currency);

/* {"data": [], "has_more": more}. *data is borrowed. NULL without memory. */
struct json *api_list(struct arena *a, bool more, struct json **data);

#endif
