/* openai.h: the shapes of OpenAI's API, as its official clients expect them: errors, chunks of a stream, usage.
 * Source: the published OpenAPI description and the `openai` client. */
#ifndef PARLEY_API_OPENAI_H
#define PARLEY_API_OPENAI_H

#include "base/json.h"
#include "engine/engine.h"
#include "web/server.h"

/* For `problem` of struct web_program: the error of an OpenAI route in OpenAI's shape. False: the route has the usual
 * one. */
bool openai_problem(struct request *rq, const struct err *e, int status);
/* Appends {"error": {...}}. */
void openai_write_error(struct buf *b, const struct err *e, int status);

/* `user`, the name of a visitor; "" when there is none. ERR_INVALID code id_too_long. */
enum status openai_read_user(const struct json *in, struct str *out, struct err *e);

/* The parts of the type "image_url" in the content of a message; none in a content that is a text. Texts and bytes are
 * borrowed from `content` or live in the arena. ERR_INVALID code field_type with the number of the part: too many, or
 * an image that is neither an https:// address nor a data: address of a known type. */
struct openai_images {
    struct engine_image *all;
    size_t n;
};
enum status openai_read_images(const struct json *content, struct arena *a, struct openai_images *out, struct err *e);

/* The text of an answer, with `stop` and `max_tokens` applied to whole characters as it comes. Pieces come in through
 * openai_cut_add and go on to `out`; a tail that may be the beginning of a stop sequence is kept until it is not. */
#define OPENAI_STOP_MAX 4
struct openai_cut {
    struct str stop[OPENAI_STOP_MAX];
    size_t stop_n;
    size_t max_tokens; /* by text_tokens; 0: no limit */
    void *ctx;
    enum status (*out)(void *ctx, struct str text, struct err *e);
    /* Kept by the functions. */
    struct buf held;
    size_t quarters; /* of a token, that went on */
    bool ended, cut; /* nothing more goes on; because of max_tokens */
};
enum status openai_cut_add(struct openai_cut *c, struct str text, struct err *e);
/* The end of the text: what was held goes on. */
enum status openai_cut_end(struct openai_cut *c, struct err *e);
/* Begins a text again from its start; the limits stay. */
void openai_cut_again(struct openai_cut *c);
/* About how many tokens went on. */
int64_t openai_cut_tokens(const struct openai_cut *c);

#endif
