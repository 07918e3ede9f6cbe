/* state.c: what a conversation carries from turn to turn, as JSON:
 * {"v":1,"at":node,"vars":{},"lang":"en","loc"?,"tries"?,"suggest"?,"answered"?,"menu"?,"state"?}. A state is always
 * taken as far as it makes sense: it may come from an older version of the flow, in which nodes and variables had
 * other names. */
#include <stdio.h>

#include "flow/run_internal.h"

#include "base/banned.h"

static const char *const state_words[] = {[FLOW_OPEN] = "open", [FLOW_HANDOFF] = "handoff", [FLOW_CLOSED] = "closed"};

const char *flow_state_word(enum flow_state state)
{
    return state_words[state];
}

void run_defaults(struct flow_run *r)
{
    for (size_t i = 0; i < r->f->var_n; i++)
        r->vars[i] = r->f->vars[i].preset;
}

/* Once in a turn: a catch-all that does not understand the message either must not send it round again. */
int run_catch_all(struct flow_run *r)
{
    if (r->caught)
        return NODE_NONE;
    r->caught = true;
    return r->f->catch_all;
}

static int node_index(const struct flow *f, struct str name)
{
    const struct flow_node *n = name.n ? map_get(&f->node_names, name) : NULL;
    return n ? (int)(n - f->nodes) : NODE_NONE;
}

/* Values are converted to the types that the variables have now. A test chat runs against a draft that is being edited,
 * so the type may have changed between two messages. */
static enum status load_vars(struct flow_run *r, const struct json *vars)
{
    bool ok = true;
    for (size_t i = 0; i < r->f->var_n && ok; i++)
        r->vars[i] = value_of_json(r->a, json_get_n(vars, r->f->vars[i].name), r->f->vars[i].type, &ok);
    return ok ? OK : err_nomem(r->e);
}

/* The visitor's client says with each message which language it wants. When that changes, the language of the
 * conversation follows; otherwise what the flow has set stays. */
static void load_language(struct flow_run *r, const struct json *state)
{
    int lang = state ? flow_language(r->f, json_get_str(state, "lang")) : -1;
    struct str before = json_get_str(state, "loc");
    r->locale = r->in.language.n && r->in.language.n <= 100 ? r->in.language : before;
    if (lang < 0 || !str_eq(r->locale, before)) {
        int wanted = flow_language(r->f, r->locale);
        lang = wanted >= 0 ? wanted : lang;
    }
    r->lang = lang >= 0 ? lang : 0;
}

static void load_suggestions(struct flow_run *r, const struct json *list)
{
    for (size_t i = 0; i < json_len(list) && r->suggest_n < SUGGEST_MAX; i++)
        r->suggest[r->suggest_n++] = json_str(json_at(list, i));
}

/* A closed conversation and an unknown format both begin again: with the presets, and without a place. The language is
 * loaded from neither, so it is chosen again from the visitor's locale. */
enum status run_load(struct flow_run *r, const struct json *state)
{
    r->at = r->menu = NODE_NONE;
    r->status = FLOW_OPEN;
    if (r->f->var_n && !(r->vars = arena_array(r->a, r->f->var_n, sizeof(*r->vars))))
        return err_nomem(r->e);
    bool over = str_eqz(json_get_str(state, "state"), "closed") || json_int(json_get(state, "v"), 0) != 1;
    load_language(r, over ? NULL : state);
    if (over) {
        run_defaults(r);
        return OK;
    }
    r->at = node_index(r->f, json_get_str(state, "at"));
    r->menu = node_index(r->f, json_get_str(state, "menu"));
    r->tries = (int)json_int(json_get(state, "tries"), 0);
    r->answered = json_bool(json_get(state, "answered"));
    load_suggestions(r, json_get(state, "suggest"));
    if (r->at == NODE_NONE) /* its node is gone: a draft that was edited while it was tried */
        r->at = r->f->catch_all != NODE_NONE ? r->f->catch_all : r->f->start;
    return load_vars(r, json_get(state, "vars"));
}

/* Keys are copied because json-c needs a NUL, and names of variables are borrowed from the document. Empty variables
 * are left out, which is also how they are read back. */
static int save_vars(const struct flow_run *r, struct json *state)
{
    struct json *vars;
    int bad = json_set_object(state, "vars", &vars);
    for (size_t i = 0; i < r->f->var_n && !bad; i++) {
        const struct flow_var *v = &r->f->vars[i];
        char key[MAX_FLOW_NAME + 1];
        snprintf(key, sizeof(key), "%.*s", STR_F(v->name));
        if (r->vars[i].kind != KIND_NONE)
            bad = value_set_json(vars, key, &r->vars[i]);
    }
    return bad;
}

static int save_suggestions(const struct flow_run *r, struct json *state)
{
    return r->suggest_n ? json_set_strings(state, "suggest", r->suggest, r->suggest_n) : 0;
}

/* The estimate is cheap and safe: six bytes is the longest that a byte becomes in JSON. Only near the limit is the
 * state written to be measured. */
static enum status state_check_size(const struct flow_run *r, const struct json *state)
{
    size_t sum = 1024 + r->f->var_n * (MAX_FLOW_NAME + VALUE_TEXT);
    for (size_t i = 0; i < r->f->var_n; i++)
        sum += r->vars[i].text.n * 6;
    for (size_t i = 0; i < r->suggest_n; i++)
        sum += r->suggest[i].n * 6;
    if (sum + r->locale.n * 6 <= MAX_STATE)
        return OK;
    struct buf b;
    buf_init(&b, MAX_STATE);
    json_write(&b, state);
    bool ok = buf_ok(&b), full = b.full;
    buf_release(&b);
    if (!ok && !full)
        return err_nomem(r->e);
    return ok ? OK
              : err_set(r->e, E_flow_state, "The variables of this conversation are larger than %zu KB.",
                        MAX_STATE / KB);
}

/* Where the conversation is; what has its initial value is left out, so that the state of most conversations is a
 * few dozen bytes. */
static int save_place(const struct flow_run *r, struct json *s)
{
    if (r->at != NODE_NONE && json_set_str(s, "at", r->f->nodes[r->at].id))
        return -1;
    if (r->menu != NODE_NONE && json_set_str(s, "menu", r->f->nodes[r->menu].id))
        return -1;
    if (r->tries && json_set_int(s, "tries", r->tries))
        return -1;
    if (r->answered && json_set_bool(s, "answered", true))
        return -1;
    return r->status == FLOW_OPEN ? 0 : json_set_str(s, "state", str_from(state_words[r->status]));
}

static int save_language(const struct flow_run *r, struct json *s)
{
    int failed = json_set_str(s, "lang", r->f->langs[r->lang]);
    return failed || r->locale.n == 0 ? failed : json_set_str(s, "loc", r->locale);
}

/* The size is checked last, on the document as it will be stored. A state that is too large ends the turn before
 * anything is recorded, so the conversation stays as it was. */
enum status run_save(struct flow_run *r, struct json **out)
{
    struct json *s = json_new_object(r->a);
    if (!s)
        return err_nomem(r->e);
    *out = s;
    if (json_set_int(s, "v", 1) || save_vars(r, s) || save_language(r, s) || save_suggestions(r, s) || save_place(r, s))
        return err_nomem(r->e);
    return state_check_size(r, s);
}
