/* smtp.c: one mail to one mail server through libcurl.
 *
 * A mail may be tried again only if the server has not taken it, so the result separates what was said about this mail
 * (5xx: never again; 4xx: later) from what was said about us (login, TLS, greeting). The server's words are shown
 * without the address of the recipient, which is not for logs. */
#include "net/smtp.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/email.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "net/address.h"
#include "net/mail_header.h"
#include "net/net_internal.h"

#include "base/banned.h"

#define HEADER_MAX 8192
#define REPLY_MAX 400
#define REPLY_SHOWN 160
#define POLL_MS 200

/* One session with the server. */
struct smtp_session {
    const struct config *config;
    const struct smtp_mail *mail; /* NULL: only check whether the server would take one */
    struct arena *arena;
    CURL *easy;
    CURLM *multi;
    curl_mime *mime;
    struct curl_slist *headers, *to;
    char *host;           /* for messages; in the arena */
    bool plain;           /* TLS is not required */
    char said[REPLY_MAX]; /* the last line of the server that matters */
    size_t said_n;
};

bool smtp_on(const struct config *c)
{
    return config_string(c, CONFIG_smtp_url)[0] != '\0';
}

/* ---- what must hold before anything is sent ---- */

static enum status smtp_bad_mail(struct err *e, const char *what)
{
    return err_set(e, E_mail_invalid, "This mail cannot be sent: %s.", what);
}

/* A recipient knows the brand and not the software, so an empty name becomes the brand's. */
static struct str smtp_from_name(const struct config *c)
{
    const char *name = config_string(c, CONFIG_mail_from_name);
    return str_from(name[0] ? name : config_string(c, CONFIG_brand_name));
}

static enum status smtp_check_settings(const struct config *c, struct err *e)
{
    if (!smtp_on(c))
        return err_set(e, E_smtp_off, "No mail is sent: smtp_url is not set.");
    if (!email_valid(str_from(config_string(c, CONFIG_mail_from))))
        return err_set(e, E_smtp_off, "No mail can be sent: mail_from is not set to an e-mail address.");
    if (!mail_header_ok(smtp_from_name(c)))
        return err_set(e, E_smtp_off, "No mail can be sent: mail_from_name contains a control character.");
    return OK;
}

/* A mail that can never be sent is refused before the server is called, with an error that is final, so that the job is
 * not repeated for two days. */
static enum status smtp_check_mail(const struct smtp_mail *m, struct err *e)
{
    if (!email_valid(m->to))
        return smtp_bad_mail(e, "its recipient is not an e-mail address");
    if (!m->subject.n || !mail_header_ok(m->subject))
        return smtp_bad_mail(e, "its subject is not one line of text");
    if (!mail_header_id_ok(m->message_id))
        return smtp_bad_mail(e, "its Message-ID is malformed");
    if (!utf8_text(m->text) || !utf8_text(m->html))
        return smtp_bad_mail(e, "it contains bytes that are not UTF-8 text");
    if (m->text.n + m->html.n > MAX_MAIL)
        return err_set(e, E_mail_too_large, "The mail is larger than %zu KB.", MAX_MAIL / KB);
    return OK;
}

/* TLS is left out only for a host that can be nothing but this machine, or when the operator has switched it off. */
static enum status smtp_read_server(struct smtp_session *t, struct err *e)
{
    CURLU *u = curl_url();
    char *host = NULL;
    CURLUcode rc = u ? curl_url_set(u, CURLUPART_URL, config_string(t->config, CONFIG_smtp_url), 0)
                     : CURLUE_OUT_OF_MEMORY;
    if (rc == CURLUE_OK)
        rc = curl_url_get(u, CURLUPART_HOST, &host, 0);
    t->host = host ? arena_strdup(t->arena, str_from(host)) : NULL;
    curl_free(host);
    curl_url_cleanup(u);
    if (rc != CURLUE_OK && rc != CURLUE_OUT_OF_MEMORY)
        return err_set(e, E_smtp_off, "smtp_url does not name a server: %s.", curl_url_strerror(rc));
    if (!t->host)
        return err_nomem(e);
    t->plain = host_is_loopback(str_from(t->host)) || config_int(t->config, CONFIG_smtp_tls) == SMTP_TLS_OFF;
    return OK;
}

/* ---- the mail as curl wants it ---- */

static bool smtp_add_header(struct smtp_session *t, struct buf *line)
{
    struct curl_slist *more = buf_ok(line) ? curl_slist_append(t->headers, line->p) : NULL;
    t->headers = more ? more : t->headers;
    buf_clear(line);
    return more;
}

/* Auto-Submitted (RFC 3834) keeps automatic replies from being sent back. libcurl adds no Date and no Message-ID of its
 * own, and without them a mail looks like spam. */
static bool smtp_add_headers(struct smtp_session *t)
{
    const struct smtp_mail *m = t->mail;
    struct buf b;
    buf_init(&b, HEADER_MAX);
    mail_header_mailbox(&b, "From", smtp_from_name(t->config), str_from(config_string(t->config, CONFIG_mail_from)));
    bool ok = smtp_add_header(t, &b);
    buf_printf(&b, "To: %.*s", STR_F(m->to));
    ok = ok && smtp_add_header(t, &b);
    mail_header_text(&b, "Subject", m->subject);
    ok = ok && smtp_add_header(t, &b);
    buf_puts(&b, "Date: ");
    mail_header_date(&b, m->date_ms);
    ok = ok && smtp_add_header(t, &b);
    buf_printf(&b, "Message-ID: <%.*s>", STR_F(m->message_id));
    ok = ok && smtp_add_header(t, &b);
    buf_puts(&b, "Auto-Submitted: auto-generated");
    ok = ok && smtp_add_header(t, &b);
    buf_puts(&b, "Content-Type: multipart/alternative"); /* libcurl appends the boundary */
    ok = ok && smtp_add_header(t, &b);
    buf_release(&b);
    return ok;
}

/* On the wire a line ends with CRLF. The encoder of libcurl would encode a lone \n as a byte of the text. */
static bool smtp_add_part(struct smtp_session *t, struct str text, const char *type)
{
    struct buf b;
    curl_mimepart *part = curl_mime_addpart(t->mime);
    buf_init(&b, 2 * MAX_MAIL + 2);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\n')
            buf_putc(&b, '\r');
        if (text.p[i] != '\r')
            buf_putc(&b, text.p[i]);
    }
    bool ok = part && buf_ok(&b) && curl_mime_data(part, b.p, b.n) == CURLE_OK &&
              curl_mime_type(part, type) == CURLE_OK && curl_mime_encoder(part, "quoted-printable") == CURLE_OK;
    buf_release(&b);
    return ok;
}

static bool smtp_set_mail(struct smtp_session *t)
{
    CURL *h = t->easy;
    char *to = arena_strdup(t->arena, t->mail->to);
    t->mime = curl_mime_init(h);
    t->to = to ? curl_slist_append(NULL, to) : NULL;
    bool ok = t->mime && t->to && smtp_add_headers(t) && smtp_add_part(t, t->mail->text, "text/plain; charset=utf-8") &&
              smtp_add_part(t, t->mail->html, "text/html; charset=utf-8");
    ok = ok && curl_easy_setopt(h, CURLOPT_MAIL_FROM, config_string(t->config, CONFIG_mail_from)) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_MAIL_RCPT, t->to) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
    return ok && curl_easy_setopt(h, CURLOPT_MIMEPOST, t->mime) == CURLE_OK;
}

/* Greeting, TLS and login take place before NOOP, which is all that `parley doctor` wants to know. No mail is begun. */
static bool smtp_set_check(struct smtp_session *t)
{
    return curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L) == CURLE_OK &&
           curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, "NOOP") == CURLE_OK;
}

/* ---- curl's settings ---- */

/* The lines of the server, one per call. Its reply to QUIT (221) tells nothing about the mail. */
static size_t smtp_on_line(char *p, size_t size, size_t n, void *ctx)
{
    struct smtp_session *t = ctx;
    n *= size;
    if (n >= 3 && memcmp(p, "221", 3) == 0)
        return n;
    t->said_n = n < sizeof(t->said) ? n : sizeof(t->said);
    memcpy(t->said, p, t->said_n);
    return n;
}

/* Without it libcurl would write what the server says to standard output. */
static size_t smtp_on_body(char *p, size_t size, size_t n, void *ctx)
{
    (void)p;
    (void)ctx;
    return size * n;
}

/* No other protocol and no proxy, whatever the environment says. */
static bool smtp_set_limits(struct smtp_session *t)
{
    CURL *h = t->easy;
    bool ok = curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)config_int(t->config, CONFIG_smtp_timeout)) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_PROXY, "") == CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075500
    ok = ok && curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK;
#else
    ok = ok && curl_easy_setopt(h, CURLOPT_PROTOCOLS, (long)(CURLPROTO_SMTP | CURLPROTO_SMTPS)) == CURLE_OK;
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    ok = ok && curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
#endif
    return ok;
}

static bool smtp_set_server(struct smtp_session *t)
{
    CURL *h = t->easy;
    const char *user = config_string(t->config, CONFIG_smtp_user), *ca = config_string(t->config, CONFIG_smtp_ca_file);
    bool ok = curl_easy_setopt(h, CURLOPT_URL, config_string(t->config, CONFIG_smtp_url)) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_USE_SSL, (long)(t->plain ? CURLUSESSL_NONE : CURLUSESSL_ALL)) == CURLE_OK;
    if (ok && user[0]) {
        ok = curl_easy_setopt(h, CURLOPT_USERNAME, user) == CURLE_OK;
        ok = ok && curl_easy_setopt(h, CURLOPT_PASSWORD, config_string(t->config, CONFIG_smtp_password)) == CURLE_OK;
    }
    if (ok && ca[0])
        ok = curl_easy_setopt(h, CURLOPT_CAINFO, ca) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, smtp_on_line) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HEADERDATA, t) == CURLE_OK;
    return ok && curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, smtp_on_body) == CURLE_OK;
}

static enum status smtp_prepare(struct smtp_session *t, struct err *e)
{
    enum status st = smtp_check_settings(t->config, e);
    if (st == OK && t->mail)
        st = smtp_check_mail(t->mail, e);
    if (st == OK)
        st = smtp_read_server(t, e);
    if (st != OK)
        return st;
    t->easy = curl_easy_init();
    t->multi = curl_multi_init();
    bool ok = t->easy && t->multi && smtp_set_limits(t) && smtp_set_server(t) &&
              (t->mail ? smtp_set_mail(t) : smtp_set_check(t));
    return ok && curl_multi_add_handle(t->multi, t->easy) == CURLM_OK ? OK : err_nomem(e);
}

/* ---- what came of it ---- */

/* The last line of the server, fit to print: the recipient's address and control characters are replaced, because the
 * line ends up in logs and in the job's row, and comes from another machine. */
static const char *smtp_reply_text(const struct smtp_session *t)
{
    struct str rest = str_trim(str_n(t->said, t->said_n)), to = t->mail ? t->mail->to : STR_EMPTY;
    struct buf b;
    buf_init(&b, (size_t)4 * REPLY_MAX);
    while (rest.n) {
        if (to.n && rest.n >= to.n && str_ieq(str_sub(rest, 0, to.n), to)) {
            buf_puts(&b, "…");
            rest = str_sub(rest, to.n, rest.n);
            continue;
        }
        struct str before = rest;
        uint32_t cp = utf8_next(&rest);
        bool shown = cp >= 0x20 && cp != 0x7F && cp != 0xFFFD && !(cp >= 0x80 && cp < 0xA0);
        buf_str_add(&b, shown ? str_sub(before, 0, before.n - rest.n) : STR("?"));
    }
    char *out = arena_strdup(t->arena, utf8_cut(buf_str(&b), REPLY_SHOWN));
    buf_release(&b);
    return out ? out : "";
}

static long smtp_reply_code(const struct smtp_session *t)
{
    long code = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

/* Whether the reply was to MAIL, RCPT, DATA or the mail itself. A reply to the greeting or the login is about us, not
 * about this mail. */
static bool smtp_about_mail(const struct smtp_session *t, CURLcode rc)
{
    curl_off_t sent = 0;
    curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    return t->mail && (rc == CURLE_SEND_ERROR || (rc == CURLE_WEIRD_SERVER_REPLY && sent > 0));
}

static bool is_tls_fault(CURLcode rc)
{
    return rc == CURLE_USE_SSL_FAILED || rc == CURLE_SSL_CONNECT_ERROR || rc == CURLE_PEER_FAILED_VERIFICATION ||
           rc == CURLE_SSL_CACERT_BADFILE || rc == CURLE_SSL_CERTPROBLEM || rc == CURLE_SSL_CIPHER ||
           rc == CURLE_SSL_ISSUER_ERROR;
}

static enum status smtp_timed_out(const struct smtp_session *t, struct err *e)
{
    return err_set(e, E_smtp_timeout, "The mail server %s did not finish within %lld ms.", t->host,
                   (long long)config_int(t->config, CONFIG_smtp_timeout));
}

/* Without the server's words: some servers repeat the password. The code alone is enough to look it up. */
static enum status smtp_login_failed(const struct smtp_session *t, long code, struct err *e)
{
    bool asked = config_string(t->config, CONFIG_smtp_user)[0] != '\0';
    return err_set(e, E_smtp_login, "The mail server %s %s (%ld).", t->host,
                   asked ? "does not accept smtp_user and smtp_password"
                         : "requires a sign-in: set smtp_user and smtp_password",
                   code);
}

static enum status smtp_failed(const struct smtp_session *t, CURLcode rc, struct err *e)
{
    if (rc == CURLE_WEIRD_SERVER_REPLY || rc == CURLE_REMOTE_ACCESS_DENIED)
        return err_set(e, E_smtp_failed, "The mail server %s refuses the connection: %s", t->host, smtp_reply_text(t));
    return err_set(e, E_smtp_failed, "The mail server %s was not reached, or the connection was lost: %s.", t->host,
                   curl_easy_strerror(rc));
}

static bool is_login_code(long code)
{
    return code == 530 || code == 534 || code == 535 || code == 538;
}

/* The reply was to this mail: for ever (5xx) or for now (4xx). Other codes say nothing about it. */
static enum status smtp_mail_result(const struct smtp_session *t, long code, CURLcode rc, struct err *e)
{
    if (code >= 500)
        return err_set(e, E_mail_refused, "The mail server %s refuses this mail: %s", t->host, smtp_reply_text(t));
    if (code >= 400)
        return err_set(e, E_mail_deferred, "The mail server %s does not accept this mail now: %s", t->host,
                       smtp_reply_text(t));
    return smtp_failed(t, rc, e);
}

/* From certain to vague: what is not about TLS, the login or this mail is a failed connection. */
static enum status smtp_result(const struct smtp_session *t, CURLcode rc, struct err *e)
{
    long code = smtp_reply_code(t);
    if (rc == CURLE_OK)
        return OK;
    if (rc == CURLE_OUT_OF_MEMORY)
        return err_nomem(e);
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return smtp_timed_out(t, e);
    if (rc == CURLE_LOGIN_DENIED || (smtp_about_mail(t, rc) && is_login_code(code)))
        return smtp_login_failed(t, code, e);
    if (is_tls_fault(rc))
        return err_set(e, E_smtp_tls, "There is no secure connection to the mail server %s: %s.", t->host,
                       curl_easy_strerror(rc));
    return smtp_about_mail(t, rc) ? smtp_mail_result(t, code, rc, e) : smtp_failed(t, rc, e);
}

/* The multi interface is used although there is one transfer only: curl_easy_perform() cannot be interrupted while it
 * looks up a name or waits for a byte. libcurl would sleep until the network has something, so it is woken every
 * POLL_MS to ask for cancellation. */
static enum status smtp_transfer(struct smtp_session *t, struct err *e)
{
    const struct smtp_mail *m = t->mail;
    int64_t end = clock_mono_us() + config_int(t->config, CONFIG_smtp_timeout) * 1000;
    int running = 1, left, ms = 0;
    while (curl_multi_poll(t->multi, NULL, 0, ms, NULL) == CURLM_OK &&
           curl_multi_perform(t->multi, &running) == CURLM_OK) {
        CURLMsg *done = running ? NULL : curl_multi_info_read(t->multi, &left);
        if (!running)
            return smtp_result(t, done && done->msg == CURLMSG_DONE ? done->data.result : CURLE_OUT_OF_MEMORY, e);
        if (m && m->cancelled && m->cancelled(m->cancel_ctx))
            return err_set(e, E_cancelled, "Sending the mail was cancelled.");
        int64_t rest = (end - clock_mono_us()) / 1000;
        if (rest < 0)
            return smtp_timed_out(t, e);
        ms = rest < POLL_MS ? (int)rest + 1 : POLL_MS;
    }
    return err_set(e, E_smtp_failed, "The mail server %s was not reached.", t->host);
}

static enum status smtp_converse(struct smtp_session *t, struct err *e)
{
    net_library_begin();
    enum status st = smtp_prepare(t, e);
    if (st == OK)
        st = smtp_transfer(t, e);
    if (t->multi && t->easy)
        curl_multi_remove_handle(t->multi, t->easy);
    curl_easy_cleanup(t->easy);
    curl_multi_cleanup(t->multi);
    curl_mime_free(t->mime);
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->to);
    return st;
}

enum status smtp_send(const struct config *c, struct arena *a, const struct smtp_mail *m, struct str *reply,
                      struct err *e)
{
    struct smtp_session t = {.config = c, .mail = m, .arena = a};
    enum status st = smtp_converse(&t, e);
    *reply = st == OK ? str_from(smtp_reply_text(&t)) : STR_EMPTY;
    return st;
}

enum status smtp_check(const struct config *c, struct arena *a, struct err *e)
{
    struct smtp_session t = {.config = c, .arena = a};
    return smtp_converse(&t, e);
}
