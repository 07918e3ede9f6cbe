/* botpress12.c: the converse API of Botpress v12: one request, and one reply with all responses of the bot. The server
 * keeps one dialog for each user, and two requests of one user at the same time disturb each other. So its user is our
 * conversation: the turns of a conversation follow each other, and a new conversation begins a new dialog. The server
 * answers 400 where it means something else, so its words decide. With an e-mail address and a password the secured
 * endpoint is asked, with a token that is kept and fetched again once when it is refused. */
#include "engine/botpress_payload.h"
#include "engine/text.h"

#include "base/banned.h"

struct botpress12 {
    struct str token; /* "" for the public endpoint, or as long as there is none */
    struct fetch_header header;
    bool secured, renewed;
};

static void botpress12_login(struct engine_run *run);
static void botpress12_converse(struct engine_run *run);

static void botpress12_open(struct engine_run *run)
{
    struct botpress12 *b = engine_run_memory(run);
    b->token = STR_EMPTY;
    b->secured = engine_run_setting(run, "email").n > 0;
    if (!engine_run_setting(run, "base_url").n || !engine_run_setting(run, "bot").n)
        engine_run_fail_text(run, ENGINE_CONFIG, "The address of the server or the bot id is missing.");
    else if (b->secured && !engine_run_setting(run, "password").n)
        engine_run_fail_text(run, ENGINE_CONFIG, "The password is missing.");
}

static void botpress12_post(struct engine_run *run, const char *path, struct json *body,
                            const struct engine_handlers *on)
{
    struct botpress12 *b = engine_run_memory(run);
    struct engine_request rq = {.method = "POST",
                                .url = engine_run_url(run, path),
                                .headers = &b->header,
                                .header_count = b->token.n ? 1 : 0,
                                .body = engine_run_json(run, body),
                                .framing = ENGINE_WHOLE};
    (void)engine_call(run, &rq, on);
}

/* ---- the token ---- */

static bool botpress12_use_token(struct engine_run *run, struct str token)
{
    struct botpress12 *b = engine_run_memory(run);
    const char *bearer = arena_printf(engine_run_arena(run), "Bearer %.*s", STR_F(token));
    if (!bearer) {
        engine_run_end(run, ENGINE_INTERNAL);
        return false;
    }
    b->header = (struct fetch_header){STR("Authorization"), str_from(bearer)};
    b->token = str_sub(b->header.value, strlen("Bearer "), token.n);
    return true;
}

static bool login_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    struct str token = json_get_str(json_get(doc, "payload"), "jwt");
    (void)event;
    if (!token.n || !str_one_line(token))
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply to the sign-in has no token.");
    else if (botpress12_use_token(run, token))
        engine_emit(run, &(struct engine_event){
                             .kind = ENGINE_EVENT_STATE, .key = STR("token"), .text = token, .secret = true});
    return true;
}

static void botpress12_login(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = login_on_document, .end = botpress12_converse};
    struct botpress12 *b = engine_run_memory(run);
    struct json *body = json_new_object(engine_run_arena(run));
    b->token = STR_EMPTY;
    if (!body || json_set_str(body, "email", engine_run_setting(run, "email")) != 0 ||
        json_set_str(body, "password", engine_run_setting(run, "password")) != 0)
        engine_run_end(run, ENGINE_INTERNAL);
    else
        botpress12_post(run, "/api/v1/auth/login/basic/default", body, &on);
}

/* ---- the question ---- */

/* A probe asks as a user of its own. */
static const char *botpress12_path(struct engine_run *run)
{
    const struct botpress12 *b = engine_run_memory(run);
    const struct engine_turn *t = engine_run_turn(run);
    char user[ID_TEXT_MAX];
    const char *path;
    struct buf bot;
    buf_init(&bot, 2000);
    buf_url(&bot, engine_run_setting(run, "bot"));
    path = !buf_ok(&bot) ? NULL
                         : arena_printf(engine_run_arena(run), "/api/v1/bots/%.*s/converse/%s%s", STR_F(buf_str(&bot)),
                                        t ? id_text(ID_CONVERSATION, t->conversation, user) : "parley-probe",
                                        b->secured ? "/secured?include=responses" : "");
    buf_release(&bot);
    return path;
}

/* The server keeps the dialog, so only the newest message is sent. */
static struct str botpress12_text(const struct engine_run *run)
{
    const struct engine_turn *t = engine_run_turn(run);
    int64_t most = engine_run_number(run, "cut_chars");
    struct str text = t ? engine_turn_question(t) : STR("hello");
    return most > 0 ? text_cut(text, most) : text;
}

/* A probe wants to know that the bot answers, not what. */
static bool converse_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    const struct json *responses = json_get(doc, "responses");
    (void)event;
    if (!json_is(responses, JSON_ARRAY)) {
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply has no list of responses.");
        return true;
    }
    for (size_t i = 0; engine_run_turn(run) && i < json_len(responses) && !engine_run_over(run); i++)
        botpress12_emit_response(run, json_at(responses, i));
    return true;
}

static void converse_on_end(struct engine_run *run)
{
    engine_run_end(run, ENGINE_OK);
}

static bool converse_on_failed(struct engine_run *run, const struct engine_failure *f, const struct json *doc)
{
    struct botpress12 *b = engine_run_memory(run);
    struct engine_failure said = *f;
    struct str words = str_from(f->detail);
    (void)doc;
    if (b->secured && f->http == 401 && !b->renewed) {
        b->renewed = true;
        botpress12_login(run);
        return true;
    }
    /* ConverseService: the bot took longer than converse.timeout, or ended without a response. */
    if (f->http == 400 && str_starts(words, STR("Request timed out")))
        said.class = ENGINE_TOTAL_TIMEOUT;
    else if (f->http == 400 && str_starts(words, STR("No responses found")))
        said.class = ENGINE_NO_REPLY;
    engine_run_fail(run, &said);
    return true;
}

static void botpress12_converse(struct engine_run *run)
{
    static const struct engine_handlers on = {
        .document = converse_on_document, .end = converse_on_end, .failed = converse_on_failed};
    struct json *body = json_new_object(engine_run_arena(run));
    struct str text = botpress12_text(run);
    const char *path = botpress12_path(run);
    if (!text.n)
        engine_run_fail_text(run, ENGINE_REQUEST, "Botpress takes no message without a text.");
    else if (!body || !path || json_set_str(body, "type", STR("text")) != 0 || json_set_str(body, "text", text) != 0)
        engine_run_end(run, ENGINE_INTERNAL);
    else
        botpress12_post(run, path, body, &on);
}

static void botpress12_turn(struct engine_run *run)
{
    struct botpress12 *b = engine_run_memory(run);
    const struct engine_turn *t = engine_run_turn(run);
    struct str token = t ? json_get_str(t->state, "token") : STR_EMPTY;
    if (!b->secured || (token.n && botpress12_use_token(run, token)))
        botpress12_converse(run);
    else
        botpress12_login(run);
}

const struct engine_ops engine_botpress12 = {
    .caps = ENGINE_KEEPS_HISTORY,
    .size = sizeof(struct botpress12),
    .open = botpress12_open,
    .probe = botpress12_turn,
    .turn = botpress12_turn,
};
