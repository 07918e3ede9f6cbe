/* buf.h: a growing byte buffer with a maximum.
 *
 * It always ends with a NUL that is not counted. An append that fails (maximum reached, no memory) sets `failed` and
 * leaves the content as it was; every later append then fails, too. So build first and ask buf_ok() once at the end.
 * Thread rule: a buffer belongs to one thread at a time. */
#ifndef PARLEY_BASE_BUF_H
#define PARLEY_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
    char *p;    /* never NULL after buf_init */
    size_t n;   /* bytes used */
    size_t cap; /* bytes allocated; 0 while p is the static empty string */
    size_t max; /* bytes it may ever hold */
    bool failed;
    bool full;  /* failed because `max` was reached, not for want of memory */
    bool fixed; /* p is memory of the caller: never grown, never freed */
};

void buf_init(struct buf *b, size_t max);
/* A buffer over memory of the caller (at least 1 byte). It holds size - 1 bytes, allocates nothing and needs no
 * release. */
void buf_fixed(struct buf *b, char *memory, size_t size);
void buf_release(struct buf *b);
/* Make it empty and usable again. Memory over 64 KB is given back. */
void buf_clear(struct buf *b);
static inline bool buf_ok(const struct buf *b)
{
    return !b->failed;
}
/* The content, borrowed until the next change. */
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p, b->n};
}

void buf_add(struct buf *b, const void *p, size_t n);
/* n more bytes for the caller to fill in; NULL when that fails. */
char *buf_extend(struct buf *b, size_t n);
void buf_str_add(struct buf *b, struct str s);
void buf_puts(struct buf *b, const char *z);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_u64(struct buf *b, uint64_t v);
void buf_i64(struct buf *b, int64_t v);
/* With & < > " ' escaped. */
void buf_html(struct buf *b, struct str s);
/* Percent-encoded as one URL component: only the unreserved characters of RFC 3986 stay. */
void buf_url(struct buf *b, struct str s);
/* As a JSON string with its quotes. < > & U+2028 U+2029 are escaped, so that it is safe inside HTML; invalid UTF-8
 * becomes U+FFFD. */
void buf_json(struct buf *b, struct str s);
/* The content as malloc'ed memory that the caller frees; NULL if the buffer has failed. It is empty afterwards. */
char *buf_detach(struct buf *b);

#endif
