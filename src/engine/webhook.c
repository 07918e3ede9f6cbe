/* webhook.c: our own protocol for servers that tenants write themselves: one signed request, one reply, both JSON.
 * README.md describes it. The signature is that of Standard Webhooks 1.0.0, so a server can check it with the libraries
 * of that specification. The id of a request is made of the message and of the body: it stays the same when the chain
 * asks again, and differs between two questions about one message. What a reply calls variables is kept as the state of
 * the contact and comes back with the next request. The server may send messages later, in a request of its own that is
 * signed in the same way. */
#include "base/clock.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/num.h"
#include "engine/engine.h"
#include "engine/rich.h"

#include "base/banned.h"

#define WEBHOOK_KEY_MIN 24 /* bytes, by the specification */
#define WEBHOOK_KEY_MAX 64
#define WEBHOOK_ID_BYTES 8 /* of the digest of the body in the id of a request */
#define WEBHOOK_BODY_MAX (16 * MB)
#define WEBHOOK_SKEW_S 300   /* how far a timestamp may be off, by the specification */
#define WEBHOOK_NAME_MAX 200 /* bytes of the id of a request from the server */

/* ---- the signature ---- */

/* "whsec_" and the key in base64. False for anything else. */
static bool webhook_key(struct str secret, struct buf *key)
{
    struct str prefix = STR("whsec_");
    if (!str_starts(secret, prefix) || !crypto_base64_decode(str_sub(secret, prefix.n, secret.n), key))
        return false;
    return key->n >= WEBHOOK_KEY_MIN && key->n <= WEBHOOK_KEY_MAX;
}

static bool webhook_secret_is_good(struct str secret)
{
    struct buf key;
    buf_init(&key, WEBHOOK_KEY_MAX);
    bool good = webhook_key(secret, &key);
    crypto_wipe(key.p, key.n);
    buf_release(&key);
    return good;
}

static void webhook_open(struct engine_run *run)
{
    struct str old = engine_run_setting(run, "previous_secret");
    if (!engine_run_setting(run, "base_url").n)
        engine_run_fail_text(run, ENGINE_CONFIG, "The address of the server is missing.");
    else if (!webhook_secret_is_good(engine_run_setting(run, "secret")) || (old.n && !webhook_secret_is_good(old)))
        engine_run_fail_text(run, ENGINE_CONFIG,
                             "A signing secret is \"whsec_\" followed by 24 to 64 random bytes in base64.");
}

/* Append "v1,<signature>" of "id.time.body". */
static void webhook_sign(struct buf *out, struct str secret, struct str id, struct str time, struct str body)
{
    struct str parts[] = {id, STR("."), time, STR("."), body};
    uint8_t mac[32];
    struct buf key;
    buf_init(&key, WEBHOOK_KEY_MAX);
    if (webhook_key(secret, &key)) {
        crypto_hmac_sha256_parts(buf_str(&key), parts, COUNT_OF(parts), mac);
        buf_puts(out, out->n ? " v1," : "v1,");
        crypto_base64(out, mac, sizeof(mac));
    }
    crypto_wipe(key.p, key.n);
    buf_release(&key);
}

static void webhook_id(struct buf *out, const struct engine_turn *t, struct str body)
{
    uint8_t digest[CRYPTO_HASH];
    crypto_digest(body, digest);
    buf_str_add(out, t && t->message_id.n ? t->message_id : STR("probe"));
    buf_putc(out, '_');
    crypto_hex(out, digest, WEBHOOK_ID_BYTES);
}

/* ---- the reply ---- */

/* Values are kept as texts: a string as it is, null as "", anything else as JSON. */
static void webhook_emit_variables(struct engine_run *run, const struct json *variables)
{
    struct json_iter it = {0};
    struct buf text;
    buf_init(&text, WEBHOOK_BODY_MAX);
    while (!engine_run_over(run) && json_each(variables, &it)) {
        buf_clear(&text);
        if (json_is(it.value, JSON_STRING))
            buf_str_add(&text, json_str(it.value));
        else if (it.value)
            json_write(&text, it.value);
        if (!buf_ok(&text))
            engine_run_end(run, ENGINE_INTERNAL);
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_STATE, .key = it.key, .text = buf_str(&text)});
    }
    buf_release(&text);
}

static void webhook_emit_messages(struct engine_run *run, const struct json *doc)
{
    const struct json *messages = json_get(doc, "messages");
    webhook_emit_variables(run, json_get(doc, "variables"));
    for (size_t i = 0; i < json_len(messages) && !engine_run_over(run); i++)
        (void)rich_emit(run, json_at(messages, i));
}

/* Variables come first, so that they are kept even if the visitor leaves while messages are shown. */
static bool webhook_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    const struct json *messages = json_get(doc, "messages"), *handoff = json_get(doc, "handoff");
    (void)event;
    if (!json_is(doc, JSON_OBJECT) || (messages && !json_is(messages, JSON_ARRAY))) {
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply is not an object with a list of messages.");
        return true;
    }
    if (!engine_run_turn(run))
        return true; /* a probe wants to know that the server answers, not what */
    webhook_emit_messages(run, doc);
    if (json_bool(handoff) || json_is(handoff, JSON_STRING))
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_HANDOFF, .text = json_str(handoff)});
    return true;
}

static void webhook_on_end(struct engine_run *run)
{
    engine_run_end(run, ENGINE_OK);
}

/* ---- the request ---- */

static void webhook_post(struct engine_run *run, struct str body)
{
    static const struct engine_handlers on = {.document = webhook_on_document, .end = webhook_on_end};
    char id_bytes[200], time_bytes[24], signature_bytes[200];
    struct buf id, time, signature;
    buf_fixed(&id, id_bytes, sizeof(id_bytes));
    buf_fixed(&time, time_bytes, sizeof(time_bytes));
    buf_fixed(&signature, signature_bytes, sizeof(signature_bytes));
    webhook_id(&id, engine_run_turn(run), body);
    buf_i64(&time, clock_now_ms() / 1000);
    webhook_sign(&signature, engine_run_setting(run, "secret"), buf_str(&id), buf_str(&time), body);
    if (engine_run_setting(run, "previous_secret").n)
        webhook_sign(&signature, engine_run_setting(run, "previous_secret"), buf_str(&id), buf_str(&time), body);
    struct fetch_header headers[] = {{STR("webhook-id"), buf_str(&id)},
                                     {STR("webhook-timestamp"), buf_str(&time)},
                                     {STR("webhook-signature"), buf_str(&signature)}};
    struct engine_request rq = {.method = "POST",
                                .url = engine_run_url(run, ""),
                                .headers = headers,
                                .header_count = COUNT_OF(headers),
                                .body = body,
                                .framing = ENGINE_WHOLE};
    if (!buf_ok(&id) || !buf_ok(&time) || !buf_ok(&signature))
        engine_run_end(run, ENGINE_INTERNAL);
    else
        (void)engine_call(run, &rq, &on);
}

static int webhook_add_image(struct engine_run *run, struct json *rows, const struct engine_image *image)
{
    struct json *row;
    if (json_push_object(rows, &row) != 0)
        return -1;
    if (image->url.n)
        return json_set_str(row, "url", image->url);
    return json_set_str(row, "url", engine_run_base64(run, image->mime, image->bytes));
}

static int webhook_add_message(struct engine_run *run, struct json *row, const struct engine_message *m)
{
    static const char *const roles[] = {
        [ENGINE_SYSTEM] = "system", [ENGINE_USER] = "user", [ENGINE_ASSISTANT] = "assistant", [ENGINE_TOOL] = "tool"};
    struct json *images;
    if (json_set_str(row, "role", str_from(roles[m->role])) != 0 || json_set_str(row, "text", m->text) != 0)
        return -1;
    if (m->image_count && json_set_array(row, "images", &images) != 0)
        return -1;
    for (size_t i = 0; i < m->image_count; i++)
        if (webhook_add_image(run, images, &m->images[i]) != 0)
            return -1;
    return 0;
}

/* `message` is the newest message of the visitor, and `history` all others, oldest first. */
static int webhook_add_messages(struct engine_run *run, struct json *body, const struct engine_turn *t)
{
    struct json *message, *history, *row;
    size_t newest = t->message_count;
    while (newest > 0 && t->messages[newest - 1].role != ENGINE_USER)
        newest--;
    if (json_set_object(body, "message", &message) != 0 || json_set_str(message, "id", t->message_id) != 0 ||
        json_set_array(body, "history", &history) != 0)
        return -1;
    if (newest && webhook_add_message(run, message, &t->messages[newest - 1]) != 0)
        return -1;
    for (size_t i = 0; i < t->message_count; i++)
        if (i + 1 != newest &&
            (json_push_object(history, &row) != 0 || webhook_add_message(run, row, &t->messages[i]) != 0))
            return -1;
    return 0;
}

static int webhook_add_turn(struct engine_run *run, struct json *body, const struct engine_turn *t)
{
    struct json *none;
    if (json_set_id(body, "bot", ID_BOT, t->bot) != 0 ||
        json_set_id(body, "conversation", ID_CONVERSATION, t->conversation) != 0 ||
        json_set_id(body, "visitor", ID_USER, t->contact) != 0 || json_set_str(body, "language", t->language) != 0 ||
        webhook_add_messages(run, body, t) != 0)
        return -1;
    if (json_len(t->state))
        return json_set_copy(body, "variables", t->state);
    return json_set_object(body, "variables", &none);
}

static void webhook_ask(struct engine_run *run)
{
    const struct engine_turn *t = engine_run_turn(run);
    struct json *body = json_new_object(engine_run_arena(run));
    if (!body || json_set_str(body, "type", t ? STR("turn") : STR("probe")) != 0 ||
        (t && webhook_add_turn(run, body, t) != 0)) {
        engine_run_end(run, ENGINE_INTERNAL);
        return;
    }
    struct str text = engine_run_json(run, body);
    if (text.n)
        webhook_post(run, text);
}

/* ---- receive: the server sends messages later ---- */

static struct str webhook_header(const struct engine_incoming *in, const char *name)
{
    for (size_t i = 0; i < in->header_count; i++)
        if (str_ieq(in->headers[i].name, str_from(name)))
            return in->headers[i].value;
    return STR_EMPTY;
}

/* A server that changes its secret may send several signatures. */
static bool webhook_has_signature(const struct engine_incoming *in, struct str secret)
{
    struct str given = webhook_header(in, "webhook-signature"), one;
    struct buf right;
    bool found = false;
    buf_init(&right, 200);
    webhook_sign(&right, secret, webhook_header(in, "webhook-id"), webhook_header(in, "webhook-timestamp"), in->body);
    while (buf_ok(&right) && right.n && str_split(&given, ' ', &one))
        found = (one.n == right.n && crypto_equal(one.p, right.p, one.n)) || found;
    buf_release(&right);
    return found;
}

static const char *webhook_incoming_fault(struct engine_run *run, const struct engine_incoming *in)
{
    struct str id = webhook_header(in, "webhook-id"), old = engine_run_setting(run, "previous_secret");
    int64_t at, now = clock_now_ms() / 1000;
    if (!id.n || id.n > WEBHOOK_NAME_MAX || !num_i64(webhook_header(in, "webhook-timestamp"), 0, INT64_MAX / 2, &at))
        return "The headers webhook-id and webhook-timestamp are missing or wrong.";
    if (at < now - WEBHOOK_SKEW_S || at > now + WEBHOOK_SKEW_S)
        return "The timestamp of the request is more than five minutes off.";
    if (!webhook_has_signature(in, engine_run_setting(run, "secret")) && !(old.n && webhook_has_signature(in, old)))
        return "The request is not signed with the secret of the engine.";
    return NULL;
}

static void webhook_receive(struct engine_run *run, const struct engine_incoming *in)
{
    const char *fault = webhook_incoming_fault(run, in);
    struct json *doc = NULL;
    if (fault) {
        engine_run_fail_text(run, ENGINE_AUTH, fault);
        return;
    }
    if (json_parse(engine_run_arena(run), in->body, ENGINE_JSON_DEPTH, &doc, NULL) != OK ||
        !json_is(json_get(doc, "messages"), JSON_ARRAY) || !json_is(json_get(doc, "conversation"), JSON_STRING)) {
        engine_run_fail_text(run, ENGINE_PROTOCOL,
                             "The request is not a JSON object with a conversation and a list of messages.");
        return;
    }
    engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_CONVERSATION,
                                            .text = json_get_str(doc, "conversation"),
                                            .key = webhook_header(in, "webhook-id")});
    if (in->state)
        webhook_emit_messages(run, doc);
    engine_run_end(run, ENGINE_OK);
}

const struct engine_ops engine_webhook = {
    .caps = ENGINE_CAN_IMAGES | ENGINE_LATE_REPLIES,
    .open = webhook_open,
    .probe = webhook_ask,
    .turn = webhook_ask,
    .receive = webhook_receive,
    .receive_secret = "secret",
};
