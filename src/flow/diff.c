/* diff.c: what changed from one flow to another, place by place, with a sentence for each. It compares the JSON
 * documents, not the parsed flows, so it also shows what the runner ignores, and works on flows that do not parse. */
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "flow/keys_internal.h"

#include "base/banned.h"

#define DIFF_TEXT_SHOWN 160 /* characters of a text that a change shows */

struct diff {
    struct arena *a;
    struct err *e;
    struct flow_change *p;
    size_t n;
    char path[512];
    size_t path_n;
};

/* The place as a JSON pointer; `~` and `/` in keys are escaped (RFC 6901). Returns the mark to come back to. A longer
 * path than the buffer is cut: the sentence then names the outer place. */
static size_t diff_enter(struct diff *d, struct str key)
{
    size_t mark = d->path_n;
    int n = snprintf(d->path + d->path_n, sizeof(d->path) - d->path_n, "/");
    d->path_n += n > 0 && d->path_n + 1 < sizeof(d->path) ? 1 : 0;
    for (size_t i = 0; i < key.n && d->path_n + 3 < sizeof(d->path); i++) {
        bool special = key.p[i] == '~' || key.p[i] == '/';
        if (special)
            d->path[d->path_n++] = '~';
        d->path[d->path_n++] = special ? (key.p[i] == '~' ? '0' : '1') : key.p[i];
    }
    d->path[d->path_n] = 0;
    return mark;
}

static size_t diff_enter_index(struct diff *d, size_t i)
{
    char digits[24];
    return diff_enter(d, str_n(digits, (size_t)snprintf(digits, sizeof(digits), "%zu", i)));
}

static void diff_leave(struct diff *d, size_t mark)
{
    d->path_n = mark;
    d->path[mark] = 0;
}

/* Writes a value as json_write does, with stars in place of keys: whoever may compare two flows may not always read
 * their keys. `name` is the name of the value, "" in an array. */
static void diff_write(struct diff *d, struct buf *b, const struct json *j, struct str name, enum keys_place place,
                       bool *ok)
{
    struct json_iter it = {0};
    bool object = json_is(j, JSON_OBJECT);
    if (json_is(j, JSON_STRING)) {
        buf_json(b, keys_shown(d->a, place, name, json_str(j), ok));
        return;
    }
    if (!object && !json_is(j, JSON_ARRAY)) {
        json_write(b, j);
        return;
    }
    enum keys_place inside = keys_inside(place, name);
    buf_putc(b, object ? '{' : '[');
    for (size_t i = 0; object ? json_each(j, &it) : i < json_len(j); i++) {
        if (i)
            buf_putc(b, ',');
        if (object) {
            buf_json(b, it.key);
            buf_putc(b, ':');
        }
        diff_write(d, b, object ? it.value : json_at(j, i), object ? it.key : STR_EMPTY, inside, ok);
    }
    buf_putc(b, object ? '}' : ']');
}

/* Where the value is that the path leads to, and its name. */
static enum keys_place diff_place(const struct diff *d, struct str *name)
{
    enum keys_place place = KEYS_FLOW;
    struct str rest = str_sub(str_n(d->path, d->path_n), 1, d->path_n), step;
    while (str_split(&rest, '/', &step)) {
        place = keys_inside(place, *name);
        *name = step;
    }
    return place;
}

/* A value as a person reads it: a text without quotes, anything else as short JSON. `there` distinguishes a value that
 * is null from none. */
static struct str diff_show(struct diff *d, const struct json *j, bool there, bool *ok)
{
    struct buf b;
    struct str name = STR_EMPTY;
    if (!there)
        return STR_EMPTY;
    enum keys_place place = diff_place(d, &name);
    if (json_is(j, JSON_STRING))
        return arena_str(d->a, utf8_cut(keys_shown(d->a, place, name, json_str(j), ok), DIFF_TEXT_SHOWN), ok);
    buf_init(&b, 8 * MAX_FLOW);
    diff_write(d, &b, j, name, place, ok);
    struct str s = arena_str(d->a, utf8_cut(buf_str(&b), DIFF_TEXT_SHOWN), ok);
    *ok = *ok && buf_ok(&b);
    buf_release(&b);
    return s;
}

/* ---- words ---- */

static bool diff_is_index(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

/* /nodes/welcome/messages/0/text/en becomes: node "welcome", message 1, text, en. Names of lists are left out, their
 * members are numbered from 1. */
static void diff_add_place(struct buf *b, struct str path)
{
    static const char *const single[][2] = {{"nodes", "node"},         {"messages", "message"}, {"choices", "choice"},
                                            {"cases", "case"},         {"tests", "test"},       {"turns", "turn"},
                                            {"variables", "variable"}, {"commands", "command"}, {"headers", "header"},
                                            {"languages", "language"}, {"set", "assignment"},   {"labels", "label"},
                                            {"tools", "tool"}};
    struct str part, before = STR_EMPTY;
    path = str_sub(path, 1, path.n);
    while (str_split(&path, '/', &part)) {
        const char *one = NULL;
        for (size_t i = 0; i < COUNT_OF(single); i++)
            if (str_eqz(before, single[i][0]))
                one = single[i][1];
        bool list = false;
        for (size_t i = 0; i < COUNT_OF(single); i++)
            list = list || (path.n && str_eqz(part, single[i][0]));
        if (!list) {
            if (b->n)
                buf_puts(b, ", ");
            if (one)
                buf_printf(b, "%s ", one);
            if (diff_is_index(part))
                buf_printf(b, "%zu", (size_t)strtoul(part.p, NULL, 10) + 1);
            else
                buf_printf(b, one ? "\"%.*s\"" : "%.*s", STR_F(part));
        }
        before = part;
    }
}

static struct str diff_words(struct diff *d, const struct flow_change *c, bool *ok)
{
    struct buf b;
    buf_init(&b, 4 * KB);
    diff_add_place(&b, c->pointer);
    if (b.n == 0)
        buf_puts(&b, "the flow");
    if (c->kind == FLOW_CHANGED)
        buf_printf(&b, ": changed from \"%.*s\" to \"%.*s\"", STR_F(c->before), STR_F(c->after));
    else
        buf_printf(&b, ": %s \"%.*s\"", c->kind == FLOW_ADDED ? "added" : "removed",
                   STR_F(c->kind == FLOW_ADDED ? c->after : c->before));
    struct str s = arena_str(d->a, buf_str(&b), ok);
    *ok = *ok && buf_ok(&b);
    buf_release(&b);
    return s;
}

/* The name of the node that the place is in. */
static struct str diff_node_of(struct str path)
{
    struct str part;
    if (!str_starts(path, STR("/nodes/")))
        return STR_EMPTY;
    path = str_sub(path, 7, path.n);
    return str_split(&path, '/', &part) ? part : STR_EMPTY;
}

/* Changes beyond the limit are dropped: a longer comparison is not read to its end. The row is counted only when all of
 * it has been built. */
static enum status diff_add(struct diff *d, const struct json *before, bool was, const struct json *after, bool is)
{
    bool ok = true;
    if (d->n == MAX_FLOW_FINDINGS)
        return OK;
    struct flow_change *c = &d->p[d->n];
    c->kind = !was ? FLOW_ADDED : !is ? FLOW_REMOVED : FLOW_CHANGED;
    c->pointer = arena_str(d->a, str_n(d->path, d->path_n), &ok);
    c->node = diff_node_of(c->pointer);
    c->before = diff_show(d, before, was, &ok);
    c->after = diff_show(d, after, is, &ok);
    c->words = diff_words(d, c, &ok);
    if (!ok)
        return err_nomem(d->e);
    d->n++;
    return OK;
}

/* ---- comparing ---- */

static enum status diff_compare(struct diff *d, const struct json *before, const struct json *after, int depth);

/* Both ways: keys that are gone or changed in the order of the old flow, then those that are new. */
static enum status diff_compare_objects(struct diff *d, const struct json *before, const struct json *after, int depth)
{
    struct json_iter it = {0};
    enum status st = OK;
    while (!st && json_each(before, &it)) {
        char key[256];
        size_t mark = diff_enter(d, it.key);
        snprintf(key, sizeof(key), "%.*s", STR_F(it.key));
        const struct json *now = json_get_n(after, it.key);
        st = now || json_has(after, key) ? diff_compare(d, it.value, now, depth + 1)
                                         : diff_add(d, it.value, true, NULL, false);
        diff_leave(d, mark);
    }
    it = (struct json_iter){0};
    while (!st && json_each(after, &it)) {
        char key[256];
        size_t mark = diff_enter(d, it.key);
        snprintf(key, sizeof(key), "%.*s", STR_F(it.key));
        if (!json_get_n(before, it.key) && !json_has(before, key))
            st = diff_add(d, NULL, false, it.value, true);
        diff_leave(d, mark);
    }
    return st;
}

/* What is the same at both ends is left out. The middle is compared pair by pair, and its rest is added or removed.
 * That is not the shortest difference, but it reads well for what people do: insert, delete or edit one entry. */
static enum status diff_compare_arrays(struct diff *d, const struct json *before, const struct json *after, int depth)
{
    size_t n = json_len(before), m = json_len(after), from = 0, tail = 0;
    while (from < n && from < m && json_equal(json_at(before, from), json_at(after, from)))
        from++;
    while (tail < n - from && tail < m - from &&
           json_equal(json_at(before, n - 1 - tail), json_at(after, m - 1 - tail)))
        tail++;
    enum status st = OK;
    for (size_t i = from; i < n - tail || i < m - tail; i++) {
        size_t mark = diff_enter_index(d, i);
        bool was = i < n - tail, is = i < m - tail;
        if (was && is)
            st = diff_compare(d, json_at(before, i), json_at(after, i), depth + 1);
        else
            st = diff_add(d, was ? json_at(before, i) : NULL, was, is ? json_at(after, i) : NULL, is);
        diff_leave(d, mark);
        if (st)
            return st;
    }
    return OK;
}

/* Below the depth that a parsed document can have, values are compared as a whole, so recursion is bounded also for
 * documents that were built in memory. */
static enum status diff_compare(struct diff *d, const struct json *before, const struct json *after, int depth)
{
    if (json_equal(before, after))
        return OK;
    bool deep = depth < MAX_JSON_DEPTH * 2;
    if (deep && json_is(before, JSON_OBJECT) && json_is(after, JSON_OBJECT))
        return diff_compare_objects(d, before, after, depth);
    if (deep && json_is(before, JSON_ARRAY) && json_is(after, JSON_ARRAY))
        return diff_compare_arrays(d, before, after, depth);
    return diff_add(d, before, true, after, true);
}

enum status flow_diff(const struct json *before, const struct json *after, struct arena *a, struct flow_change **out,
                      size_t *n, struct err *e)
{
    struct diff d = {.a = a, .e = e};
    d.p = arena_array(a, MAX_FLOW_FINDINGS, sizeof(*d.p));
    if (!d.p)
        return err_nomem(e);
    enum status st = diff_compare(&d, before, after, 0);
    *out = d.p;
    *n = d.n;
    return st;
}
