/* A machine for the tests' kernels; see kernel_rig.h. */
#include "kernel_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/kvm/kernel/flags.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"

#define GDT	    0x8000UL
#define PAGE_TABLES 0x9000UL
#define FLAGS_PAGE  0xc0000UL
#define KERNEL	    0x100000UL /* where it is linked to */
#define KERNEL_MAX  (4UL << 20)
#define CODE_END    8 /* offset of an address in the file */

#define ENTRY_TABLE 3UL	   /* present, writable */
#define ENTRY_LARGE 0x83UL /* and 2 MiB */

#define PORT_CONSOLE 0x3f8
#define PORT_END     0xf4

static void write_tables(uint8_t *memory)
{
	static const uint64_t gdt[] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff};
	uint64_t *tables = (uint64_t *)(memory + PAGE_TABLES);
	memcpy(memory + GDT, gdt, sizeof(gdt));
	tables[0] = (PAGE_TABLES + 4096) | ENTRY_TABLE;
	tables[512] = (PAGE_TABLES + 8192) | ENTRY_TABLE;
	for (uint64_t i = 0; i < 512; i++)
		tables[1024 + i] = i << 21 | ENTRY_LARGE;
}

static int load(struct kernel_rig *rig, const char *path)
{
	cleanup_free uint8_t *file = NULL;
	size_t length;
	uint64_t code_end;
	int result = file_read(path, KERNEL_MAX, &file, &length, &rig->error);
	if (result)
		return result;
	memcpy(&code_end, file + CODE_END, sizeof(code_end));
	memcpy(rig->image.memory + KERNEL, file, length);
	write_tables(rig->image.memory);
	rig->start = (struct kernel_start){
	    .mode = KERNEL_LONG,
	    .rip = KERNEL,
	    .rsp = KERNEL,
	    .cr0 = 0x80000011,
	    .cr3 = PAGE_TABLES,
	    .cr4 = 0x620,
	    .efer = 0x500,
	    .gdt = GDT,
	    .gdt_limit = 23,
	    .code_selector = 8,
	    .data_selector = 16,
	    .memory = RIG_MEMORY,
	    .flags_page = FLAGS_PAGE,
	    .code = {{KERNEL, code_end - KERNEL}},
	    .code_count = 1,
	};
	return 0;
}

static int make_bus(struct kernel_rig *rig)
{
	rig->bus = bus_create(&rig->error);
	int result = rig->bus ? 0 : -ENOMEM;
	if (!result)
		result = bus_attach(rig->bus, "pic", "", &rig->error);
	if (!result)
		result = bus_attach(rig->bus, "pit", "", &rig->error);
	rig->slot.bus = rig->bus;
	return result;
}

static int make_machine(struct kernel_rig *rig, bool private)
{
	const struct machine_description description = {
	    .image = &rig->image,
	    .window = &rig->window,
	    .kernel = &rig->start,
	    .private = private,
	};
	int result = isolation_kvm.create(&rig->machine, rig->host, &description, &rig->error);
	if (result)
		rig->machine = NULL;
	else
		rig->machine->interrupts = bus_interrupts(rig->bus);
	rig->slot.machine = rig->machine;
	rig->slot.name = "kernel";
	return result;
}

int rig_open(struct kernel_rig *rig, const char *path, bool private)
{
	*rig = (struct kernel_rig){.image.memfd = -1, .image.root = -1, .window.memfd = -1};
	if (isolation_kvm.probe(&rig->error))
		return -ENODEV;
	int result = isolation_kvm.open(&rig->host, &rig->error);
	if (!result)
		result = image_create_flat(&rig->image, RIG_MEMORY + KERNEL_OWN_SIZE, &rig->error);
	if (!result)
		result = window_create(&rig->window, &rig->error);
	if (!result)
		result = load(rig, path);
	if (!result && isolation_kvm.adapt_kernel)
		result = isolation_kvm.adapt_kernel(rig->host, rig->image.memory, &rig->start,
						    &rig->error);
	if (!result)
		result = make_bus(rig);
	return result ? result : make_machine(rig, private);
}

void rig_close(struct kernel_rig *rig)
{
	if (rig->machine)
		isolation_kvm.destroy(rig->machine);
	bus_release(rig->bus);
	window_release(&rig->window);
	image_release(&rig->image);
	if (rig->host)
		isolation_kvm.close(rig->host);
}

/* ── running ─────────────────────────────────────────────────────────────────────────────────── */

static void take_output(struct kernel_rig *rig, const uint8_t *bytes, size_t length)
{
	const size_t room = RIG_OUTPUT_MAX - rig->output_length;
	const size_t taken = length < room ? length : room;
	memcpy(rig->output + rig->output_length, bytes, taken);
	rig->output_length += taken;
	rig->output[rig->output_length] = 0;
}

/* True: the kernel has ended itself. */
static bool serve_access(struct kernel_rig *rig)
{
	const struct machine_access *access = &rig->exit.access;
	const bool is_port = rig->exit.stop == MACHINE_PORT;
	enum device_next next;
	bool found = false;
	rig->accesses++;
	if (is_port && access->is_write && access->address == PORT_END) {
		rig->status = access->data[0];
		return true;
	}
	if (is_port && access->is_write && access->address == PORT_CONSOLE)
		take_output(rig, access->data, (size_t)access->size * access->count);
	else if (bus_access(rig->bus, &rig->slot, &rig->exit, &found, &next, &rig->error) == 0 &&
		 !found && !access->is_write)
		memset(access->data, 0xff, (size_t)access->size * access->count);
	return false;
}

/* True: it goes on. */
static bool wait_for_interrupt(struct kernel_rig *rig, uint64_t deadline_ns, enum rig_end *end)
{
	enum device_next next;
	*end = RIG_HALTED;
	if (rig->exit.is_final || !bus_may_interrupt(rig->bus))
		return false;
	*end = RIG_LATE;
	return !bus_wait(rig->bus, &rig->slot, deadline_ns, &next, &rig->error) &&
	       clock_now_ns() < deadline_ns;
}

/* True: it goes on; else *end is how it came to its end. */
static bool serve_exit(struct kernel_rig *rig, uint64_t deadline_ns, enum rig_end *end)
{
	enum device_next next;
	switch (rig->exit.stop) {
	case MACHINE_PORT:
	case MACHINE_MEMORY:
		*end = RIG_ENDED;
		return !serve_access(rig);
	case MACHINE_HALT:
		return wait_for_interrupt(rig, deadline_ns, end);
	case MACHINE_TICK:
		*end = RIG_FAILED;
		return !bus_serve(rig->bus, &rig->slot, &next, &rig->error);
	case MACHINE_DEADLINE:
		*end = RIG_LATE;
		return false;
	case MACHINE_FAULT:
		*end = RIG_FELL;
		return false;
	default:
		*end = RIG_FAILED;
		return false;
	}
}

enum rig_end rig_run(struct kernel_rig *rig, uint64_t number, uint64_t limit_ns)
{
	enum machine_entry entry = MACHINE_START;
	enum rig_end end = RIG_FAILED;
	uint64_t pages;
	rig->output_length = rig->accesses = 0;
	rig->output[0] = 0;
	rig->start.rsi = number;
	if (isolation_kvm.reset(rig->machine, &pages, &rig->error) ||
	    bus_load(rig->bus, NULL, 0, &rig->error))
		return RIG_FAILED;
	const uint64_t deadline_ns = clock_now_ns() + limit_ns;
	do {
		/* As a slot does (monitor/serve.c): signals are late in a build with ThreadSanitizer. */
		if (clock_now_ns() >= deadline_ns)
			return RIG_LATE;
		rig->exit = (struct machine_exit){.stop = MACHINE_LOST};
		rig->machine->interrupts.wake_ns = bus_due(rig->bus);
		if (isolation_kvm.run(rig->machine, entry, deadline_ns, &rig->exit, &rig->error))
			return RIG_FAILED;
		entry = MACHINE_CONTINUE;
	} while (serve_exit(rig, deadline_ns, &end));
	return end;
}
