/* healthz.c: GET /hooks/healthz: the program is alive. It says nothing about the database, without which events are
 * refused. */
#include "db/db.h"
#include "hooks/hooks.h"
#include "web/server.h"

#include "base/banned.h"

void hooks_healthz_get(struct request *rq)
{
    reply_status(rq, 200);
    reply_type(rq, "application/json");
    buf_puts(reply_body(rq), "{\"status\":\"ok\"}");
}
