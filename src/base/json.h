/* json.h: reading, building and writing JSON. The one module that knows json-c.
 *
 * json_parse is strict RFC 8259: the whole input, valid UTF-8, depth at most `max_depth`, no NUL and no lone surrogate
 * in a string, no duplicate key, finite numbers, integers within int64. Values live as long as the arena they were made
 * in (a deferred call releases them) unless json_retain() keeps them. Thread rule: a value may be read by several
 * threads once none changes it. */
#ifndef PARLEY_BASE_JSON_H
#define PARLEY_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

struct json; /* opaque. NULL is the JSON null, and also "absent" */
enum json_kind { JSON_NULL, JSON_BOOL, JSON_INT, JSON_DOUBLE, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* ERR_INVALID, code json_invalid: the message names line and column. ERR_TOO_LARGE, code json_too_large: the tree takes
 * more memory than the arena may have; a short text can take a hundred times its length. */
enum status json_parse(struct arena *a, struct str text, int max_depth, struct json **out, struct err *e);
/* For JSON that others have made: answers of services and engines, events of Stripe, files with bots. What Parley
 * defines itself is read by json_parse. One odd value never costs the rest of the document:
 * - a number that int64 or double cannot hold becomes a string of its digits;
 * - of a key that occurs twice, the last value counts;
 * - half a surrogate pair, \u0000, NUL and bytes that are not UTF-8 become U+FFFD;
 * - control characters in a string are taken as they are;
 * - NaN, Infinity and -Infinity become null;
 * - a BOM before, between and after values is white space.
 * Anything else is an error, as of json_parse. */
enum status json_parse_tolerant(struct arena *a, struct str text, int max_depth, struct json **out, struct err *e);

/* ---- reading: results are borrowed from the tree ---- */

enum json_kind json_kind(const struct json *j);
bool json_is(const struct json *j, enum json_kind kind);
/* True also when the value is null. */
bool json_has(const struct json *obj, const char *key);
/* NULL if absent, null, or if obj is not an object. */
struct json *json_get(const struct json *obj, const char *key);
struct json *json_get_n(const struct json *obj, struct str key);
/* The value at a JSON pointer (RFC 6901), or NULL. */
struct json *json_pointer(const struct json *j, struct str pointer);
/* Elements of an array or members of an object; otherwise 0. */
size_t json_len(const struct json *j);
struct json *json_at(const struct json *arr, size_t i);
/* "" unless j is a string. */
struct str json_str(const struct json *j);
struct str json_get_str(const struct json *obj, const char *key);
/* False unless j is true. */
bool json_bool(const struct json *j);
int64_t json_int(const struct json *j, int64_t otherwise);
/* The value of an int or a double. */
double json_double(const struct json *j, double otherwise);
/* About how much memory the value takes. It is charged to its arena. */
size_t json_bytes(const struct json *j);
/* Objects are equal whatever the order of their members. */
bool json_equal(const struct json *a, const struct json *b);

struct json_iter {
    void *at;
    struct str key; /* followed by a NUL */
    struct json *value;
};
/* struct json_iter it = {0}; while (json_each(obj, &it)) ... in document order. obj must not change meanwhile. */
bool json_each(const struct json *obj, struct json_iter *it);

/* Check an object from outside: each member is known and of its kind, and present when `must`. ERR_INVALID, code
 * field_unknown, field_type or field_missing, with the pointer of the first member that is wrong. */
struct json_field {
    const char *name;
    enum json_kind kind;
    bool must;
};
enum status json_fields(const struct json *obj, const struct json_field *fields, size_t n, struct err *e);

/* ---- building: NULL or -1 means no memory ----
 *
 * json_set and json_push add a child that was made in any arena of this thread. The tree holds it from then on,
 * whatever becomes of that arena. A child of NULL gives -1, because it was probably not made for want of memory; null
 * is json_set_null. A value that other threads may read must be copied in with json_set_copy. */

struct json *json_new_object(struct arena *a);
struct json *json_new_array(struct arena *a);
/* A deep copy. The copy of null is NULL. */
struct json *json_copy(struct arena *a, const struct json *j);
int json_set(struct json *obj, const char *key, struct json *child);
/* Add an empty object or array and return it in *child, borrowed. */
int json_set_object(struct json *obj, const char *key, struct json **child);
int json_set_array(struct json *obj, const char *key, struct json **child);
int json_set_str(struct json *obj, const char *key, struct str s);
int json_set_int(struct json *obj, const char *key, int64_t v);
/* null when v is not finite. */
int json_set_double(struct json *obj, const char *key, double v);
int json_set_bool(struct json *obj, const char *key, bool v);
/* As id_text. */
int json_set_id(struct json *obj, const char *key, enum id_kind kind, struct id id);
/* As clock_iso; null for 0. */
int json_set_time(struct json *obj, const char *key, int64_t ms);
int json_set_null(struct json *obj, const char *key);
int json_set_copy(struct json *obj, const char *key, const struct json *value);
/* An array of `n` texts. */
int json_set_strings(struct json *obj, const char *key, const struct str *list, size_t n);
/* An array of `n` ids, each as id_text. */
int json_set_ids(struct json *obj, const char *key, enum id_kind kind, const struct id *list, size_t n);
/* Remove a member, if there is one. */
void json_del(struct json *obj, const char *key);
int json_push(struct json *arr, struct json *child);
int json_push_str(struct json *arr, struct str s);
int json_push_copy(struct json *arr, const struct json *value);
int json_push_object(struct json *arr, struct json **child);

/* Compact; characters as in buf_json. */
void json_write(struct buf *b, const struct json *j);
/* Indented by two spaces, in stable order, with a newline at the end. */
void json_write_pretty(struct buf *b, const struct json *j);

/* ---- sharing: a root of a tree may outlive its arena. Both functions are thread safe and accept NULL. ---- */

struct json *json_retain(struct json *j);
void json_drop(struct json *j);

#endif
