/* turn_headers.c: puts the secrets of the workspace into the headers of an HTTP call, right before it is made.
 *
 * The flow knows only the names of its secrets, so nothing that is kept of a turn can hold a value. The values are
 * together in one piece of memory, which is overwritten as soon as the call is over. The tenant comes from the
 * conversation and never from the flow: a bot that was imported from another workspace finds only the secrets of the
 * workspace it is in. */
#include "base/crypto.h"
#include "base/limits.h"
#include "talk/turn_headers_internal.h"
#include "vault/vault.h"

#include "base/banned.h"

#define HEADERS_WITH_SECRETS (256 * KB) /* the longest that these values can be together */

static bool header_has_secret(const struct flow_header *h)
{
    for (size_t i = 0; i < h->piece_n; i++)
        if (h->pieces[i].is_secret)
            return true;
    return false;
}

/* The buffer must never grow, because memory that it leaves behind would not be overwritten. So the most that it can
 * hold is computed first. */
static enum status headers_make_room(struct turn_headers *h, const struct flow_http *rq, struct arena *a, struct err *e)
{
    size_t room = 1, secrets = 0;
    for (size_t i = 0; i < rq->header_n; i++) {
        if (!header_has_secret(&rq->headers[i]))
            continue;
        for (size_t k = 0; k < rq->headers[i].piece_n; k++) {
            secrets += rq->headers[i].pieces[k].is_secret;
            room += rq->headers[i].pieces[k].is_secret ? MAX_SECRET : rq->headers[i].pieces[k].text.n;
        }
    }
    if (room > HEADERS_WITH_SECRETS)
        return err_set(e, E_too_large, "The headers of a call use too many secrets.");
    char *memory = arena_alloc(a, room);
    h->secrets = arena_array(a, secrets, sizeof(*h->secrets));
    h->p = arena_array(a, rq->header_n, sizeof(*h->p));
    if (!memory || !h->secrets || !h->p)
        return err_nomem(e);
    buf_fixed(&h->values, memory, room);
    return OK;
}

static enum status header_fill(struct turn_headers *h, struct db *c, const struct config *cf, struct id tenant,
                               const struct flow_header *from, struct err *e)
{
    size_t begin = h->values.n;
    enum status st = OK;
    for (size_t i = 0; i < from->piece_n && st == OK; i++) {
        size_t at = h->values.n;
        if (!from->pieces[i].is_secret) {
            buf_str_add(&h->values, from->pieces[i].text);
            continue;
        }
        st = vault_open(c, cf, tenant, from->pieces[i].text, &h->values, e);
        if (st == OK)
            h->secrets[h->secret_n++] = str_n(h->values.p + at, h->values.n - at);
    }
    h->p[h->n++] = (struct fetch_header){from->name, str_n(h->values.p + begin, h->values.n - begin)};
    return st;
}

/* A header without secrets has one piece, or none if its value is empty. */
enum status turn_headers_fill(struct turn_headers *h, struct db_pool *pool, struct id tenant,
                              const struct flow_http *rq, struct arena *a, struct err *e)
{
    struct db *c = NULL;
    *h = (struct turn_headers){.n = 0};
    enum status st = headers_make_room(h, rq, a, e);
    const struct config *cf = config_current();
    for (size_t i = 0; i < rq->header_n && st == OK; i++) {
        const struct flow_header *from = &rq->headers[i];
        if (!header_has_secret(from)) {
            h->p[h->n++] = (struct fetch_header){from->name, from->piece_n ? from->pieces[0].text : STR_EMPTY};
            continue;
        }
        if (!c)
            st = db_get(pool, &c, e);
        if (st == OK)
            st = header_fill(h, c, cf, tenant, from, e);
    }
    db_put(c);
    config_drop(cf);
    return st;
}

/* As many stars as the echo has bytes, so that the reply stays what it is: JSON stays JSON. */
enum status turn_headers_hide(const struct turn_headers *h, struct arena *a, struct str *body, struct err *e)
{
    struct echo found = {.at = 0};
    if (!h->secret_n || !turn_echo_next(h->secrets, h->secret_n, *body, &found))
        return OK;
    char *copy = arena_alloc(a, body->n);
    if (!copy)
        return err_nomem(e);
    memcpy(copy, body->p, body->n);
    do
        memset(copy + found.at, '*', found.n);
    while (turn_echo_next(h->secrets, h->secret_n, *body, &found));
    *body = str_n(copy, body->n);
    return OK;
}

void turn_headers_wipe(struct turn_headers *h)
{
    if (h->values.p)
        crypto_wipe(h->values.p, h->values.n);
    h->n = h->secret_n = 0;
}
