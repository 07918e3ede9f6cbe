/* settings.h: what the settings of an install mean to every program alike, at its start and at SIGHUP. */
#ifndef PARLEY_BASE_SETTINGS_H
#define PARLEY_BASE_SETTINGS_H

#include "base/config.h"
#include "base/log.h"

/* log_file and log_level, where a crash report goes, rate_limits. */
enum status settings_apply(const char *program, const struct config *c, struct err *e);

/* SIGHUP: logs are opened anew, the settings read (`path` as for config_load), applied and made current; what waits for a
 * restart is named in the log. A reference of the caller's own, or NULL: why is in the log, and the old ones stay. */
struct config *settings_reload(const char *program, const char *path);

/* The file that all programs of the host share, in run_dir. A failure is not fatal: it is logged, at this level. */
void settings_share(const struct config *c, enum log_level failed);

#endif
