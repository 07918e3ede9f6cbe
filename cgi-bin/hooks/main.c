/* main.c: hooks.fcgi, which outside services call. It must answer when everything else is down, so it holds little: two
 * connections to the database, as a user that may only insert if the install has one (hooks_database_user). */
#include "db/db.h"
#include "hooks/hooks.h"
#include "program.h"
#include "web/server.h"

#include "base/banned.h"

#define CONNECTIONS 2

static const struct route routes[] = {
#define ROUTE(...) ROUTE_ROW(__VA_ARGS__)
#include "hooks/routes.def"
#undef ROUTE
};

/* While the database is away an event is answered 503, and the sender repeats it. */
static enum status hooks_open(const struct config *c, bool plain_cgi, void **app, struct err *e)
{
    bool own = config_string(c, CONFIG_hooks_database_user)[0] != '\0';
    struct db_pool *pool = NULL;
    db_library_begin();
    enum status st = db_pool_open_as(c, plain_cgi ? 1 : CONNECTIONS,
                                     own ? CONFIG_hooks_database_user : CONFIG_database_user,
                                     own ? CONFIG_hooks_database_password : CONFIG_database_password, &pool, e);
    *app = pool;
    return st;
}

/* There is nothing to drain: an event is stored before it is answered. */
static void hooks_close(void *app)
{
    db_pool_close(app);
    db_library_end();
}

int main(int argc, char **argv)
{
    static const struct web_program program = {
        .name = "hooks",
        .routes = routes,
        .route_count = COUNT_OF(routes),
        .threads = CONFIG_hooks_threads,
        .open = hooks_open,
        .close = hooks_close,
        .thread_begin = program_thread_begin,
        .thread_end = program_thread_end,
        .cost_reset = db_cost_reset,
        .cost = program_cost,
    };
    return server_main(argc, argv, &program);
}
