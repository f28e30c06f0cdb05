/* The stubs (lib/syscall_patch/code.h) of a program and its interpreter,
 * made when they are loaded. */
#ifndef MAYFLY_MONITOR_SYSCALL_PATCHES_H
#define MAYFLY_MONITOR_SYSCALL_PATCHES_H

#include "monitor/memory/image.h"

#define SYSCALL_PATCHES_SIZE_MAX (128UL << 10) /* of the region that holds them */

/* Rewrites the sites in the regions from `first_region` on, and puts the stubs into a region of
 * their own behind `end`, the end of the program. `syscall_entry`: the library OS's. */
int syscall_patches_install(struct image *image, size_t first_region, uint64_t end,
			    uint64_t syscall_entry, struct error *error);

#endif
