/* account.h: tenants (shown as workspaces), users, members and their roles, sessions, API keys, the audit log.
 *
 * A user may be a member of several tenants. Passwords are hashed with Argon2id; sessions and API keys are stored as
 * hashes. A failed sign-in looks the same whether or not the e-mail address is known, in its words and in its
 * duration.
 *
 * Functions run on the caller's connection; those that take an arena put the texts and arrays of their result there.
 * Errors not named here come from the database (db/db.h). */
#ifndef PARLEY_ACCOUNT_ACCOUNT_H
#define PARLEY_ACCOUNT_ACCOUNT_H

#include "base/json.h"
#include "db/db.h"

/* ---- roles (roles.c): pure, any thread ---- */

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_AGENT, ROLE_EDITOR, ROLE_BILLING, ROLE_ADMIN, ROLE_OWNER };
/* Permissions, one bit each. Routes name them; account_role_perms() is the only place that maps roles to them. */
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
/* The permissions of a role, bits of enum perm. */
uint32_t account_role_perms(enum role r);
/* The role's name in tables and in the API: "owner". */
const char *account_role_name(enum role r);
/* ROLE_NONE if the name is not known. */
enum role account_role_parse(struct str s);

/* ---- who and where ---- */

/* The state of a tenant or a user. A deleted row stays, because others refer to it; the stores leave it out. */
enum account_state { ACCOUNT_ACTIVE, ACCOUNT_SUSPENDED, ACCOUNT_DELETED };
/* The state's name in tables and in the output of the command line: "active". */
const char *account_state_name(enum account_state s);
/* False if this release has no state with this name. */
bool account_state_parse(struct str name, enum account_state *out);

struct tenant {
    struct id id;
    struct str name;
    struct str plan; /* assigned by the operator; plan/ knows which one applies */
    enum account_state state;
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

/* Who acts. Its tenant is bound into every TENANT statement, and all of it goes into the audit log. */
struct actor {
    struct id tenant, user, key;
    enum role role;
    uint32_t perms;
    char ip[46];
    bool cli; /* the operator on the command line */
};

/* ---- signing up and in (account.c) ---- */

struct sign_up {
    struct str email, password, name, workspace, language;
};
/* Creates user, tenant and owner membership in one transaction. Field errors carry the form field as pointer:
 * "email" (code email_taken, email_invalid), "password" (password_short: under 10 characters, password_known),
 * "workspace". */
enum status account_sign_up(struct db *c, struct arena *a, const struct sign_up *in, struct member *out, struct err *e);
/* ERR_AUTH code sign_in_failed; ERR_RATE code sign_in_rate after many attempts at one account. */
enum status account_sign_in(struct db *c, struct arena *a, struct str email, struct str password, struct user *out,
                            struct err *e);
/* For the operator: also ends all sessions of the user, and writes an entry to the operators' log. ERR_NOT_FOUND code
 * user_unknown; ERR_INVALID as rules_password(). */
enum status account_password_set(struct db *c, const struct actor *who, struct id user, struct str password,
                                 struct err *e);

/* ---- sessions (session.c) ---- */

#define SESSION_TOKEN_MAX 64
struct session {
    struct id id;
    struct user user;
    struct id tenant;
    enum role role;
    int64_t created_ms, seen_ms;
    uint8_t csrf_key[32];
};
/* The token goes into the cookie; the database stores only its hash. */
enum status account_session_start(struct db *c, struct id user, struct id tenant, struct str ip, struct str agent,
                                  char token[SESSION_TOKEN_MAX], struct err *e);
/* ERR_AUTH when the session is unknown, was ended, or was not used for lifetime_ms. The role is read each time, so a
 * member who was removed has ROLE_NONE at once. The time of last use is written at most once a minute. */
enum status account_session_load(struct db *c, struct arena *a, struct str token, int64_t lifetime_ms,
                                 struct session *out, struct err *e);
/* OK also for a token that is not one. */
enum status account_session_end(struct db *c, struct str token, struct err *e);
/* ERR_NOT_FOUND code workspace_unknown unless the user is a member there. */
enum status account_session_switch(struct db *c, struct str token, struct id tenant, struct err *e);
/* Deletes at most `limit` sessions of the install last used before before_ms, the oldest first; *n is their number. */
enum status account_sessions_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

/* ---- tenants, users and members (account.c) ---- */

/* ERR_INVALID code plan_unknown or name_invalid. */
enum status account_tenant_create(struct db *c, struct str name, struct str plan, struct id *out, struct err *e);
/* ERR_NOT_FOUND code workspace_unknown, also for a deleted one. */
enum status account_tenant_get(struct db *c, struct arena *a, struct id tenant, struct tenant *out, struct err *e);
/* All tenants that are not deleted, oldest first. */
enum status account_tenants(struct db *c, struct arena *a, struct tenant **out, size_t *n, struct err *e);
/* Assigns a plan and bumps the shared generation "plan". ERR_INVALID code plan_unknown. */
enum status account_tenant_plan(struct db *c, struct id tenant, struct str plan, struct err *e);
/* Deletes the tenant for everyone at once: its sessions end, its keys are unknown, its bots are not found (the
 * caller bumps the generation "bot" of each). Rows that the books need are kept. The caller checks whether it may be
 * deleted, which depends on its subscription. ERR_NOT_FOUND when it is already deleted. */
enum status account_tenant_delete(struct db *c, const struct actor *who, struct id tenant, struct err *e);
/* For the operator, with an entry in the operators' log. With an empty password the account has none, and no one can
 * sign in to it until one is set. */
enum status account_user_create(struct db *c, const struct actor *who, struct str email, struct str name,
                                struct str password, struct id *out, struct err *e);
/* Operators see /admin: the plan and billing of every tenant. Takes effect with the user's next request, and writes an
 * entry to the operators' log. ERR_NOT_FOUND. */
enum status account_user_operator(struct db *c, const struct actor *who, struct id user, bool is_operator,
                                  struct err *e);
/* ERR_NOT_FOUND code user_unknown; ERR_INVALID code email_invalid. */
enum status account_user_by_email(struct db *c, struct arena *a, struct str email, struct user *out, struct err *e);
/* All users that are not deleted, oldest first. */
enum status account_users(struct db *c, struct arena *a, struct user **out, size_t *n, struct err *e);
/* Adds a member or changes the role of one. Does not check the plan's limit: entitlement_member_add() does.
 * ERR_INVALID code role_unknown for ROLE_NONE; ERR_NOT_FOUND code member_unknown. */
enum status account_member_add(struct db *c, struct id tenant, struct id user, enum role role, struct err *e);
enum status account_members_of_user(struct db *c, struct arena *a, struct id user, struct member **out, size_t *n,
                                    struct err *e);
enum status account_members_of_tenant(struct db *c, struct arena *a, struct id tenant, struct member **out, size_t *n,
                                      struct err *e);
/* The owners of a tenant as readers of mail, without suspended users. */
struct account_reader {
    struct str email, language;
};
enum status account_owners(struct db *c, struct arena *a, struct id tenant, struct account_reader **out, size_t *n,
                           struct err *e);

/* ---- API keys (key.c) ---- */

#define API_KEY_MAX 64 /* "ply_", 43 letters and digits, 6 of checksum, NUL */
enum key_scope { SCOPE_READ = 1, SCOPE_WRITE = 2, SCOPE_CHAT = 4, SCOPE_ADMIN = 8 };
/* `key` is shown to the user once; the database keeps its hash. ERR_INVALID code name_invalid or scopes_invalid. */
enum status account_key_create(struct db *c, struct id tenant, struct str name, uint32_t scopes, char key[API_KEY_MAX],
                               struct id *out, struct err *e);
/* ERR_AUTH code key_malformed (a typing error, found without the database) or key_unknown (also when revoked);
 * ERR_DENIED code workspace_suspended. The time of last use is written at most once a minute. */
enum status account_key_load(struct db *c, struct arena *a, struct str key, struct id *tenant, struct id *key_id,
                             uint32_t *scopes, struct err *e);

/* ---- audit (audit.c) ---- */

/* One line of the audit log, in the caller's transaction. `what` is a stable name ("bot.published"), detail may be
 * NULL. */
enum status account_audit(struct db *c, const struct actor *who, const char *what, struct str object,
                          const struct json *detail, struct err *e);

#endif
