/* error_page.c: the replies that the dispatcher asks for in place of a handler's: not signed in, and errors.
 *
 * The error page must work when everything else fails, so it falls back step by step: without the menu, then as plain
 * text. */
#include <stdio.h>
#include <string.h>

#include "plan/entitlement.h"
#include "portal/page/page_internal.h"

#include "base/banned.h"

/* Only a GET is remembered as the place to return to: a POST cannot be repeated after signing in, and its address may
 * have no page. The query is left out, since it may hold more than an address should show. */
void portal_not_signed_in(struct request *rq)
{
    struct buf b;
    buf_init(&b, 4096);
    buf_puts(&b, "/login");
    bool deep = (str_starts(rq->path, STR("/app")) && rq->path.n > 4) || str_starts(rq->path, STR("/admin"));
    if (rq->method == GET && deep) {
        buf_puts(&b, "?next=");
        buf_url(&b, rq->path);
    }
    const char *path = buf_ok(&b) ? arena_strdup(rq->arena, buf_str(&b)) : NULL;
    buf_release(&b);
    reply_redirect(rq, path ? path : "/login");
}

/* Names the feature that the plan lacks, and the plan that has it. */
static void error_page_fill_feature(struct page *pg)
{
    enum feature f = (enum feature)pg->rq->route->feature;
    const struct plan *offer = NULL;
    struct err e = ERR_INIT;
    char key[48];
    snprintf(key, sizeof(key), "Feature.%s", entitlement_name(feature_entitlement((int)f)));
    view_text(pg->v, "Error.Text", view_t(pg->v, key));
    page_way_out(pg);
    if (guard_offer(pg->rq, f, &offer, &e) != OK)
        return; /* the page links to all plans instead */
    if (!offer) {
        view_text(pg->v, "Error.More", view_t(pg->v, "Feature.Nowhere"));
        return;
    }
    view_str(pg->v, "Error.More", view_fill(pg->v, "Feature.In", {"plan", offer->name}));
    view_str(pg->v, "Way.Plan", offer->plan);
    view_str(pg->v, "Way.PlanName", offer->name);
}

void portal_error_page(struct request *rq, const struct err *e, int status)
{
    struct page pg = {.rq = rq, .app = rq->app};
    char key[32];
    pg.v = view_new(rq->arena, "en");
    struct err failed = ERR_INIT;
    struct buf *body = reply_body(rq);
    buf_clear(body);
    reply_status(rq, status);
    reply_type(rq, "text/html; charset=utf-8");
    /* No database here, except for the menu of a plan error: the usual reason for an error page is that the database is
     * away. */
    if (pg.v) {
        frame_fill(&pg);
        snprintf(key, sizeof(key), "Status.%d", status);
        view_text(pg.v, "Page.Title", view_t(pg.v, key));
        view_int(pg.v, "Error.Status", status);
        view_text(pg.v, "Error.Text", form_error_words(pg.v, e));
        if (e->retry_after_s > 0)
            view_int(pg.v, "Error.RetryAfter", e->retry_after_s);
        if (rq->method != GET)
            view_bool(pg.v, "Error.Back", true);
        if (e->status == ERR_PLAN && rq->who.signed_in) {
            pg.who = guard_actor(rq);
            view_bool(pg.v, "Error.Plan", frame_fill_user(&pg) == OK); /* with the menu if possible */
            page_release(&pg);
            if (rq->route && rq->route->feature != FEATURE_NONE && err_is(e, E_plan_feature))
                error_page_fill_feature(&pg);
            else
                page_way_out(&pg);
        }
        if (view_render(pg.v, "error/error.cs", body, &failed) == OK)
            return;
    }
    reply_type(rq, "text/plain; charset=utf-8");
    buf_printf(body, "%d. %s\nRequest %s\n", status, e->message, rq->id);
}
