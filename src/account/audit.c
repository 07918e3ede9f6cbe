/* audit.c: the audit log. A line is written in the transaction of the change it describes, so the log never claims
 * something that was rolled back, and no change escapes it. */
#include "account/account_store.h"
#include "base/clock.h"
#include "base/limits.h"

#include "base/banned.h"

#define DETAIL_MAX (64 * KB)

/* The command line comes first: its actor has no key, and would be taken for the portal. */
static const char *audit_via(const struct actor *who)
{
    if (who->cli)
        return "cli";
    return id_is_none(who->key) ? "portal" : "api";
}

enum status account_audit(struct db *c, const struct actor *who, const char *what, struct str object,
                          const struct json *detail, struct err *e)
{
    struct audit_row row = {.who = who,
                            .via = audit_via(who),
                            .what = what,
                            .object = object,
                            .has_detail = detail,
                            .at_ms = clock_now_ms()};
    struct buf b;
    buf_init(&b, DETAIL_MAX);
    if (detail)
        json_write(&b, detail);
    row.detail = buf_str(&b);
    enum status st = buf_ok(&b) ? audit_store_add(c, &row, e) : err_nomem(e);
    buf_release(&b);
    return st;
}
