/* mask_scan.c: e-mail addresses, telephone numbers, cards, IBANs and IP addresses, found by hand and not by patterns:
 * each place is looked at once and with a small bound, so a text made to be slow is not. A match has to begin and end
 * at the edge of a word or number. Where two kinds fit, the one with a check digit wins. */
#include "engine/mask_scan.h"

#include <arpa/inet.h>

#include "base/utf8.h"

#include "base/banned.h"

#define EMAIL_LOCAL_MAX 64 /* RFC 5321, 4.5.3.1 */
#define EMAIL_DOMAIN_MAX 255
#define IBAN_MIN 15
#define IBAN_MAX 34
#define CARD_MIN 13
#define CARD_MAX 19
#define PHONE_MIN 8
#define PHONE_NATIONAL_MIN 9 /* without a country code: a date has eight digits */
#define PHONE_MAX 15         /* E.164 */
#define PHONE_AREA_MAX 12    /* bytes in which the slash after an area code is looked for */
#define SCAN_UNSPACED 0x2E80 /* CJK Radicals Supplement; the scripts from here on have no spaces between words */

static bool scan_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool scan_is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* Also bytes of other scripts: they are parts of words as well. */
static bool scan_is_word(char c)
{
    return scan_is_digit(c) || scan_is_upper(c) || (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80;
}

/* Does the character at `i` join what is before it into one word? Dashes, quotation marks and spaces of other scripts
 * do not, and neither do Chinese and Japanese characters, which are written without spaces between the words. */
static bool scan_joins(struct str s, size_t i)
{
    struct str rest = str_sub(s, i, 4);
    if (!rest.n || (unsigned char)rest.p[0] < 0x80)
        return rest.n && scan_is_word(rest.p[0]);
    uint32_t cp = utf8_next(&rest);
    return cp < SCAN_UNSPACED && utf8_is_letter(cp);
}

/* Can a match begin at `i`? Never in the middle of a character. */
static bool scan_is_edge(struct str s, size_t i)
{
    size_t before = i;
    if (i == 0)
        return true;
    while (before > 0 && ((unsigned char)s.p[--before] & 0xC0) == 0x80) {
        /* to the first byte of the character */
    }
    return ((unsigned char)s.p[i] & 0xC0) != 0x80 && !scan_joins(s, before);
}

static char scan_at(struct str s, size_t i)
{
    return i < s.n ? s.p[i] : '\0';
}

/* ---- e-mail ---- */

static bool scan_is_local(char c)
{
    return scan_is_word(c) || (c && strchr("!#$%&'*+/=?^_`{|}~.-", c));
}

/* From the "@" to the right: labels with dots, the last of letters. */
static size_t scan_domain(struct str s, size_t from)
{
    size_t end = from, label = from, last = 0;
    for (; end < s.n && end - from < EMAIL_DOMAIN_MAX; end++) {
        char c = s.p[end];
        if (c == '.' && end > label)
            last = label = end + 1;
        else if (!scan_is_word(c) && c != '-')
            break;
    }
    while (end > from && (s.p[end - 1] == '.' || s.p[end - 1] == '-'))
        end--;
    return last && end >= last + 2 && !scan_is_digit(s.p[last]) ? end : 0;
}

/* Called at the first character of a run of local characters. */
static size_t scan_email(struct str s, size_t at)
{
    size_t i = at;
    if (!scan_is_word(s.p[at]))
        return 0;
    while (i < s.n && i - at < EMAIL_LOCAL_MAX && scan_is_local(s.p[i]))
        i++;
    return scan_at(s, i) == '@' ? scan_domain(s, i + 1) : 0;
}

/* ---- numbers ---- */

/* The number of bytes of a separator at `i`: a space or a dash of any kind, or one of `more`. 0: there is none. */
static size_t scan_separator(struct str s, size_t i, const char *more)
{
    static const char *const wide[] = {"\xC2\xA0",     "\xE2\x80\x87", "\xE2\x80\x89", "\xE2\x80\xAF", "\xE2\x80\x90",
                                       "\xE2\x80\x91", "\xE2\x80\x92", "\xE2\x80\x93", "\xE2\x80\x94", "\xE2\x88\x92"};
    char c = scan_at(s, i);
    if (c && (c == ' ' || c == '-' || strchr(more, c)))
        return 1;
    for (size_t k = 0; (unsigned char)c >= 0x80 && k < COUNT_OF(wide); k++)
        if (str_starts(str_sub(s, i, 3), str_from(wide[k])))
            return strlen(wide[k]);
    return 0;
}

/* The digits from `at` on, with at most `gap` separators between two of them; `end` is after the last digit. */
struct scan_digits {
    char p[40];
    size_t n, end;
};
static void scan_digits(struct str s, size_t at, const char *more, size_t most, size_t gap, struct scan_digits *d)
{
    size_t size, separators = 0;
    d->n = 0;
    for (size_t i = at; i < s.n && d->n < most; i += size)
        if (scan_is_digit(s.p[i])) {
            size = 1;
            separators = 0;
            d->p[d->n++] = s.p[i];
            d->end = i + 1;
        } else if (!(size = scan_separator(s, i, more)) || ++separators > gap)
            break;
}

static bool scan_luhn(const struct scan_digits *d, size_t n)
{
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        int v = d->p[n - 1 - i] - '0';
        if (i % 2 == 1)
            v = v > 4 ? 2 * v - 9 : 2 * v;
        sum += v;
    }
    return sum % 10 == 0;
}

static size_t scan_card(struct str s, size_t at)
{
    struct scan_digits d = {.end = at};
    if (!scan_is_digit(s.p[at]) || s.p[at] == '0')
        return 0;
    scan_digits(s, at, "", CARD_MAX + 1, 2, &d);
    return d.n >= CARD_MIN && d.n <= CARD_MAX && !scan_joins(s, d.end) && scan_luhn(&d, d.n) ? d.end : 0;
}

/* 555-123-4567 and the like, without a country code. */
static bool scan_is_american(struct str s, size_t at, const struct scan_digits *d)
{
    char first = scan_at(s, at + 3);
    return d->n == 10 && d->end == at + 12 && first && strchr("-. ", first) && scan_at(s, at + 7) == first;
}

/* A number may have spaces around a dash or slash ("030 / 90182"), but two dates with a dash between them are no
 * number. */
static size_t scan_phone_gap(struct str s, size_t at)
{
    return s.p[at] == '+' || str_find(str_sub(s, at, PHONE_AREA_MAX), '/') >= 0 ? 3 : 2;
}

/* With a country code (+49, 0049), or in the ways that numbers of a country are written: with a leading zero, or the
 * area code in brackets, or 555-123-4567. */
static size_t scan_phone(struct str s, size_t at)
{
    struct scan_digits d = {.end = at};
    char first = s.p[at];
    bool bracket = first == '(', plus = first == '+';
    if (!scan_is_digit(first) && !bracket && !plus)
        return 0;
    scan_digits(s, at + !scan_is_digit(first), "./()", PHONE_MAX + 3, scan_phone_gap(s, at), &d);
    if (d.n < PHONE_MIN || d.n > PHONE_MAX + 2 || scan_joins(s, d.end))
        return 0;
    bool international = plus || memcmp(d.p, "00", 2) == 0;
    bool national = (bracket || d.p[0] == '0') && d.n >= PHONE_NATIONAL_MIN;
    return international || national || scan_is_american(s, at, &d) ? d.end : 0;
}

/* ISO 13616: the first four characters go to the end, letters become numbers, the rest by 97 is 1. */
static bool scan_iban_valid(const char *p, size_t n)
{
    unsigned rest = 0;
    for (size_t i = 0; i < n; i++) {
        char c = p[(i + 4) % n];
        unsigned v = scan_is_digit(c) ? (unsigned)(c - '0') : (unsigned)(c - 'A') + 10;
        rest = (rest * (v > 9 ? 100 : 10) + v) % 97;
    }
    return rest == 1;
}

/* Two letters and two digits. */
static bool scan_is_iban_head(struct str s, size_t at)
{
    return scan_is_upper(s.p[at] & ~0x20) && scan_is_upper(scan_at(s, at + 1) & ~0x20) &&
           scan_is_digit(scan_at(s, at + 2)) && scan_is_digit(scan_at(s, at + 3));
}

/* The longest prefix that is valid, because a word may follow after a space. */
static size_t scan_iban(struct str s, size_t at)
{
    char p[IBAN_MAX + 1];
    size_t n = 0, found = 0, gap;
    if (!scan_is_iban_head(s, at))
        return 0;
    for (size_t i = at; i < s.n && n < IBAN_MAX; i++) {
        if (n && (gap = scan_separator(s, i, "")))
            i += gap; /* one; a second ends it */
        char c = scan_at(s, i);
        if ((unsigned char)c >= 0x80 || !scan_is_word(c))
            break;
        p[n++] = scan_is_digit(c) ? c : (char)(c & ~0x20);
        if (n >= IBAN_MIN && !scan_joins(s, i + 1) && scan_iban_valid(p, n))
            found = i + 1;
    }
    return found;
}

/* ---- addresses ---- */

static bool scan_is_ip_char(char c)
{
    return scan_is_digit(c) || ((c & ~0x20) >= 'A' && (c & ~0x20) <= 'F') || c == ':' || c == '.';
}

/* The longest run at `at` that may be an address, copied. Dots and a single colon at its end belong to the sentence. A
 * single colon elsewhere is followed by a port: the run ends before it. */
static size_t scan_ip_run(struct str s, size_t at, char text[INET6_ADDRSTRLEN], bool *v6)
{
    size_t n = 0, colons = 0, first_colon = 0;
    for (; n + 1 < INET6_ADDRSTRLEN && at + n < s.n && scan_is_ip_char(s.p[at + n]); n++) {
        text[n] = s.p[at + n];
        if (text[n] == ':' && !colons++)
            first_colon = n;
    }
    *v6 = colons > 1;
    if (colons == 1)
        n = first_colon;
    while (n && (text[n - 1] == '.' || (text[n - 1] == ':' && (n < 2 || text[n - 2] != ':'))))
        n--;
    text[n] = '\0';
    return n;
}

/* inet_pton decides. "12:30" and "1.2" are none, and a version number of four parts cannot be told from an address. */
static size_t scan_ip(struct str s, size_t at)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    bool v6;
    size_t n = scan_ip_run(s, at, text, &v6);
    return n > 3 && !scan_joins(s, at + n) && inet_pton(v6 ? AF_INET6 : AF_INET, text, address) == 1 ? at + n : 0;
}

/* ---- all of them ---- */

enum mask_kind mask_scan(struct str text, size_t from, size_t *at, size_t *end)
{
    static const struct {
        size_t (*scan)(struct str s, size_t at);
        enum mask_kind kind;
    } scans[] = {
        {scan_email, MASK_EMAIL}, {scan_iban, MASK_IBAN},   {scan_ip, MASK_IP},
        {scan_card, MASK_CARD},   {scan_phone, MASK_PHONE},
    };
    for (size_t i = from; i < text.n; i++) {
        char c = text.p[i];
        if (!(scan_is_word(c) || c == '+' || c == '(' || c == ':') || !scan_is_edge(text, i))
            continue;
        for (size_t k = 0; k < COUNT_OF(scans); k++)
            if ((*end = scans[k].scan(text, i)) > i) {
                *at = i;
                return scans[k].kind;
            }
    }
    return MASK_KINDS;
}
