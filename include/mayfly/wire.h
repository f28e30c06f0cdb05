/* The wire format of accelerated work: one request-and-answer message for every transport.
 *
 * A message is a header, `inputs` + `outputs` argument descriptors, and data:
 *
 *     offset 0        64                   data_offset                  data_end        extent
 *     ┌───────────────┬────────────────────┬────────────────────────────┬───────────────┐
 *     │ wire_header   │ wire_argument[n]   │ data of the arguments      │ free: results │
 *     └───────────────┴────────────────────┴────────────────────────────┴───────────────┘
 *
 * All offsets count from the header, all integers are little-endian, and every argument's data
 * begins at a multiple of WIRE_ALIGNMENT. Arguments lie in the order of their descriptors, inputs
 * before outputs, so that none overlaps another. The caller reserves room for each output; an
 * output with WIRE_ARGUMENT_GROWS has none and is placed by the host in the free part instead. The
 * host writes results, `offset` and `length` of outputs, `status`, `op_ns` and `data_end` in place;
 * results only where status is 0. Where it is not, the data is a text instead, which says why and
 * may be empty.
 *
 * The host trusts nothing here: it copies the header and the descriptors before it looks at them,
 * and checks that every range lies within the extent that the transport named (for a virtual
 * machine: what the monitor passed on, within that machine's window). What is parsed, compared or
 * used as a size or an index is copied too; only large arrays of floating-point numbers, which are
 * merely computed on, are used in place (lib/accel/wire.h).
 */
#ifndef MAYFLY_WIRE_H
#define MAYFLY_WIRE_H

#include <stdint.h>

#define WIRE_MAGIC	   0x5946594du /* "MYFY" */
#define WIRE_VERSION	   1
#define WIRE_ALIGNMENT	   64
#define WIRE_ARGUMENTS_MAX 64
#define WIRE_WINDOW_MAX	   (1ULL << 30) /* bytes of a window, and so of a message */

/* Ops 0 to 23 are the numbers of vaccel_op_type_t. */
enum wire_op {
	/* In: UINT32 flags. Out: INT64 session. */
	WIRE_OP_SESSION_INIT = 0x100,
	/* The session in the header. */
	WIRE_OP_SESSION_RELEASE,
	/* In: UINT32 resource type; STRING name of an installed model or ""; then for each blob
	 * STRING name, BUFFER content. Out: INT64 resource. */
	WIRE_OP_RESOURCE_REGISTER,
	/* In: INT64 resource. */
	WIRE_OP_RESOURCE_UNREGISTER,
	/* Structured results (mayfly/results.h). In: BUFFER image. Out: BUFFER of result structs,
	 * as many as there is room for; UINT64 how many there were. */
	WIRE_OP_DETECT_OBJECTS = 0x200,
	WIRE_OP_CLASSIFY_LABELS,
	WIRE_OP_POSE_KEYPOINTS,
	WIRE_OP_SEGMENT_MASK,
};

struct wire_header {
	uint32_t magic;
	uint16_t version;
	uint16_t op;		  /* vaccel_op_type_t or enum wire_op */
	uint64_t request;	  /* the caller's number for this call, echoed */
	int64_t session;	  /* of this connection; 0 for none */
	uint16_t inputs, outputs; /* descriptors: inputs first */
	int32_t status;		  /* answer: 0 or a VACCEL_E… value */
	uint64_t deadline_ns;	  /* how long the call may take; 0: no limit of its own */
	uint64_t data_offset;	  /* first byte of argument data */
	uint64_t data_end;	  /* first byte after it: free from here on */
	uint64_t op_ns;		  /* answer: time spent in the plugin */
};
_Static_assert(sizeof(struct wire_header) == 64, "wire_header is 64 bytes");

#define WIRE_ARGUMENT_GROWS 1u /* output: the host chooses place and length */

struct wire_argument {
	uint32_t type; /* vaccel_arg_type_t */
	uint32_t flags;
	uint32_t custom_type;
	uint32_t reserved;  /* 0 */
	uint64_t offset;    /* of the data */
	uint64_t length;    /* bytes of data; for an output: of the result */
	uint64_t capacity;  /* output: bytes reserved at offset */
	uint64_t reserved2; /* 0 */
};
_Static_assert(sizeof(struct wire_argument) == 48, "wire_argument is 48 bytes");

/* The accelerator host's socket (Unix, SOCK_SEQPACKET): one connection for one window, each packet
 * a wire_packet. The first is a HELLO with the window's memfd attached (SCM_RIGHTS), sealed with
 * F_SEAL_SHRINK so that no page can vanish from under the host. The host answers each packet but
 * RESET by one of the same kind and tag; it hangs up on what is not of this protocol. */
enum wire_packet_kind {
	WIRE_PACKET_HELLO = 1,
	/* Serve the message at [offset, offset + length) of the window. */
	WIRE_PACKET_CALL,
	/* What this connection holds now is its base: a reset comes back to it. Used when a
	 * snapshot was taken after set-up work: sessions and resources opened by it live on in
	 * every clone. */
	WIRE_PACKET_MARK,
	/* Release what was opened since the mark, bring back what was released since. No answer. */
	WIRE_PACKET_RESET,
};

struct wire_packet {
	uint32_t magic;
	uint16_t version;
	uint16_t kind;
	uint64_t offset, length; /* CALL: the message's extent; HELLO: 0 and the window's size */
	uint64_t tag;		 /* echoed */
	uint64_t limit_ns;	 /* CALL: how long the caller will wait; 0: no limit of its own */
	int32_t status; /* answer: 0 or a positive errno; for a CALL that of the delivery */
	/* Answer to a CALL: 1 where the connection holds what it held at its mark, so that a RESET
	 * would do nothing. Else 0. */
	uint32_t unchanged;
};
_Static_assert(sizeof(struct wire_packet) == 48, "wire_packet is 48 bytes");

#endif
