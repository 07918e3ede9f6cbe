/* text.h: what engines do with text: whole characters of a stream, reasoning left out, an estimate of tokens. Thread
 * rule: a struct belongs to one thread at a time; the rest is pure. */
#ifndef PARLEY_ENGINE_TEXT_H
#define PARLEY_ENGINE_TEXT_H

#include "base/buf.h"

/* Append `s` with every byte that is not part of valid UTF-8 replaced by U+FFFD, and without control characters other
 * than tabs and line ends. */
void text_clean(struct buf *out, struct str s);

/* The beginning of a character whose rest has not come yet. */
struct text_tail {
    char p[4];
    size_t n;
};
/* Append the whole characters of what has come so far, cleaned as above; keep the beginning of one for the next
 * call. */
void text_whole(struct text_tail *t, struct str s, struct buf *out);
/* At the end: each byte of half a character becomes U+FFFD. */
void text_whole_end(struct text_tail *t, struct buf *out);

/* Some models write their reasoning into the answer, between <think> and </think> at its beginning. Other text that
 * happens to contain these words is not touched. */
struct text_think {
    enum { THINK_UNKNOWN, THINK_INSIDE, THINK_OVER } state;
    char held[16]; /* what may be the beginning of a mark */
    size_t n;
    bool trim; /* white space after </think> is left out */
};
/* Append what belongs to the answer. */
void text_think(struct text_think *t, struct str s, struct buf *out);
/* At the end: what was held was no mark after all. */
void text_think_end(struct text_think *t, struct buf *out);

/* The beginning of a text, for servers that limit its length and count as UTF-16 does: a character beyond U+FFFF counts
 * two. What is drawn as one character, such as a letter with its accents or a flag, is left out rather than cut in
 * half. */
struct str text_cut(struct str s, int64_t most);

/* About how many tokens a text has. No tokenizer fits all models, so this is a rule that errs on the high side for the
 * languages it was compared with: an ASCII character counts a quarter, a letter up to U+2E7F (accents, Cyrillic, Greek,
 * Arabic, Hebrew, Indic scripts) a half, anything beyond (Chinese, Japanese, Korean, emoji) one. */
size_t text_tokens(struct str s);
/* The same in quarters of a token, for a text that comes in pieces: their sum is that of the whole. */
#define TEXT_QUARTERS 4 /* of a token */
size_t text_quarters(struct str s);
/* As many whole characters as have at most so many quarters. */
struct str text_fit(struct str s, size_t quarters);

#endif
