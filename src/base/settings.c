/* settings.c: applying the settings that concern every program.
 *
 * A reload either succeeds as a whole or changes nothing: the new config becomes current only after it was applied. */
#include "base/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/crash.h"
#include "base/shared.h"

#include "base/banned.h"

/* The log comes first, since it is the step that can fail; what follows cannot, so a failed reload has changed
 * nothing. */
enum status settings_apply(const char *program, const struct config *c, struct err *e)
{
    const char *file = config_string(c, CONFIG_log_file);
    enum status st = log_open(program, *file ? file : NULL, (enum log_level)config_int(c, CONFIG_log_level), e);
    if (st != OK)
        return st;
    crash_log_file(file);
    shared_limits_enable(config_bool(c, CONFIG_rate_limits));
    return OK;
}

/* A changed setting that is read only at the start has no effect yet; the log says so. */
static void log_pending_restarts(const struct config *before, const struct config *now)
{
    for (int k = 0; k < CONFIG_COUNT; k++) {
        const struct config_row *row = config_row((enum config_key)k);
        if (!row->reload && config_differs(before, now, (enum config_key)k))
            log_line(LOG_WARN, "restart_needed", LOG_S("setting", row->name));
    }
}

/* The log is opened again first: even a reload that fails must follow the rotation of the log. */
const struct config *settings_reload(const char *program, const char *path)
{
    const struct config *c = NULL, *before = config_current();
    struct err e = ERR_INIT;
    log_reopen();
    if (config_load(path, &c, &e) != OK || settings_apply(program, c, &e) != OK) {
        log_line(LOG_ERROR, "reload_failed", LOG_S("message", e.message));
        config_drop(c);
        c = NULL;
    } else {
        log_pending_restarts(before, c);
        config_set_current(config_retain(c));
    }
    config_drop(before);
    return c;
}

void settings_share(const struct config *c, enum log_level failed)
{
    struct err e = ERR_INIT;
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/shared.map", config_string(c, CONFIG_run_dir));
    if (n < 0 || (size_t)n >= sizeof(path))
        (void)err_set(&e, E_invalid, "The path of run_dir is too long.");
    else if (shared_open(path, &e) == OK)
        return;
    log_line(failed, "shared_failed", LOG_S("message", e.message));
}
