/* ttrpc's frames: a header of ten bytes, and data. Integers are big-endian.
 *
 *     offset 0   4 data's length     4   4 stream     8   1 type     9   1 flags
 */
#ifndef MAYFLY_ACCELD_RPC_FRAME_H
#define MAYFLY_ACCELD_RPC_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct rpc_memory;
struct stream;

#define RPC_FRAME_HEAD 10
#define RPC_FRAME_MAX  (1U << 30) /* bytes of data, of vAccel's own */

enum rpc_frame_type { RPC_FRAME_REQUEST = 1, RPC_FRAME_RESPONSE = 2, RPC_FRAME_DATA = 3 };

#define RPC_FLAG_CLOSED	 1u /* the sender has nothing more for this stream */
#define RPC_FLAG_OPEN	 2u /* data will follow in frames of their own */
#define RPC_FLAG_NO_DATA 4u

struct rpc_frame {
	uint32_t length; /* of data */
	uint32_t stream; /* the client's number of the call */
	uint8_t type, flags;
};

/* The next frame's head, whenever it comes. 1; 0 where the client has hung up; or a negative errno. */
int rpc_frame_read_head(struct stream *stream, struct rpc_frame *frame);

/* Its data, into *data, which is the caller's and of `memory`: allocated as it arrives. NULL where the
 * frame has none. -ENOMEM: no more memory may be taken; all of the data has been read and thrown
 * away. Any other negative errno: the connection is over. */
int rpc_frame_read_data(struct stream *stream, const struct rpc_frame *frame,
			struct rpc_memory *memory, uint8_t **data);

/* Reads the data and throws it away. */
int rpc_frame_skip_data(struct stream *stream, const struct rpc_frame *frame);

#define RPC_FRAME_SPARE 3 /* pieces in front of a payload's */

/* A response, whole: `status` is an encoded message, `pieces` are RPC_FRAME_SPARE that are filled in
 * here, and those of the payload, `length` bytes; a payload of none is left out, as proto3 does.
 * -EMSGSIZE, with nothing written, where it is longer than RPC_FRAME_MAX. */
int rpc_frame_write_response(struct stream *stream, uint32_t id, const void *status,
			     size_t status_length, struct iovec *pieces, size_t count,
			     size_t length);

#endif
