/* operator_log.c: the log of what operators change. Entries are only ever added. */
#include "account/operator_log.h"

#include "account/operator_log_store.h"
#include "base/limits.h"

#include "base/banned.h"

/* Runs in the transaction of the change, so an entry exists exactly when the change does. Details beyond 64 KB are an
 * error: what cannot be logged in full is not done. */
enum status operator_log(struct db *c, const struct actor *who, enum operator_action action, struct str object,
                         const struct json *detail, struct err *e)
{
    struct buf b;
    buf_init(&b, 64 * KB);
    if (detail)
        json_write(&b, detail);
    enum status st = buf_ok(&b) ? operator_log_store_add(c, who, action, object, buf_str(&b), e) : err_nomem(e);
    buf_release(&b);
    return st;
}

enum status operator_log_list(struct db *c, struct arena *a, struct str object, struct id before, int limit,
                              struct operator_entry **out, size_t *n, struct err *e)
{
    return operator_log_store_list(c, a, object, before, limit, out, n, e);
}
