/* engine_caps.c: says which limits of a bot's engines are reached, since when and until when. It compares the limits as
 * they are now, so a limit that was raised disappears at once, although its notice was sent. */
#include "portal/page/engine_caps.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#include "base/banned.h"

#define CAPS_COST 1e9 /* a cost is in 10^-9 of the currency */

static struct str caps_amount_text(struct page *pg, const struct engine_cap *c)
{
    char text[40], key[60];
    snprintf(text, sizeof(text), "%.10g", (double)c->amount / CAPS_COST);
    struct str n = strcmp(c->cap, "cost") == 0 ? str_from(text) : view_number_text(pg->v, c->amount);
    snprintf(key, sizeof(key), "EngineCaps.What.%s_%s", c->cap, c->monthly ? "month" : "day");
    return view_fill(pg->v, key, {"n", n});
}

static struct str caps_sentence(struct page *pg, const struct engine_cap *c)
{
    bool visitor = strcmp(c->scope, "visitor") == 0, bot = strcmp(c->scope, "bot") == 0;
    const char *key = visitor         ? "EngineCaps.Visitors"
                      : bot           ? c->reached_ms ? "EngineCaps.Bot" : "EngineCaps.BotNow"
                      : c->reached_ms ? "EngineCaps.Workspace"
                                      : "EngineCaps.WorkspaceNow";
    return view_fill(pg->v, key, {"what", caps_amount_text(pg, c)}, {"visitors", view_number_text(pg->v, c->visitors)},
                     {"reached", view_time_text(pg->v, c->reached_ms)}, {"until", view_time_text(pg->v, c->until_ms)});
}

enum status page_engine_caps(struct page *pg, struct id bot, const struct json *limits, const char *list,
                             bool bots_only, size_t *n)
{
    struct engine_cap *all;
    size_t count = 0;
    enum status st = engine_caps_reached(pg->db, pg->who.tenant, bot, limits, clock_now_ms(), pg->rq->arena, &all,
                                         &count, &pg->e);
    *n = 0;
    for (size_t i = 0; st == OK && i < count; i++)
        if (!bots_only || strcmp(all[i].scope, "visitor") != 0)
            view_str(pg->v, view_at(pg->v, list, (*n)++, "Text"), caps_sentence(pg, &all[i]));
    return st;
}
