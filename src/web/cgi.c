/* cgi.c: plain CGI: one request from the environment and standard input, for web servers that know nothing else. */
#include <errno.h>
#include <unistd.h>

#include "web/web_internal.h"

#include "base/banned.h"

extern char **environ;

static ptrdiff_t cgi_read(struct web_io *io, char *buf, size_t n)
{
    (void)io;
    size_t got = 0;
    while (got < n) {
        ssize_t r = read(STDIN_FILENO, buf + got, n - got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        got += (size_t)r;
    }
    return (ptrdiff_t)got;
}

static int cgi_write(struct web_io *io, const char *p, size_t n)
{
    (void)io;
    return web_write_all(STDOUT_FILENO, p, n);
}

static int cgi_flush(struct web_io *io)
{
    (void)io;
    return 0;
}

static bool cgi_gone(struct web_io *io)
{
    (void)io;
    return false; /* a write tells */
}

/* A web server that still writes the body when the program ends would drop the reply with it. */
static void drain(void)
{
    char trash[16 * 1024];
    for (size_t left = 64 * MB; left > 0;) {
        ssize_t r = read(STDIN_FILENO, trash, sizeof(trash));
        if (r <= 0 && !(r < 0 && errno == EINTR))
            return;
        left -= r > 0 ? (size_t)r : 0;
    }
}

int cgi_serve(struct worker *w)
{
    struct web_io io = {.envp = environ, .read = cgi_read, .write = cgi_write, .flush = cgi_flush, .gone = cgi_gone};
    dispatch(w, &io);
    drain();
    return 0;
}
