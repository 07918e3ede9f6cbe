/* config_internal.h: what load.c (loading), value.c (one value), read.c (files) and print.c share. load.c depends on
 * read.c, and all of them on value.c. */
#ifndef PARLEY_BASE_CONFIG_CONFIG_INTERNAL_H
#define PARLEY_BASE_CONFIG_CONFIG_INTERNAL_H

#include <stdatomic.h>

#include "base/config.h"
#include "base/limits.h"

enum config_type { STRING, PATH, BOOL, INT, BYTES, MS, URL, MAILURL, LIST, HOSTPORTS, ENUM };
#define CONFIG_FILE_MAX (1 * MB) /* one file, or one value */
#define CONFIG_INCLUDE_MAX 8     /* levels of `include` */
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
/* The setting of this name; false if there is none. */
bool config_find(struct str name, enum config_key *out);
/* Check the value and store it. `from` must live as long as c. ERR_INVALID, code config_invalid: *e says what is wrong
 * with the value; the caller adds where it came from. */
enum status config_assign(struct config *c, enum config_key k, struct str value, const char *from, struct err *e);
/* Read the lines of one file. `path` names it in messages, and includes are relative to it. `depth` is the number of
 * files that include this one. */
enum status config_read_text(struct config *c, const char *path, struct str text, int depth, struct err *e);
/* ERR_NOT_FOUND or ERR_UNAVAILABLE, code config_unreadable; ERR_INVALID or ERR_TOO_LARGE, code config_invalid. */
enum status config_read_file(struct config *c, const char *path, int depth, struct err *e);

#endif
