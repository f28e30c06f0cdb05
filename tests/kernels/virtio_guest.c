/* A kernel with drivers for two virtio devices; see virtio_guest.h. It looks at used rings and takes
 * no interrupts. All of it is in one section, and none of it uses data. */
#include "virtio_guest.h"

#include <stddef.h>
#include <stdint.h>

#include "guests.h"

#define HERE   __attribute__((section("virtio_guest"), noinline))
#define INLINE __attribute__((always_inline)) static inline

#define QUEUE_SIZE 8U
#define NEXT	   1
#define WRITE	   2
#define HEAD	   12U /* before a frame */
#define FRAME_MAX  1514U
#define WORK	   0x200000UL /* queues and buffers */

struct descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags, next;
};

/* A queue in memory; the first descriptor of each chain is also its number. */
struct queue {
	struct descriptor descriptors[QUEUE_SIZE];
	struct {
		uint16_t flags, index, heads[QUEUE_SIZE], event;
	} available;
	_Alignas(4) struct {
		uint16_t flags, index;
		struct {
			uint32_t head, length;
		} entries[QUEUE_SIZE];
		uint16_t event;
	} used;
};

INLINE void report(uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"((uint16_t)KERNEL_PORT) : "memory");
}

INLINE void set(uint64_t device, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(device + offset) = value;
}

INLINE uint32_t get(uint64_t device, uint32_t offset)
{
	return *(volatile uint32_t *)(device + offset);
}

HERE static void fail(uint32_t line)
{
	for (;;) {
		report(VIRTIO_GUEST_FAILED | line);
		__asm__ volatile("hlt");
	}
}

HERE static void place_queue(uint64_t device, uint32_t number, const volatile struct queue *queue)
{
	set(device, 0x30, number);
	if (get(device, 0x34) < QUEUE_SIZE)
		fail(__LINE__);
	set(device, 0x38, QUEUE_SIZE);
	set(device, 0x80, (uint32_t)(uintptr_t)queue->descriptors);
	set(device, 0x84, 0);
	set(device, 0x90, (uint32_t)(uintptr_t)&queue->available);
	set(device, 0x94, 0);
	set(device, 0xa0, (uint32_t)(uintptr_t)&queue->used);
	set(device, 0xa4, 0);
	set(device, 0x44, 1);
}

HERE static void begin(uint64_t device, uint32_t id)
{
	if (get(device, 0) != 0x74726976 || get(device, 4) != 2 || get(device, 8) != id)
		fail(__LINE__);
	set(device, 0x70, 0);
	set(device, 0x70, 3);
	set(device, 0x24, 1);
	set(device, 0x20, 1); /* version 1 */
	set(device, 0x70, 3 | 8);
	if (!(get(device, 0x70) & 8))
		fail(__LINE__);
}

HERE static void offer(uint64_t device, uint32_t number, volatile struct queue *queue,
		       uint16_t head)
{
	const uint16_t index = queue->available.index;
	queue->available.heads[index % QUEUE_SIZE] = head;
	queue->available.index = (uint16_t)(index + 1);
	set(device, 0x50, number);
}

HERE static void describe(volatile struct descriptor *descriptor, uint64_t address, uint32_t length,
			  uint16_t flags, uint16_t next)
{
	descriptor->address = address;
	descriptor->length = length;
	descriptor->flags = flags;
	descriptor->next = next;
}

HERE static uint32_t read_blocks(void)
{
	volatile struct queue *queue = (struct queue *)WORK;
	volatile uint64_t *header = (uint64_t *)(WORK + 0x1000);
	volatile uint8_t *status = (uint8_t *)(WORK + 0x1100);
	const volatile uint8_t *data = (uint8_t *)(WORK + 0x2000);
	uint32_t sum = 0;
	begin(VIRTIO_GUEST_BLOCK, 2);
	place_queue(VIRTIO_GUEST_BLOCK, 0, queue);
	set(VIRTIO_GUEST_BLOCK, 0x70, 15);
	describe(&queue->descriptors[0], (uintptr_t)header, 16, NEXT, 1);
	describe(&queue->descriptors[1], (uintptr_t)data, 4096, NEXT | WRITE, 2);
	describe(&queue->descriptors[2], (uintptr_t)status, 1, WRITE, 0);
	for (uint16_t i = 0; i < VIRTIO_GUEST_READS; i++) {
		header[0] = 0;
		header[1] = i * 8UL;
		*status = 0xff;
		offer(VIRTIO_GUEST_BLOCK, 0, queue, 0);
		if (queue->used.index != i + 1 || *status)
			fail(__LINE__);
		for (unsigned k = 0; k < 4096; k++)
			sum = sum * 31 + data[k];
	}
	return sum;
}

HERE static void swap_addresses(volatile uint8_t *frame)
{
	for (unsigned i = 0; i < 6; i++) {
		const uint8_t byte = frame[i];
		frame[i] = frame[6 + i];
		frame[6 + i] = byte;
	}
}

HERE static uint32_t echo_frames(void)
{
	volatile struct queue *receive = (struct queue *)(WORK + 0x4000);
	volatile struct queue *send = (struct queue *)(WORK + 0x5000);
	uint8_t *buffer = (uint8_t *)(WORK + 0x6000);
	uint16_t count = 0;
	begin(VIRTIO_GUEST_NET, 1);
	place_queue(VIRTIO_GUEST_NET, 0, receive);
	place_queue(VIRTIO_GUEST_NET, 1, send);
	set(VIRTIO_GUEST_NET, 0x70, 15);
	describe(&receive->descriptors[0], (uintptr_t)buffer, HEAD + FRAME_MAX, WRITE, 0);
	while (count < VIRTIO_GUEST_FRAMES) {
		offer(VIRTIO_GUEST_NET, 0, receive, 0);
		if (receive->used.index == count)
			break;
		swap_addresses(buffer + HEAD);
		describe(&send->descriptors[0], (uintptr_t)buffer,
			 receive->used.entries[count % QUEUE_SIZE].length, 0, 0);
		offer(VIRTIO_GUEST_NET, 1, send, 0);
		if (send->used.index != ++count)
			fail(__LINE__);
	}
	return count;
}

HERE void virtio_guest_entry(void)
{
	report(read_blocks());
	report(echo_frames());
	for (;;)
		__asm__ volatile("hlt");
}
