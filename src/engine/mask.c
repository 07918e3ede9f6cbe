/* mask.c: the values that are hidden from an engine, and their placeholders. A value is replaced once: what was
 * replaced is not searched again, so no placeholder is ever taken for personal data, and the tenant's patterns come
 * first, since they know more than ours. */
#include "engine/mask.h"

#include "base/num.h"
#include "base/pattern.h"
#include "base/vec.h"
#include "engine/mask_scan.h"

#include "base/banned.h"

#define MASK_TEXT_MAX (16 << 20)

static const char *const kind_words[] = {
    [MASK_EMAIL] = "EMAIL", [MASK_PHONE] = "PHONE", [MASK_CARD] = "CARD",
    [MASK_IBAN] = "IBAN",   [MASK_IP] = "IP",       [MASK_PRIVATE] = "PRIVATE",
};

struct engine_mask {
    struct arena *a;
    struct pattern *patterns[MASK_PATTERNS_MAX];
    size_t pattern_count;
    int64_t left_us;
    VEC(struct str) values[MASK_KINDS];
    size_t count;
};

static void mask_free(void *ptr)
{
    struct engine_mask *m = ptr;
    for (size_t k = 0; k < MASK_KINDS; k++)
        VEC_RELEASE(&m->values[k]);
}

enum status engine_mask_new(struct arena *a, const struct str *patterns, size_t n, struct engine_mask **out,
                            struct err *e)
{
    struct engine_mask *m = ARENA_NEW(a, struct engine_mask);
    if (!m || arena_defer(a, mask_free, m) != 0)
        return err_nomem(e);
    m->a = a;
    m->left_us = MASK_US;
    enum status st = OK;
    for (size_t i = 0; st == OK && i < n && i < MASK_PATTERNS_MAX; i++)
        st = pattern_new(a, patterns[i], &m->patterns[m->pattern_count++], e);
    *out = m;
    return st;
}

/* ---- hiding ---- */

/* A placeholder at the beginning of s: its kind, number and length. Models write [EMAIL\_1] where the text is
 * markdown. */
static size_t mask_read(struct str s, enum mask_kind *kind, uint64_t *number)
{
    if (!s.n || s.p[0] != '[')
        return 0;
    for (size_t k = 0; k < MASK_KINDS; k++) {
        struct str rest = str_sub(s, 1, s.n), digits;
        if (!str_starts(rest, str_from(kind_words[k])))
            continue;
        rest = str_sub(rest, strlen(kind_words[k]), rest.n);
        if (str_starts(rest, STR("\\")))
            rest = str_sub(rest, 1, rest.n);
        ptrdiff_t close = str_find(str_sub(rest, 0, 8), ']');
        if (!str_starts(rest, STR("_")) || close < 2)
            continue;
        digits = str_sub(rest, 1, (size_t)close - 1);
        if (!num_u64(digits, MASK_VALUES_MAX, number))
            continue;
        *kind = (enum mask_kind)k;
        return (size_t)(rest.p - s.p) + (size_t)close + 1;
    }
    return 0;
}

static enum status mask_put(struct engine_mask *m, enum mask_kind kind, struct str value, struct buf *out,
                            struct err *e)
{
    bool ok = true;
    size_t i = 0;
    while (i < m->values[kind].n && !str_eq(m->values[kind].p[i], value))
        i++;
    if (i == m->values[kind].n) {
        if (m->count >= MASK_VALUES_MAX)
            return err_set(e, E_reply_too_large, "The conversation contains too much personal data to be masked.");
        struct str copy = arena_str(m->a, value, &ok);
        if (!ok || VEC_PUSH(&m->values[kind], copy) != 0)
            return err_nomem(e);
        m->count++;
    }
    buf_printf(out, "[%s_%zu]", kind_words[kind], i + 1);
    return OK;
}

/* The first text that looks like a placeholder; text.n when there is none. */
static size_t mask_find_placeholder(struct str text, size_t from, size_t *end)
{
    enum mask_kind kind;
    uint64_t number;
    for (size_t i = from; i < text.n; i++) {
        size_t n = text.p[i] == '[' ? mask_read(str_sub(text, i, 32), &kind, &number) : 0;
        if (n) {
            *end = i + n;
            return i;
        }
    }
    return *end = text.n;
}

static enum status mask_hide_kinds(struct engine_mask *m, struct str text, struct buf *out, struct err *e)
{
    enum mask_kind kind;
    enum status st = OK;
    size_t from = 0, at = 0, end = 0;
    while (st == OK && (kind = mask_scan(text, from, &at, &end)) != MASK_KINDS) {
        buf_str_add(out, str_sub(text, from, at - from));
        st = mask_put(m, kind, str_sub(text, at, end - at), out, e);
        from = end;
    }
    buf_str_add(out, str_sub(text, from, text.n));
    return st;
}

static enum status mask_hide_rest(struct engine_mask *m, struct str text, struct buf *out, struct err *e)
{
    enum status st = OK;
    for (size_t from = 0, at, end; st == OK && from < text.n; from = end) {
        at = mask_find_placeholder(text, from, &end);
        st = mask_hide_kinds(m, str_sub(text, from, at - from), out, e);
        if (st == OK && end > at)
            st = mask_put(m, MASK_PRIVATE, str_sub(text, at, end - at), out, e);
    }
    return st;
}

/* The next match of each pattern. It is looked for again only when the text has passed it, so that a pattern that
 * matches often does not make the others search the same text over and over. */
struct mask_matches {
    size_t at[MASK_PATTERNS_MAX], end[MASK_PATTERNS_MAX];
};

static enum status mask_match_next(struct engine_mask *m, struct str text, size_t from, size_t i,
                                   struct mask_matches *next, struct err *e)
{
    size_t at = from, end = from;
    /* An empty match hides nothing: the search continues after it. */
    while (end == at && at <= text.n) {
        enum pattern_found found = pattern_find(m->patterns[i], text, at, &at, &end, &m->left_us);
        if (found == PATTERN_TOO_SLOW)
            return err_set_as(e, ERR_TIMEOUT, E_flow_invalid, "A pattern for personal data takes too long.");
        if (found == PATTERN_NONE)
            at = end = text.n + 1;
        else if (end == at)
            end = ++at;
    }
    next->at[i] = at;
    next->end[i] = end;
    return OK;
}

/* The first match of any of the patterns from `from` on; the longest where several begin there. */
static enum status mask_match(struct engine_mask *m, struct str text, size_t from, struct mask_matches *next,
                              size_t *at, size_t *end, struct err *e)
{
    enum status st = OK;
    *at = *end = text.n;
    for (size_t i = 0; st == OK && i < m->pattern_count; i++) {
        if (next->at[i] < from || from == 0)
            st = mask_match_next(m, text, from, i, next, e);
        if (st == OK && (next->at[i] < *at || (next->at[i] == *at && *at < text.n && next->end[i] > *end))) {
            *at = next->at[i];
            *end = next->end[i];
        }
    }
    return st;
}

static enum status mask_hide_into(struct engine_mask *m, struct str text, struct buf *out, struct err *e)
{
    struct mask_matches next = {0};
    enum status st = OK;
    for (size_t from = 0, at, end; st == OK && from < text.n; from = end) {
        st = mask_match(m, text, from, &next, &at, &end, e);
        if (st == OK)
            st = mask_hide_rest(m, str_sub(text, from, at - from), out, e);
        if (st == OK && end > at)
            st = mask_put(m, MASK_PRIVATE, str_sub(text, at, end - at), out, e);
    }
    return st;
}

enum status engine_mask_hide(struct engine_mask *m, struct str text, struct str *out, struct err *e)
{
    bool ok = true;
    struct buf b;
    buf_init(&b, MASK_TEXT_MAX);
    enum status st = mask_hide_into(m, text, &b, e);
    if (st == OK && buf_ok(&b))
        *out = arena_str(m->a, buf_str(&b), &ok);
    if (st == OK && (!ok || !buf_ok(&b)))
        st = err_nomem(e);
    buf_release(&b);
    return st;
}

/* ---- showing ---- */

static void mask_show_value(const struct engine_mask *m, enum mask_kind kind, size_t i, bool json, struct buf *out)
{
    struct str value = m->values[kind].p[i];
    struct buf quoted;
    if (!json) {
        buf_str_add(out, value);
        return;
    }
    buf_init(&quoted, 6 * value.n + 8);
    buf_json(&quoted, value);
    buf_str_add(out, quoted.n > 2 ? str_sub(buf_str(&quoted), 1, quoted.n - 2) : STR_EMPTY);
    buf_release(&quoted);
}

void engine_mask_show(const struct engine_mask *m, struct str text, bool json, struct buf *out)
{
    while (text.n) {
        ptrdiff_t bracket = str_find(text, '[');
        size_t plain = bracket < 0 ? text.n : (size_t)bracket, n;
        enum mask_kind kind = MASK_PRIVATE;
        uint64_t number = 0;
        buf_str_add(out, str_sub(text, 0, plain));
        text = str_sub(text, plain, text.n);
        n = mask_read(text, &kind, &number);
        if (n && number >= 1 && number <= m->values[kind].n)
            mask_show_value(m, kind, (size_t)number - 1, json, out);
        else
            buf_str_add(out, str_sub(text, 0, n = n ? n : 1));
        text = str_sub(text, n, text.n);
    }
}

/* True if s, which begins with "[", may become a placeholder. */
static bool mask_may_become(struct str s)
{
    for (size_t k = 0; k < MASK_KINDS; k++) {
        size_t n = strlen(kind_words[k]), i = 1;
        while (i < s.n && i <= n && s.p[i] == kind_words[k][i - 1])
            i++;
        if (i == s.n)
            return true;
        if (i <= n)
            continue;
        if (s.p[i] == '\\')
            i++;
        if (i < s.n && s.p[i] == '_')
            i++;
        while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
            i++;
        if (i == s.n)
            return true;
    }
    return false;
}

void engine_mask_show_piece(const struct engine_mask *m, struct engine_mask_tail *t, struct str piece, bool json,
                            struct buf *out)
{
    struct buf joined;
    buf_init(&joined, piece.n + sizeof(t->held));
    buf_add(&joined, t->held, t->n);
    buf_str_add(&joined, piece);
    struct str text = buf_str(&joined), ready = text;
    size_t least = text.n > sizeof(t->held) ? text.n - sizeof(t->held) : 0;
    for (size_t i = text.n; i-- > least;)
        if (text.p[i] == '[') {
            if (mask_may_become(str_sub(text, i, text.n)))
                ready.n = i;
            break;
        }
    t->n = text.n - ready.n;
    memcpy(t->held, text.p + ready.n, t->n);
    if (buf_ok(&joined))
        engine_mask_show(m, ready, json, out);
    else
        out->failed = true;
    buf_release(&joined);
}

void engine_mask_show_end(struct engine_mask_tail *t, struct buf *out)
{
    buf_add(out, t->held, t->n);
    t->n = 0;
}
