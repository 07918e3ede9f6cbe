/* alarm.h: what the operator has to see: drift, two subscriptions, an unknown price, a lagging meter, a dispute.
 *
 * One open row for each (kind, object): raising it again counts. It is logged (warn) each time, and mailed once to the operators
 * (users with is_operator) when it opens. `parley doctor` and /admin show the open ones; the operator closes them, or what raised them
 * does when it is over. */
#ifndef PARLEY_ALARM_ALARM_H
#define PARLEY_ALARM_ALARM_H

#include "db/db.h"

struct alarm {
    struct id id, tenant;
    struct str kind, object, words;
    int64_t times, first_ms, last_ms, closed_ms;
};
/* tenant may be ID_NONE. In the caller's transaction, or alone. `fmt` makes words fit for the operator, without secrets. */
enum status alarm_raise(struct db *c, const char *kind, struct str object, struct id tenant, struct err *e,
                        const char *fmt, ...) __attribute__((format(printf, 6, 7)));
enum status alarm_clear(struct db *c, const char *kind, struct str object, struct err *e); /* fine when none is open */
enum status alarm_close(struct db *c, struct id alarm, struct err *e); /* by the operator; ERR_NOT_FOUND */
enum status alarm_list(struct db *c, struct arena *a, bool open_only, int limit, struct alarm **out, size_t *n,
                       struct err *e);
/* Forget closed ones: at most `limit` that were closed before. */
enum status alarm_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
