/* ndjson.c: one JSON document a line, as Ollama streams them. */
#include "engine/ndjson.h"

#include "base/banned.h"

void ndjson_init(struct ndjson *r)
{
    buf_init(&r->line, NDJSON_LINE_MAX);
}

void ndjson_release(struct ndjson *r)
{
    buf_release(&r->line);
}

static bool ndjson_line(struct ndjson *r, ndjson_fn *fn, void *ctx)
{
    struct str line = str_trim(buf_str(&r->line));
    bool more = line.n == 0 || fn(ctx, line);
    buf_clear(&r->line);
    return more;
}

enum status ndjson_feed(struct ndjson *r, const char *p, size_t n, ndjson_fn *fn, void *ctx, struct err *e)
{
    bool more = true;
    for (size_t i = 0; more && i < n;) {
        const char *end = memchr(p + i, '\n', n - i);
        size_t size = end ? (size_t)(end - (p + i)) : n - i;
        buf_add(&r->line, p + i, size);
        if (r->line.full)
            return err_set(e, E_reply_too_large, "A line of the stream is too long.");
        if (!buf_ok(&r->line))
            return err_nomem(e);
        if (end)
            more = ndjson_line(r, fn, ctx);
        i += size + (end ? 1 : 0);
    }
    return OK;
}

void ndjson_end(struct ndjson *r, ndjson_fn *fn, void *ctx)
{
    (void)ndjson_line(r, fn, ctx);
}
