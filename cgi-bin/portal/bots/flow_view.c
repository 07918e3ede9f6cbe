/* flow_view.c: a flow as people read it: its nodes in order, the findings of the checks, and the differences between
 * two flows.
 *
 * It reads the JSON and not the compiled flow, because a draft with errors must be shown as well. Whatever is missing
 * or of a wrong type simply shows nothing; flow_parse is what reports it. */
#include "portal/bots/flow_view.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/num.h"
#include "base/utf8.h"

#include "base/banned.h"

#define FLOW_TEXT_SHOWN 600 /* characters shown of one text */

struct flow_view_reader {
    struct view *v;
    struct arena *a;
    const struct json *doc, *nodes;
    struct str language;
    size_t row, target; /* the next row of Nodes, and of its Targets */
};

/* ---- texts of the flow ---- */

/* A text is a string, or an object with a string for each language: the one asked for, else the first language of the
 * flow, else any. */
static struct str flow_view_text(const struct flow_view_reader *r, const struct json *j)
{
    struct json_iter it = {0};
    if (json_is(j, JSON_STRING))
        return json_str(j);
    struct str s = json_str(json_get_n(j, r->language));
    if (!s.n)
        s = json_str(json_get_n(j, json_str(json_at(json_get(r->doc, "languages"), 0))));
    return !s.n && json_each(j, &it) ? json_str(it.value) : s;
}

/* A text that is cut ends in an ellipsis. */
static struct str flow_view_shorten(struct flow_view_reader *r, struct str s, size_t max_chars)
{
    struct str head = utf8_cut(s, max_chars);
    return head.n == s.n ? s : str_from(arena_printf(r->a, "%.*s…", STR_F(head)));
}

static void flow_view_row_str(struct flow_view_reader *r, const char *field, struct str value)
{
    if (value.n)
        view_str(r->v, view_at(r->v, "Nodes", r->row, field), flow_view_shorten(r, value, FLOW_TEXT_SHOWN));
}

/* A way that is not given is left out here; the checks report it where it is needed. */
static void flow_view_target(struct flow_view_reader *r, struct str when, struct str node)
{
    char key[64];
    if (!node.n)
        return;
    snprintf(key, sizeof(key), "Nodes.%zu.Targets", r->row);
    view_str(r->v, view_at(r->v, key, r->target, "When"), flow_view_shorten(r, when, 160));
    view_str(r->v, view_at(r->v, key, r->target, "Node"), node);
    r->target++;
}

static struct str flow_view_words(struct flow_view_reader *r, const char *key)
{
    return str_from(view_t(r->v, key));
}

/* ---- conditions in words ---- */

/* Strings are quoted, lists joined; everything else is shown as JSON. */
static void flow_view_value(struct buf *b, const struct json *j)
{
    if (json_is(j, JSON_STRING)) {
        buf_printf(b, "“%.*s”", STR_F(json_str(j)));
        return;
    }
    for (size_t i = 0; json_is(j, JSON_ARRAY) && i < json_len(j); i++) {
        buf_puts(b, i ? ", " : "");
        flow_view_value(b, json_at(j, i));
    }
    if (!json_is(j, JSON_ARRAY))
        json_write(b, j);
}

static void flow_view_condition(struct flow_view_reader *r, struct buf *b, const struct json *j, int depth);

static void flow_view_conditions(struct flow_view_reader *r, struct buf *b, const struct json *list,
                                 const char *between, int depth)
{
    for (size_t i = 0; i < json_len(list); i++) {
        if (i)
            buf_printf(b, " %s ", view_t(r->v, between));
        flow_view_condition(r, b, json_at(list, i), depth + 1);
    }
}

/* Conditions may be nested. Beyond a depth that no person reads, an ellipsis takes their place. */
static void flow_view_condition(struct flow_view_reader *r, struct buf *b, const struct json *j, int depth)
{
    if (depth > 8)
        buf_puts(b, "…");
    else if (json_has(j, "all"))
        flow_view_conditions(r, b, json_get(j, "all"), "Bots.Flow.And", depth);
    else if (json_has(j, "any"))
        flow_view_conditions(r, b, json_get(j, "any"), "Bots.Flow.Or", depth);
    else if (json_has(j, "not")) {
        buf_printf(b, "%s (", view_t(r->v, "Bots.Flow.Not"));
        flow_view_condition(r, b, json_get(j, "not"), depth + 1);
        buf_putc(b, ')');
    } else {
        struct str op = json_get_str(j, "op");
        char key[40];
        snprintf(key, sizeof(key), "Bots.Flow.Op.%.*s", STR_F(str_sub(op, 0, 20)));
        buf_printf(b, "%.*s %s ", STR_F(json_get_str(j, "var")), view_t(r->v, key));
        if (json_has(j, "value"))
            flow_view_value(b, json_get(j, "value"));
    }
}

/* Too long a condition shows nothing: a sentence cut in its middle could say the opposite. */
static struct str flow_view_condition_text(struct flow_view_reader *r, const struct json *j)
{
    struct buf b;
    bool ok = true;
    buf_init(&b, 64 * KB);
    flow_view_condition(r, &b, j, 0);
    struct str s = buf_ok(&b) ? arena_str(r->a, str_trim(buf_str(&b)), &ok) : STR_EMPTY;
    buf_release(&b);
    return s;
}

/* ---- one node ---- */

/* A choice without a way of its own goes where its node goes, as the runner does it. */
static void flow_view_choices(struct flow_view_reader *r, const struct json *n)
{
    const struct json *list = json_get(n, "choices");
    for (size_t i = 0; i < json_len(list); i++) {
        const struct json *c = json_at(list, i);
        struct str next = json_get_str(c, "next");
        flow_view_target(r, flow_view_text(r, json_get(c, "label")), next.n ? next : json_get_str(n, "next"));
    }
}

/* A message is shown by its title, text or description, whichever it has. */
static void flow_view_say(struct flow_view_reader *r, const struct json *n)
{
    struct buf b;
    const struct json *list = json_get(n, "messages");
    buf_init(&b, MAX_FLOW);
    for (size_t i = 0; i < json_len(list); i++) {
        const struct json *m = json_at(list, i);
        const struct json *t = json_has(m, "title")  ? json_get(m, "title")
                               : json_has(m, "text") ? json_get(m, "text")
                                                     : json_get(m, "alt");
        struct str s = flow_view_text(r, t);
        buf_puts(&b, i ? "\n" : "");
        buf_str_add(&b, s);
    }
    flow_view_row_str(r, "Text", buf_str(&b));
    buf_release(&b);
    flow_view_choices(r, n);
    if (!json_len(json_get(n, "choices")))
        flow_view_target(r, STR_EMPTY, json_get_str(n, "next"));
}

/* An answer goes to the choice that was pressed, or to `next` if there are no choices. */
static void flow_view_ask(struct flow_view_reader *r, const struct json *n)
{
    char key[40];
    struct str var = json_get_str(n, "var");
    snprintf(key, sizeof(key), "Bots.Flow.Expect.%.*s", STR_F(str_sub(json_get_str(n, "expect"), 0, 20)));
    flow_view_row_str(r, "Text", flow_view_text(r, json_get(n, "text")));
    flow_view_row_str(r, "Detail",
                      view_fill(r->v, var.n ? "Bots.Flow.Asks" : "Bots.Flow.AsksOnly",
                                {"what", flow_view_words(r, key)}, {"var", var}));
    flow_view_choices(r, n);
    if (!json_len(json_get(n, "choices")))
        flow_view_target(r, STR_EMPTY, json_get_str(n, "next"));
    flow_view_target(r, flow_view_words(r, "Bots.Flow.Tries"), json_get_str(json_get(n, "retry"), "then"));
}

static void flow_view_branch(struct flow_view_reader *r, const struct json *n)
{
    const struct json *list = json_get(n, "cases");
    for (size_t i = 0; i < json_len(list); i++)
        flow_view_target(r, flow_view_condition_text(r, json_get(json_at(list, i), "when")),
                         json_get_str(json_at(list, i), "next"));
    flow_view_target(r, flow_view_words(r, "Bots.Flow.Else"), json_get_str(n, "else"));
}

/* As in a program: += for a sum, = for all other assignments, in the order in which they are made. */
static void flow_view_set(struct flow_view_reader *r, const struct json *n)
{
    struct buf b;
    const struct json *list = json_get(n, "set");
    buf_init(&b, MAX_FLOW);
    for (size_t i = 0; i < json_len(list); i++) {
        const struct json *s = json_at(list, i);
        buf_printf(&b, "%s%.*s %s ", i ? "\n" : "", STR_F(json_get_str(s, "var")), json_has(s, "add") ? "+=" : "=");
        if (json_has(s, "copy"))
            buf_str_add(&b, json_get_str(s, "copy"));
        else if (json_has(s, "template"))
            buf_str_add(&b, flow_view_text(r, json_get(s, "template")));
        else
            flow_view_value(&b, json_has(s, "add") ? json_get(s, "add") : json_get(s, "to"));
    }
    flow_view_row_str(r, "Detail", buf_str(&b));
    buf_release(&b);
    flow_view_target(r, STR_EMPTY, json_get_str(n, "next"));
}

/* Headers and body are left out: they may hold a key, and this page may be shown to members who only read. So may the
 * parameters of the address. */
static void flow_view_http(struct flow_view_reader *r, const struct json *n)
{
    bool ok = true;
    struct str url = flow_url_shown(r->a, json_get_str(n, "url"), &ok);
    const char *line = ok ? arena_printf(r->a, "%.*s %.*s", STR_F(json_get_str(n, "method")), STR_F(url)) : NULL;
    flow_view_row_str(r, "Detail", str_from(line));
    flow_view_target(r, STR_EMPTY, json_get_str(n, "next"));
    flow_view_target(r, flow_view_words(r, "Bots.Flow.OnError"), json_get_str(n, "error"));
}

static void flow_view_answer(struct flow_view_reader *r, const struct json *n)
{
    flow_view_row_str(r, "Detail", flow_view_words(r, "Bots.Flow.AnswerDetail"));
    flow_view_target(r, STR_EMPTY, json_get_str(n, "next"));
    flow_view_target(r, flow_view_words(r, "Bots.Flow.NoMatch"), json_get_str(n, "none"));
}

static void flow_view_wait(struct flow_view_reader *r, const struct json *n)
{
    const char *seconds = arena_printf(r->a, "%d", (int)json_int(json_get(n, "seconds"), 0));
    flow_view_row_str(r, "Detail",
                      json_has(n, "seconds") ? view_fill(r->v, "Bots.Flow.Seconds", {"n", str_from(seconds)})
                                             : flow_view_words(r, "Bots.Flow.WaitsMessage"));
    flow_view_target(r, STR_EMPTY, json_get_str(n, "next"));
}

/* What is asked is shown, or else what the engine is told to be. */
static void flow_view_engine(struct flow_view_reader *r, const struct json *n)
{
    const struct json *labels = json_get(n, "labels"), *asked = json_get(n, json_has(n, "prompt") ? "prompt" : "text");
    flow_view_row_str(r, "Detail", flow_view_text(r, asked ? asked : json_get(n, "system")));
    for (size_t i = 0; i < json_len(labels); i++)
        flow_view_target(r, json_get_str(json_at(labels, i), "label"), json_get_str(json_at(labels, i), "next"));
    flow_view_target(r, STR_EMPTY, json_get_str(n, "next"));
    flow_view_target(r, flow_view_words(r, "Bots.Flow.Else"), json_get_str(n, "else"));
    flow_view_target(r, flow_view_words(r, "Bots.Flow.OnHandoff"), json_get_str(n, "handoff"));
    flow_view_target(r, flow_view_words(r, "Bots.Flow.OnError"), json_get_str(n, "error"));
}

/* Node types without a view of their own, and types that this release does not know: a draft may have been written for
 * a newer one. */
static void flow_view_plain(struct flow_view_reader *r, const struct json *n)
{
    flow_view_row_str(r, "Text", flow_view_text(r, json_get(n, "text")));
    flow_view_target(r, STR_EMPTY, json_get_str(n, "next"));
    flow_view_target(r, STR_EMPTY, json_get_str(n, "to"));
}

/* The type selects the view; the head of the row is the same for all. */
static void flow_view_node(struct flow_view_reader *r, struct str id, const struct json *n)
{
    static const struct {
        const char *type;
        void (*show)(struct flow_view_reader *, const struct json *);
    } shows[] = {{"say", flow_view_say},       {"ask", flow_view_ask},         {"branch", flow_view_branch},
                 {"set", flow_view_set},       {"http", flow_view_http},       {"answer", flow_view_answer},
                 {"engine", flow_view_engine}, {"classify", flow_view_engine}, {"extract", flow_view_engine},
                 {"wait", flow_view_wait}};
    struct str type = json_get_str(n, "type");
    char key[40];
    size_t i = 0, known = COUNT_OF(shows);
    r->target = 0;
    snprintf(key, sizeof(key), "Bots.Flow.Type.%.*s", STR_F(str_sub(type, 0, 20)));
    flow_view_row_str(r, "Id", id);
    flow_view_row_str(r, "Type", type);
    flow_view_row_str(r, "TypeText", flow_view_words(r, key));
    view_bool(r->v, view_at(r->v, "Nodes", r->row, "Start"), str_eq(id, json_get_str(r->doc, "start")));
    while (i < known && !str_eqz(type, shows[i].type))
        i++;
    (i < known ? shows[i].show : flow_view_plain)(r, n);
    r->row++;
}

/* ---- the order: as a visitor meets the nodes; unreachable nodes come last ---- */

struct flow_view_order {
    struct str *ids;
    size_t n, max;
    struct map seen;
};

/* Adds a node to the order if it exists and is not in it yet. */
static void flow_view_meet(struct flow_view_order *w, const struct json *nodes, struct str id)
{
    if (id.n && w->n < w->max && json_get_n(nodes, id) && !map_get(&w->seen, id) && map_put(&w->seen, id, w) == 0)
        w->ids[w->n++] = id;
}

/* Adds the nodes that this one leads to, in the order in which the editor shows the members. */
static void flow_view_meet_all(struct flow_view_order *w, const struct json *nodes, const struct json *j, int depth)
{
    static const char *const members[] = {"next", "else", "handoff", "error", "none", "to", "then"};
    static const char *const inner[] = {"choices", "cases", "labels", "retry"};
    for (size_t i = 0; i < COUNT_OF(members); i++)
        flow_view_meet(w, nodes, json_get_str(j, members[i]));
    for (size_t i = 0; depth == 0 && i < COUNT_OF(inner); i++) {
        const struct json *list = json_get(j, inner[i]);
        if (json_is(list, JSON_OBJECT))
            flow_view_meet_all(w, nodes, list, 1);
        for (size_t k = 0; json_is(list, JSON_ARRAY) && k < json_len(list); k++)
            flow_view_meet_all(w, nodes, json_at(list, k), 1);
    }
}

/* Breadth first from the start; then what only commands and the catch-all reach; then the rest. The list of ids is the
 * queue. */
static void flow_view_walk(struct flow_view_order *w, const struct json *doc, const struct json *nodes)
{
    struct json_iter it = {0}, commands = {0};
    flow_view_meet(w, nodes, json_get_str(doc, "start"));
    for (size_t i = 0; i < w->n; i++)
        flow_view_meet_all(w, nodes, json_get_n(nodes, w->ids[i]), 0);
    size_t from = w->n;
    flow_view_meet(w, nodes, json_get_str(doc, "catch_all"));
    while (json_each(json_get(doc, "commands"), &commands))
        flow_view_meet(w, nodes, json_get_str(commands.value, "next"));
    for (size_t i = from; i < w->n; i++)
        flow_view_meet_all(w, nodes, json_get_n(nodes, w->ids[i]), 0);
    while (json_each(nodes, &it))
        flow_view_meet(w, nodes, it.key);
}

/* The order is computed first: rows are numbered as they are filled. A flow has at most 2,000 nodes, so all of them are
 * on one page. */
enum status flow_view_fill(struct view *v, struct arena *a, const struct json *doc, struct str language, struct err *e)
{
    struct flow_view_reader r = {.v = v, .a = a, .doc = doc, .nodes = json_get(doc, "nodes"), .language = language};
    struct flow_view_order w = {.max = json_len(r.nodes)};
    w.ids = arena_array(a, w.max + 1, sizeof(*w.ids));
    if (!w.ids)
        return err_nomem(e);
    map_init(&w.seen);
    flow_view_walk(&w, doc, r.nodes);
    map_release(&w.seen);
    for (size_t i = 0; i < w.n; i++)
        flow_view_node(&r, w.ids[i], json_get_n(r.nodes, w.ids[i]));
    return OK;
}

/* ---- checks ---- */

static void flow_view_finding(struct view *v, size_t i, bool error, struct str node, struct str message)
{
    view_bool(v, view_at(v, "Check.Findings", i, "Error"), error);
    view_str(v, view_at(v, "Check.Findings", i, "Node"), node);
    view_str(v, view_at(v, "Check.Findings", i, "Message"), message);
}

struct flow_view_checks {
    size_t errors, warnings, tests, failed;
};

/* Errors keep the draft from being published, warnings do not. */
static enum status flow_view_check_lint(struct view *v, struct db *db, struct id tenant, struct arena *a,
                                        const struct flow *f, struct flow_view_checks *c, struct err *e)
{
    struct flow_finding *list = NULL;
    size_t n = 0;
    enum status st = bot_check(db, tenant, f, a, &list, &n, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        bool error = list[i].severity == FLOW_ERROR;
        *(error ? &c->errors : &c->warnings) += 1;
        flow_view_finding(v, i, error, list[i].node, list[i].message);
    }
    return st;
}

/* Only tests that failed are listed. */
static enum status flow_view_check_tests(struct view *v, struct arena *a, const struct flow *f,
                                         struct flow_view_checks *c, struct err *e)
{
    struct flow_test_result *list = NULL;
    size_t n = 0;
    enum status st = flow_test(f, a, &list, &n, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        c->tests++;
        if (list[i].passed)
            continue;
        view_str(v, view_at(v, "Check.Failed", c->failed, "Name"), list[i].name);
        view_str(v, view_at(v, "Check.Failed", c->failed, "Message"), list[i].message);
        c->failed++;
    }
    return st;
}

static void flow_view_check_words(struct view *v, const struct flow_view_checks *c)
{
    view_int(v, "Check.Errors", (int64_t)c->errors);
    view_int(v, "Check.Warnings", (int64_t)c->warnings);
    view_int(v, "Check.Tests", (int64_t)c->tests);
    view_int(v, "Check.TestsFailed", (int64_t)c->failed);
    view_bool(v, "Check.Ok", c->errors == 0 && c->failed == 0);
    if (c->errors)
        view_count(v, "Check.LintText", "Bots.Check.Errors", (int64_t)c->errors);
    else
        view_text(v, "Check.LintText", view_t(v, "Bots.Check.NoErrors"));
    view_count(v, "Check.WarnText", "Bots.Check.Warnings", (int64_t)c->warnings);
    if (!c->tests)
        view_text(v, "Check.TestText", view_t(v, c->errors ? "Bots.Check.NotTested" : "Bots.Check.NoTests"));
    else
        view_count(v, "Check.TestText", c->failed ? "Bots.Check.TestsFailed" : "Bots.Check.TestsPassed",
                   (int64_t)(c->failed ? c->failed : c->tests));
}

/* A bot that answers from its knowledge and has no answers yet gets a hint on the page. */
static bool flow_view_uses_answers(const struct json *doc)
{
    struct json_iter it = {0};
    while (json_each(json_get(doc, "nodes"), &it))
        if (str_eq(json_get_str(it.value, "type"), STR("answer")))
            return true;
    return false;
}

/* Scripted tests run only on a flow without errors: a broken flow would fail them for reasons that the findings
 * name better. */
enum status flow_view_check(struct view *v, struct db *db, struct id tenant, struct arena *a, const struct json *doc,
                            struct err *e)
{
    struct flow *f = NULL;
    struct flow_view_checks c = {0};
    struct err bad = ERR_INIT;
    enum status st = flow_parse(doc, &f, &bad);
    if (st == ERR_INVALID) {
        c.errors = 1;
        flow_view_finding(v, 0, true, STR_EMPTY, str_from(arena_printf(a, "%s %s", bad.pointer, bad.message)));
        st = OK;
    } else if (st == OK) {
        st = flow_view_check_lint(v, db, tenant, a, f, &c, e);
        if (st == OK && c.errors == 0)
            st = flow_view_check_tests(v, a, f, &c, e);
    } else if (e) {
        *e = bad;
    }
    flow_drop(f);
    flow_view_check_words(v, &c);
    view_bool(v, "Check.UsesAnswers", flow_view_uses_answers(doc));
    return st;
}

/* ---- differences ---- */

/* One step of a JSON pointer in words: positions count from 1; members and languages have names. */
static void flow_view_place_step(struct view *v, struct buf *b, struct str step)
{
    uint64_t n = 0;
    char key[64];
    const char *text = key;
    if (num_u64(step, 1000000, &n)) {
        buf_printf(b, " %llu", (unsigned long long)n + 1);
        return;
    }
    for (size_t i = 0; i < 2 && text == key; i++) {
        snprintf(key, sizeof(key), "%s.%.*s", i ? "Languages" : "Bots.Flow.Place", STR_F(str_sub(step, 0, 35)));
        const char *found = view_t(v, key);
        text = strcmp(found, key) != 0 ? found : key;
    }
    buf_puts(b, b->n ? ", " : "");
    buf_str_add(b, text == key ? step : str_from(text));
}

/* "/nodes/welcome/messages/0/text/en" becomes "message 1, text, English": the node is shown separately. */
static void flow_view_place(struct view *v, const char *key, struct str pointer, struct str node)
{
    struct buf b;
    struct str step, rest = pointer;
    size_t skip = 1;
    buf_init(&b, 4 * KB);
    if (node.n && str_starts(pointer, STR("/nodes/")))
        skip = 3;
    while (str_split(&rest, '/', &step))
        if (skip)
            skip--;
        else
            flow_view_place_step(v, &b, step);
    view_str(v, key, buf_str(&b));
    buf_release(&b);
}

/* The place is said in the language of the page; the sentence of the comparison itself (`words`) is English and is for
 * the command line. */
enum status flow_view_changes(struct view *v, struct arena *a, const struct json *before, const struct json *after,
                              struct err *e)
{
    static const char *const kinds[] = {"added", "removed", "changed"};
    char place[64];
    struct flow_change *list = NULL;
    size_t n = 0;
    enum status st = flow_diff(before, after, a, &list, &n, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        view_text(v, view_at(v, "Changes", i, "Kind"), kinds[list[i].kind]);
        view_str(v, view_at(v, "Changes", i, "Node"), list[i].node);
        snprintf(place, sizeof(place), "Changes.%zu.Place", i);
        flow_view_place(v, place, list[i].pointer, list[i].node);
        view_str(v, view_at(v, "Changes", i, "Before"), utf8_cut(list[i].before, FLOW_TEXT_SHOWN));
        view_str(v, view_at(v, "Changes", i, "After"), utf8_cut(list[i].after, FLOW_TEXT_SHOWN));
    }
    return st;
}
