/* body.c: the body of a request: its declared length checked against the route's cap, then read into memory or a file.
 *
 * Nothing is read that was not declared, and nothing is declared that the route does not allow, so a client cannot make
 * a program hold more than its routes permit. Large bodies go to a file and are mapped: they cost address space, not
 * memory. */
#define _GNU_SOURCE /* O_TMPFILE, mkostemp */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"
#include "web/web_internal.h"

#include "base/banned.h"

/* A larger body goes through a file: 48 threads with an upload of 32 MB each must not take 1.5 GB. */
#define SPOOL_ABOVE (1 * MB)

/* Without a length a body could only be read until the connection ends, with no cap that is known before. A chunked
 * body is refused with 411 for that reason; the usual web servers turn it into one with a length. */
static enum status declared_length(struct request *rq, size_t *out, struct err *e)
{
    struct str text = request_env(rq, STR("CONTENT_LENGTH"));
    uint64_t n = 0;
    *out = 0;
    if (text.n == 0) {
        if (request_env(rq, STR("HTTP_TRANSFER_ENCODING")).n)
            return err_raise(e, E_length_required);
        return OK;
    }
    if (!num_u64(text, INT64_MAX, &n))
        return err_raise(e, E_length_invalid);
    *out = (size_t)n;
    return OK;
}

static enum status body_incomplete(struct err *e)
{
    return err_raise(e, E_body_incomplete);
}

static enum status read_to_memory(struct request *rq, size_t n, struct err *e)
{
    char *p = arena_alloc(rq->arena, n + 1);
    if (!p)
        return err_nomem(e);
    struct web_io *io = rq->impl->io;
    if (io->read(io, p, n) != (ptrdiff_t)n)
        return body_incomplete(e);
    rq->impl->body = str_n(p, n);
    return OK;
}

/* A file without a name: it disappears with its descriptor, however the program ends. File systems without O_TMPFILE
 * get a named file that is unlinked at once. */
static int body_spool_open(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/upload-XXXXXX", dir);
    if (n < 0 || (size_t)n >= sizeof(path))
        return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

int web_write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

static enum status body_spool_failed(struct err *e)
{
    log_line(LOG_ERROR, "upload_failed", LOG_S("error", strerror(errno)));
    return err_raise(e, E_upload_failed);
}

/* Copy the body to the file in pieces. A short read is the end of the connection or the request timeout. */
static enum status body_spool(struct request *rq, int fd, size_t n, struct err *e)
{
    char chunk[16 * KB];
    struct web_io *io = rq->impl->io;
    for (size_t left = n; left > 0;) {
        size_t want = left < sizeof(chunk) ? left : sizeof(chunk);
        ptrdiff_t got = io->read(io, chunk, want);
        if (got > 0 && web_write_all(fd, chunk, (size_t)got) != 0)
            return body_spool_failed(e);
        if (got != (ptrdiff_t)want)
            return body_incomplete(e);
        left -= want;
    }
    return OK;
}

struct body_mapping {
    void *p;
    size_t n;
};

static void body_unmap(void *ptr)
{
    struct body_mapping *m = ptr;
    munmap(m->p, m->n);
}

/* The mapping outlives the descriptor and is undone when the arena is reset, after the reply was sent. */
static enum status read_to_file(struct request *rq, size_t n, struct err *e)
{
    enum status st = OK;
    struct body_mapping *m = ARENA_NEW(rq->arena, struct body_mapping);
    int fd = !m ? -1 : body_spool_open(config_string(rq->config, CONFIG_data_dir));
    if (!m)
        return err_nomem(e);
    if (fd < 0)
        return body_spool_failed(e);
    st = body_spool(rq, fd, n, e);
    if (st != OK)
        goto out;
    *m = (struct body_mapping){mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0), n};
    if (m->p == MAP_FAILED) {
        st = body_spool_failed(e);
        goto out;
    }
    if (arena_defer(rq->arena, body_unmap, m) != 0) {
        st = err_nomem(e);
        goto out;
    }
    rq->impl->body = str_n(m->p, n);
out:
    close(fd);
    return st;
}

/* The cap is checked before the first byte is read, so a refused upload costs nothing. What is left unread goes with
 * the connection. */
enum status body_read(struct request *rq, size_t cap, struct err *e)
{
    size_t n;
    if (declared_length(rq, &n, e))
        return e->status;
    if (n > cap)
        return cap == 0 ? err_set(e, E_too_large, "This request must not have a body.")
                        : err_set(e, E_too_large, "The body can have at most %zu bytes.", cap);
    if (n == 0)
        return OK;
    return n > SPOOL_ABOVE ? read_to_file(rq, n, e) : read_to_memory(rq, n, e);
}

/* A body of any other type is left to the handler, which asks for it with request_json or request_body. */
enum status body_parse_form(struct request *rq, struct err *e)
{
    struct request_impl *im = rq->impl;
    struct str type = rq->content_type, boundary;
    ptrdiff_t semi = str_find(type, ';');
    if (im->body.n == 0)
        return OK;
    if (str_ieq(str_trim(semi < 0 ? type : str_n(type.p, (size_t)semi)), STR("application/x-www-form-urlencoded")))
        return params_parse(rq->arena, im->body, &im->form, e);
    if (multipart_boundary(type, &boundary))
        return multipart_parse(rq->arena, boundary, im->body, &im->form, e);
    return OK;
}
