/* engine_caps.h: the limits of a bot's engines that are reached, as sentences. */
#ifndef PARLEY_PORTAL_PAGE_ENGINE_CAPS_H
#define PARLEY_PORTAL_PAGE_ENGINE_CAPS_H

#include "engine/workspace/caps.h"
#include "portal/page/page.h"

/* Sets <list>.N.Text for each limit of `limits` that is reached now; *n is their number. Visitors who reached their
 * own limit are a sentence too unless bots_only is set. */
enum status page_engine_caps(struct page *pg, struct id bot, const struct json *limits, const char *list,
                             bool bots_only, size_t *n);

#endif
