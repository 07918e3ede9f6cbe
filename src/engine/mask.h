/* mask.h: personal data that must not leave: found in what is sent to an engine, replaced by a placeholder such as
 * [EMAIL_1], and put back into the answer.
 *
 * Found are e-mail addresses, telephone numbers, card numbers (with a valid Luhn digit), IBANs (with valid check
 * digits), IP addresses, and what the tenant's own patterns match. The same value always gets the same placeholder, so
 * the engine can still tell that two mentions are one. A text that looks like a placeholder is itself replaced by one,
 * so nothing is put back that was not hidden. Numbers have to look like what they are taken for: an order number
 * without a country code stays. Thread rule: a mask belongs to one thread at a time. */
#ifndef PARLEY_ENGINE_MASK_H
#define PARLEY_ENGINE_MASK_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define MASK_PATTERNS_MAX 20
#define MASK_VALUES_MAX 1000 /* hidden in one question (count); with more the question is not sent */
#define MASK_US 50000        /* processor time that the tenant's patterns may take in all texts of one question */

struct engine_mask;

/* Patterns of the tenant, PCRE2 in UTF-8. ERR_INVALID, code flow_invalid, names what is wrong with one. The mask lives
 * in the arena. */
enum status engine_mask_new(struct arena *a, const struct str *patterns, size_t n, struct engine_mask **out,
                            struct err *e);
/* *out is the text to send, in the arena of the mask. ERR_TOO_LARGE, code reply_too_large: more than MASK_VALUES_MAX
 * values. ERR_TIMEOUT: the tenant's patterns took too long; nothing may be sent then, since what they would have hidden
 * is unknown. */
enum status engine_mask_hide(struct engine_mask *m, struct str text, struct str *out, struct err *e);

/* Put the values back. `json`: the text is JSON, so values are escaped as parts of its strings. */
void engine_mask_show(const struct engine_mask *m, struct str text, bool json, struct buf *out);
/* The same for a text that comes in pieces: the beginning of a placeholder is kept until its end has come. */
struct engine_mask_tail {
    char held[32];
    size_t n;
};
void engine_mask_show_piece(const struct engine_mask *m, struct engine_mask_tail *t, struct str piece, bool json,
                            struct buf *out);
void engine_mask_show_end(struct engine_mask_tail *t, struct buf *out);

#endif
