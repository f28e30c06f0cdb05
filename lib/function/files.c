/* Files for a program: checked, and packed as guests take them (mayfly/guest_abi.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "function/function.h"
#include "mayfly/guest_abi.h"
#include "sizes/sizes.h"

#define PATH_SIZE_MAX 4096

/* What the library OS makes itself. */
static bool is_taken(const char *path)
{
	return !strncmp(path, "/proc/", 6) || !strncmp(path, "/dev/", 5);
}

/* From the root on, with one slash between names that are none of "." and "..". */
static bool path_is_plain(const char *path)
{
	if (!path || *path != '/' || strlen(path) >= PATH_SIZE_MAX || is_taken(path))
		return false;
	while (*path) {
		const char *name = ++path;
		path += strcspn(path, "/");
		const size_t length = (size_t)(path - name);
		if (!length || length > 255 || (length == 1 && *name == '.') ||
		    (length == 2 && !memcmp(name, "..", 2)))
			return false;
	}
	return true;
}

static int check_file(const struct mayfly_file *file, uint64_t *left, struct error *error)
{
	if (!path_is_plain(file->path))
		return error_set(error, EINVAL,
				 "a file for the program is called '%.64s', and not /NAME or "
				 "/NAME/NAME, outside of /proc and /dev",
				 file->path ? file->path : "");
	if (file->mode & ~07777U)
		return error_set(error, EINVAL, "%s has the mode %#o, which is none of a file",
				 file->path, file->mode);
	if (file->length && !file->data)
		return error_set(error, EINVAL, "%s has %zu bytes without data", file->path,
				 file->length);
	if (file->length > *left)
		return error_set(error, E2BIG,
				 "files for the program have more than %lu KiB together",
				 GUEST_FILES_BYTES_MAX >> 10);
	*left -= file->length;
	return 0;
}

static uint64_t packed_size(const struct mayfly_file *file)
{
	return round_up(sizeof(struct guest_given_file) + strlen(file->path) + 1 + file->length,
			_Alignof(struct guest_given_file));
}

static void pack(uint8_t *out, const struct mayfly_file *file)
{
	const struct guest_given_file head = {
	    .mode = file->mode,
	    .path_size = (uint32_t)strlen(file->path) + 1,
	    .length = file->length,
	};
	memcpy(out, &head, sizeof(head));
	memcpy(out + sizeof(head), file->path, head.path_size);
	if (file->length)
		memcpy(out + sizeof(head) + head.path_size, file->data, file->length);
}

int files_pack(const struct mayfly_description *description, uint8_t **packed, uint64_t *size,
	       struct error *error)
{
	uint64_t left = GUEST_FILES_BYTES_MAX;
	*size = 0;
	*packed = NULL;
	if (description->file_count > GUEST_FILES_MAX)
		return error_set(error, E2BIG, "%zu files for the program: at most %d",
				 description->file_count, GUEST_FILES_MAX);
	if (description->file_count && !description->files)
		return error_set(error, EINVAL, "%zu files for the program, but no list of them",
				 description->file_count);
	for (size_t i = 0; i < description->file_count; i++) {
		int result = check_file(&description->files[i], &left, error);
		if (result)
			return result;
		*size += packed_size(&description->files[i]);
	}
	if (!*size)
		return 0;
	uint8_t *next = *packed = calloc(1, *size);
	if (!next)
		return error_set(error, ENOMEM, "no memory for files");
	for (size_t i = 0; i < description->file_count; i++) {
		pack(next, &description->files[i]);
		next += packed_size(&description->files[i]);
	}
	return 0;
}
