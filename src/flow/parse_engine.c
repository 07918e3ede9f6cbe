/* parse_engine.c: reads the nodes that ask the bot's engines: `engine`, `classify`, `extract`. The author writes what
 * is asked as texts with variables, so only what these texts name leaves the install. As after an HTTP call, a way on
 * is needed for failure: an engine that is down or not set up is nothing unusual. */
#include "base/utf8.h"
#include "flow/reader_internal.h"
#include "flow/text_internal.h"

#include "base/banned.h"

static enum status read_engine_texts(struct flow_reader *r, const struct json *j, const char *prompt,
                                     struct node_engine *g)
{
    enum status st = read_text(r, j, "system", MAX_FLOW_TEXT, &g->role);
    if (!st)
        st = read_text(r, j, prompt, MAX_FLOW_TEXT, &g->prompt);
    if (!st)
        st = read_text(r, j, "failed", MAX_FLOW_TEXT, &g->failed);
    if (!st)
        st = read_target(r, j, "error", &g->error);
    if (!st)
        st = read_target(r, j, "handoff", &g->handoff);
    g->history = json_bool(json_get(j, "history"));
    g->var = VAR_NONE;
    return st;
}

static enum status engine_need_way(struct flow_reader *r, const struct json *j, const char *key, const char *when)
{
    if (json_has(j, key))
        return OK;
    size_t mark = path_key(r, str_from(key));
    enum status st = reader_note(r, NOTE_NO_WAY, str_from(key), VAR_NONE,
                                 "The flow does not continue when %s: \"%s\" is missing.", when, key);
    path_back(r, mark);
    return st;
}

static enum status engine_read_var(struct flow_reader *r, const struct json *j, int *out)
{
    enum status st = read_var(r, j, "var", NOTE_VAR_WRITE, out);
    if (!st && *out == VAR_LANGUAGE)
        return reader_refuse_key(r, "var", "An engine cannot set \"language\".");
    return st;
}

/* Each variable with what the engine is told about it. Its type is that of the variable. */
static enum status read_engine_fill(struct flow_reader *r, const struct json *j, const char *key, size_t min,
                                    struct engine_fill **out, size_t *n)
{
    const struct json *all = json_get(j, key);
    struct json_iter it = {0};
    size_t mark = path_key(r, str_from(key));
    if (json_len(all) < min || json_len(all) > MAX_FLOW_LIST)
        return reader_refuse(r, "There must be %zu to %d variables.", min, MAX_FLOW_LIST);
    *out = arena_array(r->a, json_len(all) + 1, sizeof(**out));
    if (!*out)
        return err_nomem(r->e);
    while (json_each(all, &it)) {
        struct engine_fill *f = &(*out)[(*n)++];
        size_t inner = path_key(r, it.key);
        f->description = json_str(it.value);
        if (!json_is(it.value, JSON_STRING) || utf8_length(f->description) > MAX_FLOW_TEXT ||
            !utf8_text(f->description))
            return reader_refuse(r, "The description must be a string of at most %d characters.", MAX_FLOW_TEXT);
        if (str_eqz(it.key, "language"))
            return reader_refuse(r, "An engine cannot set \"language\".");
        enum status st = var_find(r, it.key, NOTE_VAR_WRITE, &f->var);
        if (st)
            return st;
        path_back(r, inner);
    }
    path_back(r, mark);
    return OK;
}

/* ---- tools ---- */

static const struct field_rule tool_fields[] = {
    {"name", K_STR | K_MUST}, {"description", K_STR | K_MUST}, {"parameters", K_OBJ}};

enum status read_tool(struct flow_reader *r, const struct json *j, struct flow_node *n)
{
    struct node_tool *t = ARENA_NEW(r->a, struct node_tool);
    const struct json *own = json_get(j, "tool");
    if (!t)
        return err_nomem(r->e);
    n->tool = t;
    size_t mark = path_key(r, STR("tool"));
    enum status st = READ_FIELDS(r, own, tool_fields);
    if (!st)
        st = read_string(r, own, "name", 1, MAX_FLOW_NAME, &t->name);
    if (!st && !name_ok(t->name, false))
        return reader_refuse_key(r, "name", "The name of a tool must have at most %d letters, digits and _.",
                                 MAX_FLOW_NAME);
    if (!st)
        st = read_string(r, own, "description", 1, MAX_FLOW_TEXT, &t->description);
    if (!st)
        st = read_engine_fill(r, own, "parameters", 0, &t->parameters, &t->parameter_n);
    if (!st)
        path_back(r, mark);
    return st;
}

/* A node that does not exist, or is no tool, is for lint to report, as with ways. */
static enum status read_engine_tool(struct flow_reader *r, const struct json *j, int *out)
{
    struct str name = json_str(j);
    *out = NODE_NONE;
    if (name.n == 0 || name.n > MAX_FLOW_NAME)
        return reader_refuse(r, "This must be the name of a node.");
    const struct flow_node *n = map_get(&r->f->node_names, name);
    if (!n)
        return reader_note(r, NOTE_TARGET_UNKNOWN, name, VAR_NONE, "There is no node \"%.*s\".", STR_F(name));
    *out = (int)(n - r->f->nodes);
    return json_has(json_get_n(json_get(r->f->doc, "nodes"), name), "tool")
               ? OK
               : reader_note(r, NOTE_TYPE, name, VAR_NONE, "The node \"%.*s\" is not a tool: \"tool\" is missing.",
                             STR_F(name));
}

static enum status read_engine_tools(struct flow_reader *r, const struct json *j, struct node_engine *g)
{
    const struct json *list = NULL;
    int64_t rounds = 3;
    enum status st = read_list(r, j, "tools", 1, MAX_FLOW_LIST, &list);
    if (!st)
        st = read_int(r, j, "rounds", 1, MAX_FLOW_ENGINE_CALLS - 1, &rounds);
    g->rounds = (int)rounds;
    if (st || !list)
        return st;
    g->tools = arena_array(r->a, json_len(list), sizeof(*g->tools));
    if (!g->tools)
        return err_nomem(r->e);
    size_t mark = path_key(r, STR("tools"));
    for (; g->tool_n < json_len(list); g->tool_n++) {
        size_t inner = path_index(r, g->tool_n);
        st = read_engine_tool(r, json_at(list, g->tool_n), &g->tools[g->tool_n]);
        if (st)
            return st;
        path_back(r, inner);
    }
    path_back(r, mark);
    return OK;
}

/* ---- engine ---- */

static const struct field_rule engine_fields[] = {
    {"type", K_STR | K_MUST}, {"note", K_STR},    {"system", K_TEXT}, {"prompt", K_TEXT}, {"history", K_BOOL},
    {"show", K_BOOL},         {"stream", K_BOOL}, {"var", K_STR},     {"map", K_OBJ},     {"failed", K_TEXT},
    {"next", K_STR},          {"error", K_STR},   {"handoff", K_STR}, {"tools", K_ARR},   {"rounds", K_INT}};

/* An answer that is taken apart is JSON and not for the visitor's eyes. An answer that is shown may be the last word of
 * the turn, and the node then takes the next message, too; one that is not shown has to lead on. */
static enum status check_engine(struct flow_reader *r, const struct json *j, const struct node_engine *g)
{
    if (g->show && g->map_n)
        return reader_refuse_key(r, "show", "An answer that \"map\" takes apart cannot be shown.");
    if (!g->show && json_has(j, "stream"))
        return reader_refuse_key(r, "stream", "An answer that is not shown cannot be streamed.");
    enum status st = g->show ? OK : engine_need_way(r, j, "next", "the engine has answered");
    return st ? st : engine_need_way(r, j, "error", "the engine fails");
}

enum status read_engine(struct flow_reader *r, const struct json *j, struct flow_node *n)
{
    struct node_engine *g = &n->u.engine;
    enum status st = READ_FIELDS(r, j, engine_fields);
    if (!st)
        st = read_engine_texts(r, j, "prompt", g);
    if (!st)
        st = engine_read_var(r, j, &g->var);
    if (!st)
        st = read_map(r, j, &g->map, &g->map_n);
    if (!st)
        st = read_engine_tools(r, j, g);
    g->history = !json_has(j, "history") || g->history;
    g->show = json_has(j, "show") ? json_bool(json_get(j, "show")) : g->map_n == 0;
    g->stream = g->show && (!json_has(j, "stream") || json_bool(json_get(j, "stream")));
    return st ? st : check_engine(r, j, g);
}

/* ---- classify ---- */

static const struct field_rule classify_fields[] = {
    {"type", K_STR | K_MUST},   {"note", K_STR}, {"system", K_TEXT}, {"text", K_TEXT}, {"history", K_BOOL},
    {"labels", K_ARR | K_MUST}, {"var", K_STR},  {"failed", K_TEXT}, {"else", K_STR},  {"error", K_STR}};
static const struct field_rule engine_label_fields[] = {
    {"label", K_STR | K_MUST}, {"description", K_STR}, {"next", K_STR | K_MUST}};

/* Labels are compared folded, because a model does not keep to the letter. Two that fold to the same could not be told
 * apart. */
static enum status read_engine_label(struct flow_reader *r, const struct json *j, const struct node_engine *g,
                                     struct engine_label *out)
{
    bool ok = true;
    enum status st = READ_FIELDS(r, j, engine_label_fields);
    if (!st)
        st = read_string(r, j, "label", 1, MAX_FLOW_LABEL, &out->name);
    out->description = STR_EMPTY;
    if (!st)
        st = read_string(r, j, "description", 0, MAX_FLOW_TEXT, &out->description);
    if (st)
        return st;
    out->folded = text_fold(r->a, out->name, &ok);
    if (!ok)
        return err_nomem(r->e);
    for (const struct engine_label *l = g->labels; l < out; l++)
        if (str_eq(l->folded, out->folded))
            return reader_refuse_key(r, "label", "Two labels are the same.");
    return read_target(r, j, "next", &out->next);
}

/* `else` is stored as the node's ordinary way on, as that of a branch. */
enum status read_classify(struct flow_reader *r, const struct json *j, struct flow_node *n)
{
    struct node_engine *g = &n->u.engine;
    const struct json *list = NULL;
    enum status st = READ_FIELDS(r, j, classify_fields);
    if (!st)
        st = read_engine_texts(r, j, "text", g);
    if (!st)
        st = engine_read_var(r, j, &g->var);
    if (!st)
        st = read_list(r, j, "labels", 1, MAX_FLOW_LIST, &list);
    if (st)
        return st;
    g->labels = arena_array(r->a, json_len(list), sizeof(*g->labels));
    if (!g->labels)
        return err_nomem(r->e);
    size_t mark = path_key(r, STR("labels"));
    for (; g->label_n < json_len(list); g->label_n++) {
        size_t inner = path_index(r, g->label_n);
        st = read_engine_label(r, json_at(list, g->label_n), g, &g->labels[g->label_n]);
        if (st)
            return st;
        path_back(r, inner);
    }
    path_back(r, mark);
    st = read_target(r, j, "else", &n->next);
    return st ? st : engine_need_way(r, j, "else", "no label fits");
}

/* ---- extract ---- */

static const struct field_rule extract_fields[] = {
    {"type", K_STR | K_MUST}, {"note", K_STR},    {"system", K_TEXT}, {"text", K_TEXT}, {"history", K_BOOL},
    {"fill", K_OBJ | K_MUST}, {"failed", K_TEXT}, {"next", K_STR},    {"error", K_STR}};

enum status read_extract(struct flow_reader *r, const struct json *j, struct flow_node *n)
{
    enum status st = READ_FIELDS(r, j, extract_fields);
    if (!st)
        st = read_engine_texts(r, j, "text", &n->u.engine);
    if (!st)
        st = read_engine_fill(r, j, "fill", 1, &n->u.engine.fill, &n->u.engine.fill_n);
    if (!st)
        st = engine_need_way(r, j, "next", "the engine has answered");
    return st ? st : engine_need_way(r, j, "error", "the engine fails");
}
