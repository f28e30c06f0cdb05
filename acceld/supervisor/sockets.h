/* Sockets to listen at. */
#ifndef MAYFLY_ACCELD_SOCKETS_H
#define MAYFLY_ACCELD_SOCKETS_H

#include <sys/types.h>

#include "accel_link/address.h"
#include "util/error.h"

/* Listens there: a close-on-exec socket that does not block, or a negative errno. A Unix socket gets
 * `mode`, and takes the place of one that nobody listens at any more; -EADDRINUSE where somebody does. */
int sockets_listen(const struct address *address, mode_t mode, struct error *error);

/* Listens at the Unix socket `name` (SOCK_STREAM) in the directory that is open as `directory`,
 * whose path may be longer than an address. Whoever can reach it may connect. */
int sockets_listen_in(int directory, const char *name, struct error *error);

/* Removes a Unix socket's name; does nothing for other kinds. */
void sockets_remove(const struct address *address);

#endif
