/* answers.c: answers one by one and as a list. Rules are checked before anything is written; the unique key (tenant,
 * bot, hash of the question) holds that a question has one answer, also when two people save at once. */
#include "knowledge/answers.h"

#include <stdio.h>

#include "base/limits.h"
#include "knowledge/answer_store.h"
#include "knowledge/rules_internal.h"
#include "plan/entitlement.h"

#include "base/banned.h"

#define ANSWERS_LIST_MAX 1000 /* answers of one page (count) */
#define PUT_BATCH 500

/* The special characters of LIKE in what is looked for are text: "100%" must not find everything that begins with
 * 100. */
static enum status answer_like_pattern(struct arena *a, struct str query, struct str *out, struct err *e)
{
    struct str q = str_trim(query);
    char *p = arena_alloc(a, q.n * 2 + 3);
    size_t n = 0;
    *out = STR_EMPTY;
    if (!q.n)
        return OK;
    if (!p)
        return err_nomem(e);
    p[n++] = '%';
    for (size_t i = 0; i < q.n; i++) {
        if (q.p[i] == '%' || q.p[i] == '_' || q.p[i] == '\\')
            p[n++] = '\\';
        p[n++] = q.p[i];
    }
    p[n++] = '%';
    *out = str_n(p, n);
    return OK;
}

/* The bot is read first, so that an unknown bot is an error and not an empty list. */
enum status answers_list(struct db *c, struct id tenant, const struct answers_filter *f, struct arena *a,
                         struct answers_page *out, struct err *e)
{
    struct str like, language;
    struct answers_filter wanted = *f;
    int page = f->limit < 1 ? 1 : f->limit > ANSWERS_LIST_MAX ? ANSWERS_LIST_MAX : f->limit;
    enum status st = answer_store_bot(c, a, tenant, f->bot, &language, e);
    if (st == OK)
        st = answer_like_pattern(a, f->query, &like, e);
    if (st != OK)
        return st;
    wanted.query = like;
    wanted.limit = page + 1; /* one more row tells whether others follow */
    st = answer_store_page(c, tenant, &wanted, a, out, e);
    if (st != OK)
        return st;
    out->more = out->n > (size_t)page;
    if (out->more)
        out->n = (size_t)page;
    return OK;
}

enum status answers_count(struct db *c, struct id tenant, struct id bot, int64_t *out, struct err *e)
{
    struct arena a;
    struct str language;
    arena_init(&a, ROW_ARENA);
    enum status st = answer_store_bot(c, &a, tenant, bot, &language, e);
    if (st == OK)
        st = answer_store_count(c, &a, tenant, bot, out, e);
    arena_release(&a);
    return st;
}

enum status answers_get(struct db *c, struct id tenant, struct id bot, struct id answer, struct arena *a,
                        struct answer *out, struct err *e)
{
    return answer_store_get(c, a, tenant, bot, answer, out, e);
}

/* Checks before hashing, because checking trims the texts, and the hash is of the trimmed question. */
static enum status answer_prepare(struct answer *w, struct answer_row *row, struct err *e)
{
    const char *field, *words;
    enum error_code code = answer_check(w, &field, &words);
    if (code != E_none)
        return err_at(e, code, field, "%s", words);
    row->answer = *w;
    return answer_hash(w, row->question_hash) ? OK : err_nomem(e);
}

static enum status answer_room_for_one(struct db *c, struct arena *a, struct id tenant, struct id bot, struct err *e)
{
    int64_t n = 0;
    enum status st = answer_store_count(c, a, tenant, bot, &n, e);
    if (st == OK && n >= MAX_ANSWERS)
        st = err_set(e, E_too_many_answers, "A bot can have at most %d answers.", MAX_ANSWERS);
    return st;
}

/* The number of answers is not held exactly: two saves at the same moment may go one over the limit, which is there for
 * the size of the index, not for billing. Only a new answer is limited by the plan: existing ones can be corrected even
 * when the workspace may make nothing new. */
enum status answers_save(struct db *c, struct id tenant, struct id bot, struct answer *w, struct err *e)
{
    struct answer_row row;
    struct arena a;
    struct answer old;
    struct str language;
    bool fresh = id_is_none(w->id);
    enum status st = answer_prepare(w, &row, e);
    if (st != OK)
        return st;
    arena_init(&a, TENANT_ARENA);
    st = fresh ? answer_store_bot(c, &a, tenant, bot, &language, e)
               : answer_store_get(c, &a, tenant, bot, w->id, &old, e);
    if (st == OK && fresh)
        st = entitlement_may_make(c, tenant, e);
    if (st == OK && fresh)
        st = answer_room_for_one(c, &a, tenant, bot, e);
    if (st == OK && fresh)
        row.answer.id = id_new();
    if (st == OK)
        st = fresh ? answer_store_add(c, tenant, bot, &row, e) : answer_store_set(c, tenant, bot, &row, e);
    if (st == ERR_CONFLICT)
        st = err_raise_at(e, E_question_taken, "question");
    arena_release(&a);
    if (st != OK)
        return st;
    w->id = row.answer.id;
    answers_changed(bot);
    return OK;
}

/* The row goes before the mark, so an index that is built because of the mark cannot find it any more. */
enum status answers_delete(struct db *c, struct id tenant, struct id bot, struct id answer, struct err *e)
{
    bool there = false;
    enum status st = answer_store_delete(c, tenant, bot, answer, &there, e);
    if (st != OK)
        return st;
    if (!there)
        return err_raise(e, E_answer_unknown);
    answers_changed(bot);
    return OK;
}

/* All rows are checked as they come, and the first bad one ends the caller's transaction. A question that the file
 * holds twice is not an error: the later row wins, as in an import from CSV. */
enum status answers_add_all(struct db *c, struct id tenant, struct id bot, const struct answer *rows, size_t n,
                            struct err *e)
{
    struct answer_row batch[PUT_BATCH];
    size_t k = 0;
    enum status st = OK;
    for (size_t i = 0; i < n && st == OK; i++) {
        struct answer w = rows[i];
        const char *field, *words;
        enum error_code code = answer_check(&w, &field, &words);
        char pointer[64];
        if (code != E_none) {
            snprintf(pointer, sizeof(pointer), "/answers/%zu/%s", i, field);
            return err_at(e, code, pointer, "Answer %zu: %s", i + 1, words);
        }
        w.id = id_new();
        batch[k].answer = w;
        if (!answer_hash(&w, batch[k++].question_hash))
            return err_nomem(e);
        if (k == PUT_BATCH || i + 1 == n) {
            st = answer_store_put_all(c, tenant, bot, batch, k, e);
            k = 0;
        }
    }
    return st;
}
