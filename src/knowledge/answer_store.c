/* answer_store.c: SQL of answers. Every statement is bound to a tenant and a bot. Writes of many rows are one bulk
 * statement; reads of all rows go row by row through a callback, so that a bot with the most answers needs no memory
 * for all of them. The unique key (tenant, bot, question_hash) decides whether a question exists already, also when two
 * writers come at the same time. */
#include "knowledge/answer_store.h"

#include "base/clock.h"
#include "base/vec.h"

#include "base/banned.h"

#define ANSWER_COLUMNS "SELECT answer_id, question, answer, link, source, language, updated_at"
#define TYPES "ussssst"

DB_STMT(answer_bot, TENANT, "SELECT language FROM bot WHERE tenant_id = :tenant AND bot_id = ? AND deleted_at IS NULL",
        "u", "s");
/* For imports: a question that exists gets the new answer and keeps its id and its time of creation, so links to it
 * stay valid. */
DB_STMT(answer_put, TENANT,
        "INSERT INTO answer (tenant_id, bot_id, answer_id, question_hash, question, answer, link, source, language, "
        "created_at, updated_at)"
        " VALUES (:tenant, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON DUPLICATE KEY UPDATE question = VALUES(question), answer = VALUES(answer), link = VALUES(link), source = "
        "VALUES(source),"
        " updated_at = VALUES(updated_at)",
        "uuxssssstt", "");
/* For a single save, where a question that exists is an error that the user has to see. */
DB_STMT(answer_insert, TENANT,
        "INSERT INTO answer (tenant_id, bot_id, answer_id, question_hash, question, answer, link, source, language, "
        "created_at, updated_at)"
        " VALUES (:tenant, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "uuxssssstt", "");
DB_STMT(
    answer_update, TENANT,
    "UPDATE answer SET question_hash = ?, question = ?, answer = ?, link = ?, source = ?, language = ?, updated_at = ?"
    " WHERE tenant_id = :tenant AND bot_id = ? AND answer_id = ?",
    "xsssss"
    "tuu",
    "");
DB_STMT(answer_delete, TENANT, "DELETE FROM answer WHERE tenant_id = :tenant AND bot_id = ? AND answer_id = ?", "uu",
        "");
DB_STMT(answer_all, TENANT,
        ANSWER_COLUMNS ", question_hash FROM answer WHERE tenant_id = :tenant AND bot_id = ? ORDER BY answer_id", "u",
        TYPES "x");
DB_STMT(answer_page, TENANT,
        ANSWER_COLUMNS
        " FROM answer WHERE tenant_id = :tenant AND bot_id = ? AND answer_id > ? ORDER BY answer_id LIMIT ?",
        "uui", TYPES);
/* A search by part of a word cannot use an index. It reads the answers of one bot only, in the order of the primary
 * key, and stops when the page is full. */
DB_STMT(answer_page_like, TENANT,
        ANSWER_COLUMNS
        " FROM answer WHERE tenant_id = :tenant AND bot_id = ? AND answer_id > ? AND (question LIKE ? OR answer LIKE ?)"
        " ORDER BY answer_id LIMIT ?",
        "uussi", TYPES);
DB_STMT(answer_count, TENANT, "SELECT COUNT(*) FROM answer WHERE tenant_id = :tenant AND bot_id = ?", "u", "i");
DB_STMT(answer_select, TENANT, ANSWER_COLUMNS " FROM answer WHERE tenant_id = :tenant AND bot_id = ? AND answer_id = ?",
        "uu", TYPES);

static struct answer answer_of(struct db_row r)
{
    return (struct answer){.id = db_row_id(r, 0),
                           .question = db_row_str(r, 1),
                           .answer = db_row_str(r, 2),
                           .link = db_row_str(r, 3),
                           .source = db_row_str(r, 4),
                           .language = db_row_str(r, 5),
                           .updated_ms = db_row_time(r, 6)};
}

enum status answer_store_bot(struct db *c, struct arena *a, struct id tenant, struct id bot, struct str *language,
                             struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &answer_bot, &tenant, DB_ARGS(db_id(bot)), a, &r, e);
    if (st == ERR_NOT_FOUND)
        return err_raise(e, E_bot_unknown);
    if (st == OK)
        *language = db_row_str(r, 0);
    return st;
}

#define PUT_COLUMNS 10

static void put_values(struct id bot, const struct answer_row *r, int64_t now, struct db_val v[PUT_COLUMNS])
{
    const struct answer *w = &r->answer;
    const struct db_val row[PUT_COLUMNS] = {
        db_id(bot),          db_id(w->id),        db_bytes(r->question_hash, CRYPTO_HASH),
        db_str(w->question), db_str(w->answer),   db_str(w->link),
        db_str(w->source),   db_str(w->language), db_time(now),
        db_time(now)};
    memcpy(v, row, sizeof(row));
}

/* The values of all rows lie in one array, which is allocated for the batch: it is too large for the stack. */
enum status answer_store_put_all(struct db *c, struct id tenant, struct id bot, const struct answer_row *rows, size_t n,
                                 struct err *e)
{
    int64_t now = clock_now_ms();
    struct db_val *vals = calloc(n * PUT_COLUMNS + 1, sizeof(*vals));
    if (!vals)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        put_values(bot, &rows[i], now, vals + i * PUT_COLUMNS);
    enum status st = db_bulk(c, &answer_put, &tenant, vals, PUT_COLUMNS, n, NULL, e);
    free(vals);
    return st;
}

enum status answer_store_delete_all(struct db *c, struct id tenant, struct id bot, const struct id *ids, size_t n,
                                    struct err *e)
{
    struct db_val *vals = calloc(n * 2 + 1, sizeof(*vals));
    if (!vals)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        vals[i * 2] = db_id(bot);
        vals[i * 2 + 1] = db_id(ids[i]);
    }
    enum status st = db_bulk(c, &answer_delete, &tenant, vals, 2, n, NULL, e);
    free(vals);
    return st;
}

struct each {
    enum status (*fn)(void *ctx, const struct answer_row *row, struct err *e);
    void *ctx;
};

/* The hash is copied: the row is valid only during the callback. */
static enum status each_row(void *ctx, struct db_row r, struct err *e)
{
    const struct each *each = ctx;
    struct answer_row row = {.answer = answer_of(r)};
    struct str h = db_row_str(r, 7);
    if (h.n == CRYPTO_HASH)
        memcpy(row.question_hash, h.p, CRYPTO_HASH);
    return each->fn(each->ctx, &row, e);
}

enum status answer_store_each(struct db *c, struct id tenant, struct id bot,
                              enum status (*fn)(void *ctx, const struct answer_row *row, struct err *e), void *ctx,
                              struct err *e)
{
    struct each each = {fn, ctx};
    return db_each(c, &answer_all, &tenant, DB_ARGS(db_id(bot)), each_row, &each, e);
}

enum status answer_store_page(struct db *c, struct id tenant, const struct answers_filter *f, struct arena *a,
                              struct answers_page *out, struct err *e)
{
    struct db_val like = db_str(f->query);
    struct db_rows rows;
    enum status st = f->query.n
                         ? db_query(c, &answer_page_like, &tenant,
                                    DB_ARGS(db_id(f->bot), db_id(f->after), like, like, db_int(f->limit)), a, &rows, e)
                         : db_query(c, &answer_page, &tenant, DB_ARGS(db_id(f->bot), db_id(f->after), db_int(f->limit)),
                                    a, &rows, e);
    if (st != OK)
        return st;
    out->n = rows.n;
    out->rows = arena_array(a, rows.n + 1, sizeof(*out->rows));
    if (!out->rows)
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        out->rows[i] = answer_of(rows.rows[i]);
    return OK;
}

enum status answer_store_count(struct db *c, struct arena *a, struct id tenant, struct id bot, int64_t *out,
                               struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &answer_count, &tenant, DB_ARGS(db_id(bot)), a, &r, e);
    if (st == OK)
        *out = db_row_int(r, 0);
    return st;
}

enum status answer_store_get(struct db *c, struct arena *a, struct id tenant, struct id bot, struct id answer,
                             struct answer *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &answer_select, &tenant, DB_ARGS(db_id(bot), db_id(answer)), a, &r, e);
    if (st == ERR_NOT_FOUND)
        return err_raise(e, E_answer_unknown);
    if (st == OK)
        *out = answer_of(r);
    return st;
}

enum status answer_store_add(struct db *c, struct id tenant, struct id bot, const struct answer_row *row, struct err *e)
{
    struct db_val v[PUT_COLUMNS];
    put_values(bot, row, clock_now_ms(), v);
    return db_exec(c, &answer_insert, &tenant, v, PUT_COLUMNS, NULL, e);
}

enum status answer_store_set(struct db *c, struct id tenant, struct id bot, const struct answer_row *row, struct err *e)
{
    const struct answer *w = &row->answer;
    return db_exec(c, &answer_update, &tenant,
                   DB_ARGS(db_bytes(row->question_hash, CRYPTO_HASH), db_str(w->question), db_str(w->answer),
                           db_str(w->link), db_str(w->source), db_str(w->language), db_time(clock_now_ms()), db_id(bot),
                           db_id(w->id)),
                   NULL, e);
}

/* The number of rows tells whether the answer was there, which saves reading it first. */
enum status answer_store_delete(struct db *c, struct id tenant, struct id bot, struct id answer, bool *there,
                                struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(c, &answer_delete, &tenant, DB_ARGS(db_id(bot), db_id(answer)), &n, e);
    if (st == OK)
        *there = n == 1;
    return st;
}
