/* resume.c: gives the visitor's message to the node that waits for it. A message may be a choice of that node, a
 * button of an older message, a command of the flow, an answer, or none of these; the order of these questions is
 * what makes a conversation feel natural, and the scripted tests of the templates hold it. */
#include "base/num.h"
#include "flow/expect_internal.h"
#include "flow/run_internal.h"

#include "base/banned.h"

static const struct node_choices *resume_choices_of(const struct flow_node *n)
{
    static const struct node_choices none;
    return n->type == NODE_SAY ? &n->u.say.choices : n->type == NODE_ASK ? &n->u.ask.choices : &none;
}

/* Values before labels, over all choices, so that the label of one choice cannot hide the value of another. Only then
 * labels, in every language: the visitor may still see those of the language before. */
static const struct node_choice *resume_choice_by_text(const struct flow_run *r, const struct node_choices *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (str_eq(c->p[i].value_folded, r->folded))
            return &c->p[i];
    for (size_t lang = 0; lang < r->f->lang_n; lang++) /* the visitor may still see the labels of another language */
        for (size_t i = 0; i < c->n; i++)
            if (str_eq(c->p[i].folded[lang], r->folded))
                return &c->p[i];
    return NULL;
}

/* By value, label or number ("2"). Not by number where the answer itself may be a number: "2" to "How many guests?" is
 * not the second button. */
static const struct node_choice *resume_find_choice(const struct flow_run *r, const struct flow_node *n)
{
    uint64_t number;
    const struct node_choices *c = resume_choices_of(n);
    if (c->n == 0 || r->folded.n == 0)
        return NULL;
    const struct node_choice *found = resume_choice_by_text(r, c);
    bool counts = n->type == NODE_SAY || n->u.ask.expect == EXPECT_CHOICE;
    if (!found && counts && num_u64(r->folded, c->n, &number) && number > 0)
        found = &c->p[number - 1];
    return found;
}

static int resume_take_choice(struct flow_run *r, const struct flow_node *n, const struct node_choice *c)
{
    r->consumed = true;
    return c->next != NODE_NONE ? c->next : n->next;
}

/* A button of an earlier message, pressed late. Only a real press counts, by its exact value: the same word typed now
 * is probably about the present question. */
static const struct node_choice *resume_menu_choice(const struct flow_run *r)
{
    if (r->in.choice.n == 0 || r->menu == NODE_NONE || r->menu == r->at)
        return NULL;
    const struct node_choices *c = resume_choices_of(&r->f->nodes[r->menu]);
    for (size_t i = 0; i < c->n; i++)
        if (str_eq(c->p[i].value, r->in.choice))
            return &c->p[i];
    return NULL;
}

/* A question may switch commands off, because its answer may be a word such as "stop" that is a command elsewhere. */
static const struct flow_command *resume_find_command(const struct flow_run *r, const struct flow_node *n)
{
    if (n && n->type == NODE_ASK && n->u.ask.no_commands)
        return NULL;
    return r->folded.n ? map_get(&r->f->words, r->folded) : NULL;
}

static int resume_take_command(struct flow_run *r, const struct flow_command *c)
{
    r->consumed = true;
    r->tries = 0;
    if (c->reset)
        (void)run_defaults(r);
    return c->next;
}

static const enum say_word retry_words[EXPECT_COUNT] = {
    [EXPECT_TEXT] = WORD_RETRY_TEXT,       [EXPECT_EMAIL] = WORD_RETRY_EMAIL, [EXPECT_NUMBER] = WORD_RETRY_NUMBER,
    [EXPECT_DATE] = WORD_RETRY_DATE,       [EXPECT_PHONE] = WORD_RETRY_PHONE, [EXPECT_CHOICE] = WORD_RETRY_CHOICE,
    [EXPECT_PATTERN] = WORD_RETRY_PATTERN,
};

/* The number of tries grows up to 1000 only, so that a visitor who never answers cannot make it overflow or change the
 * size of the state. */
static enum status resume_wrong_answer(struct flow_run *r, const struct flow_node *n, int *next)
{
    const struct node_ask *a = &n->u.ask;
    struct str text;
    r->consumed = true;
    if (a->retries >= 0 && r->tries >= a->retries) {
        r->tries = 0;
        *next = a->then;
        return OK;
    }
    r->tries += r->tries < 1000;
    *next = NODE_NONE;
    enum status st = run_text(r, &a->retry, &text);
    if (!st && text.n == 0)
        text = word_get(retry_words[a->expect], r->f->langs[r->lang]);
    return st ? st : run_send_text(r, text, &a->choices);
}

/* The locale of the visitor decides how a number or a date is read, but only if it belongs to the language of the
 * conversation: a visitor who changed to German writes German dates, whatever the browser says. A choice is offered in
 * place of the text, so a button may stand for a number or an address, and is then checked like a typed one. */
static enum status resume_ask(struct flow_run *r, const struct flow_node *n, int *next)
{
    const struct node_ask *a = &n->u.ask;
    const struct node_choice *c = resume_find_choice(r, n);
    struct value v = {.kind = KIND_TEXT};
    bool ok = true, good;
    if (a->expect == EXPECT_CHOICE) {
        good = c;
        v.text = c ? c->value : STR_EMPTY;
    } else {
        struct str locale = r->locale.n && str_starts(r->locale, r->f->langs[r->lang]) ? r->locale
                                                                                       : r->f->langs[r->lang];
        struct expect_in in = {.ask = a,
                               .text = c ? c->value : r->input,
                               .locale = locale,
                               .now_ms = r->in.now_ms,
                               .pattern_us = r->pattern_us,
                               .a = r->a};
        good = expect_read(&in, &v, &ok);
    }
    if (!ok)
        return err_nomem(r->e);
    if (!good)
        return resume_wrong_answer(r, n, next);
    r->tries = 0;
    r->consumed = true;
    *next = c && c->next != NODE_NONE ? c->next : n->next;
    return run_assign(r, a->var, &v);
}

/* The message is still unanswered: it goes with the flow to the next node, or to the catch-all. This is how "I want a
 * refund", typed at a greeting with buttons, reaches an `answer` node. */
static int resume_continue(struct flow_run *r, const struct flow_node *n)
{
    if (n->type == NODE_ENGINE && n->next == NODE_NONE) /* the conversation with the engine goes on */
        return (int)(n - r->f->nodes);
    return n->next != NODE_NONE ? n->next : run_catch_all(r);
}

/* The first message to a flow. If the start shows messages, they are the greeting, which the visitor has read
 * already; otherwise the flow runs from its start. */
static int resume_begin(struct flow_run *r)
{
    const struct flow_node *start = r->f->start != NODE_NONE ? &r->f->nodes[r->f->start] : NULL;
    if (!start)
        return run_catch_all(r);
    if (start->type != NODE_SAY)
        return r->f->start;
    r->at = r->f->start; /* its messages are the greeting: the visitor has read them */
    if (start->u.say.choices.n)
        r->menu = r->at;
    return NODE_NONE;
}

/* A choice of the waiting question comes before a command with the same word, and a command before an old button:
 * what is on the screen last is meant first. */
enum status run_resume(struct flow_run *r, int *next)
{
    *next = r->at == NODE_NONE ? resume_begin(r) : NODE_NONE;
    const struct flow_node *n = r->at == NODE_NONE ? NULL : &r->f->nodes[r->at];
    const struct node_choice *c = n && n->type == NODE_SAY ? resume_find_choice(r, n) : NULL;
    if (c) {
        *next = resume_take_choice(r, n, c);
        return OK;
    }
    /* resume_ask finds the choice again; here it is only asked whether there is one, because it must win over the two
     * below. */
    bool own_choice = n && n->type == NODE_ASK && resume_find_choice(r, n);
    const struct node_choice *late = own_choice ? NULL : resume_menu_choice(r);
    if (late) {
        *next = resume_take_choice(r, &r->f->nodes[r->menu], late);
        return OK;
    }
    const struct flow_command *command = own_choice ? NULL : resume_find_command(r, n);
    if (command) {
        *next = resume_take_command(r, command);
        return OK;
    }
    if (!n)
        return OK;
    if (n->type == NODE_ASK)
        return resume_ask(r, n, next);
    if (n->type == NODE_ANSWER)
        return resume_answer(r, n, next);
    *next = resume_continue(r, n);
    return OK;
}
