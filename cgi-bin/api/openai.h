/* openai.h: the shapes of OpenAI's API, as its official clients expect them: errors, chunks of a stream, usage.
 * Source: the published OpenAPI description and the `openai` client. */
#ifndef PARLEY_API_OPENAI_H
#define PARLEY_API_OPENAI_H

#include "base/err.h"
#include "web/server.h"

/* For `problem` of struct web_program: the error of an OpenAI route in OpenAI's shape. False: the route has the usual
 * one. */
bool openai_problem(struct request *rq, const struct err *e, int status);
/* Appends {"error": {...}}. */
void openai_write_error(struct buf *b, const struct err *e, int status);

/* The text of an answer, with `stop` and `max_tokens` applied to whole characters as it comes. Pieces come in through
 * openai_cut_add and go on to `out`; a tail that may be the beginning of a stop sequence is kept until it is not. */
#define OPENAI_STOP_MAX 4
struct openai_cut {
    struct str stop[OPENAI_STOP_MAX];
    size_t stop_n;
    size_t max_bytes; /* 0: no limit */
    void *ctx;
    enum status (*out)(void *ctx, struct str text, struct err *e);
    /* Kept by the functions. */
    struct buf held;
    size_t passed;
    bool ended, cut; /* nothing more goes on; because of max_tokens */
};
enum status openai_cut_add(struct openai_cut *c, struct str text, struct err *e);
/* The end of the text: what was held goes on. */
enum status openai_cut_end(struct openai_cut *c, struct err *e);

/* About how many tokens a text has. A flow has no tokens, so the numbers of its answers are estimates: four bytes for
 * one. */
int64_t openai_tokens(size_t bytes);

#endif
