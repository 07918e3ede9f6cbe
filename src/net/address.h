/* address.h: which addresses the outside world may be reached at. Pure functions. */
#ifndef PARLEY_NET_ADDRESS_H
#define PARLEY_NET_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include "base/str.h"

/* True only for unicast addresses of the public Internet. IPv4: not those of the IANA special-purpose registry (RFC 6890),
 * multicast or reserved. IPv6: only 2000::/3 without documentation, benchmarking, Teredo and 6to4, so that no form which
 * carries an IPv4 address inside (mapped, compatible, NAT64, 6to4) passes. Any other family: false. */
bool address_is_public(const struct sockaddr *a);

/* Whether "host:port" stands in `list` (words split by spaces; [::1]:8080 for IPv6). Letters' case does not matter. */
bool address_in_list(struct str list, struct str host, int port);

#endif
