/* journal_internal.h: turns that wait to be recorded are committed together, in one multi-row durable transaction.
 *
 * The journal has no thread of its own, and a turn that waits holds none: a turn that finds a free connection (there
 * are `journal_writers` of them) leads. It takes all turns that wait, up to `journal_batch`, into one transaction,
 * wakes those it recorded, and passes the lead to the first that arrived meanwhile. A single turn, as in plain CGI, is
 * recorded directly. If one turn makes a batch fail (duplicate key, plan
 * limit), the batch is sifted, so that only that turn gets the error. After an unknown commit the leader looks for
 * the rows before it repeats. Thread safe. */
#ifndef PARLEY_TALK_JOURNAL_INTERNAL_H
#define PARLEY_TALK_JOURNAL_INTERNAL_H

#include <stdatomic.h>

#include "base/waker.h"
#include "db/db.h"
#include "plan/usage.h"
#include "talk/talk.h"
#include "talk/visitor.h"

struct journal_message {
    int64_t seq;
    enum talk_sender from;
    enum talk_message_type type;
    struct str text;
    struct str data; /* JSON or "" */
    int64_t created_ms;
};
struct journal_turn {
    struct id tenant, bot, conversation;
    bool opens; /* insert the conversation; else update it where seq = base_seq */
    int version, canary;
    bool hands_off; /* the bot has handed the conversation over */
    enum channel channel;
    struct str locale, contact;
    uint8_t token_hash[32];     /* when it opens */
    int64_t base_seq, last_seq; /* before and after this turn */
    struct str flow_state;      /* JSON */
    enum talk_state state;      /* of the conversation after this turn */
    bool has_key, has_visitor;
    uint8_t turn_key[16];               /* idempotency: unique per tenant */
    uint8_t visitor_hash[VISITOR_HASH]; /* of a named visitor */
    const struct journal_message *messages;
    size_t n;
    bool counts;
    struct usage_quota quota; /* first reply: ledger row and counter in the same transaction */
    int64_t now_ms;
    /* For the turn's event (table turn_event): its own id, the time the reply took, and the part of it spent waiting
     * for other servers. */
    struct id event;
    int64_t took_ms, outside_ms;
};
struct journal;
/* Its connections are its own: readers never make a turn wait. */
enum status journal_open(const struct config *c, struct journal **out, struct err *e);
void journal_close(struct journal *j); /* drains */
/* A turn on its way into the database. It is the turn's memory and must stay in its place until the turn is settled;
 * a turn that was handed in cannot be taken back. The caller sets `turn` and `waker`. */
enum journal_progress { JOURNAL_QUEUED, JOURNAL_LEADS, JOURNAL_SETTLED };
struct journal_wait {
    const struct journal_turn *turn;
    struct waker waker;
    /* Once it is settled. ERR_CONFLICT code turn_key (the client message id was recorded meanwhile: read that turn) or
     * code sequence (another turn was faster: load and think again); ERR_PLAN code plan_limit; ERR_UNAVAILABLE when the
     * database is away and nothing was recorded, or with code commit_unknown when that is not known. */
    enum status status;
    struct err err;
    /* Private to journal.c. */
    _Atomic(enum journal_progress) progress;
    bool again; /* its commit's outcome was unknown once: a conflict may be with itself */
    struct journal_wait *next;
};
/* Hands the turn in. It may lead at once, and then it is settled when this returns. */
void journal_submit(struct journal *j, struct journal_wait *w);
/* To be called after submit, and again after each wake: true once the turn is durable or refused. May lead, which takes
 * as long as a commit. */
bool journal_settled(struct journal *j, struct journal_wait *w);

#endif
