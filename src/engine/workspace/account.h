/* account.h: what calls to engines cost (account.c), and whether the caps of a bot allow another one (caps.c). Thread
 * safe. Errors come from the database. */
#ifndef PARLEY_ENGINE_WORKSPACE_ACCOUNT_H
#define PARLEY_ENGINE_WORKSPACE_ACCOUNT_H

#include "base/clock.h"
#include "db/db.h"
#include "engine/chain.h"

struct engine_account {
    struct id tenant, bot, conversation; /* bot ID_NONE for probes, conversation ID_NONE for tests and probes */
    struct str visitor;                  /* names the visitor for the caps; hashed, never stored; "": no visitor */
    const char *purpose;                 /* "answer", "classify", "extract", "test", "embed", "probe" */
    const struct json *limits;           /* of the bot, may be NULL */
    int canary;                          /* of the conversation (canary.h) */
};
/* *why: NULL when an engine may be asked, else a sentence for the tenant which cap is reached. Turns that run at the
 * same moment are counted after they end, so together they can pass a cap by what is in flight. A cap that was not
 * reported in its period is reported now (caps_internal.h). */
enum status engine_account_check(struct db *c, const struct engine_account *who, int64_t now_ms, struct arena *a,
                                 const char **why, struct err *e);
/* Writes one row for each try, with its price, and adds them to the counters of the three scopes, in one transaction,
 * which also reports a cap that they reach. */
enum status engine_account_record(struct db *c, const struct engine_account *who, const struct engine_outcome *o,
                                  int64_t now_ms, struct err *e);

/* ---- age ---- */

#define ENGINE_KEEP_VISITORS_MS (62 * DAY_MS) /* counters of visitors: longer than the longest period */
/* Deletes at most `limit` calls of a tenant that are older than before_ms, the oldest first; *n = how many. */
enum status engine_account_sweep(struct db *c, struct id tenant, int64_t before_ms, int limit, int64_t *n,
                                 struct err *e);
/* For a conversation that is being deleted: its calls no longer say which one they belonged to. */
enum status engine_account_unlink(struct db *c, struct id tenant, struct id conversation, struct err *e);
/* Deletes at most `limit` counters of visitors of all tenants whose period began before before_ms; *n = how many. */
enum status engine_account_forget_visitors(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
