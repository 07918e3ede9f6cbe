/* type.h: the types of engines and the settings of each, from engine.def. Constant data and pure functions; any
 * thread. */
#ifndef PARLEY_ENGINE_TYPE_H
#define PARLEY_ENGINE_TYPE_H

#include "base/json.h"

enum engine_field_kind {
    ENGINE_FIELD_TEXT,
    ENGINE_FIELD_URL,
    ENGINE_FIELD_SECRET,
    ENGINE_FIELD_PASSWORD,
    ENGINE_FIELD_NUMBER,
    ENGINE_FIELD_BLOCK
};
struct engine_field {
    const char *type, *name;
    enum engine_field_kind kind;
    bool required;
    const char *label, *initial;
};
struct engine_type {
    const char *name, *label;
};

/* All types, in the order of engine.def. */
const struct engine_type *engine_types(size_t *n);
/* NULL when there is no such type. */
const struct engine_type *engine_type_find(struct str name);
/* The setting of the type that follows `last`; the first one after NULL. NULL at the end. */
const struct engine_field *engine_field_next(const struct engine_type *t, const struct engine_field *last);
/* NULL when the type has no such setting. */
const struct engine_field *engine_field_find(const struct engine_type *t, struct str name);
bool engine_field_is_secret(const struct engine_field *f);
/* Checks one value. ERR_INVALID code engine_setting at "/settings/<name>". A URL has no user, password, query or
 * fragment and no dot segment; no text has a control character; a number is from 0 to INT32_MAX. */
enum status engine_field_check(const struct engine_field *f, const struct json *value, struct err *e);
/* Set a member to what a person typed, as the kind of the setting wants it. A number that is none stays a text, which
 * engine_field_check refuses in words. -1 without memory. */
int engine_field_set(const struct engine_field *f, struct str typed, struct json *settings);

#endif
