/* page.h: a page of the portal, from its beginning to its end.
 *
 * A handler that shows something of a workspace reads:
 *
 *     struct page pg;
 *     if (!page_begin(rq, &pg))
 *         return; // answered already
 *     enum status st = account_members_of_tenant(pg.db, rq->arena, pg.who.tenant, &list, &n, &pg.e);
 *     for (size_t i = 0; st == OK && i < n; i++)
 *         ...fill pg.v...
 *     page_end(&pg, st, "portal/workspace/members.cs", "Workspace.Members.Title");
 *
 * page_end, page_send, page_fail and page_redirect give the connection back. Each of them ends the handler: exactly one
 * is called. A page belongs to the thread of its request; all that it holds lies in the arena of the request. */
#ifndef PARLEY_PORTAL_PAGE_PAGE_H
#define PARLEY_PORTAL_PAGE_PAGE_H

#include "account/account.h"
#include "bot/bot.h"
#include "guard.h"
#include "talk/talk.h"
#include "view/view.h"
#include "web/request.h"

/* The state of the program: rq->app. */
struct portal {
    struct guard guard; /* first: see guard.h */
    struct talk *talk;
};

struct page {
    struct request *rq;
    struct portal *app;
    struct view *v;
    struct db *db;           /* NULL after it was given back */
    bool has[FEATURE_COUNT]; /* the features of the workspace's plan */
    struct actor who;        /* who.tenant is ID_NONE when no one is signed in */
    struct err e;
};

/* ---- page.c ---- */

/* Starts a page: a view with the frame (menu, theme, message about the last action) and, for a signed-in user, a
 * database connection. False: the reply is written. */
bool page_begin(struct request *rq, struct page *pg);
/* Starts a page that needs neither a session nor the database: no connection is taken. False: the reply is written. */
bool page_begin_public(struct request *rq, struct page *pg);
/* Gives the connection back early, before waiting for Stripe or for a test chat. Safe to call twice. */
void page_release(struct page *pg);

/* Sets the title to words. A title that is a text of the page is given to page_send as its key. */
void page_title(struct page *pg, struct str title);
/* Ends the page: the template if st is OK, else the error page for pg->e. title_key NULL: page_title was called. */
void page_end(struct page *pg, enum status st, const char *template_name, const char *title_key);
void page_end_status(struct page *pg, enum status st, int status, const char *template_name, const char *title_key);
/* Ends the page of a form: 303 to a path of the portal if st is OK, else the error page for pg->e. */
void page_end_redirect(struct page *pg, enum status st, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Ends the page with the template, status 200 or the one given. */
void page_send(struct page *pg, const char *template_name, const char *title_key);
void page_send_status(struct page *pg, int status, const char *template_name, const char *title_key);
/* Ends the page with the error page for pg->e. */
void page_fail(struct page *pg);
/* Ends the page with 303 to a path of the portal. */
void page_redirect(struct page *pg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Reads a path parameter as an id of this kind. False for anything else: the reply, 404, is written. */
bool page_id(struct page *pg, enum id_kind kind, const char *name, struct id *out);

/* ---- form.c ---- */

/* The error in the language of the page: T.Error.<code>, or its own message where there is no such text. */
void page_error(struct page *pg, const char *key, const struct err *e);
/* Form.Error, Form.Field and Form.Plans from pg->e, for a form that is shown again. */
void page_form_error(struct page *pg);
/* Is pg->e about the input, so that the form is worth showing again? */
bool page_is_form_error(const struct page *pg);
/* After a form failed: true if it is to be shown again (as page_form_error, and pg->e is cleared); false: the error
 * page is written. */
bool page_form_again(struct page *pg);
/* What the user can do when the plan does not cover something: Way.Plans if a link to the plans helps, Way.Ask
 * otherwise. */
void page_way_out(struct page *pg);
/* Sets key to the name of the plan that has the feature. Nothing is set if this plan has it, or if no plan does. */
enum status page_offer(struct page *pg, enum feature f, const char *key);

/* ---- error_page.c: called by the dispatcher ---- */

/* Leads a visitor to /login, and from there back to the page if it was one. */
void portal_not_signed_in(struct request *rq);
/* The error as a page. For ERR_PLAN it has the menu of the workspace and names the plan that covers the feature. */
void portal_error_page(struct request *rq, const struct err *e, int status);

/* A shown id. It lives until the end of the enclosing block. */
#define TEXT_ID(kind, id) id_text((kind), (id), (char[ID_TEXT_MAX]){0})

#endif
