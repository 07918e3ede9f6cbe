/* bot.c: /chat/{bot}: the hosted chat page. It works without JavaScript: a form, a cookie that holds the conversation,
 * and a redirect. chat.js improves it. Everything shown comes from a tenant or a visitor, so nothing reaches the page
 * except through the view's escaping. */
#include "bot/bot.h"

#include "base/clock.h"
#include "base/limits.h"
#include "chat/visitor.h"
#include "plan/entitlement.h"
#include "request_turn.h"
#include "view/view.h"

#include "base/banned.h"

#define COOKIE_LIFE_S (30 * 24 * 3600)
#define LANGUAGES_MAX 32

/* The visitor's conversation with this bot. The cookie holds it as "conv_….TOKEN". */
struct chat_page_memory {
    struct id conversation;
    struct str token;
};

/* One cookie for each bot, limited to the bot's path: a visitor may talk to several bots of an install, and no bot's
 * page receives the token of another. */
static const char *chat_page_cookie_name(struct request *rq, struct id bot)
{
    char id[ID_TEXT_MAX];
    return arena_printf(rq->arena, "chat_%s", id_text(ID_BOT, bot, id));
}

static const char *chat_page_path(struct request *rq, struct id bot)
{
    char id[ID_TEXT_MAX];
    return arena_printf(rq->arena, "/chat/%s", id_text(ID_BOT, bot, id));
}

/* A cookie that does not read gives no conversation. The token in it is checked only when the conversation is
 * loaded. */
static struct chat_page_memory chat_page_recall(struct request *rq, struct id bot)
{
    struct chat_page_memory m = {ID_NONE, STR_EMPTY};
    const char *name = chat_page_cookie_name(rq, bot);
    struct str value = name ? request_cookie(rq, name) : STR_EMPTY;
    ptrdiff_t dot = str_find(value, '.');
    if (dot > 0 && id_parse(ID_CONVERSATION, str_sub(value, 0, (size_t)dot), &m.conversation))
        m.token = str_sub(value, (size_t)dot + 1, value.n);
    return m;
}

/* Thirty days, although a conversation continues for one: a visitor who returns still sees what was said. NULL removes
 * the cookie. */
static void chat_page_remember(struct request *rq, struct id bot, const struct talk_out *o)
{
    char id[ID_TEXT_MAX];
    const char *name = chat_page_cookie_name(rq, bot), *path = chat_page_path(rq, bot);
    const char *value = o ? arena_printf(rq->arena, "%s.%s", id_text(ID_CONVERSATION, o->conversation, id), o->token)
                          : "";
    if (name && path && value)
        reply_cookie(rq, &(struct cookie){name, str_from(value), path, o ? COOKIE_LIFE_S : -1});
}

/* ---- language ---- */

/* A language of the bot: chosen by ?lang=, else by the browser, else the bot's own. The bot's own language comes first
 * in the list, because request_language falls back to the first. */
static struct str chat_page_language(struct request *rq, const struct bot_live *b)
{
    struct str all[LANGUAGES_MAX] = {b->language}, wanted = request_query(rq, "lang");
    const struct json *list = json_get(flow_doc(b->flow), "languages");
    size_t n = 1;
    for (size_t i = 0; i < json_len(list) && n < LANGUAGES_MAX; i++)
        if (json_is(json_at(list, i), JSON_STRING) && !str_eq(json_str(json_at(list, i)), b->language))
            all[n++] = json_str(json_at(list, i));
    for (size_t i = 0; i < n; i++)
        if (wanted.n && str_ieq(all[i], wanted))
            return all[i];
    return request_language(rq, all, n);
}

/* The direction of the text follows from the main language, whatever the script of the region. */
static const char *chat_page_direction(struct str language)
{
    static const char *const rtl[] = {"ar", "he", "fa", "ur", "yi", "ps", "sd", "ug", "dv", "ckb"};
    ptrdiff_t dash = str_find(language, '-');
    struct str main = dash > 0 ? str_sub(language, 0, (size_t)dash) : language;
    for (size_t i = 0; i < COUNT_OF(rtl); i++)
        if (str_ieq(main, str_from(rtl[i])))
            return "rtl";
    return "ltr";
}

/* ---- filling the view ---- */

static const char *chat_page_key(struct arena *a, const char *at, const char *field)
{
    const char *k = arena_printf(a, "%s.%s", at, field);
    return k ? k : "Failed";
}

static void chat_page_fill_message(struct view *v, struct arena *a, const char *at, const struct talk_message *m)
{
    view_text(v, chat_page_key(a, at, "From"), talk_sender_name(m->from));
    view_text(v, chat_page_key(a, at, "Type"), talk_message_type_name(m->type));
    view_int(v, chat_page_key(a, at, "Seq"), m->seq);
    view_set_html(v, chat_page_key(a, at, "Text_html"), view_safe_text(a, m->m.text));
    view_str(v, chat_page_key(a, at, "Alt"), m->m.text);
    view_str(v, chat_page_key(a, at, "Title"), m->m.title);
    view_str(v, chat_page_key(a, at, "Url"), m->m.url);
    view_str(v, chat_page_key(a, at, "Image"), m->m.image);
    view_bool(v, chat_page_key(a, at, "Interrupted"), m->m.interrupted);
    for (size_t i = 0; i < m->m.choice_n; i++) {
        const char *c = arena_printf(a, "%s.Choices.%zu", at, i);
        view_str(v, chat_page_key(a, c ? c : "Failed", "Label"), m->m.choices[i].label);
        view_str(v, chat_page_key(a, c ? c : "Failed", "Value"), m->m.choices[i].value);
    }
    for (size_t i = 0; i < m->m.citation_n; i++) {
        const char *c = arena_printf(a, "%s.Citations.%zu", at, i);
        view_str(v, chat_page_key(a, c ? c : "Failed", "Title"), m->m.citations[i].title);
        view_str(v, chat_page_key(a, c ? c : "Failed", "Url"), m->m.citations[i].url);
    }
}

/* Only the last message offers its choices: earlier ones have been answered. */
static void chat_page_fill_messages(struct view *v, struct arena *a, const char *list, const struct talk_message *m,
                                    size_t n, bool open)
{
    for (size_t i = 0; i < n; i++) {
        const char *at = arena_printf(a, "%s.%zu", list, i);
        struct talk_message one = m[i];
        one.m.choice_n = open && i + 1 == n ? one.m.choice_n : 0;
        if (one.type != MESSAGE_EVENT)
            chat_page_fill_message(v, a, at ? at : "Failed", &one);
    }
}

/* The greeting is not recorded and has no numbers. Opening the page writes nothing, so crawlers and previews cost
 * nothing. Texts that a message does not have are set to empty ones for the view. */
static enum status chat_page_fill_greeting(struct view *v, struct arena *a, const struct bot_live *b,
                                           struct str language, bool open, struct err *e)
{
    struct flow_message *said;
    size_t n;
    enum status st = flow_greeting(b->flow, language, a, &said, &n, e);
    struct talk_message *m = arena_array(a, n ? n : 1, sizeof(*m));
    if (st != OK)
        return st;
    if (!m)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        m[i] = (struct talk_message){.from = SENDER_BOT, .type = talk_message_type_of(said[i].kind), .m = said[i]};
        m[i].m.text = str_n(m[i].m.text.p, m[i].m.text.n);
        m[i].m.title = str_n(m[i].m.title.p, m[i].m.title.n);
        m[i].m.url = str_n(m[i].m.url.p, m[i].m.url.n);
        m[i].m.image = str_n(m[i].m.image.p, m[i].m.image.n);
    }
    chat_page_fill_messages(v, a, "Greeting", m, n, open);
    return OK;
}

/* Shows an error in the page and keeps what the visitor typed. */
static void chat_page_fill_problem(struct request *rq, struct view *v, const struct err *e)
{
    view_text(v, "Problem", err_is(e, E_bot_inactive) ? view_t(v, "Chat.Inactive") : e->message);
    view_str(v, "Typed", request_form(rq, "text"));
}

/* Is "Powered by" left out? Not if the plan cannot be determined. */
static bool chat_page_white_label(struct request *rq, const struct bot_live *b)
{
    struct chat *chat = rq->app;
    struct entitled x;
    struct err e = ERR_INIT;
    return entitled_now(chat->pool, b->tenant, clock_now_ms(), &x, &e) == OK && x.value[ENTITLEMENT_white_label] > 0;
}

/* The page carries a fresh message id: sent twice, the form is recorded once. */
static void chat_page_fill_frame(struct request *rq, struct view *v, const struct bot_live *b, struct str language)
{
    char id[ID_TEXT_MAX];
    bool own = chat_page_white_label(rq, b);
    view_bool(v, "Chat.PoweredBy", !own);
    if (own) {
        view_str(v, "Own.Name", b->brand.name);
        view_str(v, "Own.Link", b->brand.link);
    }
    view_text(v, "BaseUrl", config_string(rq->config, CONFIG_base_url));
    view_str(v, "Bot.Name", b->name);
    view_id(v, "Bot.Id", id_text(ID_BOT, b->id, id));
    view_str(v, "Chat.Language", language);
    view_text(v, "Page.Dir", chat_page_direction(language));
    view_text(v, "Brand", config_string(rq->config, CONFIG_brand_name));
    view_id(v, "Chat.MessageId", id_text(ID_MESSAGE, id_new(), id));
}

/* A cookie that no longer fits is not an error: the visitor simply starts a new conversation. */
static enum status chat_page_fill_history(struct request *rq, struct view *v, const struct chat_page_memory *mine,
                                          struct id bot, bool *began, struct err *e)
{
    struct chat *chat = rq->app;
    struct talk_out out;
    char id[ID_TEXT_MAX];
    *began = false;
    if (id_is_none(mine->conversation))
        return OK;
    const struct talk_place at = {bot, mine->conversation, mine->token};
    enum status st = talk_newest_messages(chat->talk, &at, rq->arena, &out, e);
    if (st == ERR_NOT_FOUND || st == ERR_AUTH)
        return OK; /* an old cookie: the page starts a new conversation */
    if (st != OK)
        return st;
    *began = out.n > 0;
    chat_page_fill_messages(v, rq->arena, "Messages", out.messages, out.n, true);
    view_id(v, "Chat.Conversation", id_text(ID_CONVERSATION, mine->conversation, id));
    view_str(v, "Chat.Token", mine->token);
    view_text(v, "Chat.State", talk_state_name(out.state));
    view_int(v, "Chat.Seq", out.seq);
    return OK;
}

/* ---- pages ---- */

/* A page that shows one message. If it cannot be rendered, the dispatcher replies in JSON. */
struct chat_page_notice {
    int status;
    struct str title;                  /* "" = title_key's text */
    const char *title_key, *words_key; /* NULL = none */
    bool unbranded;
};
/* In the languages that these few sentences exist in. If the bot is not known, its own language is not either. */
static void chat_page_notice_show(struct request *rq, const struct chat_page_notice *n)
{
    struct str spoken[] = {STR("en"), STR("de"), STR("es")};
    struct str language = request_language(rq, spoken, COUNT_OF(spoken));
    struct view *v = view_new(rq->arena, arena_strdup(rq->arena, language));
    struct err e = ERR_INIT;
    if (!v)
        return;
    view_text(v, "Page.Dir", chat_page_direction(language));
    if (!n->unbranded)
        view_text(v, "Brand", config_string(rq->config, CONFIG_brand_name));
    view_str(v, "Title", n->title.n ? n->title : str_from(view_t(v, n->title_key)));
    if (n->words_key)
        view_text(v, "Words", view_t(v, n->words_key));
    if (view_render(v, "chat/notice.cs", reply_body(rq), &e) != OK)
        return;
    reply_status(rq, n->status);
    reply_type(rq, "text/html; charset=utf-8");
}

static void chat_page_missing(struct request *rq)
{
    chat_page_notice_show(rq, &(struct chat_page_notice){
                                  .status = 404, .title_key = "Chat.MissingTitle", .words_key = "Chat.MissingText"});
}

static void chat_page_inactive(struct request *rq, const struct bot_live *b)
{
    chat_page_notice_show(rq, &(struct chat_page_notice){.status = 402,
                                                         .title = b->name,
                                                         .words_key = "Chat.Inactive",
                                                         .unbranded = chat_page_white_label(rq, b)});
}

void chat_bot_error(struct request *rq, const struct err *e, int status)
{
    /* The visitor API and the health checks reply in JSON, whatever the client accepts. */
    if (rq->route && (rq->route->handler == chat_bot_get || rq->route->handler == chat_bot_post))
        chat_page_notice_show(rq, &(struct chat_page_notice){.status = status, .title = str_from(e->message)});
}

static enum status chat_page_fill(struct request *rq, struct view *v, const struct bot_live *b, struct str language,
                                  const struct chat_page_memory *mine, const struct err *problem, struct err *e)
{
    bool began = false;
    chat_page_fill_frame(rq, v, b, language);
    enum status st = chat_page_fill_history(rq, v, mine, b->id, &began, e);
    if (st == OK)
        st = chat_page_fill_greeting(v, rq->arena, b, language, !began, e);
    if (st == OK && problem)
        chat_page_fill_problem(rq, v, problem);
    return st;
}

/* The plan is asked only when the visitor would begin a conversation. A visitor in the middle of one sees the page even
 * if the plan ended meanwhile. A refused message is shown on the page with its own status, and what was typed stays in
 * the form. */
static void chat_page_render(struct request *rq, struct id bot, const struct chat_page_memory *mine,
                             const struct err *problem)
{
    struct chat *chat = rq->app;
    struct bot_live b;
    struct err e = ERR_INIT;
    enum status st = bot_live(chat->pool, bot, &b, &e);
    if (st == ERR_NOT_FOUND) {
        chat_page_missing(rq);
        return;
    }
    if (st == OK && !problem && id_is_none(mine->conversation) &&
        bot_may_begin(chat->pool, &b, clock_now_ms(), &e) == ERR_PLAN) {
        chat_page_inactive(rq, &b);
        bot_live_release(&b);
        return;
    }
    if (st == OK) {
        struct str language = chat_page_language(rq, &b);
        const char *name = arena_strdup(rq->arena, language);
        struct view *v = name ? view_new(rq->arena, name) : NULL;
        st = v ? chat_page_fill(rq, v, &b, str_from(name), mine, problem, &e) : err_nomem(&e);
        if (st == OK)
            st = view_render(v, "chat/bot.cs", reply_body(rq), &e);
        bot_live_release(&b);
    }
    if (st != OK) {
        reply_error(rq, &e);
        return;
    }
    if (problem)
        request_failed(rq, problem);
    reply_status(rq, problem ? http_status_of(problem) : 200);
    reply_type(rq, "text/html; charset=utf-8");
}

void chat_bot_get(struct request *rq)
{
    struct id bot;
    struct err e = ERR_INIT;
    if (visitor_bot(rq, &bot, &e) != OK) {
        chat_page_missing(rq);
        return;
    }
    struct chat_page_memory mine = chat_page_recall(rq, bot);
    chat_page_render(rq, bot, &mine, NULL);
}

/* ---- without JavaScript ---- */

/* A form that was sent: what the cookie said, and which attempts were made. */
struct chat_page_form {
    struct id bot;
    struct chat_page_memory mine;
    bool tried_new, tried_unnamed;
};

/* The redirect makes a reload fetch the page instead of sending the message again. The cookie is set with it, since
 * only now the conversation is known. */
static void chat_page_leave(struct request *rq, struct id bot, const struct talk_out *out)
{
    const char *path = chat_page_path(rq, bot);
    reply_redirect(rq, path ? path : "/");
    chat_page_remember(rq, bot, out);
}

/* Up to three attempts, each for another reason: a conversation that is gone is replaced by a new one, and a message id
 * that was used is left out. Without JavaScript the server has to do what chat.js does otherwise. */
static bool chat_page_try_again(struct request_turn *t, struct chat_page_form *form)
{
    bool missing = t->st == ERR_NOT_FOUND || t->st == ERR_AUTH; /* the conversation in the cookie no longer exists */
    if (missing && !form->tried_new) {
        form->tried_new = true;
        t->in.conversation = ID_NONE;
        t->in.token = STR_EMPTY;
        return true;
    }
    if (t->st == ERR_CONFLICT && !form->tried_unnamed) { /* an old page was sent again with another text */
        form->tried_unnamed = true;
        t->in.client_id = STR_EMPTY;
        return true;
    }
    return false;
}

static void chat_page_ended(struct request_turn *t)
{
    struct chat_page_form *form = t->ctx;
    if (chat_page_try_again(t, form))
        request_turn_run(t);
    else if (t->st == OK)
        chat_page_leave(t->rq, form->bot, &t->out);
    else if (t->st == ERR_NOT_FOUND)
        chat_page_missing(t->rq);
    else
        chat_page_render(t->rq, form->bot, &form->mine, &t->e);
}

static void chat_page_send_form(struct request *rq, struct id bot)
{
    struct chat *chat = rq->app;
    struct request_turn *t = request_turn_new(rq, chat->talk);
    struct chat_page_form *form = t ? ARENA_NEW(rq->arena, struct chat_page_form) : NULL;
    struct err e = ERR_INIT;
    if (!form) {
        (void)err_nomem(&e);
        reply_error(rq, &e);
        return;
    }
    *form = (struct chat_page_form){.bot = bot, .mine = chat_page_recall(rq, bot)};
    t->ctx = form;
    t->ended = chat_page_ended;
    t->in.bot = bot;
    t->in.conversation = form->mine.conversation;
    t->in.token = form->mine.token;
    t->in.text = str_trim(request_form(rq, "text"));
    t->in.choice = request_form(rq, "choice");
    t->in.client_id = request_form(rq, "id");
    t->in.locale = request_form(rq, "locale");
    t->in.channel = CHANNEL_web;
    request_turn_run(t);
}

void chat_bot_post(struct request *rq)
{
    struct id bot;
    struct err e = ERR_INIT;
    if (visitor_bot(rq, &bot, &e) != OK)
        chat_page_missing(rq);
    else if (request_form_has(rq, "restart"))
        chat_page_leave(rq, bot, NULL);
    else
        chat_page_send_form(rq, bot);
}
