/* test_config.c: the file format, the bounds of every type, includes, the environment, and references across a
 * reload. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "lib/test.h"

static char folder[64], main_file[96], other_file[96];

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/parley-test-config-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(main_file, sizeof(main_file), "%s/parley.conf", folder);
    snprintf(other_file, sizeof(other_file), "%s/secrets.conf", folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(main_file);
    unlink(other_file);
    return rmdir(folder);
}

static void put(const char *file, struct str text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    fclose(f);
}

static const struct config *load(const char *text)
{
    const struct config *c;
    struct err e = ERR_INIT;
    put(main_file, str_from(text));
    assert_ok(config_load(main_file, &c, &e), &e);
    return c;
}

static void refuse(struct str text, const char *place, const char *why)
{
    const struct config *c;
    struct err e = ERR_INIT;
    put(main_file, text);
    if (config_load(main_file, &c, &e) == OK)
        fail_msg("let pass: %.*s", STR_F(text));
    assert_null(c);
    assert_has(e.message, place);
    assert_has(e.message, why);
}

static void every_default_is_valid(void **state)
{
    (void)state;
    const struct config *c = load("");
    assert_int_equal(config_int(c, CONFIG_database_port), 3306);
    assert_int_equal(config_int(c, CONFIG_conversation_gap), DAY_MS);
    assert_true(config_bool(c, CONFIG_rate_limits));
    assert_string_equal(config_string(c, CONFIG_log_level), "info");
    assert_int_equal(config_int(c, CONFIG_log_level), LOG_INFO);
    assert_int_equal(config_int(c, CONFIG_secure_cookies), SECURE_COOKIES_AUTO);
    assert_int_equal(config_int(c, CONFIG_smtp_tls), SMTP_TLS_REQUIRED);
    assert_string_equal(config_path(c), main_file);
    assert_true(config_string(c, CONFIG_template_dir)[0] == '/');
    config_drop(c);
}

static void reads_every_type(void **state)
{
    (void)state;
    const struct config *c = load(
        "# comment\n\n  brand_name =  A # b = c  \r\nrate_limits=OFF\nrequest_timeout = 2m\nstop_timeout=0\n"
        "database_port=1\ndatabase_port = 65535\nlog_level = warn\nhttp_allow_private =  a:1\t [::1]:90  b.c:2\n"
        "secure_cookies=off\nsmtp_tls=off\ndatabase_socket =\nbase_url = "
        "https://chat.example.com/parley\nsession_lifetime = 90d");
    assert_string_equal(config_string(c, CONFIG_brand_name), "A # b = c");
    assert_false(config_bool(c, CONFIG_rate_limits));
    assert_int_equal(config_int(c, CONFIG_request_timeout), 120000);
    assert_int_equal(config_int(c, CONFIG_stop_timeout), 0);
    assert_int_equal(config_int(c, CONFIG_database_port), 65535);
    assert_int_equal(config_int(c, CONFIG_log_level), LOG_WARN);
    assert_int_equal(config_int(c, CONFIG_secure_cookies), SECURE_COOKIES_OFF);
    assert_int_equal(config_int(c, CONFIG_smtp_tls), SMTP_TLS_OFF);
    assert_string_equal(config_string(c, CONFIG_http_allow_private), "a:1 [::1]:90 b.c:2");
    assert_string_equal(config_string(c, CONFIG_database_socket), "");
    assert_int_equal(config_int(c, CONFIG_session_lifetime), 90 * DAY_MS);
    config_drop(c);
}

static void names_file_and_line(void **state)
{
    (void)state;
    refuse(STR("\nno_such_key = 1\n"), "parley.conf:2", "no_such_key");
    refuse(STR("database_port 3306"), "parley.conf:1", "key = value");
    refuse(STR("#\n#\ndatabase_port = 0"), "parley.conf:3", "from 1 to 65535");
    refuse(STR("database_port = 65536"), ":1", "from 1 to 65535");
    refuse(STR("database_port = 3306x"), ":1", "whole number");
    refuse(STR("database_port ="), ":1", "whole number");
    refuse(STR("rate_limits = maybe"), ":1", "on or off");
    refuse(STR("request_timeout = 5"), ":1", "duration");
    refuse(STR("request_timeout = 99999999999999999999d"), ":1", "duration");
    refuse(STR("request_timeout = 9223372036854775807d"), ":1", "duration");
    refuse(STR("request_timeout = 1ms"), ":1", "from 1000 to 600000");
    refuse(STR("log_level = loud"), ":1", "debug|info|warn|error");
    refuse(STR("log_level = deb"), ":1", "one of these");
    refuse(STR("run_dir = run"), ":1", "absolute path");
    refuse(STR("base_url = ftp://x"), ":1", "http or https");
    refuse(STR("base_url = http://x/"), ":1", "final slash");
    refuse(STR("base_url = http://x y"), ":1", "http or https");
    refuse(STR("base_url = http://"), ":1", "http or https");
    refuse(STR("base_url ="), ":1", "http or https");
    refuse(STR("smtp_url = http://mail.example.com"), ":1", "smtp or smtps");
    refuse(STR("smtp_url = smtp://me:secret@mail.example.com"), ":1", "without a name or password");
    refuse(STR("brand_name ="), ":1", "from 1 to 60");
    refuse(STR("http_allow_private = good:80 bad"), ":1", "host:port");
    refuse(STR("http_allow_private = host:0"), ":1", "host:port");
    refuse(STR("http_allow_private = ::1:80"), ":1", "host:port");
    refuse(STR("brand_name = \xFF"), ":1", "UTF-8");
    refuse(STR("brand_name = a\0b"), ":1", "text");
    refuse(STR("include\t\n"), ":1", "");
    refuse(STR("include nowhere.conf"), "parley.conf:1", "nowhere.conf");
    refuse(STR("brand_name = ok\ninclude parley.conf"), "parley.conf:2", "Too many nested includes");
    char line[5000] = "run_dir = /";
    memset(line + 11, 'x', sizeof(line) - 12);
    refuse(str_n(line, sizeof(line) - 1), ":1", "absolute path");
}

static void includes(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    put(other_file, STR("database_password = hunter2\nbrand_name = Inner"));
    const struct config *c = load("brand_name = Outer\ninclude secrets.conf\n");
    assert_string_equal(config_string(c, CONFIG_database_password), "hunter2");
    assert_string_equal(config_string(c, CONFIG_brand_name), "Inner"); /* the last wins */
    config_drop(c);
    put(other_file, STR("\n\nx = 1"));
    put(main_file, STR("include secrets.conf"));
    assert_int_equal(config_load(main_file, &c, &e), ERR_INVALID);
    assert_has(e.message, "parley.conf:1");
    assert_has(e.message, "secrets.conf:3");
}

/* A value that is valid for the row and differs from its default. */
static void other_value(const struct config_row *r, char *out, size_t size)
{
    static const char *const by_type[][2] = {
        {"BOOL", "no"},  {"URL", "http://env"},         {"PATH", "/env"}, {"HOSTPORTS", "env:1"}, {"STRING", "env"},
        {"LIST", "env"}, {"MAILURL", "smtps://env:465"}};
    if (strcmp(r->type, "ENUM") == 0)
        snprintf(out, size, "%s", strstr(r->help, "warn") ? "warn" : "off");
    else
        snprintf(out, size, "%lld%s", (long long)r->max, strcmp(r->type, "MS") == 0 ? "ms" : "");
    for (size_t i = 0; i < COUNT_OF(by_type); i++)
        if (strcmp(r->type, by_type[i][0]) == 0)
            snprintf(out, size, "%s", by_type[i][1]);
}

static void the_environment_wins_for_every_key(void **state)
{
    (void)state;
    for (int k = 0; k < CONFIG_COUNT; k++) {
        const struct config_row *r = config_row((enum config_key)k);
        char name[100], value[100], place[140];
        snprintf(name, sizeof(name), "PARLEY_%s", r->name);
        for (char *p = name; *p; p++)
            *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
        other_value(r, value, sizeof(value));
        setenv(name, value, 1);
        const struct config *c = load("");
        assert_string_equal(config_string(c, (enum config_key)k), value);
        struct buf b;
        buf_init(&b, 1 << 16);
        config_print(c, &b);
        assert_has(b.p, "# environment");
        buf_release(&b);
        config_drop(c);
        setenv(name, "\n", 1); /* nothing, once trimmed; never valid for these */
        if (strcmp(r->type, "INT") == 0 || strcmp(r->type, "MS") == 0 || strcmp(r->type, "BOOL") == 0) {
            struct err e = ERR_INIT;
            assert_int_equal(config_load(main_file, &c, &e), ERR_INVALID);
            snprintf(place, sizeof(place), "environment variable %s", name);
            assert_has(e.message, place);
        }
        unsetenv(name);
    }
}

static void finds_the_file(void **state)
{
    (void)state;
    const struct config *c;
    struct err e = ERR_INIT;
    put(main_file, STR("brand_name = Found"));
    setenv("PARLEY_CONFIG", main_file, 1);
    assert_ok(config_load(NULL, &c, &e), &e);
    assert_string_equal(config_string(c, CONFIG_brand_name), "Found");
    config_drop(c);
    setenv("PARLEY_CONFIG", "/nonexistent.conf", 1);
    assert_int_equal(config_load(NULL, &c, &e), ERR_NOT_FOUND);
    assert_has(e.message, "/nonexistent.conf");
    unsetenv("PARLEY_CONFIG");
}

static void prints_no_secret(void **state)
{
    (void)state;
    const struct config *c = load("stripe_secret_key = sk_live_abc\nbrand_name = Shown\n");
    struct buf b;
    buf_init(&b, 1 << 18);
    config_print(c, &b);
    assert_null(strstr(b.p, "sk_live_abc"));
    assert_has(b.p, "stripe_secret_key = (set)");
    assert_has(b.p, "database_password = (not set)");
    assert_has(b.p, "Shown");
    assert_has(b.p, "parley.conf:2");
    buf_clear(&b);
    config_print_manual(&b);
    assert_has(b.p, ".B conversation_gap");
    assert_has(b.p, "from 1m to 7d");
    assert_true(buf_ok(&b));
    buf_release(&b);
    config_drop(c);
}

static void the_example_is_a_valid_file(void **state)
{
    (void)state;
    struct buf b, on;
    buf_init(&b, 1 << 18);
    buf_init(&on, 1 << 18);
    config_print_example(&b);
    struct str rest = buf_str(&b), line;
    while (str_split(&rest, '\n', &line)) { /* every setting switched on */
        bool setting = line.n > 1 && line.p[0] == '#' && line.p[1] != ' ';
        buf_str_add(&on, setting ? str_sub(line, 1, line.n) : line);
        buf_putc(&on, '\n');
    }
    config_drop(load(b.p));
    const struct config *c = load(on.p), *d = load("");
    for (int k = 0; k < CONFIG_COUNT; k++)
        assert_false(config_differs(c, d, (enum config_key)k));
    config_drop(c);
    config_drop(d);
    buf_release(&b);
    buf_release(&on);
}

static atomic_bool stop;
static void *read_current(void *ctx)
{
    (void)ctx;
    while (!stop) {
        const struct config *c = config_current();
        assert_true(strlen(config_string(c, CONFIG_brand_name)) == 3);
        config_drop(c);
    }
    return NULL;
}

static void a_reload_keeps_the_config_of_running_requests(void **state)
{
    (void)state;
    pthread_t threads[2];
    config_set_current(load("brand_name = one"));
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, read_current, NULL);
    for (int i = 0; i < 200; i++)
        config_set_current(load(i % 2 ? "brand_name = two" : "brand_name = six"));
    stop = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    config_set_current(NULL);
    assert_null(config_current());
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {WITH(every_default_is_valid),
                                       WITH(reads_every_type),
                                       WITH(names_file_and_line),
                                       WITH(includes),
                                       WITH(the_environment_wins_for_every_key),
                                       WITH(finds_the_file),
                                       WITH(prints_no_secret),
                                       WITH(the_example_is_a_valid_file),
                                       WITH(a_reload_keeps_the_config_of_running_requests)};
    return RUN(tests);
}
