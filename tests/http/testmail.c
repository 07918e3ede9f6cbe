/* testmail.c: requests that park until they get mail, and requests that send it. A place ?at=N of the board holds the
 * waker of the request that parked there last, also after that has ended. A lost wake-up shows as mail that never
 * arrives. */
#include "testmail.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"

#include "base/banned.h"

#define PLACES 4096
#define THREADS_MAX 8

static struct place {
    pthread_mutex_t lock;
    struct waker waker;
    atomic_int mail;
} board[PLACES];

struct waiting {
    struct place *place;
    int64_t want, got, resumes, ms, until_us, fat;
    bool stream, stay;
};

static _Thread_local int statements;

void test_cost_reset(void)
{
    statements = 3;
}

struct web_cost test_cost(void)
{
    return (struct web_cost){statements, 4560};
}

static int64_t query_number(struct request *rq, const char *name, int64_t otherwise)
{
    int64_t v;
    return num_i64(request_query(rq, name), 0, INT64_MAX, &v) ? v : otherwise;
}

static void waiting_end(struct request *rq, const struct waiting *w, const char *how)
{
    struct err e = ERR_INIT;
    struct json *j = json_new_object(rq->arena);
    log_line(LOG_INFO, "ended", LOG_S("how", how), LOG_I("got", w->got), LOG_I("resumes", w->resumes));
    json_set_str(j, "how", str_from(how));
    json_set_str(j, "brand", str_from(config_string(rq->config, CONFIG_brand_name)));
    json_set_int(j, "got", w->got);
    json_set_int(j, "resumes", w->resumes);
    json_set_int(j, "body", (int64_t)request_body(rq).n);
    if (w->stream)
        (void)stream_event(rq, "done", STR_EMPTY, str_from(how), &e);
    else
        reply_json(rq, 200, j);
    for (int64_t i = 0; i < w->fat && !w->stream; i++)
        buf_putc(reply_body(rq), ' ');
}

/* Takes the mail, and says how the request ends, or NULL while it waits. */
static const char *waiting_step(struct request *rq, struct waiting *w)
{
    struct err e = ERR_INIT;
    int mail = atomic_exchange(&w->place->mail, 0);
    w->got += mail;
    if (w->stream && mail) {
        char *data = arena_printf(rq->arena, "{\"got\":%lld}", (long long)w->got);
        if (!data || stream_event(rq, "tick", STR_EMPTY, str_from(data), &e) != OK)
            return "gone";
    }
    if (w->got >= w->want)
        return "mail";
    if (request_gone(rq))
        return "gone";
    if (w->ms >= 0 && clock_mono_us() >= w->until_us)
        return "timeout";
    return stream_stopping(rq) && !w->stay ? "stopping" : NULL;
}

static void waiting_park(struct request *rq, struct waiting *w);

static void waiting_resume(struct request *rq, void *ctx)
{
    struct waiting *w = ctx;
    w->resumes++;
    statements++;
    waiting_park(rq, w);
}

static void waiting_park(struct request *rq, struct waiting *w)
{
    const char *how = waiting_step(rq, w);
    int64_t left_us = w->until_us - clock_mono_us();
    if (how)
        waiting_end(rq, w, how);
    else
        request_park(rq, w->ms < 0 ? -1 : left_us > 0 ? (left_us + 999) / 1000 : 0, waiting_resume, w);
}

static void *wake_soon(void *arg)
{
    struct place *p = arg;
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    pthread_mutex_lock(&p->lock);
    struct waker waker = p->waker;
    pthread_mutex_unlock(&p->lock);
    atomic_fetch_add(&p->mail, 1);
    waker_wake(&waker);
    return NULL;
}

/* ?want= mails to wait for (default 1), ?ms= the longest wait, ?stay=1: also while the program stops, ?early=1: the
 * mail comes before the handler has returned, ?soon=1: it comes from another thread in 30 ms, ?spin= milliseconds that
 * the handler takes before it parks, ?fat= bytes that are added to the reply. */
static void park_at(struct request *rq, bool stream)
{
    struct err e = ERR_INIT;
    struct waiting *w = ARENA_NEW(rq->arena, struct waiting);
    pthread_t helper;
    if (!w)
        return;
    *w = (struct waiting){.place = &board[query_number(rq, "at", 0) % PLACES],
                          .want = query_number(rq, "want", 1),
                          .ms = query_number(rq, "ms", -1),
                          .fat = query_number(rq, "fat", 0),
                          .stream = stream,
                          .stay = request_query(rq, "stay").n};
    w->until_us = clock_mono_us() + w->ms * 1000;
    struct waker waker = request_waker(rq);
    pthread_mutex_lock(&w->place->lock);
    w->place->waker = waker;
    pthread_mutex_unlock(&w->place->lock);
    atomic_store(&w->place->mail, 0);
    if (stream && stream_begin(rq, &e) != OK)
        return;
    if (request_query(rq, "soon").n && pthread_create(&helper, NULL, wake_soon, w->place) == 0)
        pthread_detach(helper);
    log_line(LOG_INFO, "parking", LOG_I("at", query_number(rq, "at", 0)));
    if (request_query(rq, "early").n) {
        request_park(rq, w->ms, waiting_resume, w);
        atomic_fetch_add(&w->place->mail, 1);
        waker_wake(&waker);
    } else {
        waiting_park(rq, w);
    }
    int64_t spin = query_number(rq, "spin", 0);
    nanosleep(&(struct timespec){spin / 1000, spin % 1000 * 1000000}, NULL);
}

void test_mail(struct request *rq);
void test_mail(struct request *rq)
{
    park_at(rq, false);
}

void test_mail_stream(struct request *rq);
void test_mail_stream(struct request *rq)
{
    park_at(rq, true);
}

/* Wakers may be kept for ever: also when the last thread of the server has ended. */
void test_mail_late(void *app)
{
    (void)app;
    for (size_t i = 0; i < PLACES; i++)
        waker_wake(&board[i].waker);
}

struct storm {
    int64_t from, to, times;
    bool mail;
};

static void *storm_blow(void *arg)
{
    const struct storm *s = arg;
    for (int64_t i = 0; i < s->times; i++)
        for (int64_t at = s->from; at <= s->to; at++) {
            struct place *p = &board[at % PLACES];
            pthread_mutex_lock(&p->lock);
            struct waker waker = p->waker;
            pthread_mutex_unlock(&p->lock);
            if (s->mail)
                atomic_fetch_add(&p->mail, 1);
            waker_wake(&waker);
        }
    return NULL;
}

/* Wake the places ?at= to ?to=, ?times= each, from ?threads= threads at once (0: from this one), with mail unless
 * ?empty=1. */
void test_mail_send(struct request *rq);
void test_mail_send(struct request *rq)
{
    struct storm s = {.from = query_number(rq, "at", 0),
                      .times = query_number(rq, "times", 1),
                      .mail = !request_query(rq, "empty").n};
    pthread_t threads[THREADS_MAX];
    int64_t n = query_number(rq, "threads", 0), started = 0;
    s.to = query_number(rq, "to", s.from);
    while (started < n && started < THREADS_MAX && pthread_create(&threads[started], NULL, storm_blow, &s) == 0)
        started++;
    if (n == 0)
        (void)storm_blow(&s);
    for (int64_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    reply_status(rq, 200);
    reply_type(rq, "text/plain");
    buf_puts(reply_body(rq), "woken\n");
}
