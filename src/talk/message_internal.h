/* message_internal.h: a message between its two forms: what a flow says, and the row (type, text, data). */
#ifndef PARLEY_TALK_MESSAGE_INTERNAL_H
#define PARLEY_TALK_MESSAGE_INTERNAL_H

#include "talk/talk.h"

/* Sender and type from their names in a row. False if this release does not know the name. */
bool message_sender_parse(struct str name, enum talk_sender *out);
bool message_type_parse(struct str name, enum talk_message_type *out);
/* The row's data: what is not text, as a JSON object, or "" when there is nothing. In the arena. */
enum status message_data(const struct talk_message *m, struct arena *a, struct str *out, struct err *e);
/* Back from a row's data into m->m and m->choice; m->type and m->m.text are set by the caller. Data that no longer
 * reads is left out. */
enum status message_read(struct str data, struct arena *a, struct talk_message *m, struct err *e);

#endif
