/* post.c: a POST is recorded before it is sent, and its outcome afterwards.
 *
 * The row in stripe_call makes a POST happen once. It is committed before the first byte is sent, so a program that
 * is killed anywhere repeats the call under the same key and gets the original result from Stripe. Stripe forgets
 * keys after 24 hours; a call whose outcome is still unknown by then is never sent again automatically
 * (stripe_unknown). */
#include "base/clock.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/log.h"
#include "stripe/call.h"
#include "stripe/client_internal.h"

#include "base/banned.h"

/* Clocks of two hosts differ by less. A first try further in the future was recorded before the clock was set back. */
#define CLOCK_SLACK_MS 300000
/* Stripe's limit. PATH_MAX_HERE is the width of the column; no POST of ours is larger than BODY_MAX. */
#define CALL_TEXT_MAX 255
#define PATH_MAX_HERE 700
#define BODY_MAX (256 << 10)

/* What the row of the key allows. SEND_UNCERTAIN: an earlier try may have been carried out. */
enum verdict { SEND, SEND_UNCERTAIN, IS_DONE };

struct posting {
    struct stripe *s;
    struct arena *a;
    struct stripe_call row;
    enum verdict verdict;
    struct str object_id; /* of IS_DONE */
};

static bool post_key_is_valid(struct str key)
{
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] <= ' ' || key.p[i] > '~')
            return false;
    return key.n > 0 && key.n <= CALL_TEXT_MAX;
}

/* Hashed one by one first, so that no part of a path can be moved into the body without changing the digest. */
static void post_digest(const char *path, struct str body, uint8_t out[CRYPTO_HASH])
{
    uint8_t both[2 * CRYPTO_HASH];
    crypto_digest(str_from(path), both);
    crypto_digest(body, both + CRYPTO_HASH);
    crypto_digest(str_n((const char *)both, sizeof(both)), out);
}

/* ---- before ---- */

static enum status post_reused(struct err *e)
{
    return err_set(e, E_stripe_key_reused,
                   "This idempotency key was used before with other parameters. Nothing was sent to Stripe.");
}

/* Whether Stripe certainly still knows the key. After the clock was set back the age is unknown, so the answer is
 * no. */
static bool post_is_recent(const struct stripe_call *old, int64_t now)
{
    int64_t age = now - old->first_sent_ms;
    return age > -CLOCK_SLACK_MS && age < STRIPE_KEEPS_MS;
}

/* The first moment is kept while Stripe may know the key from it. Later the key is new to Stripe, and its day begins
 * now. */
static enum status post_restart(struct db *c, struct posting *p, const struct stripe_call *old, int64_t now, bool *mine,
                                struct err *e)
{
    bool recent = post_is_recent(old, now);
    p->verdict = SEND;
    return stripe_call_restart(c, p->row.idem_key, recent ? old->first_sent_ms : now, mine, e);
}

/* Decides from an existing row. A recent done call is sent again: Stripe answers it from its record, which is
 * cheaper to handle than a second form of reply. */
static enum status post_judge(struct db *c, struct posting *p, const struct stripe_call *old, int64_t now, bool *mine,
                              struct err *e)
{
    bool recent = post_is_recent(old, now);
    if (memcmp(old->params, p->row.params, sizeof(old->params)) != 0 || !str_eq(old->path, p->row.path))
        return post_reused(e);
    if (old->state == CALL_FAILED)
        return post_restart(c, p, old, now, mine, e);
    *mine = true;
    if (old->state == CALL_DONE) {
        p->verdict = recent ? SEND_UNCERTAIN : IS_DONE;
        p->object_id = old->object_id;
        return OK;
    }
    p->verdict = SEND_UNCERTAIN;
    if (recent)
        return OK;
    return err_raise(e, E_stripe_unknown);
}

static enum status post_admit_once(struct db *c, struct posting *p, bool *mine, struct err *e)
{
    struct stripe_call old;
    struct err why = ERR_INIT;
    int64_t now = clock_now_ms();
    enum status st = stripe_call_find(c, p->row.idem_key, p->a, &old, &why);
    if (st == OK)
        return post_judge(c, p, &old, now, mine, e);
    if (st == ERR_NOT_FOUND) {
        p->verdict = SEND;
        st = stripe_call_add(c, &p->row, now, &why);
        *mine = st == OK;
        if (st == ERR_CONFLICT) /* another process added it first: read it */
            return OK;
    }
    if (st != OK && e)
        *e = why;
    return st;
}

/* When this returns the row is committed and the connection is back in its pool. Every round reads the row again;
 * eight rounds without progress mean that other processes keep sending the same request. */
static enum status post_admit(struct posting *p, struct err *e)
{
    struct db *c = NULL;
    bool mine = false;
    enum status st = db_get(p->s->pool, &c, e);
    for (int i = 0; st == OK && !mine; i++)
        if (i == 8)
            st = err_set(e, E_stripe_key_in_use, "Another process is sending the same request.");
        else
            st = post_admit_once(c, p, &mine, e);
    db_put(c);
    return st;
}

/* ---- after ---- */

static enum stripe_call_state post_outcome(const struct stripe_exchange *x, enum status got)
{
    return got == OK ? CALL_DONE : x->uncertain ? CALL_UNKNOWN : CALL_FAILED;
}

/* If the database is down now, the row stays `started`, and the next call under the key finds out what happened. The
 * outcome at Stripe is returned to the caller all the same: it is a fact, recorded or not. */
static void post_finish(struct posting *p, const struct stripe_exchange *x, enum status got, const struct err *why)
{
    struct err e = ERR_INIT;
    struct db *c = NULL;
    p->row.state = post_outcome(x, got);
    p->row.http_status = x->status;
    p->row.request_id = str_sub(x->request_id, 0, CALL_TEXT_MAX);
    p->row.attempts = x->tries;
    if (got == OK)
        p->row.object_id = str_sub(stripe_id_of(x->answer), 0, CALL_TEXT_MAX);
    else {
        p->row.error_code = str_from(err_code(why));
        p->row.error = str_from(why->message);
    }
    enum status st = db_get(p->s->pool, &c, &e);
    if (st == OK)
        st = stripe_call_finish(c, &p->row, clock_now_ms(), &e);
    if (st != OK)
        log_line(LOG_ERROR, "stripe_call_unrecorded", LOG_T("key", p->row.idem_key), LOG_S("error", e.message));
    db_put(c);
}

static enum status post_send(struct posting *p, const struct stripe_post *post, struct str body, bool is_json,
                             struct stripe_reply *out, struct err *e)
{
    struct stripe_exchange x = {.method = "POST",
                                .path = post->path,
                                .query = STR_EMPTY,
                                .body = body,
                                .is_json = is_json,
                                .idem_key = post->idem_key,
                                .deadline_ms = post->deadline_ms,
                                .uncertain = p->verdict == SEND_UNCERTAIN,
                                .request_id = STR_EMPTY};
    struct err why = ERR_INIT;
    enum status st = stripe_send(p->s, p->a, &x, &why);
    post_finish(p, &x, st, &why);
    out->replayed = x.replayed;
    if (st != OK) {
        if (e)
            *e = why;
        return st;
    }
    *out = (struct stripe_reply){.body = x.answer,
                                 .object_id = stripe_id_of(x.answer),
                                 .request_id = x.request_id,
                                 .status = x.status,
                                 .replayed = x.replayed};
    return OK;
}

/* What cannot be sent is refused before a row exists, because a row is a promise that the call may have happened. */
static enum status post_body(struct stripe *s, struct arena *a, const struct stripe_post *post, struct str body,
                             bool is_json, struct stripe_reply *out, struct err *e)
{
    struct posting p = {.s = s, .a = a, .object_id = STR_EMPTY};
    *out = (struct stripe_reply){.object_id = STR_EMPTY, .request_id = STR_EMPTY};
    if (!post->path)
        return err_nomem(e);
    if (!s->pool)
        BUG("a POST to Stripe needs the database");
    if (!post_key_is_valid(post->idem_key))
        return err_raise(e, E_stripe_key_invalid);
    if (strlen(post->path) > PATH_MAX_HERE)
        return err_raise(e, E_stripe_path);
    p.row = (struct stripe_call){.idem_key = post->idem_key,
                                 .method = STR("POST"),
                                 .path = str_from(post->path),
                                 .tenant = post->tenant,
                                 .state = CALL_STARTED};
    post_digest(post->path, body, p.row.params);
    enum status st = post_admit(&p, e);
    if (st != OK)
        return st;
    if (p.verdict != IS_DONE)
        return post_send(&p, post, body, is_json, out, e);
    out->object_id = p.object_id;
    out->replayed = true;
    return OK;
}

enum status stripe_post(struct stripe *s, struct arena *a, const struct stripe_post *p, struct stripe_reply *out,
                        struct err *e)
{
    if (p->form && !stripe_form_ok(p->form))
        return err_nomem(e);
    return post_body(s, a, p, p->form ? stripe_form_text(p->form) : STR_EMPTY, false, out, e);
}

enum status stripe_post_json(struct stripe *s, struct arena *a, const struct stripe_post *p, const struct json *body,
                             struct stripe_reply *out, struct err *e)
{
    struct buf b;
    buf_init(&b, BODY_MAX);
    json_write(&b, body);
    enum status st = buf_ok(&b) ? post_body(s, a, p, buf_str(&b), true, out, e) : err_nomem(e);
    buf_release(&b);
    return st;
}

/* With an object the call counts as done and is never sent again. Without one it counts as failed and starts afresh. */
enum status stripe_call_settle(struct db_pool *pool, struct str idem_key, struct str object_id, struct err *e)
{
    struct db *c = NULL;
    bool changed = false;
    enum status st = db_get(pool, &c, e);
    if (st == OK)
        st = stripe_call_settled(c, idem_key, object_id.n ? CALL_DONE : CALL_FAILED, object_id, clock_now_ms(),
                                 &changed, e);
    db_put(c);
    if (st == OK && !changed)
        return err_set(e, E_not_found, "No request of this key has an unknown outcome.");
    return st;
}
