/* account_store.h: the statements of tenants, users, members, sessions, keys and the audit log. Within src/account only. */
#ifndef PARLEY_ACCOUNT_ACCOUNT_STORE_H
#define PARLEY_ACCOUNT_ACCOUNT_STORE_H

#include "account/account.h"

struct user_new {
    struct id id;
    struct str email, email_key, name, password_hash, language;
};

enum status store_tenant_add(struct db *c, struct id id, struct str name, struct str plan, struct err *e);
enum status store_tenant_get(struct db *c, struct arena *a, struct id id, struct tenant *out, struct err *e);
enum status store_tenants(struct db *c, struct arena *a, struct tenant **out, size_t *n, struct err *e);
enum status store_tenant_delete(struct db *c, struct id id, struct err *e); /* ERR_NOT_FOUND */
enum status store_keys_revoke(struct db *c, struct id tenant, struct err *e);
enum status store_session_delete_tenant(struct db *c, struct id tenant, struct err *e);
enum status store_tenant_plan(struct db *c, struct id id, struct str plan, struct err *e);
/* *out: the plan as its row has it, from the arena; the database compares without case. */
enum status store_plan_find(struct db *c, struct arena *a, struct str typed, struct str *out, bool *there,
                            struct err *e);

enum status store_user_add(struct db *c, const struct user_new *u, struct err *e); /* email_taken when it is */
/* Any state; ERR_NOT_FOUND. hash and state may be NULL. */
enum status store_user_by_email(struct db *c, struct arena *a, struct str email_key, struct user *out, struct str *hash,
                                struct str *state, struct err *e);
enum status store_user_get(struct db *c, struct arena *a, struct id user, struct user *out, struct err *e);
enum status store_users(struct db *c, struct arena *a, struct user **out, size_t *n, struct err *e);
enum status store_user_operator(struct db *c, struct id user, bool is_operator, struct err *e);
enum status store_user_password(struct db *c, struct id user, struct str hash, struct err *e);

enum status store_member_put(struct db *c, struct id tenant, struct id user, enum role role, struct err *e);
enum status store_members_of_user(struct db *c, struct arena *a, struct id user, struct member **out, size_t *n,
                                  struct err *e);
enum status store_members_of_tenant(struct db *c, struct arena *a, struct id tenant, struct member **out, size_t *n,
                                    struct err *e);

struct session_new {
    uint8_t hash[32];
    struct id id, user, tenant;
    struct str ip, agent;
};
enum status store_session_add(struct db *c, const struct session_new *s, struct err *e);
/* Everything but csrf_key. role is ROLE_NONE when the user is no member any more or the tenant is not active. */
enum status store_session_get(struct db *c, struct arena *a, const uint8_t hash[32], int64_t seen_after_ms,
                              struct session *out, struct err *e);
enum status store_session_seen(struct db *c, const uint8_t hash[32], struct err *e);
enum status store_session_delete(struct db *c, const uint8_t hash[32], struct err *e);
enum status store_sessions_of_user_delete(struct db *c, struct id user, struct err *e);
enum status store_session_switch(struct db *c, const uint8_t hash[32], struct id tenant, struct err *e);

struct key_row {
    struct id tenant, id;
    uint32_t scopes;
    bool revoked, tenant_active;
    int64_t used_ms;
};
enum status store_key_add(struct db *c, struct id tenant, struct id id, const uint8_t hash[32], struct str name,
                          struct str hint, uint32_t scopes, struct err *e);
enum status store_key_get(struct db *c, struct arena *a, const uint8_t hash[32], struct key_row *out, struct err *e);
enum status store_key_used(struct db *c, struct id tenant, struct id id, struct err *e);

#endif
