/* The code of a stub that puts a call into the box (isolation/call_box.h), in the place of the
 * instruction that writes it to a port (deprivileged/call_sites.c). */
#ifndef MAYFLY_MONITOR_KERNEL_CALL_STUB_H
#define MAYFLY_MONITOR_KERNEL_CALL_STUB_H

#include <stdbool.h>
#include <stdint.h>

#define CALL_STUB_SIZE 224
#define CALL_STUBS_MAX 18 /* that is one page */

/* The box lies below this, so that stubs reach it by addresses of 31 bits. */
#define CALL_BOX_LIMIT (1UL << 31)

/* Writes a jump from one address to another; false where that is too far. */
bool call_stub_jump(uint8_t out[5], uint64_t from, uint64_t to);

/* Writes the stub that will stand at `place`, for an OUT of one byte at `site`, with its box at `box`.
 * False where one is too far from the other. */
bool call_stub_write(uint8_t out[CALL_STUB_SIZE], uint64_t box, uint64_t place, uint16_t port,
		     uint64_t site);

#endif
