/* reader_text.c: texts, labels and choices, which a flow holds once for each language. After reading, every text has a
 * form for every language: a missing translation is replaced by the default language and noted for lint. So a turn
 * takes texts by index and never searches for a language. */
#include "base/utf8.h"
#include "flow/reader_internal.h"
#include "flow/text_internal.h"

#include "base/banned.h"

int language_index(const struct flow *f, struct str tag)
{
    for (size_t i = 0; i < f->lang_n; i++)
        if (str_eq(f->langs[i], tag))
            return (int)i;
    return -1;
}

/* One string for each language of the flow; `found` distinguishes a translation from its replacement. */
struct per_language {
    bool found[MAX_FLOW_LANGUAGES];
    struct str s[MAX_FLOW_LANGUAGES];
};

/* An object of translations. A language that the flow does not declare is refused: its texts could never be shown, and
 * the author has probably forgotten to declare it. */
static enum status read_languages(struct flow_reader *r, const struct json *obj, size_t max, struct per_language *out)
{
    struct json_iter it = {0};
    if (json_len(obj) == 0)
        return reader_refuse(r, "A text must have at least one language.");
    while (json_each(obj, &it)) {
        size_t mark = path_key(r, it.key);
        int lang = language_index(r->f, it.key);
        if (lang < 0)
            return reader_refuse(r, "\"%.*s\" is not one of the flow's languages.", STR_F(utf8_cut(it.key, 40)));
        if (!json_is(it.value, JSON_STRING))
            return reader_refuse(r, "A text must be a string.");
        struct str s = json_str(it.value);
        /* An empty translation is refused as well: it would show an empty bubble in one language only, where it is
         * easily overlooked. */
        if (s.n == 0 || utf8_length(s) > max)
            return reader_refuse(r, "A text must have 1 to %zu characters.", max);
        if (!utf8_text(s))
            return reader_refuse(r, "This contains a control character.");
        out->found[lang] = true;
        out->s[lang] = s;
        path_back(r, mark);
    }
    return OK;
}

/* Fills every language: one string for all, or the default language for those that are missing. If the default language
 * is missing too, the first that is there is used, so that there is always a text to show. */
static enum status read_all_languages(struct flow_reader *r, const struct json *j, const char *key, size_t max,
                                      struct per_language *out)
{
    const struct json *v = json_get(j, key);
    size_t n = r->f->lang_n, first = 0;
    if (json_is(v, JSON_STRING)) {
        struct str s = STR_EMPTY;
        enum status st = read_string(r, j, key, 1, max, &s);
        for (size_t i = 0; i < n; i++)
            out->s[i] = s;
        return st;
    }
    size_t mark = path_key(r, str_from(key));
    enum status st = read_languages(r, v, max, out);
    while (!st && first < n && !out->found[first])
        first++;
    for (size_t i = 0; i < n && !st; i++) {
        if (out->found[i])
            continue;
        out->s[i] = out->s[first];
        st = reader_note(r, NOTE_TRANSLATION, r->f->langs[i], VAR_NONE, "The text has no translation for \"%.*s\".",
                         STR_F(r->f->langs[i]));
    }
    if (!st)
        path_back(r, mark);
    return st;
}

/* Compiles the text of language i. Languages that share one text (a replaced translation, or one string for all) share
 * its compiled form, which is most of a flow's memory. Comparing addresses is enough: shared texts are the same bytes
 * of the document. */
static enum status compile_language(struct flow_reader *r, const struct per_language *all, size_t i,
                                    const struct tpl **lang)
{
    size_t same = 0;
    while (same < i && all->s[same].p != all->s[i].p)
        same++;
    if (same < i) {
        lang[i] = lang[same];
        return OK;
    }
    struct tpl *t = ARENA_NEW(r->a, struct tpl);
    if (!t)
        return err_nomem(r->e);
    lang[i] = t;
    size_t inner = all->found[i] ? path_key(r, r->f->langs[i]) : r->path_n;
    enum status st = tpl_compile(r, all->s[i], PART_SHOWN, t);
    if (!st)
        path_back(r, inner);
    return st;
}

enum status read_text(struct flow_reader *r, const struct json *j, const char *key, size_t max, struct flow_text *out)
{
    struct per_language all = {0};
    if (!json_has(j, key))
        return OK;
    enum status st = read_all_languages(r, j, key, max, &all);
    const struct tpl **lang = arena_array(r->a, r->f->lang_n, sizeof(*lang));
    if (!st && !lang)
        st = err_nomem(r->e);
    size_t mark = path_key(r, str_from(key));
    for (size_t i = 0; i < r->f->lang_n && !st; i++)
        st = compile_language(r, &all, i, lang);
    if (st)
        return st;
    path_back(r, mark);
    out->lang = lang;
    return OK;
}

/* Labels hold no variables: a typed answer is compared with the folded label, which therefore has to be known when the
 * flow is read. */
enum status read_label(struct flow_reader *r, const struct json *j, const char *key, const struct str **out)
{
    struct per_language all = {0};
    enum status st = read_all_languages(r, j, key, MAX_FLOW_LABEL, &all);
    struct str *s = st ? NULL : arena_array(r->a, r->f->lang_n, sizeof(*s));
    if (st)
        return st;
    if (!s)
        return err_nomem(r->e);
    for (size_t i = 0; i < r->f->lang_n; i++) {
        s[i] = all.s[i];
        if (str_has(s[i], STR("{{")))
            return reader_refuse_key(r, key, "The label of a choice cannot contain variables.");
    }
    *out = s;
    return OK;
}

/* Folded once for each language, exactly as a visitor's message is folded in each turn. */
static enum status fold_labels(struct flow_reader *r, const struct str *labels, const struct str **out)
{
    struct str *folded = arena_array(r->a, r->f->lang_n, sizeof(*folded));
    bool ok = folded;
    for (size_t i = 0; i < r->f->lang_n && ok; i++)
        folded[i] = text_fold(r->a, labels[i], &ok);
    *out = folded;
    return ok ? OK : err_nomem(r->e);
}

static const struct field_rule choice_fields[] = {
    {"label", K_TEXT | K_MUST}, {"value", K_STR | K_MUST}, {"next", K_STR}};

/* The value is folded too: an integration or a scripted test may send the value as text instead of pressing the
 * button. */
static enum status read_choice(struct flow_reader *r, const struct json *j, struct node_choice *c)
{
    bool ok = true;
    enum status st = READ_FIELDS(r, j, choice_fields);
    if (!st)
        st = read_label(r, j, "label", &c->label);
    if (!st)
        st = read_string(r, j, "value", 1, MAX_FLOW_LABEL, &c->value);
    if (!st)
        st = read_target(r, j, "next", &c->next);
    if (!st)
        st = fold_labels(r, c->label, &c->folded);
    if (st)
        return st;
    c->value_folded = text_fold(r->a, c->value, &ok);
    return ok ? OK : err_nomem(r->e);
}

/* The earlier choice that a visitor could not tell from choice i; i when there is none. */
static size_t same_choice(const struct flow_reader *r, const struct node_choices *all, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (str_eq(all->p[k].value_folded, all->p[i].value_folded))
            return k;
        for (size_t lang = 0; lang < r->f->lang_n; lang++)
            if (str_eq(all->p[k].folded[lang], all->p[i].folded[lang]))
                return k;
    }
    return i;
}

/* A choice is compared with those before it as soon as it has been read, while the path still points to it, so the
 * finding names the later of the two. */
enum status read_choices(struct flow_reader *r, const struct json *j, struct node_choices *out)
{
    const struct json *list = NULL;
    enum status st = read_list(r, j, "choices", 1, MAX_FLOW_LIST, &list);
    if (st || !list)
        return st;
    out->n = json_len(list);
    out->p = arena_array(r->a, out->n, sizeof(*out->p));
    if (!out->p)
        return err_nomem(r->e);
    size_t mark = path_key(r, STR("choices"));
    for (size_t i = 0; i < out->n && !st; i++) {
        size_t inner = path_index(r, i);
        st = read_choice(r, json_at(list, i), &out->p[i]);
        size_t same = st ? i : same_choice(r, out, i);
        if (same < i)
            st = reader_note(r, NOTE_DUPLICATE, out->p[i].value, VAR_NONE,
                             "This choice has the same value or label as choice %zu.", same + 1);
        if (!st)
            path_back(r, inner);
    }
    if (!st)
        path_back(r, mark);
    return st;
}

/* With `prefix`, "es" also finds the flow's "es-MX", but never "est": the match must end at a hyphen. */
static bool lang_eq(struct str a, struct str b, bool prefix)
{
    return str_ieq(a, b) || (prefix && a.n > b.n && a.p[b.n] == '-' && str_ieq(str_sub(a, 0, b.n), b));
}

static int find_language(const struct flow *f, struct str tag, bool prefix)
{
    for (size_t i = 0; i < f->lang_n; i++)
        if (lang_eq(f->langs[i], tag, prefix))
            return (int)i;
    return -1;
}

/* RFC 4647 lookup: es-419-x, then es-419, then es. At last "es" finds the flow's es-MX, which the RFC does not do: a
 * visitor who asks for Spanish would rather read Mexican Spanish than the default language. */
static int match_tag(const struct flow *f, struct str tag)
{
    for (;;) {
        int found = find_language(f, tag, false);
        size_t dash = tag.n;
        while (dash > 0 && tag.p[dash - 1] != '-')
            dash--;
        if (found >= 0)
            return found;
        if (dash == 0)
            return find_language(f, tag, true);
        tag.n = dash - 1;
    }
}

/* Takes an Accept-Language header as well as a single tag. Browsers list languages in the order of their quality, so q
 * is cut off and not parsed. The number of tags and their length are bounded because a client sends them. */
int flow_language(const struct flow *f, struct str tags)
{
    struct str part;
    for (int i = 0; i < MAX_FLOW_LANGUAGES && str_split(&tags, ',', &part); i++) {
        ptrdiff_t quality = str_find(part, ';');
        if (quality >= 0)
            part.n = (size_t)quality;
        part = str_trim(part);
        int found = part.n && part.n <= 35 ? match_tag(f, part) : -1;
        if (found >= 0)
            return found;
    }
    return -1;
}
