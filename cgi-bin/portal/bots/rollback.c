/* rollback.c: /app/bots/{bot}/rollback: makes an earlier version live again. The draft is not changed: the work that
 * caused the trouble is still there to be corrected. Choosing the live version again does nothing, so a second click is
 * harmless. */
#include "portal/bots/bots.h"

#include "base/banned.h"

void bots_rollback_post(struct request *rq)
{
    struct page pg;
    struct bot b;
    int64_t version = 0;
    if (!bots_begin(rq, &pg, "versions", &b) || !bots_version_number(&pg, request_form(rq, "version"), &version))
        return;
    enum status st = version == b.live_version ? OK : bot_rollback(pg.db, &pg.who, b.id, (int)version, &pg.e);
    page_end_redirect(&pg, st, "/app/bots/%s/versions?done=rolled_back", TEXT_ID(ID_BOT, b.id));
}
