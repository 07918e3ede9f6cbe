/* mail.h: mails to people: queued inside a transaction, written and sent by the worker (job "mail"), one recipient
 * per job.
 *
 * A mail consists of its texts, the tree T.Mail.<template> of templates/i18n/<language>.mail.hdf:
 *
 *   Subject   one line
 *   Head      the heading in the mail
 *   Text.N    paragraphs, in file order; one that uses a value that was not given is left out
 *   Button    label of the button that leads to the value "url"; without the text or the value there is no button
 *   Rows.x    label of the table row that shows the value "x"; without that value the row is left out
 *   Small     one line at the end: why this mail was sent
 *
 * In each of them {name} is replaced by the value of that name; {brand} is always given. Values are shown as they are,
 * never as markup. The value "url" is an http(s) address, or a path of this install ("/app/billing"), which base_url
 * is put in front of. So a new mail needs only its texts and one call of mail_queue; templates/mail/mail.cs shows every
 * mail, and the plain text is made of the same words. Subject, address and values are kept in the job's row until it is
 * deleted, so none of them may be a password.
 *
 * When the mail server is unreachable or answers with a temporary error, the job is retried for almost two days. A
 * job may run twice and its mail be sent twice; both copies carry the same Message-ID. While smtp_url is empty no
 * mail is sent: the job succeeds and logs that. */
#ifndef PARLEY_QUEUE_MAIL_H
#define PARLEY_QUEUE_MAIL_H

#include "queue/queue.h"

/* Numbers and dates are formatted in the mail's language when it is sent. Money is passed as text (money_text). */
enum mail_kind { MAIL_AS_TEXT, MAIL_AS_NUMBER, MAIL_AS_DATE, MAIL_AS_TIME };
struct mail_value {
    const char *name;
    enum mail_kind kind;
    struct str text;
    int64_t n; /* the number, or milliseconds since 1970 */
};
#define MAIL_TEXT(name, s) ((struct mail_value){(name), MAIL_AS_TEXT, (s), 0})
#define MAIL_NUMBER(name, n) ((struct mail_value){(name), MAIL_AS_NUMBER, STR_EMPTY, (n)})
#define MAIL_DATE(name, ms) ((struct mail_value){(name), MAIL_AS_DATE, STR_EMPTY, (ms)}) /* 23 Nov 2026 */
#define MAIL_TIME(name, ms) ((struct mail_value){(name), MAIL_AS_TIME, STR_EMPTY, (ms)}) /* 23 Nov 2026, 05:52 UTC */

/* A table row whose label is not one of the texts: the name of a bot, of a check. */
struct mail_row {
    struct str label, value;
};

struct mail_new {
    struct id tenant;     /* the tenant it is about; ID_NONE for alerts to the operator */
    struct str to;        /* one address */
    const char *template; /* a name below T.Mail: "usage_75" */
    struct str language;  /* "" = English */
    const struct mail_value *values;
    size_t value_count;
    const struct mail_row *rows; /* shown after those of Rows */
    size_t row_count;
};
#define MAIL_VALUES(...)                                \
    .values = (const struct mail_value[]){__VA_ARGS__}, \
    .value_count = sizeof((const struct mail_value[]){__VA_ARGS__}) / sizeof(struct mail_value)
/* Adds the job in the caller's transaction, so that no one is notified of a change that was rolled back. ERR_INVALID
 * code email_invalid.
 *
 *   mail_queue(c, &(struct mail_new){.tenant = t, .to = address, .template = "usage_75",
 *              MAIL_VALUES(MAIL_TEXT("workspace", name), MAIL_NUMBER("used", n), MAIL_TEXT("url", STR("/app/usage")))},
 *              e); */
enum status mail_queue(struct db *c, const struct mail_new *m, struct err *e);

/* ---- for senders: the worker and `parley mail test` ---- */

/* The payload of the job, in the arena; NULL when memory ran out. */
struct json *mail_payload(struct arena *a, const struct mail_new *m);
struct mail_written {
    struct str to, subject, text, html;
};
/* Fills the texts and renders the page; the view library must be open. ERR_INVALID code mail_unknown when there is
 * no such text, mail_invalid when subject or heading uses a value that was not given. The result is in the arena. */
enum status mail_write(const struct config *c, struct arena *a, const struct json *payload, struct mail_written *out,
                       struct err *e);

#endif
