/* fcgi_out_internal.h: writes the reply of a request on its FastCGI connection. Private to src/web. It belongs to the
 * thread that runs the request. */
#ifndef PARLEY_WEB_FCGI_OUT_INTERNAL_H
#define PARLEY_WEB_FCGI_OUT_INTERNAL_H

#include "base/buf.h"

struct fcgi_out {
    int fd, request_id;
    struct buf waiting; /* records that were not sent yet */
    bool failed;
};
/* `fd` stays the caller's. No memory is taken before the first write. */
void fcgi_out_init(struct fcgi_out *o, int fd, int request_id);
/* 0, or -1 when the web server has left or there is no memory; then nothing more is sent. What is written is sent at
 * the next flush, or when there is much of it. */
int fcgi_out_write(struct fcgi_out *o, const char *p, size_t n);
int fcgi_out_flush(struct fcgi_out *o);
/* Sends the rest and the end of the request, and gives the memory back. */
void fcgi_out_end(struct fcgi_out *o);

#endif
