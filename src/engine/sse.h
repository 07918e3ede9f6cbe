/* sse.h: a reader of event streams (text/event-stream, HTML Living Standard 9.2), fed in pieces of any size.
 *
 * Lines end with CR, LF or CRLF; a byte order mark at the beginning is skipped; comments, `id` and `retry` are read and
 * ignored. What is not valid UTF-8 becomes U+FFFD. Thread rule: a reader belongs to one thread at a time. */
#ifndef PARLEY_ENGINE_SSE_H
#define PARLEY_ENGINE_SSE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

#define SSE_LINE_MAX (64 * KB)
#define SSE_EVENT_MAX (1 * MB) /* all data lines of one event */

struct sse {
    struct buf line, data, event;
    bool after_cr, begun, has_data;
};
/* One event: its type ("" if it names none) and its data lines, joined by newlines. Borrowed. True: go on. */
typedef bool sse_fn(void *ctx, struct str event, struct str data);

void sse_init(struct sse *s);
void sse_release(struct sse *s);
/* ERR_TOO_LARGE code reply_too_large for a line or an event that is too long; ERR_NOMEM. Stops early, with OK, when the
 * function returns false. An event that the stream does not finish with an empty line is never passed on. */
enum status sse_feed(struct sse *s, const char *p, size_t n, sse_fn *fn, void *ctx, struct err *e);

#endif
