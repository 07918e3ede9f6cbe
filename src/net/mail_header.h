/* mail_header.h: header lines of a mail as RFC 5322 and RFC 2047 define them. Pure functions. Thread safe. */
#ifndef PARLEY_NET_MAIL_HEADER_H
#define PARLEY_NET_MAIL_HEADER_H

#include "base/buf.h"

/* True for text that may be in a header: UTF-8 without control characters (so without line breaks), at most 1000
 * bytes. */
bool mail_header_ok(struct str s);
/* `head`: the text as it is when it is short and plain ASCII, otherwise as encoded words (UTF-8, "Q") folded to lines
 * of at most 76 bytes. */
void mail_header_text(struct buf *b, const char *head, struct str s);
/* `head`: "Name" <address>, or only the address when there is no name. */
void mail_header_mailbox(struct buf *b, const char *head, struct str name, struct str address);
/* Mon, 23 Nov 2026 05:52:20 +0000 */
void mail_header_date(struct buf *b, int64_t ms);
/* True for the part of a Message-ID between < and >: printable ASCII with one "@", and nothing that would end it. */
bool mail_header_id_ok(struct str s);

#endif
