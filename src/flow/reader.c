/* reader.c: the common part of reading a flow: the place as a JSON pointer, the check of an object against a table of
 * fields, and the simple kinds of fields. A function that refuses leaves the path where the fault is, and one that
 * succeeds has restored it. So no reader passes a place along, and the first refusal always has the pointer of the
 * innermost value. */
#include <stdio.h>

#include "base/utf8.h"
#include "base/vec.h"
#include "flow/reader_internal.h"
#include "flow/text_internal.h"

#include "base/banned.h"

/* ---- the place ---- */

/* A path that does not fit is cut, not refused. Only the keys of a JSON body, which are the author's own, can make it
 * so long, and they are no fault. */
static void path_add(struct flow_reader *r, char c)
{
    if (r->path_n + 1 < READER_PATH) {
        r->path[r->path_n++] = c;
        r->path[r->path_n] = 0;
    }
}

/* `~` and `/` in a key are escaped as in RFC 6901. The caller keeps the mark and hands it to path_back, which also
 * undoes a path that was cut. */
size_t path_key(struct flow_reader *r, struct str key)
{
    size_t mark = r->path_n;
    path_add(r, '/');
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '~' || key.p[i] == '/') {
            path_add(r, '~');
            path_add(r, key.p[i] == '~' ? '0' : '1');
        } else {
            path_add(r, key.p[i]);
        }
    }
    return mark;
}

size_t path_index(struct flow_reader *r, size_t i)
{
    char digits[24];
    return path_key(r, str_n(digits, (size_t)snprintf(digits, sizeof(digits), "%zu", i)));
}

static enum status reader_refuse_v(struct flow_reader *r, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static enum status reader_refuse_v(struct flow_reader *r, const char *fmt, va_list ap)
{
    char message[400];
    vsnprintf(message, sizeof(message), fmt, ap);
    struct str cut = str_from(message); /* vsnprintf may have cut inside a character */
    while (cut.n && !utf8_valid(cut))
        cut.n--;
    return err_at(r->e, E_flow_invalid, r->path, "%.*s", STR_F(cut));
}

enum status reader_refuse(struct flow_reader *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    enum status st = reader_refuse_v(r, fmt, ap);
    va_end(ap);
    return st;
}

enum status reader_refuse_key(struct flow_reader *r, const char *key, const char *fmt, ...)
{
    va_list ap;
    path_key(r, str_from(key));
    va_start(ap, fmt);
    enum status st = reader_refuse_v(r, fmt, ap);
    va_end(ap);
    return st;
}

/* Notes are kept only for lint, and live in the arena of its caller because findings outlive the flow that is read for
 * them. The array doubles and the old ones stay in the arena until its end, which costs at most as much again. Nothing
 * is counted before all copies have succeeded. */
enum status reader_note(struct flow_reader *r, enum note_kind kind, struct str name, int var, const char *fmt, ...)
{
    if (!r->notes)
        return OK;
    struct reader_notes *l = r->notes;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct reader_note *p = arena_array(l->a, cap, sizeof(*p));
        if (!p)
            return err_nomem(r->e);
        if (l->n)
            memcpy(p, l->p, l->n * sizeof(*p));
        l->p = p;
        l->cap = cap;
    }
    bool ok = true;
    va_list ap;
    va_start(ap, fmt);
    char *text = arena_vprintf(l->a, fmt, ap);
    va_end(ap);
    struct reader_note *n = &l->p[l->n];
    *n = (struct reader_note){.kind = kind,
                              .node = r->node,
                              .var = var,
                              .message = str_from(text),
                              .pointer = arena_str(l->a, str_n(r->path, r->path_n), &ok),
                              .name = arena_str(l->a, name, &ok)};
    if (!text || !ok)
        return err_nomem(r->e);
    l->n++;
    return OK;
}

/* ---- what an object may hold ---- */

static unsigned field_kind_bit(const struct json *j)
{
    switch (json_kind(j)) {
    case JSON_STRING:
        return K_STR;
    case JSON_INT:
        return K_INT;
    case JSON_DOUBLE:
        return K_NUM;
    case JSON_BOOL:
        return K_BOOL;
    case JSON_ARRAY:
        return K_ARR;
    case JSON_OBJECT:
        return K_OBJ;
    case JSON_NULL:
        break;
    }
    return K_NULL;
}

static const char *field_kind_words(unsigned is)
{
    switch (is & ~(unsigned)K_MUST) {
    case K_STR:
        return "a string";
    case K_INT:
        return "a whole number";
    case K_INT | K_NUM:
        return "a number";
    case K_BOOL:
        return "true or false";
    case K_ARR:
        return "an array";
    case K_OBJ:
        return "an object";
    case K_TEXT:
        return "a text: a string, or an object of one string for each language";
    case K_SCALAR:
        return "a string, a number, true or false";
    default:
        return "a value of another type";
    }
}

/* Unknown fields are refused: a misspelt name would be ignored silently otherwise. The schema says the same. The fields
 * that are there are checked before missing ones are reported, so that for a misspelt field its wrong name is reported
 * and not only that the right one is missing. */
enum status read_fields(struct flow_reader *r, const struct json *j, const struct field_rule *fields, size_t n)
{
    if (!json_is(j, JSON_OBJECT))
        return reader_refuse(r, "This must be an object.");
    struct json_iter it = {0};
    while (json_each(j, &it)) {
        const struct field_rule *f = NULL;
        for (size_t i = 0; i < n && !f; i++)
            if (str_eqz(it.key, fields[i].name))
                f = &fields[i];
        size_t mark = path_key(r, it.key);
        if (!f)
            return reader_refuse(r, "There is no field \"%.*s\" here.", STR_F(utf8_cut(it.key, 60)));
        unsigned bit = field_kind_bit(it.value);
        if (!(f->is & bit))
            return reader_refuse(r, "\"%s\" must be %s.", f->name, field_kind_words(f->is));
        path_back(r, mark);
    }
    for (size_t i = 0; i < n; i++)
        if ((fields[i].is & K_MUST) && !json_has(j, fields[i].name))
            return reader_refuse_key(r, fields[i].name, "\"%s\" is missing.", fields[i].name);
    return OK;
}

/* ---- simple fields ---- */

/* Bytes are compared first because they are an upper bound of the characters: the characters of most texts need not be
 * counted. Control characters are refused here, once, so that no channel and no log has to deal with them. */
static enum status check_length(struct flow_reader *r, struct str s, size_t min, size_t max)
{
    if (s.n < min)
        return reader_refuse(r, "This must not be empty.");
    if (s.n > max && utf8_length(s) > max)
        return reader_refuse(r, "This is longer than %zu characters.", max);
    if (!utf8_text(s))
        return reader_refuse(r, "This contains a control character.");
    return OK;
}

/* For a refusal path_back gets the present length, which keeps the key in the path. */
enum status read_string(struct flow_reader *r, const struct json *j, const char *key, size_t min, size_t max,
                        struct str *out)
{
    if (!json_has(j, key))
        return OK;
    struct str s = json_get_str(j, key);
    size_t mark = path_key(r, str_from(key));
    enum status st = check_length(r, s, min, max);
    path_back(r, st ? r->path_n : mark);
    if (!st)
        *out = s;
    return st;
}

enum status read_int(struct flow_reader *r, const struct json *j, const char *key, int64_t min, int64_t max,
                     int64_t *out)
{
    if (!json_has(j, key))
        return OK;
    int64_t v = json_int(json_get(j, key), 0);
    if (v < min || v > max)
        return reader_refuse_key(r, key, "\"%s\" must be between %lld and %lld.", key, (long long)min, (long long)max);
    *out = v;
    return OK;
}

enum status read_list(struct flow_reader *r, const struct json *j, const char *key, size_t min, size_t max,
                      const struct json **out)
{
    *out = json_get(j, key);
    if (!*out)
        return OK;
    size_t n = json_len(*out);
    if (n < min)
        return reader_refuse_key(r, key, "\"%s\" must not be empty.", key);
    if (n > max)
        return reader_refuse_key(r, key, "\"%s\" has more than %zu items.", key, max);
    return OK;
}

enum status read_word(struct flow_reader *r, const struct json *j, const char *key, const char *const *words, int n,
                      int *out)
{
    if (!json_has(j, key))
        return OK;
    struct str s = json_get_str(j, key);
    for (int i = 0; i < n; i++)
        if (str_eqz(s, words[i])) {
            *out = i;
            return OK;
        }
    /* The words come from a table of the source, so the list is short. snprintf returns what it wanted to write, hence
     * the check of `used` in the loop. */
    char list[200] = "";
    size_t used = 0;
    for (int i = 0; i < n && used < sizeof(list); i++)
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", words[i]);
    return reader_refuse_key(r, key, "\"%s\" must be one of: %s.", key, list);
}

/* A target that does not exist is a note, not a refusal, so that a draft can be saved half done. The runner then treats
 * it like a missing target. The index follows from the address, because the map points into the array of nodes. */
enum status read_target(struct flow_reader *r, const struct json *j, const char *key, int *out)
{
    struct str name = STR_EMPTY;
    *out = NODE_NONE;
    enum status st = read_string(r, j, key, 1, MAX_FLOW_NAME, &name);
    if (st || name.n == 0)
        return st;
    const struct flow_node *n = map_get(&r->f->node_names, name);
    if (n) {
        *out = (int)(n - r->f->nodes);
        return OK;
    }
    size_t mark = path_key(r, str_from(key));
    st = reader_note(r, NOTE_TARGET_UNKNOWN, name, VAR_NONE, "There is no node \"%.*s\".", STR_F(name));
    path_back(r, mark);
    return st;
}

/* Compiled patterns count towards the size of the flow: a short pattern with large repetitions takes a lot of
 * memory. */
enum status read_pattern(struct flow_reader *r, const struct json *j, const char *key, struct pattern **out)
{
    struct str s = STR_EMPTY;
    enum status st = read_string(r, j, key, 1, MAX_FLOW_PATTERN, &s);
    if (st || s.n == 0)
        return st;
    /* PCRE2's sentence is caught in an err of its own, because it has to be reported at the pointer of this field. */
    struct err why = ERR_INIT;
    st = pattern_new(r->a, s, out, &why);
    if (st == ERR_NOMEM)
        return err_nomem(r->e);
    if (st)
        return reader_refuse_key(r, key, "%s", why.message);
    r->f->pattern_bytes += pattern_bytes(*out);
    if (r->f->pattern_bytes > MAX_FLOW_PATTERNS)
        return reader_refuse_key(
            r, key,
            "The patterns of the flow are too large in total. Use smaller repetitions than, for example, {900}.");
    return OK;
}

/* ---- variables and templates ---- */

/* An undeclared variable works as a text, so that a half-done draft can be tried. Lint reports it, and a flow with
 * findings of that severity cannot be published. */
static enum status var_add(struct flow_reader *r, struct str name, int *out)
{
    struct flow *f = r->f;
    if (f->var_n == MAX_FLOW_VARS)
        return reader_refuse(r, "The flow uses more than %d variables.", MAX_FLOW_VARS);
    f->vars[f->var_n] = (struct flow_var){.name = name, .type = KIND_TEXT};
    *out = (int)f->var_n++;
    return OK;
}

/* The two pseudo variables come before the table, which can never hold their names. A linear search is enough for at
 * most MAX_FLOW_VARS names, and it happens only while a flow is read. Each use is noted: lint derives unused and never
 * set variables from the notes. */
enum status var_find(struct flow_reader *r, struct str name, enum note_kind use, int *out)
{
    bool input = str_eqz(name, "input"), language = str_eqz(name, "language");
    if (!name_ok(name, false))
        return reader_refuse(r, "\"%.*s\" is not a valid variable name: use letters, digits and _, at most %d.",
                             STR_F(utf8_cut(name, 60)), MAX_FLOW_NAME);
    if (input && use == NOTE_VAR_WRITE)
        return reader_refuse(r, "\"input\" is the visitor's last message and cannot be set.");
    if (input || language) {
        *out = input ? VAR_INPUT : VAR_LANGUAGE;
        return OK;
    }
    *out = VAR_NONE;
    for (size_t i = 0; i < r->f->var_n && *out == VAR_NONE; i++)
        if (str_eq(r->f->vars[i].name, name))
            *out = (int)i;
    enum status st = *out == VAR_NONE ? var_add(r, name, out) : OK;
    return st ? st : reader_note(r, use, name, *out, "%s", "");
}

enum status read_var(struct flow_reader *r, const struct json *j, const char *key, enum note_kind use, int *out)
{
    *out = VAR_NONE;
    if (!json_has(j, key))
        return OK;
    size_t mark = path_key(r, str_from(key));
    enum status st = var_find(r, json_get_str(j, key), use, out);
    if (!st)
        path_back(r, mark);
    return st;
}

/* A flow that named more secrets than a workspace can have could never be published, and checking it would be slow. */
static enum status secret_count(struct flow_reader *r, struct str name)
{
    struct flow *f = r->f;
    for (size_t i = 0; i < f->secret_n; i++)
        if (str_eq(f->secrets[i], name))
            return OK;
    if (f->secret_n == MAX_SECRETS)
        return reader_refuse(r, "The flow uses more than %d secrets.", MAX_SECRETS);
    if (!f->secrets && !(f->secrets = arena_array(r->a, MAX_SECRETS, sizeof(*f->secrets))))
        return err_nomem(r->e);
    f->secrets[f->secret_n++] = name;
    return OK;
}

/* An upper bound: a piece of text and a variable for each step of the scan. */
static size_t tpl_count(struct str source)
{
    struct tpl_scan s = {.rest = source};
    size_t n = 0;
    while (tpl_next(&s))
        n += 2;
    return n;
}

/* Splits a text at its variables once, so that a turn only concatenates. Literal parts are borrowed from `source`,
 * which must live as long as the flow. The mode, that is how a value is escaped, is fixed here by the place of the text
 * and never by its content. */
enum status tpl_compile(struct flow_reader *r, struct str source, enum part_mode mode, struct tpl *out)
{
    struct tpl_part *parts = arena_array(r->a, tpl_count(source), sizeof(*parts));
    if (!parts && source.n)
        return err_nomem(r->e);
    struct tpl_scan s = {.rest = source};
    size_t n = 0;
    while (tpl_next(&s)) {
        if (s.bad)
            return reader_refuse(r, "\"{{\" must be followed by the name of a variable and \"}}\".");
        if (s.lit.n)
            parts[n++] = (struct tpl_part){.lit = s.lit, .var = VAR_NONE};
        if (!s.has_name)
            continue;
        if (s.is_secret && mode != PART_HEADER)
            return reader_refuse(r, "A secret can only be used in the value of a header of an \"http\" node.");
        int var = VAR_SECRET;
        enum status st = s.is_secret ? secret_count(r, s.name) : var_find(r, s.name, NOTE_VAR_READ, &var);
        if (st)
            return st;
        parts[n++] = (struct tpl_part){.lit = s.is_secret ? s.name : STR_EMPTY, .var = var, .mode = mode};
    }
    *out = (struct tpl){parts, n};
    return OK;
}

enum status read_tpl(struct flow_reader *r, const struct json *j, const char *key, size_t max, enum part_mode mode,
                     struct tpl *out)
{
    struct str s = STR_EMPTY;
    enum status st = read_string(r, j, key, 0, max, &s);
    if (st || !json_has(j, key))
        return st;
    size_t mark = path_key(r, str_from(key));
    st = tpl_compile(r, s, mode, out);
    if (!st)
        path_back(r, mark);
    return st;
}

/* An address begins with http:// or https:// and a host that is written out. A host from a variable would let a
 * visitor choose which server is called. */
static bool url_host_ok(struct str s)
{
    size_t at = str_starts(s, STR("https://")) ? 8 : str_starts(s, STR("http://")) ? 7 : 0, from = at;
    while (at && at < s.n && !strchr("/?#@{", s.p[at]))
        at++;
    return at > from && (at == s.n || (s.p[at] != '@' && s.p[at] != '{'));
}

/* Spaces and control characters are refused first: a line break inside an address could end the request line. A
 * variable is percent-encoded when it is put in, so it cannot add a path segment, a query or a host. */
enum status read_url(struct flow_reader *r, const struct json *j, const char *key, struct tpl *out)
{
    struct str s = STR_EMPTY;
    enum status st = read_string(r, j, key, 1, MAX_FLOW_URL, &s);
    if (st || s.n == 0)
        return st;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ')
            return reader_refuse_key(r, key, "An address must not contain spaces.");
    if (!url_host_ok(s))
        return reader_refuse_key(
            r, key,
            "An address must begin with https:// or http:// and a host that is written out: no variable, no "
            "name or password.");
    return read_tpl(r, j, key, MAX_FLOW_URL, PART_URL, out);
}
