/* canary.h: a comparison of a bot with itself: a share of its new conversations runs on another published version or
 * asks other engines. Thread safe; memory is the caller's arena. Errors not named here come from the database.
 *
 * A conversation keeps what was chosen when it began, as one number: twice the run, and 1 more for the canary; 0 when
 * no comparison ran. A new comparison is a new run with new counters. The others run on the live version, so a
 * publication in the middle of a run changes what is compared. The greeting of a page, which is shown before there is a
 * conversation, is always that of the live version. */
#ifndef PARLEY_ENGINE_WORKSPACE_CANARY_H
#define PARLEY_ENGINE_WORKSPACE_CANARY_H

#include "engine/workspace/engines.h"

#define CANARY_PERCENT_MAX 50

struct engine_canary {
    int run;     /* 0: there was never one */
    int percent; /* 0: it has ended */
    int version; /* 0: that of the others */
    struct id chain[ENGINE_LINKS_MAX];
    size_t n; /* 0: the engines of the others */
    int64_t started_ms;
};
/* What a conversation that begins belongs to. Pure: the same id gives the same answer. */
int engine_canary_choose(struct id conversation, int run, int percent);

/* ERR_NOT_FOUND code bot_unknown. */
enum status engine_canary_get(struct db *c, struct id tenant, struct id bot, struct arena *a, struct engine_canary *out,
                              struct err *e);
/* percent 0 ends the comparison; conversations that have begun in it stay as they are. Otherwise a new one begins, with
 * either a version or a chain. ERR_INVALID code canary_invalid at "/percent" or "/version", engine_unknown or
 * engine_twice at "/chain"; ERR_NOT_FOUND code version_unknown, bot_unknown. */
enum status engine_canary_save(struct db *c, const struct actor *who, struct id bot, const struct engine_canary *wanted,
                               struct arena *a, struct engine_canary *out, struct err *e);
/* The engines of a conversation that belongs to `canary`: replaces b->chain when that run has a chain. A run that
 * another has followed has none. */
enum status engine_canary_chain(struct db *c, struct id tenant, struct id bot, int canary, struct arena *a,
                                struct bot_engines *b, struct err *e);

/* ---- what came of it ---- */

struct canary_counts {
    int64_t conversations, answered, handed_off, rated_up, rated_down, turns, took_ms, calls, tokens, cost;
};
/* [0]: the other conversations that began in the run, [1]: the canary. Two rows, at any number of conversations. */
enum status engine_canary_compare(struct db *c, struct id tenant, struct id bot, int run, struct arena *a,
                                  struct canary_counts out[2], struct err *e);
/* Adds to the counters of `canary`, in the caller's transaction. */
enum status engine_canary_add(struct db *c, struct id tenant, struct id bot, int canary, const struct canary_counts *n,
                              struct err *e);

#endif
