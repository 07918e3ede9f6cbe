/* utf8.c: strict UTF-8, and what words need to know about letters.
 *
 * Most text is ASCII, so validation skips it eight bytes at a time. The tables cover the alphabets whose case folding
 * is one to one; other scripts have no case or are compared as they are. */
#include "base/utf8.h"

#include "base/utf8_internal.h"

#include "base/banned.h"

static bool is_tail(struct str s, size_t i, unsigned char from, unsigned char to)
{
    return i < s.n && (unsigned char)s.p[i] >= from && (unsigned char)s.p[i] <= to;
}

/* The length of the well-formed sequence that s begins with, 0 if it does not begin with one (Unicode, table 3-7). The
 * bounds of the second byte exclude overlong forms, surrogates and code points above U+10FFFF. */
static size_t utf8_sequence(struct str s)
{
    unsigned char c = (unsigned char)s.p[0];
    if (c < 0x80)
        return 1;
    if (c < 0xC2 || c > 0xF4)
        return 0;
    if (c < 0xE0)
        return is_tail(s, 1, 0x80, 0xBF) ? 2 : 0;
    unsigned char low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned char high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (!is_tail(s, 1, low, high) || !is_tail(s, 2, 0x80, 0xBF))
        return 0;
    if (c < 0xF0)
        return 3;
    return is_tail(s, 3, 0x80, 0xBF) ? 4 : 0;
}

/* memcpy and not a cast: the text need not be aligned, and the compiler makes one load of it. The loop over single
 * bytes finds the end within the eight that were not all ASCII. */
static size_t ascii_run(struct str s)
{
    size_t i = 0;
    for (uint64_t eight; i + 8 <= s.n; i += 8) {
        memcpy(&eight, s.p + i, 8);
        if (eight & 0x8080808080808080u)
            break;
    }
    while (i < s.n && !((unsigned char)s.p[i] & 0x80))
        i++;
    return i;
}

bool utf8_valid(struct str s)
{
    for (;;) {
        s = str_sub(s, ascii_run(s), s.n);
        if (!s.n)
            return true;
        size_t n = utf8_sequence(s);
        if (!n)
            return false;
        s = str_sub(s, n, s.n);
    }
}

/* Control characters are looked for in bytes: below 0x80 a byte of UTF-8 is always a character of its own. Tab and line
 * breaks are part of what people write; NUL would end the text in C. */
bool utf8_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
            return false;
    }
    return utf8_valid(s);
}

/* Counts the bytes that begin a character. On text that was not checked the number means little, but counting is
 * safe. */
size_t utf8_length(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* Cuts between characters. A text that has no more bytes than it may have characters need not be looked through. */
struct str utf8_cut(struct str s, size_t max_chars)
{
    if (s.n <= max_chars)
        return s;
    size_t i = 0;
    while (i < s.n && max_chars--) {
        size_t n = utf8_sequence(str_sub(s, i, s.n));
        i += n ? n : 1;
    }
    return str_sub(s, 0, i);
}

/* Goes back to the byte that begins the character at the cut. More than three bytes back begins none, and then the text
 * is not UTF-8. */
struct str utf8_fit(struct str s, size_t max_bytes)
{
    if (s.n <= max_bytes)
        return s;
    size_t i = max_bytes;
    while (i && max_bytes - i < 3 && ((unsigned char)s.p[i] & 0xC0) == 0x80)
        i--;
    return str_sub(s, 0, ((unsigned char)s.p[i] & 0xC0) == 0x80 ? max_bytes : i);
}

/* A byte that begins no well-formed sequence is taken off alone, so that one bad byte spoils one character only. */
uint32_t utf8_next(struct str *s)
{
    size_t n = utf8_sequence(*s);
    const unsigned char *p = (const unsigned char *)s->p;
    uint32_t cp = 0xFFFD;
    switch (n) {
    case 1:
        cp = p[0];
        break;
    case 2:
        cp = (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
        break;
    case 3:
        cp = (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
        break;
    case 4:
        cp = (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
        break;
    default:
        n = 1;
    }
    *s = str_sub(*s, n, s->n);
    return cp;
}

/* A value that is not a character becomes U+FFFD, so the output is valid UTF-8 whatever the caller passes. */
size_t utf8_encode(uint32_t cp, char out[4])
{
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000))
        cp = 0xFFFD;
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (cp & 0x3F));
        cp >>= 6;
    }
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(lead[n] | cp);
    return n;
}

/* Binary search in ranges that are sorted by their first letter. `step` 2 is for alphabets that alternate upper and
 * lower case. */
uint32_t utf8_lower(uint32_t cp)
{
    if (cp < 0x80)
        return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
    size_t low = 0, high = utf8_case_count;
    while (low < high) { /* find the first range that does not end before cp */
        size_t mid = (low + high) / 2;
        if (utf8_cases[mid].last < cp)
            low = mid + 1;
        else
            high = mid;
    }
    const struct utf8_case *c = &utf8_cases[low];
    if (low == utf8_case_count || cp < c->first || (cp - c->first) % c->step != 0)
        return cp;
    return (uint32_t)((int32_t)cp + c->delta);
}

uint32_t utf8_plain(uint32_t cp)
{
    char c = '.';
    if (cp >= 0xC0 && cp < 0x250)
        c = utf8_plain_00c0[cp - 0xC0];
    else if (cp >= 0x1E00 && cp < 0x1F00)
        c = utf8_plain_1e00[cp - 0x1E00];
    return c == '.' ? cp : (uint32_t)c;
}

/* Digits and marks count, because this decides where a word ends: "covid19" is one word, and a combining accent belongs
 * to its letter. */
bool utf8_is_letter(uint32_t cp)
{
    if (cp < 0x80)
        return (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z') || (cp >= '0' && cp <= '9');
    size_t low = 0, high = utf8_letter_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (utf8_letters[mid].last < cp)
            low = mid + 1;
        else
            high = mid;
    }
    return low < utf8_letter_count && utf8_letters[low].first <= cp;
}
