/* cmd_user.c: accounts. A password comes from standard input or is generated here; as an argument it would show in the
 * process list and in the history of the shell. There is no default password, so the first account of an install is
 * made with this command. Each change goes into the operators' log; the actor has no tenant, as in cmd_plan.c. */
#include <stdio.h>

#include "account/rules.h"
#include "base/crypto.h"
#include "cli/cli.h"
#include "plan/entitlement.h"

#include "base/banned.h"

/* Twenty of 32 characters that are hard to confuse with one another: 100 bits. 32 divides 256, so masking a random byte
 * gives every character the same chance. */
static char *user_make_password(struct cli *cl)
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789A"; /* 32 */
    uint8_t r[20];
    char *p = arena_alloc(&cl->arena, sizeof(r) + 1);
    crypto_random(r, sizeof(r));
    for (size_t i = 0; p && i < sizeof(r); i++)
        p[i] = letters[r[i] & 31];
    return p;
}

/* Two bytes more than a password may have, for the end of the line that `echo` adds; it is not part of the password.
 * A text that is too long is refused here and not cut, or the account would have a password that its owner does not
 * know. */
static enum status user_get_password(struct cli *cl, bool from_stdin, struct str *out, struct err *e)
{
    enum status st = OK;
    if (from_stdin) {
        st = cli_read_file(cl, "-", PASSWORD_MAX + 2, out, e);
        while (st == OK && out->n && (out->p[out->n - 1] == '\n' || out->p[out->n - 1] == '\r'))
            out->n--;
        if (st == OK && !out->n)
            st = err_at(e, E_password_short, "password", "There is no password on standard input.");
    } else if (!(out->p = user_make_password(cl)))
        st = err_nomem(e);
    else
        *out = str_from(out->p);
    return st;
}

/* Prints the id, and the password only if it was generated here: no one has seen it yet, and it is not stored. */
static enum status user_print(struct cli *cl, struct id user, const char *email, bool made, struct str password,
                              struct err *e)
{
    struct json *o = json_new_object(&cl->arena);
    if (!made) {
        cli_id(cl, ID_USER, user);
        return OK;
    }
    if (!o || json_set_id(o, "id", ID_USER, user) != 0 || json_set_str(o, "email", str_from(email)) != 0 ||
        json_set_str(o, "password", password) != 0)
        return err_nomem(e);
    cli_out(cl, o);
    return OK;
}

enum status cmd_user_create(struct cli *cl, struct err *e)
{
    const char *name = "";
    bool from_stdin = false;
    struct str password;
    struct actor who = cli_actor(ID_NONE);
    struct db *c;
    struct id id;
    enum status st = cli_options(cl, CLI_OPTIONS({"name", &name, NULL}, {"password-stdin", NULL, &from_stdin}), 1, 1,
                                 e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK || (st = user_get_password(cl, from_stdin, &password, e)) != OK)
        return st;
    st = account_user_create(c, &who, str_from(cl->argv[0]), str_from(name), password, &id, e);
    return st == OK ? user_print(cl, id, cl->argv[0], !from_stdin, password, e) : st;
}

enum status cmd_user_list(struct cli *cl, struct err *e)
{
    struct db *c;
    struct user *all;
    size_t n;
    enum status st = cli_options(cl, NULL, 0, 0, 0, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK || (st = account_users(c, &cl->arena, &all, &n, e)) != OK)
        return st;
    struct json *out = json_new_array(&cl->arena), *o;
    for (size_t i = 0; out && i < n; i++)
        if (json_push_object(out, &o) != 0 || json_set_id(o, "id", ID_USER, all[i].id) != 0 ||
            json_set_str(o, "email", all[i].email) != 0 || json_set_str(o, "name", all[i].name) != 0 ||
            json_set_bool(o, "operator", all[i].is_operator) != 0 ||
            json_set_time(o, "created_at", all[i].created_ms) != 0)
            out = NULL;
    if (!out)
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

/* By id or e-mail address. */
static enum status user_of_arg(struct cli *cl, struct db *c, const char *text, struct id *out, struct err *e)
{
    struct user u;
    if (id_parse(ID_USER, str_from(text), out))
        return OK;
    enum status st = account_user_by_email(c, &cl->arena, str_from(text), &u, e);
    if (st == OK)
        *out = u.id;
    return st;
}

/* The account is found before the password is read or made: a password that is printed for an account that does not
 * exist would be taken for a valid one. */
enum status cmd_user_password(struct cli *cl, struct err *e)
{
    bool from_stdin = false;
    struct str password;
    struct actor who = cli_actor(ID_NONE);
    struct db *c;
    struct id id;
    enum status st = cli_options(cl, CLI_OPTIONS({"password-stdin", NULL, &from_stdin}), 1, 1, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK || (st = user_of_arg(cl, c, cl->argv[0], &id, e)) != OK ||
        (st = user_get_password(cl, from_stdin, &password, e)) != OK)
        return st;
    st = account_password_set(c, &who, id, password, e);
    return st == OK ? user_print(cl, id, cl->argv[0], !from_stdin, password, e) : st;
}

enum status cmd_user_operator(struct cli *cl, struct err *e)
{
    bool revoke = false;
    struct actor who = cli_actor(ID_NONE);
    struct db *c;
    struct id id;
    enum status st = cli_options(cl, CLI_OPTIONS({"revoke", NULL, &revoke}), 1, 1, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK || (st = user_of_arg(cl, c, cl->argv[0], &id, e)) != OK ||
        (st = account_user_operator(c, &who, id, !revoke, e)) != OK)
        return st;
    cli_id(cl, ID_USER, id);
    return OK;
}

/* Through entitlement_member_add and not account_member_add: the plan's limit on members holds on the command line
 * too. */
enum status cmd_user_add_to(struct cli *cl, struct err *e)
{
    const char *role = "viewer";
    struct actor who = cli_actor(ID_NONE);
    struct db *c;
    struct id user, tenant;
    enum status st = cli_options(cl, CLI_OPTIONS({"role", &role, NULL}), 2, 2, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK || (st = user_of_arg(cl, c, cl->argv[0], &user, e)) != OK ||
        (st = cli_tenant(cl, c, cl->argv[1], &tenant, e)) != OK)
        return st;
    st = entitlement_member_add(c, &who, tenant, user, account_role_parse(str_from(role)), e);
    if (st == OK)
        cli_id(cl, ID_USER, user);
    return st;
}
