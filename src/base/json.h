/* json.h: reading, building and writing JSON. The one room that knows json-c.
 *
 * Parsing is strict RFC 8259: whole input, valid UTF-8, depth at most `max_depth`, no NUL and no lone surrogate inside a
 * string, no duplicate key, numbers finite, integers within int64. Values live as long as the arena they were made in
 * (they are let go by an arena_defer) unless json_retain'ed. Reading a value is thread safe once nobody changes it.
 * A text that is no JSON is ERR_INVALID, code json_invalid, and the message names line and column; one that takes more memory than the
 * arena may have (a short text can take a hundred times its length) is ERR_TOO_LARGE, code json_too_large. */
#ifndef PARLEY_BASE_JSON_H
#define PARLEY_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

struct json; /* opaque; NULL is the JSON null and also "not there" */
enum json_kind { JSON_NULL, JSON_BOOL, JSON_INT, JSON_DOUBLE, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

enum status json_parse(struct arena *a, struct str text, int max_depth, struct json **out, struct err *e);

enum json_kind json_kind(const struct json *j);
bool json_is(const struct json *j, enum json_kind kind);
bool json_has(const struct json *obj, const char *key);         /* also when the value is null */
struct json *json_get(const struct json *obj, const char *key); /* NULL if absent, null, or not an object */
struct json *json_get_n(const struct json *obj, struct str key);
struct json *json_pointer(const struct json *j, struct str pointer); /* RFC 6901; NULL if it leads nowhere */
size_t json_len(const struct json *j);                               /* array or object; else 0 */
struct json *json_at(const struct json *arr, size_t i);
struct str json_str(const struct json *j);                        /* "" unless a string; borrowed */
struct str json_get_str(const struct json *obj, const char *key); /* json_str(json_get()) */
bool json_bool(const struct json *j);                             /* false unless true */
int64_t json_int(const struct json *j, int64_t otherwise);
double json_double(const struct json *j, double otherwise); /* of an int or a double */

size_t json_bytes(const struct json *j); /* the memory it takes, near enough; it is charged to its arena */

struct json_iter {
    void *at;
    struct str key;
    struct json *value;
};
/* struct json_iter it = {0}; while (json_each(obj, &it)) ... in document order. */
bool json_each(const struct json *obj, struct json_iter *it);

/* What came in: each member of the object known, of its kind, and there when `must`. ERR_INVALID, code field_unknown,
 * field_type or field_missing, with the pointer of the first that is not. */
struct json_field {
    const char *name;
    enum json_kind kind;
    bool must;
};
enum status json_fields(const struct json *obj, const struct json_field *fields, size_t n, struct err *e);

/* Building. A returned NULL or -1 means no memory. json_set and json_push add a child made in any arena of this thread (a
 * NULL child is -1: no memory when it was made; null is json_set_null): the tree holds it from then on, whatever becomes
 * of that arena. A value that other threads read must be copied in: json_set_copy. json_copy of null is NULL. */
struct json *json_new_object(struct arena *a);
struct json *json_new_array(struct arena *a);
struct json *json_copy(struct arena *a, const struct json *j); /* deep */
int json_set(struct json *obj, const char *key, struct json *child);
int json_set_object(struct json *obj, const char *key, struct json **child); /* a fresh empty object, borrowed back */
int json_set_array(struct json *obj, const char *key, struct json **child);
int json_set_str(struct json *obj, const char *key, struct str s);
int json_set_int(struct json *obj, const char *key, int64_t v);
int json_set_double(struct json *obj, const char *key, double v);
int json_set_bool(struct json *obj, const char *key, bool v);
int json_set_id(struct json *obj, const char *key, enum id_kind kind, struct id id); /* as id_text */
int json_set_time(struct json *obj, const char *key, int64_t ms);                    /* as clock_iso; null for 0 */
int json_set_null(struct json *obj, const char *key);
int json_set_copy(struct json *obj, const char *key, const struct json *value); /* deep copy of value, or null */
void json_del(struct json *obj, const char *key);
int json_push(struct json *arr, struct json *child);
int json_push_str(struct json *arr, struct str s);
int json_push_copy(struct json *arr, const struct json *value);
int json_push_object(struct json *arr, struct json **child);

void json_write(struct buf *b, const struct json *j);        /* compact; characters as in buf_json */
void json_write_pretty(struct buf *b, const struct json *j); /* two spaces, stable order, final newline */
bool json_equal(const struct json *a, const struct json *b); /* object order does not matter */

/* A published version outlives its request: take a reference of its own, to a root. Both are thread safe. */
struct json *json_retain(struct json *j);
void json_drop(struct json *j);

#endif
