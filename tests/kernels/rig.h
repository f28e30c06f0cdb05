/* An image with the guests of guests.S, and machines on it. */
#ifndef MAYFLY_TESTS_KERNELS_RIG_H
#define MAYFLY_TESTS_KERNELS_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "guests.h"
#include "monitor/isolation/isolation.h"
#include "util/clock.h"

#define RIG_MEMORY (16UL << 20)
#define RIG_FLAGS  0xc0000UL

/* In ring 0; else deprivileged. */
static inline bool rig_is_ring0(void)
{
	struct error error = {0};
	const char *way = isolation_kvm.kernel_way(&error);
	return way && !strcmp(way, "in ring 0");
}

struct kernel_rig {
	struct isolation_host *host;
	struct image image;
	struct window window;
	struct kernel_start start;
	struct machine_state state;
	struct machine *machine;
	struct kernel_interrupts interrupts;
	unsigned pending; /* interrupts that wait */
	struct machine_exit exit;
};

static inline uint64_t rig_address(const char *guest)
{
	return KERNEL_CODE + (uint64_t)(guest - kernels_begin);
}

/* As guests.h says. */
static inline void rig_build_tables(uint8_t *memory)
{
	uint64_t *tables = (uint64_t *)(memory + KERNEL_ROOT);
	tables[0] = KERNEL_ROOT + 0x1003;
	tables[512] = KERNEL_ROOT + 0x2003;
	tables[1024] = KERNEL_ROOT + 0x3003;
	for (uint64_t i = 1; i < RIG_MEMORY >> 21; i++)
		tables[1024 + i] = i << 21 | 0x83;
	for (uint64_t i = 1; i < 512; i++)
		tables[1536 + i] = i << 12 | 3;
	tables[1536 + KERNEL_READ_ONLY / 4096] &= ~2UL;
	tables[1536 + KERNEL_NO_EXECUTE / 4096] |= 1UL << 63;
}

static inline bool rig_open(struct kernel_rig *rig, const char *guest)
{
	struct error error = {0};
	*rig = (struct kernel_rig){.image.memfd = -1, .window.memfd = -1};
	int result = image_create_flat(&rig->image, RIG_MEMORY + KERNEL_OWN_SIZE, &error);
	if (!result) {
		rig_build_tables(rig->image.memory);
		memcpy(rig->image.memory + KERNEL_CODE, kernels_begin,
		       (size_t)(kernels_end - kernels_begin));
		result = window_create(&rig->window, &error);
	}
	if (!result)
		result = isolation_kvm.open(&rig->host, &error);
	rig->start = (struct kernel_start){
	    .rip = rig_address(guest),
	    .rsp = KERNEL_STACK,
	    .rbp = 0x11,
	    .rsi = 0x12,
	    .rdi = 0x13,
	    .rbx = 0x14,
	    .cr0 = 0x80010031,
	    .cr3 = KERNEL_ROOT,
	    .cr4 = 0x10620,
	    .efer = 0xd00,
	    .code_selector = 8,
	    .data_selector = 16,
	    .memory = RIG_MEMORY,
	};
	if (result)
		fprintf(stderr, "rig: %s\n", error.text);
	return CHECK_NUMBER(result, 0);
}

/* Says what the guest's code is, so that it can be rewritten. */
static inline bool rig_adapt(struct kernel_rig *rig, const char *guest, const char *end)
{
	struct error error = {0};
	rig->start.flags_page = RIG_FLAGS;
	rig->start.code[0] = (struct kernel_code){rig_address(guest), (uint64_t)(end - guest)};
	rig->start.code_count = 1;
	return CHECK_NUMBER(
	    isolation_kvm.adapt_kernel(rig->host, rig->image.memory, &rig->start, &error), 0);
}

static inline bool rig_pending(void *context)
{
	return ((struct kernel_rig *)context)->pending;
}

static inline uint8_t rig_acknowledge(void *context)
{
	((struct kernel_rig *)context)->pending--;
	return KERNEL_TIMER;
}

/* A clone of the image, or the machine that writes into it. */
static inline bool rig_create(struct kernel_rig *rig, bool private)
{
	struct error error = {0};
	const struct machine_description description = {
	    .image = &rig->image,
	    .window = &rig->window,
	    .state = rig->state.length ? &rig->state : NULL,
	    .kernel = &rig->start,
	    .private = private,
	};
	int result = isolation_kvm.create(&rig->machine, rig->host, &description, &error);
	if (result) {
		rig->machine = NULL;
		fprintf(stderr, "create: %s\n", error.text);
		return CHECK_NUMBER(result, 0);
	}
	rig->machine->interrupts = (struct kernel_interrupts){
	    .pending = rig_pending, .acknowledge = rig_acknowledge, .context = rig};
	return true;
}

static inline void rig_destroy(struct kernel_rig *rig)
{
	if (rig->machine)
		isolation_kvm.destroy(rig->machine);
	rig->machine = NULL;
}

static inline void rig_close(struct kernel_rig *rig)
{
	rig_destroy(rig);
	isolation_kvm.close(rig->host);
	window_release(&rig->window);
	image_release(&rig->image);
}

/* Opens, and makes a clone. */
static inline bool rig_begin(struct kernel_rig *rig, const char *guest)
{
	return rig_open(rig, guest) && rig_create(rig, true);
}

static inline enum machine_stop rig_run_for(struct kernel_rig *rig, enum machine_entry entry,
					    uint64_t limit_ns)
{
	struct error error = {0};
	int result =
	    isolation_kvm.run(rig->machine, entry, clock_now_ns() + limit_ns, &rig->exit, &error);
	if (result)
		fprintf(stderr, "run: %s\n", error.text);
	return CHECK_NUMBER(result, 0) ? rig->exit.stop : MACHINE_LOST;
}

static inline enum machine_stop rig_run(struct kernel_rig *rig, enum machine_entry entry)
{
	return rig_run_for(rig, entry, 5 * NANOSECONDS_PER_SECOND);
}

static inline void rig_explain(const struct kernel_rig *rig)
{
	const struct machine_exit *exit = &rig->exit;
	fprintf(stderr, "  stop %d, access %#lx, vector %lu, code %#lx, cr2 %#lx, rip %#lx: %s\n",
		exit->stop, exit->access.address, exit->fault.vector, exit->fault.error_code,
		exit->fault.address, exit->fault.rip, exit->reason ? exit->reason : "");
}

/* Runs up to the next report; UINT64_MAX for another stop. */
static inline uint64_t rig_report(struct kernel_rig *rig, enum machine_entry entry)
{
	uint32_t value;
	const enum machine_stop stop = rig_run(rig, entry);
	if (stop != MACHINE_PORT || rig->exit.access.address != KERNEL_PORT ||
	    !rig->exit.access.is_write || rig->exit.access.size != 4) {
		rig_explain(rig);
		return UINT64_MAX;
	}
	memcpy(&value, rig->exit.access.data, sizeof(value));
	return value;
}

#define CHECK_REPORT(rig, expected) CHECK_NUMBER(rig_report(rig, MACHINE_CONTINUE), expected)

static inline bool rig_reset(struct kernel_rig *rig)
{
	struct error error = {0};
	uint64_t pages;
	int result = isolation_kvm.reset(rig->machine, &pages, &error);
	if (result)
		fprintf(stderr, "reset: %s\n", error.text);
	return CHECK_NUMBER(result, 0);
}

#endif
