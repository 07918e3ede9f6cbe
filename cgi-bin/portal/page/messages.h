/* messages.h: messages of a conversation as rows of a view: text as safe markup, choices, citations, card and image. */
#ifndef PARLEY_PORTAL_PAGE_MESSAGES_H
#define PARLEY_PORTAL_PAGE_MESSAGES_H

#include "talk/talk.h"
#include "view/view.h"

/* Row i of `list`: From, Text_html, Kind, Title, Url, Image, Time, Choices.*, Citations.* */
void page_fill_message(struct view *v, struct arena *a, const char *list, size_t i, const struct talk_message *m);

#endif
