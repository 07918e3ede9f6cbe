/* okay.h: a call that must succeed; its message when it does not. `fail` is the struct err to hand to it. */
#ifndef PARLEY_TESTS_OKAY_H
#define PARLEY_TESTS_OKAY_H

#define OKAY(call)                                                                                              \
    do {                                                                                                        \
        struct err fail = ERR_INIT;                                                                             \
        enum status okay_status = (call);                                                                       \
        if (okay_status != OK)                                                                                  \
            fail_msg("line %d: status %d: %s (%s)", __LINE__, (int)okay_status, fail.message, err_code(&fail)); \
    } while (0)

#endif
