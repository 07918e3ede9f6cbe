/* graph.c: a flow as a graph, for lint: which ways lead on from a node, and which nodes end a turn. It must agree with
 * what run_node.c does, because the search for loops depends on it: a node that is said to stop and does not would hide
 * a loop, which only MAX_FLOW_STEPS would then end. */
#include "flow/model_internal.h"

#include "base/banned.h"

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

/* `error`, `handoff`, then the tools, which are run although the flow does not continue from them, or the labels: no
 * node has both. */
static bool engine_way(const struct node_engine *g, size_t i, int *to)
{
    if (i < 2) {
        *to = i == 0 ? g->error : g->handoff;
        return true;
    }
    i -= 2;
    if (i < g->tool_n)
        *to = g->tools[i];
    else if (i < g->label_n)
        *to = g->labels[i].next;
    return i < g->tool_n || i < g->label_n;
}

/* An iterator instead of a list of edges: the ways differ by type, and lint walks thousands of nodes without allocating
 * anything for them. The way 0 is `next` for every type. */
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
    case NODE_ENGINE:
    case NODE_CLASSIFY:
    case NODE_EXTRACT:
        return engine_way(&n->u.engine, at, to);
    default:
        return false;
    }
}

bool flow_asks_engines(const struct flow *f)
{
    for (size_t i = 0; i < f->node_n; i++)
        if (f->nodes[i].type == NODE_ENGINE || f->nodes[i].type == NODE_CLASSIFY || f->nodes[i].type == NODE_EXTRACT)
            return true;
    return false;
}
