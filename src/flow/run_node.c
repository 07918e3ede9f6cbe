/* What each type of node does when the flow comes to it. */
#include "flow/run_internal.h"

#include "base/banned.h"

int run_catch_all(struct flow_turn *r)
{
    if (r->caught)
        return NODE_NONE;
    r->caught = true;
    return r->f->catch_all;
}

static enum status node_say(struct flow_turn *r, const struct flow_node *n, int *next)
{
    *next = n->u.say.choices.n ? NODE_NONE : n->next;
    return run_say(r, n);
}

static enum status node_ask(struct flow_turn *r, const struct flow_node *n, int *next)
{
    struct str text;
    *next = NODE_NONE;
    r->tries = 0;
    r->consumed = true; /* what was said before the question is no answer to it */
    enum status st = run_text(r, &n->u.ask.text, &text);
    return st ? st : run_send_text(r, text, &n->u.ask.choices);
}

static enum status node_branch(struct flow_turn *r, const struct flow_node *n, int *next)
{
    *next = n->next;
    for (size_t i = 0; i < n->u.branch.n; i++) {
        bool yes = false;
        enum status st = cond_true(r, &n->u.branch.cases[i].when, &yes);
        if (st)
            return st;
        if (yes) {
            *next = n->u.branch.cases[i].next;
            return OK;
        }
    }
    return OK;
}

static enum status set_one(struct flow_turn *r, const struct assign *s)
{
    struct value v = s->to;
    enum status st = OK;
    if (s->how == ASSIGN_COPY)
        v = run_value(r, s->from);
    if (s->how == ASSIGN_ADD) {
        struct value now = run_value(r, s->var);
        v = (struct value){.kind = KIND_NUMBER, .number = (now.kind == KIND_NUMBER ? now.number : 0) + s->add};
        if (v.number > 1e15 || v.number < -1e15)
            v.number = v.number > 0 ? 1e15 : -1e15;
    }
    if (s->how == ASSIGN_TEMPLATE) {
        v.kind = KIND_TEXT;
        st = run_text(r, &s->text, &v.text);
    }
    return st ? st : run_assign(r, s->var, &v);
}

static enum status node_set(struct flow_turn *r, const struct flow_node *n, int *next)
{
    enum status st = OK;
    *next = n->next;
    for (size_t i = 0; i < n->u.set.n && !st; i++)
        st = set_one(r, &n->u.set.assigns[i]);
    return st;
}

static enum status node_last(struct flow_turn *r, const struct flow_node *n, int *next)
{
    struct str text;
    *next = NODE_NONE;
    r->status = n->type == NODE_END ? FLOW_CLOSED : FLOW_HANDOFF;
    enum status st = run_text(r, &n->u.text, &text);
    return st || text.n == 0 ? st : run_send_text(r, text, NULL);
}

static enum status node_jump(struct flow_turn *r, const struct flow_node *n, int *next)
{
    (void)r;
    *next = n->next;
    return OK;
}

static enum status node_wait(struct flow_turn *r, const struct flow_node *n, int *next)
{
    *next = n->u.seconds ? n->next : NODE_NONE;
    r->delay_ms += n->u.seconds * 1000;
    if (r->delay_ms > 10000)
        r->delay_ms = 10000;
    return OK;
}

static enum status (*const runners[NODE_TYPES])(struct flow_turn *, const struct flow_node *, int *) = {
    node_say, node_ask, node_branch, node_set, run_http, run_answer, node_last, node_jump, node_wait, node_last};

enum status run_node(struct flow_turn *r, const struct flow_node *n, int *next)
{
    return runners[n->type](r, n, next);
}

/* ---- the graph, for lint ---- */

bool node_stops(const struct flow_node *n)
{
    switch (n->type) {
    case NODE_SAY:
        return n->u.say.choices.n > 0;
    case NODE_ASK:
    case NODE_ANSWER: /* answers one message at most, then waits for another */
    case NODE_HANDOFF:
    case NODE_END:
        return true;
    case NODE_WAIT:
        return n->u.seconds == 0;
    default:
        return false;
    }
}

static bool choice_way(const struct node_choices *c, size_t i, int *to)
{
    if (i < c->n)
        *to = c->p[i].next;
    return i < c->n;
}

bool node_each_way(const struct flow_node *n, size_t *i, int *to)
{
    size_t at = (*i)++;
    if (at == 0) {
        *to = n->next;
        return true;
    }
    at--;
    switch (n->type) {
    case NODE_SAY:
        return choice_way(&n->u.say.choices, at, to);
    case NODE_ASK:
        *to = n->u.ask.then;
        return at == 0 || choice_way(&n->u.ask.choices, at - 1, to);
    case NODE_BRANCH:
        if (at < n->u.branch.n)
            *to = n->u.branch.cases[at].next;
        return at < n->u.branch.n;
    case NODE_HTTP:
        *to = n->u.http.error;
        return at == 0;
    case NODE_ANSWER:
        *to = n->u.answer.none;
        return at == 0;
    default:
        return false;
    }
}
