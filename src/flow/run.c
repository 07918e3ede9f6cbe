/* run.c: flow_run, one turn. A pure function of flow, state and input, but for the calls: nothing of the conversation
 * is kept outside the state that it returns. So a turn that fails or is thought again after a conflict leaves no trace,
 * and any process can run the next one. */
#include "base/utf8.h"
#include "flow/run_internal.h"

#include "base/banned.h"

static void run_begin(struct flow_run *r, const struct flow *f, struct arena *a, struct err *e)
{
    *r = (struct flow_run){.f = f,
                           .a = a,
                           .e = e,
                           .at = NODE_NONE,
                           .menu = NODE_NONE,
                           .input = STR_EMPTY,
                           .folded = STR_EMPTY,
                           .locale = STR_EMPTY,
                           .own_us = MAX_FLOW_PATTERN_US};
    buf_init(&r->buf, MAX_FLOW_RENDERED);
}

/* The path is wanted only by the test chat, which shows the author which nodes were taken. */
static void run_report_step(struct flow_run *r, const struct flow_node *n)
{
    if (r->calls->step)
        r->calls->step(r->calls->ctx, n->id, node_type_name(n->type));
}

/* From node to node until one waits for the visitor or ends. The number of steps is bounded, because a draft may run
 * in a loop that lint would refuse. */
static enum status run_from(struct flow_run *r, int next)
{
    while (next != NODE_NONE) {
        const struct flow_node *n = &r->f->nodes[next];
        if (++r->steps > MAX_FLOW_STEPS)
            return err_set(r->e, E_flow_loop,
                           "The flow runs in a loop at \"%.*s\": more than %d steps for one message.", STR_F(n->id),
                           MAX_FLOW_STEPS);
        /* Before the node runs, not after it: a node that stays leaves next at NODE_NONE, and the state then says where
         * the conversation waits. */
        r->at = next;
        run_report_step(r, n);
        enum status st = run_node(r, n, &next);
        if (st)
            return st;
    }
    return OK;
}

/* A visitor always gets a reply, also from a flow that has none: silence looks like a broken page. The buttons of a
 * waiting `say` are shown again, because the message was none of them. After a hand-off or an end there is nothing to
 * add. */
static enum status run_ensure_reply(struct flow_run *r)
{
    if (r->said || r->status != FLOW_OPEN)
        return OK;
    const struct flow_node *n = r->at == NODE_NONE ? NULL : &r->f->nodes[r->at];
    const struct node_choices *again = n && n->type == NODE_SAY ? &n->u.say.choices : NULL;
    return run_send_text(r, word_get(WORD_FALLBACK, r->f->langs[r->lang]), again);
}

/* The message as the flow sees it: the text, or the value of the button when the client sends no text. For a pressed
 * button the value is compared and not its label, because labels differ by language. The limit counts the four bytes
 * that a character may take; callers have counted characters. */
static enum status run_take_input(struct flow_run *r)
{
    bool ok = true;
    struct str said = r->in->text.n ? r->in->text : r->in->choice;
    if (!utf8_text(r->in->text) || !utf8_text(r->in->choice) || said.n > (size_t)MAX_TEXT * 4)
        return err_set(r->e, E_invalid, "The message is not valid text, or too long.");
    r->input = str_trim(said);
    r->folded = text_fold(r->a, r->in->choice.n ? r->in->choice : r->input, &ok);
    return ok ? OK : err_nomem(r->e);
}

/* The node that waited is reported as a step only if the turn stays there or if it is the greeting of a new
 * conversation. If it led on to another node, it was reported when the previous turn came to it. */
static enum status run_turn(struct flow_run *r, const struct json *state)
{
    int next = NODE_NONE;
    enum status st = run_load(r, state);
    if (!st)
        st = run_take_input(r);
    r->status = FLOW_OPEN;
    int first = st ? NODE_NONE : r->at;
    if (!st)
        st = run_resume(r, &next);
    if (!st && r->at != NODE_NONE && (first == NODE_NONE || next == NODE_NONE))
        run_report_step(r, &r->f->nodes[r->at]);
    if (!st)
        st = run_from(r, next);
    return st ? st : run_ensure_reply(r);
}

/* The state is saved also for a closed conversation: it then says so, and the next message begins at the start. Nothing
 * in `out` may point into the flow, which the caller may drop before it uses the result. */
enum status flow_run(const struct flow *f, const struct json *state, const struct flow_input *in,
                     const struct flow_calls *calls, struct arena *a, struct flow_result *out, struct err *e)
{
    struct flow_run r;
    run_begin(&r, f, a, e);
    r.in = in;
    r.pattern_us = in->pattern_us ? in->pattern_us : &r.own_us;
    r.calls = calls;
    enum status st = run_turn(&r, state);
    if (!st)
        st = run_save(&r, &out->state);
    out->status = r.status;
    bool ok = true;
    out->language = st ? STR_EMPTY : arena_str(a, f->langs[r.lang], &ok);
    buf_release(&r.buf);
    return st ? st : ok ? OK : err_nomem(e);
}

/* Only a `say` can be a greeting. Any other node would set variables, ask a question or call something outside, and
 * opening a page must do none of it. */
enum status flow_greeting(const struct flow *f, struct str language, struct arena *a, struct flow_message **out,
                          size_t *n, struct err *e)
{
    struct flow_run r;
    struct flow_input in = {.text = STR_EMPTY, .choice = STR_EMPTY, .language = language};
    *out = NULL;
    *n = 0;
    if (f->start == NODE_NONE || f->nodes[f->start].type != NODE_SAY)
        return OK;
    run_begin(&r, f, a, e);
    r.in = &in;
    r.pattern_us = &r.own_us;
    enum status st = run_load(&r, NULL);
    if (!st)
        st = run_messages(&r, &f->nodes[f->start], out, n);
    buf_release(&r.buf);
    return st;
}
