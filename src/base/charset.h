/* charset.h: texts in other character sets, as UTF-8. Thread safe. */
#ifndef PARLEY_BASE_CHARSET_H
#define PARLEY_BASE_CHARSET_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* Make *body UTF-8, in the arena. Its character set is that of a byte order mark, else the charset of the Content-Type,
 * else UTF-8; a UTF-16 text without either is recognised when it begins with ASCII. A text that is valid UTF-8 is taken
 * as such whatever an 8-bit charset says, because servers often name one by default. What cannot be read becomes
 * U+FFFD. A charset that is not known leaves *body as it is. ERR_NOMEM only. */
enum status charset_to_utf8(struct arena *a, struct str content_type, struct str *body, struct err *e);

#endif
