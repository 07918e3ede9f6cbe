/* rate.c: how many requests one address may send, by the rate class of the route.
 *
 * The buckets are in memory that all programs of the host share (base/shared.h), so a limit holds across programs and
 * restarts. The RateLimit headers follow draft-ietf-httpapi-ratelimit-headers. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/shared.h"
#include "web/web_internal.h"

#include "base/banned.h"

/* A customer with IPv6 has a whole /64 and can use a new address for each request, so the /64 is what counts. */
static struct str network_of(struct str addr, char out[48])
{
    struct in6_addr six;
    char text[INET6_ADDRSTRLEN];
    if (addr.n >= sizeof(text) || str_find(addr, ':') < 0)
        return addr;
    memcpy(text, addr.p, addr.n);
    text[addr.n] = '\0';
    if (inet_pton(AF_INET6, text, &six) != 1 || IN6_IS_ADDR_V4MAPPED(&six))
        return addr;
    memset(six.s6_addr + 8, 0, 8);
    return inet_ntop(AF_INET6, &six, out, 48) ? str_from(out) : addr;
}

#define PROXY_NOTE_S 3600

/* Touch the file that `parley doctor` looks for. True when it was last touched more than an hour ago. */
static bool note_proxy(const char *run_dir)
{
    char path[4096];
    struct stat info;
    int n = snprintf(path, sizeof(path), "%s/proxy.seen", run_dir);
    if (n < 0 || (size_t)n >= sizeof(path))
        return false;
    if (stat(path, &info) == 0 && clock_now_ms() / 1000 - info.st_mtime < PROXY_NOTE_S)
        return false;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    bool noted = fd >= 0 && futimens(fd, NULL) == 0;
    if (fd >= 0)
        close(fd);
    return noted;
}

/* A request from this machine that names another visitor in X-Forwarded-For came through a proxy that the web server
 * does not trust: all visitors then share one address and its limits. The programs never trust the header themselves,
 * since anyone may send it; only the web server knows which proxy to trust. So the operator is notified. */
static void watch_for_proxy(struct request *rq)
{
    static _Atomic int64_t next_us;
    int64_t now = clock_mono_us(), next = atomic_load(&next_us);
    struct str addr = rq->remote_addr;
    if (!(str_starts(addr, STR("127.")) || str_eqz(addr, "::1")) || now < next)
        return;
    struct str visitor = request_header(rq, "HTTP_X_FORWARDED_FOR");
    if (!visitor.n || str_starts(visitor, STR("127.")) || str_eqz(visitor, "::1"))
        return;
    if (!atomic_compare_exchange_strong(&next_us, &next, now + PROXY_NOTE_S * INT64_C(1000000)))
        return;
    if (note_proxy(config_string(rq->config, CONFIG_run_dir)))
        log_line(LOG_WARN, "visitors_hidden",
                 LOG_S("message",
                       "The web server does not take the visitor's address from its proxy, so all visitors share "
                       "one rate limit. See README, \"HTTPS\"."));
}

/* Only chat and API announce their limits: their clients are programs, which can slow down. */
enum status rate_check(struct request *rq, struct err *e)
{
    enum rate_class class = rq->route->rate;
    char network[48];
    int left, full_s, retry;
    watch_for_proxy(rq);
    if (class == RATE_NONE || !config_bool(rq->config, CONFIG_rate_limits))
        return OK;
    struct rate_limit limit = rate_class_limit(class);
    const char *name = rate_class_name(class);
    bool go = shared_take_left(name, network_of(rq->remote_addr, network), limit.per_minute, limit.burst, &left,
                               &full_s, &retry);
    if (left >= 0 && (class == RATE_CHAT || class == RATE_API)) {
        char *line = arena_printf(rq->arena, "RateLimit-Policy: \"%s\";q=%d;w=60\r\nRateLimit: \"%s\";r=%d;t=%d\r\n",
                                  name, limit.per_minute, name, left, go ? full_s : retry);
        if (line)
            rq->reply->limit = str_from(line);
    }
    if (go)
        return OK;
    (void)err_set(e, E_rate_limited, "Too many requests. Wait %d s.", retry > 0 ? retry : 1);
    e->retry_after_s = retry > 0 ? retry : 1;
    return ERR_RATE;
}
