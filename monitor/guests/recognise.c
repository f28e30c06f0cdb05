/* What a file is; see recognise.h. */
#include "recognise.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mayfly/raw_image.h"
#include "monitor/formats/linux_kernel.h"
#include "monitor/formats/solo5_notes.h"
#include "monitor/formats/unikraft_protocol.h"
#include "monitor/snapshot/format.h"
#include "root/image.h"
#include "root/pack.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

static bool begins_with(const struct guest_file *file, const char *magic, size_t length)
{
	return file->length >= length && !memcmp(file->head, magic, length);
}

static bool is_snapshot(const struct guest_file *file)
{
	return begins_with(file, SNAPSHOT_MAGIC, sizeof(SNAPSHOT_MAGIC) - 1);
}

static bool is_root_image(const struct guest_file *file)
{
	return file->fd < 0 ? root_is_oci_layout(file->path) : root_image_recognise(file->fd);
}

static bool is_script(const struct guest_file *file)
{
	return begins_with(file, "#!", 2);
}

static bool is_elf(const struct guest_file *file)
{
	return begins_with(file, ELFMAG, SELFMAG);
}

static bool is_raw_image(const struct guest_file *file)
{
	return begins_with(file, RAW_MAGIC, sizeof(RAW_MAGIC) - 1);
}

static bool is_solo5(const struct guest_file *file)
{
	return is_elf(file) && solo5_target_of(file->fd) == SOLO5_HVT;
}

static bool is_solo5_spt(const struct guest_file *file)
{
	return is_elf(file) && solo5_target_of(file->fd) == SOLO5_SPT;
}

static bool is_unikraft(const struct guest_file *file)
{
	return is_elf(file) && unikraft_recognise(file->fd);
}

static bool is_linux(const struct guest_file *file)
{
	return linux_bzimage_recognise(file->head, file->length) ||
	       (is_elf(file) && linux_elf_recognise(file->fd));
}

const struct guest_format guest_format_snapshot = {
    .recognise = is_snapshot,
    .needs_no_path = true,
};
const struct guest_format guest_format_root_image = {
    .recognise = is_root_image,
    .needs_no_path = true,
};
const struct guest_format guest_format_script = {.kind = "native", .recognise = is_script};
const struct guest_format guest_format_elf = {.kind = "native", .recognise = is_elf};
const struct guest_format guest_format_linux = {.kind = "linux", .recognise = is_linux};
const struct guest_format guest_format_raw = {.kind = "raw", .recognise = is_raw_image};
const struct guest_format guest_format_solo5 = {.kind = "solo5", .recognise = is_solo5};
const struct guest_format guest_format_solo5_spt = {.kind = "solo5-spt", .recognise = is_solo5_spt};
const struct guest_format guest_format_unikraft = {.kind = "unikraft", .recognise = is_unikraft};

/* The first that recognises a file has it: what is special comes before what is general. */
static const struct guest_format *const formats[] = {
    &guest_format_snapshot, &guest_format_root_image, &guest_format_script,
    &guest_format_solo5,    &guest_format_solo5_spt,  &guest_format_linux,
    &guest_format_unikraft, &guest_format_elf,	      &guest_format_raw,
};

const struct guest_format *guest_format_of(const char *path)
{
	struct guest_file file = {.path = path, .fd = -1};
	struct stat status;
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &status))
		return NULL;
	if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
		return NULL;
	if (S_ISREG(status.st_mode)) {
		ssize_t got = pread(fd, file.head, sizeof(file.head), 0);
		file.fd = fd;
		file.length = got > 0 ? (size_t)got : 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (formats[i]->recognise(&file))
			return formats[i];
	return NULL;
}
