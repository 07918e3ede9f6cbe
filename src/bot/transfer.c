/* transfer.c: a bot as one JSON file: {"parley": 1, "bot": {"name", "language"}, "flow": {..}, "answers": [{..}]}. */
#include <stdio.h>

#include "bot/bot_store.h"
#include "bot/internal.h"

#include "base/limits.h"

#include "base/banned.h"

#define FILE_FORMAT 1
#define PAGE 500

/* ---- out ---- */

static int answer_push(struct json *list, const struct answer *w)
{
    struct json *o;
    if (json_push_object(list, &o) != 0)
        return -1;
    if (json_set_str(o, "question", w->question) != 0 || json_set_str(o, "answer", w->answer) != 0)
        return -1;
    if (w->link.n && json_set_str(o, "link", w->link) != 0)
        return -1;
    if (w->source.n && json_set_str(o, "source", w->source) != 0)
        return -1;
    return w->language.n ? json_set_str(o, "language", w->language) : 0;
}

static enum status export_answers(struct db *c, struct id tenant, struct id bot, struct arena *a, struct json *list,
                                  struct err *e)
{
    struct id after = ID_NONE;
    bool more = true;
    while (more) {
        struct answer *page;
        size_t n;
        enum status s = answers_list(c, tenant, bot, STR_EMPTY, after, PAGE, a, &page, &n, &more, e);
        if (s != OK)
            return s;
        for (size_t i = 0; i < n; i++)
            if (answer_push(list, &page[i]) != 0)
                return err_nomem(e);
        if (!n)
            break;
        after = page[n - 1].id;
    }
    return OK;
}

enum status bot_export(struct db *c, struct id tenant, struct id bot, struct arena *a, struct json **out, struct err *e)
{
    struct json *file = json_new_object(a), *head, *flow, *list;
    struct bot b;
    int revision;
    enum status s = store_bot_get(c, a, tenant, bot, &b, e);
    if (s == OK)
        s = bot_draft(c, tenant, bot, a, &flow, &revision, e);
    if (s != OK)
        return s;
    if (!file || json_set_int(file, "parley", FILE_FORMAT) != 0 || json_set_object(file, "bot", &head) != 0 ||
        json_set_str(head, "name", b.name) != 0 || json_set_str(head, "language", b.language) != 0 ||
        json_set_copy(file, "flow", flow) != 0 || json_set_array(file, "answers", &list) != 0)
        return err_nomem(e);
    if ((s = export_answers(c, tenant, bot, a, list, e)) != OK)
        return s;
    *out = file;
    return OK;
}

/* ---- in ---- */

static enum status read_answers(struct arena *a, const struct json *list, struct answer **out, size_t *n, struct err *e)
{
    static const char *const fields[] = {"question", "answer", "link", "source", "language"};
    *n = json_len(list);
    *out = NULL;
    if (list && !json_is(list, JSON_ARRAY))
        return err_at(e, ERR_INVALID, "file_invalid", "/answers", "\"answers\" must be a list.");
    if (*n > MAX_ANSWERS)
        return err_at(e, ERR_TOO_LARGE, "too_many_answers", "/answers", "A bot has at most %d answers.", MAX_ANSWERS);
    if (!(*out = arena_array(a, *n + 1, sizeof **out)))
        return err_nomem(e);
    for (size_t i = 0; i < *n; i++) {
        const struct json *o = json_at(list, i);
        struct str *to[] = {&(*out)[i].question, &(*out)[i].answer, &(*out)[i].link, &(*out)[i].source,
                            &(*out)[i].language};
        for (size_t k = 0; k < sizeof to / sizeof *to; k++) {
            char pointer[64];
            snprintf(pointer, sizeof pointer, "/answers/%zu/%s", i, fields[k]);
            if (!json_is(o, JSON_OBJECT) || (json_has(o, fields[k]) && !json_is(json_get(o, fields[k]), JSON_STRING)))
                return err_at(e, ERR_INVALID, "file_invalid", pointer, "Answer %zu: \"%s\" must be text.", i + 1,
                              fields[k]);
            *to[k] = json_get_str(o, fields[k]);
        }
    }
    return OK;
}

enum status bot_import(struct db *c, const struct actor *who, struct arena *a,
                       const struct json *file, struct str name, struct bot *out, struct err *e)
{
    struct bot_seed seed = {.template_id = STR("import"), .what = "bot.imported"};
    const struct json *head = json_get(file, "bot"), *flow = json_get(file, "flow");
    struct answer *answers;
    enum status s;
    if (!json_is(file, JSON_OBJECT) || !json_is(json_get(file, "parley"), JSON_INT))
        return err_at(e, ERR_INVALID, "file_invalid", "/parley", "This is not the file of a bot.");
    if (json_int(json_get(file, "parley"), 0) != FILE_FORMAT)
        return err_at(e, ERR_INVALID, "file_version", "/parley",
                      "This file was written by a newer Parley: it says format %lld, this one reads %d.",
                      (long long)json_int(json_get(file, "parley"), 0), FILE_FORMAT);
    if (!json_is(flow, JSON_OBJECT))
        return err_at(e, ERR_INVALID, "file_invalid", "/flow", "The file holds no flow.");
    if ((s = read_answers(a, json_get(file, "answers"), &answers, &seed.answer_n, e)) != OK)
        return s;
    seed.answers = answers;
    seed.name = name.n ? name : json_get_str(head, "name");
    if (!(seed.flow = json_copy(a, flow)))
        return err_nomem(e);
    s = bot_flow_language(seed.flow, json_get_str(head, "language"), &seed.language, NULL);
    if (s == ERR_INVALID)
        s = bot_flow_language(seed.flow, STR_EMPTY, &seed.language, e); /* then the flow's own first one */
    if (s != OK)
        return s;
    return bot_add(c, who, a, &seed, out, e);
}
