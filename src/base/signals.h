/* signals.h: the signals that a program waits for instead of being interrupted by them. */
#ifndef PARLEY_BASE_SIGNALS_H
#define PARLEY_BASE_SIGNALS_H

/* Block SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1 and SIGUSR2 in the calling thread and in every thread that it creates
 * from now on. Call it once in main before the first thread; the main thread then takes the signals with sigwait() or
 * asks for them with sigpending(). A child process inherits the mask and must clear it before it executes a program. */
void signals_block(void);

#endif
