/* testmail.h: the parts of the test server that src/web calls for each request that parks. */
#ifndef PARLEY_TESTS_HTTP_TESTMAIL_H
#define PARLEY_TESTS_HTTP_TESTMAIL_H

#include "web/server.h"

/* The statements of this thread: three for each request, and one more for each time that a parked one continues. */
void test_cost_reset(void);
struct web_cost test_cost(void);
/* `close` of the program: wakes every request that ever parked here. */
void test_mail_late(void *app);

#endif
