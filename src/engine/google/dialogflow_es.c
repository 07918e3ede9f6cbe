/* dialogflow_es.c: Dialogflow ES, API version 2. Its answers are made for several platforms at once: the messages
 * without a platform are for everybody, and those of one platform are used only where there are no others. */
#include "engine/google/dialogflow.h"
#include "engine/text.h"

#include "base/banned.h"

#define ES_TEXT_MAX 256 /* characters of a question; Google's servers count as UTF-16 does */
#define ES_PATH_MAX 1500

/* ---- the answer ---- */

static void es_on_result(struct engine_run *run, const struct json *result)
{
    struct str text = json_get_str(result, "fulfillmentText");
    if (text.n)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_MESSAGE, .text = text});
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

static bool es_check(struct engine_run *run)
{
    if (!dialogflow_project(run).n) {
        engine_run_fail_text(run, ENGINE_CONFIG, "The project id is missing, and the service account names none.");
        return false;
    }
    return dialogflow_check_name(run, "project id", dialogflow_project(run)) &&
           dialogflow_check_name(run, "location", engine_run_setting(run, "location")) &&
           dialogflow_check_name(run, "environment", engine_run_setting(run, "environment"));
}

static void es_ask(struct engine_run *run)
{
    struct str whole = es_check(run) ? dialogflow_text(run) : STR_EMPTY;
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
    .caps = ENGINE_KEEPS_HISTORY | ENGINE_SERIAL,
    .size = sizeof(struct dialogflow),
    .open = dialogflow_open,
    .probe = es_ask,
    .turn = es_ask,
};
