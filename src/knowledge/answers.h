/* answers.h: a bot's questions and answers: import from CSV, matching by relevance.
 *
 * Matching: BM25 over stemmed terms of question (weighted) and answer, in a compact index kept in memory per bot and
 * rebuilt when its answers changed (shared generation "answers"). Indexes are evicted, least recently used first, past
 * 24 MB in a process. Thread safe. */
#ifndef PARLEY_KNOWLEDGE_ANSWERS_H
#define PARLEY_KNOWLEDGE_ANSWERS_H

#include "base/json.h"
#include "db/db.h"

struct answer {
    struct id id;
    struct str question, answer, link, source, language;
    int64_t updated_ms;
};

enum answers_verdict { ANSWERS_NONE, ANSWERS_UNSURE, ANSWERS_SURE };
struct answers_hit {
    struct answer answer;
    double score; /* 0..1, comparable between questions */
};
#define ANSWERS_SUGGEST 3
/* SURE: answer with hits[0]; any other hits come close and may be offered beside it. UNSURE: ask "did you mean" with
 * all of them. NONE: there are no hits. */
struct answers_match {
    enum answers_verdict verdict;
    struct answers_hit hits[ANSWERS_SUGGEST];
    size_t n;
};
struct answers_question {
    struct id tenant, bot;
    struct str language; /* picks the stemmer when the answers carry no language; may be empty */
    struct str text;
};
/* Takes and gives back its own connection. ERR_NOT_FOUND code bot_unknown. */
enum status answers_find(struct db_pool *p, const struct answers_question *q, struct arena *a,
                         struct answers_match *out, struct err *e);

/* Is it empty, or http:// or https:// with a host, without spaces and characters that no address has? */
bool link_valid(struct str s);
/* Empties the cache of indexes: at the end of a program, and between tests. */
void answers_forget(void);

/* CSV (RFC 4180; `,` `;` or tab; UTF-8 with or without BOM, else Windows-1252). The header row names question, answer,
 * link, source and language in any order; link, source and language may be missing. A bad row is reported and left
 * out, never fatal. A question that exists gets the new answer; of several rows with one question the last counts.
 * Rows are counted as a spreadsheet does: the header is row 1. Each batch is a transaction of its own: an import that
 * is interrupted leaves what it wrote, and running it again finishes it. ERR_INVALID code csv_header, csv_encoding, or
 * csv_empty (no readable row, and `replace`); ERR_TOO_LARGE code csv_rows. *out is filled as far as the import went,
 * also on failure. */
struct import_row {
    int64_t row;
    char code[32];
    char message[160];
};
struct import_report {
    int64_t rows, added, updated, unchanged, skipped, removed;
    struct import_row *bad;
    size_t bad_n; /* first 1,000 */
};
struct import_request {
    struct id tenant, bot;
    struct str csv; /* the whole file */
    bool replace;   /* answers that are not in the file are deleted */
    bool dry_run;   /* only the report is made */
    /* Called every few thousand rows and at the end; may be NULL. */
    void (*progress)(void *ctx, int64_t done_bytes, int64_t all_bytes, const struct import_report *so_far);
    void *progress_ctx;
};
enum status answers_import(struct db *c, const struct import_request *rq, struct arena *a, struct import_report *out,
                           struct err *e);
/* {"rows", "added", "updated", "unchanged", "removed", "skipped", "bad": [{"row", "code", "message"}]} */
struct json *answers_report_json(struct arena *a, const struct import_report *r);
/* The portal imports by a job (JOB_KIND_answers_import): its payload is {"bot": "bot_...", "replace": bool,
 * "filename"}, its file the CSV. While it runs its progress is the report so far with "done_bytes" and "all_bytes"; its
 * result is the report. */
struct import_file {
    struct str name, csv; /* the name is only shown */
    bool replace;
};
/* Adds that job. ERR_INVALID code file_missing for an empty file, ERR_CONFLICT code imports_waiting when a few of the
 * workspace wait; as entitlement_may_make. */
enum status answers_import_later(struct db *c, struct id tenant, struct id bot, const struct import_file *f,
                                 struct arena *a, struct id *job, struct err *e);

struct answers_filter {
    struct id bot;
    struct str query; /* in question or answer; "" = all */
    struct id after;  /* ID_NONE = from the first */
    int limit;        /* 1 to 1000 */
};
struct answers_page {
    struct answer *rows; /* in order of their ids, in the arena */
    size_t n;
    bool more; /* others follow */
};
/* ERR_NOT_FOUND code bot_unknown. */
enum status answers_list(struct db *c, struct id tenant, const struct answers_filter *f, struct arena *a,
                         struct answers_page *out, struct err *e);
enum status answers_count(struct db *c, struct id tenant, struct id bot, int64_t *out, struct err *e);
enum status answers_get(struct db *c, struct id tenant, struct id bot, struct id answer, struct arena *a,
                        struct answer *out, struct err *e);
enum status answers_save(struct db *c, struct id tenant, struct id bot, struct answer *in_out,
                         struct err *e); /* new when id is ID_NONE: as entitlement_may_make */
/* Inside the caller's transaction; each must be good: ERR_INVALID at "/answers/3/question". Bump generation "answers"
 * after the commit with answers_changed(). */
enum status answers_add_all(struct db *c, struct id tenant, struct id bot, const struct answer *rows, size_t n,
                            struct err *e);
void answers_changed(struct id bot);
enum status answers_delete(struct db *c, struct id tenant, struct id bot, struct id answer, struct err *e);

#endif
