/* run.c: one turn, from call to call. Nothing of the conversation is kept outside the state that the turn returns. So a
 * turn that fails or is thought again after a conflict leaves no trace, and any process can run the next one. A turn
 * that needs something from outside returns to its caller with its place noted in struct flow_run; no C function of the
 * runner is then on any stack. */
#include "base/utf8.h"
#include "flow/run_internal.h"

#include "base/banned.h"

static void run_init(struct flow_run *r, const struct flow *f, const struct flow_input *in, struct arena *a)
{
    *r = (struct flow_run){.f = f,
                           .in = *in,
                           .a = a,
                           .at = NODE_NONE,
                           .menu = NODE_NONE,
                           .next = NODE_NONE,
                           .input = STR_EMPTY,
                           .folded = STR_EMPTY,
                           .locale = STR_EMPTY,
                           .own_us = MAX_FLOW_PATTERN_US};
    r->pattern_us = in->pattern_us ? in->pattern_us : &r->own_us;
}

/* A visitor always gets a reply, also from a flow that has none: silence looks like a broken page. The buttons of a
 * waiting `say` are shown again, because the message was none of them. After a hand-off or an end there is nothing to
 * add. */
static enum status run_ensure_reply(struct flow_run *r)
{
    if (r->said_n || r->status != FLOW_OPEN)
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
    struct str said = r->in.text.n ? r->in.text : r->in.choice;
    if (!utf8_text(r->in.text) || !utf8_text(r->in.choice) || said.n > (size_t)MAX_TEXT * 4)
        return err_set(r->e, E_invalid, "The message is not valid text, or too long.");
    r->input = str_trim(said);
    r->folded = text_fold(r->a, r->in.choice.n ? r->in.choice : r->input, &ok);
    return ok ? OK : err_nomem(r->e);
}

/* The node that waited is a step of this turn only if the turn stays there or if it is the greeting of a new
 * conversation. If it led on to another node, it was a step of the previous turn. Which of the two it is may be known
 * only when a look-up has its result, so this is called right before the first node runs. */
static enum status run_report_resumed(struct flow_run *r)
{
    bool again = r->at != NODE_NONE && (r->first == NODE_NONE || r->next == NODE_NONE);
    r->resumed = true;
    return again ? run_add_step(r, &r->f->nodes[r->at]) : OK;
}

/* From node to node until one needs something from outside, waits for the visitor, or ends. The number of steps is
 * bounded, because a draft may run in a loop that lint would refuse. */
static enum status run_nodes(struct flow_run *r)
{
    enum status st = r->resumed ? OK : run_report_resumed(r);
    while (!st && r->place == RUN_NODES && r->next != NODE_NONE) {
        const struct flow_node *n = &r->f->nodes[r->next];
        if (++r->steps > MAX_FLOW_STEPS)
            return err_set(r->e, E_flow_loop,
                           "The flow runs in a loop at \"%.*s\": more than %d steps for one message.", STR_F(n->id),
                           MAX_FLOW_STEPS);
        /* Before the node runs, not after it: a node that stays leaves next at NODE_NONE, and the state then says where
         * the conversation waits. */
        r->at = r->next;
        st = run_add_step(r, n);
        if (!st)
            st = run_node(r, n, &r->next);
    }
    if (st || r->place != RUN_NODES)
        return st;
    r->place = RUN_DONE;
    return run_ensure_reply(r);
}

/* ---- the interface: each function makes the run ready for its time, and leaves no memory outside the arena ---- */

static void run_enter(struct flow_run *r, struct err *e)
{
    r->e = e;
    buf_init(&r->buf, MAX_FLOW_RENDERED);
}

static enum status run_leave(struct flow_run *r, enum status st)
{
    buf_release(&r->buf);
    r->e = NULL;
    return st;
}

enum status flow_begin(const struct flow *f, const struct json *state, const struct flow_input *in, struct arena *a,
                       struct flow_run **out, struct err *e)
{
    struct flow_run *r = ARENA_NEW(a, struct flow_run);
    *out = r;
    if (!r)
        return err_nomem(e);
    run_init(r, f, in, a);
    run_enter(r, e);
    enum status st = run_load(r, state);
    if (!st)
        st = run_take_input(r);
    r->status = FLOW_OPEN;
    r->first = r->at;
    return run_leave(r, st);
}

enum status flow_next(struct flow_run *r, struct flow_call *call, struct err *e)
{
    static const enum flow_need needs[] = {
        [RUN_HTTP] = FLOW_NEEDS_HTTP,     [RUN_ANSWER] = FLOW_NEEDS_ANSWERS, [RUN_SUGGESTED] = FLOW_NEEDS_ANSWERS,
        [RUN_ENGINE] = FLOW_NEEDS_ENGINE, [RUN_TOOL] = FLOW_NEEDS_HTTP,      [RUN_DONE] = FLOW_DONE};
    enum status st = OK;
    run_enter(r, e);
    if (r->place == RUN_START) {
        r->place = RUN_NODES;
        st = run_resume(r, &r->next);
    }
    if (!st && r->place == RUN_NODES)
        st = run_nodes(r);
    if (!st) {
        r->call.need = needs[r->place];
        *call = r->call;
    }
    return run_leave(r, st);
}

enum status flow_got_http(struct flow_run *r, const struct flow_http_reply *reply, struct err *e)
{
    bool tool = r->place == RUN_TOOL;
    const struct flow_node *n = &r->f->nodes[r->at];
    CHECK(tool || r->place == RUN_HTTP);
    run_enter(r, e);
    r->place = RUN_NODES;
    return run_leave(r, tool ? run_engine_tool_got(r, n, reply, &r->next) : run_http_got(r, n, reply, &r->next));
}

enum status flow_got_answers(struct flow_run *r, const struct flow_answer *found, struct err *e)
{
    CHECK(r->place == RUN_ANSWER || r->place == RUN_SUGGESTED);
    run_enter(r, e);
    enum status st = run_answer_got(r, &r->f->nodes[r->at], found, &r->next);
    r->place = RUN_NODES;
    return run_leave(r, st);
}

enum status flow_got_engine(struct flow_run *r, const struct flow_engine_result *result, struct err *e)
{
    CHECK(r->place == RUN_ENGINE);
    run_enter(r, e);
    r->place = RUN_NODES; /* unless it is asked again, with what its tools have brought */
    return run_leave(r, run_engine_got(r, &r->f->nodes[r->at], result, &r->next));
}

const struct flow_message *flow_run_messages(const struct flow_run *r, size_t *n)
{
    *n = r->said_n;
    return r->said;
}

const struct flow_step *flow_run_path(const struct flow_run *r, size_t *n)
{
    *n = r->path_n;
    return r->path;
}

/* The state is saved also for a closed conversation: it then says so, and the next message begins at the start. Nothing
 * in `out` may point into the flow, which the caller may drop before it uses the result. */
enum status flow_finish(struct flow_run *r, struct flow_result *out, struct err *e)
{
    bool ok = true;
    CHECK(r->place == RUN_DONE);
    run_enter(r, e);
    enum status st = run_save(r, &out->state);
    out->status = r->status;
    out->language = st ? STR_EMPTY : arena_str(r->a, r->f->langs[r->lang], &ok);
    return run_leave(r, st ? st : ok ? OK : err_nomem(e));
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
    run_init(&r, f, &in, a);
    run_enter(&r, e);
    enum status st = run_load(&r, NULL);
    if (!st)
        st = run_messages(&r, &f->nodes[f->start], out, n);
    return run_leave(&r, st);
}
