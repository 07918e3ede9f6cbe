/* value_internal.h: typed values of variables. Texts are borrowed or live in the arena that is handed in. */
#ifndef PARLEY_FLOW_VALUE_INTERNAL_H
#define PARLEY_FLOW_VALUE_INTERNAL_H

#include "flow/model_internal.h"

#define VALUE_TEXT 32 /* bytes: room for a number's text */

/* As it is shown: a number in its shortest form, true/false, a date as YYYY-MM-DD, nothing for none. */
struct str value_text(const struct value *v, char tmp[VALUE_TEXT]);
void value_write_json(struct buf *out, const struct value *v);
int value_set_json(struct json *obj, const char *key, const struct value *v); /* -1 without memory */
bool value_empty(const struct value *v);                                      /* none or "" */

/* Of a JSON scalar as kind `type`; an array or object becomes its JSON text. KIND_NONE when it is null or cannot be
 * told. */
struct value value_of_json(struct arena *a, const struct json *j, enum value_kind type, bool *ok);
/* The same value as another kind; KIND_NONE when it is not known. `tmp_arena` keeps a number's text. */
struct value value_as(struct arena *a, const struct value *v, enum value_kind type, bool *ok);
/* Length cut to MAX_FLOW_VALUE characters. */
struct str value_cut(struct str s);

bool value_iso_day(struct str s); /* exactly YYYY-MM-DD, and there is such a day */
/* today, today+N, today-N or YYYY-MM-DD as YYYY-MM-DD in out; false for anything else. */
bool value_date(struct str s, int64_t now_ms, char out[11]);

#endif
