/* value.c: the table of settings (config.def), and the check of one value against its row.
 *
 * Every value goes through config_assign: the compiled defaults, the files and the environment. So a default that its
 * own row would refuse cannot be shipped, and a setting never holds a value that was not checked. */
#include <stdio.h>

#include "base/clock.h"
#include "base/config/config_internal.h"
#include "base/num.h"
#include "base/utf8.h"

#include "base/banned.h"

/* config.def reads as a table of words with these; a bare 0 or 1 in its columns would say nothing. */
#define SECRET 1
#define OPEN 0
#define RELOAD 1
#define RESTART 0

static const struct config_row rows[CONFIG_COUNT] = {
#define CONFIG(name_, type_, default_, min_, max_, secret_, reload_, help_) \
    [CONFIG_##name_] = {#name_, #type_, default_, help_, min_, max_, secret_, reload_},
#include "base/config.def"
#undef CONFIG
};

static const enum config_type types[CONFIG_COUNT] = {
#define CONFIG(name_, type_, ...) [CONFIG_##name_] = type_,
#include "base/config.def"
#undef CONFIG
};

const struct config_row *config_row(enum config_key k)
{
    CHECK((size_t)k < CONFIG_COUNT);
    return &rows[k];
}

enum config_type config_type_of(enum config_key k)
{
    return types[k];
}

/* Linear: it is called once for each line of a file, and the table has some fifty rows. */
bool config_find(struct str name, enum config_key *out)
{
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        if (str_eqz(name, rows[i].name)) {
            *out = (enum config_key)i;
            return true;
        }
    }
    return false;
}

static enum status value_wrong(struct err *e, enum config_key k, const char *must)
{
    return err_set(e, E_config_invalid, "%s must be %s.", rows[k].name, must);
}

/* A number and a unit: "5s" is 5000. Only 0 needs no unit: a bare "30" might mean seconds to its writer and
 * milliseconds to the program, so it is refused and not guessed. An overflow is an error, or a very long duration would
 * become a short one. */
static bool value_duration(struct str s, int64_t *out)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", MINUTE_MS}, {"h", HOUR_MS}, {"d", DAY_MS}};
    size_t digits = 0;
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    int64_t n;
    if (!num_i64(str_sub(s, 0, digits), 0, INT64_MAX, &n))
        return false;
    struct str unit = str_sub(s, digits, s.n);
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (str_eqz(unit, units[i].name))
            return !__builtin_mul_overflow(n, units[i].ms, out);
    *out = 0;
    return n == 0 && unit.n == 0;
}

/* People write all of these. Anything else is an error: a misspelt "ture" must not switch a safety setting off. */
static bool value_boolean(struct str s, int64_t *out)
{
    static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_ieq(s, str_from(words[i]))) {
            *out = (int64_t)(i % 2);
            return true;
        }
    }
    return false;
}

/* The help of an ENUM begins with its names: "auto|on|off. ..." The manual and the check read the same text, so neither
 * can list a value that the other does not know. *place is the place of s among them. */
static bool value_choice(enum config_key k, struct str s, int64_t *place)
{
    struct str names = str_from(rows[k].help), name;
    ptrdiff_t end = str_find(names, '.');
    names = str_sub(names, 0, end < 0 ? names.n : (size_t)end);
    for (*place = 0; str_split(&names, '|', &name); ++*place)
        if (str_eq(name, s))
            return true;
    return false;
}

/* The number of a value, within the bounds of its row. For types without a number it is 0. */
static enum status value_number(enum config_key k, struct str s, int64_t *out, struct err *e)
{
    const struct config_row *r = &rows[k];
    uint64_t bytes = 0;
    bool ok = false;
    switch (types[k]) {
    case BOOL:
        return value_boolean(s, out) ? OK : value_wrong(e, k, "on or off");
    case INT:
        ok = num_i64(s, INT64_MIN, INT64_MAX, out);
        break;
    case BYTES:
        ok = num_bytes(s, INT64_MAX, &bytes);
        *out = (int64_t)bytes;
        break;
    case MS:
        ok = value_duration(s, out);
        break;
    case ENUM:
        return value_choice(k, s, out) ? OK
                                       : err_set(e, E_config_invalid, "%s must be one of these: %.*s.", r->name,
                                                 (int)strcspn(r->help, "."), r->help);
    default:
        *out = 0;
        return OK;
    }
    if (!ok)
        return value_wrong(e, k,
                           types[k] == MS      ? "a duration such as 500ms, 5s, 2m, 1h or 1d"
                           : types[k] == BYTES ? "a size such as 512, 64K or 8M"
                                               : "a whole number");
    if (*out < r->min || *out > r->max)
        return err_set(e, E_config_invalid, "%s must be from %lld to %lld%s.", r->name, (long long)r->min,
                       (long long)r->max, types[k] == MS ? " milliseconds" : "");
    return OK;
}

/* An address of one of the two schemes (given with "://"): a host, then at most a path. No user, query or fragment,
 * because paths are appended to it, and no slash at the end, so that appending one never makes two. */
static bool value_is_url(struct str s, struct str secure, struct str plain)
{
    struct str rest = str_starts(s, secure)  ? str_sub(s, secure.n, s.n)
                      : str_starts(s, plain) ? str_sub(s, plain.n, s.n)
                                             : STR_EMPTY;
    if (!rest.n || rest.p[0] == '/' || rest.p[0] == ':' || str_ends(s, STR("/")))
        return false;
    for (size_t i = 0; i < rest.n; i++) {
        unsigned char c = (unsigned char)rest.p[i];
        if (c <= ' ' || c >= 0x7F || strchr("\"<>\\^`{|}@?#", c))
            return false;
    }
    return true;
}

/* The port is after the last colon. An IPv6 address needs its brackets, since "::1:80" could be read in two ways;
 * without brackets exactly one colon is allowed. */
static bool value_is_host_port(struct str s)
{
    ptrdiff_t colon = -1;
    for (size_t i = 0; i < s.n; i++)
        colon = s.p[i] == ':' ? (ptrdiff_t)i : colon;
    uint64_t port;
    return colon > 0 && num_u64(str_sub(s, (size_t)colon + 1, s.n), 65535, &port) && port > 0 &&
           (s.p[0] == '[') == (s.p[colon - 1] == ']') && (s.p[0] == '[' || str_find(s, ':') == colon);
}

/* The words of a list, joined by single spaces, so that readers of the list need no trimming and two spellings of the
 * same list compare equal at a reload. */
static enum status value_list(enum config_key k, struct str s, struct buf *out, struct err *e)
{
    struct str word;
    while (str_split(&s, ' ', &word)) {
        word = str_trim(word);
        if (!word.n)
            continue;
        if (types[k] == HOSTPORTS && !value_is_host_port(word))
            return value_wrong(e, k, "a list of host:port, separated by spaces");
        if (out->n)
            buf_putc(out, ' ');
        buf_str_add(out, word);
    }
    return buf_ok(out) ? OK : err_nomem(e);
}

/* The bounds of a STRING count characters. */
static enum status value_check_length(const struct config_row *r, struct str s, struct err *e)
{
    int64_t chars = (int64_t)utf8_length(s);
    if (chars >= r->min && (!r->max || chars <= r->max))
        return OK;
    return err_set(e, E_config_invalid, "%s must have from %lld to %lld characters.", r->name, (long long)r->min,
                   (long long)r->max);
}

/* What can be said about the text before it is read as a number or a list. */
static enum status value_check_text(enum config_key k, struct str s, struct err *e)
{
    const struct config_row *r = &rows[k];
    if (!utf8_text(s) || str_find(s, '\n') >= 0)
        return value_wrong(e, k, "one line of UTF-8 text");
    switch (types[k]) {
    case STRING:
        return value_check_length(r, s, e);
    case PATH:
        if (s.n && (s.p[0] != '/' || s.n >= CONFIG_PATH_MAX))
            return value_wrong(e, k, "an absolute path, or empty");
        return OK;
    case URL:
        return value_is_url(s, STR("https://"), STR("http://"))
                   ? OK
                   : value_wrong(e, k, "an http or https address without a final slash");
    case MAILURL:
        return !s.n || value_is_url(s, STR("smtps://"), STR("smtp://"))
                   ? OK
                   : value_wrong(
                         e, k,
                         "an smtp or smtps address (smtp://mail.example.com:587) without a name or password in it");
    default:
        return OK;
    }
}

/* The value is stored only after every check, so that a failed reload leaves no half-changed config. */
enum status config_assign(struct config *c, enum config_key k, struct str value, const char *from, struct err *e)
{
    struct config_value v = {.from = from};
    struct buf list;
    buf_init(&list, CONFIG_FILE_MAX);
    enum status st = value_check_text(k, value, e);
    if (st == OK)
        st = value_number(k, value, &v.number, e);
    if (st == OK && (types[k] == LIST || types[k] == HOSTPORTS)) {
        st = value_list(k, value, &list, e);
        value = buf_str(&list);
    }
    if (st == OK && !(v.text = arena_strdup(&c->arena, value)))
        st = err_nomem(e);
    if (st == OK)
        c->values[k] = v;
    buf_release(&list);
    return st;
}
