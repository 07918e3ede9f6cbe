/* secret.c: secrets of the workspace in the headers of `http` nodes, and keys that are written out where a secret
 * should be. A flow holds names of secrets only. Their values are put in by whoever makes the call, so no variable,
 * message, state or export of a flow can hold one. */
#include "flow/reader_internal.h"
#include "flow/text_internal.h"

#include "base/banned.h"

/* ---- keys that are written out ---- */

/* Names of headers that carry a key, in lower case, as a part of the name: X-Api-Key, Authorization, X-Auth-Token. */
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
bool flow_header_holds_key(struct str name, struct str value)
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

/* A content type decides how the body is escaped, which is done before the secret is known. */
enum status check_header_secrets(struct flow_reader *r, const struct http_header *h, struct str value)
{
    for (size_t i = 0; i < h->value.n; i++)
        if (h->value.parts[i].var == VAR_SECRET && str_ieq(h->name, STR("content-type")))
            return reader_refuse(r, "The content type cannot be a secret.");
    if (!flow_header_holds_key(h->name, value))
        return OK;
    return reader_note(r, NOTE_LITERAL_KEY, h->name, VAR_NONE,
                       "The header \"%.*s\" holds a key that everyone who may edit this bot can read. Add the key to "
                       "the workspace's secrets, on the page Secrets or with \"parley secret set\", and write "
                       "{{secret.name}} in its place.",
                       STR_F(h->name));
}

/* ---- the secrets that a flow uses ---- */

/* The secrets of one node are counted when `out` is NULL, and written otherwise. */
static size_t secrets_of_node(const struct flow_node *n, struct flow_secret *out)
{
    size_t found = 0;
    for (size_t i = 0; n->type == NODE_HTTP && i < n->u.http.header_n; i++) {
        const struct http_header *h = &n->u.http.headers[i];
        for (size_t k = 0; k < h->value.n; k++) {
            if (h->value.parts[k].var != VAR_SECRET)
                continue;
            if (out)
                out[found] = (struct flow_secret){h->value.parts[k].lit, n->id, h->name};
            found++;
        }
    }
    return found;
}

enum status flow_secrets(const struct flow *f, struct arena *a, struct flow_secret **out, size_t *n, struct err *e)
{
    size_t all = 0;
    for (size_t i = 0; i < f->node_n; i++)
        all += secrets_of_node(&f->nodes[i], NULL);
    *n = 0;
    *out = arena_array(a, all + 1, sizeof(**out));
    if (!*out)
        return err_nomem(e);
    for (size_t i = 0; i < f->node_n; i++)
        *n += secrets_of_node(&f->nodes[i], *out + *n);
    return OK;
}
