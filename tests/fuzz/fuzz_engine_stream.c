/* Any bytes as an event stream, as lines and as a text in pieces: the size of the pieces changes nothing, and what
 * comes out is valid UTF-8. The first byte is the size of the pieces. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "engine/ndjson.h"
#include "engine/sse.h"
#include "engine/text.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool on_event(void *ctx, struct str event, struct str data)
{
    struct buf *out = ctx;
    if (!utf8_valid(data) || data.n > SSE_EVENT_MAX)
        abort();
    buf_printf(out, "%zu:", event.n);
    buf_str_add(out, event);
    buf_printf(out, "%zu:", data.n);
    buf_str_add(out, data);
    return true;
}

static bool on_line(void *ctx, struct str line)
{
    buf_printf(ctx, "%zu:", line.n);
    buf_str_add(ctx, line);
    return line.n > 0;
}

static enum status read_events(struct str in, size_t piece, struct buf *out)
{
    struct err e = ERR_INIT;
    struct sse s;
    enum status st = OK;
    sse_init(&s);
    for (size_t i = 0; st == OK && i < in.n; i += piece) {
        struct str part = str_sub(in, i, piece);
        st = sse_feed(&s, part.p, part.n, on_event, out, &e);
    }
    sse_release(&s);
    return st;
}

static enum status read_lines(struct str in, size_t piece, struct buf *out)
{
    struct err e = ERR_INIT;
    struct ndjson r;
    enum status st = OK;
    ndjson_init(&r);
    for (size_t i = 0; st == OK && i < in.n; i += piece) {
        struct str part = str_sub(in, i, piece);
        st = ndjson_feed(&r, part.p, part.n, on_line, out, &e);
    }
    ndjson_end(&r, on_line, out);
    ndjson_release(&r);
    return st;
}

static enum status read_text(struct str in, size_t piece, struct buf *out)
{
    struct text_tail tail = {.n = 0};
    struct text_think think = {.n = 0};
    struct buf whole;
    buf_init(&whole, 64 * MB);
    for (size_t i = 0; i < in.n; i += piece) {
        text_whole(&tail, str_sub(in, i, piece), &whole);
        if (!utf8_valid(buf_str(&whole)))
            abort();
        text_think(&think, buf_str(&whole), out);
        buf_clear(&whole);
    }
    text_whole_end(&tail, &whole);
    text_think(&think, buf_str(&whole), out);
    text_think_end(&think, out);
    buf_release(&whole);
    if (!utf8_valid(buf_str(out)))
        abort();
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static enum status (*const readers[])(struct str, size_t, struct buf *) = {read_events, read_lines, read_text};
    struct str in = {(const char *)data + 1, size ? size - 1 : 0};
    if (!in.n)
        return 0;
    for (size_t i = 0; i < COUNT_OF(readers); i++) {
        struct buf one, two;
        buf_init(&one, 64 * MB);
        buf_init(&two, 64 * MB);
        if (readers[i](in, in.n, &one) != readers[i](in, (size_t)data[0] + 1, &two) ||
            !str_eq(buf_str(&one), buf_str(&two)))
            abort();
        buf_release(&one);
        buf_release(&two);
    }
    return 0;
}
