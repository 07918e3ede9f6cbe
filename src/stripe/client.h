/* client.h: calls to Stripe's API, pinned to one API version. Parameters are encoded, calls are retried and counted,
 * and a POST is recorded before it is sent.
 *
 * A POST takes effect once, however often it is asked for: its row in stripe_call is committed before the first byte
 * is sent, and an idempotency key belongs to one set of parameters for ever. No database connection is held while
 * the client waits for Stripe. Therefore every function takes the pool; call none of them inside a transaction.
 *
 * Retries follow the official clients: up to two after a connection failure, Stripe-Should-Retry, 409 or 5xx; up to
 * five after a rate limit or a locked object (429); 0.5 to 5 s between tries; all within the caller's one deadline,
 * always with the same key.
 *
 * Failures, as struct err; stripe_failure_of() classifies them (failure.h). Messages never contain a key.
 *   ERR_PLAN         stripe_<code>             a card error (stripe_card_declined, stripe_expired_card, ...); for the
 *                                              payer
 *   ERR_INVALID      stripe_<code>             a refused parameter (pointer = its name); for the operator
 *   ERR_INVALID      stripe_path, stripe_key_invalid   a path or key that cannot be sent
 *   ERR_NOT_FOUND    stripe_resource_missing   404, or a parameter names an object that does not exist (pointer = its
 *                                              name)
 *   ERR_UNAVAILABLE  stripe_key_refused        401
 *                    stripe_right_missing      403; the message names the right
 *                    stripe_unreachable        nothing was sent
 *                    stripe_no_answer          sent, but no complete answer arrived
 *                    stripe_error              5xx
 *                    stripe_answer             not JSON, or a redirect: this is not Stripe
 *                    stripe_lock_timeout       the object is busy at Stripe
 *                    stripe_key_in_use         the same POST is still running
 *                    stripe_off                no key is configured
 *   ERR_RATE         stripe_rate_limited
 *   ERR_TIMEOUT      stripe_timeout            the deadline has passed
 *   ERR_TOO_LARGE    stripe_answer_large       more than 8 MB
 *   ERR_CONFLICT     stripe_key_reused         the key was used with other parameters
 *                    stripe_unknown            the outcome is unknown for 23 h: check at Stripe,
 *                                              then call stripe_call_settle()
 * A POST that failed has done nothing, or its row says `unknown`: ask again with the same key and parameters. For a
 * day Stripe repeats a refusal (a declined card) under the same key, so a new attempt needs a new key.
 *
 * Threads: a struct stripe belongs to one thread. TCP connections are shared by the process (net/fetch.h). */
#ifndef PARLEY_STRIPE_CLIENT_H
#define PARLEY_STRIPE_CLIENT_H

#include "base/clock.h"
#include "base/config.h"
#include "base/json.h"
#include "db/db.h"
#include "stripe/form.h"

#define STRIPE_API_VERSION "2026-10-28.endive"
#define STRIPE_UI_MS 15000             /* the deadline of a call that a user waits for */
#define STRIPE_WORK_MS 80000           /* the deadline of a call made by the worker */
#define STRIPE_KEEPS_MS (23 * HOUR_MS) /* how long Stripe certainly knows a key: 24 h, less an hour */

struct stripe {
    const struct config *config;
    struct db_pool *pool; /* NULL: GET and DELETE only (parley doctor) */
    const char *key, *base;
    bool livemode;
    int64_t reads; /* GETs not yet recorded */
    /* Called between tries in place of a real pause; for tests. NULL: pause. */
    void (*sleep_ms)(void *ctx, int64_t ms);
    void *sleep_ctx;
};

/* Whether a key is configured. */
bool stripe_enabled(const struct config *c);
/* Prepares a client; retains c. Cheap: open one for each request or job. ERR_UNAVAILABLE stripe_off without a key.
 * ERR_INVALID config_invalid for a key that begins with none of sk_live_, sk_test_, rk_live_, rk_test_, and for a
 * stripe_api_base that uses http with a host other than this machine. */
enum status stripe_open(struct stripe *s, const struct config *c, struct db_pool *pool, struct err *e);
/* Records how many GETs were sent, and drops the configuration. Harmless after a failed open. */
void stripe_close(struct stripe *s);

/* Builds a path: "/v1/subscriptions/%/pause" with each % replaced by the next id (const char *), which ends with
 * (char *)NULL. Ids are encoded, so an id from outside cannot add a path segment. In the arena; NULL without memory,
 * which every call below takes. */
const char *stripe_path(struct arena *a, const char *pattern, ...) __attribute__((sentinel));

/* Fetches an object as JSON, in the arena. query may be NULL. */
enum status stripe_get(struct stripe *s, struct arena *a, const char *path, const struct stripe_form *query,
                       int64_t deadline_ms, struct json **out, struct err *e);
/* Calls fn for each object of a list, newest first, page by page (limit=100 unless the query sets one). deadline_ms
 * applies to each page. Objects created while the pages are read come last; no object comes twice. Lists of /v2 are
 * followed by next_page_url. The item is valid during the call of fn; a status other than OK ends the list and is
 * returned. */
enum status stripe_list_each(struct stripe *s, const char *path, const struct stripe_form *query, int64_t deadline_ms,
                             enum status (*fn)(void *ctx, struct json *item, struct err *e), void *ctx, struct err *e);
/* Deletes an object. DELETE is idempotent at Stripe and not recorded; after a retry the object may already be gone
 * (stripe_resource_missing). */
enum status stripe_delete(struct stripe *s, struct arena *a, const char *path, const struct stripe_form *query,
                          int64_t deadline_ms, struct json **out, struct err *e);

struct stripe_post {
    const char *path;
    const struct stripe_form *form; /* NULL: no parameters */
    /* Derived from a row of one mode (live or test): "co:{attempt}". 1 to 255 bytes of printable ASCII. */
    struct str idem_key;
    const struct id *tenant; /* for the record; may be NULL */
    int64_t deadline_ms;
};
struct stripe_reply {
    struct json *body;    /* NULL when an earlier call did it 23 h ago or more: fetch object_id */
    struct str object_id; /* "" when the answer has no id (a meter event) */
    struct str request_id;
    int status;
    bool replayed; /* an earlier call under this key did it */
};
/* Sends a POST once. The reply is in the arena. When the call fails only `replayed` is set: Stripe repeated the error
 * that it keeps for this key, which says nothing about other calls. */
enum status stripe_post(struct stripe *s, struct arena *a, const struct stripe_post *p, struct stripe_reply *out,
                        struct err *e);
/* The same for /v2, whose bodies are JSON (times as ISO 8601 text). p->form is not used. */
enum status stripe_post_json(struct stripe *s, struct arena *a, const struct stripe_post *p, const struct json *body,
                             struct stripe_reply *out, struct err *e);

/* Settles a call after stripe_unknown, when the caller has checked at Stripe: object_id is the id of what was made,
 * or empty if nothing was made; then the next POST under the key is sent again. ERR_NOT_FOUND: no call with this key
 * has an unknown outcome. */
enum status stripe_call_settle(struct db_pool *pool, struct str idem_key, struct str object_id, struct err *e);

/* The number of GETs sent in the 30 days up to now_ms, by UTC days, without those of a struct stripe that is still
 * open. Stripe limits reads to 500 for each transaction over 30 days, but never to fewer than 10,000. */
enum status stripe_reads(struct db_pool *pool, int64_t now_ms, int64_t *out, struct err *e);

/* The id of "cus_1" or {"id": "cus_1", ...}; "" for null and anything else. Borrowed from j. */
struct str stripe_id_of(const struct json *j);
/* Whether the answer says {"id": ..., "deleted": true}. */
bool stripe_deleted(const struct json *j);
/* A time of Stripe's JSON, in seconds, as milliseconds; 0 for null and for a time that DATETIME cannot hold, because it
 * would make the whole row fail. */
int64_t stripe_time_ms(const struct json *seconds);

#endif
