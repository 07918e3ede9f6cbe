/* cgi.c: plain CGI: one request from the environment and standard input, for web servers that know nothing else.
 *
 * The same dispatcher serves it as under FastCGI; only the four functions of struct web_io differ. */
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "web/web_internal.h"

#include "base/banned.h"

extern char **environ;

/* Reads until n bytes or the end: a pipe gives the body in pieces of any size. */
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
    return false; /* there is no socket to ask; a write fails when the visitor has left */
}

/* Read what is left of the body. A web server that is still writing it when the program ends drops the reply with
 * it. */
static void cgi_drain(void)
{
    char trash[16 * 1024];
    for (size_t left = 64 * MB; left > 0;) {
        ssize_t r = read(STDIN_FILENO, trash, sizeof(trash));
        if (r <= 0 && !(r < 0 && errno == EINTR))
            return;
        left -= r > 0 ? (size_t)r : 0;
    }
}

/* How long the parked request may wait before it is looked at again. */
static int64_t cgi_wait_ms(const struct exchange *x)
{
    int64_t left = (x->im.park.until_us - clock_mono_us()) / 1000 + 1;
    return x->im.park.until_us == 0 ? -1 : left < 0 ? 0 : left;
}

/* There is one request and one thread, so a parked request waits in place. */
int cgi_serve(struct exchange *x)
{
    struct web_io io = {.envp = environ, .read = cgi_read, .write = cgi_write, .flush = cgi_flush, .gone = cgi_gone};
    struct waker_wait wait;
    waker_wait_begin(&wait, &x->im.waker);
    bool done = dispatch_request(x, &io);
    while (!done) {
        (void)waker_wait_for(&wait, cgi_wait_ms(x));
        done = dispatch_resume(x);
    }
    waker_wait_end(&wait);
    cgi_drain();
    return 0;
}
