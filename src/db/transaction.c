/* transaction.c: transactions that are repeated from their start when the server refuses them.
 *
 * Deadlocks and certification failures are normal under load, so they are retried here, in one place. A failed
 * statement marks the connection (`fault`); even if fn ignores the failure, the transaction is not committed. */
#include <time.h>

#include "base/log.h"
#include "db/db_internal.h"

#include "base/banned.h"

/* A deadlock that returns eight times is not chance. The pauses between the tries sum to about a tenth of a second. The
 * number is in db.h, too. */
#define TRANSACTION_TRIES 8

static const char begin_sql[] = "START TRANSACTION", commit_sql[] = "COMMIT", rollback_sql[] = "ROLLBACK";

/* Nothing has been done yet, so a connection that proves dead here is simply replaced. */
static enum status transaction_begin(struct db *c, struct err *e)
{
    unsigned no = 0;
    for (int tries = 0; tries < 2; tries++) {
        if (c->broken || !c->my) {
            enum status st = db_connect(c, e);
            if (st != OK)
                return st;
        }
        if (!(no = db_raw(c, begin_sql, sizeof(begin_sql) - 1))) {
            c->tx = true;
            c->fault = FAULT_NONE;
            return OK;
        }
        if (db_fate(no) != FATE_LOST)
            break;
        c->broken = true;
    }
    return db_fail(c, "begin", no, mysql_error(c->my), e);
}

static void transaction_roll_back(struct db *c)
{
    c->tx = false;
    if (c->broken)
        return;
    unsigned no = db_raw(c, rollback_sql, sizeof(rollback_sql) - 1);
    if (no) {
        c->broken = true; /* closing the connection rolls back as well */
        log_line(LOG_WARN, "database_rollback", LOG_I("errno", no));
    }
}

/* Of three failures only one is certain. A Galera node that refuses the transaction at certification has applied
 * nothing: it may be repeated. A connection that was lost before has committed nothing. A connection that is lost
 * during COMMIT leaves the outcome unknown: nothing is repeated, and the caller must look at the data first. */
static enum status transaction_commit(struct db *c, struct err *e)
{
    if (c->broken) {
        c->tx = false;
        return err_set(e, E_database_unavailable, "The connection to the database was lost.");
    }
    unsigned no = db_raw(c, commit_sql, sizeof(commit_sql) - 1);
    if (!no) {
        c->tx = false;
        return OK;
    }
    if (db_fate(no) == FATE_RETRY) {
        enum status st = db_fail(c, "commit", no, mysql_error(c->my), e);
        transaction_roll_back(c);
        return st;
    }
    log_line(LOG_ERROR, "database_commit_unknown", LOG_I("errno", no), LOG_S("error", mysql_error(c->my)));
    c->broken = true;
    c->tx = false;
    return err_raise(e, E_commit_unknown);
}

/* fn's own result, unless a failure that it ignored has undone a part of its work. */
static enum status transaction_finish(struct db *c, enum status st, struct err *e)
{
    if (st == OK && c->fault == FAULT_NONE)
        return transaction_commit(c, e);
    transaction_roll_back(c);
    if (st != OK)
        return st;
    if (c->fault == FAULT_RETRY)
        return err_raise(e, E_retry);
    return err_set(e, E_internal, "A failed change would have been saved.");
}

/* Transactions that collided must not collide again: wait 0.5 to 1.5 ms, doubled each time. The address of the
 * connection spreads the threads. */
static void transaction_pause(struct db *c, int tries)
{
    long spread = (long)(((uintptr_t)c >> 6) * 2654435761u % 1000) + 500;
    struct timespec t = {.tv_nsec = spread * 1000 * (1L << (tries < 6 ? tries : 6))};
    nanosleep(&t, NULL);
}

/* The error of each try is kept in `mine`, so the caller sees only the last one. A connection that broke is not
 * replaced here: whether to begin again is for the caller to decide. */
enum status db_transaction(struct db *c, enum status (*fn)(struct db *c, void *ctx, struct err *e), void *ctx,
                           struct err *e)
{
    struct err mine = ERR_INIT;
    enum status st = OK;
    if (c->tx) /* a part of the outer transaction, which retries */
        return fn(c, ctx, e);
    for (int tries = 0; tries < TRANSACTION_TRIES; tries++) {
        if ((st = transaction_begin(c, &mine)) != OK)
            break;
        st = fn(c, ctx, &mine);
        st = transaction_finish(c, st, &mine);
        bool again = st != OK && c->fault == FAULT_RETRY && !c->broken;
        c->fault = FAULT_NONE;
        if (!again)
            break;
        if (tries + 1 < TRANSACTION_TRIES)
            transaction_pause(c, tries);
    }
    if (st != OK && e)
        *e = mine;
    return st;
}
