/* dialogflow.c: the REST API of Dialogflow as ES and CX have it in common: one request, detectIntent, with the access
 * token of a service account. A token that is refused is replaced once, because it may have been revoked or have ended
 * early. The agent keeps the conversation, and detectIntent is not idempotent, so nothing is sent twice that may have
 * arrived: a request that was refused for its token has not. Sessions are our conversations. */
#include "engine/google/dialogflow.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "engine/google/messenger.h"
#include "engine/rich.h"

#include "base/banned.h"

#define DIALOGFLOW_NAME_MAX 200
#define DIALOGFLOW_URL_MAX 4000
#define DIALOGFLOW_SKEW_MS MINUTE_MS /* clocks that differ by less are not the reason for a refusal */

static void dialogflow_send(struct engine_run *run);
static void dialogflow_get_token(struct engine_run *run);

/* ---- settings ---- */

void dialogflow_open(struct engine_run *run)
{
    struct dialogflow *d = engine_run_memory(run);
    struct str file = engine_run_setting(run, "service_account");
    const char *fault = file.n ? google_account_read(engine_run_arena(run), file, &d->account)
                               : "The service account is missing. Paste the key file that Google's console made.";
    if (fault)
        engine_run_fail_text(run, ENGINE_CONFIG, fault);
}

struct str dialogflow_project(struct engine_run *run)
{
    const struct dialogflow *d = engine_run_memory(run);
    struct str project = engine_run_setting(run, "project");
    return project.n ? project : d->account.project;
}

struct str dialogflow_agent(const struct engine_run *run)
{
    struct str rest = engine_run_setting(run, "agent"), part = STR_EMPTY;
    while (str_split(&rest, '/', &part))
        continue;
    return part;
}

static bool dialogflow_is_name(struct str name, const char *signs)
{
    bool good = name.n <= DIALOGFLOW_NAME_MAX && !str_eqz(name, ".") && !str_eqz(name, "..");
    for (size_t i = 0; good && i < name.n; i++) {
        char c = name.p[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr(signs, c));
    }
    return good;
}

/* These become parts of a path, and the location a part of a host name. */
bool dialogflow_check_address(struct engine_run *run)
{
    const struct {
        const char *what, *signs;
        struct str name;
    } parts[] = {{"project id", "-.:", dialogflow_project(run)},
                 {"location", "-", engine_run_setting(run, "location")},
                 {"agent id", "-_", dialogflow_agent(run)},
                 {"environment", "-_", engine_run_setting(run, "environment")}};
    char detail[160];
    if (!dialogflow_project(run).n) {
        engine_run_fail_text(run, ENGINE_CONFIG, "The project id is missing, and the service account names none.");
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (!dialogflow_is_name(parts[i].name, parts[i].signs)) {
            snprintf(detail, sizeof(detail), "The %s has a character that Google's names do not have.", parts[i].what);
            engine_run_fail_text(run, ENGINE_CONFIG, detail);
            return false;
        }
    return true;
}

const char *dialogflow_session(const struct engine_run *run, char out[ID_TEXT_MAX])
{
    const struct engine_turn *t = engine_run_turn(run);
    return t ? id_text(ID_CONVERSATION, t->conversation, out) : "parley-probe";
}

struct str dialogflow_text(struct engine_run *run)
{
    const struct engine_turn *t = engine_run_turn(run);
    struct str text = t ? engine_turn_question(t) : STR("hello");
    if (text.n)
        return text;
    engine_run_fail_text(run, ENGINE_REQUEST, "Dialogflow takes no message without a text.");
    return STR_EMPTY;
}

struct str dialogflow_language(const struct engine_run *run)
{
    const struct engine_turn *t = engine_run_turn(run);
    struct str language = engine_run_setting(run, "language");
    if (!language.n && t)
        language = t->language;
    return language.n ? language : STR("en");
}

void dialogflow_note(struct engine_run *run, struct str text)
{
    struct dialogflow *d = engine_run_memory(run);
    size_t n = strlen(d->note);
    struct str rest = utf8_fit(text, n + 2 < sizeof(d->note) ? sizeof(d->note) - n - 2 : 0);
    snprintf(d->note + n, sizeof(d->note) - n, "%s%.*s", n ? " " : "", STR_F(rest));
}

void dialogflow_note_names(struct engine_run *run, const char *what, const struct json *object)
{
    struct json_iter it = {0};
    char bytes[DIALOGFLOW_NOTE_MAX];
    struct buf names;
    buf_fixed(&names, bytes, sizeof(bytes));
    buf_printf(&names, "%s cannot be shown and was left out:", what);
    for (size_t i = 0; buf_ok(&names) && json_each(object, &it); i++)
        buf_printf(&names, "%s %.*s", i ? "," : "", STR_F(it.key));
    buf_puts(&names, json_len(object) ? "." : " it is not an object with members.");
    dialogflow_note(run, buf_str(&names));
}

bool dialogflow_no_match(struct engine_run *run)
{
    dialogflow_note(run, STR("Nothing that the agent knows matched the message."));
    return engine_run_number(run, "skip_no_match") == 0;
}

/* ---- messages ---- */

void dialogflow_emit_text(struct engine_run *run, const struct json *text)
{
    const struct json *variants = json_get(text, "text");
    for (size_t i = 0; i < json_len(variants); i++)
        if (json_str(json_at(variants, i)).n) {
            struct engine_event ev = {.kind = ENGINE_EVENT_MESSAGE, .text = json_str(json_at(variants, i))};
            engine_emit(run, &ev);
            return;
        }
}

void dialogflow_emit_handoff(struct engine_run *run, struct str why)
{
    engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_HANDOFF, .text = why});
}

/* {"action": "handoff"} is what other platforms that connect Dialogflow to people understand. */
void dialogflow_emit_payload(struct engine_run *run, const struct json *payload)
{
    const struct json *handoff = json_get(payload, "handoff"), *content = json_get(payload, "richContent");
    bool wanted = json_bool(handoff) || json_is(handoff, JSON_STRING) ||
                  str_eqz(json_get_str(payload, "action"), "handoff");
    bool shown = rich_emit(run, payload);
    shown = messenger_emit(run, content) || shown;
    if (wanted)
        dialogflow_emit_handoff(run, json_str(handoff));
    if (!wanted && !shown)
        dialogflow_note_names(run, "A payload", payload);
}

/* ---- the token ---- */

static bool dialogflow_use_token(struct engine_run *run, struct str token)
{
    struct dialogflow *d = engine_run_memory(run);
    const char *bearer = arena_printf(engine_run_arena(run), "Bearer %.*s", STR_F(token));
    if (!bearer) {
        engine_run_end(run, ENGINE_INTERNAL);
        return false;
    }
    d->bearer = (struct fetch_header){STR("Authorization"), str_from(bearer)};
    engine_run_hide(run, str_sub(d->bearer.value, strlen("Bearer "), token.n));
    return true;
}

static bool token_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    struct dialogflow *d = engine_run_memory(run);
    struct str token = json_get_str(doc, "access_token");
    (void)event;
    if (!token.n || !str_one_line(token))
        engine_run_fail_text(run, ENGINE_PROTOCOL,
                             "Google's reply to the sign-in has no token. Check the token_uri of "
                             "the service account.");
    else if (dialogflow_use_token(run, token))
        google_token_keep(&d->account, token, json_int(json_get(doc, "expires_in"), 0));
    return true;
}

/* Google takes an assertion only if its times fit Google's clock. The header Date shows whose clock is wrong. */
static bool token_refused_for_clock(struct engine_failure *f)
{
    int64_t ahead_ms = f->date_ms ? clock_now_ms() - f->date_ms : 0;
    char detail[sizeof(f->detail)];
    if (llabs(ahead_ms) >= DIALOGFLOW_SKEW_MS)
        snprintf(detail, sizeof(detail),
                 "The clock of this server is %lld seconds %s Google's, so Google refuses the sign-in. Set the clock.",
                 llabs(ahead_ms) / 1000, ahead_ms > 0 ? "ahead of" : "behind");
    else if (str_has(str_from(f->detail), STR("reasonable timeframe")))
        snprintf(detail, sizeof(detail), "%s", "Google says that the clock of this server is wrong. Set the clock.");
    else
        return false;
    f->class = ENGINE_INTERNAL;
    engine_failure_detail(f, str_from(detail));
    return true;
}

/* The question was not sent yet, so `delivered` is false. */
static bool token_on_failed(struct engine_run *run, const struct engine_failure *f, const struct json *doc)
{
    struct engine_failure said = *f;
    struct str code = json_get_str(doc, "error"), words = json_get_str(doc, "error_description");
    char detail[400];
    bool refused = f->http >= 400 && f->http < 500 && code.n;
    said.delivered = false;
    if (code.n)
        engine_failure_code(&said, code);
    if (words.n)
        engine_failure_detail(&said, words);
    if (refused && token_refused_for_clock(&said)) {
        engine_run_fail(run, &said);
        return true;
    }
    if (refused && f->http != 429)
        said.class = ENGINE_AUTH;
    snprintf(detail, sizeof(detail), "Google did not sign the service account in: %s",
             said.detail[0] ? said.detail : "it does not say why.");
    engine_failure_detail(&said, str_from(detail));
    engine_run_fail(run, &said);
    return true;
}

/* The names in the form are no secret, and Google's messages use them. */
static void dialogflow_hide_assertion(struct engine_run *run, struct str form)
{
    struct str assertion = STR_EMPTY;
    while (str_split(&form, '=', &assertion))
        continue;
    engine_run_hide(run, assertion);
}

static void dialogflow_get_token(struct engine_run *run)
{
    static const struct engine_handlers on = {
        .document = token_on_document, .end = dialogflow_send, .failed = token_on_failed};
    const struct dialogflow *d = engine_run_memory(run);
    struct err e = ERR_INIT;
    struct buf form;
    bool ok = true;
    buf_init(&form, 256 * KB);
    enum status st = google_account_grant(&d->account, clock_now_ms(), &form, &e);
    struct str body = st == OK ? arena_str(engine_run_arena(run), buf_str(&form), &ok) : STR_EMPTY;
    buf_release(&form);
    if (st == ERR_INVALID)
        engine_run_fail_text(run, ENGINE_CONFIG, e.message);
    else if (st != OK || !ok)
        engine_run_end(run, ENGINE_INTERNAL);
    if (engine_run_over(run))
        return;
    struct engine_request rq = {.method = "POST",
                                .url = d->account.token_url,
                                .body = body,
                                .type = STR("application/x-www-form-urlencoded"),
                                .framing = ENGINE_WHOLE};
    dialogflow_hide_assertion(run, body);
    (void)engine_call(run, &rq, &on);
}

/* ---- the question ---- */

/* ES has one status, CX one for each webhook that was asked. */
static void detect_read_webhook(struct engine_run *run, const struct json *status)
{
    struct dialogflow *d = engine_run_memory(run);
    if (json_int(json_get(status, "code"), 0) == 0)
        return;
    d->webhook_fail = true;
    dialogflow_note(run, STR("The webhook of the agent failed:"));
    dialogflow_note(run, json_get_str(status, "message"));
}

static bool detect_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    struct dialogflow *d = engine_run_memory(run);
    const struct json *result = json_get(doc, "queryResult"), *webhooks = json_get(result, "webhookStatuses");
    (void)event;
    if (!json_is(result, JSON_OBJECT)) {
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply has no queryResult.");
        return true;
    }
    detect_read_webhook(run, json_get(doc, "webhookStatus"));
    for (size_t i = 0; i < json_len(webhooks); i++)
        detect_read_webhook(run, json_at(webhooks, i));
    if (engine_run_turn(run))
        d->reply(run, result);
    return true;
}

/* The agent answers with status 200 also when its webhook failed. Then it says what its author wrote for that case, or
 * nothing. */
static void detect_on_end(struct engine_run *run)
{
    const struct dialogflow *d = engine_run_memory(run);
    struct engine_failure f = ENGINE_FAILURE_INIT;
    f.class = d->webhook_fail && !engine_run_answered(run) ? ENGINE_UPSTREAM : ENGINE_OK;
    f.delivered = true;
    engine_failure_detail(&f, str_from(d->note));
    engine_run_fail(run, &f);
}

/* An agent is known only to the server of its own region. ES answers 404 anywhere else, CX also 400 with a link. */
static void detect_explain(struct engine_failure *f)
{
    bool elsewhere = f->http == 400 && str_has(str_from(f->detail), STR("correct endpoint"));
    if (f->http != 404 && !elsewhere)
        return;
    f->class = ENGINE_NOT_FOUND;
    engine_failure_detail(f, STR("There is no such agent in this project and region. Check the project, the agent, the "
                                 "environment, and that the location is the region the agent was made in."));
}

static bool detect_on_failed(struct engine_run *run, const struct engine_failure *f, const struct json *doc)
{
    struct dialogflow *d = engine_run_memory(run);
    struct engine_failure said = *f;
    (void)doc;
    if (f->http == 401 && !d->renewed) {
        d->renewed = true;
        dialogflow_get_token(run);
        return true;
    }
    detect_explain(&said);
    engine_run_fail(run, &said);
    return true;
}

static void dialogflow_send(struct engine_run *run)
{
    static const struct engine_handlers on = {
        .document = detect_on_document, .end = detect_on_end, .failed = detect_on_failed};
    const struct dialogflow *d = engine_run_memory(run);
    struct engine_request rq = {.method = "POST",
                                .url = d->url,
                                .headers = &d->bearer,
                                .header_count = 1,
                                .body = d->body,
                                .framing = ENGINE_WHOLE};
    (void)engine_call(run, &rq, &on);
}

/* The base address is that of the location, unless one is set. */
static struct str dialogflow_url(struct engine_run *run, struct str path, bool *ok)
{
    struct str base = engine_run_setting(run, "base_url"), location = engine_run_setting(run, "location"), url;
    bool regional = location.n && !str_eqz(location, "global");
    struct buf b;
    buf_init(&b, DIALOGFLOW_URL_MAX);
    while (str_ends(base, STR("/")))
        base.n--;
    if (base.n)
        buf_str_add(&b, base);
    else
        buf_printf(&b, "https://%.*s%sdialogflow.googleapis.com", STR_F(regional ? location : STR_EMPTY),
                   regional ? "-" : "");
    buf_str_add(&b, path);
    url = arena_str(engine_run_arena(run), buf_str(&b), ok);
    *ok = *ok && buf_ok(&b);
    buf_release(&b);
    return url;
}

static void dialogflow_start(struct engine_run *run)
{
    const struct dialogflow *d = engine_run_memory(run);
    char bytes[GOOGLE_TOKEN_MAX + 1];
    struct buf token;
    buf_fixed(&token, bytes, sizeof(bytes));
    if (!google_token_find(&d->account, &token))
        dialogflow_get_token(run);
    else if (dialogflow_use_token(run, buf_str(&token)))
        dialogflow_send(run);
    crypto_wipe(bytes, sizeof(bytes));
}

void dialogflow_ask(struct engine_run *run, struct str path, const struct json *body,
                    void (*reply)(struct engine_run *run, const struct json *result))
{
    struct dialogflow *d = engine_run_memory(run);
    struct str text = engine_run_json(run, body);
    bool ok = true;
    d->url = dialogflow_url(run, path, &ok);
    d->body = arena_str(engine_run_arena(run), text, &ok);
    d->reply = reply;
    if (!ok)
        engine_run_end(run, ENGINE_INTERNAL);
    if (!engine_run_over(run))
        dialogflow_start(run);
}
