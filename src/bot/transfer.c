/* transfer.c: a bot as one JSON file: {"parley": 1, "bot": {"name", "language"}, "flow": {..}, "answers": [{..}]}. It
 * is written in parts, so that a bot with the most answers needs no memory for the whole file. An import checks
 * everything before it writes anything, in one transaction, so a broken file leaves no half bot. The file holds no ids:
 * it can be imported twice, and into another workspace. */
#include <stdio.h>

#include "base/limits.h"
#include "bot/bot_internal.h"
#include "bot/bot_store.h"

#include "base/banned.h"

#define FILE_FORMAT 1
#define PAGE 500
#define EXPORT_PART (256 * KB)
#define MAX_EXPORT_ARENA (48 * MB) /* the flow, or a page of the longest answers */

/* ---- out ---- */

struct export
{
    struct db *c;
    struct id tenant, bot;
    const struct bot_file_sink *to;
    struct arena *a;
    struct buf part;
};

static enum status export_hand_out(struct export *x, struct err *e)
{
    enum status st = buf_ok(&x->part) ? x->to->write(x->to->ctx, buf_str(&x->part), e) : err_nomem(e);
    buf_clear(&x->part);
    return st;
}

/* Empty members are left out, which is also how they are read back. */
static void export_member(struct buf *b, const char *key, struct str value)
{
    if (!value.n)
        return;
    buf_puts(b, ", \"");
    buf_puts(b, key);
    buf_puts(b, "\": ");
    buf_json(b, value);
}

static void export_answer_add(struct buf *b, const struct answer *w, bool first)
{
    buf_puts(b, first ? "\n    {\"question\": " : ",\n    {\"question\": ");
    buf_json(b, w->question);
    export_member(b, "answer", w->answer);
    export_member(b, "link", w->link);
    export_member(b, "source", w->source);
    export_member(b, "language", w->language);
    buf_putc(b, '}');
}

/* Page by page after the last id, not in one result or one transaction: an export may take as long as the client reads,
 * and would hold a snapshot all that time. An answer that is added meanwhile may be missing; none appears twice. The
 * arena is reset after each page, since the last id has been copied out of it. */
static enum status export_answers(struct export *x, struct err *e)
{
    struct answers_filter f = {.bot = x->bot, .query = STR_EMPTY, .after = ID_NONE, .limit = PAGE};
    struct answers_page page = {.more = true};
    while (page.more) {
        enum status st = answers_list(x->c, x->tenant, &f, x->a, &page, e);
        for (size_t i = 0; st == OK && i < page.n; i++) {
            export_answer_add(&x->part, &page.rows[i], id_is_none(f.after) && i == 0);
            if (x->part.n > EXPORT_PART)
                st = export_hand_out(x, e);
        }
        if (st != OK || !page.n)
            return st;
        f.after = page.rows[page.n - 1].id;
        arena_reset(x->a);
    }
    return OK;
}

/* Reading the bot and its draft comes before the first byte, so that an unknown bot is still an error with a status of
 * its own. The head is handed out at once and its arena reset: the flow needs most of it. */
static enum status export_head(struct export *x, struct err *e)
{
    struct json *flow;
    struct bot b;
    int revision;
    enum status st = bot_store_get(x->c, x->a, x->tenant, x->bot, &b, e);
    if (st == OK)
        st = bot_draft(x->c, x->tenant, x->bot, x->a, &flow, &revision, e);
    if (st != OK)
        return st;
    buf_printf(&x->part, "{\n  \"parley\": %d,\n  \"bot\": {\"name\": ", FILE_FORMAT);
    buf_json(&x->part, b.name);
    export_member(&x->part, "language", b.language);
    buf_puts(&x->part, "},\n  \"flow\": ");
    json_write_pretty(&x->part, flow);
    buf_puts(&x->part, "  ,\"answers\": [");
    st = export_hand_out(x, e);
    arena_reset(x->a);
    return st;
}

enum status bot_export(struct db *c, struct id tenant, struct id bot, const struct bot_file_sink *to, struct err *e)
{
    struct arena a;
    struct export x = {.c = c, .tenant = tenant, .bot = bot, .to = to, .a = &a};
    arena_init(&a, MAX_EXPORT_ARENA);
    buf_init(&x.part, MAX_EXPORT_ARENA);
    enum status st = export_head(&x, e);
    if (st == OK)
        st = export_answers(&x, e);
    if (st == OK) {
        buf_puts(&x.part, "\n  ]\n}\n");
        st = export_hand_out(&x, e);
    }
    buf_release(&x.part);
    arena_release(&a);
    return st;
}

/* ---- in ---- */

/* Wrong types are refused with their place; the contents of answers are checked where they are added. */
static enum status import_read_answers(struct arena *a, const struct json *list, struct answer **out, size_t *n,
                                       struct err *e)
{
    static const char *const fields[] = {"question", "answer", "link", "source", "language"};
    *n = json_len(list);
    *out = NULL;
    if (list && !json_is(list, JSON_ARRAY))
        return err_at(e, E_file_invalid, "/answers", "\"answers\" must be a list.");
    if (*n > MAX_ANSWERS)
        return err_at(e, E_too_many_answers, "/answers", "A bot can have at most %d answers.", MAX_ANSWERS);
    if (!(*out = arena_array(a, *n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < *n; i++) {
        const struct json *o = json_at(list, i);
        struct str *to[] = {&(*out)[i].question, &(*out)[i].answer, &(*out)[i].link, &(*out)[i].source,
                            &(*out)[i].language};
        for (size_t k = 0; k < COUNT_OF(to); k++) {
            char pointer[64];
            snprintf(pointer, sizeof(pointer), "/answers/%zu/%s", i, fields[k]);
            if (!json_is(o, JSON_OBJECT) || (json_has(o, fields[k]) && !json_is(json_get(o, fields[k]), JSON_STRING)))
                return err_at(e, E_file_invalid, pointer, "Answer %zu: \"%s\" must be text.", i + 1, fields[k]);
            *to[k] = json_get_str(o, fields[k]);
        }
    }
    return OK;
}

/* The number of the format is checked before anything else, so that a file from a newer Parley is called that and not
 * damaged. The language of the file is only a wish: if the flow no longer has it, the flow's first language is taken.
 * Lint does not run here, because a draft may have findings. */
enum status bot_import(struct db *c, const struct actor *who, struct arena *a, const struct json *file, struct str name,
                       struct bot *out, struct err *e)
{
    struct bot_seed seed = {.template_id = STR("import"), .what = "bot.imported"};
    const struct json *head = json_get(file, "bot"), *flow = json_get(file, "flow");
    struct answer *answers;
    enum status st;
    if (!json_is(file, JSON_OBJECT) || !json_is(json_get(file, "parley"), JSON_INT))
        return err_at(e, E_file_invalid, "/parley", "This is not a bot exported by Parley.");
    if (json_int(json_get(file, "parley"), 0) != FILE_FORMAT)
        return err_at(e, E_file_version, "/parley",
                      "This file was written by a newer release: it has format %lld, and this release reads format %d.",
                      (long long)json_int(json_get(file, "parley"), 0), FILE_FORMAT);
    if (!json_is(flow, JSON_OBJECT))
        return err_at(e, E_file_invalid, "/flow", "The file contains no flow.");
    if ((st = import_read_answers(a, json_get(file, "answers"), &answers, &seed.answer_n, e)) != OK)
        return st;
    seed.answers = answers;
    seed.name = name.n ? name : json_get_str(head, "name");
    if (!(seed.flow = json_copy(a, flow)))
        return err_nomem(e);
    st = bot_flow_language(seed.flow, json_get_str(head, "language"), &seed.language, NULL);
    if (st == ERR_INVALID)
        st = bot_flow_language(seed.flow, STR_EMPTY, &seed.language, e); /* then the flow's own first one */
    if (st != OK)
        return st;
    return bot_add(c, who, a, &seed, out, e);
}
