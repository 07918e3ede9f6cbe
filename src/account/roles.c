/* roles.c: what each role may do. Every permission check goes through the bits of this table, so granting a right to
 * a role is a change of one line here. The stores parse and print role names, which is why this file depends on
 * nothing else. */
#include "account/account.h"

#include "base/banned.h"

#define VIEWER_PERMS (BOT_READ | CONVERSATION_READ | KNOWLEDGE_READ)
#define AGENT_PERMS (VIEWER_PERMS | CONVERSATION_REPLY)
#define EDITOR_PERMS (AGENT_PERMS | BOT_WRITE | BOT_PUBLISH | KNOWLEDGE_WRITE)
/* Bookkeepers see what is billed and who the members are, but no conversation. */
#define BILLING_PERMS (BOT_READ | MEMBER_READ | BILLING_READ | BILLING_WRITE)
#define ADMIN_PERMS                                                                                        \
    (EDITOR_PERMS | MEMBER_READ | MEMBER_WRITE | BILLING_READ | WORKSPACE_WRITE | AUDIT_READ | KEY_WRITE | \
     CONTACT_ERASE)
#define OWNER_PERMS (ADMIN_PERMS | BILLING_PERMS)

static const struct {
    const char *name;
    uint32_t perms;
} roles[] = {
    [ROLE_NONE] = {"none", 0},
    [ROLE_VIEWER] = {"viewer", VIEWER_PERMS},
    [ROLE_AGENT] = {"agent", AGENT_PERMS},
    [ROLE_EDITOR] = {"editor", EDITOR_PERMS},
    [ROLE_BILLING] = {"billing", BILLING_PERMS},
    [ROLE_ADMIN] = {"admin", ADMIN_PERMS},
    [ROLE_OWNER] = {"owner", OWNER_PERMS},
};
#define ROLE_COUNT COUNT_OF(roles)

uint32_t account_role_perms(enum role r)
{
    CHECK((size_t)r < ROLE_COUNT);
    return roles[r].perms;
}

const char *account_role_name(enum role r)
{
    CHECK((size_t)r < ROLE_COUNT);
    return roles[r].name;
}

/* "none" is not parsed: no row holds it, and a form that sends it must not add a member without rights. */
enum role account_role_parse(struct str s)
{
    for (size_t i = ROLE_VIEWER; i < ROLE_COUNT; i++)
        if (str_eqz(s, roles[i].name))
            return (enum role)i;
    return ROLE_NONE;
}

static const char *const state_names[] = {
    [ACCOUNT_ACTIVE] = "active", [ACCOUNT_SUSPENDED] = "suspended", [ACCOUNT_DELETED] = "deleted"};

const char *account_state_name(enum account_state s)
{
    CHECK((size_t)s < COUNT_OF(state_names));
    return state_names[s];
}

bool account_state_parse(struct str name, enum account_state *out)
{
    size_t i = str_among(name, state_names, COUNT_OF(state_names));
    if (i < COUNT_OF(state_names))
        *out = (enum account_state)i;
    return i < COUNT_OF(state_names);
}
