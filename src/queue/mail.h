/* mail.h: mails to people: queued inside a transaction, written and sent by the worker (job "mail"), one recipient a job.
 *
 * A mail is its texts: the tree T.Mail.<template> of templates/i18n/<language>.mail.hdf.
 *   Subject   one line
 *   Head      the heading in the mail
 *   Text.1 …  paragraphs, in the order they stand in; one that names a value which is not there is left out
 *   Button    label of the button that leads to the value "url"; without the text, or without the value, there is none
 *   Rows.x    label of a line of the table that shows the value "x"; a value that is not there leaves its line out
 *   Small     one line below the rest: why this mail came
 * In all of them {name} becomes the value of that name; {brand} is always there. A value is shown as it is, never as markup.
 * The value "url" is an http(s) address, or a path of this install ("/app/billing"): then base_url is put before it.
 * So a new mail is its texts and one call of mail_queue; templates/mail/mail.cs shows them all, and the plain text is made of
 * the same words. The subject, the address and the values stand in the job's row until it is forgotten: no password among them.
 *
 * A server that is away or says "later" is tried again for almost two days. A job may run twice, so a mail may come twice; both
 * carry the same Message-ID. While smtp_url is empty mails are not sent: the job ends well and says so in the log. */
#ifndef PARLEY_QUEUE_MAIL_H
#define PARLEY_QUEUE_MAIL_H

#include "queue/queue.h"

#define MAIL_JOB "mail"

/* Numbers and days are written in the mail's language when it is sent; money is a text (money_text). */
enum mail_kind { MAIL_AS_TEXT, MAIL_AS_NUMBER, MAIL_AS_DATE, MAIL_AS_TIME };
struct mail_value {
    const char *name;
    enum mail_kind kind;
    struct str text;
    int64_t n; /* the number, or milliseconds since 1970 */
};
#define MAIL_TEXT(name, s)           \
    {                                \
        (name), MAIL_AS_TEXT, (s), 0 \
    }
#define MAIL_NUMBER(name, n)                   \
    {                                          \
        (name), MAIL_AS_NUMBER, STR_EMPTY, (n) \
    }
#define MAIL_DATE(name, ms)                   \
    {                                         \
        (name), MAIL_AS_DATE, STR_EMPTY, (ms) \
    } /* 23 Nov 2026 */
#define MAIL_TIME(name, ms)                   \
    {                                         \
        (name), MAIL_AS_TIME, STR_EMPTY, (ms) \
    } /* 23 Nov 2026, 05:52 UTC */

/* A line of the table whose label is no text of the program: the name of a bot, of a check. */
struct mail_row {
    struct str label, value;
};

struct mail_new {
    struct id tenant;     /* whose business it is; ID_NONE: the install's (operator alerts) */
    struct str to;        /* one address */
    const char *template; /* a name below T.Mail, a literal: "usage_75" */
    struct str language;  /* "" = English */
    const struct mail_value *values;
    size_t value_count;
    const struct mail_row *rows; /* after those of Rows */
    size_t row_count;
};
#define MAIL_VALUES(...)                                \
    .values = (const struct mail_value[]){__VA_ARGS__}, \
    .value_count = sizeof((const struct mail_value[]){__VA_ARGS__}) / sizeof(struct mail_value)
/* mail_queue(c, &(struct mail_new){.tenant = t, .to = address, .template = "usage_75", MAIL_VALUES(MAIL_TEXT("workspace", name),
 *            MAIL_NUMBER("used", n), MAIL_TEXT("url", STR("/app/usage")))}, e);
 * With the caller's transaction: no mail without what it tells of. ERR_INVALID for an address that can be none. */
enum status mail_queue(struct db *c, const struct mail_new *m, struct err *e);

/* ---- for those who send: the worker, and `parley mail test` ---- */

/* What mail_queue keeps in the job; in the arena, NULL without memory. */
struct json *mail_payload(struct arena *a, const struct mail_new *m);
struct mail_written {
    struct str to, subject, text, html;
};
/* Fill the texts and render the page; the view library must be open. ERR_INVALID: there is no such text (mail_unknown), or its
 * subject or heading wants a value that was not given (mail_invalid). A paragraph that wants one is left out. All in the arena. */
enum status mail_write(const struct config *c, struct arena *a, const struct json *payload, struct mail_written *out,
                       struct err *e);

#endif
