/* build.c: building json-c trees without losing memory or order.
 *
 * json-c's own functions leak or lose a value when memory runs out in the middle. Here every function either adds the
 * child or releases it, and reports which. Invariant: a reference that is passed to a function named _owned is no
 * longer the caller's, whatever the result. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json/json_internal.h"

#include "base/banned.h"

struct json *json_new_object(struct arena *a)
{
    return json_own(a, json_object_new_object());
}

struct json *json_new_array(struct arena *a)
{
    return json_own(a, json_object_new_array());
}

/* The value is filled in by the caller, who gets the entry at the tail: insertion always appends there. */
struct lh_entry *json_append(struct lh_table *t, struct str key, unsigned long hash)
{
    /* json-c loses the key when its table cannot grow. So the table is grown here first, by json-c's own steps. */
    if (t->count >= (int)(t->size * LH_LOAD_FACTOR) && (t->size > INT_MAX / 2 || lh_table_resize(t, t->size * 2) != 0))
        return NULL;
    char *k = malloc(key.n + 1);
    if (!k)
        return NULL;
    memcpy(k, key.p, key.n);
    k[key.n] = '\0';
    if (lh_table_insert_w_hash(t, k, NULL, hash, 0) != 0) {
        free(k);
        return NULL;
    }
    return t->tail;
}

/* Set a member. Takes over the reference to child, also when it fails. An existing member keeps its place: documents
 * that are changed and written back then differ only where they were changed. */
static int json_put_owned(struct json *obj, const char *key, struct json_object *child)
{
    CHECK(json_is(obj, JSON_OBJECT));
    struct lh_table *t = json_object_get_object(jso(obj));
    unsigned long hash = lh_get_hash(t, key);
    struct lh_entry *at = lh_table_lookup_entry_w_hash(t, key, hash);
    if (at)
        json_object_put(lh_entry_v(at));
    else
        at = json_append(t, str_from(key), hash);
    if (!at) {
        json_object_put(child);
        return -1;
    }
    at->v = child;
    return 0;
}

static int json_push_owned(struct json *arr, struct json_object *child)
{
    CHECK(json_is(arr, JSON_ARRAY));
    if (json_object_array_add(jso(arr), child) == 0)
        return 0;
    json_object_put(child);
    return -1;
}

/* A NULL child means that there was no memory to make it. It must not become null: a document that silently lost a
 * value would be stored. */
static int put_made(struct json *obj, const char *key, struct json_object *child)
{
    return child ? json_put_owned(obj, key, child) : -1;
}

static int push_made(struct json *arr, struct json_object *child)
{
    return child ? json_push_owned(arr, child) : -1;
}

int json_set(struct json *obj, const char *key, struct json *child)
{
    CHECK(obj != child);
    return child ? json_put_owned(obj, key, json_object_get(jso(child))) : -1;
}

int json_push(struct json *arr, struct json *child)
{
    CHECK(arr != child);
    return child ? json_push_owned(arr, json_object_get(jso(child))) : -1;
}

/* The tree owns the new container; the caller borrows it. */
static int json_lend(int failed, struct json_object *o, struct json **child)
{
    *child = failed ? NULL : from_jso(o);
    return failed;
}

int json_set_object(struct json *obj, const char *key, struct json **child)
{
    struct json_object *o = json_object_new_object();
    return json_lend(put_made(obj, key, o), o, child);
}

int json_set_array(struct json *obj, const char *key, struct json **child)
{
    struct json_object *o = json_object_new_array();
    return json_lend(put_made(obj, key, o), o, child);
}

int json_push_object(struct json *arr, struct json **child)
{
    struct json_object *o = json_object_new_object();
    return json_lend(push_made(arr, o), o, child);
}

/* json-c takes the length as int and adds its own header to it. */
static struct json_object *new_string(struct str s)
{
    return s.n < INT_MAX / 2 ? json_object_new_string_len(s.p, (int)s.n) : NULL;
}

int json_set_str(struct json *obj, const char *key, struct str s)
{
    return put_made(obj, key, new_string(s));
}

int json_set_int(struct json *obj, const char *key, int64_t v)
{
    return put_made(obj, key, json_object_new_int64(v));
}

/* JSON has no infinity and no NaN. null is what JavaScript writes for them. */
int json_set_double(struct json *obj, const char *key, double v)
{
    return isfinite(v) ? put_made(obj, key, json_object_new_double(v)) : json_set_null(obj, key);
}

int json_set_bool(struct json *obj, const char *key, bool v)
{
    return put_made(obj, key, json_object_new_boolean(v));
}

int json_set_id(struct json *obj, const char *key, enum id_kind kind, struct id id)
{
    char text[ID_TEXT_MAX];
    return json_set_str(obj, key, str_from(id_text(kind, id, text)));
}

/* 0 stands for "never" in every struct here; 1970 would be read as a date. */
int json_set_time(struct json *obj, const char *key, int64_t ms)
{
    struct buf b;
    if (!ms)
        return json_set_null(obj, key);
    buf_init(&b, 64);
    clock_iso(&b, ms);
    int rc = buf_ok(&b) ? json_set_str(obj, key, buf_str(&b)) : -1;
    buf_release(&b);
    return rc;
}

int json_set_null(struct json *obj, const char *key)
{
    return json_put_owned(obj, key, NULL);
}

int json_push_str(struct json *arr, struct str s)
{
    return push_made(arr, new_string(s));
}

int json_set_strings(struct json *obj, const char *key, const struct str *list, size_t n)
{
    struct json *arr;
    int bad = json_set_array(obj, key, &arr);
    for (size_t i = 0; !bad && i < n; i++)
        bad = json_push_str(arr, list[i]);
    return bad;
}

int json_set_ids(struct json *obj, const char *key, enum id_kind kind, const struct id *list, size_t n)
{
    struct json *arr;
    char text[ID_TEXT_MAX];
    int bad = json_set_array(obj, key, &arr);
    for (size_t i = 0; !bad && i < n; i++)
        bad = json_push_str(arr, str_from(id_text(kind, list[i], text)));
    return bad;
}

void json_del(struct json *obj, const char *key)
{
    if (json_is(obj, JSON_OBJECT))
        json_object_object_del(jso(obj), key);
}

static int json_copy_value(const struct json *j, struct json_object **out);

void json_fit(struct json_object *o)
{
    if (json_object_is_type(o, json_type_object)) {
        struct lh_table *t = json_object_get_object(o);
        /* Keep the table below its load factor, or the next insertion would grow it again. */
        int size = t->count + t->count * 5 / 8 + 2;
        if (t->count < INT_MAX / 8 && size < t->size)
            (void)lh_table_resize(t, size); /* without memory the table stays as it is */
    }
#if JSON_C_VERSION_NUM >= (0 << 16 | 15 << 8)
    if (json_object_is_type(o, json_type_array))
        (void)json_object_array_shrink(o, 0);
#endif
}

/* The recursion is as deep as the tree, and the parser has bounded that. Containers are fitted when they are complete,
 * because copies are what is kept for long: published flows, texts of a bot. */
static int json_copy_items(const struct json *j, struct json *into)
{
    struct json_object *child;
    struct json_iter it = {0};
    while (json_each(j, &it))
        if (json_copy_value(it.value, &child) != 0 || json_put_owned(into, it.key.p, child) != 0)
            return -1;
    for (size_t i = 0; json_is(j, JSON_ARRAY) && i < json_len(j); i++)
        if (json_copy_value(json_at(j, i), &child) != 0 || json_push_owned(into, child) != 0)
            return -1;
    json_fit(jso(into));
    return 0;
}

/* *out is a reference that belongs to the caller; NULL for null. */
static int json_copy_value(const struct json *j, struct json_object **out)
{
    struct json_object *o = NULL;
    switch (json_kind(j)) {
    case JSON_NULL:
        *out = NULL;
        return 0;
    case JSON_BOOL:
        o = json_object_new_boolean(json_bool(j));
        break;
    case JSON_INT:
        o = json_object_new_int64(json_int(j, 0));
        break;
    case JSON_DOUBLE:
        o = json_object_new_double(json_double(j, 0));
        break;
    case JSON_STRING:
        o = new_string(json_str(j));
        break;
    case JSON_ARRAY:
        o = json_object_new_array();
        break;
    case JSON_OBJECT:
        o = json_object_new_object();
        break;
    }
    if (o && json_copy_items(j, from_jso(o)) != 0) {
        json_object_put(o);
        o = NULL;
    }
    *out = o;
    return o ? 0 : -1;
}

/* Charged before it is made, so that a copy cannot take an arena beyond its limit. */
struct json *json_copy(struct arena *a, const struct json *j)
{
    struct json_object *o;
    return arena_charge(a, json_bytes(j)) && json_copy_value(j, &o) == 0 ? json_own(a, o) : NULL;
}

int json_set_copy(struct json *obj, const char *key, const struct json *value)
{
    struct json_object *o;
    return json_copy_value(value, &o) == 0 ? json_put_owned(obj, key, o) : -1;
}

int json_push_copy(struct json *arr, const struct json *value)
{
    struct json_object *o;
    return json_copy_value(value, &o) == 0 ? json_push_owned(arr, o) : -1;
}
