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

bool root_request_changes(const struct root_request *request)
{
	return request->operation > ROOT_READ;
}

static bool is_range(const struct root_request *request)
{
	uint64_t end;
	/* Offsets go to the kernel as signed numbers. */
	return request->length && !add_overflows(request->offset, request->length, &end) &&
	       end <= INT64_MAX;
}

static bool is_kind(uint32_t mode)
{
	return (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode)) && !(mode & ~(S_IFMT | 0777u));
}

/* What an operation uses of a request. */
struct use {
	uint32_t flags; /* which it may have */
	bool file;	/* offset, length */
	bool mode, owner, times, second, identity;
};

static bool has_only(const struct root_request *request, const struct use *use)
{
	return !(request->flags & ~use->flags) &&
	       (use->file || (!request->offset && !request->length)) &&
	       (use->mode || !request->mode) &&
	       (use->owner || (!request->owner && !request->group)) &&
	       (use->times || (!request->accessed_ns && !request->modified_ns)) &&
	       (use->second || !request->second_length) &&
	       (use->identity || (!request->device && !request->inode)) && !request->reserved;
}

static bool is_request(const struct root_request *request)
{
	static const struct use uses[ROOT_OPERATIONS] = {
	    [ROOT_LIST] = {.file = true},
	    [ROOT_READ] = {.file = true},
	    [ROOT_WRITE] = {.flags = ROOT_APPEND, .file = true, .identity = true},
	    [ROOT_RESIZE] = {.file = true, .identity = true},
	    [ROOT_ALLOCATE] = {.flags = ROOT_KEEP_SIZE | ROOT_PUNCH,
			       .file = true,
			       .identity = true},
	    [ROOT_SYNC] = {.flags = ROOT_DATA_ONLY, .identity = true},
	    [ROOT_CHANGE] = {.flags = ROOT_SET_MODE | ROOT_SET_OWNER | ROOT_SET_ACCESSED |
				      ROOT_SET_MODIFIED,
			     .mode = true,
			     .owner = true,
			     .times = true,
			     .identity = true},
	    [ROOT_MAKE] = {.mode = true, .owner = true, .second = true},
	    [ROOT_REMOVE] = {.flags = ROOT_DIRECTORY},
	    [ROOT_RENAME] = {.flags = ROOT_NO_REPLACE | ROOT_EXCHANGE, .second = true},
	    [ROOT_LINK] = {.second = true},
	};
	if (request->operation < ROOT_LOOK || request->operation >= ROOT_OPERATIONS ||
	    !has_only(request, &uses[request->operation]))
		return false;
	switch (request->operation) {
	case ROOT_READ:
	case ROOT_WRITE:
		return is_range(request) && request->length <= ROOT_WIRE_CONTENTS_MAX;
	case ROOT_ALLOCATE:
		return is_range(request) && request->flags != ROOT_PUNCH;
	case ROOT_LIST:
	case ROOT_RESIZE:
		return request->offset <= INT64_MAX;
	case ROOT_CHANGE:
		return request->mode <= 07777 && request->flags;
	case ROOT_MAKE:
		return is_kind(request->mode) && S_ISLNK(request->mode) == !!request->second_length;
	case ROOT_RENAME:
		return request->flags != (ROOT_NO_REPLACE | ROOT_EXCHANGE);
	default:
		return true;
	}
}

static int check_path(const char *path, size_t length)
{
	if (has_long_name(path, length))
		return -ENAMETOOLONG;
	return root_path_is_sound(path, length) ? 0 : -EINVAL;
}

int root_request_decode(const void *message, size_t length, struct root_request *request,
			char paths[ROOT_WIRE_PATHS_MAX])
{
	if (length < sizeof(*request))
		return -EINVAL;
	memcpy(request, message, sizeof(*request));
	if (!is_request(request))
		return -EINVAL;
	if (request->path_length > ROOT_WIRE_PATH_MAX ||
	    request->second_length > ROOT_WIRE_PATH_MAX)
		return -ENAMETOOLONG;
	if ((size_t)request->path_length + request->second_length > length - sizeof(*request))
		return -EINVAL;
	const char *from = (const char *)message + sizeof(*request);
	char *second = paths + request->path_length + 1;
	memcpy(paths, from, request->path_length);
	paths[request->path_length] = 0;
	memcpy(second, from + request->path_length, request->second_length);
	second[request->second_length] = 0;
	int result = check_path(paths, request->path_length);
	if (result)
		return result;
	if (request->operation == ROOT_MAKE) /* a link's target may be any text */
		return memchr(second, 0, request->second_length) ? -EINVAL : 0;
	return check_path(second, request->second_length);
}

size_t root_request_encode(uint8_t message[ROOT_WIRE_REQUEST_MAX], struct root_request *request,
			   const char *path, const char *second)
{
	size_t length = strnlen(path, ROOT_WIRE_PATH_MAX + 1);
	size_t second_length = second ? strnlen(second, ROOT_WIRE_PATH_MAX + 1) : 0;
	if (length > ROOT_WIRE_PATH_MAX || second_length > ROOT_WIRE_PATH_MAX)
		return 0;
	request->path_length = (uint32_t)length;
	request->second_length = (uint32_t)second_length;
	memcpy(message, request, sizeof(*request));
	memcpy(message + sizeof(*request), path, length);
	memcpy(message + sizeof(*request) + length, second ? second : "", second_length);
	return sizeof(*request) + length + second_length;
}

size_t root_extra_max(const struct root_request *request)
{
	switch (request->operation) {
	case ROOT_LOOK:
		return ROOT_WIRE_PATH_MAX;
	case ROOT_LIST:
		return ROOT_WIRE_ENTRIES_MAX;
	case ROOT_READ:
		return request->length;
	default:
		return 0;
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
	case ROOT_WRITE:
		return S_ISREG(status->mode) && answer->next <= request->length;
	case ROOT_READ:
	case ROOT_RESIZE:
	case ROOT_ALLOCATE:
		return S_ISREG(status->mode);
	default:
		return true;
	}
}
