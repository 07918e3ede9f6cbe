/* id.h: UUIDv7 (RFC 9562) and its shown form: prefix, underscore, 26 characters of lower-case Crockford base32.
 *
 * New ids of one process grow strictly, also within one millisecond. Ids and their shown forms sort by time. Thread
 * safe. */
#ifndef PARLEY_BASE_ID_H
#define PARLEY_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct id {
    uint8_t b[16];
};
#define ID_TEXT_MAX 40 /* bytes of a shown id with its NUL */
#define ID_NONE ((struct id){{0}})

/* The kind decides the prefix: ws_ usr_ bot_ conv_ msg_ src_ ans_ key_ job_ ses_ req_ aud_ terms_ co_ alarm_ use_ log_
 * chg_ eng_ */
enum id_kind {
    ID_TENANT,
    ID_USER,
    ID_BOT,
    ID_CONVERSATION,
    ID_MESSAGE,
    ID_SOURCE,
    ID_ANSWER,
    ID_KEY,
    ID_JOB,
    ID_SESSION,
    ID_REQUEST,
    ID_AUDIT,
    ID_TERMS,
    ID_CHECKOUT,
    ID_ALARM,
    ID_METER,
    ID_LOG,
    ID_CHANGE,
    ID_ENGINE
};

struct id id_new(void);
bool id_is_none(struct id id);
bool id_eq(struct id a, struct id b);
/* The creation time inside a UUIDv7. */
int64_t id_time_ms(struct id id);
/* An id that is not greater than any id created at `ms` or later: the start of a range over time. */
struct id id_least(int64_t ms);
/* Write the shown form into `out` (ID_TEXT_MAX bytes). Returns out. */
char *id_text(enum id_kind kind, struct id id, char *out);
/* Parse a shown form of exactly this kind. False for any other text: wrong prefix, length or letter, or more than 128
 * bits. */
bool id_parse(enum id_kind kind, struct str s, struct id *out);

#endif
