/* mask_scan.c: e-mail addresses, telephone numbers, cards, IBANs and IP addresses, found by hand and not by patterns:
 * each place is looked at once and with a small bound, so a text made to be slow is not. A match has to begin and end
 * at the edge of a word or number. Where two kinds fit, the one with a check digit wins. */
#include "engine/mask_scan.h"

#include <arpa/inet.h>

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
    if (!scan_is_word(s.p[at]) || (at > 0 && scan_is_local(s.p[at - 1]) && scan_is_word(s.p[at - 1])))
        return 0;
    while (i < s.n && i - at < EMAIL_LOCAL_MAX && scan_is_local(s.p[i]))
        i++;
    return scan_at(s, i) == '@' ? scan_domain(s, i + 1) : 0;
}

/* ---- numbers ---- */

/* The digits from `at` on, with at most one separator between two of them; `end` is after the last digit. */
struct scan_digits {
    char p[40];
    size_t n, end;
};
static void scan_digits(struct str s, size_t at, const char *separators, size_t most, struct scan_digits *d)
{
    d->n = 0;
    for (size_t i = at; i < s.n && d->n < most; i++)
        if (scan_is_digit(s.p[i])) {
            d->p[d->n++] = s.p[i];
            d->end = i + 1;
        } else if (!strchr(separators, s.p[i]) || i > d->end + 1)
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
    scan_digits(s, at, " -", CARD_MAX + 1, &d);
    return d.n >= CARD_MIN && d.n <= CARD_MAX && !scan_is_word(scan_at(s, d.end)) && scan_luhn(&d, d.n) ? d.end : 0;
}

/* 555-123-4567 and the like, without a country code. */
static bool scan_is_american(struct str s, size_t at, const struct scan_digits *d)
{
    char first = scan_at(s, at + 3);
    return d->n == 10 && d->end == at + 12 && first && strchr("-. ", first) && scan_at(s, at + 7) == first;
}

/* With a country code (+49, 0049), or in the ways that numbers of a country are written: with a leading zero, or the
 * area code in brackets, or 555-123-4567. */
static size_t scan_phone(struct str s, size_t at)
{
    struct scan_digits d = {.end = at};
    char first = s.p[at];
    bool bracket = first == '(', plus = first == '+';
    if (!scan_is_digit(first) && !strchr("(+", first))
        return 0;
    scan_digits(s, at + (bracket || plus ? 1 : 0), " -./()\xC2\xA0", PHONE_MAX + 3, &d);
    if (d.n < PHONE_MIN || d.n > PHONE_MAX + 2 || scan_is_word(scan_at(s, d.end)))
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
    size_t n = 0, found = 0;
    if (!scan_is_iban_head(s, at))
        return 0;
    for (size_t i = at; i < s.n && n < IBAN_MAX; i++) {
        char c = s.p[i];
        if ((c == ' ' || c == '-') && s.p[i - 1] != c)
            continue;
        if ((unsigned char)c >= 0x80 || !scan_is_word(c))
            break;
        p[n++] = scan_is_digit(c) ? c : (char)(c & ~0x20);
        if (n >= IBAN_MIN && !scan_is_word(scan_at(s, i + 1)) && scan_iban_valid(p, n))
            found = i + 1;
    }
    return found;
}

/* ---- addresses ---- */

static bool scan_is_ip_char(char c)
{
    return scan_is_digit(c) || ((c & ~0x20) >= 'A' && (c & ~0x20) <= 'F') || c == ':' || c == '.';
}

/* inet_pton decides. "12:30" and "1.2" are none, and a version number of four parts cannot be told from an address. */
static size_t scan_ip(struct str s, size_t at)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    size_t n = 0, colons = 0, dots = 0;
    for (; n + 1 < sizeof(text) && at + n < s.n && scan_is_ip_char(s.p[at + n]); n++) {
        text[n] = s.p[at + n];
        colons += text[n] == ':';
        dots += text[n] == '.';
    }
    while (n && (text[n - 1] == '.' || (text[n - 1] == ':' && (n < 2 || text[n - 2] != ':'))))
        n--;
    text[n] = '\0';
    if (scan_is_word(scan_at(s, at + n)) || (colons < 2 && dots < 3))
        return 0;
    return inet_pton(colons ? AF_INET6 : AF_INET, text, address) == 1 && n > 3 ? at + n : 0;
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
        bool edge = i == 0 || !scan_is_word(text.p[i - 1]);
        if (!edge || !(scan_is_word(c) || c == '+' || c == '(' || c == ':'))
            continue;
        for (size_t k = 0; k < COUNT_OF(scans); k++)
            if ((*end = scans[k].scan(text, i)) > i) {
                *at = i;
                return scans[k].kind;
            }
    }
    return MASK_KINDS;
}
