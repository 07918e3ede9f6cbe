#include "cli/doctor_store.h"

#include "base/banned.h"

DB_STMT(server_settings, GLOBAL,
        "SELECT VERSION(), @@character_set_database, @@innodb_flush_log_at_trx_commit, @@max_connections, @@log_bin, "
        "@@sync_binlog",
        "", "ssiiii");

enum status doctor_store_server(struct db *c, struct arena *a, struct doctor_server *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &server_settings, DB_GLOBAL, DB_NONE, a, &r, e);
    if (st == OK)
        *out = (struct doctor_server){db_row_str(r, 0), db_row_str(r, 1),      db_row_int(r, 2),
                                      db_row_int(r, 3), db_row_int(r, 4) != 0, db_row_int(r, 5)};
    return st;
}
