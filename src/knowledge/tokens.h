/* tokens.h: text into terms for search: words folded (case, marks), then stemmed by the language's Snowball stemmer.
 *
 * Scripts written without spaces (Han, Kana, Hangul, Thai) give overlapping pairs of characters instead of words. A
 * tokeniser belongs to one thread at a time; stemmers are kept in a pool between uses. */
#ifndef PARLEY_KNOWLEDGE_TOKENS_H
#define PARLEY_KNOWLEDGE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define TOKEN_MAX 40 /* bytes of one term; longer words are cut */

struct sb_stemmer;
struct tokeniser {
    struct sb_stemmer *stemmer; /* NULL: words are folded only */
    int language;               /* its place in the table of stemmers, -1 without one */
    bool apostrophe;            /* "what's" is one word (English), else "l'heure" is two */
};

/* Is there a stemmer for this BCP 47 tag ("es-MX": by its first part)? */
bool tokens_language_known(struct str language);
/* An unknown language or no memory for the stemmer gives a tokeniser without one. */
void tokens_open(struct tokeniser *t, struct str language);
void tokens_close(struct tokeniser *t);

/* Take the next term off *text into out; its bytes, or 0 when the text is at its end. */
size_t tokens_next(struct tokeniser *t, struct str *text, char out[TOKEN_MAX]);

#endif
