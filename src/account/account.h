/* account.h: tenants (shown as workspaces), users, members and their roles, sessions, API keys, audit.
 *
 * A user may be a member of several tenants. Passwords Argon2id; sessions and API keys are stored as hashes. Sign-in
 * failures look alike whether the e-mail is known or not, in words and in time. */
#ifndef PARLEY_ACCOUNT_ACCOUNT_H
#define PARLEY_ACCOUNT_ACCOUNT_H

#include "base/json.h"
#include "db/db.h"

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_AGENT, ROLE_EDITOR, ROLE_BILLING, ROLE_ADMIN, ROLE_OWNER };
/* What a role may: one bit each; routes name them, account_role_perms() is the only place that maps. */
enum perm {
    BOT_READ = 1 << 0,
    BOT_WRITE = 1 << 1,
    BOT_PUBLISH = 1 << 2,
    CONVERSATION_READ = 1 << 3,
    CONVERSATION_REPLY = 1 << 4,
    KNOWLEDGE_READ = 1 << 5,
    KNOWLEDGE_WRITE = 1 << 6,
    MEMBER_READ = 1 << 7,
    MEMBER_WRITE = 1 << 8,
    BILLING_READ = 1 << 9,
    BILLING_WRITE = 1 << 10,
    WORKSPACE_WRITE = 1 << 11,
    AUDIT_READ = 1 << 12,
    KEY_WRITE = 1 << 13,
    CONTACT_ERASE = 1 << 14
};
uint32_t account_role_perms(enum role r);
const char *account_role_name(enum role r); /* "owner" */
enum role account_role_parse(struct str s); /* ROLE_NONE if unknown */

struct tenant {
    struct id id;
    struct str name;
    struct str plan;
    struct str state;
    int64_t created_ms;
};
struct user {
    struct id id;
    struct str email, name;
    bool is_operator;
    int64_t created_ms;
};
struct member {
    struct tenant tenant;
    struct user user;
    enum role role;
};

/* Who does it: bound into every TENANT statement, and into the audit log. */
struct actor {
    struct id tenant, user, key;
    enum role role;
    uint32_t perms;
    char ip[46];
    bool cli;
};

struct sign_up {
    struct str email, password, name, workspace, language;
};
/* New user + tenant + owner membership in one transaction. Field errors carry the form field as pointer:
 * "email" (code email_taken, email_invalid), "password" (password_short: under 10 characters, password_known), "workspace". */
enum status account_sign_up(struct db *c, struct arena *a, const struct sign_up *in, struct member *out, struct err *e);
/* ERR_AUTH code sign_in_failed; ERR_RATE code sign_in_rate after many attempts at one account. */
enum status account_sign_in(struct db *c, struct arena *a, struct str email, struct str password, struct user *out,
                            struct err *e);
enum status account_password_set(struct db *c, struct id user, struct str password,
                                 struct err *e); /* ends all sessions */

#define SESSION_TOKEN_MAX 64
struct session {
    struct id id;
    struct user user;
    struct id tenant;
    enum role role;
    int64_t created_ms, seen_ms;
    uint8_t csrf_key[32];
};
/* The token goes into the cookie, only its hash into the database. */
enum status account_session_start(struct db *c, struct id user, struct id tenant, struct str ip, struct str agent,
                                  char token[SESSION_TOKEN_MAX], struct err *e);
/* ERR_AUTH when unknown, not seen for lifetime_ms, or ended. Role is read each time: a removed member has ROLE_NONE at once. seen is written at most
 * once a minute. */
enum status account_session_load(struct db *c, struct arena *a, struct str token, int64_t lifetime_ms,
                                 struct session *out, struct err *e);
enum status account_session_end(struct db *c, struct str token, struct err *e);
enum status account_session_switch(struct db *c, struct str token, struct id tenant,
                                   struct err *e); /* ERR_NOT_FOUND unless a member */

enum status account_tenant_create(struct db *c, struct str name, struct str plan, struct id *out, struct err *e);
enum status account_tenant_get(struct db *c, struct arena *a, struct id tenant, struct tenant *out, struct err *e);
enum status account_tenants(struct db *c, struct arena *a, struct tenant **out, size_t *n, struct err *e);
/* ERR_INVALID code plan_unknown; bumps the shared generation "plan". */
enum status account_tenant_plan(struct db *c, struct id tenant, struct str plan, struct err *e);
/* It is gone for everybody at once: sessions end, keys are unknown, its bots are not found (the caller bumps the generation "bot" of each). Rows
 * that money and its history need stay. Whether it may go (a subscription) is the caller's to ask. ERR_NOT_FOUND when it is gone already. */
enum status account_tenant_delete(struct db *c, const struct actor *who, struct id tenant, struct err *e);
/* An empty password: the account has none and cannot sign in with one. */
enum status account_user_create(struct db *c, struct str email, struct str name, struct str password, struct id *out,
                                struct err *e);
/* Operators see /admin: every workspace's plan and billing. Holds from the next request of that person on. ERR_NOT_FOUND. */
enum status account_user_operator(struct db *c, struct id user, bool is_operator, struct err *e);
enum status account_user_by_email(struct db *c, struct arena *a, struct str email, struct user *out, struct err *e);
enum status account_users(struct db *c, struct arena *a, struct user **out, size_t *n, struct err *e);
enum status account_member_add(struct db *c, struct id tenant, struct id user, enum role role, struct err *e);
enum status account_members_of_user(struct db *c, struct arena *a, struct id user, struct member **out, size_t *n,
                                    struct err *e);
enum status account_members_of_tenant(struct db *c, struct arena *a, struct id tenant, struct member **out, size_t *n,
                                      struct err *e);

#define API_KEY_MAX 64 /* "ply_", 43 letters and digits, 6 of check: typing errors are told without the database */
enum key_scope { SCOPE_READ = 1, SCOPE_WRITE = 2, SCOPE_CHAT = 4, SCOPE_ADMIN = 8 };
enum status account_key_create(struct db *c, struct id tenant, struct str name, uint32_t scopes, char key[API_KEY_MAX],
                               struct id *out, struct err *e);
/* ERR_AUTH key_malformed or key_unknown (also when revoked); ERR_DENIED workspace_suspended. used_at is written at most once a minute. */
enum status account_key_load(struct db *c, struct arena *a, struct str key, struct id *tenant, struct id *key_id,
                             uint32_t *scopes, struct err *e);

/* One line of the audit log, in the caller's transaction. `what` is stable ("bot.published"), detail may be NULL. */
enum status account_audit(struct db *c, const struct actor *who, const char *what, struct str object,
                          const struct json *detail, struct err *e);

#endif
