/* tokens.c: text into terms: words are folded (case, accents), then stemmed. Index and question go through the same
 * steps, so what matters is only that equal words give equal terms. Snowball stemmers are not thread safe and cost an
 * allocation to make; a small pool keeps idle ones. */
#include "knowledge/tokens.h"

#include <libstemmer.h>
#include <pthread.h>
#include <stdint.h>

#include "base/utf8.h"

#include "base/banned.h"

#define POOLED 8 /* idle stemmers kept of each language */

static const struct {
    const char *tag, *algorithm;
} languages[] = {
    {"ar", "arabic"},    {"ca", "catalan"},    {"da", "danish"},     {"de", "german"},   {"el", "greek"},
    {"en", "english"},   {"es", "spanish"},    {"eu", "basque"},     {"fi", "finnish"},  {"fr", "french"},
    {"ga", "irish"},     {"hi", "hindi"},      {"hu", "hungarian"},  {"hy", "armenian"}, {"id", "indonesian"},
    {"it", "italian"},   {"lt", "lithuanian"}, {"ne", "nepali"},     {"nl", "dutch"},    {"no", "norwegian"},
    {"nb", "norwegian"}, {"nn", "norwegian"},  {"pt", "portuguese"}, {"ro", "romanian"}, {"ru", "russian"},
    {"sr", "serbian"},   {"sv", "swedish"},    {"ta", "tamil"},      {"tr", "turkish"},  {"yi", "yiddish"},
};
#define LANGUAGES ((int)COUNT_OF(languages))

static struct {
    pthread_mutex_t lock;
    struct sb_stemmer *idle[COUNT_OF(languages)][POOLED];
    int n[COUNT_OF(languages)];
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int stemmer_of(struct str tag)
{
    ptrdiff_t dash = str_find(tag, '-');
    struct str base = dash > 0 ? str_sub(tag, 0, (size_t)dash) : tag;
    for (int i = 0; i < LANGUAGES; i++)
        if (str_ieq(base, str_from(languages[i].tag)))
            return i;
    return -1;
}

bool tokens_language_known(struct str language)
{
    return stemmer_of(language) >= 0;
}

/* A stemmer is made outside the lock, because it allocates. Without memory for one, words are only folded: matches get
 * worse, but nothing fails. */
void tokens_open(struct tokeniser *t, struct str language)
{
    int l = stemmer_of(language);
    *t = (struct tokeniser){.language = l, .apostrophe = l >= 0 && strcmp(languages[l].tag, "en") == 0};
    if (l < 0)
        return;
    pthread_mutex_lock(&pool.lock);
    if (pool.n[l])
        t->stemmer = pool.idle[l][--pool.n[l]];
    pthread_mutex_unlock(&pool.lock);
    if (!t->stemmer)
        t->stemmer = sb_stemmer_new(languages[l].algorithm, "UTF_8");
}

void tokens_close(struct tokeniser *t)
{
    bool kept = false;
    if (!t->stemmer)
        return;
    pthread_mutex_lock(&pool.lock);
    if (pool.n[t->language] < POOLED) {
        pool.idle[t->language][pool.n[t->language]++] = t->stemmer;
        kept = true;
    }
    pthread_mutex_unlock(&pool.lock);
    if (!kept)
        sb_stemmer_delete(t->stemmer);
    t->stemmer = NULL;
}

/* Scripts that put no spaces between words. */
static const struct {
    uint32_t first, last;
} unspaced[] = {
    {0x0E00, 0x0EFF},   /* Thai, Lao */
    {0x1000, 0x109F},   /* Burmese */
    {0x1780, 0x17FF},   /* Khmer */
    {0x3040, 0x30FF},   /* Hiragana, Katakana */
    {0x3400, 0x9FFF},   /* Han */
    {0xAC00, 0xD7A3},   /* Hangul */
    {0xF900, 0xFAFF},   /* Han, compatibility */
    {0x20000, 0x3FFFF}, /* Han, extensions */
};

static bool is_unspaced(uint32_t cp)
{
    for (size_t i = 0; i < COUNT_OF(unspaced); i++)
        if (cp >= unspaced[i].first && cp <= unspaced[i].last)
            return true;
    return false;
}

static bool is_apostrophe(uint32_t cp)
{
    return cp == '\'' || cp == 0x2019;
}

/* Combining marks of decomposed text belong to their letter and are folded away. */
static bool is_mark(uint32_t cp)
{
    return cp >= 0x0300 && cp <= 0x036F;
}

/* Two characters, the second of which begins the next pair; a single one only where nothing follows. */
static size_t token_take_pair(struct str *text, uint32_t first, char out[TOKEN_MAX])
{
    struct str rest = *text;
    size_t n = utf8_encode(first, out);
    uint32_t second = rest.n ? utf8_next(&rest) : 0;
    if (!is_unspaced(second))
        return n;
    n += utf8_encode(second, out + n);
    if (rest.n && is_unspaced(utf8_next(&(struct str){rest.p, rest.n})))
        return n; /* *text continues after `first`: pairs overlap */
    *text = rest;
    return n;
}

/* A character that does not fit into TOKEN_MAX any more is left out. This is the same in the index and in the question,
 * so a long word still matches. */
static size_t token_add_folded(uint32_t cp, char *out, size_t n)
{
    char c[4];
    size_t k = utf8_encode(utf8_lower(utf8_plain(utf8_lower(cp))), c);
    if (n + k > TOKEN_MAX)
        return n;
    memcpy(out + n, c, k);
    return n + k;
}

/* An English apostrophe stays inside its word ("what's"); in other languages it separates two words ("l'heure"). */
static size_t token_take_word(const struct tokeniser *t, struct str *text, uint32_t first, char out[TOKEN_MAX])
{
    size_t n = token_add_folded(first, out, 0);
    while (text->n) {
        struct str rest = *text, peek;
        uint32_t cp = utf8_next(&rest);
        if (is_apostrophe(cp) && t->apostrophe) {
            peek = rest;
            if (!peek.n || !utf8_is_letter(utf8_next(&peek)))
                break;
            cp = '\'';
        } else if (is_mark(cp)) {
            *text = rest;
            continue;
        } else if (!utf8_is_letter(cp) || is_unspaced(cp)) {
            break;
        }
        n = token_add_folded(cp, out, n);
        *text = rest;
    }
    return n;
}

/* The stemmer's result replaces the word only if it fits; its buffer belongs to the stemmer and changes with the next
 * word. */
size_t tokens_next(struct tokeniser *t, struct str *text, char out[TOKEN_MAX])
{
    while (text->n) {
        uint32_t cp = utf8_next(text);
        size_t n;
        if (is_unspaced(cp))
            return token_take_pair(text, cp, out);
        if (!utf8_is_letter(cp))
            continue;
        n = token_take_word(t, text, cp, out);
        if (t->stemmer) {
            const sb_symbol *s = sb_stemmer_stem(t->stemmer, (const sb_symbol *)out, (int)n);
            int k = sb_stemmer_length(t->stemmer);
            if (s && k > 0 && k <= TOKEN_MAX) {
                memcpy(out, s, (size_t)k);
                n = (size_t)k;
            }
        }
        return n;
    }
    return 0;
}
