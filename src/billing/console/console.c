/* console.c: actions of the operator's console, each in one transaction with its row in operator_log, so that no
 * change is without a trace and no trace without a change. */
#include "billing/console/console.h"

#include "alarm/alarm.h"
#include "base/limits.h"
#include "billing/console/console_store.h"

#include "base/banned.h"

#define SEARCH_MAX 200 /* bytes of the search text */

/* A pattern for LIKE that matches the text anywhere; its wildcards are escaped. Without that, a search for "a_b" would
 * also find "axb". */
static struct str console_like_part(struct arena *a, struct str s)
{
    struct buf b;
    buf_init(&b, 2 * SEARCH_MAX + 8);
    buf_putc(&b, '%');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%' || s.p[i] == '_' || s.p[i] == '\\')
            buf_putc(&b, '\\');
        buf_putc(&b, s.p[i]);
    }
    buf_putc(&b, '%');
    const char *text = buf_ok(&b) ? arena_strdup(a, buf_str(&b)) : NULL;
    buf_release(&b);
    return str_from(text ? text : "");
}

/* A page begins after the last id of the one before. Ids grow with time, so the largest possible id stands for "from
 * the newest", and one statement serves every page. */
enum status console_tenants(struct db *c, struct arena *a, struct str search, struct id before, int limit,
                            struct console_tenant **out, size_t *n, struct err *e)
{
    struct str what = str_trim(search);
    struct id newest = before;
    if (id_is_none(before))
        memset(newest.b, 0xff, sizeof(newest.b));
    if (what.n > SEARCH_MAX)
        return err_raise_at(e, E_search_long, "q");
    return console_store_tenants(c, a, what, console_like_part(a, what), newest, limit, out, n, e);
}

struct note {
    const struct actor *who;
    enum operator_action action;
    struct str object, event;
    struct id tenant, alarm;
};

/* The entry is filed under the tenant where there is one, because operators search the log by tenant. The object then
 * goes into the detail. */
static enum status console_note_write(struct db *c, const struct note *n, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct arena a;
    arena_init(&a, ROW_ARENA);
    struct json *detail = json_new_object(&a);
    enum status st = OK;
    if (!detail || (!id_is_none(n->tenant) && json_set_str(detail, "object", n->object) != 0))
        st = err_nomem(e);
    if (st == OK)
        st = operator_log(c, n->who, n->action,
                          id_is_none(n->tenant) ? n->object : str_from(id_text(ID_TENANT, n->tenant, id)), detail, e);
    arena_release(&a);
    return st;
}

/* The event is only made pending again here. The worker serves it as it serves a new one, so a replay can do nothing
 * that the event itself could not. */
static enum status console_replay_write(struct db *c, void *ctx, struct err *e)
{
    const struct note *n = ctx;
    enum status st = event_replay(c, n->event, e);
    return st == OK ? console_note_write(c, n, e) : st;
}

enum status console_replay(struct db *c, const struct actor *who, struct str event, struct err *e)
{
    struct note n = {.who = who, .action = OPERATOR_event_replayed, .object = event, .event = event};
    return db_transaction(c, console_replay_write, &n, e);
}

static enum status console_close_write(struct db *c, void *ctx, struct err *e)
{
    const struct note *n = ctx;
    enum status st = alarm_close(c, n->alarm, e);
    return st == OK ? console_note_write(c, n, e) : st;
}

enum status console_alarm_close(struct db *c, const struct actor *who, struct id alarm, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct note n = {
        .who = who, .action = OPERATOR_alarm_closed, .alarm = alarm, .object = str_from(id_text(ID_ALARM, alarm, id))};
    return db_transaction(c, console_close_write, &n, e);
}

/* No transaction: what is noted here was done at Stripe, where nothing can be rolled back. */
enum status console_note(struct db *c, const struct actor *who, enum operator_action action, struct id tenant,
                         struct str object, struct err *e)
{
    struct note n = {.who = who, .action = action, .tenant = tenant, .object = object};
    return console_note_write(c, &n, e);
}

/* The queue knows the last run of every periodic job; the console shows the billing jobs. */
enum status console_jobs(struct db *c, struct arena *a, struct job_last **out, size_t *n, struct err *e)
{
    size_t all = 0;
    enum status st = queue_last_ended(c, a, out, &all, e);
    *n = 0;
    for (size_t i = 0; st == OK && i < all; i++)
        if (job_kind_part((*out)[i].kind) == JOB_PART_BILLING)
            (*out)[(*n)++] = (*out)[i];
    return st;
}
