/* Any text as answers and as a question: an index is built, and what it finds lies within it. The first byte picks
 * the language; lines are answers (a tab parts question from answer), the last line is asked. */
#include <stdlib.h>

#include "base/crypto.h"
#include "base/utf8.h"
#include "knowledge/index.h"
#include "knowledge/tokens.h"

#include "base/banned.h"

static void check_tokens(struct str language, struct str text)
{
    struct tokeniser t;
    char word[TOKEN_MAX];
    size_t n, left = text.n + 1;
    tokens_open(&t, language);
    while ((n = tokens_next(&t, &text, word)) > 0)
        if (n > TOKEN_MAX || left-- == 0)
            abort();
    tokens_close(&t);
}

static void check_match(const struct index *x, struct str language, struct str question)
{
    struct index_match m;
    if (index_find(x, language, question, &m, NULL) != OK)
        return;
    if ((m.verdict == ANSWERS_NONE) != (m.n == 0) || m.n > ANSWERS_SUGGEST)
        abort();
    for (size_t i = 0; i < m.n; i++)
        if (m.hits[i].doc >= index_count(x) || !(m.hits[i].score >= 0 && m.hits[i].score <= 1.0001))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const languages[] = {"en", "de", "ru", "zh", "ar", "tr", "fr", ""};
    struct str text = str_n((const char *)data, size), line = STR_EMPTY, language;
    struct index *x = NULL;
    if (crypto_init(NULL) != OK || size < 2 || size > 20000 || !utf8_valid(str_sub(text, 1, size)))
        return 0;
    language = str_from(languages[data[0] % 8]);
    text = str_sub(text, 1, size);
    check_tokens(language, text);
    struct index_builder *b = index_builder_new(language);
    while (b && str_split(&text, '\n', &line)) {
        struct str rest = line, question = STR_EMPTY;
        str_split(&rest, '\t', &question);
        struct answer w = {.id = id_new(),
                           .question = question,
                           .answer = rest,
                           .link = STR_EMPTY,
                           .source = STR_EMPTY,
                           .language = STR_EMPTY};
        if (index_add(b, &w, NULL) != OK)
            break;
    }
    if (b && index_finish(b, &x, NULL) == OK) {
        check_match(x, language, line);
        check_match(x, STR_EMPTY, str_sub(line, 0, 8));
    }
    index_free(x);
    return 0;
}
