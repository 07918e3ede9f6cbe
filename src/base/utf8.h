/* utf8.h: strict UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
 *
 * Text from outside is checked once, where it enters. Thread safe. */
#ifndef PARLEY_BASE_UTF8_H
#define PARLEY_BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* True for "". */
bool utf8_valid(struct str s);
/* Valid, and without NUL and other C0 controls except tab, newline and carriage return. */
bool utf8_text(struct str s);
/* The number of code points of a valid text. */
size_t utf8_length(struct str s);
/* The first max_chars code points, never half of one. */
struct str utf8_cut(struct str s, size_t max_chars);
/* As many whole code points as fit into max_bytes bytes. A text that is not valid is cut at max_bytes. */
struct str utf8_fit(struct str s, size_t max_bytes);
/* Take one code point off; U+FFFD for a byte that is not part of one. *s must not be empty. */
uint32_t utf8_next(struct str *s);
/* Returns the number of bytes written. */
size_t utf8_encode(uint32_t cp, char out[4]);
/* Simple case folding of Latin, Greek, Cyrillic and Armenian letters; any other code point is returned as it is. */
uint32_t utf8_lower(uint32_t cp);
/* A Latin letter without its marks: e for é. Any other code point is returned as it is. */
uint32_t utf8_plain(uint32_t cp);
/* True for letters and digits: the characters of words. */
bool utf8_is_letter(uint32_t cp);

#endif
