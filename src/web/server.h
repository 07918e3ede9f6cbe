/* server.h: the FastCGI loop of a door. The one room that knows libfcgi.
 *
 * server_main() parses the program's arguments, loads the config, sets up logs and the crash report, and serves: FastCGI on
 * fd 0 or LISTEN_FDS or --socket PATH (0660), plain CGI when the environment says so (GATEWAY_INTERFACE set and fd 0 is no socket). SIGTERM/SIGINT: requests in
 * flight finish, up to stop_timeout. SIGHUP: configuration, logs and templates are read again. */
#ifndef PARLEY_WEB_SERVER_H
#define PARLEY_WEB_SERVER_H

#include "base/config.h"
#include "web/request.h"

struct web_cost {
    int statements;
    int64_t us;
};
struct door {
    const char *name; /* "chat": portal.fcgi's is "portal" */
    const struct route *routes;
    size_t route_count;
    enum config_key threads; /* which setting says how many */
    enum status (*open)(const struct config *c, bool plain_cgi, void **app, struct err *e); /* before threads start */
    void (*close)(void *app);                              /* after the last thread ended */
    void (*reload)(void *app, const struct config *c);     /* may be NULL */
    enum status (*thread_begin)(void *app, struct err *e); /* may be NULL */
    void (*thread_end)(void *app);
    /* Fill rq->who for the route's `who` (session or key): ERR_AUTH, ERR_DENIED, ERR_PLAN. Never called for PUBLIC unless
     * the request carries a session cookie, and then a failure means "nobody". */
    enum status (*identify)(struct request *rq, struct err *e);
    enum status (*feature)(struct request *rq, enum feature f, struct err *e); /* may the tenant use it? */
    void (*routed)(
        struct request
            *rq); /* once the route is known, before anything is checked: headers that errors need too; may be NULL */
    void (*not_signed_in)(struct request *rq); /* HTML doors: redirect to sign-in; NULL = problem+json 401 */
    void (*error_page)(struct request *rq, const struct err *e, int status); /* HTML doors; NULL = problem+json */
    /* Database statements of this thread, for the log line; web knows no database. Both NULL where there is none. */
    void (*cost_reset)(void);
    struct web_cost (*cost)(void);
};
int server_main(int argc, char **argv, const struct door *door);

#endif
