/* server.h: what the database server says about itself, for `parley doctor`. */
#ifndef PARLEY_DB_SERVER_H
#define PARLEY_DB_SERVER_H

#include "db/db.h"

struct db_server {
    struct str version;      /* "10.11.6-MariaDB-0+deb12u1" */
    struct str charset;      /* of the database that the connection uses */
    int64_t flush_at_commit; /* innodb_flush_log_at_trx_commit; 1 is durable */
    int64_t max_connections;
    bool binlog; /* log_bin */
    int64_t sync_binlog;
};
/* Texts are in the arena. */
enum status db_server_read(struct db *c, struct arena *a, struct db_server *out, struct err *e);

#endif
