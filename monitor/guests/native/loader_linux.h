/* Loads a Linux program: the ELF file, the library OS beside it, and the stack that Linux gives a
 * new program. The result is an image that every isolation can run. */
#ifndef MAYFLY_MONITOR_LOADER_LINUX_H
#define MAYFLY_MONITOR_LOADER_LINUX_H

#include "monitor/elf/elf_file.h"
#include "monitor/isolation/isolation.h"
#include "monitor/memory/image.h"
#include "root/image.h"

#define LOADER_MEMORY_MIN (1UL << 20)
#define LOADER_MEMORY_MAX (64UL << 30)

struct loader_program {
	const struct elf_file *file;
	const struct elf_file *interpreter; /* NULL or empty for a static program */
	const struct root_image *root;	    /* NULL: there is none */
	bool root_served;		    /* the root is a directory instead */
	const char *path;		    /* as given: AT_EXECFN */
	const char *absolute_path;	    /* for /proc/self/exe */
	const char *const *arguments;	    /* NULL-terminated, the program's name first */
	const char *const *environment;
	const char *directory; /* where it starts, in the root; "" or NULL for the root itself */
	bool connects;	       /* requests come over connections, at that port; 0: at any */
	uint16_t port;
	uint32_t request_variables; /* how many a request may bring */
	const void *files;	    /* for the program, as struct guest_given_file */
	uint64_t files_size;
	uint32_t user, group;
	const char *host_name; /* NULL: the usual one */
	uint64_t memory;       /* bytes: segments, stack and pool */
};

/* Builds the image, and says where the library OS is entered. ENOMEM says how much memory the
 * program needs at least. */
int loader_linux_build(struct image *image, const struct loader_program *program,
		       const struct elf_file *library_os, struct machine_entries *entries,
		       struct error *error);

/* Where a program is put: what is added to the addresses in its file. */
uint64_t loader_linux_base(const struct elf_file *program);

#endif
