/* client.h: calls to Stripe's API, pinned to one version: encoded, retried, counted, and (POST) written down before they are sent.
 *
 * A POST happens once however often it is asked for: its row in stripe_call is committed before the first byte leaves, and a key
 * carries one set of parameters for ever. No database connection is held while Stripe is waited for, so every function takes
 * the pool; call none of them inside a transaction.
 *
 * Retries are those of the official clients: connection failures, Stripe-Should-Retry, 409 and 5xx up to twice; a rate limit or a
 * locked object (429) up to five times; 0.5 to 5 s between tries; all within the caller's one deadline; always the same key.
 *
 * Failures, as struct err. Words never hold a key.
 *   ERR_PLAN         stripe_<code>             a card error (stripe_card_declined, stripe_expired_card, ...): the message is for the payer
 *   ERR_INVALID      stripe_<code>             a refused parameter (pointer = its name): the message is for the operator
 *   ERR_INVALID      stripe_path, stripe_key_invalid   a path or key that cannot be sent
 *   ERR_NOT_FOUND    stripe_resource_missing   404, or a parameter names an object that is not there (pointer = its name)
 *   ERR_UNAVAILABLE  stripe_key_refused        401                 stripe_right_missing  403, the message names the right
 *                    stripe_unreachable        nothing was sent    stripe_no_answer      sent, no whole answer came
 *                    stripe_error              5xx                 stripe_answer         no JSON, a redirect: not Stripe
 *                    stripe_lock_timeout       the object is busy  stripe_key_in_use     the same POST still runs
 *                    stripe_off                no key is set
 *   ERR_RATE         stripe_rate_limited
 *   ERR_TIMEOUT      stripe_timeout            the deadline is over
 *   ERR_TOO_LARGE    stripe_answer_large       more than 8 MB
 *   ERR_CONFLICT     stripe_key_reused         other parameters under a used key
 *                    stripe_unknown            outcome unknown for 23 h: look in Stripe, then stripe_call_settle()
 * A POST that failed has done nothing, or its row says `unknown`: ask again with the same key and parameters. Stripe answers a POST that it
 * carried out and refused (a declined card) with the same refusal for a day: to try anew takes a new key.
 * Thread rule: a struct stripe belongs to one thread; connections are kept for all of a process. */
#ifndef PARLEY_STRIPE_CLIENT_H
#define PARLEY_STRIPE_CLIENT_H

#include "base/clock.h"
#include "base/config.h"
#include "base/json.h"
#include "db/db.h"
#include "stripe/form.h"

#define STRIPE_API_VERSION "2026-10-28.endive"
#define STRIPE_UI_MS 15000             /* the deadline of a call that somebody waits for */
#define STRIPE_WORK_MS 80000           /* and of the worker's */
#define STRIPE_KEEPS_MS (23 * HOUR_MS) /* how long a key is surely known to Stripe (24 h less an hour) */

struct stripe {
    struct config *config;
    struct db_pool *pool; /* NULL: GET and DELETE only (parley doctor) */
    const char *key, *base;
    bool livemode;
    /* For tests: time between tries. NULL: the real ones. */
    void (*sleep_ms)(void *ctx, int64_t ms);
    void *sleep_ctx;
    int64_t reads; /* GETs not yet written down */
};

bool stripe_enabled(const struct config *c); /* a key is set */
/* stripe_off without a key; config_invalid for a key that begins with none of sk_live_ sk_test_ rk_live_ rk_test_ and for
 * a stripe_api_base that is http off loopback. Retains c. Cheap: open one per request or job. */
enum status stripe_open(struct stripe *s, struct config *c, struct db_pool *pool, struct err *e);
void stripe_close(struct stripe *s); /* writes down how many GETs there were; fine after a failed open */

/* "/v1/subscriptions/%/pause" with each % replaced by the next id, encoded so that an id from outside stays one step of the path. */
const char *stripe_path(struct arena *a, const char *pattern, ...)
    __attribute__((sentinel)); /* const char * ids, then (char *)NULL */

/* The object as JSON, in the arena. query may be NULL. */
enum status stripe_get(struct stripe *s, struct arena *a, const char *path, const struct stripe_form *query,
                       int64_t deadline_ms, struct json **out, struct err *e);
/* Each object of a list, newest first, page by page (limit=100 unless the query sets one); deadline_ms is a page's. What is created
 * while several pages are read comes last, nothing comes twice. /v2 lists are followed by their next_page_url. The item lives for the call of fn; a status other than OK ends it. */
enum status stripe_list_each(struct stripe *s, const char *path, const struct stripe_form *query, int64_t deadline_ms,
                             enum status (*fn)(void *ctx, struct json *item, struct err *e), void *ctx, struct err *e);
/* DELETE is idempotent at Stripe and not written down: after a retry the object may be gone already (stripe_resource_missing). */
enum status stripe_delete(struct stripe *s, struct arena *a, const char *path, const struct stripe_form *query,
                          int64_t deadline_ms, struct json **out, struct err *e);

struct stripe_post {
    const char *path;
    const struct stripe_form *form; /* NULL: no parameters */
    struct str
        idem_key; /* derived from a row of one mode (live, test): "co:{attempt}"; 1 to 255 bytes, printable ASCII */
    const struct id *tenant; /* for the record; may be NULL */
    int64_t deadline_ms;
};
struct stripe_reply {
    struct json *body;    /* NULL when it was done long ago (23 h and more): fetch object_id */
    struct str object_id; /* "" when the answer has no id (a meter event) */
    struct str request_id;
    int status;
    bool replayed; /* done by an earlier call under this key */
};
enum status stripe_post(struct stripe *s, struct arena *a, const struct stripe_post *p, struct stripe_reply *out,
                        struct err *e);
/* The same for /v2, whose bodies are JSON (times as ISO text). */
enum status stripe_post_json(struct stripe *s, struct arena *a, const struct stripe_post *p, const struct json *body,
                             struct stripe_reply *out, struct err *e);

/* After stripe_unknown and a look: it is there (its id), or it is not (object_id empty: the next POST under the key sends it anew). */
enum status stripe_call_settle(struct db_pool *pool, struct str idem_key, struct str object_id, struct err *e);

/* GETs sent in the 30 days up to now_ms, by UTC days, without those of a struct stripe that is still open. Stripe rations them: 500 per transaction over 30 days, never fewer than 10,000. */
enum status stripe_reads(struct db_pool *pool, int64_t now_ms, int64_t *out, struct err *e);

/* Forgets calls that are done or failed and days of reads, a few at a time: those begun before. Their keys could be used anew. */
enum status stripe_calls_clean(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

bool stripe_failed(const struct err *e);       /* an error of a call to Stripe: its code begins with stripe_ */
bool stripe_card(const struct err *e);         /* a card error: the message is fit for the payer */
struct str stripe_id_of(const struct json *j); /* of "cus_1" or {"id": "cus_1", ...}; "" for null and all else */
bool stripe_deleted(const struct json *j);     /* {"id": ..., "deleted": true} */

#endif
