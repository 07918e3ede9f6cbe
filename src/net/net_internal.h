/* net_internal.h: what the callers of libcurl in this room share. */
#ifndef PARLEY_NET_INTERNAL_H
#define PARLEY_NET_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

/* Drive the one transfer in `multi` (a CURLM) until it is done, its time is over, or the caller wants no more; `cancelled` is
 * asked at least every 300 ms, in this thread, and may be NULL. *result is the transfer's CURLcode when it is DONE. */
enum net_end { NET_DONE, NET_TIMED_OUT, NET_CANCELLED, NET_BROKEN };
enum net_end net_run(void *multi, int64_t timeout_ms, bool (*cancelled)(void *ctx), void *ctx, int *result);

#endif
