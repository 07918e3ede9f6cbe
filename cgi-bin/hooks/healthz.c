/* healthz.c: /hooks/healthz: is the program alive? */
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
