/* run_node.c: what each type of node does when the flow comes to it. A node never calls another one: it says which one
 * is next, and the loop in run.c counts the steps, so that no flow can run for ever. */
#include "flow/run_internal.h"

#include "base/banned.h"

#define DELAY_MAX_MS 10000 /* the typing pauses of one turn together */

/* Choices make the flow wait here. Without them it runs on, and the visitor reads the next node's messages in the same
 * reply. */
static enum status node_say(struct flow_run *r, const struct flow_node *n, int *next)
{
    *next = n->u.say.choices.n ? NODE_NONE : n->next;
    return run_say(r, n);
}

static enum status node_ask(struct flow_run *r, const struct flow_node *n, int *next)
{
    struct str text;
    *next = NODE_NONE;
    r->tries = 0;
    r->consumed = true; /* what was said before the question does not answer it */
    enum status st = run_text(r, &n->u.ask.text, &text);
    return st ? st : run_send_text(r, text, &n->u.ask.choices);
}

static enum status node_branch(struct flow_run *r, const struct flow_node *n, int *next)
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

/* The status is set before the text is rendered, and the node has no way on: nothing may be said after a hand-off until
 * a person has answered, nor after an end. */
static enum status node_last(struct flow_run *r, const struct flow_node *n, int *next)
{
    struct str text;
    *next = NODE_NONE;
    r->status = n->type == NODE_END ? FLOW_CLOSED : FLOW_HANDOFF;
    enum status st = run_text(r, &n->u.text, &text);
    return st || text.n == 0 ? st : run_send_text(r, text, NULL);
}

static enum status node_jump(struct flow_run *r, const struct flow_node *n, int *next)
{
    (void)r;
    *next = n->next;
    return OK;
}

/* Seconds only add to the pause before the next message. A sleep here would hold a thread for every visitor who is
 * being shown a typing indicator. */
static enum status node_wait(struct flow_run *r, const struct flow_node *n, int *next)
{
    *next = n->u.seconds ? n->next : NODE_NONE;
    r->delay_ms += n->u.seconds * 1000;
    if (r->delay_ms > DELAY_MAX_MS)
        r->delay_ms = DELAY_MAX_MS;
    return OK;
}

static enum status (*const runners[NODE_TYPES])(struct flow_run *, const struct flow_node *, int *) = {
    [NODE_SAY] = node_say,       [NODE_ASK] = node_ask,      [NODE_BRANCH] = node_branch, [NODE_SET] = run_set,
    [NODE_HTTP] = run_http,      [NODE_ANSWER] = run_answer, [NODE_ENGINE] = run_engine,  [NODE_CLASSIFY] = run_engine,
    [NODE_EXTRACT] = run_engine, [NODE_JUMP] = node_jump,    [NODE_HANDOFF] = node_last,  [NODE_WAIT] = node_wait,
    [NODE_END] = node_last,
};

enum status run_node(struct flow_run *r, const struct flow_node *n, int *next)
{
    return runners[n->type](r, n, next);
}
