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

struct flags_places {
	struct flags_place *places; /* in the order of their addresses */
	size_t count;
};

/* Decodes all code, one instruction after the other. The caller frees places->places. */
int flags_search(const uint8_t *memory, const struct kernel_start *kernel,
		 struct flags_places *places, struct error *error);

/* IN to AL from, or OUT of AL to the port in DX, without prefixes. */
bool flags_is_port_access(const ZydisDecodedInstruction *instruction);

/* True where such an instruction stands at `code`, of which `length` bytes may be looked at. */
bool flags_is_place(const uint8_t *code, uint64_t length);

#endif
