/* turn_headers_internal.h: the headers of a flow's HTTP call, with the secrets of the workspace put in. */
#ifndef PARLEY_TALK_TURN_HEADERS_INTERNAL_H
#define PARLEY_TALK_TURN_HEADERS_INTERNAL_H

#include "bot/bot.h"
#include "net/fetch.h"

struct turn_headers {
    struct fetch_header *p; /* in the arena; names, and values without a secret, are borrowed from the flow's call */
    size_t n;
    struct buf values;   /* the values with secrets, in memory of the arena */
    struct str *secrets; /* each secret in `values`, as it was put in */
    size_t secret_n;
};

/* Fills in the headers of `rq` for a call of this tenant. A connection is borrowed only if there is a secret.
 * ERR_NOT_FOUND code secret_unknown, ERR_INVALID code secret_lost, ERR_TOO_LARGE: the call must not be made.
 * turn_headers_wipe must follow, whatever the result. */
enum status turn_headers_fill(struct turn_headers *h, struct db_pool *pool, struct id tenant,
                              const struct flow_http *rq, struct arena *a, struct err *e);
/* Hides the secrets that the service has sent back in its reply, in any form that turn_echo_next finds: nothing else
 * would keep them from a variable, and so from the conversation. *body is replaced by a copy if it holds one. */
enum status turn_headers_hide(const struct turn_headers *h, struct arena *a, struct str *body, struct err *e);
/* Overwrites the secrets. The headers cannot be used afterwards. */
void turn_headers_wipe(struct turn_headers *h);

/* turn_echo.c: a place in a reply that tells a secret. */
struct echo {
    size_t at, n;
};
#define ECHO_SECRET_MIN 6 /* bytes; a shorter secret is not searched: it could be any word */
/* The next place after *at, which begins as all zeros, that holds one of the secrets as it is, percent-encoded, escaped
 * for JSON or HTML, as hex digits or in base64. False: there is none. */
bool turn_echo_next(const struct str *secrets, size_t count, struct str body, struct echo *at);

#endif
