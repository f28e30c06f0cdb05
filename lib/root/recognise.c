/* What root images and OCI image layouts are known by, and how their pages are fetched; see image.h and pack.h. */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "root/image.h"
#include "root/pack.h"

/* Debian 12's headers have it since glibc 2.35, the kernel since 5.14. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

void root_fetch_large_pages(int fd, uint64_t offset, uint64_t length)
{
	const uint64_t before = offset % ROOT_LARGE_PAGE;
	void *mapped =
	    mmap(NULL, before + length, PROT_READ, MAP_SHARED, fd, (off_t)(offset - before));
	if (mapped == MAP_FAILED)
		return;
	if (!madvise(mapped, before + length, MADV_HUGEPAGE))
		madvise(mapped, before + length, MADV_POPULATE_READ);
	munmap(mapped, before + length);
}

bool root_image_recognise(int fd)
{
	uint64_t magic = 0;
	root_fetch_large_pages(fd, 0, ROOT_PAGE_SIZE);
	return pread(fd, &magic, sizeof(magic), 0) == sizeof(magic) && magic == ROOT_MAGIC;
}

bool root_is_oci_layout(const char *source)
{
	char path[PATH_MAX];
	return (size_t)snprintf(path, sizeof(path), "%s/oci-layout", source) < sizeof(path) &&
	       !access(path, F_OK);
}
