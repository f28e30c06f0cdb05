/* The block device by which a Solo5 guest reaches the accelerator host: mayfly/accel_device.h.
 *
 * Its places are those of the slot's window, of which it shows the arena. The first block, in the
 * place of the control page, is its head. */
#ifndef MAYFLY_MONITOR_SOLO5_ACCELERATOR_H
#define MAYFLY_MONITOR_SOLO5_ACCELERATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "mayfly/accel_device.h"
#include "monitor/guests/kind.h"
#include "monitor/slot/slot.h"

/* Of one slot. Zero: no message has come. */
struct solo5_accelerator {
	uint64_t served; /* the number of the last message */
	int32_t result;	 /* what came of it */
};

/* What a guest reads in block 0. */
struct accel_device_head solo5_accelerator_head(const struct solo5_accelerator *self);

/* The guest reads the first block of its message: serves that, if it was not yet. False: it cannot have
 * it, and the head tells why. */
bool solo5_accelerator_serve(struct solo5_accelerator *self, struct slot *slot,
			     enum guest_next *next);

/* Reads or writes [offset, offset + length), which is within the device; `data` is the guest's. False:
 * that cannot be, for instance because it is not as long as a block. */
bool solo5_accelerator_transfer(struct solo5_accelerator *self, struct slot *slot, bool is_write,
				uint64_t offset, uint8_t *data, uint64_t length,
				enum guest_next *next);

#endif
