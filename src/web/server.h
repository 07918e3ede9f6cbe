/* server.h: the main function of a FastCGI program.
 *
 * server_main() parses the arguments, loads the config, sets up logs and the crash report, and serves: FastCGI on
 * descriptor 0, on a socket of the service manager (LISTEN_FDS) or on --socket PATH (mode 0660); plain CGI when the
 * environment says so (GATEWAY_INTERFACE is set and descriptor 0 is not a socket). SIGTERM and SIGINT let the requests
 * in flight finish for up to stop_timeout. SIGHUP reads configuration, logs and templates again. */
#ifndef PARLEY_WEB_SERVER_H
#define PARLEY_WEB_SERVER_H

#include "base/config.h"
#include "web/request.h"

struct web_cost {
    int statements;
    int64_t us;
};

/* What a program is. Functions marked "optional" may be NULL. They are called from the thread that serves the request,
 * unless stated otherwise. */
struct web_program {
    const char *name; /* "portal" for portal.fcgi */
    const struct route *routes;
    size_t route_count;
    enum config_key threads; /* the setting that holds the number of threads */

    /* In the main thread, before any other thread starts: make the state *app, which requests find in rq->app. */
    enum status (*open)(const struct config *c, bool plain_cgi, void **app, struct err *e);
    /* Optional. In the main thread, after the last thread has ended. Not called when threads had to be left behind. */
    void (*close)(void *app);
    /* Optional. In the main thread, while others serve: SIGHUP has loaded the new config c. */
    void (*reload)(void *app, const struct config *c);
    /* Optional. First and last in every thread that serves. */
    enum status (*thread_begin)(void *app, struct err *e);
    void (*thread_end)(void *app);

    /* Optional. Fill rq->who from the session or the key, as the route's `who` asks: ERR_AUTH, ERR_DENIED, ERR_PLAN.
     * For a PUBLIC route it is called only if the request carries a session cookie, and a failure then means "not
     * signed in". */
    enum status (*identify)(struct request *rq, struct err *e);
    /* Optional. ERR_PLAN unless the plan of the tenant includes this. Without it every feature is refused. */
    enum status (*feature)(struct request *rq, int feature, struct err *e);
    /* Optional. The route is known, nothing is checked yet: add the headers that errors need as well. */
    void (*routed)(struct request *rq);
    /* Optional. Reply to ERR_AUTH with a page: a redirect to the sign-in. Without it the reply is problem+json, 401. */
    void (*not_signed_in)(struct request *rq);
    /* Optional. Write the body of a JSON error in a shape of its own, with its type, for routes whose clients expect
     * that. False: problem+json is written. */
    bool (*problem)(struct request *rq, const struct err *e, int status);
    /* Optional. Reply to any other error with a page. Without it the reply is problem+json. */
    void (*error_page)(struct request *rq, const struct err *e, int status);

    /* Both or neither. The database statements of this thread, for the log line; src/web itself knows no database. */
    void (*cost_reset)(void);
    struct web_cost (*cost)(void);
};

/* Serve until SIGTERM or SIGINT, or one request under plain CGI. Returns the exit code. `program` must be static. */
int server_main(int argc, char **argv, const struct web_program *program);

#endif
