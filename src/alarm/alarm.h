/* alarm.h: what the operator must see: drift, two subscriptions, an unknown price, a lagging meter, a dispute.
 *
 * There is one open row for each (kind, object); raising it again counts it up. Each time it is logged as a warning;
 * when it opens it is mailed once to the operators (users with is_operator). `parley doctor` and /admin show the
 * open ones. The operator closes an alarm, or the code that raised it clears it when the cause is gone. */
#ifndef PARLEY_ALARM_ALARM_H
#define PARLEY_ALARM_ALARM_H

#include "db/db.h"

/* The kinds are the rows of alarm.def. */
enum alarm_kind {
    ALARM_NONE, /* no alarm; in a row: a kind that this release does not know */
#define ALARM(name) ALARM_##name,
#include "alarm/alarm.def"
#undef ALARM
};
const char *alarm_kind_name(enum alarm_kind kind); /* "unknown" for ALARM_NONE */

struct alarm {
    struct id id, tenant;
    enum alarm_kind kind;
    struct str object, words;
    int64_t times, first_ms, last_ms, closed_ms;
};
/* Raises an alarm, in the caller's transaction or in one of its own. tenant may be ID_NONE. The formatted words are
 * for the operator and contain no secrets; what is too long is cut. */
enum status alarm_raise(struct db *c, enum alarm_kind kind, struct str object, struct id tenant, struct err *e,
                        const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* Closes the open alarm of this kind and object, if there is one: the cause is gone. */
enum status alarm_clear(struct db *c, enum alarm_kind kind, struct str object, struct err *e);
/* Closes an alarm by its id, for the operator. ERR_NOT_FOUND unless it is open. */
enum status alarm_close(struct db *c, struct id alarm, struct err *e);
#define ALARMS_COUNTED 1000 /* open alarms that status reports and metrics count; more show as this many */
/* Lists alarms, newest first. Memory in the arena. */
enum status alarm_list(struct db *c, struct arena *a, bool open_only, int limit, struct alarm **out, size_t *n,
                       struct err *e);
/* Deletes at most `limit` alarms that were closed before then; *n is how many. */
enum status alarm_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
