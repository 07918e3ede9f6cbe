/* cond.c: the conditions of a branch, and reading and setting variables. Texts are compared folded (case, accents,
 * punctuation at the ends), because conditions are about what a visitor typed. A comparison of values of different
 * types is never true. */
#include "flow/run_internal.h"

#include "base/banned.h"

struct value run_value(const struct flow_run *r, int var)
{
    if (var >= 0)
        return r->vars[var];
    return (struct value){.kind = KIND_TEXT, .text = var == VAR_INPUT ? r->input : r->f->langs[r->lang]};
}

/* A value that does not fit the type of the variable leaves it empty, so that a later "is empty" finds it. Setting
 * `language` to one that the flow does not have changes nothing. `input` cannot be set; the reader has refused that. */
enum status run_assign(struct flow_run *r, int var, const struct value *v)
{
    bool ok = true;
    if (var == VAR_LANGUAGE) {
        int lang = v->kind == KIND_TEXT ? flow_language(r->f, v->text) : -1;
        r->lang = lang >= 0 ? lang : r->lang;
        return OK;
    }
    if (var < 0)
        return OK;
    struct value as = value_as(r->a, v, r->f->vars[var].type, &ok);
    if (as.kind == KIND_TEXT)
        as.text = value_cut(as.text);
    r->vars[var] = as;
    return ok ? OK : err_nomem(r->e);
}

/* Less than, equal or greater as -1, 0, 1; *comparable is false when one is empty or they are of different kinds. A
 * date of the flow may be relative ("today+7") and is worked out here, at the moment of the turn. */
static int cond_compare(const struct flow_run *r, const struct value *a, const struct value *b, bool *comparable)
{
    char day[11];
    *comparable = a->kind == b->kind && a->kind != KIND_NONE;
    if (!*comparable)
        return 0;
    if (a->kind == KIND_NUMBER)
        return (a->number > b->number) - (a->number < b->number);
    if (a->kind == KIND_BOOLEAN)
        return (int)a->truth - (int)b->truth;
    if (a->kind == KIND_DATE && value_date(b->text, r->in.now_ms, day))
        return str_cmp(a->text, str_from(day));
    return str_cmp(a->text, b->text);
}

/* Is the value equal to one of the list? */
static bool cond_in_list(const struct flow_run *r, const struct cond *c, const struct value *v)
{
    bool comparable = false;
    for (size_t i = 0; i < c->value_n; i++)
        if (cond_compare(r, v, &c->values[i], &comparable) == 0 && comparable)
            return true;
    return false;
}

/* An empty variable is unequal to everything, but neither less nor greater. */
static bool cond_test_op(const struct flow_run *r, const struct cond *c, const struct value *v)
{
    bool comparable = false;
    if (c->op == OP_IN)
        return cond_in_list(r, c, v);
    int order = cond_compare(r, v, &c->values[0], &comparable);
    if (!comparable)
        return c->op == OP_NE;
    switch (c->op) {
    case OP_EQ:
        return order == 0;
    case OP_NE:
        return order != 0;
    case OP_LT:
        return order < 0;
    case OP_LTE:
        return order <= 0;
    case OP_GT:
        return order > 0;
    case OP_GTE:
        return order >= 0;
    default:
        return false;
    }
}

/* `set` and `empty` come first because they look at the value before any conversion. A pattern sees the text as it was
 * written: its author decides about case. All other comparisons of texts use the folded form; for `input` it exists
 * already. */
static enum status cond_test(struct flow_run *r, const struct cond *c, bool *out)
{
    char tmp[VALUE_TEXT];
    bool ok = true;
    struct value v = run_value(r, c->var);
    if (c->op == OP_SET || c->op == OP_EMPTY) {
        *out = value_empty(&v) == (c->op == OP_EMPTY);
        return OK;
    }
    if (c->op == OP_MATCHES) {
        *out = pattern_match(c->pattern, value_text(&v, tmp), false, r->pattern_us);
        return OK;
    }
    if (c->op == OP_CONTAINS)
        v = (struct value){.kind = KIND_TEXT, .text = value_text(&v, tmp)};
    if (v.kind == KIND_TEXT)
        v.text = c->var == VAR_INPUT ? r->folded : text_fold(r->a, v.text, &ok);
    if (!ok)
        return err_nomem(r->e);
    *out = c->op == OP_CONTAINS ? str_has(v.text, c->values[0].text) : cond_test_op(r, c, &v);
    return OK;
}

/* `all` stops at the first false, `any` at the first true. Their lists are never empty (parse_cond.c), so the last
 * value is the result. Recursion is bounded by MAX_FLOW_CONDITIONS. */
enum status cond_true(struct flow_run *r, const struct cond *c, bool *out)
{
    enum status st = OK;
    if (c->op < OP_COUNT)
        return cond_test(r, c, out);
    bool stop_at = c->op == OP_ANY, one = !stop_at;
    for (size_t i = 0; i < c->sub_n && !st; i++) {
        st = cond_true(r, &c->subs[i], &one);
        if (c->op != OP_NOT && one == stop_at)
            break;
    }
    *out = c->op == OP_NOT ? !one : one;
    return st;
}
