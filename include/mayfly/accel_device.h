/* The block device by which a unikernel of Solo5 reaches the accelerator host (docs/unikernels.md).
 *
 * An image asks for it by a block device of the name ACCEL_DEVICE_NAME in its manifest. The device is
 * no disk. It has two parts:
 *
 *     block 0                      to be read: struct accel_device_head, with zeros behind it
 *     [message_offset, + _size)    the message (mayfly/wire.h), in memory that the host shares
 *
 * A guest writes the message's header, descriptors and inputs from message_offset on. It is served when
 * the guest then reads the block at message_offset, which takes as long as the op does, up to the
 * request's deadline, and shows the beginning of the answer. Where the message was not served that read
 * fails, and `result` tells why. The rest of the answer is read where it lies. A message is served once:
 * one whose header has the number (`request`) of the last one, or 0, is only read. All transfers are one
 * whole block.
 *
 * Numbers are little-endian. Where a file stands behind the device, as under other tenders, block 0 does
 * not begin with the magic: a guest looks before it writes.
 */
#ifndef MAYFLY_ACCEL_DEVICE_H
#define MAYFLY_ACCEL_DEVICE_H

#include <stdint.h>

#define ACCEL_DEVICE_NAME	"accel"
#define ACCEL_DEVICE_MAGIC	0x4c4543434159414dULL /* "MAYACCEL" */
#define ACCEL_DEVICE_VERSION	1
#define ACCEL_DEVICE_BLOCK_SIZE 32768 /* the largest that a manifest can say */

struct accel_device_head {
	uint64_t magic;
	uint32_t version;
	/* Of the last message: 0, it was served, and its own status counts; or a negative errno of
	 * Linux: -ENODEV, nobody serves; -EBADMSG, it is no message; others, the connection was lost.
	 * 0 also where there was none yet. */
	int32_t result;
	uint64_t message_offset, message_size; /* bytes, in whole blocks */
};
_Static_assert(sizeof(struct accel_device_head) == 32, "guests know its size");

#endif
