/* openai_body.c: the request of a chat completion. Only what the bot sets is sent: servers differ in which parameters
 * they know, and some refuse the whole request for one that they do not. */
#include "engine/openai_chat.h"

#include "base/banned.h"

static int body_image(struct engine_run *run, struct json *parts, const struct engine_image *image)
{
    struct json *part, *url;
    struct str where = image->url.n ? image->url : engine_run_base64(run, image->mime, image->bytes);
    return json_push_object(parts, &part) || json_set_str(part, "type", STR("image_url")) ||
           json_set_object(part, "image_url", &url) || json_set_str(url, "url", where);
}

static int body_content(struct engine_run *run, struct json *row, const struct engine_message *m)
{
    struct json *parts, *part;
    if (!m->image_count)
        return m->text.n || !m->call_count ? json_set_str(row, "content", m->text) : json_set_null(row, "content");
    int bad = json_set_array(row, "content", &parts);
    if (!bad && m->text.n)
        bad = json_push_object(parts, &part) || json_set_str(part, "type", STR("text")) ||
              json_set_str(part, "text", m->text);
    for (size_t i = 0; !bad && i < m->image_count; i++)
        bad = body_image(run, parts, &m->images[i]);
    return bad;
}

static int body_calls(struct json *row, const struct engine_message *m)
{
    struct json *calls, *one, *function;
    int bad = m->call_count ? json_set_array(row, "tool_calls", &calls) : 0;
    for (size_t i = 0; !bad && i < m->call_count; i++)
        bad = json_push_object(calls, &one) || json_set_str(one, "id", m->calls[i].id) ||
              json_set_str(one, "type", STR("function")) || json_set_object(one, "function", &function) ||
              json_set_str(function, "name", m->calls[i].name) ||
              json_set_str(function, "arguments", m->calls[i].arguments);
    return bad;
}

static int body_message(struct engine_run *run, struct json *rows, const struct engine_message *m)
{
    static const char *const roles[] = {
        [ENGINE_SYSTEM] = "system", [ENGINE_USER] = "user", [ENGINE_ASSISTANT] = "assistant", [ENGINE_TOOL] = "tool"};
    struct json *row;
    if (json_push_object(rows, &row) || json_set_str(row, "role", str_from(roles[m->role])) ||
        body_content(run, row, m) || body_calls(row, m))
        return -1;
    return m->role == ENGINE_TOOL ? json_set_str(row, "tool_call_id", m->tool_id) : 0;
}

int openai_put_tools(struct json *body, const struct engine_turn *t)
{
    struct json *tools, *one, *function;
    int bad = t->tool_count ? json_set_array(body, "tools", &tools) : 0;
    for (size_t i = 0; !bad && i < t->tool_count; i++)
        bad = json_push_object(tools, &one) || json_set_str(one, "type", STR("function")) ||
              json_set_object(one, "function", &function) || json_set_str(function, "name", t->tools[i].name) ||
              json_set_str(function, "description", t->tools[i].description) ||
              json_set_copy(function, "parameters", t->tools[i].parameters);
    return bad;
}

static int body_schema(struct json *body, const struct engine_turn *t)
{
    struct json *format, *schema;
    if (!t->schema)
        return 0;
    return json_set_object(body, "response_format", &format) || json_set_str(format, "type", STR("json_schema")) ||
           json_set_object(format, "json_schema", &schema) || json_set_str(schema, "name", STR("answer")) ||
           json_set_bool(schema, "strict", true) || json_set_copy(schema, "schema", t->schema);
}

static int body_sampling(struct json *body, const struct engine_turn *t, const struct openai_where *w)
{
    int bad = 0;
    if (t->temperature >= 0)
        bad = bad || json_set_double(body, "temperature", t->temperature);
    if (t->top_p >= 0)
        bad = bad || json_set_double(body, "top_p", t->top_p);
    if (t->max_tokens > 0)
        bad = bad || json_set_int(body, w->completion_tokens ? "max_completion_tokens" : "max_tokens", t->max_tokens);
    if (t->seed >= 0)
        bad = bad || json_set_int(body, "seed", t->seed);
    if (t->stop_count)
        bad = bad || json_set_strings(body, "stop", t->stop, t->stop_count);
    return bad;
}

struct json *openai_chat_body(struct engine_run *run, const struct engine_turn *t, const struct openai_where *w)
{
    struct json *body = json_new_object(engine_run_scratch(run)), *rows, *options;
    if (!body || json_set_str(body, "model", w->model) || json_set_array(body, "messages", &rows))
        return NULL;
    for (size_t i = 0; i < t->message_count; i++)
        if (body_message(run, rows, &t->messages[i]))
            return NULL;
    if (openai_put_tools(body, t) || body_schema(body, t) || body_sampling(body, t, w) ||
        json_set_bool(body, "stream", !w->plain))
        return NULL;
    if (!w->plain &&
        (json_set_object(body, "stream_options", &options) || json_set_bool(options, "include_usage", true)))
        return NULL;
    return body;
}
