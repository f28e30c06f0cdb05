/* Driving the one virtio device that there is (virtio.c). */
#ifndef MAYFLY_TESTS_UNIKRAFT_VIRTIO_H
#define MAYFLY_TESTS_UNIKRAFT_VIRTIO_H

#include "guest.h"

#define QUEUE_SIZE 256U
#define PAGE	   4096U

/* Flags of descriptors. */
#define NEXT	 1
#define WRITE	 2
#define INDIRECT 4

struct descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags, next;
};

/* As the legacy interface lays it out. */
struct queue {
	struct descriptor descriptors[QUEUE_SIZE];
	struct {
		uint16_t flags, index, heads[QUEUE_SIZE];
	} available;
	_Alignas(PAGE) struct {
		uint16_t flags, index;
		struct {
			uint32_t head, length;
		} entries[QUEUE_SIZE];
	} used;
} __attribute__((aligned(4096)));

struct device {
	uint64_t memory; /* where its registers are; 0: behind ports */
	uint16_t port;
};

/* Finds the device of that id and makes it ready. 0: there is none, which is said. */
int begin(struct device *device, const struct told *told, uint32_t id);

/* The same with queues of the caller's. */
int begin_queues(struct device *device, const struct told *told, uint32_t id,
		 volatile struct queue *queues, unsigned count);

/* Tells the device of a queue that has something new, and that its interrupt has been heard. */
void notify(const struct device *device, uint16_t number);
void acknowledge(const struct device *device);

/* Fills in a descriptor, whose next one is the one behind it. */
void describe(unsigned number, const volatile void *at, uint32_t length, uint16_t flags);

/* The same in a table behind descriptor 0, which may have more than the queue. */
#define TABLE_SIZE 600U
void describe_in_table(unsigned number, const volatile void *at, uint32_t length, uint16_t flags);

/* Makes the chain from descriptor 0 on available, and sleeps until it is back. Returns how much was
 * written to it. */
uint32_t use(const struct device *device);

/* The same for the first `count` descriptors of the table. */
uint32_t use_table(const struct device *device, unsigned count);

void say_text(const uint8_t *text, uint64_t length);

#endif
