/* audit_store.c: rows of audit. They are only ever inserted: no statement changes or deletes one, so the log can be
 * trusted even against an administrator of the workspace. Ids of users and keys are stored without a foreign key's
 * cascade, so a line outlives what it names. */
#include "account/account_store.h"

#include "base/banned.h"

DB_STMT(audit_insert, TENANT,
        "INSERT INTO audit (tenant_id, audit_id, user_id, key_id, via, ip, what, object, detail, at)"
        " VALUES (:tenant, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "uu?u?sssss?t", "");

enum status audit_store_add(struct db *c, const struct audit_row *r, struct err *e)
{
    const struct actor *who = r->who;
    return db_exec(c, &audit_insert, &who->tenant,
                   DB_ARGS(db_id(id_new()), db_opt(!id_is_none(who->user), db_id(who->user)),
                           db_opt(!id_is_none(who->key), db_id(who->key)), db_text(r->via), db_text(who->ip),
                           db_text(r->what), db_str(r->object), db_opt(r->has_detail, db_str(r->detail)),
                           db_time(r->at_ms)),
                   NULL, e);
}
