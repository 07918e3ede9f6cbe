/* parse_cond.c: reads the conditions of a branch. Values to compare with are converted to the type of the variable and
 * folded here, once, so that a turn only compares. Invariant: a condition that was read has the operands that its
 * operator needs, so cond.c checks none of that. */
#include "flow/reader_internal.h"
#include "flow/text_internal.h"
#include "flow/value_internal.h"

#include "base/banned.h"

static const char *const op_words[OP_COUNT] = {
    [OP_EQ] = "eq",
    [OP_NE] = "ne",
    [OP_LT] = "lt",
    [OP_LTE] = "lte",
    [OP_GT] = "gt",
    [OP_GTE] = "gte",
    [OP_CONTAINS] = "contains",
    [OP_MATCHES] = "matches",
    [OP_SET] = "set",
    [OP_IN] = "in",
    [OP_EMPTY] = "empty",
};
static const struct field_rule test_fields[] = {
    {"var", K_STR | K_MUST}, {"op", K_STR | K_MUST}, {"value", K_SCALAR | K_ARR}};
static const struct field_rule all_fields[] = {{"all", K_ARR | K_MUST}};
static const struct field_rule any_fields[] = {{"any", K_ARR | K_MUST}};
static const struct field_rule not_fields[] = {{"not", K_OBJ | K_MUST}};

/* The list is never empty, so the runner need not decide what "all of nothing" is. */
static enum status read_list_of(struct flow_reader *r, const struct json *j, const char *key, int depth,
                                struct cond *out)
{
    const struct json *list = NULL;
    enum status st = read_list(r, j, key, 1, MAX_FLOW_LIST, &list);
    if (st)
        return st;
    out->sub_n = json_len(list);
    out->subs = arena_array(r->a, out->sub_n, sizeof(*out->subs));
    if (!out->subs)
        return err_nomem(r->e);
    size_t mark = path_key(r, str_from(key));
    for (size_t i = 0; i < out->sub_n; i++) {
        size_t inner = path_index(r, i);
        st = read_condition(r, json_at(list, i), depth + 1, &out->subs[i]);
        if (st)
            return st;
        path_back(r, inner);
    }
    path_back(r, mark);
    return OK;
}

static enum status read_not(struct flow_reader *r, const struct json *j, int depth, struct cond *out)
{
    out->sub_n = 1;
    out->subs = ARENA_NEW(r->a, struct cond);
    if (!out->subs)
        return err_nomem(r->e);
    size_t mark = path_key(r, STR("not"));
    enum status st = read_condition(r, json_get(j, "not"), depth + 1, out->subs);
    if (!st)
        path_back(r, mark);
    return st;
}

/* The pseudo variables `input` and `language` are texts. */
static enum value_kind var_type(const struct flow_reader *r, int var)
{
    return var >= 0 ? r->f->vars[var].type : KIND_TEXT;
}

/* One value to compare with, in the type of the variable. A text is folded as the visitor's will be. `contains` looks
 * for a text in anything, also in a number or a date, so its value is a text whatever the type of the variable. */
static enum status read_operand(struct flow_reader *r, const struct json *j, struct cond *c, struct value *out)
{
    bool ok = true;
    enum value_kind type = var_type(r, c->var);
    if (json_is(j, JSON_NULL) || json_is(j, JSON_ARRAY) || json_is(j, JSON_OBJECT))
        return reader_refuse(r, "A value to compare with must be a string, a number, true or false.");
    char day[11];
    bool relative = type == KIND_DATE && json_is(j, JSON_STRING) && value_date(json_str(j), 0, day);
    if (relative) /* today+7 is worked out when the flow runs */
        *out = (struct value){.kind = KIND_DATE, .text = json_str(j)};
    else
        *out = value_of_json(r->a, j, c->op == OP_CONTAINS ? KIND_TEXT : type, &ok);
    if (ok && out->kind == KIND_TEXT)
        out->text = text_fold(r->a, out->text, &ok);
    if (!ok)
        return err_nomem(r->e);
    return out->kind == KIND_NONE
               ? reader_note(r, NOTE_TYPE, STR_EMPTY, c->var, "The value does not fit the variable's type.")
               : OK;
}

/* One value is kept as a list of one, so that the runner has one shape for "in" and for all other operators. The path
 * gets an index only for a real list. */
static enum status read_operands(struct flow_reader *r, const struct json *j, struct cond *c)
{
    const struct json *v = json_get(j, "value");
    bool list = json_is(v, JSON_ARRAY);
    if (list != (c->op == OP_IN))
        return reader_refuse_key(r, "value", list ? "Only \"in\" takes an array." : "\"in\" takes an array of values.");
    c->value_n = list ? json_len(v) : 1;
    if (c->value_n == 0 || c->value_n > MAX_FLOW_LIST)
        return reader_refuse_key(r, "value", "\"in\" takes 1 to %d values.", MAX_FLOW_LIST);
    c->values = arena_array(r->a, c->value_n, sizeof(*c->values));
    if (!c->values)
        return err_nomem(r->e);
    size_t mark = path_key(r, STR("value"));
    enum status st = OK;
    for (size_t i = 0; i < c->value_n && !st; i++) {
        size_t inner = list ? path_index(r, i) : r->path_n;
        st = read_operand(r, list ? json_at(v, i) : v, c, &c->values[i]);
        if (!st)
            path_back(r, inner);
    }
    if (!st)
        path_back(r, mark);
    return st;
}

/* A single test. Ordering makes sense for numbers and dates only; for other types it is noted for lint, and at run
 * time it is false. */
static enum status read_cond_test(struct flow_reader *r, const struct json *j, struct cond *c)
{
    int op = 0;
    enum status st = READ_FIELDS(r, j, test_fields);
    if (!st)
        st = read_word(r, j, "op", op_words, OP_COUNT, &op);
    c->op = (enum cond_op)op;
    if (!st)
        st = read_var(r, j, "var", NOTE_VAR_READ, &c->var);
    if (st)
        return st;
    bool alone = c->op == OP_SET || c->op == OP_EMPTY;
    if (alone == json_has(j, "value"))
        return reader_refuse_key(r, "value", alone ? "\"%s\" takes no value." : "\"value\" is missing for \"%s\".",
                                 op_words[op]);
    if (alone)
        return OK;
    if (c->op == OP_MATCHES) {
        if (!json_is(json_get(j, "value"), JSON_STRING))
            return reader_refuse_key(r, "value", "A pattern must be a string.");
        return read_pattern(r, j, "value", &c->pattern);
    }
    enum value_kind type = var_type(r, c->var);
    if (c->op >= OP_LT && c->op <= OP_GTE && type != KIND_NUMBER && type != KIND_DATE)
        st = reader_note(r, NOTE_TYPE, json_get_str(j, "var"), c->var, "\"%s\" compares numbers and dates only.",
                         op_words[op]);
    return st ? st : read_operands(r, j, c);
}

/* Conditions nest to a bounded depth, because they are tested by recursion. */
enum status read_condition(struct flow_reader *r, const struct json *j, int depth, struct cond *out)
{
    if (!json_is(j, JSON_OBJECT))
        return reader_refuse(r, "A condition must be an object.");
    if (depth > MAX_FLOW_CONDITIONS)
        return reader_refuse(r, "Conditions are nested more than %d levels deep.", MAX_FLOW_CONDITIONS);
    enum status st;
    if (json_has(j, "all") || json_has(j, "any")) {
        bool all = json_has(j, "all");
        out->op = all ? OP_ALL : OP_ANY;
        st = all ? READ_FIELDS(r, j, all_fields) : READ_FIELDS(r, j, any_fields);
        return st ? st : read_list_of(r, j, all ? "all" : "any", depth, out);
    }
    if (json_has(j, "not")) {
        out->op = OP_NOT;
        st = READ_FIELDS(r, j, not_fields);
        return st ? st : read_not(r, j, depth, out);
    }
    return read_cond_test(r, j, out);
}
