#include "net/smtp.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/email.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "net/address.h"
#include "net/fetch.h"
#include "net/net_internal.h"
#include "net/mail_header.h"

#include "base/banned.h"

#define HEADER_MAX 8192
#define REPLY_MAX 400
#define REPLY_SHOWN 160

/* One conversation with the server. */
struct talk {
    const struct config *config;
    const struct smtp_mail *mail; /* NULL: only a look whether it would take one */
    struct arena *arena;
    CURL *easy;
    CURLM *multi;
    curl_mime *mime;
    struct curl_slist *headers, *to;
    char *host;           /* for messages; the arena's */
    bool plain;           /* no TLS is asked for */
    char said[REPLY_MAX]; /* the server's last line about the matter */
    size_t said_n;
};

bool smtp_on(const struct config *c)
{
    return config_string(c, CONFIG_smtp_url)[0] != '\0';
}

/* ---- what must hold before anything is sent ---- */

static enum status bad_mail(struct err *e, const char *what)
{
    return err_set(e, E_mail_invalid, "This mail cannot be sent: %s.", what);
}

static struct str from_name(const struct config *c)
{
    const char *name = config_string(c, CONFIG_mail_from_name);
    return str_from(name[0] ? name : config_string(c, CONFIG_brand_name));
}

static enum status check_settings(const struct config *c, struct err *e)
{
    if (!smtp_on(c))
        return err_set(e, E_smtp_off, "No mail is sent: smtp_url is not set.");
    if (!email_valid(str_from(config_string(c, CONFIG_mail_from))))
        return err_set(e, E_smtp_off, "No mail can be sent: mail_from is not set to an e-mail address.");
    if (!mail_header_ok(from_name(c)))
        return err_set(e, E_smtp_off, "No mail can be sent: mail_from_name holds a control character.");
    return OK;
}

static enum status check_mail(const struct smtp_mail *m, struct err *e)
{
    if (!email_valid(m->to))
        return bad_mail(e, "its recipient is no e-mail address");
    if (!m->subject.n || !mail_header_ok(m->subject))
        return bad_mail(e, "its subject is not one line of text");
    if (!mail_header_id_ok(m->message_id))
        return bad_mail(e, "its id is none");
    if (!utf8_text(m->text) || !utf8_text(m->html))
        return bad_mail(e, "it holds bytes that are no text");
    if (m->text.n + m->html.n > MAX_MAIL)
        return err_set(e, E_mail_too_large, "The mail has more than %zu KB.", MAX_MAIL / KB);
    return OK;
}

static enum status read_server(struct talk *t, struct err *e)
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
        return err_set(e, E_smtp_off, "smtp_url names no server: %s.", curl_url_strerror(rc));
    if (!t->host)
        return err_nomem(e);
    t->plain = host_is_loopback(str_from(t->host)) || strcmp(config_string(t->config, CONFIG_smtp_tls), "off") == 0;
    return OK;
}

/* ---- the mail as curl wants it ---- */

static bool add_header(struct talk *t, struct buf *line)
{
    struct curl_slist *more = buf_ok(line) ? curl_slist_append(t->headers, line->p) : NULL;
    t->headers = more ? more : t->headers;
    buf_clear(line);
    return more;
}

static bool add_headers(struct talk *t)
{
    const struct smtp_mail *m = t->mail;
    struct buf b;
    buf_init(&b, HEADER_MAX);
    mail_header_mailbox(&b, "From", from_name(t->config), str_from(config_string(t->config, CONFIG_mail_from)));
    bool ok = add_header(t, &b);
    buf_printf(&b, "To: %.*s", STR_F(m->to));
    ok = ok && add_header(t, &b);
    mail_header_text(&b, "Subject", m->subject);
    ok = ok && add_header(t, &b);
    buf_puts(&b, "Date: ");
    mail_header_date(&b, m->date_ms);
    ok = ok && add_header(t, &b);
    buf_printf(&b, "Message-ID: <%.*s>", STR_F(m->message_id));
    ok = ok && add_header(t, &b);
    buf_puts(&b, "Auto-Submitted: auto-generated");
    ok = ok && add_header(t, &b);
    buf_puts(&b, "Content-Type: multipart/alternative"); /* curl puts the boundary behind it */
    ok = ok && add_header(t, &b);
    buf_release(&b);
    return ok;
}

/* A line ends with CRLF on the wire: curl's encoder takes a lone \n for a byte of the text. */
static bool add_part(struct talk *t, struct str text, const char *type)
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

static bool set_mail(struct talk *t)
{
    CURL *h = t->easy;
    char *to = arena_strdup(t->arena, t->mail->to);
    t->mime = curl_mime_init(h);
    t->to = to ? curl_slist_append(NULL, to) : NULL;
    bool ok = t->mime && t->to && add_headers(t) && add_part(t, t->mail->text, "text/plain; charset=utf-8") &&
              add_part(t, t->mail->html, "text/html; charset=utf-8");
    ok = ok && curl_easy_setopt(h, CURLOPT_MAIL_FROM, config_string(t->config, CONFIG_mail_from)) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_MAIL_RCPT, t->to) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
    return ok && curl_easy_setopt(h, CURLOPT_MIMEPOST, t->mime) == CURLE_OK;
}

static bool set_look(struct talk *t)
{
    return curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L) == CURLE_OK &&
           curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, "NOOP") == CURLE_OK;
}

/* ---- curl's settings ---- */

/* The server's lines, one a call. What it says to our farewell (221) tells nothing. */
static size_t on_line(char *p, size_t size, size_t n, void *ctx)
{
    struct talk *t = ctx;
    n *= size;
    if (n >= 3 && memcmp(p, "221", 3) == 0)
        return n;
    t->said_n = n < sizeof(t->said) ? n : sizeof(t->said);
    memcpy(t->said, p, t->said_n);
    return n;
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    (void)p;
    (void)ctx;
    return size * n;
}

static bool set_limits(struct talk *t)
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

static bool set_server(struct talk *t)
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
    ok = ok && curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_line) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HEADERDATA, t) == CURLE_OK;
    return ok && curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
}

static enum status prepare(struct talk *t, struct err *e)
{
    enum status st = check_settings(t->config, e);
    if (st == OK && t->mail)
        st = check_mail(t->mail, e);
    if (st == OK)
        st = read_server(t, e);
    if (st != OK)
        return st;
    t->easy = curl_easy_init();
    t->multi = curl_multi_init();
    bool ok = t->easy && t->multi && set_limits(t) && set_server(t) && (t->mail ? set_mail(t) : set_look(t));
    return ok && curl_multi_add_handle(t->multi, t->easy) == CURLM_OK ? OK : err_nomem(e);
}

/* ---- what came of it ---- */

/* The server's last line, fit to print; whose address it was about is left out. */
static const char *words_of(const struct talk *t)
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

static long reply_code(const struct talk *t)
{
    long code = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

/* Was it said to MAIL, RCPT, DATA or the mail itself? What is said to the greeting is about us, not about this mail. */
static bool about_mail(const struct talk *t, CURLcode rc)
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

static enum status timed_out(const struct talk *t, struct err *e)
{
    return err_set(e, E_smtp_timeout, "The mail server %s was not done within %lld ms.", t->host,
                   (long long)config_int(t->config, CONFIG_smtp_timeout));
}

/* The server's words stay out of it: some repeat what they were given. */
static enum status login_failed(const struct talk *t, long code, struct err *e)
{
    bool asked = config_string(t->config, CONFIG_smtp_user)[0] != '\0';
    return err_set(
        e, E_smtp_login, "The mail server %s %s (%ld).", t->host,
        asked ? "does not take smtp_user and smtp_password" : "wants a sign-in: set smtp_user and smtp_password", code);
}

static enum status result_of(const struct talk *t, CURLcode rc, struct err *e)
{
    long code = reply_code(t);
    if (rc == CURLE_OK)
        return OK;
    if (rc == CURLE_OUT_OF_MEMORY)
        return err_nomem(e);
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return timed_out(t, e);
    if (rc == CURLE_LOGIN_DENIED || (about_mail(t, rc) && (code == 530 || code == 534 || code == 535 || code == 538)))
        return login_failed(t, code, e);
    if (is_tls_fault(rc))
        return err_set(e, E_smtp_tls, "No safe connection to the mail server %s: %s.", t->host, curl_easy_strerror(rc));
    if (about_mail(t, rc) && code >= 500)
        return err_set(e, E_mail_refused, "The mail server %s refuses this mail: %s", t->host, words_of(t));
    if (about_mail(t, rc) && code >= 400)
        return err_set(e, E_mail_deferred, "The mail server %s does not take this mail now: %s", t->host, words_of(t));
    if (rc == CURLE_WEIRD_SERVER_REPLY || rc == CURLE_REMOTE_ACCESS_DENIED)
        return err_set(e, E_smtp_failed, "The mail server %s turns us away: %s", t->host, words_of(t));
    return err_set(e, E_smtp_failed, "The mail server %s was not reached, or was lost: %s.", t->host,
                   curl_easy_strerror(rc));
}

static enum status run(struct talk *t, struct err *e)
{
    int rc = 0;
    const struct smtp_mail *m = t->mail;
    switch (net_run(t->multi, config_int(t->config, CONFIG_smtp_timeout), m ? m->cancelled : NULL,
                    m ? m->cancel_ctx : NULL, &rc)) {
    case NET_DONE:
        return result_of(t, (CURLcode)rc, e);
    case NET_TIMED_OUT:
        return timed_out(t, e);
    case NET_CANCELLED:
        return err_set(e, E_cancelled, "Sending the mail was cancelled.");
    case NET_BROKEN:
        break;
    }
    return err_set(e, E_smtp_failed, "The mail server %s was not reached.", t->host);
}

static enum status talk(struct talk *t, struct err *e)
{
    fetch_library_begin();
    enum status st = prepare(t, e);
    if (st == OK)
        st = run(t, e);
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
    struct talk t = {.config = c, .mail = m, .arena = a};
    enum status st = talk(&t, e);
    *reply = st == OK ? str_from(words_of(&t)) : STR_EMPTY;
    return st;
}

enum status smtp_check(const struct config *c, struct arena *a, struct err *e)
{
    struct talk t = {.config = c, .arena = a};
    return talk(&t, e);
}
