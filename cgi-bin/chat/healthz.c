/* healthz.c: /healthz: is the program alive? It does not ask the database: a supervisor that restarted programs during
 * an outage of the database would only make it longer. */
#include "chat/chat.h"

#include "base/banned.h"

void chat_healthz_get(struct request *rq)
{
    reply_status(rq, 200);
    reply_type(rq, "application/json");
    buf_puts(reply_body(rq), "{\"status\":\"ok\"}");
}
