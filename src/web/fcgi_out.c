/* fcgi_out.c: the reply of a request that was parked, written as FastCGI records (FastCGI 1.0, sections 3.3, 5.3 and
 * 5.5).
 *
 * libfcgi's writer holds a buffer of 8 KB from the beginning of a request, which is much where thousands wait. It is
 * given back when a request is parked, and this takes its place: it holds memory only while there is something to be
 * sent. A short reply is one system call, since its end is sent together with it. */
#include "web/fcgi_out_internal.h"
#include "web/web_internal.h"

#include "base/banned.h"

#define RECORD_MAX (16 * KB) /* bytes of the reply in one record; the protocol allows 65,535 */
#define RECORD_VERSION 1
#define RECORD_END_REQUEST 3
#define RECORD_STDOUT 6

void fcgi_out_init(struct fcgi_out *o, int fd, int request_id)
{
    *o = (struct fcgi_out){.fd = fd, .request_id = request_id};
    buf_init(&o->waiting, (size_t)4 * RECORD_MAX);
}

static void out_add_record(struct fcgi_out *o, int type, const char *p, size_t n)
{
    const unsigned char head[8] = {
        RECORD_VERSION,          (unsigned char)type, (unsigned char)(o->request_id >> 8), (unsigned char)o->request_id,
        (unsigned char)(n >> 8), (unsigned char)n};
    buf_add(&o->waiting, (const char *)head, sizeof(head));
    buf_add(&o->waiting, p, n);
}

int fcgi_out_flush(struct fcgi_out *o)
{
    o->failed = o->failed || !buf_ok(&o->waiting) || web_write_all(o->fd, o->waiting.p, o->waiting.n) != 0;
    buf_clear(&o->waiting);
    return o->failed ? -1 : 0;
}

int fcgi_out_write(struct fcgi_out *o, const char *p, size_t n)
{
    while (n > 0 && !o->failed) {
        size_t part = n < RECORD_MAX ? n : RECORD_MAX;
        out_add_record(o, RECORD_STDOUT, p, part);
        p += part;
        n -= part;
        if (o->waiting.n >= RECORD_MAX)
            (void)fcgi_out_flush(o);
    }
    return o->failed ? -1 : 0;
}

void fcgi_out_end(struct fcgi_out *o)
{
    static const char complete[8]; /* status 0, FCGI_REQUEST_COMPLETE */
    if (!o->failed) {
        out_add_record(o, RECORD_STDOUT, "", 0);
        out_add_record(o, RECORD_END_REQUEST, complete, sizeof(complete));
        (void)fcgi_out_flush(o);
    }
    buf_release(&o->waiting);
}
