/* main.c: api.fcgi: the management API under /v1 for integrations, with API keys. It is a program of its own, so that a
 * script that polls cannot take the portal's threads. It links no templates: every reply is JSON, errors too. It opens
 * `talk`, because a bot is also a model that other programs chat with. */
#include <stdlib.h>

#include "api/api.h"
#include "api/openai.h"
#include "knowledge/answers.h"
#include "program.h"

#include "base/banned.h"

static const struct route routes[] = {
#define ROUTE(...) ROUTE_ROW(__VA_ARGS__)
#include "api/routes.def"
#undef ROUTE
};

/* Also called when a part could not be opened. Turns first: closing talk waits until the last of them is recorded, and
 * they use everything below. */
static void api_close(void *app)
{
    struct api *api = app;
    talk_close(api->talk);
    bot_live_forget();
    answers_forget();
    db_pool_close(api->guard.pool);
    db_library_end();
    free(api);
}

/* A plain CGI process serves one request, for which one connection is enough. */
static enum status api_open(const struct config *c, bool plain_cgi, void **app, struct err *e)
{
    struct api *api = calloc(1, sizeof(*api));
    if (!api)
        return err_nomem(e);
    db_library_begin();
    enum status st = db_pool_open(c, plain_cgi ? 1 : 0, &api->guard.pool, e);
    if (st == OK)
        st = talk_open(c, api->guard.pool, &api->talk, e);
    if (st != OK) {
        api_close(api);
        return st;
    }
    *app = api;
    return OK;
}

int main(int argc, char **argv)
{
    static const struct web_program program = {
        .name = "api",
        .routes = routes,
        .route_count = COUNT_OF(routes),
        .threads = CONFIG_api_threads,
        .open = api_open,
        .close = api_close,
        .thread_begin = program_thread_begin,
        .thread_end = program_thread_end,
        .cost_reset = db_cost_reset,
        .cost = program_cost,
        .identify = guard_identify,
        .feature = guard_feature,
        .problem = openai_problem,
    };
    return server_main(argc, argv, &program);
}
