/* health.c: is the program alive, and can it do its work? */
#include "chat/chat.h"
#include "db/migrate.h"

#include "base/banned.h"

void health_live(struct request *rq)
{
    reply_status(rq, 200);
    reply_type(rq, "application/json");
    buf_puts(reply_body(rq), "{\"status\":\"ok\"}");
}

/* The database answers and its schema is the one of this build. */
void health_ready(struct request *rq)
{
    struct chat *chat = rq->app;
    struct db *c = NULL;
    struct err e = ERR_INIT;
    if (db_get(chat->pool, &c, &e) != OK || migrate_check(c, &e) != OK) {
        struct err not_ready = ERR_INIT;
        (void)err_set_as(&not_ready, ERR_UNAVAILABLE, e.code, "%s", e.message);
        reply_problem(rq, &not_ready);
    } else {
        health_live(rq);
    }
    db_put(c);
}
