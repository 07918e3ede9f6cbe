/* address.h: what an address or the host of a URL means: the public Internet, this machine, an entry of an allowed
 * list.
 *
 * Pure functions: no name is looked up. Thread safe. */
#ifndef PARLEY_NET_ADDRESS_H
#define PARLEY_NET_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/str.h"

/* True only for unicast addresses of the public Internet. IPv4: not those of the IANA special-purpose registry (RFC
 * 6890), multicast or reserved. IPv6: only 2000::/3 without documentation, benchmarking, Teredo and 6to4, so that no
 * form which carries an IPv4 address inside (mapped, compatible, NAT64, 6to4) passes. Any other family: false. */
bool address_is_public(const struct sockaddr *a);

/* The host of "scheme://user@HOST:port/path", without user and port; an IPv6 address keeps its brackets. Empty when the
 * text has no "://". */
struct str url_host(struct str url);

/* True only for a name that can mean nothing but this machine: "localhost" in any case, a full IPv4 address of
 * 127.0.0.0/8, or ::1 with or without brackets. Any other name is false, "127.mail.example.com" and
 * "localhost.example.com" too, because its owner decides where it leads. */
bool host_is_loopback(struct str host);

/* True if "host:port" is in `list` (words separated by spaces; [::1]:8080 for IPv6). Upper and lower case are the
 * same. */
bool address_in_list(struct str list, struct str host, int port);

#endif
