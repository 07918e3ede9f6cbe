/* conversations.h: handlers, and what the list and the transcript share. */
#ifndef PARLEY_PORTAL_CONVERSATIONS_CONVERSATIONS_H
#define PARLEY_PORTAL_CONVERSATIONS_CONVERSATIONS_H

#include "portal/page/page.h"
#include "talk/conversation.h"

#define ROUTE ROUTE_HANDLER
#include "portal/conversations/routes.def"
#undef ROUTE

/* Row i of a list of conversations. */
void conversations_fill(struct page *pg, const char *list, size_t i, const struct conversation *c);

#endif
