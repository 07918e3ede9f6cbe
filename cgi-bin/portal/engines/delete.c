/* delete.c: /app/engines/{engine}/delete. Bots that asked the engine go on with the next one of their chain. */
#include "portal/engines/engines.h"

#include "base/banned.h"

void engines_delete_post(struct request *rq)
{
    struct page pg;
    struct id id;
    if (!page_begin(rq, &pg) || !page_id(&pg, ID_ENGINE, "engine", &id))
        return;
    enum status st = engines_remove(pg.db, &pg.who, id, &pg.e);
    page_end_redirect(&pg, st, "/app/engines?done=engine_deleted");
}
