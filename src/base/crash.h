/* crash.h: the crash report of every program: what a dying program still says.
 *
 * One JSON line with the build id, the signal, the request (id and route) of the thread that died and of those in
 * flight; then the backtrace. It goes to standard error, and to the log file if there is one. The signal then ends the
 * program as it would have without this. */
#ifndef PARLEY_BASE_CRASH_H
#define PARLEY_BASE_CRASH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* What one thread is working on: a request, or a job of the worker. The thread writes it, and a dying thread reads
 * it. */
struct crash_slot {
    char id[40];       /* of the request or job */
    const char *route; /* pattern of the route, or kind of the job: static text; NULL = not known yet */
    atomic_bool busy;
};

/* Once in main, before there are threads. `program` must be static. */
void crash_init(const char *program);
/* The file that gets the report besides standard error; "" = none. settings_apply() calls it. */
void crash_log_file(const char *path);

/* The slots of all threads; (NULL, 0) before their memory is freed. */
void crash_slots(struct crash_slot *slots, size_t n);

/* First and last in a thread: set its slot (NULL = none), and give it a separate stack for the report, without which a
 * stack overflow could not be reported. A second call in the same thread only changes the slot. */
void crash_thread_begin(struct crash_slot *slot);
void crash_thread_end(void);

/* What the thread is working on now; a long id is cut. The slot may be NULL. */
void crash_busy(struct crash_slot *slot, const char *id);
void crash_route(struct crash_slot *slot, const char *route);
void crash_idle(struct crash_slot *slot);

#endif
