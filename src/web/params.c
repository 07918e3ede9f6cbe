/* params.c: decoding what a client sends as text: queries, urlencoded forms, cookies, paths.
 *
 * Each text is decoded once and checked once: what these functions hand out is valid UTF-8 without control characters.
 * Nothing is copied that needs no decoding. */
#include "web/params.h"

#include "base/limits.h"
#include "base/utf8.h"

#include "base/banned.h"

/* The first of several values counts. Readers that take different ones would let a check see one value and its use
 * another. */
const struct param *params_get(const struct params *ps, struct str name)
{
    for (size_t i = 0; i < ps->n; i++)
        if (str_eq(ps->p[i].name, name))
            return &ps->p[i];
    return NULL;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static enum status bad_encoding(struct err *e)
{
    return err_set(e, E_bad_encoding, "The address or a field is not valid UTF-8 text.");
}

/* Decodes into `out`, which has space for in.n bytes: decoding never makes a text longer. Returns the length, or -1 for
 * a broken escape, which is refused and not copied: two decoders in a row could read it differently. */
static ptrdiff_t decode_into(struct str in, bool plus, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '%') {
            if (in.n - i < 3)
                return -1;
            int high = hex_value(in.p[i + 1]), low = hex_value(in.p[i + 2]);
            if (high < 0 || low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out[n++] = c;
    }
    return (ptrdiff_t)n;
}

/* Checked after decoding, since "%00" and broken UTF-8 are plain ASCII before. What needs no decoding is not copied. */
enum status url_decode(struct arena *a, struct str in, bool plus, struct str *out, struct err *e)
{
    *out = in;
    if (str_find(in, '%') >= 0 || (plus && str_find(in, '+') >= 0)) {
        char *p = arena_alloc(a, in.n + 1);
        if (!p)
            return err_nomem(e);
        ptrdiff_t n = decode_into(in, plus, p);
        if (n < 0)
            return bad_encoding(e);
        *out = str_n(p, (size_t)n);
    }
    return utf8_text(*out) ? OK : bad_encoding(e);
}

/* memchr looks at many bytes at a time, and a form may have megabytes. */
static size_t count_char(struct str s, char c)
{
    size_t n = 0;
    for (const char *p = s.p, *end = s.p + s.n; (p = memchr(p, c, (size_t)(end - p))); p++)
        n++;
    return n;
}

/* Counting the separators first bounds the memory before anything is decoded. The limit also bounds the time, because
 * fields are searched for one by one. */
enum status params_parse(struct arena *a, struct str text, struct params *out, struct err *e)
{
    *out = (struct params){0};
    if (text.n == 0)
        return OK;
    size_t most = count_char(text, '&') + 1;
    if (most > MAX_PARAMS)
        return err_set(e, E_too_many_fields, "The request has more than %d fields.", MAX_PARAMS);
    out->p = arena_array(a, most, sizeof(*out->p));
    if (!out->p)
        return err_nomem(e);
    struct str piece;
    while (str_split(&text, '&', &piece)) {
        if (piece.n == 0)
            continue;
        ptrdiff_t at = str_find(piece, '=');
        struct str name = at < 0 ? piece : str_n(piece.p, (size_t)at);
        struct str value = at < 0 ? STR_EMPTY : str_sub(piece, (size_t)at + 1, piece.n);
        struct param *p = &out->p[out->n];
        if (url_decode(a, name, true, &p->name, e) || url_decode(a, value, true, &p->value, e))
            return e->status;
        out->n++;
    }
    return OK;
}

/* Unlike a form, a Cookie header also holds what other software of the same host has set. A piece that is malformed is
 * skipped instead of refusing the request. */
enum status cookies_parse(struct arena *a, struct str header, struct params *out, struct err *e)
{
    *out = (struct params){0};
    size_t most = count_char(header, ';') + 1;
    if (most > MAX_PARAMS)
        most = MAX_PARAMS;
    out->p = arena_array(a, most, sizeof(*out->p));
    if (!out->p)
        return err_nomem(e);
    struct str piece;
    while (out->n < most && str_split(&header, ';', &piece)) {
        ptrdiff_t at = str_find(piece, '=');
        if (at <= 0)
            continue;
        struct str name = str_trim(str_n(piece.p, (size_t)at));
        struct str value = str_trim(str_sub(piece, (size_t)at + 1, piece.n));
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = str_sub(value, 1, value.n - 2);
        if (name.n == 0 || !utf8_text(name) || !utf8_text(value))
            continue;
        out->p[out->n++] = (struct param){.name = name, .value = value, .filename = STR_EMPTY};
    }
    return OK;
}

/* Split first, decode each segment afterwards: "%2F" is part of a segment, never a separator. */
enum status path_split(struct arena *a, struct str raw, struct path *out, struct err *e)
{
    out->n = 0;
    if (raw.n == 0 || raw.p[0] != '/')
        return err_raise(e, E_bad_path);
    struct str rest = str_sub(raw, 1, raw.n);
    if (rest.n == 0)
        return OK;
    for (;;) {
        if (out->n == PATH_SEGMENTS_MAX)
            return err_set(e, E_not_found, "There is no page at this address.");
        ptrdiff_t at = str_find(rest, '/');
        struct str piece = at < 0 ? rest : str_n(rest.p, (size_t)at);
        if (url_decode(a, piece, false, &out->segment[out->n], e))
            return e->status;
        out->n++;
        if (at < 0)
            return OK;
        rest = str_sub(rest, (size_t)at + 1, rest.n);
    }
}
