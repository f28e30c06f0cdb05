/* Serving the messages of one connection through libvaccel.
 *
 * A servant belongs to its connection's thread, which also runs the ops.
 */
#ifndef MAYFLY_ACCELD_SERVE_H
#define MAYFLY_ACCELD_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/budget.h"
#include "util/error.h"

struct ledger;
struct plugins;
struct servant;

/* Content of resources, and large messages while they are served, are taken out of `memory`;
 * `ledger` takes down which ops are under way. All three are shared by all connections. NULL where
 * there is no memory. */
struct servant *servant_new(struct plugins *plugins, struct ledger *ledger, struct budget *memory);

/* Releases every session and resource of the connection. NULL is fine. */
void servant_delete(struct servant *servant);

/* Serves the message of `length` bytes at `message` (shared with the peer) and answers it there.
 * The op may take `limit_ns`, or less where the message says so. 0: the op's own result is in the
 * message; -EBADMSG: nothing was run and nothing written. */
int servant_serve(struct servant *servant, void *message, uint64_t length, uint64_t limit_ns,
		  struct error *error);

/* True where a reset would do nothing. */
bool servant_is_unchanged(const struct servant *servant);

/* See WIRE_PACKET_MARK and _RESET. After a failed reset the connection must end. */
void servant_mark(struct servant *servant);
int servant_reset(struct servant *servant, struct error *error);

#endif
