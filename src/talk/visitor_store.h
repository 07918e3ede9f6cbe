/* visitor_store.h: the statements of talk/visitor.c. */
#ifndef PARLEY_TALK_VISITOR_STORE_H
#define PARLEY_TALK_VISITOR_STORE_H

#include "talk/visitor.h"

/* ID_NONE when there is none. */
enum status visitor_store_find(struct db *c, struct id tenant, struct id bot, const uint8_t hash[VISITOR_HASH],
                               struct id *conversation, struct err *e);

#endif
