/* utf8.h: strict UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). Text from outside is checked once,
 * where it enters. */
#ifndef PARLEY_BASE_UTF8_H
#define PARLEY_BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

bool utf8_valid(struct str s);                       /* true for "" */
bool utf8_text(struct str s);                        /* valid, and no NUL and no C0 control except \t \n \r */
size_t utf8_length(struct str s);                    /* code points; s must be valid */
struct str utf8_cut(struct str s, size_t max_chars); /* the first max_chars code points, never half of one */
uint32_t utf8_next(struct str *s);            /* takes one code point off; 0xFFFD for a bad byte; call while s->n */
size_t utf8_encode(uint32_t cp, char out[4]); /* bytes written */
uint32_t utf8_lower(uint32_t cp);             /* simple case folding of Latin, Greek, Cyrillic, Armenian; else cp */
uint32_t utf8_plain(uint32_t cp);             /* é -> e for Latin letters with marks; else cp */
bool utf8_is_letter(uint32_t cp);             /* letters and digits: what a word is made of */

#endif
