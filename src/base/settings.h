/* settings.h: how a program applies the settings that concern all programs, at its start and at SIGHUP. */
#ifndef PARLEY_BASE_SETTINGS_H
#define PARLEY_BASE_SETTINGS_H

#include "base/config.h"
#include "base/log.h"

/* Apply log_file, log_level (also to crash reports) and rate_limits. `program` must be static. */
enum status settings_apply(const char *program, const struct config *c, struct err *e);

/* At SIGHUP: open the logs again, load the settings (`path` as for config_load), apply them and make them current. A
 * setting that needs a restart is named in the log. Returns a reference of the caller, or NULL: then the log says why
 * and the old settings stay. */
const struct config *settings_reload(const char *program, const char *path);

/* Map the file in run_dir that all programs of the host share (base/shared.h). A failure is not fatal: it is logged at
 * the level `failed`. */
void settings_share(const struct config *c, enum log_level failed);

#endif
