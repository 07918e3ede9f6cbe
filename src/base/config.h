/* config.h: the settings of an install. One table (config.def) makes the parser, `parley config` and parley.conf(5).
 *
 * File format: `key = value` lines, `#` comments, `include FILE` (relative to the file that includes it). The last line
 * of a key wins; the environment variable PARLEY_<KEY> wins over the files, in every program. An unknown key, a wrong
 * type or a value out of bounds is ERR_INVALID, code config_invalid, and the message names file and line.
 *
 * A loaded config never changes and is reference counted, so a reload (SIGHUP) does not take it from a running request.
 * Thread safe. */
#ifndef PARLEY_BASE_CONFIG_H
#define PARLEY_BASE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* Rows of config.def: CONFIG(name, TYPE, "default", min, max, SECRET|OPEN, RELOAD|RESTART, "help"). TYPE: STRING, PATH,
 * BOOL, INT, BYTES, MS (a duration: 500ms, 5s, 2m, 1h, 1d), URL (http or https, no final slash), MAILURL (smtp or
 * smtps, or empty), LIST (words separated by spaces), HOSTPORTS (a LIST of host:port), ENUM (the help begins with
 * "a|b|c."). */
enum config_key {
#define CONFIG(name, ...) CONFIG_##name,
#include "base/config.def"
#undef CONFIG
    CONFIG_COUNT
};

/* The values of ENUM settings, in the order of their names in config.def. Those of log_level are enum log_level. */
enum secure_cookies { SECURE_COOKIES_AUTO, SECURE_COOKIES_ON, SECURE_COOKIES_OFF };
enum smtp_tls { SMTP_TLS_REQUIRED, SMTP_TLS_OFF };

struct config;
/* Read the file at `path`, then the environment. path NULL means $PARLEY_CONFIG; without it the compiled default, which
 * may be missing. ERR_NOT_FOUND or ERR_UNAVAILABLE, code config_unreadable; ERR_INVALID. *out is a reference of the
 * caller: drop it. */
enum status config_load(const char *path, const struct config **out, struct err *e);
/* One more reference, to be dropped. NULL is allowed in both. */
const struct config *config_retain(const struct config *c);
void config_drop(const struct config *c);

/* The value as text, of any TYPE; "" when empty. It lives as long as c. */
const char *config_string(const struct config *c, enum config_key k);
/* INT; BYTES in bytes; MS in milliseconds; ENUM: the value's place among its names, as in the enums below. */
int64_t config_int(const struct config *c, enum config_key k);
/* BOOL: on/off, true/false, yes/no, 1/0. */
bool config_bool(const struct config *c, enum config_key k);

/* The current config of the process: set once in main, replaced at a reload. config_set_current takes over the caller's
 * reference (or NULL) and drops the previous one. config_current returns a new reference: drop it. */
void config_set_current(const struct config *c);
const struct config *config_current(void);

/* ---- for the command line and the manual ---- */

struct config_row {
    const char *name, *type, *default_text, *help;
    int64_t min, max;
    bool secret, reload;
};
const struct config_row *config_row(enum config_key k);
/* The file that was read, "" if none. */
const char *config_path(const struct config *c);
bool config_differs(const struct config *a, const struct config *b, enum config_key k);
/* key = value, and where it was set, in table order. Secrets print as "(set)" or "(not set)". */
void config_print(const struct config *c, struct buf *out);
/* The section OPTIONS of parley.conf(5), in roff. */
void config_print_manual(struct buf *out);
/* A parley.conf with every key commented out. */
void config_print_example(struct buf *out);

#endif
