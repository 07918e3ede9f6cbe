/* library.c: libcurl's global state, which every user of it in this module needs first.
 *
 * It is set up once, whoever comes first, and given back only for leak checkers. */
#include <curl/curl.h>
#include <pthread.h>

#include "net/net_internal.h"

#include "base/banned.h"

static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;
static bool library_ready;

void net_library_begin(void)
{
    pthread_mutex_lock(&library_lock);
    if (!library_ready)
        library_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    pthread_mutex_unlock(&library_lock);
}

void net_library_end(void)
{
    pthread_mutex_lock(&library_lock);
    if (library_ready)
        curl_global_cleanup();
    library_ready = false;
    pthread_mutex_unlock(&library_lock);
}
