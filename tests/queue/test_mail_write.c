/* Mails as they are written: texts, values, headers, plain text and HTML, without a database. */
#include "base/config.h"
#include "base/json.h"
#include "base/limits.h"
#include "lib/test.h"
#include "net/mail_header.h"
#include "net/smtp.h"
#include "queue/mail.h"
#include "view/view.h"

static struct arena arena;
static const struct config *config;
static struct buf out;

static int begin(void **state)
{
    struct err e = ERR_INIT;
    struct view_config vc = {.template_dir = TEST_SRCDIR "/templates"};
    (void)state;
    setenv("PARLEY_SMTP_URL", "smtp://127.0.0.1:9",
           1); /* no server listens: a mail that passes the checks fails with smtp_failed */
    setenv("PARLEY_MAIL_FROM", "noreply@example.com", 1);
    setenv("PARLEY_BASE_URL", "https://chat.example.com", 1);
    setenv("PARLEY_BRAND_NAME", "Acme Chat", 1);
    arena_init(&arena, 64 * MB);
    assert_ok(view_library_open(&vc, &e), &e);
    assert_ok(config_load("/dev/null", &config, &e), &e);
    return 0;
}

static int end(void **state)
{
    (void)state;
    config_drop(config);
    arena_release(&arena);
    view_library_close();
    return 0;
}

static const char *text(struct str s)
{
    buf_clear(&out);
    mail_header_text(&out, "Subject", s);
    assert_true(str_starts(buf_str(&out), STR("Subject: ")));
    return out.p + strlen("Subject: ");
}

static void headers_are_encoded(void **state)
{
    (void)state;
    assert_string_equal(text(STR("Plain words (and more), 90 %")), "Plain words (and more), 90 %");
    assert_string_equal(text(STR("Grüße")), "=?utf-8?Q?Gr=C3=BC=C3=9Fe?=");
    assert_string_equal(text(STR("=?utf-8?Q?x?=")), "=?utf-8?Q?=3D=3Futf-8=3FQ=3Fx=3F=3D?=");
    assert_string_equal(text(STR("a_b ü")), "=?utf-8?Q?a=5Fb_=C3=BC?=");
}

/* Lines of at most 76 bytes, none of which of which ends inside a character. */
static void long_headers_are_folded(void **state)
{
    struct str line;
    struct buf in;
    size_t lines = 0;
    (void)state;
    buf_init(&in, 4096);
    for (int i = 0; i < 60; i++)
        buf_puts(&in, i % 3 ? "é " : "\xF0\x9F\x98\x80");
    text(buf_str(&in));
    struct str rest = buf_str(&out);
    while (str_split(&rest, '\n', &line)) {
        assert_true(line.n <= 76 + strlen("\r"));
        line = str_trim(lines ? line : str_sub(line, strlen("Subject: "), line.n));
        assert_true(str_starts(line, STR("=?utf-8?Q?")) && str_ends(line, STR("?=")));
        assert_true(str_has(line, STR("=F0=9F=98=80")) || !str_has(line, STR("=F0")));
        lines++;
    }
    assert_true(lines > 5);
    buf_release(&in);
}

static void mailboxes(void **state)
{
    static const struct {
        const char *name, *want;
    } cases[] = {
        {"", "a@b.example"},
        {"Acme", "\"Acme\" <a@b.example>"},
        {"A \"B\" \\ <c@d>", "\"A \\\"B\\\" \\\\ <c@d>\" <a@b.example>"},
        {"Zoë", "=?utf-8?Q?Zo=C3=AB?=\r\n <a@b.example>"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&out);
        mail_header_mailbox(&out, "From", str_from(cases[i].name), STR("a@b.example"));
        assert_string_equal(out.p + strlen("From: "), cases[i].want);
    }
}

static void dates(void **state)
{
    static const struct {
        int64_t ms;
        const char *want;
    } cases[] = {
        {0, "Thu, 1 Jan 1970 00:00:00 +0000"},
        {1795413140123, "Mon, 23 Nov 2026 05:52:20 +0000"},
        {951782400000, "Tue, 29 Feb 2000 00:00:00 +0000"},
        {-1000, "Wed, 31 Dec 1969 23:59:59 +0000"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&out);
        mail_header_date(&out, cases[i].ms);
        assert_string_equal(out.p, cases[i].want);
    }
}

static enum status attempt(struct smtp_mail m, struct err *e)
{
    struct str reply;
    return smtp_send(config, &arena, &m, &reply, e);
}

static const struct smtp_mail good = {.to = {"b@example.org", 13},
                                      .subject = {"s", 1},
                                      .text = {"t", 1},
                                      .html = {"h", 1},
                                      .message_id = {"1@example.com", 13}};

static void refused(struct smtp_mail m)
{
    struct err e = ERR_INIT;
    assert_int_equal(attempt(m, &e), ERR_INVALID);
    assert_string_equal(err_code(&e), "mail_invalid");
}

static void nothing_can_be_injected(void **state)
{
    static const char *const to[] = {"",
                                     "b",
                                     "b@example.org\r\nRCPT TO:<c@example.org>",
                                     "b@example.org>",
                                     "b@example.org,c@example.org",
                                     "b c@example.org",
                                     "<b@example.org>",
                                     "b@example.org\n",
                                     "b@example",
                                     "b@exa mple.org",
                                     "b@example.org\x01"};
    static const char *const subjects[] = {"",           "s\r\nBcc: c@example.org", "s\n",  "s\r", "s\x7F", "s\x01",
                                           "s\xC2\x85t", "s\xE2\x80\xA8t",          "s\xFF"};
    static const char *const ids[] = {"", "x", "@x", "x@", "a@b>", "a b@c", "a@b\r\nX: y", "a@b@c"};
    struct smtp_mail m = good;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(to); i++, m = good) {
        m.to = str_from(to[i]);
        refused(m);
    }
    for (size_t i = 0; i < COUNT_OF(subjects); i++, m = good) {
        m.subject = str_from(subjects[i]);
        refused(m);
    }
    for (size_t i = 0; i < COUNT_OF(ids); i++, m = good) {
        m.message_id = str_from(ids[i]);
        refused(m);
    }
    m.text = str_n("a\0b", 3);
    refused(m);
}

static void valid_mails_reach_the_server(void **state)
{
    struct err e = ERR_INIT;
    struct smtp_mail m = good;
    (void)state;
    assert_int_equal(attempt(m, &e), ERR_UNAVAILABLE);
    assert_string_equal(err_code(&e), "smtp_failed");
    char *large = arena_alloc(&arena, MAX_MAIL);
    assert_non_null(large);
    m.text = (struct str){memset(large, 'x', MAX_MAIL), MAX_MAIL};
    assert_int_equal(attempt(m, &e), ERR_TOO_LARGE);
}

/* ---- the message ---- */

static enum status write_json(const char *payload, struct mail_written *w, struct err *e)
{
    struct json *j = NULL;
    assert_ok(json_parse(&arena, str_from(payload), 8, &j, e), e);
    return mail_write(config, &arena, j, w, e);
}

static bool has(struct str s, const char *part)
{
    return str_has(s, str_from(part));
}

static void values_are_escaped(void **state)
{
    struct err e = ERR_INIT;
    struct mail_written w;
    (void)state;
    assert_ok(
        write_json(
            "{\"to\":\"b@example.org\",\"template\":\"usage_90\",\"language\":\"\",\"values\":{"
            "\"workspace\":\"<script>x</script>\\r\\nBcc: c@example.org\\u2028{used}\",\"used\":{\"number\":9000},"
            "\"included\":{\"number\":10000},\"plan\":\"STARTER\",\"until\":{\"date\":1795413140123},\"url\":\"/app/"
            "usage\"},"
            "\"rows\":[{\"label\":\"A <b>\",\"value\":\"1\\n2\"}]}",
            &w, &e),
        &e);
    assert_true(mail_header_ok(w.subject));
    assert_str(w.subject, "<script>x</script>  Bcc: c@example.org {used} has used 90 % of its conversations");
    assert_false(has(w.html, "<script"));
    assert_true(has(w.html, "&lt;script&gt;x"));
    assert_true(has(w.html, "href=\"https://chat.example.com/app/usage\""));
    assert_true(has(w.text, "9,000 of the 10,000"));
    assert_true(has(w.text, "until 23 Nov 2026"));
    assert_true(has(w.text, "See your usage:\nhttps://chat.example.com/app/usage\n"));
    assert_true(has(w.text, "\nPlan: STARTER\n"));
    assert_true(has(w.text, "\nA <b>: 1 2\n"));
    assert_true(has(w.html, "A &lt;b&gt;"));
    assert_true(has(w.html, "Acme Chat"));
}

static void missing_values_are_left_out_or_refused(void **state)
{
    struct err e = ERR_INIT;
    struct mail_written w;
    (void)state;
    assert_ok(write_json("{\"to\":\"b@example.org\",\"template\":\"test\",\"values\":{}}", &w, &e), &e);
    assert_false(has(w.text, "It was sent through"));
    assert_false(has(w.html, "class=\"m-button\""));
    assert_false(has(w.html, "<table"));
    assert_int_equal(write_json("{\"to\":\"b@example.org\",\"template\":\"usage_75\",\"values\":{}}", &w, &e),
                     ERR_INVALID);
    assert_has(e.message, "{workspace}");
    assert_int_equal(write_json("{\"to\":\"b@example.org\",\"template\":\"no_such\",\"values\":{}}", &w, &e),
                     ERR_INVALID);
    assert_string_equal(err_code(&e), "mail_unknown");
    static const char *const urls[] = {"javascript:alert(1)", "//evil.example", "", "app/usage"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        const char *payload = arena_printf(&arena, "{\"template\":\"test\",\"values\":{\"url\":\"%s\"}}", urls[i]);
        assert_int_equal(write_json(payload, &w, &e), ERR_INVALID);
    }
}

/* Every mail there is, each value given: no place is left to fill. */
static void every_text_can_be_written(void **state)
{
    static const char *const names[] = {"workspace", "used",  "included", "until", "plan",  "next",   "amount",
                                        "retry",     "unit",  "cap",      "price", "bots",  "kind",   "object",
                                        "words",     "since", "server",   "bot",   "calls", "tokens", "cost"};
    struct err e = ERR_INIT;
    struct view *v = view_new(&arena, "en");
    struct mail_written w;
    const char *name, *words;
    size_t n = 0;
    (void)state;
    assert_non_null(v);
    buf_clear(&out);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        buf_printf(&out, "\"%s\":\"(%s)\",", names[i], names[i]);
    for (; view_t_child(v, "Mail", n, &name, &words); n++) {
        const char *payload = arena_printf(&arena, "{\"template\":\"%s\",\"values\":{%s\"url\":\"/x\"}}", name, out.p);
        assert_ok(write_json(payload, &w, &e), &e);
        if (memchr(w.text.p, '{', w.text.n) || memchr(w.subject.p, '{', w.subject.n))
            fail_msg("%s has a placeholder that is not filled: %.*s", name, STR_F(w.text));
        assert_true(has(w.text, "https://chat.example.com/x"));
    }
    assert_true(n > 10);
}

int main(void)
{
    buf_init(&out, 64 * KB);
    const struct CMUnitTest tests[] = {TEST(headers_are_encoded),
                                       TEST(long_headers_are_folded),
                                       TEST(mailboxes),
                                       TEST(dates),
                                       TEST(nothing_can_be_injected),
                                       TEST(valid_mails_reach_the_server),
                                       TEST(values_are_escaped),
                                       TEST(missing_values_are_left_out_or_refused),
                                       TEST(every_text_can_be_written)};
    int rc = cmocka_run_group_tests(tests, begin, end);
    buf_release(&out);
    return rc;
}
