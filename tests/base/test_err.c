/* test_err.c: filling in and wrapping errors; texts are cut between characters. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/test.h"

static void fills_and_defaults(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(err_set(&e, E_not_found, "No bot %d.", 7), ERR_NOT_FOUND);
    assert_string_equal(e.message, "No bot 7.");
    assert_string_equal(err_code(&e), "not_found");
    assert_string_equal(e.pointer, "");
    e.retry_after_s = 9;
    assert_int_equal(err_at(&e, E_flow_invalid, "/nodes/a", "Bad."), ERR_INVALID);
    assert_string_equal(err_code(&e), "flow_invalid");
    assert_string_equal(e.pointer, "/nodes/a");
    assert_int_equal(e.retry_after_s, 0);
    assert_int_equal(err_set(NULL, E_rate_limited, "unused"), ERR_RATE);
    assert_int_equal(status_default_code((enum status)99), E_internal);
    assert_int_equal(err_set_as(&e, ERR_CONFLICT, E_flow_invalid, "Now it conflicts."), ERR_CONFLICT);
    assert_int_equal(e.status, ERR_CONFLICT);
    assert_true(err_is(&e, E_flow_invalid));
    assert_int_equal(err_raise_at(&e, E_text_empty, "/text"), ERR_INVALID);
    assert_string_equal(e.message, error_text(E_text_empty));
    assert_string_equal(e.pointer, "/text");
}

static void wraps_and_keeps(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    (void)err_at(&e, E_email_taken, "name", "The name is taken.");
    assert_int_equal(err_wrap(&e, "bot %s", "x"), ERR_CONFLICT);
    assert_string_equal(e.message, "bot x: The name is taken.");
    assert_string_equal(err_code(&e), "email_taken");
    assert_string_equal(e.pointer, "name");
}

static void own_message_as_argument(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    (void)err_set(&e, E_email_invalid, "inner");
    (void)err_set_as(&e, ERR_INTERNAL, e.code, "outer, %s", e.message);
    assert_string_equal(e.message, "outer, inner");
    assert_string_equal(err_code(&e), "email_invalid");
}

/* A row that was copied and left half changed shows here: status and HTTP status belong together, texts are
 * sentences. */
static void every_row_of_the_table_is_complete(void **state)
{
    (void)state;
    static const int http[] = {[ERR_INVALID] = 400,     [ERR_AUTH] = 401,     [ERR_PLAN] = 402,      [ERR_DENIED] = 403,
                               [ERR_NOT_FOUND] = 404,   [ERR_CONFLICT] = 409, [ERR_TOO_LARGE] = 413, [ERR_RATE] = 429,
                               [ERR_UNAVAILABLE] = 503, [ERR_TIMEOUT] = 504,  [ERR_GONE] = 500,      [ERR_NOMEM] = 503,
                               [ERR_INTERNAL] = 500};
    for (enum error_code c = E_none + 1; c < ERROR_CODES; c++) {
        const char *name = error_name(c), *text = error_text(c);
        size_t n = strlen(text);
        bool special = c == E_length_required || c == E_content_type || c == E_method_not_allowed ||
                       c == E_headers_too_large || c == E_answer_interrupted || c == E_engine_failed;
        if (c > E_none + 1)
            assert_true(strcmp(error_name(c - 1), name) < 0); /* alphabetical, so unique */
        if (!special)
            assert_int_equal(error_http(c), http[error_status(c)]);
        assert_true(n > 10 && text[n - 1] == '.' && !strchr(text, '%'));
        assert_true(error_audience(c) <= AUDIENCE_DEVELOPER);
    }
    assert_int_equal(error_http(E_content_type), 415);
    assert_int_equal(error_http(E_engine_failed), 502);
    assert_int_equal(error_http(E_answer_interrupted), 502);
}

static void a_code_takes_a_more_specific_name(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    (void)err_raise(&e, E_plan_limit);
    err_rename(&e, "plan_limit_%s", "bots");
    assert_string_equal(err_code(&e), "plan_limit_bots");
    assert_true(err_is(&e, E_plan_limit));
    (void)err_raise(&e, E_text_empty);
    assert_string_equal(err_code(&e), "text_empty");
    err_rename(NULL, "x");
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
        (void)err_set(&e, E_invalid, "%s", text);
        size_t kept = strlen(e.message);
        assert_true(kept >= sizeof(e.message) - 4);
        assert_int_equal((kept - shift) % 3, 0);
        (void)err_wrap(&e, "%s", text);
        assert_true(strlen(e.message) < sizeof(e.message));
        (void)err_at(&e, E_invalid, text, "x");
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
    const struct CMUnitTest tests[] = {TEST(fills_and_defaults),
                                       TEST(wraps_and_keeps),
                                       TEST(own_message_as_argument),
                                       TEST(every_row_of_the_table_is_complete),
                                       TEST(a_code_takes_a_more_specific_name),
                                       TEST(cuts_between_characters),
                                       TEST(bug_aborts)};
    return RUN(tests);
}
