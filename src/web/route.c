/* route.c: the names, sizes and limits of the columns of a route table.
 *
 * Each table is indexed by its enum with designated initialisers, so that a new member cannot shift the others. */
#include "web/route.h"

#include "web/router.h"

#include "base/banned.h"

static const char *const methods[METHOD_COUNT] = {
    [GET] = "GET", [POST] = "POST", [PUT] = "PUT", [PATCH] = "PATCH", [DELETE] = "DELETE", [OPTIONS] = "OPTIONS"};

const char *method_name(enum method m)
{
    return m < METHOD_COUNT ? methods[m] : "?";
}

bool method_parse(struct str text, enum method *m, bool *head)
{
    *head = str_eq(text, STR("HEAD"));
    if (*head) {
        *m = GET;
        return true;
    }
    for (int i = 0; i < METHOD_COUNT; i++) {
        if (str_eqz(text, methods[i])) {
            *m = (enum method)i;
            return true;
        }
    }
    *m = METHOD_COUNT;
    return false;
}

size_t body_class_cap(enum body_class b)
{
    switch (b) {
    case BODY_4K:
        return 4 * KB;
    case BODY_64K:
        return 64 * KB;
    case BODY_512K:
        return 512 * KB;
    case BODY_1M:
        return 1 * MB;
    case BODY_FILE:
        return MAX_CSV + 64 * KB; /* the file and the form that carries it */
    default:
        return 0;
    }
}

/* The limits count by remote address, which all people in one office may share: enough for an office, too few for
 * guessing passwords. */
struct rate_limit rate_class_limit(enum rate_class r)
{
    switch (r) {
    case RATE_UI:
        return (struct rate_limit){600, 200};
    case RATE_SIGN_IN:
        return (struct rate_limit){20, 20};
    case RATE_SIGN_UP:
        return (struct rate_limit){10, 10};
    case RATE_CHAT:
        return (struct rate_limit){600, 600};
    case RATE_API:
        return (struct rate_limit){1200, 300};
    case RATE_HOOK: /* a service that sends a month's renewals at once, from few addresses */
        return (struct rate_limit){12000, 6000};
    default:
        return (struct rate_limit){0, 0};
    }
}

const char *csrf_name(enum csrf c)
{
    static const char *const names[] = {[CSRF_NONE] = "none", [CSRF_ORIGIN] = "origin", [CSRF_TOKEN] = "token"};
    return c <= CSRF_TOKEN ? names[c] : "?";
}

const char *rate_class_name(enum rate_class r)
{
    static const char *const names[RATE_CLASS_COUNT] = {
        [RATE_NONE] = "none", [RATE_UI] = "ui",   [RATE_SIGN_IN] = "sign-in", [RATE_SIGN_UP] = "sign-up",
        [RATE_CHAT] = "chat", [RATE_API] = "api", [RATE_HOOK] = "hook"};
    return r < RATE_CLASS_COUNT ? names[r] : "?";
}
