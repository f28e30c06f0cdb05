/* Shared objects, opened from files and from memory; see library.h. */
#include "library.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

int library_open_path(struct library *library, const char *path, int mode, struct error *error)
{
	*library = (struct library){.handle = dlopen(path, mode), .file = -1};
	return library->handle ? 0 : error_set(error, EINVAL, "dlopen: %s", dlerror());
}

static int open_with_fallback(struct library *library, const char *path, int mode, bool fallback,
			      struct error *error)
{
	int result = library_open_path(library, path, mode, error);
	return result && fallback
		   ? library_open_path(library, path, mode ^ (RTLD_NOW | RTLD_LAZY), error)
		   : result;
}

/* True if all that is to be loaded is there. The dynamic linker would map what is missing, and be
 * killed by touching it. */
static bool is_whole(const struct vaccel_blob *blob)
{
	Elf64_Ehdr head;
	if (blob->size < sizeof(head))
		return false;
	memcpy(&head, blob->data, sizeof(head));
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phentsize != sizeof(Elf64_Phdr) ||
	    !range_within(head.e_phoff, head.e_phnum * sizeof(Elf64_Phdr), blob->size))
		return false;
	for (size_t i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr part;
		memcpy(&part, blob->data + head.e_phoff + i * sizeof(part), sizeof(part));
		if (part.p_type == PT_LOAD &&
		    !range_within(part.p_offset, part.p_filesz, blob->size))
			return false;
	}
	return true;
}

static int make_file(const struct vaccel_blob *blob, int *file, struct error *error)
{
	cleanup_close int fd = memfd_create("library", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return error_set_errno(error, errno, "no memory for a library");
	int result = file_write_all(fd, blob->data, blob->size);
	if (result)
		return error_set_errno(error, -result, "no memory for a library");
	/* What is mapped does not change any more. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return error_set_errno(error, errno, "cannot seal a library");
	*file = take_fd(&fd);
	return 0;
}

int library_open_blob(struct library *library, const struct vaccel_blob *blob, int mode,
		      bool fallback, struct error *error)
{
	if (blob->path)
		return open_with_fallback(library, blob->path, mode, fallback, error);
	if (!blob->data || !blob->size)
		return error_set(error, EINVAL, "a library without content");
	if (!is_whole(blob))
		return error_set(error, EINVAL, "%s is no shared object, or not a whole one",
				 blob->name ? blob->name : "the library");
	char path[64];
	cleanup_close int fd = -1;
	int result = make_file(blob, &fd, error);
	if (result)
		return result;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	result = open_with_fallback(library, path, mode, fallback, error);
	if (!result)
		library->file = take_fd(&fd);
	return result;
}

bool library_close(struct library *library)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", library->file);
	bool closed = !library->handle || !dlclose(library->handle);
	/* Some libraries stay (-z nodelete), and then the name must not come again. */
	void *still = library->file >= 0 ? dlopen(path, RTLD_LAZY | RTLD_NOLOAD) : NULL;
	if (still)
		dlclose(still);
	else if (library->file >= 0)
		close(library->file);
	*library = (struct library){.file = -1};
	return closed;
}
