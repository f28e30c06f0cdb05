/* How a server of a root directory is started: the first message, from the monitor, and what comes
 * back once the server has given up its rights. */
#ifndef MAYFLY_ROOT_SERVER_SETUP_H
#define MAYFLY_ROOT_SERVER_SETUP_H

#include <stdint.h>

#include "root_server/shares.h"

#define ROOT_SERVER_PART   "rootd/mayfly-rootd" /* for paths_part() */
#define ROOT_SERVER_SOCKET 0 /* its descriptor of the socket; others come by it */

/* Descriptors come with it: those below, and those of the writable parts. */
struct root_setup {
	uint32_t version;	 /* ROOT_WIRE_VERSION */
	uint32_t share_count;	 /* parts, which root_shares_encode() put behind this */
	uint32_t writable_count; /* descriptors of them */
	struct root_user user;
};

#define ROOT_SETUP_MAX		   (sizeof(struct root_setup) + ROOT_SHARES_BYTES_MAX)
#define ROOT_SETUP_DESCRIPTORS_MAX (ROOT_DESCRIPTORS + ROOT_SHARES_MAX)

enum root_descriptor {
	ROOT_DESCRIPTOR_DIRECTORY, /* opened as O_PATH */
	ROOT_DESCRIPTOR_MEMORY,	   /* ROOT_WIRE_EXTRA_MAX bytes: what comes besides answers */
	ROOT_DESCRIPTOR_LIFE,	   /* a socket whose other end is the monitor's: its end is ours */
	ROOT_DESCRIPTORS,
};

struct root_ready {
	int32_t error;	   /* 0, or the negative errno of what failed */
	uint32_t confined; /* measures in force: bits by enum confine_measure */
	uint32_t writable; /* there are parts that can be written */
	char step[52];	   /* what failed */
};

#endif
