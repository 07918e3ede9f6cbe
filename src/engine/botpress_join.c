/* botpress_join.c: the requests to Botpress Cloud that come before the question: a user, and a conversation in which
 * the user is.
 *
 * A user is known by a key. The server makes it, unless the administrator has set an encryption key: then it is a JWT
 * that we make ourselves. Each refusal that may be cured (an expired key, a conversation that is gone) is cured once in
 * a turn, so a server that always refuses ends the turn. */
#include "base/clock.h"
#include "base/crypto.h"
#include "engine/botpress.h"

#include "base/banned.h"

/* ---- requests ---- */

struct engine_call *botpress_request(struct engine_run *run, const char *method, struct str path, struct json *body,
                                     const struct engine_handlers *on)
{
    struct botpress *b = engine_run_memory(run);
    b->key_header = (struct fetch_header){STR("x-user-key"), b->key};
    struct engine_request rq = {.method = method,
                                .url = engine_run_url(run, path.p),
                                .headers = &b->key_header,
                                .header_count = b->key.n ? 1 : 0,
                                .body = body ? engine_run_json(run, body) : STR_EMPTY,
                                .framing = ENGINE_WHOLE};
    return engine_call(run, &rq, on);
}

bool botpress_refused(struct engine_run *run, struct engine_call *call, const struct json *doc,
                      bool (*failed)(struct engine_run *, const struct engine_failure *, const struct json *))
{
    int64_t code = json_int(json_get(doc, "code"), 0);
    struct engine_failure f = ENGINE_FAILURE_INIT;
    if (code < 400 || code > 599)
        return false;
    f.http = (int)code;
    f.delivered = true;
    engine_failure_read(&f, doc, STR_EMPTY);
    engine_call_close(call);
    if (!failed(run, &f, doc))
        engine_run_fail(run, &f);
    return true;
}

struct str botpress_path(struct engine_run *run, struct str conversation, const char *rest)
{
    struct str path = STR_EMPTY;
    bool ok = true;
    struct buf b;
    buf_init(&b, 4000);
    buf_puts(&b, "/conversations/");
    buf_url(&b, conversation);
    buf_puts(&b, rest);
    path = arena_str(engine_run_arena(run), buf_str(&b), &ok);
    if (!ok || !buf_ok(&b))
        engine_run_end(run, ENGINE_INTERNAL);
    buf_release(&b);
    return path;
}

struct str botpress_keep(struct engine_run *run, struct str s)
{
    bool ok = true;
    struct str kept = arena_str(engine_run_arena(run), s, &ok);
    if (!ok)
        engine_run_end(run, ENGINE_INTERNAL);
    return kept;
}

void botpress_remember(struct engine_run *run, const char *key, struct str text, bool secret)
{
    engine_emit(
        run, &(struct engine_event){.kind = ENGINE_EVENT_STATE, .key = str_from(key), .text = text, .secret = secret});
}

struct json *botpress_body(struct engine_run *run, const char *name, struct str value)
{
    struct json *body = json_new_object(engine_run_arena(run));
    if (body && value.n && json_set_str(body, name, value) != 0)
        body = NULL;
    if (!body)
        engine_run_end(run, ENGINE_INTERNAL);
    return body;
}

/* ---- the user ---- */

struct str botpress_mint(struct engine_run *run, struct str user)
{
    struct str secret = engine_run_setting(run, "encryption_key"), signed_part, key = STR_EMPTY;
    uint8_t mac[32];
    struct buf claims, token;
    buf_init(&claims, 500);
    buf_init(&token, 1000);
    buf_puts(&claims, "{\"id\":");
    buf_json(&claims, user);
    buf_printf(&claims, ",\"iat\":%lld}", (long long)(clock_now_ms() / 1000));
    crypto_base64url(&token, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", 27);
    buf_putc(&token, '.');
    crypto_base64url(&token, claims.p, claims.n);
    signed_part = buf_str(&token);
    crypto_hmac_sha256_parts(secret, &signed_part, 1, mac);
    buf_putc(&token, '.');
    crypto_base64url(&token, mac, sizeof(mac));
    if (buf_ok(&claims) && buf_ok(&token))
        key = botpress_keep(run, buf_str(&token));
    else
        engine_run_end(run, ENGINE_INTERNAL);
    buf_release(&claims);
    buf_release(&token);
    return key;
}

bool botpress_user_failed(struct engine_run *run, const struct engine_failure *f, const struct json *doc)
{
    (void)doc;
    if (f->http != 401 || engine_run_setting(run, "encryption_key").n)
        return false;
    engine_run_fail_text(run, ENGINE_AUTH,
                         "The chat integration of the bot has an encryption key. Enter it in the engine's settings.");
    return true;
}

static bool user_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    struct botpress *b = engine_run_memory(run);
    struct str key = json_get_str(doc, "key"), id = json_get_str(json_get(doc, "user"), "id");
    (void)event;
    if (botpress_refused(run, b->step, doc, botpress_user_failed))
        return true;
    if (key.n && !b->key.n)
        b->key = botpress_keep(run, key);
    b->user = botpress_keep(run, id);
    if (!b->key.n || !id.n || !str_one_line(key)) {
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply names no user or no key.");
        return true;
    }
    botpress_remember(run, "user", b->user, false);
    botpress_remember(run, "user_key", b->key, true);
    return true;
}

void botpress_make_user(struct engine_run *run)
{
    static const struct engine_handlers on = {
        .document = user_on_document, .end = botpress_join, .failed = botpress_user_failed};
    struct botpress *b = engine_run_memory(run);
    bool mint = engine_run_setting(run, "encryption_key").n > 0;
    b->key = mint ? botpress_mint(run, b->contact_fid) : STR_EMPTY;
    b->step = botpress_request(run, "POST", mint ? STR("/users/get-or-create") : STR("/users"),
                               botpress_body(run, "", STR_EMPTY), &on);
}

static void botpress_stop_listening(struct botpress *b)
{
    if (b->listener)
        engine_call_close(b->listener);
    b->listener = NULL;
    b->listening = false;
}

bool botpress_renew(struct engine_run *run, const struct engine_failure *f)
{
    struct botpress *b = engine_run_memory(run);
    if (f->http != 401 || b->renewed)
        return false;
    b->renewed = true;
    b->conversation = STR_EMPTY;
    botpress_stop_listening(b);
    botpress_make_user(run);
    return true;
}

/* ---- the conversation ---- */

/* 409: somebody else made it at this moment, so it can be had now. Otherwise the conversation of this name belongs to a
 * user whose key is lost, or the server does not take the name: the server names a new one. */
static bool conversation_on_failed(struct engine_run *run, const struct engine_failure *f, const struct json *doc)
{
    struct botpress *b = engine_run_memory(run);
    (void)doc;
    if (botpress_renew(run, f))
        return true;
    if (f->http == 409 && !b->raced)
        b->raced = true;
    else if ((f->http == 400 || f->http == 403 || f->http == 404) && !b->alone)
        b->alone = true;
    else
        return false;
    botpress_join(run);
    return true;
}

static bool conversation_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    struct botpress *b = engine_run_memory(run);
    struct str id = json_get_str(json_get(doc, "conversation"), "id");
    (void)event;
    if (botpress_refused(run, b->step, doc, conversation_on_failed))
        return true;
    b->conversation = botpress_keep(run, id);
    const char *names = arena_printf(engine_run_arena(run), "%.*s %.*s", STR_F(b->fid), STR_F(id));
    if (!id.n)
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply names no conversation.");
    else if (!names)
        engine_run_end(run, ENGINE_INTERNAL);
    else
        botpress_remember(run, "conversation", str_from(names), false);
    return true;
}

static void conversation_on_end(struct engine_run *run)
{
    struct botpress *b = engine_run_memory(run);
    b->joined(run);
}

void botpress_join(struct engine_run *run)
{
    static const struct engine_handlers on = {
        .document = conversation_on_document, .end = conversation_on_end, .failed = conversation_on_failed};
    struct botpress *b = engine_run_memory(run);
    if (b->conversation.n)
        b->joined(run);
    else
        b->step = botpress_request(run, "POST", b->alone ? STR("/conversations") : STR("/conversations/get-or-create"),
                                   botpress_body(run, "id", b->alone ? STR_EMPTY : b->fid), &on);
}

bool botpress_rejoin(struct engine_run *run, const struct engine_failure *f)
{
    struct botpress *b = engine_run_memory(run);
    if ((f->http != 403 && f->http != 404) || b->rejoined)
        return false;
    b->rejoined = true;
    b->conversation = STR_EMPTY;
    botpress_stop_listening(b);
    botpress_join(run);
    return true;
}
