/* Linux kernels from hostile hands: the input is a whole file, as a bzImage and as an ELF file. What is
 * loaded begins in the guest's memory, within what was loaded. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "monitor/guests/linux/boot.h"
#include "sizes/sizes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMORY (48UL << 20)

static void check(int condition)
{
	if (!condition)
		abort();
}

static void load(int (*loader)(struct linux_boot *boot, struct error *error), const uint8_t *data,
		 size_t size)
{
	static const uint8_t initrd[5000];
	struct error error = {0};
	struct linux_boot boot = {
	    .file = data,
	    .file_size = size,
	    .initrd = initrd,
	    .initrd_size = sizeof(initrd),
	    .command_line = "console=ttyS0",
	    .memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
	    .memory_size = MEMORY,
	};
	check(boot.memory != MAP_FAILED);
	if (loader(&boot, &error)) {
		check(error.code > 0 && *error.text);
	} else {
		check(boot.start.rip >= PC_KERNEL_LOW && boot.start.rip < MEMORY);
		check(boot.initrd_address >= PC_KERNEL_LOW &&
		      range_within(boot.initrd_address, sizeof(initrd), MEMORY));
	}
	munmap(boot.memory, MEMORY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of that size, so that reading beyond its end is found. */
	uint8_t *file = malloc(size ? size : 1);
	check(file != NULL);
	if (size)
		memcpy(file, data, size);
	load(linux_bzimage_load, file, size);
	load(linux_pvh_load, file, size);
	free(file);
	return 0;
}
