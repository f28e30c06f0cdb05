/* ELF programs: parsing and checking, without touching a machine. */
#ifndef MAYFLY_MONITOR_ELF_FILE_H
#define MAYFLY_MONITOR_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define ELF_SEGMENTS_MAX    16
#define ELF_INTERPRETER_MAX 256
#define ELF_FILE_MAX	    (1UL << 30)
#define ELF_ADDRESS_LIMIT   (1UL << 47) /* the lower half of the address space */

struct elf_segment {
	uint64_t address;	    /* as the file says; plus the load base for a PIE */
	uint64_t memory_size;	    /* bytes in memory; the tail beyond file_size is zero */
	uint64_t offset, file_size; /* in the file */
	uint32_t protection;	    /* GUEST_READ | … */
};

struct elf_file {
	uint8_t *data; /* the whole file */
	size_t size;
	bool mapped; /* by mmap(2) instead of allocated */
	uint64_t entry;
	uint64_t headers_address; /* guest address of the program headers, 0 where not loaded */
	uint16_t header_count;
	bool is_pie;
	bool executable_stack;
	char interpreter[ELF_INTERPRETER_MAX]; /* a path, or empty: static */
	uint64_t low, high;		       /* page-aligned bounds of all segments */
	struct elf_segment segments[ELF_SEGMENTS_MAX];
	size_t segment_count;
};

/* Reads and checks the file: an ELF program for x86-64, segments within the file, in ascending
 * order without overlap. Says in `error` what is wrong and what to do about it. Release by elf_file_release(). */
int elf_file_open(struct elf_file *file, const char *path, struct error *error);

/* The same for a file in memory, which the caller keeps. `name` is for messages. */
int elf_file_parse(struct elf_file *file, const uint8_t *data, size_t size, const char *name,
		   struct error *error);

void elf_file_release(struct elf_file *file);

/* The function that holds `address` (as in the file, without a load base); NULL where the file
 * has no symbol for it. *offset: distance from the symbol's start. */
const char *elf_file_symbol(const struct elf_file *file, uint64_t address, uint64_t *offset);

#endif
