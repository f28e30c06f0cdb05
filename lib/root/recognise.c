/* What root images and OCI image layouts are known by; see image.h and pack.h. */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "root/image.h"
#include "root/pack.h"

bool root_image_recognise(int fd)
{
	uint64_t magic = 0;
	return pread(fd, &magic, sizeof(magic), 0) == sizeof(magic) && magic == ROOT_MAGIC;
}

bool root_is_oci_layout(const char *source)
{
	char path[PATH_MAX];
	return (size_t)snprintf(path, sizeof(path), "%s/oci-layout", source) < sizeof(path) &&
	       !access(path, F_OK);
}
