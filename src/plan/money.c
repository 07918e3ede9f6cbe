/* money.c: all arithmetic is done in 128-bit integers of 10^-12 units, with overflow checks; nothing is rounded
 * except where a function says so. */
#include "plan/money.h"

#include "base/err.h"

#include "base/banned.h"

__extension__ typedef __int128 wide;

/* ---- currencies ---- */

struct currency_symbol {
    const char *code, *sign;
};

static bool currency_among(struct str currency, const char *const *codes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_ieq(currency, str_from(codes[i])))
            return true;
    return false;
}

/* Source: docs.stripe.com/currencies. ISK and UGX no longer have decimals, but Stripe still counts them in
 * hundredths. */
int money_places(struct str currency)
{
    static const char *const none[] = {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga",
                                       "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"};
    static const char *const three[] = {"bhd", "jod", "kwd", "omr", "tnd"};
    if (currency_among(currency, none, COUNT_OF(none)))
        return 0;
    return currency_among(currency, three, COUNT_OF(three)) ? 3 : 2;
}

static const char *currency_sign(struct str currency)
{
    static const struct currency_symbol symbols[] = {{"usd", "$"},   {"eur", "€"},  {"gbp", "£"},   {"jpy", "¥"},
                                                     {"krw", "₩"},   {"inr", "₹"},  {"cad", "CA$"}, {"aud", "A$"},
                                                     {"nzd", "NZ$"}, {"brl", "R$"}, {"mxn", "MX$"}, {"cny", "CN¥"},
                                                     {"ils", "₪"},   {"vnd", "₫"},  {"php", "₱"},   {"ngn", "₦"}};
    for (size_t i = 0; i < COUNT_OF(symbols); i++)
        if (str_ieq(currency, str_from(symbols[i].code)))
            return symbols[i].sign;
    return NULL;
}

/* A no-break space keeps a code and its amount on one line. */
static void currency_add(struct buf *b, struct str currency)
{
    const char *sign = currency_sign(currency);
    if (sign) {
        buf_puts(b, sign);
        return;
    }
    for (size_t i = 0; i < currency.n; i++) {
        char c = currency.p[i];
        buf_putc(b, c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
    }
    buf_puts(b, "\u00a0");
}

void money_text(struct buf *b, int64_t amount, struct str currency)
{
    static const uint64_t scales[] = {1, 10, 100, 1000};
    int places = money_places(currency);
    uint64_t v = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount, scale = scales[places];
    if (amount < 0)
        buf_putc(b, '-');
    currency_add(b, currency);
    buf_u64(b, v / scale);
    if (places)
        buf_printf(b, ".%0*u", places, (unsigned)(v % scale));
}

/* ---- decimals ---- */

static wide decimal_wide(struct decimal d)
{
    return (wide)d.whole * PICO + d.pico;
}

static bool decimal_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Appends the digits from s[*at] to *v. False when there is none, more than `most`, or on overflow. */
static bool decimal_read_digits(struct str s, size_t *at, size_t most, wide *v)
{
    size_t from = *at;
    for (; *at < s.n && decimal_digit(s.p[*at]); ++*at)
        if (*at - from == most || __builtin_mul_overflow(*v, (wide)10, v) ||
            __builtin_add_overflow(*v, (wide)(s.p[*at] - '0'), v))
            return false;
    return *at > from;
}

/* Strict, because these strings decide amounts: no sign but a minus, no exponent, no digits that would have to be
 * dropped. 24 digits before the point are more than any amount, and keep the intermediate value within 128 bits. */
bool decimal_parse(struct str s, struct decimal *out)
{
    size_t at = s.n && s.p[0] == '-', point;
    wide v = 0;
    size_t places = 0;

    if (!decimal_read_digits(s, &at, 24, &v))
        return false;
    if (at < s.n && s.p[at] == '.') {
        point = ++at;
        if (!decimal_read_digits(s, &at, DECIMAL_PLACES, &v))
            return false;
        places = at - point;
    }
    for (; places < DECIMAL_PLACES; places++)
        if (__builtin_mul_overflow(v, (wide)10, &v))
            return false;
    if (s.p[0] == '-')
        v = -v;
    if (at != s.n || v / PICO > INT64_MAX || v / PICO < INT64_MIN)
        return false;
    *out = (struct decimal){(int64_t)(v / PICO), (int64_t)(v % PICO)};
    return true;
}

/* The shortest form, so that one value has one spelling: a call that is repeated under its idempotency key must have
 * the same parameters. */
void decimal_print(struct buf *b, struct decimal d)
{
    bool minus = d.whole < 0 || d.pico < 0;
    uint64_t whole = d.whole < 0 ? 0 - (uint64_t)d.whole : (uint64_t)d.whole,
             pico = (uint64_t)(d.pico < 0 ? -d.pico : d.pico);
    int places = DECIMAL_PLACES;
    if (minus)
        buf_putc(b, '-');
    buf_u64(b, whole);
    if (!pico)
        return;
    for (; pico % 10 == 0; places--)
        pico /= 10;
    buf_printf(b, ".%0*llu", places, (unsigned long long)pico);
}

int decimal_cmp(struct decimal a, struct decimal b)
{
    wide x = decimal_wide(a), y = decimal_wide(b);

    return (x > y) - (x < y);
}

/* ---- prices ---- */

/* Rounded down at the twelfth decimal, in the customer's favour. For a billion conversations that comes to less than a
 * thousandth of the smallest unit. */
struct decimal money_overage_unit(int64_t price, int64_t included)
{
    CHECK(price >= 0 && included > 0);
    wide v = (wide)price * PICO / included;
    return (struct decimal){(int64_t)(v / PICO), (int64_t)(v % PICO)};
}

/* Half a unit is added and the division then rounds down, also below zero. The product is rounded once, as one line of
 * an invoice is. Rounding the price of one conversation would multiply the error. */
bool money_times(struct decimal d, int64_t qty, int64_t *out)
{
    wide v;

    if (__builtin_mul_overflow(decimal_wide(d), (wide)qty, &v) || __builtin_add_overflow(v, (wide)(PICO / 2), &v))
        return false;
    wide units = v / PICO;
    if (v % PICO < 0)
        units--;
    if (units > INT64_MAX || units < INT64_MIN)
        return false;
    *out = (int64_t)units;
    return true;
}

/* Rounded down, so that what the cap buys never costs more than the cap. */
int64_t money_qty_for(int64_t cap, struct decimal d)
{
    wide unit = decimal_wide(d), n;

    if (cap < 0)
        return 0;
    if (unit <= 0)
        return INT64_MAX;
    n = (wide)cap * PICO / unit;
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}
