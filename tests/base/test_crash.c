/* test_crash.c: child processes that crash in different ways, and what their reports say. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/build.h"
#include "base/crash.h"
#include "base/json.h"
#include "base/log.h"
#include "lib/test.h"

static char text[64 * 1024];

/* What a child says that dies by `how`, on stderr. */
static size_t report_of(void (*how)(void), int *signal_of)
{
    int ends[2], status;
    size_t n = 0;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        how();
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t got; n < sizeof(text) - 1 && (got = read(ends[0], text + n, sizeof(text) - 1 - n)) > 0;)
        n += (size_t)got;
    text[n] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    *signal_of = WTERMSIG(status);
    return n;
}

static struct json *first_line(struct arena *a, size_t n)
{
    struct str rest = str_n(text, n), line;
    struct json *j;
    struct err e = ERR_INIT;
    while (str_split(&rest, '\n', &line)) /* a sanitizer may speak first */
        if (str_starts(line, STR("{"))) {
            assert_ok(json_parse(a, line, 4, &j, &e), &e);
            if (str_eqz(json_get_str(j, "event"), "crash"))
                return j;
        }
    fail_msg("no report in: %s", text);
    return NULL;
}

static void begin_work(void)
{
    static struct crash_slot slots[2];
    crash_init("tester");
    crash_slots(slots, 2);
    crash_thread_begin(&slots[0]);
    crash_busy(&slots[0], "job_1 \"quoted\" and longer than there is any room for");
    crash_route(&slots[0], "answers_import");
    crash_busy(&slots[1], "job_2");
    crash_route(&slots[1], "cleanup");
}

static void die_at_work(void)
{
    begin_work();
    raise(SIGSEGV);
}

static void a_report_names_build_request_route_and_place(void **state)
{
    struct arena a;
    int how;
    (void)state;
    arena_init(&a, 1 << 20);
    size_t n = report_of(die_at_work, &how);
    struct json *j = first_line(&a, n);
    assert_int_equal(how, SIGSEGV);
    assert_true(str_eqz(json_get_str(j, "program"), "tester"));
    assert_true(str_eqz(json_get_str(j, "signal"), "SIGSEGV"));
    assert_true(str_eqz(json_get_str(j, "build_id"), build_id()));
    assert_int_equal(json_get_str(j, "build_id").n, 40);
    assert_true(str_eqz(json_get_str(j, "request_id"), "job_1 quoted and longer than there is")); /* cut, no quotes */
    assert_true(str_eqz(json_get_str(j, "route"), "answers_import"));
    assert_int_equal(json_len(json_get(j, "requests")), 2);
    assert_true(json_bool(json_get(json_at(json_get(j, "requests"), 0), "crashed")));
    assert_true(str_eqz(json_get_str(json_at(json_get(j, "requests"), 1), "route"), "cleanup"));
    assert_non_null(strstr(text, "test_crash")); /* the backtrace */
    arena_release(&a);
}

static void die_by_bug(void)
{
    begin_work();
    crash_idle(NULL);
    BUG("three is %d", 4);
}

static void an_impossible_state_is_reported(void **state)
{
    struct arena a;
    int how;
    (void)state;
    arena_init(&a, 1 << 20);
    size_t n = report_of(die_by_bug, &how);
    struct json *j = first_line(&a, n);
    assert_int_equal(how, SIGABRT);
    assert_true(str_eqz(json_get_str(j, "signal"), "SIGABRT"));
    assert_non_null(strstr(text, "three is 4"));
    arena_release(&a);
}

static void die_idle(void)
{
    static struct crash_slot slot;
    crash_init("tester");
    crash_slots(&slot, 1);
    crash_thread_begin(&slot);
    crash_busy(&slot, "req_1");
    crash_idle(&slot);
    raise(SIGBUS);
}

static void an_idle_thread_names_no_request(void **state)
{
    struct arena a;
    int how;
    (void)state;
    arena_init(&a, 1 << 20);
    size_t n = report_of(die_idle, &how);
    struct json *j = first_line(&a, n);
    assert_int_equal(how, SIGBUS);
    assert_false(json_has(j, "request_id"));
    assert_int_equal(json_len(json_get(j, "requests")), 0);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_names_build_request_route_and_place),
        cmocka_unit_test(an_impossible_state_is_reported),
        cmocka_unit_test(an_idle_thread_names_no_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
