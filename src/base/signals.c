/* signals.c: one list of the signals that no program of Parley may be interrupted by.
 *
 * A handler could run in any thread and could do almost nothing safely, so there is none: the main thread takes signals
 * synchronously. SIGUSR1 and SIGUSR2 have no meaning; they are blocked because their default action ends the
 * program. */
#include "base/signals.h"

#include <pthread.h>
#include <signal.h>

#include "base/banned.h"

void signals_block(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}
