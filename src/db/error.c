/* error.c: what an error number of MariaDB means: is the connection lost, may the work be repeated, can the caller do
 * something?
 *
 * Messages for callers never contain the server's words, which may quote values; those go to the log. */
#include <errmsg.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "db/db_internal.h"

#include "base/banned.h"

#ifndef CR_SERVER_LOST_EXTENDED
#define CR_SERVER_LOST_EXTENDED 2055
#endif
#define SERVER_CLOSED_IDLE 4031 /* ER_CLIENT_INTERACTION_TIMEOUT of newer servers */
#define CERTIFICATION_AWAY 1047 /* ER_UNKNOWN_COM_ERROR: this Galera node has left its cluster */

/* Numbers from 2000 to 2999 are errors of the client library, all others come from the server. */
static const unsigned lost[] = {
    CR_SERVER_GONE_ERROR,    CR_SERVER_LOST,        CR_SERVER_LOST_EXTENDED,  CR_COMMANDS_OUT_OF_SYNC,
    CR_MALFORMED_PACKET,     ER_SERVER_SHUTDOWN,    ER_CONNECTION_KILLED,     ER_NET_READ_ERROR,
    ER_NET_READ_INTERRUPTED, ER_NET_ERROR_ON_WRITE, ER_NET_WRITE_INTERRUPTED, CERTIFICATION_AWAY,
    SERVER_CLOSED_IDLE,
};

/* Out-of-sync and malformed-packet errors count as lost, too: what the next answer on such a connection belongs to is
 * not known. A lock timeout may be repeated like a deadlock, because db_transaction undoes all of it. */
enum db_fate db_fate(unsigned no)
{
    for (size_t i = 0; i < COUNT_OF(lost); i++)
        if (no == lost[i])
            return FATE_LOST;
    switch (no) {
    case ER_LOCK_DEADLOCK:
    case ER_LOCK_WAIT_TIMEOUT:
        return FATE_RETRY;
    case ER_NEED_REPREPARE:
    case ER_UNKNOWN_STMT_HANDLER:
        return FATE_STALE;
    default:
        return FATE_OTHER;
    }
}

/* Of "Duplicate entry 'x' for key 'user_email'" only the name of the key: the value may be secret. */
static struct str key_name(const char *text)
{
    const char *end = strrchr(text, '\'');
    const char *p = end;
    while (p && p > text && p[-1] != '\'')
        p--;
    return p && p > text ? str_n(p, (size_t)(end - p)) : STR_EMPTY;
}

/* Errors that a caller can act on. ERR_INTERNAL for all others. */
static enum status known_error(unsigned no, const char *text, struct err *e)
{
    struct str key = key_name(text);
    switch (no) {
    case ER_DUP_ENTRY:
    case ER_DUP_ENTRY_WITH_KEY_NAME:
        return err_set(e, E_duplicate, "This entry already exists (%.*s).", STR_F(key));
    case ER_NO_REFERENCED_ROW:
    case ER_NO_REFERENCED_ROW_2:
        return err_set(e, E_reference, "The object that this refers to does not exist.");
    case ER_ROW_IS_REFERENCED:
    case ER_ROW_IS_REFERENCED_2:
        return err_set(e, E_reference, "Another object still refers to this one.");
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
        return err_raise(e, E_database_full);
    case ER_OPTION_PREVENTS_STATEMENT:
    case ER_READ_ONLY_MODE:
        return err_raise(e, E_database_read_only);
    case CR_OUT_OF_MEMORY:
        return err_nomem(e);
    default:
        return err_set(e, E_internal, "The database refused a statement.");
    }
}

/* A conflict is the caller's business and is not logged; everything unexpected is, with the name of its statement. */
enum status db_fail(struct db *c, const char *name, unsigned no, const char *text, struct err *e)
{
    switch (db_fate(no)) {
    case FATE_LOST:
        c->broken = true;
        log_line_limited(LOG_WARN, "database_lost", LOG_S("statement", name), LOG_I("errno", no), LOG_S("error", text));
        return err_set(e, E_database_unavailable, "The connection to the database was lost.");
    case FATE_RETRY:
        c->fault = FAULT_RETRY;
        return err_raise(e, E_retry);
    default:
        break;
    }
    enum status st = known_error(no, text, e);
    if (st != ERR_CONFLICT)
        log_line(LOG_ERROR, "database_error", LOG_S("statement", name), LOG_I("errno", no), LOG_S("error", text));
    return st;
}
