/* visitor.h: what the handlers of the visitor API and of the hosted page share. */
#ifndef PARLEY_CHAT_VISITOR_H
#define PARLEY_CHAT_VISITOR_H

#include "chat/chat.h"
#include "talk/talk.h"

/* The {bot} of the path. ERR_NOT_FOUND code bot_unknown. */
enum status visitor_bot(struct request *rq, struct id *out, struct err *e);
/* A shown conversation id. ERR_NOT_FOUND code conversation_unknown, also for a text that is not an id. */
enum status visitor_conversation(struct str text, struct id *out, struct err *e);
/* {"conversation","token","state","seq","messages"} */
void visitor_write(struct buf *b, const struct talk_out *o);
/* {"text"}: the data of the event `delta`. */
void visitor_delta_write(struct buf *b, struct str text);

/* The token of the conversation: the field or parameter as given, or "Authorization: Bearer TOKEN" when that is
 * empty. */
struct str visitor_token(struct request *rq, struct str given);
/* The reply to a CORS preflight of the visitor API. */
void visitor_preflight(struct request *rq);

/* The error_page of the program: on the hosted page, a page that says what is wrong. The visitor API keeps its JSON. */
void chat_bot_error(struct request *rq, const struct err *e, int status);

#endif
