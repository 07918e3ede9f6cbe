/* calls_internal.h: what the files of the calls thread share; see calls.h for what they do.
 *
 * From the bottom up: calls_timers.c (deadlines and timers), calls_shares.c (which call may go next), call_transfer.c
 * and call_setup.c (one transfer of libcurl), calls_thread.c (the loop), calls.c (the interface). Only the calls thread
 * touches the multi handle, the handles in it, and a call between its start and its end; what other threads may touch
 * as well is under the lock of its file. No lock is held while a function of a caller or libcurl runs. */
#ifndef PARLEY_NET_CALLS_INTERNAL_H
#define PARLEY_NET_CALLS_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "net/calls.h"

/* ---- timers (calls_timers.c) ---- */

enum timer_state { TIMER_OFF, TIMER_SET, TIMER_FIRING, TIMER_DROPPED };
struct call_timer {
    int64_t due_us;
    void (*fire)(void *ctx);
    void *ctx;
    enum timer_state state;
    bool allocated; /* made by call_timer(), freed by call_timer_cancel() */
    struct call_timer *child, *next, *prev;
};
/* Set the timer, or set it again to another time. True if it is the first one now: the calls thread must be woken if
 * this is another one. */
bool timer_set(struct call_timer *t, int64_t due_us);
void timer_unset(struct call_timer *t);
/* Unset and free a timer that was allocated; if it is firing, that is freed afterwards. */
void timer_free(struct call_timer *t);
/* Fire what is due; returns when the next one will be, or INT64_MAX. */
int64_t timers_run(int64_t now_us);

/* ---- one call ---- */

enum call_phase { CALL_QUEUED, CALL_CONNECTING, CALL_SENT, CALL_READING };

struct call {
    atomic_int refs; /* of the starter, of the calls thread, of a posted cancellation, of a taken result */
    atomic_bool cancelled;
    bool cancel_posted, over; /* under the lock of calls_thread.c */
    struct call *next_posted; /* in `starts` */
    struct call *next_cancel; /* in `cancels` */
    struct call *next_live, *prev_live;
    struct call *next_waiting, *prev_waiting; /* in the queue of its host */
    struct call_events on;

    /* the request */
    struct id tenant_id;
    int64_t connect_us, first_byte_us, idle_us, total_us;
    size_t max_body;
    bool pooled, private_allowed, literal;
    bool repeatable; /* to send it twice does no harm */
    char *host;      /* for messages; in the same block as host_key */
    char *host_key;  /* scheme://host:port in lower case */
    char *body;
    size_t body_n;
    CURLU *url;
    CURL *easy;
    struct curl_slist *headers;

    /* its place among the others; under the lock of calls_shares.c */
    struct share_tenant *tenant;
    struct share_host *at;
    bool waiting, in_flight, resolving, probe;

    /* the transfer */
    enum call_phase phase;
    int64_t started_at, launched_at, sent_at, content_at; /* microseconds */
    struct call_timer deadline;
    struct buf lines, collected;
    struct fetch_header *reply_headers;
    size_t received; /* of the body, after decompression */
    bool in_multi, refused, too_large, no_memory, headed;
    char trouble[CURL_ERROR_SIZE];
    struct call_result result;
};

/* call_transfer.c: the functions that libcurl calls. */
bool call_set_callbacks(struct call *c);
/* The time at which the current phase has to be over, and the class of a call that exceeds it. */
int64_t call_due(const struct call *c, enum call_class *class);
/* Set the deadline timer, unless it fires earlier anyway; the call is then armed again. */
void call_arm(struct call *c);
/* The class of a transfer that libcurl has ended. */
enum call_class call_classify(const struct call *c, CURLcode rc);
/* Fill in the result. `why` is libcurl's message about the failure, or NULL. */
void call_fill_result(struct call *c, enum call_class class, const char *why);

/* call_setup.c: parse a URL into *out, which the caller cleans up also after a failure. ERR_INVALID, ERR_NOMEM. */
enum status call_parse_url(struct str url, CURLU **out, struct err *e);
/* Check the request and make the easy handle, with copies of everything. After a failure *c holds what was made. */
enum status call_setup(struct call *c, const struct call_request *rq, struct err *e);

/* Give back a reference; the last one frees the call. */
void call_unref(struct call *c);

/* ---- shares (calls_shares.c); thread safe ---- */

/* The call is in the queue of its host, or has to end with this class (CALL_REPLIED: queued). */
enum call_class share_enter(struct call *c, int64_t now_us);
/* The next call that leaves the queue, or NULL. *class is CALL_REPLIED if it may begin; otherwise it has to end so. */
struct call *share_next(int64_t now_us, enum call_class *class);
/* The call has ended, wherever it was. `class` tells the breaker. Returns the seconds until an open breaker lets a call
 * through, at least 1. */
int share_leave(struct call *c, enum call_class class, int64_t now_us);
/* The name of its host was resolved. */
void share_resolved(struct call *c, int64_t now_us);
/* The connection pool of this call; NULL without memory. Calls thread only. */
CURLSH *share_pool(struct call *c);
/* Forget tenants and hosts that were not used for a while; all of them if `everything`. False if none are left. Calls
 * thread only. */
bool share_sweep(int64_t now_us, bool everything);
void share_set_max(int max);
struct calls_count share_count(struct id tenant);

/* ---- the thread (calls_thread.c) ---- */

/* Start the thread if it does not run. ERR_UNAVAILABLE. */
enum status calls_thread_begin(struct err *e);
/* Hand over a new call, with one reference. ERR_UNAVAILABLE if the thread cannot be started or is being stopped; the
 * reference is still the caller's then. */
enum status calls_thread_post(struct call *c, struct err *e);
/* Hand over a cancellation. */
void calls_thread_cancel(struct call *c);
/* Wake the thread if it runs and is another one. */
void calls_thread_wake(void);
/* Cancels what runs, waits for the thread, and gives everything back. Not in the calls thread. */
void calls_thread_end(void);

#endif
