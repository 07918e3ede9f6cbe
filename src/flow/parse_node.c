/* parse_node.c: reads nodes. For each type there is a table of the fields it may hold and a function that brings them
 * into the form for the runner. What is wrong in a way that a draft may be (a missing way on, an unknown target, a
 * type that does not fit) is noted for lint and accepted; everything else is refused. */
#include "base/num.h"
#include "flow/reader_internal.h"
#include "flow/text_internal.h"
#include "flow/value_internal.h"

#include "base/banned.h"

static const char *const node_words[NODE_TYPES] = {
    [NODE_SAY] = "say",         [NODE_ASK] = "ask",       [NODE_BRANCH] = "branch",   [NODE_SET] = "set",
    [NODE_HTTP] = "http",       [NODE_ANSWER] = "answer", [NODE_ENGINE] = "engine",   [NODE_CLASSIFY] = "classify",
    [NODE_EXTRACT] = "extract", [NODE_JUMP] = "jump",     [NODE_HANDOFF] = "handoff", [NODE_WAIT] = "wait",
    [NODE_END] = "end",
};

const char *node_type_name(enum node_type t)
{
    return node_words[t];
}

/* Notes that a way on is missing which a node of this type needs. The pointer of the note names the missing field
 * itself, so that an editor can mark where it belongs. */
static enum status need_way(struct flow_reader *r, const struct json *j, const char *key, const char *why)
{
    if (json_has(j, key))
        return OK;
    size_t mark = path_key(r, str_from(key));
    enum status st = reader_note(r, NOTE_NO_WAY, str_from(key), VAR_NONE, "%s", why);
    path_back(r, mark);
    return st;
}

/* ---- say ---- */

static const char *const message_words[] = {[FLOW_TEXT] = "text", [FLOW_IMAGE] = "image", [FLOW_CARD] = "card"};
static const struct field_rule text_fields[] = {{"type", K_STR | K_MUST}, {"text", K_TEXT | K_MUST}};
static const struct field_rule image_fields[] = {
    {"type", K_STR | K_MUST}, {"url", K_STR | K_MUST}, {"alt", K_TEXT | K_MUST}};
static const struct field_rule card_fields[] = {
    {"type", K_STR | K_MUST}, {"title", K_TEXT | K_MUST}, {"text", K_TEXT}, {"image", K_STR}, {"url", K_STR}};

/* The type is read before the table of fields is chosen: a field that belongs to another kind of message is refused
 * like a misspelt one. An absent key leaves its member empty, so all members are read whatever the kind. */
static enum status read_message(struct flow_reader *r, const struct json *j, struct say_message *m)
{
    int kind = -1;
    if (!json_is(j, JSON_OBJECT))
        return reader_refuse(r, "A message must be an object.");
    enum status st = read_word(r, j, "type", message_words, 3, &kind);
    if (st)
        return st;
    if (kind < 0)
        return reader_refuse_key(r, "type", "\"type\" is missing.");
    m->kind = (enum flow_message_kind)kind;
    st = m->kind == FLOW_TEXT    ? READ_FIELDS(r, j, text_fields)
         : m->kind == FLOW_IMAGE ? READ_FIELDS(r, j, image_fields)
                                 : READ_FIELDS(r, j, card_fields);
    if (!st)
        st = read_text(r, j, m->kind == FLOW_IMAGE ? "alt" : "text", MAX_FLOW_TEXT, &m->text);
    if (!st)
        st = read_text(r, j, "title", MAX_FLOW_LABEL, &m->title);
    if (!st)
        st = read_url(r, j, "url", &m->url);
    return st ? st : read_url(r, j, "image", &m->image);
}

static const struct field_rule say_fields[] = {
    {"type", K_STR | K_MUST}, {"note", K_STR}, {"messages", K_ARR | K_MUST}, {"choices", K_ARR}, {"next", K_STR}};

static enum status read_messages(struct flow_reader *r, const struct json *j, struct node_say *say)
{
    const struct json *list = NULL;
    enum status st = read_list(r, j, "messages", 1, MAX_FLOW_MESSAGES, &list);
    if (st)
        return st;
    say->n = json_len(list);
    say->messages = arena_array(r->a, say->n, sizeof(*say->messages));
    if (!say->messages)
        return err_nomem(r->e);
    size_t mark = path_key(r, STR("messages"));
    for (size_t i = 0; i < say->n; i++) {
        size_t inner = path_index(r, i);
        st = read_message(r, json_at(list, i), &say->messages[i]);
        if (st)
            return st;
        path_back(r, inner);
    }
    path_back(r, mark);
    return OK;
}

/* Choices that lead nowhere of their own need the node's `next`. */
static enum status check_choice_ways(struct flow_reader *r, const struct json *j, const struct node_choices *c)
{
    enum status st = OK;
    const struct json *list = json_get(j, "choices");
    if (json_has(j, "next"))
        return OK;
    size_t mark = path_key(r, STR("choices"));
    for (size_t i = 0; i < c->n && !st; i++) {
        size_t inner = path_index(r, i);
        st = need_way(r, json_at(list, i), "next",
                      "This choice has no next node: neither it nor its node has a \"next\".");
        path_back(r, inner);
    }
    path_back(r, mark);
    return st;
}

/* Choices are read by the same function as those of an `ask`, but their ways on are checked here, because not every
 * node needs one for each choice. */
static enum status read_say(struct flow_reader *r, const struct json *j, struct flow_node *n)
{
    enum status st = READ_FIELDS(r, j, say_fields);
    if (!st)
        st = read_messages(r, j, &n->u.say);
    if (!st)
        st = read_choices(r, j, &n->u.say.choices);
    return st ? st : check_choice_ways(r, j, &n->u.say.choices);
}

/* ---- ask ---- */

static const char *const expect_words[EXPECT_COUNT] = {
    [EXPECT_TEXT] = "text",   [EXPECT_EMAIL] = "email",   [EXPECT_NUMBER] = "number",   [EXPECT_DATE] = "date",
    [EXPECT_PHONE] = "phone", [EXPECT_CHOICE] = "choice", [EXPECT_PATTERN] = "pattern",
};
static const struct field_rule ask_fields[] = {{"type", K_STR | K_MUST},
                                               {"note", K_STR},
                                               {"text", K_TEXT | K_MUST},
                                               {"expect", K_STR | K_MUST},
                                               {"pattern", K_STR},
                                               {"min", K_STR | K_INT | K_NUM},
                                               {"max", K_STR | K_INT | K_NUM},
                                               {"choices", K_ARR},
                                               {"var", K_STR},
                                               {"retry", K_OBJ},
                                               {"commands", K_BOOL},
                                               {"next", K_STR}};
static const struct field_rule retry_fields[] = {{"text", K_TEXT}, {"max", K_INT}, {"then", K_STR}};

/* What a bound means depends on what is asked for: a day, a number, or a number of characters. A relative day such as
 * "today+14" is only checked here and worked out in each turn: a flow is parsed once and may run for years. */
static enum status read_bound(struct flow_reader *r, const struct json *j, const char *key, enum expect expect,
                              struct ask_bound *b)
{
    const struct json *v = json_get(j, key);
    char day[11];
    if (!v)
        return OK;
    bool text = json_is(v, JSON_STRING);
    b->set = true;
    b->number = json_double(v, 0);
    b->date = json_str(v);
    if (expect == EXPECT_DATE && (!text || !value_date(b->date, 0, day)))
        return reader_refuse_key(
            r, key, "The limit of a date must be \"today\" or of the form \"2026-03-31\" or \"today+14\".");
    if (expect != EXPECT_DATE && text)
        return reader_refuse_key(r, key, "The limit must be a number.");
    if (expect == EXPECT_TEXT && (!json_is(v, JSON_INT) || b->number < 1 || b->number > MAX_FLOW_VALUE))
        return reader_refuse_key(r, key, "The length of a text must be from 1 to %d characters.", MAX_FLOW_VALUE);
    if (expect != EXPECT_DATE && expect != EXPECT_TEXT && expect != EXPECT_NUMBER)
        return reader_refuse_key(r, key, "\"%s\" has no meaning for \"%s\".", key, expect_words[expect]);
    return OK;
}

/* Without `then` there is no limit of tries, because the conversation would have nowhere to go after the last one. So
 * `max` alone is refused, and `then` alone gets two tries. */
static enum status read_retry(struct flow_reader *r, const struct json *ask, struct node_ask *a)
{
    const struct json *j = json_get(ask, "retry");
    int64_t max = 2;
    a->retries = -1;
    a->then = NODE_NONE;
    if (!j)
        return OK;
    size_t mark = path_key(r, STR("retry"));
    enum status st = READ_FIELDS(r, j, retry_fields);
    if (!st)
        st = read_text(r, j, "text", MAX_FLOW_TEXT, &a->retry);
    if (!st)
        st = read_int(r, j, "max", 0, 10, &max);
    if (!st && json_has(j, "max") && !json_has(j, "then"))
        return reader_refuse_key(r, "then", "The flow does not continue after the last attempt: \"then\" is missing.");
    if (!st)
        st = read_target(r, j, "then", &a->then);
    if (st)
        return st;
    if (json_has(j, "then"))
        a->retries = (int)max;
    path_back(r, mark);
    return OK;
}

/* What the schema cannot say: which fields belong to which kind of answer. Bounds of dates are not compared, because
 * which of "today+7" and "2026-03-31" is later depends on the day of the turn. */
static enum status check_ask_fields(struct flow_reader *r, const struct node_ask *a)
{
    bool pattern = a->expect == EXPECT_PATTERN;
    if (a->expect == EXPECT_CHOICE && a->choices.n == 0)
        return reader_refuse_key(r, "choices", "\"choices\" is missing.");
    if (pattern && !a->pattern)
        return reader_refuse_key(r, "pattern", "\"pattern\" is missing.");
    if (!pattern && a->pattern)
        return reader_refuse_key(r, "pattern", "\"pattern\" has no meaning for \"%s\".", expect_words[a->expect]);
    if (a->min.set && a->max.set && a->expect != EXPECT_DATE && a->min.number > a->max.number)
        return reader_refuse_key(r, "max", "\"max\" is below \"min\".");
    return OK;
}

/* A text takes any answer; a number or a date only an answer of its own kind. What a choice gives is known only when it
 * is made. */
static bool ask_fits_variable(enum expect expect, enum value_kind type)
{
    if (type == KIND_TEXT || expect == EXPECT_CHOICE)
        return true;
    return type == KIND_NUMBER ? expect == EXPECT_NUMBER : type == KIND_DATE && expect == EXPECT_DATE;
}

/* A type that does not fit is for lint to report: while a draft is edited, the variable may be about to change. For a
 * choice each button has a way of its own, so `next` is required only where one of them lacks it. */
static enum status check_ask(struct flow_reader *r, const struct json *j, const struct node_ask *a)
{
    enum status st = check_ask_fields(r, a);
    if (!st && a->var >= 0 && !ask_fits_variable(a->expect, r->f->vars[a->var].type))
        st = reader_note(r, NOTE_TYPE, r->f->vars[a->var].name, a->var,
                         "An answer of the kind \"%s\" does not fit the type of the variable.",
                         expect_words[a->expect]);
    if (st)
        return st;
    return a->expect == EXPECT_CHOICE
               ? check_choice_ways(r, j, &a->choices)
               : need_way(r, j, "next", "After the answer the flow does not continue: \"next\" is missing.");
}

/* `expect` is read first because the bounds depend on it, and the checks that compare fields come last, when all of
 * them are known. */
static enum status read_ask(struct flow_reader *r, const struct json *j, struct flow_node *n)
{
    struct node_ask *a = &n->u.ask;
    int expect = 0;
    enum status st = READ_FIELDS(r, j, ask_fields);
    if (!st)
        st = read_word(r, j, "expect", expect_words, EXPECT_COUNT, &expect);
    a->expect = (enum expect)expect;
    if (!st)
        st = read_text(r, j, "text", MAX_FLOW_TEXT, &a->text);
    if (!st)
        st = read_pattern(r, j, "pattern", &a->pattern);
    if (!st)
        st = read_bound(r, j, "min", a->expect, &a->min);
    if (!st)
        st = read_bound(r, j, "max", a->expect, &a->max);
    if (!st)
        st = read_choices(r, j, &a->choices);
    if (!st)
        st = read_var(r, j, "var", NOTE_VAR_WRITE, &a->var);
    if (!st)
        st = read_retry(r, j, a);
    a->no_commands = json_has(j, "commands") && !json_bool(json_get(j, "commands"));
    return st ? st : check_ask(r, j, a);
}

/* ---- branch ---- */

static const struct field_rule branch_fields[] = {
    {"type", K_STR | K_MUST}, {"note", K_STR}, {"cases", K_ARR | K_MUST}, {"else", K_STR}};
static const struct field_rule case_fields[] = {{"when", K_OBJ | K_MUST}, {"next", K_STR | K_MUST}};

/* The first condition has depth 1; read_condition counts from there. */
static enum status read_case(struct flow_reader *r, const struct json *j, struct branch_case *c)
{
    enum status st = READ_FIELDS(r, j, case_fields);
    if (st)
        return st;
    size_t mark = path_key(r, STR("when"));
    st = read_condition(r, json_get(j, "when"), 1, &c->when);
    if (st)
        return st;
    path_back(r, mark);
    return read_target(r, j, "next", &c->next);
}

/* `else` is stored as the node's ordinary way on, so that graph.c and the runner treat a branch like any other node. */
static enum status read_branch(struct flow_reader *r, const struct json *j, struct flow_node *n)
{
    struct node_branch *b = &n->u.branch;
    const struct json *list = NULL;
    enum status st = READ_FIELDS(r, j, branch_fields);
    if (!st)
        st = read_list(r, j, "cases", 1, MAX_FLOW_LIST, &list);
    if (st)
        return st;
    b->n = json_len(list);
    b->cases = arena_array(r->a, b->n, sizeof(*b->cases));
    if (!b->cases)
        return err_nomem(r->e);
    size_t mark = path_key(r, STR("cases"));
    for (size_t i = 0; i < b->n; i++) {
        size_t inner = path_index(r, i);
        st = read_case(r, json_at(list, i), &b->cases[i]);
        if (st)
            return st;
        path_back(r, inner);
    }
    path_back(r, mark);
    st = read_target(r, j, "else", &n->next);
    return st ? st : need_way(r, j, "else", "When no case is true the flow does not continue: \"else\" is missing.");
}

/* ---- set ---- */

static const struct field_rule set_fields[] = {
    {"type", K_STR | K_MUST}, {"note", K_STR}, {"set", K_ARR | K_MUST}, {"next", K_STR}, {"tool", K_OBJ}};
static const struct field_rule assign_fields[] = {
    {"var", K_STR | K_MUST}, {"to", K_SCALAR | K_NULL}, {"add", K_INT | K_NUM}, {"copy", K_STR}, {"template", K_TEXT}};

/* `language` takes only a language of the flow; null empties any other variable. A value of the wrong type is a note
 * for lint, because the runner handles it: it leaves the variable empty. */
static enum status read_assign_to(struct flow_reader *r, const struct json *j, struct assign *s)
{
    bool ok = true;
    struct str text = STR_EMPTY;
    const struct json *v = json_get(j, "to");
    enum value_kind type = s->var >= 0 ? r->f->vars[s->var].type : KIND_TEXT;
    enum status st = json_is(v, JSON_STRING) ? read_string(r, j, "to", 0, MAX_FLOW_TEXT, &text) : OK;
    if (st)
        return st;
    if (s->var == VAR_LANGUAGE && language_index(r->f, json_str(v)) < 0)
        return reader_refuse_key(r, "to", "\"language\" must be set to one of the flow's languages.");
    s->to = value_of_json(r->a, v, type, &ok);
    if (!ok)
        return err_nomem(r->e);
    if (v && s->to.kind == KIND_NONE)
        return reader_note(r, NOTE_TYPE, json_get_str(j, "var"), s->var, "The value does not fit the variable's type.");
    return OK;
}

/* The booleans are added up because "exactly one of four" is what the schema's oneOf says. The rest reads all fields
 * and relies on an absent key leaving its member alone. */
static enum status read_assign(struct flow_reader *r, const struct json *j, struct assign *s)
{
    enum status st = READ_FIELDS(r, j, assign_fields);
    if (!st && json_has(j, "to") + json_has(j, "add") + json_has(j, "copy") + json_has(j, "template") != 1)
        return reader_refuse(r, "Exactly one of \"to\", \"add\", \"copy\" and \"template\" must be given.");
    if (!st)
        st = read_var(r, j, "var", NOTE_VAR_WRITE, &s->var);
    s->how = json_has(j, "add")        ? ASSIGN_ADD
             : json_has(j, "copy")     ? ASSIGN_COPY
             : json_has(j, "template") ? ASSIGN_TEMPLATE
                                       : ASSIGN_TO;
    s->add = json_double(json_get(j, "add"), 0);
    if (!st)
        st = read_var(r, j, "copy", NOTE_VAR_READ, &s->from);
    if (!st)
        st = read_text(r, j, "template", MAX_FLOW_TEXT, &s->text);
    if (!st && s->how == ASSIGN_TO)
        st = read_assign_to(r, j, s);
    if (!st && s->how == ASSIGN_ADD && (s->var < 0 || r->f->vars[s->var].type != KIND_NUMBER))
        st = reader_note(r, NOTE_TYPE, json_get_str(j, "var"), s->var, "\"add\" needs a variable of the type number.");
    return st;
}

static enum status read_set(struct flow_reader *r, const struct json *j, struct flow_node *n)
{
    struct node_set *s = &n->u.set;
    const struct json *list = NULL;
    enum status st = READ_FIELDS(r, j, set_fields);
    if (!st)
        st = read_list(r, j, "set", 1, MAX_FLOW_LIST, &list);
    if (st)
        return st;
    s->n = json_len(list);
    s->assigns = arena_array(r->a, s->n, sizeof(*s->assigns));
    if (!s->assigns)
        return err_nomem(r->e);
    size_t mark = path_key(r, STR("set"));
    for (size_t i = 0; i < s->n; i++) {
        size_t inner = path_index(r, i);
        st = read_assign(r, json_at(list, i), &s->assigns[i]);
        if (st)
            return st;
        path_back(r, inner);
    }
    path_back(r, mark);
    return json_has(j, "tool") ? OK : need_way(r, j, "next", "The flow does not continue here: \"next\" is missing.");
}

/* ---- answer, handoff, jump, wait, end ---- */

static const struct field_rule answer_fields[] = {{"type", K_STR | K_MUST}, {"note", K_STR},        {"next", K_STR},
                                                  {"unsure", K_TEXT},       {"none_label", K_TEXT}, {"none", K_STR}};

static enum status read_answer_node(struct flow_reader *r, const struct json *j, struct flow_node *n)
{
    enum status st = READ_FIELDS(r, j, answer_fields);
    if (!st)
        st = read_text(r, j, "unsure", MAX_FLOW_TEXT, &n->u.answer.unsure);
    if (!st)
        st = read_text(r, j, "none_label", MAX_FLOW_LABEL, &n->u.answer.none_label);
    if (!st && json_has(j, "none_label") && !json_has(j, "none"))
        return reader_refuse_key(r, "none", "\"none_label\" needs \"none\", the node it leads to.");
    return st ? st : read_target(r, j, "none", &n->u.answer.none);
}

static const struct field_rule handoff_fields[] = {
    {"type", K_STR | K_MUST}, {"note", K_STR}, {"text", K_TEXT}, {"next", K_STR}};
static const struct field_rule end_fields[] = {{"type", K_STR | K_MUST}, {"note", K_STR}, {"text", K_TEXT}};

/* `handoff` may have a way on, which is taken when a person gives the conversation back; `end` has none, because a
 * closed conversation begins again at `start`. */
static enum status read_last_text(struct flow_reader *r, const struct json *j, struct flow_node *n)
{
    enum status st = n->type == NODE_END ? READ_FIELDS(r, j, end_fields) : READ_FIELDS(r, j, handoff_fields);
    return st ? st : read_text(r, j, "text", MAX_FLOW_TEXT, &n->u.text);
}

static const struct field_rule jump_fields[] = {{"type", K_STR | K_MUST}, {"note", K_STR}, {"to", K_STR | K_MUST}};

static enum status read_jump(struct flow_reader *r, const struct json *j, struct flow_node *n)
{
    enum status st = READ_FIELDS(r, j, jump_fields);
    return st ? st : read_target(r, j, "to", &n->next);
}

static const struct field_rule wait_fields[] = {
    {"type", K_STR | K_MUST}, {"note", K_STR}, {"seconds", K_INT}, {"for", K_STR}, {"next", K_STR}};
static const char *const wait_words[] = {"message"};

/* A pause is at most 10 s: it is a typing pause shown by the visitor's client, and a longer one looks like a broken
 * bot. */
static enum status read_wait(struct flow_reader *r, const struct json *j, struct flow_node *n)
{
    int unused = 0;
    int64_t seconds = 0;
    enum status st = READ_FIELDS(r, j, wait_fields);
    if (!st && json_has(j, "seconds") == json_has(j, "for"))
        return reader_refuse(r, "Exactly one of \"seconds\" and \"for\" must be given.");
    if (!st)
        st = read_int(r, j, "seconds", 1, 10, &seconds);
    if (!st)
        st = read_word(r, j, "for", wait_words, 1, &unused);
    n->u.seconds = (int)seconds;
    return st ? st : need_way(r, j, "next", "The flow does not continue here: \"next\" is missing.");
}

/* ---- all of them ---- */

static enum status (*const readers[NODE_TYPES])(struct flow_reader *, const struct json *, struct flow_node *) = {
    [NODE_SAY] = read_say,       [NODE_ASK] = read_ask,           [NODE_BRANCH] = read_branch,
    [NODE_SET] = read_set,       [NODE_HTTP] = read_http,         [NODE_ANSWER] = read_answer_node,
    [NODE_ENGINE] = read_engine, [NODE_CLASSIFY] = read_classify, [NODE_EXTRACT] = read_extract,
    [NODE_JUMP] = read_jump,     [NODE_HANDOFF] = read_last_text, [NODE_WAIT] = read_wait,
    [NODE_END] = read_last_text,
};

/* Branches and jumps store their `else` or `to` in n->next themselves, and a second read of `next` would overwrite
 * it. Every other type has its own way on under that name, or none. */
static enum status read_node(struct flow_reader *r, const struct json *j, struct flow_node *n)
{
    int type = -1;
    struct str note_text = STR_EMPTY;
    enum status st = read_word(r, j, "type", node_words, NODE_TYPES, &type);
    if (!st && type < 0)
        return reader_refuse_key(r, "type", "\"type\" is missing.");
    if (st)
        return st;
    n->type = (enum node_type)type;
    st = readers[type](r, j, n);
    if (!st && json_has(j, "tool"))
        st = read_tool(r, j, n);
    if (!st && n->type != NODE_BRANCH && n->type != NODE_CLASSIFY && n->type != NODE_JUMP)
        st = read_target(r, j, "next", &n->next);
    return st ? st : read_string(r, j, "note", 0, MAX_FLOW_TEXT, &note_text);
}

/* Names first, so that a target becomes an index whatever the order of the nodes. The array gets its final size here:
 * the map keeps pointers into it. */
static enum status name_nodes(struct flow_reader *r, const struct json *nodes)
{
    struct flow *f = r->f;
    struct json_iter it = {0};
    if (json_len(nodes) == 0)
        return reader_refuse(r, "A flow must have at least one node.");
    if (json_len(nodes) > MAX_FLOW_NODES)
        return reader_refuse(r, "A flow can have at most %d nodes.", MAX_FLOW_NODES);
    f->nodes = arena_array(r->a, json_len(nodes), sizeof(*f->nodes));
    if (!f->nodes)
        return err_nomem(r->e);
    while (json_each(nodes, &it)) {
        size_t mark = path_key(r, it.key);
        struct flow_node *n = &f->nodes[f->node_n++];
        n->id = it.key;
        if (!name_ok(n->id, true))
            return reader_refuse(r, "The name of a node must have at most %d letters, digits, _ or -.", MAX_FLOW_NAME);
        if (!json_is(it.value, JSON_OBJECT))
            return reader_refuse(r, "A node must be an object.");
        if (map_put(&f->node_names, n->id, n) != 0)
            return err_nomem(r->e);
        path_back(r, mark);
    }
    return OK;
}

/* r->node tells notes which node they belong to. JSON objects keep their order, so the second pass meets the nodes in
 * the order in which name_nodes has numbered them. */
enum status read_nodes(struct flow_reader *r, const struct json *nodes)
{
    struct json_iter it = {0};
    size_t mark = path_key(r, STR("nodes"));
    enum status st = name_nodes(r, nodes);
    for (r->node = 0; !st && json_each(nodes, &it); r->node++) {
        size_t inner = path_key(r, it.key);
        st = read_node(r, it.value, &r->f->nodes[r->node]);
        if (!st)
            path_back(r, inner);
    }
    if (!st)
        path_back(r, mark);
    return st;
}
