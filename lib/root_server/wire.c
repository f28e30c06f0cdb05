/* Checks of what goes to and comes from the server of a root directory; see wire.h. */
#include "root_server/wire.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "sizes/sizes.h"

static bool is_sound_name(const char *name, size_t length)
{
	bool is_dot = length == 1 && name[0] == '.';
	bool is_dots = length == 2 && name[0] == '.' && name[1] == '.';
	return length && length <= ROOT_WIRE_NAME_MAX && !is_dot && !is_dots &&
	       !memchr(name, 0, length) && !memchr(name, '/', length);
}

static bool has_long_name(const char *path, size_t length)
{
	size_t name = 0;
	for (size_t i = 0; i < length; i++) {
		name = path[i] == '/' ? 0 : name + 1;
		if (name > ROOT_WIRE_NAME_MAX)
			return true;
	}
	return false;
}

bool root_path_is_sound(const char *path, size_t length)
{
	if (length > ROOT_WIRE_PATH_MAX)
		return false;
	if (!length)
		return true;
	for (size_t start = 0;;) {
		const char *slash = memchr(path + start, '/', length - start);
		size_t end = slash ? (size_t)(slash - path) : length;
		if (!is_sound_name(path + start, end - start))
			return false;
		if (!slash)
			return true;
		start = end + 1;
	}
}

int root_request_decode(const void *message, size_t length, struct root_request *request,
			char path[ROOT_WIRE_PATH_MAX + 1])
{
	uint64_t end;
	if (length < sizeof(*request))
		return -EINVAL;
	memcpy(request, message, sizeof(*request));
	if (request->operation < ROOT_LOOK || request->operation > ROOT_READ)
		return -EINVAL;
	if (request->path_length > ROOT_WIRE_PATH_MAX)
		return -ENAMETOOLONG;
	if (request->path_length > length - sizeof(*request))
		return -EINVAL;
	memcpy(path, (const uint8_t *)message + sizeof(*request), request->path_length);
	path[request->path_length] = 0;
	if (has_long_name(path, request->path_length))
		return -ENAMETOOLONG;
	if (!root_path_is_sound(path, request->path_length))
		return -EINVAL;
	/* Offsets go to the kernel as signed numbers. */
	if (request->operation == ROOT_READ &&
	    (!request->length || request->length > ROOT_WIRE_CONTENTS_MAX ||
	     add_overflows(request->offset, request->length, &end) || end > INT64_MAX))
		return -EINVAL;
	if (request->operation == ROOT_LIST && request->offset > INT64_MAX)
		return -EINVAL;
	return 0;
}

size_t root_request_encode(uint8_t message[ROOT_WIRE_REQUEST_MAX], struct root_request *request,
			   const char *path)
{
	size_t length = strnlen(path, ROOT_WIRE_PATH_MAX + 1);
	if (length > ROOT_WIRE_PATH_MAX)
		return 0;
	request->path_length = (uint32_t)length;
	memcpy(message, request, sizeof(*request));
	memcpy(message + sizeof(*request), path, length);
	return sizeof(*request) + length;
}

size_t root_extra_max(const struct root_request *request)
{
	switch (request->operation) {
	case ROOT_LOOK:
		return ROOT_WIRE_PATH_MAX;
	case ROOT_LIST:
		return ROOT_WIRE_ENTRIES_MAX;
	default:
		return request->length;
	}
}

static bool is_target(const char *target, size_t length)
{
	return length && !memchr(target, 0, length);
}

/* True where there is no status, or one that asking for the name alone could have brought. */
static bool is_listed_status(const struct root_listed *listed)
{
	const struct root_status *status = &listed->status;
	return !status->mode || ((listed->type == DT_REG || listed->type == DT_DIR) &&
				 IFTODT(status->mode) == listed->type && status->size <= INT64_MAX);
}

static bool are_entries(const uint8_t *extra, size_t length)
{
	struct root_listed listed;
	for (size_t at = 0; at < length;) {
		if (length - at < sizeof(listed))
			return false;
		memcpy(&listed, extra + at, sizeof(listed));
		uint64_t size = root_listed_size(listed.length);
		if (size > length - at ||
		    !is_sound_name((const char *)extra + at + sizeof(listed), listed.length) ||
		    (listed.type != DT_REG && listed.type != DT_DIR && listed.type != DT_LNK) ||
		    !is_listed_status(&listed))
			return false;
		at += size;
	}
	return true;
}

bool root_answer_is_sound(const struct root_request *request, const struct root_answer *answer,
			  const uint8_t *extra)
{
	const struct root_status *status = &answer->status;
	if (answer->error)
		return answer->error < 0 && answer->error >= -4095 && !answer->length;
	if (answer->length > root_extra_max(request) || status->size > INT64_MAX)
		return false;
	switch (request->operation) {
	case ROOT_LOOK:
		if (S_ISLNK(status->mode))
			return is_target((const char *)extra, answer->length);
		return !answer->length && (S_ISREG(status->mode) || S_ISDIR(status->mode));
	case ROOT_LIST:
		/* An answer without names must be the last one, or a listing might never end. */
		return answer->next <= INT64_MAX && (answer->length || !answer->next) &&
		       S_ISDIR(status->mode) && are_entries(extra, answer->length);
	default:
		return S_ISREG(status->mode);
	}
}
