/* page.h: what the portal's handlers share: the state of the door, and a page from its beginning to its end.
 *
 * A handler that shows or changes something of a workspace reads:
 *
 *     struct page pg;
 *     if (!page_begin(rq, &pg))
 *         return;                            // answered already
 *     if (bot_list(pg.db, pg.who.tenant, rq->arena, &bots, &n, &pg.e) != OK)
 *         return page_fail(&pg);             // the error page, by the status of pg.e
 *     ...fill pg.v...
 *     page_send(&pg, "portal/workspace/index.cs", "Bots.Title");
 *
 * page_fail, page_send and page_redirect give the connection back; each of them ends the handler. */
#ifndef PARLEY_PORTAL_PAGE_PAGE_H
#define PARLEY_PORTAL_PAGE_PAGE_H

#include "account/account.h"
#include "bot/bot.h"
#include "guard.h"
#include "talk/talk.h"
#include "view/view.h"
#include "web/request.h"

struct portal {
    struct guard guard; /* first: see guard.h */
    struct talk *talk;
    uint8_t test_key[32]; /* seals the state of test chats, which the browser keeps */
};

struct page {
    struct request *rq;
    struct portal *app;
    struct view *v;
    struct db *db;           /* NULL once given back */
    bool has[FEATURE_COUNT]; /* what the plan has */
    struct actor who;        /* who.tenant is ID_NONE when nobody is signed in */
    struct err e;
};

/* A view with the frame of the page (menu, theme, message of the last action) and, for who is signed in, a connection. */
bool page_begin(struct request *rq, struct page *pg);
/* The same for pages that need no database and no sign-in: nothing is asked of the database. */
bool page_begin_public(struct request *rq, struct page *pg);
void page_release(struct page *pg); /* gives the connection back early: before an engine or a test chat is waited for */
/* The title is a text key; "Page.Heading" overrules it when the handler has set page_title. */
void page_title(struct page *pg, struct str title);
void page_send(struct page *pg, const char *template_name, const char *title_key);
void page_send_status(struct page *pg, int status, const char *template_name, const char *title_key);
void page_fail(struct page *pg);
void page_redirect(struct page *pg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Words for an error in the page's language: T.Error.<code>, else its own message. */
void page_error(struct page *pg, const char *key, const struct err *e);
/* A form that was refused is shown again: what was typed, "Form.Error", "Form.Field". */
void page_form_error(struct page *pg);
/* The plan does not cover it: "Way.Plans" (a link to the plans is due) or "Way.Ask" (words: who can help). */
void page_way_out(struct page *pg);
/* The name of the plan that has it, where this one lacks it; nothing where it has it, or none does. */
enum status page_offer(struct page *pg, enum feature f, const char *key);
bool page_is_form_error(const struct page *pg); /* wrong input, not a broken server */

/* Path parameters as ids; false (and 404 answered) for anything else. */
bool page_id(struct page *pg, enum id_kind kind, const char *name, struct id *out);
/* The {bot} of the path: loaded, its head filled ("Bot.*"), the tab marked. */
bool page_bot(struct page *pg, const char *tab, struct bot *out);

void identity_cookie(struct request *rq, const char *token, int64_t lifetime_ms); /* NULL = sign out */
void portal_not_signed_in(struct request *rq);
void portal_error_page(struct request *rq, const struct err *e, int status);

#define TEXT_ID(kind, id) id_text((kind), (id), (char[ID_TEXT_MAX]){0})

#endif
