/* keys_internal.h: keys of services that are written out in a flow. Private to src/flow. */
#ifndef PARLEY_FLOW_KEYS_INTERNAL_H
#define PARLEY_FLOW_KEYS_INTERNAL_H

#include "flow/model_internal.h"

/* Does a header with this name and value carry a key that is written out? `value` is the text of the flow, with its
 * variables. */
bool header_holds_key(struct str name, struct str value);

/* Where in a flow a value is: the flow itself, a member of it, a member of "nodes" (a node), a member of a node, one of
 * its headers, anywhere in its body. */
enum keys_place { KEYS_FLOW, KEYS_TOP, KEYS_NODES, KEYS_NODE, KEYS_HEADER, KEYS_BODY, KEYS_ELSEWHERE };
/* The place of the members of a value that has this place and name. */
enum keys_place keys_inside(enum keys_place place, struct str name);
/* The text as a member who may not change the flow sees it: with stars in place of keys. The result is `value`, a
 * constant, or in the arena; *ok is false without memory. */
struct str keys_shown(struct arena *a, enum keys_place place, struct str name, struct str value, bool *ok);

#endif
