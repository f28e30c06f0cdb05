/* The virtio device `9p`, which the standard only reserves a number for: a root directory, to be
 * read. The protocol is 9P2000.L (nine_p_server.c); files come from the server of the directory
 * (root_server/client.h), as the monitor can open none.
 */
#ifndef MAYFLY_MONITOR_VIRTIO_NINE_P_H
#define MAYFLY_MONITOR_VIRTIO_NINE_P_H

#include "root_server/client.h"
#include "virtio.h"

#define NINE_P_TAG_MAX	      32
#define NINE_P_MESSAGE_MAX    (64UL << 10)
#define NINE_P_MESSAGE_LOWEST 4096U /* what may be agreed upon */
#define NINE_P_FIDS_MAX	      256
#define NINE_P_PATH_MAX	      295

/* What is behind the device, the same for all slots. */
struct virtio_root {
	struct root_client *files;
	char tag[NINE_P_TAG_MAX]; /* by which the guest mounts it */
};

/* A file that the guest has a number for. It is known by its path only, so that it goes on in a
 * clone. */
struct nine_p_fid {
	uint32_t number;
	bool is_used, is_open;
	uint16_t length;
	char path[NINE_P_PATH_MAX + 1]; /* below the root, as the server wants it */
};

/* A session: the device's own state. */
struct nine_p {
	uint32_t message_max; /* agreed upon; 0: no session has begun */
	uint32_t reserved;
	struct nine_p_fid fids[NINE_P_FIDS_MAX];
};
_Static_assert(sizeof(struct nine_p) <= VIRTIO_STATE_MAX, "room for a kind's state");

/* Answers one message into `reply`, which has `room` bytes, at least NINE_P_MESSAGE_MIN of them.
 * Returns the answer's length; 0: that is no message. */
#define NINE_P_MESSAGE_MIN 11UL
size_t nine_p_answer(struct nine_p *session, struct root_client *files, uint64_t deadline_ns,
		     const uint8_t *message, size_t length, uint8_t *reply, size_t room);

#endif
