/* json_internal.h: what json.c, json_parse.c and json_write.c share. A struct json is a json-c object under another name, so
 * that no other file can call json-c. */
#ifndef PARLEY_BASE_JSON_INTERNAL_H
#define PARLEY_BASE_JSON_INTERNAL_H

#define json_bool json_c_bool /* json-c has a type of this name */
#include <json-c/json.h>
#include <json-c/linkhash.h>
#undef json_bool
#include "base/json.h"

static inline struct json_object *jso(const struct json *j)
{
    return (struct json_object *)(uintptr_t)j;
}

static inline struct json *from_jso(struct json_object *o)
{
    return (struct json *)o;
}

/* The arena gets the only reference to o; NULL (and o let go) when it cannot, or when o is NULL. */
struct json *json_own(struct arena *a, struct json_object *o);
/* What json-c and the allocator take, near enough: an object or array and each of its members, a string, another value. */
#define JSON_CONTAINER_BYTES 208
#define JSON_MEMBER_BYTES 112
#define JSON_ITEM_BYTES 8
#define JSON_STRING_BYTES 80
#define JSON_SCALAR_BYTES 64
/* json-c makes room for 16 members or 32 items; most have a few: a finished one gives back what it does not need. */
void json_fit(struct json_object *o);
/* Append a key that the table does not hold yet, its value still null; the entry, or NULL without memory. */
struct lh_entry *json_append(struct lh_table *t, struct str key, unsigned long hash);

#endif
