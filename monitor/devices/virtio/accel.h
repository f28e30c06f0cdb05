/* The virtio device `accel`, of the id by which the public drivers of vAccel find it: sessions at the
 * accelerator host, and ops in them.
 *
 * There is one queue. A chain is a request; how it lies in memory has changed with the drivers, and
 * the device has the layout that its backing names (accel_layouts.c). A layout reads a request into
 * struct accel_request: which bytes of the chain are what. Nothing of a request is believed: all
 * ranges in it lie within the chain, and all bytes together fit into a message.
 *
 * The device itself remembers nothing. Numbers of sessions are those of the slot's connection to the
 * host, which knows them again in each clone, and closes what a request has left open.
 */
#ifndef MAYFLY_MONITOR_VIRTIO_ACCEL_H
#define MAYFLY_MONITOR_VIRTIO_ACCEL_H

#include "virtio.h"

#define ACCEL_ARGUMENTS_MAX 64U		 /* of each direction */
#define ACCEL_BYTES_MAX	    (64UL << 20) /* of all arguments of one request */

/* What a request comes to. */
enum accel_status {
	ACCEL_OK = 0,
	ACCEL_FAILED = 1,
	ACCEL_UNSOUND = 2, /* the request is not as it should be */
	ACCEL_UNKNOWN = 3, /* there is no such command or op */
	ACCEL_NO_SESSION = 4,
};

enum accel_command { ACCEL_CREATE, ACCEL_DESTROY, ACCEL_OPERATE, ACCEL_TIMERS };

/* Bytes of a chain: of what is readable, or of what is writable. */
struct accel_range {
	uint64_t offset;
	uint32_t length;
	uint32_t type, custom_type; /* vaccel_arg_type_t, where the layout has types */
};

struct accel_request {
	enum accel_command command;
	int64_t session; /* 0: none */
	/* The op's arguments, its number left out where that is one of them. */
	struct accel_range inputs[ACCEL_ARGUMENTS_MAX], outputs[ACCEL_ARGUMENTS_MAX];
	unsigned input_count, output_count;
	uint16_t op; /* vaccel_op_type_t */
	bool has_types;
	bool text_first; /* of two texts of an answer, the one that vaccel_op_type_t has second */
};

struct accel_layout {
	const char *name; /* as on a command line */
	size_t (*configuration)(uint8_t out[VIRTIO_CONFIG_MAX]);
	/* Bytes at the end of what is writable: what there is at least. */
	size_t trailer_size;
	enum accel_status (*read)(const struct virtio_chain *chain, struct accel_request *request);
	/* Says what became of the request: its status at the end of what is writable, before it what
	 * else the layout has; `session` is a new one's. */
	void (*finish)(const struct virtio_chain *chain, const struct accel_request *request,
		       enum accel_status status, int64_t session);
};

/* The layout of that name; NULL: there is none. */
const struct accel_layout *accel_layout_find(const char *name);

/* Reads from what the device is to write, where drivers leave something for it: as
 * virtio_chain_read(). */
size_t accel_read_writable(const struct virtio_chain *chain, uint64_t offset, void *out,
			   size_t length);

#endif
