/* turn_echo.c: finds a secret that a service sends back, also in another encoding.
 *
 * A text may hold it byte by byte as it is, or escaped: %41 (addresses, forms), \u0041 and \/ (JSON), &#65; and &amp;
 * (HTML, XML), in any mixture, because a server escapes only what has to be. Or it holds the whole as hex digits, or in
 * base64, where what precedes the secret shifts its bits: "user:secret" of Basic authentication. These two may be
 * escaped on top. Each form is compared character by character, so no encoded secret is ever in memory. An encoding of
 * an encoding beyond that, a hash or a piece of the secret is not found. */
#include "base/num.h"
#include "base/utf8.h"
#include "talk/turn_headers_internal.h"

#include "base/banned.h"

#define ECHO_UNIT 10 /* bytes of the longest escape: &#1114111; */

/* What one or more bytes of the text stand for. */
struct echo_unit {
    char p[4];
    size_t n, taken; /* bytes in `p`; bytes of the text */
};

static int echo_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

static bool echo_hex(struct str digits, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits.n; i++) {
        if (echo_digit(digits.p[i]) < 0)
            return false;
        *out = *out * 16 + (uint32_t)echo_digit(digits.p[i]);
    }
    return digits.n > 0;
}

static void echo_take(struct echo_unit *u, uint32_t cp, size_t taken)
{
    u->n = utf8_encode(cp, u->p);
    u->taken = taken;
}

/* A backslash before any other character than those that JSON names stands for the character. Half a surrogate pair is
 * not looked for: no secret has a character that far out. */
static void echo_read_json(struct str s, struct echo_unit *u)
{
    uint32_t cp;
    if (s.n >= 6 && s.p[1] == 'u' && echo_hex(str_sub(s, 2, 4), &cp))
        echo_take(u, cp, 6);
    else if (s.n >= 2)
        echo_take(u, (unsigned char)s.p[1], 2);
}

static void echo_read_entity(struct str s, struct echo_unit *u)
{
    static const struct {
        const char *name;
        char is;
    } names[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&nbsp;", ' '}};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_starts(s, str_from(names[i].name))) {
            echo_take(u, (unsigned char)names[i].is, strlen(names[i].name));
            return;
        }
    ptrdiff_t end = str_find(str_sub(s, 0, ECHO_UNIT), ';');
    if (end < 3 || s.p[1] != '#')
        return;
    int64_t number = 0;
    uint32_t cp = 0;
    bool hex = (s.p[2] | 0x20) == 'x';
    bool good = hex ? echo_hex(str_sub(s, 3, (size_t)end - 3), &cp)
                    : num_i64(str_sub(s, 2, (size_t)end - 2), 0, 0x10FFFF, &number);
    cp = hex ? cp : (uint32_t)number;
    if (good && cp <= 0x10FFFF)
        echo_take(u, cp, (size_t)end + 1);
}

/* The escape that begins the text; taken = 0: none does. */
static struct echo_unit echo_read(struct str s)
{
    struct echo_unit u = {.taken = 0};
    uint32_t byte;
    if (s.p[0] == '%' && s.n >= 3 && echo_hex(str_sub(s, 1, 2), &byte))
        u = (struct echo_unit){.p = {(char)byte}, .n = 1, .taken = 3};
    else if (s.p[0] == '+')
        u = (struct echo_unit){.p = {' '}, .n = 1, .taken = 1};
    else if (s.p[0] == '\\')
        echo_read_json(s, &u);
    else if (s.p[0] == '&')
        echo_read_entity(s, &u);
    return u;
}

/* ---- the forms ---- */

enum echo_form { ECHO_PLAIN, ECHO_HEX, ECHO_BASE64 };
struct echo_pattern {
    struct str secret;
    enum echo_form form;
    size_t shift; /* of base64: bytes before the secret in its group of three */
    size_t skip;  /* characters that hold bits of those bytes */
    size_t n;     /* characters that only the secret decides */
};

static struct echo_pattern echo_pattern_of(struct str secret, size_t which)
{
    if (which < 2)
        return (struct echo_pattern){
            .secret = secret, .form = which ? ECHO_HEX : ECHO_PLAIN, .n = which ? 2 * secret.n : secret.n};
    size_t shift = which - 2, skip = shift ? shift + 1 : 0;
    return (struct echo_pattern){
        .secret = secret, .form = ECHO_BASE64, .shift = shift, .skip = skip, .n = (shift + secret.n) * 8 / 6 - skip};
}

static unsigned echo_byte(const struct echo_pattern *p, size_t i)
{
    return i < p->shift || i - p->shift >= p->secret.n ? 0 : (unsigned char)p->secret.p[i - p->shift];
}

static char echo_base64_char(const struct echo_pattern *p, size_t i)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t group = (i + p->skip) / 4 * 3, place = (i + p->skip) % 4;
    unsigned bits = echo_byte(p, group) << 16 | echo_byte(p, group + 1) << 8 | echo_byte(p, group + 2);
    return letters[bits >> (18 - 6 * place) & 63];
}

/* The alphabet for addresses has - and _ where the other one has + and /. */
static bool echo_is(const struct echo_pattern *p, size_t i, char c)
{
    if (p->form == ECHO_PLAIN)
        return c == p->secret.p[i];
    if (p->form == ECHO_BASE64)
        return (c == '-' ? '+' : c == '_' ? '/' : c) == echo_base64_char(p, i);
    unsigned byte = (unsigned char)p->secret.p[i / 2];
    return echo_digit(c) == (int)(i % 2 ? byte & 15 : byte >> 4);
}

/* An escape is tried before the character itself: a secret may contain what begins an escape. */
static size_t echo_step(const struct echo_pattern *p, size_t i, struct str text, size_t *taken)
{
    struct echo_unit u = echo_read(text);
    size_t same = 0;
    while (same < u.n && i + same < p->n && echo_is(p, i + same, u.p[same]))
        same++;
    *taken = u.taken;
    if (u.taken && same == u.n)
        return same;
    *taken = 1;
    return echo_is(p, i, text.p[0]);
}

/* How many bytes of the text are this form of the secret; 0: it does not begin with it. `plainly` takes no escapes, for
 * a secret that looks like some. */
static size_t echo_match(const struct echo_pattern *p, struct str text, bool plainly)
{
    size_t at = 0, i = 0;
    while (i < p->n && at < text.n) {
        size_t taken = 1;
        size_t same = plainly ? echo_is(p, i, text.p[at]) : echo_step(p, i, str_sub(text, at, text.n), &taken);
        if (!same)
            return 0;
        i += same;
        at += taken;
    }
    return i == p->n ? at : 0;
}

static bool echo_in_base64(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c && strchr("+/-_=", c));
}

/* The characters beside the core of a base64 form hold some bits of the secret, too. */
static void echo_widen(const struct echo_pattern *p, struct str body, struct echo *out)
{
    bool before = p->shift, after = (p->shift + p->secret.n) % 3;
    if (p->form != ECHO_BASE64)
        return;
    if (after && out->at + out->n < body.n && echo_in_base64(body.p[out->at + out->n]))
        out->n++;
    if (before && out->at && echo_in_base64(body.p[out->at - 1])) {
        out->at--;
        out->n++;
    }
}

#define ECHO_FORMS 5 /* plain, hex, base64 in three places */

/* The longest form of any secret at one place: one secret may begin with another. */
static struct echo echo_at(const struct str *secrets, size_t count, struct str body, size_t at)
{
    struct str rest = str_sub(body, at, body.n);
    struct echo best = {.at = at};
    for (size_t i = 0; i < count; i++) {
        if (secrets[i].n < ECHO_SECRET_MIN)
            continue;
        for (size_t k = 0; k < ECHO_FORMS; k++) {
            const struct echo_pattern p = echo_pattern_of(secrets[i], k);
            struct echo found = {.at = at, .n = echo_match(&p, rest, false)};
            if (!found.n && k == 0)
                found.n = echo_match(&p, rest, true);
            if (!found.n)
                continue;
            echo_widen(&p, body, &found);
            if (found.n > best.n)
                best = found;
        }
    }
    return best;
}

/* Whether a character can begin any form. Most bytes of a reply cannot, and are passed without a comparison. */
static void echo_first(const struct str *secrets, size_t count, bool out[256])
{
    static const char escapes[] = "%+\\&";
    for (size_t i = 0; i < sizeof(escapes) - 1; i++)
        out[(unsigned char)escapes[i]] = true;
    for (size_t c = 0; c < 256; c++)
        for (size_t i = 0; i < count && !out[c]; i++)
            for (size_t k = 0; k < ECHO_FORMS && secrets[i].n >= ECHO_SECRET_MIN; k++) {
                const struct echo_pattern p = echo_pattern_of(secrets[i], k);
                out[c] = out[c] || echo_is(&p, 0, (char)c);
            }
}

bool turn_echo_next(const struct str *secrets, size_t count, struct str body, struct echo *at)
{
    bool first[256] = {false};
    echo_first(secrets, count, first);
    for (size_t i = at->at + at->n; i < body.n; i++) {
        if (!first[(unsigned char)body.p[i]])
            continue;
        struct echo found = echo_at(secrets, count, body, i);
        if (found.n) {
            *at = found;
            return true;
        }
    }
    return false;
}
