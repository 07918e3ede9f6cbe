/* doctor_store.h: what the database server says of itself. */
#ifndef PARLEY_CLI_DOCTOR_STORE_H
#define PARLEY_CLI_DOCTOR_STORE_H

#include "db/db.h"

struct doctor_server {
    struct str version, charset;
    int64_t flush, connections;
    bool binlog;
    int64_t sync_binlog;
};
enum status doctor_store_server(struct db *c, struct arena *a, struct doctor_server *out, struct err *e);

#endif
