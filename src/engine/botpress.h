/* botpress.h: one question to a bot of Botpress Cloud, as its files share it: botpress_join.c gets a user and a
 * conversation, botpress.c talks in it. Private to src/engine. */
#ifndef PARLEY_ENGINE_BOTPRESS_H
#define PARLEY_ENGINE_BOTPRESS_H

#include "engine/botpress_inbox.h"

struct botpress {
    struct str fid, contact_fid; /* our names of the conversation and the contact */
    struct str key, user;        /* x-user-key, and the user it belongs to */
    struct str conversation;     /* the server's name of it; "" as long as it is not known */
    struct fetch_header key_header;
    void (*joined)(struct engine_run *run); /* what comes after the conversation */
    /* Each is valid until its `end` or `failed` is called. step: of the user, then of the conversation. */
    struct engine_call *step, *listener, *message, *list;
    struct botpress_inbox in;

    bool renewed, raced, alone, rejoined; /* a remedy that is tried only once */
    bool listening;
    bool posted;   /* the message is on its way, or was sent */
    bool accepted; /* the server has it */
    bool replied;
    struct engine_failure lost; /* why it is not known whether the server has it; of class ENGINE_OK otherwise */
    int looks, reconnects;

    struct str since;   /* messages of the bot up to this time were reported in earlier turns; "" if there are none */
    struct str seen;    /* the same, with those of this turn */
    struct str sent_at; /* createdAt of the visitor's message; "" as long as it is not known */
    struct str page;    /* token of the page of the list that is being read */
    int pages;
    bool listing, list_again;
    VEC(const struct json *) listed;

    int64_t quiet_us, max_wait_us;            /* durations */
    int64_t posted_us, activity_us, armed_us; /* monotonic */
};

/* A request with the key of the user, or without if there is none. */
struct engine_call *botpress_request(struct engine_run *run, const char *method, struct str path, struct json *body,
                                     const struct engine_handlers *on);
/* An error that came with status 200. True: it was one, the call is closed, and `failed` has dealt with it. */
bool botpress_refused(struct engine_run *run, struct engine_call *call, const struct json *doc,
                      bool (*failed)(struct engine_run *, const struct engine_failure *, const struct json *));
/* "/conversations/<id><rest>" */
struct str botpress_path(struct engine_run *run, struct str conversation, const char *rest);
/* An object with one member; empty if the value is. */
struct json *botpress_body(struct engine_run *run, const char *name, struct str value);
/* A copy that lasts as long as the run. */
struct str botpress_keep(struct engine_run *run, struct str s);
void botpress_remember(struct engine_run *run, const char *key, struct str text, bool secret);

/* The key of a user by the encryption key of the settings: JWT, HS256, as the client of Botpress makes it. */
struct str botpress_mint(struct engine_run *run, struct str user);
/* `failed` of a request that makes a user: says that an encryption key is missing in the settings. */
bool botpress_user_failed(struct engine_run *run, const struct engine_failure *f, const struct json *doc);
/* Get a user, then a conversation, then call b->joined. */
void botpress_make_user(struct engine_run *run);
/* The same with the user that is there. */
void botpress_join(struct engine_run *run);
/* The remedies for a refused key and for a conversation that is gone; false if they were tried before. */
bool botpress_renew(struct engine_run *run, const struct engine_failure *f);
bool botpress_rejoin(struct engine_run *run, const struct engine_failure *f);

#endif
