/* rate.c: how often one address may ask, by the route's class. The buckets are shared by all programs of the host. */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/shared.h"
#include "web/impl.h"

#include "base/banned.h"

/* An IPv6 customer has a whole /64: that is the "address". */
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

enum status rate_check(struct request *rq, struct err *e)
{
    enum rate_class class = rq->route->rate;
    char network[48];
    int left, full_s, retry;
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
    err_set(e, ERR_RATE, "rate_limited", "Too many requests. Wait %d s.", retry > 0 ? retry : 1);
    e->retry_after_s = retry > 0 ? retry : 1;
    return ERR_RATE;
}
