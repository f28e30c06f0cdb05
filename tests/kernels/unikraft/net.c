/* A network device, and the HTTP server (http/service.h) behind it. The MAC address that it answers by is
 * its own, as nobody looks at another one on a network of the monitor's. */
#include "guest.h"
#include "tests/kernels/http/service.h"
#include "virtio.h"

#define NETWORK	 1
#define RECEIVE	 0
#define TRANSMIT 1
#define BUFFERS	 8U
#define ROOM	 2048U

static volatile struct queue queues[2];
static uint8_t received[BUFFERS][ROOM], sent[ROOM];
static struct device device;
static unsigned head_size; /* of what stands before a frame */

static void offer(volatile struct queue *queue, uint16_t head)
{
	queue->available.heads[queue->available.index % QUEUE_SIZE] = head;
	queue->available.index = (uint16_t)(queue->available.index + 1);
}

static void fill(volatile struct queue *queue, uint16_t number, const uint8_t *at, uint32_t length,
		 uint16_t flags)
{
	queue->descriptors[number].address = (uint64_t)at;
	queue->descriptors[number].length = length;
	queue->descriptors[number].flags = flags;
}

static void copy(uint8_t *to, const uint8_t *from, size_t length)
{
	while (length--)
		*to++ = *from++;
}

/* It interrupts again only when it knows that this was heard. */
static void wait_for_device(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
	acknowledge(&device);
}

void http_send(const uint8_t *frame, size_t length)
{
	volatile struct queue *queue = &queues[TRANSMIT];
	if (!length)
		return;
	const uint16_t index = queue->available.index;
	copy(sent + head_size, frame, length);
	fill(queue, 0, sent, head_size + (uint32_t)length, 0);
	offer(queue, 0);
	notify(&device, TRANSMIT);
	while (queue->used.index == index)
		wait_for_device();
}

static void receive(uint16_t index)
{
	volatile struct queue *queue = &queues[RECEIVE];
	const uint32_t buffer = queue->used.entries[index % QUEUE_SIZE].head % BUFFERS;
	const uint32_t length = queue->used.entries[index % QUEUE_SIZE].length;
	if (length <= head_size || length > head_size + HTTP_FRAME_MAX)
		return;
	copy(http_frame, received[buffer] + head_size, length - head_size);
	offer(queue, (uint16_t)buffer);
	notify(&device, RECEIVE);
	http_serve_frame(length - head_size);
}

void do_http(const struct told *told)
{
	static const uint8_t address[6] = {2, 0, 0, 0, 0, 9};
	uint16_t seen = 0;
	if (!begin_queues(&device, told, NETWORK, queues, 2))
		return;
	head_size = device.memory ? 12 : 10;
	copy(http_mac, address, sizeof(address));
	for (uint16_t i = 0; i < BUFFERS; i++) {
		fill(&queues[RECEIVE], i, received[i], ROOM, WRITE);
		offer(&queues[RECEIVE], i);
	}
	notify(&device, RECEIVE);
	say("listening\n");
	for (;;) {
		while (queues[RECEIVE].used.index == seen)
			wait_for_device();
		while (queues[RECEIVE].used.index != seen)
			receive(seen++);
	}
}
