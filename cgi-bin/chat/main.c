/* main.c: chat.fcgi, the program that visitors talk to: the hosted page, the visitor API, streams, health. It is a
 * program of its own so that thousands of waiting conversations never slow the portal down. */
#include <stdlib.h>

#include "bot/bot.h"
#include "chat/visitor.h"
#include "knowledge/answers.h"
#include "program.h"
#include "view/view.h"
#include "web/server.h"

#include "base/banned.h"

static const struct route routes[] = {
#define ROUTE(...) ROUTE_ROW(__VA_ARGS__)
#include "chat/routes.def"
#undef ROUTE
};

/* Turns first: closing talk waits until the last of them is recorded, and they use everything below. */
static void chat_close(void *app)
{
    struct chat *chat = app;
    talk_close(chat->talk);
    bot_live_forget();
    answers_forget();
    view_library_close();
    db_pool_close(chat->pool);
    db_library_end();
    free(chat);
}

/* Any web page may use the visitor API: its only right is the token in the message, never a cookie. Refusals carry
 * the header as well, or the script of the page could not read them. */
static void chat_allow_any_page(struct request *rq)
{
    if (!str_starts(str_from(rq->route->path), STR("/chat/{bot}/")))
        return;
    reply_header(rq, "Access-Control-Allow-Origin", STR("*"));
    reply_header(rq, "Access-Control-Expose-Headers", STR("Retry-After, X-Request-Id, RateLimit, RateLimit-Policy"));
}

static enum status chat_open(const struct config *c, bool plain_cgi, void **app, struct err *e)
{
    struct chat *chat = calloc(1, sizeof(*chat));
    if (!chat)
        return err_nomem(e);
    db_library_begin();
    enum status st = db_pool_open(c, plain_cgi ? 1 : 0, &chat->pool, e);
    if (st == OK)
        st = talk_open(c, chat->pool, &chat->talk, e);
    if (st == OK)
        st = program_open_view(c, e);
    if (st != OK) {
        chat_close(chat);
        return st;
    }
    *app = chat;
    return OK;
}

int main(int argc, char **argv)
{
    static const struct web_program program = {
        .name = "chat",
        .routes = routes,
        .route_count = COUNT_OF(routes),
        .threads = CONFIG_chat_threads,
        .open = chat_open,
        .close = chat_close,
        .reload = program_reload_view,
        .thread_begin = program_thread_begin,
        .thread_end = program_thread_end,
        .error_page = chat_bot_error,
        .routed = chat_allow_any_page,
        .cost_reset = db_cost_reset,
        .cost = program_cost,
    };
    return server_main(argc, argv, &program);
}
