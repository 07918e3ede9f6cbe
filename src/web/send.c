/* send.c: the finished reply goes out, with one write where it fits.
 *
 * Above reply.c and problem.c: it replaces what cannot be sent by an error, and falls back to a constant text when
 * there is no memory even for that. A visitor always gets a complete answer. */
#include "web/web_internal.h"

#include "base/banned.h"

/* A reply that cannot be sent is replaced by a plain 500, or 503 without memory. */
static void replace_if_unfit(struct request *rq)
{
    struct reply *rp = rq->reply;
    struct err e = ERR_INIT;
    if (rp->status != 0 && !rp->refused && buf_ok(rp->extra) && buf_ok(rp->body))
        return;
    if (rp->status == 0)
        (void)err_set(&e, E_internal, "The handler sent no reply.");
    else if (rp->refused || !buf_ok(rp->extra))
        (void)err_set(&e, E_internal, "The answer could not be sent.");
    else
        (void)err_set_as(&e, ERR_INTERNAL, E_reply_too_large, "The answer is too large, or memory is short.");
    rp->refused = false;
    rp->csp = STR_EMPTY;
    buf_clear(rp->extra);
    reply_problem(rq, &e);
}

/* There is no memory for anything else. */
static void send_bare(struct request *rq)
{
    static const char bare[] =
        "Status: 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 1\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\nOut of memory.\n";
    rq->reply->status = 503;
    rq->impl->io->write(rq->impl->io, bare, sizeof(bare) - 1);
}

/* Under FastCGI both writes go into the buffer of the library, which sends head and body together where they fit. */
void reply_send(struct request *rq)
{
    struct reply *rp = rq->reply;
    struct web_io *io = rq->impl->io;
    if (rp->streaming)
        return;
    replace_if_unfit(rq);
    enum status st = buf_ok(rp->body) && buf_ok(rp->extra) ? reply_write_head(rq, true) : ERR_NOMEM;
    if (st == ERR_NOMEM)
        send_bare(rq);
    if (st != OK || rq->head || http_without_body(rp->status))
        return;
    if (io->write(io, rp->body->p, rp->body->n) == 0)
        rp->sent = rp->body->n;
    else
        rp->gone = true;
}
