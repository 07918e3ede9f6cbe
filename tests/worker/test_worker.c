/* The worker and its handlers, and the commands that use them: work, job, doctor. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "dbtest.h"
#include "knowledge/answers.h"
#include "okay.h"
#include "queue/queue.h"
#include "worker/worker.h"

#include "base/banned.h"

#define DB "parley_worker"

static const char *conf;
static const struct config *config;
static struct db_pool *pool;
static struct db *db;
static struct arena arena;
static struct id tenant, bot;
static char bot_text[ID_TEXT_MAX], out_path[320];

DB_STMT(add_bot, TENANT,
        "INSERT INTO bot (tenant_id, bot_id, name, language, template, draft, draft_hash, created_at, updated_at)"
        " VALUES (:tenant, ?, 'Test', 'en', 'faq', '{}', ?, ?, ?)",
        "uxtt", "");

static int setup(void **state)
{
    uint8_t hash[32] = {0};
    int64_t now = clock_now_ms();
    (void)state;
    conf = dbtest_config_file(DB, "flow_template_dir = " TEST_SRCDIR "/sql\nprogram_dir = " TEST_BUILDDIR "\n");
    assert_int_equal(chmod(conf, 0600), 0);
    OKAY(config_load(conf, &config, &fail));
    config_set_current(config_retain(config));
    dbtest_migrate(config);
    pool = dbtest_pool(config, 2);
    db = dbtest_get(pool);
    arena_init(&arena, 64 * MB);
    tenant = dbtest_tenant(db);
    bot = id_new();
    id_text(ID_BOT, bot, bot_text);
    OKAY(db_exec(db, &add_bot, &tenant, DB_ARGS(db_id(bot), db_bytes(hash, 32), db_time(now), db_time(now)), NULL,
                 &fail));
    snprintf(out_path, sizeof(out_path), "%s/out", dbtest_dir());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_set_current(NULL);
    dbtest_close(config, pool, db, &arena);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    clock_set_for_test(0);
    dbtest_sql(DB, "DELETE FROM job; DELETE FROM answer");
    return 0;
}

static struct id add(enum job_kind kind, const char *bot_id, struct str file)
{
    struct json *payload = json_new_object(&arena);
    struct job_new n = {.kind = kind, .tenant = tenant, .payload = payload, .file = file};
    struct id id;
    assert_int_equal(json_set_str(payload, "bot", str_from(bot_id)) | json_set_bool(payload, "replace", false), 0);
    OKAY(queue_add(db, &n, &id, &fail));
    return id;
}

/* A job of a newer release. */
static struct id add_unknown(void)
{
    struct id id = add(JOB_KIND_mail, bot_text, STR_EMPTY);
    dbtest_sqlf(DB, "UPDATE job SET kind = 'no_such_kind' WHERE job_id = 0x%s", dbtest_hex(id));
    return id;
}

static struct job look(struct id id)
{
    struct job job;
    OKAY(queue_get(db, DB_GLOBAL, &arena, id, &job, &fail));
    return job;
}

static void work_off(void)
{
    struct worker w;
    bool found = true;
    OKAY(worker_open(&w, config, &fail));
    while (found)
        OKAY(worker_step(&w, &found, &fail));
    worker_close(&w);
}

static const struct str csv = STR("question,answer\nWhat is it?,A parrot\nHow much?,Ten\n,nothing asked\n");

static void imports_answers(void **state)
{
    struct id id = add(JOB_KIND_answers_import, bot_text, csv);
    int64_t n;
    (void)state;
    work_off();
    struct job job = look(id);
    assert_int_equal(job.state, JOB_DONE);
    assert_int_equal(json_int(json_get(job.result, "rows"), -1), 3);
    assert_int_equal(json_int(json_get(job.result, "added"), -1), 2);
    assert_int_equal(json_int(json_get(job.result, "skipped"), -1), 1);
    OKAY(answers_count(db, tenant, bot, &n, &fail));
    assert_int_equal(n, 2);
    id = add(JOB_KIND_answers_import, bot_text, csv); /* run twice: the same state */
    work_off();
    assert_int_equal(json_int(json_get(look(id).result, "unchanged"), -1), 2);
    OKAY(answers_count(db, tenant, bot, &n, &fail));
    assert_int_equal(n, 2);
}

static void hopeless_jobs_become_dead_letters_immediately(void **state)
{
    char other[ID_TEXT_MAX];
    struct id unknown = add_unknown(), broken = add(JOB_KIND_answers_import, "bot_nonsense", csv);
    struct id foreign = add(JOB_KIND_answers_import, id_text(ID_BOT, id_new(), other), csv);
    (void)state;
    work_off();
    assert_int_equal(look(unknown).state, JOB_DEAD);
    assert_non_null(strstr(look(unknown).error, "this kind of job"));
    assert_int_equal(look(broken).state, JOB_DEAD);
    assert_int_equal(look(foreign).state, JOB_DEAD);
}

static void cleans_up_by_age(void **state)
{
    (void)state;
    dbtest_sql(DB, "INSERT INTO user VALUES (UNHEX(MD5('u')), 'a@example.com', 'a@example.com', 'A', '', 'en', 0, "
                   "'active', NULL, NOW(3), NOW(3))");
    dbtest_sql(DB, "INSERT INTO session SELECT UNHEX(CONCAT(MD5(seq), MD5(seq))), UNHEX(MD5(seq)), UNHEX(MD5('u')), "
                   "tenant_id, '', '',"
                   " NOW(3), UTC_TIMESTAMP(3) - INTERVAL IF(seq <= 1200, 15, 13) DAY FROM tenant, seq_1_to_1205");
    work_off();
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM session"), 5);
    assert_int_equal(dbtest_int(DB, "SELECT JSON_VALUE(result, '$.sessions') FROM job WHERE kind = 'cleanup'"), 1200);
    struct id old = add_unknown();
    work_off();
    clock_set_for_test(clock_now_ms() + 31 * DAY_MS);
    work_off(); /* finished jobs are deleted, dead ones are kept longer */
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM job WHERE state = 'done' AND kind = 'cleanup'"), 1);
    assert_int_equal(look(old).state, JOB_DEAD);
    clock_set_for_test(clock_now_ms() + 60 * DAY_MS);
    work_off();
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM job WHERE state = 'dead'"), 0);
}

/* One row of a table that cleanup deletes from; @d is its age in days. */
#define AGO "UTC_TIMESTAMP(3) - INTERVAL @d DAY"
static const struct {
    const char *table, *insert;
    int kept, gone; /* days; gone 0: a row in this state is never deleted */
} aged[] = {
    {"turn_key", "INSERT INTO turn_key SELECT tenant_id, UNHEX(MD5(@d)), UNHEX(MD5('c')), 1, 2, " AGO " FROM tenant",
     29, 31},
    {"job",
     "INSERT INTO job (job_id, kind, state, due_at, payload, created_at) VALUES (UNHEX(MD5(CONCAT('done', @d))), 'x', "
     "'done', " AGO ", '{}', NOW(3))",
     29, 31},
    {"job",
     "INSERT INTO job (job_id, kind, state, due_at, payload, created_at) VALUES (UNHEX(MD5(CONCAT('dead', @d))), 'x', "
     "'dead', " AGO ", '{}', NOW(3))",
     89, 91},
    {"stripe_event",
     "INSERT INTO stripe_event (event_id, type, livemode, created_at, received_at, state, due_at, payload) VALUES "
     "(CONCAT('done', @d), '', 0, NOW(3), " AGO ", 'done', NOW(3), '')",
     89, 91},
    {"stripe_event",
     "INSERT INTO stripe_event (event_id, type, livemode, created_at, received_at, state, due_at, payload) VALUES "
     "(CONCAT('dead', @d), '', 0, NOW(3), " AGO ", 'dead', NOW(3), '')",
     800, 0},
    {"stripe_call",
     "INSERT INTO stripe_call (idem_key, method, path, params, state, created_at, first_sent_at) VALUES (CONCAT('a', "
     "@d), "
     "'POST', "
     "'/', '', 'done', NOW(3), " AGO ")",
     399, 401},
    {"stripe_call",
     "INSERT INTO stripe_call (idem_key, method, path, params, state, created_at, first_sent_at) VALUES (CONCAT('b', "
     "@d), "
     "'POST', "
     "'/', '', 'unknown', NOW(3), " AGO ")",
     800, 0},
    {"meter_outbox",
     "INSERT INTO meter_outbox (tenant_id, meter_outbox_id, stripe_customer_id, period_start, quantity, event_at, "
     "state, "
     "created_at, due_at) SELECT tenant_id, UNHEX(MD5(CONCAT('sent', @d))), 'c', NOW(3), 1, NOW(3), 'sent', "
     "NOW(3), " AGO " FROM tenant",
     89, 91},
    {"engine_usage",
     "INSERT INTO engine_usage SELECT tenant_id, 'visitor', UNHEX(MD5(@d)), " AGO ", 0, 1, 1, 1 FROM tenant", 61, 63},
    {"engine_usage",
     "INSERT INTO engine_usage SELECT tenant_id, 'bot', UNHEX(MD5(@d)), " AGO ", 1, 1, 1, 1 FROM tenant", 800, 0},
    {"engine_cap",
     "INSERT INTO engine_cap SELECT tenant_id, 'bot', UNHEX(MD5(@d)), 0, NOW(3), 'calls', 1, tenant_id, 0, " AGO
     " FROM tenant",
     399, 401},
    {"billing_notice", "INSERT INTO billing_notice SELECT tenant_id, CONCAT('k', @d), NOW(3), " AGO " FROM tenant", 399,
     401},
    {"billing_alarm",
     "INSERT INTO billing_alarm (billing_alarm_id, kind, object, words, first_at, last_at, closed_at) VALUES "
     "(UNHEX(MD5(CONCAT('closed', @d))), 'k', 'o', '', NOW(3), NOW(3), " AGO ")",
     399, 401},
    {"billing_alarm",
     "INSERT INTO billing_alarm (billing_alarm_id, kind, object, words, first_at, last_at) VALUES "
     "(UNHEX(MD5(CONCAT('open', @d))), 'k', 'o', '', NOW(3), " AGO ")",
     800, 0},
};

static void keeps_each_kind_of_row_for_its_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(aged); i++) {
        for (int k = 0; k < 2; k++) {
            int days = k ? aged[i].gone : aged[i].kept;
            if (days)
                dbtest_sqlf(DB, "SET FOREIGN_KEY_CHECKS = 0; SET @d = %d; %s", days, aged[i].insert);
        }
    }
    work_off();
    for (size_t i = 0; i < COUNT_OF(aged); i++) {
        int expected = 0;
        for (size_t k = 0; k < COUNT_OF(aged); k++)
            expected += strcmp(aged[k].table, aged[i].table) == 0;
        bool jobs = strcmp(aged[i].table, "job") == 0;
        int64_t left = dbtest_intf(DB, "SELECT COUNT(*) FROM %s%s", aged[i].table, jobs ? " WHERE kind = 'x'" : "");
        if (left != expected)
            print_message("%s\n", aged[i].table);
        assert_int_equal(left, expected);
    }
    dbtest_sql(DB, "DELETE FROM turn_key; DELETE FROM stripe_event; DELETE FROM stripe_call; DELETE FROM meter_outbox;"
                   "DELETE FROM billing_notice; DELETE FROM billing_alarm");
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
}

/* A worker that is killed in the middle leaves a job that the next one takes over. */
static void killed_worker_is_replaced(void **state)
{
    (void)state;
    struct id id = add(JOB_KIND_answers_import, bot_text, csv);
    struct job job;
    bool found;
    OKAY(queue_claim(db, &arena, "killed", MINUTE_MS, &job, &found, &fail));
    assert_true(found);
    work_off();
    assert_int_equal(look(id).state, JOB_RUNNING);
    clock_set_for_test(clock_now_ms() + 61000);
    work_off();
    assert_int_equal(look(id).state, JOB_DONE);
    assert_int_equal(look(id).attempt, 2);
}

static pid_t start_program(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        int out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(out, 2);
        execl(TEST_BUILDDIR "/parley-worker", "parley-worker", "--config", conf, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* A job that takes a while, so that the signal comes in the middle of it. */
static struct str long_csv(void)
{
    struct buf b;
    bool ok = true;
    buf_init(&b, 16 * MB);
    buf_puts(&b, "question,answer\n");
    for (int i = 0; i < 60000; i++) {
        buf_puts(&b, "What comes after ");
        buf_i64(&b, i);
        buf_puts(&b, "?,The next\n");
    }
    struct str s = arena_str(&arena, buf_str(&b), &ok);
    assert_true(ok && buf_ok(&b));
    buf_release(&b);
    return s;
}

static const char *said(void);

static void crashing_program_names_its_job(void **state)
{
    char id_line[ID_TEXT_MAX + 40];
    int how;
    (void)state;
    struct id id = add(JOB_KIND_answers_import, bot_text, long_csv());
    pid_t pid = start_program();
    for (int i = 0; i < 1000 &&
                    dbtest_int(DB, "SELECT COUNT(*) FROM job WHERE state = 'running' AND kind = 'answers_import'") == 0;
         i++)
        nap();
    kill(pid, SIGSEGV);
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGSEGV);
    const char *report = strstr(said(),
                                "\"event\":\"crash\",\"program\":\"worker\",\"signal\":\"SIGSEGV\",\"build_id\":\"");
    assert_non_null(report);
    memcpy(id_line, "\"request_id\":\"", 14);
    id_text(ID_JOB, id, id_line + 14);
    assert_non_null(strstr(report, id_line));
    assert_non_null(strstr(report, "\"route\":\"answers_import\""));
    assert_non_null(strstr(report, "parley-worker(")); /* the backtrace */
}

static void program_waits_and_stops(void **state)
{
    int how = -1;
    pid_t pid = start_program();
    (void)state;
    for (int i = 0; i < 100 && dbtest_int(DB, "SELECT COUNT(*) FROM job WHERE state = 'done'") == 0; i++)
        nap();
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM job WHERE state = 'done' AND kind = 'cleanup'"), 1);
    dbtest_kill_server(); /* it waits for the database and continues */
    struct id id = add(JOB_KIND_answers_import, bot_text, csv);
    for (int i = 0; i < 200 && look(id).state != JOB_DONE; i++)
        nap();
    assert_int_equal(look(id).state, JOB_DONE);
    kill(pid, SIGTERM);
    for (int i = 0; i < 100 && waitpid(pid, &how, WNOHANG) != pid; i++)
        nap();
    assert_true(how != -1 && WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

/* ---- the command line ---- */

static int parley(const char *a, const char *b, const char *c)
{
    int how;
    pid_t pid = fork();
    if (pid == 0) {
        int out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(out, 1);
        dup2(out, 2);
        execl(TEST_BUILDDIR "/parley", "parley", "--config", conf, a, b, c, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFEXITED(how));
    return WEXITSTATUS(how);
}

static const char *said(void)
{
    static char text[32768];
    FILE *f = fopen(out_path, "r");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = '\0';
    return text;
}

static void has(const char *words)
{
    if (!strstr(said(), words))
        fail_msg("\"%s\" is not in: %s", words, said());
}

static void commands_of_the_queue(void **state)
{
    char id_shown[ID_TEXT_MAX];
    struct id good = add(JOB_KIND_answers_import, bot_text, csv), bad = add_unknown();
    (void)state;
    assert_int_equal(parley("work", "--once", NULL), 0);
    assert_int_equal(look(good).state, JOB_DONE);
    assert_int_equal(parley("job", "list", NULL), 0);
    id_text(ID_JOB, bad, id_shown);
    has(id_shown);
    assert_int_equal(parley("job", "replay", id_shown), 0);
    assert_int_equal(look(bad).state, JOB_READY);
    assert_int_equal(parley("job", "replay", id_shown), 1);
    assert_int_equal(parley("job", "replay", "bot_x"), 2);
    assert_int_equal(parley("job", "list", "--state=odd"), 2);
    assert_int_equal(parley("job", "lst", NULL), 2);
    has("Did you mean: parley job list?");
    assert_int_equal(parley("work", "--once=1", NULL), 2);
    assert_int_equal(parley("--help", NULL, NULL), 0);
    has("job replay");
    assert_int_equal(parley("job", "--help", NULL), 0);
    has("job replay");
    assert_null(strstr(said(), "tenant list"));
}

static void doctor_names_what_is_wrong(void **state)
{
    static const mode_t modes[] = {0644, 0620, 0602, 0604, 0601};
    (void)state;
    parley("doctor", NULL, NULL);
    has("ok    secret_key is set");
    has("ok    The schema matches this release");
    assert_null(strstr(said(), "fail  The database"));
    has("contains secrets, and other users have no access to it");
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        char words[120];
        assert_int_equal(chmod(conf, modes[i]), 0);
        assert_int_equal(parley("doctor", NULL, NULL), 1);
        snprintf(words, sizeof(words), "contains secrets, and other users may read or change it (mode %o)",
                 (unsigned)modes[i]);
        has(words);
    }
    assert_int_equal(chmod(conf, 0640), 0); /* the programs of one group may share the file */
    parley("doctor", NULL, NULL);
    has("contains secrets, and other users have no access to it");
    assert_int_equal(chmod(conf, 0600), 0);
    setenv("PARLEY_RATE_LIMITS", "off", 1);
    setenv("PARLEY_BASE_URL", "http://bots.example.com", 1);
    setenv("PARLEY_DATABASE_SOCKET", "/nowhere/my.sock", 1);
    setenv("PARLEY_DATA_DIR", "/nowhere", 1);
    setenv("PARLEY_SECRET_KEY", "xyz", 1);
    assert_int_equal(parley("doctor", NULL, NULL), 1);
    unsetenv("PARLEY_RATE_LIMITS");
    unsetenv("PARLEY_BASE_URL");
    unsetenv("PARLEY_DATABASE_SOCKET");
    unsetenv("PARLEY_DATA_DIR");
    unsetenv("PARLEY_SECRET_KEY");
    has("warn  rate_limits is off");
    has("warn  base_url http://bots.example.com sends passwords unencrypted");
    has("fail  The database cannot be reached");
    has("fail  data_dir /nowhere does not exist");
    has("fail  secret_key is not 64 hex digits");
    parley("doctor", "--json", NULL);
    has("\"level\": \"ok\"");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(imports_answers, clean),
        cmocka_unit_test_setup(hopeless_jobs_become_dead_letters_immediately, clean),
        cmocka_unit_test_setup(cleans_up_by_age, clean),
        cmocka_unit_test_setup(keeps_each_kind_of_row_for_its_time, clean),
        cmocka_unit_test_setup(killed_worker_is_replaced, clean),
        cmocka_unit_test_setup(crashing_program_names_its_job, clean),
        cmocka_unit_test_setup(program_waits_and_stops, clean),
        cmocka_unit_test_setup(commands_of_the_queue, clean),
        cmocka_unit_test_setup(doctor_names_what_is_wrong, clean),
    };
    dbtest_begin(argc, argv);
    int failed = cmocka_run_group_tests_name("worker", tests, setup, teardown);
    db_library_end();
    return failed;
}
