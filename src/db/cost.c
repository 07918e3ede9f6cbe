/* cost.c: how many statements a thread has run, and for how long: for the log line of a request.
 *
 * Counted where statements are sent, so that no caller can forget it. */
#include "base/clock.h"
#include "db/db_internal.h"

#include "base/banned.h"

static _Thread_local struct db_cost cost;

void db_cost_reset(void)
{
    cost = (struct db_cost){0};
}

struct db_cost db_cost(void)
{
    return cost;
}

void db_cost_add(int64_t started_us)
{
    cost.statements++;
    cost.us += clock_mono_us() - started_us;
}
