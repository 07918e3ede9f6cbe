/* fake_program.c: replaces the programs that parley serve starts. On a socket as descriptor 0 it answers one word per
 * connection: "pid" with its process id, "hups" with the number of SIGHUPs, "crash" by aborting, "exit" by exit(7),
 * "stubborn" by ignoring SIGTERM from then on. Without a socket (the worker) it only waits. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/banned.h"

static volatile sig_atomic_t hups;

static void on_hup(int sig)
{
    (void)sig;
    hups++;
}

static void on_term(int sig)
{
    (void)sig;
    _exit(0);
}

static void answer(int fd)
{
    char word[32] = "";
    ssize_t n = read(fd, word, sizeof(word) - 1);
    word[n > 0 ? n : 0] = '\0';
    if (strcmp(word, "crash") == 0)
        abort();
    if (strcmp(word, "exit") == 0)
        _exit(7);
    if (strcmp(word, "stubborn") == 0)
        signal(SIGTERM, SIG_IGN);
    if (strcmp(word, "hups") == 0)
        dprintf(fd, "%d", (int)hups);
    else
        dprintf(fd, "%d", (int)getpid());
}

int main(void)
{
    struct sigaction hup = {.sa_handler = on_hup, .sa_flags = SA_RESTART};
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    sigaction(SIGHUP, &hup, NULL);
    signal(SIGTERM, on_term);
    for (;;) {
        int fd = accept(STDIN_FILENO, NULL, NULL);
        if (fd < 0) {
            pause();
            continue;
        }
        answer(fd);
        close(fd);
    }
}
