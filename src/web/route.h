/* route.h: route tables. A door's routes.def is the map of what it serves; a row has no optional column:
 *
 *   ROUTE(GET, "/app/bots/{bot}", bot_page, MEMBER(BOT_READ), CSRF_NONE, BODY_0, RATE_UI, FEATURE_NONE)
 *
 * The dispatcher, never a handler, checks who may, CSRF, body size, rate and plan feature, and loads the tenant. */
#ifndef PARLEY_WEB_ROUTE_H
#define PARLEY_WEB_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

enum method { GET, POST, PUT, PATCH, DELETE, OPTIONS, METHOD_COUNT }; /* HEAD is served by GET's row */

enum who_kind { WHO_PUBLIC, WHO_SESSION, WHO_MEMBER, WHO_OPERATOR, WHO_KEY };
struct who {
    enum who_kind kind;
    uint32_t need; /* perm bits, or key scope bits */
};
#define PUBLIC        \
    {                 \
        WHO_PUBLIC, 0 \
    } /* anybody; must be spelled out */
#define SESSION        \
    {                  \
        WHO_SESSION, 0 \
    } /* any signed-in user */
#define MEMBER(perms)       \
    {                       \
        WHO_MEMBER, (perms) \
    } /* signed in, with these rights in the current tenant */
#define OPERATOR(perms)       \
    {                         \
        WHO_OPERATOR, (perms) \
    } /* anybody else is told 404 */
#define KEY(scopes)       \
    {                     \
        WHO_KEY, (scopes) \
    } /* Authorization: Bearer ply_... (or X-Api-Key) */

enum csrf {
    CSRF_NONE,   /* GET, or authorised by something a browser does not send by itself */
    CSRF_ORIGIN, /* Origin / Sec-Fetch-Site must be ours (public forms) */
    CSRF_TOKEN   /* that, and the session's token in field _csrf or header X-CSRF-Token */
};
enum body_class {
    BODY_0,
    BODY_4K,
    BODY_64K,
    BODY_512K,
    BODY_1M,
    BODY_FILE,
    BODY_CLASS_COUNT
}; /* FILE: up to MAX_CSV, spooled to a file */
enum rate_class { RATE_NONE, RATE_UI, RATE_SIGN_IN, RATE_SIGN_UP, RATE_CHAT, RATE_API, RATE_HOOK, RATE_CLASS_COUNT };
enum feature {
    FEATURE_NONE,
    FEATURE_KNOWLEDGE,
    FEATURE_ANALYTICS,
    FEATURE_ANALYTICS_ADVANCED,
    FEATURE_INTEGRATIONS,
    FEATURE_WHITE_LABEL,
    FEATURE_COUNT
};

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
    enum feature feature;
};
size_t body_class_cap(enum body_class b); /* bytes */
struct rate_limit {
    int per_minute, burst;
};
struct rate_limit rate_class_limit(enum rate_class r);
const char *method_name(enum method m);
const char *csrf_name(enum csrf c);
const char *rate_class_name(enum rate_class r);
const char *feature_name(enum feature f);

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
 * `parley routes` includes the same files and leaves the handlers out. (Variadic, because PUBLIC and the others hold a comma.) */
#define ROUTE_HANDLER(m, p, h, ...) void h(struct request *rq);
#define ROUTE_ROW(m, p, h, ...) {m, p, #h, h, __VA_ARGS__},

#endif
