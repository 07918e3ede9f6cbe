/* run_answer.c: `answer` nodes ask the bot's answers. A sure match is given, an unsure one becomes buttons ("did you
 * mean"), and no match leaves the message unanswered, so that the catch-all can have it. */
#include "base/utf8.h"
#include "flow/run_internal.h"

#include "base/banned.h"

/* A citation is shown only with an address; a title alone would look like a link that does not work. */
static enum status answer_send(struct flow_run *r, const struct flow_answer *found, size_t i)
{
    bool ok = true;
    struct flow_message m = run_message();
    struct flow_citation *c = ARENA_NEW(r->a, struct flow_citation);
    if (!c)
        return err_nomem(r->e);
    m.text = arena_str(r->a, found->hits[i].answer, &ok);
    struct str title = found->hits[i].title.n ? found->hits[i].title : found->hits[i].question;
    *c = (struct flow_citation){arena_str(r->a, title, &ok), arena_str(r->a, found->hits[i].url, &ok)};
    if (!ok)
        return err_nomem(r->e);
    m.citations = found->hits[i].url.n ? c : NULL;
    m.citation_n = found->hits[i].url.n ? 1 : 0;
    return run_send(r, &m);
}

/* The suggested questions go into the state, because the visitor may answer with a number or the text of a button. Only
 * the questions are kept: answers are long, and may be corrected before the visitor chooses. */
static enum status answer_send_suggestions(struct flow_run *r, const struct flow_node *n,
                                           const struct flow_answer *found)
{
    bool ok = true;
    struct flow_choice *all = arena_array(r->a, SUGGEST_MAX + 1, sizeof(*all));
    struct flow_message m = run_message();
    if (!all)
        return err_nomem(r->e);
    enum status st = run_text(r, &n->u.answer.unsure, &m.text);
    if (!st && m.text.n == 0)
        m.text = word_get(WORD_DID_YOU_MEAN, r->f->langs[r->lang]);
    for (size_t i = 0; i < found->n && i < SUGGEST_MAX; i++) {
        struct str question = arena_str(r->a, utf8_cut(found->hits[i].question, MAX_FLOW_LABEL), &ok);
        r->suggest[r->suggest_n++] = question;
        all[m.choice_n++] = (struct flow_choice){question, question};
    }
    struct str none = STR_EMPTY;
    if (!st)
        st = run_text(r, &n->u.answer.none_label, &none);
    if (!st && none.n)
        all[m.choice_n++] = (struct flow_choice){none, none};
    if (!st && !ok)
        st = err_nomem(r->e);
    m.choices = all;
    return st ? st : run_send(r, &m);
}

/* Nothing was found: the node's own way, else the catch-all with the message still unanswered. A catch-all that is
 * this node must not be entered again. */
static void answer_go_none(struct flow_run *r, const struct flow_node *n, int *next)
{
    bool own = r->f->catch_all == (int)(n - r->f->nodes);
    *next = n->u.answer.none;
    if (*next != NODE_NONE)
        r->consumed = true;
    else if (!own)
        *next = run_catch_all(r);
}

/* Asks the caller of the flow for what matches a question. An empty question matches nothing. */
static enum status answer_ask(struct flow_run *r, const struct flow_node *n, struct str question, enum run_place place,
                              int *next)
{
    if (question.n == 0) {
        answer_go_none(r, n, next);
        return OK;
    }
    r->call.question = (struct flow_question){r->f->langs[r->lang], question};
    r->place = place;
    return OK;
}

/* An answer node that is reached by a message which was already used waits for the next one. */
enum status run_answer(struct flow_run *r, const struct flow_node *n, int *next)
{
    *next = NODE_NONE;
    r->answered = false;
    r->suggest_n = 0;
    return r->consumed ? OK : answer_ask(r, n, r->input, RUN_ANSWER, next);
}

/* The answer to a question that was suggested. It is looked up again: the state keeps only questions, and the answer
 * may have been corrected since. Questions were cut to the length of a button, so the hit is found by its beginning;
 * the loop runs backwards so that the best of several wins. */
static enum status answer_suggested(struct flow_run *r, const struct flow_node *n, const struct flow_answer *found,
                                    int *next)
{
    size_t best = 0;
    for (size_t i = found->n; i-- > 0;)
        if (str_starts(found->hits[i].question, r->call.question.text))
            best = i;
    r->consumed = r->answered = true;
    *next = n->next;
    return answer_send(r, found, best);
}

/* A message that is not found stays unconsumed, so that the catch-all can still take it. A verdict without a hit could
 * not be shown and counts as "nothing found"; a suggestion whose answer is still found was chosen, however unsure the
 * match is now. */
enum status run_answer_got(struct flow_run *r, const struct flow_node *n, const struct flow_answer *found, int *next)
{
    bool chosen = r->place == RUN_SUGGESTED;
    *next = NODE_NONE;
    if (found->n == 0 || (found->verdict == FLOW_NONE && !chosen)) {
        answer_go_none(r, n, next);
        return OK;
    }
    if (chosen)
        return answer_suggested(r, n, found, next);
    r->consumed = true;
    if (found->verdict == FLOW_UNSURE)
        return answer_send_suggestions(r, n, found);
    r->answered = true;
    *next = n->next;
    return answer_send(r, found, 0);
}

/* Which suggestion the visitor takes, by its number or its text; suggest_n for "none of these"; -1 for neither. One
 * digit is enough, because at most SUGGEST_MAX questions and the last button are shown. */
static int answer_picked(struct flow_run *r, const struct flow_node *n, bool *ok)
{
    struct str none = STR_EMPTY;
    if (r->suggest_n == 0)
        return -1;
    for (size_t i = 0; i < r->suggest_n; i++)
        if (str_eq(text_fold(r->a, r->suggest[i], ok), r->folded) ||
            (r->folded.n == 1 && r->folded.p[0] == (char)('1' + i)))
            return (int)i;
    if (n->u.answer.none_label.lang && run_text(r, &n->u.answer.none_label, &none) != OK)
        *ok = false;
    bool last = r->folded.n == 1 && r->folded.p[0] == (char)('1' + r->suggest_n);
    return none.n && (last || str_eq(text_fold(r->a, none, ok), r->folded)) ? (int)r->suggest_n : -1;
}

/* A message after an answer is a new matter and goes to the catch-all first; only if there is none is the node asked
 * again. */
enum status resume_answer(struct flow_run *r, const struct flow_node *n, int *next)
{
    bool ok = true;
    int which = answer_picked(r, n, &ok);
    size_t suggested = r->suggest_n;
    bool answered = r->answered;
    if (!ok)
        return err_nomem(r->e);
    r->suggest_n = 0;
    r->answered = false;
    if (which >= 0 && (size_t)which < suggested)
        return answer_ask(r, n, r->suggest[which], RUN_SUGGESTED, next);
    if (which >= 0) {
        answer_go_none(r, n, next);
        return OK;
    }
    int other = answered && r->f->catch_all != (int)(n - r->f->nodes) ? run_catch_all(r) : NODE_NONE;
    if (other != NODE_NONE) {
        *next = other;
        return OK;
    }
    return run_answer(r, n, next);
}
