/* What tells Linux kernels from other files, and where those of ELF files begin. Needs no machine. */
#ifndef MAYFLY_MONITOR_LINUX_KERNEL_H
#define MAYFLY_MONITOR_LINUX_KERNEL_H

#include "elf_reader.h"

#define LINUX_MAGIC_OFFSET 0x202UL /* of "HdrS", in the setup header of a bzImage */

/* True for the head of a bzImage. */
bool linux_bzimage_recognise(const uint8_t *head, size_t length);

/* True for a file, open to be read, that is a kernel in an ELF file: it has a note that names a PVH
 * entry, or parts for the upper half of the address space, where no program has any. */
bool linux_elf_recognise(int fd);

/* The entry that a PVH note of the file names; 0: none does. */
uint64_t linux_pvh_entry(const struct elf_source *source, const struct elf_header *header);

#endif
