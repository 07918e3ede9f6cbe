/* huggingface_task.c: what Hugging Face's tasks are asked. A task knows no conversation except "conversational", so the
 * text of a turn is shaped for each: a transcript to be completed, a question about the system prompt, a text to be
 * classified. Only parameters that the bot sets are sent, and none that TGI refuses: a temperature of 0 and a top_p of
 * 1 are errors there. */
#include "base/limits.h"
#include "engine/huggingface_internal.h"

#include "base/banned.h"

static struct str task_system(const struct engine_turn *t)
{
    return t->message_count && t->messages[0].role == ENGINE_SYSTEM ? t->messages[0].text : STR_EMPTY;
}

/* ---- text to be completed ---- */

/* One message stands for itself; anything longer becomes a transcript, whose next line is the answer. */
static bool task_is_transcript(const struct engine_turn *t)
{
    return t->message_count > 1;
}

static struct str task_prompt(struct engine_run *run, const struct engine_turn *t)
{
    bool ok = true;
    struct buf b;
    if (!task_is_transcript(t))
        return engine_turn_question(t);
    buf_init(&b, 4 * MB);
    for (size_t i = 0; i < t->message_count; i++) {
        const struct engine_message *m = &t->messages[i];
        const char *who = m->role == ENGINE_USER ? "User: " : m->role == ENGINE_ASSISTANT ? "Assistant: " : "";
        buf_printf(&b, "%s%.*s\n", who, STR_F(m->text));
    }
    buf_puts(&b, "Assistant:");
    struct str prompt = arena_str(engine_run_arena(run), buf_str(&b), &ok);
    if (!ok || !buf_ok(&b))
        engine_run_end(run, ENGINE_INTERNAL);
    buf_release(&b);
    return prompt;
}

static int task_set_stop(struct json *parameters, const struct engine_turn *t)
{
    struct json *stop;
    if (!t->stop_count && !task_is_transcript(t))
        return 0;
    int bad = json_set_array(parameters, "stop", &stop);
    for (size_t i = 0; !bad && i < t->stop_count; i++)
        bad = json_push_str(stop, t->stop[i]);
    return bad || (task_is_transcript(t) && json_push_str(stop, STR(HF_TURN_MARK)));
}

static int task_set_sampling(struct json *parameters, const struct engine_turn *t)
{
    int bad = 0;
    if (t->temperature > 0)
        bad = json_set_double(parameters, "temperature", t->temperature);
    if (!bad && t->top_p > 0 && t->top_p < 1)
        bad = json_set_double(parameters, "top_p", t->top_p);
    return bad;
}

/* What only TGI knows: why the text ended, with its number of tokens, and text that follows a schema. */
static int task_set_tgi(struct json *parameters, const struct engine_turn *t)
{
    struct json *grammar;
    int bad = json_set_bool(parameters, "details", true);
    if (!bad && t->schema)
        bad = json_set_object(parameters, "grammar", &grammar) || json_set_str(grammar, "type", STR("json")) ||
              json_set_copy(grammar, "value", t->schema);
    return bad;
}

static int task_set_generation(struct engine_run *run, struct json *body, const struct engine_turn *t)
{
    struct hf *h = engine_run_memory(run);
    struct json *parameters;
    h->prompt = task_prompt(run, t);
    int bad = json_set_str(body, "inputs", h->prompt) || json_set_object(body, "parameters", &parameters) ||
              json_set_bool(parameters, "return_full_text", false) || task_set_sampling(parameters, t) ||
              task_set_stop(parameters, t);
    if (!bad && t->max_tokens > 0)
        bad = json_set_int(parameters, "max_new_tokens", t->max_tokens);
    if (!bad && t->seed >= 0)
        bad = json_set_int(parameters, "seed", t->seed);
    return bad || (h->task == HF_GENERATE && task_set_tgi(parameters, t));
}

/* ---- the other tasks ---- */

/* The two lists have to be equally long, so only messages that were answered are among them. */
static int task_set_conversation(struct json *body, const struct engine_turn *t)
{
    struct json *inputs, *past, *answers, *parameters;
    int bad = json_set_object(body, "inputs", &inputs) || json_set_str(inputs, "text", engine_turn_question(t)) ||
              json_set_array(inputs, "past_user_inputs", &past) ||
              json_set_array(inputs, "generated_responses", &answers);
    for (size_t i = 0; !bad && i + 1 < t->message_count; i++)
        if (t->messages[i].role == ENGINE_USER && t->messages[i + 1].role == ENGINE_ASSISTANT)
            bad = json_push_str(past, t->messages[i].text) || json_push_str(answers, t->messages[i + 1].text);
    return bad || json_set_object(body, "parameters", &parameters) || task_set_sampling(parameters, t);
}

static int task_set_question(struct engine_run *run, struct json *body, const struct engine_turn *t)
{
    struct hf *h = engine_run_memory(run);
    struct str context = task_system(t);
    struct json *inputs;
    if (!context.n && h->probing)
        context = STR("The word is: Hello.");
    if (!context.n)
        engine_run_fail_text(run, ENGINE_CONFIG,
                             "The system prompt is empty. It is the text that answers are found in.");
    return json_set_object(body, "inputs", &inputs) || json_set_str(inputs, "question", engine_turn_question(t)) ||
           json_set_str(inputs, "context", context);
}

struct json *hf_task_labels(struct engine_run *run, const struct engine_turn *t, struct str *key)
{
    struct str rest = engine_run_setting(run, "labels"), label;
    struct json *list = json_new_array(engine_run_scratch(run));
    struct json_iter it = {0};
    *key = STR_EMPTY;
    while (list && json_each(json_get(t->schema, "properties"), &it))
        if (json_len(json_get(it.value, "enum"))) {
            *key = it.key;
            return json_copy(engine_run_scratch(run), json_get(it.value, "enum"));
        }
    while (list && str_split(&rest, ',', &label))
        if (str_trim(label).n && json_push_str(list, str_trim(label)))
            return NULL;
    return list;
}

static int task_set_labels(struct engine_run *run, struct json *body, const struct engine_turn *t)
{
    struct str key;
    struct json *labels = hf_task_labels(run, t, &key), *parameters;
    if (labels && !json_len(labels))
        engine_run_fail_text(run, ENGINE_CONFIG, "There are no labels to choose from.");
    return json_set_str(body, "inputs", engine_turn_question(t)) || json_set_object(body, "parameters", &parameters) ||
           json_set(parameters, "candidate_labels", labels) || json_set_bool(parameters, "multi_label", false);
}

struct json *hf_task_body(struct engine_run *run, const struct engine_turn *t)
{
    const struct hf *h = engine_run_memory(run);
    struct json *body = json_new_object(engine_run_scratch(run));
    int bad = !body;
    if (!bad && (h->task == HF_TEXT || h->task == HF_GENERATE))
        bad = task_set_generation(run, body, t);
    else if (!bad && h->task == HF_CONVERSATIONAL)
        bad = task_set_conversation(body, t);
    else if (!bad && h->task == HF_QUESTION)
        bad = task_set_question(run, body, t);
    else if (!bad)
        bad = task_set_labels(run, body, t);
    if (bad)
        engine_run_end(run, ENGINE_INTERNAL);
    return engine_run_over(run) ? NULL : body;
}
