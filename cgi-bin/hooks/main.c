/* main.c: hooks.fcgi: what outside services call. It must answer when the rest is down, so it holds no more than it needs. */
#include "web/server.h"

#include "base/banned.h"

#define ROUTE(m, p, h, ...) void h(struct request *rq);
#include "hooks/routes.def"
#undef ROUTE

static const struct route routes[] = {
#define ROUTE(...) ROUTE_ROW(__VA_ARGS__)
#include "hooks/routes.def"
#undef ROUTE
};

void hooks_live(struct request *rq)
{
    reply_status(rq, 200);
    reply_type(rq, "application/json");
    buf_puts(reply_body(rq), "{\"status\":\"ok\"}");
}

static enum status hooks_open(const struct config *c, bool plain_cgi, void **app, struct err *e)
{
    (void)c;
    (void)plain_cgi;
    (void)e;
    *app = NULL;
    return OK;
}

int main(int argc, char **argv)
{
    static const struct door door = {
        .name = "hooks",
        .routes = routes,
        .route_count = sizeof routes / sizeof *routes,
        .threads = CONFIG_hooks_threads,
        .open = hooks_open,
    };
    return server_main(argc, argv, &door);
}
