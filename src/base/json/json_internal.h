/* json_internal.h: what the files of src/base/json share. A struct json is a json-c object under another name, so that
 * no other file can call json-c. */
#ifndef PARLEY_BASE_JSON_JSON_INTERNAL_H
#define PARLEY_BASE_JSON_JSON_INTERNAL_H

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

/* Give the only reference to o to the arena. NULL, and o is released, when there is no memory or o is NULL. */
struct json *json_own(struct arena *a, struct json_object *o);
/* About what json-c and the allocator need for an object or array, each of its members or items, a string, another
 * value. */
#define JSON_CONTAINER_BYTES 208
#define JSON_MEMBER_BYTES 112
#define JSON_ITEM_BYTES 8
#define JSON_STRING_BYTES 80
#define JSON_SCALAR_BYTES 64
/* json-c allocates room for 16 members or 32 items, but most containers have a few. Give back what a finished one does
 * not need. */
void json_fit(struct json_object *o);
/* Append a key that the table does not have yet, with the value null. Returns the entry, or NULL without memory. */
struct lh_entry *json_append(struct lh_table *t, struct str key, unsigned long hash);

#endif
