/* account.h: what calls to engines cost (account.c), and whether the caps of a bot allow another one (caps.c). Thread
 * safe. Errors come from the database. */
#ifndef PARLEY_ENGINE_WORKSPACE_ACCOUNT_H
#define PARLEY_ENGINE_WORKSPACE_ACCOUNT_H

#include "db/db.h"
#include "engine/chain.h"

struct engine_account {
    struct id tenant, bot, conversation; /* bot ID_NONE for probes, conversation ID_NONE for tests and probes */
    struct str visitor;                  /* names the visitor for the caps; hashed, never stored; "": no visitor */
    const char *purpose;                 /* "answer", "classify", "extract", "embed", "probe" */
    const struct json *limits;           /* of the bot, may be NULL */
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

#endif
