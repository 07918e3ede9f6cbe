/* Answers against a real MariaDB: import row by row, search as the set changes, and that a workspace sees only its
 * own. */
#include <pthread.h>

#include "account/account.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "dbtest.h"
#include "knowledge/answers.h"
#include "lib/test.h"
#include "okay.h"

#include "base/banned.h"

/* Under sanitizers a tenth is enough. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FEWER 10
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FEWER 10
#endif
#ifndef FEWER
#define FEWER 1
#endif

#define DB "parley_answers"

static const struct config *config;
static struct db_pool *pool;
static struct db *c;
static struct arena arena;
static struct id tenant, bot, stranger;

DB_STMT(add_bot, TENANT,
        "INSERT INTO bot (tenant_id, bot_id, name, language, template, draft, draft_hash, created_at, updated_at)"
        " VALUES (:tenant, ?, 'Bot', 'en', 'faq', '{}', UNHEX(SHA2('', 256)), NOW(3), NOW(3))",
        "u", "");

static struct id new_bot(struct id of)
{
    struct id id = id_new();
    OKAY(db_exec(c, &add_bot, &of, DB_ARGS(db_id(id)), NULL, &fail));
    return id;
}

static int setup(void **state)
{
    (void)state;
    tenant = dbtest_tenant(c);
    stranger = dbtest_tenant(c);
    bot = new_bot(tenant);
    return 0;
}

static void fails(enum status got, enum status expected, const struct err *e, const char *code)
{
    if (got != expected)
        fail_msg("status %d (%s: %s), expected %d", (int)got, err_code(e), e->message, (int)expected);
    assert_string_equal(err_code(e), code);
}

static struct import_report imported(const char *csv, struct import_request rq)
{
    rq.tenant = tenant;
    rq.bot = bot;
    rq.csv = str_from(csv);
    struct import_report r;
    OKAY(answers_import(c, &rq, &arena, &r, &fail));
    assert_int_equal(r.rows, r.added + r.updated + r.unchanged + r.skipped);
    return r;
}

static void counts(struct import_report r, int64_t added, int64_t updated, int64_t unchanged, int64_t removed,
                   int64_t skipped)
{
    assert_int_equal(r.added, added);
    assert_int_equal(r.updated, updated);
    assert_int_equal(r.unchanged, unchanged);
    assert_int_equal(r.removed, removed);
    assert_int_equal(r.skipped, skipped);
}

static int64_t count(void)
{
    int64_t n = -1;
    OKAY(answers_count(c, tenant, bot, &n, &fail));
    return n;
}

static void a_repeated_import_changes_nothing(void **state)
{
    static const char csv[] = "\xEF\xBB\xBFLink;QUESTION; answer ;ignored\r\nhttps://example.com/a;What is it?;A "
                              "thing;x\r\n;And this?;\"Two\nlines; and more\";\r\n";
    struct answers_page list;
    (void)state;
    counts(imported(csv, (struct import_request){0}), 2, 0, 0, 0, 0);
    counts(imported(csv, (struct import_request){0}), 0, 0, 2, 0, 0);
    counts(imported("question,answer\n  what  IS it ,Another thing\n", (struct import_request){0}), 0, 1, 0, 0, 0);
    OKAY(answers_list(c, tenant, &(struct answers_filter){bot, STR_EMPTY, ID_NONE, 10}, &arena, &list, &fail));
    assert_int_equal(list.n, 2);
    assert_str(list.rows[0].answer, "Another thing");
    assert_str(list.rows[1].answer, "Two\nlines; and more");
}

static void bad_rows_are_reported_and_skipped(void **state)
{
    struct import_report r = imported("question,answer,link,language\n"
                                      "Good one?,yes,,\n"                  /* row 2 */
                                      ",no question,,\n"                   /* 3 */
                                      "No answer?,,,\n"                    /* 4 */
                                      "Bad link?,x,javascript:alert(1),\n" /* 5 */
                                      "Short?\n"                           /* 6 */
                                      "Wide?,x,,,more,and more\n"          /* 7 */
                                      "Wide but empty?,x,,,,\n"            /* 8: good */
                                      "Bad language?,x,,english please\n"  /* 9 */
                                      "\"Open?,x,,\n"                      /* 10 */
                                      "Good two?,x,,en-GB\n"               /* 11 */
                                      "Again?,first,,\n"                   /* 12 */
                                      "again,second,,\n",                  /* 13: counts */
                                      (struct import_request){0});
    static const struct {
        int64_t row;
        const char *code;
    } expected[] = {{3, "question_empty"},  {4, "answer_empty"},     {5, "link_invalid"},    {6, "too_few_fields"},
                    {7, "too_many_fields"}, {9, "language_invalid"}, {10, "quote_unclosed"}, {12, "question_again"}};
    (void)state;
    assert_int_equal(r.bad_n, COUNT_OF(expected));
    for (size_t i = 0; i < r.bad_n; i++) {
        assert_int_equal(r.bad[i].row, expected[i].row);
        assert_string_equal(r.bad[i].code, expected[i].code);
        assert_true(strlen(r.bad[i].message) > 10);
    }
    counts(r, 4, 0, 0, 0, 8);
    assert_int_equal(json_len(json_get(answers_report_json(&arena, &r), "bad")), 8);
}

static void unreadable_files_are_refused(void **state)
{
    static const struct {
        const char *csv, *code;
    } bad[] = {{"", "csv_header"},
               {"a,b\n1,2\n", "csv_header"},
               {"question\nx\n", "csv_header"},
               {"question,answer,Question\n", "csv_header"},
               {"\xFF\xFEq", "csv_encoding"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct import_report r;
        struct err e = ERR_INIT;
        fails(answers_import(c, &(struct import_request){.tenant = tenant, .bot = bot, .csv = str_from(bad[i].csv)},
                             &arena, &r, &e),
              ERR_INVALID, &e, bad[i].code);
    }
}

static void replacement_and_dry_run(void **state)
{
    struct err e = ERR_INIT;
    struct import_report r;
    (void)state;
    counts(imported("question,answer\na?,1\nb?,2\nc?,3\n", (struct import_request){0}), 3, 0, 0, 0, 0);
    counts(imported("question,answer\na?,1\nb?,new\nd?,4\n", (struct import_request){.replace = true, .dry_run = true}),
           1, 1, 1, 1, 0);
    assert_int_equal(count(), 3);
    counts(imported("question,answer\na?,1\nb?,new\nd?,4\n", (struct import_request){.replace = true}), 1, 1, 1, 1, 0);
    assert_int_equal(count(), 3);
    fails(answers_import(c,
                         &(struct import_request){
                             .tenant = tenant, .bot = bot, .csv = STR("question,answer\n,\n"), .replace = true},
                         &arena, &r, &e),
          ERR_INVALID, &e, "csv_empty");
    assert_int_equal(r.skipped, 1);
    assert_int_equal(count(), 3);
}

static enum answers_verdict verdict_of(const char *question, struct str *answer)
{
    struct answers_match m;
    OKAY(answers_find(pool, &(struct answers_question){tenant, bot, STR_EMPTY, str_from(question)}, &arena, &m, &fail));
    if (answer && m.n)
        *answer = m.hits[0].answer.answer;
    return m.verdict;
}

static void search_follows_every_change(void **state)
{
    struct answer w = {.question = STR("How do I reset my password?"), .answer = STR("With the link.")};
    struct str found = STR_EMPTY;
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(verdict_of("reset password", NULL), ANSWERS_NONE);
    OKAY(answers_save(c, tenant, bot, &w, &fail));
    assert_int_equal(verdict_of("reset password", &found), ANSWERS_SURE);
    assert_str(found, "With the link.");
    w.answer = STR("With the button.");
    OKAY(answers_save(c, tenant, bot, &w, &fail));
    assert_int_equal(verdict_of("reset password", &found), ANSWERS_SURE);
    assert_str(found, "With the button.");
    imported("question,answer\nWhere are you?,Here.\n", (struct import_request){0});
    assert_int_equal(verdict_of("where are you", &found), ANSWERS_SURE);
    OKAY(answers_delete(c, tenant, bot, w.id, &fail));
    assert_int_equal(verdict_of("reset password", NULL), ANSWERS_NONE);
    fails(answers_delete(c, tenant, bot, w.id, &e), ERR_NOT_FOUND, &e, "answer_unknown");
}

static void one_question_one_answer(void **state)
{
    struct answer a = {.question = STR("Same?"), .answer = STR("1")},
                  b = {.question = STR(" same "), .answer = STR("2")},
                  other = {.question = STR("Same?"), .answer = STR("3"), .language = STR("es")}, got;
    struct err e = ERR_INIT;
    (void)state;
    OKAY(answers_save(c, tenant, bot, &a, &fail));
    fails(answers_save(c, tenant, bot, &b, &e), ERR_CONFLICT, &e, "question_taken");
    OKAY(answers_save(c, tenant, bot, &other, &fail));
    other.language = STR_EMPTY;
    fails(answers_save(c, tenant, bot, &other, &e), ERR_CONFLICT, &e, "question_taken");
    b.question = STR_EMPTY;
    fails(answers_save(c, tenant, bot, &b, &e), ERR_INVALID, &e, "question_empty");
    assert_string_equal(e.pointer, "question");
    OKAY(answers_get(c, tenant, bot, a.id, &arena, &got, &fail));
    assert_str(got.answer, "1");
}

static void lists_have_pages(void **state)
{
    struct answers_page list;
    (void)state;
    imported("question,answer\none?,100%\ntwo?,a_b\nthree?,plain\nfour?,axb\n", (struct import_request){0});
    OKAY(answers_list(c, tenant, &(struct answers_filter){bot, STR_EMPTY, ID_NONE, 3}, &arena, &list, &fail));
    assert_true(list.n == 3 && list.more);
    OKAY(answers_list(c, tenant, &(struct answers_filter){bot, STR_EMPTY, list.rows[2].id, 3}, &arena, &list, &fail));
    assert_true(list.n == 1 && !list.more);
    OKAY(answers_list(c, tenant, &(struct answers_filter){bot, STR("0%"), ID_NONE, 10}, &arena, &list, &fail));
    assert_int_equal(list.n, 1);
    OKAY(answers_list(c, tenant, &(struct answers_filter){bot, STR("a_b"), ID_NONE, 10}, &arena, &list, &fail));
    assert_int_equal(list.n, 1);
    OKAY(answers_list(c, tenant, &(struct answers_filter){bot, STR("T"), ID_NONE, 10}, &arena, &list, &fail));
    assert_int_equal(list.n, 2);
}

static void other_tenants_find_nothing(void **state)
{
    struct answer w = {.question = STR("Secret?"), .answer = STR("Yes")}, got;
    struct answers_page list;
    struct import_report r;
    struct answers_match m;
    struct err e = ERR_INIT;
    int64_t k;
    (void)state;
    OKAY(answers_save(c, tenant, bot, &w, &fail));
    fails(answers_get(c, stranger, bot, w.id, &arena, &got, &e), ERR_NOT_FOUND, &e, "answer_unknown");
    fails(answers_delete(c, stranger, bot, w.id, &e), ERR_NOT_FOUND, &e, "answer_unknown");
    fails(answers_list(c, stranger, &(struct answers_filter){bot, STR_EMPTY, ID_NONE, 10}, &arena, &list, &e),
          ERR_NOT_FOUND, &e, "bot_unknown");
    fails(answers_count(c, stranger, bot, &k, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    fails(answers_find(pool, &(struct answers_question){stranger, bot, STR_EMPTY, STR("secret")}, &arena, &m, &e),
          ERR_NOT_FOUND, &e, "bot_unknown");
    fails(answers_import(c,
                         &(struct import_request){
                             .tenant = stranger, .bot = bot, .csv = STR("question,answer\nx,y\n"), .replace = true},
                         &arena, &r, &e),
          ERR_NOT_FOUND, &e, "bot_unknown");
    got = w;
    fails(answers_save(c, stranger, bot, &got, &e), ERR_NOT_FOUND, &e, "answer_unknown");
    got.id = ID_NONE;
    fails(answers_save(c, stranger, bot, &got, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    assert_int_equal(count(), 1);
    assert_int_equal(verdict_of("secret", NULL), ANSWERS_SURE);
}

static void tell(void *ctx, int64_t done, int64_t all, const struct import_report *so_far)
{
    int64_t *last = ctx;
    assert_true(done >= *last && done <= all && so_far->rows > 0);
    *last = done;
}

/* A large file with one bad row: seconds, and the rest is there. */
static void a_hundred_thousand_rows(void **state)
{
#define ROWS (100000 / FEWER)
    struct import_report r;
    struct buf b;
    int64_t last = 0, from = clock_mono_us();
    (void)state;
    buf_init(&b, MAX_CSV);
    buf_puts(&b, "question,answer,link,source\n");
    for (int i = 0; i < ROWS; i++)
        if (i == ROWS / 2)
            buf_puts(&b, "\"A quotation mark is open,and stays so,,\n");
        else
            buf_printf(&b,
                       "\"What is number %d, and \"\"why\"\"?\",\"It is %d.\nBecause.\",https://example.com/%d,Book\n",
                       i, i, i);
    assert_true(buf_ok(&b));
    OKAY(answers_import(c,
                        &(struct import_request){
                            .tenant = tenant, .bot = bot, .csv = buf_str(&b), .progress = tell, .progress_ctx = &last},
                        &arena, &r, &fail));
    printf("%d rows: imported in %lld ms\n", ROWS, (long long)((clock_mono_us() - from) / 1000));
    assert_int_equal(last, (int64_t)b.n);
    counts(r, ROWS - 1, 0, 0, 0, 1);
    assert_int_equal(r.bad[0].row, ROWS / 2 + 2);
    assert_int_equal(count(), ROWS - 1);
    struct str found = STR_EMPTY;
    assert_int_equal(verdict_of("what is number 4711 and why", &found), ANSWERS_SURE);
    assert_str(found, "It is 4711.\nBecause.");
    buf_release(&b);
}

static void the_number_of_answers_is_limited(void **state)
{
    struct err e = ERR_INIT;
    struct import_report r;
    struct buf b;
    (void)state;
    imported("question,answer\nOne more?,Yes\n", (struct import_request){0});
    buf_init(&b, MAX_CSV);
    buf_puts(&b, "question,answer\n");
    for (int i = 0; i < MAX_ANSWERS; i++)
        buf_printf(&b, "%d,x\n", i);
    assert_true(buf_ok(&b));
    fails(answers_import(c, &(struct import_request){.tenant = tenant, .bot = bot, .csv = buf_str(&b), .dry_run = true},
                         &arena, &r, &e),
          ERR_TOO_LARGE, &e, "too_many_answers");
    OKAY(answers_import(
        c, &(struct import_request){.tenant = tenant, .bot = bot, .csv = buf_str(&b), .dry_run = true, .replace = true},
        &arena, &r, &fail));
    assert_int_equal(count(), 1);
    buf_release(&b);
}

static void waiting_imports_are_limited(void **state)
{
    struct import_file f = {.name = STR("faq.csv"), .csv = STR("question,answer\nx,y\n")};
    struct err e = ERR_INIT;
    struct id job;
    (void)state;
    for (int i = 0; i < 4; i++)
        OKAY(answers_import_later(c, tenant, bot, &f, &arena, &job, &fail));
    fails(answers_import_later(c, tenant, bot, &f, &arena, &job, &e), ERR_CONFLICT, &e, "imports_waiting");
    OKAY(answers_import_later(c, stranger, bot, &f, &arena, &job, &fail)); /* each workspace for itself */
    f.csv = STR_EMPTY;
    fails(answers_import_later(c, tenant, bot, &f, &arena, &job, &e), ERR_INVALID, &e, "file_missing");
}

struct seeker {
    struct id tenant, bot;
    bool bad;
};

static void *seek(void *ctx)
{
    struct seeker *s = ctx;
    struct arena a;
    struct err e = ERR_INIT;
    if (db_thread_begin(&e) != OK)
        return NULL;
    arena_init(&a, 16 * MB);
    for (int64_t until = clock_mono_us() + 500000; clock_mono_us() < until; arena_reset(&a)) {
        struct answers_match m;
        if (answers_find(pool, &(struct answers_question){s->tenant, s->bot, STR("en"), STR("reset password")}, &a, &m,
                         &e) != OK ||
            m.verdict != ANSWERS_SURE)
            s->bad = true;
    }
    arena_release(&a);
    db_thread_end();
    return NULL;
}

static void search_while_the_set_changes(void **state)
{
    struct answer w = {.question = STR("How do I reset my password?"), .answer = STR("With the link.")};
    struct seeker s[3];
    pthread_t t[3];
    (void)state;
    OKAY(answers_save(c, tenant, bot, &w, &fail));
    for (int i = 0; i < 3; i++) {
        s[i] = (struct seeker){tenant, bot, false};
        assert_int_equal(pthread_create(&t[i], NULL, seek, &s[i]), 0);
    }
    for (int i = 0; i < 40; i++)
        OKAY(answers_save(c, tenant, bot, &w, &fail));
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], NULL);
        assert_false(s[i].bad);
    }
}

#define EACH(f) cmocka_unit_test_setup(f, setup)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {EACH(a_repeated_import_changes_nothing),
                                       EACH(bad_rows_are_reported_and_skipped),
                                       EACH(unreadable_files_are_refused),
                                       EACH(replacement_and_dry_run),
                                       EACH(search_follows_every_change),
                                       EACH(one_question_one_answer),
                                       EACH(lists_have_pages),
                                       EACH(other_tenants_find_nothing),
                                       EACH(search_while_the_set_changes),
                                       EACH(a_hundred_thousand_rows),
                                       EACH(the_number_of_answers_is_limited),
                                       EACH(waiting_imports_are_limited)};
    dbtest_begin(argc, argv);
    config = dbtest_config(DB);
    dbtest_migrate(config);
    dbtest_shared();
    pool = dbtest_pool(config, 8);
    c = dbtest_get(pool);
    arena_init(&arena, 256 * MB);
    int failed = RUN(tests);
    answers_forget();
    dbtest_close(config, pool, c, &arena);
    shared_close();
    db_library_end();
    return failed;
}
