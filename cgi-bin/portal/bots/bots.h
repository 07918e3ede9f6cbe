/* bots.h: handlers of the pages of one bot, and what they share. */
#ifndef PARLEY_PORTAL_BOTS_BOTS_H
#define PARLEY_PORTAL_BOTS_BOTS_H

#include "engine/workspace/engines.h"
#include "portal/page/page.h"

#define ROUTE ROUTE_HANDLER
#include "portal/bots/routes.def"
#undef ROUTE

/* Starts a page of the {bot} in the path: loads it, fills Bot.*, marks the tab. False: the reply is written. */
bool bots_begin(struct request *rq, struct page *pg, const char *tab, struct bot *out);
/* The overview of the bot as reply. */
void bots_bot_show(struct page *pg, const struct bot *b, int status);

/* A version number as text; "draft" is 0. False: the reply, 404, is written. */
bool bots_version_number(struct page *pg, struct str text, int64_t *out);
/* The flow of a version, or of the draft for 0. */
enum status bots_version_flow(struct page *pg, const struct bot *b, int64_t version, struct json **out);

/* chain.c: engines in an order, as the fields engine_1, engine_2 and so on of a form. Each place lists all engines of
 * the workspace. ERR_NOT_FOUND code engine_unknown at "chain". */
void bots_chain_show(struct page *pg, const struct id *chain, size_t n, const struct workspace_engine *all,
                     size_t all_n);
enum status bots_chain_read(struct page *pg, struct id chain[ENGINE_LINKS_MAX], size_t *n);

#endif
