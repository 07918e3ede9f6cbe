/* bots.c: what the pages of one bot share. Each of them begins with bots_begin, so the check that the bot belongs to
 * the workspace cannot be left out. */
#include "portal/bots/bots.h"

#include "base/banned.h"

static void bots_fill(struct page *pg, const struct bot *b)
{
    struct view *v = pg->v;
    const char *id = arena_strdup(pg->rq->arena, str_from(TEXT_ID(ID_BOT, b->id)));
    view_id(v, "Bot.Id", id);
    view_str(v, "Bot.Name", b->name);
    view_str(v, "Bot.Language", b->language);
    view_int(v, "Bot.Live", b->live_version);
    view_bool(v, "Bot.Differs", b->draft_differs);
    view_int(v, "Bot.Revision", b->draft_revision);
    view_time(v, "Bot.Updated", b->updated_ms);
    view_time(v, "Bot.Published", b->published_ms);
    view_text(v, "Bot.Address",
              arena_printf(pg->rq->arena, "%s/chat/%s", config_string(pg->rq->config, CONFIG_base_url), id));
    view_text(v, "Bot.ChatPath", arena_printf(pg->rq->arena, "/chat/%s", id));
}

/* A bot of another workspace is not found, like one that does not exist. */
bool bots_begin(struct request *rq, struct page *pg, const char *tab, struct bot *out)
{
    struct id id;
    if (!page_begin(rq, pg) || !page_id(pg, ID_BOT, "bot", &id))
        return false;
    if (bot_get(pg->db, pg->who.tenant, id, pg->rq->arena, out, &pg->e) != OK) {
        page_fail(pg);
        return false;
    }
    bots_fill(pg, out);
    view_text(pg->v, "Page.Nav", "bots");
    view_text(pg->v, "Page.Tab", tab);
    page_title(pg, out->name);
    return true;
}
