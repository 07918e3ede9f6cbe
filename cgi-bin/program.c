/* program.c: the database of a program's threads. It is in a file of its own, so that hooks.fcgi, which must answer
 * when everything else is broken, links no templates. */
#include "program.h"

#include "base/banned.h"

enum status program_thread_begin(void *app, struct err *e)
{
    (void)app;
    return db_thread_begin(e);
}

void program_thread_end(void *app)
{
    (void)app;
    db_thread_end();
}

struct web_cost program_cost(void)
{
    struct db_cost cost = db_cost();
    return (struct web_cost){cost.statements, cost.us};
}
