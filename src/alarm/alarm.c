/* alarm.c: an alarm is opened or counted up by one transaction that may run inside the caller's.
 *
 * Words and objects may contain bytes from outside (an id in an event). They are made valid UTF-8 here, because the
 * database would refuse the row and the alarm would be lost. */
#include "alarm/alarm.h"

#include <stdarg.h>
#include <stdio.h>

#include "alarm/alarm_store.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/utf8.h"
#include "queue/mail.h"

#include "base/banned.h"

#define OBJECT_MAX 290 /* bytes: with its kind it has to fit open_key */
#define WORDS_MAX 480  /* characters */
#define OPEN_KEY_MAX 340

struct alarm_raising {
    struct alarm row;
    char key[OPEN_KEY_MAX];
};

/* The object is cut to fit the column. Two objects that differ only after 290 bytes would share an alarm; Stripe's ids
 * have at most 255. */
static struct str alarm_key(char out[OPEN_KEY_MAX], enum alarm_kind kind, struct str object)
{
    int n = snprintf(out, OPEN_KEY_MAX, "%s:%.*s", alarm_kind_name(kind), STR_F(str_sub(object, 0, OBJECT_MAX)));
    return str_n(out, n > 0 ? (size_t)n : 0);
}

/* Queues a mail to every operator. An address that cannot be mailed to must not prevent the alarm from being stored. */
static enum status alarm_mail(struct db *c, const struct alarm *row, struct err *e)
{
    struct arena a;
    struct alarm_reader *readers;
    size_t n = 0;
    char workspace[ID_TEXT_MAX] = "-";
    if (!id_is_none(row->tenant))
        id_text(ID_TENANT, row->tenant, workspace);
    arena_init(&a, LIST_ARENA);
    enum status st = alarm_store_operators(c, &a, &readers, &n, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        const struct mail_new m = {
            .to = readers[i].email,
            .template = "alarm",
            .language = readers[i].language,
            MAIL_VALUES(MAIL_TEXT("kind", str_from(alarm_kind_name(row->kind))), MAIL_TEXT("object", row->object),
                        MAIL_TEXT("words", row->words), MAIL_TEXT("workspace", str_from(workspace)),
                        MAIL_TIME("since", row->first_ms), MAIL_TEXT("url", STR("/admin/alarms")))};
        st = mail_queue(c, &m, e);
        if (st == ERR_INVALID) {
            log_line(LOG_WARN, "alarm_not_mailed", LOG_S("kind", alarm_kind_name(row->kind)),
                     LOG_S("error", e->message));
            st = OK;
        }
    }
    arena_release(&a);
    return st;
}

/* Counts up the open alarm, or opens one. Of two transactions that open it at once, the unique key lets one win; the
 * other counts up. Only opening it sends mails, so a cause that lasts does not fill the operators' mailboxes. */
static enum status alarm_raise_tx(struct db *c, void *ctx, struct err *e)
{
    struct alarm_raising *r = ctx;
    struct str key = str_from(r->key);
    struct err taken = ERR_INIT;
    bool done = false;
    enum status st = alarm_store_again(c, key, r->row.tenant, r->row.words, r->row.last_ms, &done, e);
    if (st != OK || done)
        return st;
    st = alarm_store_open(c, &r->row, key, &taken);
    if (st == ERR_CONFLICT)
        return alarm_store_again(c, key, r->row.tenant, r->row.words, r->row.last_ms, &done, e);
    if (st != OK) {
        *e = taken;
        return st;
    }
    return alarm_mail(c, &r->row, e);
}

/* Drops a last character that was cut in the middle; replaces every other byte that is not ASCII in text that is not
 * UTF-8. */
static struct str alarm_clean_text(char *text, size_t n)
{
    for (size_t cut = 0; cut < 4 && cut <= n; cut++)
        if (utf8_text(str_n(text, n - cut)))
            return str_n(text, n - cut);
    for (size_t i = 0; i < n; i++)
        if (text[i] < ' ' || text[i] > '~')
            text[i] = '?';
    return str_n(text, n);
}

enum status alarm_raise(struct db *c, enum alarm_kind kind, struct str object, struct id tenant, struct err *e,
                        const char *fmt, ...)
{
    char words[1024], about[OBJECT_MAX];
    struct alarm_raising r;
    int64_t now = clock_now_ms();
    va_list ap;
    CHECK(kind != ALARM_NONE);
    va_start(ap, fmt);
    int n = vsnprintf(words, sizeof(words), fmt, ap);
    va_end(ap);
    size_t used = n < 0 ? 0 : (size_t)n < sizeof(words) ? (size_t)n : sizeof(words) - 1;
    object = str_sub(object, 0, OBJECT_MAX);
    memcpy(about, object.p, object.n);
    r.row = (struct alarm){.id = id_new(),
                           .tenant = tenant,
                           .kind = kind,
                           .object = alarm_clean_text(about, object.n),
                           .words = utf8_cut(alarm_clean_text(words, used), WORDS_MAX),
                           .times = 1,
                           .first_ms = now,
                           .last_ms = now};
    alarm_key(r.key, kind, object);
    log_line(LOG_WARN, "billing_alarm", LOG_S("kind", alarm_kind_name(kind)), LOG_T("object", r.row.object),
             LOG_T("words", r.row.words));
    return db_transaction(c, alarm_raise_tx, &r, e);
}

/* Callers clear after every successful check, so "nothing is open" is the usual case and no error. */
enum status alarm_clear(struct db *c, enum alarm_kind kind, struct str object, struct err *e)
{
    char key[OPEN_KEY_MAX];
    int64_t n = 0;
    enum status st = alarm_store_clear(c, alarm_key(key, kind, object), clock_now_ms(), &n, e);
    if (st == OK && n > 0)
        log_line(LOG_INFO, "billing_alarm_over", LOG_S("kind", alarm_kind_name(kind)), LOG_T("object", object));
    return st;
}

enum status alarm_close(struct db *c, struct id alarm, struct err *e)
{
    int64_t n = 0;
    enum status st = alarm_store_close(c, alarm, clock_now_ms(), &n, e);
    return st == OK && n == 0 ? err_set(e, E_not_found, "There is no open alarm with this id.") : st;
}

enum status alarm_list(struct db *c, struct arena *a, bool open_only, int limit, struct alarm **out, size_t *n,
                       struct err *e)
{
    return alarm_store_list(c, a, open_only, limit, out, n, e);
}

enum status alarm_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return alarm_store_forget(c, before_ms, limit, n, e);
}
