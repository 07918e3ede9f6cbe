/* portal.fcgi: the pages of the site and of the tenants' portal. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "knowledge/answers.h"
#include "portal/page/page.h"
#include "web/server.h"

#include "base/banned.h"

#define ROUTE ROUTE_HANDLER
#include "portal/routes.def"
#undef ROUTE

static const struct route routes[] = {
#define ROUTE(...) ROUTE_ROW(__VA_ARGS__)
#include "portal/routes.def"
#undef ROUTE
};

static void portal_close(void *ptr)
{
    struct portal *app = ptr;
    if (!app)
        return;
    if (app->talk)
        talk_close(app->talk);
    bot_live_forget();
    answers_forget();
    if (app->guard.pool)
        db_pool_close(app->guard.pool);
    view_library_close();
    db_library_end();
    free(app);
}

static enum status portal_open(const struct config *c, bool plain_cgi, void **out, struct err *e)
{
    const char *dir = config_string(c, CONFIG_template_dir);
    struct view_config vc = {*dir ? dir : PARLEY_PKGDATADIR "/templates", false};
    struct portal *app = calloc(1, sizeof(*app));
    if (!app)
        return err_nomem(e);
    db_library_begin();
    enum status st = view_library_open(&vc, e);
    if (st == OK)
        st = db_pool_open(c, plain_cgi ? 2 : 0, &app->guard.pool, e);
    if (st == OK)
        st = talk_open(c, app->guard.pool, plain_cgi ? 1 : (int)config_int(c, CONFIG_portal_threads), &app->talk, e);
    if (st == OK)
        *out = app;
    else
        portal_close(app);
    return st;
}

static void portal_reload(void *app, const struct config *c)
{
    struct err e = ERR_INIT;
    (void)app;
    (void)c;
    if (view_library_reload(&e) != OK)
        log_line(LOG_ERROR, "reload", LOG_S("what", "templates"), LOG_S("error", e.message));
}

int main(int argc, char **argv)
{
    static const struct web_program program = {
        .name = "portal",
        .routes = routes,
        .route_count = COUNT_OF(routes),
        .threads = CONFIG_portal_threads,
        .open = portal_open,
        .close = portal_close,
        .reload = portal_reload,
        .thread_begin = guard_thread_begin,
        .thread_end = guard_thread_end,
        .cost_reset = db_cost_reset,
        .cost = guard_cost,
        .identify = guard_identify,
        .feature = guard_feature,
        .not_signed_in = portal_not_signed_in,
        .error_page = portal_error_page,
    };
    return server_main(argc, argv, &program);
}
