/* dialogflow_cx.c: Dialogflow CX, API version 3. The language is a member of the question here and not of its text,
 * every agent has a location, and what the agent says is a list of messages whose order counts. */
#include "engine/google/dialogflow.h"

#include "base/banned.h"

#define CX_PATH_MAX 1500
#define CX_NO_MATCH 4 /* of the enum MatchType */

/* ---- the answer ---- */

static bool cx_is_no_match(const struct json *result)
{
    const struct json *type = json_get(json_get(result, "match"), "matchType");
    return str_eqz(json_str(type), "NO_MATCH") || json_int(type, 0) == CX_NO_MATCH;
}

/* The metadata are whatever the author of the agent wrote for the people who take over. */
static void cx_emit_handoff(struct engine_run *run, const struct json *m)
{
    dialogflow_emit_handoff(run, json_get_str(json_get(m, "metadata"), "reason"));
}

static void cx_emit_audio(struct engine_run *run, const struct json *m)
{
    struct engine_event ev = {.kind = ENGINE_EVENT_MEDIA, .url = json_get_str(m, "audioUri"), .mime = STR("audio/*")};
    if (ev.url.n)
        engine_emit(run, &ev);
}

/* Marks for statistics, and what is for telephones only. */
static bool cx_is_silent(const struct json *m)
{
    static const char *const names[] = {"endInteraction", "conversationSuccess", "outputAudioText", "mixedAudio"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (json_has(m, names[i]))
            return true;
    return false;
}

static void cx_emit_message(struct engine_run *run, const struct json *m)
{
    static const struct {
        const char *name;
        void (*emit)(struct engine_run *run, const struct json *m);
    } kinds[] = {{"text", dialogflow_emit_text},
                 {"payload", dialogflow_emit_payload},
                 {"liveAgentHandoff", cx_emit_handoff},
                 {"playAudio", cx_emit_audio}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (json_has(m, kinds[i].name)) {
            kinds[i].emit(run, json_get(m, kinds[i].name));
            return;
        }
    if (json_is(m, JSON_OBJECT) && !cx_is_silent(m))
        dialogflow_note_names(run, "A message", m);
}

static void cx_on_result(struct engine_run *run, const struct json *result)
{
    const struct json *messages = json_get(result, "responseMessages");
    if (cx_is_no_match(result) && !dialogflow_no_match(run))
        return;
    for (size_t i = 0; i < json_len(messages) && !engine_run_over(run); i++)
        cx_emit_message(run, json_at(messages, i));
}

/* ---- the question ---- */

static void cx_write_path(struct engine_run *run, struct buf *b)
{
    struct str environment = engine_run_setting(run, "environment");
    char session[ID_TEXT_MAX];
    buf_printf(b, "/v3/projects/%.*s/locations/%.*s/agents/%.*s", STR_F(dialogflow_project(run)),
               STR_F(engine_run_setting(run, "location")), STR_F(dialogflow_agent(run)));
    if (environment.n)
        buf_printf(b, "/environments/%.*s", STR_F(environment));
    buf_printf(b, "/sessions/%s:detectIntent", dialogflow_session(run, session));
}

static struct json *cx_body(struct engine_run *run, struct str text)
{
    struct json *body = json_new_object(engine_run_scratch(run)), *input, *row;
    return body && json_set_object(body, "queryInput", &input) == 0 && json_set_object(input, "text", &row) == 0 &&
                   json_set_str(row, "text", text) == 0 &&
                   json_set_str(input, "languageCode", dialogflow_language(run)) == 0
               ? body
               : NULL;
}

static void cx_ask(struct engine_run *run)
{
    struct str text = dialogflow_check_address(run) ? dialogflow_text(run) : STR_EMPTY;
    char bytes[CX_PATH_MAX];
    struct buf path;
    if (!engine_run_over(run) && (!dialogflow_agent(run).n || !engine_run_setting(run, "location").n))
        engine_run_fail_text(run, ENGINE_CONFIG, "The agent id or the location of the agent is missing.");
    if (engine_run_over(run))
        return;
    buf_fixed(&path, bytes, sizeof(bytes));
    cx_write_path(run, &path);
    dialogflow_ask(run, buf_str(&path), cx_body(run, text), cx_on_result);
}

const struct engine_ops engine_dialogflow_cx = {
    .caps = ENGINE_KEEPS_HISTORY,
    .size = sizeof(struct dialogflow),
    .open = dialogflow_open,
    .probe = cx_ask,
    .turn = cx_ask,
};
