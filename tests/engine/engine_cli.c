/* engine_cli.c: a chain of engines on a string: one JSON object a line in, one out, for the tests of this folder.
 *
 *   {"asking": "turn" | "probe" | "embed" | "rerank",
 *    "links": [{"type", "settings", "budget_ms", "first_byte_ms", "idle_ms"}],
 *    "messages": [{"role", "text", "images": [{"url", "mime", "hex"}], "calls": [...], "tool_id", "tool_name"}],
 *    "tools": [...], "schema", "texts": [...], "query", "mask": true, "mask_patterns": [...],
 *    "max_tokens", "temperature", "state", "language", "message_id", "conversation", "contact",
 *    "cancel_ms": cancel so long after the start}
 *   -> {"events": [{"kind", "ms", ...}], "class", "text", "interrupted", "winner", "tries": [...], "sent": [...],
 *       "ms", "cancelled_ms", "in_flight"} */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/chain.h"
#include "net/calls.h"
#include "net/fetch.h"

#include "base/banned.h"

static const char *const kinds[] = {
    [ENGINE_EVENT_DELTA] = "delta",         [ENGINE_EVENT_MESSAGE] = "message", [ENGINE_EVENT_CHOICES] = "choices",
    [ENGINE_EVENT_CARD] = "card",           [ENGINE_EVENT_MEDIA] = "media",     [ENGINE_EVENT_CITATION] = "citation",
    [ENGINE_EVENT_TOOL_CALL] = "tool_call", [ENGINE_EVENT_USAGE] = "usage",     [ENGINE_EVENT_STATE] = "state",
    [ENGINE_EVENT_HANDOFF] = "handoff",     [ENGINE_EVENT_MODEL] = "model",     [ENGINE_EVENT_VECTOR] = "vector",
    [ENGINE_EVENT_SCORE] = "score",
};
static const char *const roles[] = {"system", "user", "assistant", "tool"};

static void must(bool ok)
{
    if (!ok) {
        fprintf(stderr, "engine_cli: out of memory, or a wrong line\n");
        exit(3);
    }
}

static struct engine_image *read_images(struct arena *a, const struct json *rows)
{
    struct engine_image *images = arena_array(a, json_len(rows) + 1, sizeof(*images));
    must(images);
    for (size_t i = 0; i < json_len(rows); i++) {
        struct str hex = json_get_str(json_at(rows, i), "hex");
        char *bytes = arena_alloc(a, hex.n + 1);
        must(bytes && crypto_hex_decode(hex, bytes, hex.n / 2));
        images[i].url = json_get_str(json_at(rows, i), "url");
        images[i].mime = json_get_str(json_at(rows, i), "mime");
        images[i].bytes = str_n(bytes, hex.n / 2);
    }
    return images;
}

static struct engine_tool_call *read_calls(struct arena *a, const struct json *rows)
{
    struct engine_tool_call *out = arena_array(a, json_len(rows) + 1, sizeof(*out));
    must(out);
    for (size_t i = 0; i < json_len(rows); i++)
        out[i] = (struct engine_tool_call){json_get_str(json_at(rows, i), "id"), json_get_str(json_at(rows, i), "name"),
                                           json_get_str(json_at(rows, i), "arguments")};
    return out;
}

static struct engine_message *read_messages(struct arena *a, const struct json *rows)
{
    struct engine_message *out = arena_array(a, json_len(rows) + 1, sizeof(*out));
    must(out);
    for (size_t i = 0; i < json_len(rows); i++) {
        const struct json *row = json_at(rows, i);
        out[i] = (struct engine_message){
            .role = (enum engine_role)str_among(json_get_str(row, "role"), roles, COUNT_OF(roles)),
            .text = json_get_str(row, "text"),
            .images = read_images(a, json_get(row, "images")),
            .image_count = json_len(json_get(row, "images")),
            .calls = read_calls(a, json_get(row, "calls")),
            .call_count = json_len(json_get(row, "calls")),
            .tool_id = json_get_str(row, "tool_id"),
            .tool_name = json_get_str(row, "tool_name"),
        };
    }
    return out;
}

static struct str *read_texts(struct arena *a, const struct json *rows)
{
    struct str *out = arena_array(a, json_len(rows) + 1, sizeof(*out));
    must(out);
    for (size_t i = 0; i < json_len(rows); i++)
        out[i] = json_str(json_at(rows, i));
    return out;
}

static struct engine_link *read_links(struct arena *a, const struct json *rows)
{
    struct engine_link *out = arena_array(a, json_len(rows) + 1, sizeof(*out));
    must(out);
    for (size_t i = 0; i < json_len(rows); i++) {
        const struct json *row = json_at(rows, i);
        out[i] = (struct engine_link){
            .engine = id_new(),
            .type = engine_type_find(json_get_str(row, "type")),
            .settings = json_get(row, "settings"),
            .first_byte_ms = json_int(json_get(row, "first_byte_ms"), 0),
            .idle_ms = json_int(json_get(row, "idle_ms"), 0),
            .budget_ms = json_int(json_get(row, "budget_ms"), 0),
        };
        must(out[i].type);
    }
    return out;
}

static void read_turn(struct arena *a, const struct json *in, struct engine_turn *t)
{
    const struct json *tools = json_get(in, "tools");
    struct engine_tool *made = arena_array(a, json_len(tools) + 1, sizeof(*made));
    must(made);
    for (size_t i = 0; i < json_len(tools); i++)
        made[i] = (struct engine_tool){json_get_str(json_at(tools, i), "name"),
                                       json_get_str(json_at(tools, i), "description"),
                                       json_get(json_at(tools, i), "parameters")};
    *t = (struct engine_turn){
        .message_id = json_get_str(in, "message_id"),
        .language = json_get_str(in, "language"),
        .state = json_get(in, "state"),
        .messages = read_messages(a, json_get(in, "messages")),
        .message_count = json_len(json_get(in, "messages")),
        .tools = made,
        .tool_count = json_len(tools),
        .schema = json_get(in, "schema"),
        .temperature = json_double(json_get(in, "temperature"), -1),
        .top_p = json_double(json_get(in, "top_p"), -1),
        .max_tokens = json_int(json_get(in, "max_tokens"), 0),
        .seed = json_int(json_get(in, "seed"), -1),
        .stop = read_texts(a, json_get(in, "stop")),
        .stop_count = json_len(json_get(in, "stop")),
    };
    if (json_has(in, "conversation"))
        must(id_parse(ID_CONVERSATION, json_get_str(in, "conversation"), &t->conversation) &&
             id_parse(ID_USER, json_get_str(in, "contact"), &t->contact));
}

static void write_choices(struct json *row, const struct engine_event *ev)
{
    struct json *rows, *choice;
    must(json_set_array(row, "choices", &rows) == 0);
    for (size_t i = 0; i < ev->choice_count; i++)
        must(json_push_object(rows, &choice) == 0 && json_set_str(choice, "label", ev->choices[i].label) == 0 &&
             json_set_str(choice, "value", ev->choices[i].value) == 0 &&
             json_set_str(choice, "url", ev->choices[i].url) == 0);
}

static void write_event(struct json *rows, const struct engine_event *ev, int64_t ms)
{
    struct json *row;
    must(json_push_object(rows, &row) == 0 && json_set_str(row, "kind", str_from(kinds[ev->kind])) == 0 &&
         json_set_int(row, "ms", ms) == 0 && json_set_str(row, "text", ev->text) == 0);
    if (ev->kind == ENGINE_EVENT_STATE)
        must(json_set_str(row, "key", ev->key) == 0 && json_set_bool(row, "secret", ev->secret) == 0);
    if (ev->kind == ENGINE_EVENT_MEDIA || ev->kind == ENGINE_EVENT_CARD)
        must(json_set_str(row, "title", ev->title) == 0 && json_set_str(row, "url", ev->url) == 0 &&
             json_set_str(row, "mime", ev->mime) == 0);
    if (ev->kind == ENGINE_EVENT_CHOICES || ev->kind == ENGINE_EVENT_CARD)
        write_choices(row, ev);
    if (ev->kind == ENGINE_EVENT_TOOL_CALL)
        must(json_set_str(row, "id", ev->call.id) == 0 && json_set_str(row, "name", ev->call.name) == 0 &&
             json_set_str(row, "arguments", ev->call.arguments) == 0);
    if (ev->kind == ENGINE_EVENT_USAGE)
        must(json_set_int(row, "in", ev->usage.tokens_in) == 0 && json_set_int(row, "out", ev->usage.tokens_out) == 0);
    if (ev->kind == ENGINE_EVENT_SCORE)
        must(json_set_int(row, "index", (int64_t)ev->index) == 0 && json_set_double(row, "score", ev->score) == 0);
    if (ev->kind == ENGINE_EVENT_VECTOR)
        must(json_set_int(row, "index", (int64_t)ev->index) == 0 &&
             json_set_int(row, "dimensions", (int64_t)ev->dimensions) == 0 &&
             json_set_double(row, "first", (double)ev->vector[0]) == 0);
}

static void write_failure(struct json *out, const struct engine_failure *f)
{
    struct buf text;
    buf_init(&text, 4000);
    engine_failure_text(&text, f);
    must(json_set_str(out, "class", str_from(engine_class_name(f->class))) == 0 &&
         json_set_str(out, "text", buf_str(&text)) == 0 && json_set_int(out, "http", f->http) == 0 &&
         json_set_str(out, "code", str_from(f->code)) == 0 && json_set_str(out, "detail", str_from(f->detail)) == 0 &&
         json_set_int(out, "retry_after_ms", f->retry_after_ms) == 0 &&
         json_set_bool(out, "delivered", f->delivered) == 0 &&
         json_set_str(out, "upstream_id", str_from(f->upstream_id)) == 0);
    buf_release(&text);
}

static void write_outcome(struct json *out, const struct engine_chain *c, const struct engine_outcome *o)
{
    const struct engine_turn *sent = engine_chain_sent(c);
    struct json *tries, *row, *texts;
    write_failure(out, &o->end);
    must(json_set_bool(out, "interrupted", o->interrupted) == 0 && json_set_int(out, "winner", o->winner) == 0 &&
         json_set_array(out, "tries", &tries) == 0 && json_set_array(out, "sent", &texts) == 0);
    for (size_t i = 0; i < o->try_count; i++) {
        const struct engine_try *t = &o->tries[i];
        must(json_push_object(tries, &row) == 0 && json_set_str(row, "type", str_from(t->type->name)) == 0 &&
             json_set_str(row, "model", str_from(t->model)) == 0 && json_set_int(row, "in", t->usage.tokens_in) == 0 &&
             json_set_int(row, "out", t->usage.tokens_out) == 0 && json_set_int(row, "first_ms", t->first_ms) == 0 &&
             json_set_int(row, "total_ms", t->total_ms) == 0 && json_set_bool(row, "answered", t->answered) == 0 &&
             json_set_int(row, "estimate_in", t->estimate.tokens_in) == 0 &&
             json_set_int(row, "estimate_out", t->estimate.tokens_out) == 0);
        write_failure(row, &t->end);
    }
    for (size_t i = 0; sent && i < sent->message_count; i++)
        must(json_push_str(texts, sent->messages[i].text) == 0);
}

static void wait_for(struct engine_chain *c, struct waker_wait *w, struct arena *a, const struct json *in,
                     struct json *out)
{
    struct json *events;
    struct engine_event ev;
    struct engine_outcome o;
    struct err e = ERR_INIT;
    int64_t begin = clock_mono_us(), cancel_ms = json_int(json_get(in, "cancel_ms"), -1), cancelled = 0;
    must(json_set_array(out, "events", &events) == 0);
    while (!engine_chain_over(c, &o)) {
        int64_t ms = (clock_mono_us() - begin) / 1000;
        if (engine_chain_next(c, a, &ev, &e)) {
            write_event(events, &ev, ms);
            continue;
        }
        if (cancel_ms >= 0 && ms >= cancel_ms) {
            engine_chain_cancel(c);
            engine_chain_cancel(c);
            cancelled = cancelled ? cancelled : clock_mono_us();
        }
        (void)waker_wait_for(w, cancel_ms >= ms && !cancelled ? cancel_ms - ms : 1000);
    }
    write_outcome(out, c, &o);
    must(json_set_int(out, "ms", (clock_mono_us() - begin) / 1000) == 0 &&
         json_set_int(out, "cancelled_ms", cancelled ? (clock_mono_us() - cancelled) / 1000 : -1) == 0);
}

static void answer(struct arena *a, const struct json *in, struct json *out)
{
    static const char *const askings[] = {"turn", "probe", "embed", "rerank"};
    const struct config *config = config_current();
    struct engine_turn turn;
    struct engine_chain *c = NULL;
    struct waker_wait wait;
    struct waker waker;
    struct err e = ERR_INIT;
    struct id tenant = id_new();
    read_turn(a, in, &turn);
    struct engine_chain_request rq = {
        .asking = (enum engine_asking)str_among(json_get_str(in, "asking"), askings, COUNT_OF(askings)),
        .tenant = tenant,
        .links = read_links(a, json_get(in, "links")),
        .link_count = json_len(json_get(in, "links")),
        .texts = read_texts(a, json_get(in, "texts")),
        .text_count = json_len(json_get(in, "texts")),
        .query = json_get_str(in, "query"),
        .mask = json_bool(json_get(in, "mask")),
        .mask_patterns = read_texts(a, json_get(in, "mask_patterns")),
        .mask_pattern_count = json_len(json_get(in, "mask_patterns")),
    };
    if (rq.asking == ENGINE_ASK_TURN)
        rq.turn = &turn;
    waker_wait_begin(&wait, &waker);
    if (engine_chain_start(config, &rq, &waker, &c, &e) == OK)
        wait_for(c, &wait, a, in, out);
    else
        must(json_set_str(out, "refused", str_from(e.message)) == 0);
    engine_chain_free(c);
    waker_wait_end(&wait);
    for (int i = 0; i < 25 && calls_count(tenant).in_flight; i++)
        usleep(2000); /* a cancelled call ends within 50 ms */
    must(json_set_int(out, "in_flight", calls_count(tenant).in_flight) == 0);
    config_drop(config);
}

static void answer_line(struct str line)
{
    struct err e = ERR_INIT;
    struct json *in = NULL, *out;
    struct arena a;
    struct buf b;
    arena_init(&a, 512 * MB);
    out = json_new_object(&a);
    must(out && json_parse(&a, line, 64, &in, &e) == OK);
    answer(&a, in, out);
    buf_init(&b, 64 * MB);
    json_write(&b, out);
    must(buf_ok(&b));
    printf("%s\n", b.p);
    fflush(stdout);
    buf_release(&b);
    arena_release(&a);
}

int main(void)
{
    const struct config *config = NULL;
    struct err e = ERR_INIT;
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    if (crypto_init(&e) != OK || log_open("engine_cli", NULL, LOG_INFO, &e) != OK ||
        config_load(NULL, &config, &e) != OK) {
        fprintf(stderr, "engine_cli: %s\n", e.message);
        return 2;
    }
    config_set_current(config);
    while ((n = getline(&line, &size, stdin)) > 0)
        answer_line(str_trim(str_n(line, (size_t)n)));
    free(line);
    config_set_current(NULL);
    fetch_library_end();
    return 0;
}
