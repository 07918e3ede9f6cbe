/* net/smtp against a server without TLS: whether it gets the password depends on where it is, not on its name.
 * Every name leads to this machine here, because the resolver is the test's own. */
#define _GNU_SOURCE /* strcasestr */
#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/limits.h"
#include "lib/test.h"
#include "net/smtp.h"

static int listener;
static char port[8];
static char heard[4096]; /* all that the client said in its last connection */

/* Replaces the C library's, which libcurl would call. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    struct {
        struct addrinfo info;
        struct sockaddr_in to;
    } *a = calloc(1, sizeof(*a));
    (void)node;
    (void)hints;
    if (!a)
        return EAI_MEMORY;
    a->to = (struct sockaddr_in){.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)(service ? atoi(service) : 0)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a->info = (struct addrinfo){.ai_family = AF_INET,
                                .ai_socktype = SOCK_STREAM,
                                .ai_addrlen = sizeof(a->to),
                                .ai_addr = (struct sockaddr *)&a->to};
    *out = &a->info;
    return 0;
}

void freeaddrinfo(struct addrinfo *a)
{
    free(a);
}

/* ---- the server ---- */

static void say(int fd, const char *line)
{
    assert_int_equal(send(fd, line, strlen(line), MSG_NOSIGNAL), (ssize_t)strlen(line));
}

static void *serve_one(void *ctx)
{
    size_t n = 0;
    ssize_t got;
    int fd = accept(listener, NULL, NULL);
    (void)ctx;
    say(fd, "220 ready\r\n");
    while (n + 1 < sizeof(heard) && (got = recv(fd, heard + n, sizeof(heard) - 1 - n, 0)) > 0) {
        const char *line = heard + n;
        n += (size_t)got;
        heard[n] = '\0';
        if (!strncasecmp(line, "EHLO", 4))
            say(fd, "250-mail.example.com\r\n250 AUTH PLAIN\r\n");
        else if (!strncasecmp(line, "AUTH", 4))
            say(fd, "334 \r\n");
        else if (!strncasecmp(line, "QUIT", 4))
            break;
        else if (!strncasecmp(line, "NOOP", 4))
            say(fd, "250 fine\r\n");
        else
            say(fd, "235 welcome\r\n"); /* the name and password */
    }
    close(fd);
    return NULL;
}

static int open_server(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    (void)state;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, n) || listen(listener, 4) ||
        getsockname(listener, (struct sockaddr *)&at, &n))
        return -1;
    snprintf(port, sizeof(port), "%d", ntohs(at.sin_port));
    return 0;
}

static int close_server(void **state)
{
    (void)state;
    return close(listener);
}

/* ---- the tests ---- */

/* Signs in at smtp://HOST; the error's code, "" when it succeeded. */
static const char *check_host(const char *host, const char *tls)
{
    static char code[32];
    struct err e = ERR_INIT;
    const struct config *c = NULL;
    struct arena a;
    pthread_t server;
    char url[128];
    snprintf(url, sizeof(url), "smtp://%s:%s", host, port);
    setenv("PARLEY_SMTP_URL", url, 1);
    setenv("PARLEY_SMTP_TLS", tls, 1);
    setenv("PARLEY_SMTP_USER", "robot", 1);
    setenv("PARLEY_SMTP_PASSWORD", "open sesame", 1);
    setenv("PARLEY_MAIL_FROM", "noreply@example.com", 1);
    heard[0] = '\0';
    arena_init(&a, 1 * MB);
    assert_ok(config_load("/dev/null", &c, &e), &e);
    pthread_create(&server, NULL, serve_one, NULL);
    enum status st = smtp_check(c, &a, &e);
    pthread_join(server, NULL);
    snprintf(code, sizeof(code), "%s", st == OK ? "" : err_code(&e));
    config_drop(c);
    arena_release(&a);
    return code;
}

static void a_host_name_does_not_switch_tls_off(void **state)
{
    static const char *const hosts[] = {"127.mail.example.com", "127.0.0.1.example.com", "localhost.example.com",
                                        "mail.example.com", "127.1.example"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        const char *code = check_host(hosts[i], "required");
        if (strcmp(code, "smtp_tls") != 0 || strcasestr(heard, "AUTH"))
            fail_msg("%s: \"%s\", the server heard:\n%s", hosts[i], code, heard);
    }
}

static void this_machine_needs_no_tls(void **state)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        assert_string_equal(check_host(hosts[i], "required"), "");
        assert_has(heard, "AUTH PLAIN");
    }
}

static void tls_can_be_switched_off_by_its_setting(void **state)
{
    (void)state;
    assert_string_equal(check_host("mail.example.com", "off"), "");
    assert_has(heard, "AUTH PLAIN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(a_host_name_does_not_switch_tls_off), TEST(this_machine_needs_no_tls),
                                       TEST(tls_can_be_switched_off_by_its_setting)};
    return cmocka_run_group_tests(tests, open_server, close_server);
}
