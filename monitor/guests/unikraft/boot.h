/* How an image of Unikraft is laid out in memory before it starts, by its boot protocol: for this
 * folder only. Where things lie is in pc/boot.h.
 *
 * References: Documentation/arch/x86/boot.rst of Linux, "64-bit Boot Protocol", and zero-page.rst;
 * Multiboot Specification 0.6.96.
 */
#ifndef MAYFLY_MONITOR_UNIKRAFT_BOOT_H
#define MAYFLY_MONITOR_UNIKRAFT_BOOT_H

#include "image.h"
#include "monitor/isolation/kernel.h"
#include "monitor/memory/image.h"

struct unikraft_boot {
	const struct unikraft_image *image;
	const uint8_t *file;   /* as it was parsed */
	const uint8_t *initrd; /* NULL: none */
	size_t initrd_size;
	const char *command_line;  /* shorter than PC_COMMAND_LINE_MAX */
	const struct image *guest; /* its memory, from guest-physical 0, zero */
	uint8_t *memory;	   /* and where that is here */
	uint64_t memory_size;
};

/* Puts all into memory. ENOMEM where the initial RAM disk does not fit. */
int unikraft_boot_place(const struct unikraft_boot *boot, struct error *error);

/* What the processor begins with: known of the image alone. */
void unikraft_boot_start(const struct unikraft_image *image, uint64_t memory_size,
			 struct kernel_start *start);

/* In fresh memory, the command line of a guest with these arguments, the first of which is its name,
 * with spaces between them, and `parameters` behind the name. What has spaces itself is put into
 * quotes. E2BIG, or EINVAL for what cannot be quoted. */
int unikraft_command_line(char **line, const char *const *arguments, const char *parameters,
			  struct error *error);

#endif
