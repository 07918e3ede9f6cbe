/* engine_usage.h: what engines were used for today and in this month (UTC), as rows of layout/engine_usage.cs. */
#ifndef PARLEY_PORTAL_PAGE_ENGINE_USAGE_H
#define PARLEY_PORTAL_PAGE_ENGINE_USAGE_H

#include "engine/workspace/tally.h"
#include "portal/page/page.h"

/* Sets the rows of the whole workspace, and gives the caller the numbers of each engine. */
enum status page_engine_usage(struct page *pg, struct engine_tally_month *out);
/* Sets the rows of a bot, beside the caps in `limits`; those of the workspace follow if `limits` has caps of it. */
enum status page_engine_usage_bot(struct page *pg, struct id bot, const struct json *limits);

#endif
