/* crash.h: the crash report of every program: what a dying program still says. One JSON line with build id, signal, and the
 * request (id, route) of the thread that died and of those in flight beside it; then the backtrace. To standard error, and to
 * the log file when there is one. The signal then ends the program as it would have without this. */
#ifndef PARLEY_BASE_CRASH_H
#define PARLEY_BASE_CRASH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* What one thread works on: a request, or a job of the worker. The thread writes it, a dying one reads it. */
struct crash_slot {
    char id[40];       /* of the request or job */
    const char *route; /* pattern of the route or kind of the job: static text; NULL = not known yet */
    atomic_bool busy;
};

/* Once in main, before there are threads. `program` lives as long as the program. */
void crash_init(const char *program);
void crash_log_file(const char *path); /* also there, besides stderr; "" = no. settings_apply calls it */

/* The slots of all threads; NULL, 0 before their memory goes. */
void crash_slots(struct crash_slot *slots, size_t n);

/* At the begin and end of a thread: its slot (NULL = none), and a stack of its own for the report, which an overflow of the
 * thread's stack needs. Called again in the same thread it only changes the slot. */
void crash_thread_begin(struct crash_slot *slot);
void crash_thread_end(void);

/* What the thread works on now; cut to the room there is. A slot of NULL is fine. */
void crash_busy(struct crash_slot *slot, const char *id);
void crash_route(struct crash_slot *slot, const char *route);
void crash_idle(struct crash_slot *slot);

#endif
