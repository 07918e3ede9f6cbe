/* bot_internal.h: what the files of src/bot share besides the statements. */
#ifndef PARLEY_BOT_BOT_INTERNAL_H
#define PARLEY_BOT_BOT_INTERNAL_H

#include "base/limits.h"
#include "bot/bot.h"
#include "knowledge/answers.h"

#define BOT_FLOW_ARENA (MAX_FLOW_JSON + 8 * MAX_FLOW) /* a flow as a document and as text, with copies while it grows */

enum status bot_template_find(const struct config *c, struct str id, struct bot_template *out, struct err *e);

/* Make `wanted` (or its base language) the first of the flow's languages, which is its default; "" leaves it. *out is
 * that default, borrowed from the flow. ERR_INVALID code language_unknown when the flow has no texts in it. */
enum status bot_flow_language(struct json *flow, struct str wanted, struct str *out, struct err *e);

/* A new bot with its first draft and, for an import, its answers, in one transaction that also counts the plan's
 * bots. */
struct bot_seed {
    struct str name, language, template_id;
    struct json *flow;
    const struct answer *answers;
    size_t answer_n;
    const char *what;
};
enum status bot_add(struct db *c, const struct actor *who, struct arena *a, const struct bot_seed *seed,
                    struct bot *out, struct err *e);

#endif
