/* send.c: one request to Stripe, retried as the official clients do, within one deadline.
 *
 * The important output is x->uncertain: whether Stripe may have carried out the call although it failed. It is set
 * when bytes were sent and no usable answer came, and cleared only by an answer that proves the state of the
 * idempotency key (2xx, 400, 402, 404). */
#include <time.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/fetch.h"
#include "stripe/client_internal.h"

#include "base/banned.h"

/* The figures of the official clients, except that these do not retry a plain 429. A worker that sends in bursts has
 * to, and gets more tries for it. */
#define RETRIES 2
#define RATE_RETRIES 5
#define SLEEP_MS 500
#define SLEEP_MOST_MS 5000
#define TRY_LEAST_MS 1000 /* a try with less time left is not started */
#define STRIPE_ANSWER_MAX (8 * MB)
#define DEPTH 32

/* Whether another try may help, and how often at most. */
enum again { AGAIN_NO, AGAIN, AGAIN_RATE };

struct send_clock {
    int64_t begun_us, slept_ms;
};

static int64_t send_spent_ms(const struct send_clock *t)
{
    return (clock_mono_us() - t->begun_us) / 1000 + t->slept_ms;
}

/* A sleep that a test replaces still counts towards the deadline. */
static void send_sleep(struct stripe *s, struct send_clock *t, int64_t ms)
{
    if (s->sleep_ms) {
        s->sleep_ms(s->sleep_ctx, ms);
        t->slept_ms += ms;
        return;
    }
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&left, &left))
        ;
}

/* 0.5 s, doubled with each try, at most 5 s, the upper half random: the formula of the official clients. */
static int64_t send_backoff_ms(int try)
{
    uint16_t jitter;
    int64_t ms = try > 4 ? SLEEP_MOST_MS : (int64_t)SLEEP_MS << (try - 1);
    crypto_random(&jitter, sizeof(jitter));
    ms = ms > SLEEP_MOST_MS ? SLEEP_MOST_MS : ms;
    ms = ms / 2 + ms * jitter / (INT64_C(2) * UINT16_MAX);
    return ms < SLEEP_MS ? SLEEP_MS : ms;
}

/* A call that reached no server did nothing. Once a byte was sent, only Stripe knows. */
static enum status send_no_answer(struct stripe_exchange *x, enum status got, bool sent, enum again *again,
                                  struct err *e)
{
    struct err why = *e;
    x->uncertain = x->uncertain || sent;
    *again = got == ERR_TIMEOUT || got == ERR_UNAVAILABLE ? AGAIN : AGAIN_NO;
    if (got == ERR_TIMEOUT)
        return err_raise(e, E_stripe_timeout);
    if (got == ERR_TOO_LARGE)
        return err_set(e, E_stripe_answer_large, "Stripe's answer is larger than %d MB.",
                       (int)(STRIPE_ANSWER_MAX / MB));
    if (got == ERR_UNAVAILABLE)
        return err_set(e, sent ? E_stripe_no_answer : E_stripe_unreachable, "%s: %s",
                       sent ? "Stripe gave no answer" : "Stripe cannot be reached", why.message);
    return got;
}

/* The answer does not have the form of Stripe's errors: a proxy, a redirect, a wrong address, or a gateway in front
 * of Stripe. */
static enum status send_foreign_answer(struct stripe_exchange *x, struct err *e)
{
    if (x->status >= 300 && x->status < 400)
        return err_set(e, E_stripe_answer,
                       "Stripe's address (stripe_api_base) answers with a redirect (%d), which Parley does not follow.",
                       x->status);
    if (x->status >= 500)
        return err_set(e, E_stripe_error, "Stripe failed (%d). Try again in a few minutes.", x->status);
    return err_set(e, E_stripe_answer, "The answer from Stripe's address (%d) does not come from Stripe.", x->status);
}

/* Whether this refusal also settles earlier tries under the key. 401, 403 and 429 are refused before Stripe looks
 * the key up and say nothing about them. */
static bool send_is_settled(const struct stripe_exchange *x)
{
    return x->status == 400 || x->status == 402 || x->status == 404;
}

/* Stripe-Should-Retry comes first: only Stripe knows whether the same request can succeed. */
static enum again send_again_of(const struct stripe_exchange *x, const struct fetch_reply *r)
{
    struct str told = fetch_reply_header(r, "Stripe-Should-Retry");
    if (str_eqz(told, "true"))
        return x->status == 429 ? AGAIN_RATE : AGAIN;
    if (str_eqz(told, "false"))
        return AGAIN_NO;
    if (x->status == 429)
        return AGAIN_RATE;
    return x->status == 409 || x->status >= 500 ? AGAIN : AGAIN_NO;
}

/* Does the answer leave open whether the call was carried out? */
static bool send_is_unclear(const struct stripe_exchange *x)
{
    return x->status >= 500 || (x->status == 409 && stripe_error_reason(x->answer) == STRIPE_REASON_KEY_IN_USE);
}

/* Stripe explains every refusal in JSON, except that a proxy of its own may answer 401, 403 or 429. */
static bool send_is_foreign(const struct stripe_exchange *x)
{
    return !json_is(json_get(x->answer, "error"), JSON_OBJECT) && x->status != 429 && x->status != 401 &&
           x->status != 403;
}

/* Each branch states what is certain. A 2xx with an object settles the call, whatever earlier tries left open. An
 * answer that does not fit into memory was still given: the call may have been done, and a retry would bring the same
 * answer. */
static enum status send_read_answer(struct arena *a, struct stripe_exchange *x, const struct fetch_reply *r,
                                    enum again *again, struct err *e)
{
    struct err bad = ERR_INIT;
    enum status st = json_parse_tolerant(a, r->body, DEPTH, &x->answer, &bad);
    x->status = r->status;
    x->request_id = fetch_reply_header(r, "Request-Id");
    x->replayed = str_eqz(fetch_reply_header(r, "Idempotent-Replayed"), "true");
    if (st != OK || !json_is(x->answer, JSON_OBJECT))
        x->answer = NULL;
    *again = send_again_of(x, r);
    if (st == ERR_NOMEM || st == ERR_TOO_LARGE) {
        x->uncertain = true;
        *again = AGAIN_NO;
        if (e)
            *e = bad;
        return st;
    }
    if (x->status >= 200 && x->status < 300 && x->answer) {
        x->uncertain = false;
        return OK;
    }
    if (x->status < 300) { /* 2xx without JSON: the answer was cut short, Stripe has done it */
        x->uncertain = true;
        *again = AGAIN;
        return send_foreign_answer(x, e);
    }
    if (send_is_unclear(x))
        x->uncertain = true;
    if (send_is_foreign(x))
        return send_foreign_answer(x, e);
    if (send_is_settled(x))
        x->uncertain = false;
    return stripe_error(x, fetch_reply_header(r, "Stripe-Rate-Limited-Reason"), e);
}

/* The outcome of an earlier try is cleared first, except `uncertain`, which only an answer can settle. The address
 * is the operator's, so the guard against private addresses is off (trusted). A GET that fails counts as a read as
 * well. */
static enum status send_try(struct stripe *s, struct arena *a, struct stripe_exchange *x, int64_t ms, enum again *again,
                            struct err *e)
{
    const char *url = arena_printf(a, "%s%s%s%.*s", s->base, x->path, x->query.n ? "?" : "", STR_F(x->query));
    const char *bearer = arena_printf(a, "Bearer %s", s->key);
    struct fetch_header h[5] = {{STR("Authorization"), str_from(bearer)},
                                {STR("Stripe-Version"), STR(STRIPE_API_VERSION)},
                                {STR("Accept"), STR("application/json")}};
    struct fetch_request rq = {.method = str_from(x->method),
                               .url = str_from(url),
                               .headers = h,
                               .header_count = 3,
                               .body = x->body,
                               .timeout_ms = ms,
                               .max_body = STRIPE_ANSWER_MAX,
                               .trusted = true,
                               .keep = true};
    struct fetch_reply r;
    *again = AGAIN_NO;
    x->status = 0;
    x->answer = NULL;
    x->request_id = STR_EMPTY;
    x->replayed = false;
    if (!url || !bearer)
        return err_nomem(e);
    if (str_eqz(rq.method, "POST"))
        h[rq.header_count++] = (struct fetch_header){
            STR("Content-Type"), x->is_json ? STR("application/json") : STR("application/x-www-form-urlencoded")};
    if (x->idem_key.n)
        h[rq.header_count++] = (struct fetch_header){STR("Idempotency-Key"), x->idem_key};
    s->reads += str_eqz(rq.method, "GET");
    enum status st = fetch(s->config, a, &rq, &r, e);
    return st == OK ? send_read_answer(a, x, &r, again, e) : send_no_answer(x, st, r.sent, again, e);
}

/* A declined card and a missing object are part of normal business and no warnings. */
static void send_log(const struct stripe_exchange *x, enum status st, const struct err *e, int64_t ms)
{
    log_line(st == OK || st == ERR_PLAN || st == ERR_NOT_FOUND ? LOG_INFO : LOG_WARN, "stripe_call",
             LOG_S("method", x->method), LOG_S("path", x->path), LOG_I("status", x->status),
             LOG_S("code", st == OK ? "" : err_code(e)), LOG_S("error", st == OK ? "" : e->message),
             LOG_T("stripe_request", x->request_id), LOG_I("tries", x->tries), LOG_I("ms", ms));
}

/* A path may come from outside (a thin event names one), so it must stay inside the API. */
static bool send_path_is_safe(const char *path)
{
    struct str p = str_from(path);
    return (str_starts(p, STR("/v1/")) || str_starts(p, STR("/v2/"))) && !str_has(p, STR("..")) &&
           !str_has(p, STR("//")) &&
           strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.~%/") == p.n;
}

enum status stripe_send(struct stripe *s, struct arena *a, struct stripe_exchange *x, struct err *e)
{
    if (!send_path_is_safe(x->path))
        return err_raise(e, E_stripe_path);
    struct send_clock t = {.begun_us = clock_mono_us()};
    struct err why = ERR_INIT;
    enum again again;
    enum status st;

    for (;;) {
        /* A try that hangs leaves a third of the time for the next one. */
        int64_t left = x->deadline_ms - send_spent_ms(&t);
        int64_t ms = x->tries < RETRIES && left > INT64_C(3) * TRY_LEAST_MS ? left * 2 / 3 : left;
        st = send_try(s, a, x, ms, &again, &why);
        x->tries++;
        int64_t pause = send_backoff_ms(x->tries);
        if (st == OK || again == AGAIN_NO || x->tries > (again == AGAIN_RATE ? RATE_RETRIES : RETRIES) ||
            send_spent_ms(&t) + pause + TRY_LEAST_MS > x->deadline_ms)
            break;
        send_sleep(s, &t, pause);
    }
    send_log(x, st, &why, send_spent_ms(&t));
    if (st != OK && e)
        *e = why;
    return st;
}
