/* sse.c: event streams, as servers of models send them and not only as the standard has them: some leave out the space
 * after the colon, some end lines with CR alone, one glues two bytes in front of the first field. The reader keeps one
 * line and one event; both have a maximum, because the sender is not trusted. */
#include "engine/sse.h"

#include "engine/text.h"

#include "base/banned.h"

void sse_init(struct sse *s)
{
    *s = (struct sse){0};
    buf_init(&s->line, SSE_LINE_MAX);
    buf_init(&s->data, SSE_EVENT_MAX);
    buf_init(&s->event, 256);
}

void sse_release(struct sse *s)
{
    buf_release(&s->line);
    buf_release(&s->data);
    buf_release(&s->event);
}

static void sse_field(struct sse *s, struct str line)
{
    ptrdiff_t colon = str_find(line, ':');
    struct str name = colon < 0 ? line : str_n(line.p, (size_t)colon);
    struct str value = colon < 0 ? STR_EMPTY : str_sub(line, (size_t)colon + 1, line.n);
    if (str_starts(value, STR(" ")))
        value = str_sub(value, 1, value.n);
    if (str_eqz(name, "data")) {
        if (s->has_data)
            buf_putc(&s->data, '\n');
        text_clean(&s->data, value);
        s->has_data = true;
    } else if (str_eqz(name, "event")) {
        buf_clear(&s->event);
        buf_str_add(&s->event, str_sub(value, 0, 200));
    }
}

/* An empty line ends the event; without data there is none. */
static bool sse_line(struct sse *s, sse_fn *fn, void *ctx)
{
    struct str line = buf_str(&s->line);
    bool more = true;
    if (!s->begun && str_starts(line, STR("\xEF\xBB\xBF")))
        line = str_sub(line, 3, line.n);
    s->begun = true;
    if (line.n)
        sse_field(s, line);
    else {
        if (s->has_data && buf_ok(&s->data))
            more = fn(ctx, buf_str(&s->event), buf_str(&s->data));
        if (buf_ok(&s->data)) {
            buf_clear(&s->data);
            buf_clear(&s->event);
            s->has_data = false;
        }
    }
    buf_clear(&s->line);
    return more;
}

/* CRLF may be split between two pieces, so the LF after a CR is skipped and not looked for. */
enum status sse_feed(struct sse *s, const char *p, size_t n, sse_fn *fn, void *ctx, struct err *e)
{
    bool more = true;
    for (size_t i = 0; more && i < n;) {
        if (s->after_cr && p[i] == '\n') {
            s->after_cr = false;
            i++;
            continue;
        }
        size_t from = i;
        s->after_cr = false;
        while (i < n && p[i] != '\n' && p[i] != '\r')
            i++;
        buf_add(&s->line, p + from, i - from);
        if (i < n) {
            s->after_cr = p[i++] == '\r';
            more = sse_line(s, fn, ctx);
        }
        if (s->line.full || s->data.full)
            return err_set(e, E_reply_too_large, "A line or an event of the stream is too long.");
        if (!buf_ok(&s->line) || !buf_ok(&s->data))
            return err_nomem(e);
    }
    return OK;
}
