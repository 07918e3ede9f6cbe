/* dialogflow_es.c: Dialogflow ES, API version 2. Its answers are made for several platforms at once: the messages
 * without a platform are for everybody, and those of one platform are used only where there are no others. */
#include "engine/google/dialogflow.h"
#include "engine/text.h"

#include "base/banned.h"

#define ES_TEXT_MAX 256 /* characters of a question; Google's servers count as UTF-16 does */
#define ES_PATH_MAX 1500

#define ES_CHOICES_MAX 50

/* ---- the answer ---- */

static bool es_has_platform(const struct json *message)
{
    const struct json *platform = json_get(message, "platform");
    struct str name = json_str(platform);
    return json_int(platform, 0) != 0 || (name.n && !str_eqz(name, "PLATFORM_UNSPECIFIED"));
}

static bool es_is_link(struct str s)
{
    return str_starts(s, STR("https://")) || str_starts(s, STR("http://"));
}

static void es_emit_quick_replies(struct engine_run *run, const struct json *m)
{
    const struct json *rows = json_get(m, "quickReplies");
    struct engine_choice choices[ES_CHOICES_MAX];
    struct engine_event ev = {.kind = ENGINE_EVENT_CHOICES, .text = json_get_str(m, "title"), .choices = choices};
    for (size_t i = 0; i < json_len(rows) && ev.choice_count < COUNT_OF(choices); i++) {
        struct str label = json_str(json_at(rows, i));
        if (label.n)
            choices[ev.choice_count++] = (struct engine_choice){.label = label, .value = label};
    }
    if (!ev.choice_count)
        ev.kind = ENGINE_EVENT_MESSAGE;
    if (ev.choice_count || ev.text.n)
        engine_emit(run, &ev);
}

/* The postback of a button is an address to open, or the text that is sent back. */
static void es_emit_card(struct engine_run *run, const struct json *m)
{
    const struct json *rows = json_get(m, "buttons");
    struct engine_choice choices[ES_CHOICES_MAX];
    struct engine_event ev = {.kind = ENGINE_EVENT_CARD,
                              .title = json_get_str(m, "title"),
                              .text = json_get_str(m, "subtitle"),
                              .url = json_get_str(m, "imageUri"),
                              .choices = choices};
    for (size_t i = 0; i < json_len(rows) && ev.choice_count < COUNT_OF(choices); i++) {
        struct str label = json_get_str(json_at(rows, i), "text"), back = json_get_str(json_at(rows, i), "postback");
        struct engine_choice c = {.label = label};
        if (es_is_link(back))
            c.url = back;
        else
            c.value = back.n ? back : label;
        if (label.n)
            choices[ev.choice_count++] = c;
    }
    if (ev.title.n || ev.text.n || ev.url.n || ev.choice_count)
        engine_emit(run, &ev);
}

static void es_emit_image(struct engine_run *run, const struct json *m)
{
    struct engine_event ev = {.kind = ENGINE_EVENT_MEDIA,
                              .url = json_get_str(m, "imageUri"),
                              .title = json_get_str(m, "accessibilityText"),
                              .mime = STR("image/*")};
    if (ev.url.n)
        engine_emit(run, &ev);
}

/* The messages of Google Assistant and of Hangouts have kinds of their own, and stand beside others in most agents. */
static void es_emit_message(struct engine_run *run, const struct json *m)
{
    static const struct {
        const char *name;
        void (*emit)(struct engine_run *run, const struct json *m);
    } kinds[] = {{"text", dialogflow_emit_text},
                 {"quickReplies", es_emit_quick_replies},
                 {"card", es_emit_card},
                 {"image", es_emit_image},
                 {"payload", dialogflow_emit_payload}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (json_has(m, kinds[i].name)) {
            kinds[i].emit(run, json_get(m, kinds[i].name));
            return;
        }
    if (json_is(m, JSON_OBJECT))
        dialogflow_note_names(run, "A message", m);
}

/* The messages for everybody, or else those of the platform that comes first. */
static void es_emit_messages(struct engine_run *run, const struct json *messages)
{
    const struct json *platform = NULL;
    for (size_t i = 0; i < json_len(messages); i++) {
        if (!es_has_platform(json_at(messages, i))) {
            platform = NULL;
            break;
        }
        platform = platform ? platform : json_get(json_at(messages, i), "platform");
    }
    for (size_t i = 0; i < json_len(messages) && !engine_run_over(run); i++) {
        const struct json *m = json_at(messages, i);
        if (platform ? json_equal(json_get(m, "platform"), platform) : !es_has_platform(m))
            es_emit_message(run, m);
    }
}

/* fulfillmentText repeats the first text of the messages; it counts when they hold nothing that can be shown. */
static void es_on_result(struct engine_run *run, const struct json *result)
{
    const struct json *intent = json_get(result, "intent");
    struct str text = json_get_str(result, "fulfillmentText");
    if (json_bool(json_get(intent, "isFallback")) && !dialogflow_no_match(run))
        return;
    es_emit_messages(run, json_get(result, "fulfillmentMessages"));
    if (text.n && !engine_run_answered(run))
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_MESSAGE, .text = text});
    if (json_bool(json_get(intent, "liveAgentHandoff")) || str_eqz(json_get_str(result, "action"), "handoff"))
        dialogflow_emit_handoff(run, STR_EMPTY);
}

/* ---- the question ---- */

static void es_write_path(struct engine_run *run, struct buf *b)
{
    struct str location = engine_run_setting(run, "location"), environment = engine_run_setting(run, "environment");
    char session[ID_TEXT_MAX];
    buf_printf(b, "/v2/projects/%.*s", STR_F(dialogflow_project(run)));
    if (location.n)
        buf_printf(b, "/locations/%.*s", STR_F(location));
    buf_puts(b, "/agent");
    if (environment.n)
        buf_printf(b, "/environments/%.*s/users/-", STR_F(environment));
    buf_printf(b, "/sessions/%s:detectIntent", dialogflow_session(run, session));
}

static struct json *es_body(struct engine_run *run, struct str text)
{
    struct json *body = json_new_object(engine_run_scratch(run)), *input, *row;
    return body && json_set_object(body, "queryInput", &input) == 0 && json_set_object(input, "text", &row) == 0 &&
                   json_set_str(row, "text", text) == 0 &&
                   json_set_str(row, "languageCode", dialogflow_language(run)) == 0
               ? body
               : NULL;
}

static void es_ask(struct engine_run *run)
{
    struct str whole = dialogflow_check_address(run) ? dialogflow_text(run) : STR_EMPTY;
    char bytes[ES_PATH_MAX];
    struct buf path;
    if (engine_run_over(run))
        return;
    struct str text = text_cut(whole, ES_TEXT_MAX);
    if (text.n < whole.n)
        dialogflow_note(run, STR("The message was longer than the 256 characters that Dialogflow ES takes, and was "
                                 "cut."));
    buf_fixed(&path, bytes, sizeof(bytes));
    es_write_path(run, &path);
    dialogflow_ask(run, buf_str(&path), es_body(run, text), es_on_result);
}

const struct engine_ops engine_dialogflow_es = {
    .caps = ENGINE_KEEPS_HISTORY,
    .size = sizeof(struct dialogflow),
    .open = dialogflow_open,
    .probe = es_ask,
    .turn = es_ask,
};
