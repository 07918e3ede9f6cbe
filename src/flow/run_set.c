/* run_set.c: `set` nodes. A file of its own because the flow runs them, and engines as tools. */
#include <math.h>

#include "flow/run_internal.h"

#include "base/banned.h"

/* A sum stops here. Up to 10^15 a double holds every whole number exactly, so a counter never goes wrong unnoticed. */
#define SUM_MAX 1e15

/* Adding to an empty variable counts from 0, so a counter needs no default. A template that renders to nothing sets an
 * empty text. */
static enum status set_one(struct flow_run *r, const struct assign *s)
{
    struct value v = s->to;
    enum status st = OK;
    if (s->how == ASSIGN_COPY)
        v = run_value(r, s->from);
    if (s->how == ASSIGN_ADD) {
        struct value now = run_value(r, s->var);
        v = (struct value){.kind = KIND_NUMBER, .number = (now.kind == KIND_NUMBER ? now.number : 0) + s->add};
        v.number = fmin(fmax(v.number, -SUM_MAX), SUM_MAX);
    }
    if (s->how == ASSIGN_TEMPLATE) {
        v.kind = KIND_TEXT;
        st = run_text(r, &s->text, &v.text);
    }
    return st ? st : run_assign(r, s->var, &v);
}

enum status run_set(struct flow_run *r, const struct flow_node *n, int *next)
{
    enum status st = OK;
    *next = n->next;
    for (size_t i = 0; i < n->u.set.n && !st; i++)
        st = set_one(r, &n->u.set.assigns[i]);
    return st;
}
