/* setup_calls.c: what the steps of setup share: calls to Stripe, lines of the report, and the ids that are stored.
 *
 * Every object is searched for before it is created, so the idempotency key of a POST need not outlive the call. A
 * text that cannot be formatted for lack of memory sets `nomem`, which stops the next call, so that half a path is
 * never sent. */
#include <stdarg.h>

#include "base/clock.h"
#include "billing/setup/setup_internal.h"

#include "base/banned.h"

const char *setup_text(struct setup *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(s->a, fmt, ap);
    va_end(ap);
    if (!text)
        s->nomem = true;
    return text ? text : "";
}

/* The key is random on purpose. Stripe repeats the first answer under a key for a day, so a key made from the object's
 * name would return an endpoint that was disabled in the meantime. */
static enum status setup_send(struct setup *s, const char *path, const struct stripe_form *f, const struct json *body,
                              struct json **out, struct err *e)
{
    char id[ID_TEXT_MAX];
    const char *key = setup_text(s, "setup:%s", id_text(ID_LOG, id_new(), id));
    struct stripe_post p = {.path = path, .form = f, .idem_key = str_from(key), .deadline_ms = STRIPE_WORK_MS};
    struct stripe_reply r;
    if (s->nomem || !path)
        return err_nomem(e);
    enum status st = body ? stripe_post_json(s->stripe, s->a, &p, body, &r, e)
                          : stripe_post(s->stripe, s->a, &p, &r, e);
    if (st == OK)
        *out = r.body;
    return st;
}

enum status setup_post(struct setup *s, const char *path, const struct stripe_form *f, struct json **out, struct err *e)
{
    return setup_send(s, path, f, NULL, out, e);
}

enum status setup_post_json(struct setup *s, const char *path, const struct json *body, struct json **out,
                            struct err *e)
{
    return body ? setup_send(s, path, NULL, body, out, e) : err_nomem(e);
}

/* The line is added when the step is done, so after a failure the report holds exactly what exists at Stripe. */
enum status setup_say(struct setup *s, const char *what, struct str name, struct str id, enum setup_how how,
                      const char *note, struct err *e)
{
    struct setup_report *r = s->out;
    bool ok = true;
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 32;
        struct setup_line *more = arena_array(s->a, cap, sizeof(*more));
        if (!more)
            return err_nomem(e);
        if (r->n)
            memcpy(more, r->lines, r->n * sizeof(*more));
        r->lines = more;
        r->cap = cap;
    }
    r->lines[r->n] = (struct setup_line){.what = what,
                                         .name = arena_str(s->a, name, &ok),
                                         .stripe_id = arena_str(s->a, id, &ok),
                                         .how = how,
                                         .note = note};
    if (!ok)
        return err_nomem(e);
    r->n++;
    return OK;
}

enum status setup_remember(struct setup *s, const char *name, struct str id, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(s->p, &c, e);
    if (st == OK)
        st = setup_store_put(c, s->stripe->livemode, name, id, clock_now_ms(), e);
    db_put(c);
    return st;
}

enum status setup_known(struct setup *s, const char *name, struct str *id, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(s->p, &c, e);
    if (st == OK)
        st = setup_store_id(c, s->a, s->stripe->livemode, name, id, e);
    db_put(c);
    return st;
}

static enum status setup_keep_item(void *ctx, struct json *item, struct err *e)
{
    return json_push_copy(ctx, item) == 0 ? OK : err_nomem(e);
}

enum status setup_list(struct setup *s, const char *path, const struct stripe_form *query, struct json **out,
                       struct err *e)
{
    *out = json_new_array(s->a);
    if (!*out)
        return err_nomem(e);
    return stripe_list_each(s->stripe, path, query, STRIPE_WORK_MS, setup_keep_item, *out, e);
}

/* An object that was deleted in the dashboard is answered either with 404 or with {"deleted": true}, depending on its
 * kind. Both mean that it must be created again. */
enum status setup_fetch(struct setup *s, const char *path, const struct stripe_form *query, struct json **out,
                        struct err *e)
{
    struct err why = ERR_INIT;
    enum status st = stripe_get(s->stripe, s->a, path, query, STRIPE_WORK_MS, out, &why);
    if (st == ERR_NOT_FOUND || (st == OK && stripe_deleted(*out))) {
        *out = NULL;
        return OK;
    }
    if (st != OK && e)
        *e = why;
    return st;
}
