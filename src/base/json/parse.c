/* parse.c: a recursive reader of RFC 8259 that builds json-c values, strict or tolerant.
 *
 * json-c's own reader accepts what must be refused (NaN, clamped integers, duplicate keys, lone surrogates as U+FFFD),
 * so the text is read here, once, byte by byte. Depth bounds the recursion; every value is charged to the arena before
 * it is made, so a short hostile text cannot take unbounded memory. Invariant: UTF-8 and NUL are checked once at the
 * start, so no function below can meet a broken character or mistake a NUL for the end. The tolerant reader differs
 * only in single values: it takes a similar value where the strict one refuses the document. */
#include <limits.h>
#include <stdlib.h>

#include "base/json/json_internal.h"
#include "base/num.h"
#include "base/utf8.h"

#include "base/banned.h"

#define JSON_BOM STR("\xEF\xBB\xBF")
#define JSON_REPLACEMENT 0xFFFD
#define FIT_ABOVE 4096 /* bytes of text: for a smaller tree json_fit is not worth its time */

struct json_reader {
    struct arena *arena; /* charged for every value */
    struct str text;
    size_t at;
    int depth; /* levels that may still be opened */
    bool tolerant;
    struct buf scratch; /* the current string, if it has escapes */
    struct err *e;
    enum status st;
};

/* Fail, with line and column (in characters) of the current place. They are counted only now, because almost all texts
 * are valid and counting along would cost all of them. Always false. */
static bool reader_stop(struct json_reader *r, const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < r->at && i < r->text.n; i++) {
        column = r->text.p[i] == '\n' ? 1 : column + (((unsigned char)r->text.p[i] & 0xC0) != 0x80);
        line += r->text.p[i] == '\n';
    }
    r->st = err_set(r->e, E_json_invalid, "This is not valid JSON: line %zu, column %zu: %s.", line, column, what);
    return false;
}

static bool reader_no_memory(struct json_reader *r)
{
    r->st = err_nomem(r->e);
    return false;
}

static bool reader_made(struct json_reader *r, struct json_object *o)
{
    return o ? true : reader_no_memory(r);
}

static bool reader_charge(struct json_reader *r, size_t bytes)
{
    if (arena_charge(r->arena, bytes))
        return true;
    r->st = err_raise(r->e, E_json_too_large);
    return false;
}

/* The next byte, or 0 at the end. A NUL in the text was refused before. */
static char reader_peek(const struct json_reader *r)
{
    return r->at < r->text.n ? r->text.p[r->at] : '\0';
}

static bool reader_at(const struct json_reader *r, struct str word)
{
    return str_starts(str_sub(r->text, r->at, r->text.n), word);
}

/* Programs that join files leave a BOM between any two values, so the tolerant reader takes it for white space. */
static char reader_skip_space(struct json_reader *r)
{
    for (;;) {
        char c = reader_peek(r);
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t')
            r->at++;
        else if (r->tolerant && reader_at(r, JSON_BOM))
            r->at += JSON_BOM.n;
        else
            return c;
    }
}

/* Not strtol, which would accept a sign, blanks and a 0x. */
static bool read_hex4(struct json_reader *r, uint32_t *out)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        char c = reader_peek(r);
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            v = v << 4 | (uint32_t)((c | 32) - 'a' + 10);
        else
            return reader_stop(r, "\\u needs four hexadecimal digits");
    }
    *out = v;
    return true;
}

/* After the first half of a surrogate pair. False, without an error: the second half does not follow, and nothing was
 * read. */
static bool read_low_surrogate(struct json_reader *r, uint32_t *low)
{
    struct json_reader ahead = *r;
    ahead.e = NULL;
    if (!reader_at(&ahead, STR("\\u")))
        return false;
    ahead.at += 2;
    if (!read_hex4(&ahead, low) || *low < 0xDC00 || *low >= 0xE000)
        return false;
    r->at = ahead.at;
    return true;
}

/* After "\\u". A surrogate pair makes one character; half of one is an error, because it cannot be written as UTF-8. An
 * escaped NUL is refused: C strings and the database would end there, and two different names could then be taken for
 * the same. The tolerant reader puts U+FFFD in the place of both, as browsers do. */
static bool unicode_escape(struct json_reader *r)
{
    uint32_t cp, low;
    if (!read_hex4(r, &cp))
        return false;
    if (cp == 0 && !r->tolerant)
        return reader_stop(r, "a string must not contain NUL");
    if (cp >= 0xD800 && cp < 0xDC00 && read_low_surrogate(r, &low))
        cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
    if (cp >= 0xD800 && cp < 0xE000 && !r->tolerant)
        return reader_stop(r, "half of a surrogate pair is missing");
    if (cp == 0 || (cp >= 0xD800 && cp < 0xE000))
        cp = JSON_REPLACEMENT;
    char bytes[4];
    buf_add(&r->scratch, bytes, utf8_encode(cp, bytes));
    return true;
}

static bool read_escape(struct json_reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = reader_peek(r);
    r->at++;
    if (c == 'u')
        return unicode_escape(r);
    const char *known = c ? strchr(from, c) : NULL;
    if (!known)
        return reader_stop(r, "this is not a valid escape sequence");
    buf_putc(&r->scratch, to[known - from]);
    return true;
}

/* Most strings have no escapes, and are taken as one slice of the input without copying. */
static size_t plain_run(const struct json_reader *r)
{
    size_t i = r->at;
    while (i < r->text.n && r->text.p[i] != '"' && r->text.p[i] != '\\' && (unsigned char)r->text.p[i] >= 0x20)
        i++;
    return i - r->at;
}

/* The content of a string: a slice of the input, or `scratch` if it has escapes. Valid until the next string. */
static bool read_string_text(struct json_reader *r, struct str *out)
{
    r->at++; /* the quote */
    struct str run = str_sub(r->text, r->at, plain_run(r));
    r->at += run.n;
    if (reader_peek(r) == '"') {
        r->at++;
        *out = run;
        return true;
    }
    buf_clear(&r->scratch);
    buf_str_add(&r->scratch, run);
    for (;;) {
        char c = reader_peek(r);
        if (r->at >= r->text.n)
            return reader_stop(r, "a string has no closing quotation mark");
        r->at++;
        if (c == '"')
            break;
        if (c != '\\' && !r->tolerant)
            return r->at--, reader_stop(r, "a control character in a string must be escaped");
        if (c != '\\')
            buf_putc(&r->scratch, c);
        else if (!read_escape(r))
            return false;
        run = str_sub(r->text, r->at, plain_run(r));
        buf_str_add(&r->scratch, run);
        r->at += run.n;
    }
    *out = buf_str(&r->scratch);
    return buf_ok(&r->scratch) || reader_no_memory(r);
}

/* Where the number at the current place ends. What is between may still be malformed. */
static struct str json_number_text(const struct json_reader *r)
{
    size_t i = r->at;
    while (i < r->text.n && (strchr("+-.eE", r->text.p[i]) || (r->text.p[i] >= '0' && r->text.p[i] <= '9')))
        i++;
    return str_sub(r->text, r->at, i - r->at);
}

/* "007" is refused, because readers disagree whether it is 7 or octal. */
static bool has_leading_zero(struct str s)
{
    struct str digits = str_starts(s, STR("-")) ? str_sub(s, 1, s.n) : s;
    return digits.n > 1 && digits.p[0] == '0' && digits.p[1] >= '0' && digits.p[1] <= '9';
}

/* The grammar of JSON is stricter than num_double in one point: no leading zeros. An integer outside int64 is an error,
 * not a double, because ids must not lose digits. The tolerant reader keeps the digits of such a number as a string. */
static bool read_number(struct json_reader *r, struct json_object **out)
{
    struct str s = json_number_text(r);
    if (has_leading_zero(s))
        return reader_stop(r, "a number must not begin with 0");
    bool whole = str_find(s, '.') < 0 && str_find(s, 'e') < 0 && str_find(s, 'E') < 0;
    int64_t n = 0;
    double d = 0;
    bool fits = whole ? num_i64(s, INT64_MIN, INT64_MAX, &n) : num_double(s, &d);
    if (!fits && !(r->tolerant && num_is_decimal(s)))
        return reader_stop(r, "this number is malformed or out of range");
    r->at += s.n;
    if (!reader_charge(r, fits ? JSON_SCALAR_BYTES : JSON_STRING_BYTES + s.n))
        return false;
    *out = !fits   ? json_object_new_string_len(s.p, (int)s.n)
           : whole ? json_object_new_int64(n)
                   : json_object_new_double(d);
    return reader_made(r, *out);
}

/* What follows the word is not checked here. The caller expects a comma, a bracket or the end next, so "nullx" fails
 * there. */
static bool read_literal(struct json_reader *r, struct str word)
{
    if (!reader_at(r, word))
        return reader_stop(r, "a value was expected");
    r->at += word.n;
    return true;
}

static bool read_value(struct json_reader *r, struct json_object **out);

/* An item that was read but cannot be added is released here; everything else hangs in the tree already and is
 * released with its root. The slot is charged before the value is read: an array of a million nulls costs no values,
 * but slots. */
static bool read_items(struct json_reader *r, struct json_object *arr)
{
    for (;;) {
        struct json_object *item = NULL;
        bool ok = reader_charge(r, JSON_ITEM_BYTES) && read_value(r, &item);
        if (!ok || json_object_array_add(arr, item) != 0) {
            json_object_put(item);
            return ok && reader_no_memory(r);
        }
        char c = reader_skip_space(r);
        if (c != ',' && c != ']')
            return reader_stop(r, "a comma or ] was expected");
        r->at++;
        if (c == ']')
            return true;
    }
}

/* The key is looked up before its value is read: a duplicate is reported at its own place. It is an error, because
 * readers differ in which of the two counts, and a check on one and a use of the other would be a hole. The tolerant
 * reader takes the last one, as nearly all others do. The entry is
 * made before the value, too, so that members stay in the order of the text. */
static bool read_member(struct json_reader *r, struct lh_table *t)
{
    struct str key;
    char small[64], *key_z = small;
    if (reader_skip_space(r) != '"')
        return reader_stop(r, "a key in quotes was expected");
    size_t start = r->at;
    if (!read_string_text(r, &key))
        return false;
    if (key.n >= sizeof(small) && !(key_z = malloc(key.n + 1)))
        return reader_no_memory(r);
    memcpy(key_z, key.p, key.n);
    key_z[key.n] = '\0';
    /* json-c seeds its hash at random, so no client can choose keys that collide. It is computed once and used
     * twice. */
    unsigned long hash = lh_get_hash(t, key_z);
    struct lh_entry *at = lh_table_lookup_entry_w_hash(t, key_z, hash);
    if (key_z != small)
        free(key_z);
    if (at && !r->tolerant) {
        r->at = start;
        return reader_stop(r, "this key occurs twice in its object");
    }
    if (!reader_charge(r, JSON_MEMBER_BYTES + key.n))
        return false;
    if (!at && !(at = json_append(t, key, hash)))
        return reader_no_memory(r);
    if (reader_skip_space(r) != ':')
        return reader_stop(r, "a colon was expected");
    r->at++;
    struct json_object *value = NULL;
    bool ok = read_value(r, &value);
    json_object_put((struct json_object *)lh_entry_v(at)); /* of a key that occurs twice the last value counts */
    at->v = value; /* nothing was added to this table meanwhile, so the entry has not moved */
    return ok;
}

static bool read_members(struct json_reader *r, struct json_object *obj)
{
    struct lh_table *t = json_object_get_object(obj);
    for (;;) {
        if (!read_member(r, t))
            return false;
        char c = reader_skip_space(r);
        if (c != ',' && c != '}')
            return reader_stop(r, "a comma or } was expected");
        r->at++;
        if (c == '}')
            return true;
    }
}

/* `depth` is counted down on the way in and up on the way out, so it limits nesting and not the number of containers.
 * After a failure it is not restored: the whole document is given up. */
static bool read_container(struct json_reader *r, char open, struct json_object **out)
{
    if (r->depth-- == 0)
        return reader_stop(r, "the values are nested too deeply");
    if (!reader_charge(r, JSON_CONTAINER_BYTES))
        return false;
    *out = open == '{' ? json_object_new_object() : json_object_new_array();
    if (!reader_made(r, *out))
        return false;
    r->at++;
    bool ok = true;
    if (reader_skip_space(r) == (open == '{' ? '}' : ']'))
        r->at++;
    else
        ok = open == '{' ? read_members(r, *out) : read_items(r, *out);
    r->depth++;
    if (ok && r->text.n > FIT_ABOVE)
        json_fit(*out);
    return ok;
}

static bool read_string_value(struct json_reader *r, struct json_object **out)
{
    struct str s;
    if (!read_string_text(r, &s) || !reader_charge(r, JSON_STRING_BYTES + s.n))
        return false;
    *out = json_object_new_string_len(s.p, (int)s.n);
    return reader_made(r, *out);
}

static bool read_bool(struct json_reader *r, bool value, struct json_object **out)
{
    if (!read_literal(r, value ? STR("true") : STR("false")) || !reader_charge(r, JSON_SCALAR_BYTES))
        return false;
    *out = json_object_new_boolean(value);
    return reader_made(r, *out);
}

/* What JavaScript and Python write for numbers that JSON does not have. They become null, as JSON.stringify does it. */
static bool read_not_finite(struct json_reader *r)
{
    static const struct str words[] = {{"NaN", 3}, {"Infinity", 8}, {"-Infinity", 9}};
    for (size_t i = 0; r->tolerant && i < COUNT_OF(words); i++)
        if (reader_at(r, words[i]))
            return read_literal(r, words[i]);
    return false;
}

/* After a failure *out holds what was built so far; the caller releases it. */
static bool read_value(struct json_reader *r, struct json_object **out)
{
    char c = reader_skip_space(r);
    switch (c) {
    case '{':
    case '[':
        return read_container(r, c, out);
    case '"':
        return read_string_value(r, out);
    case 't':
    case 'f':
        return read_bool(r, c == 't', out);
    case 'n':
        return read_literal(r, STR("null"));
    default:
        if (read_not_finite(r))
            return true;
        if (c == '-' || (c >= '0' && c <= '9'))
            return read_number(r, out);
        return reader_stop(r, r->at < r->text.n ? "a value was expected" : "the text ends too early");
    }
}

/* One value, and nothing after it but white space. */
static bool read_document(struct json_reader *r, struct json_object **out)
{
    if (!utf8_valid(r->text) || memchr(r->text.p, '\0', r->text.n)) {
        r->st = err_set(r->e, E_json_invalid, "This is not valid JSON: the text is not UTF-8, or contains NUL.");
        return false;
    }
    if (!read_value(r, out))
        return false;
    reader_skip_space(r);
    return r->at == r->text.n || reader_stop(r, "something follows the value");
}

/* json-c takes lengths as int, and its sizes are computed by multiplication, hence the limit on the text. `scratch` may
 * grow to three times the text: an unescaped string is never longer than its source, but U+FFFD is longer than a byte.
 * After a failure the partial tree is released as a whole, since every value hangs in it. */
static enum status reader_run(struct json_reader *r, struct json **out)
{
    struct json_object *root = NULL;
    *out = NULL;
    if (r->text.n > INT_MAX / 4)
        return err_set(r->e, E_too_large, "This JSON text is too large.");
    buf_init(&r->scratch, 3 * r->text.n);
    if (!read_document(r, &root))
        json_object_put(root);
    else if (root && !(*out = json_own(r->arena, root)))
        reader_no_memory(r);
    buf_release(&r->scratch);
    return r->st;
}

enum status json_parse(struct arena *a, struct str text, int max_depth, struct json **out, struct err *e)
{
    struct json_reader r = {.arena = a, .text = text, .depth = max_depth > 0 ? max_depth : 0, .e = e};
    return reader_run(&r, out);
}

/* Every byte that is not part of a character, and NUL, becomes U+FFFD. */
static void json_repair(struct buf *b, struct str text)
{
    while (text.n) {
        char bytes[4];
        uint32_t cp = utf8_next(&text);
        buf_add(b, bytes, utf8_encode(cp ? cp : JSON_REPLACEMENT, bytes));
    }
}

/* Most texts need no repair, and are read in place. NUL bytes at the end come from services that send C strings. */
enum status json_parse_tolerant(struct arena *a, struct str text, int max_depth, struct json **out, struct err *e)
{
    struct buf b;
    struct json_reader r = {.arena = a, .depth = max_depth > 0 ? max_depth : 0, .tolerant = true, .e = e};
    *out = NULL;
    if (text.n > INT_MAX / 16)
        return err_set(e, E_too_large, "This JSON text is too large.");
    while (text.n && text.p[text.n - 1] == '\0')
        text.n--;
    buf_init(&b, 3 * text.n);
    if (!utf8_valid(text) || (text.n && memchr(text.p, '\0', text.n))) {
        json_repair(&b, text);
        text = buf_str(&b);
    }
    r.text = text;
    enum status st = buf_ok(&b) ? reader_run(&r, out) : err_nomem(e);
    buf_release(&b);
    return st;
}
