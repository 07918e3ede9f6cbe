/* A strict reader of RFC 8259 that builds json-c values. json-c's own reader lets pass what must not pass (NaN, clamped
 * integers, duplicate keys, lone surrogates as U+FFFD), so the text is read here, once, byte by byte. */
#include <limits.h>
#include <stdlib.h>

#include "base/json_internal.h"
#include "base/num.h"
#include "base/utf8.h"

#include "base/banned.h"

#define FIT_ABOVE 4096 /* bytes of text: a smaller tree is not worth it */

struct reader {
    struct arena *arena; /* is charged */
    struct str text;
    size_t at;
    int depth;          /* levels that may still be opened */
    struct buf scratch; /* a string that has escapes */
    struct err *e;
    enum status st;
};

static bool stop(struct reader *r, const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < r->at && i < r->text.n; i++) {
        column = r->text.p[i] == '\n' ? 1 : column + (((unsigned char)r->text.p[i] & 0xC0) != 0x80);
        line += r->text.p[i] == '\n';
    }
    r->st = err_set(r->e, E_json_invalid, "This is not valid JSON: line %zu, column %zu: %s.", line, column, what);
    return false;
}

static bool no_memory(struct reader *r)
{
    r->st = err_nomem(r->e);
    return false;
}

static bool made(struct reader *r, struct json_object *o)
{
    return o ? true : no_memory(r);
}

static bool charge(struct reader *r, size_t bytes)
{
    if (arena_charge(r->arena, bytes))
        return true;
    r->st = err_raise(r->e, E_json_too_large);
    return false;
}

/* The next byte, 0 at the end; a NUL in the text is refused before. */
static char peek(const struct reader *r)
{
    return r->at < r->text.n ? r->text.p[r->at] : '\0';
}

static char skip_space(struct reader *r)
{
    char c = peek(r);
    while (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
        r->at++;
        c = peek(r);
    }
    return c;
}

static bool hex4(struct reader *r, uint32_t *out)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        char c = peek(r);
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            v = v << 4 | (uint32_t)((c | 32) - 'a' + 10);
        else
            return stop(r, "\\u needs four hexadecimal digits");
    }
    *out = v;
    return true;
}

static bool unicode_escape(struct reader *r)
{
    uint32_t cp, low;
    if (!hex4(r, &cp))
        return false;
    if (cp == 0)
        return stop(r, "a string must not hold NUL");
    if (cp >= 0xD800 && cp < 0xE000) {
        if (cp >= 0xDC00 || !str_starts(str_sub(r->text, r->at, 2), STR("\\u")))
            return stop(r, "half of a surrogate pair stands alone");
        r->at += 2;
        if (!hex4(r, &low))
            return false;
        if (low < 0xDC00 || low >= 0xE000)
            return stop(r, "half of a surrogate pair stands alone");
        cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
    }
    char bytes[4];
    buf_add(&r->scratch, bytes, utf8_encode(cp, bytes));
    return true;
}

static bool escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = peek(r);
    r->at++;
    if (c == 'u')
        return unicode_escape(r);
    const char *known = c ? strchr(from, c) : NULL;
    if (!known)
        return stop(r, "no such escape");
    buf_putc(&r->scratch, to[known - from]);
    return true;
}

static size_t plain_run(const struct reader *r)
{
    size_t i = r->at;
    while (i < r->text.n && r->text.p[i] != '"' && r->text.p[i] != '\\' && (unsigned char)r->text.p[i] >= 0x20)
        i++;
    return i - r->at;
}

/* The text of a string: a part of the input, or scratch, good until the next string. */
static bool read_text(struct reader *r, struct str *out)
{
    r->at++; /* the quote */
    struct str run = str_sub(r->text, r->at, plain_run(r));
    r->at += run.n;
    if (peek(r) == '"') {
        r->at++;
        *out = run;
        return true;
    }
    buf_clear(&r->scratch);
    buf_str_add(&r->scratch, run);
    for (;;) {
        char c = peek(r);
        if (r->at >= r->text.n)
            return stop(r, "a string does not end");
        r->at++;
        if (c == '"')
            break;
        if (c != '\\')
            return r->at--, stop(r, "a control character in a string must be escaped");
        if (!escape(r))
            return false;
        run = str_sub(r->text, r->at, plain_run(r));
        buf_str_add(&r->scratch, run);
        r->at += run.n;
    }
    *out = buf_str(&r->scratch);
    return buf_ok(&r->scratch) || no_memory(r);
}

static bool read_number(struct reader *r, struct json_object **out)
{
    size_t from = r->at, i = from;
    while (i < r->text.n && (strchr("+-.eE", r->text.p[i]) || (r->text.p[i] >= '0' && r->text.p[i] <= '9')))
        i++;
    struct str s = str_sub(r->text, from, i - from);
    struct str unsigned_part = str_starts(s, STR("-")) ? str_sub(s, 1, s.n) : s;
    if (unsigned_part.n > 1 && unsigned_part.p[0] == '0' && unsigned_part.p[1] >= '0' && unsigned_part.p[1] <= '9')
        return stop(r, "a number must not begin with 0");
    bool whole = str_find(s, '.') < 0 && str_find(s, 'e') < 0 && str_find(s, 'E') < 0;
    int64_t n;
    double d;
    if (whole ? !num_i64(s, INT64_MIN, INT64_MAX, &n) : !num_double(s, &d))
        return stop(r, "this number is malformed or out of range");
    r->at = i;
    if (!charge(r, JSON_SCALAR_BYTES))
        return false;
    *out = whole ? json_object_new_int64(n) : json_object_new_double(d);
    return made(r, *out);
}

static bool read_word(struct reader *r, struct str word)
{
    if (!str_starts(str_sub(r->text, r->at, r->text.n), word))
        return stop(r, "a value was expected");
    r->at += word.n;
    return true;
}

static bool read_value(struct reader *r, struct json_object **out);

static bool read_items(struct reader *r, struct json_object *arr)
{
    for (;;) {
        struct json_object *item = NULL;
        bool ok = charge(r, JSON_ITEM_BYTES) && read_value(r, &item);
        if (!ok || json_object_array_add(arr, item) != 0) {
            json_object_put(item);
            return ok && no_memory(r);
        }
        char c = skip_space(r);
        if (c != ',' && c != ']')
            return stop(r, "a comma or ] was expected");
        r->at++;
        if (c == ']')
            return true;
    }
}

static bool read_member(struct reader *r, struct lh_table *t)
{
    struct str key;
    char small[64], *key_z = small;
    if (skip_space(r) != '"')
        return stop(r, "a key in quotes was expected");
    size_t start = r->at;
    if (!read_text(r, &key))
        return false;
    if (key.n >= sizeof(small) && !(key_z = malloc(key.n + 1)))
        return no_memory(r);
    memcpy(key_z, key.p, key.n);
    key_z[key.n] = '\0';
    unsigned long hash = lh_get_hash(t, key_z);
    bool twice = lh_table_lookup_entry_w_hash(t, key_z, hash);
    if (key_z != small)
        free(key_z);
    if (twice) {
        r->at = start;
        return stop(r, "this key stands twice in its object");
    }
    if (!charge(r, JSON_MEMBER_BYTES + key.n))
        return false;
    struct lh_entry *at = json_append(t, key, hash);
    if (!at)
        return no_memory(r);
    if (skip_space(r) != ':')
        return stop(r, "a colon was expected");
    r->at++;
    struct json_object *value = NULL;
    bool ok = read_value(r, &value);
    at->v = value; /* nothing was added to this table meanwhile: the entry stands where it stood */
    return ok;
}

static bool read_members(struct reader *r, struct json_object *obj)
{
    struct lh_table *t = json_object_get_object(obj);
    for (;;) {
        if (!read_member(r, t))
            return false;
        char c = skip_space(r);
        if (c != ',' && c != '}')
            return stop(r, "a comma or } was expected");
        r->at++;
        if (c == '}')
            return true;
    }
}

static bool read_container(struct reader *r, char open, struct json_object **out)
{
    if (r->depth-- == 0)
        return stop(r, "it is nested too deep");
    if (!charge(r, JSON_CONTAINER_BYTES))
        return false;
    *out = open == '{' ? json_object_new_object() : json_object_new_array();
    if (!made(r, *out))
        return false;
    r->at++;
    bool ok = true;
    if (skip_space(r) == (open == '{' ? '}' : ']'))
        r->at++;
    else
        ok = open == '{' ? read_members(r, *out) : read_items(r, *out);
    r->depth++;
    if (ok && r->text.n > FIT_ABOVE)
        json_fit(*out);
    return ok;
}

/* What was built so far is in *out also on failure: the caller lets it go. */
static bool read_value(struct reader *r, struct json_object **out)
{
    struct str s;
    char c = skip_space(r);
    switch (c) {
    case '{':
    case '[':
        return read_container(r, c, out);
    case '"':
        if (!read_text(r, &s) || !charge(r, JSON_STRING_BYTES + s.n))
            return false;
        *out = json_object_new_string_len(s.p, (int)s.n);
        return made(r, *out);
    case 't':
    case 'f':
        if (!read_word(r, c == 't' ? STR("true") : STR("false")) || !charge(r, JSON_SCALAR_BYTES))
            return false;
        *out = json_object_new_boolean(c == 't');
        return made(r, *out);
    case 'n':
        return read_word(r, STR("null"));
    default:
        if (c == '-' || (c >= '0' && c <= '9'))
            return read_number(r, out);
        return stop(r, r->at < r->text.n ? "a value was expected" : "it ends too early");
    }
}

static bool read_document(struct reader *r, struct json_object **out)
{
    if (!utf8_valid(r->text) || memchr(r->text.p, '\0', r->text.n)) {
        r->st = err_set(r->e, E_json_invalid, "This is not valid JSON: the text is not UTF-8, or holds NUL.");
        return false;
    }
    if (!read_value(r, out))
        return false;
    skip_space(r);
    return r->at == r->text.n || stop(r, "something follows the value");
}

enum status json_parse(struct arena *a, struct str text, int max_depth, struct json **out, struct err *e)
{
    struct json_object *root = NULL;
    struct reader r = {.arena = a, .text = text, .depth = max_depth > 0 ? max_depth : 0, .e = e};
    *out = NULL;
    if (text.n > INT_MAX / 4)
        return err_set(e, E_too_large, "This JSON text is too large.");
    buf_init(&r.scratch, text.n);
    if (!read_document(&r, &root))
        json_object_put(root);
    else if (root && !(*out = json_own(a, root)))
        no_memory(&r);
    buf_release(&r.scratch);
    return r.st;
}
