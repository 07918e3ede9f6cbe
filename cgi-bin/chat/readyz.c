/* readyz.c: /readyz: can the program do its work? */
#include "chat/chat.h"
#include "db/migrate.h"

#include "base/banned.h"

/* The database answers and its schema is the one of this build. */
void chat_readyz_get(struct request *rq)
{
    struct chat *chat = rq->app;
    struct db *c = NULL;
    struct err e = ERR_INIT;
    if (db_get(chat->pool, &c, &e) != OK || migrate_check(c, &e) != OK) {
        struct err not_ready = ERR_INIT;
        (void)err_set_as(&not_ready, ERR_UNAVAILABLE, e.code, "%s", e.message);
        reply_problem(rq, &not_ready);
    } else {
        chat_healthz_get(rq);
    }
    db_put(c);
}
