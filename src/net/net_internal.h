/* net_internal.h: what the users of libcurl in src/net share. */
#ifndef PARLEY_NET_INTERNAL_H
#define PARLEY_NET_INTERNAL_H

#include "net/calls.h"

/* Start libcurl, and give it back when nothing of it is in use. */
void net_library_begin(void);
void net_library_end(void);

/* The reply of a call, copied into the arena, or its error; out->sent is set in any case. */
enum status net_copy_reply(const struct call_result *r, struct arena *a, struct fetch_reply *out, struct err *e);

#endif
