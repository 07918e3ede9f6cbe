/* probe.h: "Test connection": asks an engine of a workspace, with its saved settings, whether it can be used, and which
 * models its provider offers.
 *
 * A probe begins and ends with a database connection and holds none while the engine is asked: begin, step until it
 * returns true, end. It is used by one thread at a time, and its memory is the caller's arena, with which it ends.
 * Errors not named here come from the database. */
#ifndef PARLEY_ENGINE_WORKSPACE_PROBE_H
#define PARLEY_ENGINE_WORKSPACE_PROBE_H

#include "engine/workspace/engines.h"

#define ENGINE_PROBE_MODELS_MAX 1000
#define ENGINE_PROBE_PER_MINUTE 10 /* of one workspace */

struct engine_probe;
struct engine_probe_result {
    bool ok;
    int64_t ms;
    /* Unless it is ok: a word of its own for each thing that can be wrong, such as "auth" or "model", and a sentence
     * that says what it is and what to do, with what the server said. */
    struct str code, message;
    const struct str *models; /* by name, each once; also of a probe that failed after it had got the list */
    size_t model_count;
};

/* Starts to ask, and wakes the waker at each change. ERR_NOT_FOUND code engine_unknown; ERR_INVALID codes
 * engine_key_lost, engine_type_unknown; ERR_RATE code rate_limited with retry_after_s. */
enum status engine_probe_begin(struct db *c, const struct config *cf, struct id tenant, struct id engine,
                               struct arena *a, const struct waker *waker, struct engine_probe **out, struct err *e);
/* True when the engine has answered or failed, or the probe was cancelled. */
bool engine_probe_step(struct engine_probe *p);
/* No one waits for the result any more; the end follows within 50 ms. */
void engine_probe_cancel(struct engine_probe *p);
/* Records the call (purpose "probe"), and reports its result. ERR_NOT_FOUND code engine_unknown, ERR_CONFLICT code
 * engine_changed: the engine was removed or changed meanwhile, so the result says nothing about it. ERR_GONE: it was
 * cancelled. */
enum status engine_probe_end(struct db *c, struct engine_probe *p, struct engine_probe_result *out, struct err *e);

#endif
