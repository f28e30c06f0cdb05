/* Isolations: the same small guests in each that can be had here, through the same table. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine_rig.h"
#include "monitor/kvm/machine.h"
#include "monitor/memory/working_set.h"
#include "monitor/x86_64/page_entries.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define MILLISECOND 1000000ULL

static void test_round_trip(const struct isolation *isolation)
{
	struct rig rig;
	if (rig_open(&rig, isolation, guest_echo) && rig_create(&rig, true)) {
		struct stop stop = rig_run(&rig, MACHINE_START, 0);
		CHECK(stop.why == MACHINE_HYPERCALL);
		CHECK_NUMBER(window_control(&rig.window)->hypercall, HYPERCALL_WRITE);
		CHECK_NUMBER(stop.argument, 0);
		for (int64_t i = 1; i <= 100; i++) {
			stop = rig_run(&rig, MACHINE_CONTINUE, 7 * i);
			CHECK(stop.why == MACHINE_HYPERCALL);
			CHECK_NUMBER(stop.argument, 7 * i + 1);
		}
	}
	rig_close(&rig);
}

static void test_registers_kept(const struct isolation *isolation)
{
	struct rig rig;
	if (rig_open(&rig, isolation, guest_keep) && rig_create(&rig, true)) {
		CHECK(rig_run(&rig, MACHINE_START, 0).why == MACHINE_HYPERCALL);
		struct stop stop = rig_run(&rig, MACHINE_CONTINUE, 0);
		CHECK(stop.why == MACHINE_HYPERCALL);
		CHECK_NUMBER(stop.argument, 0);
	}
	rig_close(&rig);
}

static void test_system_call(const struct isolation *isolation)
{
	struct rig rig;
	if (rig_open(&rig, isolation, guest_system_call) && rig_create(&rig, true)) {
		struct stop stop = rig_run(&rig, MACHINE_START, 0);
		CHECK(stop.why == MACHINE_HYPERCALL);
		CHECK_NUMBER(stop.argument, 0);
	}
	rig_close(&rig);
}

/* The count lives in memory: fresh after each reset, and never in the image. */
static void test_reset(const struct isolation *isolation)
{
	struct rig rig;
	if (rig_open(&rig, isolation, guest_count) && rig_create(&rig, true)) {
		for (int round = 0; round < 20; round++) {
			CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 1);
			CHECK_NUMBER(rig_run(&rig, MACHINE_CONTINUE, 0).argument, 2);
			rig_reset(&rig);
		}
		const uint64_t *count = image_pointer(&rig.image, GUEST_POOL_BASE, 8);
		CHECK_NUMBER(*count, 0);
	}
	rig_close(&rig);
}

/* The machine that does the set-up writes into the image; clones start from that. */
static void test_snapshot(const struct isolation *isolation)
{
	struct rig rig;
	if (rig_open(&rig, isolation, guest_count) && rig_create(&rig, false)) {
		CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 1);
		CHECK_NUMBER(rig_run(&rig, MACHINE_CONTINUE, 0).argument, 2);
		rig_destroy(&rig);
		const uint64_t *count = image_pointer(&rig.image, GUEST_POOL_BASE, 8);
		CHECK_NUMBER(*count, 2);
		if (rig_create(&rig, true)) {
			CHECK_NUMBER(rig_run(&rig, MACHINE_RESUME, 0).argument, 1002);
			rig_reset(&rig);
			CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 3);
			rig_reset(&rig);
			CHECK_NUMBER(rig_run(&rig, MACHINE_RESUME, 0).argument, 1002);
		}
	}
	rig_close(&rig);
}

static void test_faults(const struct isolation *isolation)
{
	const struct {
		const char *guest;
		uint64_t vector, error_code, address;
		bool error_code_counts, address_counts;
	} faults[] = {
	    {guest_read_null, 14, 4, 8, true, true},
	    {guest_invalid_instruction, 6, 0, 0, false, false},
	    {guest_write_code, 14, 7, rig_address(guest_write_code), true, true},
	    {guest_execute_data, 14, 0x15, GUEST_POOL_BASE, true, true},
	    {guest_divide, 0, 0, 0, false, false},
	    {guest_breakpoint, 3, 0, 0, false, false},
	    {guest_noncanonical, 13, 0, 0, true, false},
	    {guest_privileged, 13, 0, 0, true, false},
	};
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct rig rig;
		if (rig_open(&rig, isolation, faults[i].guest) && rig_create(&rig, true)) {
			struct stop stop = rig_run(&rig, MACHINE_START, 0);
			bool good = CHECK(stop.why == MACHINE_FAULT);
			good &= CHECK_NUMBER(stop.fault.vector, faults[i].vector);
			good &= CHECK(!faults[i].error_code_counts ||
				      stop.fault.error_code == faults[i].error_code);
			good &= CHECK(!faults[i].address_counts ||
				      stop.fault.address == faults[i].address);
			good &= CHECK(faults[i].guest == guest_execute_data ||
				      (stop.fault.rip >= rig_address(faults[i].guest) &&
				       stop.fault.rip < rig_address(faults[i].guest) + 64));
			good &= CHECK_NUMBER(stop.fault.rbx, GUEST_WINDOW_BASE);
			if (!good)
				fprintf(stderr,
					"  fault %zu in %s: vector %lu, error code %#lx, "
					"address %#lx, rip %#lx\n",
					i, isolation->name, stop.fault.vector,
					stop.fault.error_code, stop.fault.address, stop.fault.rip);
			/* A machine whose guest crashed serves the next request. */
			rig_reset(&rig);
			CHECK(rig_run(&rig, MACHINE_START, 0).why == MACHINE_FAULT);
		}
		rig_close(&rig);
	}
}

/* Neither isolation has a gate for INT 0x80. The error code names the gate, which QEMU's processor
 * gets wrong; PVM answers with an invalid instruction. */
static void test_interrupt(const struct isolation *isolation)
{
	struct rig rig;
	if (rig_open(&rig, isolation, guest_interrupt) && rig_create(&rig, true)) {
		struct stop stop = rig_run(&rig, MACHINE_START, 0);
		CHECK(stop.why == MACHINE_FAULT);
		CHECK(stop.fault.vector == 13 ||
		      (stop.fault.vector == 6 && isolation == &isolation_kvm));
		if (isolation == &isolation_process)
			CHECK_NUMBER(stop.fault.error_code, 0x402);
	}
	rig_close(&rig);
}

static void test_deadline(const struct isolation *isolation)
{
	struct rig rig;
	if (rig_open(&rig, isolation, guest_spin) && rig_create(&rig, true)) {
		for (int round = 0; round < 3; round++) {
			CHECK(rig_run(&rig, MACHINE_START, 0).why == MACHINE_HYPERCALL);
			uint64_t begin = clock_now_ns();
			struct stop stop = rig_run_for(&rig, MACHINE_CONTINUE, 0, 20 * MILLISECOND);
			uint64_t took = clock_now_ns() - begin;
			CHECK(stop.why == MACHINE_DEADLINE);
			CHECK(took >= 20 * MILLISECOND);
			rig_reset(&rig);
		}
	}
	rig_close(&rig);
}

enum touch { TOUCH_WRITE = 1, TOUCH_READ, TOUCH_CALL };

static bool can_touch(struct rig *rig, enum touch touch)
{
	struct stop stop = rig_run(rig, MACHINE_CONTINUE, touch);
	return stop.why == MACHINE_HYPERCALL && stop.argument == 100 + touch;
}

static int protect(struct rig *rig, uint32_t protection)
{
	return rig->isolation->protect(rig->machine, GUESTS_PROGRAM, 4096, protection);
}

static void test_protect(const struct isolation *isolation)
{
	struct rig rig;
	if (!rig_open(&rig, isolation, guest_touch) || !rig_create(&rig, true)) {
		rig_close(&rig);
		return;
	}
	CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 100);
	CHECK(can_touch(&rig, TOUCH_WRITE));
	CHECK(can_touch(&rig, TOUCH_READ));
	CHECK_NUMBER(protect(&rig, GUEST_READ | GUEST_EXECUTE), 0);
	CHECK(can_touch(&rig, TOUCH_READ));
	CHECK(can_touch(&rig, TOUCH_CALL));
	CHECK_NUMBER(protect(&rig, GUEST_READ | GUEST_WRITE), 0);
	CHECK(can_touch(&rig, TOUCH_WRITE));
	CHECK_NUMBER(protect(&rig, GUEST_READ), 0);
	CHECK(can_touch(&rig, TOUCH_READ));
	CHECK(!can_touch(&rig, TOUCH_WRITE));
	/* Permissions are as fresh as memory after a reset. */
	rig_reset(&rig);
	CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 100);
	CHECK(can_touch(&rig, TOUCH_WRITE));
	CHECK(!can_touch(&rig, TOUCH_CALL));
	rig_reset(&rig);
	CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 100);
	CHECK_NUMBER(protect(&rig, 0), 0);
	CHECK(!can_touch(&rig, TOUCH_READ));
	/* What no region holds cannot be changed. */
	rig_reset(&rig);
	CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 100);
	CHECK_NUMBER(rig.isolation->protect(rig.machine, 0x10000000, 4096, GUEST_READ), -ENOMEM);
	CHECK(can_touch(&rig, TOUCH_READ));
	rig_close(&rig);
}

/* What the set-up changes, the clones have. */
static void test_protect_in_setup(const struct isolation *isolation)
{
	struct rig rig;
	if (!rig_open(&rig, isolation, guest_touch) || !rig_create(&rig, false)) {
		rig_close(&rig);
		return;
	}
	CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 100);
	CHECK(can_touch(&rig, TOUCH_WRITE));
	CHECK_NUMBER(protect(&rig, GUEST_READ | GUEST_EXECUTE), 0);
	rig_destroy(&rig);
	if (rig_create(&rig, true)) {
		for (int round = 0; round < 2; round++) {
			CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 100);
			CHECK(can_touch(&rig, TOUCH_CALL));
			CHECK(!can_touch(&rig, TOUCH_WRITE));
			rig_reset(&rig);
		}
	}
	rig_close(&rig);
}

/* Physical memory that is not there is a device's: an access stops the machine, and is finished by
 * whoever serves it. Bytes at the program's address are such. */
static void test_device_memory(const struct isolation *isolation)
{
	const uint64_t device = 1UL << 36;
	struct rig rig;
	if (!isolation->has_ports)
		return;
	if (rig_open(&rig, isolation, guest_use)) {
		uint64_t *leaf = page_find_leaf(rig.image.memory, GUESTS_PROGRAM);
		*leaf = (*leaf & ~ENTRY_ADDRESS) | device;
	}
	if (rig_create(&rig, true)) {
		for (int round = 0; round < 2; round++) {
			CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
			struct stop stop = rig_run(&rig, MACHINE_CONTINUE, GUESTS_PROGRAM + 4);
			CHECK(stop.why == MACHINE_MEMORY && !stop.access.is_write);
			CHECK_NUMBER(stop.access.address, device + 4);
			CHECK_NUMBER(stop.access.size, 1);
			CHECK_NUMBER(stop.access.count, 1);
			*stop.access.data = 0x5a;
			stop = rig_run(&rig, MACHINE_CONTINUE, 0);
			CHECK(stop.why == MACHINE_HYPERCALL);
			CHECK_NUMBER(stop.argument, 0x5a);
			stop = rig_run(&rig, MACHINE_CONTINUE, GUESTS_PROGRAM + 1);
			CHECK(stop.why == MACHINE_MEMORY && stop.access.is_write);
			CHECK_NUMBER(stop.access.address, device);
			CHECK_NUMBER(*stop.access.data, 0xc3);
			CHECK(rig_run(&rig, MACHINE_CONTINUE, 0).why == MACHINE_HYPERCALL);
			/* One that nobody serves is told like a fault, and is not finished later. */
			struct error error = {0};
			struct guest_fault fault;
			stop = rig_run(&rig, MACHINE_CONTINUE, GUESTS_PROGRAM);
			CHECK(stop.why == MACHINE_MEMORY);
			CHECK_NUMBER(isolation->inspect(rig.machine, &fault, &error), 0);
			CHECK_NUMBER(fault.r12, GUESTS_PROGRAM);
			rig_reset(&rig);
		}
	}
	rig_close(&rig);
}

static void test_private_bytes(const struct isolation *isolation)
{
	struct rig rig;
	if (rig_open(&rig, isolation, guest_count) && rig_create(&rig, true)) {
		rig_run(&rig, MACHINE_START, 0);
		uint64_t bytes = isolation->private_bytes(rig.machine);
		CHECK(bytes >= 4096 && bytes < 1UL << 20);
	}
	rig_close(&rig);
}

static bool is_touched(const struct working_set *working_set, uint64_t address)
{
	size_t count;
	const uint64_t *touched = working_set_touched(working_set, &count);
	for (size_t i = 0; i < count; i++)
		if (touched[i] == address)
			return true;
	return false;
}

/* But for the control page. */
static bool window_is_zero(const struct rig *rig)
{
	for (size_t i = GUEST_PAGE_SIZE; i < WINDOW_SIZE; i++)
		if (rig->window.memory[i])
			return false;
	return true;
}

/* Pages of a machine's memory behind its page tables that are mapped: a reset looks at them all. */
static size_t mapped_pages(const struct rig *rig)
{
	const size_t first =
	    (rig->image.page_tables + rig->image.page_tables_size) / GUEST_PAGE_SIZE;
	const size_t pages = rig->image.size / GUEST_PAGE_SIZE;
	const struct machine_kvm *machine = machine_kvm(rig->machine);
	cleanup_close int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	cleanup_free uint64_t *entries = calloc(pages, sizeof(*entries));
	const off_t at = (off_t)((uintptr_t)machine->memory / GUEST_PAGE_SIZE * sizeof(*entries));
	size_t count = 0;
	if (!CHECK(entries && pread(pagemap, entries, pages * sizeof(*entries), at) ==
				  (ssize_t)(pages * sizeof(*entries))))
		return 0;
	for (size_t i = first; i < pages; i++)
		count += entries[i] >> 63;
	return count;
}

/* Maps pages that no request touches, as the kernel does around those that are read when it has
 * time. */
static void map_surplus(const struct rig *rig)
{
	const uint8_t *pool = image_pointer(&rig->image, GUEST_POOL_BASE, GUESTS_DATA_SIZE);
	uint8_t *own = machine_kvm(rig->machine)->memory + (pool - rig->image.memory);
	CHECK(!madvise(own, GUESTS_DATA_SIZE, MADV_POPULATE_READ));
}

/* Serves so many requests in a new clone. *pages: how many were mapped after the first of them, and
 * after the last. */
static void serve_in_clone(struct rig *rig, int requests, bool surplus, size_t pages[2])
{
	struct error error = {0};
	if (!rig_create(rig, true))
		return;
	CHECK(window_is_zero(rig));
	if (surplus)
		map_surplus(rig);
	for (int request = 0; request < requests; request++) {
		alarm_init(&rig->machine->alarm);
		CHECK_NUMBER(rig_run(rig, MACHINE_RESUME, 0).argument, 1000);
		rig_reset(rig);
		CHECK_NUMBER(window_clear(&rig->window, &error), 0);
		pages[request > 0] = mapped_pages(rig);
	}
	rig_destroy(rig);
}

/* The first request of a snapshot tells which pages it touched: clones that are made later have them,
 * and none has others. They all serve alike. */
static void test_touched(const struct isolation *isolation, int requests)
{
	struct working_set *working_set = calloc(1, sizeof(*working_set));
	struct rig rig;
	size_t count, pages[2] = {0, 0};
	if (!rig_open(&rig, isolation, guest_count) || !CHECK(working_set)) {
		rig_close(&rig);
		free(working_set);
		return;
	}
	rig.image.working_set = working_set;
	/* The guest reads the first page alone. */
	uint8_t *pool = image_pointer(&rig.image, GUEST_POOL_BASE, GUESTS_DATA_SIZE);
	memset(pool + GUEST_PAGE_SIZE, 1, GUESTS_DATA_SIZE - GUEST_PAGE_SIZE);
	serve_in_clone(&rig, requests, true, pages);
	working_set_touched(working_set, &count);
	CHECK(count > 0);
	CHECK(pages[0] < GUESTS_DATA_SIZE / GUEST_PAGE_SIZE); /* the surplus is gone */
	serve_in_clone(&rig, 0, false, pages);		      /* which does not count */
	for (int clone = 0; clone < 2; clone++)
		serve_in_clone(&rig, 3, false, pages);
	working_set_touched(working_set, &count);
	CHECK(is_touched(working_set, GUEST_LIBOS_BASE));
	CHECK(is_touched(working_set, GUEST_HYPERCALL));
	CHECK(is_touched(working_set, GUEST_WINDOW_BASE));
	CHECK(!is_touched(working_set, GUEST_WINDOW_BASE + WINDOW_ARENA_OFFSET));
	CHECK(pages[0] <= count && pages[1] == pages[0]);
	rig_close(&rig);
	free(working_set);
}

static void test_isolation(const struct isolation *isolation)
{
	if (!strcmp(isolation->name, "kvm")) {
		test_touched(isolation, 1);
		test_touched(isolation, 3);
	}
	test_round_trip(isolation);
	test_registers_kept(isolation);
	test_system_call(isolation);
	test_reset(isolation);
	test_snapshot(isolation);
	test_faults(isolation);
	test_interrupt(isolation);
	test_deadline(isolation);
	test_protect(isolation);
	test_protect_in_setup(isolation);
	test_device_memory(isolation);
	test_private_bytes(isolation);
}

int main(int argc, char **argv)
{
	return rig_main(argc, argv, test_isolation);
}
