/* chat.h: what the handlers of chat.fcgi share: rq->app is a struct chat. */
#ifndef PARLEY_CHAT_CHAT_H
#define PARLEY_CHAT_CHAT_H

#include "db/db.h"
#include "talk/talk.h"
#include "web/request.h"

struct chat {
    struct db_pool *pool;
    struct talk *talk;
};

#define ROUTE ROUTE_HANDLER
#include "chat/routes.def"
#undef ROUTE

#endif
