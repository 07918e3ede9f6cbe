/* email.h: the grammar of an e-mail address. No database, no state. Thread safe. */
#ifndef PARLEY_BASE_EMAIL_H
#define PARLEY_BASE_EMAIL_H

#include <stdbool.h>

#include "base/str.h"

#define EMAIL_MAX 254 /* bytes (RFC 5321 path limit) */

/* local@domain: no quotes, no comments, no spaces, no control characters. The domain has two labels or more, and the
 * last has two characters or more, not all of them digits. Letters beyond ASCII are allowed (RFC 6531). Only sending a
 * mail shows whether it arrives. */
bool email_valid(struct str s);

#endif
