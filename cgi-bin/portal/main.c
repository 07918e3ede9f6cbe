/* portal.fcgi: the pages of the site and of the tenants' portal. It also opens `talk`, for the test chat of a bot,
 * which runs a draft on the same path as real turns. What is opened last is closed first, because turns use the pool
 * until they end. */
#include <stdio.h>
#include <stdlib.h>

#include "knowledge/answers.h"
#include "portal/page/page.h"
#include "program.h"
#include "web/server.h"

#include "base/banned.h"

/* The routes are listed twice, from one file: as prototypes of their handlers, and as rows of the table. */
#define ROUTE ROUTE_HANDLER
#include "portal/routes.def"
#undef ROUTE

static const struct route routes[] = {
#define ROUTE(...) ROUTE_ROW(__VA_ARGS__)
#include "portal/routes.def"
#undef ROUTE
};

/* Also called for a program that failed to start, so each part may be missing. The caches are emptied before the pool
 * is closed: they hold flows and answers, but no connection. */
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
    struct portal *app = calloc(1, sizeof(*app));
    if (!app)
        return err_nomem(e);
    db_library_begin();
    /* Texts first: they need no database, and an operator can mend what is wrong with them. A plain CGI process serves
     * one request, which holds one connection for the page and one that a cache may need meanwhile. */
    enum status st = program_open_view(c, e);
    if (st == OK)
        st = db_pool_open(c, plain_cgi ? 2 : 0, &app->guard.pool, e);
    if (st == OK)
        st = talk_open(c, app->guard.pool, &app->talk, e);
    if (st == OK)
        *out = app;
    else
        portal_close(app);
    return st;
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
        .reload = program_reload_view,
        .thread_begin = program_thread_begin,
        .thread_end = program_thread_end,
        .cost_reset = db_cost_reset,
        .cost = program_cost,
        .identify = guard_identify,
        .feature = guard_feature,
        .not_signed_in = portal_not_signed_in,
        .error_page = portal_error_page,
    };
    return server_main(argc, argv, &program);
}
