/* run.c: one run of an engine: its settings, its events, its end. A run ends once. Its memory stays until the last of
 * its calls has reported its own end, because the calls thread still holds pointers into it; no engine sees those late
 * reports. */
#include <stdlib.h>

#include "base/crypto.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/utf8.h"
#include "engine/engine.h"
#include "engine/run_internal.h"

#include "base/banned.h"

#define ENGINE_RUN_ARENA (16 * MB)
#define ENGINE_SCRATCH_ARENA (16 * MB)

void *engine_run_memory(struct engine_run *run)
{
    return run->memory;
}

struct arena *engine_run_arena(struct engine_run *run)
{
    return &run->arena;
}

struct arena *engine_run_scratch(struct engine_run *run)
{
    return &run->scratch;
}

const struct engine_turn *engine_run_turn(const struct engine_run *run)
{
    return run->rq.turn;
}

struct str engine_turn_question(const struct engine_turn *t)
{
    size_t n = t->message_count;
    while (n > 0 && t->messages[n - 1].role != ENGINE_USER)
        n--;
    return n > 0 ? t->messages[n - 1].text : STR_EMPTY;
}

const struct str *engine_run_texts(const struct engine_run *run, size_t *n)
{
    *n = run->rq.text_count;
    return run->rq.texts;
}

struct str engine_run_query(const struct engine_run *run)
{
    return run->rq.query;
}

bool engine_run_over(const struct engine_run *run)
{
    return run->over;
}

bool engine_run_answered(const struct engine_run *run)
{
    return run->answered;
}

bool engine_run_loading(const struct engine_run *run)
{
    return run->rq.loading;
}

struct str engine_run_setting(const struct engine_run *run, const char *name)
{
    const struct engine_field *f = engine_field_find(run->rq.type, str_from(name));
    if (json_is(json_get(run->rq.settings, name), JSON_STRING))
        return json_get_str(run->rq.settings, name);
    return f && !engine_field_is_secret(f) ? str_from(f->initial) : STR_EMPTY;
}

int64_t engine_run_number(const struct engine_run *run, const char *name)
{
    const struct engine_field *f = engine_field_find(run->rq.type, str_from(name));
    int64_t initial = 0;
    if (f)
        (void)num_i64(str_from(f->initial), 0, INT64_MAX, &initial);
    return json_int(json_get(run->rq.settings, name), initial);
}

struct str engine_run_url(struct engine_run *run, const char *path)
{
    struct str base = engine_run_setting(run, "base_url");
    while (str_ends(base, STR("/")))
        base.n--;
    const char *url = arena_printf(&run->arena, "%.*s%s", STR_F(base), path);
    if (!url)
        engine_run_end(run, ENGINE_INTERNAL);
    return str_from(url);
}

struct str engine_run_json(struct engine_run *run, const struct json *doc)
{
    struct str text = STR_EMPTY;
    bool ok = doc;
    struct buf b;
    buf_init(&b, ENGINE_RUN_ARENA);
    if (ok)
        json_write(&b, doc);
    if (ok && buf_ok(&b))
        text = arena_str(&run->scratch, buf_str(&b), &ok);
    if (!ok || !buf_ok(&b))
        engine_run_end(run, ENGINE_INTERNAL);
    buf_release(&b);
    return text;
}

struct str engine_run_base64(struct engine_run *run, struct str mime, struct str bytes)
{
    struct str text = STR_EMPTY;
    bool ok = true;
    struct buf b;
    buf_init(&b, ENGINE_RUN_ARENA);
    if (mime.n)
        buf_printf(&b, "data:%.*s;base64,", STR_F(mime));
    crypto_base64(&b, bytes.p, bytes.n);
    if (buf_ok(&b))
        text = arena_str(&run->scratch, buf_str(&b), &ok);
    if (!ok || !buf_ok(&b))
        engine_run_end(run, ENGINE_INTERNAL);
    buf_release(&b);
    return text;
}

/* ---- events ---- */

static bool event_is_answer(enum engine_event_kind kind)
{
    return kind != ENGINE_EVENT_USAGE && kind != ENGINE_EVENT_STATE && kind != ENGINE_EVENT_CONVERSATION;
}

/* A server that never stops writing would fill the memory, and no visitor reads that much. */
static bool run_has_room(struct engine_run *run, size_t n)
{
    run->output += n;
    if (run->output <= run->rq.max_output)
        return true;
    engine_run_end(run, ENGINE_TOO_BIG);
    return false;
}

static struct str run_clean_text(struct arena *a, struct str s, bool *ok)
{
    struct str clean = s;
    struct buf b;
    if (!s.n || utf8_text(s))
        return s;
    buf_init(&b, 4 * s.n);
    text_clean(&b, s);
    if (buf_ok(&b))
        clean = arena_str(a, buf_str(&b), ok);
    else
        *ok = false;
    buf_release(&b);
    return clean;
}

/* Models write control characters now and then, and no message of a conversation may have one. */
static void run_emit_clean(struct engine_run *run, const struct engine_event *ev)
{
    struct engine_event clean = *ev;
    struct arena a;
    bool ok = true;
    arena_init(&a, ENGINE_RUN_ARENA);
    struct engine_choice *choices = ev->choice_count ? arena_array(&a, ev->choice_count, sizeof(*choices)) : NULL;
    for (size_t i = 0; choices && i < ev->choice_count; i++)
        choices[i] = (struct engine_choice){run_clean_text(&a, ev->choices[i].label, &ok),
                                            run_clean_text(&a, ev->choices[i].value, &ok),
                                            run_clean_text(&a, ev->choices[i].url, &ok)};
    clean.choices = choices;
    clean.text = run_clean_text(&a, ev->text, &ok);
    clean.title = run_clean_text(&a, ev->title, &ok);
    clean.url = run_clean_text(&a, ev->url, &ok);
    if (ok && (choices || !ev->choice_count))
        run->owner.event(run->owner.ctx, &clean);
    else
        engine_run_end(run, ENGINE_INTERNAL);
    arena_release(&a);
}

void engine_emit(struct engine_run *run, const struct engine_event *ev)
{
    if (run->over || (ev->kind != ENGINE_EVENT_MODEL && !run_has_room(run, ev->text.n + ev->call.arguments.n)))
        return;
    if (event_is_answer(ev->kind))
        run->answered = true;
    if (ev->kind == ENGINE_EVENT_MESSAGE) { /* it says what its deltas said */
        buf_clear(&run->text);
        run->tail.n = 0;
    }
    if (ev->kind == ENGINE_EVENT_STATE)
        run->owner.event(run->owner.ctx, ev);
    else
        run_emit_clean(run, ev);
}

static void run_emit_text(struct engine_run *run, const struct buf *piece)
{
    if (!piece->n || !run_has_room(run, piece->n))
        return;
    buf_str_add(&run->text, buf_str(piece));
    run->answered = true;
    run->owner.event(run->owner.ctx, &(struct engine_event){.kind = ENGINE_EVENT_DELTA, .text = buf_str(piece)});
}

void engine_emit_delta(struct engine_run *run, struct str text)
{
    struct buf piece;
    if (run->over || !text.n)
        return;
    buf_init(&piece, run->rq.max_output + 4 * text.n);
    text_whole(&run->tail, text, &piece);
    if (buf_ok(&piece))
        run_emit_text(run, &piece);
    if (!buf_ok(&piece) || !buf_ok(&run->text))
        engine_run_end(run, ENGINE_INTERNAL);
    buf_release(&piece);
}

void engine_emit_spoken(struct engine_run *run, struct text_think *think, struct str text)
{
    struct buf spoken;
    buf_init(&spoken, text.n + sizeof(think->held));
    text_think(think, text, &spoken);
    if (buf_ok(&spoken))
        engine_emit_delta(run, buf_str(&spoken));
    else
        engine_run_end(run, ENGINE_INTERNAL);
    buf_release(&spoken);
}

void engine_emit_spoken_end(struct engine_run *run, struct text_think *think)
{
    struct buf spoken;
    buf_init(&spoken, sizeof(think->held));
    text_think_end(think, &spoken);
    if (buf_ok(&spoken))
        engine_emit_delta(run, buf_str(&spoken));
    else
        engine_run_end(run, ENGINE_INTERNAL);
    buf_release(&spoken);
}

/* Models write broken JSON now and then. The scratch memory holds the document that the arguments came in, so they have
 * memory of their own. */
void engine_emit_call(struct engine_run *run, struct str id, struct str name, struct str arguments)
{
    struct json *doc = NULL;
    struct arena a;
    struct buf text;
    arena_init(&a, LIST_ARENA);
    buf_init(&text, ENGINE_SCRATCH_ARENA);
    bool good = name.n &&
                json_parse_tolerant(&a, arguments.n ? arguments : STR("{}"), ENGINE_JSON_DEPTH, &doc, NULL) == OK &&
                json_is(doc, JSON_OBJECT);
    if (good)
        json_write(&text, doc);
    if (!good)
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The arguments of a tool call are not a JSON object.");
    else if (buf_ok(&text))
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_TOOL_CALL, .call = {id, name, buf_str(&text)}});
    else
        engine_run_end(run, ENGINE_INTERNAL);
    buf_release(&text);
    arena_release(&a);
}

/* ---- the end ---- */

static void run_finish_text(struct engine_run *run)
{
    struct buf piece;
    buf_init(&piece, 16);
    text_whole_end(&run->tail, &piece);
    run_emit_text(run, &piece);
    buf_release(&piece);
    if (!run->over && run->text.n)
        run->owner.event(run->owner.ctx,
                         &(struct engine_event){.kind = ENGINE_EVENT_MESSAGE, .text = buf_str(&run->text)});
}

void engine_run_hide(struct engine_run *run, struct str secret)
{
    CHECK(run->hidden_count < COUNT_OF(run->hidden));
    run->hidden[run->hidden_count++] = secret;
}

/* A key file in JSON also holds addresses and names, which a message has to show: of such a file only the members
 * private_... are secret. */
static void run_redact_block(struct engine_failure *f, struct str block)
{
    struct json_iter it = {0};
    struct json *doc = NULL;
    struct arena a;
    bool found = false;
    arena_init(&a, LIST_ARENA);
    (void)json_parse_tolerant(&a, block, ENGINE_JSON_DEPTH, &doc, NULL);
    while (json_each(doc, &it))
        if (str_starts(it.key, STR("private_")) && json_str(it.value).n) {
            engine_failure_redact(f, json_str(it.value));
            found = true;
        }
    if (!found)
        engine_failure_redact(f, block);
    arena_release(&a);
}

/* Whatever a server says goes into the tenant's pages and logs, so every secret setting is taken out of it here, once
 * for all engines. */
static void run_redact(const struct engine_run *run, struct engine_failure *f)
{
    const struct engine_field *field = NULL;
    for (size_t i = 0; i < run->hidden_count; i++)
        engine_failure_redact(f, run->hidden[i]);
    while ((field = engine_field_next(run->rq.type, field)))
        if (field->kind == ENGINE_FIELD_BLOCK)
            run_redact_block(f, json_get_str(run->rq.settings, field->name));
        else if (engine_field_is_secret(field))
            engine_failure_redact(f, json_get_str(run->rq.settings, field->name));
}

void engine_run_fail(struct engine_run *run, const struct engine_failure *why)
{
    if (run->over)
        return;
    struct engine_failure f = *why;
    if (f.class == ENGINE_OK)
        run_finish_text(run);
    if (run->over)
        return; /* the last piece was one too many */
    if (f.class == ENGINE_OK && run->rq.task == ENGINE_TASK_TURN && !run->answered)
        f.class = ENGINE_NO_REPLY;
    run_redact(run, &f);
    run->over = true;
    if (run->close_calls)
        run->close_calls(run);
    run->owner.ended(run->owner.ctx, &f);
}

void engine_run_end(struct engine_run *run, enum engine_class class)
{
    struct engine_failure f = ENGINE_FAILURE_INIT;
    f.class = class;
    engine_run_fail(run, &f);
}

void engine_run_fail_text(struct engine_run *run, enum engine_class class, const char *detail)
{
    struct engine_failure f = ENGINE_FAILURE_INIT;
    f.class = class;
    engine_failure_detail(&f, str_from(detail));
    engine_run_fail(run, &f);
}

void engine_run_cancel(struct engine_run *run)
{
    run->over = true;
    if (run->close_calls)
        run->close_calls(run);
}

void engine_run_release(struct engine_run *run)
{
    if (--run->refs)
        return;
    if (run->rq.ops->close && run->memory)
        run->rq.ops->close(run);
    buf_release(&run->text);
    arena_release(&run->scratch);
    arena_release(&run->arena);
    free(run);
}

static bool engine_run_can(const struct engine_run *run)
{
    const struct engine_ops *ops = run->rq.ops;
    switch (run->rq.task) {
    case ENGINE_TASK_PROBE:
        return ops->probe;
    case ENGINE_TASK_TURN:
        return ops->turn;
    case ENGINE_TASK_EMBED:
        return ops->embed;
    case ENGINE_TASK_RERANK:
        return ops->rerank;
    case ENGINE_TASK_RECEIVE:
        return ops->receive;
    }
    return false;
}

static void engine_run_task(struct engine_run *run)
{
    const struct engine_ops *ops = run->rq.ops;
    switch (run->rq.task) {
    case ENGINE_TASK_PROBE:
        ops->probe(run);
        break;
    case ENGINE_TASK_TURN:
        ops->turn(run);
        break;
    case ENGINE_TASK_EMBED:
        ops->embed(run);
        break;
    case ENGINE_TASK_RERANK:
        ops->rerank(run);
        break;
    case ENGINE_TASK_RECEIVE:
        ops->receive(run, run->rq.incoming);
        break;
    }
}

static void engine_run_begin(struct engine_run *run)
{
    if (!engine_run_can(run)) {
        engine_run_fail_text(run, ENGINE_CONFIG, "Engines of this type cannot do this.");
        return;
    }
    if (run->rq.ops->open)
        run->rq.ops->open(run);
    if (!run->over)
        engine_run_task(run);
}

struct engine_run *engine_run_start(const struct engine_run_request *rq, const struct engine_owner *owner)
{
    struct engine_run *run = calloc(1, sizeof(*run));
    if (!run)
        return NULL;
    run->refs = 1;
    run->rq = *rq;
    run->owner = *owner;
    arena_init_small(&run->arena, ENGINE_RUN_ARENA);
    arena_init(&run->scratch, ENGINE_SCRATCH_ARENA);
    buf_init(&run->text, rq->max_output + 16);
    run->memory = arena_alloc(&run->arena, rq->ops->size ? rq->ops->size : 1);
    if (run->memory)
        engine_run_begin(run);
    else
        engine_run_end(run, ENGINE_INTERNAL);
    /* The request was built here and is copied: a run that waits keeps only what it needs. */
    arena_release(&run->scratch);
    return run;
}
