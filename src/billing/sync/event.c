/* event.c: what operators and other parts of billing do with stored events. Serving them is sync.c's. */
#include "billing/sync/event.h"

#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/limits.h"
#include "billing/sync/event_store.h"

#include "base/banned.h"

enum status event_add(struct db *c, const struct event_envelope *v, struct str payload, int64_t now_ms, bool *fresh,
                      struct err *e)
{
    return event_store_add(c, v, payload, now_ms, fresh, e);
}

enum status event_waits(struct db *c, struct arena *a, struct str object, bool livemode, bool *waits, struct err *e)
{
    struct event_name *events;
    size_t n = 0;
    enum status st = event_store_of_object(c, a, object, livemode, 1, &events, &n, e);
    *waits = n > 0;
    return st;
}

enum status event_depth(struct db *c, struct event_depth *out, struct err *e)
{
    struct arena a;
    arena_init(&a, ROW_ARENA);
    enum status st = event_store_depth(c, &a, clock_now_ms(), out, e);
    arena_release(&a);
    return st;
}

enum status event_list(struct db *c, struct arena *a, const enum event_state *only, int limit,
                       struct stripe_event **out, size_t *n, struct err *e)
{
    return event_store_list(c, a, only, limit, out, n, e);
}

enum status event_get(struct db *c, struct arena *a, struct str event, struct stripe_event *out, struct err *e)
{
    return event_store_get(c, a, event, out, e);
}

enum status event_payload(struct db *c, struct arena *a, struct str event, struct str *out, struct err *e)
{
    return event_store_payload(c, a, event, out, e);
}

/* Replaying clears the alarm. If the event fails again, it raises a new one, which is mailed again. */
enum status event_replay(struct db *c, struct str event, struct err *e)
{
    int64_t n = 0;
    enum status st = event_store_replay(c, event, clock_now_ms(), &n, e);
    if (st == OK && n == 0)
        return err_set(e, E_event_unknown, "There is no such event, or it is already pending.");
    return st == OK ? alarm_clear(c, ALARM_event_dead, event, e) : st;
}

enum status event_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return event_store_forget(c, before_ms, limit, n, e);
}
