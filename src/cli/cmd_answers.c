/* cmd_answers.c: answers list, answers find: the questions and answers of a bot, and what it would find for a
 * question.
 *
 * find uses the search that a turn uses and prints the scores, so that an operator can see why a bot gave an answer. */
#include "base/num.h"
#include "cli/cli.h"
#include "knowledge/answers.h"

#include "base/banned.h"

static int answers_set_one(struct json *o, const struct answer *w)
{
    return json_set_id(o, "id", ID_ANSWER, w->id) != 0 || json_set_str(o, "question", w->question) != 0 ||
                   json_set_str(o, "answer", w->answer) != 0 || json_set_str(o, "link", w->link) != 0 ||
                   json_set_str(o, "source", w->source) != 0 || json_set_str(o, "language", w->language) != 0
               ? -1
               : 0;
}

enum status cmd_answers_list(struct cli *cl, struct err *e)
{
    const char *bot_text = NULL, *query = "", *limit_text = "100";
    struct db *c;
    struct actor who;
    struct answers_filter f = {.after = ID_NONE};
    struct answers_page page;
    uint64_t limit;
    enum status st = cli_options(
        cl, CLI_OPTIONS({"bot", &bot_text, NULL}, {"query", &query, NULL}, {"limit", &limit_text, NULL}), 0, 0, e);
    if (st != OK)
        return st;
    /* The list has no pages, so the limit is higher than that of a page. A larger list is a task for bot export. */
    if (!num_u64(str_from(limit_text), 1000, &limit) || !limit)
        return cli_usage(e, "--limit must be a number from 1 to 1000.");
    if ((st = cli_db(cl, &c, e)) != OK || (st = cli_bot(cl, c, bot_text, &f.bot, &who, e)) != OK)
        return st;
    f.query = str_from(query);
    f.limit = (int)limit;
    if ((st = answers_list(c, who.tenant, &f, &cl->arena, &page, e)) != OK)
        return st;
    struct json *out = json_new_array(&cl->arena), *o;
    for (size_t i = 0; out && i < page.n; i++)
        if (json_push_object(out, &o) != 0 || answers_set_one(o, &page.rows[i]) != 0)
            out = NULL;
    if (!out)
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

static struct json *answers_match_json(struct cli *cl, const struct answers_match *m)
{
    static const char *const verdicts[] = {
        [ANSWERS_NONE] = "none", [ANSWERS_UNSURE] = "unsure", [ANSWERS_SURE] = "sure"};
    struct json *out = json_new_object(&cl->arena), *hits, *o;
    if (!out || json_set_str(out, "verdict", str_from(verdicts[m->verdict])) != 0 ||
        json_set_array(out, "hits", &hits) != 0)
        return NULL;
    for (size_t i = 0; i < m->n; i++)
        if (json_push_object(hits, &o) != 0 || json_set_double(o, "score", m->hits[i].score) != 0 ||
            answers_set_one(o, &m->hits[i].answer) != 0)
            return NULL;
    return out;
}

/* The pool is opened before the connection, because answers_find takes a connection of its own. The index that it
 * loaded is dropped at once: this process ends, and a leak checker should see only real leaks. */
enum status cmd_answers_find(struct cli *cl, struct err *e)
{
    const char *bot_text = NULL, *language = "";
    struct db_pool *pool;
    struct db *c;
    struct id bot;
    struct actor who;
    struct answers_match m;
    enum status st = cli_options(cl, CLI_OPTIONS({"bot", &bot_text, NULL}, {"language", &language, NULL}), 1, 1, e);
    if (st != OK || (st = cli_pool(cl, &pool, e)) != OK || (st = cli_db(cl, &c, e)) != OK ||
        (st = cli_bot(cl, c, bot_text, &bot, &who, e)) != OK)
        return st;
    const struct answers_question q = {who.tenant, bot, str_from(language), str_from(cl->argv[0])};
    st = answers_find(pool, &q, &cl->arena, &m, e);
    answers_forget();
    if (st != OK)
        return st;
    struct json *out = answers_match_json(cl, &m);
    if (!out)
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}
