/* What one connection holds in libvaccel: sessions, and the resources registered with them.
 *
 * Numbers are the connection's own, so that no peer can name what belongs to another. Limits keep
 * one peer from taking what all share. Functions return 0 or a positive VACCEL_ code.
 */
#ifndef MAYFLY_ACCELD_CLIENT_OBJECTS_H
#define MAYFLY_ACCELD_CLIENT_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acceld/worker/object_table.h"
#include "vaccel.h"

struct account;
struct tenant;

struct client_objects {
	struct object_table sessions, resources;
	uint64_t resource_bytes;
	struct account *account; /* the peer's */
	struct tenant *tenant;
	uint64_t last_key; /* of a model that was sent */
};

/* What is held, and the content of resources, is taken out of `account`, whose policy says what may
 * be held. Models that are sent go to the worker of `tenant`, which outlives the objects; NULL: they
 * stay here, like resources of other kinds. */
int client_objects_init(struct client_objects *objects, struct account *account,
			struct tenant *tenant);
void client_objects_release(struct client_objects *objects);

/* VACCEL_EUSERS at the connection's limit, and at the tenant's share of all. */
int client_objects_open_session(struct client_objects *objects, uint32_t flags, int64_t *id);

/* Takes its resources away too. */
int client_objects_close_session(struct client_objects *objects, int64_t id);

/* NULL where the connection has no such session. */
struct vaccel_session *client_objects_session(const struct client_objects *objects, int64_t id);

/* Registers, with the session, the installed model `model` (where it is not ""), or else
 * `blob_count` blobs, each two arguments: STRING name, BUFFER content. The content is copied.
 * VACCEL_ENOSPC: more than this connection may have; VACCEL_ENOMEM: than its tenant may hold
 * now. */
int client_objects_register(struct client_objects *objects, int64_t session,
			    vaccel_resource_type_t type, const char *model,
			    const struct vaccel_arg *blobs, size_t blob_count, int64_t *id);

int client_objects_unregister(struct client_objects *objects, int64_t session, int64_t id);

/* Whether an op in that session that names no model would run one that the peer sent, in the
 * tenant's worker. */
bool client_objects_runs_apart(const struct client_objects *objects, int64_t session);

/* What that worker calls such a model, 0 where the resource is none. */
uint64_t client_objects_key_of(const struct client_objects *objects, int64_t session, int64_t id);

/* tenant_begin(), and gives the worker the session's models. After 0, end by tenant_rest(). */
int client_objects_begin_apart(struct client_objects *objects, int64_t session);

/* The resource's id in libvaccel, 0 where there is none of that number in that session. */
vaccel_id_t client_objects_resource(const struct client_objects *objects, int64_t session,
				    int64_t id);

/* Whether that resource is an installed one, and not content that the peer has sent. */
bool client_objects_resource_is_installed(const struct client_objects *objects, int64_t session,
					  int64_t id);

/* See WIRE_PACKET_MARK and _RESET; true where a reset would do nothing. A reset that fails leaves
 * things half done: release them. */
bool client_objects_are_base(const struct client_objects *objects);
void client_objects_mark(struct client_objects *objects);
int client_objects_reset(struct client_objects *objects);

#endif
