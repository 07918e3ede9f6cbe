/* run_tool.c: nodes that an engine runs as tools. Only the node itself is run: its parameters become variables, and
 * what it has done goes back to the engine as a JSON object. The flow stays at the `engine` node, so a tool cannot lead
 * it anywhere. Only `http` and `set` can be tools, so none can ask an engine again. */
#include "base/utf8.h"
#include "flow/run_internal.h"

#include "base/banned.h"

#define TOOL_ARGUMENTS_DEPTH 100
#define TOOL_USES 20   /* in one turn */
#define TOOL_BODY 8000 /* characters of an answer without `map` that the engine gets */

enum status run_tools_list(struct flow_run *r, const struct node_engine *g, struct flow_engine_call *c)
{
    struct flow_tool *all = arena_array(r->a, g->tool_n + 1, sizeof(*all));
    enum status st = all ? OK : err_nomem(r->e);
    c->tools = all;
    for (size_t i = 0; i < g->tool_n && !st; i++) {
        const struct node_tool *t = g->tools[i] == NODE_NONE ? NULL : r->f->nodes[g->tools[i]].tool;
        struct json *schema = t ? json_new_object(r->a) : NULL;
        if (!t) /* a draft that is half done */
            continue;
        st = schema ? run_schema_fill(r, t->parameters, t->parameter_n, schema) : err_nomem(r->e);
        all[c->tool_n++] = (struct flow_tool){t->name, t->description, schema};
    }
    return st;
}

/* The calls are copied: they have to live until the end of the turn. */
enum status run_tools_add(struct flow_run *r, const struct flow_engine_result *result)
{
    bool ok = true;
    r->round++;
    for (size_t i = 0; i < result->call_n && r->use_n < TOOL_USES; i++) {
        const struct flow_tool_call *c = &result->calls[i];
        struct flow_tool_use *all = run_grow(r->a, r->uses, r->use_n, &r->use_cap, sizeof(*all));
        if (!all)
            return err_nomem(r->e);
        r->uses = all;
        r->uses[r->use_n++] = (struct flow_tool_use){
            .call = {arena_str(r->a, c->id, &ok), arena_str(r->a, c->name, &ok), arena_str(r->a, c->arguments, &ok)},
            .result = STR_EMPTY,
            .round = r->round};
    }
    return ok ? OK : err_nomem(r->e);
}

/* ---- the result ---- */

static enum status tool_set_result(struct flow_run *r, const struct json *result)
{
    struct buf b;
    bool ok = true;
    buf_init(&b, MAX_FLOW);
    json_write(&b, result);
    r->uses[r->use_done++].result = arena_str(r->a, buf_str(&b), &ok);
    ok = ok && buf_ok(&b);
    buf_release(&b);
    return ok ? OK : err_nomem(r->e);
}

static enum status tool_fail(struct flow_run *r, const char *why)
{
    struct json *result = json_new_object(r->a);
    if (!result || json_set_str(result, "error", str_from(why)))
        return err_nomem(r->e);
    return tool_set_result(r, result);
}

static int tool_add_value(struct flow_run *r, struct json *values, int var)
{
    struct value v = run_value(r, var);
    const char *key = var < 0 ? NULL : arena_strdup(r->a, r->f->vars[var].name);
    if (var < 0)
        return 0;
    if (!key)
        return -1;
    return v.kind == KIND_NONE ? json_set_null(values, key) : value_set_json(values, key, &v);
}

/* The engine learns the variables that the node has set, and no others. */
static enum status tool_report_values(struct flow_run *r, const struct flow_node *tool, struct json *result)
{
    struct json *values;
    int bad = json_set_object(result, "values", &values);
    for (size_t i = 0; tool->type == NODE_HTTP && i < tool->u.http.map_n && !bad; i++)
        bad = tool_add_value(r, values, tool->u.http.map[i].var);
    for (size_t i = 0; tool->type == NODE_SET && i < tool->u.set.n && !bad; i++)
        bad = tool_add_value(r, values, tool->u.set.assigns[i].var);
    return bad ? err_nomem(r->e) : OK;
}

/* `reply` is NULL for a node that makes no call. */
static enum status tool_report(struct flow_run *r, const struct flow_node *tool, const struct flow_http_reply *reply)
{
    struct json *result = json_new_object(r->a);
    struct str fault = r->path[r->path_n - 1].fault;
    if (!result)
        return err_nomem(r->e);
    if (fault.n && json_set_str(result, "error", fault))
        return err_nomem(r->e);
    enum status st = fault.n ? OK : tool_report_values(r, tool, result);
    if (!st && reply && !fault.n && tool->u.http.map_n == 0 && utf8_text(reply->body) &&
        json_set_str(result, "answer", utf8_cut(reply->body, TOOL_BODY)))
        st = err_nomem(r->e);
    return st ? st : tool_set_result(r, result);
}

/* ---- the run ---- */

static int tool_find(const struct flow_run *r, const struct node_engine *g, struct str name)
{
    for (size_t i = 0; i < g->tool_n; i++)
        if (g->tools[i] != NODE_NONE && r->f->nodes[g->tools[i]].tool &&
            str_eq(r->f->nodes[g->tools[i]].tool->name, name))
            return g->tools[i];
    return NODE_NONE;
}

/* A parameter that is missing empties its variable: a value of an earlier call would look like one that the engine has
 * chosen. *doc NULL: the arguments are not a JSON object. */
static enum status tool_set_parameters(struct flow_run *r, const struct node_tool *t, struct str arguments,
                                       struct json **doc)
{
    struct err why = ERR_INIT;
    struct str text = str_trim(arguments);
    *doc = NULL;
    enum status st = json_parse_tolerant(r->a, text.n ? text : STR("{}"), TOOL_ARGUMENTS_DEPTH, doc, &why);
    if (st == ERR_NOMEM)
        return err_nomem(r->e);
    if (st || !json_is(*doc, JSON_OBJECT)) {
        *doc = NULL;
        return OK;
    }
    for (size_t i = 0; i < t->parameter_n; i++) {
        bool ok = true;
        int var = t->parameters[i].var;
        struct value v = value_of_json(r->a, json_get_n(*doc, r->f->vars[var].name), r->f->vars[var].type, &ok);
        st = ok ? run_assign(r, var, &v) : err_nomem(r->e);
        if (st)
            return st;
    }
    return OK;
}

/* An engine may ask for tools that do not exist and give arguments that cannot be read. It is told so, and can do
 * better in the next round. */
static enum status tool_run(struct flow_run *r, const struct node_engine *g, const struct flow_tool_call *c)
{
    struct json *arguments;
    int unused;
    r->tool = tool_find(r, g, c->name);
    if (r->tool == NODE_NONE)
        return tool_fail(r, "There is no tool with this name.");
    const struct flow_node *tool = &r->f->nodes[r->tool];
    enum status st = tool_set_parameters(r, tool->tool, c->arguments, &arguments);
    if (!st && !arguments)
        return tool_fail(r, "The arguments are not a JSON object.");
    if (!st)
        st = run_add_step(r, tool);
    if (!st)
        st = tool->type == NODE_HTTP ? run_http(r, tool, &unused) : run_set(r, tool, &unused);
    if (!st && r->place == RUN_HTTP) {
        r->place = RUN_TOOL;
        return OK;
    }
    return st ? st : tool_report(r, tool, NULL);
}

enum status run_tools_next(struct flow_run *r, const struct node_engine *g)
{
    enum status st = OK;
    while (!st && r->place != RUN_TOOL && r->use_done < r->use_n)
        st = tool_run(r, g, &r->uses[r->use_done].call);
    return st;
}

enum status run_tools_got(struct flow_run *r, const struct flow_http_reply *reply)
{
    const struct flow_node *tool = &r->f->nodes[r->tool];
    int unused;
    enum status st = run_http_got(r, tool, reply, &unused);
    return st ? st : tool_report(r, tool, reply);
}
