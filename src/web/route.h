/* route.h: route tables. The routes.def of a program lists what it serves; a row has no optional column:
 *
 *   ROUTE(GET, "/app/bots/{bot}", bot_page, MEMBER(BOT_READ), CSRF_NONE, BODY_0, RATE_UI, FEATURE_NONE)
 *
 * The dispatcher, never a handler, checks who may, CSRF, body size, rate and plan feature, and loads the tenant. */
#ifndef PARLEY_WEB_ROUTE_H
#define PARLEY_WEB_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

/* HEAD is served by the row of GET. */
enum method { GET, POST, PUT, PATCH, DELETE, OPTIONS, METHOD_COUNT };

enum who_kind { WHO_PUBLIC, WHO_SESSION, WHO_MEMBER, WHO_OPERATOR, WHO_KEY };
struct who {
    enum who_kind kind;
    uint32_t need; /* rights of a member, or scopes of a key: all of them are needed */
};
/* Anybody. It must be spelled out. */
#define PUBLIC ((struct who){WHO_PUBLIC, 0})
/* Any user who is signed in. */
#define SESSION ((struct who){WHO_SESSION, 0})
/* A signed-in user with these rights in the current tenant. */
#define MEMBER(perms) ((struct who){WHO_MEMBER, (perms)})
/* An operator with these rights. All others get 404. */
#define OPERATOR(perms) ((struct who){WHO_OPERATOR, (perms)})
/* An API key with these scopes: Authorization: Bearer ply_..., or X-Api-Key. */
#define KEY(scopes) ((struct who){WHO_KEY, (scopes)})

enum csrf {
    CSRF_NONE,   /* GET, or authorised by something that a browser never sends on its own */
    CSRF_ORIGIN, /* Origin and Sec-Fetch-Site must be ours: forms of visitors who are not signed in */
    CSRF_TOKEN   /* that, and the token of the session in the field _csrf or the header X-CSRF-Token */
};
/* The largest body. BODY_FILE is a form with a file of at most MAX_CSV. */
enum body_class { BODY_0, BODY_4K, BODY_64K, BODY_512K, BODY_1M, BODY_FILE, BODY_CLASS_COUNT };
enum rate_class { RATE_NONE, RATE_UI, RATE_SIGN_IN, RATE_SIGN_UP, RATE_CHAT, RATE_API, RATE_HOOK, RATE_CLASS_COUNT };
/* No plan feature. Any other number is the program's own: `feature` of struct web_program gets it. */
#define FEATURE_NONE 0

struct request;
struct route {
    enum method method;
    const char *path; /* "/chat/{bot}/messages": a {name} takes one segment */
    const char *handler_name;
    void (*handler)(struct request *rq);
    struct who who;
    enum csrf csrf;
    enum body_class body;
    enum rate_class rate;
    int feature; /* what the plan of the tenant must include */
};
/* Tokens of a bucket (base/shared.h) for one remote address. 0 = no limit. */
struct rate_limit {
    int per_minute, burst;
};

/* Bytes. */
size_t body_class_cap(enum body_class b);
struct rate_limit rate_class_limit(enum rate_class r);
/* The names that `parley routes`, logs and headers use; "?" for a value out of range. */
const char *method_name(enum method m);
const char *csrf_name(enum csrf c);
const char *rate_class_name(enum rate_class r);

/* A header declares the handlers of a table, and main.c makes the table:
 *
 *   #define ROUTE ROUTE_HANDLER
 *   #include "chat/routes.def"
 *   #undef ROUTE
 *
 *   static const struct route routes[] = {
 *   #define ROUTE(...) ROUTE_ROW(__VA_ARGS__)
 *   #include "chat/routes.def"
 *   #undef ROUTE
 *   };
 *
 * `parley routes` includes the same files and leaves the handlers out. */
#define ROUTE_HANDLER(m, p, h, ...) void h(struct request *rq);
#define ROUTE_ROW(m, p, h, ...) {m, p, #h, h, __VA_ARGS__},

#endif
