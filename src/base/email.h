/* email.h: what an e-mail address looks like. No database, no state. */
#ifndef PARLEY_BASE_EMAIL_H
#define PARLEY_BASE_EMAIL_H

#include <stdbool.h>
#include "base/str.h"

#define EMAIL_MAX 254 /* bytes (RFC 5321 path limit) */

/* local@domain of two labels or more: no quotes, no comments, no spaces, no control characters; letters beyond ASCII are
 * taken (RFC 6531). Whether mail arrives is found out by sending one. */
bool email_valid(struct str s);

#endif
