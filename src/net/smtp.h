/* smtp.h: hands one mail to the mail server of the settings (smtp_*, mail_from). libcurl's SMTP.
 *
 * smtps:// is TLS from the first byte; smtp:// must turn to TLS (STARTTLS) before anything is said, unless the server is
 * this machine or smtp_tls is off. The server's certificate is always checked. No proxy, no other protocol.
 * What goes out (RFC 5322): From, To, Subject, Date, Message-ID, Auto-Submitted, and a multipart/alternative of
 * text and HTML, both quoted-printable, so that no line is long and no byte is above 127.
 * Thread safe; no thread waits longer than smtp_timeout. Neither the password nor the recipient stands in an error text. */
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
    struct str message_id; /* without < and >; the same again when the same mail is sent again */
    int64_t date_ms;
    bool (*cancelled)(void *ctx); /* asked at least every 300 ms, in this thread; may be NULL */
    void *cancel_ctx;
};

bool smtp_on(const struct config *c); /* smtp_url is set */
/* *reply is the server's last line, fit to print ("250 2.0.0 queued as …"), in the arena.
 * Not worth a second try: ERR_INVALID code mail_invalid (an address, a subject, an id that no mail may have) or
 * mail_refused (the server answered 5xx to sender, recipient or content), ERR_TOO_LARGE.
 * Later perhaps: ERR_UNAVAILABLE, code mail_deferred (4xx), smtp_login, smtp_tls, smtp_failed (not reached, connection lost),
 * smtp_off; ERR_TIMEOUT; ERR_GONE when cancelled. The mail may have been taken all the same. */
enum status smtp_send(const struct config *c, struct arena *a, const struct smtp_mail *m, struct str *reply,
                      struct err *e);
/* Connect, turn to TLS, sign in, say NOOP and leave. */
enum status smtp_check(const struct config *c, struct arena *a, struct err *e);

#endif
