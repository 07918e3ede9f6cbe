/* job_notice.c: billing_notice: queues the mails about money that are due. Tenants are walked by id, a part at a time,
 * so that no query holds the whole list. notice_step writes down what it queued, so a second run sends nothing
 * twice. */
#include "base/clock.h"
#include "billing/notice/notice.h"
#include "worker/worker_internal.h"

#include "base/banned.h"

#define AT_ONCE 500 /* tenants per step */

enum status job_notice(struct worker_job *w, struct json **result, struct err *e)
{
    int64_t now = clock_now_ms();
    struct id after = ID_NONE;
    bool more = true;
    enum status st = OK;
    (void)result;
    while (st == OK && more) {
        st = notice_step(w->db, now, &after, AT_ONCE, &more, e);
        worker_progress(w, NULL);
    }
    return st;
}
