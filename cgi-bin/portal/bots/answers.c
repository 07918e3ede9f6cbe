/* answers.c: /app/bots/{bot}/answers: the questions and answers of a bot: the list with search, and one of them. The id
 * "new" is an answer that does not exist yet. */
#include "knowledge/answers.h"

#include <stdio.h>

#include "base/utf8.h"
#include "portal/bots/bots.h"

#include "base/banned.h"

#define ANSWERS_PAGE 50  /* rows */
#define ANSWER_SHOWN 180 /* characters of an answer in the list */

static void answers_fill_row(struct page *pg, size_t i, const struct answer *a)
{
    struct view *v = pg->v;
    view_id(v, view_at(v, "Answers", i, "Id"), TEXT_ID(ID_ANSWER, a->id));
    view_str(v, view_at(v, "Answers", i, "Question"), a->question);
    view_str(v, view_at(v, "Answers", i, "Answer"), utf8_cut(a->answer, ANSWER_SHOWN));
    view_bool(v, view_at(v, "Answers", i, "Cut"), utf8_length(a->answer) > ANSWER_SHOWN);
    view_str(v, view_at(v, "Answers", i, "Source"), a->source);
    view_str(v, view_at(v, "Answers", i, "Link"), str_trim(a->link));
    view_time(v, view_at(v, "Answers", i, "Updated"), a->updated_ms);
}

/* The total counts all answers of the bot, not those of the search: it shows whether there are any. */
static enum status answers_fill_list(struct page *pg, const struct bot *b, struct str query, struct id after)
{
    const struct answers_filter f = {.bot = b->id, .query = query, .after = after, .limit = ANSWERS_PAGE};
    struct answers_page list;
    int64_t all = 0;
    enum status st = answers_list(pg->db, pg->who.tenant, &f, pg->rq->arena, &list, &pg->e);
    if (st == OK)
        st = answers_count(pg->db, pg->who.tenant, b->id, &all, &pg->e);
    if (st != OK)
        return st;
    for (size_t i = 0; i < list.n; i++)
        answers_fill_row(pg, i, &list.rows[i]);
    view_count(pg->v, "List.Count", "Bots.Answers.CountText", all);
    view_bool(pg->v, "List.Any", all > 0);
    view_bool(pg->v, "List.Found", list.n > 0);
    view_str(pg->v, "List.Query", query);
    view_bool(pg->v, "List.Later", !id_is_none(after));
    if (list.more)
        view_id(pg->v, "List.After", TEXT_ID(ID_ANSWER, list.rows[list.n - 1].id));
    return OK;
}

/* A position that is not an id shows the first page: an old link should still lead somewhere. */
void bots_answers_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct id after = ID_NONE;
    if (!bots_begin(rq, &pg, "answers", &b))
        return;
    struct str query = utf8_cut(str_trim(request_query(rq, "q")), 200), from = request_query(rq, "after");
    if (from.n && !id_parse(ID_ANSWER, from, &after))
        after = ID_NONE;
    enum status st = answers_fill_list(&pg, &b, query, after);
    page_end(&pg, st, "portal/bots/answers.cs", NULL);
}

/* ---- one answer ---- */

static bool answer_is_new(struct page *pg)
{
    return str_eq(request_segment(pg->rq, "answer"), STR("new"));
}

/* Loads the answer of the path, or an empty one for "new". The answer must belong to this bot: the id of an answer
 * of another bot is 404. */
static bool answer_load(struct page *pg, const struct bot *b, struct answer *out)
{
    struct id id;
    *out = (struct answer){.id = ID_NONE,
                           .question = STR_EMPTY,
                           .answer = STR_EMPTY,
                           .link = STR_EMPTY,
                           .source = STR_EMPTY,
                           .language = STR_EMPTY};
    if (answer_is_new(pg))
        return true;
    if (!page_id(pg, ID_ANSWER, "answer", &id))
        return false;
    if (answers_get(pg->db, pg->who.tenant, b->id, id, pg->rq->arena, out, &pg->e) == OK)
        return true;
    page_fail(pg);
    return false;
}

static void answer_show(struct page *pg, const struct answer *a, int status)
{
    struct view *v = pg->v;
    view_id(v, "Answer.Id", id_is_none(a->id) ? "new" : TEXT_ID(ID_ANSWER, a->id));
    view_bool(v, "Answer.New", id_is_none(a->id));
    view_str(v, "Answer.question", a->question);
    view_str(v, "Answer.answer", a->answer);
    view_str(v, "Answer.link", str_trim(a->link));
    view_str(v, "Answer.source", a->source);
    view_str(v, "Answer.language", a->language);
    view_time(v, "Answer.Updated", a->updated_ms);
    page_send_status(pg, status, "portal/bots/answers_answer.cs", NULL);
}

void bots_answers_answer_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct answer a;
    if (bots_begin(rq, &pg, "answers", &b) && answer_load(&pg, &b, &a))
        answer_show(&pg, &a, 200);
}

/* A new answer gets the language of the bot. An existing one keeps its own, which an import may have set. */
void bots_answers_answer_post(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct answer a;
    if (!bots_begin(rq, &pg, "answers", &b) || !answer_load(&pg, &b, &a))
        return;
    bool new = id_is_none(a.id);
    a.question = request_form(rq, "question");
    a.answer = request_form(rq, "answer");
    a.link = request_form(rq, "link");
    a.source = request_form(rq, "source");
    if (new)
        a.language = b.language;
    enum status st = answers_save(pg.db, pg.who.tenant, b.id, &a, &pg.e);
    if (st == OK)
        page_redirect(&pg, "/app/bots/%s/answers?done=%s", TEXT_ID(ID_BOT, b.id), new ? "answer_added" : "saved");
    else if (page_form_again(&pg))
        answer_show(&pg, &a, 422);
}

void bots_answers_delete_post(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct id id;
    if (!bots_begin(rq, &pg, "answers", &b) || !page_id(&pg, ID_ANSWER, "answer", &id))
        return;
    enum status st = answers_delete(pg.db, pg.who.tenant, b.id, id, &pg.e);
    page_end_redirect(&pg, st, "/app/bots/%s/answers?done=answer_deleted", TEXT_ID(ID_BOT, b.id));
}
