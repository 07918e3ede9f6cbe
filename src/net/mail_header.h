/* mail_header.h: lines of a mail's head as RFC 5322 and RFC 2047 want them. No state. */
#ifndef PARLEY_NET_MAIL_HEADER_H
#define PARLEY_NET_MAIL_HEADER_H

#include "base/buf.h"

/* Text that may stand in a head at all: UTF-8, no control characters (so no line ends), at most 1000 bytes. */
bool mail_header_ok(struct str s);
/* `head`: a text as it is when it is short plain ASCII, else as encoded words (UTF-8, "Q"), folded into lines of at most 76. */
void mail_header_text(struct buf *b, const char *head, struct str s);
/* `head`: "Name" <address>, or the address alone when there is no name. */
void mail_header_mailbox(struct buf *b, const char *head, struct str name, struct str address);
void mail_header_date(struct buf *b, int64_t ms); /* Mon, 23 Nov 2026 05:52:20 +0000 */
/* What stands between < and > of a Message-ID: printable ASCII with one "@", nothing that ends it. */
bool mail_header_id_ok(struct str s);

#endif
