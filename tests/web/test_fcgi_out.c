/* test_fcgi_out.c: replies as FastCGI records. Whole requests through a web server are in tests/http. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/test.h"
#include "web/fcgi_out_internal.h"

#define REQUEST_ID 0x0102
#define MOST 300000

/* What a web server has received. */
static unsigned char got[2 * MOST];
static size_t got_n;

static void *receive(void *ctx)
{
    ssize_t n;
    got_n = 0;
    while (got_n < sizeof(got) && (n = read((int)(intptr_t)ctx, got + got_n, sizeof(got) - got_n)) > 0)
        got_n += (size_t)n;
    return NULL;
}

/* Takes the records apart: the reply in `text`, and how many records of it there were. */
static size_t unpack(char *text, int *records)
{
    size_t n = 0, at = 0;
    bool over = false;
    *records = 0;
    while (at < got_n) {
        const unsigned char *head = got + at;
        size_t size = (size_t)head[4] << 8 | head[5];
        assert_true(got_n - at >= 8 + size);
        assert_int_equal(head[0], 1);
        assert_int_equal(head[2] << 8 | head[3], REQUEST_ID);
        at += 8 + size + head[6];
        if (head[1] == 3) {
            static const unsigned char complete[8];
            assert_true(over);
            assert_int_equal(size, 8);
            assert_memory_equal(head + 8, complete, 8);
            assert_int_equal(at, got_n); /* it is the last one */
            return n;
        }
        assert_int_equal(head[1], 6);
        assert_false(over);
        over = size == 0; /* an empty record ends the stream */
        memcpy(text + n, head + 8, size);
        n += size;
        ++*records;
    }
    fail_msg("the end of the request is missing");
    return 0;
}

static void a_reply_of_any_length_arrives(void **state)
{
    static char sent[MOST], arrived[MOST];
    const size_t sizes[] = {0, 1, 2000, 16383, 16384, 16385, 65535, 65536, MOST};
    (void)state;
    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (char)(i % 251);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct fcgi_out out;
        pthread_t thread;
        int fds[2], records;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        assert_int_equal(pthread_create(&thread, NULL, receive, (void *)(intptr_t)fds[1]), 0);
        fcgi_out_init(&out, fds[0], REQUEST_ID);
        assert_int_equal(fcgi_out_write(&out, sent, sizes[i] / 3), 0);
        if (i % 2)
            assert_int_equal(fcgi_out_flush(&out), 0);
        assert_int_equal(fcgi_out_write(&out, sent + sizes[i] / 3, sizes[i] - sizes[i] / 3), 0);
        fcgi_out_end(&out);
        close(fds[0]);
        pthread_join(thread, NULL);
        close(fds[1]);
        assert_int_equal(unpack(arrived, &records), sizes[i]);
        assert_memory_equal(arrived, sent, sizes[i]);
    }
}

static void nothing_is_sent_before_it_is_needed(void **state)
{
    (void)state;
    struct fcgi_out out;
    char c;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    fcgi_out_init(&out, fds[0], REQUEST_ID);
    assert_int_equal(out.waiting.cap, 0);
    assert_int_equal(fcgi_out_flush(&out), 0);
    assert_int_equal(fcgi_out_write(&out, "short", 5), 0);
    assert_true(read(fds[1], &c, 1) < 0);
    fcgi_out_end(&out);
    assert_int_equal(read(fds[1], got, sizeof(got)), 8 + 5 + 8 + 8 + 8);
    assert_int_equal(out.waiting.cap, 0);
    close(fds[0]);
    close(fds[1]);
}

static void a_web_server_that_has_left_is_noticed(void **state)
{
    (void)state;
    struct fcgi_out out;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    close(fds[1]);
    fcgi_out_init(&out, fds[0], REQUEST_ID);
    assert_int_equal(fcgi_out_write(&out, "short", 5), 0);
    assert_int_equal(fcgi_out_flush(&out), -1);
    assert_int_equal(fcgi_out_write(&out, "more", 4), -1);
    fcgi_out_end(&out);
    assert_int_equal(out.waiting.cap, 0);
    close(fds[0]);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {TEST(a_reply_of_any_length_arrives), TEST(nothing_is_sent_before_it_is_needed),
                                       TEST(a_web_server_that_has_left_is_noticed)};
    return RUN(tests);
}
