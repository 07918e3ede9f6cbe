/* turn_internal.h: what the files of a turn share (turn*.c, talk.c, conversation_store.c). */
#ifndef PARLEY_TALK_TURN_INTERNAL_H
#define PARLEY_TALK_TURN_INTERNAL_H

#include "bot/bot.h"
#include "net/outside.h"
#include "talk/journal_internal.h"
#include "talk/talk.h"
#include "talk/turn_engine_internal.h"
#include "talk/turn_headers_internal.h"
#include "talk/turn_lock_internal.h"

/* Limits on turns: of one conversation, of one bot and of one workspace. No bot and no workspace may take the whole
 * host. */
#define CONVERSATION_PER_MINUTE 120
#define CONVERSATION_BURST 60
#define BOT_PER_MINUTE 12000
#define BOT_BURST 2000
#define TENANT_PER_MINUTE 30000
#define TENANT_BURST 5000

/* A conversation as a turn needs it. */
struct conv {
    struct id tenant, id, bot;
    int version;
    int canary; /* engine/workspace/canary.h */
    enum talk_state state;
    bool counted;
    int64_t seq, last_ms;
    uint8_t token_hash[32];
    struct str locale, flow_state;
};

/* ---- turn_cache.c: conversations as this process last recorded or read them. The least recently used are dropped
 * first. The condition `seq = base_seq` of the journal finds out when one is out of date. Thread safe. ---- */
struct conv_cache;
enum status conv_cache_new(size_t max_bytes, struct conv_cache **out, struct err *e);
void conv_cache_free(struct conv_cache *k);
bool conv_cache_get(struct conv_cache *k, struct id conversation, struct arena *a, struct conv *out);
void conv_cache_put(struct conv_cache *k, const struct conv *c);
void conv_cache_drop(struct conv_cache *k, struct id conversation);

struct talk {
    const struct config *config; /* as of the start: secrets, sizes */
    struct db_pool *pool;
    struct journal *journal;
    struct turn_locks *locks;
    struct conv_cache *cache;
    uint8_t token_key[32], turn_key[32];
};

/* ---- turn_token.c: keys ---- */
void turn_token(const struct talk *t, struct id conversation, char out[TALK_TOKEN_MAX]);
void turn_token_hash(struct str token, uint8_t out[32]);
/* The key of the client message id inside `conversation`, or for a first message (ID_NONE). False when there is no
 * such id. */
bool turn_key_of(const struct talk *t, const struct talk_in *in, struct id conversation, uint8_t out[16]);
/* Ids of at least this many bytes are taken as unique: the same id with another text is a conflict. */
#define TURN_LONG_ID 16

/* ---- turn_load.c ---- */
/* From the cache or the database, with the token checked. ERR_NOT_FOUND code conversation_unknown, ERR_AUTH code
 * token_invalid. */
enum status turn_load(struct talk *t, struct id tenant, const struct talk_place *at, struct arena *a, struct conv *out,
                      struct err *e);

/* ---- one turn, from lock to record ---- */
enum turn_phase { TURN_LOCKS, TURN_PREPARES, TURN_THINKS, TURN_RECORDS, TURN_ENDED };
struct turn {
    struct talk *talk;
    const struct talk_in *in;
    const struct talk_sink *sink;   /* or NULL */
    const struct talk_trial *trial; /* of a test of the draft: nothing is recorded; else NULL */
    struct arena *arena;
    struct waker waker;
    enum turn_phase phase;
    int tries;
    struct turn_lock_wait lock;
    struct bot_live live;   /* the bot's live version: admits */
    struct bot_live pinned; /* the version this conversation runs on */
    bool has_live, has_pinned;
    struct conv conv; /* as loaded; of a new one: id, tenant, bot, version */
    bool opens, has_key;
    bool hands_off; /* to a person, in this turn */
    bool looked;    /* the key was looked up before a call outside */
    struct outside outside;
    struct turn_headers headers; /* of the call that is in flight */
    struct turn_engines engines;
    struct turn_engine engine;
    size_t asked;                  /* engines, in this turn */
    int64_t tokens_in, tokens_out; /* that they used */
    bool asking;                   /* the row of the conversation says so, see turn_late.c */
    struct json *engines_kept;     /* of the conversation's state: what its engines remember */
    int64_t begun_us;              /* when the message arrived, by clock_mono_us */
    uint8_t key[16];
    struct usage_quota quota;
    int64_t now_ms;
    struct talk_message visitor;
    struct talk_message *replies;
    size_t reply_n, reply_cap;
    bool writing;         /* pieces of a message that is not whole yet were sent */
    size_t path_n;        /* in the path of the trial */
    size_t noted;         /* bytes of prompts there */
    struct flow_run *run; /* while the flow runs */
    struct flow_result result;
    struct journal_turn record;
    struct journal_wait journal;
    /* Once it has ended. */
    enum status status;
    struct err err;
    struct talk_out out;
};

/* ---- turn.c ---- */
/* Begins a turn that holds nothing yet. NULL: no memory. */
struct turn *turn_new(struct talk *t, const struct talk_in *in, struct arena *a, const struct waker *w);
/* The turn is over. The lock goes to the next turn at once; the bots are kept until the caller has used the replies. */
void turn_end(struct turn *u, enum status st);

/* ---- turn_input.c ---- */
enum status turn_check_input(const struct talk_in *in, struct err *e);
/* ERR_RATE code rate_limited, with retry_after_s. */
enum status turn_check_rates(const struct turn *u, struct err *e);

/* ---- turn_prepare.c ---- */
/* Loads or begins the conversation, asks the plan and pins the version. *done: the answer of an earlier identical
 * message is in `out`. */
enum status turn_prepare(struct turn *u, struct talk_out *out, bool *done, struct err *e);

/* ---- turn_record.c ---- */
/* Makes the rows and hands them to the journal. */
enum status turn_record_begin(struct turn *u, struct err *e);
/* Once the journal has settled the turn: its status, and on OK the reply in u->out. */
enum status turn_record_end(struct turn *u, struct err *e);

/* ---- turn_think.c ---- */
/* Begins to run the flow from this state. */
enum status turn_think_begin(struct turn *u, const struct json *state, struct err *e);
/* Runs it until it is done, or until it waits for another server: then *waits is true, and the waker of the turn will
 * be woken. ERR_CONFLICT code turn_key when it found, before an effect outside, that the message was recorded already;
 * ERR_RATE code bot_busy when too many calls of the tenant are in flight; ERR_GONE when the visitor has left. */
enum status turn_think_step(struct turn *u, bool *waits, struct err *e);
/* Gives up the call that is in flight, if there is one. */
void turn_think_abandon(struct turn *u);

/* ---- turn_late.c ---- */
/* The member of an engine's place in the state that says that it may send replies later. */
#define TURN_LATE_MEMBER "late"
/* The turn asks these engines: late replies of those that may send some wait until it has ended. ERR_CONFLICT code
 * sequence when the conversation is not as the turn knows it; nothing was asked then. */
enum status turn_late_expect(struct turn *u, struct db *c, const struct engine_link *links, size_t n, struct err *e);
/* The turn has ended without being recorded. */
void turn_late_give_up(struct turn *u);
/* True when engines of this conversation may send replies later. */
bool turn_late_is_possible(const struct conv *k);

/* ---- turn_replay.c ---- */
/* Was this client id recorded? *found says; `out` is then the answer of that time. ERR_CONFLICT code id_reused when it
 * was another message. */
enum status turn_replay(struct turn *u, struct talk_out *out, bool *found, struct err *e);

#endif
