/* Finding the instructions on the interrupt flag, CPUID, and accesses to ports, in a kernel's code. */
#ifndef MAYFLY_MONITOR_KERNEL_FLAGS_SEARCH_H
#define MAYFLY_MONITOR_KERNEL_FLAGS_SEARCH_H

#include <Zydis/Zydis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/isolation/kernel.h"
#include "util/error.h"

/* A jump is this long; so many bytes of instructions have to be moved for one. */
#define FLAGS_JUMP_LENGTH 5

/* A place where such an instruction stands. */
struct flags_place {
	uint32_t address;
	uint32_t is_entered; /* 1: something leads into the bytes behind its first */
};

#define FLAGS_PLACES_MAX 16384
#define FLAGS_TABLES_MAX (1UL << 18)

/* What the code says, whatever the data are. */
struct flags_places {
	struct flags_place *places; /* in the order of their addresses */
	size_t count;
	uint32_t *tables; /* addresses that instructions name, in order: a table may be there */
	size_t table_count;
};

void flags_places_free(struct flags_places *places);

/* Decodes all code, one instruction after the other. The result depends on nothing but the code and
 * where it is; the caller frees it with flags_places_free(). Code that names more than
 * FLAGS_TABLES_MAX addresses has no tables, and all its places count as entered. */
int flags_search(const uint8_t *memory, const struct kernel_start *kernel,
		 struct flags_places *places, struct error *error);

/* Marks the places that something in one of the tables leads into, as the memory is now. */
int flags_search_tables(const uint8_t *memory, const struct kernel_start *kernel,
			struct flags_places *places, struct error *error);

/* IN to AL from, or OUT of AL to the port in DX, without prefixes. */
bool flags_is_port_access(const ZydisDecodedInstruction *instruction);

/* True where such an instruction stands at `code`, of which `length` bytes may be looked at. */
bool flags_is_place(const uint8_t *code, uint64_t length);

#endif
