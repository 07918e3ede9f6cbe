/* engine/workspace/language: one table of tags that are taken and refused. */
#include "engine/workspace/language.h"
#include "lib/test.h"

static void tags(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"de", true},
        {"EN", true},
        {"pt-BR", true},
        {"es-419", true},
        {"zh-Hant-TW", true},
        {"zh-yue-Hant-HK", true},
        {"sl-rozaj-biske", true},
        {"de-CH-1901", true},
        {"de-1996", true},
        {"en-a-myext-b-another", true},
        {"de-x-goethe-a", true},
        {"", false},
        {"d", false},
        {"-de", false},
        {"de-", false},
        {"de--CH", false},
        {"deut", false},
        {"deutsch", false},
        {"visitor", false},
        {"flow", false},
        {"x-own", false},
        {"i-klingon", false},
        {"d1", false},
        {"de_CH", false},
        {"de CH", false},
        {"de-C", false},
        {"de-C1", false},
        {"de-CH-AT", false},
        {"de-CH-Latn", false},
        {"de-Latn-Latn", false},
        {"de-abc-abc-abc-abc", false},
        {"de-a", false},
        {"de-a-b-cd", false},
        {"de-a-bc-a-de", false},
        {"de-x", false},
        {"de-123456789", false},
        {"de-\"}", false},
        {"dé", false},
        {"en-abcdefgh-abcdefgh-abcdefgh-abcdefgh", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (language_tag_ok(str_from(rows[i].text)) != rows[i].good)
            fail_msg("\"%s\" is %s", rows[i].text, rows[i].good ? "refused" : "taken");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tags)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
