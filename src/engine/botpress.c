/* botpress.c: the Chat API of Botpress Cloud. The answer to a message is whatever the bot writes into the conversation
 * afterwards, and nothing says when it has finished. So a turn is: have a user and a conversation, listen, and send the
 * message only when the listener is connected; then report what arrives until the bot has been quiet for a while, or
 * has written nothing for long. What it writes later is found in the list of messages at the next turn (`since`), or
 * comes to receive() if the integration is set up to call us.
 *
 * The server has no idempotency key, so a message is never sent twice: when the reply is lost, our own id in its
 * metadata tells whether the server has it, from the echo in the stream or from the list. The list is also read after a
 * gap in the stream, and before sending, for what the bot wrote since the last turn. */
#include "engine/botpress.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "engine/botpress_payload.h"

#include "base/banned.h"

#define STREAM_SILENCE_US (20 * INT64_C(1000000)) /* a stream without a piece for so long has broken off */
#define LISTEN_IDLE_MS (10 * MINUTE_MS)           /* the run decides how long is listened, not the call */
#define RECONNECTS_MAX 4
#define RECONNECT_MS 250
#define LIST_PAGES_MAX 10
#define LOOKS_MAX 3
#define LOOK_MS 500
#define PROBE_USER "parley-probe"

static void botpress_arm(struct engine_run *run);
static void botpress_list(struct engine_run *run);
static void botpress_listen(struct engine_run *run);

/* ---- the end of a turn ---- */

/* At once and not only at the end: a turn that is interrupted has shown its messages, too. */
static void botpress_remember_seen(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    if (b->in.newest.n && !str_eq(b->in.newest, b->seen))
        botpress_remember(run, "seen", b->in.newest, false);
    b->seen = b->in.newest;
}

static void botpress_finish(struct engine_run *run)
{
    botpress_remember_seen(run);
    engine_run_end(run, ENGINE_OK);
}

static bool botpress_is_lost(const struct botpress *b)
{
    return b->lost.class != ENGINE_OK && !b->accepted && !b->replied;
}

static void botpress_fail_lost(struct engine_run *run)
{
    engine_run_fail_text(run, ENGINE_FIRST_TIMEOUT, "It is not known whether the bot has received the message.");
}

/* The server may have the message, whatever became of the listener, so the turn must not be asked again. */
static void botpress_fail_sent(struct engine_run *run, const struct engine_failure *f)
{
    struct engine_failure sent = *f;
    sent.delivered = true;
    engine_run_fail(run, &sent);
}

/* When the turn is over if nothing more arrives. */
static int64_t botpress_due_us(const struct botpress *b)
{
    int64_t longest = b->posted_us + b->max_wait_us, quiet = b->activity_us + b->quiet_us;
    if (b->in.live.n)
        return b->activity_us + STREAM_SILENCE_US;
    if (!b->replied || !b->accepted || b->listing || !b->listening)
        return longest;
    return quiet < longest ? quiet : longest;
}

static void botpress_on_timer(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    b->armed_us = INT64_MAX;
    if (!b->posted)
        return; /* it was refused, and will be sent again */
    if (clock_mono_us() < botpress_due_us(b))
        botpress_arm(run);
    else if (b->in.live.n)
        engine_run_fail_text(run, ENGINE_IDLE_TIMEOUT, "The bot stopped in the middle of a message.");
    else if (botpress_is_lost(b))
        botpress_fail_lost(run);
    else
        botpress_finish(run);
}

/* A timer cannot be moved, so one that is too early only sets the next, and one that would be too late gets an earlier
 * one beside it. */
static void botpress_arm(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    int64_t due = botpress_due_us(b), now = clock_mono_us();
    if (!b->posted || due >= b->armed_us)
        return;
    b->armed_us = due;
    engine_timer(run, due > now ? (due - now + 999) / 1000 : 0, botpress_on_timer);
}

static void botpress_take(struct engine_run *run, const struct json *message)
{
    struct botpress *b = engine_run_memory(run);
    if (!botpress_inbox_message(run, &b->in, message))
        return;
    if (!b->in.live.n)
        botpress_remember_seen(run);
    if (!b->posted)
        return;
    b->replied = true;
    b->activity_us = clock_mono_us();
    botpress_arm(run);
}

/* ---- the message ---- */

static void message_accept(struct engine_run *run, const struct json *message)
{
    struct botpress *b = engine_run_memory(run);
    struct str at = json_get_str(message, "createdAt");
    bool ok = true;
    b->accepted = true;
    botpress_inbox_time(run, &b->in, at);
    if (!b->sent_at.n)
        b->sent_at = arena_str(engine_run_arena(run), at, &ok);
    if (!ok)
        engine_run_end(run, ENGINE_INTERNAL);
}

static void botpress_confirm(struct engine_run *run, const struct json *message)
{
    struct botpress *b = engine_run_memory(run);
    struct str pid = json_get_str(json_get(message, "metadata"), "pid");
    if (!b->posted || !str_eq(pid, engine_run_turn(run)->message_id))
        return;
    message_accept(run, message);
    botpress_arm(run);
}

/* 4xx: the server did not take it. Anything else may have happened after it did. */
static bool message_on_failed(struct engine_run *run, const struct engine_failure *f, const struct json *doc)
{
    struct botpress *b = engine_run_memory(run);
    (void)doc;
    if (f->http >= 400 && f->http < 500 && f->http != 408) {
        b->posted = false;
        return botpress_renew(run, f) || botpress_rejoin(run, f);
    }
    if (!f->delivered)
        return false;
    if (b->accepted || b->replied) {
        b->accepted = true;
        botpress_arm(run);
        return true;
    }
    b->lost = *f;
    botpress_list(run);
    return true;
}

static bool message_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    struct botpress *b = engine_run_memory(run);
    (void)event;
    if (botpress_refused(run, b->message, doc, message_on_failed))
        return true;
    message_accept(run, json_get(doc, "message"));
    return true;
}

static void botpress_post(struct engine_run *run)
{
    static const struct engine_handlers on = {
        .document = message_on_document, .end = botpress_arm, .failed = message_on_failed};
    struct botpress *b = engine_run_memory(run);
    const struct engine_turn *t = engine_run_turn(run);
    struct json *body = json_new_object(engine_run_arena(run)), *payload, *metadata;
    if (!engine_turn_question(t).n) {
        engine_run_fail_text(run, ENGINE_REQUEST, "Botpress takes no message without a text.");
        return;
    }
    if (!body || json_set_str(body, "conversationId", b->conversation) != 0 ||
        json_set_object(body, "payload", &payload) != 0 || json_set_str(payload, "type", STR("text")) != 0 ||
        json_set_str(payload, "text", engine_turn_question(t)) != 0 ||
        json_set_object(body, "metadata", &metadata) != 0 || json_set_str(metadata, "pid", t->message_id) != 0) {
        engine_run_end(run, ENGINE_INTERNAL);
        return;
    }
    b->posted = true;
    b->posted_us = b->activity_us = clock_mono_us();
    b->message = botpress_request(run, "POST", STR("/messages"), body, &on);
    if (!engine_run_over(run))
        botpress_arm(run);
}

/* ---- the list ---- */

static int list_compare(const void *a, const void *b)
{
    const struct json *const *x = a, *const *y = b;
    return str_cmp(json_get_str(*x, "createdAt"), json_get_str(*y, "createdAt"));
}

/* The message was not found: it is looked for again, because a list may be a moment behind. Then it is certain enough
 * that the server does not have it, and the turn may be asked again. */
static void list_not_found(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    if (++b->looks < LOOKS_MAX) {
        engine_timer(run, LOOK_MS, botpress_list);
        return;
    }
    b->lost.delivered = false;
    engine_run_fail(run, &b->lost);
}

/* Only what is newer than the last turn, or without one than the visitor's message: the rest was reported long ago. */
static void list_finish(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    b->listing = false;
    if (b->listed.n)
        qsort(b->listed.p, b->listed.n, sizeof(b->listed.p[0]), list_compare);
    struct str since = b->since.n ? b->since : b->sent_at;
    for (size_t i = 0; since.n && i < b->listed.n && !engine_run_over(run); i++)
        if (str_cmp(json_get_str(b->listed.p[i], "createdAt"), since) > 0)
            botpress_take(run, b->listed.p[i]);
    b->listed.n = 0;
    if (engine_run_over(run))
        return;
    if (!b->posted)
        botpress_post(run);
    else if (botpress_is_lost(b))
        list_not_found(run);
    else if (b->list_again)
        botpress_list(run);
    else {
        b->accepted = b->accepted || b->lost.class != ENGINE_OK;
        botpress_arm(run);
    }
}

/* Without the list the late replies of an earlier turn wait for the next one, and after a gap the quiet period ends the
 * turn. But a message of which nothing is known must not be sent again, so the turn ends as one that must not be
 * repeated. */
static bool list_on_failed(struct engine_run *run, const struct engine_failure *f, const struct json *doc)
{
    struct botpress *b = engine_run_memory(run);
    (void)doc;
    b->listing = false;
    if (!b->posted && (botpress_renew(run, f) || botpress_rejoin(run, f)))
        return true;
    if (b->posted && botpress_is_lost(b))
        botpress_fail_lost(run);
    else
        list_finish(run);
    return true;
}

static void list_add(struct engine_run *run, const struct json *message)
{
    struct botpress *b = engine_run_memory(run);
    if (str_eq(json_get_str(message, "userId"), b->user)) {
        botpress_confirm(run, message);
        return;
    }
    const struct json *copy = json_copy(engine_run_arena(run), message);
    if (!copy || VEC_PUSH(&b->listed, copy) != 0)
        engine_run_end(run, ENGINE_INTERNAL);
}

static bool list_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    struct botpress *b = engine_run_memory(run);
    const struct json *messages = json_get(doc, "messages");
    bool ok = true;
    (void)event;
    if (botpress_refused(run, b->list, doc, list_on_failed))
        return true;
    for (size_t i = 0; i < json_len(messages) && !engine_run_over(run); i++)
        list_add(run, json_at(messages, i));
    b->page = arena_str(engine_run_arena(run), json_get_str(json_get(doc, "meta"), "nextToken"), &ok);
    if (!ok)
        engine_run_end(run, ENGINE_INTERNAL);
    return true;
}

static void list_next_page(struct engine_run *run);

static void list_on_end(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    if (b->page.n && ++b->pages < LIST_PAGES_MAX)
        list_next_page(run);
    else
        list_finish(run);
}

static void list_next_page(struct engine_run *run)
{
    static const struct engine_handlers on = {
        .document = list_on_document, .end = list_on_end, .failed = list_on_failed};
    struct botpress *b = engine_run_memory(run);
    struct str path = botpress_path(run, b->conversation, "/messages");
    struct buf url;
    buf_init(&url, 8000);
    buf_str_add(&url, path);
    if (b->page.n) {
        buf_puts(&url, "?nextToken=");
        buf_url(&url, b->page);
    }
    if (buf_ok(&url) && url.n)
        b->list = botpress_request(run, "GET", str_n(url.p, url.n), NULL, &on);
    else
        engine_run_end(run, ENGINE_INTERNAL);
    buf_release(&url);
}

static void botpress_list(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    b->list_again = b->listing;
    if (b->listing)
        return;
    b->listing = true;
    b->listed.n = 0;
    b->page = STR_EMPTY;
    b->pages = 0;
    list_next_page(run);
}

static void botpress_send(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    if (b->posted || b->since.n)
        botpress_list(run);
    else
        botpress_post(run);
}

/* ---- listening ---- */

static void botpress_on_stream(struct engine_run *run, struct str type, const struct json *data)
{
    struct botpress *b = engine_run_memory(run);
    if (str_eq(json_get_str(data, "userId"), b->user))
        return;
    if (str_eqz(type, "message_stream_delta"))
        botpress_inbox_delta(run, &b->in, data);
    else if (str_eqz(type, "message_stream_complete"))
        botpress_inbox_complete(run, &b->in, data);
    else
        botpress_inbox_abort(run, &b->in, data);
    b->replied = b->replied || (b->posted && !str_eqz(type, "message_stream_abort"));
    b->activity_us = clock_mono_us();
    if (!engine_run_over(run))
        botpress_arm(run);
}

static bool listener_on_failed(struct engine_run *run, const struct engine_failure *f, const struct json *doc);

/* A document that is no signal is an error that came with status 200. */
static bool listener_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    struct botpress *b = engine_run_memory(run);
    struct str type = json_get_str(doc, "type");
    const struct json *data = json_get(doc, "data");
    (void)event;
    if (!data)
        return botpress_refused(run, b->listener, doc, listener_on_failed);
    if (str_eqz(type, "message_created") && json_bool(json_get(data, "isBot")))
        botpress_take(run, data);
    else if (str_eqz(type, "message_created"))
        botpress_confirm(run, data);
    else if (str_starts(type, STR("message_stream_")))
        botpress_on_stream(run, type, data);
    return true;
}

/* "ping" is no JSON. */
static bool listener_on_text(struct engine_run *run, struct str event, struct str data)
{
    (void)run;
    (void)event;
    (void)data;
    return false;
}

static void botpress_listen_again(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    if (!b->listener)
        botpress_listen(run);
}

/* Before the message is sent a listener that fails is a reason to give up; afterwards there is an answer to be had. */
static bool listener_on_failed(struct engine_run *run, const struct engine_failure *f, const struct json *doc)
{
    struct botpress *b = engine_run_memory(run);
    (void)doc;
    b->listener = NULL;
    b->listening = false;
    b->in.gap = true;
    if (!b->posted)
        return botpress_renew(run, f) || botpress_rejoin(run, f);
    bool gone = f->http == 401 || f->http == 403 || f->http == 404;
    if (gone || ++b->reconnects > RECONNECTS_MAX) {
        if (b->replied && !b->in.live.n)
            botpress_finish(run);
        else
            botpress_fail_sent(run, f);
        return true;
    }
    engine_timer(run, (int64_t)RECONNECT_MS << (b->reconnects - 1), botpress_listen_again);
    return true;
}

static void listener_on_end(struct engine_run *run)
{
    struct engine_failure f = ENGINE_FAILURE_INIT;
    f.class = ENGINE_TRUNCATED;
    engine_failure_detail(&f, STR("The server ended the connection that brings the bot's messages."));
    if (!listener_on_failed(run, &f, NULL))
        engine_run_fail(run, &f);
}

static void listener_on_head(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    b->listening = true;
    botpress_send(run);
}

static void botpress_listen(struct engine_run *run)
{
    static const struct engine_handlers on = {.head = listener_on_head,
                                              .document = listener_on_document,
                                              .text = listener_on_text,
                                              .end = listener_on_end,
                                              .failed = listener_on_failed};
    struct botpress *b = engine_run_memory(run);
    struct str path = botpress_path(run, b->conversation, "/listen");
    struct fetch_header headers[] = {{STR("x-user-key"), b->key}, {STR("Accept"), STR("text/event-stream")}};
    struct engine_request rq = {.method = "GET",
                                .url = engine_run_url(run, path.p),
                                .headers = headers,
                                .header_count = COUNT_OF(headers),
                                .body = STR_EMPTY,
                                .framing = ENGINE_SSE,
                                .idle_ms = LISTEN_IDLE_MS};
    b->listener = engine_call(run, &rq, &on);
}

/* ---- the operations of the engine ---- */

static void botpress_open(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    b->key = b->user = b->conversation = b->since = b->seen = b->sent_at = b->page = STR_EMPTY;
    b->in.live = b->in.newest = STR_EMPTY;
    b->armed_us = INT64_MAX;
    b->quiet_us = engine_run_number(run, "quiet_ms") * 1000;
    b->max_wait_us = engine_run_number(run, "max_wait_ms") * 1000;
    if (!engine_run_setting(run, "base_url").n)
        engine_run_fail_text(run, ENGINE_CONFIG, "The address of the Chat API is missing.");
    else if (b->quiet_us <= 0 || b->max_wait_us <= 0)
        engine_run_fail_text(run, ENGINE_CONFIG, "The times must be greater than 0.");
}

static void botpress_close(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    botpress_inbox_release(&b->in);
    VEC_RELEASE(&b->listed);
}

/* What earlier turns of this contact found out. The conversation counts only if it is still the same one of ours. */
static void botpress_recall(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    const struct json *state = engine_run_turn(run)->state;
    struct str names = json_get_str(state, "conversation"), ours;
    b->key = json_get_str(state, "user_key");
    b->user = json_get_str(state, "user");
    if (str_split(&names, ' ', &ours) && str_eq(ours, b->fid)) {
        b->conversation = names;
        b->since = b->seen = json_get_str(state, "seen");
    }
}

static void botpress_turn(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    const struct engine_turn *t = engine_run_turn(run);
    char conversation[ID_TEXT_MAX], contact[ID_TEXT_MAX];
    b->joined = botpress_listen;
    b->fid = botpress_keep(run, str_from(id_text(ID_CONVERSATION, t->conversation, conversation)));
    b->contact_fid = botpress_keep(run,
                                   id_is_none(t->contact) ? b->fid : str_from(id_text(ID_USER, t->contact, contact)));
    botpress_recall(run);
    if (b->key.n && b->user.n)
        botpress_join(run);
    else
        botpress_make_user(run);
}

/* ---- probe: a user is what the address and the key have to allow ---- */

static bool probe_on_failed(struct engine_run *run, const struct engine_failure *f, const struct json *doc)
{
    if (f->http == 409) {
        engine_run_end(run, ENGINE_OK); /* made by an earlier probe */
        return true;
    }
    return botpress_user_failed(run, f, doc);
}

static bool probe_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    const struct botpress *b = engine_run_memory(run);
    (void)event;
    if (!botpress_refused(run, b->step, doc, probe_on_failed) && !json_get_str(json_get(doc, "user"), "id").n)
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply names no user.");
    return true;
}

static void probe_on_end(struct engine_run *run)
{
    engine_run_end(run, ENGINE_OK);
}

static void botpress_probe(struct engine_run *run)
{
    static const struct engine_handlers on = {
        .document = probe_on_document, .end = probe_on_end, .failed = probe_on_failed};
    struct botpress *b = engine_run_memory(run);
    bool mint = engine_run_setting(run, "encryption_key").n > 0;
    if (mint)
        b->key = botpress_mint(run, STR(PROBE_USER));
    b->step = botpress_request(run, "POST", mint ? STR("/users/get-or-create") : STR("/users"),
                               botpress_body(run, "id", mint ? STR_EMPTY : STR(PROBE_USER)), &on);
}

/* ---- receive: the integration calls us with a signal ---- */

static struct str receive_secret(const struct engine_incoming *in)
{
    for (size_t i = 0; i < in->header_count; i++)
        if (str_ieq(in->headers[i].name, STR("x-secret-key")))
            return in->headers[i].value;
    return STR_EMPTY;
}

/* Every message of the bot is sent to us, also those that a turn has heard: the time of the newest one that was
 * reported tells them apart. */
static void receive_message(struct engine_run *run, const struct engine_incoming *in, const struct json *data)
{
    struct botpress *b = engine_run_memory(run);
    struct str at = json_get_str(data, "createdAt");
    engine_emit(
        run, &(struct engine_event){.kind = ENGINE_EVENT_CONVERSATION, .text = json_get_str(data, "conversationId")});
    if (!in->state || str_cmp(at, json_get_str(in->state, "seen")) <= 0)
        return;
    (void)botpress_inbox_message(run, &b->in, data);
    botpress_remember(run, "seen", b->in.newest, false);
}

static void botpress_receive(struct engine_run *run, const struct engine_incoming *in)
{
    struct str secret = engine_run_setting(run, "webhook_secret"), given = receive_secret(in);
    struct json *doc = NULL;
    if (!secret.n || secret.n != given.n || !crypto_equal(secret.p, given.p, secret.n)) {
        engine_run_fail_text(run, ENGINE_AUTH, "The request does not have the secret of the engine.");
        return;
    }
    if (json_parse_tolerant(engine_run_arena(run), in->body, ENGINE_JSON_DEPTH, &doc, NULL) != OK) {
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The request is not JSON.");
        return;
    }
    const struct json *data = json_get(doc, "data");
    if (str_eqz(json_get_str(doc, "type"), "message_created") && json_bool(json_get(data, "isBot")))
        receive_message(run, in, data);
    engine_run_end(run, ENGINE_OK);
}

const struct engine_ops engine_botpress = {
    .caps = ENGINE_CAN_STREAM | ENGINE_KEEPS_HISTORY | ENGINE_LATE_REPLIES,
    .size = sizeof(struct botpress),
    .open = botpress_open,
    .close = botpress_close,
    .probe = botpress_probe,
    .turn = botpress_turn,
    .receive = botpress_receive,
    .receive_secret = "webhook_secret",
};
