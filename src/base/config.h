/* config.h: the settings of an install: one table (config.def) from which come the parser, `parley config`, parley.conf(5).
 *
 * File format: `key = value` lines, `#` comments, `include FILE` (relative to the file it stands in). The last line of a key
 * wins; the environment's PARLEY_<KEY> wins over the files, in every program. An unknown key, a wrong type or a value out
 * of bounds is ERR_INVALID, code config_invalid, and the message names file and line. A loaded config is immutable and reference counted, so a reload (SIGHUP) never pulls it from under a request. Thread safe. */
#ifndef PARLEY_BASE_CONFIG_H
#define PARLEY_BASE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* config.def rows: CONFIG(name, TYPE, "default", min, max, SECRET|OPEN, RELOAD|RESTART, "help")
 * TYPE: STRING PATH BOOL INT BYTES MS (duration: 500ms, 5s, 2m, 1h, 1d) URL (http
 * or https, no final slash) MAILURL (smtp or smtps, or empty) LIST (split at spaces) HOSTPORTS (a LIST of host:port) ENUM (help begins with a|b|c.) */
enum config_key {
#define CONFIG(name, ...) CONFIG_##name,
#include "base/config.def"
#undef CONFIG
    CONFIG_COUNT
};

struct config;
/* Read path. NULL: $PARLEY_CONFIG; without it the compiled default, which may be missing: then all defaults and the
 * environment. Secrets in separate 0600 files come by `include`. */
enum status config_load(const char *path, struct config **out, struct err *e);
struct config *config_retain(struct config *c);
void config_drop(struct config *c);

const char *config_string(const struct config *c,
                          enum config_key k);                  /* "" when empty; any TYPE as text; lives with c */
int64_t config_int(const struct config *c, enum config_key k); /* INT; BYTES in bytes; MS in milliseconds */
bool config_bool(const struct config *c, enum config_key k);   /* on/off, true/false, yes/no, 1/0 */

/* The process's current config: set once in main, swapped at reload. config_current() is a reference of the
 * caller's own: drop it. config_set_current takes over the caller's and drops the one before. */
void config_set_current(struct config *c);
struct config *config_current(void);

/* For the command line and the manual: rows in table order. Secrets print as "(set)" or "(not set)". */
struct config_row {
    const char *name, *type, *default_text, *help;
    int64_t min, max;
    bool secret, reload;
};
const struct config_row *config_row(enum config_key k);
const char *config_path(const struct config *c); /* the file that was read, "" if none */
bool config_differs(const struct config *a, const struct config *b, enum config_key k);
void config_print(const struct config *c, struct buf *out); /* key = value, with where it came from */
void config_print_manual(struct buf *out);                  /* the OPTIONS part of parley.conf(5), roff */
void config_print_example(struct buf *out);                 /* a parley.conf with every key commented out */

#endif
