/* Solo5 images from hostile hands, as those of both targets: the input is a whole file. What is loaded
 * keeps the promises of program.h and tables.h, or of isolation/direct.h; calls of spt guests stay within
 * their devices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/guests/recognise.h"
#include "monitor/guests/solo5/solo5.h"
#include "monitor/guests/solo5/spt_abi.h"
#include "util/cleanup.h"

#define MEMORY (8UL << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

/* What the tables have for an address; 0: nothing. */
static uint64_t walk(const struct image *image, uint64_t cr3, uint64_t address)
{
	uint64_t entry = cr3 | 1;
	for (int level = 3; level >= 0 && entry & 1; level--) {
		const uint64_t table = entry & 0xffffffffff000UL;
		if (level == 0 && entry & 0x80)
			break; /* a large page */
		check(table < SOLO5_GUEST_BASE);
		memcpy(&entry, image->memory + table + 8 * (address >> (12 + 9 * level) & 511), 8);
	}
	return entry & 1 ? entry : 0;
}

static void check_image(const struct image *image, const struct guest_solo5 *guest)
{
	const uint64_t no_execute = 1UL << 63, writable = 2;
	const struct kernel_start *start = &guest->start;
	check(image->size == start->memory + KERNEL_OWN_SIZE);
	check(start->memory == MEMORY && start->rsp < MEMORY && start->rip < MEMORY);
	check(!(walk(image, start->cr3, start->rip) & no_execute));
	for (uint64_t address = 0; address < MEMORY; address += 4096) {
		const uint64_t entry = walk(image, start->cr3, address);
		check(!entry || entry & no_execute || !(entry & writable));
		check(address < SOLO5_GUEST_BASE || entry);
	}
}

static void check_parts(const struct image *image, const struct direct_start *start)
{
	uint64_t next = DIRECT_MEMORY_BASE;
	bool entered = false;
	check(start->part_count && start->part_count <= DIRECT_PARTS_MAX);
	for (size_t i = 0; i < start->part_count; i++) {
		const struct direct_part *part = &start->parts[i];
		const bool executable = part->protection & GUEST_EXECUTE;
		check(part->address == next && part->length && !(part->length % GUEST_PAGE_SIZE));
		check(!executable || !(part->protection & GUEST_WRITE));
		entered |= executable && start->entry - part->address < part->length;
		next = part->address + part->length;
	}
	check(next == MEMORY && image->size == MEMORY && entered);
	check(start->stack == MEMORY - 8 && start->argument == SPT_BOOT_INFO);
}

static void check_boot(const struct image *image, const struct direct_start *start)
{
	struct spt_boot_info boot;
	memcpy(&boot, image->memory + SPT_BOOT_INFO, sizeof(boot));
	check(boot.memory_size == MEMORY && boot.image_end <= MEMORY);
	check(boot.epoll == direct_epoll(start) && boot.timer == direct_timer(start));
	check(!strcmp((const char *)image->memory + boot.command_line, "one two"));
}

/* Only what the guest has, and nothing that could make more. */
static void check_calls(const struct direct_start *start)
{
	for (size_t i = 0; i < start->call_count; i++) {
		const struct direct_call *call = &start->calls[i];
		check(call->condition_count <= DIRECT_CONDITIONS_MAX);
		check(call->condition_count || call->number == SYS_exit_group);
		if (call->number != SYS_pread64)
			continue;
		check(call->condition_count == 3 && call->conditions[0].value >= DIRECT_FIRST &&
		      call->conditions[0].value < (uint64_t)direct_epoll(start));
		check(call->conditions[1].value + call->conditions[2].value <= start->request_size);
	}
}

static void check_direct(const struct image *image, const struct direct_start *start)
{
	check_parts(image, start);
	check_boot(image, start);
	check_calls(start);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const arguments[] = {"program", "one", "two", NULL};
	static const char *const devices[] = {"block:disk=@request", "block:request=@request",
					      NULL};
	char path[32];
	struct error error = {0};
	struct guest *guest = NULL;
	struct image image = {.memfd = -1};
	cleanup_close int fd = memfd_create("fuzz", MFD_CLOEXEC);
	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	const struct guest_options options = {.program = path,
					      .arguments = arguments,
					      .memory = MEMORY,
					      .devices = size % 2 ? devices : NULL};
	const struct guest_format *format = guest_format_of(path);
	const bool is_spt = format == &guest_format_solo5_spt;
	const struct guest_kind *kind = is_spt ? &guest_solo5_spt : &guest_solo5;
	if (!kind->load(&guest, &options, &image, &error)) {
		if (is_spt)
			check_direct(&image, guest->direct);
		else
			check_image(&image, (const struct guest_solo5 *)guest);
		guest_release(guest);
	} else {
		check(error.code > 0 && *error.text && !strchr(error.text, '\n'));
	}
	image_release(&image);
	return 0;
}
