/* ndjson.h: a reader of lines (application/x-ndjson), fed in pieces of any size. Empty lines are skipped, and a last
 * line without a line break counts. Thread rule: a reader belongs to one thread at a time. */
#ifndef PARLEY_ENGINE_NDJSON_H
#define PARLEY_ENGINE_NDJSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

#define NDJSON_LINE_MAX (1 * MB) /* Ollama sends a whole tool call in one line */

struct ndjson {
    struct buf line;
};
/* One line, borrowed. True: go on. */
typedef bool ndjson_fn(void *ctx, struct str line);

void ndjson_init(struct ndjson *r);
void ndjson_release(struct ndjson *r);
/* ERR_TOO_LARGE code reply_too_large; ERR_NOMEM. Stops early, with OK, when the function returns false. */
enum status ndjson_feed(struct ndjson *r, const char *p, size_t n, ndjson_fn *fn, void *ctx, struct err *e);
/* At the end of the stream: what is left is a line as well. */
void ndjson_end(struct ndjson *r, ndjson_fn *fn, void *ctx);

#endif
