/* config_internal.h: what config.c (values), config_read.c (files) and config_print.c share. */
#ifndef PARLEY_BASE_CONFIG_INTERNAL_H
#define PARLEY_BASE_CONFIG_INTERNAL_H

#include <stdatomic.h>

#include "base/config.h"

enum config_type { STRING, PATH, BOOL, INT, BYTES, MS, URL, MAILURL, LIST, HOSTPORTS, ENUM };
#define CONFIG_FILE_MAX (1 << 20)
#define CONFIG_INCLUDE_MAX 8
#define CONFIG_PATH_MAX 4096

struct config_value {
    const char *text; /* as it was written; a LIST with single spaces */
    int64_t number;
    const char *from; /* "default", "environment" or "file:line" */
};

struct config {
    atomic_int references;
    struct arena arena;
    const char *path;
    struct config_value values[CONFIG_COUNT];
};

enum config_type config_type_of(enum config_key k);
bool config_find(struct str name, enum config_key *out);
/* Check value and store it; on failure e holds what is wrong with it, without saying where it stands. */
enum status config_assign(struct config *c, enum config_key k, struct str value, const char *from, struct err *e);
/* The lines of one file; `path` is what messages call it and what includes are relative to. */
enum status config_read_text(struct config *c, const char *path, struct str text, int depth, struct err *e);
enum status config_read_file(struct config *c, const char *path, int depth, struct err *e);

#endif
