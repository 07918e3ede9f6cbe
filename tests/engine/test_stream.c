/* test_stream.c: readers of event streams and of lines, fed as a whole and byte by byte. */
#include "engine/ndjson.h"
#include "engine/sse.h"
#include "lib/test.h"

struct seen {
    struct buf b;
    int stop_after;
};

static bool on_event(void *ctx, struct str event, struct str data)
{
    struct seen *s = ctx;
    buf_printf(&s->b, "<%.*s|%.*s>", STR_F(event), STR_F(data));
    return !s->stop_after || --s->stop_after > 0;
}

static bool on_line(void *ctx, struct str line)
{
    return on_event(ctx, STR_EMPTY, line);
}

/* Whatever the size of the pieces, the events are the same. */
static void assert_events(struct str stream, const char *expected)
{
    for (size_t piece = 1; piece <= stream.n; piece++) {
        struct seen seen = {0};
        struct sse s;
        struct err e = ERR_INIT;
        buf_init(&seen.b, 1 << 20);
        sse_init(&s);
        for (size_t i = 0; i < stream.n; i += piece)
            assert_ok(sse_feed(&s, stream.p + i, stream.n - i < piece ? stream.n - i : piece, on_event, &seen, &e), &e);
        assert_str(buf_str(&seen.b), expected);
        sse_release(&s);
        buf_release(&seen.b);
    }
}

static void lines_may_end_in_three_ways(void **state)
{
    (void)state;
    assert_events(STR("data: a\n\ndata: b\n\n"), "<|a><|b>");
    assert_events(STR("data: a\r\n\r\ndata: b\r\n\r\n"), "<|a><|b>");
    assert_events(STR("data: a\r\rdata: b\r\r"), "<|a><|b>");
    assert_events(STR("data: a\r\n\rdata: b\n\r\n"), "<|a><|b>");
}

static void fields_are_read_as_the_standard_says(void **state)
{
    (void)state;
    assert_events(STR("data:a\n\n"), "<|a>");
    assert_events(STR("data:  a\n\n"), "<| a>");
    assert_events(STR("data: a\ndata: b\ndata\n\n"), "<|a\nb\n>");
    assert_events(STR(": a comment\n\ndata: a\n:\nid: 7\nretry: 1\nnothing: x\n\n"), "<|a>");
    assert_events(STR("event: error\ndata: a\n\ndata: b\n\n"), "<error|a><|b>");
    assert_events(STR("event: lonely\n\ndata: b\n\n"), "<|b>");
    assert_events(STR("\xEF\xBB\xBF"
                      "data: a\n\ndata: b\n\n"),
                  "<|a><|b>");
    assert_events(STR("{}event: message\ndata: {}\n\n"), "<|{}>");
}

static void an_event_without_its_empty_line_does_not_count(void **state)
{
    (void)state;
    assert_events(STR("data: a\n\ndata: b\n"), "<|a>");
    assert_events(STR("data: a\n\ndata: b"), "<|a>");
}

static void characters_stay_whole_and_valid(void **state)
{
    (void)state;
    assert_events(STR("data: gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80\n\n"), "<|gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80>");
    assert_events(STR("data: a\xFFz\xC3\n\n"), "<|a\xEF\xBF\xBDz\xEF\xBF\xBD>");
}

static enum status feed_many(const char *piece, size_t n, size_t times, size_t *fed)
{
    struct seen seen = {0};
    struct err e = ERR_INIT;
    struct sse s;
    enum status st = OK;
    buf_init(&seen.b, 1 << 20);
    sse_init(&s);
    for (size_t i = 0; st == OK && i < times; i++, *fed += n)
        st = sse_feed(&s, piece, n, on_event, &seen, &e);
    assert_int_equal(seen.b.n, 0);
    sse_release(&s);
    buf_release(&seen.b);
    return st;
}

static void a_line_and_an_event_have_a_maximum(void **state)
{
    (void)state;
    char line[1000] = "data: ";
    size_t fed = 0;
    memset(line + 6, 'x', sizeof(line) - 6);
    assert_int_equal(feed_many(line, sizeof(line), 200, &fed), ERR_TOO_LARGE);
    assert_in_range(fed, SSE_LINE_MAX, SSE_LINE_MAX + 2 * sizeof(line));
    line[sizeof(line) - 1] = '\n';
    fed = 0;
    assert_int_equal(feed_many(line, sizeof(line), 2000, &fed), ERR_TOO_LARGE);
    assert_in_range(fed, SSE_EVENT_MAX, SSE_EVENT_MAX + 20000);
}

static void reading_stops_when_the_reader_says_so(void **state)
{
    (void)state;
    struct seen seen = {.stop_after = 1};
    struct err e = ERR_INIT;
    struct sse s;
    buf_init(&seen.b, 1000);
    sse_init(&s);
    assert_ok(sse_feed(&s, "data: a\n\ndata: b\n\n", 18, on_event, &seen, &e), &e);
    assert_str(buf_str(&seen.b), "<|a>");
    sse_release(&s);
    buf_release(&seen.b);
}

static void lines_are_documents(void **state)
{
    (void)state;
    const struct str stream = STR("{\"a\":1}\r\n\n  {\"b\":2}\n{\"c\":3}");
    for (size_t piece = 1; piece <= stream.n; piece++) {
        struct seen seen = {0};
        struct err e = ERR_INIT;
        struct ndjson r;
        buf_init(&seen.b, 1000);
        ndjson_init(&r);
        for (size_t i = 0; i < stream.n; i += piece) {
            struct str s = str_sub(stream, i, piece);
            assert_ok(ndjson_feed(&r, s.p, s.n, on_line, &seen, &e), &e);
        }
        assert_str(buf_str(&seen.b), "<|{\"a\":1}><|{\"b\":2}>");
        ndjson_end(&r, on_line, &seen);
        assert_str(buf_str(&seen.b), "<|{\"a\":1}><|{\"b\":2}><|{\"c\":3}>");
        ndjson_release(&r);
        buf_release(&seen.b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_may_end_in_three_ways),
        TEST(fields_are_read_as_the_standard_says),
        TEST(an_event_without_its_empty_line_does_not_count),
        TEST(characters_stay_whole_and_valid),
        TEST(a_line_and_an_event_have_a_maximum),
        TEST(reading_stops_when_the_reader_says_so),
        TEST(lines_are_documents),
    };
    return RUN(tests);
}
