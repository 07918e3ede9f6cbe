/* vault.c: named secrets of a workspace.
 *
 * The value is checked and sealed before the transaction, which may run again. A name that cannot exist is never sent
 * to the database. Invariant: plain values are only in the caller's text and in the buffer that vault_open fills. */
#include "vault/vault.h"

#include "base/limits.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "vault/secret_store.h"

#include "base/banned.h"

#define VAULT_SEALED (MAX_SECRET + 100) /* the value, a nonce of 24 bytes and a tag of 16 */

/* The rule of a flow's variables, so that every name can be written into a flow. */
static bool vault_name_ok(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i], low = (char)(c | 0x20);
        if (!(low >= 'a' && low <= 'z') && c != '_' && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return name.n > 0 && name.n <= MAX_FLOW_NAME;
}

/* The sentence for each way a value can be wrong; NULL if it is right. The value goes into a header of a request, where
 * a line break would begin another header and a space at an end would be lost on the way. */
static const char *vault_value_fault(struct str v)
{
    if (v.n == 0)
        return "The value is empty.";
    if (v.n > MAX_SECRET)
        return "The value is longer than 4,096 bytes.";
    for (size_t i = 0; i < v.n; i++)
        if ((unsigned char)v.p[i] < 0x20 || v.p[i] == 0x7F)
            return "The value contains a line break or another control character. Copy the key again, without the end "
                   "of its line.";
    if (v.p[0] == ' ' || v.p[v.n - 1] == ' ')
        return "The value begins or ends with a space. Copy the key again, without it.";
    return utf8_valid(v) ? NULL : "The value is not valid UTF-8.";
}

static struct secret_for vault_sealed_for(struct id tenant, struct str name)
{
    return (struct secret_for){.purpose = "workspace-secret", .tenant = tenant, .context = name};
}

static enum status vault_unknown(struct str name, struct err *e)
{
    return err_set(e, E_secret_unknown, "The workspace has no secret \"%.*s\".", STR_F(utf8_cut(name, MAX_FLOW_NAME)));
}

enum status vault_list(struct db *c, struct id tenant, struct arena *a, struct vault_secret **out, size_t *n,
                       struct err *e)
{
    return secret_store_list(c, a, tenant, out, n, e);
}

struct vault_tx {
    const struct actor *who;
    struct arena a;
    struct str name, sealed;
    bool created;
};

/* A name that exists may always be replaced, also when the workspace is full. */
static enum status vault_set_write(struct db *c, void *ctx, struct err *e)
{
    struct vault_tx *tx = ctx;
    struct id tenant = tx->who->tenant;
    struct vault_secret *all;
    size_t n;
    enum status st = secret_store_lock(c, &tx->a, tenant, e);
    if (st == OK)
        st = secret_store_list(c, &tx->a, tenant, &all, &n, e);
    if (st != OK)
        return st;
    tx->created = true;
    for (size_t i = 0; i < n; i++)
        tx->created = tx->created && !str_eq(all[i].name, tx->name);
    if (tx->created && n >= MAX_SECRETS)
        return err_set(e, E_secrets_too_many, "A workspace can have at most %d secrets. Remove one that is not used.",
                       MAX_SECRETS);
    st = tx->created ? secret_store_add(c, tenant, tx->name, tx->sealed, e)
                     : secret_store_change(c, tenant, tx->name, tx->sealed, e);
    return st == OK ? account_audit(c, tx->who, tx->created ? "secret.added" : "secret.replaced", tx->name, NULL, e)
                    : st;
}

enum status vault_set(struct db *c, const struct config *cf, const struct actor *who, struct str name, struct str value,
                      bool *created, struct err *e)
{
    struct vault_tx tx = {.who = who, .name = name};
    struct secret_for purpose = vault_sealed_for(who->tenant, name);
    const char *fault = vault_value_fault(value);
    struct buf sealed;
    if (!vault_name_ok(name))
        return err_raise_at(e, E_secret_name_invalid, "name");
    if (fault)
        return err_at(e, E_secret_value_invalid, "value", "%s", fault);
    buf_init(&sealed, VAULT_SEALED);
    arena_init(&tx.a, ROW_ARENA);
    enum status st = secret_seal(cf, &purpose, value, &sealed, e);
    if (st == OK) {
        tx.sealed = buf_str(&sealed);
        st = db_transaction(c, vault_set_write, &tx, e);
    }
    if (st == OK && created)
        *created = tx.created;
    arena_release(&tx.a);
    buf_release(&sealed);
    return st;
}

static enum status vault_remove_write(struct db *c, void *ctx, struct err *e)
{
    struct vault_tx *tx = ctx;
    enum status st = secret_store_delete(c, tx->who->tenant, tx->name, e);
    return st == OK ? account_audit(c, tx->who, "secret.removed", tx->name, NULL, e) : st;
}

enum status vault_remove(struct db *c, const struct actor *who, struct str name, struct err *e)
{
    struct vault_tx tx = {.who = who, .name = name};
    enum status st = vault_name_ok(name) ? db_transaction(c, vault_remove_write, &tx, e) : ERR_NOT_FOUND;
    return st == ERR_NOT_FOUND ? vault_unknown(name, e) : st;
}

enum status vault_forget(struct db *c, struct id tenant, struct err *e)
{
    return secret_store_delete_all(c, tenant, e);
}

/* secret_open's own sentence speaks to the operator about any sealed value; the workspace can do something about this
 * one. */
enum status vault_open(struct db *c, const struct config *cf, struct id tenant, struct str name, struct buf *out,
                       struct err *e)
{
    struct arena a;
    struct secret_for purpose = vault_sealed_for(tenant, name);
    struct str sealed;
    if (!vault_name_ok(name))
        return vault_unknown(name, e);
    arena_init(&a, ROW_ARENA);
    enum status st = secret_store_get(c, &a, tenant, name, &sealed, e);
    bool there = st == OK;
    if (st == ERR_NOT_FOUND)
        st = vault_unknown(name, e);
    if (there)
        st = secret_open(cf, &purpose, sealed, out, e);
    if (there && st == ERR_INVALID)
        st = err_set(e, E_secret_lost,
                     "The secret \"%.*s\" cannot be opened, because the install's key has changed. Enter its value "
                     "again.",
                     STR_F(name));
    arena_release(&a);
    return st;
}
