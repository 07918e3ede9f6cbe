/* client.c: the key and the address; GET, lists and DELETE. These are not recorded in stripe_call: GET and DELETE
 * are idempotent. GETs are only counted, by day, because Stripe limits them. */
#include "stripe/client.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/address.h"
#include "net/fetch.h"
#include "stripe/call.h"
#include "stripe/client_internal.h"

#include "base/banned.h"

#define PAGE_ARENA (64 * MB)

/* ---- the key and the address ---- */

bool stripe_enabled(const struct config *c)
{
    return config_string(c, CONFIG_stripe_secret_key)[0] != '\0';
}

/* A key with a line break would end the header that carries it. The prefix is the only sign of the mode before the
 * first call, and rows of both modes must not mix. */
static bool stripe_key_mode(struct str key, bool *live)
{
    static const struct {
        const char *prefix;
        bool live;
    } kinds[] = {{"sk_live_", true}, {"rk_live_", true}, {"sk_test_", false}, {"rk_test_", false}};

    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] <= ' ' || key.p[i] > '~')
            return false;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (str_starts(key, str_from(kinds[i].prefix)) && key.n > strlen(kinds[i].prefix)) {
            *live = kinds[i].live;
            return true;
        }
    return false;
}

/* The key is part of every request, so http is for a fake on this machine only. */
static bool stripe_base_is_safe(struct str url)
{
    return str_starts(url, STR("https://")) || (str_starts(url, STR("http://")) && host_is_loopback(url_host(url)));
}

enum status stripe_open(struct stripe *s, const struct config *c, struct db_pool *pool, struct err *e)
{
    *s = (struct stripe){.pool = pool,
                         .key = config_string(c, CONFIG_stripe_secret_key),
                         .base = config_string(c, CONFIG_stripe_api_base)};
    if (!s->key[0])
        return err_raise(e, E_stripe_off);
    if (!stripe_key_mode(str_from(s->key), &s->livemode))
        return err_set(e, E_config_invalid,
                       "stripe_secret_key must begin with sk_live_, sk_test_, rk_live_ or rk_test_.");
    if (fetch_check_url(str_from(s->base), NULL) != OK || !stripe_base_is_safe(str_from(s->base)))
        return err_set(
            e, E_config_invalid,
            "stripe_api_base must begin with https://. Only this machine (127.0.0.1) may be reached by http://.");
    s->config = config_retain(c);
    return OK;
}

/* When the database is down the number is kept and recorded with the next flush. */
static void stripe_reads_flush(struct stripe *s)
{
    struct err e = ERR_INIT;
    struct db *c = NULL;
    if (!s->reads || !s->pool)
        return;
    if (db_get(s->pool, &c, &e) == OK && stripe_reads_add(c, clock_now_ms(), s->reads, &e) == OK)
        s->reads = 0;
    else
        log_line(LOG_WARN, "stripe_reads", LOG_I("reads", s->reads), LOG_S("error", e.message));
    db_put(c);
}

void stripe_close(struct stripe *s)
{
    stripe_reads_flush(s);
    if (s->config)
        config_drop(s->config);
    *s = (struct stripe){0};
}

/* ---- paths ---- */

/* Ids may come from outside (an event names them). Each is encoded, and one that would change the path (empty, "."
 * or "..") becomes a segment that no object has. */
const char *stripe_path(struct arena *a, const char *pattern, ...)
{
    struct buf b;
    va_list ap;
    const char *id, *path;
    buf_init(&b, 8 * KB);
    va_start(ap, pattern);
    for (; *pattern; pattern++) {
        if (*pattern != '%') {
            buf_putc(&b, *pattern);
            continue;
        }
        if (!(id = va_arg(ap, const char *)))
            BUG("the path has more placeholders than ids");
        if (!*id || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
            buf_puts(&b, "%00"); /* not an id: no object has this path */
        else
            buf_url(&b, str_from(id));
    }
    va_end(ap);
    path = buf_ok(&b) ? arena_strdup(a, buf_str(&b)) : NULL;
    buf_release(&b);
    return path;
}

/* ---- reading ---- */

static struct str client_form_text(const struct stripe_form *f)
{
    return f ? stripe_form_text(f) : STR_EMPTY;
}

static enum status client_request(struct stripe *s, struct arena *a, const char *method, const char *path,
                                  struct str query, int64_t deadline_ms, struct json **out, struct err *e)
{
    struct stripe_exchange x = {
        .method = method, .path = path, .query = query, .deadline_ms = deadline_ms, .body = STR_EMPTY};
    *out = NULL;
    if (!path) /* stripe_path was out of memory */
        return err_nomem(e);
    enum status st = stripe_send(s, a, &x, e);
    if (st == OK)
        *out = x.answer;
    return st;
}

enum status stripe_get(struct stripe *s, struct arena *a, const char *path, const struct stripe_form *query,
                       int64_t deadline_ms, struct json **out, struct err *e)
{
    if (query && !stripe_form_ok(query))
        return err_nomem(e);
    return client_request(s, a, "GET", path, client_form_text(query), deadline_ms, out, e);
}

enum status stripe_delete(struct stripe *s, struct arena *a, const char *path, const struct stripe_form *query,
                          int64_t deadline_ms, struct json **out, struct err *e)
{
    if (query && !stripe_form_ok(query))
        return err_nomem(e);
    return client_request(s, a, "DELETE", path, client_form_text(query), deadline_ms, out, e);
}

/* ---- lists ----
 *
 * Lists of /v1 are newest first and are read with starting_after. Objects created meanwhile appear before the first
 * page. They are read at the end with ending_before, so that nothing is missed and nothing comes twice. Lists of /v2
 * carry the address of the next page. */

struct listing {
    struct stripe *s;
    const char *path;
    struct str query;
    int64_t deadline_ms;
    enum status (*fn)(void *ctx, struct json *item, struct err *e);
    void *ctx;
    struct arena page;
    char first[256], last[256]; /* ids of the page's first and last object */
    size_t n;
    bool more;
    struct str next; /* next_page_url of a /v2 list, in the page's arena */
};

static enum status listing_error(struct err *e, const char *why)
{
    return err_set(e, E_stripe_answer, "Stripe's list %s.", why);
}

/* The ids are copied out of the page, because its memory is used again for the next one. */
static bool listing_note_id(char out[256], const struct json *item)
{
    struct str id = json_get_str(item, "id");
    struct buf b;
    buf_fixed(&b, out, 256);
    buf_str_add(&b, id);
    return id.n && buf_ok(&b);
}

/* Objects without ids are allowed on a single page (sums of a meter). A cursor needs them. */
static enum status listing_take_page(struct listing *l, const struct json *answer, struct err *e)
{
    struct json *data = json_get(answer, "data");
    enum status st = OK;
    if (!json_is(data, JSON_ARRAY))
        return listing_error(e, "has no data");
    l->n = json_len(data);
    l->more = json_bool(json_get(answer, "has_more"));
    l->next = json_get_str(answer, "next_page_url");
    bool named = l->n && listing_note_id(l->first, json_at(data, 0)) &&
                 listing_note_id(l->last, json_at(data, l->n - 1));
    if (l->more && !named)
        return listing_error(e, "announces another page but contains no objects");
    for (size_t i = 0; st == OK && i < l->n; i++)
        st = l->fn(l->ctx, json_at(data, i), e);
    return st;
}

/* cursor is "starting_after", "ending_before", or NULL for the first page. Long lists flush the count of GETs now
 * and then. */
static enum status listing_read_page(struct listing *l, const char *cursor, const char *id, struct err *e)
{
    struct stripe_form more;
    struct json *answer;
    bool limited = str_starts(l->query, STR("limit=")) || str_has(l->query, STR("&limit="));
    arena_reset(&l->page);
    stripe_form_init(&more);
    buf_str_add(&more.b, l->query);
    if (!limited)
        stripe_param_int(&more, "limit", 100);
    if (cursor)
        stripe_param_text(&more, cursor, id);
    enum status st = stripe_form_ok(&more) ? client_request(l->s, &l->page, "GET", l->path, stripe_form_text(&more),
                                                            l->deadline_ms, &answer, e)
                                           : err_nomem(e);
    stripe_form_release(&more);
    if (l->s->reads >= 100)
        stripe_reads_flush(l->s);
    return st == OK ? listing_take_page(l, answer, e) : st;
}

/* Reads what was created while the pages were read: it precedes the first object of the first page. It ends when a page
 * brings nothing new. */
static enum status listing_read_newer(struct listing *l, struct err *e)
{
    enum status st = OK;
    char before[256];
    do {
        memcpy(before, l->first, sizeof(before));
        st = listing_read_page(l, "ending_before", before, e);
    } while (st == OK && l->more && strcmp(before, l->first) != 0);
    return st;
}

/* Follows the pages to the oldest object. A page that ends with the same object again would repeat for ever. */
static enum status listing_read_older(struct listing *l, struct err *e)
{
    char newest[256], after[256];
    enum status st = OK;
    memcpy(newest, l->first, sizeof(newest));
    while (st == OK && l->more) {
        memcpy(after, l->last, sizeof(after));
        st = listing_read_page(l, "starting_after", after, e);
        if (st == OK && l->more && strcmp(after, l->last) == 0)
            return listing_error(e, "does not end");
    }
    memcpy(l->first, newest, sizeof(newest));
    return st == OK ? listing_read_newer(l, e) : st;
}

/* The address comes from the answer, but only its path and query are used: the key is never sent to another host. */
static enum status listing_read_linked(struct listing *l, struct err *e)
{
    enum status st = OK;
    struct json *answer;
    while (st == OK && l->next.n) {
        char *path = str_starts(l->next, STR("/v2/")) ? strndup(l->next.p, l->next.n) : NULL;
        if (!path)
            return listing_error(e, "continues at an unexpected address");
        char *query = strchr(path, '?');
        if (query)
            *query++ = '\0';
        arena_reset(&l->page);
        st = client_request(l->s, &l->page, "GET", path, str_from(query), l->deadline_ms, &answer, e);
        if (st == OK)
            st = listing_take_page(l, answer, e);
        free(path);
    }
    return st;
}

/* One page is in memory at a time, so a list may be of any length. */
enum status stripe_list_each(struct stripe *s, const char *path, const struct stripe_form *query, int64_t deadline_ms,
                             enum status (*fn)(void *ctx, struct json *item, struct err *e), void *ctx, struct err *e)
{
    struct listing l = {
        .s = s, .path = path, .query = client_form_text(query), .deadline_ms = deadline_ms, .fn = fn, .ctx = ctx};
    if (query && !stripe_form_ok(query))
        return err_nomem(e);
    arena_init(&l.page, PAGE_ARENA);
    enum status st = listing_read_page(&l, NULL, NULL, e);
    if (st == OK && l.next.n)
        st = listing_read_linked(&l, e);
    else if (st == OK && l.more)
        st = listing_read_older(&l, e);
    arena_release(&l.page);
    return st;
}

/* ---- what answers hold ---- */

struct str stripe_id_of(const struct json *j)
{
    return json_is(j, JSON_OBJECT) ? json_get_str(j, "id") : json_str(j);
}

bool stripe_deleted(const struct json *j)
{
    return json_bool(json_get(j, "deleted"));
}

int64_t stripe_time_ms(const struct json *seconds)
{
    int64_t s = json_int(seconds, 0);
    return s > 0 && s <= CLOCK_MAX_MS / 1000 ? s * 1000 : 0;
}

/* The day of the oldest read counts whole, so the number is never too small. */
enum status stripe_reads(struct db_pool *pool, int64_t now_ms, int64_t *out, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(pool, &c, e);
    if (st == OK)
        st = stripe_reads_since(c, now_ms - 30 * DAY_MS, out, e);
    db_put(c);
    return st;
}
