/* buf.c: a growing byte buffer with a maximum, and the escapes of the formats that Parley writes.
 *
 * Appending never reports an error. A failed buffer ignores further appends, so code that builds a text needs one check
 * at its end, and a text that was cut is never used by accident. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"

#include "base/banned.h"

#define FIRST 256
#define KEEP 65536

/* An empty buffer points here, so that b.p is always a string and no reader has to ask for NULL. It is never written
 * to: cap is 0. */
static char empty[1];

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.p = empty, .max = max < SIZE_MAX / 4 ? max : SIZE_MAX / 4};
}

void buf_fixed(struct buf *b, char *memory, size_t size)
{
    *b = (struct buf){.p = memory, .cap = size, .max = size - 1, .fixed = true};
    memory[0] = '\0';
}

/* The buffer is empty and usable afterwards, so releasing it twice does no harm. */
void buf_release(struct buf *b)
{
    if (b->cap && !b->fixed)
        free(b->p);
    buf_init(b, b->max);
}

/* A buffer that is reused for every request must not keep the memory of the largest one for ever. */
void buf_clear(struct buf *b)
{
    if (b->cap > KEEP && !b->fixed)
        buf_release(b);
    b->n = 0;
    b->failed = b->full = false;
    if (b->cap)
        b->p[0] = '\0';
}

static bool buf_fail(struct buf *b)
{
    b->failed = true;
    return false;
}

/* Grows for n more bytes and the NUL. The capacity doubles, so that n appends cost O(n) in all. `full` (beyond the
 * maximum) and a failed allocation are kept apart: the first is the fault of the input, the second is not. max is far
 * below SIZE_MAX, so the sums cannot overflow. */
static bool buf_grow(struct buf *b, size_t n)
{
    if (!b->failed && n > b->max - b->n)
        b->full = true;
    if (b->failed || b->full)
        return buf_fail(b);
    size_t need = b->n + n + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : FIRST;
    while (cap < need)
        cap *= 2;
    if (cap > b->max + 1)
        cap = b->max + 1;
    char *p = b->fixed ? NULL : realloc(b->cap ? b->p : NULL, cap);
    if (!p)
        return buf_fail(b);
    b->p = p;
    b->cap = cap;
    p[b->n] = '\0';
    return true;
}

/* The common case, inlined: the memory is already there. A failed buffer never takes this way. */
static inline bool buf_room(struct buf *b, size_t n)
{
    return __builtin_expect(!b->failed && n < b->cap - b->n && b->n + n <= b->max, 1) || buf_grow(b, n);
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (!n || !buf_room(b, n))
        return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

/* For functions of libraries that write into memory themselves. n bytes are counted as used before they are written, so
 * the caller must fill all of them. */
char *buf_extend(struct buf *b, size_t n)
{
    if (!buf_room(b, n) || !b->cap)
        return NULL;
    char *p = b->p + b->n;
    b->n += n;
    b->p[b->n] = '\0';
    return p;
}

void buf_str_add(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_puts(struct buf *b, const char *z)
{
    buf_add(b, z, strlen(z));
}

void buf_putc(struct buf *b, char c)
{
    if (!buf_room(b, 1))
        return;
    b->p[b->n++] = c;
    b->p[b->n] = '\0';
}

/* Format into the free end first: usually the text fits, and it is then formatted once. */
void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    if (b->failed)
        return;
    va_list again;
    va_copy(again, ap);
    size_t space = b->cap > b->n ? b->cap - b->n : 0;
    int n = vsnprintf(space ? b->p + b->n : NULL, space, fmt, ap);
    bool fits = n >= 0 && (size_t)n < space && (size_t)n <= b->max - b->n;
    if (!fits && space)
        b->p[b->n] = '\0';
    if (!fits && (n < 0 || !buf_grow(b, (size_t)n) || vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again) != n)) {
        buf_fail(b);
        if (b->cap)
            b->p[b->n] = '\0';
    } else {
        b->n += (size_t)n;
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_u64(struct buf *b, uint64_t v)
{
    char text[20];
    size_t i = sizeof(text);
    do {
        text[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_add(b, text + i, sizeof(text) - i);
}

/* INT64_MIN has no positive counterpart, hence the subtraction in unsigned arithmetic. */
void buf_i64(struct buf *b, int64_t v)
{
    if (v < 0)
        buf_putc(b, '-');
    buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static const char *html_entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* The apostrophe is escaped as well, so the result is safe in an attribute with either kind of quotes. */
void buf_html(struct buf *b, struct str s)
{
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        const char *entity = html_entity(s.p[i]);
        if (!entity)
            continue;
        buf_add(b, s.p + from, i - from);
        buf_puts(b, entity);
        from = i + 1;
    }
    buf_add(b, s.p + from, s.n - from);
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

/* Everything but the unreserved characters of RFC 3986 is escaped, so the result can be put anywhere into a URL: path,
 * query or form. */
void buf_url(struct buf *b, struct str s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_unreserved(c))
            buf_putc(b, (char)c);
        else
            buf_add(b, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
    }
}

/* Also "<", ">" and "&", so that a text cannot end the <script> element that contains it, nor begin a comment in it.
 * DEL and control characters become \u escapes, as JSON requires for the latter. */
static void json_escape(struct buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"':
        buf_add(b, "\\\"", 2);
        break;
    case '\\':
        buf_add(b, "\\\\", 2);
        break;
    case '\n':
        buf_add(b, "\\n", 2);
        break;
    case '\r':
        buf_add(b, "\\r", 2);
        break;
    case '\t':
        buf_add(b, "\\t", 2);
        break;
    default:
        buf_add(b, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    }
}

/* A character beyond ASCII stays as it is, unless it would break JavaScript (U+2028, U+2029) or is not valid UTF-8. */
static void json_wide(struct buf *b, struct str *s)
{
    struct str was = *s;
    uint32_t cp = utf8_next(s);
    size_t n = was.n - s->n;
    if (cp == 0x2028 || cp == 0x2029)
        buf_puts(b, cp == 0x2028 ? "\\u2028" : "\\u2029");
    else if (cp == 0xFFFD && n != 3)
        buf_puts(b, "\\ufffd");
    else
        buf_add(b, was.p, n);
}

/* 1: copied as it is. 0: escaped. 2: the first byte of a character beyond ASCII, which json_wide examines. */
static int json_class(unsigned char c)
{
    if (c >= 0x80)
        return 2;
    return !(c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == 0x7F);
}

/* Runs of plain characters are copied as a whole: most text contains nothing that needs an escape. */
void buf_json(struct buf *b, struct str s)
{
    buf_putc(b, '"');
    while (s.n) {
        size_t i = 0;
        while (i < s.n && json_class((unsigned char)s.p[i]) == 1)
            i++;
        buf_add(b, s.p, i);
        s = str_sub(s, i, s.n);
        if (!s.n)
            break;
        if ((unsigned char)s.p[0] >= 0x80) {
            json_wide(b, &s);
        } else {
            json_escape(b, (unsigned char)s.p[0]);
            s = str_sub(s, 1, s.n);
        }
    }
    buf_putc(b, '"');
}

/* Memory of the caller cannot be detached. An empty buffer gives a fresh empty string, which the caller can free like
 * others. */
char *buf_detach(struct buf *b)
{
    char *p = NULL;
    if (!b->failed && !b->fixed)
        p = b->cap ? b->p : calloc(1, 1);
    if (!p)
        buf_release(b);
    buf_init(b, b->max);
    return p;
}
