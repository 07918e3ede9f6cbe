/* run_internal.h: one run of an engine, as the files of this module share it: run.c its life and its events, call.c its
 * calls. chain.c makes runs. Everything happens in the calls thread. */
#ifndef PARLEY_ENGINE_RUN_INTERNAL_H
#define PARLEY_ENGINE_RUN_INTERNAL_H

#include "engine/engine.h"
#include "engine/text.h"
#include "net/calls.h"

enum engine_task { ENGINE_TASK_PROBE, ENGINE_TASK_TURN, ENGINE_TASK_EMBED, ENGINE_TASK_RERANK, ENGINE_TASK_RECEIVE };

/* Who asked. `ended` is called exactly once, last, and not after engine_run_cancel(). */
struct engine_owner {
    void *ctx;
    void (*event)(void *ctx, const struct engine_event *ev);
    void (*ended)(void *ctx, const struct engine_failure *f);
};
/* Everything is borrowed and must last until `ended` or engine_run_cancel(). */
struct engine_run_request {
    const struct engine_ops *ops;
    const struct engine_type *type;
    struct id tenant;
    const struct json *settings; /* with the secret ones */
    struct str private_hosts;    /* as in struct call_request */
    enum engine_task task;
    const struct engine_turn *turn;
    const struct str *texts;
    size_t text_count;
    struct str query; /* of ENGINE_TASK_RERANK */
    const struct engine_incoming *incoming;
    int64_t connect_ms, first_byte_ms, idle_ms;
    bool loading;        /* the try before this one ended with ENGINE_LOADING */
    int64_t deadline_us; /* monotonic */
    size_t max_output;   /* bytes of text */
};

struct engine_run {
    int refs; /* of the one who started it, of each call and timer */
    struct engine_run_request rq;
    struct engine_owner owner;
    struct arena arena, scratch; /* scratch: one document */
    void *memory;
    struct engine_call *calls;
    struct engine_timer *timers;
    void (*close_calls)(
        struct engine_run *run); /* call.c sets it with the first call; it needs run.c, not the reverse */
    struct buf text;             /* of the deltas since the last message */
    struct text_tail tail;       /* half a character */
    size_t output;               /* bytes of text so far */
    struct str hidden[ENGINE_HIDDEN_MAX];
    size_t hidden_count;
    bool over, answered;
};

/* NULL without memory. The engine may end the run before this returns. */
struct engine_run *engine_run_start(const struct engine_run_request *rq, const struct engine_owner *owner);
/* The owner hears nothing more of it. */
void engine_run_cancel(struct engine_run *run);
/* Give back the reference of engine_run_start. */
void engine_run_release(struct engine_run *run);

#endif
