/* client.c: the key and the address; reading and deleting. */
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

static bool read_mode(struct str key, bool *live)
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

static bool base_is_safe(struct str url)
{
    return str_starts(url, STR("https://")) || (str_starts(url, STR("http://")) && host_is_loopback(url_host(url)));
}

enum status stripe_open(struct stripe *s, struct config *c, struct db_pool *pool, struct err *e)
{
    *s = (struct stripe){.pool = pool,
                         .key = config_string(c, CONFIG_stripe_secret_key),
                         .base = config_string(c, CONFIG_stripe_api_base)};
    if (!s->key[0])
        return err_raise(e, E_stripe_off);
    if (!read_mode(str_from(s->key), &s->livemode))
        return err_set(e, E_config_invalid,
                       "stripe_secret_key must begin with sk_live_, sk_test_, rk_live_ or rk_test_.");
    if (fetch_check_url(str_from(s->base), NULL) != OK || !base_is_safe(str_from(s->base)))
        return err_set(
            e, E_config_invalid,
            "stripe_api_base must begin with https://; http:// is for this machine itself (127.0.0.1) only.");
    s->config = config_retain(c);
    return OK;
}

/* A database that is down must not lose them: they are counted with the next. */
void stripe_reads_flush(struct stripe *s)
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
            BUG("a path of Stripe's has more places than ids");
        if (!*id || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
            buf_puts(&b, "%00"); /* no id at all: found nowhere, and never another place */
        else
            buf_url(&b, str_from(id));
    }
    va_end(ap);
    path = buf_ok(&b) ? arena_strdup(a, buf_str(&b)) : NULL;
    buf_release(&b);
    return path;
}

/* ---- reading ---- */

static struct str text_of(const struct stripe_form *f)
{
    return f ? stripe_form_text(f) : STR_EMPTY;
}

static enum status ask(struct stripe *s, struct arena *a, const char *method, const char *path, struct str query,
                       int64_t deadline_ms, struct json **out, struct err *e)
{
    struct stripe_exchange x = {
        .method = method, .path = path, .query = query, .deadline_ms = deadline_ms, .body = STR_EMPTY};
    *out = NULL;
    if (!path) /* of stripe_path */
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
    return ask(s, a, "GET", path, text_of(query), deadline_ms, out, e);
}

enum status stripe_delete(struct stripe *s, struct arena *a, const char *path, const struct stripe_form *query,
                          int64_t deadline_ms, struct json **out, struct err *e)
{
    if (query && !stripe_form_ok(query))
        return err_nomem(e);
    return ask(s, a, "DELETE", path, text_of(query), deadline_ms, out, e);
}

/* ---- lists ---- */

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
    struct str next; /* of a /v2 list; in the page's arena */
};

static enum status odd_list(struct err *e, const char *why)
{
    return err_set(e, E_stripe_answer, "Stripe's list %s.", why);
}

static bool note(char out[256], const struct json *item)
{
    struct str id = json_get_str(item, "id");
    struct buf b;
    buf_fixed(&b, out, 256);
    buf_str_add(&b, id);
    return id.n && buf_ok(&b);
}

static enum status take_page(struct listing *l, const struct json *answer, struct err *e)
{
    struct json *data = json_get(answer, "data");
    enum status st = OK;
    if (!json_is(data, JSON_ARRAY))
        return odd_list(e, "has no data");
    l->n = json_len(data);
    l->more = json_bool(json_get(answer, "has_more"));
    l->next = json_get_str(answer, "next_page_url");
    bool named = l->n && note(l->first, json_at(data, 0)) && note(l->last, json_at(data, l->n - 1));
    if (l->more && !named)
        return odd_list(e, "goes on without objects to go on from");
    for (size_t i = 0; st == OK && i < l->n; i++)
        st = l->fn(l->ctx, json_at(data, i), e);
    return st;
}

/* cursor: "starting_after", "ending_before", or NULL for the first page. */
static enum status read_page(struct listing *l, const char *cursor, const char *id, struct err *e)
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
    enum status st = stripe_form_ok(&more)
                         ? ask(l->s, &l->page, "GET", l->path, stripe_form_text(&more), l->deadline_ms, &answer, e)
                         : err_nomem(e);
    stripe_form_release(&more);
    if (l->s->reads >= 100)
        stripe_reads_flush(l->s);
    return st == OK ? take_page(l, answer, e) : st;
}

/* What was created while the pages were read stands before the very first object. */
static enum status read_newer(struct listing *l, struct err *e)
{
    enum status st = OK;
    char before[256];
    do {
        memcpy(before, l->first, sizeof(before));
        st = read_page(l, "ending_before", before, e);
    } while (st == OK && l->more && strcmp(before, l->first) != 0);
    return st;
}

static enum status read_older(struct listing *l, struct err *e)
{
    char newest[256], after[256];
    enum status st = OK;
    memcpy(newest, l->first, sizeof(newest));
    while (st == OK && l->more) {
        memcpy(after, l->last, sizeof(after));
        st = read_page(l, "starting_after", after, e);
        if (st == OK && l->more && strcmp(after, l->last) == 0)
            return odd_list(e, "does not come to an end");
    }
    memcpy(l->first, newest, sizeof(newest));
    return st == OK ? read_newer(l, e) : st;
}

static enum status read_linked(struct listing *l, struct err *e)
{
    enum status st = OK;
    struct json *answer;
    while (st == OK && l->next.n) {
        char *path = str_starts(l->next, STR("/v2/")) ? strndup(l->next.p, l->next.n) : NULL;
        if (!path)
            return odd_list(e, "goes on at an odd place");
        char *query = strchr(path, '?');
        if (query)
            *query++ = '\0';
        arena_reset(&l->page);
        st = ask(l->s, &l->page, "GET", path, str_from(query), l->deadline_ms, &answer, e);
        if (st == OK)
            st = take_page(l, answer, e);
        free(path);
    }
    return st;
}

enum status stripe_list_each(struct stripe *s, const char *path, const struct stripe_form *query, int64_t deadline_ms,
                             enum status (*fn)(void *ctx, struct json *item, struct err *e), void *ctx, struct err *e)
{
    struct listing l = {
        .s = s, .path = path, .query = text_of(query), .deadline_ms = deadline_ms, .fn = fn, .ctx = ctx};
    if (query && !stripe_form_ok(query))
        return err_nomem(e);
    arena_init(&l.page, PAGE_ARENA);
    enum status st = read_page(&l, NULL, NULL, e);
    if (st == OK && l.next.n)
        st = read_linked(&l, e);
    else if (st == OK && l.more)
        st = read_older(&l, e);
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

enum status stripe_reads(struct db_pool *pool, int64_t now_ms, int64_t *out, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(pool, &c, e);
    if (st == OK)
        st = stripe_reads_since(c, now_ms - 30 * DAY_MS, out, e);
    db_put(c);
    return st;
}
