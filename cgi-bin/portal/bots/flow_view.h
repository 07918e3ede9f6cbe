/* flow_view.h: a flow for people to read: its nodes in the order a visitor meets them, what the checks say, what
 * differs. */
#ifndef PARLEY_PORTAL_BOTS_FLOW_VIEW_H
#define PARLEY_PORTAL_BOTS_FLOW_VIEW_H

#include "bot/bot.h"
#include "view/view.h"

/* "Nodes.*": Id, Type, TypeText, Text, Detail, Start, Targets.*.{When,Node}. `language` picks among the flow's
 * texts. */
enum status flow_view_fill(struct view *v, struct arena *a, const struct json *doc, struct str language, struct err *e);
/* "Check.*": Ok, Errors, Warnings, Tests, TestsFailed, words for each, UsesAnswers, Findings.*, Failed.*. A flow that
 * does not parse is a finding, not a failure. */
enum status flow_view_check(struct view *v, struct db *db, struct id tenant, struct arena *a, const struct json *doc,
                            struct err *e);
/* "Changes.*": Kind, Node, Place, Before, After. */
enum status flow_view_changes(struct view *v, struct arena *a, const struct json *before, const struct json *after,
                              struct err *e);
/* The line, from 1, on which the value at a JSON pointer begins; where the value is missing, the nearest one around it.
 * 0 when the text is not JSON or the pointer is empty. */
size_t flow_view_line(struct str text, struct str pointer);

#endif
