/* visitor.h: what the handlers of the visitor API and of the hosted page share. */
#ifndef PARLEY_CHAT_VISITOR_H
#define PARLEY_CHAT_VISITOR_H

#include "chat/chat.h"
#include "talk/talk.h"

/* The {bot} of the path. ERR_NOT_FOUND code bot_unknown. */
enum status visitor_bot(struct request *rq, struct id *out, struct err *e);
/* A shown conversation id. ERR_NOT_FOUND code conversation_unknown, also for a text that is no such id. */
enum status visitor_conversation(struct str text, struct id *out, struct err *e);
/* {"conversation","token","state","seq","messages"} */
void visitor_write(struct buf *b, const struct talk_out *o);
/* {"text"}: the data of the event `delta`. */
void visitor_delta_write(struct buf *b, struct str text);

/* struct door's error_page: in words on the hosted page. */
void page_error(struct request *rq, const struct err *e, int status);

#endif
