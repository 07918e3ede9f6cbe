/* lint.c: findings in a flow that parses. The flow is read once more with notes of everything that was met
 * (flow_read), the notes become findings, then the graph of nodes is walked. Findings come out in the order of the
 * nodes. The number of findings is bounded; the first ones are the useful ones. */
#include <stdio.h>
#include <stdlib.h>

#include "flow/reader_internal.h"

#include "base/banned.h"

struct lint_finding {
    struct flow_finding f;
    int node;
    size_t order;
};
struct lint {
    struct arena *a;
    struct err *e;
    const struct flow *f;
    struct lint_finding *p;
    size_t n;
};

static enum status lint_add_v(struct lint *l, enum flow_severity s, const char *code, int node, struct str pointer,
                              const char *fmt, va_list ap) __attribute__((format(printf, 6, 0)));
/* The texts are copied into the caller's arena, because the flow that was read for lint is dropped before the caller
 * sees the findings. */
static enum status lint_add_v(struct lint *l, enum flow_severity s, const char *code, int node, struct str pointer,
                              const char *fmt, va_list ap)
{
    bool ok = true;
    struct lint_finding *x = &l->p[l->n];
    char *message = arena_vprintf(l->a, fmt, ap);
    x->f = (struct flow_finding){
        .severity = s, .code = code, .pointer = arena_str(l->a, pointer, &ok), .message = str_from(message)};
    x->f.node = node == NODE_NONE ? STR_EMPTY : arena_str(l->a, l->f->nodes[node].id, &ok);
    x->node = node;
    x->order = l->n++;
    return ok && message ? OK : err_nomem(l->e);
}

static enum status lint_add(struct lint *l, enum flow_severity s, const char *code, int node, struct str pointer,
                            const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* Findings beyond the limit are dropped silently. A flow with hundreds of them usually has one cause, which the first
 * ones show. */
static enum status lint_add(struct lint *l, enum flow_severity s, const char *code, int node, struct str pointer,
                            const char *fmt, ...)
{
    if (l->n == MAX_FLOW_FINDINGS)
        return OK;
    va_list ap;
    va_start(ap, fmt);
    enum status st = lint_add_v(l, s, code, node, pointer, fmt, ap);
    va_end(ap);
    return st;
}

static struct str lint_node_pointer(struct lint *l, int node)
{
    return str_from(arena_printf(l->a, "/nodes/%.*s", STR_F(l->f->nodes[node].id)));
}

/* ---- what was noted while reading ---- */

/* Most notes are findings already. Reading or setting a variable is one only if the flow does not declare it. */
static enum status lint_from_note(struct lint *l, const struct reader_note *n)
{
    struct str m = n->message;
    bool in_node = n->node != NODE_NONE;
    switch (n->kind) {
    case NOTE_TARGET_UNKNOWN:
        return lint_add(l, FLOW_ERROR, str_eqz(n->pointer, "/start") ? "start_missing" : "unknown_node", n->node,
                        n->pointer, "%.*s", STR_F(m));
    case NOTE_VAR_READ:
    case NOTE_VAR_WRITE:
        if (l->f->vars[n->var].declared)
            return OK;
        return lint_add(l, FLOW_ERROR, "undefined_variable", n->node, n->pointer,
                        "The variable \"%.*s\" is not in \"variables\".", STR_F(n->name));
    case NOTE_TRANSLATION:
        return lint_add(l, FLOW_ERROR, "missing_translation", n->node, n->pointer, "%.*s", STR_F(m));
    case NOTE_WORDS:
        return lint_add(l, FLOW_WARNING, "missing_translation", n->node, n->pointer, "%.*s", STR_F(m));
    case NOTE_TYPE:
        return lint_add(l, FLOW_ERROR, "type_mismatch", n->node, n->pointer, "%.*s", STR_F(m));
    case NOTE_DUPLICATE:
        return lint_add(l, FLOW_ERROR, in_node ? "duplicate_choice" : "duplicate_word", n->node, n->pointer, "%.*s",
                        STR_F(m));
    case NOTE_NO_WAY:
        return lint_add(l, FLOW_ERROR, "dead_end", n->node, n->pointer, "%.*s", STR_F(m));
    case NOTE_LITERAL_KEY:
        return lint_add(l, FLOW_WARNING, "literal_key", n->node, n->pointer, "%.*s", STR_F(m));
    case NOTE_BODY_TYPE:
        return lint_add(l, FLOW_WARNING, "body_type", n->node, n->pointer, "%.*s", STR_F(m));
    }
    return OK;
}

struct var_use {
    bool used, read, written;
};

/* A flow's own tests may read a variable, but that alone does not make it used; what they set counts as set. The notes
 * are searched once for each variable, at most 200 times, and only when a person or a publication asks for lint. */
static struct var_use lint_uses(const struct reader_notes *notes, int var)
{
    struct var_use u = {0};
    for (size_t i = 0; i < notes->n; i++) {
        const struct reader_note *n = &notes->p[i];
        if (n->var != var || (n->kind != NOTE_VAR_READ && n->kind != NOTE_VAR_WRITE))
            continue;
        bool by_flow = !str_starts(n->pointer, STR("/tests/"));
        u.used = u.used || by_flow;
        u.read = u.read || (by_flow && n->kind == NOTE_VAR_READ);
        u.written = u.written || n->kind == NOTE_VAR_WRITE;
    }
    return u;
}

/* Undeclared variables have been reported where they are used. For the others, "never used" includes "never set", so
 * only one of the two is reported. */
static enum status lint_variables(struct lint *l, const struct reader_notes *notes)
{
    enum status st = OK;
    for (size_t v = 0; v < l->f->var_n && !st; v++) {
        const struct flow_var *var = &l->f->vars[v];
        if (!var->declared)
            continue;
        struct var_use u = lint_uses(notes, (int)v);
        bool written = u.written || var->preset.kind != KIND_NONE;
        struct str pointer = str_from(arena_printf(l->a, "/variables/%.*s", STR_F(var->name)));
        if (!u.used)
            st = lint_add(l, FLOW_WARNING, "unused_variable", NODE_NONE, pointer,
                          "The variable \"%.*s\" is never used.", STR_F(var->name));
        else if (u.read && !written)
            st = lint_add(l, FLOW_WARNING, "never_set", NODE_NONE, pointer,
                          "The variable \"%.*s\" is used, but nothing sets it.", STR_F(var->name));
    }
    return st;
}

/* ---- the graph ---- */

/* Marks all nodes that can be reached. It uses a stack of its own instead of recursion: a flow may be thousands of
 * nodes deep. `stack` has room for every node. */
static void lint_mark_from(const struct flow *f, int node, bool *seen, int *stack)
{
    size_t n = 0;
    if (node == NODE_NONE || seen[node])
        return;
    seen[node] = true;
    stack[n++] = node;
    while (n) {
        const struct flow_node *at = &f->nodes[stack[--n]];
        size_t i = 0;
        int to;
        while (node_each_way(at, &i, &to))
            if (to != NODE_NONE && !seen[to]) {
                seen[to] = true;
                stack[n++] = to;
            }
    }
}

/* A conversation can enter the flow at its start, at the catch-all and at each command; every other node needs a way
 * from there. */
static enum status lint_reach(struct lint *l, int *stack)
{
    const struct flow *f = l->f;
    enum status st = OK;
    bool *seen = arena_array(l->a, f->node_n, sizeof(*seen));
    if (!seen)
        return err_nomem(l->e);
    lint_mark_from(f, f->start, seen, stack);
    lint_mark_from(f, f->catch_all, seen, stack);
    for (size_t i = 0; i < f->command_n; i++)
        lint_mark_from(f, f->commands[i].next, seen, stack);
    for (size_t i = 0; i < f->node_n && !st; i++)
        if (!seen[i])
            st = lint_add(l, FLOW_ERROR, "unreachable", (int)i, lint_node_pointer(l, (int)i),
                          "No node leads to \"%.*s\".", STR_F(f->nodes[i].id));
    return st;
}

/* A `say` that waits for a message which no node will take. With a catch-all there is no dead end, because it takes
 * every message that is left. */
static enum status lint_dead_ends(struct lint *l)
{
    const struct flow *f = l->f;
    enum status st = OK;
    for (size_t i = 0; i < f->node_n && !st; i++) {
        const struct flow_node *n = &f->nodes[i];
        /* The document is asked and not n->next: an unknown target is reported already. */
        bool named = json_has(json_get_n(json_get(f->doc, "nodes"), n->id), "next");
        if (n->type == NODE_SAY && n->u.say.choices.n == 0 && !named && f->catch_all == NODE_NONE)
            st = lint_add(
                l, FLOW_ERROR, "dead_end", (int)i, lint_node_pointer(l, (int)i),
                "After \"%.*s\" the flow does not continue: it has no \"next\", and the flow has no \"catch_all\".",
                STR_F(n->id));
    }
    return st;
}

/* A node on the path and how many of its ways have been tried: what a recursive search would keep on the stack. */
struct lint_walk {
    int node;
    size_t way;
};

/* Names are listed until 300 bytes are used, which leaves room for one more name of MAX_FLOW_NAME in the buffer. A long
 * loop is recognised by its first nodes. */
static enum status lint_report_loop(struct lint *l, const struct lint_walk *path, size_t from, size_t n)
{
    char names[420];
    size_t used = 0;
    for (size_t i = from; i < n && used < 300; i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "\"%.*s\", ", STR_F(l->f->nodes[path[i].node].id));
    int first = path[from].node;
    return lint_add(l, FLOW_ERROR, "loop_without_input", first, lint_node_pointer(l, first),
                    "The flow runs in a loop and never waits for the visitor: %.*sthen \"%.*s\" again.", (int)used,
                    names, STR_F(l->f->nodes[first].id));
}

enum { NEW, OPEN, DONE }; /* OPEN: on the path that is being walked */

/* Depth first over nodes that continue without the visitor. A way back to a node that is on the path is a loop that
 * never waits. A node that is DONE has been searched completely, so the search is linear in the number of ways. */
static enum status lint_walk_from(struct lint *l, int node, unsigned char *mark, struct lint_walk *path)
{
    size_t n = 0;
    enum status st = OK;
    path[n++] = (struct lint_walk){node, 0};
    mark[node] = OPEN;
    while (n && !st) {
        struct lint_walk *top = &path[n - 1];
        int to = NODE_NONE;
        if (!node_each_way(&l->f->nodes[top->node], &top->way, &to)) {
            mark[top->node] = DONE;
            n--;
        } else if (to != NODE_NONE && mark[to] == OPEN) {
            size_t from = n;
            while (path[from - 1].node != to)
                from--;
            st = lint_report_loop(l, path, from - 1, n);
        } else if (to != NODE_NONE && mark[to] == NEW && !node_stops(&l->f->nodes[to])) {
            mark[to] = OPEN;
            path[n++] = (struct lint_walk){to, 0};
        }
    }
    return st;
}

/* Starts from every node and not only from those that can be reached: a loop in a part that is still unconnected is
 * worth reporting before it is connected. */
static enum status lint_loops(struct lint *l)
{
    const struct flow *f = l->f;
    enum status st = OK;
    unsigned char *mark = arena_alloc(l->a, f->node_n);
    struct lint_walk *path = arena_array(l->a, f->node_n, sizeof(*path));
    if (!mark || !path)
        return err_nomem(l->e);
    for (size_t i = 0; i < f->node_n && !st; i++)
        if (mark[i] == NEW && !node_stops(&f->nodes[i]))
            st = lint_walk_from(l, (int)i, mark, path);
    return st;
}

/* ---- all together ---- */

static enum status lint_graph(struct lint *l)
{
    const struct json *doc = l->f->doc;
    int *stack = arena_array(l->a, l->f->node_n, sizeof(*stack));
    enum status st = stack ? lint_reach(l, stack) : err_nomem(l->e);
    if (!st)
        st = lint_dead_ends(l);
    if (!st)
        st = lint_loops(l);
    if (!st && !json_has(doc, "catch_all"))
        st = lint_add(l, FLOW_WARNING, "no_catch_all", NODE_NONE, STR("/catch_all"),
                      "The flow has no \"catch_all\": an unexpected message gets a general apology.");
    if (!st && json_len(json_get(doc, "tests")) == 0)
        st = lint_add(l, FLOW_WARNING, "no_tests", NODE_NONE, STR("/tests"), "The flow has no tests.");
    return st;
}

/* qsort is not stable, so findings of the same node keep their order by their number. Findings outside the nodes have
 * NODE_NONE, which is negative, and come first. */
static int by_place(const void *a, const void *b)
{
    const struct lint_finding *x = a, *y = b;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static enum status lint_run(struct lint *l, const struct reader_notes *notes)
{
    enum status st = OK;
    l->p = arena_array(l->a, MAX_FLOW_FINDINGS, sizeof(*l->p));
    if (!l->p)
        return err_nomem(l->e);
    for (size_t i = 0; i < notes->n && !st; i++)
        st = lint_from_note(l, &notes->p[i]);
    if (!st)
        st = lint_variables(l, notes);
    if (!st)
        st = lint_graph(l);
    if (!st)
        qsort(l->p, l->n, sizeof(*l->p), by_place);
    return st;
}

/* The flow is read again, from its own document, instead of keeping notes with every parsed flow: turns need none of
 * them, and lint is asked for seldom. */
enum status flow_lint(const struct flow *f, struct arena *a, struct flow_finding **out, size_t *n, struct err *e)
{
    struct reader_notes notes = {.a = a};
    struct flow *again = NULL;
    struct lint l = {.a = a, .e = e};
    enum status st = flow_read(f->doc, &notes, &again, e);
    if (st)
        return st;
    l.f = again;
    st = lint_run(&l, &notes);
    struct flow_finding *all = st ? NULL : arena_array(a, l.n, sizeof(*all));
    if (!st && l.n && !all)
        st = err_nomem(e);
    for (size_t i = 0; !st && i < l.n; i++)
        all[i] = l.p[i].f;
    *out = all;
    *n = l.n;
    flow_drop(again);
    return st;
}
