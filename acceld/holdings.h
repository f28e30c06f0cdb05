/* What one connection holds in libvaccel: sessions, and the resources registered with them.
 *
 * Numbers are the connection's own, so that no peer can name what belongs to another. Limits keep
 * one peer from taking what all share. Functions return 0 or a positive VACCEL_ code.
 */
#ifndef MAYFLY_ACCELD_HOLDINGS_H
#define MAYFLY_ACCELD_HOLDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "object_table.h"
#include "util/budget.h"
#include "vaccel.h"

#define HOLDINGS_SESSIONS_MAX	    64
#define HOLDINGS_RESOURCES_MAX	    256
#define HOLDINGS_RESOURCE_BYTES_MAX (1ULL << 30) /* content of all resources together */

struct holdings {
	struct object_table sessions, resources;
	uint64_t resource_bytes;
	struct budget *memory; /* that all connections share */
};

/* The content of resources is taken out of `memory`. */
int holdings_init(struct holdings *holdings, struct budget *memory);
void holdings_release(struct holdings *holdings);

/* VACCEL_EUSERS at the limit. */
int holdings_open_session(struct holdings *holdings, uint32_t flags, int64_t *id);

/* Takes its resources away too. */
int holdings_close_session(struct holdings *holdings, int64_t id);

/* NULL where the connection has no such session. */
struct vaccel_session *holdings_session(const struct holdings *holdings, int64_t id);

/* Registers, with the session, the installed model `model` (where it is not ""), or else
 * `blob_count` blobs, each two arguments: STRING name, BUFFER content. The content is copied.
 * VACCEL_ENOSPC: more than this connection may have; VACCEL_ENOMEM: than all of them may. */
int holdings_register(struct holdings *holdings, int64_t session, vaccel_resource_type_t type,
		      const char *model, const struct vaccel_arg *blobs, size_t blob_count,
		      int64_t *id);

int holdings_unregister(struct holdings *holdings, int64_t session, int64_t id);

/* The resource's id in libvaccel, 0 where there is none of that number in that session. */
vaccel_id_t holdings_resource(const struct holdings *holdings, int64_t session, int64_t id);

/* Whether that resource is an installed one, and not content that the peer has sent. */
bool holdings_resource_is_installed(const struct holdings *holdings, int64_t session, int64_t id);

/* See WIRE_PACKET_MARK and _RESET; true where a reset would do nothing. A reset that fails leaves
 * things half done: release them. */
bool holdings_are_base(const struct holdings *holdings);
void holdings_mark(struct holdings *holdings);
int holdings_reset(struct holdings *holdings);

#endif
