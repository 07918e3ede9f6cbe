/* Conversations as the workspace reads them: list and transcript. */
#include "talk/conversation.h"

#include "base/num.h"
#include "base/utf8.h"
#include "portal/page/messages.h"
#include "portal/page/page.h"

#include "base/banned.h"

#define ROUTE(m, p, h, ...) void h(struct request *rq);
#include "portal/routes.def"
#undef ROUTE

#define CONVERSATIONS_PAGE 50 /* rows */
#define TRANSCRIPT_PAGE 200   /* messages */

static const char *channel_text(struct page *pg, enum channel channel)
{
    const char *key = arena_printf(pg->rq->arena, "Channel.%s", channel_name(channel));
    return channel == CHANNEL_NONE ? "" : view_t(pg->v, key ? key : "");
}

static void fill_conversation(struct page *pg, const char *list, size_t i, const struct conversation *c)
{
    struct view *v = pg->v;
    const char *state = arena_printf(pg->rq->arena, "State.%s", talk_state_name(c->state));
    view_id(v, view_at(v, list, i, "Id"), TEXT_ID(ID_CONVERSATION, c->id));
    view_id(v, view_at(v, list, i, "Bot"), TEXT_ID(ID_BOT, c->bot));
    view_str(v, view_at(v, list, i, "BotName"), c->bot_name);
    view_text(v, view_at(v, list, i, "Channel"), channel_text(pg, c->channel));
    view_str(v, view_at(v, list, i, "Contact"), c->contact_label);
    view_str(v, view_at(v, list, i, "First"), utf8_cut(c->first_text, 140));
    view_text(v, view_at(v, list, i, "State"), talk_state_name(c->state));
    view_text(v, view_at(v, list, i, "StateText"), view_t(v, state ? state : ""));
    view_int(v, view_at(v, list, i, "Version"), c->version);
    view_number(v, view_at(v, list, i, "Messages"), c->messages);
    view_time(v, view_at(v, list, i, "Started"), c->started_ms);
    view_time(v, view_at(v, list, i, "Last"), c->last_ms);
    view_int(v, view_at(v, list, i, "Rating"), c->rating);
    view_bool(v, view_at(v, list, i, "Counted"), c->counted);
    view_str(v, view_at(v, list, i, "Locale"), c->locale);
}

static enum status fill_bot_choice(struct page *pg, struct id chosen)
{
    struct bot *bots = NULL;
    size_t n = 0;
    enum status st = bot_list(pg->db, pg->who.tenant, pg->rq->arena, &bots, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        view_id(pg->v, view_at(pg->v, "Filter.Bots", i, "Id"), TEXT_ID(ID_BOT, bots[i].id));
        view_str(pg->v, view_at(pg->v, "Filter.Bots", i, "Name"), bots[i].name);
        view_bool(pg->v, view_at(pg->v, "Filter.Bots", i, "Chosen"), id_eq(bots[i].id, chosen));
    }
    return st;
}

/* Unknown filters are left out rather than refused: an address that was shared still shows a list. */
static struct conversation_filter read_filter(struct page *pg)
{
    static const char *const states[] = {"open", "handoff", "closed"};
    struct conversation_filter f = {.bot = ID_NONE, .before = ID_NONE, .limit = CONVERSATIONS_PAGE};
    struct str state = request_query(pg->rq, "state");
    if (!id_parse(ID_BOT, request_query(pg->rq, "bot"), &f.bot))
        f.bot = ID_NONE;
    if (!id_parse(ID_CONVERSATION, request_query(pg->rq, "before"), &f.before))
        f.before = ID_NONE;
    for (size_t i = 0; i < COUNT_OF(states); i++)
        if (str_eqz(state, states[i]))
            f.state = states[i];
    return f;
}

static enum status fill_list(struct page *pg, const struct conversation_filter *f)
{
    struct conversation *list = NULL;
    size_t n = 0;
    bool more = false;
    enum status st = conversation_list(pg->db, pg->who.tenant, f, pg->rq->arena, &list, &n, &more, &pg->e);
    if (st != OK)
        return st;
    for (size_t i = 0; i < n; i++)
        fill_conversation(pg, "Conversations", i, &list[i]);
    view_text(pg->v, "Filter.State", f->state);
    if (!id_is_none(f->bot))
        view_id(pg->v, "Filter.Bot", TEXT_ID(ID_BOT, f->bot));
    view_bool(pg->v, "List.Any", n > 0);
    view_bool(pg->v, "List.Later", !id_is_none(f->before));
    view_bool(pg->v, "List.Filtered", f->state || !id_is_none(f->bot));
    if (more)
        view_id(pg->v, "List.Before", TEXT_ID(ID_CONVERSATION, list[n - 1].id));
    return OK;
}

void conversations_page(struct request *rq)
{
    struct page pg;
    if (!page_begin(rq, &pg))
        return;
    struct conversation_filter f = read_filter(&pg);
    enum status st = fill_bot_choice(&pg, f.bot);
    if (st == OK)
        st = fill_list(&pg, &f);
    view_text(pg.v, "Page.Nav", "conversations");
    if (st != OK)
        page_fail(&pg);
    else
        page_send(&pg, "portal/conversations/index.cs", "Conversations.Title");
}

/* ---- one ---- */

static enum status fill_transcript(struct page *pg, struct id id, int64_t after)
{
    struct talk_message *m = NULL;
    size_t n = 0;
    bool more = false;
    enum status st = conversation_messages(pg->db, pg->who.tenant, id, after, TRANSCRIPT_PAGE, pg->rq->arena, &m, &n,
                                           &more, &pg->e);
    if (st != OK)
        return st;
    for (size_t i = 0; i < n; i++)
        messages_view_fill(pg->v, pg->rq->arena, "Messages", i, &m[i]);
    view_bool(pg->v, "List.Later", after > 0);
    if (more)
        view_int(pg->v, "List.After", m[n - 1].seq);
    return OK;
}

void conversation_page(struct request *rq)
{
    struct page pg;
    struct id id;
    struct conversation c;
    int64_t after = 0;
    if (!page_begin(rq, &pg) || !page_id(&pg, ID_CONVERSATION, "conversation", &id))
        return;
    if (!num_i64(request_query(rq, "after"), 0, INT64_MAX, &after))
        after = 0;
    enum status st = conversation_get(pg.db, pg.who.tenant, id, rq->arena, &c, &pg.e);
    if (st == OK)
        st = fill_transcript(&pg, id, after);
    if (st != OK) {
        page_fail(&pg);
        return;
    }
    fill_conversation(&pg, "Conversation", 0, &c);
    view_text(pg.v, "Page.Nav", "conversations");
    page_send(&pg, "portal/conversations/conversation.cs", "Conversation.Title");
}

void conversation_close_form(struct request *rq)
{
    struct page pg;
    struct id id;
    if (!page_begin(rq, &pg) || !page_id(&pg, ID_CONVERSATION, "conversation", &id))
        return;
    if (conversation_close(pg.db, pg.who.tenant, id, &pg.e) == OK)
        page_redirect(&pg, "/app/conversations/%s?done=conversation_closed", TEXT_ID(ID_CONVERSATION, id));
    else
        page_fail(&pg);
}
