/* A machine for the tests' kernels (kernel.h): memory, page tables to begin with, a console, a PIC and
 * a PIT, and a port that ends it. */
#ifndef MAYFLY_TESTS_KERNELS_KERNEL_RIG_H
#define MAYFLY_TESTS_KERNELS_KERNEL_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/devices/bus.h"
#include "monitor/isolation/isolation.h"
#include "monitor/memory/image.h"
#include "monitor/slot/slot.h"

#define RIG_MEMORY     (16UL << 20)
#define RIG_OUTPUT_MAX 32768

/* How a run came to its end. */
enum rig_end {
	RIG_ENDED,  /* by the port: `status` */
	RIG_FELL,   /* a fault that it could not handle; `exit` tells */
	RIG_HALTED, /* it waits for an interrupt that cannot come */
	RIG_LATE,   /* its deadline */
	RIG_FAILED, /* an error of the host's: `error` */
};

struct kernel_rig {
	struct isolation_host *host;
	struct image image;
	struct window window;
	struct kernel_start start;
	struct machine *machine;
	struct slot slot; /* for the bus */
	struct bus *bus;
	char output[RIG_OUTPUT_MAX + 1]; /* what is more is dropped */
	size_t output_length;
	uint8_t status;
	uint64_t accesses; /* to ports and memory */
	struct machine_exit exit;
	struct error error;
};

/* Loads a kernel from a flat file, and makes a machine on it: one that writes into the image itself, or
 * a clone. 0 or a negative errno; -ENODEV where this host has no such machines. */
int rig_open(struct kernel_rig *rig, const char *path, bool private);
void rig_close(struct kernel_rig *rig);

/* Takes the machine back to the image, and starts it with a number in RSI. */
enum rig_end rig_run(struct kernel_rig *rig, uint64_t number, uint64_t limit_ns);

#endif
