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
 * may be empty; callers lend WIRE_REASON_MAX bytes from the data's begin on for it, also where
 * their arguments take less.
 *
 * The host trusts nothing here: it copies the header and the descriptors before it looks at them,
 * and checks that every range lies within the extent that the transport named (for a virtual
 * machine: what the monitor passed on, within that machine's window). What is parsed, compared or
 * used as a size or an index is copied too; only large arrays of floating-point numbers, which are
 * merely computed on, are used in place (lib/accel/wire/wire.h).
 */
#ifndef MAYFLY_WIRE_H
#define MAYFLY_WIRE_H

#include <stdint.h>

#define WIRE_MAGIC	   0x5946594du /* "MYFY" */
#define WIRE_VERSION	   1
#define WIRE_ALIGNMENT	   64
#define WIRE_ARGUMENTS_MAX 1024
#define WIRE_BLOBS_MAX	   30		/* of a resource */
#define WIRE_REASON_MAX	   1024		/* bytes of the text that says why a call failed */
#define WIRE_WINDOW_MAX	   (1ULL << 30) /* bytes of a window, and so of a message */

/* Inputs and outputs of a model's run: each takes two arguments, and there are two besides. */
#define WIRE_TENSORS_MAX ((WIRE_ARGUMENTS_MAX - 2) / 2)

/* Ops beside those of vaccel_op_type_t; mayfly/ops.def has all of them, with their arguments. */
enum wire_op {
#define HOST_OP(name, number, ...)   WIRE_OP_##name = (number),
#define RESULT_OP(name, number, ...) WIRE_OP_##name = (number),
#include "mayfly/ops.def"
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
/* Output: what the caller has there is an input as well (the C of alpha·A·B + beta·C; what a function
 * of a shared object is to change). Without it the host sees zeros. */
#define WIRE_ARGUMENT_CARRIES 2u
/* Of a floating-point array of more than 4 KiB: it lies in the window, at `offset` from the window's
 * beginning, and not in the message; only where the transport has a window that both sides map. Such
 * arguments have no place in the order of the others, and may overlap what the caller likes. */
#define WIRE_ARGUMENT_IN_WINDOW 4u

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
 * RESET and CANCEL by one of the same kind and tag; it hangs up on what is not of this protocol.
 *
 * Over a stream packets are the same, one after the other. A Unix stream may bring a window with the
 * HELLO, too. Where none comes, as over TCP and vsock, there is no shared memory, and messages are in
 * the stream:
 *
 *   HELLO   `length` is how long the client's messages may become, at most WIRE_WINDOW_MAX. In the
 *           answer it is the same or less where messages are in the stream, and 0 where the window
 *           came: a client that has sent one looks here whether it got through.
 *   CALL    is followed by the first `length` bytes of the message; `offset` is 0. What is not sent are
 *           places of outputs and free space, with whatever in them: all up to the length that was
 *           agreed upon belongs to the message.
 *   answer  is followed by `length` bytes: header and descriptors (as many bytes as the caller's
 *           data_offset says), then the results of the outputs in their order, each as long as its
 *           descriptor says and without gaps; or, where the header's status is not 0, the reason. 0
 *           where the message was not served. */
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
	/* Sent while the CALL of this tag is served: its answer is not wanted any more. A call that
	 * waits leaves its queue at once, one that runs is ended as soon as that can be done. It is
	 * answered as ever: by VACCEL_EAGAIN where it was ended, by its result where that was
	 * faster. The CANCEL has no answer of its own; one that comes too late does nothing. To hang
	 * up does the same, for all of the connection. */
	WIRE_PACKET_CANCEL,
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
