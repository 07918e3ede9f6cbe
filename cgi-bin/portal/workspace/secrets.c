/* secrets.c: /app/secrets: the named secrets of a workspace: which there are, which bots use them, and forms to add,
 * replace and delete one. A value goes into a form and never comes out of the page, not even after a mistake. */
#include "portal/workspace/workspace.h"
#include "vault/vault.h"

#include "base/banned.h"

#define SECRETS_TEMPLATE "portal/workspace/secrets.cs"
#define SECRETS_TITLE "Workspace.Secrets.Title"

static size_t secrets_find(const struct vault_secret *all, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(all[i].name, name))
            return i;
    return n;
}

static void secrets_fill_use(struct view *v, const char *list, size_t i, const struct bot_secret_use *use)
{
    view_id(v, view_at(v, list, i, "Id"), TEXT_ID(ID_BOT, use->bot));
    view_str(v, view_at(v, list, i, "Name"), use->bot_name);
    view_bool(v, view_at(v, list, i, "Published"), use->published);
}

/* A secret that a flow names and that does not exist is shown above the list: its calls fail, or its draft cannot be
 * published. */
static enum status secrets_fill(struct page *pg)
{
    struct vault_secret *all;
    struct bot_secret_use *uses;
    size_t n, use_n, missing = 0;
    struct view *v = pg->v;
    enum status st = vault_list(pg->db, pg->who.tenant, pg->rq->arena, &all, &n, &pg->e);
    if (st == OK)
        st = bot_secret_uses(pg->db, pg->who.tenant, pg->rq->arena, &uses, &use_n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        const char *list = arena_printf(pg->rq->arena, "Secrets.%zu.Uses", i);
        size_t used = 0;
        view_str(v, view_at(v, "Secrets", i, "Name"), all[i].name);
        view_time(v, view_at(v, "Secrets", i, "Created"), all[i].created_ms);
        view_time(v, view_at(v, "Secrets", i, "Changed"), all[i].changed_ms);
        view_bool(v, view_at(v, "Secrets", i, "Replaced"), all[i].changed_ms != all[i].created_ms);
        for (size_t k = 0; list && k < use_n; k++)
            if (str_eq(uses[k].secret, all[i].name))
                secrets_fill_use(v, list, used++, &uses[k]);
    }
    for (size_t k = 0; st == OK && k < use_n; k++) {
        if (secrets_find(all, n, uses[k].secret) < n)
            continue;
        view_str(v, view_at(v, "Missing", missing, "Secret"), uses[k].secret);
        secrets_fill_use(v, "Missing", missing++, &uses[k]);
    }
    return st;
}

static void secrets_show(struct page *pg, int status)
{
    enum status st = secrets_fill(pg);
    view_text(pg->v, "Page.Nav", "secrets");
    view_bool(pg->v, "Can.SecretWrite", pg->who.perms & BOT_PUBLISH);
    page_end_status(pg, st, status, SECRETS_TEMPLATE, SECRETS_TITLE);
}

/* A link from another page may propose the name of a secret that is missing. */
void workspace_secrets_get(struct request *rq)
{
    struct page pg;
    if (!page_begin(rq, &pg))
        return;
    view_str(pg.v, "Form.name", request_query(rq, "name"));
    secrets_show(&pg, 200);
}

/* The form for a new secret does not replace an existing one: its user may not know that there is one. */
static enum status secrets_save(struct page *pg, struct str name, bool replace, bool *created)
{
    struct vault_secret *all;
    size_t n;
    enum status st = vault_list(pg->db, pg->who.tenant, pg->rq->arena, &all, &n, &pg->e);
    if (st != OK)
        return st;
    bool there = secrets_find(all, n, name) < n;
    if (there && !replace)
        return err_raise_at(&pg->e, E_secret_taken, "name");
    if (!there && replace)
        return err_raise(&pg->e, E_secret_unknown);
    return vault_set(pg->db, pg->rq->config, &pg->who, name, request_form(pg->rq, "value"), created, &pg->e);
}

/* The name comes back after a mistake, the value does not. */
void workspace_secrets_post(struct request *rq)
{
    struct page pg;
    bool created = false, replace = str_eqz(request_form(rq, "do"), "replace");
    struct str name = str_trim(request_form(rq, "name"));
    if (!page_begin(rq, &pg))
        return;
    if (secrets_save(&pg, name, replace, &created) == OK) {
        page_redirect(&pg, "/app/secrets?done=%s", created ? "secret_added" : "secret_replaced");
    } else if (page_form_again(&pg)) {
        view_str(pg.v, replace ? "Form.Replace" : "Form.name", name);
        secrets_show(&pg, 422);
    }
}

/* If a published bot uses the secret, the page asks again and names the bot. */
void workspace_secrets_delete_post(struct request *rq)
{
    struct page pg;
    struct str name = request_segment(rq, "name");
    bool force = str_eqz(request_form(rq, "force"), "true");
    if (!page_begin(rq, &pg))
        return;
    if (bot_secret_remove(pg.db, &pg.who, name, force, rq->arena, &pg.e) == OK) {
        page_redirect(&pg, "/app/secrets?done=secret_deleted");
    } else if (err_is(&pg.e, E_secret_in_use)) {
        view_str(pg.v, "InUse.Name", name);
        view_text(pg.v, "InUse.Text", pg.e.message);
        pg.e = ERR_INIT;
        secrets_show(&pg, 409);
    } else {
        page_fail(&pg);
    }
}
