/* program_view.c: the texts and templates of a program that replies with pages. The texts are read when the program
 * starts, so a broken file stops the start, where an operator sees it. */
#include "base/log.h"
#include "program.h"
#include "view/view.h"

#include "base/banned.h"

enum status program_open_view(const struct config *c, struct err *e)
{
    const char *dir = config_string(c, CONFIG_template_dir);
    struct view_config vc = {.template_dir = *dir ? dir : PARLEY_PKGDATADIR "/templates"};
    return view_library_open(&vc, e);
}

/* The program continues with the old templates if the new ones cannot be read. */
void program_reload_view(void *app, const struct config *c)
{
    struct err e = ERR_INIT;
    (void)app;
    (void)c;
    if (view_library_reload(&e) != OK)
        log_line(LOG_ERROR, "reload_failed", LOG_S("message", e.message));
}
