/* address.c: what kind of place an address or host name is.
 *
 * Everything here decides about safety (which addresses may be called, where encryption may be left out), so each
 * function decides by the text alone and answers "no" for everything that it does not know. */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>

#include "base/num.h"

#include "base/banned.h"

static const struct {
    uint32_t net;
    int bits;
} special4[] = {
    {0x00000000, 8},  /* this network */
    {0x0A000000, 8},  /* private */
    {0x64400000, 10}, /* carrier-grade NAT */
    {0x7F000000, 8},  /* loopback */
    {0xA9FE0000, 16}, /* link-local, clouds' metadata */
    {0xAC100000, 12}, /* private */
    {0xC0000000, 24}, /* protocol assignments */
    {0xC0000200, 24}, /* documentation */
    {0xC0586300, 24}, /* 6to4 relays */
    {0xC0A80000, 16}, /* private */
    {0xC6120000, 15}, /* benchmarks */
    {0xC6336400, 24}, /* documentation */
    {0xCB007100, 24}, /* documentation */
    {0xE0000000, 4},  /* multicast */
    {0xF0000000, 4},  /* reserved, broadcast */
};

/* Inside 2000::/3; only the first 32 bits matter. */
static const struct {
    uint32_t net;
    int bits;
} special6[] = {
    {0x20010000, 23}, /* protocol assignments: Teredo, benchmarks, ORCHID */
    {0x20010DB8, 32}, /* documentation */
    {0x20020000, 16}, /* 6to4 */
    {0x3FFF0000, 20}, /* documentation */
};

static bool in_network(uint32_t a, uint32_t net, int bits)
{
    return (a ^ net) >> (32 - bits) == 0;
}

static bool is_public4(uint32_t a)
{
    for (size_t i = 0; i < COUNT_OF(special4); i++)
        if (in_network(a, special4[i].net, special4[i].bits))
            return false;
    return true;
}

static bool is_public6(const uint8_t b[16])
{
    uint32_t a = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    if (!in_network(a, 0x20000000, 3))
        return false;
    for (size_t i = 0; i < COUNT_OF(special6); i++)
        if (in_network(a, special6[i].net, special6[i].bits))
            return false;
    return true;
}

bool address_is_public(const struct sockaddr *a)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    switch (a->sa_family) {
    case AF_INET:
        memcpy(&v4, a, sizeof(v4));
        return is_public4(ntohl(v4.sin_addr.s_addr));
    case AF_INET6:
        memcpy(&v6, a, sizeof(v6));
        return is_public6(v6.sin6_addr.s6_addr);
    default:
        return false;
    }
}

/* Userinfo and port are cut off as a URL parser does: the host is after the last "@" and before a ":" that only digits
 * follow. */
struct str url_host(struct str url)
{
    size_t from = 0, n = 0;
    while (from + 3 <= url.n && memcmp(url.p + from, "://", 3) != 0)
        from++;
    if (from + 3 > url.n)
        return STR_EMPTY;
    struct str host = str_sub(url, from + 3, url.n);
    while (n < host.n && !memchr("/?#\\", host.p[n], 4))
        n++;
    host.n = n;
    for (n = host.n; n > 0 && host.p[n - 1] != '@'; n--)
        ;
    host = str_sub(host, n, host.n);
    for (n = host.n; n > 0 && host.p[n - 1] >= '0' && host.p[n - 1] <= '9'; n--)
        ;
    if (n > 0 && host.p[n - 1] == ':')
        host.n = n - 1;
    return host;
}

/* The addresses are read by inet_pton, which takes only complete ones: of "127.1" or "127.0.0.1.example.com" a resolver
 * may make anything. */
bool host_is_loopback(struct str host)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_sub(host, 1, host.n - 2);
    if (!host.n || host.n >= sizeof(text) || memchr(host.p, '\0', host.n))
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1)
        return in_network(ntohl(v4.s_addr), 0x7F000000, 8);
    if (inet_pton(AF_INET6, text, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return str_ieq(host, STR("localhost"));
}

bool address_in_list(struct str list, struct str host, int port)
{
    struct str word;
    while (str_split(&list, ' ', &word)) {
        size_t colon = word.n;
        while (colon > 0 && word.p[colon - 1] != ':')
            colon--;
        uint64_t n;
        if (colon > 1 && num_u64(str_sub(word, colon, word.n), 65535, &n) && (int)n == port &&
            str_ieq(str_sub(word, 0, colon - 1), host))
            return true;
    }
    return false;
}
