/* run_engine.c: the nodes that ask the bot's engines. What is asked is put together here: the texts of the author, and
 * for a choice or a form the instruction and the JSON schema that make a model answer in a form that can be read. Who
 * is asked, with which limits, is the matter of the flow's caller. A model keeps to no form reliably, so every answer
 * is read tolerantly, and one that cannot be read takes the way of a failed call. */
#include "base/utf8.h"
#include "flow/run_internal.h"

#include "base/banned.h"

#define ENGINE_ANSWER_DEPTH 100
#define ENGINE_ANSWER_CHARS (MAX_FLOW_RENDERED / 4) /* characters of an answer: as many as surely fit */

/* ---- what is asked ---- */

static enum status engine_label_schema(struct flow_run *r, const struct node_engine *g, struct json *schema)
{
    struct json *properties, *required, *label, *list;
    enum status st = run_schema_object(r, schema, &properties, &required);
    if (st)
        return st;
    int bad = json_set_object(properties, "label", &label) || json_set_str(label, "type", STR("string")) ||
              json_set_array(label, "enum", &list) || json_push_str(required, STR("label"));
    for (size_t i = 0; i < g->label_n && !bad; i++)
        bad = json_push_str(list, g->labels[i].name);
    return bad || json_push_str(list, STR("none")) ? err_nomem(r->e) : OK;
}

/* The name of one step of a JSON pointer: ~1 is a slash, ~0 a tilde. */
static const char *engine_step_name(struct arena *a, struct str step)
{
    char *name = arena_strdup(a, step), *to = name;
    for (char *from = name; from && *from; from++) {
        bool escape = *from == '~' && (from[1] == '0' || from[1] == '1');
        *to++ = !escape ? *from : from[1] == '1' ? '/' : '~';
        from += escape;
    }
    if (to)
        *to = 0;
    return name;
}

/* The way that a pointer describes: each step but the last is an object. Where two pointers contradict each other, the
 * first one counts. */
static enum status engine_add_pointer(struct flow_run *r, struct json *schema, const struct http_mapping *m)
{
    struct str rest = str_sub(m->pointer, 1, m->pointer.n), step;
    while (str_split(&rest, '/', &step)) {
        struct json *properties = json_get(schema, "properties"), *required = json_get(schema, "required");
        const char *key = engine_step_name(r->a, step);
        enum status st = key ? OK : err_nomem(r->e);
        if (!st && !properties)
            st = json_has(schema, "type") ? OK : run_schema_object(r, schema, &properties, &required);
        if (st || !properties)
            return st;
        bool known = json_has(properties, key);
        if (!rest.n)
            return known ? OK : run_schema_member(r, properties, required, key, m->var, STR_EMPTY);
        if (!known && (json_set_object(properties, key, &schema) || json_push_str(required, str_from(key))))
            return err_nomem(r->e);
        schema = json_get(properties, key);
    }
    return OK;
}

static enum status engine_map_schema(struct flow_run *r, const struct node_engine *g, struct json *schema)
{
    enum status st = OK;
    for (size_t i = 0; i < g->map_n && !st; i++)
        st = g->map[i].pointer.n ? engine_add_pointer(r, schema, &g->map[i]) : OK;
    return st;
}

/* Not every server knows schemas, so the instruction says the same in words. */
static void engine_instruct(const struct flow_run *r, const struct flow_node *n, struct buf *b)
{
    const struct node_engine *g = &n->u.engine;
    if (n->type == NODE_CLASSIFY) {
        buf_puts(b, "Choose the one label that fits the message best. Answer with a JSON object with the member "
                    "\"label\", and nothing else. The labels are:\n");
        for (size_t i = 0; i < g->label_n; i++)
            buf_printf(b, "- %.*s%s%.*s\n", STR_F(g->labels[i].name), g->labels[i].description.n ? ": " : "",
                       STR_F(g->labels[i].description));
        buf_puts(b, "- none: no other label fits\n");
    } else if (n->type == NODE_EXTRACT) {
        static const char *const kinds[] = {[KIND_TEXT] = "text",
                                            [KIND_NUMBER] = "a number",
                                            [KIND_BOOLEAN] = "true or false",
                                            [KIND_DATE] = "a date as YYYY-MM-DD"};
        buf_puts(b, "Find these values in the message. Answer with one JSON object, and nothing else. A value that the "
                    "message does not contain is null; do not guess.\n");
        for (size_t i = 0; i < g->fill_n; i++) {
            const struct flow_var *v = &r->f->vars[g->fill[i].var];
            buf_printf(b, "- %.*s (%s)%s%.*s\n", STR_F(v->name), kinds[v->type], g->fill[i].description.n ? ": " : "",
                       STR_F(g->fill[i].description));
        }
    } else if (g->map_n) {
        buf_puts(b, "Answer with one JSON object, and nothing else.\n");
    }
}

static enum status engine_instructions(struct flow_run *r, const struct flow_node *n, struct str *out)
{
    struct buf b;
    struct str own;
    bool ok = true;
    enum status st = run_text(r, &n->u.engine.role, &own);
    if (st)
        return st;
    buf_init(&b, 2 * MAX_FLOW);
    engine_instruct(r, n, &b);
    if (own.n && b.n)
        buf_puts(&b, "\n");
    buf_str_add(&b, own);
    *out = arena_str(r->a, buf_str(&b), &ok);
    ok = ok && buf_ok(&b);
    buf_release(&b);
    return ok ? OK : err_nomem(r->e);
}

/* ---- other texts ---- */

/* The place of a variable in a template's parts; VAR_NONE for a name that the flow does not know. */
static int engine_var_of(const struct flow *f, struct str name)
{
    if (str_eqz(name, "input"))
        return VAR_INPUT;
    if (str_eqz(name, "language"))
        return VAR_LANGUAGE;
    for (size_t i = 0; i < f->var_n; i++)
        if (str_eq(f->vars[i].name, name))
            return (int)i;
    return VAR_NONE;
}

/* Braces that are not a variable of this flow are text: a prompt often shows the form of an answer. */
enum status flow_render(struct flow_run *r, struct str text, struct str *out, struct err *e)
{
    struct tpl_values v = {.vars = r->vars, .input = r->input, .language = r->f->langs[r->lang]};
    struct tpl_scan s = {.rest = text};
    struct buf b;
    bool ok = true;
    buf_init(&b, 4 * MAX_FLOW_RENDERED);
    while (tpl_next(&s) && !s.bad) {
        buf_str_add(&b, s.lit);
        int var = s.has_name && !s.is_secret ? engine_var_of(r->f, s.name) : VAR_NONE;
        struct tpl_part part = {.lit = STR_EMPTY, .var = var};
        struct tpl one = {&part, 1};
        if (var != VAR_NONE)
            tpl_render(&b, &one, &v);
        else if (s.has_name)
            buf_printf(&b, "{{%s%.*s}}", s.is_secret ? "secret." : "", STR_F(s.name));
    }
    if (s.bad)
        buf_str_add(&b, s.lit);
    if (s.bad)
        buf_str_add(&b, s.rest);
    *out = arena_str(r->a, buf_str(&b), &ok);
    ok = ok && buf_ok(&b);
    buf_release(&b);
    return ok ? OK : err_nomem(e);
}

/* ---- what is answered ---- */

/* The flow continues at `error`, and the visitor is told if the author has written what. */
static enum status engine_fail(struct flow_run *r, const struct flow_node *n, const char *why, int *next)
{
    struct str text = STR_EMPTY;
    *next = n->u.engine.error;
    if (n->type == NODE_CLASSIFY && *next == NODE_NONE)
        *next = n->next;
    enum status st = run_report(r, why);
    if (!st)
        st = run_text(r, &n->u.engine.failed, &text);
    return st || text.n == 0 ? st : run_send_text(r, text, NULL);
}

/* Models like to write "Here it is: ```json {...} ```": the object is what lies between the outer braces. NULL: there
 * is none. */
static enum status engine_read_object(struct flow_run *r, struct str text, struct json **out)
{
    struct err why = ERR_INIT;
    ptrdiff_t from = str_find(text, '{');
    size_t to = text.n;
    *out = NULL;
    while (to && text.p[to - 1] != '}')
        to--;
    if (from < 0 || (size_t)from >= to)
        return OK;
    enum status st = json_parse_tolerant(r->a, str_sub(text, (size_t)from, to - (size_t)from), ENGINE_ANSWER_DEPTH, out,
                                         &why);
    if (st)
        *out = NULL;
    return st == ERR_NOMEM ? err_nomem(r->e) : OK;
}

static enum status engine_set_text(struct flow_run *r, int var, struct str text)
{
    struct value v = {.kind = KIND_TEXT, .text = text};
    return var == VAR_NONE ? OK : run_assign(r, var, &v);
}

static enum status engine_set_json(struct flow_run *r, int var, const struct json *j)
{
    bool ok = true;
    struct value v = value_of_json(r->a, j, r->f->vars[var].type, &ok);
    return ok ? run_assign(r, var, &v) : err_nomem(r->e);
}

/* The answer as a message of the bot. */
static enum status engine_say(struct flow_run *r, struct str text, bool interrupted)
{
    struct flow_message m = run_message();
    r->consumed = true;
    m.text = utf8_cut(text, ENGINE_ANSWER_CHARS);
    m.interrupted = interrupted;
    return run_send(r, &m);
}

/* What the engine says last is said, then the flow takes the way of the node. Without one the conversation waits for a
 * person here, as at a `handoff` node, and what follows is what the node leads to when it is given back. A choice and a
 * form want a value, so for them it is a failure. */
static enum status engine_hand_off(struct flow_run *r, const struct flow_node *n, struct str text, int *next)
{
    const struct node_engine *g = &n->u.engine;
    if (n->type != NODE_ENGINE)
        return engine_fail(r, n, "The engine wants a person to answer.", next);
    *next = g->handoff;
    if (g->handoff == NODE_NONE)
        r->status = FLOW_HANDOFF;
    return g->show && text.n && utf8_text(text) ? engine_say(r, text, false) : OK;
}

static enum status engine_got_answer(struct flow_run *r, const struct flow_node *n, struct str text, bool interrupted,
                                     int *next)
{
    const struct node_engine *g = &n->u.engine;
    struct json *doc = NULL;
    enum status st = g->map_n ? engine_read_object(r, text, &doc) : OK;
    if (st)
        return st;
    if (g->map_n && !doc)
        return engine_fail(r, n, "The answer of the engine is not a JSON object.", next);
    st = engine_set_text(r, g->var, text);
    for (size_t i = 0; i < g->map_n && !st; i++)
        st = engine_set_json(r, g->map[i].var, json_pointer(doc, g->map[i].pointer));
    return !st && g->show ? engine_say(r, text, interrupted) : st;
}

/* A label that the author did not write is none of them: the flow continues at `else`, which is *next already. The
 * label may come as the object that was asked for, or alone. */
static enum status engine_got_label(struct flow_run *r, const struct flow_node *n, struct str text, int *next)
{
    const struct node_engine *g = &n->u.engine;
    struct json *doc;
    bool ok = true;
    enum status st = engine_read_object(r, text, &doc);
    if (st)
        return st;
    struct str folded = text_fold(r->a, doc ? json_get_str(doc, "label") : text, &ok);
    if (!ok)
        return err_nomem(r->e);
    for (size_t i = 0; i < g->label_n; i++)
        if (str_eq(g->labels[i].folded, folded)) {
            *next = g->labels[i].next;
            return engine_set_text(r, g->var, g->labels[i].name);
        }
    return engine_set_text(r, g->var, STR_EMPTY);
}

/* A value that was not found leaves its variable as it is: the visitor may have given it in an earlier message. */
static enum status engine_got_values(struct flow_run *r, const struct flow_node *n, struct str text, int *next)
{
    const struct node_engine *g = &n->u.engine;
    struct json *doc;
    enum status st = engine_read_object(r, text, &doc);
    if (!st && !doc)
        return engine_fail(r, n, "The answer of the engine is not a JSON object.", next);
    for (size_t i = 0; i < g->fill_n && !st; i++) {
        const struct json *found = json_get_n(doc, r->f->vars[g->fill[i].var].name);
        bool none = !found || json_is(found, JSON_NULL) || (json_is(found, JSON_STRING) && json_str(found).n == 0);
        if (!none)
            st = engine_set_json(r, g->fill[i].var, found);
    }
    return st;
}

static enum status engine_schema(struct flow_run *r, const struct flow_node *n, const struct json **out)
{
    const struct node_engine *g = &n->u.engine;
    *out = NULL;
    if (n->type == NODE_ENGINE && g->map_n == 0)
        return OK;
    struct json *schema = json_new_object(r->a);
    if (!schema)
        return err_nomem(r->e);
    enum status st = n->type == NODE_CLASSIFY  ? engine_label_schema(r, g, schema)
                     : n->type == NODE_EXTRACT ? run_schema_fill(r, g->fill, g->fill_n, schema)
                                               : engine_map_schema(r, g, schema);
    *out = json_len(schema) ? schema : NULL;
    return st;
}

static enum status engine_labels(struct flow_run *r, const struct node_engine *g, struct flow_engine_call *c)
{
    struct flow_label *all = arena_array(r->a, g->label_n + 1, sizeof(*all));
    if (!all)
        return err_nomem(r->e);
    for (size_t i = 0; i < g->label_n; i++)
        all[i] = (struct flow_label){g->labels[i].name, g->labels[i].description};
    c->labels = all;
    c->label_n = g->label_n;
    return OK;
}

/* A draft may run in a loop that lint would refuse, and each call costs the tenant money. After the last round of tools
 * the engine is asked without them, so that it has to answer. */
static enum status engine_ask(struct flow_run *r, const struct flow_node *n, int *next)
{
    static const enum flow_engine_kind kinds[NODE_TYPES] = {
        [NODE_ENGINE] = FLOW_ASK, [NODE_CLASSIFY] = FLOW_CLASSIFY, [NODE_EXTRACT] = FLOW_EXTRACT};
    const struct node_engine *g = &n->u.engine;
    struct flow_engine_call c = {.kind = kinds[n->type],
                                 .language = r->f->langs[r->lang],
                                 .text = r->input,
                                 .history = g->history,
                                 .stream = g->stream,
                                 .uses = r->uses,
                                 .use_n = r->use_n};
    if (r->asked == MAX_FLOW_ENGINE_CALLS)
        return engine_fail(r, n, "This turn has asked engines too often.", next);
    enum status st = engine_instructions(r, n, &c.instructions);
    if (!st && g->prompt.lang)
        st = run_text(r, &g->prompt, &c.text);
    if (!st)
        st = engine_schema(r, n, &c.schema);
    if (!st)
        st = engine_labels(r, g, &c);
    if (!st && r->round < g->rounds)
        st = run_tools_list(r, g, &c);
    if (st)
        return st;
    if (c.text.n == 0)
        return engine_fail(r, n, "There is nothing to ask: the prompt is empty.", next);
    r->asked++;
    r->call.engine = c;
    r->place = RUN_ENGINE;
    return OK;
}

enum status run_engine(struct flow_run *r, const struct flow_node *n, int *next)
{
    r->use_n = r->use_done = 0;
    r->round = 0;
    return engine_ask(r, n, next);
}

/* When all tools of a round have run, the engine is asked again. That is another step of the path, because a failure
 * then is the engine's and not the tool's. */
static enum status engine_continue(struct flow_run *r, const struct flow_node *n, int *next)
{
    enum status st = run_tools_next(r, &n->u.engine);
    if (st || r->place == RUN_TOOL)
        return st;
    st = run_add_step(r, n);
    return st ? st : engine_ask(r, n, next);
}

enum status run_engine_tool_got(struct flow_run *r, const struct flow_node *n, const struct flow_http_reply *reply,
                                int *next)
{
    enum status st = run_tools_got(r, reply);
    return st ? st : engine_continue(r, n, next);
}

enum status run_engine_got(struct flow_run *r, const struct flow_node *n, const struct flow_engine_result *result,
                           int *next)
{
    struct str text = str_trim(result->text);
    *next = n->next;
    if (result->why)
        return engine_fail(r, n, result->why, next);
    if (result->call_n && r->round >= n->u.engine.rounds)
        return engine_fail(r, n, "The engine asks for tools instead of answering.", next);
    if (result->call_n) {
        enum status st = run_tools_add(r, result);
        return st ? st : engine_continue(r, n, next);
    }
    if (result->handoff)
        return engine_hand_off(r, n, text, next);
    if (text.n == 0 || !utf8_text(text))
        return engine_fail(r, n, "The engine has given no answer.", next);
    /* The visitor sees the mark of half an answer; a variable or a branch has none. */
    if (result->interrupted && !(n->type == NODE_ENGINE && n->u.engine.show))
        return engine_fail(r, n, "The answer of the engine was cut off.", next);
    return n->type == NODE_CLASSIFY  ? engine_got_label(r, n, text, next)
           : n->type == NODE_EXTRACT ? engine_got_values(r, n, text, next)
                                     : engine_got_answer(r, n, text, result->interrupted, next);
}
