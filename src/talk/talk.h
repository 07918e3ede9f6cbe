/* talk.h: one turn, whatever the channel. See "The life of a turn" in HACKING.md.
 *
 * A turn is admitted, loaded, thought, recorded and delivered. It is OK only after it is durable. Turns of one
 * conversation run one after the other: within a process by a lock (a few may wait, then ERR_RATE code
 * conversation_busy), between processes by the key (tenant, conversation, seq), where the turn that comes second loads
 * and thinks again. Everything here is thread safe. */
#ifndef PARLEY_TALK_TALK_H
#define PARLEY_TALK_TALK_H

#include "base/json.h"
#include "base/waker.h"
#include "db/db.h"
#include "engine/engine.h"
#include "flow/flow.h"
#include "talk/channel.h"

#define TALK_TOKEN_MAX 64
enum talk_state { TALK_OPEN, TALK_HANDOFF, TALK_CLOSED };
const char *talk_state_name(enum talk_state s); /* open handoff closed */
/* False when the name is not one of these. */
bool talk_state_parse(struct str name, enum talk_state *out);

struct talk_in {
    struct id bot;
    struct id conversation;     /* ID_NONE: start a new one */
    struct str token;           /* the visitor's only right; checked when `conversation` is set */
    struct id tenant;           /* when the tenant itself speaks for the visitor: no token is asked. Else ID_NONE */
    struct str text, choice;    /* one of them not empty */
    struct str client_id;       /* the client's own message id, at most 100 bytes; "" = none */
    struct str locale;          /* BCP 47; "" = the bot's */
    const struct json *contact; /* object or NULL */
    enum channel channel;
    struct str visitor; /* for limits: the visitor's address, or with `tenant` the name the tenant gave it; "" = none */
    bool (*gone)(void *ctx); /* did the visitor leave? may be NULL */
    void *gone_ctx;
    /* What the visitor shows with the text, to engines that can take images; not recorded, so it belongs to this
     * message only. A bot that hides personal data sends none, since nothing can be hidden in them. */
    const struct engine_image *images;
    size_t image_n;
};
/* Who a message is from. */
enum talk_sender { SENDER_SYSTEM, SENDER_VISITOR, SENDER_BOT, SENDER_AGENT };
const char *talk_sender_name(enum talk_sender s); /* system visitor bot agent */
/* MESSAGE_CHOICE: the visitor took a choice. The text of MESSAGE_EVENT says what happened ("closed"). */
enum talk_message_type { MESSAGE_EVENT, MESSAGE_TEXT, MESSAGE_IMAGE, MESSAGE_CARD, MESSAGE_CHOICE };
const char *talk_message_type_name(enum talk_message_type t); /* event text image card choice */
/* The type that a message of a flow has. */
enum talk_message_type talk_message_type_of(enum flow_message_kind k);

struct talk_message {
    int64_t seq; /* 0 until recorded */
    enum talk_sender from;
    enum talk_message_type type;
    struct flow_message m;
    struct str choice; /* MESSAGE_CHOICE: its value */
    int64_t created_ms;
};
/* As one JSON object of the visitor API: {"seq","from","type","text",...}; seq is left out while it is 0. */
void talk_message_write(struct buf *b, const struct talk_message *m);
/* Receives the replies while the turn still runs. They are not final until talk_end has returned OK. A status other
 * than OK ends the turn. */
struct talk_sink {
    void *ctx;
    enum status (*message)(void *ctx, const struct talk_message *m, struct err *e);
    /* The next piece of a message that is still being written, at least one character. The whole message follows
     * through `message`, so a channel that cannot show pieces leaves this NULL. */
    enum status (*delta)(void *ctx, struct str text, struct err *e);
    /* The turn begins again, because another process was faster: what was sent so far is void. A channel that cannot
     * take it back returns ERR_CONFLICT; one that needs no notice leaves this NULL. */
    enum status (*again)(void *ctx, struct err *e);
};
struct talk_out {
    struct id tenant; /* the bot's, also when the turn failed; ID_NONE when it is not known */
    struct id conversation;
    /* Of a new conversation, or of the replay of its first turn; else the one that came in. */
    char token[TALK_TOKEN_MAX];
    enum talk_state state;
    struct talk_message *messages;
    size_t n;    /* the turn's replies, in the arena */
    int64_t seq; /* of the visitor's message */
    /* Of all engines that the turn asked, as they reported them or else estimated. Both 0: none was asked, or this is
     * the answer of an earlier identical message. */
    int64_t tokens_in, tokens_out;
    bool late; /* an engine may send replies later: talk_messages gets them */
};
struct talk; /* one in a process: pool, journal, locks, cache */
/* Keeps c and p, which must outlive it. ERR_INVALID code secret_key; errors of opening the journal's connections. */
enum status talk_open(const struct config *c, struct db_pool *p, struct talk **out, struct err *e);
void talk_close(struct talk *t); /* waits until every turn that was handed to the journal is recorded */

/* Answers one message in steps. A step never waits for another server or another turn; it may take as long as a commit,
 * when it writes a batch of turns. On OK everything is durable, and the replies live in the arena. `in`, `sink` (may be
 * NULL) and the arena must stay as they are from talk_begin to talk_end.
 *
 * After talk_begin has returned OK, talk_step is called at once, and again whenever the waker was woken, until it
 * returns true. It is called at least once a second, since a turn also checks its deadlines and whether the visitor has
 * left. The steps of a turn may run on different threads, one at a time. A turn ends only by its steps, and each needs
 * its talk_end. Errors:
 *   ERR_INVALID   text_empty, text_invalid, text_too_long, choice_too_long, id_too_long, locale_invalid,
 *   contact_too_large
 *   ERR_NOT_FOUND bot_unknown, conversation_unknown; ERR_AUTH token_invalid
 *   ERR_PLAN      plan_limit, bot_inactive: no new conversation; an open one always continues
 *   ERR_CONFLICT  id_reused: the client message id was used for another message; sequence: other processes were
 *   faster four times, or the sink could not take back what it had sent
 *   ERR_RATE      rate_limited, conversation_busy, bot_busy, with retry_after_s
 *   ERR_UNAVAILABLE nothing was recorded; with code commit_unknown that is not certain. The same id may be sent again.
 *   ERR_GONE      the visitor has left; ERR_INTERNAL the flow of the bot is wrong */
struct turn;
enum status talk_begin(struct talk *t, const struct talk_in *in, const struct talk_sink *sink, struct arena *a,
                       const struct waker *w, struct turn **out, struct err *e);
bool talk_step(struct turn *u);
enum status talk_end(struct turn *u, struct talk_out *out, struct err *e);
/* One message to the draft, in a test chat. Nothing is recorded or counted, except what its engines cost: the state
 * comes from the caller and goes back to it. `text`, `choice`, `locale` and `gone` are as in struct talk_in. */
struct talk_trial {
    struct id tenant, bot;
    struct str text, choice, locale;
    const struct json *state;           /* as the previous call gave it; NULL at first */
    const struct talk_message *history; /* of the chat before this message, oldest first: engines are told */
    size_t history_n;
    struct json *path; /* an array, gets {"node","type"} of each node taken, also "fault" and "asked" (see
                        * turn_engine_note); may be NULL */
    bool (*gone)(void *ctx);
    void *gone_ctx;
};
/* As talk_begin: then come the steps, and talk_test_end in place of talk_end, which sets *next on OK. `trial` must stay
 * as it is until then. Errors besides those of a turn: ERR_NOT_FOUND code bot_unknown. */
enum status talk_test_begin(struct talk *t, const struct talk_trial *trial, struct arena *a, const struct waker *w,
                            struct turn **out, struct err *e);
enum status talk_test_end(struct turn *u, struct talk_out *out, struct json **next, struct err *e);

/* A conversation and the visitor's right to it. Each function below answers ERR_NOT_FOUND codes bot_unknown,
 * conversation_unknown, or ERR_AUTH code token_invalid. */
struct talk_place {
    struct id bot, conversation;
    struct str token;
};
/* Messages with seq > after, at most 200. */
enum status talk_messages(struct talk *t, const struct talk_place *at, int64_t after, struct arena *a,
                          struct talk_out *out, struct err *e);
/* The newest messages, at most 200, in order; out->seq is the last one's number. */
enum status talk_newest_messages(struct talk *t, const struct talk_place *at, struct arena *a, struct talk_out *out,
                                 struct err *e);
struct talk_rating {
    int64_t seq;    /* of a reply; 0 = the conversation as a whole */
    int64_t rating; /* -1 or 1; another one later replaces it */
    struct str comment;
};
/* ERR_INVALID codes rating_invalid, seq_invalid, comment_too_long; ERR_NOT_FOUND code message_unknown. */
enum status talk_feedback(struct talk *t, const struct talk_place *at, const struct talk_rating *rating, struct err *e);

#endif
