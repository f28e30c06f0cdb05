/* Netlink (netlink(7), rtnetlink(7)), as far as programs ask it for their network interfaces and
 * addresses (getifaddrs(3)): there is `lo`, with 127.0.0.1 and ::1. Nothing can be changed. */
#ifndef MAYFLY_GUEST_NETLINK_H
#define MAYFLY_GUEST_NETLINK_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/fs/inode.h"

/* sockets.c: a socket's inode, which the caller holds. 0 or what socket(2) says. */
int netlink_create(int type, int protocol, struct inode **created);

#define NETLINK_ANSWER_MAX 1024 /* bytes of all messages of an answer */

/* routes.c: what is answered to a request, of which `length` bytes are there, by the socket with that
 * port. Returns the answer's length. */
size_t netlink_answer(const struct nlmsghdr *request, size_t length, uint32_t port,
		      char answer[NETLINK_ANSWER_MAX]);

#endif
