/* export.c: /app/bots/{bot}/export.json: the bot with its answers as one file, which /app/new reads. It is sent in
 * parts, since the answers may be larger than the memory of a request. The headers are set before the first part,
 * because the status can no longer change afterwards. */
#include "portal/bots/bots.h"

#include "base/banned.h"

static enum status export_send_part(void *ctx, struct str part, struct err *e)
{
    struct request *rq = ctx;
    buf_str_add(reply_body(rq), part);
    return reply_part(rq, e);
}

void bots_export_json_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    const struct bot_file_sink out = {rq, export_send_part};
    if (!bots_begin(rq, &pg, "overview", &b))
        return;
    const char *name = arena_printf(rq->arena, "attachment; filename=\"%s.json\"", TEXT_ID(ID_BOT, b.id));
    reply_status(rq, 200);
    reply_type(rq, "application/json");
    reply_header(rq, "Content-Disposition", str_from(name ? name : "attachment"));
    reply_header(rq, "Cache-Control", STR("no-store"));
    enum status st = bot_export(pg.db, pg.who.tenant, b.id, &out, &pg.e);
    if (st == OK || st == ERR_GONE)
        page_release(&pg);
    else
        page_fail(&pg); /* parts may have been sent; the file then ends early and is not valid JSON */
}
