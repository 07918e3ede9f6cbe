/* server_store.c: the settings of the server that decide whether what is committed survives a power cut, and how
 * many connections it allows. */
#include "db/server.h"

#include "base/banned.h"

DB_STMT(server_settings, GLOBAL,
        "SELECT VERSION(), @@character_set_database, @@innodb_flush_log_at_trx_commit, @@max_connections, @@log_bin, "
        "@@sync_binlog",
        "", "ssiiii");

enum status db_server_read(struct db *c, struct arena *a, struct db_server *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &server_settings, DB_GLOBAL, DB_NONE, a, &r, e);
    if (st == OK)
        *out = (struct db_server){.version = db_row_str(r, 0),
                                  .charset = db_row_str(r, 1),
                                  .flush_at_commit = db_row_int(r, 2),
                                  .max_connections = db_row_int(r, 3),
                                  .binlog = db_row_int(r, 4) != 0,
                                  .sync_binlog = db_row_int(r, 5)};
    return st;
}
