/* stream.c: replies that leave in parts: event streams (text/event-stream), and long downloads.
 *
 * Every part is flushed at once. After the first one, status and headers are sent: a later error ends the reply and is
 * only logged. ERR_GONE is not a fault; it tells the caller that no reader is left. */
#include "base/limits.h"
#include "web/web_internal.h"

#include "base/banned.h"

static enum status stream_left(struct request *rq, struct err *e)
{
    rq->reply->gone = true;
    return err_raise(e, E_gone);
}

static enum status stream_put(struct request *rq, struct str bytes, struct err *e)
{
    struct web_io *io = rq->impl->io;
    if (rq->reply->gone || io->write(io, bytes.p, bytes.n) != 0 || io->flush(io) != 0)
        return stream_left(rq, e);
    rq->reply->sent += bytes.n;
    return OK;
}

/* Send status, type and headers, without a length. */
static enum status stream_start(struct request *rq, struct err *e)
{
    struct reply *rp = rq->reply;
    if (rp->refused || !buf_ok(rp->extra))
        return err_set(e, E_internal, "The answer could not be sent.");
    enum status st = reply_write_head(rq, false);
    if (st == ERR_NOMEM)
        return err_nomem(e);
    rp->streaming = true;
    if (st != OK || rq->head || rq->impl->io->flush(rq->impl->io) != 0)
        return stream_left(rq, e);
    return OK;
}

/* The body buffer is cleared even after a failure, so that the next part cannot send a piece twice. */
enum status reply_part(struct request *rq, struct err *e)
{
    struct reply *rp = rq->reply;
    enum status st = buf_ok(rp->body) ? OK : err_nomem(e);
    if (st == OK && !rp->streaming)
        st = stream_start(rq, e);
    if (st == OK && rp->body->n)
        st = stream_put(rq, buf_str(rp->body), e);
    buf_clear(rp->body);
    return st;
}

/* X-Accel-Buffering keeps nginx from collecting the whole stream before it passes it on. */
enum status stream_begin(struct request *rq, struct err *e)
{
    reply_reset(rq);
    reply_status(rq, 200);
    reply_type(rq, "text/event-stream");
    reply_header(rq, "X-Accel-Buffering", STR("no"));
    return stream_start(rq, e);
}

/* An event is written as a whole, so that a reader never sees half of one. */
enum status stream_event(struct request *rq, const char *event, struct str id, struct str data, struct err *e)
{
    CHECK(rq->reply->streaming);
    CHECK(!memchr(data.p, '\n', data.n) && !memchr(data.p, '\r', data.n));
    CHECK(!memchr(id.p, '\n', id.n) && !memchr(id.p, '\r', id.n));
    struct buf b;
    buf_init(&b, MAX_REPLY);
    buf_puts(&b, "event: ");
    buf_puts(&b, event);
    if (id.n) {
        buf_puts(&b, "\nid: ");
        buf_str_add(&b, id);
    }
    buf_puts(&b, "\ndata: ");
    buf_str_add(&b, data);
    buf_puts(&b, "\n\n");
    enum status st = buf_ok(&b) ? stream_put(rq, buf_str(&b), e) : err_nomem(e);
    buf_release(&b);
    return st;
}

/* A comment line, which readers ignore. It keeps proxies from closing a quiet stream, and its failure is how a thread
 * learns that the reader has left. */
enum status stream_heartbeat(struct request *rq, struct err *e)
{
    CHECK(rq->reply->streaming);
    return stream_put(rq, STR(":\n\n"), e);
}

bool stream_stopping(const struct request *rq)
{
    (void)rq;
    return atomic_load_explicit(&web_stopping, memory_order_relaxed);
}
