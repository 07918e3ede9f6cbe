/* account.c: tenants, users and members: what is checked before a row is written, and what is written together.
 *
 * Passwords are hashed before a transaction begins, because hashing takes tens of milliseconds and a transaction holds
 * locks. A sign-in takes the same time whether or not the address is known. */
#include "account/account_store.h"
#include "account/operator_log.h"
#include "account/rules.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/shared.h"
#include "base/utf8.h"

#include "base/banned.h"

/* ---- users ---- */

/* Checks and hashes what a new user needs. hash_out holds the PHC string that u->password_hash borrows. A user without
 * a name is called by the local part of the address. An unusual language falls back to English: it comes from a
 * browser's header and is not a reason to refuse an account. The cheap checks come first, and the hash, which is
 * expensive by design, only after a password that will be accepted. */
static enum status user_prepare(struct arena *a, struct str email, struct str name, struct str password,
                                struct str language, char hash_out[CRYPTO_PASSWORD_MAX], struct user_new *u,
                                struct err *e)
{
    enum status st = rules_email(a, email, &u->email, &u->email_key, e);
    if (st != OK)
        return st;
    hash_out[0] = '\0';
    if (password.n) {
        if ((st = rules_password(password, u->email_key, e)) != OK)
            return st;
        if ((st = crypto_password_hash(password, hash_out, e)) != OK)
            return st;
    }
    if (str_trim(name).n) {
        if ((st = rules_name(name, "name", "Your name", &u->name, e)) != OK)
            return st;
    } else {
        u->name = str_sub(u->email, 0, (size_t)str_find(u->email, '@'));
    }
    u->id = id_new();
    u->password_hash = str_from(hash_out);
    u->language = language.n && language.n <= 35 && utf8_text(language) ? language : STR("en");
    return OK;
}

struct sign_up_tx {
    struct user_new user;
    struct id tenant;
    struct str workspace;
};

/* A user without a tenant, or a tenant without an owner, could not be repaired by anyone but the operator. */
static enum status sign_up_write(struct db *c, void *ctx, struct err *e)
{
    const struct sign_up_tx *tx = ctx;
    struct actor who = {.tenant = tx->tenant, .user = tx->user.id};
    char text[ID_TEXT_MAX];
    enum status st = user_store_add(c, &tx->user, e);
    if (st == OK)
        st = tenant_store_add(c, tx->tenant, tx->workspace, STR("free"), e);
    if (st == OK)
        st = member_store_put(c, tx->tenant, tx->user.id, ROLE_OWNER, e);
    if (st == OK)
        st = account_audit(c, &who, "workspace.created", str_from(id_text(ID_TENANT, tx->tenant, text)), NULL, e);
    return st;
}

/* Everything is checked before the first row is written, so that a typing error costs no transaction. A password is
 * required here, unlike for accounts that the operator creates. */
enum status account_sign_up(struct db *c, struct arena *a, const struct sign_up *in, struct member *out, struct err *e)
{
    struct sign_up_tx tx = {.tenant = id_new()};
    char hash[CRYPTO_PASSWORD_MAX];
    enum status st;
    if (!in->password.n)
        return rules_password(in->password, STR_EMPTY, e);
    if ((st = rules_name(in->workspace, "workspace", "The workspace's name", &tx.workspace, e)) != OK)
        return st;
    if ((st = user_prepare(a, in->email, in->name, in->password, in->language, hash, &tx.user, e)) != OK)
        return st;
    if ((st = db_transaction(c, sign_up_write, &tx, e)) != OK)
        return st;
    out->role = ROLE_OWNER;
    if ((st = tenant_store_get(c, a, tx.tenant, &out->tenant, e)) != OK)
        return st;
    return user_store_get(c, a, tx.user.id, &out->user, e);
}

/* The limit is per account and not per address of the client: an attacker has many addresses, but has to name the
 * account. 20 attempts at once forgive a person who tries all passwords that he or she ever had; after them, 6 a minute
 * are too few for guessing. The limit applies to unknown addresses too, or its absence would reveal them. */
enum status account_sign_in(struct db *c, struct arena *a, struct str email, struct str password, struct user *out,
                            struct err *e)
{
    struct str typed, key, hash = STR_EMPTY;
    enum account_state state = ACCOUNT_DELETED;
    struct user u;
    enum status st = rules_email(a, email, &typed, &key, NULL);
    int wait = 0;
    if (st == ERR_NOMEM)
        return err_nomem(e);
    if (st == OK && !shared_take("sign_in", key, 6, 20, &wait)) {
        st = err_raise(e, E_sign_in_rate);
        if (e)
            e->retry_after_s = wait;
        return st;
    }
    if (st == OK)
        st = user_store_get_by_email(c, a, key, &u, &hash, &state, e);
    if (st != OK && st != ERR_NOT_FOUND && st != ERR_INVALID)
        return st;
    /* An unknown address costs the same hash, so that the time taken does not reveal who has an account. A password
     * that is too long is cut for the comparison and refused afterwards: hashing megabytes would be an easy way to
     * keep the processor busy. Wrong password, unknown address and suspended account get the same error. */
    bool match = crypto_password_verify(st == OK ? hash.p : "", str_sub(password, 0, PASSWORD_MAX));
    if (st != OK || !match || password.n > PASSWORD_MAX || state != ACCOUNT_ACTIVE)
        return err_raise(e, E_sign_in_failed);
    *out = u;
    return OK;
}

/* What an operator does to an account. An entry names the account by its id, and by its address as it was then. */
struct account_tx {
    const struct actor *who;
    struct arena a;
    struct id user;
    struct str email, hash;
    struct user_new fresh;
    bool is_operator;
};

static enum status account_tx_log(struct db *c, struct account_tx *tx, enum operator_action action, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct json *detail = json_new_object(&tx->a);
    if (!detail || json_set_str(detail, "email", tx->email) != 0)
        return err_nomem(e);
    return operator_log(c, tx->who, action, str_from(id_text(ID_USER, tx->user, id)), detail, e);
}

/* A user who knew the old password must not stay signed in, so all of it is one transaction. */
static enum status password_write(struct db *c, void *ctx, struct err *e)
{
    struct account_tx *tx = ctx;
    enum status st = user_store_set_password(c, tx->user, tx->hash, e);
    if (st == OK)
        st = session_store_delete_of_user(c, tx->user, e);
    return st == OK ? account_tx_log(c, tx, OPERATOR_user_password_set, e) : st;
}

/* The address is read because a password must not equal it. The old password is not asked for: the operator's command
 * must work without it. */
enum status account_password_set(struct db *c, const struct actor *who, struct id user, struct str password,
                                 struct err *e)
{
    char hash[CRYPTO_PASSWORD_MAX];
    struct account_tx tx = {.who = who, .user = user};
    struct user u;
    arena_init(&tx.a, ROW_ARENA);
    enum status st = user_store_get(c, &tx.a, user, &u, e);
    if (st == OK)
        st = rules_password(password, u.email, e);
    if (st == OK)
        st = crypto_password_hash(password, hash, e);
    if (st == OK) {
        tx.email = u.email;
        tx.hash = str_from(hash);
        st = db_transaction(c, password_write, &tx, e);
    }
    arena_release(&tx.a);
    return st;
}

/* The user is read first, because an update of no row is not an error. */
static enum status operator_write(struct db *c, void *ctx, struct err *e)
{
    struct account_tx *tx = ctx;
    struct user u;
    enum status st = user_store_get(c, &tx->a, tx->user, &u, e);
    if (st == OK)
        st = user_store_set_operator(c, tx->user, tx->is_operator, e);
    if (st != OK)
        return st;
    tx->email = u.email;
    return account_tx_log(c, tx, tx->is_operator ? OPERATOR_operator_granted : OPERATOR_operator_revoked, e);
}

enum status account_user_operator(struct db *c, const struct actor *who, struct id user, bool is_operator,
                                  struct err *e)
{
    struct account_tx tx = {.who = who, .user = user, .is_operator = is_operator};
    arena_init(&tx.a, ROW_ARENA);
    enum status st = db_transaction(c, operator_write, &tx, e);
    arena_release(&tx.a);
    return st;
}

static enum status user_write(struct db *c, void *ctx, struct err *e)
{
    struct account_tx *tx = ctx;
    enum status st = user_store_add(c, &tx->fresh, e);
    return st == OK ? account_tx_log(c, tx, OPERATOR_user_created, e) : st;
}

/* Without a password the hash is empty. crypto_password_verify never accepts an empty hash, so such an account cannot
 * be used until a password is set. */
enum status account_user_create(struct db *c, const struct actor *who, struct str email, struct str name,
                                struct str password, struct id *out, struct err *e)
{
    char hash[CRYPTO_PASSWORD_MAX];
    struct account_tx tx = {.who = who};
    arena_init(&tx.a, ROW_ARENA);
    enum status st = user_prepare(&tx.a, email, name, password, STR("en"), hash, &tx.fresh, e);
    tx.user = tx.fresh.id;
    tx.email = tx.fresh.email;
    if (st == OK)
        st = db_transaction(c, user_write, &tx, e);
    if (st == OK)
        *out = tx.user;
    arena_release(&tx.a);
    return st;
}

/* Normalised by the same rules as at sign-up, or a user who typed a capital letter then would not be found now. */
enum status account_user_by_email(struct db *c, struct arena *a, struct str email, struct user *out, struct err *e)
{
    struct str typed, key;
    enum status st = rules_email(a, email, &typed, &key, e);
    return st == OK ? user_store_get_by_email(c, a, key, out, NULL, NULL, e) : st;
}

/* Pages and commands list users without paging; an install has few compared with its conversations. */
enum status account_users(struct db *c, struct arena *a, struct user **out, size_t *n, struct err *e)
{
    return user_store_list(c, a, out, n, e);
}

/* ---- tenants and members ---- */

/* The plan's name as its row has it: the database compares without case, other code does not. */
static enum status tenant_plan_name(struct db *c, struct arena *a, struct str typed, struct str *plan, struct err *e)
{
    bool there = false;
    enum status st = tenant_store_find_plan(c, a, typed, plan, &there, e);
    if (st == OK && !there)
        st = err_at_as(e, ERR_INVALID, E_plan_unknown, "plan", "There is no such plan.");
    return st;
}

/* The plan is written as its row has it, not as it was typed, because other code compares exactly. */
enum status account_tenant_create(struct db *c, struct str name, struct str plan, struct id *out, struct err *e)
{
    struct arena a;
    struct str clean;
    struct id id = id_new();
    enum status st = rules_name(name, "workspace", "The workspace's name", &clean, e);
    arena_init(&a, ROW_ARENA);
    if (st == OK)
        st = tenant_plan_name(c, &a, plan, &plan, e);
    if (st == OK)
        st = tenant_store_add(c, id, clean, plan, e);
    arena_release(&a);
    if (st == OK)
        *out = id;
    return st;
}

enum status account_tenant_get(struct db *c, struct arena *a, struct id tenant, struct tenant *out, struct err *e)
{
    return tenant_store_get(c, a, tenant, out, e);
}

enum status account_tenants(struct db *c, struct arena *a, struct tenant **out, size_t *n, struct err *e)
{
    return tenant_store_list(c, a, out, n, e);
}

/* The generation is raised after the statement is done: before it, another program could read the old plan and keep
 * it under the new number. A caller that runs this in a transaction raises it again after the commit, for the same
 * reason. */
enum status account_tenant_plan(struct db *c, struct id tenant, struct str plan, struct err *e)
{
    struct arena a;
    struct tenant t;
    arena_init(&a, ROW_ARENA);
    enum status st = tenant_plan_name(c, &a, plan, &plan, e);
    if (st == OK)
        st = tenant_store_get(c, &a, tenant, &t, e);
    if (st == OK)
        st = tenant_store_set_plan(c, tenant, plan, e);
    if (st == OK)
        shared_bump("plan", tenant);
    arena_release(&a);
    return st;
}

struct tenant_deletion {
    const struct actor *who;
    struct id tenant;
};

/* Writes that must succeed or fail together: a tenant whose keys still work is not deleted. */
static enum status tenant_delete_write(struct db *c, void *ctx, struct err *e)
{
    const struct tenant_deletion *x = ctx;
    char text[ID_TEXT_MAX];
    enum status st = tenant_store_delete(c, x->tenant, e);
    if (st == OK)
        st = key_store_revoke_all(c, x->tenant, e);
    if (st == OK)
        st = session_store_delete_of_tenant(c, x->tenant, e);
    if (st == OK)
        st = account_audit(c, x->who, "workspace.deleted", str_from(id_text(ID_TENANT, x->tenant, text)), NULL, e);
    return st;
}

/* Entitlements of the tenant are cached by all programs, hence the bump. The rows stay: invoices and ledger refer to
 * them, and the books must add up for years. */
enum status account_tenant_delete(struct db *c, const struct actor *who, struct id tenant, struct err *e)
{
    struct tenant_deletion x = {.who = who, .tenant = tenant};
    enum status st = db_transaction(c, tenant_delete_write, &x, e);
    if (st == OK)
        shared_bump("plan", tenant);
    return st;
}

/* The plan's limit on members is not checked here: that needs the plan module, which is above this one. */
enum status account_member_add(struct db *c, struct id tenant, struct id user, enum role role, struct err *e)
{
    if (role == ROLE_NONE)
        return err_raise_at(e, E_role_unknown, "role");
    return member_store_put(c, tenant, user, role, e);
}

enum status account_members_of_user(struct db *c, struct arena *a, struct id user, struct member **out, size_t *n,
                                    struct err *e)
{
    return member_store_list_of_user(c, a, user, out, n, e);
}

enum status account_members_of_tenant(struct db *c, struct arena *a, struct id tenant, struct member **out, size_t *n,
                                      struct err *e)
{
    return member_store_list_of_tenant(c, a, tenant, out, n, e);
}

enum status account_owners(struct db *c, struct arena *a, struct id tenant, struct account_reader **out, size_t *n,
                           struct err *e)
{
    return member_store_list_owners(c, a, tenant, out, n, e);
}
