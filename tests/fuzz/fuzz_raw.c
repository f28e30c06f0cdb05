/* Raw images from hostile hands: the input is a whole file. Of what is loaded the memory keeps the
 * promises of page_tables.h, and the devices can be attached again, saved and loaded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mayfly/raw_image.h"
#include "monitor/guests/kind.h"
#include "monitor/guests/recognise.h"
#include "monitor/slot/slot.h"
#include "util/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

static void check_image(const struct image *image, const struct guest *guest)
{
	for (size_t i = 0; i < image->region_count; i++) {
		const struct image_region *region = &image->regions[i];
		const uint32_t both = GUEST_WRITE | GUEST_EXECUTE;
		check((region->protection & both) != both);
		check(region->address >= 65536 &&
		      region->address + region->length < GUEST_POOL_BASE);
	}
	const struct image_region *code = image_region_at(image, guest->entries.start);
	check(code && code->protection & GUEST_EXECUTE);
}

static void check_devices(const struct guest *guest)
{
	struct error error = {0};
	struct slot slot = {.guest = guest, .name = "fuzz"};
	check(!guest->kind->open(&slot, &error));
	check(!guest->kind->begin(&slot, &error));
	guest->kind->close(&slot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32];
	struct error error = {0};
	struct guest *guest = NULL;
	struct image image = {.memfd = -1};
	cleanup_close int fd = memfd_create("fuzz", MFD_CLOEXEC);
	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	const struct guest_options options = {.program = path};
	const bool known = guest_format_of(path) == &guest_format_raw;
	if (!guest_raw.load(&guest, &options, &image, &error)) {
		check(known);
		check_image(&image, guest);
		check_devices(guest);
		guest_release(guest);
	} else {
		check(error.code > 0 && *error.text);
	}
	image_release(&image);
	return 0;
}
