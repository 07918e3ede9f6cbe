/* form.c: what a page says when a form was refused, or when the plan does not cover something. A refusal that the user
 * can correct shows the form again with what was typed; anything else is an error page. The decision is made in one
 * place, by the status alone. */
#include <stdio.h>
#include <string.h>

#include "plan/entitlement.h"
#include "portal/page/page_internal.h"
#include "stripe/client.h"

#include "base/banned.h"

/* Texts by code come first, since they are in the language of the page. The message of the error is English, but it
 * is better than nothing. */
const char *form_error_words(struct view *v, const struct err *e)
{
    char key[64];
    snprintf(key, sizeof(key), "Error.%s", err_code(e));
    const char *text = view_t(v, key);
    return strcmp(text, key) != 0 || !e->message[0] ? text : e->message;
}

void page_error(struct page *pg, const char *key, const struct err *e)
{
    view_text(pg->v, key, form_error_words(pg->v, e));
}

void page_form_error(struct page *pg)
{
    page_error(pg, "Form.Error", &pg->e);
    view_text(pg->v, "Form.Field", pg->e.pointer);
    view_bool(pg->v, "Form.Plans", pg->e.status == ERR_PLAN && (pg->rq->who.perms & BILLING_READ));
}

/* These are about what the user has typed or may have; everything else is a failure that the same form would meet
 * again. */
bool page_is_form_error(const struct page *pg)
{
    enum status st = pg->e.status;
    return st == ERR_INVALID || st == ERR_PLAN || st == ERR_CONFLICT || st == ERR_TOO_LARGE;
}

bool page_form_again(struct page *pg)
{
    if (!page_is_form_error(pg)) {
        page_fail(pg);
        return false;
    }
    page_form_error(pg);
    pg->e = ERR_INIT;
    return true;
}

/* Only users who may change the plan get the link. The others read whom they can ask: a link that ends in a refusal
 * would be worse. */
void page_way_out(struct page *pg)
{
    bool sold = stripe_enabled(pg->rq->config);
    view_bool(pg->v, "Way.Plans", sold && (pg->rq->who.perms & BILLING_WRITE));
    view_text(pg->v, "Way.Ask", view_t(pg->v, sold ? "Errors.AskOwner" : "Errors.AskOperator"));
}

enum status page_offer(struct page *pg, enum feature f, const char *key)
{
    struct plans plans;
    if (pg->has[f])
        return OK;
    enum status st = plans_read(pg->db, pg->rq->arena, &plans, &pg->e);
    const struct plan *offer = st == OK ? guard_offer_of(&plans, f) : NULL;
    if (offer)
        view_str(pg->v, key, offer->name);
    return st;
}
