/* parley serve: starts, restarts, reloads and stops the programs of an install, with fake_program.c in their place. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/num.h"
#include "dbtest.h"

#include "base/banned.h"

#define DB "parley_serve"
static char run[300], log_path[320], out_path[320];
static const char *conf;
static pid_t serve_pid;

static void nap(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static void link_programs(void)
{
    static const char *const names[] = {"portal.fcgi", "api.fcgi", "chat.fcgi", "hooks.fcgi", "parley-worker"};
    char path[400];
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof(path), "%s/%s", run, names[i]);
        if (symlink(TEST_BUILDDIR "/tests/cli/fake_program", path) != 0)
            assert_int_equal(errno, EEXIST);
    }
}

static int setup(void **state)
{
    char extra[1200];
    const struct config *c;
    struct err e = ERR_INIT;
    (void)state;
    snprintf(run, sizeof(run), "%s/run", dbtest_dir());
    snprintf(log_path, sizeof(log_path), "%s/serve.log", dbtest_dir());
    snprintf(out_path, sizeof(out_path), "%s/serve.out", dbtest_dir());
    assert_int_equal(mkdir(run, 0700), 0);
    link_programs();
    snprintf(extra, sizeof(extra), "run_dir = %s\nprogram_dir = %s\nlog_file = %s\nstop_timeout = 300ms\n", run, run,
             log_path);
    conf = dbtest_config_file(DB, extra);
    if (config_load(conf, &c, &e) != OK)
        fail_msg("%s", e.message);
    dbtest_migrate(c);
    config_drop(c);
    return 0;
}

static pid_t spawn(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        int out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(out, 1);
        dup2(out, 2);
        execl(TEST_BUILDDIR "/parley", "parley", "--config", conf, "serve", (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

static const char *text_of(const char *path)
{
    static char text[65536];
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = '\0';
    return text;
}

static int dial(const char *door)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    char path[400];
    int n = snprintf(path, sizeof(path), "%s/%s.sock", run, door);
    assert_in_range(n, 1, sizeof(addr.sun_path) - 1);
    memcpy(addr.sun_path, path, (size_t)n + 1);
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 10}, sizeof(struct timeval));
    return fd;
}

/* The number that answers the word, or -1. */
static int ask_on(int fd, const char *word)
{
    char text[32];
    int64_t v = -1;
    if (fd < 0 || write(fd, word, strlen(word)) != (ssize_t)strlen(word))
        return -1;
    ssize_t n = read(fd, text, sizeof(text));
    close(fd);
    return n > 0 && num_i64(str_n(text, (size_t)n), 0, INT32_MAX, &v) ? (int)v : -1;
}

static int ask(const char *door, const char *word)
{
    return ask_on(dial(door), word);
}

static void serve(void)
{
    serve_pid = spawn();
    for (int i = 0; ask("chat", "pid") <= 0; i++) {
        if (i == 100)
            fail_msg("parley serve does not answer: %s", text_of(out_path));
        nap(50);
    }
}

static int end_of(pid_t pid)
{
    int how;
    for (int i = 0; i < 200; i++) {
        if (waitpid(pid, &how, WNOHANG) == pid)
            return how;
        nap(50);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &how, 0);
    fail_msg("parley serve did not end");
    return how;
}

static int stop(void **state)
{
    (void)state;
    if (serve_pid > 0) {
        kill(serve_pid, SIGTERM);
        end_of(serve_pid);
    }
    serve_pid = 0;
    unlink(log_path);
    return 0;
}

static void refused_with(const char *words)
{
    int how = end_of(spawn());
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 1);
    if (!strstr(text_of(out_path), words))
        fail_msg("said: %s", text_of(out_path));
}

static bool is_there(const char *name)
{
    char path[400];
    snprintf(path, sizeof(path), "%s/%s", run, name);
    return access(path, F_OK) == 0;
}

static void starts_and_stops_in_order(void **state)
{
    struct stat info;
    char path[400];
    (void)state;
    serve();
    snprintf(path, sizeof(path), "%s/hooks.sock", run);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0660);
    int child = ask("portal", "pid");
    assert_true(child > 0);
    kill(serve_pid, SIGTERM);
    int how = end_of(serve_pid);
    serve_pid = 0;
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_int_equal(kill(child, 0), -1);
    assert_false(is_there("hooks.sock") || is_there("parley.pid"));
}

static void second_start_is_refused(void **state)
{
    (void)state;
    serve();
    refused_with("is already running here (process ");
    assert_true(ask("chat", "pid") > 0); /* the first one did not notice */
}

static void killed_program_is_restarted(void **state)
{
    (void)state;
    serve();
    int before = ask("chat", "pid");
    for (int round = 0; round < 3; round++) {
        int doomed = dial("chat");
        assert_true(doomed >= 0);
        assert_int_equal(ask_on(doomed, round == 1 ? "exit" : "crash"), -1);
        int waiting = dial("chat"); /* connects while no program runs to accept it */
        assert_true(waiting >= 0);
        int after = ask_on(waiting, "pid");
        assert_true(after > 0 && after != before);
        before = after;
    }
    const char *said = text_of(log_path);
    assert_non_null(strstr(said, "\"event\":\"program_died\",\"name\":\"chat\""));
    assert_non_null(strstr(said, "\"signal\":6"));
    assert_non_null(strstr(said, "\"exit\":7"));
    assert_null(strstr(said, "\"event\":\"program_died\",\"name\":\"api\""));
}

static void hup_is_passed_on(void **state)
{
    (void)state;
    serve();
    /* Both answer, so both handle the signal by now. One that arrives while a program starts ends it, and serve
     * restarts it. */
    assert_int_equal(ask("api", "hups"), 0);
    assert_int_equal(ask("hooks", "hups"), 0);
    kill(serve_pid, SIGHUP);
    for (int i = 0; i < 200 && (ask("api", "hups") != 1 || ask("hooks", "hups") != 1); i++)
        nap(20);
    assert_int_equal(ask("api", "hups"), 1);
    assert_int_equal(ask("hooks", "hups"), 1);
}

static void stubborn_program_is_killed(void **state)
{
    (void)state;
    serve();
    int pid = ask("api", "stubborn");
    kill(serve_pid, SIGTERM);
    int how = end_of(serve_pid);
    serve_pid = 0;
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_int_equal(kill(pid, 0), -1);
    assert_non_null(strstr(text_of(log_path), "\"event\":\"programs_killed\",\"count\":1"));
}

static void stale_files_are_replaced(void **state)
{
    char path[400];
    (void)state;
    serve();
    int child = ask("chat", "pid");
    kill(serve_pid, SIGKILL); /* leaves pid file and sockets */
    end_of(serve_pid);
    assert_true(is_there("parley.pid") && is_there("chat.sock"));
    snprintf(path, sizeof(path), "%s/parley.pid", run);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "%d\n", (int)getpid()); /* a pid that now belongs to another process */
    fclose(f);
    serve(); /* waits for the old programs, which were asked to stop */
    int after = ask("chat", "pid");
    assert_true(after > 0 && after != child);
    for (int i = 0; i < 100 && kill(child, 0) == 0; i++)
        nap(20);
    assert_int_equal(kill(child, 0), -1);
}

static void foreign_socket_is_not_replaced(void **state)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)state;
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%.80s/api.sock", run);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(fd, 5), 0);
    refused_with("Another program answers on");
    assert_true(is_there("api.sock")); /* it is not ours to remove */
    close(fd);
    serve(); /* now it is only a file in the way */
}

static void a_failed_schema_and_missing_programs_are_named(void **state)
{
    char path[400];
    (void)state;
    dbtest_sql(DB, "UPDATE schema_migration SET state = 'failed' WHERE version = 1");
    refused_with("Run parley migrate");
    dbtest_sql(DB, "UPDATE schema_migration SET state = 'applied' WHERE version = 1");
    snprintf(path, sizeof(path), "%s/api.fcgi", run);
    assert_int_equal(unlink(path), 0);
    refused_with("api.fcgi cannot be started");
    link_programs();
    assert_false(is_there("chat.sock") || is_there("parley.pid"));
    serve();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(starts_and_stops_in_order, stop),
        cmocka_unit_test_teardown(second_start_is_refused, stop),
        cmocka_unit_test_teardown(killed_program_is_restarted, stop),
        cmocka_unit_test_teardown(hup_is_passed_on, stop),
        cmocka_unit_test_teardown(stubborn_program_is_killed, stop),
        cmocka_unit_test_teardown(stale_files_are_replaced, stop),
        cmocka_unit_test_teardown(a_failed_schema_and_missing_programs_are_named, stop),
        cmocka_unit_test_teardown(foreign_socket_is_not_replaced, stop),
    };
    dbtest_begin(argc, argv);
    int failed = cmocka_run_group_tests_name("serve", tests, setup, NULL);
    db_library_end();
    return failed;
}
