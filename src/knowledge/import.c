/* import.c: a CSV file becomes answers. What the bot has is read first, as hashes only: they tell added from updated
 * and unchanged without a query for each row, and show what must be deleted when the file replaces everything. The
 * file is read twice. When it holds a question several times, the last row counts, so that importing the same file
 * again changes nothing. Memory: about 100 bytes for each answer, and one batch. */
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/vec.h"
#include "knowledge/csv.h"
#include "knowledge/rules_internal.h"

#include "base/banned.h"

#define IMPORT_BATCH 500      /* rows of one transaction (count) */
#define BATCH_BYTES (1 * MB)  /* texts of one transaction */
#define BATCH_ARENA (32 * MB) /* enough for one row of many giant fields */
#define BAD_MAX 1000          /* rows reported one by one */
#define PROGRESS_ROWS 5000    /* progress is reported at least this often */

enum column { QUESTION, ANSWER, LINK, SOURCE, LANGUAGE, COLUMNS };
static const char *const column_names[COLUMNS] = {"question", "answer", "link", "source", "language"};

struct known { /* a question that the bot has, or the file */
    uint8_t question[16], content[8], last_content[8];
    struct id id;
    int64_t last_row; /* of the file; 0 = not in it */
    bool used, there; /* there: in the database, or on its way */
};
struct import {
    struct db *c;
    struct id tenant, bot;
    const struct import_request *rq;
    struct arena batch_arena;
    struct import_report *out;
    VEC(struct import_row) bad;
    struct known *table;
    size_t table_cap, table_n;
    int column[COLUMNS];
    size_t header_n;
    struct answer_row *batch;
    size_t batch_n, batch_bytes;
};

/* ---- what is known ---- */

/* Open addressing with linear probing; the key is a hash already. The table is never more than half full. */
static size_t import_slot(const struct import *m, const uint8_t question[16])
{
    uint32_t h;
    memcpy(&h, question, sizeof(h));
    size_t i = h & (m->table_cap - 1);
    while (m->table[i].used && memcmp(m->table[i].question, question, 16) != 0)
        i = (i + 1) & (m->table_cap - 1);
    return i;
}

static bool grow_table(struct import *m)
{
    struct known *old = m->table;
    size_t cap = m->table_cap;
    m->table_cap = cap ? cap * 2 : 1024;
    m->table = calloc(m->table_cap, sizeof(*m->table));
    if (!m->table) {
        m->table = old;
        m->table_cap = cap;
        return false;
    }
    for (size_t i = 0; i < cap; i++)
        if (old[i].used)
            m->table[import_slot(m, old[i].question)] = old[i];
    free(old);
    return true;
}

static struct known *import_know(struct import *m, const uint8_t question[CRYPTO_HASH])
{
    if (m->table_n * 2 >= m->table_cap && !grow_table(m))
        return NULL;
    struct known *k = &m->table[import_slot(m, question)];
    if (!k->used)
        m->table_n++;
    return k;
}

/* Lengths go in with the parts, so that a word that moves from one field to the next is a change. */
static bool content_hash(const struct answer *w, uint8_t out[8])
{
    const struct str parts[] = {w->question, w->answer, w->link, w->source, w->language};
    uint8_t hash[CRYPTO_HASH];
    struct buf b;
    buf_init(&b, 256 * KB);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        buf_u64(&b, parts[i].n);
        buf_putc(&b, ' ');
        buf_str_add(&b, parts[i]);
    }
    bool ok = buf_ok(&b);
    crypto_digest(buf_str(&b), hash);
    memcpy(out, hash, 8);
    buf_release(&b);
    return ok;
}

/* Called for each answer that the bot has. Only hashes and the id are kept, whatever the length of the texts. */
static enum status import_remember(void *ctx, const struct answer_row *row, struct err *e)
{
    struct known *k = import_know(ctx, row->question_hash);
    if (!k || !content_hash(&row->answer, k->content))
        return err_nomem(e);
    memcpy(k->question, row->question_hash, sizeof(k->question));
    k->id = row->answer.id;
    k->used = k->there = true;
    return OK;
}

/* ---- rows ---- */

/* Rows beyond BAD_MAX are counted, but not listed: a file in a wrong format has one fault in every row. */
static enum status import_bad_row(struct import *m, int64_t row, const char *code, const char *words, struct err *e)
{
    struct import_row b = {.row = row};
    m->out->skipped++;
    if (m->bad.n >= BAD_MAX)
        return OK;
    snprintf(b.code, sizeof(b.code), "%s", code);
    snprintf(b.message, sizeof(b.message), "%s", words);
    return VEC_PUSH(&m->bad, b) == 0 ? OK : err_nomem(e);
}

static struct str import_field(const struct import *m, const struct csv_row *r, enum column c)
{
    int i = m->column[c];
    return i >= 0 && (size_t)i < r->n ? r->fields[i] : STR_EMPTY;
}

/* More fields than the header has, and not just empty ones: spreadsheets pad rows. */
static bool too_wide(const struct import *m, const struct csv_row *r)
{
    for (size_t i = m->header_n; i < r->n; i++)
        if (str_trim(r->fields[i]).n)
            return true;
    return false;
}

static enum status write_rows(struct db *c, void *ctx, struct err *e)
{
    struct import *m = ctx;
    return answer_store_put_all(c, m->tenant, m->bot, m->batch, m->batch_n, e);
}

/* The batch is emptied also after a failure: the import then ends, and its report says how far it came. The arena holds
 * the texts of the batch, so it can be reset only now. */
static enum status import_flush(struct import *m, struct err *e)
{
    enum status st = OK;
    if (m->batch_n && !m->rq->dry_run)
        st = db_transaction(m->c, write_rows, m, e);
    m->batch_n = m->batch_bytes = 0;
    arena_reset(&m->batch_arena);
    return st;
}

struct read_row {
    struct answer_row row;
    uint8_t content[8];
    struct known *known;
};

/* A good row's answer, hashed and looked up. *code is set when it is bad. */
static enum status read_one(struct import *m, const struct csv_row *r, struct read_row *out, const char **code,
                            const char **words, struct err *e)
{
    struct answer *w = &out->row.answer;
    const char *field;
    *w = (struct answer){.question = import_field(m, r, QUESTION),
                         .answer = import_field(m, r, ANSWER),
                         .link = import_field(m, r, LINK),
                         .source = import_field(m, r, SOURCE),
                         .language = import_field(m, r, LANGUAGE)};
    *code = NULL;
    if (r->n <= (size_t)m->column[QUESTION] || r->n <= (size_t)m->column[ANSWER])
        *code = "too_few_fields", *words = "The row has fewer fields than the header.";
    else if (too_wide(m, r))
        *code = "too_many_fields", *words = "The row has more fields than the header.";
    else {
        enum error_code wrong = answer_check(w, &field, words);
        *code = wrong == E_none ? NULL : error_name(wrong);
    }
    if (*code)
        return OK;
    if (!answer_hash(w, out->row.question_hash) || !content_hash(w, out->content) ||
        !(out->known = import_know(m, out->row.question_hash)))
        return err_nomem(e);
    return OK;
}

/* First reading: the last row of each question. */
static enum status note_row(struct import *m, int64_t number, const struct csv_row *r, struct err *e)
{
    struct read_row in;
    const char *code, *words;
    enum status st = read_one(m, r, &in, &code, &words, e);
    if (st != OK || code)
        return st;
    memcpy(in.known->question, in.row.question_hash, sizeof(in.known->question));
    memcpy(in.known->last_content, in.content, sizeof(in.content));
    in.known->used = true;
    in.known->last_row = number;
    return OK;
}

/* Second reading. */
static enum status take_row(struct import *m, int64_t number, const struct csv_row *r, struct err *e)
{
    struct read_row in;
    const char *code, *words;
    enum status st = read_one(m, r, &in, &code, &words, e);
    if (st != OK)
        return st;
    if (code)
        return import_bad_row(m, number, code, words, e);
    struct known *k = in.known;
    if (k->last_row != number && memcmp(k->last_content, in.content, sizeof(in.content)) != 0) {
        char later[80];
        snprintf(later, sizeof(later), "Row %lld has the same question and was used instead.", (long long)k->last_row);
        return import_bad_row(m, number, "question_again", later, e);
    }
    if (k->there && memcmp(k->content, in.content, sizeof(in.content)) == 0) {
        m->out->unchanged++;
        return OK;
    }
    *(k->there ? &m->out->updated : &m->out->added) += 1;
    if (!k->there)
        k->id = id_new();
    k->there = true;
    memcpy(k->content, in.content, sizeof(in.content));
    in.row.answer.id = k->id;
    m->batch[m->batch_n++] = in.row;
    m->batch_bytes += in.row.answer.question.n + in.row.answer.answer.n + in.row.answer.link.n + in.row.answer.source.n;
    return OK;
}

/* ---- the file ---- */

/* Columns are found by name, in any order and case. Unknown columns are ignored, because exports of other programs have
 * more of them; one that is named twice is refused, because it is not clear which is meant. */
static enum status import_read_header(struct import *m, struct csv *csv, struct err *e)
{
    const char *code = NULL, *words = "The file is empty.";
    struct csv_row r;
    enum csv_result got = csv_next(csv, &m->batch_arena, &r, &code, &words);
    if (got == CSV_NOMEM)
        return err_nomem(e);
    if (got != CSV_ROW)
        return err_set(e, E_csv_header, "The header row cannot be read: %s", words);
    for (size_t c = 0; c < COLUMNS; c++)
        m->column[c] = -1;
    for (size_t i = 0; i < r.n; i++)
        for (size_t c = 0; c < COLUMNS; c++)
            if (str_ieq(str_trim(r.fields[i]), str_from(column_names[c]))) {
                if (m->column[c] >= 0)
                    return err_set(e, E_csv_header, "The header names the column \"%s\" twice.", column_names[c]);
                m->column[c] = (int)i;
            }
    m->header_n = r.n;
    if (m->column[QUESTION] < 0 || m->column[ANSWER] < 0)
        return err_set(e, E_csv_header, "The first row must name the columns \"question\" and \"answer\".");
    return OK;
}

/* `csv` is passed by value: this pass reads ahead without moving the caller's place. Bad rows are left out here and
 * reported in the second reading. */
static enum status note_rows(struct import *m, struct csv csv, struct err *e)
{
    enum status st = OK;
    int64_t rows = 0;
    while (st == OK) {
        const char *code, *words;
        struct csv_row r;
        enum csv_result got = csv_next(&csv, &m->batch_arena, &r, &code, &words);
        if (got == CSV_END)
            break;
        if (got == CSV_NOMEM)
            return err_nomem(e);
        if (++rows > MAX_CSV_ROWS)
            return err_set(e, E_csv_rows, "A file can have at most %d rows.", MAX_CSV_ROWS);
        if (got == CSV_ROW)
            st = note_row(m, csv.row, &r, e);
        arena_reset(&m->batch_arena);
    }
    return st;
}

/* Transactions are bounded by rows, by bytes and by the memory of the batch, so a file of long answers does not make a
 * transaction of hundreds of megabytes. Progress follows each flush, when it is certain. */
static enum status take_rows(struct import *m, struct csv *csv, struct err *e)
{
    enum status st = OK;
    while (st == OK) {
        const char *code, *words;
        struct csv_row r;
        enum csv_result got = csv_next(csv, &m->batch_arena, &r, &code, &words);
        if (got == CSV_END)
            break;
        if (got == CSV_NOMEM)
            return err_nomem(e);
        m->out->rows++;
        st = got == CSV_BAD ? import_bad_row(m, csv->row, code, words, e) : take_row(m, csv->row, &r, e);
        if (st == OK && (m->batch_n == IMPORT_BATCH || m->batch_bytes >= BATCH_BYTES ||
                         m->batch_arena.used > BATCH_ARENA / 8 || m->out->rows % PROGRESS_ROWS == 0)) {
            st = import_flush(m, e);
            if (m->rq->progress)
                m->rq->progress(m->rq->progress_ctx, (int64_t)csv->at, (int64_t)csv->in.n, m->out);
        }
    }
    return st == OK ? import_flush(m, e) : st;
}

struct remove_tx {
    struct import *m;
    const struct id *ids;
    size_t n;
};

static enum status remove_rows(struct db *c, void *ctx, struct err *e)
{
    const struct remove_tx *tx = ctx;
    return answer_store_delete_all(c, tx->m->tenant, tx->m->bot, tx->ids, tx->n, e);
}

/* Only after all rows are written, so that an import that is interrupted leaves too much rather than too little. A file
 * without a single readable row removes nothing: it is surely the wrong file. */
static enum status remove_unseen(struct import *m, struct err *e)
{
    struct id ids[IMPORT_BATCH];
    struct remove_tx tx = {.m = m, .ids = ids};
    enum status st = OK;
    if (m->out->added + m->out->updated + m->out->unchanged == 0)
        return err_raise(e, E_csv_empty);
    for (size_t i = 0; i < m->table_cap && st == OK; i++) {
        if (m->table[i].there && !m->table[i].last_row) {
            ids[tx.n++] = m->table[i].id;
            m->out->removed++;
        }
        if (tx.n && (tx.n == IMPORT_BATCH || i + 1 == m->table_cap)) {
            st = m->rq->dry_run ? OK : db_transaction(m->c, remove_rows, &tx, e);
            tx.n = 0;
        }
    }
    return st;
}

/* The header comes before the answers of the bot are read, since most wrong files are recognised by it. The limit is
 * checked before the first row is written. */
static enum status import_run(struct import *m, struct str file, struct arena *a, struct err *e)
{
    struct str language;
    struct csv csv;
    enum status st = answer_store_bot(m->c, a, m->tenant, m->bot, &language, e);
    if (st == OK)
        st = csv_open(&csv, file, e);
    if (st == OK)
        st = import_read_header(m, &csv, e);
    if (st == OK)
        st = answer_store_each(m->c, m->tenant, m->bot, import_remember, m, e);
    if (st == OK)
        st = note_rows(m, csv, e);
    if (st == OK && !m->rq->replace && m->table_n > MAX_ANSWERS)
        st = err_set(e, E_too_many_answers, "A bot can have at most %d answers. With this file it would have %zu.",
                     MAX_ANSWERS, m->table_n);
    if (st == OK)
        st = take_rows(m, &csv, e);
    if (st == OK && m->rq->replace)
        st = remove_unseen(m, e);
    if (st == OK && m->rq->progress)
        m->rq->progress(m->rq->progress_ctx, (int64_t)file.n, (int64_t)file.n, m->out);
    return st;
}

static enum status keep_bad(struct import *m, struct arena *a, struct err *e)
{
    m->out->bad = arena_array(a, m->bad.n + 1, sizeof(*m->out->bad));
    if (!m->out->bad)
        return err_nomem(e);
    if (m->bad.n)
        memcpy(m->out->bad, m->bad.p, m->bad.n * sizeof(*m->bad.p));
    m->out->bad_n = m->bad.n;
    return OK;
}

/* The index is marked as old also after a failure, if anything was written before it. */
enum status answers_import(struct db *c, const struct import_request *rq, struct arena *a, struct import_report *out,
                           struct err *e)
{
    struct import m = {.c = c, .tenant = rq->tenant, .bot = rq->bot, .rq = rq, .out = out};
    *out = (struct import_report){0};
    if (rq->csv.n > MAX_CSV)
        return err_set(e, E_csv_too_large, "A file can have at most %zu MB.", MAX_CSV / MB);
    arena_init(&m.batch_arena, BATCH_ARENA);
    m.batch = calloc(IMPORT_BATCH, sizeof(*m.batch));
    enum status st = m.batch ? import_run(&m, rq->csv, a, e) : err_nomem(e);
    enum status kept = keep_bad(&m, a, st == OK ? e : NULL);
    if (!rq->dry_run && (out->added || out->updated || out->removed))
        answers_changed(rq->bot);
    free(m.batch);
    free(m.table);
    VEC_RELEASE(&m.bad);
    arena_release(&m.batch_arena);
    return st == OK ? kept : st;
}

static int bad_json(struct json *list, const struct import_row *b)
{
    struct json *o;
    if (json_push_object(list, &o) != 0 || json_set_int(o, "row", b->row) != 0 ||
        json_set_str(o, "code", str_from(b->code)) != 0)
        return -1;
    return json_set_str(o, "message", str_from(b->message));
}

struct json *answers_report_json(struct arena *a, const struct import_report *r)
{
    struct json *o = json_new_object(a), *list;
    if (!o || json_set_int(o, "rows", r->rows) != 0 || json_set_int(o, "added", r->added) != 0 ||
        json_set_int(o, "updated", r->updated) != 0 || json_set_int(o, "unchanged", r->unchanged) != 0 ||
        json_set_int(o, "removed", r->removed) != 0 || json_set_int(o, "skipped", r->skipped) != 0 ||
        json_set_array(o, "bad", &list) != 0)
        return NULL;
    for (size_t i = 0; i < r->bad_n; i++)
        if (bad_json(list, &r->bad[i]) != 0)
            return NULL;
    return o;
}
