/* keys.c: keys of services that are written out in a flow. The author is warned about those in headers. Members who may
 * read what a bot does, but not change it, see stars in place of them wherever a call can carry one. The rules go by
 * names, so they can be wrong both ways; a secret of the workspace is what really keeps a key. */
#include "flow/keys_internal.h"
#include "flow/text_internal.h"

#include "base/banned.h"

#define KEY_STARS "••••"

/* Parts of names that a key is sent under, in lower case: X-Api-Key, Authorization, access_token. */
static const char *const key_names[] = {"authorization", "cookie", "key", "token", "secret", "password", "credential"};
/* These contain one of them and carry no key. */
static const char *const harmless_names[] = {"idempotency-key", "x-idempotency-key", "sec-websocket-key"};
/* Schemes of Authorization that precede a key. A service may expect them in a header of another name, too. */
static const char *const key_schemes[] = {"bearer", "basic", "token", "apikey"};

static bool literal_key_part(struct str name, struct str part)
{
    for (size_t i = 0; i + part.n <= name.n; i++)
        if (str_ieq(str_sub(name, i, part.n), part))
            return true;
    return false;
}

static bool literal_key_name(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(harmless_names); i++)
        if (str_ieq(name, str_from(harmless_names[i])))
            return false;
    for (size_t i = 0; i < COUNT_OF(key_names); i++)
        if (literal_key_part(name, str_from(key_names[i])))
            return true;
    return false;
}

/* "Bearer abc" becomes "abc". False: the value begins with no such word. */
static bool literal_key_cut_scheme(struct str *value)
{
    struct str rest = *value, word;
    if (!str_split(&rest, ' ', &word))
        return false;
    for (size_t i = 0; i < COUNT_OF(key_schemes); i++)
        if (str_ieq(word, str_from(key_schemes[i]))) {
            *value = str_trim(rest);
            return true;
        }
    return false;
}

/* A value with a secret in it is fine, whatever surrounds the secret. A variable alone is fine too: it may be a token
 * that an earlier call has fetched. */
bool header_holds_key(struct str name, struct str value)
{
    struct str rest = str_trim(value);
    bool scheme = literal_key_cut_scheme(&rest);
    if (!scheme && !literal_key_name(name))
        return false;
    struct tpl_scan s = {.rest = rest};
    bool text = false;
    while (tpl_next(&s)) {
        if (s.has_name && s.is_secret && !s.bad)
            return false;
        text = text || str_trim(s.lit).n > 0;
    }
    return text;
}

/* ---- what is shown ---- */

/* The value of one parameter, "name=value", is hidden if its name says that it is a key. */
static void keys_hide_parameter(struct buf *b, struct str part)
{
    struct str value = part, name;
    if (str_split(&value, '=', &name) && literal_key_name(name) && value.n) {
        buf_str_add(b, name);
        buf_puts(b, "=" KEY_STARS);
    } else {
        buf_str_add(b, part);
    }
}

/* Parameters after the "?" of an address, or all of a body that is a form. */
static struct str keys_hide_parameters(struct arena *a, struct str s, size_t from, bool *ok)
{
    struct buf b;
    struct str rest = str_sub(s, from, s.n), part;
    buf_init(&b, 64 * KB);
    buf_str_add(&b, str_sub(s, 0, from));
    for (bool first = true; str_split(&rest, '&', &part); first = false) {
        if (!first)
            buf_putc(&b, '&');
        keys_hide_parameter(&b, part);
    }
    struct str out = arena_str(a, buf_str(&b), ok);
    *ok = *ok && buf_ok(&b);
    buf_release(&b);
    return out;
}

struct str flow_url_shown(struct arena *a, struct str url, bool *ok)
{
    ptrdiff_t query = str_find(url, '?');
    return query < 0 ? url : keys_hide_parameters(a, url, (size_t)query + 1, ok);
}

struct str keys_shown(struct arena *a, enum keys_place place, struct str name, struct str value, bool *ok)
{
    if (place == KEYS_HEADER && header_holds_key(name, value))
        return STR(KEY_STARS);
    if (place == KEYS_BODY && value.n && literal_key_name(name))
        return STR(KEY_STARS);
    if (place == KEYS_NODE && str_eqz(name, "url"))
        return flow_url_shown(a, value, ok);
    if (place == KEYS_NODE && str_eqz(name, "body"))
        return keys_hide_parameters(a, value, 0, ok);
    return value;
}

enum keys_place keys_inside(enum keys_place place, struct str name)
{
    switch (place) {
    case KEYS_FLOW:
        return KEYS_TOP;
    case KEYS_TOP:
        return str_eqz(name, "nodes") ? KEYS_NODES : KEYS_ELSEWHERE;
    case KEYS_NODES:
        return KEYS_NODE;
    case KEYS_NODE:
        return str_eqz(name, "headers") ? KEYS_HEADER : str_eqz(name, "body") ? KEYS_BODY : KEYS_ELSEWHERE;
    case KEYS_HEADER:
    case KEYS_BODY:
    case KEYS_ELSEWHERE:
        break;
    }
    return place;
}
