/* page.c: the life of a page, from page_begin to the reply.
 *
 * A page holds at most one database connection, and gives it back before it renders or redirects: a slow reader never
 * keeps a connection from others. That is why all ends of a page go through page_release. */
#include "portal/page/page.h"

#include <stdarg.h>

#include "portal/page/page_internal.h"

#include "base/banned.h"

/* The language is the best of those that the browser asks for. More become available by listing them here, once their
 * texts exist. */
bool page_begin_public(struct request *rq, struct page *pg)
{
    static const struct str supported[] = {STR("en")};
    *pg = (struct page){.rq = rq, .app = rq->app};
    struct str language = request_language(rq, supported, COUNT_OF(supported));
    pg->v = view_new(rq->arena, arena_strdup(rq->arena, language));
    if (!pg->v) {
        (void)err_nomem(&pg->e);
        reply_error(rq, &pg->e);
        return false;
    }
    frame_fill(pg);
    return true;
}

/* The route has decided whether a session is needed. A page that is also shown to strangers gets the frame alone. */
bool page_begin(struct request *rq, struct page *pg)
{
    if (!page_begin_public(rq, pg))
        return false;
    if (!rq->who.signed_in)
        return true;
    pg->who = guard_actor(rq);
    if (frame_fill_user(pg) == OK)
        return true;
    page_fail(pg);
    return false;
}

void page_release(struct page *pg)
{
    db_put(pg->db);
    pg->db = NULL;
}

void page_title(struct page *pg, struct str title)
{
    view_str(pg->v, "Page.Title", title);
}

void page_end(struct page *pg, enum status st, const char *template_name, const char *title_key)
{
    page_end_status(pg, st, 200, template_name, title_key);
}

void page_end_status(struct page *pg, enum status st, int status, const char *template_name, const char *title_key)
{
    if (st == OK)
        page_send_status(pg, status, template_name, title_key);
    else
        page_fail(pg);
}

void page_send(struct page *pg, const char *template_name, const char *title_key)
{
    page_send_status(pg, 200, template_name, title_key);
}

/* The page is rendered into the body first: a template that fails still gets a proper error page. */
void page_send_status(struct page *pg, int status, const char *template_name, const char *title_key)
{
    struct request *rq = pg->rq;
    page_release(pg);
    if (title_key)
        view_text(pg->v, "Page.Title", view_t(pg->v, title_key));
    if (view_render(pg->v, template_name, reply_body(rq), &pg->e) != OK) {
        reply_error(rq, &pg->e);
        return;
    }
    reply_status(rq, status);
    reply_type(rq, "text/html; charset=utf-8");
}

/* The dispatcher writes the error page (portal_error_page), so all failures look alike, whichever handler they come
 * from. */
void page_fail(struct page *pg)
{
    page_release(pg);
    reply_error(pg->rq, &pg->e);
}

static void page_redirect_args(struct page *pg, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* 303, so that the browser fetches the next page with GET and a reload does not send the form again. Callers build
 * paths from ids, fixed words and checked text only. */
static void page_redirect_args(struct page *pg, const char *fmt, va_list ap)
{
    char *path = arena_vprintf(pg->rq->arena, fmt, ap);
    if (!path) {
        (void)err_nomem(&pg->e);
        page_fail(pg);
        return;
    }
    page_release(pg);
    reply_redirect(pg->rq, path);
}

void page_redirect(struct page *pg, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    page_redirect_args(pg, fmt, ap);
    va_end(ap);
}

void page_end_redirect(struct page *pg, enum status st, const char *fmt, ...)
{
    va_list ap;
    if (st != OK) {
        page_fail(pg);
        return;
    }
    va_start(ap, fmt);
    page_redirect_args(pg, fmt, ap);
    va_end(ap);
}

/* An id that is not well-formed gets the same reply as one that does not exist. */
bool page_id(struct page *pg, enum id_kind kind, const char *name, struct id *out)
{
    if (id_parse(kind, request_segment(pg->rq, name), out))
        return true;
    (void)err_set(&pg->e, E_not_found, "There is no page at this address.");
    page_fail(pg);
    return false;
}
