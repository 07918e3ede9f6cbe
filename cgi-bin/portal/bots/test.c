/* test.c: /app/bots/{bot}/test: a chat with the draft that shows the path through the flow and records nothing.
 *
 * The log of the chat and the state of the flow travel in the form, sealed for this user and bot. The server keeps
 * nothing, the page works without JavaScript, and two tabs are two independent chats. */
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "portal/bots/bots.h"
#include "portal/page/messages.h"

#include "base/banned.h"

#define TEST_LOG 80    /* entries that are kept */
#define TEST_PROMPTS 5 /* turns whose prompts are kept */
#define TEST_SEALED (600 * KB)
#define TEST_LOOK_MS 1000 /* how often a turn that waits looks at the clock, and whether the user has left */

struct test_chat {
    struct page pg;
    struct bot bot;
    struct json *log;         /* entries as test_entry_json makes them */
    const struct json *state; /* of the flow; NULL at the beginning */
    const char *notice;       /* a text key, or NULL */
    /* While a turn runs. */
    struct talk_trial trial;
    struct turn *turn;
    struct json *visitor; /* the entry of the message */
};

/* ---- log entries ---- */

static int test_pair_json(struct json *list, struct str label, struct str value)
{
    struct json *c = NULL;
    return json_push_object(list, &c) != 0 || json_set_str(c, "label", label) != 0 ||
                   json_set_str(c, "value", value) != 0
               ? -1
               : 0;
}

/* Choices and citations have the same form in the log, as pairs, so one reader serves both. */
static int test_choices_json(struct json *entry, const struct flow_message *m)
{
    struct json *list = NULL;
    int bad = m->choice_n ? json_set_array(entry, "choices", &list) : 0;
    for (size_t i = 0; !bad && i < m->choice_n; i++)
        bad = test_pair_json(list, m->choices[i].label, m->choices[i].value);
    if (!bad && m->citation_n)
        bad = json_set_array(entry, "citations", &list);
    for (size_t i = 0; !bad && i < m->citation_n; i++)
        bad = test_pair_json(list, m->citations[i].title, m->citations[i].url);
    return bad;
}

static int test_entry_json(struct json *log, enum talk_sender from, const struct flow_message *m, struct json **out)
{
    struct json *en = NULL;
    if (json_push_object(log, &en) != 0)
        return -1;
    *out = en;
    return json_set_int(en, "from", from) != 0 || json_set_int(en, "kind", m->kind) != 0 ||
                   json_set_str(en, "text", m->text) != 0 || json_set_str(en, "title", m->title) != 0 ||
                   json_set_str(en, "url", m->url) != 0 || json_set_str(en, "image", m->image) != 0 ||
                   test_choices_json(en, m) != 0
               ? -1
               : 0;
}

static struct flow_choice *test_pairs_read(struct arena *a, const struct json *list, size_t *n)
{
    struct flow_choice *out = arena_array(a, json_len(list), sizeof(*out));
    *n = out ? json_len(list) : 0;
    for (size_t i = 0; i < *n; i++)
        out[i] = (struct flow_choice){json_get_str(json_at(list, i), "label"), json_get_str(json_at(list, i), "value")};
    return out;
}

/* Reads back what test_entry_json wrote. The log was sealed, so its members can be trusted to be there. */
static struct talk_message test_entry_read(struct arena *a, const struct json *en)
{
    size_t choices = 0, citations = 0;
    struct flow_choice *c = test_pairs_read(a, json_get(en, "choices"), &choices),
                       *t = test_pairs_read(a, json_get(en, "citations"), &citations);
    struct flow_citation *cites = arena_array(a, citations, sizeof(*cites));
    for (size_t i = 0; cites && i < citations; i++)
        cites[i] = (struct flow_citation){t[i].label, t[i].value};
    return (struct talk_message){.from = (enum talk_sender)json_int(json_get(en, "from"), SENDER_BOT),
                                 .m = {.kind = (enum flow_message_kind)json_int(json_get(en, "kind"), FLOW_TEXT),
                                       .text = json_get_str(en, "text"),
                                       .title = json_get_str(en, "title"),
                                       .url = json_get_str(en, "url"),
                                       .image = json_get_str(en, "image"),
                                       .choices = c,
                                       .choice_n = choices,
                                       .citations = cites,
                                       .citation_n = cites ? citations : 0}};
}

/* ---- what travels in the form ---- */

/* The form is sealed for one user and one bot of one workspace, so that it cannot be handed to another. */
static struct secret_for test_chat_secret(struct test_chat *ch)
{
    const char *context = arena_printf(ch->pg.rq->arena, "%s %s", TEXT_ID(ID_BOT, ch->bot.id),
                                       TEXT_ID(ID_USER, ch->pg.who.user));
    return (struct secret_for){.purpose = "test-chat", .tenant = ch->pg.who.tenant, .context = str_from(context)};
}

/* The revision of the draft is part of the form: a change of the draft ends the chat. */
static enum status test_chat_seal(struct test_chat *ch)
{
    struct page *pg = &ch->pg;
    struct json *all = json_new_object(pg->rq->arena);
    struct secret_for secret = test_chat_secret(ch);
    struct buf plain, sealed, text;
    buf_init(&plain, TEST_SEALED);
    buf_init(&sealed, TEST_SEALED + KB);
    buf_init(&text, 2 * TEST_SEALED);
    enum status st = OK;
    if (!all || json_set_int(all, "revision", ch->bot.draft_revision) != 0 ||
        json_set_copy(all, "state", ch->state) != 0 || json_set_copy(all, "log", ch->log) != 0)
        st = err_nomem(&pg->e);
    if (st == OK) {
        json_write(&plain, all);
        st = secret_seal(pg->rq->config, &secret, buf_str(&plain), &sealed, &pg->e);
    }
    if (st == OK) {
        crypto_base64url(&text, sealed.p, sealed.n);
        view_str(pg->v, "Test.State", buf_str(&text));
    }
    if (st == OK && (!buf_ok(&plain) || !buf_ok(&sealed) || !buf_ok(&text)))
        st = err_set(&pg->e, E_too_large, "This test has become too long. Start again.");
    buf_release(&plain);
    buf_release(&sealed);
    buf_release(&text);
    return st;
}

/* A form that cannot be opened is not an attack to report: it may be from before a change of the key. The chat starts
 * again. */
static enum status test_chat_unseal(struct test_chat *ch, struct str text, struct json **out)
{
    struct page *pg = &ch->pg;
    size_t n = text.n / 4 * 3 + (text.n % 4 ? text.n % 4 - 1 : 0);
    char *sealed = arena_alloc(pg->rq->arena, n + 1);
    struct secret_for secret = test_chat_secret(ch);
    struct buf plain;
    if (!sealed)
        return err_nomem(&pg->e);
    buf_init(&plain, TEST_SEALED);
    enum status st = ERR_INVALID;
    if (text.n && crypto_base64url_decode(text, sealed, n))
        st = secret_open(pg->rq->config, &secret, str_n(sealed, n), &plain, &pg->e);
    if (st == OK)
        st = json_parse(pg->rq->arena, buf_str(&plain), MAX_JSON_DEPTH + 4, out, &pg->e);
    buf_release(&plain);
    return st;
}

/* ---- begin ---- */

/* The greeting comes from the draft, as in the real chat, and costs no turn. */
static enum status test_chat_greet(struct test_chat *ch)
{
    struct page *pg = &ch->pg;
    struct json *doc = NULL, *en = NULL;
    struct flow *flow = NULL;
    struct flow_message *m = NULL;
    size_t n = 0;
    int revision = 0;
    enum status st = bot_draft(pg->db, pg->who.tenant, ch->bot.id, pg->rq->arena, &doc, &revision, &pg->e);
    if (st == OK)
        st = flow_parse(doc, &flow, &pg->e);
    if (st == OK)
        st = flow_greeting(flow, ch->bot.language, pg->rq->arena, &m, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++)
        if (test_entry_json(ch->log, SENDER_BOT, &m[i], &en) != 0)
            st = err_nomem(&pg->e);
    flow_drop(flow);
    return st;
}

/* The log is a list of its own and not the flow's state: the state has no texts. */
static enum status test_chat_begin(struct test_chat *ch)
{
    ch->state = NULL;
    ch->log = json_new_array(ch->pg.rq->arena);
    return ch->log ? test_chat_greet(ch) : err_nomem(&ch->pg.e);
}

/* The chat starts again if the form was altered or belongs to another bot, or if the draft has changed since. */
static enum status test_chat_continue(struct test_chat *ch)
{
    struct json *all = NULL;
    enum status st = test_chat_unseal(ch, request_form(ch->pg.rq, "state"), &all);
    if (st == ERR_NOMEM)
        return st;
    bool same = st == OK && json_int(json_get(all, "revision"), -1) == ch->bot.draft_revision;
    if (!same) {
        ch->notice = st == OK ? "Bots.Test.Changed" : "Bots.Test.Restarted";
        return test_chat_begin(ch);
    }
    ch->state = json_get(all, "state");
    ch->log = json_get(all, "log");
    return ch->log ? OK : test_chat_begin(ch);
}

/* ---- one turn ---- */

/* The label of a choice, which the log shows as the visitor's words. Searched from the newest entry, since the same
 * value may have had another label before. */
static struct str test_choice_label(const struct json *log, struct str value)
{
    for (size_t i = json_len(log); i-- > 0;) {
        const struct json *choices = json_get(json_at(log, i), "choices");
        for (size_t k = 0; k < json_len(choices); k++)
            if (str_eq(json_get_str(json_at(choices, k), "value"), value))
                return json_get_str(json_at(choices, k), "label");
    }
    return value;
}

/* The path is stored with the message of the visitor that caused it. */
static enum status test_keep_path(struct test_chat *ch, struct json *visitor, const struct json *path)
{
    return json_set_copy(visitor, "path", path) == 0 ? OK : err_nomem(&ch->pg.e);
}

static bool test_gone(void *ctx)
{
    return request_gone(ctx);
}

static enum status test_read_history(struct test_chat *ch)
{
    struct arena *a = ch->pg.rq->arena;
    size_t n = json_len(ch->log);
    struct talk_message *all = arena_array(a, n, sizeof(*all));
    for (size_t i = 0; all && i < n; i++)
        all[i] = test_entry_read(a, json_at(ch->log, i));
    ch->trial.history = all;
    ch->trial.history_n = n;
    return all ? OK : err_nomem(&ch->pg.e);
}

static enum status test_turn_prepare(struct test_chat *ch, struct str text, struct str choice)
{
    struct page *pg = &ch->pg;
    const struct flow_message said = {.kind = FLOW_TEXT,
                                      .text = text.n ? text : test_choice_label(ch->log, choice),
                                      .title = STR_EMPTY,
                                      .url = STR_EMPTY,
                                      .image = STR_EMPTY};
    ch->trial = (struct talk_trial){.tenant = pg->who.tenant,
                                    .bot = ch->bot.id,
                                    .text = text,
                                    .choice = choice,
                                    .locale = STR_EMPTY,
                                    .state = ch->state,
                                    .path = json_new_array(pg->rq->arena),
                                    .gone = test_gone,
                                    .gone_ctx = pg->rq};
    enum status st = test_read_history(ch);
    if (st == OK && (!ch->trial.path || test_entry_json(ch->log, SENDER_VISITOR, &said, &ch->visitor) != 0))
        st = err_nomem(&pg->e);
    return st;
}

static enum status test_take_replies(struct test_chat *ch)
{
    struct page *pg = &ch->pg;
    struct talk_out out;
    struct json *next = NULL, *en = NULL;
    enum status st = talk_test_end(ch->turn, &out, &next, &pg->e);
    if (st == OK)
        st = test_keep_path(ch, ch->visitor, ch->trial.path);
    for (size_t i = 0; st == OK && i < out.n; i++)
        if (test_entry_json(ch->log, SENDER_BOT, &out.messages[i].m, &en) != 0)
            st = err_nomem(&pg->e);
    if (st != OK)
        return st;
    ch->state = next;
    view_text(pg->v, "Test.Status", talk_state_name(out.state));
    return OK;
}

/* What one try of an engine took. Numbers that the engine's server did not report are left out. */
static void test_fill_try(struct view *v, const char *key, size_t i, const struct json *try)
{
    int64_t in = json_int(json_get(try, "in"), -1), out = json_int(json_get(try, "out"), -1);
    int64_t first = json_int(json_get(try, "first"), -1), total = json_int(json_get(try, "total"), 0);
    view_str(v, view_at(v, key, i, "Engine"), json_get_str(try, "engine"));
    view_str(v, view_at(v, key, i, "Model"), json_get_str(try, "model"));
    view_str(v, view_at(v, key, i, "Fault"), json_get_str(try, "fault"));
    if (in >= 0 && out >= 0) {
        struct str text = view_fill(v, "Bots.Test.Tokens", {"in", view_number_text(v, in)},
                                    {"out", view_number_text(v, out)});
        view_str(v, view_at(v, key, i, "Tokens"), text);
    }
    struct str time = view_fill(v, first >= 0 ? "Bots.Test.TimeFirst" : "Bots.Test.Time",
                                {"total", view_number_text(v, total)}, {"first", view_number_text(v, first)});
    view_str(v, view_at(v, key, i, "Time"), time);
}

static void test_fill_asked(struct view *v, const char *step, const struct json *asked)
{
    char key[112];
    const struct json *tries = json_get(asked, "tries"), *sent = json_get(asked, "sent");
    snprintf(key, sizeof(key), "%s.Tries", step);
    for (size_t i = 0; i < json_len(tries); i++)
        test_fill_try(v, key, i, json_at(tries, i));
    snprintf(key, sizeof(key), "%s.Sent", step);
    for (size_t i = 0; i < json_len(sent); i++) {
        view_str(v, view_at(v, key, i, "Role"), json_get_str(json_at(sent, i), "role"));
        view_str(v, view_at(v, key, i, "Text"), json_get_str(json_at(sent, i), "text"));
    }
    snprintf(key, sizeof(key), "%s.Cut", step);
    view_bool(v, key, json_bool(json_get(asked, "cut")));
    struct str reason = json_get_str(asked, "handoff");
    snprintf(key, sizeof(key), "%s.Handoff", step);
    if (json_has(asked, "handoff"))
        view_str(v, key,
                 reason.n ? view_fill(v, "Bots.Test.HandoffWhy", {"why", reason})
                          : str_from(view_t(v, "Bots.Test.HandoffNow")));
}

static void test_fill_path(struct view *v, size_t i, const struct json *path)
{
    char key[64], step[96];
    snprintf(key, sizeof(key), "Messages.%zu.Path", i);
    for (size_t k = 0; k < json_len(path); k++) {
        view_str(v, view_at(v, key, k, "Node"), json_get_str(json_at(path, k), "node"));
        view_str(v, view_at(v, key, k, "Type"), json_get_str(json_at(path, k), "type"));
        view_str(v, view_at(v, key, k, "Fault"), json_get_str(json_at(path, k), "fault"));
        snprintf(step, sizeof(step), "%s.%zu", key, k);
        if (json_get(json_at(path, k), "asked"))
            test_fill_asked(v, step, json_get(json_at(path, k), "asked"));
    }
}

/* Prompts are long and repeat the conversation, so only those of the newest turns stay in the form. */
static void test_forget_prompts(struct json *log)
{
    int turns = 0;
    for (size_t i = json_len(log); i-- > 0;) {
        const struct json *path = json_get(json_at(log, i), "path");
        turns += path ? 1 : 0;
        for (size_t k = 0; turns > TEST_PROMPTS && k < json_len(path); k++)
            json_del(json_at(path, k), "asked");
    }
}

/* Only the newest entries are kept, or the form would grow with every message. */
static void test_chat_show(struct test_chat *ch, int status)
{
    struct page *pg = &ch->pg;
    size_t n = json_len(ch->log), first = n > TEST_LOG ? n - TEST_LOG : 0;
    test_forget_prompts(ch->log);
    struct json *kept = first ? json_new_array(pg->rq->arena) : ch->log;
    for (size_t i = first; i < n; i++) {
        const struct json *en = json_at(ch->log, i);
        struct talk_message m = test_entry_read(pg->rq->arena, en);
        page_fill_message(pg->v, pg->rq->arena, "Messages", i - first, &m);
        test_fill_path(pg->v, i - first, json_get(en, "path"));
        view_bool(pg->v, view_at(pg->v, "Messages", i - first, "Last"), i + 1 == n);
        if (kept != ch->log && json_push_copy(kept, en) != 0)
            kept = NULL;
    }
    if (kept)
        ch->log = kept;
    if (ch->notice)
        view_text(pg->v, "Test.Notice", view_t(pg->v, ch->notice));
    enum status st = test_chat_seal(ch);
    page_end_status(pg, st, status, "portal/bots/test.cs", NULL);
}

void bots_test_get(struct request *rq)
{
    struct test_chat ch = {.notice = NULL};
    if (!bots_begin(rq, &ch.pg, "test", &ch.bot))
        return;
    if (test_chat_begin(&ch) == OK)
        test_chat_show(&ch, 200);
    else
        page_fail(&ch.pg);
}

/* A failure of the flow (a timeout, an HTTP call) is shown in the chat, which continues. */
static void test_chat_answer(struct test_chat *ch, enum status st)
{
    if (st == ERR_INVALID || st == ERR_TIMEOUT || st == ERR_UNAVAILABLE || st == ERR_RATE) {
        page_form_error(&ch->pg);
        ch->pg.e = ERR_INIT;
        st = OK;
    }
    if (st == OK)
        test_chat_show(ch, 200);
    else
        page_fail(&ch->pg);
}

static void test_turn_continue(struct request *rq, void *ctx)
{
    struct test_chat *ch = ctx;
    if (talk_step(ch->turn))
        test_chat_answer(ch, test_take_replies(ch));
    else
        request_park(rq, TEST_LOOK_MS, test_turn_continue, ch);
}

/* The connection is given back first: the turn may wait for a server, and the page holds no thread meanwhile. */
static void test_turn_run(struct test_chat *ch, struct str text, struct str choice)
{
    struct page *pg = &ch->pg;
    struct waker waker = request_waker(pg->rq);
    enum status st = test_turn_prepare(ch, text, choice);
    page_release(pg);
    if (st == OK)
        st = talk_test_begin(pg->app->talk, &ch->trial, pg->rq->arena, &waker, &ch->turn, &pg->e);
    if (st == OK)
        test_turn_continue(pg->rq, ch);
    else
        test_chat_answer(ch, st);
}

void bots_test_post(struct request *rq)
{
    struct test_chat *ch = ARENA_NEW(rq->arena, struct test_chat);
    struct err e = ERR_INIT;
    if (!ch) {
        (void)err_nomem(&e);
        reply_error(rq, &e);
        return;
    }
    if (!bots_begin(rq, &ch->pg, "test", &ch->bot))
        return;
    struct str text = utf8_cut(str_trim(request_form(rq, "text")), MAX_TEXT), choice = request_form(rq, "choice");
    enum status st = test_chat_continue(ch);
    if (st == OK && (text.n || choice.n))
        test_turn_run(ch, text, choice);
    else
        test_chat_answer(ch, st);
}
