/* botpress_inbox.c: streams and messages of one run. Only one stream at a time is reported piece by piece, because an
 * event does not say which message its piece belongs to; other streams are collected, and other messages wait, until it
 * ends. Invariant: the id of a message is in `ids` from the moment it is reported or queued. */
#include "engine/botpress_inbox.h"

#include "base/limits.h"
#include "engine/botpress_payload.h"

#include "base/banned.h"

#define INBOX_STREAMS_MAX 16
#define INBOX_HELD_MAX 256
#define INBOX_QUEUE_MAX 100
#define INBOX_TEXT_MAX (256 * KB)

static void inbox_free_stream(struct botpress_stream *s)
{
    VEC_RELEASE(&s->held);
    buf_release(&s->text);
}

void botpress_inbox_release(struct botpress_inbox *in)
{
    for (size_t i = 0; i < in->streams.n; i++)
        inbox_free_stream(&in->streams.p[i]);
    VEC_RELEASE(&in->streams);
    VEC_RELEASE(&in->ids);
    VEC_RELEASE(&in->queue);
}

static struct str inbox_keep(struct engine_run *run, struct str s)
{
    bool ok = true;
    struct str kept = arena_str(engine_run_arena(run), s, &ok);
    if (!ok)
        engine_run_end(run, ENGINE_INTERNAL);
    return kept;
}

void botpress_inbox_time(struct engine_run *run, struct botpress_inbox *in, struct str created_at)
{
    if (created_at.n && str_cmp(created_at, str_n(in->newest.p, in->newest.n)) > 0)
        in->newest = inbox_keep(run, created_at);
}

static struct botpress_stream *inbox_find_stream(struct botpress_inbox *in, struct str id)
{
    for (size_t i = 0; id.n && i < in->streams.n; i++)
        if (str_eq(in->streams.p[i].id, id))
            return &in->streams.p[i];
    return NULL;
}

/* The last stream takes its place, so pointers to streams are not valid any more. */
static void inbox_drop_stream(struct botpress_inbox *in, struct botpress_stream *s)
{
    inbox_free_stream(s);
    *s = in->streams.p[--in->streams.n];
}

/* ---- messages ---- */

/* False if the id is there already. A message without an id cannot be known again, so it counts as new. */
static bool inbox_add_id(struct engine_run *run, struct botpress_inbox *in, struct str id)
{
    for (size_t i = 0; id.n && i < in->ids.n; i++)
        if (str_eq(in->ids.p[i], id))
            return false;
    if (id.n && VEC_PUSH(&in->ids, inbox_keep(run, id)) != 0)
        engine_run_end(run, ENGINE_INTERNAL);
    return true;
}

/* The message that the pieces were of takes their place; then what waited for it. */
static void inbox_end_live(struct engine_run *run, struct botpress_inbox *in, const struct json *message)
{
    struct botpress_stream *s = inbox_find_stream(in, in->live);
    if (s)
        inbox_drop_stream(in, s);
    in->live = STR_EMPTY;
    botpress_emit_payload(run, json_get(message, "payload"));
    for (size_t i = 0; i < in->queue.n; i++)
        if (in->queue.p[i] != message)
            botpress_emit_payload(run, json_get(in->queue.p[i], "payload"));
    in->queue.n = 0;
}

/* After a gap the end of the live stream may have been missed. Its message is then known by how it begins. */
static bool inbox_is_of_live(const struct botpress_inbox *in, const struct botpress_stream *s,
                             const struct json *message)
{
    struct str text = json_get_str(json_get(message, "payload"), "text");
    return in->gap && s->text.n && str_starts(text, buf_str(&s->text));
}

static void inbox_queue(struct engine_run *run, struct botpress_inbox *in, const struct json *message)
{
    const struct json *copy = json_copy(engine_run_arena(run), message);
    if (in->queue.n >= INBOX_QUEUE_MAX)
        engine_run_end(run, ENGINE_TOO_BIG);
    else if (!copy || VEC_PUSH(&in->queue, copy) != 0)
        engine_run_end(run, ENGINE_INTERNAL);
}

bool botpress_inbox_message(struct engine_run *run, struct botpress_inbox *in, const struct json *message)
{
    const struct botpress_stream *s = inbox_find_stream(in, in->live);
    if (!inbox_add_id(run, in, json_get_str(message, "id")))
        return false;
    botpress_inbox_time(run, in, json_get_str(message, "createdAt"));
    if (!s)
        botpress_emit_payload(run, json_get(message, "payload"));
    else if (inbox_is_of_live(in, s, message))
        inbox_end_live(run, in, message);
    else
        inbox_queue(run, in, message);
    return true;
}

/* ---- streams ---- */

static struct botpress_stream *inbox_add_stream(struct engine_run *run, struct botpress_inbox *in, struct str id)
{
    struct botpress_stream s = {.id = inbox_keep(run, id), .next = -1};
    buf_init(&s.text, INBOX_TEXT_MAX);
    if (in->streams.n >= INBOX_STREAMS_MAX || VEC_PUSH(&in->streams, s) != 0)
        return NULL;
    if (!in->live.n)
        in->live = s.id;
    return &in->streams.p[in->streams.n - 1];
}

static ptrdiff_t inbox_find_piece(const struct botpress_stream *s, int64_t sequence)
{
    for (size_t i = 0; i < s->held.n; i++)
        if (s->held.p[i].sequence == sequence)
            return (ptrdiff_t)i;
    return -1;
}

/* Sequences are not documented to begin with 0 or with 1. With 0 the first piece is known at once; 1 is taken to be the
 * first when 2 has come as well and 0 has not. If that is wrong, the message at the end of the stream puts it right. */
static int64_t inbox_first_sequence(const struct botpress_stream *s)
{
    if (inbox_find_piece(s, 0) >= 0)
        return 0;
    return inbox_find_piece(s, 1) >= 0 && inbox_find_piece(s, 2) >= 0 ? 1 : -1;
}

/* Report or collect what is held as far as no piece is missing in between. */
static void inbox_take_pieces(struct engine_run *run, struct botpress_inbox *in, struct botpress_stream *s)
{
    bool live = str_eq(s->id, in->live);
    ptrdiff_t at;
    if (s->next < 0)
        s->next = inbox_first_sequence(s);
    while (s->next >= 0 && (at = inbox_find_piece(s, s->next)) >= 0) {
        struct str text = s->held.p[at].text;
        s->held.p[at] = s->held.p[--s->held.n];
        s->next++;
        buf_str_add(&s->text, text);
        if (live)
            engine_emit_delta(run, text);
    }
}

void botpress_inbox_delta(struct engine_run *run, struct botpress_inbox *in, const struct json *data)
{
    struct str id = json_get_str(data, "streamId"), text = json_get_str(data, "delta");
    struct botpress_stream *s = inbox_find_stream(in, id);
    int64_t sequence = json_int(json_get(data, "sequence"), -1);
    if (!text.n)
        text = json_get_str(json_get(data, "delta"), "text");
    if (!id.n || sequence < 0)
        return;
    if (!s)
        s = inbox_add_stream(run, in, id);
    if (!s || s->held.n >= INBOX_HELD_MAX)
        engine_run_end(run, ENGINE_TOO_BIG);
    else if (sequence >= s->next && inbox_find_piece(s, sequence) < 0) {
        struct botpress_piece piece = {sequence, inbox_keep(run, text)};
        if (VEC_PUSH(&s->held, piece) != 0)
            engine_run_end(run, ENGINE_INTERNAL);
        else
            inbox_take_pieces(run, in, s);
    }
}

/* The message may have been announced before the end of its stream: then it waits in the queue under the same id. */
void botpress_inbox_complete(struct engine_run *run, struct botpress_inbox *in, const struct json *data)
{
    const struct json *message = json_get(data, "message");
    struct str id = json_get_str(data, "streamId"), message_id = json_get_str(message, "id");
    struct botpress_stream *s = inbox_find_stream(in, id);
    bool live = s && str_eq(id, in->live), first = inbox_add_id(run, in, message_id);
    botpress_inbox_time(run, in, json_get_str(message, "createdAt"));
    for (size_t i = 0; live && i < in->queue.n; i++)
        if (str_eq(json_get_str(in->queue.p[i], "id"), message_id))
            message = in->queue.p[i];
    if (live)
        inbox_end_live(run, in, message);
    else {
        if (s)
            inbox_drop_stream(in, s);
        if (first && in->live.n)
            inbox_queue(run, in, message);
        else if (first)
            botpress_emit_payload(run, json_get(message, "payload"));
    }
}

void botpress_inbox_abort(struct engine_run *run, struct botpress_inbox *in, const struct json *data)
{
    struct botpress_stream *s = inbox_find_stream(in, json_get_str(data, "streamId"));
    if (!s)
        return;
    if (str_eq(s->id, in->live) && s->text.n)
        engine_run_fail_text(run, ENGINE_TRUNCATED, "The bot stopped in the middle of a message.");
    else if (str_eq(s->id, in->live))
        inbox_end_live(run, in, NULL);
    else
        inbox_drop_stream(in, s);
}
