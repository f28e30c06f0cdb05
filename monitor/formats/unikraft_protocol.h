/* What tells images of Unikraft from other ELF files, and by which protocol they start. Needs no
 * machine. */
#ifndef MAYFLY_MONITOR_UNIKRAFT_PROTOCOL_H
#define MAYFLY_MONITOR_UNIKRAFT_PROTOCOL_H

#include "elf_reader.h"

enum unikraft_protocol {
	UNIKRAFT_UNKNOWN,
	UNIKRAFT_LINUX,	    /* Linux's 64-bit boot protocol, as Firecracker's images have it */
	UNIKRAFT_MULTIBOOT, /* multiboot 1, as QEMU's images have it */
};

/* True for a file, open to be read, that is such an image: whatever boot protocol an image of Unikraft
 * has, or any ELF file that begins by one of these. */
bool unikraft_recognise(int fd);

/* The protocol by which an ELF file starts, by its code. */
enum unikraft_protocol unikraft_protocol_of(const struct elf_source *source,
					    const struct elf_header *header);

/* True where a header of multiboot 1 stands where boot loaders look for it. */
bool unikraft_has_multiboot(const struct elf_source *source);

#endif
