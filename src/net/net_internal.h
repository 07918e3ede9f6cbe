/* net_internal.h: what the users of libcurl in src/net share. */
#ifndef PARLEY_NET_INTERNAL_H
#define PARLEY_NET_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

/* Start libcurl, and give it back when nothing of it is in use. */
void net_library_begin(void);
void net_library_end(void);

/* Run the one transfer in `multi` (a CURLM) until it is done, its time is over, or the caller cancels it. `cancelled`
 * may be NULL; it is asked at least every 300 ms, in this thread. After NET_DONE, *result is the CURLcode of the
 * transfer. NET_BROKEN: libcurl failed. */
enum net_end { NET_DONE, NET_TIMED_OUT, NET_CANCELLED, NET_BROKEN };
enum net_end net_run(void *multi, int64_t timeout_ms, bool (*cancelled)(void *ctx), void *ctx, int *result);

#endif
