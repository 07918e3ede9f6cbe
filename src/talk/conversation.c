/* conversation.c: conversations as a tenant reads them. A page asks the store for one row more than it shows; that
 * row only tells whether others follow, so no list ever counts its rows. */
#include "talk/conversation.h"

#include "base/clock.h"
#include "talk/conversation_store.h"

#include "base/banned.h"

#define CONVERSATIONS_LIST_MAX 200

static int conversation_page_size(int limit)
{
    return limit < 1 ? 1 : limit > CONVERSATIONS_LIST_MAX ? CONVERSATIONS_LIST_MAX : limit;
}

/* The store was asked for one row more than the page has: it only tells whether others follow. */
static void cut_page(size_t limit, size_t *n, bool *more)
{
    *more = *n > limit;
    if (*more)
        *n = limit;
}

enum status conversation_list(struct db *c, struct id tenant, const struct conversation_filter *f, struct arena *a,
                              struct conversation_page *out, struct err *e)
{
    int limit = conversation_page_size(f->limit);
    enum status st = conversation_store_list(c, tenant, f, limit + 1, a, out, e);
    if (st == OK)
        cut_page((size_t)limit, &out->n, &out->more);
    return st;
}

enum status conversation_get(struct db *c, struct id tenant, struct id conversation, struct arena *a,
                             struct conversation *out, struct err *e)
{
    return conversation_store_get(c, tenant, conversation, a, out, e);
}

/* The conversation is read first, so that an id of another tenant is unknown instead of an empty list. */
enum status conversation_messages(struct db *c, struct id tenant, const struct message_range *range, struct arena *a,
                                  struct message_page *out, struct err *e)
{
    struct conversation seen;
    struct message_range wanted = *range;
    int limit = conversation_page_size(range->limit);
    wanted.limit = limit + 1;
    enum status st = conversation_store_get(c, tenant, range->conversation, a, &seen, e);
    if (st == OK)
        st = conversation_store_messages(c, tenant, &wanted, a, out, e);
    if (st == OK)
        cut_page((size_t)limit, &out->n, &out->more);
    return st;
}

struct conversation_closing {
    struct id tenant, conversation;
};

/* The event takes a message number of its own, so a turn that was thinking meanwhile finds that the conversation has
 * moved on. */
static enum status conversation_close_write(struct db *c, void *ctx, struct err *e)
{
    const struct conversation_closing *k = ctx;
    int64_t seq;
    bool closed;
    enum status st = conversation_store_lock(c, k->tenant, k->conversation, &seq, &closed, e);
    if (st != OK || closed)
        return st;
    const struct conversation_event closed_now = {k->conversation, seq, "closed", TALK_CLOSED, clock_now_ms()};
    return conversation_store_event(c, k->tenant, &closed_now, e);
}

enum status conversation_close(struct db *c, struct id tenant, struct id conversation, struct err *e)
{
    struct conversation_closing k = {tenant, conversation};
    return db_transaction(c, conversation_close_write, &k, e);
}
