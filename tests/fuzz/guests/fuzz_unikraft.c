/* Images of Unikraft from hostile hands: the input is a whole file. What is loaded keeps the promises of
 * guests/unikraft/image.h and isolation/kernel.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "monitor/guests/pc/boot.h"
#include "monitor/guests/pc/pc.h"
#include "monitor/guests/recognise.h"
#include "monitor/guests/unikraft/image.h"
#include "util/cleanup.h"

#define MEMORY (8UL << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

static void check_image(const uint8_t *data, size_t size)
{
	struct unikraft_image image;
	struct error error = {0};
	check(!unikraft_image_parse(&image, data, size, MEMORY, &error));
	check(image.protocol != UNIKRAFT_UNKNOWN && image.end <= MEMORY);
	check(image.entry >= PC_KERNEL_LOW && image.entry < image.end);
	for (size_t i = 0; i < image.segment_count; i++) {
		const struct unikraft_segment *segment = &image.segments[i];
		check(segment->address >= PC_KERNEL_LOW && segment->address < image.end);
		check(segment->memory_size <= image.end - segment->address);
		check(segment->file_size <= segment->memory_size && segment->file_size <= size);
		check(segment->offset <= size - segment->file_size);
	}
}

static void check_guest(const struct guest *guest, const struct image *memory)
{
	const struct kernel_start *start = guest->kernel;
	check(image_is_flat(memory) && memory->size == MEMORY + KERNEL_OWN_SIZE);
	check(start->memory == MEMORY && start->rip < MEMORY && start->rsp < PC_LOW_BEGIN);
	check(start->code_count <= KERNEL_CODES_MAX);
	for (size_t i = 0; i < start->code_count; i++)
		check(start->code[i].address < MEMORY &&
		      start->code[i].length <= MEMORY - start->code[i].address);
	check(memory->memory[PC_COMMAND_LINE + PC_COMMAND_LINE_MAX - 1] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const arguments[] = {"image", "a.b=1", "--", "two words", NULL};
	static const char *const devices[] = {"block:disk=@request", NULL};
	char path[32];
	struct error error = {0};
	struct guest *guest = NULL;
	struct image memory = {.memfd = -1};
	cleanup_close int fd = memfd_create("fuzz", MFD_CLOEXEC);
	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	const struct guest_options options = {.program = path,
					      .arguments = arguments,
					      .memory = MEMORY,
					      .devices = size % 2 ? devices : NULL};
	guest_format_of(path);
	if (!guest_unikraft.load(&guest, &options, &memory, &error)) {
		check_image(data, size);
		check_guest(guest, &memory);
		guest_release(guest);
	} else {
		check(error.code > 0 && *error.text && !strchr(error.text, '\n'));
	}
	image_release(&memory);
	return 0;
}
