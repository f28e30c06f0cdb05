/* ELF programs, as execve(2) takes them: what their headers say. Every number is the file's; nothing is
 * used before it was checked. Freestanding and without state, so that a fuzzer can run it. */
#ifndef MAYFLY_GUEST_ELF_H
#define MAYFLY_GUEST_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX    32
#define ELF_INTERPRETER_MAX 4096 /* PATH_MAX, with the NUL */
#define ELF_HEADERS_MAX	    1170 /* 64 KiB of program headers; as Linux */

/* A part of the file that is to be in memory. */
struct elf_segment {
	uint64_t address;     /* as the file says */
	uint64_t memory_size; /* bytes; what lies behind file_size is zero */
	uint64_t offset, file_size;
	uint32_t protection; /* GUEST_READ | … */
};

struct elf_program {
	uint64_t entry;
	uint64_t headers_address; /* of the program headers in memory; 0: they are not loaded */
	uint16_t header_count;
	bool is_movable; /* ET_DYN: to any multiple of `alignment` */
	bool executable_stack;
	uint64_t interpreter_offset, interpreter_size; /* its path in the file; 0: it has none */
	uint64_t low, high;			       /* page-aligned bounds of all segments */
	uint64_t alignment;
	size_t segment_count;
	struct elf_segment segments[ELF_SEGMENTS_MAX];
};

/* Is the header, the file's first bytes, that of a program for this machine? 0 or -ENOEXEC. */
int elf_check_header(const Elf64_Ehdr *header);

/* Reads the program headers of a header that was checked, e_phnum of them, of a file with
 * `file_size` bytes. 0, -ENOEXEC, or -ENOMEM: no address space could hold it. */
int elf_parse(struct elf_program *program, const Elf64_Ehdr *header, const Elf64_Phdr *headers,
	      uint64_t file_size);

#endif
