/* secret.c: secrets of the workspace in the headers of `http` nodes. A flow holds names of secrets only. Their values
 * are put in by the caller that makes the call, so no variable, message, state or export of a flow can hold one. */
#include "flow/keys_internal.h"
#include "flow/reader_internal.h"

#include "base/banned.h"

/* A content type decides how the body is escaped, which is done before the secret is known. */
enum status check_header_secrets(struct flow_reader *r, const struct http_header *h, struct str value)
{
    for (size_t i = 0; i < h->value.n; i++)
        if (h->value.parts[i].var == VAR_SECRET && str_ieq(h->name, STR("content-type")))
            return reader_refuse(r, "The content type cannot be a secret.");
    if (!header_holds_key(h->name, value))
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
