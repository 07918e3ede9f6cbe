/* mail_header.c: header lines of a mail.
 *
 * Whatever text comes in, what goes out is ASCII, keeps the line length of RFC 5322, and cannot start another
 * header. */
#include "net/mail_header.h"

#include "base/clock.h"
#include "base/utf8.h"

#include "base/banned.h"

#define PLAIN_MAX 60  /* bytes of a text that is not folded */
#define FOLD_AT 76    /* RFC 2047, 2 */
#define TEXT_MAX 1000 /* bytes of a text */
#define ID_MAX 200    /* bytes of a Message-ID */

bool mail_header_ok(struct str s)
{
    if (s.n > TEXT_MAX || !utf8_text(s))
        return false;
    while (s.n) {
        uint32_t cp = utf8_next(&s);
        if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || cp == 0x2028 || cp == 0x2029)
            return false;
    }
    return true;
}

/* Exactly one "@" and nothing that has a meaning in the grammar of RFC 5322, so the id can be put between angle
 * brackets as it is. */
bool mail_header_id_ok(struct str s)
{
    ptrdiff_t at = str_find(s, '@');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c >= 0x7F || strchr("<>()[]\",;:\\", c) || (c == '@' && (ptrdiff_t)i != at))
            return false;
    }
    return s.n <= ID_MAX && at > 0 && (size_t)at + 1 < s.n;
}

/* True for text that cannot be taken for an encoded word and needs no folding. */
static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~')
            return false;
    return s.n <= PLAIN_MAX && !str_has(s, STR("=?"));
}

/* One character in the "Q" encoding, restricted to what is allowed in a phrase: at most 12 bytes. */
static size_t encode_character(struct str c, char out[12])
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;
    for (size_t i = 0; i < c.n; i++) {
        unsigned char b = (unsigned char)c.p[i];
        bool word = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') ||
                    (b && strchr("!*+-/", b));
        if (word || b == ' ') {
            out[n++] = b == ' ' ? '_' : (char)b;
        } else {
            out[n++] = '=';
            out[n++] = hex[b >> 4];
            out[n++] = hex[b & 15];
        }
    }
    return n;
}

/* `column` is the length of the line so far. A character is never divided between two encoded words (RFC 2047, 5). */
static void encoded_words(struct buf *b, size_t column, struct str s)
{
    static const struct str begin = STR("=?utf-8?Q?"), end = STR("?=");
    column += begin.n;
    buf_str_add(b, begin);
    while (s.n) {
        char out[12];
        struct str before = s;
        utf8_next(&s);
        size_t n = encode_character(str_sub(before, 0, before.n - s.n), out);
        if (column + n + end.n > FOLD_AT) {
            buf_str_add(b, end);
            buf_puts(b, "\r\n ");
            buf_str_add(b, begin);
            column = 1 + begin.n;
        }
        buf_add(b, out, n);
        column += n;
    }
    buf_str_add(b, end);
}

void mail_header_text(struct buf *b, const char *head, struct str s)
{
    buf_printf(b, "%s: ", head);
    if (is_plain(s))
        buf_str_add(b, s);
    else
        encoded_words(b, strlen(head) + 2, s);
}

void mail_header_mailbox(struct buf *b, const char *head, struct str name, struct str address)
{
    buf_printf(b, "%s: ", head);
    if (name.n && is_plain(name)) {
        buf_putc(b, '"');
        for (size_t i = 0; i < name.n; i++) {
            if (name.p[i] == '"' || name.p[i] == '\\')
                buf_putc(b, '\\');
            buf_putc(b, name.p[i]);
        }
        buf_puts(b, "\" ");
    } else if (name.n) {
        encoded_words(b, strlen(head) + 2, name);
        buf_puts(b, "\r\n ");
    }
    buf_puts(b, name.n ? "<" : "");
    buf_str_add(b, address);
    buf_puts(b, name.n ? ">" : "");
}

void mail_header_date(struct buf *b, int64_t ms)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"}; /* 1970 began on a Thursday */
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct clock_date d = clock_split(ms);
    int64_t day = clock_date_ms(d.year, d.month, d.day) / DAY_MS;
    buf_printf(b, "%s, %d %s %04d %02d:%02d:%02d +0000", days[(day % 7 + 7) % 7], d.day, months[d.month - 1], d.year,
               d.hour, d.minute, d.second);
}
