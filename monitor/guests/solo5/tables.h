/* The page tables that a Solo5 guest begins with. */
#ifndef MAYFLY_MONITOR_SOLO5_TABLES_H
#define MAYFLY_MONITOR_SOLO5_TABLES_H

#include <stdint.h>

#include "monitor/guests/solo5/program.h"
#include "monitor/isolation/kernel.h"
#include "util/error.h"

/* Where a guest has the box for its calls (isolation/call_box.h) and the stubs: the last pages below its
 * image. */
#define SOLO5_CALLS_ADDRESS (SOLO5_GUEST_BASE - KERNEL_CALLS_SIZE)

/* Where boot information, manifest and command line end at most. */
#define SOLO5_BOOT_END 0x14000UL

/* Builds page tables and descriptor table at the beginning of a guest's memory, and says in *start
 * where they are. Every page of memory is where its number says; code can be executed and nothing
 * else, and what can be executed cannot be written. Below SOLO5_GUEST_BASE the guest sees only the
 * boot information, to be read. ENOEXEC where the program's code and constants are too large. */
int solo5_tables_build(uint8_t *memory, uint64_t size, const struct solo5_program *program,
		       struct kernel_start *start, struct error *error);

#endif
