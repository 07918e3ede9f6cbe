/* utf8_internal.h: the tables of utf8.c, generated from the Unicode character database. Only utf8.c uses them. */
#ifndef PARLEY_BASE_UTF8_INTERNAL_H
#define PARLEY_BASE_UTF8_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

struct utf8_case {
    uint16_t first, last;
    int32_t delta;
    uint16_t step;
};
struct utf8_range {
    uint32_t first, last;
};

extern const struct utf8_case utf8_cases[]; /* in order of first */
extern const size_t utf8_case_count;
extern const char utf8_plain_00c0[], utf8_plain_1e00[];
extern const struct utf8_range utf8_letters[]; /* in order */
extern const size_t utf8_letter_count;

#endif
