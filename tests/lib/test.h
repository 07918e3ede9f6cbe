/* test.h: what every unit test includes. */
#ifndef PARLEY_TESTS_LIB_TEST_H
#define PARLEY_TESTS_LIB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define TEST(f) cmocka_unit_test(f)
#define RUN(tests) cmocka_run_group_tests((tests), NULL, NULL)

static inline void assert_str(struct str s, const char *expected)
{
    if (!str_eqz(s, expected))
        fail_msg("got \"%.*s\", expected \"%s\"", STR_F(s), expected);
}

/* The whole status in one line, so that a failure tells why. */
#define assert_ok(call, e)                                                   \
    do {                                                                     \
        enum status assert_ok_status_ = (call);                              \
        if (assert_ok_status_ != OK)                                         \
            fail_msg("status %d: %s", (int)assert_ok_status_, (e)->message); \
    } while (0)

#define assert_has(text, part)                                       \
    do {                                                             \
        if (!strstr((text), (part)))                                 \
            fail_msg("\"%s\" does not hold \"%s\"", (text), (part)); \
    } while (0)

#endif
