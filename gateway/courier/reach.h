/* Which addresses strangers may have the courier connect to. */
#ifndef MAYFLY_GATEWAY_COURIER_REACH_H
#define MAYFLY_GATEWAY_COURIER_REACH_H

#include <stdbool.h>
#include <sys/socket.h>

/* `reach`: of enum courier_reach. Addresses that are none of one machine (multicast) are never within reach. */
bool reach_allows(const struct sockaddr *address, unsigned reach);

#endif
