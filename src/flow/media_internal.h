/* media_internal.h: how a variable is escaped in the body of a call. Private to src/flow. */
#ifndef PARLEY_FLOW_MEDIA_INTERNAL_H
#define PARLEY_FLOW_MEDIA_INTERNAL_H

#include "flow/model_internal.h"

/* Sets the mode of every variable of a body that was written as text, by the Content-Type that is sent and by the place
 * of the variable. *t gets parts of its own in the arena, because the flow is shared. Returns false when it is out of
 * memory. */
bool media_set_modes(struct arena *a, struct str content_type, struct tpl *t);
/* Whether bodies of this type have an escape for every value. In others a value with punctuation is not sent. */
bool media_known(struct str content_type);
/* Whether the value may be put in at such a place. Always true of a mode that escapes. */
bool media_value_ok(enum part_mode mode, struct str value);

#endif
