/* buf.h: a growing byte buffer with a maximum.
 *
 * Always NUL-terminated (the NUL is not counted). A failed append (maximum reached, no memory) sets `failed`, leaves what
 * was there, and every later append fails too: build first, ask buf_ok() once at the end. All maxima stand in limits.h.
 * Not shared between threads. */
#ifndef PARLEY_BASE_BUF_H
#define PARLEY_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
    char *p;    /* never NULL after buf_init */
    size_t n;   /* bytes used */
    size_t cap; /* bytes allocated, 0 while p is the static empty string */
    size_t max; /* bytes it may ever hold */
    bool failed;
    bool full;  /* failed because `max` was reached, not for want of memory */
    bool fixed; /* p is the caller's memory: never grown, never freed */
};

void buf_init(struct buf *b, size_t max);
/* Over memory of the caller's (size at least 1): holds size - 1 bytes, allocates nothing, needs no release. */
void buf_fixed(struct buf *b, char *memory, size_t size);
void buf_release(struct buf *b);
void buf_clear(struct buf *b); /* empty and not failed; memory over 64 KB is given back */
static inline bool buf_ok(const struct buf *b)
{
    return !b->failed;
}
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p, b->n};
}

void buf_add(struct buf *b, const void *p, size_t n);
char *buf_extend(struct buf *b, size_t n); /* n more bytes for the caller to fill; NULL when that fails */
void buf_str_add(struct buf *b, struct str s);
void buf_puts(struct buf *b, const char *z);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_u64(struct buf *b, uint64_t v);
void buf_i64(struct buf *b, int64_t v);
void buf_html(struct buf *b, struct str s); /* & < > " ' escaped */
void buf_url(struct buf *b, struct str s);  /* percent-encoded as one URL component (RFC 3986 unreserved stay) */
void buf_json(
    struct buf *b,
    struct str
        s); /* as a JSON string with quotes; < > & U+2028/9 escaped, safe inside HTML; bad UTF-8 becomes U+FFFD */
char *buf_detach(struct buf *b); /* caller frees; NULL if failed; the buffer is empty afterwards */

#endif
