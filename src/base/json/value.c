/* value.c: reading json-c values, and their reference counts.
 *
 * NULL stands for null and for "absent", so a chain of json_get calls needs no checks between its steps. A value of
 * another kind than asked for is treated like an absent one; code that must tell the two apart checks the kind
 * first. */
#include <pthread.h>
#include <stdlib.h>

#include "base/json/json_internal.h"

#include "base/banned.h"

/* json-c, as distributions build it, counts references without atomics. Threads share a tree only through its root
 * (json_retain, json_drop), so it suffices to guard the counts of roots. Several locks, chosen by address, keep
 * threads from waiting for each other. The low bits of an address are dropped, because they hardly differ between
 * allocations. */
#define LOCKS 64
static pthread_mutex_t locks[LOCKS];

static void make_locks(void)
{
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&locks[i], NULL);
}

static pthread_mutex_t *lock_of(const struct json *j)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_locks);
    return &locks[((uintptr_t)j >> 6) % LOCKS];
}

struct json *json_retain(struct json *j)
{
    if (!j)
        return NULL;
    pthread_mutex_t *m = lock_of(j);
    pthread_mutex_lock(m);
    json_object_get(jso(j));
    pthread_mutex_unlock(m);
    return j;
}

void json_drop(struct json *j)
{
    if (!j)
        return;
    pthread_mutex_t *m = lock_of(j);
    pthread_mutex_lock(m);
    json_object_put(jso(j));
    pthread_mutex_unlock(m);
}

/* json_drop with the signature that arena_defer wants. */
static void drop_later(void *j)
{
    json_drop(j);
}

/* If the arena has no memory for the entry, arena_defer has already released the value, so it cannot leak. */
struct json *json_own(struct arena *a, struct json_object *o)
{
    return o && arena_defer(a, drop_later, o) == 0 ? from_jso(o) : NULL;
}

/* An estimate with the same numbers that the parser charges, so a copy of a parsed tree costs an arena what the parsing
 * did. */
size_t json_bytes(const struct json *j)
{
    struct json_iter it = {0};
    size_t n = 0;
    switch (json_kind(j)) {
    case JSON_NULL:
        return 0;
    case JSON_STRING:
        return JSON_STRING_BYTES + json_str(j).n;
    case JSON_OBJECT:
        while (json_each(j, &it))
            n += JSON_MEMBER_BYTES + it.key.n + json_bytes(it.value);
        return JSON_CONTAINER_BYTES + n;
    case JSON_ARRAY:
        for (size_t i = 0; i < json_len(j); i++)
            n += JSON_ITEM_BYTES + json_bytes(json_at(j, i));
        return JSON_CONTAINER_BYTES + n;
    default:
        return JSON_SCALAR_BYTES;
    }
}

/* ---- reading ---- */

enum json_kind json_kind(const struct json *j)
{
    switch (json_object_get_type(jso(j))) {
    case json_type_boolean:
        return JSON_BOOL;
    case json_type_int:
        return JSON_INT;
    case json_type_double:
        return JSON_DOUBLE;
    case json_type_string:
        return JSON_STRING;
    case json_type_array:
        return JSON_ARRAY;
    case json_type_object:
        return JSON_OBJECT;
    case json_type_null:
        break;
    }
    return JSON_NULL;
}

bool json_is(const struct json *j, enum json_kind kind)
{
    return json_kind(j) == kind;
}

static bool json_find(const struct json *obj, const char *key, struct json_object **out)
{
    return json_object_is_type(jso(obj), json_type_object) && json_object_object_get_ex(jso(obj), key, out);
}

bool json_has(const struct json *obj, const char *key)
{
    return json_find(obj, key, NULL);
}

struct json *json_get(const struct json *obj, const char *key)
{
    struct json_object *o;
    return json_find(obj, key, &o) ? from_jso(o) : NULL;
}

/* json-c wants a NUL at the end of a key. A long key is searched for instead of being copied. */
struct json *json_get_n(const struct json *obj, struct str key)
{
    char text[128];
    if (key.n < sizeof(text)) {
        if (memchr(key.p, '\0', key.n))
            return NULL;
        memcpy(text, key.p, key.n);
        text[key.n] = '\0';
        return json_get(obj, text);
    }
    struct json_iter it = {0};
    while (json_each(obj, &it))
        if (str_eq(it.key, key))
            return it.value;
    return NULL;
}

size_t json_len(const struct json *j)
{
    switch (json_object_get_type(jso(j))) {
    case json_type_array:
        return json_object_array_length(jso(j));
    case json_type_object:
        return (size_t)json_object_object_length(jso(j));
    default:
        return 0;
    }
}

struct json *json_at(const struct json *arr, size_t i)
{
    return json_is(arr, JSON_ARRAY) && i < json_len(arr) ? from_jso(json_object_array_get_idx(jso(arr), i)) : NULL;
}

/* Decode a reference token: "~1" is a slash and "~0" a tilde. False for any other "~", or when it does not fit. */
static bool pointer_unescape(struct str part, char *out, size_t size, struct str *text)
{
    size_t n = 0;
    for (size_t i = 0; i < part.n; i++) {
        char c = part.p[i];
        if (c == '~') {
            char next = ++i < part.n ? part.p[i] : 'x';
            if (next != '0' && next != '1')
                return false;
            c = next == '0' ? '~' : '/';
        }
        if (n == size)
            return false;
        out[n++] = c;
    }
    *text = (struct str){out, n};
    return true;
}

/* An array index of RFC 6901: digits without a leading zero. */
static bool pointer_index(struct str part, size_t *out)
{
    size_t v = 0;
    if (!part.n || part.n > 9 || (part.n > 1 && part.p[0] == '0'))
        return false;
    for (size_t i = 0; i < part.n; i++) {
        if (part.p[i] < '0' || part.p[i] > '9')
            return false;
        v = v * 10 + (size_t)(part.p[i] - '0');
    }
    *out = v;
    return true;
}

/* Each step goes through an object by key or an array by index. A token that is too long for the buffer cannot be a key
 * of any document here. A leading slash is required: RFC 6901 gives no meaning to a pointer without one. */
struct json *json_pointer(const struct json *j, struct str pointer)
{
    struct json *at = from_jso(jso(j));
    if (pointer.n && pointer.p[0] != '/')
        return NULL;
    while (pointer.n && at) {
        char memory[512];
        struct str key, rest = str_sub(pointer, 1, pointer.n);
        ptrdiff_t slash = str_find(rest, '/');
        struct str part = slash < 0 ? rest : str_sub(rest, 0, (size_t)slash);
        pointer = str_sub(rest, part.n, rest.n);
        size_t i;
        if (!pointer_unescape(part, memory, sizeof(memory), &key))
            return NULL;
        if (json_is(at, JSON_ARRAY))
            at = pointer_index(key, &i) ? json_at(at, i) : NULL;
        else
            at = json_get_n(at, key);
    }
    return at;
}

struct str json_str(const struct json *j)
{
    if (!json_is(j, JSON_STRING))
        return STR_EMPTY;
    return (struct str){json_object_get_string(jso(j)), (size_t)json_object_get_string_len(jso(j))};
}

struct str json_get_str(const struct json *obj, const char *key)
{
    return json_str(json_get(obj, key));
}

bool json_bool(const struct json *j)
{
    return json_is(j, JSON_BOOL) && json_object_get_boolean(jso(j));
}

int64_t json_int(const struct json *j, int64_t otherwise)
{
    return json_is(j, JSON_INT) ? json_object_get_int64(jso(j)) : otherwise;
}

double json_double(const struct json *j, double otherwise)
{
    return json_is(j, JSON_INT) || json_is(j, JSON_DOUBLE) ? json_object_get_double(jso(j)) : otherwise;
}

/* json-c keeps its table entries in a list in the order of insertion, and that is the order of the text. The iterator
 * is the entry itself, so nothing has to be released when a loop is left early. */
bool json_each(const struct json *obj, struct json_iter *it)
{
    if (!json_is(obj, JSON_OBJECT))
        return false;
    struct lh_entry *at = it->at;
    at = at ? lh_entry_next(at) : lh_table_head(json_object_get_object(jso(obj)));
    if (!at)
        return false;
    it->at = at;
    it->key = str_from(lh_entry_k(at));
    it->value = from_jso(lh_entry_v(at));
    return true;
}

/* One direction is enough: both have the same number of members, and keys are unique. */
static bool equal_objects(const struct json *a, const struct json *b)
{
    struct json_iter it = {0};
    while (json_each(a, &it)) {
        const char *key = it.key.p; /* a key of the table ends with NUL */
        if (!json_has(b, key) || !json_equal(it.value, json_get(b, key)))
            return false;
    }
    return true;
}

/* An integer is not equal to a double of the same value: the two are written differently. */
bool json_equal(const struct json *a, const struct json *b)
{
    enum json_kind kind = json_kind(a);
    if (kind != json_kind(b) || json_len(a) != json_len(b))
        return false;
    switch (kind) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return json_bool(a) == json_bool(b);
    case JSON_INT:
        return json_int(a, 0) == json_int(b, 0);
    case JSON_DOUBLE:
        return json_double(a, 0) == json_double(b, 0);
    case JSON_STRING:
        return str_eq(json_str(a), json_str(b));
    case JSON_OBJECT:
        return equal_objects(a, b);
    case JSON_ARRAY:
        break;
    }
    for (size_t i = 0; i < json_len(a); i++)
        if (!json_equal(json_at(a, i), json_at(b, i)))
            return false;
    return true;
}
