/* smtp.h: send one mail through the mail server of the settings (smtp_*, mail_from). Uses libcurl.
 *
 * smtps:// uses TLS from the first byte; smtp:// must switch to TLS (STARTTLS) before anything else is sent, unless the
 * server is this machine or smtp_tls is off. The certificate of the server is always checked. No proxy, no other
 * protocol. A mail (RFC 5322) has From, To, Subject, Date, Message-ID and Auto-Submitted, and a multipart/alternative
 * of text and HTML, both quoted-printable, so that no line is long and no byte is above 127. Thread safe; no thread
 * waits longer than smtp_timeout. No error message contains the password or the recipient. */
#ifndef PARLEY_NET_SMTP_H
#define PARLEY_NET_SMTP_H

#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"
#include "base/str.h"

struct smtp_mail {
    struct str to;         /* one address */
    struct str subject;    /* one line */
    struct str text, html; /* UTF-8, lines end with \n; together at most MAX_MAIL */
    struct str message_id; /* without < and >; the same when the same mail is sent again */
    int64_t date_ms;
    bool (*cancelled)(void *ctx); /* may be NULL; asked at least every 300 ms, in this thread */
    void *cancel_ctx;
};

/* True if smtp_url is set. */
bool smtp_on(const struct config *c);
/* *reply is the last line of the server, fit to print ("250 2.0.0 queued as ..."), in the arena. Never again:
 * ERR_INVALID, code mail_invalid (an address, subject or id that no mail may have) or mail_refused (the server answered
 * 5xx to the sender, the recipient or the content); ERR_TOO_LARGE. Perhaps later: ERR_UNAVAILABLE, code mail_deferred
 * (4xx), smtp_login, smtp_tls, smtp_off or smtp_failed (not reached, or the connection was lost); ERR_TIMEOUT; ERR_GONE
 * when cancelled. The server may have taken the mail all the same. */
enum status smtp_send(const struct config *c, struct arena *a, const struct smtp_mail *m, struct str *reply,
                      struct err *e);
/* Connect, switch to TLS, sign in, send NOOP and leave. Errors as above. */
enum status smtp_check(const struct config *c, struct arena *a, struct err *e);

#endif
