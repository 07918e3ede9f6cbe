/* Mails in the database: queued in the transaction that causes them, or not at all. Sending: mail.test.mjs. */
#include "base/clock.h"
#include "base/limits.h"
#include "dbtest.h"
#include "lib/test.h"
#include "queue/mail.h"

#define DB "mail_test"

static const struct config *config;
static struct db_pool *pool;
static struct db *db;
static struct id tenant;
static struct arena arena;

static int begin(void **state)
{
    (void)state;
    config = dbtest_config(DB);
    dbtest_migrate(config);
    pool = dbtest_pool(config, 2);
    db = dbtest_get(pool);
    arena_init(&arena, 16 * MB);
    tenant = dbtest_tenant(db);
    return 0;
}

static int end(void **state)
{
    (void)state;
    dbtest_close(config, pool, db, &arena);
    return 0;
}

static enum status queue_one(struct db *c, struct str to, struct err *e)
{
    const struct mail_row rows[] = {{STR("A \"bot\""), STR("on")}};
    return mail_queue(
        c,
        &(struct mail_new){.tenant = tenant,
                           .to = to,
                           .template = "usage_75",
                           .language = STR("en"),
                           MAIL_VALUES(MAIL_TEXT("workspace", STR("Zoë & Söhne")), MAIL_NUMBER("used", 7500),
                                       MAIL_DATE("until", 1795413140123), MAIL_TIME("since", 1795413140123)),
                           .rows = rows,
                           .row_count = 1},
        e);
}

static enum status queue_and_fail(struct db *c, void *ctx, struct err *e)
{
    (void)ctx;
    enum status st = queue_one(c, STR("b@example.org"), e);
    return st == OK ? err_set(e, E_draft_changed, "No.") : st;
}

static void no_mail_without_its_transaction(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(db_transaction(db, queue_and_fail, NULL, &e), ERR_CONFLICT);
    assert_string_equal(err_code(&e), "draft_changed");
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM job"), 0);
}

static void a_mail_needs_a_recipient(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(queue_one(db, STR("b@example.org\r\nBcc: c@example.org"), &e), ERR_INVALID);
    assert_string_equal(err_code(&e), "email_invalid");
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM job"), 0);
}

static void the_job_holds_the_values_of_the_mail(void **state)
{
    struct err e = ERR_INIT;
    struct job job;
    bool found;
    (void)state;
    assert_ok(queue_one(db, STR("b@example.org"), &e), &e);
    assert_ok(queue_claim(db, &arena, "t", MINUTE_MS, &job, &found, &e), &e);
    assert_true(found && id_eq(job.tenant, tenant));
    assert_int_equal(job.kind, JOB_KIND_mail);
    const struct json *values = json_get(job.payload, "values");
    assert_str(json_get_str(job.payload, "to"), "b@example.org");
    assert_str(json_get_str(job.payload, "template"), "usage_75");
    assert_str(json_get_str(job.payload, "language"), "en");
    assert_str(json_get_str(values, "workspace"), "Zoë & Söhne");
    assert_int_equal(json_int(json_get(json_get(values, "used"), "number"), 0), 7500);
    assert_int_equal(json_int(json_get(json_get(values, "until"), "date"), 0), 1795413140123);
    assert_int_equal(json_int(json_get(json_get(values, "since"), "time"), 0), 1795413140123);
    assert_str(json_get_str(json_at(json_get(job.payload, "rows"), 0), "label"), "A \"bot\"");
    assert_int_equal(dbtest_int(DB, "SELECT max_attempts FROM job"), 12);
}

int main(int argc, char **argv)
{
    dbtest_begin(argc, argv);
    const struct CMUnitTest tests[] = {TEST(no_mail_without_its_transaction), TEST(a_mail_needs_a_recipient),
                                       TEST(the_job_holds_the_values_of_the_mail)};
    return cmocka_run_group_tests(tests, begin, end);
}
