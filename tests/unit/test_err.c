#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static void fills_and_defaults(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(err_set(&e, ERR_NOT_FOUND, NULL, "No bot %d.", 7), ERR_NOT_FOUND);
    assert_string_equal(e.message, "No bot 7.");
    assert_string_equal(err_code(&e), "not_found");
    assert_string_equal(e.pointer, "");
    e.retry_after_s = 9;
    (void)err_at(&e, ERR_INVALID, "flow_invalid", "/nodes/a", "Bad.");
    assert_string_equal(err_code(&e), "flow_invalid");
    assert_string_equal(e.pointer, "/nodes/a");
    assert_int_equal(e.retry_after_s, 0);
    assert_int_equal(err_set(NULL, ERR_RATE, NULL, "nobody asks"), ERR_RATE);
    assert_string_equal(status_default_code((enum status)99), "internal");
}

static void wraps_and_keeps(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    (void)err_at(&e, ERR_CONFLICT, "taken", "name", "The name is taken.");
    assert_int_equal(err_wrap(&e, "bot %s", "x"), ERR_CONFLICT);
    assert_string_equal(e.message, "bot x: The name is taken.");
    assert_string_equal(e.code, "taken");
    assert_string_equal(e.pointer, "name");
}

static void own_message_as_argument(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    (void)err_set(&e, ERR_INVALID, "a_code", "inner");
    (void)err_set(&e, ERR_INTERNAL, e.code, "outer, %s", e.message);
    assert_string_equal(e.message, "outer, inner");
    assert_string_equal(e.code, "a_code");
}

static void cuts_between_characters(void **state)
{
    (void)state;
    char text[700];
    for (size_t shift = 0; shift < 4; shift++) {
        size_t n = shift;
        memset(text, 'x', shift);
        while (n + 3 < sizeof(text)) {
            memcpy(text + n, "\xE2\x82\xAC", 3);
            n += 3;
        }
        text[n] = '\0';
        struct err e = ERR_INIT;
        (void)err_set(&e, ERR_INVALID, NULL, "%s", text);
        size_t kept = strlen(e.message);
        assert_true(kept >= sizeof(e.message) - 4);
        assert_int_equal((kept - shift) % 3, 0);
        (void)err_wrap(&e, "%s", text);
        assert_true(strlen(e.message) < sizeof(e.message));
        (void)err_at(&e, ERR_INVALID, text, text, "x");
        assert_int_equal((strlen(e.pointer) - shift) % 3, 0);
    }
}

static void bug_aborts(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(3);
        BUG("as planned %d", 1);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(fills_and_defaults), TEST(wraps_and_keeps), TEST(own_message_as_argument),
                                       TEST(cuts_between_characters), TEST(bug_aborts)};
    return RUN(tests);
}
