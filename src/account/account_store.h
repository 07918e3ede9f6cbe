/* account_store.h: the statements of tenants, users, members, sessions, keys and the audit log. Within src/account
 * only.
 *
 * Each function runs one statement on the caller's connection, and in the caller's transaction if there is one. Text
 * of a result lies in the arena that was handed over. */
#ifndef PARLEY_ACCOUNT_ACCOUNT_STORE_H
#define PARLEY_ACCOUNT_ACCOUNT_STORE_H

#include "account/account.h"

/* ---- tenants (account_store.c) ---- */

enum status tenant_store_add(struct db *c, struct id id, struct str name, struct str plan, struct err *e);
/* ERR_NOT_FOUND code workspace_unknown; a deleted one is not found either. */
enum status tenant_store_get(struct db *c, struct arena *a, struct id id, struct tenant *out, struct err *e);
enum status tenant_store_list(struct db *c, struct arena *a, struct tenant **out, size_t *n, struct err *e);
enum status tenant_store_set_plan(struct db *c, struct id id, struct str plan, struct err *e);
/* Marks the row as deleted. ERR_NOT_FOUND code workspace_unknown when it already is. */
enum status tenant_store_delete(struct db *c, struct id id, struct err *e);
/* Finds the plan regardless of case, as the database compares. *out is its name as the plan's row has it; *there is
 * false if there is no such plan. */
enum status tenant_store_find_plan(struct db *c, struct arena *a, struct str typed, struct str *out, bool *there,
                                   struct err *e);

/* ---- users and members (account_store.c) ---- */

struct user_new {
    struct id id;
    struct str email, email_key, name, password_hash, language;
};
/* ERR_CONFLICT code email_taken. */
enum status user_store_add(struct db *c, const struct user_new *u, struct err *e);
/* A user in any state but deleted; ERR_NOT_FOUND code user_unknown. hash and state may be NULL. */
enum status user_store_get_by_email(struct db *c, struct arena *a, struct str email_key, struct user *out,
                                    struct str *hash, enum account_state *state, struct err *e);
enum status user_store_get(struct db *c, struct arena *a, struct id user, struct user *out, struct err *e);
enum status user_store_list(struct db *c, struct arena *a, struct user **out, size_t *n, struct err *e);
enum status user_store_set_operator(struct db *c, struct id user, bool is_operator, struct err *e);
enum status user_store_set_password(struct db *c, struct id user, struct str hash, struct err *e);

/* Adds the membership or changes its role. ERR_NOT_FOUND code member_unknown when user or tenant does not exist. */
enum status member_store_put(struct db *c, struct id tenant, struct id user, enum role role, struct err *e);
enum status member_store_list_of_user(struct db *c, struct arena *a, struct id user, struct member **out, size_t *n,
                                      struct err *e);
enum status member_store_list_of_tenant(struct db *c, struct arena *a, struct id tenant, struct member **out, size_t *n,
                                        struct err *e);
enum status member_store_list_owners(struct db *c, struct arena *a, struct id tenant, struct account_reader **out,
                                     size_t *n, struct err *e);

/* ---- sessions (session_store.c) ---- */

struct session_new {
    uint8_t hash[32];
    struct id id, user, tenant;
    struct str ip, agent;
};
enum status session_store_add(struct db *c, const struct session_new *s, struct err *e);
/* Fills everything but csrf_key. role is ROLE_NONE when the user is not a member any more or the tenant is not
 * active. ERR_NOT_FOUND when the session was last seen before seen_after_ms. */
enum status session_store_get(struct db *c, struct arena *a, const uint8_t hash[32], int64_t seen_after_ms,
                              struct session *out, struct err *e);
/* Sets seen_at to now. */
enum status session_store_touch(struct db *c, const uint8_t hash[32], struct err *e);
enum status session_store_delete(struct db *c, const uint8_t hash[32], struct err *e);
enum status session_store_delete_of_user(struct db *c, struct id user, struct err *e);
enum status session_store_delete_of_tenant(struct db *c, struct id tenant, struct err *e);
/* Deletes at most `limit` sessions last seen before before_ms; *n is their number. */
enum status session_store_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);
/* ERR_NOT_FOUND unless the session's user is a member of that tenant and the tenant is active. */
enum status session_store_switch(struct db *c, const uint8_t hash[32], struct id tenant, struct err *e);

/* ---- API keys (key_store.c) ---- */

struct key_row {
    struct id tenant, id;
    uint32_t scopes;
    bool revoked, tenant_active;
    int64_t used_ms;
};
/* hint: the last characters of the key, for lists. ERR_NOT_FOUND code workspace_unknown. */
enum status key_store_add(struct db *c, struct id tenant, struct id id, const uint8_t hash[32], struct str name,
                          struct str hint, uint32_t scopes, struct err *e);
enum status key_store_get(struct db *c, struct arena *a, const uint8_t hash[32], struct key_row *out, struct err *e);
/* Sets used_at to now. */
enum status key_store_touch(struct db *c, struct id tenant, struct id id, struct err *e);
enum status key_store_revoke_all(struct db *c, struct id tenant, struct err *e);

/* ---- audit (audit_store.c) ---- */

struct audit_row {
    const struct actor *who;
    const char *via, *what; /* via: "cli", "portal" or "api" */
    struct str object, detail;
    bool has_detail; /* false: detail is NULL in the row */
    int64_t at_ms;
};
enum status audit_store_add(struct db *c, const struct audit_row *r, struct err *e);

#endif
