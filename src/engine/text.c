/* text.c: text that comes in pieces from a server which is not trusted. Whatever leaves this file is valid UTF-8 in
 * whole characters, so that the database takes it and a page shows no half of an emoji. */
#include "engine/text.h"

#include "base/utf8.h"

#include "base/banned.h"

#define QUARTERS_ASCII 1
#define QUARTERS_LETTER 2
#define QUARTERS_WIDE 4
#define FIRST_WIDE 0x2E80 /* CJK Radicals Supplement */

/* The number of bytes that a character beginning with this byte has; 0 if none begins so. */
static size_t text_size(unsigned char c)
{
    if (c < 0x80)
        return 1;
    if (c >= 0xC2 && c <= 0xDF)
        return 2;
    if (c >= 0xE0 && c <= 0xEF)
        return 3;
    return c >= 0xF0 && c <= 0xF4 ? 4 : 0;
}

void text_clean(struct buf *out, struct str s)
{
    if (utf8_text(s)) {
        buf_str_add(out, s);
        return;
    }
    while (s.n) {
        char c[4];
        uint32_t cp = utf8_next(&s);
        if (cp >= ' ' || cp == '\t' || cp == '\n' || cp == '\r')
            buf_add(out, c, utf8_encode(cp, c));
    }
}

/* A tail is kept only while it may still become a character: the right number of bytes is missing, and all that came
 * after the first one continue it. */
static size_t text_tail_of(struct str s)
{
    for (size_t back = 1; back <= 3 && back <= s.n; back++) {
        unsigned char c = (unsigned char)s.p[s.n - back];
        if ((c & 0xC0) != 0x80)
            return text_size(c) > back ? back : 0;
    }
    return 0;
}

void text_whole(struct text_tail *t, struct str s, struct buf *out)
{
    char joined[8];
    while (t->n && s.n) {
        struct str one = {joined, t->n + 1};
        memcpy(joined, t->p, t->n);
        joined[t->n] = s.p[0];
        if (((unsigned char)s.p[0] & 0xC0) != 0x80)
            break; /* it never will be whole */
        s = str_sub(s, 1, s.n);
        t->n = text_tail_of(one);
        memcpy(t->p, joined, t->n);
        if (!t->n)
            text_clean(out, one);
    }
    if (!s.n)
        return;
    text_whole_end(t, out);
    t->n = text_tail_of(s);
    memcpy(t->p, s.p + s.n - t->n, t->n);
    text_clean(out, str_n(s.p, s.n - t->n));
}

void text_whole_end(struct text_tail *t, struct buf *out)
{
    text_clean(out, str_n(t->p, t->n));
    t->n = 0;
}

static bool text_think_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Adds one byte to what is held while that is the beginning of `mark`. Returns 1 when the mark is whole, 0 while it may
 * become so, -1 when it is no mark. */
static int text_mark(struct text_think *t, char c, const char *mark)
{
    size_t n = strlen(mark);
    if (mark[t->n] != c)
        return -1;
    t->held[t->n++] = c;
    if (t->n < n)
        return 0;
    t->n = 0;
    return 1;
}

static void text_think_start(struct text_think *t, char c, struct buf *out)
{
    int mark = t->n == 0 && text_think_space(c) ? 0 : text_mark(t, c, "<think>");
    if (mark > 0)
        t->state = THINK_INSIDE;
    else if (mark < 0) {
        t->state = THINK_OVER;
        buf_add(out, t->held, t->n);
        t->n = 0;
        buf_putc(out, c);
    }
}

static void text_think_inside(struct text_think *t, char c)
{
    int mark = text_mark(t, c, "</think>");
    if (mark < 0) {
        t->n = 0;
        mark = text_mark(t, c, "</think>"); /* "<</think>": the second "<" may begin it */
    }
    if (mark < 0)
        t->n = 0;
    if (mark > 0) {
        t->state = THINK_OVER;
        t->trim = true;
    }
}

void text_think(struct text_think *t, struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (t->state == THINK_UNKNOWN)
            text_think_start(t, s.p[i], out);
        else if (t->state == THINK_INSIDE)
            text_think_inside(t, s.p[i]);
        else if (!t->trim || !text_think_space(s.p[i])) {
            t->trim = false;
            buf_str_add(out, str_sub(s, i, s.n));
            return;
        }
    }
}

void text_think_end(struct text_think *t, struct buf *out)
{
    if (t->state == THINK_UNKNOWN)
        buf_add(out, t->held, t->n);
    t->n = 0;
}

/* ---- cutting ---- */

/* The blocks of combining marks, variation selectors, skin tones and tags: these never begin what is drawn as one
 * character. The joiner holds the emoji before and after it together. */
static bool text_continues(uint32_t cp)
{
    static const struct {
        uint32_t first, last;
    } blocks[] = {{0x300, 0x36F},   {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},   {0x200D, 0x200D},  {0x20D0, 0x20FF},
                  {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0x1F3FB, 0x1F3FF}, {0xE0020, 0xE007F}};
    for (size_t i = 0; i < COUNT_OF(blocks); i++)
        if (cp >= blocks[i].first && cp <= blocks[i].last)
            return true;
    return false;
}

static bool text_is_regional(uint32_t cp)
{
    return cp >= 0x1F1E6 && cp <= 0x1F1FF;
}

struct str text_cut(struct str s, int64_t most)
{
    struct str rest = s;
    int64_t used = 0;
    size_t whole = 0; /* bytes before the last place where nothing is cut in half */
    uint32_t before = 0;
    bool flag = false; /* `before` is the second letter of a flag */
    while (rest.n) {
        struct str next = rest;
        uint32_t cp = utf8_next(&next);
        flag = !flag && text_is_regional(before) && text_is_regional(cp);
        if (!flag && before != 0x200D && !text_continues(cp))
            whole = (size_t)(rest.p - s.p);
        used += cp > 0xFFFF ? 2 : 1;
        if (used > most)
            return str_n(s.p, whole ? whole : (size_t)(rest.p - s.p));
        before = cp;
        rest = next;
    }
    return s;
}

static size_t text_quarters_of(uint32_t cp)
{
    return cp < 0x80 ? QUARTERS_ASCII : cp < FIRST_WIDE ? QUARTERS_LETTER : QUARTERS_WIDE;
}

size_t text_quarters(struct str s)
{
    size_t quarters = 0;
    while (s.n)
        quarters += text_quarters_of(utf8_next(&s));
    return quarters;
}

size_t text_tokens(struct str s)
{
    return (text_quarters(s) + TEXT_QUARTERS - 1) / TEXT_QUARTERS;
}

struct str text_fit(struct str s, size_t quarters)
{
    struct str rest = s;
    while (rest.n) {
        struct str after = rest;
        size_t needs = text_quarters_of(utf8_next(&after));
        if (needs > quarters)
            break;
        quarters -= needs;
        rest = after;
    }
    return str_sub(s, 0, s.n - rest.n);
}
