/* rasa.c: the REST channel of Rasa. The server keeps one dialog for each sender, so our conversation is the sender: a
 * request without one would share the dialog of everybody else who has none. The reply is asked for as a stream, a
 * message a line, so that a visitor sees the first message while an action still runs; a server that answers with one
 * list is understood as well. Rasa answers 200 without a message when its actions fail or take too long, so that is no
 * reply and not an error. The token is a part of the address: it is taken out of everything a server says, also in its
 * escaped form. */
#include <stdio.h>

#include "engine/engine.h"

#include "base/banned.h"

#define RASA_CHOICES_MAX 50 /* of one message; the rest is left out */
#define RASA_ADDRESS_MAX 4000
#define RASA_NAMES_MAX 120 /* bytes of the names of what is not understood */

struct rasa {
    struct fetch_header bearer;
    struct str token;             /* as it is written in an address; "" without one */
    bool healthy;                 /* of a probe: the channel says that its status is "ok" */
    char strange[RASA_NAMES_MAX]; /* the names in the first payload that cannot be shown */
};

static void rasa_open(struct engine_run *run)
{
    struct rasa *r = engine_run_memory(run);
    struct str jwt = engine_run_setting(run, "jwt");
    bool ok = true;
    r->token = STR_EMPTY;
    if (!engine_run_setting(run, "base_url").n) {
        engine_run_fail_text(run, ENGINE_CONFIG, "The address of the server is missing.");
        return;
    }
    if (jwt.n) {
        const char *bearer = arena_printf(engine_run_arena(run), "Bearer %.*s", STR_F(jwt));
        ok = bearer;
        r->bearer = (struct fetch_header){STR("Authorization"), str_from(bearer)};
    }
    struct buf token;
    buf_init(&token, RASA_ADDRESS_MAX);
    buf_url(&token, engine_run_setting(run, "token"));
    ok = ok && buf_ok(&token);
    if (ok)
        r->token = arena_str(engine_run_arena(run), buf_str(&token), &ok);
    buf_release(&token);
    if (!ok)
        engine_run_end(run, ENGINE_INTERNAL);
    else if (r->token.n)
        engine_run_hide(run, r->token);
}

/* ---- messages ---- */

static void rasa_emit_choices(struct engine_run *run, struct str text, const struct json *buttons)
{
    struct engine_choice choices[RASA_CHOICES_MAX];
    struct engine_event ev = {.kind = ENGINE_EVENT_CHOICES, .text = text, .choices = choices};
    for (size_t i = 0; i < json_len(buttons) && ev.choice_count < COUNT_OF(choices); i++) {
        const struct json *row = json_at(buttons, i);
        struct engine_choice c = {json_get_str(row, "title"), json_get_str(row, "payload"), json_get_str(row, "url")};
        if (!c.value.n && !c.url.n)
            c.value = c.label;
        if (c.label.n)
            choices[ev.choice_count++] = c;
    }
    if (!ev.choice_count)
        ev.kind = ENGINE_EVENT_MESSAGE;
    if (ev.choice_count || ev.text.n)
        engine_emit(run, &ev);
}

/* An attachment is an address, or names its kind and has the address in "src" or "url" of its payload. */
static void rasa_emit_attachment(struct engine_run *run, const struct json *attachment)
{
    static const struct {
        const char *type, *mime;
    } kinds[] = {{"image", "image/*"}, {"audio", "audio/*"}, {"video", "video/*"}};
    const struct json *payload = json_get(attachment, "payload");
    struct engine_event ev = {.kind = ENGINE_EVENT_MEDIA,
                              .url = json_is(attachment, JSON_STRING) ? json_str(attachment)
                                                                      : json_get_str(payload, "src"),
                              .title = json_get_str(payload, "title")};
    if (!ev.url.n)
        ev.url = json_get_str(payload, "url");
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (str_eqz(json_get_str(attachment, "type"), kinds[i].type))
            ev.mime = str_from(kinds[i].mime);
    if (ev.url.n)
        engine_emit(run, &ev);
}

/* Remember the names in a payload, for the person who tests the bot. */
static void rasa_note_strange(struct rasa *r, const struct json *custom)
{
    struct json_iter it = {0};
    size_t n = 0;
    if (r->strange[0])
        return;
    while (json_each(custom, &it) && n + it.key.n + 3 < sizeof(r->strange))
        n += (size_t)snprintf(r->strange + n, sizeof(r->strange) - n, "%s%.*s", n ? ", " : "", STR_F(it.key));
    if (!n)
        snprintf(r->strange, sizeof(r->strange), "no names");
}

/* A custom payload is whatever the author of the bot and the author of a channel agreed on. Ours are a text, and a
 * handoff that is true or says why. */
static void rasa_emit_custom(struct engine_run *run, const struct json *custom)
{
    const struct json *handoff = json_get(custom, "handoff");
    struct str text = json_is(custom, JSON_STRING) ? json_str(custom) : json_get_str(custom, "text");
    if (text.n)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_MESSAGE, .text = text});
    if (json_bool(handoff) || json_is(handoff, JSON_STRING))
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_HANDOFF, .text = json_str(handoff)});
    else if (!text.n)
        rasa_note_strange(engine_run_memory(run), custom);
}

static void rasa_emit_message(struct engine_run *run, const struct json *m)
{
    struct str image = json_get_str(m, "image");
    rasa_emit_choices(run, json_get_str(m, "text"), json_get(m, "buttons"));
    if (image.n)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_MEDIA, .url = image, .mime = STR("image/*")});
    if (json_has(m, "attachment"))
        rasa_emit_attachment(run, json_get(m, "attachment"));
    if (json_has(m, "custom"))
        rasa_emit_custom(run, json_get(m, "custom"));
}

/* ---- a turn ---- */

/* One message of a stream names its recipient. Any other object is not from the REST channel: the callback channel
 * answers with the word "success", and a proxy with an error in an object. */
static bool rasa_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    (void)event;
    if (json_is(doc, JSON_OBJECT) && json_has(doc, "recipient_id")) {
        rasa_emit_message(run, doc);
    } else if (!json_is(doc, JSON_ARRAY)) {
        engine_run_fail_text(run, ENGINE_PROTOCOL,
                             json_is(doc, JSON_OBJECT) ? "The reply is an object and not a list of messages."
                                                       : "The reply is not a list of messages.");
        return true;
    }
    for (size_t i = 0; json_is(doc, JSON_ARRAY) && i < json_len(doc) && !engine_run_over(run); i++)
        rasa_emit_message(run, json_at(doc, i));
    return true;
}

static void rasa_on_end(struct engine_run *run)
{
    const struct rasa *r = engine_run_memory(run);
    char detail[RASA_NAMES_MAX + 80] = "";
    if (r->strange[0])
        snprintf(detail, sizeof(detail), "A custom payload cannot be shown and was left out: %s.", r->strange);
    engine_run_fail_text(run, ENGINE_OK, detail);
}

/* A web server says "Not Found" for a Rasa server without the channel as for any other address. */
static bool rasa_on_failed(struct engine_run *run, const struct engine_failure *f, const struct json *doc)
{
    struct engine_failure said = *f;
    (void)doc;
    if (said.class == ENGINE_NOT_FOUND)
        engine_failure_detail(&said, STR("The server has no REST channel at this address. Check the address, and that "
                                         "credentials.yml of the server has a line \"rest:\"."));
    engine_run_fail(run, &said);
    return true;
}

static void rasa_call(struct engine_run *run, const char *method, const char *path, struct str body,
                      const struct engine_handlers *on, enum engine_framing framing)
{
    struct rasa *r = engine_run_memory(run);
    const char *query = strchr(path, '?') ? "&token=" : "?token=";
    const char *whole = arena_printf(engine_run_scratch(run), "/webhooks/rest/%s%s%.*s", path, r->token.n ? query : "",
                                     STR_F(r->token));
    if (!whole) {
        engine_run_end(run, ENGINE_INTERNAL);
        return;
    }
    struct engine_request rq = {.method = method,
                                .url = engine_run_url(run, whole),
                                .headers = &r->bearer,
                                .header_count = r->bearer.value.n ? 1 : 0,
                                .body = body,
                                .framing = framing};
    (void)engine_call(run, &rq, on);
}

/* The server keeps the dialog, so only the newest message is sent. The language is not a part of the protocol; an
 * action can read it among the metadata. */
static struct json *rasa_body(struct engine_run *run, const struct engine_turn *t)
{
    struct json *body = json_new_object(engine_run_scratch(run)), *metadata;
    char sender[ID_TEXT_MAX];
    struct str text = engine_turn_question(t);
    if (!text.n) {
        engine_run_fail_text(run, ENGINE_REQUEST, "Rasa takes no message without a text.");
        return NULL;
    }
    if (!body || json_set_str(body, "sender", str_from(id_text(ID_CONVERSATION, t->conversation, sender))) != 0 ||
        json_set_str(body, "message", text) != 0)
        return NULL;
    if (t->language.n &&
        (json_set_object(body, "metadata", &metadata) != 0 || json_set_str(metadata, "language", t->language) != 0))
        return NULL;
    return body;
}

static void rasa_turn(struct engine_run *run)
{
    static const struct engine_handlers on = {
        .document = rasa_on_document, .end = rasa_on_end, .failed = rasa_on_failed};
    struct json *body = rasa_body(run, engine_run_turn(run));
    if (!engine_run_over(run))
        rasa_call(run, "POST", "webhook?stream=true", engine_run_json(run, body), &on, ENGINE_LINES);
}

/* ---- probe ---- */

static bool rasa_on_health(struct engine_run *run, struct str event, const struct json *doc)
{
    struct rasa *r = engine_run_memory(run);
    (void)event;
    r->healthy = str_eqz(json_get_str(doc, "status"), "ok");
    return true;
}

static void rasa_on_health_end(struct engine_run *run)
{
    const struct rasa *r = engine_run_memory(run);
    if (r->healthy)
        engine_run_end(run, ENGINE_OK);
    else
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The REST channel does not say that its status is \"ok\".");
}

static void rasa_probe(struct engine_run *run)
{
    static const struct engine_handlers on = {
        .document = rasa_on_health, .end = rasa_on_health_end, .failed = rasa_on_failed};
    rasa_call(run, "GET", "", STR_EMPTY, &on, ENGINE_WHOLE);
}

const struct engine_ops engine_rasa = {
    .caps = ENGINE_KEEPS_HISTORY,
    .size = sizeof(struct rasa),
    .open = rasa_open,
    .probe = rasa_probe,
    .turn = rasa_turn,
};
