/* index: search results and their ranking, and that time and memory grow only with the answers. */
#include <time.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "knowledge/index.h"
#include "knowledge/tokens.h"
#include "lib/test.h"

#include "base/banned.h"

/* Under sanitizers a tenth is enough. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FEWER 10
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FEWER 10
#endif
#ifndef FEWER
#define FEWER 1
#endif

static const struct pair {
    const char *question, *answer;
} shop[] = {
    {"What are your opening hours?", "We are open from 9 to 18 on weekdays and from 10 to 16 on Saturdays."},
    {"How do I return a product?", "Send it back within 30 days with the form that came with it."},
    {"Do you ship to other countries?", "We deliver to all of Europe. Delivery takes three to five days."},
    {"How can I pay?", "By credit card, bank transfer or PayPal."},
    {"Where is my order?", "Open the link of your confirmation mail to follow the parcel."},
    {"Can I change my delivery address?", "As long as the parcel has not left our warehouse, yes: write to us."},
    {"How do I reset my password?", "Use the link \"Forgot password\" on the sign-in page."},
    {"Do you have a shop in Berlin?", "Yes, at Alexanderplatz, on the second floor."},
};
#define SHOP COUNT_OF(shop)

static struct index *build(const struct pair *rows, size_t n, const char *language)
{
    struct err e = ERR_INIT;
    struct index *x = NULL;
    struct index_builder *b = index_builder_new(str_from(language));
    assert_non_null(b);
    for (size_t i = 0; i < n; i++) {
        struct answer w = {.id = id_new(),
                           .question = str_from(rows[i].question),
                           .answer = str_from(rows[i].answer),
                           .link = STR("https://example.com/"),
                           .source = STR("test"),
                           .language = STR_EMPTY};
        assert_ok(index_add(b, &w, &e), &e);
    }
    assert_ok(index_finish(b, &x, &e), &e);
    assert_int_equal(index_count(x), n);
    return x;
}

static struct index_match find(const struct index *x, const char *question)
{
    struct err e = ERR_INIT;
    struct index_match m;
    assert_ok(index_find(x, STR_EMPTY, str_from(question), &m, &e), &e);
    for (size_t i = 0; i < m.n; i++)
        assert_true(m.hits[i].score >= 0 && m.hits[i].score <= 1);
    return m;
}

static void is_answered(const struct index *x, const char *asked, size_t doc)
{
    struct index_match m = find(x, asked);
    if (m.verdict != ANSWERS_SURE || m.hits[0].doc != doc)
        fail_msg("\"%s\": verdict %d, document %u instead of %zu", asked, (int)m.verdict, m.n ? m.hits[0].doc : 0, doc);
}

static void finds_by_words(void **state)
{
    struct index *x = build(shop, SHOP, "en");
    (void)state;
    is_answered(x, "opening hours", 0);
    is_answered(x, "When are you open? What are the hours?", 0);
    is_answered(x, "returning products", 1); /* stems */
    is_answered(x, "RETURN", 1);
    is_answered(x, "pay", 3);
    is_answered(x, "I forgot my p\xC3\xA4ssword, how do I reset it", 6); /* marks do not count */
    is_answered(x, "shop berlin", 7);
    is_answered(x, "passw", 6); /* a word cut short */
    index_free(x);
}

/* The two questions of a pair have the same words, so only their order can decide. Without it the first one in the
 * index would always win. */
static void neighbouring_words_rank_higher(void **state)
{
    static const struct pair shirts[] = {
        {"A shirt red as wine for the office", "Yes."},   {"A red shirt as wine for the office", "No."},
        {"Milk with coffee and sugar cake", "Yes."},      {"Coffee with milk and cake sugar", "No."},
        {"Where can I park in front of the car", "Yes."}, {"Where can I park the car in front of", "No."}};
    struct index *x = build(shirts, COUNT_OF(shirts), "en");
    (void)state;
    assert_int_equal(find(x, "red shirt").hits[0].doc, 1);
    assert_int_equal(find(x, "shirt red").hits[0].doc, 0);
    assert_int_equal(find(x, "cake sugar").hits[0].doc, 3);
    assert_int_equal(find(x, "sugar cake").hits[0].doc, 2);
    assert_int_equal(find(x, "park the car").hits[0].doc, 5);
    assert_int_equal(find(x, "red office shirt").hits[0].doc, 0); /* not adjacent: no bonus */
    index_free(x);
}

static void an_exact_question_is_certain(void **state)
{
    struct index *x = build(shop, SHOP, "en");
    (void)state;
    for (size_t i = 0; i < SHOP; i++) {
        struct index_match m = find(x, shop[i].question);
        assert_int_equal(m.verdict, ANSWERS_SURE);
        assert_int_equal(m.hits[0].doc, i);
        assert_true(m.hits[0].score == 1);
        assert_int_equal(m.n, 1);
    }
    index_free(x);
}

static void unknown_words_find_nothing(void **state)
{
    struct index *x = build(shop, SHOP, "en");
    (void)state;
    const char *const strange[] = {"", "   ", "?!", "qwertz asdf", "blockchain quantum banana", "\xF0\x9F\x98\x80"};
    for (size_t i = 0; i < COUNT_OF(strange); i++) {
        struct index_match m = find(x, strange[i]);
        assert_int_equal(m.verdict, ANSWERS_NONE);
        assert_int_equal(m.n, 0);
    }
    index_free(x);
}

static void texts_come_back(void **state)
{
    struct index *x = build(shop, SHOP, "en");
    struct answer w;
    (void)state;
    assert_true(index_answer(x, 3, &w));
    assert_str(w.question, shop[3].question);
    assert_str(w.answer, shop[3].answer);
    assert_str(w.link, "https://example.com/");
    assert_str(w.source, "test");
    assert_false(index_answer(x, SHOP, &w));
    index_free(x);
}

static void an_empty_index(void **state)
{
    struct index *x = build(shop, 0, "");
    (void)state;
    assert_int_equal(find(x, "anything").verdict, ANSWERS_NONE);
    index_free(x);
}

static void other_languages(void **state)
{
    static const struct pair german[] = {{"Wie kann ich bezahlen?", "Mit Karte."},
                                         {"Wo sind Ihre L\xC3\xA4"
                                          "den?",
                                          "In Berlin."},
                                         {"Was kosten die Lieferungen?", "Nichts."}};
    static const struct pair chinese[] = {
        {"\xE8\x90\xA5\xE4\xB8\x9A\xE6\x97\xB6\xE9\x97\xB4\xE6\x98\xAF\xE4\xBB\x80\xE4\xB9\x88", "9"},
        {"\xE5\xA6\x82\xE4\xBD\x95\xE9\x80\x80\xE8\xB4\xA7", "30"}};
    struct index *x = build(german, 3, "de");
    (void)state;
    is_answered(x, "Laden", 1);
    is_answered(x, "kostet die Lieferung etwas", 2);
    index_free(x);
    x = build(chinese, 2, "zh");
    is_answered(x, "\xE8\x90\xA5\xE4\xB8\x9A\xE6\x97\xB6\xE9\x97\xB4", 0);
    is_answered(x, "\xE9\x80\x80\xE8\xB4\xA7", 1);
    index_free(x);
}

static void words_become_terms(void **state)
{
    struct tokeniser t;
    struct str text = STR("What's the CAF\xC3\x89 doing, e\xCC\x81t\xC3\xA9 123?");
    const char *const expected[] = {"what", "the", "cafe", "do", "ete", "123"};
    char word[TOKEN_MAX];
    size_t n, k = 0;
    (void)state;
    tokens_open(&t, STR("en-GB"));
    while ((n = tokens_next(&t, &text, word)) > 0) {
        assert_true(k < 6);
        assert_str(str_n(word, n), expected[k++]);
    }
    assert_int_equal(k, 6);
    tokens_close(&t);
    assert_true(tokens_language_known(STR("pt-BR")));
    assert_false(tokens_language_known(STR("tlh")));
}

/* An index of `rows` answers of made-up words, and the question of the last one. Returns the processor time it took,
 * in us. */
static int64_t build_index(int rows, struct index **x, char *question, size_t size)
{
    struct err e = ERR_INIT;
    struct index_builder *b = index_builder_new(STR("en"));
    uint64_t seed = 88172645463325252ULL;
    clock_t from = clock();
    assert_non_null(b);
    for (int i = 0; i < rows; i++) {
        char answer[800];
        size_t n = 0, q = 0;
        for (int w = 0; w < 48; w++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            unsigned word = (unsigned)(seed % 200) *
                            (unsigned)(seed >> 32 & 255); /* some words are common, many are rare */
            n += (size_t)snprintf(answer + n, sizeof(answer) - n, "w%x ", word);
            if (w < 8)
                q += (size_t)snprintf(question + q, size - q, "w%x ", word);
        }
        struct answer w = {.id = id_new(),
                           .question = str_n(question, q),
                           .answer = str_n(answer, n),
                           .link = STR_EMPTY,
                           .source = STR_EMPTY,
                           .language = STR_EMPTY};
        assert_ok(index_add(b, &w, &e), &e);
    }
    assert_ok(index_finish(b, x, &e), &e);
    return (int64_t)((double)(clock() - from) * 1000000 / CLOCKS_PER_SEC);
}

/* Time and memory grow with the number of answers, not with its square. */
static void large_sets(void **state)
{
#define ROWS (100000 / FEWER)
    struct index *small = NULL, *x = NULL;
    char question[200];
    (void)state;
    int64_t few = build_index(ROWS / 20, &small, question, sizeof(question));
    int64_t many = build_index(ROWS, &x, question, sizeof(question));
    struct index_match m = find(x, question); /* the last one */
    printf("%d answers: built in %lld ms, %zu KB; %d in %lld ms\n", ROWS, (long long)(many / 1000),
           index_bytes(x) / 1024, ROWS / 20, (long long)(few / 1000));
    assert_true(m.n > 0);
    assert_true(index_bytes(x) < (size_t)24 * 1024 * 1024);
    assert_true(many < 20 * 5 * (few + 1000));
    index_free(small);
    index_free(x);
}

static void small_sets_are_quick(void **state)
{
    static struct pair rows[200];
    static char text[200][2][120];
    (void)state;
    for (size_t i = 0; i < 200; i++) {
        snprintf(text[i][0], sizeof(text[i][0]), "How do I %s number %zu of my %s?", i % 3 ? "order" : "return", i,
                 i % 7 ? "parcels" : "things");
        snprintf(text[i][1], sizeof(text[i][1]), "You take thing %zu and look at page %zu of the book.", i, i * 3);
        rows[i] = (struct pair){text[i][0], text[i][1]};
    }
    struct index *x = build(rows, 200, "en");
    int64_t from = clock_mono_us();
    for (int k = 0; k < 1000; k++)
        find(x, "How can I return the thing with number 77 of all my parcels?");
    int64_t each = (clock_mono_us() - from) / 1000;
    printf("200 answers: found in %lld us\n", (long long)each);
    assert_true(each < 2000);
    index_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(finds_by_words),
                                       TEST(neighbouring_words_rank_higher),
                                       TEST(an_exact_question_is_certain),
                                       TEST(unknown_words_find_nothing),
                                       TEST(texts_come_back),
                                       TEST(an_empty_index),
                                       TEST(other_languages),
                                       TEST(words_become_terms),
                                       TEST(small_sets_are_quick),
                                       TEST(large_sets)};
    struct err e = ERR_INIT;
    if (crypto_init(&e) != OK)
        return 1;
    return RUN(tests);
}
