/* run.c: one transfer of libcurl with a deadline and a cancel function.
 *
 * The multi interface is used although there is one transfer only: curl_easy_perform() cannot be interrupted while it
 * looks up a name or waits for a byte. */
#include <curl/curl.h>

#include "base/clock.h"
#include "net/net_internal.h"

#include "base/banned.h"

#define POLL_MS 200

/* Wakes up every POLL_MS to ask for cancellation; libcurl itself would sleep until the network has something. */
enum net_end net_run(void *multi, int64_t timeout_ms, bool (*cancelled)(void *ctx), void *ctx, int *result)
{
    int64_t end = clock_mono_us() + timeout_ms * 1000;
    int running = 1, left;
    for (;;) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return NET_BROKEN;
        CURLMsg *m = running ? NULL : curl_multi_info_read(multi, &left);
        if (!running) {
            *result = m && m->msg == CURLMSG_DONE ? (int)m->data.result : (int)CURLE_OUT_OF_MEMORY;
            return NET_DONE;
        }
        if (cancelled && cancelled(ctx))
            return NET_CANCELLED;
        int64_t ms = (end - clock_mono_us()) / 1000;
        if (ms < 0)
            return NET_TIMED_OUT;
        if (curl_multi_poll(multi, NULL, 0, ms < POLL_MS ? (int)ms + 1 : POLL_MS, NULL) != CURLM_OK)
            return NET_BROKEN;
    }
}
