/* parse.c: the document as a whole (languages, variables, commands), and the life of a flow. A flow is parsed once and
 * never changed afterwards, so every thread may run it without a lock; a reference count decides when it is freed.
 * Everything is checked here, before the flow is saved or published, so that the runner needs no error path for a
 * malformed flow. Every refusal carries the JSON pointer of its place, which the editor uses to mark the field. */
#include <stdlib.h>

#include "base/utf8.h"
#include "flow/reader_internal.h"
#include "flow/text_internal.h"
#include "flow/value_internal.h"

#include "base/banned.h"

/* ---- languages ---- */

/* BCP 47, loosely: letters first, then parts of letters and digits. The registry of real languages is not consulted,
 * because a tag is only compared with what browsers send. 35 is the longest tag that RFC 5646 asks software to
 * support. */
static bool language_ok(struct str s)
{
    struct str rest = s, part;
    bool first = true;
    if (s.n < 2 || s.n > 35 || s.p[s.n - 1] == '-')
        return false;
    while (str_split(&rest, '-', &part)) {
        if (part.n < (first ? 2 : 1) || part.n > 8)
            return false;
        for (size_t i = 0; i < part.n; i++) {
            char c = (char)(part.p[i] | 0x20);
            if (!(c >= 'a' && c <= 'z') && (first || part.p[i] < '0' || part.p[i] > '9'))
                return false;
        }
        first = false;
    }
    return true;
}

static enum status read_flow_languages(struct flow_reader *r, const struct json *doc)
{
    const struct json *list = NULL;
    enum status st = read_list(r, doc, "languages", 1, MAX_FLOW_LANGUAGES, &list);
    if (st)
        return st;
    struct flow *f = r->f;
    f->langs = arena_array(r->a, json_len(list), sizeof(*f->langs));
    if (!f->langs)
        return err_nomem(r->e);
    size_t mark = path_key(r, STR("languages"));
    for (size_t i = 0; i < json_len(list); i++) {
        size_t inner = path_index(r, i);
        struct str tag = json_str(json_at(list, i));
        if (!language_ok(tag))
            return reader_refuse(r, "A language must be a tag such as \"en\" or \"pt-BR\".");
        /* Tags are case-insensitive, so "pt-br" and "pt-BR" would be the same language with two sets of texts. */
        for (size_t k = 0; k < i; k++)
            if (str_ieq(f->langs[k], tag))
                return reader_refuse(r, "The language \"%.*s\" appears twice.", STR_F(tag));
        f->langs[f->lang_n++] = tag;
        path_back(r, inner);
    }
    path_back(r, mark);
    return OK;
}

/* ---- variables ---- */

static const struct field_rule var_fields[] = {{"type", K_STR | K_MUST}, {"default", K_SCALAR}, {"label", K_TEXT}};
/* From KIND_TEXT on: a variable always has a type. */
static const char *const type_words[] = {[KIND_TEXT - KIND_TEXT] = "text",
                                         [KIND_NUMBER - KIND_TEXT] = "number",
                                         [KIND_BOOLEAN - KIND_TEXT] = "boolean",
                                         [KIND_DATE - KIND_TEXT] = "date"};

/* A default must have exactly the type of its variable. value_of_json would turn "12" into a number, but an author who
 * writes a string for a number has probably chosen the wrong type. value_of_json cuts a long text, so its length is
 * checked on the document's own string. */
static enum status read_default(struct flow_reader *r, const struct json *j, struct flow_var *v)
{
    const struct json *d = json_get(j, "default");
    bool ok = true;
    if (!d)
        return OK;
    bool fits = json_is(d, JSON_STRING) ? v->type == KIND_TEXT || v->type == KIND_DATE
                : json_is(d, JSON_BOOL) ? v->type == KIND_BOOLEAN
                                        : v->type == KIND_NUMBER;
    v->preset = fits ? value_of_json(r->a, d, v->type, &ok) : (struct value){0};
    if (!ok)
        return err_nomem(r->e);
    if (v->preset.kind == KIND_NONE)
        return reader_refuse_key(r, "default", "The default is not a %s.", type_words[v->type - KIND_TEXT]);
    struct str text = STR_EMPTY;
    return json_is(d, JSON_STRING) ? read_string(r, j, "default", 0, MAX_FLOW_TEXT, &text) : OK;
}

/* The row of the table is filled before the default is read, but counted only afterwards: a variable that is refused
 * must not be visible to the nodes. "input" and "language" are values of the conversation and have no row. */
static enum status read_variable(struct flow_reader *r, struct str name, const struct json *j)
{
    int type = 0;
    const struct str *label = NULL;
    if (!name_ok(name, false) || str_eqz(name, "input") || str_eqz(name, "language"))
        return reader_refuse(r,
                             "The name of a variable must have at most %d letters, digits or _, and must not be "
                             "\"input\" or \"language\".",
                             MAX_FLOW_NAME);
    enum status st = READ_FIELDS(r, j, var_fields);
    if (!st)
        st = read_word(r, j, "type", type_words, 4, &type);
    if (!st && json_has(j, "label"))
        st = read_label(r, j, "label", &label);
    struct flow_var *v = &r->f->vars[r->f->var_n];
    *v = (struct flow_var){.name = name, .type = KIND_TEXT + (enum value_kind)type, .declared = true};
    if (!st)
        st = read_default(r, j, v);
    if (!st)
        r->f->var_n++;
    return st;
}

/* The table has its largest size from the start. Nodes that use an undeclared variable add it while they are read, and
 * neither indexes nor pointers into the table may become invalid by that. */
static enum status read_variables(struct flow_reader *r, const struct json *vars)
{
    struct json_iter it = {0};
    r->f->vars = arena_array(r->a, MAX_FLOW_VARS, sizeof(*r->f->vars));
    if (!r->f->vars)
        return err_nomem(r->e);
    size_t mark = path_key(r, STR("variables"));
    if (json_len(vars) > MAX_FLOW_VARS)
        return reader_refuse(r, "A flow can have at most %d variables.", MAX_FLOW_VARS);
    while (json_each(vars, &it)) {
        size_t inner = path_key(r, it.key);
        enum status st = read_variable(r, it.key, it.value);
        if (st)
            return st;
        path_back(r, inner);
    }
    path_back(r, mark);
    return OK;
}

/* ---- commands ---- */

static const struct field_rule command_fields[] = {
    {"words", K_OBJ | K_MUST}, {"next", K_STR | K_MUST}, {"reset", K_BOOL}};

/* Words are folded here, once, exactly as a visitor's message is folded in each turn, so that the runner finds a
 * command with one look-up in a map, whatever the number of commands and languages. */
static enum status read_command_word(struct flow_reader *r, const struct json *j, struct flow_command *c)
{
    bool ok = true;
    struct str s = json_str(j);
    if (s.n == 0 || utf8_length(s) > MAX_FLOW_LABEL || !utf8_text(s))
        return reader_refuse(r, "A word must be a string of 1 to %d characters.", MAX_FLOW_LABEL);
    struct str folded = text_fold(r->a, s, &ok);
    if (!ok)
        return err_nomem(r->e);
    struct flow_command *other = map_get(&r->f->words, folded);
    /* The first command keeps the word. That is a finding for lint and not a refusal, so that a draft with a clash can
     * still be saved. The same word twice in one command, in two languages for example, is harmless. */
    if (other && other != c)
        return reader_note(r, NOTE_DUPLICATE, s, VAR_NONE, "The command \"%.*s\" already has this word.",
                           STR_F(other->id));
    return map_put(&r->f->words, folded, c) == 0 ? OK : err_nomem(r->e);
}

/* A language without words is only a warning: the command still works in the others. */
static enum status read_command_words(struct flow_reader *r, const struct json *words, struct flow_command *c)
{
    struct json_iter it = {0};
    bool found[MAX_FLOW_LANGUAGES] = {0};
    enum status st = OK;
    while (json_each(words, &it)) {
        size_t mark = path_key(r, it.key);
        int lang = language_index(r->f, it.key);
        size_t n = json_len(it.value);
        if (lang < 0)
            return reader_refuse(r, "\"%.*s\" is not one of the flow's languages.", STR_F(utf8_cut(it.key, 40)));
        if (!json_is(it.value, JSON_ARRAY) || n == 0 || n > MAX_FLOW_LIST)
            return reader_refuse(r, "Words must be an array of 1 to %d strings.", MAX_FLOW_LIST);
        found[lang] = true;
        for (size_t i = 0; i < n && !st; i++) {
            size_t inner = path_index(r, i);
            st = read_command_word(r, json_at(it.value, i), c);
            if (!st)
                path_back(r, inner);
        }
        if (st)
            return st;
        path_back(r, mark);
    }
    for (size_t i = 0; i < r->f->lang_n && !st; i++)
        if (!found[i])
            st = reader_note(r, NOTE_WORDS, r->f->langs[i], VAR_NONE, "The command has no words for \"%.*s\".",
                             STR_F(r->f->langs[i]));
    return st;
}

static enum status read_command(struct flow_reader *r, struct str id, const struct json *j, struct flow_command *c)
{
    if (!name_ok(id, true))
        return reader_refuse(r, "The name of a command must have at most %d letters, digits, _ or -.", MAX_FLOW_NAME);
    enum status st = READ_FIELDS(r, j, command_fields);
    if (st)
        return st;
    c->id = id;
    c->reset = json_bool(json_get(j, "reset"));
    st = read_target(r, j, "next", &c->next);
    size_t mark = path_key(r, STR("words"));
    if (!st)
        st = read_command_words(r, json_get(j, "words"), c);
    if (!st)
        path_back(r, mark);
    return st;
}

static enum status read_commands(struct flow_reader *r, const struct json *commands)
{
    struct json_iter it = {0};
    size_t mark = path_key(r, STR("commands"));
    if (json_len(commands) > MAX_FLOW_LIST)
        return reader_refuse(r, "A flow can have at most %d commands.", MAX_FLOW_LIST);
    if (json_len(commands) && !(r->f->commands = arena_array(r->a, json_len(commands), sizeof(*r->f->commands))))
        return err_nomem(r->e);
    while (json_each(commands, &it)) {
        size_t inner = path_key(r, it.key);
        enum status st = read_command(r, it.key, it.value, &r->f->commands[r->f->command_n]);
        if (st)
            return st;
        r->f->command_n++;
        path_back(r, inner);
    }
    path_back(r, mark);
    return OK;
}

/* ---- the document ---- */

static const struct field_rule flow_fields[] = {{"$schema", K_STR},        {"format", K_INT | K_MUST},
                                                {"note", K_STR},           {"languages", K_ARR | K_MUST},
                                                {"start", K_STR | K_MUST}, {"variables", K_OBJ},
                                                {"nodes", K_OBJ | K_MUST}, {"catch_all", K_STR},
                                                {"commands", K_OBJ},       {"tests", K_ARR}};

/* The order matters. Texts need the languages, nodes need the variables' types, and `start`, `catch_all`, commands and
 * tests name nodes, so they come after all nodes are known. */
static enum status read_flow(struct flow_reader *r, const struct json *doc)
{
    struct str unused = STR_EMPTY;
    r->node = NODE_NONE;
    enum status st = READ_FIELDS(r, doc, flow_fields);
    if (!st && json_int(json_get(doc, "format"), 0) != 1)
        st = reader_refuse_key(r, "format", "The format must be 1.");
    if (!st)
        st = read_string(r, doc, "$schema", 1, MAX_FLOW_URL, &unused);
    if (!st)
        st = read_string(r, doc, "note", 0, MAX_FLOW_TEXT, &unused);
    if (!st)
        st = read_flow_languages(r, doc);
    if (!st)
        st = read_variables(r, json_get(doc, "variables"));
    if (!st)
        st = read_nodes(r, json_get(doc, "nodes"));
    r->node = NODE_NONE;
    if (!st)
        st = read_target(r, doc, "start", &r->f->start);
    if (!st)
        st = read_target(r, doc, "catch_all", &r->f->catch_all);
    if (!st)
        st = read_commands(r, json_get(doc, "commands"));
    return st ? st : read_tests(r, json_get(doc, "tests"));
}

/* ---- life ---- */

static void flow_free(struct flow *f)
{
    map_release(&f->node_names);
    map_release(&f->words);
    arena_release(&f->arena);
    free(f);
}

/* The bytes of a document without escapes and white space, so that the limit does not depend on how the document was
 * written: an export that is indented must be importable again. json_parse bounds the depth, so recursion is safe. */
static size_t size_of(const struct json *j)
{
    struct json_iter it = {0};
    size_t n = 2 + json_str(j).n;
    if (json_is(j, JSON_OBJECT))
        while (json_each(j, &it))
            n += it.key.n + 4 + size_of(it.value);
    for (size_t i = 0; json_is(j, JSON_ARRAY) && i < json_len(j); i++)
        n += 1 + size_of(json_at(j, i));
    return n;
}

/* Two limits: one on the document as its author sees it, and one on its size in memory. A document of a megabyte that
 * holds nothing but small numbers takes many times its size as JSON values. */
static enum status flow_check_size(const struct json *doc, struct err *e)
{
    if (size_of(doc) <= MAX_FLOW && json_bytes(doc) <= MAX_FLOW_JSON)
        return OK;
    if (size_of(doc) <= MAX_FLOW)
        return err_set(e, E_flow_too_large, "The flow has too many values.");
    return err_set(e, E_flow_too_large, "A flow can have at most %zu KB.", MAX_FLOW / KB);
}

/* The size is checked first, so that an oversized document costs no copy. The copy comes next: labels, names and texts
 * without variables are borrowed from it, so it has to live exactly as long as the flow and in the same arena. */
enum status flow_read(const struct json *doc, struct reader_notes *notes, struct flow **out, struct err *e)
{
    struct flow *f = calloc(1, sizeof(*f));
    if (!f)
        return err_nomem(e);
    atomic_init(&f->refs, 1);
    arena_init(&f->arena, MAX_FLOW_ARENA);
    map_init(&f->node_names);
    map_init(&f->words);
    f->start = f->catch_all = NODE_NONE;
    enum status st = flow_check_size(doc, e);
    if (!st && doc && !(f->doc = json_copy(&f->arena, doc)))
        st = err_nomem(e);
    struct flow_reader r = {.f = f, .a = &f->arena, .e = e, .notes = notes};
    if (!st)
        st = read_flow(&r, f->doc);
    if (st)
        flow_free(f);
    else
        *out = f;
    return st;
}

enum status flow_parse(const struct json *doc, struct flow **out, struct err *e)
{
    return flow_read(doc, NULL, out, e);
}

/* Relaxed is enough to take a reference: the caller already holds one, so the flow cannot be freed meanwhile. Dropping
 * needs acquire and release, so that the thread that frees sees the last use by every other thread. */
struct flow *flow_retain(struct flow *f)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void flow_drop(struct flow *f)
{
    if (f && atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) == 1)
        flow_free(f);
}

/* Patterns are compiled by PCRE2 outside the arena, so their memory is added. The cache of published flows evicts by
 * this number. */
size_t flow_bytes(const struct flow *f)
{
    return sizeof(*f) + f->arena.used + f->pattern_bytes;
}

const struct json *flow_doc(const struct flow *f)
{
    return f->doc;
}
