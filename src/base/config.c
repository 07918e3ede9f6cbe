#define _GNU_SOURCE /* secure_getenv */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config_internal.h"
#include "base/num.h"
#include "base/utf8.h"

#include "base/banned.h"

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

/* ---- values ---- */

static enum status wrong(struct err *e, enum config_key k, const char *must)
{
    return err_set(e, E_config_invalid, "%s must be %s.", rows[k].name, must);
}

/* "5s" is split into 5 and its unit in milliseconds; 0 needs no unit. */
static bool duration(struct str s, int64_t *out)
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

static bool boolean(struct str s, int64_t *out)
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

static enum status number(enum config_key k, struct str s, int64_t *out, struct err *e)
{
    const struct config_row *r = &rows[k];
    uint64_t bytes = 0;
    bool ok = false;
    switch (types[k]) {
    case BOOL:
        return boolean(s, out) ? OK : wrong(e, k, "on or off");
    case INT:
        ok = num_i64(s, INT64_MIN, INT64_MAX, out);
        break;
    case BYTES:
        ok = num_bytes(s, INT64_MAX, &bytes);
        *out = (int64_t)bytes;
        break;
    case MS:
        ok = duration(s, out);
        break;
    default:
        *out = 0;
        return OK;
    }
    if (!ok)
        return wrong(e, k,
                     types[k] == MS      ? "a duration such as 500ms, 5s, 2m, 1h or 1d"
                     : types[k] == BYTES ? "a size such as 512, 64K or 8M"
                                         : "a whole number");
    if (*out < r->min || *out > r->max)
        return err_set(e, E_config_invalid, "%s must be from %lld to %lld%s.", r->name, (long long)r->min,
                       (long long)r->max, types[k] == MS ? " milliseconds" : "");
    return OK;
}

/* `secure` and `plain` are the two schemes, with "://". */
static bool is_url(struct str s, struct str secure, struct str plain)
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

static bool is_host_port(struct str s)
{
    ptrdiff_t colon = -1;
    for (size_t i = 0; i < s.n; i++)
        colon = s.p[i] == ':' ? (ptrdiff_t)i : colon;
    uint64_t port;
    return colon > 0 && num_u64(str_sub(s, (size_t)colon + 1, s.n), 65535, &port) && port > 0 &&
           (s.p[0] == '[') == (s.p[colon - 1] == ']') && (s.p[0] == '[' || str_find(s, ':') == colon);
}

/* The names stand at the start of the help: "auto|on|off. ..." */
static bool is_choice(enum config_key k, struct str s)
{
    struct str names = str_from(rows[k].help), name;
    ptrdiff_t end = str_find(names, '.');
    names = str_sub(names, 0, end < 0 ? names.n : (size_t)end);
    while (str_split(&names, '|', &name))
        if (str_eq(name, s))
            return true;
    return false;
}

static enum status words(enum config_key k, struct str s, struct buf *out, struct err *e)
{
    struct str word;
    while (str_split(&s, ' ', &word)) {
        word = str_trim(word);
        if (!word.n)
            continue;
        if (types[k] == HOSTPORTS && !is_host_port(word))
            return wrong(e, k, "a list of host:port, split by spaces");
        if (out->n)
            buf_putc(out, ' ');
        buf_str_add(out, word);
    }
    return buf_ok(out) ? OK : err_nomem(e);
}

static enum status check_text(enum config_key k, struct str s, struct err *e)
{
    const struct config_row *r = &rows[k];
    if (!utf8_text(s) || str_find(s, '\n') >= 0)
        return wrong(e, k, "one line of UTF-8 text");
    size_t chars = utf8_length(s);
    switch (types[k]) {
    case STRING:
        if ((int64_t)chars < r->min || (r->max && (int64_t)chars > r->max))
            return err_set(e, E_config_invalid, "%s must have from %lld to %lld characters.", r->name,
                           (long long)r->min, (long long)r->max);
        return OK;
    case PATH:
        if (s.n && (s.p[0] != '/' || s.n >= CONFIG_PATH_MAX))
            return wrong(e, k, "an absolute path, or empty");
        return OK;
    case URL:
        return is_url(s, STR("https://"), STR("http://"))
                   ? OK
                   : wrong(e, k, "an http or https address without a final slash");
    case MAILURL:
        return !s.n || is_url(s, STR("smtps://"), STR("smtp://"))
                   ? OK
                   : wrong(e, k,
                           "an smtp or smtps address (smtp://mail.example.com:587) without a name or password in it");
    case ENUM:
        if (!is_choice(k, s))
            return err_set(e, E_config_invalid, "%s must be one of these: %.*s.", r->name, (int)strcspn(r->help, "."),
                           r->help);
        return OK;
    default:
        return OK;
    }
}

enum status config_assign(struct config *c, enum config_key k, struct str value, const char *from, struct err *e)
{
    struct config_value v = {.from = from};
    struct buf list;
    buf_init(&list, CONFIG_FILE_MAX);
    enum status st = check_text(k, value, e);
    if (st == OK)
        st = number(k, value, &v.number, e);
    if (st == OK && (types[k] == LIST || types[k] == HOSTPORTS)) {
        st = words(k, value, &list, e);
        value = buf_str(&list);
    }
    if (st == OK && !(v.text = arena_strdup(&c->arena, value)))
        st = err_nomem(e);
    if (st == OK)
        c->values[k] = v;
    buf_release(&list);
    return st;
}

/* ---- loading ---- */

static enum status read_environment(struct config *c, struct err *e)
{
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        char name[96];
        snprintf(name, sizeof(name), "PARLEY_%s", rows[i].name);
        for (char *p = name; *p; p++)
            *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
        const char *value = secure_getenv(name);
        if (!value)
            continue;
        if (config_assign(c, (enum config_key)i, str_trim(str_from(value)), "environment", e) != OK)
            return err_wrap(e, "The environment's %s", name);
    }
    return OK;
}

static enum status read_all(struct config *c, const char *path, struct err *e)
{
    for (size_t i = 0; i < CONFIG_COUNT; i++)
        if (config_assign(c, (enum config_key)i, str_from(rows[i].default_text), "default", e) != OK)
            return err_wrap(e, "The compiled default");
    bool asked = path;
    if (!path && (path = secure_getenv("PARLEY_CONFIG")) && path[0])
        asked = true;
    else if (!asked)
        path = PARLEY_SYSCONFDIR "/parley/parley.conf";
    if (!asked && access(path, F_OK) != 0)
        return read_environment(c, e);
    if (!(c->path = arena_strdup(&c->arena, str_from(path))))
        return err_nomem(e);
    enum status st = config_read_file(c, c->path, 0, e);
    return st == OK ? read_environment(c, e) : st;
}

enum status config_load(const char *path, struct config **out, struct err *e)
{
    *out = NULL;
    struct config *c = calloc(1, sizeof(*c));
    if (!c)
        return err_nomem(e);
    atomic_init(&c->references, 1);
    arena_init(&c->arena, (size_t)16 << 20);
    c->path = "";
    enum status st = read_all(c, path, e);
    if (st == OK)
        *out = c;
    else
        config_drop(c);
    return st;
}

struct config *config_retain(struct config *c)
{
    if (c)
        atomic_fetch_add_explicit(&c->references, 1, memory_order_relaxed);
    return c;
}

void config_drop(struct config *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->references, 1, memory_order_acq_rel) != 1)
        return;
    arena_release(&c->arena);
    free(c);
}

/* ---- reading ---- */

const char *config_string(const struct config *c, enum config_key k)
{
    return c->values[k].text;
}

int64_t config_int(const struct config *c, enum config_key k)
{
    return c->values[k].number;
}

bool config_bool(const struct config *c, enum config_key k)
{
    return c->values[k].number != 0;
}

const char *config_path(const struct config *c)
{
    return c->path;
}

bool config_differs(const struct config *a, const struct config *b, enum config_key k)
{
    return strcmp(a->values[k].text, b->values[k].text) != 0;
}

static pthread_mutex_t current_lock = PTHREAD_MUTEX_INITIALIZER;
static struct config *current;

void config_set_current(struct config *c)
{
    pthread_mutex_lock(&current_lock);
    struct config *before = current;
    current = c;
    pthread_mutex_unlock(&current_lock);
    config_drop(before);
}

struct config *config_current(void)
{
    pthread_mutex_lock(&current_lock);
    struct config *c = config_retain(current);
    pthread_mutex_unlock(&current_lock);
    return c;
}
