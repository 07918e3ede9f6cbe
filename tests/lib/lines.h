/* lines.h: a test's program on a string: one JSON object a line in, one out, until the input ends. cli.mjs holds the
 * other end. */
#ifndef PARLEY_TESTS_LIB_LINES_H
#define PARLEY_TESTS_LIB_LINES_H

#include "base/json.h"
#include "db/db.h"

/* One line: `in` as it came, `out` is written when it returns; the arena goes then. */
typedef void lines_fn(struct arena *a, struct json *in, struct json *out);
/* Opens what the domain needs (log, configuration, a pool of so many connections, also in *pool), answers every line,
 * closes. Returns main's. */
int lines_run(const char *program, int connections, struct db_pool **pool, lines_fn *answer);
void lines_must(bool ok); /* or the program ends: out of memory, or a wrong line */
/* "ok"; for a failure also "code", "message", "pointer" and, as `status`, the name of its class. */
void lines_outcome(struct json *out, enum status st, const struct err *e, const char *status);

#endif
