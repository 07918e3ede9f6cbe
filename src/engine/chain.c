/* chain.c: the one place that decides whether an engine is asked again, which one is next, and what the caller sees of
 * it. The chain itself is a state machine of the calls thread: it starts a run, hears its events, and when the run ends
 * starts the next or ends. The caller's thread only takes events out of a list under a lock. A chain has two
 * references, of its caller and of the calls thread, and whoever is last frees it. Invariant: once `reported` is set,
 * no further run is started. */
#include "engine/chain.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/utf8.h"
#include "engine/mask.h"
#include "engine/ops.h"
#include "engine/run_internal.h"
#include "engine/turn_copy.h"

#include "base/banned.h"

#define CHAIN_ARENA (64 * MB)
#define PAUSE_MS 500 /* before the second try; twice as long before the third */
#define MESSAGE_TOKENS 4

struct chain_event {
    struct chain_event *next;
    struct arena a;
    struct engine_event ev;
};
struct engine_chain {
    atomic_int refs;
    struct arena a; /* of the caller until the chain starts, then read only */
    struct engine_chain_request rq;
    struct engine_link links[ENGINE_LINKS_MAX];
    struct engine_turn *turn;
    struct engine_turn turn_of_link; /* the same, with the state of the present link */
    struct engine_mask *mask;
    struct str private_hosts;
    struct waker waker;

    /* calls thread */
    struct call_timer *start, *pause;
    struct engine_run *run;
    size_t link;
    int tries; /* of this link */
    int64_t deadline_us, began_us;
    bool reported, loading;
    struct engine_mask_tail tail;
    struct engine_try *done; /* one more than the outcome counts while a run goes on */

    /* under the lock */
    pthread_mutex_t lock;
    struct chain_event *first, **last;
    bool over, cancelled, no_memory;
    struct engine_outcome outcome;
    struct call_timer *cancel;
};

static void chain_try_link(struct engine_chain *c);

/* ---- events ---- */

static void chain_event_free(struct chain_event *node)
{
    arena_release(&node->a);
    free(node);
}

/* A report that is lost would leave a hole in the answer, so a chain without memory fails. */
static void chain_report(struct engine_chain *c, const struct engine_event *ev)
{
    struct chain_event *node = calloc(1, sizeof(*node));
    if (node)
        arena_init_small(&node->a, CHAIN_ARENA);
    bool ok = node && engine_event_copy(&node->a, ev, &node->ev);
    if (node && !ok)
        chain_event_free(node);
    pthread_mutex_lock(&c->lock);
    if (ok) {
        *c->last = node;
        c->last = &node->next;
    } else
        c->no_memory = true;
    pthread_mutex_unlock(&c->lock);
    waker_wake(&c->waker);
}

static void chain_report_text(struct engine_chain *c, struct engine_event ev, const struct buf *text)
{
    ev.text = buf_str(text);
    if (!buf_ok(text))
        c->no_memory = true;
    else if (text->n || ev.kind != ENGINE_EVENT_DELTA)
        chain_report(c, &ev);
}

/* The end of a text that was cut off: it was held back as the possible beginning of a placeholder. */
static void chain_report_tail(struct engine_chain *c)
{
    struct buf text;
    buf_init(&text, 64);
    engine_mask_show_end(&c->tail, &text);
    chain_report_text(c, (struct engine_event){.kind = ENGINE_EVENT_DELTA}, &text);
    buf_release(&text);
}

static struct str chain_shown(struct engine_chain *c, struct arena *a, struct str text, bool json)
{
    bool ok = true;
    struct str shown = STR_EMPTY;
    struct buf b;
    buf_init(&b, CHAIN_ARENA);
    engine_mask_show(c->mask, text, json, &b);
    if (buf_ok(&b))
        shown = arena_str(a, buf_str(&b), &ok);
    if (!ok || !buf_ok(&b))
        c->no_memory = true;
    buf_release(&b);
    return shown;
}

static const struct engine_choice *chain_shown_choices(struct engine_chain *c, struct arena *a,
                                                       const struct engine_event *ev)
{
    struct engine_choice *choices = arena_array(a, ev->choice_count + 1, sizeof(*choices));
    if (!choices)
        c->no_memory = true;
    for (size_t i = 0; choices && i < ev->choice_count; i++)
        choices[i] = (struct engine_choice){chain_shown(c, a, ev->choices[i].label, false),
                                            chain_shown(c, a, ev->choices[i].value, false), ev->choices[i].url};
    return choices;
}

/* A piece of the answer with what was hidden put back, as far as no placeholder may begin at its end. */
static void chain_report_piece(struct engine_chain *c, const struct engine_event *ev, bool json)
{
    struct buf text;
    buf_init(&text, CHAIN_ARENA);
    engine_mask_show_piece(c->mask, &c->tail, ev->text, json, &text);
    chain_report_text(c, *ev, &text);
    buf_release(&text);
}

/* An event with what was hidden put back. In the arguments of a tool, and in an answer that follows a schema, it stands
 * in strings of JSON. */
static void chain_report_shown(struct engine_chain *c, const struct engine_event *ev)
{
    bool json = c->turn && c->turn->schema;
    struct engine_event shown = *ev;
    struct arena a;
    if (ev->kind == ENGINE_EVENT_DELTA) {
        chain_report_piece(c, ev, json);
        return;
    }
    if (ev->kind == ENGINE_EVENT_MESSAGE)
        chain_report_tail(c);
    arena_init(&a, CHAIN_ARENA);
    shown.text = chain_shown(c, &a, ev->text, json);
    shown.title = chain_shown(c, &a, ev->title, false);
    shown.call.arguments = chain_shown(c, &a, ev->call.arguments, true);
    shown.choices = chain_shown_choices(c, &a, ev);
    if (!c->no_memory)
        chain_report(c, &shown);
    arena_release(&a);
}

static size_t chain_message_tokens(const struct engine_message *m)
{
    size_t n = MESSAGE_TOKENS + text_tokens(m->text);
    for (size_t i = 0; i < m->call_count; i++)
        n += text_tokens(m->calls[i].name) + text_tokens(m->calls[i].arguments);
    return n;
}

static int64_t chain_sent_tokens(const struct engine_chain *c)
{
    size_t n = text_tokens(c->rq.query);
    for (size_t i = 0; c->turn && i < c->turn->message_count; i++)
        n += chain_message_tokens(&c->turn->messages[i]);
    for (size_t i = 0; i < c->rq.text_count; i++)
        n += text_tokens(c->rq.texts[i]);
    return (int64_t)n;
}

/* Pieces are rounded up one by one, so the estimate of a stream is high, never low. A message after its pieces is not
 * counted again. */
static void chain_estimate(struct engine_try *try, const struct engine_event *ev)
{
    if (ev->kind == ENGINE_EVENT_DELTA || (ev->kind == ENGINE_EVENT_MESSAGE && !try->estimate.tokens_out))
        try->estimate.tokens_out += (int64_t)text_tokens(ev->text);
}

static void chain_on_event(void *ctx, const struct engine_event *what)
{
    struct engine_chain *c = ctx;
    struct engine_event told = *what, *ev = &told;
    struct engine_try *try = &c->done[c->outcome.try_count];
    if (ev->kind == ENGINE_EVENT_USAGE)
        try->usage = ev->usage;
    else if (ev->kind == ENGINE_EVENT_STATE)
        told.index = c->link;
    else {
        if (!try->answered)
            try->first_ms = (clock_mono_us() - c->began_us) / 1000;
        try->answered = c->reported = true;
        chain_estimate(try, ev);
    }
    /* What a server wants to have back is given back as it was: it was never shown what was hidden. */
    if (c->mask && ev->kind != ENGINE_EVENT_STATE)
        chain_report_shown(c, ev);
    else
        chain_report(c, ev);
}

/* ---- the end ---- */

static void chain_unref(struct engine_chain *c)
{
    if (atomic_fetch_sub(&c->refs, 1) > 1)
        return;
    while (c->first) {
        struct chain_event *node = c->first;
        c->first = node->next;
        chain_event_free(node);
    }
    free(c->done);
    call_timer_cancel(c->start);
    call_timer_cancel(c->cancel);
    pthread_mutex_destroy(&c->lock);
    arena_release(&c->a);
    free(c);
}

/* The calls thread has nothing more to do with it. */
static void chain_end(struct engine_chain *c, const struct engine_failure *f)
{
    pthread_mutex_lock(&c->lock);
    bool was = c->over;
    c->over = true;
    c->outcome.end = *f;
    c->outcome.tries = c->done;
    if (f->class == ENGINE_OK && c->no_memory)
        c->outcome.end.class = ENGINE_INTERNAL;
    c->outcome.interrupted = c->outcome.end.class != ENGINE_OK && c->reported;
    c->outcome.winner = c->outcome.end.class == ENGINE_OK ? (int)c->link : -1;
    pthread_mutex_unlock(&c->lock);
    CHECK(!was);
    call_timer_cancel(c->pause);
    c->pause = NULL;
    if (c->run)
        engine_run_release(c->run);
    c->run = NULL;
    waker_wake(&c->waker);
    chain_unref(c);
}

static void chain_end_class(struct engine_chain *c, enum engine_class class)
{
    struct engine_failure f = ENGINE_FAILURE_INIT;
    f.class = class;
    chain_end(c, &f);
}

/* ---- tries ---- */

static void chain_after_pause(void *ctx)
{
    struct engine_chain *c = ctx;
    call_timer_cancel(c->pause);
    c->pause = NULL;
    chain_try_link(c);
}

/* A server that keeps the conversation may have taken the message even though no answer came, and would take it twice.
 * Only the words "not now" say that it has not. */
static bool chain_may_repeat(const struct engine_chain *c, const struct engine_failure *f)
{
    bool refused = f->class == ENGINE_RATE || f->class == ENGINE_OVERLOADED || f->class == ENGINE_LOADING;
    return !f->delivered || refused || !(engine_ops_of(c->links[c->link].type)->caps & ENGINE_KEEPS_HISTORY);
}

/* How long to wait before the same engine is asked again; -1: it is not. A server that says when is asked then, or
 * never if that is too late. */
static int64_t chain_pause_ms(struct engine_chain *c, const struct engine_failure *f)
{
    int64_t left = (c->deadline_us - clock_mono_us()) / 1000, pause = (int64_t)PAUSE_MS << (c->tries - 1);
    enum engine_retry retry = engine_class_retry(f->class);
    uint32_t random;
    if (c->reported || c->rq.asking == ENGINE_ASK_PROBE || retry == ENGINE_RETRY_NEVER || c->tries >= ENGINE_TRIES_MAX)
        return -1;
    if ((retry == ENGINE_RETRY_LOADING && c->loading) || !chain_may_repeat(c, f))
        return -1;
    crypto_random(&random, sizeof(random));
    pause = pause / 2 + (int64_t)(random % (uint32_t)(pause / 2 + 1));
    if (retry == ENGINE_RETRY_LOADING) {
        c->loading = true;
        pause = f->retry_after_ms < 0 ? pause : f->retry_after_ms < left / 2 ? f->retry_after_ms : left / 2;
    } else if (f->retry_after_ms >= 0)
        pause = f->retry_after_ms;
    return pause < left ? pause : -1;
}

static void chain_next_link(struct engine_chain *c, const struct engine_failure *f)
{
    if (c->reported || !engine_class_next(f->class) || c->link + 1 >= c->rq.link_count) {
        chain_end(c, f);
        return;
    }
    c->link++;
    c->tries = 0;
    c->loading = false;
    chain_try_link(c);
}

/* A request that did not arrive, or was refused, has used no tokens. */
static bool chain_was_served(const struct engine_try *try)
{
    const struct engine_failure *f = &try->end;
    return try->answered || f->class == ENGINE_OK || f->class == ENGINE_NO_REPLY || (f->delivered && f->http < 300);
}

static void chain_on_ended(void *ctx, const struct engine_failure *f)
{
    struct engine_chain *c = ctx;
    struct engine_try *try = &c->done[c->outcome.try_count++];
    struct err e = ERR_INIT;
    try->total_ms = (clock_mono_us() - c->began_us) / 1000;
    try->end = *f;
    if (!chain_was_served(try))
        try->estimate = (struct engine_usage){0, 0};
    chain_report_tail(c);
    if (c->run)
        engine_run_release(c->run);
    c->run = NULL;
    int64_t pause = f->class == ENGINE_OK ? -1 : chain_pause_ms(c, f);
    if (pause < 0)
        chain_next_link(c, f);
    else if (call_timer(pause, chain_after_pause, c, &c->pause, &e) != OK)
        chain_end(c, f);
}

/* Most chains have one try, and a try is half a kilobyte, so there is no memory for more before they are needed. */
static struct engine_try *chain_new_try(struct engine_chain *c)
{
    struct engine_try *tries = realloc(c->done, (c->outcome.try_count + 1) * sizeof(*tries));
    if (tries)
        c->done = tries;
    return tries ? &tries[c->outcome.try_count] : NULL;
}

/* Each engine has a state of its own. NULL when nothing is asked but a probe or vectors. */
static const struct engine_turn *chain_turn_of(struct engine_chain *c, const struct engine_link *l)
{
    if (!c->turn)
        return NULL;
    c->turn_of_link = *c->turn;
    c->turn_of_link.state = l->state ? l->state : c->turn->state;
    return &c->turn_of_link;
}

static const enum engine_task chain_tasks[] = {
    [ENGINE_ASK_TURN] = ENGINE_TASK_TURN,
    [ENGINE_ASK_PROBE] = ENGINE_TASK_PROBE,
    [ENGINE_ASK_EMBED] = ENGINE_TASK_EMBED,
    [ENGINE_ASK_RERANK] = ENGINE_TASK_RERANK,
};

/* A tenant who gives an engine more time has a model that takes long to begin, so the wait for its first byte grows
 * with the budget. */
static int64_t chain_first_byte_ms(const struct engine_link *l)
{
    int64_t part = l->budget_ms * ENGINE_FIRST_BYTE_MS / ENGINE_BUDGET_MS;
    if (l->first_byte_ms)
        return l->first_byte_ms;
    return part > ENGINE_FIRST_BYTE_MS ? part : ENGINE_FIRST_BYTE_MS;
}

static void chain_write_model(const struct engine_chain *c, const struct engine_link *l, struct engine_try *try)
{
    bool vectors = c->rq.asking == ENGINE_ASK_EMBED || c->rq.asking == ENGINE_ASK_RERANK;
    struct str model = json_get_str(l->settings, vectors ? "embedding_model" : "model");
    snprintf(try->model, sizeof(try->model), "%.*s", STR_F(utf8_fit(model, sizeof(try->model) - 1)));
}

/* A run that ends before engine_run_start returns has already started the next one, or ended the chain: then the run
 * that was returned is not the current one any more, and is only given back. */
static void chain_try_link(struct engine_chain *c)
{
    const struct engine_link *l = &c->links[c->link];
    size_t number = c->outcome.try_count;
    int64_t now = clock_mono_us();
    struct engine_try *try = chain_new_try(c);
    if (!try) {
        chain_end_class(c, ENGINE_INTERNAL);
        return;
    }
    if (!c->tries)
        c->deadline_us = now + (l->budget_ms ? l->budget_ms : ENGINE_BUDGET_MS) * 1000;
    c->tries++;
    c->began_us = now;
    *try = (struct engine_try){.engine = l->engine, .type = l->type, .usage = {-1, -1}, .first_ms = -1};
    chain_write_model(c, l, try);
    try->estimate.tokens_in = chain_sent_tokens(c);
    struct engine_run_request rq = {
        .ops = engine_ops_of(l->type),
        .type = l->type,
        .tenant = c->rq.tenant,
        .settings = l->settings,
        .private_hosts = c->private_hosts,
        .task = chain_tasks[c->rq.asking],
        .turn = chain_turn_of(c, l),
        .texts = c->rq.texts,
        .text_count = c->rq.text_count,
        .query = c->rq.query,
        .connect_ms = l->connect_ms ? l->connect_ms : ENGINE_CONNECT_MS,
        .first_byte_ms = chain_first_byte_ms(l),
        .idle_ms = l->idle_ms ? l->idle_ms : ENGINE_IDLE_MS,
        .loading = c->loading,
        .deadline_us = c->deadline_us,
        .max_output = c->rq.max_output ? c->rq.max_output : ENGINE_OUTPUT_MAX,
    };
    struct engine_owner owner = {c, chain_on_event, chain_on_ended};
    atomic_fetch_add(&c->refs, 1);
    struct engine_run *run = engine_run_start(&rq, &owner);
    if (!run)
        chain_end_class(c, ENGINE_INTERNAL);
    else if (c->outcome.try_count == number)
        c->run = run;
    else
        engine_run_release(run);
    chain_unref(c);
}

/* ---- the caller's side ---- */

static void chain_begin(void *ctx)
{
    struct engine_chain *c = ctx;
    pthread_mutex_lock(&c->lock);
    bool cancelled = c->cancelled;
    pthread_mutex_unlock(&c->lock);
    if (cancelled)
        chain_end_class(c, ENGINE_CANCELLED);
    else
        chain_try_link(c);
}

/* The timer has a reference of its own, because the chain may have ended meanwhile. */
static void chain_on_cancel(void *ctx)
{
    struct engine_chain *c = ctx;
    if (!c->over && c->began_us) {
        if (c->run) {
            struct engine_try *try = &c->done[c->outcome.try_count++];
            engine_run_cancel(c->run);
            try->total_ms = (clock_mono_us() - c->began_us) / 1000;
            try->end = ENGINE_FAILURE_INIT;
            try->end.class = ENGINE_CANCELLED;
        }
        chain_end_class(c, ENGINE_CANCELLED);
    }
    chain_unref(c);
}

void engine_chain_cancel(struct engine_chain *c)
{
    struct err e = ERR_INIT;
    pthread_mutex_lock(&c->lock);
    bool first = !c->cancelled && !c->over;
    c->cancelled = true;
    if (first) {
        atomic_fetch_add(&c->refs, 1);
        first = call_timer(0, chain_on_cancel, c, &c->cancel, &e) == OK;
        if (!first)
            atomic_fetch_sub(&c->refs, 1);
    }
    pthread_mutex_unlock(&c->lock);
}

bool engine_chain_next(struct engine_chain *c, struct arena *a, struct engine_event *out, struct err *e)
{
    pthread_mutex_lock(&c->lock);
    struct chain_event *node = c->first;
    if (node && !(c->first = node->next))
        c->last = &c->first;
    pthread_mutex_unlock(&c->lock);
    if (!node)
        return false;
    bool ok = engine_event_copy(a, &node->ev, out);
    chain_event_free(node);
    if (!ok)
        (void)err_nomem(e);
    return ok;
}

bool engine_chain_over(struct engine_chain *c, struct engine_outcome *out)
{
    pthread_mutex_lock(&c->lock);
    bool over = c->over && !c->first;
    if (over)
        *out = c->outcome;
    pthread_mutex_unlock(&c->lock);
    return over;
}

const struct engine_turn *engine_chain_sent(const struct engine_chain *c)
{
    return c->turn;
}

void engine_chain_free(struct engine_chain *c)
{
    if (!c)
        return;
    engine_chain_cancel(c);
    chain_unref(c);
}

/* ---- the start ---- */

static enum status chain_copy_links(struct engine_chain *c, struct err *e)
{
    for (size_t i = 0; i < c->rq.link_count; i++) {
        const struct engine_link *from = &c->rq.links[i];
        struct json *settings = json_copy(&c->a, from->settings), *state = json_copy(&c->a, from->state);
        if ((from->settings && !settings) || (from->state && !state))
            return err_nomem(e);
        c->links[i] = *from;
        c->links[i].settings = settings;
        c->links[i].state = state;
    }
    c->rq.links = c->links;
    return OK;
}

static enum status chain_copy_texts(struct engine_chain *c, struct err *e)
{
    struct str *texts = arena_array(&c->a, c->rq.text_count ? c->rq.text_count : 1, sizeof(*texts));
    bool ok = texts;
    for (size_t i = 0; ok && i < c->rq.text_count; i++)
        texts[i] = arena_str(&c->a, c->rq.texts[i], &ok);
    c->rq.texts = texts;
    if (ok)
        c->rq.query = arena_str(&c->a, c->rq.query, &ok);
    return ok ? OK : err_nomem(e);
}

static enum status chain_copy(struct engine_chain *c, const struct config *config, struct err *e)
{
    bool ok = true;
    enum status st = chain_copy_links(c, e);
    if (st == OK)
        st = chain_copy_texts(c, e);
    if (st == OK && c->rq.mask)
        st = engine_mask_new(&c->a, c->rq.mask_patterns, c->rq.mask_pattern_count, &c->mask, e);
    if (st == OK && c->rq.turn)
        st = engine_turn_copy(&c->a, c->rq.turn, c->mask, &c->turn, e);
    if (config)
        c->private_hosts = arena_str(&c->a, str_from(config_string(config, CONFIG_engine_private_hosts)), &ok);
    c->rq.turn = NULL;
    c->rq.mask_patterns = NULL;
    return st == OK && !ok ? err_nomem(e) : st;
}

enum status engine_chain_start(const struct config *config, const struct engine_chain_request *rq,
                               const struct waker *waker, struct engine_chain **out, struct err *e)
{
    if (!rq->link_count || rq->link_count > ENGINE_LINKS_MAX)
        return err_set(e, E_engine_unknown, "The bot has no engine.");
    struct engine_chain *c = calloc(1, sizeof(*c));
    if (!c)
        return err_nomem(e);
    atomic_init(&c->refs, 1);
    pthread_mutex_init(&c->lock, NULL);
    arena_init_small(&c->a, CHAIN_ARENA);
    c->rq = *rq;
    c->private_hosts = STR_EMPTY;
    c->waker = waker ? *waker : (struct waker){0};
    c->last = &c->first;
    c->outcome.winner = -1;
    enum status st = chain_copy(c, config, e);
    if (st == OK) {
        atomic_fetch_add(&c->refs, 1);
        st = call_timer(0, chain_begin, c, &c->start, e);
    }
    if (st == OK)
        *out = c;
    else {
        atomic_store(&c->refs, 1);
        chain_unref(c);
    }
    return st;
}

size_t engine_history_begin(const struct engine_message *messages, size_t n, size_t tokens)
{
    size_t begin = n, used = 0, kept;
    while (begin > 0 && messages[begin - 1].role != ENGINE_USER)
        used += chain_message_tokens(&messages[--begin]);
    if (begin > 0)
        used += chain_message_tokens(&messages[--begin]);
    kept = begin;
    for (size_t i = begin; i > 0; i--) {
        used += chain_message_tokens(&messages[i - 1]);
        if (used > tokens)
            break;
        if (messages[i - 1].role == ENGINE_USER)
            kept = i - 1;
    }
    return kept;
}
