/* A kernel with drivers for two virtio devices, for test_virtio_guest.c.
 *
 * It reads VIRTIO_GUEST_READS times 4 KiB of a block device and reports a sum of all bytes; then it
 * sends back frames of a network device with their addresses swapped, and reports how many, when it
 * has sent as many as there were, or no more come. */
#ifndef MAYFLY_TESTS_KERNELS_VIRTIO_GUEST_H
#define MAYFLY_TESTS_KERNELS_VIRTIO_GUEST_H

#define VIRTIO_GUEST_CODE   0x120000
#define VIRTIO_GUEST_BLOCK  0xd0000000
#define VIRTIO_GUEST_NET    0xd0001000
#define VIRTIO_GUEST_READS  8
#define VIRTIO_GUEST_FRAMES 20
#define VIRTIO_GUEST_FAILED 0xdead0000U /* and a line: something was not as it should be */

/* The entry, and what the code is copied from; all of it is position-independent. */
void virtio_guest_entry(void);
extern const char __start_virtio_guest[], __stop_virtio_guest[];

#endif
